"""Transactions that wait for a block: of each sender in the order of nonces, across senders first come first served.

The pool is memory: a crash forgets it, as it does in any client; whoever sent a transaction sends it again.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from interlock.devnet.chain.rpc import REFUSED, RpcError

POOL_MAX = 4_096
"""Transactions in all: some hundred blocks of work, go-ethereum's order of magnitude."""

SENDER_MAX = 256
"""Transactions of one sender, so that none fills the pool alone."""

NONCE_AHEAD_MAX = SENDER_MAX
"""How far a nonce may lie ahead of the account's; what is further off could never be reached."""

REPLACEMENT_PERCENT = 10
"""How much more both fees of a replacement must offer, as go-ethereum asks."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    transaction: Any
    arrival: int


class Pool:
    """Hold valid signed transactions until they are mined or their nonce is spent."""

    def __init__(self) -> None:
        self._by_sender: dict[bytes, dict[int, _Waiting]] = {}
        self._by_hash: dict[bytes, Any] = {}
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._by_hash)

    def find(self, transaction_hash: bytes) -> Any | None:  # noqa: ANN401 - a signed transaction of py-evm
        """Give a waiting transaction."""
        return self._by_hash.get(transaction_hash)

    def add(self, transaction: Any, next_nonce: int) -> None:  # noqa: ANN401 - a signed transaction of py-evm
        """Take a transaction whose sender's account is at `next_nonce`.

        Raises `RpcError` -32000, in this order: already known; nonce too far ahead; replacement underpriced; the
        sender's or the whole pool is full.
        """
        if transaction.hash in self._by_hash:
            raise RpcError(REFUSED, "already known")
        nonce = transaction.nonce
        if nonce >= next_nonce + NONCE_AHEAD_MAX:
            raise RpcError(REFUSED, f"nonce too high: next nonce {next_nonce}, tx nonce {nonce}")
        sender = bytes(transaction.sender)
        queue = self._by_sender.get(sender, {})
        old = queue.get(nonce)
        if old is not None and not _outbids(transaction, old.transaction):
            raise RpcError(REFUSED, "replacement transaction underpriced")
        if old is None and (len(queue) >= SENDER_MAX or len(self) >= POOL_MAX):
            raise RpcError(REFUSED, "txpool is full")
        if old is not None:
            self.remove(old.transaction)
        self._arrivals += 1
        arrival = self._arrivals if old is None else old.arrival
        self._by_sender.setdefault(sender, {})[nonce] = _Waiting(transaction, arrival)
        self._by_hash[bytes(transaction.hash)] = transaction

    def remove(self, transaction: Any) -> None:  # noqa: ANN401 - a signed transaction of py-evm
        """Forget a transaction; harmless where it is unknown."""
        if self._by_hash.pop(bytes(transaction.hash), None) is None:
            return
        sender = bytes(transaction.sender)
        queue = self._by_sender[sender]
        del queue[transaction.nonce]
        if not queue:
            del self._by_sender[sender]

    def drop_spent(self, sender: bytes, next_nonce: int) -> None:
        """Forget a sender's transactions whose nonce lies behind the account's."""
        for nonce, waiting in list(self._by_sender.get(sender, {}).items()):
            if nonce < next_nonce:
                self.remove(waiting.transaction)

    def clear(self) -> None:
        """Forget everything."""
        self._by_sender.clear()
        self._by_hash.clear()

    def pending_nonce(self, sender: bytes, next_nonce: int) -> int:
        """Give the first nonce that is neither spent nor waiting without a gap."""
        queue = self._by_sender.get(sender, {})
        while next_nonce in queue:
            next_nonce += 1
        return next_nonce

    def ready(self, nonce_of: Callable[[bytes], int], base_fee: int) -> Iterator[Any]:
        """Give what can be mined now: without a gap in nonces, the base fee covered, the earliest arrival first."""
        heads: list[tuple[int, bytes, Any]] = []

        def offer(sender: bytes, nonce: int) -> None:
            waiting = self._by_sender.get(sender, {}).get(nonce)
            if waiting is not None and waiting.transaction.max_fee_per_gas >= base_fee:
                heapq.heappush(heads, (waiting.arrival, sender, waiting.transaction))

        for sender in list(self._by_sender):
            offer(sender, nonce_of(sender))
        while heads:
            _, sender, transaction = heapq.heappop(heads)
            yield transaction
            offer(sender, transaction.nonce + 1)


def _outbids(new: Any, old: Any) -> bool:  # noqa: ANN401 - signed transactions of py-evm
    def enough(offer: int, before: int) -> bool:
        return offer * 100 >= before * (100 + REPLACEMENT_PERCENT) and offer > before

    return enough(new.max_fee_per_gas, old.max_fee_per_gas) and enough(
        new.max_priority_fee_per_gas, old.max_priority_fee_per_gas
    )
