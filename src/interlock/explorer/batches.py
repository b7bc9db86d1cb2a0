"""Several deals decided in one block, and their decisions signed as one."""

from collections.abc import Iterator, Mapping
from itertools import product

from interlock.core.attestation import Fact
from interlock.core.ballots import BatchBallot
from interlock.core.decision import Outcome
from interlock.core.effects import SignBatch
from interlock.core.signing import Shown, decision_conflict
from interlock.explorer.cast import attest
from interlock.explorer.fields import Field
from interlock.explorer.kernel import Statement
from interlock.explorer.members import countings, eyes_on, record_of
from interlock.explorer.stage import Stage
from interlock.explorer.table import Action
from interlock.explorer.world import Label

_DECISIVE = (Fact.HELD, Fact.REFUSED)
"""Facts whose last votes may decide several deals in one block."""


def batch_actions(stage: Stage) -> Iterator[Action]:
    """Give what decides all deals in one block, and what members do with the batch."""
    if not stage.batches:
        return
    decisive = [[(leg, fact) for leg, fact in deal.facts if fact in _DECISIVE] for deal in stage.deals]
    for votes in product(*decisive):
        yield _votes_at_once(stage, votes)
    for outcomes, field in stage.batches.items():
        yield _signs(stage, outcomes, field)
        yield from _endorses(stage, outcomes, field)


def _votes_at_once(stage: Stage, votes: tuple[tuple[int, Fact], ...]) -> Action:
    """Let one block have the last votes for a fact of each deal, which members bring in one batch."""
    kernel = stage.kernel
    deals = list(zip(stage.deals, votes, strict=True))
    said = [(deal.id, leg, fact) for deal, (leg, fact) in deals]
    counts = [stage.counts_of(deal, leg, fact) for deal, (leg, fact) in deals]
    eyes = [eyes_on(stage, deal, leg, fact) for deal, (leg, fact) in deals]
    numbers = [deal.facts[vote] for deal, vote in deals]
    looks = tuple(dict.fromkeys(field for each in eyes for field in each.fields))

    def is_last(place: int, number: int, seen: Mapping[Field, int]) -> bool:
        """Tell whether one more vote of a deal makes a quorum, and is under way or can be made."""
        now, eye = counts[place][number], eyes[place]
        if number == counts[place].full or now.counted + counts[place].step != counts[place].quorum:
            return False
        return now.made > now.counted if counts[place].is_fleeting else eye.shows(*(seen[each] for each in eye.fields))

    def change(log: int, *values: int) -> tuple[int, ...] | None:
        now, seen = values[: len(numbers)], dict(zip(looks, values[len(numbers) :], strict=True))
        can_be = all(is_last(place, number, seen) for place, number in enumerate(now))
        if not can_be or not all(kernel.takes_vote(log, *each) for each in said):
            return None
        entries = [attest(member, kernel.anchor(log), *said) for member in range(stage.quorum)]
        return (kernel.step(log, *entries), *(each.full for each in counts), *seen.values())

    words = " and ".join(f"{fact.name} of leg {leg}" for leg, fact in votes)
    label = Label("VoteAtOnce", stage.member, f"votes in one batch, as the last, for {words}", {"facts": words})
    return Action(label, (stage.log, *numbers, *looks), change)


def _ballot(stage: Stage, log: int, outcomes: tuple[Outcome, ...]) -> BatchBallot | None:
    """Give the batch on its way that says this of the deals, or None."""
    wanted = {deal.id: outcome for deal, outcome in zip(stage.deals, outcomes, strict=True)}
    for ballot in stage.kernel[log].snapshot.batches:
        if {each.settlement: each.outcome for each in ballot.decisions} == wanted:
            return ballot
    return None


def _signs(stage: Stage, outcomes: tuple[Outcome, ...], field: Field) -> Action:
    """Let the next member sign the batch, if its record allows each of its decisions."""
    kernel, counts = stage.kernel, stage.counts
    others = tuple(
        dict.fromkeys(
            each for deal in stage.deals for fields in deal.proofs.values() for each in fields if each is not field
        )
    )

    def is_allowed(member: int, numbers: Mapping[Field, int]) -> bool:
        records = [record_of(stage, deal, member, numbers) for deal in stage.deals]
        return all(
            decision_conflict(deal.id, record, outcome, Shown()) is None
            for deal, record, outcome in zip(stage.deals, records, outcomes, strict=True)
        )

    def change(log: int, count: int, *rest: int) -> tuple[int, ...] | None:
        made, ballot = counts.make(count), _ballot(stage, log, outcomes)
        if made is None or ballot is None:
            return None
        is_asked = any(SignBatch(ballot.batch.root) in kernel.effects(log, deal.id) for deal in stage.deals)
        numbers = dict(zip(others, rest, strict=True))
        return (log, made, *rest) if is_asked and is_allowed(counts[count].made, numbers) else None

    label = Label("SignBatch", stage.member, f"signs the batch {_words(outcomes)}", {"batch": _words(outcomes)})
    return Action(label, (stage.log, field, *others), change)


def _endorses(stage: Stage, outcomes: tuple[Outcome, ...], field: Field) -> Iterator[Action]:
    """Let the log count one more signature of those that are out."""
    kernel = stage.kernel

    def statement(log: int) -> Statement | None:
        ballot = _ballot(stage, log, outcomes)
        return None if ballot is None else ballot.batch

    def is_wanted(log: int) -> bool:
        said = statement(log)
        return said is not None and kernel.takes_signature(log, said)

    def bring(log: int, members: object) -> int:
        said = statement(log)
        return log if said is None else kernel.endorse(log, said, members)  # type: ignore[arg-type]

    does = f"brings its signature of the batch {_words(outcomes)} to the log"
    label = Label("EndorseBatch", stage.member, does, {"batch": _words(outcomes)})
    yield from countings(stage, stage.counts, field, label, is_wanted, bring)


def _words(outcomes: tuple[Outcome, ...]) -> str:
    return " and ".join(each.name for each in outcomes)
