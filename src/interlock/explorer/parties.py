"""What parties, strangers and the clock of the log do in a world.

Bringing to the log what is public is fair: anybody may do it, so somebody will. What a party signs is its own choice.
"""

from collections.abc import Iterator

from interlock.core.attestation import Fact
from interlock.core.ended import EndedSettlement
from interlock.core.entry import Instruct
from interlock.core.evolve import evolve
from interlock.core.instruction import Terms, redact
from interlock.encoding.values import Address
from interlock.explorer.cast import BANK, BYZANTINE, NAMES, cancel, configure, instruct, instruct_attested
from interlock.explorer.scene import Trouble
from interlock.explorer.stage import Deal, Stage
from interlock.explorer.table import Action
from interlock.explorer.world import Label


def party_actions(stage: Stage) -> Iterator[Action]:
    """Give all that parties and strangers do to the log, and the passing of its time."""
    yield _time_passes(stage)
    if Trouble.DELISTING in stage.scene.troubles:
        yield _delists(stage)
    for deal in stage.deals:
        for party in deal.signers:
            if party in deal.signed:
                yield _signs(deal, party)
            if party not in stage.scene.wallets:
                yield from _brings(stage, deal, party)
            if Trouble.CANCEL in stage.scene.troubles and party not in stage.scene.wallets:
                yield _cancels(stage, deal, party)
        if Trouble.OWN_CALL in stage.scene.troubles:
            yield from _brings_attested(stage, deal)
        if stage.scene.troubles & (Trouble.REDACTION | Trouble.DELISTING):
            yield _reopens(stage, deal)


def _time_passes(stage: Stage) -> Action:
    """Log time goes on to the next moment at which something is due; nothing happens at other moments."""

    def change(log: int) -> tuple[int] | None:
        now = stage.kernel.time(log)
        later = [each for each in stage.scene.phases if each > now]
        return (stage.kernel.at(log, later[0]),) if later else None

    return Action(Label("PassTime", "the log", "orders a block at a later time"), (stage.log,), change)


def _delists(stage: Stage) -> Action:
    """Strike a bank off the registry, as a quorum may when it was caught lying."""
    left = evolve(
        stage.scene.registry, ledgers=tuple(each for each in stage.scene.registry.ledgers if each.name != BANK)
    )
    entry = configure(left, 2)

    def change(log: int) -> tuple[int] | None:
        after = stage.kernel.step(log, entry)
        return None if after == log else (after,)

    return Action(Label("Delist", "a quorum", f"strikes {BANK} off the registry"), (stage.log,), change, is_fair=False)


def _signs(deal: Deal, party: Address) -> Action:
    def change(has_signed: int) -> tuple[int] | None:
        return None if has_signed else (1,)

    label = Label("SignTerms", NAMES[party], f"signs the terms{_of(deal)}", {"party": NAMES[party], "deal": deal.place})
    return Action(label, (deal.signed[party],), change, is_fair=False)


def _brings(stage: Stage, deal: Deal, party: Address) -> Iterator[Action]:
    """Somebody brings the terms to the log, with one party's signature."""
    forms: dict[str, tuple[Terms, str]] = {"Instruct": (deal.terms, "")}
    if Trouble.REDACTION in stage.scene.troubles:
        forms["InstructRedacted"] = (redact(deal.terms), "redacted ")
    signed = deal.signed.get(party)
    for name, (terms, word) in forms.items():
        entry = instruct(terms, party)

        def change(log: int, has_signed: int = 1, *, entry: Instruct = entry) -> tuple[int, ...] | None:
            if not has_signed or isinstance(stage.kernel.known(log, deal.id), EndedSettlement):
                return None  # `_reopens` has what ended
            after = stage.kernel.step(log, entry)
            if after == log:
                return None
            return (after,) if signed is None else (after, has_signed)

        does = f"brings the {word}terms{_of(deal)} to the log with {NAMES[party]}'s signature"
        label = Label(name, "somebody", does, {"party": NAMES[party], "deal": deal.place})
        yield Action(label, (stage.log,) if signed is None else (stage.log, signed), change)


def _brings_attested(stage: Stage, deal: Deal) -> Iterator[Action]:
    """Somebody brings the terms with what a quorum has seen of a hold that nobody signed for."""
    kernel = stage.kernel
    for (leg, fact), field in deal.facts.items():
        if fact in {Fact.SIGNED, Fact.HELD}:

            def change(log: int, count: int, *, leg: int = leg, fact: Fact = fact) -> tuple[int, int] | None:
                if not stage.certificate_exists(count):
                    return None
                made = stage.counts[count].made
                members = (*range(made), BYZANTINE)[: stage.quorum]
                after = kernel.step(log, instruct_attested(deal.terms, leg, fact, members, kernel.epoch(log)))
                return None if after == log else (after, stage.counts.full)

            does = f"brings the terms{_of(deal)} to the log with a quorum's word that leg {leg} is {fact.name}"
            label = Label("InstructAttested", "somebody", does, {"deal": deal.place, "leg": leg, "fact": fact.name})
            yield Action(label, (stage.log, field), change)


def _reopens(stage: Stage, deal: Deal) -> Action:
    """Somebody brings the clear terms of what has ended while nobody could see all of it; votes begin anew.

    Once only: on a ledger that stays struck off it would end at once, again and again.
    """
    party = deal.signers[0]
    entry = instruct(deal.terms, party)
    counts = [stage.counts_of(deal, *each) for each in deal.facts] + [stage.counts for _ in deal.outcomes]
    signed = deal.signed.get(party)

    def change(log: int, *numbers: int) -> tuple[int, ...] | None:
        has_ended = isinstance(stage.kernel.known(log, deal.id), EndedSettlement)
        is_again = stage.kernel[log].snapshot.ended.size > len(stage.deals)
        if not has_ended or is_again or (signed is not None and not numbers[-1]):
            return None
        after = stage.kernel.step(log, entry)
        if after == log:
            return None
        anew = [each.again(number) for each, number in zip(counts, numbers, strict=False)]
        return (after, *anew, *numbers[len(anew) :])

    label = Label("Reopen", "somebody", f"brings the clear terms{_of(deal)} of what has ended", {"deal": deal.place})
    fields = (stage.log, *deal.facts.values(), *deal.outcomes.values(), *((signed,) if signed is not None else ()))
    return Action(label, fields, change)


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
