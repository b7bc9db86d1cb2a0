"""The checks between `eth_sendRawTransaction` and the pool, with go-ethereum's words."""

from typing import Any

import rlp
from eth.exceptions import PyEVMError
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from interlock.devnet.chain.evm import GAS_LIMIT
from interlock.devnet.chain.rpc import REFUSED, RpcError

TRANSACTION_BYTES_MAX = 131_072
"""Four slots of 32 KiB, go-ethereum's bound."""

INITCODE_BYTES_MAX = 49_152
"""EIP-3860: twice the greatest code."""

MIN_TIP_WEI = 1
"""A transaction that offers a block's maker nothing is not taken."""

FIRST_TYPE_BYTE_OF_LEGACY = 0xC0
"""An RLP list begins at 0xc0; below it stands the type of a typed transaction (EIP-2718)."""

TYPES_SUPPORTED = frozenset({1, 2})
"""Access lists (EIP-2930) and dynamic fees (EIP-1559); blobs and delegations are of no use to a settlement."""

_HALF_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 // 2


def decode_transaction(raw: bytes, chain_id: int) -> Any:  # noqa: ANN401 - a signed transaction of py-evm
    """Read a signed transaction and check what depends on no state.

    Raises `RpcError` -32000, in this order: too big; unknown type; not decodable; not bound to a chain (EIP-155) or
    to another one; a signature that is not valid; a fee cap below the tip; more initcode than EIP-3860 allows; a gas
    limit above the block's, below the intrinsic cost, or below the floor for its data (EIP-7623).
    """
    if len(raw) > TRANSACTION_BYTES_MAX:
        raise RpcError(REFUSED, f"oversized data: transaction size {len(raw)}, limit {TRANSACTION_BYTES_MAX}")
    transaction = _decode(raw)
    _check_sender(transaction, chain_id)
    tip, cap = transaction.max_priority_fee_per_gas, transaction.max_fee_per_gas
    if tip > cap:
        raise RpcError(
            REFUSED,
            f"max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip}, maxFeePerGas: {cap}",
        )
    _check_gas(transaction)
    return transaction


def check_against_state(transaction: Any, state: Any, base_fee: int) -> None:  # noqa: ANN401 - py-evm's types
    """Check what depends on the account and on the next base fee.

    Raises `RpcError` -32000, in this order: nonce too low; underpriced tip; fee cap below the base fee; insufficient
    funds.
    """
    next_nonce = state.get_nonce(transaction.sender)
    if transaction.nonce < next_nonce:
        raise RpcError(REFUSED, f"nonce too low: next nonce {next_nonce}, tx nonce {transaction.nonce}")
    tip, cap = transaction.max_priority_fee_per_gas, transaction.max_fee_per_gas
    if tip < MIN_TIP_WEI:
        raise RpcError(REFUSED, f"transaction underpriced: gas tip cap {tip}, minimum needed {MIN_TIP_WEI}")
    if cap < base_fee:
        raise RpcError(
            REFUSED,
            f"max fee per gas less than block base fee: address 0x{transaction.sender.hex()}, "
            f"maxFeePerGas: {cap}, baseFee: {base_fee}",
        )
    balance = state.get_balance(transaction.sender)
    cost = transaction.gas * cap + transaction.value
    if balance < cost:
        raise RpcError(
            REFUSED,
            f"insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {cost - balance}",
        )


def _decode(raw: bytes) -> Any:  # noqa: ANN401 - a signed transaction of py-evm
    if not raw:
        raise RpcError(REFUSED, "typed transaction too short")
    if raw[0] < FIRST_TYPE_BYTE_OF_LEGACY and raw[0] not in TYPES_SUPPORTED:
        raise RpcError(REFUSED, "transaction type not supported")
    try:
        transaction = PragueTransactionBuilder.decode(raw)
        if transaction.type_id is not None:
            transaction.validate()
    except (rlp.RLPException, PyEVMError, ValidationError, TypeError, ValueError) as error:
        raise RpcError(REFUSED, f"rlp: cannot decode transaction: {error}") from error
    return transaction


def _check_sender(transaction: Any, chain_id: int) -> None:  # noqa: ANN401 - a signed transaction of py-evm
    named = transaction.chain_id
    if named is None:
        raise RpcError(REFUSED, "only replay-protected (EIP-155) transactions allowed over RPC")
    if named != chain_id:
        raise RpcError(REFUSED, f"invalid sender: invalid chain id for signer: have {named} want {chain_id}")
    if not 0 < transaction.s <= _HALF_ORDER or transaction.y_parity not in {0, 1}:
        raise RpcError(REFUSED, "invalid sender: invalid transaction v, r, s values")
    try:
        _ = transaction.sender
    except (BadSignature, ValidationError) as error:
        raise RpcError(REFUSED, "invalid sender: invalid transaction v, r, s values") from error


def _check_gas(transaction: Any) -> None:  # noqa: ANN401 - a signed transaction of py-evm
    data = transaction.data
    if transaction.to == b"" and len(data) > INITCODE_BYTES_MAX:
        raise RpcError(REFUSED, f"max initcode size exceeded: code size {len(data)}, limit {INITCODE_BYTES_MAX}")
    if transaction.gas > GAS_LIMIT:
        raise RpcError(REFUSED, "exceeds block gas limit")
    if transaction.gas < transaction.intrinsic_gas:
        text = f"intrinsic gas too low: gas {transaction.gas}, minimum needed {transaction.intrinsic_gas}"
        raise RpcError(REFUSED, text)
    zeros = data.count(0)
    floor = 21_000 + 10 * (zeros + 4 * (len(data) - zeros))
    if transaction.gas < floor:
        text = f"insufficient gas for floor data gas cost: gas {transaction.gas}, minimum needed {floor}"
        raise RpcError(REFUSED, text)
