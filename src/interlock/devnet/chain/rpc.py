"""JSON-RPC 2.0: what a request may look like, and the errors with the codes that Ethereum clients know.

Codes below -32000 are the specification's; -32000 stands for a refusal of the chain, 3 for a revert and -32005 for an
exceeded limit, as go-ethereum answers them.
"""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REFUSED = -32000
LIMIT_EXCEEDED = -32005
REVERTED = 3

BATCH_MAX = 1_000
"""Calls in one batch, as go-ethereum has it."""


NESTING_MAX = 2_000
"""Brackets within brackets in one request. py-evm raises Python's recursion limit so far that the JSON decoder would
overflow the stack before it stopped by itself."""

_BRACKET_OR_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


class RpcError(Exception):
    """Carry a JSON-RPC error object."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def to_json(self) -> dict[str, Any]:
        """Give the error object."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        return body if self.data is None else body | {"data": self.data}


@dataclass(frozen=True, slots=True)
class Method:
    """One method: what it does and how many parameters it takes."""

    run: Callable[..., Any]
    required: int
    """How many parameters must be given."""

    optional: int = 0
    """How many more may follow; null stands for one that is left out."""

    def call(self, params: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Run it. Raises `RpcError` -32602 for parameters of the wrong form or number, then the method's own."""
        if params is None:
            params = []
        if not isinstance(params, list):
            raise RpcError(INVALID_PARAMS, "non-array args")
        most = self.required + self.optional
        if len(params) > most:
            raise RpcError(INVALID_PARAMS, f"too many arguments, want at most {most}")
        if len(params) < self.required:
            raise RpcError(INVALID_PARAMS, f"missing value for required argument {len(params)}")
        return self.run(*params)


Caller = Callable[[str, Any], Awaitable[Any]]
"""Runs the named method with its `params`."""


async def answer(body: bytes, call: Caller) -> Any | None:  # noqa: ANN401 - a JSON value
    """Answer one request body: an object, or a list for a batch; None where there were only notifications.

    Never raises: what is wrong with a request is in its answer.
    """
    try:
        request = _decode(body)
    except ValueError:
        return _failure(None, RpcError(PARSE_ERROR, "parse error"))
    if not isinstance(request, list):
        return await _answer_one(request, call)
    if not request:
        return _failure(None, RpcError(INVALID_REQUEST, "empty batch"))
    if len(request) > BATCH_MAX:
        return _failure(None, RpcError(INVALID_REQUEST, "batch too large"))
    return await _answer_batch(request, call)


async def _answer_batch(requests: Sequence[Any], call: Caller) -> list[Any] | None:
    answers = [await _answer_one(request, call) for request in requests]
    return [answer for answer in answers if answer is not None] or None


async def _answer_one(request: Any, call: Caller) -> dict[str, Any] | None:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(request, dict):
        return _failure(None, RpcError(INVALID_REQUEST, "invalid request"))
    identity = request.get("id")
    name = request.get("method")
    if request.get("jsonrpc") != "2.0" or not isinstance(name, str) or not _is_id(identity):
        return _failure(identity if _is_id(identity) else None, RpcError(INVALID_REQUEST, "invalid request"))
    try:
        result = await call(name, request.get("params"))
    except RpcError as error:
        reply = _failure(identity, error)
    else:
        reply = {"jsonrpc": "2.0", "id": identity, "result": result}
    return reply if "id" in request else None


def _decode(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    if _is_too_deep(body):
        raise ValueError("nested too deep")
    return json.loads(body)


def _is_too_deep(body: bytes) -> bool:
    """Count how deep brackets stand within each other, where there are enough of them to matter."""
    if body.count(b"[") + body.count(b"{") <= NESTING_MAX:
        return False
    depth = 0
    for token in _BRACKET_OR_STRING.finditer(body):
        match token[0]:
            case b"[" | b"{":
                depth += 1
            case b"]" | b"}":
                depth -= 1
        if depth > NESTING_MAX:
            return True
    return False


def _is_id(value: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
    return value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))


def _failure(identity: Any, error: RpcError) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON holds
    return {"jsonrpc": "2.0", "id": identity, "error": error.to_json()}
