"""What the HTTP doors do alike: bounded bodies, one form of numbers, a problem document whatever goes wrong."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from interlock.api.app import create_app
from interlock.service.door import DRAIN_BYTES_MAX, Fault, Unserved, handlers, problem_answer, read_body, read_number
from interlock.service.http import serving

PATIENCE_S = 30.0
BODY_MAX = 100


class Wire:
    """One connection, for requests one after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, method: str, path: str, body: bytes = b"", declared: int | None = None) -> "Reply":
        """Make a request and read its answer."""
        length = len(body) if declared is None else declared
        self.writer.write(f"{method} {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n".encode() + body)
        async with asyncio.timeout(PATIENCE_S):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            found = await self.reader.readexactly(int(headers["content-length"]))
        return Reply(int(lines[0].split()[1]), headers, json.loads(found))


class Reply:
    """An answer."""

    def __init__(self, status: int, headers: Mapping[str, str], document: Any) -> None:  # noqa: ANN401 - JSON
        self.status = status
        self.headers = headers
        self.document = document


async def take(request: Request) -> Response:
    """Take a body."""
    data = await read_body(request, bytes_max=BODY_MAX, within_s=0.1)
    return Response(json.dumps(len(data)))


async def fail(_: Request) -> Response:
    """Raise what the framework may raise."""
    raise HTTPException(415, "of a kind that is not wanted")


async def look(_: Request) -> Response:
    return Response("{}")


def respond(request: Request, error: Unserved) -> Response:
    fault = error.fault
    return problem_answer(
        request,
        family="test",
        code=fault.name,
        status=fault.value,
        detail=error.detail,
        facts={"more": 1},
        headers=error.headers,
    )


APP = Starlette(
    routes=[
        Route("/thing", look, methods=["GET"]),
        Route("/thing", take, methods=["PUT"]),
        Route("/fail", fail),
    ],
    exception_handlers={**handlers(respond)},
)


async def wire_to(app: ASGIApp) -> AsyncIterator[Wire]:
    """Serve an application and give a connection to it."""
    async with serving(app, "127.0.0.1", 0) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        yield Wire(reader, writer)
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async for each in wire_to(APP):
        yield each


@pytest.fixture
async def node() -> AsyncIterator[Wire]:
    """Give a connection to a node's face whose node is never asked."""
    async for each in wire_to(create_app(None, b"")):  # type: ignore[arg-type]  # see above
        yield each


async def test_a_rejection_leaves_the_connection_as_it_was(node: Wire) -> None:
    """Three bad requests on one connection of a node's face: each gets its own problem document."""
    for method, path, body, code in (
        ("GET", "/v1/settlements/0x12", b"", "MALFORMED"),
        ("POST", "/v1/instructions", b"{", "MALFORMED"),
        ("DELETE", "/v1/status", b"", "METHOD_NOT_ALLOWED"),
    ):
        reply = await node.ask(method, path, body)
        assert (reply.headers["content-type"], reply.document["code"]) == ("application/problem+json", code)
        assert reply.document["instance"] == path


async def test_a_problem_has_its_members(wire: Wire) -> None:
    """RFC 9457: type, title, status, detail, instance; and the code, and further facts."""
    reply = await wire.ask("GET", "/nothing")
    assert reply.status == 404
    assert reply.document == {
        "type": "urn:interlock:test:not_found",
        "title": "Not found",
        "status": 404,
        "code": "NOT_FOUND",
        "detail": "GET /nothing is not served here.",
        "instance": "/nothing",
        "more": 1,
    }


async def test_a_wrong_method_is_told_all_right_ones(wire: Wire) -> None:
    """Also where several routes share the path."""
    reply = await wire.ask("DELETE", "/thing")
    assert (reply.document["code"], reply.headers["allow"]) == ("METHOD_NOT_ALLOWED", "GET, HEAD, PUT")


async def test_what_else_the_framework_refuses_is_malformed(wire: Wire) -> None:
    """No other error of a client is called a wrong method."""
    reply = await wire.ask("GET", "/fail")
    assert (reply.status, reply.document["code"]) == (400, "MALFORMED")


async def test_a_body_is_taken_up_to_its_bound(wire: Wire) -> None:
    """One byte more is refused; what came of it is thrown away, and the connection goes on."""
    assert (await wire.ask("PUT", "/thing", b"x" * BODY_MAX)).document == BODY_MAX
    for length in (BODY_MAX + 1, DRAIN_BYTES_MAX):
        assert (await wire.ask("PUT", "/thing", b"x" * length)).document["code"] == "TOO_LARGE"
    assert (await wire.ask("PUT", "/thing", b"")).document == 0


async def test_a_body_without_bounds_ends_its_connection(wire: Wire) -> None:
    """Beyond what is thrown away nothing more is read."""
    reply = await wire.ask("PUT", "/thing", b"x" * (DRAIN_BYTES_MAX + 1), declared=10**12)
    assert (reply.document["code"], reply.headers["connection"]) == ("TOO_LARGE", "close")
    assert await wire.reader.read() == b""


async def test_a_body_that_does_not_come_ends_its_connection(wire: Wire) -> None:
    """RFC 9110, 15.5.9: 408 comes with Connection: close."""
    reply = await wire.ask("PUT", "/thing", b"x", declared=2)
    assert (reply.status, reply.document["code"], reply.headers["connection"]) == (408, "TOO_SLOW", "close")
    assert await wire.reader.read() == b""


@pytest.mark.parametrize("text", ["", "-1", "01", "1e3", " 1", "1 ", "1\n", "٣", "9" * 19, "0x1"])
def test_a_number_has_one_form(text: str) -> None:
    """Plain decimal digits without a sign, a leading zero, or more of them than a ledger counts in."""
    with pytest.raises(Unserved) as caught:
        read_number(text, "limit")
    assert caught.value.fault is Fault.MALFORMED
    assert read_number("9" * 18, "limit") == 10**18 - 1
