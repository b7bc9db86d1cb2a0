"""What is sent to a bank and what it answers; the reader's own statement of the bank's interface."""

from dataclasses import dataclass

from interlock.core.decision import Certificate
from interlock.core.instruction import LegIndex, PartySignature, RedactedInstruction, SettlementId
from interlock.evidence.bank_receipt import BankEvent


@dataclass(frozen=True, slots=True)
class HoldBody:
    """Ask for a hold: `PUT /v1/holds/{settlement}/{leg}`."""

    instruction: RedactedInstruction
    """This bank's terms in clear, other banks' as hashes."""
    signatures: tuple[PartySignature, ...]


@dataclass(frozen=True, slots=True)
class CertificateBody:
    """Bring a certificate: `PUT /v1/holds/{settlement}/{leg}/certificate`."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class HoldAnswer:
    """One leg in the bank's book, with its receipts: what asking for the hold, or looking, gives."""

    settlement: SettlementId
    leg: LegIndex
    state: BankEvent
    receipts: tuple[str, ...]
    """Compact JWS, oldest first."""


@dataclass(frozen=True, slots=True)
class StateAnswer:
    """One leg in the bank's book: what bringing a certificate gives."""

    settlement: SettlementId
    leg: LegIndex
    state: BankEvent
