"""Four nodes on one log bring settlements to their end, alike on every node, with receipts that anybody can check."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.settlement import Cause, State
from interlock.encoding.canonical import encode
from interlock.entries.door import Door
from interlock.evidence.verify import verify_receipt
from interlock.ordering.embedded.client import EmbeddedLog
from interlock.ordering.embedded.sequencer import Pace, Sequencer
from interlock.ordering.embedded.server import LogServer
from interlock.ordering.embedded.store import BlockStore
from support.evidence import GENESIS_BYTES
from support.face import HOST
from support.nodes import EVERYBODY, Nodes, hurry
from support.puppet_log import signed_outcomes
from support.world import (
    ALICE,
    BOB,
    COMMITTEE,
    NETWORK,
    PREPARE_BY,
    cancel,
    configure,
    instruct,
    instruction,
    nonce,
    onchain_leg,
    sign,
)


@pytest.fixture
async def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    hurry(monkeypatch)
    async with Nodes(tmp_path) as made:
        made.sit_all()
        yield made


async def test_four_nodes_settle_alike_and_their_receipts_verify_offline(nodes: Nodes) -> None:
    """Every node ends SETTLED with the same state hash and history, and each one's receipt proves it."""
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED)
    await nodes.same()
    assert len({seat.node.replica.state_hash() for seat in nodes.seats.values()}) == 1
    histories = [seat.node.history(id_) for seat in nodes.seats.values()]
    assert all(each == histories[0] for each in histories)
    assert nodes.vault.said(id_, 0) == nodes.bank.said(id_, 1) == [Fact.HELD, Fact.DELIVERED]
    for member in EVERYBODY:
        receipt = nodes.seats[member].node.receipt(nodes.settlement(member, id_))
        assert receipt is not None
        report = verify_receipt(encode(receipt), GENESIS_BYTES)
        assert report.valid, report.reason
        assert report.state is State.SETTLED
        assert report.lies == ()


async def test_a_refused_leg_unwinds_everything(nodes: Nodes) -> None:
    """Where one ledger refuses, what the other holds goes back, a tombstone is set, and the receipt says UNWOUND."""
    nodes.bank.refuses = True
    id_ = await nodes.bring()
    await nodes.reach(id_, State.UNWOUND)
    assert nodes.settlement(0, id_).cause is Cause.LEG_REFUSED
    assert nodes.vault.said(id_, 0)[-1] is Fact.RETURNED
    assert nodes.bank.said(id_, 1) == [Fact.REFUSED, Fact.RETURNED]
    receipt = nodes.seats[3].node.receipt(nodes.settlement(3, id_))
    assert receipt is not None
    report = verify_receipt(encode(receipt), GENESIS_BYTES)
    assert report.valid, report.reason
    assert report.state is State.UNWOUND


async def test_several_settlements_go_their_ways_at_once(nodes: Nodes) -> None:
    """Settlements do not wait for each other: one is cancelled while two settle."""
    terms = [instruction(salt=n, onchain_legs=(onchain_leg(nonce=nonce(n)),)) for n in (1, 2, 3)]
    nodes.vault.ignores = True
    ids = [await nodes.bring(each, member) for member, each in enumerate(terms)]
    id_, rejection = await nodes.submit(cancel(ids[1], ALICE, BOB), 3)
    assert (id_, rejection) == (ids[1], None)
    nodes.vault.hold_ignored()
    await nodes.reach(ids[0], State.SETTLED)
    await nodes.reach(ids[2], State.SETTLED)
    await nodes.reach(ids[1], State.UNWOUND)
    assert all(len(outcomes) == 1 for outcomes in signed_outcomes(nodes.log).values())


async def test_parties_sign_one_after_the_other_through_different_nodes(nodes: Nodes) -> None:
    """An alleged settlement waits for its second signature, which any node takes."""
    terms = instruction()
    id_, _ = await nodes.submit(instruct(terms, ALICE), 1)
    await nodes.reach(id_, State.ALLEGED)
    assert nodes.vault.count("prepare") == 0
    await nodes.submit(sign(id_, BOB), 2)
    await nodes.reach(id_, State.SETTLED)


async def test_without_holds_the_deadline_aborts_by_log_time_alone(nodes: Nodes) -> None:
    """When log time passes prepareBy an undecided settlement is aborted, and ledgers are given its certificate."""
    nodes.vault.ignores = True
    id_ = await nodes.bring()
    await nodes.until(lambda: nodes.settlement(0, id_).legs[1].stands(Fact.HELD))
    nodes.clock.time = PREPARE_BY + 1
    nodes.log.advance()
    await nodes.reach(id_, State.UNWOUND)
    assert nodes.settlement(0, id_).cause is Cause.PREPARE_BY_PASSED
    assert nodes.bank.said(id_, 1) == [Fact.HELD, Fact.RETURNED]
    assert nodes.vault.said(id_, 0) == [Fact.RETURNED]


async def test_a_hold_that_slips_in_after_the_abort_is_returned(nodes: Nodes) -> None:
    """A hold made late is given back with the certificate; the decision stands."""
    nodes.vault.ignores = True
    id_ = await nodes.bring()
    await nodes.until(lambda: nodes.vault.ignored)
    for connection in nodes.connections(nodes.vault.name):
        connection.open.clear()
    await nodes.submit(cancel(id_, ALICE, BOB))
    await nodes.until(lambda: nodes.vault.count("deliver") == len(EVERYBODY))
    nodes.vault.hold_ignored()
    await nodes.until(lambda: nodes.settlement(0, id_).legs[0].stands(Fact.HELD))
    for connection in nodes.connections(nodes.vault.name):
        connection.open.set()
    await nodes.reach(id_, State.UNWOUND)
    assert nodes.vault.said(id_, 0) == [Fact.HELD, Fact.RETURNED]
    assert {each.decision.outcome for each in nodes.vault.certificates} == {Outcome.ABORT}


async def test_a_node_that_was_away_catches_up(nodes: Nodes) -> None:
    """Three nodes settle without the fourth; when it is back it knows all of it and serves the receipt."""
    home = await nodes.crash(3)
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED)
    nodes.sit(3, home=home)
    await nodes.reach(id_, State.SETTLED)
    await nodes.same()
    assert nodes.seats[3].node.replica.state_hash() == nodes.seats[0].node.replica.state_hash()
    assert nodes.seats[3].node.history(id_) == nodes.seats[0].node.history(id_)
    assert nodes.seats[3].node.receipt(nodes.settlement(3, id_)) == nodes.seats[0].node.receipt(
        nodes.settlement(0, id_)
    )


async def test_two_nodes_away_stop_everything_and_one_back_finishes_it(nodes: Nodes) -> None:
    """Without a quorum nothing is decided, whatever the ledgers hold; with it everything goes on."""
    homes = {member: await nodes.crash(member) for member in (2, 3)}
    id_ = await nodes.bring()
    await nodes.until(lambda: nodes.votes(0, id_, 1, Fact.HELD) == 0b11)
    assert nodes.state(0, id_) is State.PREPARING
    nodes.sit(2, home=homes[2])
    await nodes.reach(id_, State.SETTLED)


async def test_four_nodes_settle_on_the_real_sequencer_that_is_killed_amid_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the sequencer's own socket and file, restarted between holds and decision, everything goes on and ends."""
    hurry(monkeypatch)
    async with AsyncExitStack() as stack:
        nodes = await stack.enter_async_context(Nodes(tmp_path))
        nodes.bank.ignores = True
        async with sequencer_of(tmp_path / "log.db", nodes.clock.read, 0) as port:
            logs = [await stack.enter_async_context(EmbeddedLog(HOST, port)) for _ in EVERYBODY]
            await logs[0].submit(encode(configure(nodes.registry, 1)))
            for member, log in zip(EVERYBODY, logs, strict=True):
                nodes.sit(member, log=log)
            id_ = await nodes.bring()
            await nodes.until(lambda: nodes.settlement(0, id_).legs[0].stands(Fact.HELD))
        nodes.bank.hold_ignored()
        async with sequencer_of(tmp_path / "log.db", nodes.clock.read, port):
            await nodes.reach(id_, State.SETTLED)
        assert nodes.bank.said(id_, 1) == [Fact.HELD, Fact.DELIVERED]
        for member in EVERYBODY:
            await nodes.leave(member)


@asynccontextmanager
async def sequencer_of(path: Path, clock: Callable[[], int], port: int) -> AsyncIterator[int]:
    """Run one life of a sequencer behind the network's door; give its port."""
    check = Door(NETWORK, COMMITTEE)
    sequencer = Sequencer(BlockStore(path, NETWORK), clock, check=check, pace=Pace(block_interval_s=0))
    making = asyncio.create_task(sequencer.run())
    server = LogServer(sequencer)
    try:
        yield await server.start(HOST, port)
    finally:
        await server.stop()
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)
        sequencer.close()
