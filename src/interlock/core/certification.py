"""Signatures under decisions, batches and orders, on their way to certificates.

Each member signs what the log shows; with a quorum of one epoch the certificate stands. What nobody waits for is
refused, and changes nothing.

Source: specification 5 (CERT-1, CERT-3, BATCH-3) and 6 (PIVOT-4).
"""

from typing import TYPE_CHECKING, assert_never

from interlock.core import lifecycle
from interlock.core.applied import Applied, Endorsement
from interlock.core.ballots import signatures_of
from interlock.core.committee import MemberIndex
from interlock.core.decision import SignedBatch, SignedDecision, assemble, assemble_batch, quorum_of
from interlock.core.entry import Certify
from interlock.core.evolve import evolve
from interlock.core.instruction import SettlementId
from interlock.core.order import SignedOrder, assemble_order
from interlock.core.rejection import Reason, Rejection
from interlock.encoding.values import Signature

if TYPE_CHECKING:
    from interlock.core.replica import Replica


def certify(replica: "Replica", entry: Certify, applied: Applied) -> list[Rejection]:
    """Take one member's signatures, one by one."""
    rejections = []
    for signed in entry.statements:
        match signed:
            case SignedDecision():
                refused = _decision(replica, signed, entry.member, applied)
            case SignedBatch():
                refused = _batch(replica, signed, entry.member, applied)
            case SignedOrder():
                refused = _order(replica, signed, entry.member, applied)
            case _ as never:
                assert_never(never)
        rejections += refused
    return rejections


def _decision(replica: "Replica", signed: SignedDecision, member: MemberIndex, applied: Applied) -> list[Rejection]:
    id_ = signed.decision.settlement
    known = replica.settlements.get(id_)
    if known is None:
        return [replica.absent(id_, signed.decision.epoch)]
    fault = lifecycle.decision_signature_fault(known, signed.decision, replica.committee)
    by_member = _collect(replica, id_, member, signed, applied) if fault is None else None
    if by_member is None:
        return [fault or Rejection(Reason.NOTHING_NEW, id_)]
    certificate = assemble(replica.committee, signed.decision, by_member)
    if certificate is None:
        return []
    replica.ballots.certified(id_)
    return replica.take(id_, lifecycle.certify(known, certificate, replica.now), applied)


def _order(replica: "Replica", signed: SignedOrder, member: MemberIndex, applied: Applied) -> list[Rejection]:
    id_ = signed.order.settlement
    known = replica.settlements.get(id_)
    if known is None:
        return [replica.absent(id_, signed.order.epoch)]
    fault = lifecycle.order_signature_fault(known, signed.order, replica.committee)
    by_member = _collect(replica, id_, member, signed, applied) if fault is None else None
    if by_member is None:
        return [fault or Rejection(Reason.NOTHING_NEW, id_)]
    certificate = assemble_order(replica.committee, signed.order, by_member)
    if certificate is None:
        return []
    replica.ballots.certified(id_)
    return replica.take(id_, lifecycle.certify_order(known, certificate), applied)


def _collect(
    replica: "Replica",
    id_: SettlementId,
    member: MemberIndex,
    signed: SignedDecision | SignedOrder,
    applied: Applied,
) -> dict[MemberIndex, Signature] | None:
    """Take a member's signature; give all there are, or None where this one's was there before."""
    by_member = replica.ballots.sign(id_, member, signed.signature)
    if by_member is not None:
        replica.touch(id_)
        applied.steps.append(Endorsement(member, signed))
    return by_member


def _batch(replica: "Replica", signed: SignedBatch, member: MemberIndex, applied: Applied) -> list[Rejection]:
    """Rejections in checking order: WRONG_EPOCH, OTHER_BATCH (none such waits), NOTHING_NEW."""
    batch, committee = signed.batch, replica.committee
    if batch.epoch != committee.epoch:
        return [Rejection(Reason.WRONG_EPOCH, detail=f"Epoch {batch.epoch}; the log is in {committee.epoch}.")]
    ballot = replica.ballots.batches.get(batch.root)
    if ballot is None or ballot.batch != batch:
        return [Rejection(Reason.OTHER_BATCH, detail=f"No batch of block {batch.height} waits for a signature.")]
    by_member = {each.member: each.signature for each in ballot.signatures}
    if member in by_member:
        return [Rejection(Reason.NOTHING_NEW)]
    by_member[member] = signed.signature
    applied.steps.append(Endorsement(member, signed))
    signatures = quorum_of(committee, by_member)
    if signatures is None:
        replica.ballots.batches[batch.root] = evolve(ballot, signatures=signatures_of(by_member))
        return []
    del replica.ballots.batches[batch.root]
    for certificate in assemble_batch(batch, ballot.decisions, signatures):
        known = replica.settlements.get(certificate.decision.settlement)
        if known is not None and known.certificate is None and known.decision == certificate.decision:
            replica.ballots.certified(known.id)
            replica.take(known.id, lifecycle.certify(known, certificate, replica.now), applied)
    return []
