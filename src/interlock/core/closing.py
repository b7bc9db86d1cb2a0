"""The end of a block: what it decided enters the log of decisions, a rotation takes office, batches are formed.

All of this waits for the block's end so that one committee reigns over every entry of a block, and so that one batch
holds all that a block decided.

Source: specification 5 (BATCH-1, EPOCH-4 to EPOCH-6).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from interlock.core import lifecycle
from interlock.core.applied import Applied
from interlock.core.ballots import BatchBallot
from interlock.core.committee import Committee
from interlock.core.decision import batch_of, decision_hash
from interlock.core.entry import Block
from interlock.core.evolve import evolve
from interlock.core.instruction import SettlementId
from interlock.core.limits import BATCH_LEAVES_MAX
from interlock.core.order import order_hash
from interlock.core.rotation import assemble_rotation, next_epoch

if TYPE_CHECKING:
    from interlock.core.replica import Replica


def close_block(replica: "Replica", block: Block, applied: Applied) -> None:
    """Do what belongs to the end of a block."""
    decided = _append_decisions(replica, applied)
    if _take_office(replica, applied):
        decided = [each.id for each in replica.settlements.values() if each.decision is not None]
    batch_min = replica.registry.batch_min
    if batch_min and len(decided) >= batch_min:
        _form_batches(replica, block, sorted(decided), applied)


def _append_decisions(replica: "Replica", applied: Applied) -> list[SettlementId]:
    """Append this block's orders and decisions, in the order in which they came; give what was decided."""
    ordered, decided = [], []
    for before, after in applied.changes:
        had_order = was_decided = after.id in applied.reopened  # with what it had when it ended
        if before is not None:
            had_order, was_decided = before.order is not None, before.decision is not None
        if after.order is not None and not had_order:
            applied.leaves.append(order_hash(after.order))
            ordered.append(after.id)
        if after.decision is not None and not was_decided:
            applied.leaves.append(decision_hash(after.decision))
            decided.append(after.id)
    if applied.leaves:
        replica.decisions = replica.decisions.extend(applied.leaves)
    pending = replica.pending
    if pending is not None and applied.leaves:
        replica.pending = evolve(
            pending,
            ordered_since=(*pending.ordered_since, *ordered),
            decided_since=(*pending.decided_since, *decided),
        )
    return decided


def _take_office(replica: "Replica", applied: Applied) -> bool:
    """Begin the next epoch where a quorum has signed the pending rotation."""
    certificate = None if replica.pending is None else assemble_rotation(replica.committee, replica.pending)
    if certificate is None:
        return False
    replica.committee = Committee(next_epoch(replica.committee.epoch), certificate.members)
    replica.rotations.append(certificate)
    replica.pending = None
    replica.ballots.clear()
    applied.rotated = certificate
    for id_ in sorted(replica.settlements):
        replica.take(id_, lifecycle.hand_over(replica.settlements[id_], replica.committee.epoch), applied)
    replica.touch(*replica.settlements)
    return True


def _form_batches(replica: "Replica", block: Block, decided: Iterable[SettlementId], applied: Applied) -> None:
    """Let what this block decided be signed as one, in batches of at most `BATCH_LEAVES_MAX`."""
    open_ = (replica.settlements[id_] for id_ in decided if id_ in replica.settlements)
    waiting = [each for each in open_ if each.certificate is None]
    for first in range(0, len(waiting), BATCH_LEAVES_MAX):
        part = waiting[first : first + BATCH_LEAVES_MAX]
        decisions = tuple(each.decision for each in part if each.decision is not None)
        batch = batch_of(decisions, replica.committee.epoch, block.height)
        replica.ballots.batches[batch.root] = BatchBallot(batch, decisions, ())
        for each in part:
            replica.take(each.id, lifecycle.join_batch(each, batch.root), applied)
