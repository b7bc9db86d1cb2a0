"""Attestations: one node's signed statement of a fact that it saw, final, on a ledger.

A fact stands when a quorum of one epoch attests it, whatever position and evidence each names; then it is absorbing.

Source: specification 4 (FACT-STANDS, FACT-ABSORBS, FACT-WHOLE).
"""

from dataclasses import dataclass
from enum import IntEnum

from interlock.core.committee import Epoch, MemberIndex
from interlock.core.instruction import LegIndex, SettlementId
from interlock.encoding import schema
from interlock.encoding.typed_data import digest, domain_separator
from interlock.encoding.values import Bytes32, Signature


class Fact(IntEnum):
    """What can be seen on a ledger, always of finalised state, or agreed of a condition; the numbers are signed.

    EXECUTED and NEVER concern the order, MET and UNMET the condition: the settlement as a whole, never one leg.
    """

    SIGNED = 1
    """A contract wallet consented by its own call."""
    HELD = 2
    """The hold stands, is final, and its terms equal the signed ones."""
    REFUSED = 3
    """The ledger will not make this hold: a vote to give up, safe because ABORT leaves a tombstone."""
    LOST = 4
    """A hold attested before ended, shrank or was halted without a certificate."""
    CONSENT = 5
    """A hold was ended by payer and payee together."""
    EXECUTED = 6
    """The pivot executed its order."""
    NEVER = 7
    """The pivot can never execute its order."""
    DELIVERED = 8
    """The amount reached the payee."""
    RETURNED = 9
    """The amount is back with the payer, or no hold exists and none can come."""
    MET = 10
    """The settlement's condition holds."""
    UNMET = 11
    """The settlement's condition does not hold."""


ORDER_FACTS = frozenset({Fact.EXECUTED, Fact.NEVER})
"""What a pivot says of its order."""
CONDITION_FACTS = frozenset({Fact.MET, Fact.UNMET})
"""What the nodes agree of a condition."""
WHOLE_FACTS = ORDER_FACTS | CONDITION_FACTS
"""Facts about a settlement as a whole; their leg is `EVERY_LEG`."""


def stands(stood: int, fact: Fact) -> bool:
    """Tell whether a fact is in a set of facts that stand (bit i for the fact with number i)."""
    return bool(stood >> fact & 1)


@dataclass(frozen=True, slots=True)
class Attestation:
    """The statement that is signed."""

    settlement: SettlementId
    leg: LegIndex
    """The leg, or `EVERY_LEG` for a fact about the whole."""
    fact: Fact
    position: Bytes32
    """The block, or the hash of the bank's receipt, of the event itself."""
    evidence: Bytes32
    """keccak256 of the evidence document; zero where there is none."""
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class SignedAttestation:
    """An attestation and its node's signature; the signer is recovered, never claimed."""

    attestation: Attestation
    signature: Signature


@dataclass(frozen=True, slots=True)
class MemberAttestation:
    """An attestation that is brought by somebody else, with the place of the member that made it."""

    member: MemberIndex
    signed: SignedAttestation


def attestation_digest(network_id: Bytes32, attestation: Attestation) -> Bytes32:
    """Give what a node signs for an attestation."""
    struct = schema.ATTESTATION.hash_struct(
        attestation.settlement,
        attestation.leg,
        int(attestation.fact),
        attestation.position,
        attestation.evidence,
        attestation.epoch,
    )
    return digest(domain_separator(network_id), struct)
