"""HTTP requests to a bank: bounded, timed, and with every way of failing given its type."""

import asyncio
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from interlock.core.instruction import LegIndex, SettlementId
from interlock.encoding.canonical import Malformed, decode, loads
from interlock.encoding.values import hex_of
from interlock.ledgers.protocol import LedgerError, LedgerNonsense, LedgerRefused, LedgerUnavailable

ANSWER_WITHIN_S = 10.0
"""A bank's answer takes one commit, milliseconds; a slower one is asked again."""
CONNECTIONS_MAX = 16
"""Connections to one bank, and so requests at a time."""
PUTS_MAX = CONNECTIONS_MAX // 2
"""Holds and certificates brought at a time; the others wait without a clock, and looks find the other connections."""
ANSWER_BYTES_MAX = 65_536
"""A leg's answer: at most two receipts of a few kilobytes each."""
DETAIL_CHARACTERS_MAX = 400
"""How much of a bank's own sentence goes into an error."""
UNKNOWN_HOLD = "unknown_hold"
"""The problem code for a leg of which the bank has recorded nothing."""

_OK = 200
_TRY_LATER = frozenset({408, 425, 429})
_CLIENT_FAULTS = range(400, 500)
_SERVER_FAULTS = range(500, 600)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """What a request is about, for errors."""

    ledger: str
    settlement: SettlementId
    leg: LegIndex

    @property
    def path(self) -> str:
        """Give the path of the leg at the bank."""
        return f"/v1/holds/{hex_of(self.settlement)}/{self.leg}"


class BankClient:
    """One bank's HTTP interface; connects at the first request."""

    def __init__(self, url: str, *, read_token: str, answer_within_s: float) -> None:
        self._url = url.rstrip("/")
        self._read_token = read_token
        self._timeout = aiohttp.ClientTimeout(total=answer_within_s)
        self._session: aiohttp.ClientSession | None = None
        self._puts = asyncio.Semaphore(PUTS_MAX)

    async def put(self, place: Place, suffix: str, body: bytes, kind: type[T]) -> T:
        """Send a body and give the answer; LedgerUnavailable, LedgerNonsense, LedgerRefused."""
        async with self._puts:
            status, content_type, data = await self._request("PUT", place, suffix, body)
        if status == _OK:
            return _answer(place, kind, content_type, data)
        raise _failure(place, status, content_type, data)

    async def look(self, place: Place, kind: type[T]) -> T | None:
        """Give what the bank has of a leg, None where it says that it has nothing; errors as above."""
        status, content_type, data = await self._request("GET", place, "", None)
        if status == _OK:
            return _answer(place, kind, content_type, data)
        if _problem(status, content_type, data).get("code") == UNKNOWN_HOLD:
            return None
        raise _failure(place, status, content_type, data)

    async def close(self) -> None:
        """Close connections; harmless twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _request(self, method: str, place: Place, suffix: str, body: bytes | None) -> tuple[int, str, bytes]:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        # Only a look needs the token; hold and certificate speak for themselves.
        headers = {"Content-Type": "application/json"} if body else {"Authorization": f"Bearer {self._read_token}"}
        try:
            async with self._session.request(
                method, self._url + place.path + suffix, data=body, headers=headers, allow_redirects=False
            ) as response:
                data = bytearray()
                async for chunk in response.content.iter_chunked(16_384):
                    data += chunk
                    if len(data) > ANSWER_BYTES_MAX:
                        raise _nonsense(place, f"the answer has more than {ANSWER_BYTES_MAX} bytes")
                return response.status, response.content_type, bytes(data)
        except TimeoutError:
            raise LedgerUnavailable(
                f"no answer within {self._timeout.total:g} s; ask again by id",
                place.ledger,
                place.settlement,
                place.leg,
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise LedgerUnavailable(
                f"not reached: {type(error).__name__}: {error}", place.ledger, place.settlement, place.leg
            ) from error


def _answer(place: Place, kind: type[T], content_type: str, data: bytes) -> T:
    if content_type != "application/json":
        raise _nonsense(place, f"the answer is {content_type!r}, not application/json")
    try:
        return decode(kind, data)
    except Malformed as error:
        raise _nonsense(place, f"the answer is malformed: {error}") from None


def _problem(status: int, content_type: str, data: bytes) -> dict[str, Any]:
    """Give a problem document, empty where the answer is none."""
    if content_type != "application/problem+json":
        return {}
    try:
        document = loads(data)
    except Malformed:
        return {}
    return document if isinstance(document, dict) and document.get("status") == status else {}


def _failure(place: Place, status: int, content_type: str, data: bytes) -> LedgerError:
    """Give what an answer other than 200 means."""
    problem = _problem(status, content_type, data)
    detail = str(problem.get("detail", ""))[:DETAIL_CHARACTERS_MAX]
    if status in _TRY_LATER or status in _SERVER_FAULTS:
        return LedgerUnavailable(f"it answered {status}. {detail}".rstrip(), place.ledger, place.settlement, place.leg)
    if status in _CLIENT_FAULTS and isinstance(problem.get("code"), str):
        return LedgerRefused(
            f"{problem['code'][:DETAIL_CHARACTERS_MAX]}: {detail}", place.ledger, place.settlement, place.leg
        )
    return _nonsense(place, f"it answered {status} with {content_type!r} and no problem document")


def _nonsense(place: Place, sentence: str) -> LedgerNonsense:
    return LedgerNonsense(sentence, place.ledger, place.settlement, place.leg)
