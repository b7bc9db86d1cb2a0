"""Proof that somebody lied: two statements under one key that cannot both be true.

An honest node never makes such a pair, in any epoch and on any log, because its sign-once record forbids it and what it
attests is final. So two statements of its own convict a member: it cannot take office again. Two certificates that
contradict each other prove more than f faulty members at once: then nothing more is admitted or signed.

Source: specification 5 (EVIDENCE-1 to EVIDENCE-3) and 8 (CASE-TWO-WAYS).
"""

from dataclasses import dataclass
from typing import ClassVar, assert_never

from interlock.core.attestation import Fact, SignedAttestation, attestation_digest
from interlock.core.decision import Certificate, SignedDecision, decision_digest
from interlock.core.order import SignedOrder, order_digest
from interlock.core.rotation import Rotation, rotation_digest
from interlock.encoding.secp256k1 import recover
from interlock.encoding.values import Address, Bytes32, Signature

_OPPOSITES = {
    Fact.EXECUTED: Fact.NEVER,
    Fact.NEVER: Fact.EXECUTED,
    Fact.DELIVERED: Fact.RETURNED,
    Fact.RETURNED: Fact.DELIVERED,
}
"""Pairs that cannot both be final; every other pair of facts can be true one after the other."""


@dataclass(frozen=True, slots=True)
class SignedRotation:
    """A rotation and one node's signature; the signer is recovered, never claimed."""

    rotation: Rotation
    signature: Signature


@dataclass(frozen=True, slots=True)
class AttestationFraud:
    """One member attested both EXECUTED and NEVER, or DELIVERED and RETURNED."""

    KIND: ClassVar[str] = "attestation-fraud"

    first: SignedAttestation
    second: SignedAttestation


@dataclass(frozen=True, slots=True)
class DecisionFraud:
    """One member signed both outcomes of a settlement."""

    KIND: ClassVar[str] = "decision-fraud"

    first: SignedDecision
    second: SignedDecision


@dataclass(frozen=True, slots=True)
class OrderFraud:
    """One member signed two orders of a settlement that say different things."""

    KIND: ClassVar[str] = "order-fraud"

    first: SignedOrder
    second: SignedOrder


@dataclass(frozen=True, slots=True)
class RotationFraud:
    """One member handed one epoch over in two ways."""

    KIND: ClassVar[str] = "rotation-fraud"

    first: SignedRotation
    second: SignedRotation


@dataclass(frozen=True, slots=True)
class CertificateFraud:
    """Two certificates of the present epoch give one settlement both outcomes."""

    KIND: ClassVar[str] = "certificate-fraud"

    first: Certificate
    second: Certificate


MemberFraud = AttestationFraud | DecisionFraud | OrderFraud | RotationFraud
"""What convicts one member."""

Fraud = AttestationFraud | DecisionFraud | OrderFraud | RotationFraud | CertificateFraud


def is_final(fact: Fact) -> bool:
    """Tell whether a fact, once true, rules another one out for ever."""
    return fact in _OPPOSITES


def contradicts(fraud: Fraud) -> bool:
    """Tell whether what the two say cannot both be true; whose signatures they bear is not looked at."""
    match fraud:
        case AttestationFraud():
            one, other = fraud.first.attestation, fraud.second.attestation
            same = (one.settlement, one.leg) == (other.settlement, other.leg)
            return same and _OPPOSITES.get(one.fact) is other.fact
        case DecisionFraud():
            return _are_opposed(fraud.first, fraud.second)
        case CertificateFraud():
            return _are_opposed(fraud.first, fraud.second)
        case OrderFraud():
            first, second = fraud.first.order, fraud.second.order
            return first.settlement == second.settlement and not first.is_same_as(second)
        case RotationFraud():
            before, after = fraud.first.rotation, fraud.second.rotation
            return before.from_epoch == after.from_epoch and before != after
        case _ as never:
            assert_never(never)


def culprit(network_id: Bytes32, fraud: MemberFraud) -> Address | None:
    """Give the one key that signed both statements, or None where it was not one."""
    first, second = _signed(network_id, fraud)
    signer = recover(*first)
    return signer if signer is not None and signer == recover(*second) else None


def _are_opposed(first: SignedDecision | Certificate, second: SignedDecision | Certificate) -> bool:
    one, other = first.decision, second.decision
    return one.settlement == other.settlement and one.outcome is not other.outcome


def _signed(network_id: Bytes32, fraud: MemberFraud) -> tuple[tuple[Bytes32, Signature], tuple[Bytes32, Signature]]:
    """Give digest and signature of both statements."""
    match fraud:
        case AttestationFraud():
            pair = (fraud.first, fraud.second)
            one, other = (attestation_digest(network_id, each.attestation) for each in pair)
        case DecisionFraud():
            one, other = (decision_digest(network_id, each.decision) for each in (fraud.first, fraud.second))
        case OrderFraud():
            one, other = (order_digest(network_id, each.order) for each in (fraud.first, fraud.second))
        case RotationFraud():
            one, other = (rotation_digest(network_id, each.rotation) for each in (fraud.first, fraud.second))
        case _ as never:
            assert_never(never)
    return (one, fraud.first.signature), (other, fraud.second.signature)
