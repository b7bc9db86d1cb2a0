"""The `eth_*` methods about blocks, transactions, receipts and logs."""

from typing import Any

from interlock.devnet.chain.block import Block
from interlock.devnet.chain.chain import Chain
from interlock.devnet.chain.params import ByHash, LogFilter, block_ref, flag, log_filter, octets, quantity, word
from interlock.devnet.chain.rpc import INVALID_PARAMS, LIMIT_EXCEEDED, REFUSED, Method, RpcError
from interlock.devnet.chain.views import (
    Json,
    block_view,
    hex_octets,
    hex_quantity,
    log_views,
    receipt_view,
    transaction_view,
)

LOG_BLOCKS_MAX = 10_000
"""Blocks that one log query may span: the bound of most public endpoints, and well under a second of work."""

LOGS_MAX = 10_000
"""Logs that one query may give: some megabytes of answer."""


class BlockMethods:
    """Answer from the chain's blocks and its pool."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def methods(self) -> dict[str, Method]:
        """Name every method."""
        return {
            "eth_blockNumber": Method(self.block_number, 0),
            "eth_getBlockByNumber": Method(self.block_by_number, 1, 1),
            "eth_getBlockByHash": Method(self.block_by_hash, 1, 1),
            "eth_getBlockReceipts": Method(self.block_receipts, 1),
            "eth_getBlockTransactionCountByNumber": Method(self.transaction_count_by_number, 1),
            "eth_getBlockTransactionCountByHash": Method(self.transaction_count_by_hash, 1),
            "eth_getTransactionByHash": Method(self.transaction_by_hash, 1),
            "eth_getTransactionByBlockHashAndIndex": Method(self.transaction_by_block_hash, 2),
            "eth_getTransactionByBlockNumberAndIndex": Method(self.transaction_by_block_number, 2),
            "eth_getRawTransactionByHash": Method(self.raw_transaction, 1),
            "eth_getTransactionReceipt": Method(self.receipt, 1),
            "eth_sendRawTransaction": Method(self.send, 1),
            "eth_getLogs": Method(self.logs, 1),
        }

    def block_number(self) -> str:
        """Give the height of the head."""
        return hex_quantity(self._chain.head.number)

    def block_by_number(self, number: Any, full: Any = None) -> Json | None:  # noqa: ANN401 - whatever JSON holds
        """Give the canonical block at a height or tag."""
        block = self._chain.block(block_ref(number))
        return None if block is None else block_view(block, full=flag(full, "full"))

    def block_by_hash(self, block_hash: Any, full: Any = None) -> Json | None:  # noqa: ANN401 - whatever JSON holds
        """Give a block by hash, canonical or replaced, as go-ethereum does."""
        block = self._by_hash(block_hash)
        return None if block is None else block_view(block, full=flag(full, "full"))

    def block_receipts(self, ref: Any) -> list[Json] | None:  # noqa: ANN401 - whatever JSON holds
        """Give all receipts of a block."""
        is_hash = isinstance(ref, str) and len(ref) == 66  # noqa: PLR2004 - 0x and 32 bytes; quantities are shorter
        block = self._by_hash(ref) if is_hash else self._chain.block(block_ref(ref))
        return None if block is None else [receipt_view(block, i) for i in range(len(block.transactions))]

    def transaction_count_by_number(self, number: Any) -> str | None:  # noqa: ANN401 - whatever JSON holds
        """Count the transactions of a block."""
        block = self._chain.block(block_ref(number))
        return None if block is None else hex_quantity(len(block.transactions))

    def transaction_count_by_hash(self, block_hash: Any) -> str | None:  # noqa: ANN401 - whatever JSON holds
        """Count the transactions of a block."""
        block = self._by_hash(block_hash)
        return None if block is None else hex_quantity(len(block.transactions))

    def transaction_by_hash(self, value: Any) -> Json | None:  # noqa: ANN401 - whatever JSON holds
        """Give a transaction of the canonical chain or of the pool."""
        transaction_hash = word(value)
        place = self._chain.store.place(transaction_hash)
        if place is not None:
            block, position = place
            return transaction_view(block.transactions[position], block, position)
        waiting = self._chain.pool.find(transaction_hash)
        return None if waiting is None else transaction_view(waiting, None, None)

    def transaction_by_block_hash(self, block_hash: Any, index: Any) -> Json | None:  # noqa: ANN401 - whatever JSON holds
        """Give a transaction by its place."""
        return _at(self._by_hash(block_hash), index)

    def transaction_by_block_number(self, number: Any, index: Any) -> Json | None:  # noqa: ANN401 - whatever JSON holds
        """Give a transaction by its place."""
        return _at(self._chain.block(block_ref(number)), index)

    def raw_transaction(self, value: Any) -> str | None:  # noqa: ANN401 - whatever JSON holds
        """Give the encoding of a transaction of the canonical chain or of the pool."""
        transaction_hash = word(value)
        place = self._chain.store.place(transaction_hash)
        found = place[0].transactions[place[1]] if place else self._chain.pool.find(transaction_hash)
        return None if found is None else hex_octets(found.encode())

    def receipt(self, value: Any) -> Json | None:  # noqa: ANN401 - whatever JSON holds
        """Give the receipt of a transaction of the canonical chain."""
        place = self._chain.store.place(word(value))
        return None if place is None else receipt_view(*place)

    def send(self, raw: Any) -> str:  # noqa: ANN401 - whatever JSON holds
        """Take a signed transaction."""
        return hex_octets(self._chain.submit(octets(raw, "transaction")))

    def logs(self, value: Any) -> list[Json]:  # noqa: ANN401 - whatever JSON holds
        """Give the logs that match a filter, in their order. Raises `RpcError` -32005 beyond the named limits."""
        wanted = log_filter(value)
        if wanted.block_hash is not None:
            block = self._chain.store.block(wanted.block_hash)
            if block is None:
                raise RpcError(REFUSED, "unknown block")
            return _matching(block, wanted)
        first, last = self._range(wanted)
        found: list[Json] = []
        for block in self._chain.store.blocks_with_logs(first, last):
            found += _matching(block, wanted)
            if len(found) > LOGS_MAX:
                raise RpcError(LIMIT_EXCEEDED, f"query returned more than {LOGS_MAX} results")
        return found

    def _range(self, wanted: LogFilter) -> tuple[int, int]:
        ends = wanted.first, wanted.last
        if isinstance(ends[0], ByHash) or isinstance(ends[1], ByHash):
            raise RpcError(INVALID_PARAMS, "invalid argument filter: a range is given by numbers or tags")
        first, last = (self._chain.number(end) for end in ends if not isinstance(end, ByHash))
        if first > last:
            raise RpcError(INVALID_PARAMS, "invalid block range params")
        last = min(last, self._chain.head.number)
        if last - first >= LOG_BLOCKS_MAX:
            raise RpcError(LIMIT_EXCEEDED, f"query exceeds max block range {LOG_BLOCKS_MAX}")
        return first, last

    def _by_hash(self, value: Any) -> Block | None:  # noqa: ANN401 - whatever JSON holds
        return self._chain.store.block(word(value))


def _at(block: Block | None, index: Any) -> Json | None:  # noqa: ANN401 - whatever JSON holds
    position = quantity(index, "index", bits=32)
    if block is None or position >= len(block.transactions):
        return None
    return transaction_view(block.transactions[position], block, position)


def _matching(block: Block, wanted: LogFilter) -> list[Json]:
    found: list[Json] = []
    for position, receipt in enumerate(block.receipts):
        hits = [
            index
            for index, log in enumerate(receipt.logs)
            if wanted.matches(bytes(log.address), tuple(topic.to_bytes(32, "big") for topic in log.topics))
        ]
        if hits:
            views = log_views(block, position)
            found += [views[index] for index in hits]
    return found
