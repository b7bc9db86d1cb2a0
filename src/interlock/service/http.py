"""Serve an ASGI application on a socket of its own, inside a running event loop.

Connections are bounded in number, for each peer and in all, and in how long they may go without a request. A newcomer
takes the place of the connection that has waited longest, so that idle ones, however many, keep nobody out.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS_MAX = 512
"""Open connections."""
PEER_CONNECTIONS_MAX = 128
"""Open connections of one address: a quarter of all. Behind a proxy, or on one machine, everybody is one address."""
HEAD_WITHIN_S = 10
"""How long a new connection may take to send the head of its first request, whole."""
KEEP_ALIVE_S = 30
"""How long an answer may take to be read and the next request's head to come. Longer than clients keep an idle
connection (aiohttp: 15 s), so that they do not send into one that is just being closed."""
LISTEN_BACKLOG = 128
GRACE_S = 5
"""How long running requests may take to end at shutdown."""


class _Connection(H11Protocol):
    """One connection, which is cut off when it has waited for its next request too long, or is the longest to wait."""

    waiting_since: float
    """The loop's time when it was made, or when its last answer was given."""
    _deadline: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self._wait(HEAD_WITHIN_S)
        every = [each for each in self.connections if isinstance(each, _Connection)]
        ours = [each for each in every if each.host == self.host]
        if len(ours) > PEER_CONNECTIONS_MAX:
            _cut_longest_waiting(ours)
        elif len(every) > CONNECTIONS_MAX:
            _cut_longest_waiting(every)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._deadline.cancel()
        self._wait(KEEP_ALIVE_S)
        super().on_response_complete()

    @property
    def host(self) -> str | None:
        """Give the peer's address."""
        return self.client and self.client[0]

    @property
    def is_waiting(self) -> bool:
        """Tell whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # None at first

    def cut(self) -> None:
        """End the connection at once, also where an answer was not read; it counts no more."""
        self.connections.discard(self)
        self.transport.abort()

    def _wait(self, seconds: float) -> None:
        self.waiting_since = self.loop.time()
        self._deadline = self.loop.call_later(seconds, self._on_deadline)

    def _on_deadline(self) -> None:
        if self.is_waiting or self.flow.write_paused:
            self.cut()
        else:  # a request is under way; how long its body and its answer may take is the application's
            self._deadline = self.loop.call_later(KEEP_ALIVE_S, self._on_deadline)


def _cut_longest_waiting(connections: list[_Connection]) -> None:
    # The newcomer waits too: where all others are at work, it is the one to go.
    min((each for each in connections if each.is_waiting), key=lambda each: each.waiting_since).cut()


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
        http=_Connection,
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="on",
        backlog=LISTEN_BACKLOG,
        # Above the bound of connections: it is for requests that run on after their connection is gone.
        limit_concurrency=CONNECTIONS_MAX + 1,
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
