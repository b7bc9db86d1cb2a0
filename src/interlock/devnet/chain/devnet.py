"""The `devnet_*` methods: what a test or a demo may do to the chain that no chain would do by itself.

They are open to whoever reaches the port, which is bound to this machine alone unless told otherwise.
"""

from collections.abc import Callable
from typing import Any

from interlock.devnet.chain.chain import REORG_DEPTH_MAX, Chain
from interlock.devnet.chain.params import count, flag
from interlock.devnet.chain.rpc import Method
from interlock.devnet.chain.views import hex_octets

BLOCKS_MAX = 10_000
"""Blocks in one call: some seconds of work, during which nobody else is answered."""

LAG_MAX = 1_000_000
"""The greatest finality lag: as good as never."""


class DevnetMethods:
    """Control a chain and the interval at which it makes blocks."""

    def __init__(self, chain: Chain, set_paused: Callable[[bool], None]) -> None:
        self._chain = chain
        self._set_paused = set_paused

    def methods(self) -> dict[str, Method]:
        """Name every method."""
        return {
            "devnet_mine": Method(self.mine, 0, 2),
            "devnet_reorg": Method(self.reorg, 1, 2),
            "devnet_pauseMining": Method(lambda: self._set_paused(True), 0),
            "devnet_resumeMining": Method(lambda: self._set_paused(False), 0),
            "devnet_setFinalityLag": Method(self.set_finality_lag, 1),
        }

    def mine(self, blocks: Any = None, timestamp: Any = None) -> str:  # noqa: ANN401 - whatever JSON holds
        """Make blocks now, one or `blocks`, at `timestamp` where given; give the new head's hash."""
        number = 1 if blocks is None else count(blocks, "blocks", least=1, most=BLOCKS_MAX)
        at = None if timestamp is None else count(timestamp, "timestamp", least=0, most=2**63)
        return hex_octets(self._chain.mine(number, at).hash)

    def reorg(self, depth: Any, drop_transactions: Any = None, force: Any = None) -> str:  # noqa: ANN401 - whatever JSON holds
        """Replace the newest blocks by others; give the new head's hash."""
        number = count(depth, "depth", least=1, most=REORG_DEPTH_MAX)
        drop, forced = flag(drop_transactions, "dropTransactions"), flag(force, "force")
        return hex_octets(self._chain.reorg(number, drop_transactions=drop, force=forced).hash)

    def set_finality_lag(self, lag: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Set how many blocks finality follows behind the head."""
        self._chain.set_finality_lag(count(lag, "lag", least=0, most=LAG_MAX))
