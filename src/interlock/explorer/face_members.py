"""What the honest members do on a log with two faces: look at ledgers, and sign whatever their memory allows."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from interlock.core.attestation import Fact
from interlock.core.effects import SignDecision, SignOrder
from interlock.core.rotation import rotation_digest
from interlock.core.signing import OrderTerms, Shown
from interlock.explorer.cast import NETWORK
from interlock.explorer.memory import Memory, with_memory
from interlock.explorer.table import Action
from interlock.explorer.world import Label
from interlock.ledgers.memory.facts import leg_facts, order_facts

if TYPE_CHECKING:
    from interlock.explorer.faces import FaceStage


def member_actions(stage: "FaceStage") -> Iterator[Action]:
    """Give all that honest members do."""
    for key in stage.seen:
        yield _sees(stage, *key)
    members = 4 if stage.plot.has_rotation else 3
    for face in range(len(stage.logs)):
        for place in range(members):
            yield _signs(stage, face, place, "SignDecision", "the decision", _decide)
            if stage.pivot is not None:
                yield _signs(stage, face, place, "SignOrder", "the order", _order)
            if stage.plot.has_rotation:
                yield _signs(stage, face, place, "SignRotation", "the rotation", _rotate)


def _sees(stage: "FaceStage", leg: int, fact: Fact, last_valid: int) -> Action:
    """Two honest members find a fact on the books."""
    ledger = stage.pivot if last_valid and stage.pivot is not None else stage.places[leg]
    side = stage.sides[ledger]

    def change(books: int, is_seen: int) -> tuple[int, int] | None:
        final = side.final(books)
        page = final.pages[0]
        if last_valid:
            # Of two orders the clock may be past the one and not the other; `face_ledgers` keeps to what was seen.
            final_time = last_valid + 1 if fact is Fact.NEVER else final.now
            found = order_facts(side.kind, page, last_valid=last_valid, final_time=final_time)
        else:
            found = leg_facts(page.leg(leg), is_late=final.is_late, can_leave=True)
        return None if is_seen or fact not in found else (books, 1)

    label = Label("See", "members", f"find {fact.name} on {side.name}", {"leg": leg, "fact": fact.name})
    return Action(label, (stage.books[ledger], stage.seen[leg, fact, last_valid]), change)


_Make = Callable[["FaceStage", int, Memory], Memory | None]


def _signs(stage: "FaceStage", face: int, place: int, name: str, what: str, make: _Make) -> Action:
    def change(log: int, minds: int) -> tuple[int, int] | None:
        memories = stage.memories[minds]
        grown = make(stage, log, memories[place])
        return None if grown is None else (log, stage.memories.number(with_memory(memories, place, grown)))

    label = Label(name, f"member {place}", f"signs {what} of face {face}", {"face": face, "member": place})
    return Action(label, (stage.logs[face], stage.minds), change)


def _decide(stage: "FaceStage", log: int, memory: Memory) -> Memory | None:
    known = stage.kernel.settlement(log, stage.id)
    decision = None if known is None else known.decision
    if known is None or decision is None:
        return None
    if SignDecision(stage.id, decision.outcome) not in stage.kernel.effects(log, stage.id):
        return None
    return memory.decide(stage.id, decision.epoch, decision.outcome, _shown(stage, log))


def _order(stage: "FaceStage", log: int, memory: Memory) -> Memory | None:
    known = stage.kernel.settlement(log, stage.id)
    if known is None or known.order is None or SignOrder(stage.id) not in stage.kernel.effects(log, stage.id):
        return None
    return memory.order(stage.id, known.order.epoch, OrderTerms(known.order.ledger, known.order.last_valid))


def _rotate(stage: "FaceStage", log: int, memory: Memory) -> Memory | None:
    snapshot = stage.kernel[log].snapshot
    if snapshot.pending is None:
        return None
    rotation = snapshot.pending.rotation

    digest = rotation_digest(NETWORK, rotation)
    stage.roots[digest] = rotation.decisions_root
    return memory.rotate(stage.id, digest, rotation.height, stage.kernel.restored(log).root_shows)


def _shown(stage: "FaceStage", log: int) -> Shown:
    known = stage.kernel.settlement(log, stage.id)
    if known is None or known.order is None:
        return Shown()
    never_stands = known.stands(Fact.NEVER)
    return Shown(OrderTerms(known.order.ledger, known.order.last_valid), never_stands)
