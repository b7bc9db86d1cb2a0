"""One bounded JSON exchange over HTTP, with problem documents as errors.

ClientError          what went wrong, in a sentence
├── Unreachable      retryable: no answer, or none that can be read; whether the request arrived is unknown
└── ProblemAnswer    the other side's typed answer (RFC 9457): `code`, `status`, `detail`
"""

from types import TracebackType
from typing import Any, Self

import aiohttp

from interlock.encoding.canonical import Malformed, loads

ANSWER_BYTES_MAX = 32 * 1024 * 1024
"""The largest answer read; a receipt may have half as much."""


class ClientError(Exception):
    """Tell what did not work."""


class Unreachable(ClientError):
    """Nothing that can be read came back; ask again."""


class ProblemAnswer(ClientError):
    """The other side refused, and says why."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{code} ({status}): {detail}")
        self.status = status
        self.code = code
        self.detail = detail


class HttpClient:
    """Talk JSON to one base URL; an asynchronous context manager, or end it with `close`."""

    def __init__(self, url: str, *, token: str = "", answer_within_s: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = aiohttp.ClientTimeout(total=answer_within_s)
        self._session: aiohttp.ClientSession | None = None

    async def exchange(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Send a request; give the body of a 2xx answer. Unreachable, ProblemAnswer."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers=self._headers)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            async with self._session.request(
                method, self.url + path, data=body, headers=headers, allow_redirects=False
            ) as response:
                answer = await _bounded(response)
                if response.ok:
                    return answer
                raise _problem(response.status, answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"{method} {self.url}{path}: {type(error).__name__} {error}") from None

    async def json(self, method: str, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - JSON out
        """Send a request; give the answer as JSON values. Unreachable, ProblemAnswer."""
        answer = await self.exchange(method, path, body)
        try:
            return loads(answer)
        except Malformed:
            raise Unreachable(f"{method} {self.url}{path}: the answer is not JSON") from None

    async def close(self) -> None:
        """Close the connections; harmless twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    answer = bytearray()
    async for chunk in response.content.iter_any():
        answer += chunk
        if len(answer) > ANSWER_BYTES_MAX:
            raise Unreachable(f"{response.url}: the answer has more than {ANSWER_BYTES_MAX} bytes")
    return bytes(answer)


def _problem(status: int, answer: bytes) -> ClientError:
    try:
        document = loads(answer)
        return ProblemAnswer(status, str(document["code"]), str(document["detail"]))
    except (ValueError, KeyError, TypeError):
        return Unreachable(f"status {status} without a problem document")
