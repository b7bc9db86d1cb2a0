"""A node whose power is cut at any moment goes on where the log and its disk left it, and signs nothing twice."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from interlock.core.attestation import Fact
from interlock.core.entry import Attest, Certify, Entry
from interlock.core.instruction import SettlementId
from interlock.core.settlement import State
from interlock.keys.sign_once import SignOnceRecord
from interlock.node.config import STORE_FILE
from interlock.node.voter import REPEAT_S
from support.nodes import EVERYBODY, Nodes, hurry
from support.puppet_log import Treatment, signed_outcomes, treat
from support.world import BANK, PREPARE_BY, VAULT_NAME, instruction, nonce, onchain_leg


@pytest.fixture
async def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    hurry(monkeypatch)
    async with Nodes(tmp_path) as made:
        made.sit_all()
        yield made


def _has(fact: Fact) -> Callable[[Entry], bool]:
    return lambda entry: isinstance(entry, Attest) and any(each.attestation.fact is fact for each in entry.attestations)


def _close_the_ledgers(nodes: Nodes) -> None:
    for name in (BANK, VAULT_NAME):
        for connection in nodes.connections(name):
            connection.open.clear()


async def _while_asked(nodes: Nodes) -> SettlementId:
    """Leave every ledger being asked, without an answer."""
    _close_the_ledgers(nodes)
    id_ = await nodes.bring()
    await nodes.until(lambda: nodes.bank.count("prepare") == nodes.vault.count("prepare") == len(EVERYBODY))
    return id_


async def _held_and_nothing_voted(nodes: Nodes) -> SettlementId:
    """Let the ledgers hold, and no vote reach the log."""
    nodes.log.treat = treat(Treatment.DROP, Attest)
    id_ = await nodes.bring()
    await nodes.until(lambda: len(nodes.log.brought) >= 1 + len(EVERYBODY))
    return id_


async def _voted_for_one_leg(nodes: Nodes) -> SettlementId:
    """Let the log show one leg held."""
    nodes.bank.ignores = True
    id_ = await nodes.bring()
    await nodes.until(lambda: nodes.votes(0, id_, 0, Fact.HELD) == 0b1111)
    nodes.bank.ignores = False
    return id_


async def _decided_and_recorded(nodes: Nodes) -> SettlementId:
    """Decide COMMIT, in the log and in every record; order no signature of it."""
    nodes.log.treat = treat(Treatment.DROP, Certify)
    id_ = await nodes.bring()
    await nodes.until(lambda: len(signed_outcomes(nodes.log)) == len(EVERYBODY))
    return id_


async def _recorded_and_not_signed(nodes: Nodes) -> SettlementId:
    """Put the outcome into the record, and make no signature: the crash comes between the two."""
    nodes.log.treat = treat(Treatment.KEEP_BACK, Certify)
    for seat in nodes.seats.values():
        seat.node._voter._statements = _Void()
    id_ = await nodes.bring()
    await nodes.until(lambda: all(seat.record.recorded(id_) for seat in nodes.seats.values()))
    return id_


async def _one_signature_missing(nodes: Nodes) -> SettlementId:
    """Order two members' signatures, which is one too few."""
    nodes.log.treat = treat(
        Treatment.DROP, Certify, where=lambda entry: isinstance(entry, Certify) and entry.member > 1
    )
    id_ = await nodes.bring()
    await nodes.until(lambda: nodes.seats[0].node.signers(nodes.settlement(0, id_)) == [0, 1])
    return id_


async def _certified_and_delivering(nodes: Nodes) -> SettlementId:
    """Let the certificate stand, and the ledgers be given it."""
    nodes.bank.ignores = True
    id_ = await nodes.bring()
    await nodes.until(lambda: nodes.settlement(0, id_).legs[0].stands(Fact.HELD) and nodes.bank.ignored)
    _close_the_ledgers(nodes)
    nodes.bank.hold_ignored()
    await nodes.until(lambda: nodes.bank.count("deliver") > 0 and nodes.vault.count("deliver") > 0)
    return id_


async def _delivered_and_nothing_voted(nodes: Nodes) -> SettlementId:
    """Let both ledgers deliver, and the log not show it."""
    nodes.log.treat = treat(Treatment.DROP, Attest, where=_has(Fact.DELIVERED))
    id_ = await nodes.bring()
    await nodes.until(lambda: nodes.bank.said(id_, 1)[-1:] == nodes.vault.said(id_, 0)[-1:] == [Fact.DELIVERED])
    return id_


class _Void(list[object]):
    """A list that keeps nothing."""

    def append(self, _: object) -> None:
        """Forget it."""


Stage = Callable[[Nodes], Awaitable[SettlementId]]
STAGES: list[Stage] = [
    _while_asked,
    _held_and_nothing_voted,
    _voted_for_one_leg,
    _decided_and_recorded,
    _recorded_and_not_signed,
    _one_signature_missing,
    _certified_and_delivering,
    _delivered_and_nothing_voted,
]


@pytest.mark.parametrize(
    ("stage", "store"),
    [*((stage, "kept") for stage in STAGES), *((stage, "lost") for stage in STAGES[3:6])],
    ids=lambda value: value if isinstance(value, str) else value.__name__.strip("_"),
)
async def test_all_nodes_crash_at_any_stage_and_the_settlement_ends(nodes: Nodes, stage: Stage, store: str) -> None:
    """Killed at every stage, with its database or with the log's copy alone, every node resumes; all end alike."""
    id_ = await stage(nodes)
    images = await nodes.crash_all()
    if store == "lost":
        for image in images.values():
            for path in image.glob(STORE_FILE + "*"):
                path.unlink()
    nodes.log.treat = treat(Treatment.ORDER)
    nodes.back(images)
    await nodes.reach(id_, State.SETTLED)
    await nodes.same()
    assert nodes.bank.said(id_, 1) == nodes.vault.said(id_, 0) == [Fact.HELD, Fact.DELIVERED]
    assert all(len(outcomes) == 1 for outcomes in signed_outcomes(nodes.log).values())
    assert len({seat.node.replica.state_hash() for seat in nodes.seats.values()}) == 1
    histories = [seat.node.history(id_) for seat in nodes.seats.values()]
    assert all(each == histories[0] for each in histories)
    assert [event["number"] for event in histories[0]] == list(range(len(histories[0])))


async def test_an_unwinding_survives_a_crash_too(nodes: Nodes) -> None:
    """An aborted settlement whose return is under way is returned after the restart."""
    nodes.vault.ignores = True
    id_ = await nodes.bring()
    await nodes.until(lambda: nodes.settlement(0, id_).legs[1].stands(Fact.HELD))
    _close_the_ledgers(nodes)
    nodes.clock.time = PREPARE_BY + 1
    nodes.log.advance()
    await nodes.until(lambda: nodes.bank.count("deliver"))
    nodes.back(await nodes.crash_all())
    await nodes.reach(id_, State.UNWOUND)
    assert nodes.bank.said(id_, 1) == [Fact.HELD, Fact.RETURNED]


async def test_all_open_settlements_resume_and_ended_ones_stay_as_they_were(nodes: Nodes) -> None:
    """After a crash of everybody each settlement goes on from where it was; ended ones are served from the disk."""
    first = await nodes.bring()
    await nodes.reach(first, State.SETTLED)
    before = nodes.settlement(2, first)
    timeline = nodes.seats[2].node.history(first)
    nodes.bank.ignores = True
    others = [
        await nodes.bring(instruction(salt=n, onchain_legs=(onchain_leg(nonce=nonce(n)),)), n % 4) for n in range(2, 6)
    ]
    await nodes.until(lambda: nodes.settlement(0, others[-1]).legs[0].stands(Fact.HELD))
    images = await nodes.crash_all()
    nodes.bank.ignores = False
    nodes.back(images)
    for each in others:
        await nodes.reach(each, State.SETTLED)
    assert nodes.settlement(2, first) == before
    assert nodes.seats[2].node.history(first) == timeline
    assert nodes.seats[2].node.history(first, after=3) == timeline[4:]
    assert {each.id for each in nodes.seats[2].node.recent(10)} == {first, *others}
    assert len(nodes.seats[2].node.recent(3)) == 3


async def test_a_node_that_crashes_over_and_over_signs_the_same_each_time(nodes: Nodes) -> None:
    """Each restart may sign again, never otherwise: the record stands before every signature."""
    nodes.log.treat = treat(Treatment.DROP, Certify)
    id_ = await nodes.bring()
    image: Path | None = None
    for _ in range(4):
        brought = len(nodes.log.brought)
        await nodes.until(lambda: (0, id_) in signed_outcomes(nodes.log) and len(nodes.log.brought) > brought - 1)  # noqa: B023
        image = await nodes.crash(0)
        nodes.log.brought = [each for each in nodes.log.brought if b'"member":0,' not in each]
        nodes.sit(0, home=image)
    await nodes.until(lambda: (0, id_) in signed_outcomes(nodes.log))
    assert {outcome for (member, _), outcomes in signed_outcomes(nodes.log).items() for outcome in outcomes} == {1}
    nodes.log.treat = treat(Treatment.ORDER)
    nodes.clock.time += int(REPEAT_S) + 1
    await nodes.reach(id_, State.SETTLED)


async def test_a_store_that_lost_its_newest_blocks_fetches_them_again(nodes: Nodes) -> None:
    """A power cut may take the newest blocks of the node's database; the log has them, and the history is the same."""
    old = nodes.folder / "older"
    shutil.copytree(nodes.seats[1].home, old)
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED)
    image = await nodes.crash(1)
    for path in image.glob(STORE_FILE + "*"):
        path.unlink()
    for path in old.glob(STORE_FILE + "*"):
        shutil.copy(path, image)
    nodes.sit(1, home=image)
    await nodes.reach(id_, State.SETTLED)
    await nodes.same()
    assert nodes.seats[1].node.history(id_) == nodes.seats[0].node.history(id_)
    assert nodes.seats[1].node.replica.state_hash() == nodes.seats[0].node.replica.state_hash()


async def test_no_second_node_runs_on_one_record(nodes: Nodes) -> None:
    """The record of a running node cannot be opened again: one key signs in one process."""
    with pytest.raises(Exception, match="held by another process"):
        SignOnceRecord(nodes.seats[0].home / "sign-once.db")
