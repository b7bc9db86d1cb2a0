"""What ledgers do under a log with two faces, and while committees follow each other.

Whatever is certified is brought to every ledger by somebody, under the signatures of any epoch, or by its inclusion in
the log of decisions under the root that the ledger knows. A ledger obeys by `ledgers.memory.rules`, each by its own
clock, and knows the committees of which it has been told.
"""

from collections.abc import Iterator
from itertools import permutations
from typing import TYPE_CHECKING

from interlock.core.attestation import Fact
from interlock.core.committee import FIRST_EPOCH, Epoch
from interlock.core.decision import Decision, Outcome, decision_hash
from interlock.core.instruction import legs_of
from interlock.core.order import Order, order_hash
from interlock.core.rotation import Rotation, rotation_digest
from interlock.core.signing import OrderTerms
from interlock.encoding.merkle import EMPTY_FRONTIER
from interlock.encoding.values import Bytes32, Uint64, UnixSeconds
from interlock.explorer.books import Act, Books
from interlock.explorer.cast import NETWORK, PREPARE_BY_S
from interlock.explorer.memory import SECOND_EPOCH, Said, is_certified, is_handed_over
from interlock.explorer.table import Action
from interlock.explorer.world import Label
from interlock.ledgers.memory import proof, rules
from interlock.ledgers.memory.page import Page
from interlock.ledgers.memory.proof import Known, Proof, Proven, ProvenOrder
from interlock.ledgers.memory.rules import HoldRequest, Obstacle

if TYPE_CHECKING:
    from interlock.explorer.faces import FaceStage

_ACTS = {Outcome.COMMIT: Act.COMMIT, Outcome.ABORT: Act.ABORT}


def ledger_actions(stage: "FaceStage") -> Iterator[Action]:
    """Give all that happens on the ledgers."""
    epochs = (FIRST_EPOCH, SECOND_EPOCH) if stage.plot.has_rotation else (FIRST_EPOCH,)
    for ledger in range(len(stage.sides)):
        yield _ticks(stage, ledger)
        if stage.plot.has_rotation:
            yield _learns(stage, ledger)
    for leg in range(len(legs_of(stage.plot.terms))):
        if not stage.is_pivot(leg):
            yield _holds(stage, leg)
            for outcome in Outcome:
                yield from (_settles(stage, leg, outcome, epoch) for epoch in epochs)
                if stage.plot.has_rotation:
                    yield _settles(stage, leg, outcome, None)
    for last_valid in stage.orders:
        for epoch in epochs:
            yield from (_executes(stage, last_valid, epoch, each) for each in (Obstacle.NONE, Obstacle.LASTING))
        if stage.plot.has_rotation:
            yield _executes(stage, last_valid, None, Obstacle.NONE)


def _ticks(stage: "FaceStage", ledger: int) -> Action:
    side = stage.sides[ledger]

    def change(books: int) -> tuple[int] | None:
        after = side.tick(books)
        return None if after is None else (after,)

    label = Label("Tick", side.name, "passes its deadlines by its own clock", {"ledger": side.name})
    return Action(label, (stage.books[ledger],), change)


def _learns(stage: "FaceStage", ledger: int) -> Action:
    """Somebody brings the rotation; there is at most one, which `promises` checks."""
    side = stage.sides[ledger]

    def change(log: int, known: int, minds: int) -> tuple[int, int, int] | None:
        rotation = _certified_rotation(stage, log, minds)
        if rotation is None:
            return None
        learnt, _ = proof.rotate(stage.known[known], FIRST_EPOCH, rotation.decisions_root)
        return None if learnt == stage.known[known] else (log, stage.known.number(learnt), minds)

    label = Label("Learn", "somebody", f"brings the rotation to {side.name}", {"ledger": side.name})
    return Action(label, (stage.logs[0], stage.epochs[ledger], stage.minds), change)


def _certified_rotation(stage: "FaceStage", log: int, minds: int) -> Rotation | None:
    """Give a rotation of this face that a quorum has signed, pending or in office."""
    snapshot = stage.kernel[log].snapshot
    found = [each.rotation for each in snapshot.rotations]
    found += [] if snapshot.pending is None else [snapshot.pending.rotation]
    memories = stage.memories[minds]
    return next((each for each in found if is_handed_over(memories, rotation_digest(NETWORK, each))), None)


def _holds(stage: "FaceStage", leg: int) -> Action:
    ledger = stage.places[leg]
    side = stage.sides[ledger]
    request = HoldRequest(PREPARE_BY_S, body=stage.id)

    def hold(page: Page, books: Books) -> Page:
        return rules.prepare(side.kind, page, leg, request, now=books.now)[0]

    def change(books: int) -> tuple[int] | None:
        after = side.request(books, Act.HOLD, 0, hold)
        return None if after is None else (after,)

    return Action(Label("Hold", "somebody", f"asks {side.name} to hold leg {leg}", {"leg": leg}),
                  (stage.books[ledger],), change, is_fair=False)  # fmt: skip


def _settles(stage: "FaceStage", leg: int, outcome: Outcome, epoch: Epoch | None) -> Action:
    """Bring a decision: under the signatures of an epoch, or by its inclusion under the root that is known."""
    ledger = stage.places[leg]
    side = stage.sides[ledger]

    def change(books: int, known: int, minds: int) -> tuple[int, int, int] | None:
        knows = stage.known[known]
        shown = _proof(stage, knows, minds, outcome, epoch)
        if shown is None:
            return None

        def settle(page: Page, _: Books) -> Page:
            return rules.settle(side.kind, knows, page, leg, Proven(outcome, shown))[0]

        after = side.request(books, _ACTS[outcome], 0, settle)
        return None if after is None else (after, known, minds)

    how = "its inclusion" if epoch is None else f"signatures of epoch {epoch}"
    arguments: dict[str, int | str] = {"leg": leg, "outcome": outcome.name, "epoch": epoch or 0}
    label = Label("Deliver", "somebody", f"brings {outcome.name} to {side.name} for leg {leg} by {how}", arguments)
    return Action(label, (stage.books[ledger], stage.epochs[ledger], stage.minds), change)


def _executes(stage: "FaceStage", last_valid: int, epoch: Epoch | None, obstacle: Obstacle) -> Action:
    """Somebody brings an order to the pivot, which executes it, or will not.

    Where members saw that its time had passed, though the ledger's own deadlines had not all, it cannot any more.
    """
    ledger = stage.pivot or 0
    side = stage.sides[ledger]
    legs = [each for each in range(len(stage.places)) if stage.is_pivot(each)]
    order = OrderTerms(side.name, UnixSeconds(Uint64(last_valid)))
    never = stage.seen[0, Fact.NEVER, last_valid]

    def change(books: int, known: int, minds: int, is_over: int) -> tuple[int, int, int, int] | None:
        knows = stage.known[known]
        shown = _proof(stage, knows, minds, order, epoch)
        if shown is None:
            return None

        def execute(page: Page, now: Books) -> Page:
            at = last_valid + 1 if is_over else now.now
            proven = ProvenOrder(last_valid, shown)
            return rules.execute(side.kind, knows, page, legs, proven, now=at, obstacle=obstacle)[0]

        after = side.request(books, Act.ORDER, 0, execute)
        return None if after is None else (after, known, minds, is_over)

    does = "refuses" if obstacle is Obstacle.LASTING else "is brought"
    arguments = {"last_valid": last_valid, "epoch": epoch or 0, "refuses": int(obstacle is Obstacle.LASTING)}
    label = Label("Execute", side.name, f"{does} the order until {last_valid}", arguments)
    fields = (stage.books[ledger], stage.epochs[ledger], stage.minds, never)
    return Action(label, fields, change, is_fair=obstacle is Obstacle.NONE)


def _proof(stage: "FaceStage", knows: Known, minds: int, said: Said, epoch: Epoch | None) -> Proof | None:
    """Give the proof of something that was decided or ordered, or None where there is none."""
    memories = stage.memories[minds]
    if epoch is not None:
        is_stolen = stage.plot.has_stolen_keys and epoch == FIRST_EPOCH and knows.epoch > FIRST_EPOCH
        return Proof(epoch) if is_stolen or is_certified(memories, epoch, said) else None
    if knows.epoch == FIRST_EPOCH or not is_included(stage, knows.decisions_root, said):
        return None
    return Proof(FIRST_EPOCH, root_epoch=knows.epoch)


def is_included(stage: "FaceStage", root: Bytes32, said: Said) -> bool:
    """Tell whether the log of decisions with this root holds this: it can hold one order and one decision."""
    wanted = _leaf(stage, said)
    leaves = [_leaf(stage, each) for each in (*Outcome, *orders_of(stage))]
    return any(
        EMPTY_FRONTIER.extend(chosen).root == root
        for size in (1, 2)
        for chosen in permutations(leaves, size)
        if wanted in chosen
    )


def orders_of(stage: "FaceStage") -> list[OrderTerms]:
    """Give every order that there can be."""
    return [OrderTerms(stage.plot.terms.pivot, UnixSeconds(Uint64(each))) for each in stage.orders]


def _leaf(stage: "FaceStage", said: Said) -> Bytes32:
    """Give what stands in the log of decisions for something that the first epoch decided or ordered."""
    if isinstance(said, Outcome):
        return decision_hash(Decision(stage.id, said, FIRST_EPOCH))
    return order_hash(Order(stage.id, said.ledger, said.last_valid, FIRST_EPOCH))
