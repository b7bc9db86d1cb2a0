"""How a verification's report looks: as JSON for programs, as text for people."""

import json
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from interlock.core.leg import LegState
from interlock.encoding.canonical import to_json
from interlock.encoding.values import hex_of
from interlock.evidence.report import LegReport, Report

_SCALE_MAX = 36
"""Digits behind the point that are still shown as such."""

_STATES = {
    LegState.PENDING: "no hold is shown",
    LegState.HELD: "held, not shown returned yet",
    LegState.ENTITLED: "the payee's, not shown delivered yet",
    LegState.DELIVERED: "delivered",
    LegState.RETURNED: "returned",
    LegState.REFUSED: "refused, not shown closed yet",
    LegState.TOMBSTONED: "never held, and none can come",
    LegState.LOST: "lost without a certificate",
    LegState.CONSENT: "ended by payer and payee together",
    LegState.EXECUTED: "executed by the pivot, in one step",
    LegState.NEVER: "never executed by the pivot, and it never can be",
}
"""What a leg's state means where a receipt shows it."""
_NOT_ORDERED = "the pivot's, which was not ordered to execute"
"""What the state of the pivot's leg means before any order."""


def json_of(report: Report) -> str:
    """Give a report as indented JSON with sorted keys."""
    return json.dumps(to_json(report), indent=2, sort_keys=True)


def print_report(report: Report, console: Console | None = None) -> None:
    """Print a report for people, on stdout unless another console is given."""
    out = console or Console(highlight=False)
    verdict = Text("VALID  ", style="bold green") if report.valid else Text("NOT VALID  ", style="bold red")
    out.print(verdict + Text(report.summary, style="bold"))
    if report.reason is not None:
        out.print(_text(report.reason, "red"))
    out.print()
    out.print(_pairs([("network", _hex(report.network)), ("settlement", _hex(report.settlement)), *_epoch(report)]))
    _print_checks(out, report)
    _print_legs(out, report.legs)
    _print_list(out, "Lies that the receipt holds", [lie.sentence for lie in report.lies], "yellow")
    _print_list(out, "Worth knowing", report.remarks)
    _print_list(out, "What this receipt does not prove", report.limits, "dim")


def amount_text(amount: str, asset: str) -> str:
    """Give an amount as people write it: `50.00 USD` for 5000 of `USD/2`, `100 of 0x…` where no scale is known."""
    unit, _, scale = asset.rpartition("/")
    if not unit or not scale.isdecimal() or not scale.isascii() or int(scale) > _SCALE_MAX:
        return f"{amount} of {asset}"
    places = int(scale)
    if not places:
        return f"{int(amount):,} {unit}"
    digits = amount.rjust(places + 1, "0")
    return f"{int(digits[:-places]):,}.{digits[-places:]} {unit}"


def printable(text: str) -> str:
    """Give a text that cannot command a terminal: whatever is not printable is written as its escape."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def _epoch(report: Report) -> list[tuple[str, str]]:
    """Give the newest epoch that a valid receipt shows, with what it can be compared by."""
    if report.epoch is None:
        return []
    rows = [("epoch", str(report.epoch)), ("committee", _hex(report.committee))]
    return rows if report.rotation is None else [*rows, ("rotation", _hex(report.rotation))]


def _print_checks(out: Console, report: Report) -> None:
    table = Table.grid(padding=(0, 2))
    for check in report.checks:
        mark = Text("ok", style="green") if check.ok else Text("FAILED", style="bold red")
        table.add_row(mark, _text(check.name, "bold"), _text(check.sentence))
    _print_section(out, "Checked")
    out.print(Padding(table, (0, 0, 0, 2)))
    if not report.valid:
        out.print(Padding(_text("What comes after this was not checked.", "dim"), (0, 0, 0, 2)))


def _print_legs(out: Console, legs: Sequence[LegReport]) -> None:
    for leg in legs:
        is_untouched = leg.is_pivot and leg.state is LegState.PENDING
        _print_section(out, f"Leg {leg.leg}: {_NOT_ORDERED if is_untouched else _STATES[leg.state]}")
        if leg.ledger:
            facts = [
                ("ledger", leg.ledger),
                ("amount", amount_text(leg.amount, leg.asset)),
                ("payer", leg.payer),
                ("payee", leg.payee),
            ]
            out.print(Padding(_pairs(facts), (0, 0, 0, 2)))
        else:
            out.print(Padding(_text("Its terms are hidden."), (0, 0, 0, 2)))


def _print_list(out: Console, title: str, sentences: Sequence[str], style: str = "") -> None:
    if not sentences:
        return
    table = Table.grid(padding=(0, 1))
    for sentence in sentences:
        table.add_row("-", _text(sentence, style))
    _print_section(out, title)
    out.print(Padding(table, (0, 0, 0, 2)))


def _print_section(out: Console, title: str) -> None:
    out.print()
    out.print(_text(title, "bold"))


def _pairs(rows: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(_text(name, "dim"), _text(value))
    return table


def _hex(value: bytes | None) -> str:
    return "could not be read" if value is None else hex_of(value)


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style, overflow="fold")
