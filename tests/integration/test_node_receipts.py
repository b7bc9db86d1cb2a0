"""Nodes give receipts that outlive the epoch in which their settlement ended."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from interlock.core.rotation import rotation_digest
from interlock.core.settlement import State
from interlock.encoding.canonical import encode
from interlock.evidence.receipt import Receipt
from interlock.evidence.report import Report
from interlock.evidence.verify import verify_receipt
from support.evidence import GENESIS_BYTES
from support.nodes import EVERYBODY, Nodes, hurry
from support.world import COMMITTEE, NETWORK, instruction, nonce, onchain_leg, rotate


@pytest.fixture
async def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    hurry(monkeypatch)
    async with Nodes(tmp_path) as made:
        made.sit_all()
        yield made


async def hand_over(nodes: Nodes, epoch: int) -> None:
    """Let the committee of an epoch follow itself."""
    nodes.log.put(rotate(COMMITTEE.members, epoch=epoch))
    await nodes.until(lambda: all(nodes.seats[each].node.replica.committee.epoch == epoch + 1 for each in nodes.seats))


def receipt_of(nodes: Nodes, member: int, id_: bytes) -> Receipt:
    """Give a node's receipt, which it must have."""
    node = nodes.seats[member].node
    known = node.settlement(id_)  # type: ignore[arg-type]  # a settlement's id
    assert known is not None
    receipt = node.receipt(known)
    assert receipt is not None
    return receipt


def report_of(receipt: Receipt) -> Report:
    report = verify_receipt(encode(receipt), GENESIS_BYTES)
    assert report.valid, report.reason
    return report


async def test_a_receipt_of_a_closed_epoch_shows_its_inclusion(nodes: Nodes) -> None:
    """After each rotation every node gives the same receipt, led to the newest epoch, and it verifies from genesis."""
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED)
    early = receipt_of(nodes, 0, id_)
    assert (early.rotations, early.inclusion) == ((), None)
    for epoch in (1, 2):
        await hand_over(nodes, epoch)
        receipts = [receipt_of(nodes, member, id_) for member in EVERYBODY]
        assert all(each == receipts[0] for each in receipts)
        assert receipts[0].inclusion is not None
        report = report_of(receipts[0])
        assert (report.state, report.epoch) == (State.SETTLED, epoch + 1)
        assert report.rotation == rotation_digest(NETWORK, receipts[0].rotations[-1].rotation)
    assert not verify_receipt(encode(early), GENESIS_BYTES, rotation=report.rotation).valid


async def test_what_proves_a_closed_epoch_survives_a_crash(nodes: Nodes) -> None:
    """A node that starts again on its disk gives the receipts that it gave before."""
    terms = [instruction(salt=n, onchain_legs=(onchain_leg(nonce=nonce(n)),)) for n in (1, 2, 3)]
    ids = [await nodes.bring(each) for each in terms]
    for id_ in ids:
        await nodes.reach(id_, State.SETTLED)
    await hand_over(nodes, 1)
    before = [receipt_of(nodes, 3, id_) for id_ in ids]
    nodes.sit(3, home=await nodes.crash(3))
    await nodes.same()
    assert [receipt_of(nodes, 3, id_) for id_ in ids] == before
    assert all(report_of(each).state is State.SETTLED for each in before)
