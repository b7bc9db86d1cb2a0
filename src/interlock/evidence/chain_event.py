"""Read the events of a vault from their topics and data, and compare them with the signed terms; offline.

Every event that proves something has only fixed-size members, so its data is a row of 32-byte words:

    Held(bytes32 indexed settlement, address indexed payer, address indexed payee,
         uint32 leg, address token, uint256 amount, uint256 nonce)
    Delivered(bytes32 indexed settlement, address indexed payee, uint32 leg, address token, uint256 amount)
    Returned(bytes32 indexed settlement, address indexed payer, uint32 leg, address token, uint256 amount)
    Tombstoned(bytes32 indexed settlement, address indexed payer, uint32 leg, uint256 nonce)
    Executed(bytes32 indexed settlement, uint64 lastValid)

The last is of a settlement as a whole, whose pivot the vault was; the others are of one leg each. That an event stood
in a final block of the chain is what the nodes attest; it cannot be seen offline.

Source: `contracts/src/IVault.sol`; Solidity ABI specification, "Events".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from interlock.core.attestation import Fact
from interlock.core.instruction import LegIndex, OnchainLeg, SettlementId
from interlock.encoding.canonical import Malformed
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Address, Bytes32, MinorUnits, Uint32, Uint64, Uint256, UnixSeconds, hex_of
from interlock.evidence.document import ChainEventDocument

_WORD_BYTES = 32
_ADDRESS_BYTES = 20


@dataclass(frozen=True, slots=True)
class Held:
    """The amount left the payer and stands in the vault."""

    TOPIC: ClassVar[Bytes32] = keccak256(b"Held(bytes32,address,address,uint32,address,uint256,uint256)")

    settlement: SettlementId
    leg: LegIndex
    payer: Address
    payee: Address
    token: Address
    amount: MinorUnits
    nonce: Uint256


@dataclass(frozen=True, slots=True)
class Delivered:
    """The amount left the vault to the payee."""

    TOPIC: ClassVar[Bytes32] = keccak256(b"Delivered(bytes32,address,uint32,address,uint256)")

    settlement: SettlementId
    leg: LegIndex
    payee: Address
    token: Address
    amount: MinorUnits


@dataclass(frozen=True, slots=True)
class Returned:
    """The amount left the vault to the payer."""

    TOPIC: ClassVar[Bytes32] = keccak256(b"Returned(bytes32,address,uint32,address,uint256)")

    settlement: SettlementId
    leg: LegIndex
    payer: Address
    token: Address
    amount: MinorUnits


@dataclass(frozen=True, slots=True)
class Tombstoned:
    """The leg was closed before it was held, and can never be."""

    TOPIC: ClassVar[Bytes32] = keccak256(b"Tombstoned(bytes32,address,uint32,uint256)")

    settlement: SettlementId
    leg: LegIndex
    payer: Address
    nonce: Uint256


@dataclass(frozen=True, slots=True)
class Executed:
    """The vault was the pivot, and moved all of its legs in one step, from payers to payees."""

    TOPIC: ClassVar[Bytes32] = keccak256(b"Executed(bytes32,uint64)")

    settlement: SettlementId
    last_valid: UnixSeconds
    """Of the certified order that it executed."""


VaultEvent = Held | Delivered | Returned | Tombstoned

TOPICS = (Held.TOPIC, Delivered.TOPIC, Returned.TOPIC, Tombstoned.TOPIC)
"""First topics of the events that prove a fact of one leg."""

_PROVES: dict[type[VaultEvent], frozenset[Fact]] = {
    # Nothing is held without its payer's signature, or its payer's own call.
    Held: frozenset({Fact.HELD, Fact.SIGNED}),
    Delivered: frozenset({Fact.DELIVERED}),
    Returned: frozenset({Fact.RETURNED}),
    Tombstoned: frozenset({Fact.RETURNED}),
}


def read_event(topics: Sequence[bytes], data: bytes) -> VaultEvent:
    """Read an event of a vault that is of one leg.

    Malformed where the first topic is of no such event, the number of topics or words is another, or a word is out of
    its type's range (dirty high bits).
    """
    kind = topics[0] if topics else b""
    if kind == Held.TOPIC:
        settlement, payer, payee = _words(topics, 3)
        leg, token, amount, nonce = _data_words(data, 4)
        return Held(
            SettlementId(Bytes32(settlement)),
            _leg(leg),
            _address(payer),
            _address(payee),
            _address(token),
            _amount(amount),
            _uint256(nonce),
        )
    settlement, party = _words(topics, 2)
    if kind == Tombstoned.TOPIC:
        leg, nonce = _data_words(data, 2)
        return Tombstoned(SettlementId(Bytes32(settlement)), _leg(leg), _address(party), _uint256(nonce))
    if kind not in {Delivered.TOPIC, Returned.TOPIC}:
        raise Malformed(f"topic {hex_of(kind)} is of no event of a vault that proves a fact")
    leg, token, amount = _data_words(data, 3)
    made = Delivered if kind == Delivered.TOPIC else Returned
    return made(SettlementId(Bytes32(settlement)), _leg(leg), _address(party), _address(token), _amount(amount))


def event_fault(
    document: ChainEventDocument, settlement: SettlementId, leg: LegIndex, terms: OnchainLeg, fact: Fact
) -> str | None:
    """Say why an event does not prove this fact of this leg, or None where it does.

    Checked in this order: chain, vault, form of the event, kind of event (a tombstone proves RETURNED too), settlement,
    leg, then every member that the event has against the signed terms.
    """
    if document.chain_id != terms.chain_id:
        return f"the event is of chain {document.chain_id}, the signed leg of chain {terms.chain_id}"
    if document.vault != terms.vault:
        return f"the event is of vault {hex_of(document.vault)}, the signed leg of {hex_of(terms.vault)}"
    try:
        event = read_event(document.topics, document.data)
    except Malformed as error:
        return f"the event cannot be read: {error}"
    if fact not in _PROVES[type(event)]:
        return f"the event is {type(event).__name__}, which does not prove {fact.name}"
    if event.settlement != settlement:
        return f"the event is of settlement {hex_of(event.settlement)}, not of {hex_of(settlement)}"
    if event.leg != leg:
        return f"the event is of leg {event.leg}, not of leg {leg}"
    for name in ("payer", "payee", "token", "amount", "nonce"):
        if hasattr(event, name) and getattr(event, name) != getattr(terms, name):
            said, signed = _text(getattr(event, name)), _text(getattr(terms, name))
            return f"the event's {name} is {said}, the signed leg's is {signed}"
    return None


def read_execution(topics: Sequence[bytes], data: bytes) -> Executed:
    """Read a vault's word that it executed an order; Malformed where it is of no such event or form."""
    if not topics or topics[0] != Executed.TOPIC:
        raise Malformed("its first topic is not that of an execution")
    (settlement,) = _words(topics, 1)
    (last_valid,) = _data_words(data, 1)
    return Executed(SettlementId(Bytes32(settlement)), UnixSeconds(Uint64(_number(last_valid, 64))))


def _words(topics: Sequence[bytes], count: int) -> tuple[bytes, ...]:
    """Give the indexed members."""
    if len(topics) != count + 1 or any(len(topic) != _WORD_BYTES for topic in topics):
        raise Malformed(f"{len(topics)} topics; {count + 1} of {_WORD_BYTES} bytes are wanted")
    return tuple(topics[1:])


def _data_words(data: bytes, count: int) -> tuple[bytes, ...]:
    if len(data) != count * _WORD_BYTES:
        raise Malformed(f"{len(data)} bytes of data; {count * _WORD_BYTES} are wanted")
    return tuple(data[at : at + _WORD_BYTES] for at in range(0, len(data), _WORD_BYTES))


def _address(word: bytes) -> Address:
    if any(word[:-_ADDRESS_BYTES]):
        raise Malformed(f"{hex_of(word)} is no address")
    return Address(word[-_ADDRESS_BYTES:])


def _leg(word: bytes) -> LegIndex:
    return LegIndex(Uint32(_number(word, 32)))


def _number(word: bytes, bits: int) -> int:
    number = int.from_bytes(word, "big")
    if number >> bits:
        raise Malformed(f"{number} is no uint{bits}")
    return number


def _uint256(word: bytes) -> Uint256:
    return Uint256(int.from_bytes(word, "big"))


def _amount(word: bytes) -> MinorUnits:
    return MinorUnits(_uint256(word))


def _text(value: bytes | int) -> str:
    return hex_of(value) if isinstance(value, bytes) else str(value)
