"""What waits to be ordered: the bounded memory in front of any log.

An entry is known by its hash. It waits here, once, until the block that carries it is durable, and is then forgotten.
Equal bytes that come later are ordered again: those who read the log may have rejected them for a passing reason, and
a deterministic signature leaves a submitter no other bytes to send. Where nothing has changed, they reject a
repetition.
"""

from collections.abc import Iterable

from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32
from interlock.ordering.protocol import Check, EntryRefused, EntryTooLarge, LogBusy, LogLimits


class EntryQueue:
    """Hold entries in the order of their arrival, equal ones once."""

    def __init__(self, limits: LogLimits, check: Check) -> None:
        self._limits = limits
        self._check = check
        self._waiting: dict[Bytes32, bytes] = {}
        self._waiting_bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, entry: bytes) -> Bytes32:
        """Take an entry in, unless an equal one waits; give its hash.

        Raises EntryTooLarge, EntryRefused (no bytes, or the door's sentence), LogBusy, in this order. An entry that
        waits is not put before the door again.
        """
        if len(entry) > self._limits.entry_bytes_max:
            raise EntryTooLarge(f"the entry has {len(entry)} bytes; the log takes {self._limits.entry_bytes_max}")
        digest = keccak256(entry)
        if digest in self._waiting:
            return digest
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
        return digest

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
        """Let entries wait no longer, now that their block is durable."""
        for digest in batch:
            self._waiting_bytes -= len(self._waiting.pop(digest))

    def drop_waiting(self) -> None:
        """Forget what waits; its submitters were told."""
        self._waiting.clear()
        self._waiting_bytes = 0
