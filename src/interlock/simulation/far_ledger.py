"""A node's way to a ledger: every call crosses the simulated network and back.

The ledger's side is no process of the node's, so what a node asked for happens also after the node died. A call may be
lost, arrive late, arrive twice or be answered to nobody; then the node hears `LedgerUnavailable`, as with a real one.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, TypeVarTuple, cast

from interlock.core.instruction import LegIndex, SettlementId
from interlock.ledgers.protocol import Ledger, LedgerError, LedgerUnavailable, Sighting, Watch
from interlock.simulation.world import World

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

ANSWER_WITHIN_S = 5.0
"""How long an answer may take."""


class FarLedger:
    """Any ledger, as one host reaches it."""

    def __init__(self, ledger: Ledger, host: str, world: World) -> None:
        self.name = ledger.name
        self.tells_consent = ledger.tells_consent
        self._ledger = ledger
        self._host = host
        self._world = world

    async def prepare(self, watch: Watch) -> None:
        """Ask for a hold; see `Ledger.prepare`."""
        await self._call(self._ledger.prepare, watch)

    async def deliver(self, watch: Watch) -> None:
        """Bring a certificate; see `Ledger.deliver`."""
        await self._call(self._ledger.deliver, watch)

    async def execute(self, watch: Watch) -> None:
        """Bring an order; see `Ledger.execute`."""
        await self._call(self._ledger.execute, watch)

    async def observe(self, watches: Sequence[Watch]) -> Sighting:
        """Look; see `Ledger.observe`."""
        try:
            return await self._call(self._ledger.observe, watches)
        except LedgerUnavailable as error:
            return Sighting(troubles=(error,))

    def waiting(self, settlement: SettlementId, leg: LegIndex) -> str | None:
        """Say why nothing goes on; see `Ledger.waiting`."""
        return self._ledger.waiting(settlement, leg)

    async def close(self) -> None:
        """Give nothing back: the ledger is everybody's."""

    async def _call(self, call: Callable[[*Ts], Coroutine[Any, Any, T]], *args: *Ts) -> T:
        loop, network = self._world.loop, self._world.network
        answer: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(cast("T", result))

        def reply(result: T | None, error: BaseException | None) -> None:
            network.send(self.name, self._host, settle, result, error)

        def serve() -> None:
            # What answers at once needs no task: a memory ledger never waits.
            try:
                call(*args).send(None)
            except StopIteration as done:
                reply(done.value, None)
            except LedgerError as error:
                reply(None, error)
            else:
                raise TypeError(f"{self.name} waits before it answers; only ledgers in memory are reached like this")

        network.send(self._host, self.name, serve)
        silence = loop.call_later(
            ANSWER_WITHIN_S, settle, None, LedgerUnavailable(f"no answer within {ANSWER_WITHIN_S} s", self.name)
        )
        try:
            return await answer
        finally:
            silence.cancel()
