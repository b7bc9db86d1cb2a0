"""A node that lies about banks, for the demo and for tests: HELD where the bank refused, REFUSED where it held.

It is the production node with one ledger connection exchanged: the lie is in what it claims to have seen. Everything
else, its signatures included, is genuine, so its lies can be held against it.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from interlock.core.attestation import Fact
from interlock.core.committee import Genesis
from interlock.core.instruction import LegIndex, SettlementId
from interlock.ledgers.protocol import Ledger, Sighting, Watch
from interlock.node import __main__ as program
from interlock.node.config import BankConnection, NodeConfig, VaultConnection
from interlock.node.wiring import connect_ledger

_LIES = {Fact.HELD: Fact.REFUSED, Fact.REFUSED: Fact.HELD}


class LyingLedger:
    """A ledger connection that reports the opposite about holds."""

    def __init__(self, honest: Ledger) -> None:
        self.name = honest.name
        self.tells_consent = honest.tells_consent
        self._honest = honest

    async def prepare(self, watch: Watch) -> None:
        """Do as an honest node does."""
        await self._honest.prepare(watch)

    async def deliver(self, watch: Watch) -> None:
        """Do as an honest node does."""
        await self._honest.deliver(watch)

    async def execute(self, watch: Watch) -> None:
        """Do as an honest node does."""
        await self._honest.execute(watch)

    async def observe(self, watches: Sequence[Watch]) -> Sighting:
        """Lie about holds, with the true document as pretended evidence."""
        sighting = await self._honest.observe(watches)
        lies = tuple(replace(each, fact=_LIES.get(each.fact, each.fact)) for each in sighting.observations)
        return replace(sighting, observations=lies)

    def waiting(self, settlement: SettlementId, leg: LegIndex) -> str | None:
        """Say what an honest node says."""
        return self._honest.waiting(settlement, leg)

    async def close(self) -> None:
        """Give back connections."""
        await self._honest.close()


def connect_lying(home: Path, config: NodeConfig, genesis: Genesis, to: VaultConnection | BankConnection) -> Ledger:
    """Connect as an honest node does, and lie about banks."""
    ledger = connect_ledger(home, config, genesis, to)
    return LyingLedger(ledger) if isinstance(to, BankConnection) else ledger


if __name__ == "__main__":
    sys.exit(program.main(connect_lying))
