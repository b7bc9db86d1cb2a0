"""The judge of conditions: asks whoever evaluates them, again and again, and hands the answers to the voter.

A settlement may name a condition document by its hash. What evaluates such documents is a part of the node like a
ledger's adapter: it gives the result on which it has settled, or nothing yet. No result is no vote, and a condition
without a result by `prepareBy` has failed.

Source: specification 4 ("when the condition fails") and 8.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from interlock.core.attestation import Fact
from interlock.core.instruction import LegIndex, SettlementId
from interlock.core.limits import EVERY_LEG
from interlock.core.replica import Replica
from interlock.core.settlement import UNDECIDED
from interlock.encoding.values import ZERO_BYTES32, Bytes32, Uint32
from interlock.ledgers.protocol import Observation
from interlock.node.voter import Voter

log = logging.getLogger(__name__)

ASKED_MAX = 256
"""Conditions asked for in one look; more are asked for in turns."""
_WHOLE = LegIndex(Uint32(EVERY_LEG))


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition that waits for its result."""

    settlement: SettlementId
    conditions: Bytes32
    """Hash of the condition document, as the parties signed it."""


class Conditions(Protocol):
    """What evaluates conditions on one node."""

    async def results(self, asked: Sequence[Asked]) -> dict[SettlementId, bool]:
        """Give the results so far: true where the condition holds. Once given, a result stays.

        May raise anything: no answer is no vote.
        """
        ...


class Judge:
    """One node's look at the conditions of its open settlements."""

    def __init__(self, *, replica: Replica, conditions: Conditions, voter: Voter, interval_s: float) -> None:
        self._replica = replica
        self._conditions = conditions
        self._voter = voter
        self._interval_s = interval_s
        self._turn = 0
        self._wake = asyncio.Event()
        self.troubles: tuple[str, ...] = ()
        """What went wrong in the newest look, in words for people."""

    def nudge(self) -> None:
        """Look soon."""
        self._wake.set()

    async def run(self) -> None:
        """Ask, vote, wait, for ever."""
        while True:
            await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._wake.wait()
            self._wake.clear()

    async def look(self) -> None:
        """Ask once for the conditions whose turn it is."""
        asked = self._asked()
        if not asked:
            self.troubles = ()
            return
        try:
            results = await self._conditions.results(asked)
        except Exception as error:  # whatever evaluates conditions must never stop a node
            if not self.troubles:
                log.exception("evaluating conditions failed")
            self.troubles = (f"conditions: {type(error).__name__}; see the log",)
            return
        self.troubles = ()
        for each in asked:
            result = results.get(each.settlement)
            if result is not None:
                fact = Fact.MET if result else Fact.UNMET
                self._voter.observe(Observation(each.settlement, _WHOLE, fact, None))

    def _asked(self) -> list[Asked]:
        waiting = [
            Asked(each.id, each.terms.conditions)
            for each in self._replica.settlements.values()
            if each.terms.conditions != ZERO_BYTES32 and each.state in UNDECIDED and each.order is None
        ]
        if len(waiting) <= ASKED_MAX:
            return waiting
        start = self._turn % len(waiting)
        self._turn = start + ASKED_MAX
        return (waiting + waiting)[start : start + ASKED_MAX]
