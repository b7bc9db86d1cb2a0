"""Processes that die at any moment: every settlement ends, on both ledgers alike, and nothing is made or lost."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from interlock.devnet.demo.deal import Deal
from interlock.devnet.demo.outcome import is_disagreement, read_balances
from interlock.devnet.demo.timeline import Line, Timeline
from interlock.devnet.network import DevNetwork, Plan, embedded_chain

DEALS = 6
KILLS = 10
SEEDS = [int(seed) for seed in os.environ.get("INTERLOCK_KILL_SEEDS", "1").split()]
"""Each seed is another course of events; more are tried with INTERLOCK_KILL_SEEDS="2 3 4"."""


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[DevNetwork]:
    async with DevNetwork(tmp_path / "network", Plan(), embedded_chain) as network:
        yield network


class Moments:
    """The timeline's lines as moments to act at: something has just happened somewhere."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Line] = asyncio.Queue()

    def told(self, line: Line) -> None:
        self._queue.put_nowait(line)

    async def skip(self, count: int) -> None:
        """Let some moments pass; go on at once where nothing happens any more."""
        for _ in range(count):
            try:
                await asyncio.wait_for(self._queue.get(), 2.0)
            except TimeoutError:
                return


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_settlement_ends_though_processes_are_killed(
    network: DevNetwork, tmp_path: Path, seed: int
) -> None:
    """Nodes, the log and the bank are killed one after the other at random moments of six settlements."""
    dice = random.Random(seed)
    moments = Moments()
    timeline = Timeline(network, moments.told)
    before = await read_balances(network)
    listening = asyncio.create_task(timeline.run())
    try:
        deals = []
        for lane in range(1, DEALS + 1):
            cents = dice.choice([1_000_000, 90_000_000])
            deal = Deal(network, timeline, units=10**18, cents=cents, lane=lane)
            await deal.sign(seller_locks_first=dice.random() < 0.3)
            deals.append((deal, cents))
        for _ in range(KILLS):
            await moments.skip(dice.randrange(1, 6))
            victim = dice.choice([network.bank, network.sequencer, *network.nodes])
            await victim.kill()
            await network.revive_one(victim)
        ends = [await deal.end(tmp_path, f"deal-{index}") for index, (deal, _) in enumerate(deals)]
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    for (deal, cents), end in zip(deals, ends, strict=True):
        assert end.outcome == ("settled" if cents == 1_000_000 else "unwound"), deal.id.hex()
        assert not is_disagreement(end.legs)
        assert end.agreed
        assert end.report.valid, end.report.reason
    after = await read_balances(network)
    assert (after.tokens, after.cents) == (before.tokens, before.cents)
    assert after.vault_tokens == after.buyer_held_cents == after.seller_held_cents == 0
