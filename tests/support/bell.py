"""Waiting without sleeping: whatever changes rings, whoever waits looks again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

PATIENCE_S = 20.0
"""What never happens fails a test instead of hanging it; nothing waits for this to pass."""


@dataclass(slots=True)
class Clock:
    """The time of a test, in unix seconds; it moves when it is told to."""

    time: int

    def read(self) -> int:
        """Give the time."""
        return self.time


class Bell:
    """Rung at every change that somebody may wait for."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait."""
        self._rung.set()
        self._rung = asyncio.Event()

    async def until(self, condition: Callable[[], object], never: Callable[[], str] = lambda: "") -> None:
        """Wait until the condition holds; it is looked at now and after every ring. `never` explains a failure."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    rung = self._rung
                    if condition():
                        return
                    await rung.wait()
        except TimeoutError:
            raise AssertionError(f"it never came to be. {never()}") from None
