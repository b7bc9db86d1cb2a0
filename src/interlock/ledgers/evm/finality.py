"""Which blocks are final, and the watch that none of them is ever replaced.

A chain's finality is either its `finalized` tag or a depth below its head (`confirmations`). The newest final block
only ever advances: an endpoint that lags behind answers with an older one, which is ignored. A final block that the
chain shows with another hash later means that finality has failed, or the endpoint lies; then nothing that was seen on
this chain can be voted any more, and a human has to look.

    FinalityViolated (LedgerNonsense)    terminal for this chain: a final block was replaced

Source: specification 9 ("Chain finality as configured") and 11 ("reorg after a vote").
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from interlock.encoding.canonical import Malformed, decode_canonical, encode
from interlock.encoding.values import Bytes32, Uint64, hex_of
from interlock.ledgers.evm.rpc import Answer, Call, Rpc
from interlock.ledgers.evm.wire import Header, quantity, read_header
from interlock.ledgers.protocol import LedgerError, LedgerNonsense

REMEMBER_EVERY_BLOCKS = 32
"""How many final blocks may pass between two writes to disk: a restart then compares a block at most this old."""


class FinalityViolated(LedgerNonsense):
    """A block that was final has another hash now; nothing more is voted for this chain."""

    retryable = False
    code = "ledger_finality_violated"


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

    def __init__(self, rpc: Rpc, confirmations: int, memory: FinalMemory | None = None) -> None:
        """Take `confirmations` blocks below the head as final, or with 0 the chain's own `finalized` tag."""
        self._rpc = rpc
        self._confirmations = confirmations
        self._memory = memory or FinalMemory()
        self._newest: Header | None = None
        self._mark = self._memory.load()

    @property
    def newest(self) -> Header | None:
        """Give the newest final block seen in this life."""
        return self._newest

    async def advance(self) -> Header | None:
        """Ask for the newest final block; None while the chain has none, or none as new as the one remembered.

        Raises FinalityViolated, at every later call too, LedgerUnavailable, LedgerNonsense.
        """
        self._check_mark()
        known = self._known()
        calls = [Call("eth_getBlockByNumber", ("latest" if self._confirmations else "finalized", False))]
        if known is not None:
            calls.append(Call("eth_getBlockByNumber", (quantity(known[0]), False)))
        tip, *again = await self._headers(calls)
        final = await self._below(tip) if self._confirmations else tip
        if final is None or (known is not None and final.number < known[0]):
            return self._newest
        if known is not None:
            self._compare(known, again[0])
        if known is not None and final.number == known[0] and final.hash != known[1]:
            raise LedgerNonsense(
                f"two answers about final block {final.number} contradict each other", self._rpc.ledger
            )
        if self._newest is not None and final.time < self._newest.time:
            raise LedgerNonsense(f"final block {final.number} is older than the one before it", self._rpc.ledger)
        self._newest = final
        self._remember(final)
        return final

    async def _below(self, tip: Header | None) -> Header | None:
        if tip is None or tip.number < self._confirmations:
            return None
        number = tip.number - self._confirmations
        (final,) = await self._headers([Call("eth_getBlockByNumber", (quantity(number), False))])
        if final is not None and final.number != number:
            raise LedgerNonsense(f"asked for block {number}, was given {final.number}", self._rpc.ledger)
        return final

    async def _headers(self, calls: list[Call]) -> list[Header | None]:
        try:
            return [_header(answer) for answer in await self._rpc.batch(calls)]
        except Malformed as error:
            raise LedgerNonsense(f"a block cannot be read: {error}", self._rpc.ledger) from None

    def _known(self) -> tuple[int, Bytes32] | None:
        if self._newest is not None:
            return self._newest.number, self._newest.hash
        return None if self._mark is None else (self._mark.number, self._mark.hash)

    def _compare(self, known: tuple[int, Bytes32], again: Header | None) -> None:
        """Hold the newest final block known against what the chain says of it now."""
        number, block = known
        if again is None or again.number != number:
            raise LedgerNonsense(f"the chain is past final block {number} but does not give it", self._rpc.ledger)
        if again.hash != block:
            self._mark = FinalMark(Uint64(number), block, again.hash)
            self._memory.save(self._mark)
            self._check_mark()

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


def _header(answer: Answer) -> Header | None:
    if isinstance(answer, LedgerError):
        raise answer
    return read_header(answer)
