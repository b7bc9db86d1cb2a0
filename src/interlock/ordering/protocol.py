"""What the project asks of an ordered log, whoever keeps it.

An ordered log puts entries, which are opaque bytes to it, into one sequence of blocks that every reader sees alike.
It promises order, durability of what it has taken, and a time that never goes back; it decides nothing.

Operating errors:

    OrderingError           what went wrong, in a sentence; `retryable`: the same call may succeed later
    ├── LogUnavailable      retryable: not reached, silent, storage full, connection lost; whether a submission was
    │   │                   taken is unknown then; submit the same bytes again, since a
    │   │                   second ordering is harmless
    │   └── LogBusy         retryable: the queue is full; nothing was taken
    ├── EntryTooLarge       terminal for this entry
    ├── EntryRefused        terminal for this entry; the sentence is the one of the log's door
    └── LogForked           terminal for this log: it contradicts what was verified before, or its own rules
"""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from interlock.encoding.block import block_hash
from interlock.encoding.values import Bytes32

Check = Callable[[bytes], str | None]
"""The door of a log: gives None for an entry that may be ordered, else the sentence that says why not. Never raises."""


def admit_all(_entry: bytes) -> str | None:
    """Admit every entry: the door of a log that stands behind another one."""
    return None


@dataclass(frozen=True, slots=True)
class LogBlock:
    """Some entries in their order, and the log time at which all of them count."""

    height: int
    """1 for the first block, then without gaps."""
    time: int
    """Whole seconds, never below the previous block's."""
    previous: Bytes32
    """Hash of the block before; the network id for the first."""
    entries: tuple[bytes, ...]
    """None at all in an idle block."""
    hash: Bytes32 = field(init=False, compare=False)
    """Computed from the four fields above (`encoding.block`), never taken from anybody."""

    def __post_init__(self) -> None:
        """Hash the block; ValueError or OverflowError when a field is out of its range."""
        digest = block_hash(self.height, self.time, self.previous, self.entries)
        object.__setattr__(self, "hash", digest)


@dataclass(frozen=True, slots=True)
class Head:
    """A position in the log: its newest block, or the network's beginning."""

    height: int
    """0 where the log has no block yet."""
    hash: Bytes32
    """Hash of the block at this height; the network id at height 0."""
    time: int
    """Time of that block; 0 at height 0."""


@dataclass(frozen=True, slots=True)
class LogLimits:
    """Bound everything that a log keeps in memory or puts into one block."""

    entry_bytes_max: int = 262_144
    """An entry. A log knows no entries: a network's wiring gives its own bound, which is this one today."""
    block_entries_max: int = 4_096
    """Entries of one block, so that applying a block stays well under a second."""
    block_bytes_max: int = 1_048_576
    """Entry bytes of one block; at least one entry of the largest size fits."""
    queue_entries_max: int = 16_384
    """Entries waiting to be ordered; beyond it a submitter hears *busy*."""
    queue_bytes_max: int = 16_777_216
    """Entry bytes waiting to be ordered."""

    def __post_init__(self) -> None:
        """Refuse limits that no entry could pass."""
        if not 0 < self.entry_bytes_max <= min(self.block_bytes_max, self.queue_bytes_max):
            raise ValueError("an entry of the largest size must fit into a block and into the queue")
        if min(self.block_entries_max, self.queue_entries_max) < 1:
            raise ValueError("every bound of a log must be at least 1")


class OrderedLog(Protocol):
    """One total order of entries, durable and the same for everybody who reads it."""

    async def submit(self, entry: bytes) -> None:
        """Return once the log has durably taken the entry.

        Taken means: it will stand in a block, even if every process is killed now. Equal entries that wait together
        stand in one block, once. An equal entry that was ordered before does not count: this one is ordered again, so
        that what was rejected for a passing reason can be repeated, and whoever reads the log takes a repetition that
        says nothing new for harmless.
        Raises EntryTooLarge, EntryRefused (also for an entry of no bytes), LogBusy, LogUnavailable.
        """
        ...

    def blocks(self, after: int, *, known: Bytes32 | None = None) -> AsyncGenerator[LogBlock, None]:
        """Give the blocks after + 1, after + 2, … and then each new one as it comes; never ends by itself.

        `known` is the hash of block `after` as the reader verified it earlier: with it, the first block is held against
        the reader's own past. Blocks chain and heights are consecutive, or it raises. Raises LogForked (also when
        the log is shorter than `after`), LogUnavailable when the connection is lost: connecting again, from the
        last block that was applied, is the reader's business. Close it (`contextlib.aclosing`) when done.
        """
        ...

    async def head(self) -> Head:
        """Give the newest position of the log. Raises LogUnavailable."""
        ...


class OrderingError(Exception):
    """Tell what a log could not do."""

    retryable: ClassVar[bool] = False
    code: ClassVar[str] = "ordering"


class LogUnavailable(OrderingError):
    """The log was not reached, or could not store; try again later."""

    retryable = True
    code = "log_unavailable"


class LogBusy(LogUnavailable):
    """The log's queue is full; try again in a moment."""

    code = "log_busy"


class EntryTooLarge(OrderingError):
    """The entry exceeds the log's bound; make it smaller."""

    code = "entry_too_large"


class EntryRefused(OrderingError):
    """The log's door does not admit the entry; the sentence says why."""

    code = "entry_refused"


class LogForked(OrderingError):
    """The log contradicts its own past. Stop; compare it with another copy; a log begun anew is a new network."""

    code = "log_forked"


def verify_follows(block: LogBlock, before: Head) -> None:
    """Raise LogForked unless `block` is a lawful successor of `before`: height, hash, then time."""
    if block.height != before.height + 1:
        raise LogForked(f"the log gave block {block.height} where block {before.height + 1} follows")
    if block.previous != before.hash:
        raise LogForked(
            f"block {block.height} follows 0x{block.previous.hex()}, but block {before.height} was verified as "
            f"0x{before.hash.hex()}: this is another log"
        )
    if block.time < before.time:
        raise LogForked(f"log time went back at block {block.height}, from {before.time} to {block.time}")
