"""An ordered log in memory, for tests and simulation: nothing moves until it is told to.

It keeps every promise of `OrderedLog` but outliving its process. No clock, task or randomness of its own: time is
what the given clock says, and a block is made when `advance` is called.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable

from interlock.encoding.values import Bytes32
from interlock.ordering.protocol import (
    Check,
    Head,
    LogBlock,
    LogForked,
    LogLimits,
    LogUnavailable,
    admit_all,
    verify_follows,
)
from interlock.ordering.queue import EntryQueue


class MemoryLog:
    """Order entries in this process, one block per `advance`."""

    def __init__(
        self,
        network_id: Bytes32,
        clock: Callable[[], int],
        *,
        check: Check = admit_all,
        limits: LogLimits | None = None,
    ) -> None:
        self._genesis = Head(0, network_id, 0)
        self._clock = clock
        self._queue = EntryQueue(limits or LogLimits(), check)
        self._blocks: list[LogBlock] = []
        self._is_up = True
        self._changed = asyncio.Event()

    def advance(self) -> LogBlock:
        """Make the next block of what waits, an idle one when nothing does, at the clock's time or the last block's."""
        tip = self._tip
        batch = self._queue.next_batch()
        time = max(tip.time, self._clock())
        block = LogBlock(tip.height + 1, time, tip.hash, tuple(batch.values()))
        self._blocks.append(block)
        self._queue.mark_ordered(batch)
        self._wake()
        return block

    def stop(self) -> None:
        """Be unreachable, as a killed log is: every reader's connection is lost. What was taken stays."""
        self._is_up = False
        self._wake()

    def start(self) -> None:
        """Be reachable again."""
        self._is_up = True

    async def submit(self, entry: bytes) -> None:
        """Take an entry for the next block; see `OrderedLog.submit`."""
        self._require_up()
        self._queue.offer(entry)

    async def blocks(self, after: int, *, known: Bytes32 | None = None) -> AsyncGenerator[LogBlock, None]:
        """Give the blocks after a height and then each new one; see `OrderedLog.blocks`."""
        self._require_up()
        if after > len(self._blocks):
            raise LogForked(f"the log has {len(self._blocks)} blocks, fewer than the {after} that were read before")
        before = Head(after, known, 0) if known is not None else None
        height = after
        while True:
            changed = self._changed
            while height < len(self._blocks):
                block = self._blocks[height]
                if before is not None:
                    verify_follows(block, before)
                before = Head(block.height, block.hash, block.time)
                height += 1
                yield block
                self._require_up()
            if changed is self._changed:
                await changed.wait()
            self._require_up()

    async def head(self) -> Head:
        """Give the newest position; see `OrderedLog.head`."""
        self._require_up()
        return self._tip

    @property
    def _tip(self) -> Head:
        if not self._blocks:
            return self._genesis
        newest = self._blocks[-1]
        return Head(newest.height, newest.hash, newest.time)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _require_up(self) -> None:
        if not self._is_up:
            raise LogUnavailable("the log is stopped; start it and ask again")
