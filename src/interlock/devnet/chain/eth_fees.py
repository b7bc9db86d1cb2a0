"""The methods about the network and its fees."""

import platform
from typing import Any

from interlock import __version__
from interlock.devnet.chain.block import Block
from interlock.devnet.chain.chain import Chain
from interlock.devnet.chain.params import block_ref, count, invalid
from interlock.devnet.chain.rpc import REFUSED, Method, RpcError
from interlock.devnet.chain.views import Json, effective_gas_price, gas_used, hex_quantity

SUGGESTED_TIP_WEI = 1_000_000_000
"""One gwei, as wallets offer; there is no competition for blocks here, one wei would do."""

FEE_HISTORY_MAX = 1_024
"""Blocks in one fee history, as go-ethereum has it."""

PERCENTILES_MAX = 100
"""Percentiles in one fee history, the same."""


class FeeMethods:
    """Answer what clients ask before they send."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def methods(self) -> dict[str, Method]:
        """Name every method."""
        return {
            "web3_clientVersion": Method(self.client_version, 0),
            "net_version": Method(self.net_version, 0),
            "net_listening": Method(lambda: True, 0),
            "eth_chainId": Method(self.chain_id, 0),
            "eth_syncing": Method(lambda: False, 0),
            "eth_accounts": Method(list, 0),
            "eth_gasPrice": Method(self.gas_price, 0),
            "eth_maxPriorityFeePerGas": Method(lambda: hex_quantity(SUGGESTED_TIP_WEI), 0),
            "eth_feeHistory": Method(self.fee_history, 2, 1),
        }

    def client_version(self) -> str:
        """Name this program."""
        return f"interlock-devnet/v{__version__}/py-evm/python{platform.python_version()}"

    def net_version(self) -> str:
        """Give the chain id in decimal."""
        return str(self._chain.chain_id)

    def chain_id(self) -> str:
        """Give the chain id (EIP-695)."""
        return hex_quantity(self._chain.chain_id)

    def gas_price(self) -> str:
        """Give a price that the next block takes: its base fee and the suggested tip."""
        return hex_quantity(self._chain.evm.next_base_fee(self._chain.head) + SUGGESTED_TIP_WEI)

    def fee_history(self, blocks: Any, newest: Any, percentiles: Any = None) -> Json:  # noqa: ANN401 - whatever JSON holds
        """Give base fees, fullness and, for the given percentiles of gas, the tips paid in a range of blocks."""
        wanted = count(blocks, "blockCount", least=1, most=2**64 - 1)
        last = self._chain.block(block_ref(newest))
        if last is None:
            raise RpcError(REFUSED, "request beyond head block")
        first = max(0, last.number - min(wanted, FEE_HISTORY_MAX) + 1)
        span = [block for number in range(first, last.number + 1) if (block := self._chain.block(number)) is not None]
        fees = [block.header.base_fee_per_gas for block in span] + [self._chain.evm.next_base_fee(last)]
        history: Json = {
            "oldestBlock": hex_quantity(first),
            "baseFeePerGas": [hex_quantity(fee) for fee in fees],
            "gasUsedRatio": [block.header.gas_used / block.header.gas_limit for block in span],
            # No blobs here: the fee stands at its floor of one wei (EIP-4844).
            "baseFeePerBlobGas": ["0x1"] * len(fees),
            "blobGasUsedRatio": [0] * len(span),
        }
        if percentiles:
            marks = _percentiles(percentiles)
            history["reward"] = [[hex_quantity(tip) for tip in _tips(block, marks)] for block in span]
        return history


def _percentiles(value: Any) -> list[float]:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(value, list) or len(value) > PERCENTILES_MAX:
        raise invalid("rewardPercentiles", f"want a list of at most {PERCENTILES_MAX}")
    for mark in value:
        if not isinstance(mark, int | float) or isinstance(mark, bool) or not 0 <= mark <= 100:  # noqa: PLR2004 - percent
            raise invalid("rewardPercentiles", f"{mark!r} is not between 0 and 100")
    if value != sorted(value):
        raise invalid("rewardPercentiles", "not in rising order")
    return [float(mark) for mark in value]


def _tips(block: Block, marks: list[float]) -> list[int]:
    """Give for each mark the tip in wei below which that percentage of the block's gas was bought."""
    base_fee = block.header.base_fee_per_gas
    paid = sorted(
        (effective_gas_price(transaction, block) - base_fee, gas_used(block, position))
        for position, transaction in enumerate(block.transactions)
    )
    if not paid:
        return [0] * len(marks)
    tips = []
    for mark in marks:
        threshold, bought = block.header.gas_used * mark / 100, 0
        for tip, gas in paid:
            bought += gas
            if bought >= threshold:
                tips.append(tip)
                break
        else:
            tips.append(paid[-1][0])
    return tips
