"""Verify certificates from the committee alone; `core.decision` and `core.order` make them.

A certificate of either form, an order's, and a rotation's carry exactly a quorum of signatures by rising member. The
committee of an epoch is known from the genesis document and the rotations since (`committee_after`). A decision of an
epoch that is over is proven by its inclusion in the log of decisions under a root that a later rotation carries.

Source: specification 5 (CERT-1 to CERT-3, BATCH-3, EPOCH-2, EPOCH-7). The vault does the same in Solidity.
"""

from collections.abc import Iterable, Sequence

from interlock.core.committee import Committee, committee_fault
from interlock.core.decision import (
    AnyCertificate,
    BatchCertificate,
    Decision,
    MemberSignature,
    Outcome,
    batch_root_digest,
    decision_digest,
    decision_hash,
)
from interlock.core.instruction import SettlementId
from interlock.core.order import Order, OrderCertificate, order_digest, order_hash
from interlock.core.rotation import RotationCertificate, committee_hash, next_epoch, rotation_digest
from interlock.encoding.merkle import verify_proof
from interlock.encoding.secp256k1 import recover
from interlock.encoding.values import Bytes32, hex_of


def certificate_fault(
    network_id: Bytes32,
    committee: Committee,
    certificate: AnyCertificate,
    *,
    settlement: SettlementId,
    outcome: Outcome | None = None,
) -> str | None:
    """Say why a certificate does not prove this decision, or None where it does.

    Checked in this order: settlement, outcome (where one is wanted), epoch, the proof in its batch (if any),
    number and order of signers, each signature under this network's domain.
    """
    decision = certificate.decision
    if decision.settlement != settlement:
        return f"the certificate is for {hex_of(decision.settlement)}, not for {hex_of(settlement)}"
    if outcome is not None and decision.outcome is not outcome:
        return f"the certificate says {decision.outcome.name}, {outcome.name} is wanted"
    if decision.epoch != committee.epoch:
        return f"the certificate is of epoch {decision.epoch}, the committee known here is of epoch {committee.epoch}"
    signed = decision_digest(network_id, decision)
    if isinstance(certificate, BatchCertificate):
        batch = certificate.batch
        if batch.epoch != decision.epoch:
            return f"the batch is of epoch {batch.epoch}, its decision of epoch {decision.epoch}"
        if not verify_proof(decision_hash(decision), certificate.proof, batch.root):
            return "the decision is not in the batch"
        signed = batch_root_digest(network_id, batch)
    return _signatures_fault(committee, signed, certificate.signatures)


def order_certificate_fault(
    network_id: Bytes32, committee: Committee, certificate: OrderCertificate, *, settlement: SettlementId, ledger: str
) -> str | None:
    """Say why a certificate does not prove this settlement's order to this ledger, or None where it does."""
    order = certificate.order
    if order.settlement != settlement:
        return f"the order is for {hex_of(order.settlement)}, not for {hex_of(settlement)}"
    if order.ledger != ledger:
        return f"the order is for {order.ledger!r}, not for {ledger!r}"
    if order.epoch != committee.epoch:
        return f"the order is of epoch {order.epoch}, the committee known here is of epoch {committee.epoch}"
    return _signatures_fault(committee, order_digest(network_id, order), certificate.signatures)


def rotation_fault(network_id: Bytes32, committee: Committee, certificate: RotationCertificate) -> str | None:
    """Say why a certificate does not hand this committee's office over, or None where it does."""
    rotation = certificate.rotation
    if rotation.from_epoch != committee.epoch:
        return f"the rotation is from epoch {rotation.from_epoch}, the committee known here is of {committee.epoch}"
    fault = committee_fault(certificate.members)
    if fault is not None:
        return fault
    if committee_hash(next_epoch(committee.epoch), certificate.members) != rotation.committee:
        return "the members that came along are not those that the rotation names"
    return _signatures_fault(committee, rotation_digest(network_id, rotation), certificate.signatures)


def committee_after(
    network_id: Bytes32, committee: Committee, rotations: Iterable[RotationCertificate]
) -> Committee | str:
    """Give the committee in office after some rotations, each checked; those of earlier epochs are passed over.

    Gives the sentence of the first fault instead where one does not follow.
    """
    for each in rotations:
        if each.rotation.from_epoch < committee.epoch:
            continue
        fault = rotation_fault(network_id, committee, each)
        if fault is not None:
            return fault
        committee = Committee(next_epoch(committee.epoch), each.members)
    return committee


def is_included(statement: Decision | Order, proof: Sequence[Bytes32], decisions_root: Bytes32) -> bool:
    """Tell whether a decision or an order of an earlier epoch is in the log of decisions with this root."""
    leaf = decision_hash(statement) if isinstance(statement, Decision) else order_hash(statement)
    return verify_proof(leaf, proof, decisions_root)


def _signatures_fault(committee: Committee, signed: Bytes32, signatures: Sequence[MemberSignature]) -> str | None:
    """Say why these are not the signatures of exactly a quorum, or None."""
    members = [each.member for each in signatures]
    if len(members) != committee.quorum:
        return f"{len(members)} signatures; exactly {committee.quorum} are wanted"
    if members != sorted(set(members)) or members[-1] >= len(committee.members):
        return f"signers {members} are not distinct members by rising index"
    for each in signatures:
        signer = recover(signed, each.signature)
        if signer != committee.members[each.member]:
            found = "nobody" if signer is None else hex_of(signer)
            return (
                f"signature of member {each.member} recovers to {found}, not {hex_of(committee.members[each.member])}"
            )
    return None
