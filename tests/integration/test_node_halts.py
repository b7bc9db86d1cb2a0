"""A node halts rather than sign what it must not: it signs and performs nothing more, says why, and keeps answering."""

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import FIRST_EPOCH, MemberIndex
from interlock.core.decision import Outcome
from interlock.core.entry import Anchor, Attest, Certify
from interlock.core.instruction import SettlementId
from interlock.core.invariants import BrokenInvariant
from interlock.core.replica import Replica
from interlock.core.settlement import State
from interlock.core.signing import Refusal, Shown
from interlock.encoding.values import Height, Uint32, Uint64
from interlock.entries.check import decode_entry
from interlock.keys.sign_once import AskedDecision, RecordFailed, SignOnceRecord
from interlock.node.config import RECORD_FILE, STORE_FILE
from interlock.node.node import Node
from interlock.ordering.protocol import LogBlock
from interlock.views.desk import NodeHalted
from interlock.views.status import status_view
from support.log import LATE
from support.nodes import EVERYBODY, Nodes, Seat, hurry
from support.puppet_log import Treatment, signed_outcomes, treat
from support.world import ALICE, BOB, NODES, STRANGER, attest, attestation, id_of, instruct, instruction, sign, word


@pytest.fixture
async def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    hurry(monkeypatch)
    async with Nodes(tmp_path) as made:
        yield made


def _permit(record: SignOnceRecord, id_: SettlementId, outcome: Outcome, anchor: Anchor) -> None:
    """Let a record hold that an outcome was signed."""
    assert record.permit_decisions([AskedDecision(id_, outcome, Shown())], FIRST_EPOCH, anchor) is None


def _one_that_signed(nodes: Nodes) -> int:
    """Give a member whose decision stands in the log: the fourth need not sign once a quorum has."""
    return min(member for member, _ in signed_outcomes(nodes.log))


async def _halts(nodes: Nodes, member: int, *words: str) -> Seat:
    """Wait until a node has halted, for this reason, and see that it is quiet and still answers."""
    seat = nodes.seats[member]
    await nodes.until(lambda: seat.node.halted and seat.running.done())
    for each in words:
        assert each in seat.node.halted
    status = status_view(seat.node)
    assert status["halted"] == seat.node.halted
    with pytest.raises(NodeHalted, match="This node halted"):
        await seat.node.submit(instruct(instruction(salt=99), ALICE, BOB))
    assert seat.node._performer._tasks == {}
    return seat


async def test_a_log_that_decides_the_opposite_of_what_was_signed_halts_the_node(nodes: Nodes) -> None:
    """A node that signed COMMIT and is shown a log with ABORT, its own database lost, signs no decision and says so."""
    nodes.sit_all()
    fork = nodes.log.fork()
    nodes.log.treat = treat(Treatment.KEEP_BACK, Certify)
    id_ = await nodes.bring()
    await nodes.until(lambda: len(signed_outcomes(nodes.log)) == len(EVERYBODY))
    image = await nodes.crash(0)
    for path in image.glob(STORE_FILE + "*"):
        path.unlink()
    fork.put(instruct(instruction(), ALICE, BOB))
    nodes.clock.time = LATE
    while fork.height <= nodes.log.height:
        fork.advance()
    nodes.sit(0, home=image, log=fork)
    seat = await _halts(nodes, 0, "LogForked", "this node signed under")
    signed_under = seat.record.highest()
    assert signed_under is not None
    for each in map(decode_entry, fork.brought):
        # What it saw on the ledgers before the fork showed; nothing of the place where it signed, and no decision.
        assert isinstance(each, Attest)
        assert each.anchor.height < signed_under[0]
    assert signed_outcomes(nodes.log, fork)[0, id_] == {Outcome.COMMIT}


async def test_the_opposite_is_refused_by_the_record_even_where_the_heights_say_nothing(nodes: Nodes) -> None:
    """Where only the outcome betrays another log, the record still refuses it before anything is signed."""
    id_ = id_of(instruction())
    nodes.sit_all((0,))
    _permit(nodes.seats[0].record, id_, Outcome.COMMIT, nodes.seats[0].node.replica.anchor)
    await nodes.until(lambda: nodes.seats[0].node.replica.configurations)
    await nodes.submit(instruct(instruction(), ALICE, BOB))
    nodes.clock.time = LATE
    nodes.log.advance()
    seat = await _halts(nodes, 0, "SignOnceViolated", "it is never signed")
    assert signed_outcomes(nodes.log) == {}
    assert seat.node.settlement(id_) is not None


async def test_a_log_shorter_than_the_record_halts_the_node(nodes: Nodes) -> None:
    """A log restored from a backup, shorter than what the node signed under, stops it at its start."""
    nodes.sit_all()
    height = nodes.log.height
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED)
    image = await nodes.crash(2)
    nodes.sit(2, home=image, log=nodes.log.fork(height))
    await _halts(nodes, 2, "LogForked")


async def test_a_log_shorter_than_the_record_halts_a_node_without_its_database(nodes: Nodes) -> None:
    """The same where the node's own copy of the log is gone: the record alone knows how far it signed."""
    nodes.sit_all()
    height = nodes.log.height
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED)
    member = _one_that_signed(nodes)
    image = await nodes.crash(member)
    for path in image.glob(STORE_FILE + "*"):
        path.unlink()
    nodes.sit(member, home=image, log=nodes.log.fork(height))
    await _halts(nodes, member, "LogForked", "a backup was restored")


async def test_a_log_that_ends_where_the_key_signed_but_in_another_block_halts_the_node(nodes: Nodes) -> None:
    """A fork that is no longer than what was signed under is told by the hash of its last block, before any other."""
    nodes.sit_all()
    await nodes.same()
    home = nodes.folder / "elsewhere"
    home.mkdir()
    with SignOnceRecord.create(home / RECORD_FILE) as record:
        _permit(record, SettlementId(word(1)), Outcome.COMMIT, Anchor(nodes.log.anchor.height, word(2)))
    await nodes.leave(2)
    nodes.sit(2, home=home)
    await _halts(nodes, 2, "LogForked", "this is another log")


async def test_a_log_that_turns_shorter_while_the_node_runs_halts_it(nodes: Nodes) -> None:
    """A log begun anew under a running node is not followed."""
    seats = nodes.sit_all((0, 1))
    await nodes.same()
    for _ in range(3):
        nodes.log.advance()
    await nodes.same()
    nodes.log.stop()
    await nodes.until(lambda: all(seat.node.alarms for seat in seats))
    del nodes.log._blocks[2:]
    nodes.log.start()
    for seat in seats:
        await _halts(nodes, seat.member, "LogForked")


async def test_another_block_at_a_height_that_was_applied_halts_the_node(nodes: Nodes) -> None:
    """A log whose next block follows another history than the node's is not applied."""
    nodes.sit_all((0,))
    await nodes.same()
    nodes.log.stop()
    tip = nodes.log.made[-1]
    nodes.log._blocks[-1] = LogBlock(tip.height, tip.time + 1, tip.previous, tip.entries)
    nodes.log.start()
    nodes.log.advance()
    await _halts(nodes, 0, "LogForked", "this is another log")


async def test_log_time_that_goes_back_halts_the_node(nodes: Nodes) -> None:
    """Time never goes back: a block that claims so is no successor."""
    nodes.sit_all((0,))
    await nodes.same()
    tip = nodes.log.made[-1]
    nodes.log._blocks.append(LogBlock(tip.height + 1, tip.time - 1, tip.hash, ()))
    nodes.log._wake()
    await _halts(nodes, 0, "LogForked", "log time went back")


async def test_a_record_that_was_lost_is_noticed_by_the_nodes_own_signature_in_the_log(nodes: Nodes) -> None:
    """A key whose signature is in the log and not in its record signs no more: its record was lost or restored."""
    nodes.sit_all()
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED)
    member = _one_that_signed(nodes)
    image = await nodes.crash(member)
    for path in image.glob(RECORD_FILE + "*"):
        path.unlink()
    SignOnceRecord.create(image / RECORD_FILE).close()
    nodes.sit(member, home=image)
    await _halts(nodes, member, "RecordLost", "replace it by a rotation")


async def test_a_record_of_the_other_outcome_counts_as_lost(nodes: Nodes) -> None:
    """The log holds this key's COMMIT and the record says ABORT: one of the two is not this key's past."""
    nodes.sit_all()
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED)
    member = _one_that_signed(nodes)
    image = await nodes.crash(member)
    for path in (*image.glob(RECORD_FILE + "*"), *image.glob(STORE_FILE + "*")):
        path.unlink()
    with SignOnceRecord.create(image / RECORD_FILE) as record:
        _permit(record, id_, Outcome.ABORT, Anchor(Height(Uint64(0)), word(0)))
    nodes.sit(member, home=image)
    await nodes.until(lambda: nodes.seats[member].node.halted)
    assert nodes.seats[member].node.halted.split(":")[0] in {"RecordLost", "SignOnceViolated"}
    assert signed_outcomes(nodes.log)[member, id_] == {Outcome.COMMIT}


async def test_a_broken_invariant_halts_the_node_and_says_which(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that must never be stops the node with its tag; the block is not kept as applied."""
    nodes.sit_all((0,))
    await nodes.same()
    height = nodes.log.height

    def break_it(*_: object) -> None:
        raise BrokenInvariant("I1", "a leg is delivered and another returned")

    monkeypatch.setattr(Replica, "apply_block", break_it)
    nodes.log.advance()
    await _halts(nodes, 0, "BrokenInvariant", "I1")
    assert [block.height for block in nodes.seats[0].store.blocks()][-1] == height


async def test_nothing_is_signed_when_the_record_cannot_be_written(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sign-once record that does not take the outcome stops that node's signature, and only that node's."""
    broken = nodes.sit_all()[3].record
    permit = SignOnceRecord.permit_decisions

    def fail(self: SignOnceRecord, *asked: object) -> Refusal | None:
        if self is broken:
            raise RecordFailed("the disk is full; nothing may be signed until it is mended")
        return permit(self, *asked)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(SignOnceRecord, "permit_decisions", fail)
    id_ = await nodes.bring()
    await _halts(nodes, 3, "RecordFailed", "the disk is full")
    await nodes.reach(id_, State.SETTLED, (0, 1, 2))
    assert (3, id_) not in signed_outcomes(nodes.log)


async def test_a_halted_node_performs_nothing_more(nodes: Nodes) -> None:
    """Whatever the log decides after the halt, this node asks no ledger for anything."""
    nodes.sit_all()
    await nodes.same()
    nodes.seats[3].node._halt_because(RuntimeError("stop it"))
    await _halts(nodes, 3, "RuntimeError: stop it")
    brought = len(nodes.log.brought)
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED, (0, 1, 2))
    assert nodes.bank.count("prepare", 3) == nodes.vault.count("deliver", 3) == 0
    later = [decode_entry(each) for each in nodes.log.brought[brought:]]
    assert {each.member for each in later if isinstance(each, Attest | Certify)} == {0, 1, 2}


@pytest.mark.parametrize("steps", range(4))
async def test_a_node_that_is_stopped_while_it_halts_leaves_nothing_behind(
    nodes: Nodes, caplog: pytest.LogCaptureFixture, steps: int
) -> None:
    """A stop and a halt, however close, end all the node's work; no error turns up later that nobody took note of."""
    nodes.vault.ignores = True
    seat = nodes.sit(0)
    await nodes.bring()
    await nodes.until(lambda: nodes.vault.count("prepare"))
    seat.node._halt_because(RuntimeError("stop it"))
    for _ in range(steps):
        await asyncio.sleep(0)
    await nodes.leave(0)
    del seat
    gc.collect()
    others = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
    assert others == []
    assert "never retrieved" not in caplog.text


async def test_those_who_wait_for_their_entry_are_told_of_the_halt(nodes: Nodes) -> None:
    """A submitter whose node halts meanwhile is told at once, and does not wait for a time-out."""
    nodes.sit_all((0,))
    await nodes.same()
    nodes.log.is_moving = False

    def halt(_: object) -> Treatment:
        nodes.seats[0].node._halt_because(RuntimeError("stop it"))
        return Treatment.ORDER

    nodes.log.treat = halt
    with pytest.raises(NodeHalted, match="stop it"):
        await nodes.submit(instruct(instruction(), ALICE, BOB))


async def test_those_who_wait_for_the_node_to_catch_up_are_told_of_the_halt(nodes: Nodes) -> None:
    """A submitter whose entry is looked at again once the node has caught up is told at once that it never will."""
    seat = nodes.sit(0)
    await nodes.same()
    now = nodes.clock.time
    nodes.clock.time = LATE
    nodes.log.advance()
    nodes.clock.time = now
    submitting = asyncio.create_task(nodes.submit(sign(id_of(instruction()), BOB)))
    await nodes.until(lambda: seat.node._catching_up)
    seat.node._halt_because(RuntimeError("stop it"))
    await nodes.until(seat.running.done)
    for _ in range(3):
        await asyncio.sleep(0)
    assert submitting.done()
    with pytest.raises(NodeHalted, match="stop it"):
        await submitting


async def test_a_halted_node_keeps_answering(nodes: Nodes) -> None:
    """What the node knew it goes on telling: settlements, histories, receipts."""
    nodes.sit_all()
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED)
    nodes.seats[0].node._halt_because(RuntimeError("stop it"))
    seat = await _halts(nodes, 0, "stop it")
    settlement = seat.node.settlement(id_)
    assert settlement is not None
    assert settlement.state is State.SETTLED
    assert seat.node.receipt(settlement) is not None
    assert seat.node.history(id_)[-1]["what"] == "ended"
    assert seat.node.recent(5) == [settlement]


# --- a log whose time runs ahead ---


async def test_a_block_far_ahead_is_refused_until_the_clock_has_caught_up(nodes: Nodes) -> None:
    """A log that jumps past a deadline does not decide by it: nodes wait, say so, and go on when time has come."""
    nodes.vault.ignores = True
    nodes.sit_all()
    id_ = await nodes.bring()
    await nodes.until(lambda: nodes.votes(0, id_, 1, Fact.HELD) == 0b1111)
    await nodes.same()
    height, now = nodes.log.height, nodes.clock.time
    nodes.clock.time = LATE
    nodes.log.advance()
    nodes.clock.time = now
    await nodes.until(lambda: all("has time" in "".join(seat.node.alarms) for seat in nodes.seats.values()))
    assert {seat.node.replica.height for seat in nodes.seats.values()} == {height}
    assert nodes.state(0, id_) is State.PREPARING
    nodes.clock.time = LATE
    await nodes.reach(id_, State.UNWOUND)
    assert all(seat.node.alarms == [] for seat in nodes.seats.values())
    assert not any(seat.node.halted for seat in nodes.seats.values())


async def test_a_block_a_little_ahead_is_taken(nodes: Nodes) -> None:
    """Clocks differ: up to half a minute is nobody's fault."""
    nodes.sit_all((0,))
    await nodes.same()
    now = nodes.clock.time
    nodes.clock.time = now + 30
    nodes.log.advance()
    nodes.clock.time = now
    await nodes.same()
    assert nodes.seats[0].node.replica.time == now + 30


# --- who sits where ---


async def test_a_key_that_is_not_the_members_own_is_refused_at_once(nodes: Nodes) -> None:
    """A node does not start with another member's key, nor with a stranger's."""
    seat = nodes.sit(0)
    for key in (STRANGER, NODES[1]):
        with pytest.raises(ValueError, match="is not member 0's"):
            Node(replace(seat.node._parts, signer=key))


async def test_a_batch_in_anothers_name_counts_for_nobody(nodes: Nodes) -> None:
    """Entries that claim a member's place without its key are rejected by every node, whoever ordered them."""
    nodes.sit_all()
    nodes.vault.ignores = True
    id_ = await nodes.bring()
    own = attest(0, nodes.log.anchor, attestation(0, id_, 0, Fact.LOST))
    nodes.log.put(replace(own, member=MemberIndex(Uint32(1))), replace(own, member=MemberIndex(Uint32(77))))
    await nodes.same()
    assert nodes.votes(0, id_, 0, Fact.LOST) == 0
    assert not any(seat.node.halted for seat in nodes.seats.values())
