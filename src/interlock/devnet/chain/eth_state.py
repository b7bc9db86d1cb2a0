"""The `eth_*` methods about accounts, storage, simulated calls and proofs."""

from typing import Any

import rlp
from eth.rlp.accounts import Account
from eth_hash.auto import keccak
from trie.hexary import HexaryTrie

from interlock.devnet.chain.block import Block
from interlock.devnet.chain.chain import Chain
from interlock.devnet.chain.evm import Outcome
from interlock.devnet.chain.params import (
    CallRequest,
    Tag,
    address,
    block_ref,
    call_request,
    invalid,
    octets,
    quantity,
)
from interlock.devnet.chain.rpc import REFUSED, REVERTED, Method, RpcError
from interlock.devnet.chain.views import Json, hex_octets, hex_quantity, hex_word

CALLS_CACHED = 1_024
"""Results kept: several nodes ask the same of the same final block, and it cannot change."""

PROOF_KEYS_MAX = 1_024
"""Slots in one proof, as go-ethereum has it."""

_ERROR_STRING = bytes.fromhex("08c379a0")


class StateMethods:
    """Answer from the state after a block."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._calls: dict[tuple[bytes, CallRequest], Outcome] = {}

    def methods(self) -> dict[str, Method]:
        """Name every method."""
        return {
            "eth_getBalance": Method(self.balance, 1, 1),
            "eth_getCode": Method(self.code, 1, 1),
            "eth_getTransactionCount": Method(self.transaction_count, 1, 1),
            "eth_getStorageAt": Method(self.storage_at, 2, 1),
            "eth_call": Method(self.call, 1, 1),
            "eth_estimateGas": Method(self.estimate_gas, 1, 1),
            "eth_getProof": Method(self.proof, 2, 1),
        }

    def balance(self, account: Any, ref: Any = None) -> str:  # noqa: ANN401 - whatever JSON holds
        """Give an account's wei."""
        return hex_quantity(self._state(ref).get_balance(address(account)))

    def code(self, account: Any, ref: Any = None) -> str:  # noqa: ANN401 - whatever JSON holds
        """Give an account's code."""
        return hex_octets(self._state(ref).get_code(address(account)))

    def transaction_count(self, account: Any, ref: Any = None) -> str:  # noqa: ANN401 - whatever JSON holds
        """Give an account's next nonce; for `pending` behind what waits in the pool."""
        owner = address(account)
        nonce = self._state(ref).get_nonce(owner)
        if ref is not None and block_ref(ref) is Tag.PENDING:
            nonce = self._chain.pool.pending_nonce(owner, nonce)
        return hex_quantity(nonce)

    def storage_at(self, account: Any, slot: Any, ref: Any = None) -> str:  # noqa: ANN401 - whatever JSON holds
        """Give the word in a slot."""
        owner, key = address(account), _slot(slot)
        return hex_word(self._state(ref).get_storage(owner, key))

    def call(self, transaction: Any, ref: Any = None) -> str:  # noqa: ANN401 - whatever JSON holds
        """Simulate a message call. Raises `RpcError` 3 for a revert, -32000 for any other failure."""
        request, block = call_request(transaction), self._block(ref)
        key = (block.hash, request)
        outcome = self._calls.get(key)
        if outcome is None:
            outcome = self._chain.evm.call(block, request)
            if len(self._calls) >= CALLS_CACHED:
                self._calls.clear()
            self._calls[key] = outcome
        _raise_failure(outcome)
        return hex_octets(outcome.output)

    def estimate_gas(self, transaction: Any, ref: Any = None) -> str:  # noqa: ANN401 - whatever JSON holds
        """Find the gas a call needs. Raises as `call`."""
        outcome = self._chain.evm.estimate(self._block(ref), call_request(transaction))
        _raise_failure(outcome)
        return hex_quantity(outcome.gas_used)

    def proof(self, account: Any, slots: Any, ref: Any = None) -> Json:  # noqa: ANN401 - whatever JSON holds
        """Prove an account and some of its slots against a block's state root (EIP-1186)."""
        owner = address(account)
        if not isinstance(slots, list) or len(slots) > PROOF_KEYS_MAX:
            raise invalid("storageKeys", f"want a list of at most {PROOF_KEYS_MAX}")
        keys = [_slot(slot) for slot in slots]
        database = self._chain.store.db
        state = HexaryTrie(database, self._block(ref).header.state_root)
        encoded = state[keccak(owner)]
        found = rlp.decode(encoded, sedes=Account) if encoded else Account()
        storage = HexaryTrie(database, found.storage_root)
        return {
            "address": hex_octets(owner),
            "balance": hex_quantity(found.balance),
            "codeHash": hex_octets(found.code_hash),
            "nonce": hex_quantity(found.nonce),
            "storageHash": hex_octets(found.storage_root),
            "accountProof": _nodes(state, keccak(owner)),
            "storageProof": [_slot_proof(storage, raw, key) for raw, key in zip(slots, keys, strict=True)],
        }

    def _state(self, ref: Any) -> Any:  # noqa: ANN401 - whatever JSON holds; a state of py-evm
        return self._chain.evm.state(self._block(ref))

    def _block(self, ref: Any) -> Block:  # noqa: ANN401 - whatever JSON holds
        block = self._chain.block(block_ref(ref))
        if block is None:
            raise RpcError(REFUSED, "header not found")
        return block


def _slot_proof(storage: HexaryTrie, raw: str, key: int) -> Json:
    path = keccak(key.to_bytes(32, "big"))
    encoded = storage[path]
    value = int.from_bytes(rlp.decode(encoded), "big") if encoded else 0
    return {"key": raw, "value": hex_quantity(value), "proof": _nodes(storage, path)}


def _nodes(trie: HexaryTrie, path: bytes) -> list[str]:
    # The empty trie is proven by the absence of nodes.
    return [hex_octets(rlp.encode(node)) for node in trie.get_proof(path) if node]  # type: ignore[no-untyped-call]  # trie's own


def _slot(value: Any) -> int:  # noqa: ANN401 - whatever JSON holds
    """Read a slot, as 32 bytes or as a quantity: clients send both."""
    if isinstance(value, str) and len(value) == 66:  # noqa: PLR2004 - 0x and 32 bytes
        return int.from_bytes(octets(value, "slot"), "big")
    return quantity(value, "slot")


def _raise_failure(outcome: Outcome) -> None:
    if outcome.error is None:
        return
    if not outcome.reverted:
        raise RpcError(REFUSED, outcome.error)
    raise RpcError(REVERTED, outcome.error + _reason(outcome.output), hex_octets(outcome.output))


def _reason(output: bytes) -> str:
    """Read `Error(string)`, which go-ethereum puts behind the message."""
    if output[:4] != _ERROR_STRING or len(output) < 4 + 64:
        return ""
    length = int.from_bytes(output[36:68], "big")
    text = output[68 : 68 + length]
    return f": {text.decode('utf-8', 'replace')}" if len(text) == length else ""
