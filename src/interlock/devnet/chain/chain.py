"""The chain itself: its head, its pool, its finality, and the two things that can happen to it, a block and a reorg."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from interlock.devnet.chain.admission import check_against_state, decode_transaction
from interlock.devnet.chain.block import Block
from interlock.devnet.chain.evm import Evm, UnexecutableError
from interlock.devnet.chain.genesis import FILE_NAME, Genesis
from interlock.devnet.chain.params import BlockRef, ByHash, Tag
from interlock.devnet.chain.pool import Pool
from interlock.devnet.chain.rpc import REFUSED, RpcError
from interlock.devnet.chain.store import SCHEMA_VERSION, Store, StoreError

STORE_NAME = "chain.sqlite"

BUILD_S_MAX = 0.5
"""How long transactions may be added to one block: readers wait meanwhile. py-evm does 30 to 150 a second."""

TOGETHER_MAX = 256
"""Blocks built and written in one step: what is staged is held in memory."""

REORG_DEPTH_MAX = TOGETHER_MAX
"""The deepest reorganisation, which is one step; BLOCKHASH reaches no further either."""

_log = logging.getLogger("interlock.devnet.chain")


class Chain:
    """Hold one chain over one home directory. It serves one thread at a time and starts no thread.

    `clock` gives unix seconds, `stopwatch` a monotonic time in seconds; `finality_lag` counts blocks.
    """

    def __init__(
        self,
        home: Path,
        chain_id: int,
        finality_lag: int,
        *,
        clock: Callable[[], float],
        stopwatch: Callable[[], float],
    ) -> None:
        """Open the chain, or make it from the home's genesis document.

        Raises `StoreError` where the home is in use, damaged or of another chain, then `GenesisError`.
        """
        home.mkdir(parents=True, exist_ok=True)
        self.chain_id = chain_id
        self.pool = Pool()
        self._clock = clock
        self._stopwatch = stopwatch
        self._lag = finality_lag
        self._finalized = 0
        self.store = Store(home / STORE_NAME)
        self.evm = Evm(self.store, chain_id)
        try:
            self.head = self._resume() or self._begin(home)
        except BaseException:
            self.store.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    @property
    def finalized_number(self) -> int:
        """Give the height of the newest final block. It never falls, whatever the lag is set to."""
        return self._finalized

    def block(self, ref: BlockRef) -> Block | None:
        """Give a block by reference; None for one that is unknown. Raises `RpcError` -32000 for a replaced block."""
        if isinstance(ref, ByHash):
            block = self.store.block(ref.hash)
            if block is not None and ref.require_canonical and not self.is_canonical(block):
                raise RpcError(REFUSED, "hash is not currently canonical")
            return block
        number = self.number(ref)
        if number == self.head.number:
            return self.head
        block_hash = self.store.canonical_hash(number)
        return None if block_hash is None else self.store.block(block_hash)

    def number(self, ref: Tag | int) -> int:
        """Give the height that a tag stands for; pending is the latest block, for blocks are made in one go."""
        match ref:
            case Tag.EARLIEST:
                return 0
            case Tag.LATEST | Tag.PENDING:
                return self.head.number
            case Tag.SAFE | Tag.FINALIZED:
                return self._finalized
            case number:
                return number

    def is_canonical(self, block: Block) -> bool:
        """Tell whether a block stands in the canonical chain."""
        return self.store.canonical_hash(block.number) == block.hash

    def submit(self, raw: bytes) -> bytes:
        """Take a signed transaction into the pool and give its hash. Raises `RpcError` as `admission` and `pool`."""
        transaction = decode_transaction(raw, self.chain_id)
        state = self.evm.state(self.head)
        if self.pool.find(bytes(transaction.hash)) is None:
            check_against_state(transaction, state, self.evm.next_base_fee(self.head))
        self.pool.add(transaction, state.get_nonce(transaction.sender))
        return bytes(transaction.hash)

    def mine(self, count: int = 1, timestamp: int | None = None) -> Block:
        """Add blocks, each with what the pool has ready, and give the new head.

        All carry the wall clock's time, or `timestamp`; but never less than their parent's.
        """
        while count > 0:
            step = min(count, TOGETHER_MAX)
            self._extend(self.head, step, timestamp)
            count -= step
        return self.head

    def reorg(self, depth: int, *, drop_transactions: bool, force: bool) -> Block:
        """Replace the newest `depth` blocks by as many others and give the new head.

        Their transactions go back to the pool, and so come again, or are forgotten. Raises `RpcError` -32000 where
        that many blocks do not exist or, unless forced, where a final block would be replaced.
        """
        fork = self.head.number - depth
        if fork < 0:
            raise RpcError(REFUSED, f"cannot replace {depth} blocks: the head is block {self.head.number}")
        if fork < self._finalized and not force:
            text = f"cannot replace {depth} blocks: block {fork + 1} is final; give force to do it nevertheless"
            raise RpcError(REFUSED, text)
        parent = self._at(fork)
        _log.info("reorganisation of %d blocks upon block %d", depth, fork)
        if not drop_transactions:
            replaced = [self._at(number) for number in range(fork + 1, self.head.number + 1)]
            self._return_to_pool(parent, [transaction for block in replaced for transaction in block.transactions])
        self._extend(parent, depth, None)
        return self.head

    def set_finality_lag(self, lag: int) -> None:
        """Let finality follow at another distance; what is final stays so."""
        self._lag = lag
        self._finalized = max(self._finalized, self.head.number - lag)

    def _resume(self) -> Block | None:
        number = self.store.head_number()
        if number is None:
            return None
        expected = {"schema": SCHEMA_VERSION, "chain_id": str(self.chain_id)}
        for key, value in expected.items():
            found = self.store.meta(key)
            if found != value:
                raise StoreError(f"the chain on disk has {key} {found}, this process was asked for {value}")
        self._finalized = max(int(self.store.meta("finalized") or 0), number - self._lag)
        head = self._at(number)
        _log.info("resumed at block %d 0x%s", number, head.hash.hex())
        return head

    def _begin(self, home: Path) -> Block:
        genesis = Genesis.load(home / FILE_NAME, int(self._clock()))
        block = self.evm.genesis(genesis.balances, genesis.timestamp)
        self.store.stage(block)
        self.store.commit(
            [("schema", SCHEMA_VERSION), ("chain_id", str(self.chain_id)), ("finalized", "0")],
        )
        _log.info("made genesis 0x%s", block.hash.hex())
        return block

    def _at(self, number: int) -> Block:
        block_hash = self.store.canonical_hash(number)
        block = None if block_hash is None else self.store.block(block_hash)
        if block is None:
            raise StoreError(f"the chain on disk has no block {number}")
        return block

    def _build(self, parent: Block, timestamp: int | None) -> Block:
        """Make a block from the pool; what proves invalid leaves the pool, and its sender's others wait."""
        time_s = max(parent.timestamp, int(self._clock()) if timestamp is None else timestamp)
        if not len(self.pool):
            return self.evm.build(parent, time_s, (), is_time_up=lambda: False, on_invalid=self.pool.remove)
        blocked: set[bytes] = set()

        def leave_out(transaction: Any) -> None:  # noqa: ANN401 - a signed transaction of py-evm
            _log.warning("transaction 0x%s is not valid any more", transaction.hash.hex())
            blocked.add(transaction.sender)
            self.pool.remove(transaction)

        state, base_fee = self.evm.state(parent), self.evm.next_base_fee(parent)
        while True:
            until = self._stopwatch() + BUILD_S_MAX
            ready = self.pool.ready(state.get_nonce, base_fee)
            candidates = (transaction for transaction in ready if transaction.sender not in blocked)
            try:
                return self.evm.build(
                    parent,
                    time_s,
                    candidates,
                    is_time_up=partial(self._is_past, until),
                    on_invalid=leave_out,
                )
            except UnexecutableError as error:
                _log.exception("left out of block %d", parent.number + 1)
                leave_out(error.transaction)

    def _is_past(self, until: float) -> bool:
        return self._stopwatch() > until

    def _extend(self, parent: Block, count: int, timestamp: int | None) -> None:
        """Build that many blocks upon `parent` and accept them together, or nothing."""
        try:
            for _ in range(count):
                parent = self._build(parent, timestamp)
                self.store.stage(parent)
            self._accept()
        except BaseException:
            self.store.discard()
            raise

    def _accept(self) -> None:
        """Commit what is staged, and only then let it be seen."""
        staged = self.store.staged()
        head = staged[-1]
        finalized = max(self._finalized, head.number - self._lag)
        self.store.commit([("finalized", str(finalized))])
        self.head, self._finalized = head, finalized
        senders = {bytes(transaction.sender) for block in staged for transaction in block.transactions}
        if senders:
            state = self.evm.state(head)
            for sender in senders:
                self.pool.drop_spent(sender, state.get_nonce(sender))
            _log.info("block %d 0x%s: %d transactions", head.number, head.hash.hex(), len(head.transactions))

    def _return_to_pool(self, parent: Block, transactions: Sequence[Any]) -> None:
        state = self.evm.state(parent)
        for transaction in transactions:
            try:
                self.pool.add(transaction, state.get_nonce(transaction.sender))
            except RpcError as error:
                _log.warning("transaction 0x%s is lost in a reorganisation: %s", transaction.hash.hex(), error)
