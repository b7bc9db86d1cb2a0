"""The decision of a settlement, and the certificates by which anyone can prove it.

A quorum of one epoch signs either the decision itself, or the root of a Merkle tree over all decisions of one block. A
certificate carries exactly a quorum of signatures, by rising member; the batched form carries the leaf's proof too.

Source: specification 5 (CERT-1, CERT-3, BATCH-2).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from interlock.core.committee import Committee, Epoch, MemberIndex
from interlock.core.instruction import SettlementId
from interlock.encoding import schema
from interlock.encoding.merkle import proof_of, root_of
from interlock.encoding.typed_data import digest, domain_separator
from interlock.encoding.values import Bytes32, Height, Signature


class Outcome(IntEnum):
    """The two ways a settlement can end; the numbers are signed."""

    COMMIT = 1
    """Every leg delivers."""
    ABORT = 2
    """Every leg returns."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a quorum of one epoch signs about one settlement."""

    settlement: SettlementId
    outcome: Outcome
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class SignedDecision:
    """A decision and one node's signature; the signer is recovered, never claimed."""

    decision: Decision
    signature: Signature


@dataclass(frozen=True, slots=True)
class DecisionBatch:
    """All decisions of one block, signed as one."""

    root: Bytes32
    """Of the tree over hashStruct of each decision, by rising settlement."""
    epoch: Epoch
    """Every leaf's epoch."""
    height: Height
    """The block that decided them."""


@dataclass(frozen=True, slots=True)
class SignedBatch:
    """A batch and one node's signature; the signer is recovered, never claimed."""

    batch: DecisionBatch
    signature: Signature


@dataclass(frozen=True, slots=True)
class MemberSignature:
    """A member's place and its signature."""

    member: MemberIndex
    signature: Signature


@dataclass(frozen=True, slots=True)
class Certificate:
    """A decision with the signatures of exactly a quorum of its epoch, by rising member index."""

    decision: Decision
    signatures: tuple[MemberSignature, ...]


@dataclass(frozen=True, slots=True)
class BatchCertificate:
    """A decision, its proof in a batch, and the signatures of exactly a quorum over the batch."""

    decision: Decision
    batch: DecisionBatch
    proof: tuple[Bytes32, ...]
    """Siblings from the leaf up."""
    signatures: tuple[MemberSignature, ...]


AnyCertificate = Certificate | BatchCertificate
"""Either form is good for every ledger."""


def decision_hash(decision: Decision) -> Bytes32:
    """Give hashStruct(Decision): a leaf of a batch and of the log of decisions. Its preimage has 128 bytes."""
    return schema.DECISION.hash_struct(decision.settlement, int(decision.outcome), decision.epoch)


def decision_digest(network_id: Bytes32, decision: Decision) -> Bytes32:
    """Give what a node signs for a decision."""
    return digest(domain_separator(network_id), decision_hash(decision))


def batch_root_digest(network_id: Bytes32, batch: DecisionBatch) -> Bytes32:
    """Give what a node signs for a batch of decisions."""
    return digest(
        domain_separator(network_id), schema.DECISION_BATCH.hash_struct(batch.root, batch.epoch, batch.height)
    )


def batch_of(decisions: Iterable[Decision], epoch: Epoch, height: Height) -> DecisionBatch:
    """Give the batch of these decisions, at least one, all of one epoch."""
    leaves = [decision_hash(each) for each in sorted(decisions, key=lambda each: each.settlement)]
    return DecisionBatch(root_of(leaves), epoch, height)


def quorum_of(committee: Committee, signatures: Mapping[MemberIndex, Signature]) -> tuple[MemberSignature, ...] | None:
    """Give exactly a quorum of signatures, by rising member index; None while too few have signed."""
    if len(signatures) < committee.quorum:
        return None
    return tuple(MemberSignature(member, signatures[member]) for member in sorted(signatures)[: committee.quorum])


def assemble(
    committee: Committee, decision: Decision, signatures: Mapping[MemberIndex, Signature]
) -> Certificate | None:
    """Give the certificate of a decision; None while too few have signed."""
    chosen = quorum_of(committee, signatures)
    return None if chosen is None else Certificate(decision, chosen)


def assemble_batch(
    batch: DecisionBatch, decisions: Iterable[Decision], signatures: tuple[MemberSignature, ...]
) -> tuple[BatchCertificate, ...]:
    """Give the certificate of each decision of a batch that a quorum has signed, by rising settlement."""
    ordered = sorted(decisions, key=lambda each: each.settlement)
    leaves = [decision_hash(each) for each in ordered]
    return tuple(
        BatchCertificate(each, batch, proof_of(leaves, index), signatures) for index, each in enumerate(ordered)
    )
