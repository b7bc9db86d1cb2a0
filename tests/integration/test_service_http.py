"""The HTTP server's bounds: whoever holds connections without asking anything holds nobody else up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from interlock.service import http

PATIENCE_S = 30.0
"""A broken server fails a test instead of hanging it; nothing waits for this to pass."""
SOON_S = 0.05
LARGE_BYTES = 16_777_216
"""More than the system keeps for a client that does not read."""
REQUEST = b"GET /%s HTTP/1.1\r\nHost: test\r\n\r\n"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class World:
    """A served application that can be kept waiting."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.answered = asyncio.Event()
        self.app = Starlette(
            routes=[Route("/quick", self.quick), Route("/slow", self.slow), Route("/large", self.large)]
        )
        self.port = 0

    async def quick(self, _: Request) -> Response:
        return Response("quick")

    async def slow(self, _: Request) -> Response:
        self.begun.set()
        await self.go_on.wait()
        return Response("slow")

    async def large(self, _: Request) -> Response:
        return Response(bytes(LARGE_BYTES), background=BackgroundTask(self._say_answered))

    async def _say_answered(self) -> None:
        self.answered.set()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with http.serving(world.app, "127.0.0.1", 0) as url:
        world.port = int(url.rpartition(":")[2])
        yield world


@asynccontextmanager
async def connection(world: World, host: str = "127.0.0.1") -> AsyncIterator[Connection]:
    """Give a connection from an address of this machine."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port, local_addr=(host, 0))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def ask(end: Connection, what: bytes = b"quick") -> bytes:
    """Make a request and give the answer's body."""
    reader, writer = end
    writer.write(REQUEST % what)
    async with asyncio.timeout(PATIENCE_S):
        return await answer_of(reader)


async def answer_of(reader: asyncio.StreamReader) -> bytes:
    """Read an answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    return await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))


async def rest_of(end: Connection) -> bytes:
    """Read until the server has ended the connection, in whatever way."""
    found = bytearray()
    async with asyncio.timeout(PATIENCE_S):
        with suppress(ConnectionError):
            while chunk := await end[0].read(65_536):
                found += chunk
    return bytes(found)


@pytest.mark.parametrize("begun", [b"", b"GET /quick HTTP/1.1\r\nHost: te"])
async def test_a_connection_without_a_request_is_ended(
    world: World, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence, or a head that does not come to its end, ends with the time for it."""
    monkeypatch.setattr(http, "HEAD_WITHIN_S", SOON_S)
    async with connection(world) as end:
        end[1].write(begun)
        assert await rest_of(end) == b""


@pytest.mark.parametrize(
    "more", [b"", b"GET /quick HT", b"POST /quick HTTP/1.1\r\nHost: test\r\nContent-Length: 99\r\n\r\n{"]
)
async def test_a_connection_without_a_further_request_is_ended(
    world: World, more: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does one that was answered: bytes that begin no request do not keep it."""
    monkeypatch.setattr(http, "KEEP_ALIVE_S", SOON_S)
    async with connection(world) as end:
        assert await ask(end) == b"quick"
        end[1].write(more)
        await rest_of(end)


async def test_a_request_under_way_is_not_cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The times are for waiting connections: what the application works on is answered, however long it takes."""
    monkeypatch.setattr(http, "HEAD_WITHIN_S", SOON_S)
    monkeypatch.setattr(http, "KEEP_ALIVE_S", SOON_S)
    async with connection(world) as working:
        working[1].write(REQUEST % b"slow")
        await world.begun.wait()
        for _ in range(2):
            async with connection(world) as idle:
                assert await rest_of(idle) == b""
        world.go_on.set()
        async with asyncio.timeout(PATIENCE_S):
            assert await answer_of(working[0]) == b"slow"


async def test_an_answer_that_is_not_read_does_not_keep_its_connection(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cut off within the answer, like one that is idle."""
    monkeypatch.setattr(http, "KEEP_ALIVE_S", SOON_S)
    async with connection(world) as greedy, connection(world) as other:
        greedy[0]._transport.pause_reading()  # type: ignore[attr-defined]  # a client that does not read
        greedy[1].write(REQUEST % b"large")
        await world.answered.wait()
        await ask(other)
        await rest_of(other)  # its time began later, so that of the other one is over
        greedy[0]._transport.resume_reading()  # type: ignore[attr-defined]  # to see what came
        assert len(await rest_of(greedy)) < LARGE_BYTES


@pytest.mark.parametrize("bound", ["CONNECTIONS_MAX", "PEER_CONNECTIONS_MAX"])
async def test_idle_connections_keep_nobody_out(world: World, bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the bound takes the place of the one that has waited longest; the others stay."""
    monkeypatch.setattr(http, bound, 3)
    async with AsyncExitStack() as stack:
        first, second, third = [await stack.enter_async_context(connection(world)) for _ in range(3)]
        assert await ask(first) == b"quick"
        assert await ask(third) == b"quick"
        fourth = await stack.enter_async_context(connection(world))
        assert await ask(fourth) == b"quick"
        assert await rest_of(second) == b""
        assert [await ask(each) for each in (first, third, fourth)] == [b"quick"] * 3


async def test_where_all_are_at_work_one_more_is_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests under way are not thrown away for a newcomer's sake."""
    monkeypatch.setattr(http, "PEER_CONNECTIONS_MAX", 1)
    async with connection(world) as working:
        working[1].write(REQUEST % b"slow")
        await world.begun.wait()
        async with connection(world) as newcomer:
            assert await rest_of(newcomer) == b""
        world.go_on.set()
        async with asyncio.timeout(PATIENCE_S):
            assert await answer_of(working[0]) == b"slow"


async def test_one_address_takes_its_own_room_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections of one address, however many, cost another address none."""
    monkeypatch.setattr(http, "PEER_CONNECTIONS_MAX", 2)
    async with connection(world) as honest, AsyncExitStack() as stack:
        assert await ask(honest) == b"quick"
        many = [await stack.enter_async_context(connection(world, "127.0.0.2")) for _ in range(5)]
        assert [await rest_of(each) for each in many[:3]] == [b""] * 3
        assert await ask(many[-1]) == await ask(honest) == b"quick"


async def test_the_bounds_leave_others_room() -> None:
    """One address cannot fill the whole."""
    assert http.PEER_CONNECTIONS_MAX < http.CONNECTIONS_MAX
