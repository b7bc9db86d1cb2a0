"""The sequencer: puts what waits into blocks, makes each durable, then answers and shows it.

All that waits goes into one block and one transaction (group commit); while that is being stored, the next block's
entries gather. A lone entry is stored at once, unless a block was made less than the block interval ago; an idle log
makes an empty block every idle interval, because time passes only by blocks. Nothing is answered or shown before it is
durable, so nothing that anybody saw can be lost or change.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from interlock.encoding.values import Bytes32
from interlock.ordering.embedded.store import BlockStore, StoreFull
from interlock.ordering.embedded.wire import REPLY_BYTES_MAX, REQUEST_BYTES_MAX, StoredBlock, encode_entries
from interlock.ordering.protocol import (
    Check,
    Head,
    LogBlock,
    LogLimits,
    LogUnavailable,
    OrderingError,
    admit_all,
)
from interlock.ordering.queue import EntryQueue

T = TypeVar("T")
Answer = Callable[[OrderingError | None], None]
"""Called once, with None when the entry is durable, else with what went wrong."""

BLOCK_INTERVAL_S = 0.05
IDLE_INTERVAL_S = 1.0
RECENT_BLOCKS = 16
"""Newest blocks kept in memory for those who follow live; the others are read from the file."""
READ_BLOCKS_MAX = 256
"""Blocks read from the file in one go for somebody who catches up."""
READ_BYTES_MAX = 1_048_576
"""Entry bytes after which such a reading stops."""
_FRAME_OVERHEAD_BYTES = 64
"""What a frame holds besides entries, with room to spare."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Say how often blocks are made, in seconds."""

    block_interval_s: float = BLOCK_INTERVAL_S
    """At least this between two blocks, so that a busy log stores many entries with one fsync."""
    idle_interval_s: float = IDLE_INTERVAL_S
    """At most this between two blocks (T of the protocol)."""

    def __post_init__(self) -> None:
        """Refuse a pace that no log can keep."""
        if not 0 <= self.block_interval_s <= self.idle_interval_s or self.idle_interval_s == 0:
            raise ValueError("intervals: 0 <= block interval <= idle interval, and idle above 0 seconds")


class Sequencer:
    """Order entries into the store's blocks. Lives in one event loop; `run` makes the blocks."""

    def __init__(
        self,
        store: BlockStore,
        clock: Callable[[], int],
        *,
        check: Check = admit_all,
        limits: LogLimits | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits or LogLimits()
        self._pace = pace or Pace()
        _require_frames_hold(self._limits)
        # One thread: SQLite's calls block, and never overlap.
        self._storage = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-storage")
        self._answers: dict[Bytes32, list[Answer]] = {}
        self._newest: deque[StoredBlock] = deque(maxlen=RECENT_BLOCKS)
        self._has_work = asyncio.Event()
        self._advanced = asyncio.Event()
        self._is_full = False
        self._queue = EntryQueue(self._limits, check)
        self._head = store.head()

    @property
    def head(self) -> Head:
        """The newest durable position."""
        return self._head

    def offer(self, entry: bytes, answer: Answer) -> None:
        """Take an entry in; `answer` is called at once when it is refused, else when its block is durable."""
        try:
            digest = self._queue.offer(entry)
        except OrderingError as error:
            answer(error)
            return
        self._answers.setdefault(digest, []).append(answer)
        self._has_work.set()

    async def blocks_after(self, height: int) -> list[StoredBlock]:
        """Wait until there is a block after `height`; give some of those that follow it, from the first on."""
        while self._head.height <= height:
            await self._advanced.wait()
        if self._newest and self._newest[0].height <= height + 1:
            return [block for block in self._newest if block.height > height]
        read = partial(self._store.after, height, blocks_max=READ_BLOCKS_MAX, bytes_max=READ_BYTES_MAX)
        return await self._in_storage(read)

    async def run(self) -> None:
        """Make blocks until cancelled. Raises StoreError, after which nothing may be stored any more."""
        loop = asyncio.get_running_loop()
        made_at = loop.time()
        try:
            while True:
                await self._until_due(made_at)
                made_at = loop.time()
                await self._make_block()
        finally:
            self._refuse_waiting("the log is stopping; submit the entry again")

    def close(self) -> None:
        """Wait for the storage thread and let the file go."""
        self._storage.shutdown(wait=True)
        self._store.close()

    async def _until_due(self, made_at: float) -> None:
        """Return when the next block is to be made: some time after an entry came, at the latest when idle too long."""
        try:
            async with asyncio.timeout_at(made_at + self._pace.idle_interval_s):
                await self._has_work.wait()
        except TimeoutError:
            return
        wait_s = made_at + self._pace.block_interval_s - asyncio.get_running_loop().time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def _make_block(self) -> None:
        batch = self._queue.next_batch()
        time = max(self._head.time, self._clock())
        block = LogBlock(self._head.height + 1, time, self._head.hash, tuple(batch.values()))
        try:
            await self._in_storage(partial(self._store.append, block))
        except StoreFull as error:
            self._refuse_full(error)
            return
        if self._is_full:
            self._is_full = False
            logger.warning("storing again, at block %d", block.height)
        self._head = Head(block.height, block.hash, block.time)
        self._newest.append(StoredBlock(block.height, block.time, block.previous, encode_entries(block.entries)))
        self._queue.mark_ordered(batch)
        if not self._queue:
            self._has_work.clear()
        self._wake_followers()
        for digest in batch:
            for answer in self._answers.pop(digest):
                answer(None)

    def _refuse_full(self, error: StoreFull) -> None:
        """Refuse what waits; SQLite took the block back, so the position stands and the next attempt is a new block."""
        if not self._is_full:
            self._is_full = True
            logger.error("%s; refusing entries until there is room", error)
        self._refuse_waiting("the log has no room to store; free space on its disk, then submit the entry again")

    def _refuse_waiting(self, sentence: str) -> None:
        self._queue.drop_waiting()
        self._has_work.clear()
        refused, self._answers = self._answers, {}
        for answers in refused.values():
            for answer in answers:
                answer(LogUnavailable(sentence))

    def _wake_followers(self) -> None:
        self._advanced.set()
        self._advanced = asyncio.Event()

    async def _in_storage(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._storage, call)


def _require_frames_hold(limits: LogLimits) -> None:
    """Raise ValueError when an entry or block within the limits could not travel."""
    block_bytes = limits.block_bytes_max + 4 * limits.block_entries_max + _FRAME_OVERHEAD_BYTES
    if limits.entry_bytes_max + _FRAME_OVERHEAD_BYTES > REQUEST_BYTES_MAX or block_bytes > REPLY_BYTES_MAX:
        raise ValueError("the limits allow an entry or a block that no frame can hold")
