"""A small JSON-RPC client: enough to control a chain from a demo or a test."""

import itertools
from types import TracebackType
from typing import Any, Self

import aiohttp

from interlock.devnet.chain.rpc import RpcError

TIMEOUT_S = 30.0
"""The longest call: many blocks in one `devnet_mine`."""


class JsonRpc:
    """Call methods at one URL; an asynchronous context manager, or end it with `close`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = itertools.count(1)
        self._session: aiohttp.ClientSession | None = None

    async def call(self, method: str, *params: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
        """Give the result of one call. Raises `RpcError` for an error answer, `aiohttp.ClientError` without any."""
        request = {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": list(params)}
        reply = await self.post(request)
        if "error" in reply:
            error = reply["error"]
            raise RpcError(error["code"], error["message"], error.get("data"))
        return reply["result"]

    async def post(self, request: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
        """Send any JSON and give the decoded answer, None where it is empty."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        async with self._session.post(self.url, json=request) as response:
            return await response.json(content_type=None)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
