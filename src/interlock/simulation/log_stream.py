"""A stream of blocks from the log's host to a reader: in order, or broken.

It stands for a TCP connection: what is sent arrives in order and once, late where the network is cut, or the
connection breaks and both sides hear so. It sends as fast as its reader's host takes the blocks; a slow reader gets
many at a time.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from interlock.ordering.protocol import LogBlock, LogUnavailable, OrderingError
from interlock.simulation.network import Network

BLOCKS_PER_DELIVERY_MAX = 64
"""Blocks that arrive together, as a connection's buffer holds them."""
RETRANSMIT_S = 1.0
"""Pause before what met a cut network is sent again."""


class Inbox:
    """The reader's end: what has arrived and was not read."""

    def __init__(self) -> None:
        self._blocks: deque[LogBlock] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._error: OrderingError | None = None
        self.is_attached = False
        """A stream feeds it."""
        self.is_closed = False

    def receive(self, blocks: Sequence[LogBlock]) -> None:
        """Take what arrived."""
        self._blocks.extend(blocks)
        self._wake()

    def fail(self, error: OrderingError) -> None:
        """End, once what arrived was read."""
        self._error = self._error or error
        self._wake()

    def close(self) -> None:
        """Want nothing more."""
        self.is_closed = True

    async def next(self, silence_max_s: float) -> LogBlock:
        """Give the next block. LogUnavailable when the stream broke, or was silent for too long."""
        while not self._blocks:
            if self._error is not None:
                raise self._error
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            silence = loop.call_later(silence_max_s, self.fail, LogUnavailable("the log was silent; follow it again"))
            try:
                await self._waiter
            finally:
                silence.cancel()
                self._waiter = None
        return self._blocks.popleft()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Stream:
    """The log's end."""

    def __init__(  # two ends, and what is between
        self, blocks: Sequence[LogBlock], after: int, host: str, log: str, inbox: Inbox, network: Network
    ) -> None:
        self.host = host
        """Whose reader it is."""
        self._blocks = blocks
        self._sent = after
        self._log = log
        self._inbox = inbox
        self._network = network
        self._is_sending = False
        self._is_broken = False

    @property
    def is_open(self) -> bool:
        """Tell whether somebody reads."""
        return not self._is_broken and not self._inbox.is_closed

    def push(self) -> None:
        """Send what was not sent."""
        if not self._is_sending and self.is_open and self._sent < len(self._blocks):
            self._is_sending = True
            self._network.at(self._network.delay(self._log, self.host), self._deliver)

    def break_off(self) -> None:
        """Lose the connection."""
        self._is_broken = True
        self._network.send(self._log, self.host, self._inbox.fail, LogUnavailable("the log closed the stream"))

    def _deliver(self) -> None:
        self._is_sending = False
        if not self.is_open:
            return
        if self._network.is_cut(self._log, self.host):
            self._is_sending = True
            self._network.at(RETRANSMIT_S, self._deliver)
            return
        if self._network.breaks():
            self.break_off()
            return
        blocks = self._blocks[self._sent : self._sent + BLOCKS_PER_DELIVERY_MAX]
        self._sent += len(blocks)
        self._inbox.receive(blocks)
        self.push()
