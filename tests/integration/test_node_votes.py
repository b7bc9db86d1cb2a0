"""Votes reach the log whatever it does to them, and none is made for what is not known to be final."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from interlock.core.attestation import Attestation, Fact
from interlock.core.committee import Epoch, MemberIndex
from interlock.core.entry import Anchor, Attest, Certify, Entry
from interlock.core.instruction import LegIndex, SettlementId
from interlock.core.limits import BATCH_ITEMS_MAX, ENTRY_BYTES_MAX, EVIDENCE_BYTES_MAX
from interlock.core.replica import Replica
from interlock.core.settlement import State
from interlock.encoding.canonical import encode
from interlock.encoding.values import Blob, Height, Uint32, Uint64
from interlock.keys.sign_once import SignOnceRecord
from interlock.node import voter
from interlock.node.voter import REPEAT_S
from support.bell import Bell, Clock
from support.nodes import EVERYBODY, Nodes, hurry
from support.puppet_ledger import Connection
from support.puppet_log import PuppetLog, Treatment, attested, signed_outcomes, treat
from support.world import (
    ALICE,
    BANK,
    GENESIS,
    NETWORK,
    START,
    VAULT_NAME,
    attest,
    attestation,
    word,
)


@pytest.fixture
async def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    hurry(monkeypatch)
    async with Nodes(tmp_path) as made:
        made.sit_all()
        yield made


def _of(member: int) -> Callable[[Entry], bool]:
    return lambda entry: isinstance(entry, Attest | Certify) and entry.member == member


# --- ledgers: unknown is not failed ---


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("is_down", "not reached"), ("talks_nonsense", "it babbles"), ("loses_answers", "no answer within")],
)
async def test_a_ledger_in_trouble_gets_no_vote_and_works_later(nodes: Nodes, trouble: str, words: str) -> None:
    """Down, nonsense or silence is no refusal: nobody votes, people can read why, and all goes on when it is over."""
    for connection in nodes.connections(BANK):
        setattr(connection, trouble, True)
        connection.is_blind = trouble == "loses_answers"
    id_ = await nodes.bring()
    await nodes.until(lambda: nodes.votes(0, id_, 0, Fact.HELD) == 0b1111)
    await nodes.until(lambda: nodes.bank.count("prepare") >= 3 * len(EVERYBODY))
    settlement = nodes.settlement(0, id_)
    assert settlement.state is State.PREPARING
    assert {each.leg for each in nodes.seats[0].node.tallies(settlement)} == {0}
    assert words in nodes.seats[0].node.troubles(settlement)[1]
    if trouble != "loses_answers":
        await nodes.until(lambda: nodes.seats[0].node.alarms)
        assert words in nodes.seats[0].node.alarms[0]
    assert nodes.bank.said(id_, 1) == ([Fact.HELD] if trouble == "loses_answers" else [])
    for connection in nodes.connections(BANK):
        setattr(connection, trouble, False)
        connection.is_blind = False
    await nodes.reach(id_, State.SETTLED)
    assert nodes.bank.said(id_, 1) == [Fact.HELD, Fact.DELIVERED]
    assert all(seat.node.alarms == [] for seat in nodes.seats.values())


async def test_everything_seen_twice_and_out_of_order_counts_once(nodes: Nodes) -> None:
    """A ledger that doubles and reverses what happened changes nothing."""
    for connection in (*nodes.connections(BANK), *nodes.connections(VAULT_NAME)):
        connection.doubles = True
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED)
    for member in EVERYBODY:
        said = attested(nodes.log, member)
        assert len(said) == len(set(said))


async def test_an_adapter_that_raises_what_nobody_foresaw_stops_no_node(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of an adapter is an alarm and a trouble of its leg; the other ledger and the node go on."""

    async def fail(*_: object) -> None:
        asyncio.get_running_loop().call_soon(nodes.bell.ring)  # once whoever asked has dealt with it
        raise KeyError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(Connection, "observe", fail)
        patched.setattr(Connection, "prepare", fail)
        id_ = await nodes.bring()
        await nodes.until(lambda: len(nodes.seats[0].node.troubles(nodes.settlement(0, id_))) == 2)
        assert "KeyError" in nodes.seats[0].node.troubles(nodes.settlement(0, id_))[0]
        assert not any(seat.node.halted for seat in nodes.seats.values())
    await nodes.reach(id_, State.SETTLED)


async def test_two_liars_cannot_be_outvoted_but_one_can(nodes: Nodes) -> None:
    """One node that turns HELD into REFUSED, and back, changes no outcome; all can see its vote in the log."""
    for connection in nodes.seats[2].connections.values():
        connection.lies = {Fact.HELD: Fact.REFUSED, Fact.REFUSED: Fact.HELD}
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED)
    assert nodes.votes(0, id_, 1, Fact.REFUSED) == 0b0100


async def test_a_leg_on_a_ledger_that_a_node_does_not_reach_is_left_to_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node without a connection says so, votes on the other legs, and follows the decision."""
    hurry(monkeypatch)
    async with Nodes(tmp_path) as nodes:
        nodes.sit_all((0, 1, 2))
        seat = nodes.sit(3)
        del seat.connections[BANK]
        nodes.vault.ignores = True
        id_ = await nodes.bring()
        await nodes.until(lambda: 1 in nodes.seats[3].node.troubles(nodes.settlement(3, id_)))
        assert "no connection to the ledger 'bank:first'" in nodes.seats[3].node.troubles(nodes.settlement(3, id_))[1]
        nodes.vault.hold_ignored()
        await nodes.reach(id_, State.SETTLED)


# --- performing ---


async def test_prepare_and_deliver_are_repeated_until_the_log_shows_them_and_then_no_more(nodes: Nodes) -> None:
    """An effect is performed again and again while its result does not show, and stops once it does."""
    for connection in (*nodes.connections(BANK), *nodes.connections(VAULT_NAME)):
        connection.is_blind = True
    id_ = await nodes.bring()
    for what, fact in (("prepare", Fact.HELD), ("deliver", Fact.DELIVERED)):
        await nodes.until(lambda: all(nodes.bank.count(what, each) > 2 for each in EVERYBODY))  # noqa: B023 - waited for
        assert nodes.bank.said(id_, 1)[-1] is fact
        for connection in (*nodes.connections(BANK), *nodes.connections(VAULT_NAME)):
            connection.is_blind = False
        state = State.COMMITTED if what == "prepare" else State.SETTLED
        await nodes.until(lambda: all(nodes.state(each, id_) in {state, State.SETTLED} for each in EVERYBODY))  # noqa: B023
        if what == "prepare":
            for connection in (*nodes.connections(BANK), *nodes.connections(VAULT_NAME)):
                connection.is_blind = True
    assert nodes.bank.said(id_, 1) == [Fact.HELD, Fact.DELIVERED]
    assert all(not seat.node._performer._tasks for seat in nodes.seats.values())


# --- the log drops, delays, reorders, refuses, is away ---


@pytest.mark.parametrize("kind", [Attest, Certify])
@pytest.mark.parametrize("treatment", [Treatment.DROP, Treatment.REFUSE])
async def test_votes_that_a_log_drops_or_refuses_are_made_again(
    nodes: Nodes, kind: type[Entry], treatment: Treatment
) -> None:
    """A vote is done when the replica shows it, not when the log says so: it comes again after a while."""
    nodes.log.treat = treat(treatment, kind)
    id_ = await nodes.bring()
    stuck = State.PREPARING if kind is Attest else State.COMMITTED
    await nodes.reach(id_, stuck)
    await nodes.until(lambda: len([1 for each in nodes.log.brought if kind.KIND.encode() in each]) >= len(EVERYBODY))
    nodes.log.treat = treat(Treatment.ORDER)
    brought = len(nodes.log.brought)
    looked = nodes.seats[0].connections[BANK].looks
    await nodes.until(lambda: nodes.seats[0].connections[BANK].looks > looked + 5)
    assert (nodes.state(0, id_), len(nodes.log.brought)) == (stuck, brought)
    nodes.clock.time += int(REPEAT_S) + 1
    await nodes.reach(id_, State.SETTLED)
    assert all(len(outcomes) == 1 for outcomes in signed_outcomes(nodes.log).values())


async def test_votes_delayed_and_reordered_still_count(nodes: Nodes) -> None:
    """A log that keeps votes back and gives them in the opposite order delays, and nothing else."""
    nodes.log.treat = treat(Treatment.KEEP_BACK, Attest, Certify)
    id_ = await nodes.bring()
    await nodes.until(lambda: len(nodes.log.kept_back) >= len(EVERYBODY))
    nodes.log.give(reversed(nodes.log.kept_back))
    await nodes.until(lambda: nodes.log.kept_back or nodes.state(0, id_) is State.COMMITTED)
    nodes.log.give(reversed(nodes.log.kept_back))
    nodes.log.treat = treat(Treatment.ORDER)
    nodes.clock.time += int(REPEAT_S) + 1
    await nodes.reach(id_, State.SETTLED)


async def test_answers_that_are_lost_do_no_harm(nodes: Nodes) -> None:
    """A vote that was taken although the log did not answer is brought again and counts once."""
    left = [20]

    def once(entry: Entry) -> Treatment:
        left[0] -= 1
        is_lost = isinstance(entry, Attest | Certify) and left[0] > 0
        return Treatment.TAKE_UNANSWERED if is_lost else Treatment.ORDER

    nodes.log.treat = once
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED)


async def test_a_log_that_is_away_for_a_while_costs_only_time(nodes: Nodes) -> None:
    """While the log is down nodes say so and keep each vote once; when it is back everything goes on."""
    nodes.bank.ignores = True
    id_ = await nodes.bring()
    await nodes.until(lambda: nodes.settlement(0, id_).legs[0].stands(Fact.HELD))
    await nodes.until(lambda: len(nodes.bank.ignored) >= len(EVERYBODY))
    nodes.log.stop()
    nodes.bank.hold_ignored()
    await nodes.until(lambda: all(seat.node.alarms for seat in nodes.seats.values()))
    assert "log: the log is stopped" in nodes.seats[0].node.alarms[0]
    for _ in range(3):
        nodes.clock.time += int(REPEAT_S) + 1
        looked = nodes.seats[0].connections[BANK].looks
        await nodes.until(lambda: nodes.seats[0].connections[BANK].looks > looked + 2)  # noqa: B023 - waited for
    assert nodes.seats[0].node._voter._votes == []
    nodes.log.start()
    await nodes.reach(id_, State.SETTLED)
    said = attested(nodes.log, 0)
    assert len(said) == len(set(said))
    await nodes.until(lambda: all(seat.node.alarms == [] for seat in nodes.seats.values()))


async def test_a_batch_made_too_long_ago_is_made_again(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that the log orders so late that its anchor is forgotten is rejected; its votes come again at once."""
    nodes.log.treat = treat(Treatment.KEEP_BACK, Attest)
    id_ = await nodes.bring()
    await nodes.until(lambda: len(nodes.log.kept_back) >= len(EVERYBODY))
    for seat in nodes.seats.values():
        anchors = seat.node.replica._anchors
        monkeypatch.setattr(seat.node.replica, "_anchors", type(anchors)(anchors, maxlen=3))
    for _ in range(5):
        nodes.log.advance()
    await nodes.same()
    nodes.log.treat = treat(Treatment.ORDER)
    nodes.log.give()
    await nodes.reach(id_, State.SETTLED)


async def test_another_members_stale_batches_make_nobody_repeat_himself(nodes: Nodes) -> None:
    """A Byzantine member that floods the log with batches of another history gets no honest node to flood it too."""
    nodes.log.treat = treat(Treatment.DROP, Attest, where=_of(0))
    nodes.bank.ignores = True
    id_ = await nodes.bring()
    await nodes.until(lambda: attested(nodes.log, 0))
    for salt in range(3):
        stale = Anchor(Height(Uint64(1)), word(salt))
        nodes.log.put(attest(3, stale, attestation(3, id_, 0, Fact.REFUSED)))
        await nodes.same()
        looked = nodes.seats[0].connections[VAULT_NAME].looks
        await nodes.until(lambda: nodes.seats[0].connections[VAULT_NAME].looks > looked + 3)  # noqa: B023 - waited for
    assert len(attested(nodes.log, 0)) == 1


# --- bounds ---


@pytest.mark.parametrize("size", [200, 240, 256, 260, 290, 900, EVIDENCE_BYTES_MAX])
def test_the_largest_batch_of_votes_fits_into_an_entry(tmp_path: Path, size: int) -> None:
    """However large the evidence, a batch never exceeds what the log takes: else its votes would never arrive."""
    votes = [
        voter._Vote(
            Attestation(
                SettlementId(word(number)),
                LegIndex(Uint32(15)),
                Fact.RETURNED,
                word(number),
                word(number),
                Epoch(Uint64(2**64 - 1)),
            ),
            Blob(number.to_bytes(4, "big") * (size // 4)),
        )
        for number in range(BATCH_ITEMS_MAX)
    ]
    last = min(BATCH_ITEMS_MAX - 1, (voter._BATCH_BYTES_MAX - 1) // size)
    votes[last] = replace(votes[last], document=Blob(b"\xff" * EVIDENCE_BYTES_MAX))
    with SignOnceRecord.create(tmp_path / "record") as record:
        made = voter.Voter(
            replica=Replica(GENESIS),
            signer=ALICE,
            record=record,
            log_=PuppetLog(NETWORK, Clock(START), Bell()),
            now=Clock(START).read,
        )
        made._votes = votes
        batch = made._attestation_batch(MemberIndex(Uint32(30)))
    assert last - 1 <= len(batch.attestations) <= last + 1
    assert len(encode(batch)) <= ENTRY_BYTES_MAX
