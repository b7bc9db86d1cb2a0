"""An event proves a fact of a leg only where every member equals the signed terms."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode

from interlock.core.attestation import Fact
from interlock.core.instruction import LegIndex, SettlementId
from interlock.encoding.canonical import Malformed
from interlock.encoding.canonical import encode as canonical
from interlock.encoding.values import Address, Blob, Bytes32, MinorUnits, Uint32, Uint64, Uint256
from interlock.evidence.chain_event import Delivered, Held, Returned, Tombstoned, event_fault, read_event
from interlock.evidence.document import ChainEventDocument, evidence_hash, read_document
from support import world
from support.evm import log_of, onchain, watch

WATCH = watch()
KINDS = {Held: Fact.HELD, Delivered: Fact.DELIVERED, Returned: Fact.RETURNED, Tombstoned: Fact.RETURNED}


def document(kind: type = Held, **changes: object) -> ChainEventDocument:
    """Give an event of the watched leg with some members changed."""
    log = log_of(kind, WATCH, **changes)
    return ChainEventDocument(
        chain_id=Uint256(world.CHAIN_ID),
        vault=world.VAULT,
        block_number=Uint64(5),
        block_hash=world.word(5),
        transaction_hash=world.word(6),
        log_index=Uint32(0),
        topics=tuple(Bytes32(bytes.fromhex(topic[2:])) for topic in log["topics"]),
        data=Blob(bytes.fromhex(log["data"][2:])),
    )


def fault(known: ChainEventDocument, fact: Fact) -> str | None:
    """Compare an event with the watched leg."""
    return event_fault(known, WATCH.settlement, WATCH.leg, onchain(WATCH), fact)


@pytest.mark.parametrize("kind", KINDS)
def test_success_each_event_proves_its_fact_and_no_other(kind: type) -> None:
    """Held proves HELD, and its payer's consent; the others their one end; nothing proves anything else."""
    known = document(kind)
    assert fault(known, KINDS[kind]) is None
    proven = {KINDS[kind], Fact.SIGNED} if kind is Held else {KINDS[kind]}
    for fact in Fact:
        assert (fault(known, fact) is None) == (fact in proven)
    assert read_document(canonical(known)) == known
    assert evidence_hash(known) != evidence_hash(document(Held, leg=9))


@pytest.mark.parametrize(
    ("kind", "member", "value"),
    [
        (Held, "payer", world.STRANGER.address),
        (Held, "payee", world.STRANGER.address),
        (Held, "token", world.OTHER_TOKEN),
        (Held, "amount", MinorUnits(Uint256(99))),
        (Held, "nonce", world.nonce(1, 2)),
        (Delivered, "payee", world.STRANGER.address),
        (Delivered, "token", world.OTHER_TOKEN),
        (Delivered, "amount", MinorUnits(Uint256(99))),
        (Returned, "payer", world.STRANGER.address),
        (Returned, "amount", MinorUnits(Uint256(99))),
        (Tombstoned, "payer", world.STRANGER.address),
        (Tombstoned, "nonce", world.nonce(2)),
    ],
)
def test_any_other_member_is_told(kind: type, member: str, value: object) -> None:
    """The fault names the member and both values."""
    said = fault(document(kind, **{member: value}), KINDS[kind])
    assert said is not None
    assert f"the event's {member} is" in said


def test_another_chain_vault_leg_or_settlement_is_told() -> None:
    """What the event belongs to is compared before its members."""
    known = document()
    assert "of chain 5" in str(fault(replace(known, chain_id=Uint256(5)), Fact.HELD))
    assert "of vault" in str(fault(replace(known, vault=Address(bytes(20))), Fact.HELD))
    assert "of leg 3" in str(fault(document(leg=3), Fact.HELD))
    other = SettlementId(world.word(1))
    assert "of settlement" in str(event_fault(known, other, WATCH.leg, onchain(WATCH), Fact.HELD))
    assert "not of leg 1" in str(event_fault(known, WATCH.settlement, LegIndex(Uint32(1)), onchain(WATCH), Fact.HELD))


def test_bytes_of_another_form_are_refused() -> None:
    """Topics and data have exactly the words of their event, and no dirty bits."""
    known = document()
    topics, data = known.topics, known.data
    wrong: list[tuple[tuple[bytes, ...], bytes]] = [
        ((), data),
        (topics[:3], data),
        ((world.word(1), *topics[1:]), data),
        ((world.word(1), *topics[1:3]), data),
        ((*topics[:3], world.word(1)[:20]), data),
        ((*topics[:3], b"\1" + topics[3][1:]), data),
        (topics, data[:-1]),
        (topics, data + bytes(32)),
        (topics, encode(["uint256"], [2**32]) + data[32:]),
        (topics, data[:32] + b"\1" * 32 + data[64:]),
        ((Tombstoned.TOPIC, *topics[1:3]), data),
    ]
    for these, those in wrong:
        with pytest.raises(Malformed):
            read_event(these, those)
        bent = replace(known, topics=tuple(Bytes32(topic) for topic in these), data=Blob(those))
        assert "cannot be read" in str(fault(bent, Fact.HELD))
