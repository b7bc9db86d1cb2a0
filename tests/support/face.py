"""A node's HTTP face, served on a port of its own, and the plainest client of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from interlock.api.app import create_app
from interlock.service.http import serving
from interlock.views.desk import Desk
from support.evidence import GENESIS_BYTES

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON out
        """Read the body."""
        return json.loads(self.body)

    @property
    def problem(self) -> tuple[int, str]:
        """Give status and code of a problem document, whose form is checked here."""
        assert self.headers["content-type"] == "application/problem+json", self.body
        document = self.json
        assert {"type", "title", "status", "code", "detail", "instance"} <= document.keys()
        assert document["status"] == self.status
        assert document["type"] == f"urn:interlock:node:{document['code'].lower()}"
        assert document["detail"], document
        return self.status, document["code"]


@dataclass(frozen=True, slots=True)
class Face:
    """One node's face and a connection to it."""

    url: str
    session: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: object = None, **more: Any) -> Answer:  # noqa: ANN401 - aiohttp's
        """Send a request; a body that is neither bytes nor a stream goes as JSON."""
        data = body if body is None or isinstance(body, bytes) or hasattr(body, "__aiter__") else _dumps(body)
        async with self.session.request(method, self.url + path, data=data, allow_redirects=False, **more) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, await response.read())

    async def get(self, path: str) -> Answer:
        """Ask for something."""
        return await self.ask("GET", path)

    async def post(self, path: str, body: object) -> Answer:
        """Bring something."""
        return await self.ask("POST", path, body)

    async def raw(self, request: bytes) -> bytes:
        """Send bytes and give what comes until the answer's end, or the connection's."""
        host, port = self.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(request)
            await writer.drain()
            answer = bytearray()
            while chunk := await reader.read(65_536):
                answer += chunk
            return bytes(answer)
        finally:
            writer.close()


def _dumps(body: object) -> bytes:
    return json.dumps(body).encode()


@asynccontextmanager
async def face_of(node: Desk) -> AsyncIterator[Face]:
    """Serve a node."""
    async with serving(create_app(node, GENESIS_BYTES), HOST, 0) as url, aiohttp.ClientSession() as session:
        yield Face(url, session)
