"""Entries of the ordered log: the only inputs of the replica, besides the block's time.

These are the wire forms too. Signatures and sizes are checked in the room `entries`, at every door of the log and once
more by every node before it applies; the core takes entries whose signatures hold.

Source: specification 1 (LOG-4) and 4 (ENTRY- and its kind tag each entry).
"""

from dataclasses import dataclass
from typing import ClassVar

from interlock.core.attestation import MemberAttestation, SignedAttestation
from interlock.core.committee import MemberIndex
from interlock.core.decision import SignedBatch, SignedDecision
from interlock.core.fraud import Fraud
from interlock.core.instruction import Instruction, PartySignature, RedactedInstruction, SettlementId, Terms
from interlock.core.order import SignedOrder
from interlock.core.registry import SignedConfiguration
from interlock.core.rotation import Rotation, SignedSuccession
from interlock.encoding.values import Blob, Bytes32, Height, Signature, UnixSeconds


@dataclass(frozen=True, slots=True)
class Instruct:
    """Bring terms, with at least one required signature; for a known settlement, add what is new.

    A payer that is a contract signs nothing, and an account holder may have asked its bank for the hold directly. Where
    such a hold is all that there is, a quorum's attestations of it come along in place of a signature, so that no hold
    stands of which the log cannot be told.
    """

    KIND: ClassVar[str] = "instruct"

    instruction: Instruction | None
    """The terms in clear, or null where only the redacted form is at hand."""
    redacted: RedactedInstruction | None
    """The redacted form, or null; exactly one of the two is given."""
    signatures: tuple[PartySignature, ...]
    """Over the settlement id."""
    attested: tuple[MemberAttestation, ...] = ()
    """SIGNED or HELD of one leg, by a quorum of the committee in office, by rising member; none beside a signature."""

    @property
    def terms(self) -> Terms:
        """Give whichever form was brought; `entries` has checked that there is exactly one."""
        terms = self.instruction or self.redacted
        if terms is None:
            raise ValueError("an instruct entry without terms cannot have passed the checks of its door")
        return terms


@dataclass(frozen=True, slots=True)
class Sign:
    """Add signatures to a settlement that the log knows."""

    KIND: ClassVar[str] = "sign"

    settlement: SettlementId
    signatures: tuple[PartySignature, ...]
    """Over the settlement id."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Withdraw consent. Before the match one signer's is enough, afterwards all must agree.

    For a settlement that the log does not know, the redacted terms come along: they show whose consent it needs, and
    the id is recorded as ABORTED, so that the instruction cannot come to life later.
    """

    KIND: ClassVar[str] = "cancel"

    settlement: SettlementId
    redacted: RedactedInstruction | None
    signatures: tuple[PartySignature, ...]
    """Over the cancel digest."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest block that a node had applied when it made a batch."""

    height: Height
    block: Bytes32


@dataclass(frozen=True, slots=True)
class Attest:
    """One node's attestations since its last batch, with the evidence documents that they name."""

    KIND: ClassVar[str] = "attest"

    member: MemberIndex
    anchor: Anchor
    attestations: tuple[SignedAttestation, ...]
    documents: tuple[Blob, ...]
    """Canonical bytes of evidence documents; the core does not read them."""
    signature: Signature
    """Over the batch digest: epoch, anchor and content."""


@dataclass(frozen=True, slots=True)
class Certify:
    """One node's signatures since its last batch: its part of the certificates of decisions and orders."""

    KIND: ClassVar[str] = "certify"

    member: MemberIndex
    anchor: Anchor
    decisions: tuple[SignedDecision, ...]
    batches: tuple[SignedBatch, ...]
    """Of blocks whose decisions are signed as one."""
    orders: tuple[SignedOrder, ...]
    signature: Signature
    """Over the batch digest: epoch, anchor and content."""

    @property
    def statements(self) -> tuple[SignedDecision | SignedBatch | SignedOrder, ...]:
        """Give all that is signed here, in the order in which it counts."""
        return (*self.decisions, *self.batches, *self.orders)


@dataclass(frozen=True, slots=True)
class Configure:
    """Put a registry in force."""

    KIND: ClassVar[str] = "configure"

    signed: SignedConfiguration


@dataclass(frozen=True, slots=True)
class Rotate:
    """Name the next committee: the log's rotation of this epoch is pending from here on."""

    KIND: ClassVar[str] = "rotate"

    signed: SignedSuccession


@dataclass(frozen=True, slots=True)
class SignRotation:
    """One node's signature of the pending rotation, the last that it makes in its epoch."""

    KIND: ClassVar[str] = "sign-rotation"

    member: MemberIndex
    rotation: Rotation
    signature: Signature


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two statements of one member that cannot both be true, or two certificates that cannot both be."""

    KIND: ClassVar[str] = "evidence"

    fraud: Fraud
    member: MemberIndex | None
    """Whose statements they are; null for certificates, which are many members'."""


PartyEntry = Instruct | Sign | Cancel
"""What a party brings, as against a member of the committee."""

Entry = Instruct | Sign | Cancel | Attest | Certify | Configure | Rotate | SignRotation | Evidence


@dataclass(frozen=True, slots=True)
class Block:
    """A block of the log as the core sees it: decoded, with the entries whose signatures hold."""

    height: Height
    time: UnixSeconds
    """Log time; never before the previous block's."""
    hash: Bytes32
    entries: tuple[Entry, ...]
