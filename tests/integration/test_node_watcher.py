"""The watcher looks level-triggered, votes for nothing that it does not know, and ends when it is told to."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from interlock.core.attestation import Fact
from interlock.core.replica import Replica
from interlock.core.settlement import State
from interlock.encoding.values import Uint32
from interlock.ledgers.protocol import Observation, Sighting, Watch
from interlock.node.voter import Voter
from interlock.node.watcher import LOOK_LEGS_MAX, LOOK_OTHERS_MAX, Claim, Watcher
from support.bell import Bell
from support.evidence import BANK_KEY
from support.log import Log
from support.nodes import Nodes, hurry
from support.puppet_ledger import Book, Connection
from support.world import ALICE, BANK, BOB, GENESIS, instruct, instruction, word


class Deaf(Voter):
    """A voter that takes everything and does nothing."""

    def __init__(self) -> None:
        """Need nothing."""

    def observe(self, observation: Observation) -> None:
        """Forget it."""


@pytest.mark.parametrize("steps", range(6))
async def test_a_watcher_that_is_nudged_and_cancelled_at_once_ends(steps: int) -> None:
    """A cancellation is never lost, however close it comes to a nudge: a node that cannot stop goes on performing."""
    ledger = Connection(Book(BANK, Bell()), 0)
    watcher = Watcher(replica=Replica(GENESIS), ledger=ledger, voter=Deaf(), interval_s=3_600)
    running = asyncio.create_task(watcher.run())
    for _ in range(5):
        await asyncio.sleep(0)
    watcher.nudge()
    for _ in range(steps):
        await asyncio.sleep(0)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=1)
    if not done:
        running.cancel()
    assert done


async def test_a_ledger_that_sees_nothing_is_asked_again_until_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No observation is no vote: a blind connection holds up its own node only, and sees everything afterwards."""
    hurry(monkeypatch)
    async with Nodes(tmp_path) as nodes:
        nodes.sit_all()
        nodes.seats[3].connections[BANK].is_blind = True
        nodes.vault.ignores = True
        id_ = await nodes.bring()
        await nodes.until(lambda: nodes.settlement(3, id_).legs[1].stands(Fact.HELD))
        assert nodes.votes(3, id_, 1, Fact.HELD) == 0b0111
        nodes.seats[3].connections[BANK].is_blind = False
        await nodes.until(lambda: nodes.votes(3, id_, 1, Fact.HELD) == 0b1111)
        nodes.vault.hold_ignored()
        await nodes.reach(id_, State.SETTLED)


@pytest.mark.parametrize(
    ("claim", "looks"),
    [(None, True), (Claim(BANK_KEY.public_key, Uint32(0)), True), (Claim(word(8), Uint32(0)), False)],
    ids=["no claim", "the registry's key", "another key"],
)
async def test_a_ledger_is_looked_at_by_the_rules_of_the_registry_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    claim: Claim | None,
    looks: bool,  # noqa: FBT001 - a table's column
) -> None:
    """A node whose own configuration names another key or another finality says so and attests nothing there."""
    hurry(monkeypatch)
    async with Nodes(tmp_path) as nodes:
        nodes.sit_all()
        id_ = await nodes.bring()
        await nodes.until(lambda: nodes.settlement(0, id_).state is State.SETTLED)
        replica = nodes.seats[0].node.replica
        watcher = Watcher(
            replica=replica, ledger=nodes.seats[0].connections[BANK], voter=Deaf(), interval_s=3_600, claim=claim
        )
        await watcher.look()
        assert bool(watcher.troubles) is not looks


class Counting(Connection):
    """A connection that notes what it is asked for."""

    async def observe(self, watches: Sequence[Watch]) -> Sighting:
        """See nothing."""
        self.asked = [each.settlement for each in watches]
        return Sighting()


async def test_what_never_matched_is_looked_at_last_however_many_sign_it() -> None:
    """A flood of refused instructions, signed by all that they need, leaves room for every matched leg in each look."""
    log = Log()
    for salt in range(100):
        refused = instruction(salt=salt, pivot_window=1)
        log.block(instruct(refused, ALICE, BOB))
    honest = log.instruct(instruction(salt=1_000))
    ledger = Counting(Book(BANK, Bell()), 0)
    watcher = Watcher(replica=log.replica, ledger=ledger, voter=Deaf(), interval_s=3_600)
    for _ in range(3):
        await watcher.look()
        assert honest in ledger.asked
        assert len(ledger.asked) <= LOOK_LEGS_MAX + LOOK_OTHERS_MAX
