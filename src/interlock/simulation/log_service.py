"""The log's own host: it orders what arrives, stores each block, then answers and shows it.

It keeps the promises of `ordering.protocol` as the embedded sequencer keeps them: nothing is answered or shown before
its block is durable; a restart loses what waited, and its submitters hear so or hear nothing. The queue is the
production one, behind the network's own door. On top it can be told to lie: `fork` gives a second face with the same
past, `censor` takes entries and forgets them, `skew_s` sets its clock wrong.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from interlock.encoding.values import Bytes32
from interlock.ordering.protocol import (
    Check,
    Head,
    LogBlock,
    LogForked,
    LogLimits,
    LogUnavailable,
    OrderingError,
    admit_all,
)
from interlock.ordering.queue import EntryQueue
from interlock.simulation.log_stream import Inbox, Stream
from interlock.simulation.world import World

LOG_HOST = "log"

Answer = Head | OrderingError | None
"""What a request ends with."""
Reply = Callable[[Answer], None]
"""Carries an answer back to whoever asked."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the log is."""

    block_interval_s: float = 0.05
    """At least this between two blocks."""
    idle_interval_s: float = 1.0
    """At most this between two blocks (T of the protocol)."""
    storage_s: float = 0.002
    """Mean time until a block is durable."""


class LogService:
    """One sequencer, or one face of a lying one."""

    def __init__(
        self,
        world: World,
        network_id: Bytes32,
        *,
        check: Check = admit_all,
        limits: LogLimits | None = None,
        pace: Pace | None = None,
        past: Iterable[LogBlock] = (),
        name: str = LOG_HOST,
    ) -> None:
        self.blocks: list[LogBlock] = list(past)
        """Every durable block."""
        self.name = name
        self.is_up = True
        self.skew_s = 0.0
        """How far its clock is ahead."""
        self.censor: Callable[[str, bytes], bool] = lambda _host, _entry: False
        """Tells of whose entries it takes and forgets."""
        self.on_entry: Callable[[str, bytes], None] = lambda _host, _entry: None
        """Told of every entry that arrives, whatever becomes of it."""
        self._world = world
        self._network_id = network_id
        self._network = world.network
        self._dice = world.dice.split(name)
        self._trace = world.trace
        self._now = world.now
        self._check = check
        self._limits = limits
        self._pace = pace or Pace()
        self._queue = EntryQueue(limits or LogLimits(), check)
        self._replies: dict[Bytes32, list[Reply]] = {}
        self._streams: list[Stream] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_due_soon = False
        self._made_at = 0.0
        self._storing: LogBlock | None = None
        self._lives = 0

    def fork(self, name: str, height: int | None = None) -> "LogService":
        """Give another face with the same past, up to a height or all of it."""
        face = LogService(
            self._world,
            self._network_id,
            check=self._check,
            limits=self._limits,
            pace=self._pace,
            past=self.blocks[:height],
            name=name,
        )
        face.on_entry = self.on_entry
        face.start()
        return face

    # --- requests, as they arrive ---

    def on_submit(self, host: str, entry: bytes, reply: Reply) -> None:
        """Take an entry."""
        self.on_entry(host, entry)
        if not self.is_up:
            reply(LogUnavailable("the log is down; submit the entry again"))
        elif self.censor(host, entry):
            self._trace.note(self.name, f"forgets an entry of {host}")
            reply(None)
        else:
            self._offer(entry, reply)

    def on_head(self, _host: str, reply: Reply) -> None:
        """Give the newest position."""
        reply(self.head if self.is_up else LogUnavailable("the log is down; ask again"))

    def on_follow(self, host: str, after: int, inbox: Inbox, reply: Reply) -> None:
        """Begin a stream of the blocks after a height."""
        if not self.is_up:
            reply(LogUnavailable("the log is down; follow it again"))
        elif after > len(self.blocks):
            reply(LogForked(f"the log has {len(self.blocks)} blocks, fewer than the {after} that were read before"))
        elif not inbox.is_attached:  # a request that arrives twice begins one stream
            inbox.is_attached = True
            stream = Stream(self.blocks, after, host, self.name, inbox, self._network)
            self._streams = [each for each in self._streams if each.is_open]
            self._streams.append(stream)
            reply(None)
            stream.push()

    # --- its life ---

    @property
    def head(self) -> Head:
        """Give the newest durable position."""
        if not self.blocks:
            return Head(0, self._network_id, 0)
        newest = self.blocks[-1]
        return Head(newest.height, newest.hash, newest.time)

    def start(self) -> None:
        """Run, for the first time or again."""
        self.is_up = True
        self._lives += 1
        self._made_at = self._now()
        self._trace.note(self.name, "starts")
        self._wait_for_next()

    def stop(self) -> None:
        """Die: what waited is lost, and the block that was being stored may be."""
        self.is_up = False
        self._trace.note(self.name, "stops")
        if self._timer is not None:
            self._timer.cancel()
        storing, self._storing = self._storing, None
        if storing is not None and self._dice.chance(0.5):
            self.blocks.append(storing)
        self._queue.drop_waiting()
        lost, self._replies = self._replies, {}
        for replies in lost.values():
            for reply in replies:
                reply(LogUnavailable("the connection to the log was lost; submit the entry again"))
        self.disconnect()

    def disconnect(self, host: str | None = None) -> None:
        """Break the streams to one host, or all."""
        for stream in self._streams:
            if host is None or stream.host == host:
                stream.break_off()
        self._streams = [each for each in self._streams if each.is_open]

    # --- blocks ---

    def _offer(self, entry: bytes, reply: Reply) -> None:
        try:
            digest = self._queue.offer(entry)
        except OrderingError as error:
            reply(error)
            return
        self._replies.setdefault(digest, []).append(reply)
        if self._storing is None and not self._is_due_soon:
            self._wait_for_next()

    def _wait_for_next(self) -> None:
        """Set the time of the next block: soon where an entry waits, else when it was idle for too long."""
        if self._timer is not None:
            self._timer.cancel()
        self._is_due_soon = len(self._queue) > 0
        interval = self._pace.block_interval_s if self._is_due_soon else self._pace.idle_interval_s
        self._timer = self._network.at(max(0.0, self._made_at + interval - self._now()), self._make)

    def _make(self) -> None:
        self._timer = None
        self._is_due_soon = False
        self._made_at = self._now()
        head = self.head
        batch = self._queue.next_batch()
        time = max(head.time, int(self._now() + self.skew_s))
        self._storing = LogBlock(head.height + 1, time, head.hash, tuple(batch.values()))
        self._network.at(self._dice.wait(self._pace.storage_s), self._on_stored, self._lives, tuple(batch))

    def _on_stored(self, life: int, batch: tuple[Bytes32, ...]) -> None:
        block = self._storing
        if life != self._lives or block is None or not self.is_up:
            return
        self._storing = None
        self.blocks.append(block)
        self._trace.note(self.name, f"block {block.height} of {len(batch)}", block.hash)
        self._queue.mark_ordered(batch)
        for digest in batch:
            for reply in self._replies.pop(digest, ()):
                reply(None)
        for stream in self._streams:
            stream.push()
        self._wait_for_next()
