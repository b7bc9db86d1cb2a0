"""The steps in which a ledger works, and when each is final.

A bank's request is a step of its own, final at once. A chain's step is a block: it takes requests until the clock moves
on, is final when so many blocks came after it, and can be reorganised away until then, with all that it did.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.ledgers.memory.event import BooksClosed, LedgerEvent
from interlock.ledgers.memory.table import Changes, Table


@dataclass(frozen=True, slots=True)
class Block:
    """A closed step that is not final."""

    time: int
    changes: tuple[Changes[Any, Any], ...]
    """Of each table."""
    events: tuple[LedgerEvent, ...]


class Steps:
    """The clock, the blocks, and what is told of them."""

    def __init__(
        self,
        name: str,
        tables: Sequence[Table[Any, Any]],
        *,
        confirmations: int | None,
        now: int,
        tell: Callable[[LedgerEvent], None],
    ) -> None:
        """Begin at a time. `confirmations`: blocks on top of a final one; None where each request is final at once."""
        self._name = name
        self._tables = tuple(tables)
        self._confirmations = confirmations
        self._tell = tell
        self._events: list[LedgerEvent] = []
        self._blocks: list[Block] = []
        self.time = now
        """The ledger's own clock: of the block under way."""
        self.final_time = now
        """Of the newest final block."""

    def say(self, event: LedgerEvent) -> None:
        """Add what happened to the step under way."""
        self._events.append(event)

    def end_request(self) -> None:
        """End a request; a bank's step with it."""
        if self._confirmations is None and self._events:
            self._finalise(self._cut())

    def advance(self, now: int) -> None:
        """Let the clock go on, never back: a chain closes its block and begins the next one."""
        if self._confirmations is None:
            self.time = self.final_time = max(self.time, now)
            self._tell(BooksClosed(self._name, self.time))
            return
        self._blocks.append(self._cut())
        while len(self._blocks) > self._confirmations:
            self._finalise(self._blocks.pop(0))
        self.time = max(self.time, now)

    def reorg(self, depth: int) -> None:
        """Replace the block under way and the newest `depth` closed ones by an empty block.

        ValueError where so many are not there, or are final: that would be a finality failure.
        """
        if self._confirmations is None or not 0 <= depth <= len(self._blocks):
            raise ValueError(f"{self._name}: {depth} blocks cannot be replaced, {len(self._blocks)} are not final")
        undone = [self._cut(), *(self._blocks.pop() for _ in range(depth))]
        for block in undone:
            for table, changes in zip(self._tables, block.changes, strict=True):
                table.undo(changes)

    def _cut(self) -> Block:
        events, self._events = self._events, []
        return Block(self.time, tuple(table.cut() for table in self._tables), tuple(events))

    def _finalise(self, block: Block) -> None:
        for table, changes in zip(self._tables, block.changes, strict=True):
            table.finalise(changes)
        self.final_time = block.time
        for event in block.events:
            self._tell(event)
        self._tell(BooksClosed(self._name, block.time))
