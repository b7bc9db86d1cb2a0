"""Execution: building blocks, simulating calls, reading state. The one file that knows how py-evm is driven.

The rules are those of the Prague fork, with three deliberate differences that a development network needs:

- Several blocks may carry the same timestamp, as on chains that make blocks faster than one per second (Arbitrum
  does so). Timestamps never go back, but are not pushed ahead of the wall clock either, for contracts compare
  `block.timestamp` with deadlines in real unix time.
- The gas limit of a block is constant.
- The system contracts of the consensus layer (EIP-4788, EIP-2935, EIP-7002, EIP-7251) are not deployed, so a block
  without transactions leaves the state as it is and costs next to nothing.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from eth.abc import ChainDatabaseAPI, ConsensusContextAPI, SignedTransactionAPI
from eth.db.trie import make_trie_root_and_nodes
from eth.exceptions import InsufficientFunds, InvalidInstruction, Revert, VMError
from eth.rlp.headers import BlockHeader
from eth.vm.chain_context import ChainContext
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth.vm.spoof import SpoofTransaction
from eth_typing import Address, Hash32
from eth_utils.exceptions import ValidationError

from interlock.devnet.chain.block import Block
from interlock.devnet.chain.params import CallRequest
from interlock.devnet.chain.store import Store

GAS_LIMIT = 30_000_000
"""Gas of a block, as main net had it for years; also the most a simulated call may use."""

GENESIS_BASE_FEE_WEI = 1_000_000_000
"""One gwei to begin with; it falls to a few wei while blocks are empty."""

COINBASE = bytes(20)
"""Nobody collects the fees."""

TRANSFER_GAS = 21_000
"""What a transfer to an account without code takes, exactly."""

CALL_STIPEND_GAS = 2_300
"""What a call that sends value passes on for free; an estimate leaves room for it."""

ESTIMATE_SLACK = 0.015
"""An estimate may be this much too high: the bound that go-ethereum searches to."""


class _DevnetVM(PragueVM):
    """Prague over our own store instead of py-evm's chain database."""

    @property
    def previous_hashes(self) -> Iterable[Any]:
        store = cast("Store", self.chaindb)
        return cast("Iterable[Any]", store.hashes_before(self._initial_header))


class UnexecutableError(Exception):
    """Tell that a transaction made py-evm itself fail, which no transaction should; it must be left out."""

    def __init__(self, transaction: Any) -> None:  # noqa: ANN401 - a signed transaction of py-evm
        super().__init__(f"transaction 0x{transaction.hash.hex()} cannot be executed")
        self.transaction = transaction


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a simulated call came to."""

    output: bytes
    """Returned bytes; of a revert its data."""
    gas_used: int
    """Gas charged, refunds taken off."""
    gas_peak: int
    """Gas charged before refunds."""
    error: str | None
    """Why it failed, as go-ethereum puts it; None where it succeeded."""
    reverted: bool


class Evm:
    """Execute on top of a store."""

    def __init__(self, store: Store, chain_id: int) -> None:
        self._store = store
        self._context = ChainContext(chain_id)

    def genesis(self, balances: Mapping[bytes, int], timestamp: int) -> Block:
        """Make the first block, in which the given accounts own the given wei; its state is staged in the store."""
        before = BlockHeader(difficulty=0, block_number=-1, gas_limit=0)
        state = self._state(before)
        for account, wei in balances.items():
            state.set_balance(account, wei)
        state.persist()
        header = _DevnetVM.create_header_from_parent(
            None,
            timestamp=timestamp,
            gas_limit=GAS_LIMIT,
            base_fee_per_gas=GENESIS_BASE_FEE_WEI,
            state_root=state.state_root,
        )
        return Block(header, (), ())

    def next_base_fee(self, parent: Block) -> int:
        """Give the base fee in wei of any block upon this one (EIP-1559)."""
        return int(self._child(parent, parent.timestamp).base_fee_per_gas)

    def build(
        self,
        parent: Block,
        timestamp: int,
        candidates: Iterable[Any],
        *,
        is_time_up: Callable[[], bool],
        on_invalid: Callable[[Any], None],
    ) -> Block:
        """Make a block upon `parent` from as many candidates as fit, in their order; its state is staged.

        `is_time_up` is asked before each transaction but the first. A candidate that is not valid here is passed to
        `on_invalid` and left out. Raises `UnexecutableError`.
        """
        header = self._child(parent, timestamp)
        vm = self._vm(header)
        transactions: list[Any] = []
        receipts: list[Any] = []
        for transaction in candidates:
            if transactions and is_time_up():
                break
            if header.gas_used + transaction.gas > header.gas_limit:
                continue
            try:
                receipt, _ = vm.apply_transaction(header, transaction)
            except ValidationError:
                on_invalid(transaction)
                continue
            except Exception as error:  # whatever it is, the chain must go on without this transaction
                raise UnexecutableError(transaction) from error
            header = vm.add_receipt_to_header(header, receipt)
            transactions.append(transaction)
            receipts.append(receipt)
        if not transactions:
            return Block(header, (), ())
        vm.state.persist()
        header = header.copy(
            state_root=vm.state.state_root,
            transaction_root=make_trie_root_and_nodes(transactions)[0],
            receipt_root=make_trie_root_and_nodes(receipts)[0],
        )
        return Block(header, tuple(transactions), tuple(receipts))

    def state(self, block: Block) -> Any:  # noqa: ANN401 - a state of py-evm
        """Give the state after a block, for reading."""
        return self._state(block.header)

    def call(self, block: Block, request: CallRequest, *, gas: int | None = None) -> Outcome:
        """Simulate a message call in the state after a block, with that block's number and time, free of charge."""
        header = block.header.copy(base_fee_per_gas=0)
        state = self._state(header)
        gas = min(gas or request.gas or GAS_LIMIT, GAS_LIMIT)
        unsigned = PragueTransactionBuilder.create_unsigned_transaction(
            nonce=state.get_nonce(request.sender),
            gas_price=0,
            gas=gas,
            to=Address(request.to),
            value=request.value,
            data=request.data,
        )
        transaction = cast("SignedTransactionAPI", SpoofTransaction(unsigned, from_=request.sender))
        if gas < transaction.intrinsic_gas:
            text = f"intrinsic gas too low: gas {gas}, minimum needed {transaction.intrinsic_gas}"
            return Outcome(b"", 0, 0, text, reverted=False)
        executor = state.get_transaction_executor()
        try:
            message = executor.build_evm_message(transaction)
            computation = executor.build_computation(message, transaction)
        except InsufficientFunds:
            text = f"insufficient funds for gas * price + value: address 0x{request.sender.hex()}"
            return Outcome(b"", 0, 0, text, reverted=False)
        computation = executor.finalize_computation(transaction, computation)
        gas_used = _DevnetVM.finalize_gas_used(transaction, computation)
        peak = gas - computation.get_gas_remaining() + computation.data_floor_gas
        error = computation.error if computation.is_error else None
        reverted = isinstance(error, Revert)
        # Only a revert has data; what a broken call left behind is nobody's.
        output = bytes(computation.output) if error is None or reverted else b""
        return Outcome(output, gas_used, peak, None if error is None else _describe(error), reverted)

    def estimate(self, block: Block, request: CallRequest) -> Outcome:
        """Find the least gas, within `ESTIMATE_SLACK`, with which a call succeeds; it stands in `gas_used`.

        Where it fails even with the most gas, that failure is given. The search is go-ethereum's: one run with the
        most, one with what that used and a margin, then halving.
        """
        highest = min(request.gas or GAS_LIMIT, GAS_LIMIT)
        best = self.call(block, request, gas=highest)
        if best.error is not None:
            return best
        if best.gas_peak == TRANSFER_GAS:
            return best
        lowest = best.gas_used - 1
        hopeful = (best.gas_peak + CALL_STIPEND_GAS) * 64 // 63
        if hopeful < highest:
            lowest, highest = self._narrow(block, request, lowest, highest, hopeful)
        while lowest + 1 < highest and (highest - lowest) / highest > ESTIMATE_SLACK:
            # Most calls need little more than they use, so the lower end is looked at first.
            middle = min((lowest + highest) // 2, lowest * 2)
            lowest, highest = self._narrow(block, request, lowest, highest, middle)
        return Outcome(best.output, highest, highest, None, reverted=False)

    def _narrow(self, block: Block, request: CallRequest, lowest: int, highest: int, gas: int) -> tuple[int, int]:
        failed = self.call(block, request, gas=gas).error is not None
        return (gas, highest) if failed else (lowest, gas)

    def _child(self, parent: Block, timestamp: int) -> Any:  # noqa: ANN401 - a header of py-evm
        return _DevnetVM.create_header_from_parent(
            parent.header,
            timestamp=timestamp,
            gas_limit=GAS_LIMIT,
            coinbase=COINBASE,
            # PREVRANDAO; it also makes every block another one, so that a reorganisation really changes hashes.
            mix_hash=os.urandom(32),
        )

    def _vm(self, header: Any) -> _DevnetVM:  # noqa: ANN401 - a header of py-evm
        # The store gives all that a VM asks of a chain database here; there is no consensus to ask.
        return _DevnetVM(
            header, cast("ChainDatabaseAPI", self._store), self._context, cast("ConsensusContextAPI", None)
        )

    def _state(self, header: Any) -> Any:  # noqa: ANN401 - a header and a state of py-evm
        return _DevnetVM.build_state(
            self._store.db, header, self._context, cast("Iterable[Hash32]", self._store.hashes_before(header))
        )


_GETH_NAMES = {
    "OutOfGas": "out of gas",
    "InsufficientStack": "stack underflow",
    "FullStack": "stack limit reached 1024",
    "InvalidJumpDestination": "invalid jump destination",
    "StackDepthLimit": "max call depth exceeded",
    "ContractCreationCollision": "contract address collision",
    "WriteProtection": "write protection",
    "OutOfBoundsRead": "return data out of bounds",
    "ReservedBytesInCode": "invalid code: must not begin with 0xef",
}


def _describe(error: VMError) -> str:
    if isinstance(error, Revert):
        return "execution reverted"
    if isinstance(error, InvalidInstruction):
        return "invalid opcode"
    return _GETH_NAMES.get(type(error).__name__, str(error))
