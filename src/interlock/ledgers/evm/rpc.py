"""JSON-RPC 2.0 over HTTP, for endpoints that fail, lag and lie.

Calls are sent in batches; every answer is matched to its call by a number of our own, so that a missing, doubled or
foreign answer is noticed and nothing is ever taken for the answer to another question.

    RpcRefused (LedgerRefused)    the endpoint understood the call and answered with an error object: code, message and,
                                  for a revert, the bytes that the contract reverted with
    LedgerUnavailable             not reached, too slow, HTTP status other than 200, answer cut off, rate limit;
                                  redirects are not followed: they could lead into the operator's own network
    LedgerNonsense                not JSON, no answer to a call or two, not the form of JSON-RPC
    └── AnswerTooLarge            more bytes than are ever read of one answer; asking for less may help

An endpoint's URL often holds a secret; messages name its host only.

Source: JSON-RPC 2.0 specification; EIP-1474 (error codes).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from interlock.encoding.canonical import Malformed, dumps, loads
from interlock.ledgers.protocol import LedgerError, LedgerNonsense, LedgerRefused, LedgerUnavailable

Json = Any
"""Whatever JSON holds."""

BATCH_MAX = 100
"""Calls in one request; several providers refuse more."""
ANSWER_BYTES_MAX = 16 * 1024 * 1024
"""Bytes of one answer; a range of logs of a busy vault has a few hundred thousand."""
TIMEOUT_S = 10.0
"""One request, connection included; a node looks again at its next turn anyway."""

_REVERTED = 3
_INTERNAL = -32603
_LIMIT_EXCEEDED = -32005
_OK = 200
_MESSAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class Call:
    """One method with its parameters."""

    method: str
    params: tuple[Json, ...] = ()


class RpcRefused(LedgerRefused):
    """The endpoint answered with an error object."""

    code = "rpc_refused"

    def __init__(self, ledger: str, method: str, number: int, message: str, data: bytes) -> None:
        super().__init__(f"{method} was refused with {number}: {message[:_MESSAGE_MAX]}", ledger)
        self.number = number
        """The error's own code."""
        self.message = message
        self.data = data
        """What a contract reverted with; empty where there is nothing, or it was no revert."""

    @property
    def is_revert(self) -> bool:
        """Tell whether a contract reverted, as opposed to an endpoint that will not or cannot answer."""
        return self.number == _REVERTED or bool(self.data) or "revert" in self.message.lower()


class AnswerTooLarge(LedgerNonsense):
    """The endpoint's answer to a request has more than `ANSWER_BYTES_MAX` bytes; ask for less."""

    code = "rpc_answer_too_large"


Answer = Json | LedgerError
"""A call's result, or why there is none."""


class Rpc:
    """One endpoint, asked in the name of one ledger."""

    def __init__(self, url: str, ledger: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.ledger = ledger
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._counter = 0

    async def close(self) -> None:
        """Close the connections; harmless twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(self, call: Call) -> Json:
        """Make one call and give its result; raises RpcRefused, LedgerUnavailable, LedgerNonsense."""
        (answer,) = await self.batch([call])
        if isinstance(answer, LedgerError):
            raise answer
        return answer

    async def batch(self, calls: Sequence[Call]) -> list[Answer]:
        """Make calls, up to `BATCH_MAX` in a request, and give one answer for each, in their order.

        A call that the endpoint refused has the error as its answer. Raises LedgerUnavailable and LedgerNonsense where
        a request as a whole has no usable answer.
        """
        answers: list[Answer] = []
        for first in range(0, len(calls), BATCH_MAX):
            answers += await self._request(calls[first : first + BATCH_MAX])
        return answers

    async def _request(self, calls: Sequence[Call]) -> list[Answer]:
        numbers = range(self._counter, self._counter + len(calls))
        self._counter += len(calls)
        body = [
            {"jsonrpc": "2.0", "id": number, "method": call.method, "params": list(call.params)}
            for number, call in zip(numbers, calls, strict=True)
        ]
        raw = await self._post(dumps(body))
        try:
            document = loads(raw)
        except Malformed as error:
            raise LedgerNonsense(f"the endpoint's answer cannot be read: {error}", self.ledger) from None
        return self._match(document, dict(zip(numbers, calls, strict=True)))

    async def _post(self, body: bytes) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                if response.status != _OK:
                    raise LedgerUnavailable(f"the endpoint answered with HTTP status {response.status}", self.ledger)
                return await self._read(response)
        except TimeoutError:
            raise LedgerUnavailable(f"no answer within {self._timeout.total} s", self.ledger) from None
        except (aiohttp.ClientError, asyncio.IncompleteReadError, OSError) as error:
            # The error's own text may carry the URL.
            raise LedgerUnavailable(f"the endpoint was not reached ({type(error).__name__})", self.ledger) from None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        parts, length = [], 0
        async for part in response.content.iter_any():
            length += len(part)
            if length > ANSWER_BYTES_MAX:
                raise AnswerTooLarge(f"the answer has more than {ANSWER_BYTES_MAX} bytes", self.ledger)
            parts.append(part)
        return b"".join(parts)

    def _match(self, document: Json, calls: dict[int, Call]) -> list[Answer]:
        """Give the answers by their numbers; one error object may stand for the whole batch."""
        if isinstance(document, dict) and document.get("id") is None and "error" in document:
            raise self._failure(document["error"], "the batch")
        if not isinstance(document, list):
            raise LedgerNonsense("the answer to a batch is no list", self.ledger)
        found: dict[int, Answer] = {}
        for item in document:
            if not isinstance(item, dict) or type(item.get("id")) is not int or item["id"] not in calls:
                raise LedgerNonsense("an answer belongs to no call of this request", self.ledger)
            number: int = item["id"]
            if number in found:
                raise LedgerNonsense(f"two answers to {calls[number].method}", self.ledger)
            found[number] = self._result(item, calls[number].method)
        if missing := calls.keys() - found.keys():
            raise LedgerNonsense(f"no answer to {calls[min(missing)].method}", self.ledger)
        return [found[number] for number in calls]

    def _result(self, item: dict[str, Json], method: str) -> Answer:
        if item.get("jsonrpc") != "2.0" or ("result" in item) == (item.get("error") is not None):
            raise LedgerNonsense(f"the answer to {method} has not the form of JSON-RPC 2.0", self.ledger)
        return item["result"] if "result" in item else self._failure(item["error"], method)

    def _failure(self, error: Json, method: str) -> LedgerError:
        if not isinstance(error, dict) or type(error.get("code")) is not int:
            return LedgerNonsense(f"the error object of {method} has no code", self.ledger)
        number, message, data = error["code"], str(error.get("message", "")), _data(error.get("data"))
        if number in {_LIMIT_EXCEEDED, 429} or (number == _INTERNAL and not data and "revert" not in message.lower()):
            return LedgerUnavailable(f"{method} failed at the endpoint with {number}: {message[:200]}", self.ledger)
        return RpcRefused(self.ledger, method, number, message, data)


def _data(value: Json) -> bytes:
    """Give the revert's bytes; endpoints put other things there too, which are of no use."""
    try:
        return bytes.fromhex(value[2:]) if isinstance(value, str) and value.startswith("0x") else b""
    except ValueError:
        return b""
