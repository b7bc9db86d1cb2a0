"""Serve an ASGI application on a socket of its own, inside a running event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.types import ASGIApp

CONNECTIONS_MAX = 512
"""Connections and running requests; beyond it uvicorn answers 503."""
LISTEN_BACKLOG = 128
KEEP_ALIVE_S = 30
GRACE_S = 5
"""How long running requests may take to end at shutdown."""


class _Server(uvicorn.Server):
    """Say when it can serve, and leave signals to whoever owns the loop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[str]:
    """Serve an application; give its URL. OSError where the address cannot be bound."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
    )
    server = _Server(config)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with _listener(host, port, family) as listener:
        running = asyncio.create_task(server.serve(sockets=[listener]))
        started = asyncio.create_task(server.serving.wait())
        try:
            await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
                raise OSError(f"the server on {host}:{port} ended before it began")
            name = f"[{host}]" if family is socket.AF_INET6 else host
            yield f"http://{name}:{listener.getsockname()[1]}"
        finally:
            started.cancel()
            server.should_exit = True
            await running


def _listener(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    # Named TCP: asyncio turns Nagle's delay off only on a socket that says what it is.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(LISTEN_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
