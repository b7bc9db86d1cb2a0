"""What `interlock demo` shows: the network, a live timeline, balances before and after, and a summary."""

import contextlib
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from interlock.devnet.demo.outcome import Balances
    from interlock.devnet.demo.run import Result
    from interlock.devnet.demo.scenario import Scenario
    from interlock.devnet.demo.timeline import Line
    from interlock.devnet.network import DevNetwork

_STYLES = {"log": "cyan", "bank": "yellow", "chain": "magenta", "SIGKILL": "bold red", "restart": "bold green"}
_WHERE_WIDTH = 8
_LEGS = ("token leg", "dollar leg")


class DemoView:
    """Show scenarios as they are played."""

    def __init__(self, *, to_stderr: bool) -> None:
        self._console = Console(stderr=to_stderr, highlight=False, soft_wrap=True)

    def begin(self, scenario: "Scenario") -> None:
        """Announce a scenario."""
        self._console.print()
        self._console.print(f"[bold]{scenario.name}[/bold]  {scenario.summary}")
        self._console.print("  [dim]starting a chain, the log, a bank and four nodes …[/dim]")

    def standing(self, network: "DevNetwork", balances: "Balances") -> None:
        """Show the processes and who has what."""
        processes = ", ".join(f"{each.name} {each.pid}" for each in network.processes)
        self._console.print(f"  [dim]processes: {processes}[/dim]")
        self._console.print(f"  [dim]before: {_balances(balances)}[/dim]")

    def line(self, line: "Line") -> None:
        """Show one line of the timeline."""
        style = _STYLES.get(line.where, "white")
        self._console.print(f"  {line.at_s:6.2f} s  [{style}]{line.where:<{_WHERE_WIDTH}}[/{style}] {line.text}")

    def end(self, result: "Result") -> None:
        """Show how one settlement ended."""
        end = result.end
        colour = "red" if result.is_broken or not result.is_as_expected else "green"
        legs = ", ".join(f"{name} {leg.state}" for name, leg in zip(_LEGS, end.legs, strict=True))
        self._console.print(f"  [dim]after:  {_balances(end.after)}[/dim]")
        self._console.print(f"  [bold {colour}]{end.outcome}[/bold {colour}] in {end.seconds:.1f} s: {legs}")
        verdict = "valid" if end.report.valid else f"INVALID, {end.report.reason}"
        self._console.print(f"  receipt verified offline: {verdict} {end.report.summary}")
        for lie in end.report.lies:
            self._console.print(f"    [red]lie[/red] {lie.sentence} It decided nothing.")

    def summary(self, results: Sequence["Result"], folder: Path, *, is_kept: bool) -> None:
        """Show all results in one table, and where the evidence is."""
        table = Table(box=None, pad_edge=False)
        for column in ("scenario", "outcome", *_LEGS, "conserved", "receipt", "seconds"):
            table.add_column(column, justify="right" if column == "seconds" else "left")
        for each in results:
            states = [leg.state for leg in each.end.legs]
            receipt = "valid" if each.end.report.valid else "INVALID"
            conserved = "yes" if each.end.conserved else "NO"
            table.add_row(each.scenario, each.end.outcome, *states, conserved, receipt, f"{each.end.seconds:.1f}")
        self._console.print()
        self._console.print(table)
        what = "Everything" if is_kept else "Receipts and genesis documents"
        self._console.print(f"\n{what} kept in {folder}; check one yourself:")
        if results:
            self._console.print(f"  {_program()} verify {results[0].end.receipt} --network {results[0].genesis}")


def _program() -> str:
    """Give this program as it can be called from the present folder."""
    called = Path(sys.argv[0])
    if called.name != "interlock" or shutil.which("interlock") == str(called.absolute()):
        return "interlock"
    with contextlib.suppress(ValueError):
        return str(called.absolute().relative_to(Path.cwd()))
    return str(called.absolute())


def json_of(results: Sequence["Result"]) -> str:
    """Give the results as JSON: one row a settlement."""
    rows = [
        {
            "scenario": each.scenario,
            "outcome": each.end.outcome,
            "legs": [{"ledger": leg.ledger, "state": leg.state} for leg in each.end.legs],
            "conserved": each.end.conserved,
            "receipt": str(each.end.receipt),
            "genesis": str(each.genesis),
            "seconds": round(each.end.seconds, 3),
        }
        for each in results
    ]
    return json.dumps(rows, indent=2)


def _balances(balances: "Balances") -> str:
    from interlock.devnet.demo.timeline import dollars, tokens  # noqa: PLC0415 - heavy, and loaded by now

    held = balances.buyer_held_cents + balances.seller_held_cents
    return (
        f"seller {tokens(balances.seller_tokens)} and {dollars(balances.seller_cents)}, "
        f"buyer {tokens(balances.buyer_tokens)} and {dollars(balances.buyer_cents)}, "
        f"held {tokens(balances.vault_tokens)} and {dollars(held)}"
    )
