"""What every HTTP door of the project does alike: take bodies and numbers within bounds, answer with problem documents.

What is wrong at the door itself is `Unserved`; it has no code here, each application gives it its own.

Source: RFC 9110 (status codes, Allow), RFC 9457 (problem documents).
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match

DRAIN_BYTES_MAX = 1_048_576
"""A body that is too large is read on to here and thrown away: a connection closed on unread bytes loses its answer."""
PROBLEM_TYPE = "application/problem+json"

_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,17})\Z")
_CLOSE = {"Connection": "close"}


class Fault(Enum):
    """What is wrong with a request, or with the program, before its subject is looked at."""

    NOT_FOUND = 404
    METHOD_NOT_ALLOWED = 405
    TOO_LARGE = 413
    TOO_SLOW = 408
    MALFORMED = 400
    INTERNAL_ERROR = 500


class Unserved(Exception):
    """The door could not serve the request."""

    def __init__(self, fault: Fault, detail: str, headers: Mapping[str, str] | None = None) -> None:
        """Take what was wrong, a sentence about it, and the headers that go with the answer."""
        super().__init__(detail)
        self.fault = fault
        self.detail = detail
        self.headers = headers


async def read_body(request: Request, *, bytes_max: int, within_s: float) -> bytes:
    """Give a request's body. Unserved: TOO_SLOW, MALFORMED where the connection ends within it, TOO_LARGE."""
    data, length = bytearray(), 0
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.stream():
                length += len(chunk)
                data += chunk[: bytes_max + 1 - len(data)]
                if length > DRAIN_BYTES_MAX:
                    break
    except TimeoutError:
        slow = f"The body did not arrive within {within_s:g} s; send it again."
        raise Unserved(Fault.TOO_SLOW, slow, _CLOSE) from None
    except ClientDisconnect:
        raise Unserved(Fault.MALFORMED, "The connection ended within the body.") from None
    if length > bytes_max:
        large = f"The body of {request.url.path} has more than {bytes_max} bytes."
        raise Unserved(Fault.TOO_LARGE, large, _CLOSE if length > DRAIN_BYTES_MAX else None)
    return bytes(data)


def read_number(text: str, what: str) -> int:
    """Read a whole number of at most 18 digits in its one form; Unserved MALFORMED else."""
    if _NUMBER.match(text) is None:
        raise Unserved(Fault.MALFORMED, f"{what}: a whole number is wanted, not {text[:40]!r}.")
    return int(text)


def problem_answer(
    request: Request,
    *,
    family: str,
    code: str,
    status: int,
    detail: str,
    facts: Mapping[str, object],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Give a problem document; its `type` is a name in the family's namespace, `facts` are further members."""
    document = {
        **facts,
        "type": f"urn:interlock:{family}:{code.lower()}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "code": code,
        "detail": detail,
        "instance": request.url.path,
    }
    content = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return Response(content, status, headers, PROBLEM_TYPE)


def handlers(
    respond: Callable[[Request, Unserved], Response],
) -> dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]:
    """Give an application's handlers of what is wrong at the door, and of what nobody foresaw.

    The server logs the unforeseen, with its traceback.
    """

    async def on_error(request: Request, error: Exception) -> Response:
        return respond(request, _unserved(request, error))

    return {Unserved: on_error, HTTPException: on_error, Exception: on_error}


def _unserved(request: Request, error: Exception) -> Unserved:
    which = f"{request.method} {request.url.path}"
    match error:
        case Unserved():
            return error
        case HTTPException(status_code=404):
            return Unserved(Fault.NOT_FOUND, f"{which} is not served here.")
        case HTTPException(status_code=405):
            return Unserved(Fault.METHOD_NOT_ALLOWED, f"{which} is not served here.", {"Allow": _methods(request)})
        case HTTPException() if error.status_code < Fault.INTERNAL_ERROR.value:
            return Unserved(Fault.MALFORMED, f"{error.detail}.")
    return Unserved(Fault.INTERNAL_ERROR, f"{which} failed; ask by id what was recorded.")


def _methods(request: Request) -> str:
    """Give the methods that are served on the request's path, of all its routes."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for route in routes for method in route.methods}))
