"""Read a vault's events from final blocks, in bounded ranges, and trust none that another answer does not confirm."""

from collections.abc import Collection, Sequence

from interlock.core.instruction import LegIndex, SettlementId
from interlock.encoding.canonical import Malformed
from interlock.encoding.values import Address, Blob, Bytes32, Uint32, Uint64, Uint256, hex_of
from interlock.evidence.chain_event import TOPICS, VaultEvent, read_event
from interlock.evidence.document import ChainEventDocument
from interlock.ledgers.evm.rpc import BATCH_MAX, Answer, AnswerTooLarge, Call, Rpc, RpcRefused
from interlock.ledgers.evm.wire import Log, quantity, read_header, read_logs
from interlock.ledgers.protocol import LedgerError, LedgerNonsense, LedgerUnavailable

RANGE_BLOCKS = 1_000
"""Blocks of one `eth_getLogs`; public providers allow 500 to 10,000. Halved when an endpoint wants less."""

LegKey = tuple[SettlementId, LegIndex]
"""A leg, across settlements."""


class EventReader:
    """The events of one vault."""

    def __init__(self, rpc: Rpc, chain_id: int, vault: Address, range_blocks: int = RANGE_BLOCKS) -> None:
        self._rpc = rpc
        self._chain_id = chain_id
        self._vault = vault
        self.range_blocks = range_blocks
        """Blocks of one request that follows the chain; fewer once the endpoint refused so many."""
        self.search_blocks = range_blocks
        """The same of a search far back: what an endpoint refuses of old blocks says nothing of new ones."""
        self._ranges_at_once = BATCH_MAX
        """Ranges in one request; halved, before the ranges are, when an answer was too large."""

    async def read(
        self, first: int, last: int, legs: Collection[LegKey], *, only_these: bool = False
    ) -> list[tuple[VaultEvent, ChainEventDocument]]:
        """Give the events of these legs in final blocks `first` to `last`, both included, in their order.

        `only_these` asks for the legs' settlements alone, for ranges far back; else everything is asked and sorted
        here. Each event's block is compared with the chain's own block of that number. LedgerUnavailable,
        LedgerNonsense.
        """
        topics: list[object] = [[hex_of(topic) for topic in TOPICS]]
        if only_these:
            topics.append(sorted({hex_of(settlement) for settlement, _ in legs}))
        size = self.search_blocks if only_these else self.range_blocks
        ranges = [(at, min(at + size - 1, last)) for at in range(first, last + 1, size)]
        answers: list[Answer] = []
        for at in range(0, len(ranges), self._ranges_at_once):
            answers += await self._ask(ranges[at : at + self._ranges_at_once], topics, is_search=only_these)
        found = []
        for (low, high), answer in zip(ranges, answers, strict=True):
            if isinstance(answer, RpcRefused):
                self._shrink(max(1, size // 2), is_search=only_these)
                raise LedgerUnavailable(f"{answer.sentence}; smaller ranges are asked next", self._rpc.ledger)
            if isinstance(answer, LedgerError):
                raise answer
            found += self._events(answer, low, high, legs)
        await self._confirm([document for _, document in found])
        return found

    def _shrink(self, blocks: int, *, is_search: bool) -> None:
        if is_search:
            self.search_blocks = blocks
        else:
            self.range_blocks = blocks

    async def _ask(
        self, ranges: Sequence[tuple[int, int]], topics: Sequence[object], *, is_search: bool
    ) -> list[Answer]:
        """Ask for ranges in one request. Where the answer is too large, less is asked the next time."""
        try:
            return await self._rpc.batch([self._call(low, high, topics) for low, high in ranges])
        except AnswerTooLarge as error:
            low, high = ranges[0]
            if len(ranges) > 1:
                self._ranges_at_once = len(ranges) // 2
            elif high > low:
                self._shrink((high - low + 1) // 2, is_search=is_search)
            else:
                raise
            raise LedgerUnavailable(f"{error.sentence}; smaller ranges are asked next", self._rpc.ledger) from None

    def _call(self, first: int, last: int, topics: Sequence[object]) -> Call:
        wanted = {
            "address": hex_of(self._vault),
            "fromBlock": quantity(first),
            "toBlock": quantity(last),
            "topics": list(topics),
        }
        return Call("eth_getLogs", (wanted,))

    def _events(
        self, answer: object, first: int, last: int, legs: Collection[LegKey]
    ) -> list[tuple[VaultEvent, ChainEventDocument]]:
        found = []
        try:
            for log in read_logs(answer):
                event = read_event(log.topics, log.data)
                if log.address != self._vault or not first <= log.block_number <= last:
                    sentence = f"a log of {hex_of(log.address)} in block {log.block_number} was not asked for"
                    raise LedgerNonsense(sentence, self._rpc.ledger)
                if (event.settlement, event.leg) in legs:
                    found.append((event, self._document(log)))
        except Malformed as error:
            raise LedgerNonsense(f"events cannot be read: {error}", self._rpc.ledger) from None
        return found

    def _document(self, log: Log) -> ChainEventDocument:
        return ChainEventDocument(
            chain_id=Uint256(self._chain_id),
            vault=self._vault,
            block_number=Uint64(log.block_number),
            block_hash=log.block_hash,
            transaction_hash=log.transaction_hash,
            log_index=Uint32(log.index),
            topics=log.topics,
            data=Blob(log.data),
        )

    async def _confirm(self, documents: Sequence[ChainEventDocument]) -> None:
        """Make sure that every event's block is the chain's block of that number."""
        said: dict[int, Bytes32] = {}
        for document in documents:
            if said.setdefault(document.block_number, document.block_hash) != document.block_hash:
                raise LedgerNonsense(f"events name two blocks {document.block_number}", self._rpc.ledger)
        numbers = list(said)
        answers = await self._rpc.batch([Call("eth_getBlockByNumber", (quantity(each), False)) for each in numbers])
        for number, answer in zip(numbers, answers, strict=True):
            if isinstance(answer, LedgerError):
                raise answer
            try:
                header = read_header(answer)
            except Malformed as error:
                raise LedgerNonsense(f"a block cannot be read: {error}", self._rpc.ledger) from None
            if header is None or header.number != number or header.hash != said[number]:
                raise LedgerNonsense(
                    f"an event names block {hex_of(said[number])}, which is not the chain's block {number}",
                    self._rpc.ledger,
                )
