"""Anvil, where it is found: the fast EVM that checks that nothing we build leans on the embedded chain's own ways.

Its state is memory alone: after `kill` or `terminate` a new life begins with a new genesis. Finality is two epochs
behind the head, so it lags by an even number of blocks. Log queries beyond the head are errors there.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from interlock.devnet.chain.client import JsonRpc
from interlock.devnet.chain.rpc import REFUSED, RpcError
from interlock.devnet.process import ManagedProcess, Ready

_LISTENING = re.compile(rb"Listening on (\S+)")


def find_anvil(node_root: Path | None = None) -> Path | None:
    """Give the anvil on the PATH, else the one under `node_root`/node_modules/.bin, else None."""
    on_path = shutil.which("anvil")
    if on_path is not None:
        return Path(on_path)
    beside = None if node_root is None else node_root / "node_modules" / ".bin" / "anvil"
    return beside if beside is not None and beside.is_file() else None


class AnvilChain:
    """An anvil with the surface of `EmbeddedChain`; `home` holds its log."""

    def __init__(
        self,
        anvil: Path,
        home: Path,
        *,
        balances: Mapping[str, int] | None = None,
        chain_id: int = 31337,
        block_interval_s: float = 0.25,
        finality_lag_blocks: int = 2,
        port: int = 0,
    ) -> None:
        """Prepare. Raises `ValueError` for a finality lag that is not an even number of at least two."""
        if finality_lag_blocks < 2 or finality_lag_blocks % 2:  # noqa: PLR2004 - one epoch of one block, twice
            raise ValueError(f"anvil finalises after an even number of blocks, at least two, not {finality_lag_blocks}")
        self._balances = dict(balances or {})
        self._interval_s = block_interval_s
        self._anvil = anvil
        self._options = {
            "--chain-id": str(chain_id),
            "--slots-in-an-epoch": str(finality_lag_blocks // 2),
            "--port": str(port),
            "--accounts": "0",
            # The rules of the embedded chain, so that what passes here passes there.
            "--hardfork": "prague",
            "--order": "fifo",
        }
        self._process = ManagedProcess(
            self._argv(), log_path=home / "anvil.log", name="anvil", parse_ready=_parse_listening
        )
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
        """Start a new chain, fund its accounts, and give the URL, the same in every life."""
        ready = await self._process.start()
        self._rpc.url = str(ready["url"])
        self._options["--port"] = self._rpc.url.rpartition(":")[2]
        self._process.argv = self._argv()
        for account, wei in self._balances.items():
            await self._rpc.call("anvil_setBalance", account, hex(wei))
        return self.url

    async def kill(self) -> int:
        """End with SIGKILL and reap; give the exit code. The chain is gone."""
        await self._rpc.close()
        return await self._process.kill()

    async def terminate(self) -> int:
        """End with SIGTERM and reap; give the exit code. The chain is gone."""
        await self._rpc.close()
        return await self._process.terminate()

    async def mine(self, blocks: int = 1) -> None:
        """Make blocks now."""
        await self._rpc.call("anvil_mine", hex(blocks))

    async def reorg(self, depth: int, *, drop_transactions: bool = True, force: bool = False) -> None:
        """Replace the newest blocks by as many others; what is not dropped goes back to the pool.

        Raises `RpcError` below finality, unless forced: the rule is kept here, anvil itself has none.
        """
        head = int(await self._rpc.call("eth_blockNumber"), 16)
        final = int((await self._rpc.call("eth_getBlockByNumber", "finalized", False))["number"], 16)
        if head - depth < final and not force:
            raise RpcError(REFUSED, f"cannot replace {depth} blocks: block {head - depth + 1} is final")
        raw = []
        if not drop_transactions:
            for number in range(head - depth + 1, head + 1):
                block = await self._rpc.call("eth_getBlockByNumber", hex(number), False)
                raw += [await self._rpc.call("eth_getRawTransactionByHash", item) for item in block["transactions"]]
        await self._rpc.call("anvil_reorg", depth, [])
        for transaction in raw:
            await self._rpc.call("eth_sendRawTransaction", transaction)

    async def pause_mining(self) -> None:
        """Make no more blocks by themselves."""
        await self._rpc.call("evm_setIntervalMining", 0)

    async def resume_mining(self) -> None:
        """Make blocks at the interval again, rounded up to whole seconds, as anvil takes them here."""
        await self._rpc.call("evm_setIntervalMining", max(1, round(self._interval_s)))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.terminate()

    def _argv(self) -> list[str]:
        rhythm = ["--block-time", str(self._interval_s)] if self._interval_s > 0 else ["--no-mining"]
        return [str(self._anvil), *rhythm, *(part for pair in self._options.items() for part in pair)]


def _parse_listening(line: bytes) -> Ready | None:
    found = _LISTENING.search(line)
    return None if found is None else {"url": f"http://{found[1].decode()}"}
