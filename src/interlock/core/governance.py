"""What the committee decides about itself: its registry, its successors, and who has been proven to lie.

Each handler checks in the order of its rejections, then changes the replica.

Source: specification 1 (PARTY-REGISTRY), 5 (EPOCH-2, EVIDENCE-1 to EVIDENCE-3).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from interlock.core.committee import Committee, Epoch
from interlock.core.decision import MemberSignature
from interlock.core.entry import Configure, Evidence, Rotate, SignRotation
from interlock.core.evolve import evolve
from interlock.core.fraud import CertificateFraud, contradicts
from interlock.core.instruction import PartySignature
from interlock.core.registry import registry_fault
from interlock.core.rejection import Reason, Rejection
from interlock.core.rotation import Pending, Rotation, committee_hash, next_epoch, succession_fault

if TYPE_CHECKING:
    from interlock.core.replica import Replica


def configure(replica: "Replica", entry: Configure) -> Rejection | None:
    """Put a registry in force. Rejections: WRONG_EPOCH, SEQUENCE_NOT_RISING, QUORUM_MISSING, REGISTRY_INVALID."""
    # check
    configuration = entry.signed.configuration
    if configuration.epoch != replica.committee.epoch:
        return _wrong_epoch(configuration.epoch, replica.committee)
    if configuration.sequence != replica.registry_sequence + 1:
        return Rejection(
            Reason.SEQUENCE_NOT_RISING,
            detail=f"Sequence {configuration.sequence}; {replica.registry_sequence + 1} comes next.",
        )
    fault = _quorum_fault(replica.committee, entry.signed.signatures)
    if fault is not None:
        return fault
    problem = registry_fault(configuration.registry)
    if problem is not None:
        return Rejection(Reason.REGISTRY_INVALID, detail=problem)
    # change
    replica.configurations.append(entry.signed)
    return None


def rotate(replica: "Replica", entry: Rotate) -> Rejection | None:
    """Let the rotation of this epoch be pending: it binds all that was decided or ordered up to the block before.

    Rejections: WRONG_EPOCH, QUORUM_MISSING, ROTATION_PENDING, SUCCESSION_INVALID.
    """
    # check
    succession = entry.signed.succession
    if succession.from_epoch != replica.committee.epoch:
        return _wrong_epoch(succession.from_epoch, replica.committee)
    fault = _quorum_fault(replica.committee, entry.signed.signatures)
    if fault is not None:
        return fault
    if replica.pending is not None:
        return Rejection(Reason.ROTATION_PENDING, detail="An epoch has one rotation; sign that one.")
    problem = succession_fault(succession, replica.convicted)
    if problem is not None:
        return Rejection(Reason.SUCCESSION_INVALID, detail=problem)
    # change
    rotation = Rotation(
        from_epoch=succession.from_epoch,
        committee=committee_hash(next_epoch(succession.from_epoch), succession.members),
        height=replica.height,
        decisions_root=replica.decisions.root,
    )
    replica.pending = Pending(rotation, succession.members, (), (), ())
    return None


def sign_rotation(replica: "Replica", entry: SignRotation) -> Rejection | None:
    """Take a member's signature of the pending rotation; with a quorum, the block's end begins the next epoch.

    Rejections: WRONG_EPOCH, NOT_A_MEMBER, OTHER_ROTATION, NOTHING_NEW.
    """
    # check
    committee, pending = replica.committee, replica.pending
    if entry.rotation.from_epoch != committee.epoch:
        return _wrong_epoch(entry.rotation.from_epoch, committee)
    if entry.member >= len(committee.members):
        return Rejection(Reason.NOT_A_MEMBER, detail=f"Member {entry.member} of {len(committee.members)}.")
    if pending is None or entry.rotation != pending.rotation:
        return Rejection(Reason.OTHER_ROTATION, detail="Sign the rotation that the log shows, if its root is right.")
    if any(each.member == entry.member for each in pending.signatures):
        return Rejection(Reason.NOTHING_NEW)
    # change
    signatures = sorted(
        (*pending.signatures, MemberSignature(entry.member, entry.signature)), key=lambda each: each.member
    )
    replica.pending = evolve(pending, signatures=tuple(signatures))
    return None


def take_evidence(replica: "Replica", entry: Evidence) -> Rejection | None:
    """Convict a member by two statements of its own, or stop all by two certificates.

    Rejections: EVIDENCE_INVALID, NOT_A_MEMBER, WRONG_EPOCH (a certificate of another epoch), NOTHING_NEW.
    """
    # check
    fraud, committee = entry.fraud, replica.committee
    if not contradicts(fraud) or (entry.member is None) != isinstance(fraud, CertificateFraud):
        return Rejection(Reason.EVIDENCE_INVALID)
    if isinstance(fraud, CertificateFraud):
        if {fraud.first.decision.epoch, fraud.second.decision.epoch} != {committee.epoch}:
            return Rejection(Reason.WRONG_EPOCH, detail=f"The log is in epoch {committee.epoch}.")
        if replica.is_compromised:
            return Rejection(Reason.NOTHING_NEW)
        # change
        replica.is_compromised = True
        return None
    if entry.member is None or entry.member >= len(committee.members):
        return Rejection(Reason.NOT_A_MEMBER, detail=f"Member {entry.member} of {len(committee.members)}.")
    liar = committee.members[entry.member]
    if liar in replica.convicted:
        return Rejection(Reason.NOTHING_NEW)
    # change
    replica.convicted |= {liar}
    return None


def _wrong_epoch(epoch: Epoch, committee: Committee) -> Rejection:
    return Rejection(Reason.WRONG_EPOCH, detail=f"Epoch {epoch}, not {committee.epoch}.")


def _quorum_fault(committee: Committee, signatures: Iterable[PartySignature]) -> Rejection | None:
    """Say why signatures are not those of a quorum of the committee in office: QUORUM_MISSING."""
    signers = {each.signer for each in signatures} & set(committee.members)
    if len(signers) < committee.quorum:
        return Rejection(Reason.QUORUM_MISSING, detail=f"{len(signers)} of {committee.quorum} members signed.")
    return None
