"""Which blocks are final, and the watch that none of them is ever replaced.

A chain's finality is either its `finalized` tag or a depth below its head (`confirmations`). The newest final block
only ever advances: an endpoint that lags behind answers with an older one, which is ignored, and told once that lasts.
A final block that the chain shows with another hash later means that finality has failed, or the endpoint lies; then
nothing that was seen on this chain can be voted any more, and a human has to look.

Whoever makes a node believe in a final block far ahead blinds it until the chain gets there. So a final block counts
only where its time is not ahead of the node's clock, its number not above the chain's newest, nor further ahead than
the time passed explains, and where a leap, the first one of a life included, is the same when asked again by number.

    FinalityViolated (LedgerNonsense)    terminal for this chain: a final block was replaced
    FinalBehind (LedgerUnavailable)      the chain's final block stays below the one that this node saw before

Source: specification 9 ("Chain finality as configured") and 11 ("reorg after a vote").
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from interlock.encoding.canonical import Malformed, decode_canonical, encode
from interlock.encoding.values import Bytes32, Uint64, hex_of
from interlock.ledgers.evm.rpc import Answer, Call, Rpc
from interlock.ledgers.evm.wire import Header, quantity, read_header
from interlock.ledgers.protocol import LedgerError, LedgerNonsense, LedgerUnavailable

REMEMBER_EVERY_BLOCKS = 32
"""How many final blocks may pass between two writes to disk: a restart then compares a block at most this old."""
AHEAD_MAX_S = 300
"""Seconds that a final block may lie ahead of the node's clock: chains allow some 15, clocks go wrong by more."""
BLOCKS_PER_SECOND_MAX = 100
"""More than chains make; the fastest have a block every 10 ms to 250 ms."""
LEAP_BLOCKS_MAX = 10_000
"""Blocks that need no time: some chains make up for a standstill all at once."""
BEHIND_LOOKS_MAX = 10
"""Looks that may find the chain behind what was seen before; of several machines behind one URL, some lag."""


class FinalityViolated(LedgerNonsense):
    """A block that was final has another hash now; nothing more is voted for this chain."""

    retryable = False
    code = "ledger_finality_violated"


class FinalBehind(LedgerUnavailable):
    """The chain's final block stays below one that this node saw before; nothing new is seen meanwhile."""

    code = "ledger_final_behind"


@dataclass(frozen=True, slots=True)
class FinalMark:
    """A final block that this node saw, as it is kept on disk."""

    KIND: ClassVar[str] = "interlock/final-mark/1"

    number: Uint64
    hash: Bytes32
    replaced_by: Bytes32 | None
    """The hash that the chain showed in its place later; null while finality holds."""


class FinalMemory:
    """One file that holds the newest final block across restarts; without a path nothing is kept."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    def load(self) -> FinalMark | None:
        """Give what was kept, None where there is nothing. Malformed where the file is damaged."""
        if self.path is None or not self.path.exists():
            return None
        return decode_canonical(FinalMark, self.path.read_bytes())

    def save(self, mark: FinalMark) -> None:
        """Keep a mark durably, in place of the one before."""
        if self.path is None:
            return
        fresh = self.path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(encode(mark))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)


class Finality:
    """The newest final block of one chain."""

    def __init__(
        self,
        rpc: Rpc,
        confirmations: int,
        memory: FinalMemory | None = None,
        unix: Callable[[], float] = time.time,
    ) -> None:
        """Take `confirmations` blocks below the head as final, or with 0 the chain's own `finalized` tag.

        `unix` is the node's clock, in unix seconds.
        """
        self._rpc = rpc
        self._unix = unix
        self._confirmations = confirmations
        self._memory = memory or FinalMemory()
        self._newest: Header | None = None
        self._mark = self._memory.load()
        self._behind = 0
        """Looks in a row that found the chain below what is known."""

    @property
    def newest(self) -> Header | None:
        """Give the newest final block seen in this life."""
        return self._newest

    async def advance(self) -> Header | None:
        """Ask for the newest final block; None while the chain has none, or none as new as the one remembered.

        Raises FinalityViolated, at every later call too, FinalBehind, LedgerUnavailable, LedgerNonsense.
        """
        self._check_mark()
        known = self._known()
        latest = Call("eth_getBlockByNumber", ("latest", False))
        # A chain's newest block is asked after its final one: it can only have grown meanwhile.
        calls = [latest] if self._confirmations else [Call("eth_getBlockByNumber", ("finalized", False)), latest]
        if known is not None:
            calls.append(_by_number(known[0]))
        first, *others = await self._headers(calls)
        again = others.pop() if known is not None else None
        final = await self._below(first) if self._confirmations else first
        if final is None or (known is not None and final.number < known[0]):
            self._fall_behind(known, final)
            return self._newest
        self._behind = 0
        if known is not None:
            before = self._compare(known, again)
            if final.number == known[0] and final.hash != known[1]:
                raise self._nonsense(f"two answers about final block {final.number} contradict each other")
            self._check_pace(self._newest or before, final)
        await self._check_ahead(final, *others)
        self._newest = final
        self._remember(final)
        return final

    async def _below(self, tip: Header | None) -> Header | None:
        if tip is None or tip.number < self._confirmations:
            return None
        number = tip.number - self._confirmations
        (final,) = await self._headers([_by_number(number)])
        if final is not None and final.number != number:
            raise self._nonsense(f"asked for block {number}, was given {final.number}")
        return final

    def _check_pace(self, before: Header, final: Header) -> None:
        """Hold a final block against the one before it: time goes on, and explains the number."""
        if final.time < before.time:
            raise self._nonsense(f"final block {final.number} is older than the one before it")
        passed_s, blocks = final.time - before.time, final.number - before.number
        if blocks > LEAP_BLOCKS_MAX + BLOCKS_PER_SECOND_MAX * passed_s:
            raise self._nonsense(f"final block {final.number} is {blocks} blocks but {passed_s} s after the last")

    async def _check_ahead(self, final: Header, latest: Header | None = None) -> None:
        """Hold a final block against the clock and the chain's newest, and a leap against a second answer."""
        ahead_s = final.time - self._unix()
        if ahead_s > AHEAD_MAX_S:
            raise self._nonsense(
                f"final block {final.number} is {ahead_s:.0f} s ahead of this node's clock: one of the two is wrong"
            )
        if self._confirmations:
            return
        if latest is None or latest.number < final.number:
            newest = "has no newest block" if latest is None else f"is at block {latest.number}"
            raise self._nonsense(f"block {final.number} is said to be final, but the chain {newest}")
        if self._newest is None or final.number > self._newest.number + REMEMBER_EVERY_BLOCKS:
            (again,) = await self._headers([_by_number(final.number)])
            if again is None or (again.number, again.hash) != (final.number, final.hash):
                raise self._nonsense(f"two answers about final block {final.number} contradict each other")

    def _fall_behind(self, known: tuple[int, Bytes32] | None, final: Header | None) -> None:
        """Count a look that gave no final block as new as the known one. FinalBehind where that lasts."""
        if known is None:
            return
        self._behind += 1
        if self._behind <= BEHIND_LOOKS_MAX:
            return
        number, block = known
        found = "no block is final" if final is None else f"block {final.number} is final"
        remedy = "start this node again"
        if self._memory.path is not None:
            remedy = f"stop this node, remove {self._memory.path} and start it again"
        raise FinalBehind(
            f"at the last {self._behind} looks {found}, but block {number} ({hex_of(block)}) was before; nothing new "
            "is seen until the chain is past it. Where the endpoint lags, wait or take another. Only where other "
            f"sources too say that the chain never had it, the earlier answer was a lie: {remedy}",
            self._rpc.ledger,
        )

    async def _headers(self, calls: list[Call]) -> list[Header | None]:
        try:
            return [_header(answer) for answer in await self._rpc.batch(calls)]
        except Malformed as error:
            raise self._nonsense(f"a block cannot be read: {error}") from None

    def _known(self) -> tuple[int, Bytes32] | None:
        if self._newest is not None:
            return self._newest.number, self._newest.hash
        return None if self._mark is None else (self._mark.number, self._mark.hash)

    def _compare(self, known: tuple[int, Bytes32], again: Header | None) -> Header:
        """Hold the newest final block known against what the chain says of it now, and give that."""
        number, block = known
        if again is None or again.number != number:
            raise self._nonsense(f"the chain is past final block {number} but does not give it")
        if again.hash != block:
            self._mark = FinalMark(Uint64(number), block, again.hash)
            self._memory.save(self._mark)
            self._check_mark()
        return again

    def _check_mark(self) -> None:
        mark = self._mark
        if mark is not None and mark.replaced_by is not None:
            where = "" if self._memory.path is None else f", then remove {self._memory.path}"
            raise FinalityViolated(
                f"final block {mark.number} was {hex_of(mark.hash)} and is {hex_of(mark.replaced_by)} now; nothing is "
                f"voted for this chain any more: find out which endpoint or chain is right{where}",
                self._rpc.ledger,
            )

    def _remember(self, final: Header) -> None:
        if self._mark is None or final.number >= self._mark.number + REMEMBER_EVERY_BLOCKS:
            self._mark = FinalMark(Uint64(final.number), final.hash, None)
            self._memory.save(self._mark)

    def _nonsense(self, sentence: str) -> LedgerNonsense:
        return LedgerNonsense(sentence, self._rpc.ledger)


def _by_number(number: int) -> Call:
    return Call("eth_getBlockByNumber", (quantity(number), False))


def _header(answer: Answer) -> Header | None:
    if isinstance(answer, LedgerError):
        raise answer
    return read_header(answer)
