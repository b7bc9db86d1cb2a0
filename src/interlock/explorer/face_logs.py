"""What happens on each face of a log: time, what anybody brings, quorums of votes, certificates, a new epoch."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from interlock.core.attestation import Fact
from interlock.core.committee import FIRST_EPOCH, MemberIndex
from interlock.core.decision import Decision, Outcome
from interlock.core.entry import Rotate, SignRotation
from interlock.core.instruction import PartySignature, required_signers
from interlock.core.limits import EVERY_LEG
from interlock.core.order import Order
from interlock.core.rotation import SignedSuccession, Succession, rotation_digest
from interlock.core.settlement import State
from interlock.core.signing import OrderTerms
from interlock.encoding.values import Uint32
from interlock.explorer.cast import MEMBERS, NAMES, NETWORK, QUORUM, address, cancel, instruct, signature
from interlock.explorer.fields import Field
from interlock.explorer.memory import is_certified, is_handed_over
from interlock.explorer.table import Action
from interlock.explorer.world import Label

if TYPE_CHECKING:
    from interlock.explorer.faces import FaceStage

SUCCESSORS = (MEMBERS[0], MEMBERS[1], address(105), address(106))
"""The second committee: two stay, one is new, and the last is Byzantine again."""

NAMED = Rotate(
    SignedSuccession(
        Succession(FIRST_EPOCH, SUCCESSORS), tuple(PartySignature(each, signature(1)) for each in MEMBERS[:QUORUM])
    )
)


def log_actions(stage: "FaceStage") -> Iterator[Action]:
    """Give all that happens on the faces of the log."""
    for place, log in enumerate(stage.logs):
        yield from _brought(stage, place, log)
        for leg, fact, last_valid in stage.seen:
            yield _stands(stage, place, log, (leg, fact, last_valid))
        yield _certifies(stage, place, log)
        if stage.plot.has_rotation:
            yield _takes_office(stage, place, log)


def _brought(stage: "FaceStage", place: int, log: Field) -> Iterator[Action]:
    kernel, terms = stage.kernel, stage.plot.terms

    def action(name: str, actor: str, does: str, step: Callable[[int], int], *, is_fair: bool) -> Action:
        def change(number: int) -> tuple[int] | None:
            after = step(number)
            return None if after == number else (after,)

        return Action(Label(name, actor, f"{does} on face {place}", {"face": place}), (log,), change, is_fair)

    def pass_time(number: int) -> int:
        later = [each for each in stage.plot.phases if each > kernel.time(number)]
        return kernel.at(number, later[0]) if later else number

    brings = instruct(terms)
    yield action("PassTime", "the sequencer", "orders a block at a later time", pass_time, is_fair=True)
    yield action("Instruct", "somebody", "brings the terms", lambda number: kernel.step(number, brings), is_fair=True)
    if stage.plot.has_cancels:
        for party in required_signers(terms):
            entry = cancel(terms, party)

            def withdraw(number: int, entry: object = entry) -> int:
                return kernel.step(number, entry)  # type: ignore[arg-type]

            yield action(f"Cancel{NAMES[party]}", NAMES[party], "withdraws", withdraw, is_fair=False)
    if stage.plot.has_rotation:
        yield action(
            "NameSuccessors",
            "the operators",
            "name the next committee",
            lambda number: kernel.step(number, NAMED),
            is_fair=False,
        )


def _stands(stage: "FaceStage", place: int, log: Field, key: tuple[int, Fact, int]) -> Action:
    """Votes of the honest members that saw it, and of the Byzantine one, come to a quorum."""
    kernel = stage.kernel
    leg, fact, last_valid = key
    which = EVERY_LEG if last_valid else leg

    def change(number: int, is_seen: int) -> tuple[int, int] | None:
        if not is_seen or not kernel.takes_vote(number, stage.id, which, fact):
            return None
        known = kernel.settlement(number, stage.id)
        order = None if known is None else known.order
        if last_valid and (order is None or order.last_valid != last_valid):
            return None
        after = kernel.tally(number, stage.id, which, fact, range(QUORUM))
        return None if after == number else (after, is_seen)

    label = Label(
        "Stand", "a quorum", f"attests {fact.name} on face {place}", {"face": place, "leg": leg, "fact": fact.name}
    )
    return Action(label, (log, stage.seen[key]), change)


def _certifies(stage: "FaceStage", place: int, log: Field) -> Action:
    """Let somebody bring the signatures under what this face decided or ordered."""
    kernel = stage.kernel

    def change(number: int, minds: int) -> tuple[int, int] | None:
        known = kernel.settlement(number, stage.id)
        if known is None:
            return None
        statement: Decision | Order | None = known.decision
        said: Outcome | OrderTerms | None = None if known.decision is None else known.decision.outcome
        if known.state is State.PIVOTING and known.order is not None:
            statement, said = known.order, OrderTerms(known.order.ledger, known.order.last_valid)
        if statement is None or said is None or not is_certified(stage.memories[minds], statement.epoch, said):
            return None
        if not kernel.takes_signature(number, statement):
            return None
        after = kernel.endorse(number, statement, range(QUORUM))
        return None if after == number else (after, minds)

    label = Label("Certify", "somebody", f"brings the signatures to face {place}", {"face": place})
    return Action(label, (log, stage.minds), change)


def _takes_office(stage: "FaceStage", place: int, log: Field) -> Action:
    """Let somebody bring the signatures under the pending rotation: the second committee takes office."""
    kernel = stage.kernel

    def change(number: int, minds: int) -> tuple[int, int] | None:
        pending = kernel[number].snapshot.pending
        if pending is None or not is_handed_over(stage.memories[minds], rotation_digest(NETWORK, pending.rotation)):
            return None
        entries = (SignRotation(MemberIndex(Uint32(each)), pending.rotation, signature(each)) for each in range(QUORUM))
        after = kernel.step(number, *entries)
        return None if after == number else (after, minds)

    label = Label("TakeOffice", "somebody", f"brings the signed rotation to face {place}", {"face": place})
    return Action(label, (log, stage.minds), change)
