"""The decision of a settlement, and the certificate by which anyone can prove it.

Source: specification 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from interlock.core.committee import Committee, Epoch, MemberIndex
from interlock.core.instruction import SettlementId
from interlock.encoding import schema
from interlock.encoding.typed_data import digest, domain_separator
from interlock.encoding.values import Bytes32, Signature


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
class MemberSignature:
    """A member's place and its signature."""

    member: MemberIndex
    signature: Signature


@dataclass(frozen=True, slots=True)
class Certificate:
    """A decision with the signatures of exactly a quorum of its epoch, by rising member index."""

    decision: Decision
    signatures: tuple[MemberSignature, ...]


def decision_digest(network_id: Bytes32, decision: Decision) -> Bytes32:
    """Give what a node signs for a decision."""
    struct = schema.DECISION.hash_struct(decision.settlement, int(decision.outcome), decision.epoch)
    return digest(domain_separator(network_id), struct)


def assemble(
    committee: Committee, decision: Decision, signatures: Mapping[MemberIndex, Signature]
) -> Certificate | None:
    """Give the certificate of exactly a quorum, by rising member index; None while too few have signed."""
    if len(signatures) < committee.quorum:
        return None
    chosen = sorted(signatures)[: committee.quorum]
    return Certificate(decision, tuple(MemberSignature(member, signatures[member]) for member in chosen))
