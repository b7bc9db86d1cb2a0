"""A log that does to entries what a test says, and keeps everything that was ever brought to it.

Left alone it is an honest log: each entry that comes makes a block at once, at the clock's time. A test exchanges
`treat` to have entries dropped, kept back, refused or taken without an answer, stops it, or forks it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from enum import Enum, auto

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.entry import Anchor, Attest, Certify, Entry
from interlock.core.instruction import SettlementId
from interlock.core.rejection import Rejection
from interlock.encoding.canonical import encode
from interlock.encoding.values import Bytes32, Height, Uint64
from interlock.entries.check import decode_entry
from interlock.ordering.memory import MemoryLog
from interlock.ordering.protocol import EntryRefused, Head, LogBlock, LogUnavailable
from support.bell import Bell, Clock


class Treatment(Enum):
    """What a sequencer can do to an entry."""

    ORDER = auto()
    """Put it into the next block."""
    DROP = auto()
    """Say that it was taken, and forget it."""
    KEEP_BACK = auto()
    """Say that it was taken, and order it when told to (`give`)."""
    REFUSE = auto()
    """Refuse it at the door."""
    TAKE_UNANSWERED = auto()
    """Order it, and lose the answer."""


Treat = Callable[[Entry], Treatment]


def always(_: Entry) -> Treatment:
    """Treat every entry as an honest log does."""
    return Treatment.ORDER


def treat(treatment: Treatment, *kinds: type[Entry], where: Callable[[Entry], bool] = lambda _: True) -> Treat:
    """Treat entries of some kinds in a way of their own."""
    return lambda entry: treatment if isinstance(entry, kinds) and where(entry) else Treatment.ORDER


class PuppetLog(MemoryLog):
    """One sequencer, or one face of a lying one."""

    def __init__(self, network_id: Bytes32, clock: Clock, bell: Bell, past: Iterable[LogBlock] = ()) -> None:
        super().__init__(network_id, clock.read)
        self._network_id = network_id
        self._time = clock
        self._bell = bell
        self._blocks.extend(past)
        self._is_due = False
        self.treat: Treat = always
        self.is_moving = True
        """Makes a block as soon as an entry waits; else only when told to (`advance`)."""
        self.brought: list[bytes] = []
        """Everything ever submitted, whatever became of it."""
        self.kept_back: list[bytes] = []

    @property
    def height(self) -> int:
        """Give the number of blocks."""
        return len(self._blocks)

    @property
    def anchor(self) -> Anchor:
        """Give the newest block, as a batch names it."""
        tip = self._tip
        return Anchor(Height(Uint64(tip.height)), tip.hash)

    @property
    def made(self) -> tuple[LogBlock, ...]:
        """Give the blocks."""
        return tuple(self._blocks)

    def fork(self, height: int | None = None) -> "PuppetLog":
        """Give another log with the same blocks up to a height, or all of them."""
        return PuppetLog(self._network_id, self._time, self._bell, self._blocks[:height])

    def put(self, *entries: Entry) -> LogBlock:
        """Order entries as the next block, whatever `treat` says, alone or with what waits."""
        for entry in entries:
            self._queue.offer(encode(entry))
        return self.advance()

    def give(self, entries: Iterable[bytes] | None = None) -> None:
        """Order what was kept back, or just these, in their order, each in a block of its own."""
        given = list(self.kept_back if entries is None else entries)
        self.kept_back = [each for each in self.kept_back if each not in given]
        for each in given:
            self._queue.offer(each)
            self.advance()

    def advance(self) -> LogBlock:
        """Make a block now."""
        block = super().advance()
        self._bell.ring()
        return block

    async def submit(self, entry: bytes) -> None:
        """Treat an entry as the test says."""
        self._require_up()
        self.brought.append(entry)
        read = decode_entry(entry)
        treatment = Treatment.REFUSE if isinstance(read, Rejection) else self.treat(read)
        if treatment is Treatment.KEEP_BACK:
            self.kept_back.append(entry)
        self._bell.ring()
        if treatment is Treatment.REFUSE:
            raise EntryRefused("the log does not like it")
        if treatment in {Treatment.ORDER, Treatment.TAKE_UNANSWERED}:
            await super().submit(entry)
            self._move()
        if treatment is Treatment.TAKE_UNANSWERED:
            raise LogUnavailable("the answer was lost")

    async def head(self) -> Head:
        """Give the newest position."""
        self._bell.ring()
        return await super().head()

    async def blocks(self, after: int, *, known: Bytes32 | None = None) -> AsyncGenerator[LogBlock, None]:
        """Give the blocks; let others run between two."""
        async for block in super().blocks(after, known=known):
            yield block
            await asyncio.sleep(0)

    def _move(self) -> None:
        if self.is_moving and not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._make_due)

    def _make_due(self) -> None:
        self._is_due = False
        if self._is_up:
            self.advance()


def signed_outcomes(*logs: PuppetLog) -> dict[tuple[int, SettlementId], set[Outcome]]:
    """Give the outcomes that each member ever signed for each settlement, ordered or not, over all these logs."""
    found: dict[tuple[int, SettlementId], set[Outcome]] = {}
    for each in {entry for log in logs for entry in log.brought}:
        entry = decode_entry(each)
        if isinstance(entry, Certify):
            assert not entry.batches, "a batch does not tell what it decides"
            for signed in entry.decisions:
                key = (entry.member, signed.decision.settlement)
                found.setdefault(key, set()).add(signed.decision.outcome)
    return found


def votes_in(entries: Iterable[bytes]) -> list[tuple[int, int, Fact]]:
    """Give member, leg and fact of every vote in these entries, in order, repetitions included."""
    return [
        (entry.member, signed.attestation.leg, signed.attestation.fact)
        for entry in map(decode_entry, entries)
        if isinstance(entry, Attest)
        for signed in entry.attestations
    ]


def attested(log: PuppetLog, member: int) -> list[tuple[int, Fact]]:
    """Give leg and fact of everything that a member brought to a log."""
    return [(leg, fact) for who, leg, fact in votes_in(log.brought) if who == member]
