"""What parties, strangers and the clock of the log do in a world.

Bringing to the log what is public is fair: anybody may do it, so somebody will. What a party signs is its own choice.
"""

from collections.abc import Iterator

from interlock.core.instruction import redact
from interlock.encoding.values import Address
from interlock.explorer.cast import NAMES, cancel, instruct
from interlock.explorer.scene import Trouble
from interlock.explorer.stage import Deal, Stage
from interlock.explorer.table import Action
from interlock.explorer.world import Label


def party_actions(stage: Stage) -> Iterator[Action]:
    """Give all that parties and strangers do to the log, and the passing of its time."""
    yield _time_passes(stage)
    for deal in stage.deals:
        for party in deal.signers:
            if party in deal.signed:
                yield _signs(deal, party)
            if party != stage.scene.wallet:
                yield from _brings(stage, deal, party)
            if Trouble.CANCEL in stage.scene.troubles and party != stage.scene.wallet:
                yield _cancels(stage, deal, party)


def _time_passes(stage: Stage) -> Action:
    """Log time goes on to the next moment at which something is due; nothing happens at other moments."""

    def change(log: int) -> tuple[int] | None:
        now = stage.kernel.time(log)
        later = [each for each in stage.scene.phases if each > now]
        return (stage.kernel.at(log, later[0]),) if later else None

    return Action(Label("PassTime", "the log", "orders a block at a later time"), (stage.log,), change)


def _signs(deal: Deal, party: Address) -> Action:
    def change(has_signed: int) -> tuple[int] | None:
        return None if has_signed else (1,)

    label = Label("SignTerms", NAMES[party], f"signs the terms{_of(deal)}", {"party": NAMES[party], "deal": deal.place})
    return Action(label, (deal.signed[party],), change, is_fair=False)


def _brings(stage: Stage, deal: Deal, party: Address) -> Iterator[Action]:
    """Somebody brings the terms to the log, with one party's signature."""
    forms = {"Instruct": (deal.terms, "")}
    if Trouble.REDACTION in stage.scene.troubles:
        forms["InstructRedacted"] = (redact(deal.terms), "redacted ")  # type: ignore[assignment]
    for name, (terms, word) in forms.items():
        entry = instruct(terms, party)

        def change(log: int, has_signed: int = 1, *, entry: object = entry) -> tuple[int, ...] | None:
            if not has_signed:
                return None
            after = stage.kernel.step(log, entry)  # type: ignore[arg-type]
            if after == log:
                return None
            return (after, has_signed) if deal.signed else (after,)

        does = f"brings the {word}terms{_of(deal)} to the log with {NAMES[party]}'s signature"
        label = Label(name, "somebody", does, {"party": NAMES[party], "deal": deal.place})
        fields = (stage.log, deal.signed[party]) if deal.signed else (stage.log,)
        yield Action(label, fields, change)


def _cancels(stage: Stage, deal: Deal, party: Address) -> Action:
    entry = cancel(deal.terms, party)

    def change(log: int) -> tuple[int] | None:
        after = stage.kernel.step(log, entry)
        return None if after == log else (after,)

    label = Label("Cancel", NAMES[party], f"withdraws from it{_of(deal)}", {"party": NAMES[party], "deal": deal.place})
    return Action(label, (stage.log,), change, is_fair=False)


def _of(deal: Deal) -> str:
    """Name the deal where there are several."""
    return f" of deal {deal.place}" if deal.place else ""
