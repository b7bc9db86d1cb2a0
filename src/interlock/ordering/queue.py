"""What waits to be ordered, and what recently was: the bounded memory in front of any log.

An entry is known by its hash. It waits here until the block that carries it is durable, and is then remembered for a
while, so that a submitter who lost the answer may submit it again without having it ordered twice.
"""

from collections import deque
from collections.abc import Iterable
from enum import Enum, auto

from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32
from interlock.ordering.protocol import Check, EntryRefused, EntryTooLarge, LogBusy, LogLimits


class Standing(Enum):
    """Where an offered entry stands."""

    QUEUED = auto()
    """New: it waits now."""
    WAITING = auto()
    """An equal one waits already."""
    ORDERED = auto()
    """An equal one was ordered recently."""


class EntryQueue:
    """Hold entries in the order of their arrival, each once."""

    def __init__(self, limits: LogLimits, check: Check) -> None:
        self._limits = limits
        self._check = check
        self._waiting: dict[Bytes32, bytes] = {}
        self._waiting_bytes = 0
        self._recent: set[Bytes32] = set()
        self._recent_in_order: deque[Bytes32] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, entry: bytes) -> tuple[Bytes32, Standing]:
        """Take an entry in; give its hash and where it stands.

        Raises EntryTooLarge, EntryRefused (no bytes, or the door's sentence), LogBusy, in this order. Neither an entry
        that waits nor one remembered is put before the door again.
        """
        if len(entry) > self._limits.entry_bytes_max:
            raise EntryTooLarge(f"the entry has {len(entry)} bytes; the log takes {self._limits.entry_bytes_max}")
        digest = keccak256(entry)
        if digest in self._waiting:
            return digest, Standing.WAITING
        if digest in self._recent:
            return digest, Standing.ORDERED
        reason = self._check(entry) if entry else "an entry of no bytes says nothing"
        if reason is not None:
            raise EntryRefused(f"entry 0x{digest.hex()} was refused: {reason}")
        if (
            len(self._waiting) >= self._limits.queue_entries_max
            or self._waiting_bytes + len(entry) > self._limits.queue_bytes_max
        ):
            raise LogBusy(f"the log is busy: {len(self._waiting)} entries wait; submit 0x{digest.hex()} again soon")
        self._waiting[digest] = entry
        self._waiting_bytes += len(entry)
        return digest, Standing.QUEUED

    def next_batch(self) -> dict[Bytes32, bytes]:
        """Give the oldest waiting entries that fit into one block, by hash; they go on waiting."""
        batch: dict[Bytes32, bytes] = {}
        room = self._limits.block_bytes_max
        for digest, entry in self._waiting.items():
            room -= len(entry)
            if room < 0 or len(batch) == self._limits.block_entries_max:
                break
            batch[digest] = entry
        return batch

    def mark_ordered(self, batch: Iterable[Bytes32]) -> None:
        """Let entries wait no longer, now that their block is durable, and remember them."""
        for digest in batch:
            self._waiting_bytes -= len(self._waiting.pop(digest))
            self.remember(digest)

    def drop_waiting(self) -> None:
        """Forget what waits; its submitters were told."""
        self._waiting.clear()
        self._waiting_bytes = 0

    def remember(self, digest: Bytes32) -> None:
        """Remember one ordered entry, and forget the oldest beyond the bound."""
        if digest in self._recent:
            return
        self._recent.add(digest)
        self._recent_in_order.append(digest)
        if len(self._recent_in_order) > self._limits.recent_entries_max:
            self._recent.remove(self._recent_in_order.popleft())
