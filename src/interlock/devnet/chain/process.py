"""A chain as a process of its own: what starts it, ends it, and does to it what only a development network may.

`EmbeddedChain` runs this folder; `interlock.devnet.chain.anvil.AnvilChain` has the same surface over anvil. Whoever
only reads or sends needs nothing but `url`.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from interlock.devnet.chain.client import JsonRpc
from interlock.devnet.chain.genesis import FILE_NAME, write_genesis
from interlock.devnet.process import ManagedProcess


class ChainProcess(Protocol):
    """What both chains offer to demos and tests."""

    @property
    def url(self) -> str:
        """Give the JSON-RPC URL, the same in every life."""
        ...

    @property
    def rpc(self) -> JsonRpc:
        """Give a client of that URL."""
        ...

    @property
    def process(self) -> ManagedProcess:
        """Give the process behind it."""
        ...

    async def start(self) -> str:
        """Start, or start again at the same port with the same chain; give the URL."""
        ...

    async def kill(self) -> int:
        """End with SIGKILL and reap; give the exit code."""
        ...

    async def terminate(self) -> int:
        """End with SIGTERM and reap; give the exit code."""
        ...

    async def mine(self, blocks: int = 1) -> None:
        """Make blocks now."""
        ...

    async def reorg(self, depth: int, *, drop_transactions: bool = True, force: bool = False) -> None:
        """Replace the newest blocks by as many others. Raises `RpcError` below finality, unless forced."""
        ...

    async def pause_mining(self) -> None:
        """Make no more blocks by themselves."""
        ...

    async def resume_mining(self) -> None:
        """Make blocks at the interval again."""
        ...


class EmbeddedChain:
    """The embedded chain in `home`, which holds its genesis, its blocks and its log.

    `balances` are wei by 0x address, for the first start. With `block_interval_s` zero blocks are made by `mine` only.
    """

    def __init__(
        self,
        home: Path,
        *,
        balances: Mapping[str, int] | None = None,
        chain_id: int = 31337,
        block_interval_s: float = 0.25,
        finality_lag_blocks: int = 2,
        port: int = 0,
    ) -> None:
        self.home = home
        self._balances = balances
        self._options = {
            "--home": str(home),
            "--chain-id": str(chain_id),
            "--block-interval-s": str(block_interval_s),
            "--finality-lag-blocks": str(finality_lag_blocks),
            "--port": str(port),
        }
        self._process = ManagedProcess(self._argv(), log_path=home / "chain.log", name="chain")
        self._rpc = JsonRpc("")

    @property
    def url(self) -> str:
        """Give the JSON-RPC URL; empty before the first start."""
        return self._rpc.url

    @property
    def rpc(self) -> JsonRpc:
        """Give a client of that URL."""
        return self._rpc

    @property
    def process(self) -> ManagedProcess:
        """Give the process behind it."""
        return self._process

    async def start(self) -> str:
        """Start and wait until it serves; give the URL. Raises as `ManagedProcess.start`.

        A second life has the port of the first.
        """
        if self._balances is not None and not (self.home / FILE_NAME).exists():
            write_genesis(self.home, dict(self._balances))
        ready = await self._process.start()
        self._rpc.url = str(ready["url"])
        self._options["--port"] = self._rpc.url.rpartition(":")[2]
        self._process.argv = self._argv()
        return self.url

    async def kill(self) -> int:
        """End with SIGKILL and reap; give the exit code."""
        await self._rpc.close()
        return await self._process.kill()

    async def terminate(self) -> int:
        """End with SIGTERM and reap; give the exit code."""
        await self._rpc.close()
        return await self._process.terminate()

    async def mine(self, blocks: int = 1, timestamp: int | None = None) -> None:
        """Make blocks now, all at `timestamp` where given."""
        await self._rpc.call("devnet_mine", blocks, timestamp)

    async def reorg(self, depth: int, *, drop_transactions: bool = True, force: bool = False) -> None:
        """Replace the newest blocks by as many others. Raises `RpcError` below finality, unless forced."""
        await self._rpc.call("devnet_reorg", depth, drop_transactions, force)

    async def pause_mining(self) -> None:
        """Make no more blocks by themselves."""
        await self._rpc.call("devnet_pauseMining")

    async def resume_mining(self) -> None:
        """Make blocks at the interval again."""
        await self._rpc.call("devnet_resumeMining")

    async def set_finality_lag(self, blocks: int) -> None:
        """Let finality follow at another distance; what is final stays so."""
        await self._rpc.call("devnet_setFinalityLag", blocks)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.terminate()

    def _argv(self) -> list[str]:
        options = [part for pair in self._options.items() for part in pair]
        return [sys.executable, "-m", "interlock.devnet.chain", *options, "--exit-with-parent"]
