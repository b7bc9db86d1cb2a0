"""JSON-RPC over HTTP: one POST door, one thread behind it that owns the chain.

The event loop only reads and writes; every call runs on the one thread, in the order of arrival, with the calls of a
batch one by one, so that a long simulation delays others but never the acceptance of connections.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from interlock.devnet.chain.chain import Chain
from interlock.devnet.chain.devnet import DevnetMethods
from interlock.devnet.chain.eth_blocks import BlockMethods
from interlock.devnet.chain.eth_fees import FeeMethods
from interlock.devnet.chain.eth_state import StateMethods
from interlock.devnet.chain.miner import Miner
from interlock.devnet.chain.rpc import INTERNAL_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, Method, RpcError, answer

BODY_BYTES_MAX = 5 * 1024 * 1024
"""The largest request, as go-ethereum has it."""

T = TypeVar("T")

_log = logging.getLogger("interlock.devnet.chain")


class Service:
    """Join a chain, its miner and the methods, behind the one thread that touches the chain."""

    def __init__(self, chain: Chain, miner: Miner) -> None:
        self._chain = chain
        self._miner = miner
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evm")
        self._methods: dict[str, Method] = {
            **FeeMethods(chain).methods(),
            **BlockMethods(chain).methods(),
            **StateMethods(chain).methods(),
            **DevnetMethods(chain, miner.set_paused).methods(),
        }

    async def call(self, name: str, params: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
        """Run a method. Raises `RpcError`."""
        method = self._methods.get(name)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, f"the method {name[:100]} does not exist/is not available")
        try:
            return await self._on_thread(lambda: method.call(params))
        except RpcError:
            raise
        except Exception as error:  # one call's trouble must not reach the others
            _log.exception("method %s failed", name)
            raise RpcError(INTERNAL_ERROR, f"internal error: {type(error).__name__}") from error

    async def mine_for_ever(self) -> None:
        """Make blocks at the miner's interval until cancelled."""
        await self._miner.run(lambda: self._on_thread(self._tick))

    def close(self) -> None:
        """Let what runs come to its end and close the chain."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._chain.close()

    def _tick(self) -> None:
        if not self._miner.is_paused:
            self._chain.mine()

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def make_app(service: Service) -> Starlette:
    """Make the web application."""

    async def post(request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                error = RpcError(INVALID_REQUEST, f"content length too large (limit {BODY_BYTES_MAX} bytes)")
                return _json({"jsonrpc": "2.0", "id": None, "error": error.to_json()}, status=413)
        reply = await answer(bytes(body), service.call)
        return Response(status_code=204) if reply is None else _json(reply)

    return Starlette(routes=[Route("/", post, methods=["POST"])])


def _json(value: Any, *, status: int = 200) -> Response:  # noqa: ANN401 - a JSON value
    return Response(json.dumps(value, separators=(",", ":")), status_code=status, media_type="application/json")
