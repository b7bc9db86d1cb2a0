"""Making blocks at an interval, as a chain's validators do."""

import asyncio
from collections.abc import Awaitable, Callable


class Miner:
    """Call `mine` every `interval_s` seconds, until cancelled; with zero never.

    Pausing is looked at where blocks are made, so that after it was answered no block follows.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self.is_paused = False

    def set_paused(self, paused: bool) -> None:  # noqa: FBT001 - a setter's one value
        """Stop or resume; may be called from any thread."""
        self.is_paused = paused

    async def run(self, mine: Callable[[], Awaitable[object]]) -> None:
        """Make blocks; an error of `mine` ends it, for a chain that cannot write must not go on."""
        if self._interval_s <= 0:
            await asyncio.Event().wait()
        loop = asyncio.get_running_loop()
        due = loop.time() + self._interval_s
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not self.is_paused:
                await mine()
            # After a stall the rhythm begins again; blocks that were missed are not made up for.
            due = max(due + self._interval_s, loop.time())
