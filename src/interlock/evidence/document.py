"""Evidence documents: what a node saw, in a form whose hash stands in its attestation.

A document is canonical JSON; `Attestation.evidence` is its keccak256, `Attestation.position` is its `position`.
"""

from dataclasses import dataclass
from typing import ClassVar

from interlock.encoding.canonical import decode_canonical, encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Address, Blob, Bytes32, Uint32, Uint64, Uint256


@dataclass(frozen=True, slots=True)
class BankReceiptDocument:
    """A bank's signed receipt, as the bank gave it."""

    KIND: ClassVar[str] = "bank-receipt"

    ledger: str
    """The bank's registered name."""
    jws: str
    """Compact JWS (RFC 7515), Ed25519 over the receipt's canonical bytes."""

    @property
    def position(self) -> Bytes32:
        """Give keccak256 of the JWS."""
        return keccak256(self.jws.encode())


@dataclass(frozen=True, slots=True)
class ChainEventDocument:
    """One event of a vault in a final block."""

    KIND: ClassVar[str] = "chain-event"

    chain_id: Uint256
    vault: Address
    block_number: Uint64
    block_hash: Bytes32
    transaction_hash: Bytes32
    log_index: Uint32
    """The event's place among all logs of its block."""
    topics: tuple[Bytes32, ...]
    data: Blob

    @property
    def position(self) -> Bytes32:
        """Give the block's hash."""
        return self.block_hash


LANE_STEP = "lane"
"""The step of a refusal that no token had part in: the payer's lane can never take the leg."""


@dataclass(frozen=True, slots=True)
class ChainRefusalDocument:
    """A leg could not be settled at a final block, by what the vault said there.

    Its `exitCheck` failed: the amount, to be held or held already, could not be let out. Or the payer's lane was used
    by another leg with the signed generation or a higher one, so that the amount can never be held.
    """

    KIND: ClassVar[str] = "chain-refusal"

    chain_id: Uint256
    vault: Address
    block_number: Uint64
    block_hash: Bytes32
    step: str
    """The step that the token refused, `deliver` or `return`; or `lane`."""
    reason: Blob
    """The first bytes that the token reverted with; at `lane` the lane's word, 32 bytes."""

    @property
    def position(self) -> Bytes32:
        """Give the block's hash."""
        return self.block_hash


@dataclass(frozen=True, slots=True)
class ChainAbsenceDocument:
    """At a final block nothing stands, and nothing can come any more.

    No hold stands past `prepareBy`; or, where the vault is the pivot, no execution past the order's `lastValid`.
    """

    KIND: ClassVar[str] = "chain-absence"

    chain_id: Uint256
    vault: Address
    block_number: Uint64
    block_hash: Bytes32
    block_time: Uint64
    """The block's own timestamp, unix seconds."""

    @property
    def position(self) -> Bytes32:
        """Give the block's hash."""
        return self.block_hash


Document = BankReceiptDocument | ChainEventDocument | ChainRefusalDocument | ChainAbsenceDocument


def evidence_hash(document: Document) -> Bytes32:
    """Give what an attestation names as its evidence."""
    return keccak256(encode(document))


def read_document(data: bytes) -> Document:
    """Read canonical bytes as an evidence document; Malformed where they are not."""
    document: Document = decode_canonical(Document, data)  # type: ignore[arg-type]  # a union is no type[T] to mypy
    return document
