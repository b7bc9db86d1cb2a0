"""The bank's door: HTTP requests in, canonical JSON or RFC 9457 problems out.

    PUT    /v1/holds/{settlement}/{leg}                anybody, with all required signatures
    PUT    /v1/holds/{settlement}/{leg}/certificate    anybody, with a certificate
    GET    /v1/holds/{settlement}/{leg}                readers
    GET    /v1/about                                   anybody
    GET    /v1/receipts?after=N&limit=M                operator
    GET    /v1/accounts/{account}                      readers
    PUT    /v1/accounts/{account}                      operator
    PUT    /v1/deposits/{id}                           operator
    PUT    /v1/accounts/{account}/mandates/{signer}    operator; DELETE takes it off file

Readers show the readers' or the operator's bearer token: a settlement's id is public on a chain, its terms are not.
"""

import asyncio
import hmac
import logging
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from interlock.bankd.accounts import Accounts
from interlock.bankd.bank import RECEIPTS_PAGE_MAX, Bank
from interlock.bankd.config import Tokens
from interlock.bankd.order import CertificateRequest, HoldRequest
from interlock.bankd.problem import Code, Problem
from interlock.bankd.store import CommitUnknown
from interlock.bankd.view import AccountRequest, DepositRequest
from interlock.core.instruction import LegIndex, SettlementId
from interlock.core.limits import LEGS_MAX, NAME_BYTES_MAX
from interlock.encoding.canonical import Malformed, decode, encode, from_json
from interlock.encoding.values import Address, Bytes32, Uint32
from interlock.service.door import Unserved, handlers, problem_answer, read_body, read_number

BODY_BYTES_MAX = 65_536
"""One request: sixteen legs with the longest names in their longest JSON form, and their signatures, fit."""
BODY_WITHIN_S = 10.0
"""How long a client may take to send its body, so that slow ones cannot hold connections for ever."""

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{NAME_BYTES_MAX - 1}}}\Z")

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Door:
    """Translate between HTTP and the bank; every call into the books goes through one thread."""

    def __init__(self, bank: Bank, accounts: Accounts, tokens: Tokens) -> None:
        self._bank = bank
        self._accounts = accounts
        self._tokens = tokens
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="books")

    def routes(self) -> list[Route]:
        """Give the routes of the table above."""
        return [
            Route("/v1/about", self.about, methods=["GET"]),
            Route("/v1/holds/{settlement}/{leg}", self.put_hold, methods=["PUT"]),
            Route("/v1/holds/{settlement}/{leg}", self.look, methods=["GET"]),
            Route("/v1/holds/{settlement}/{leg}/certificate", self.put_certificate, methods=["PUT"]),
            Route("/v1/receipts", self.receipts, methods=["GET"]),
            Route("/v1/accounts/{account}", self.put_account, methods=["PUT"]),
            Route("/v1/accounts/{account}", self.account, methods=["GET"]),
            Route("/v1/accounts/{account}/mandates/{signer}", self.mandate, methods=["PUT", "DELETE"]),
            Route("/v1/deposits/{id}", self.put_deposit, methods=["PUT"]),
        ]

    def close(self) -> None:
        """Let the last booking finish."""
        self._writer.shutdown(wait=True)

    async def about(self, _request: Request) -> Response:
        """Say who the bank is."""
        return _answer(await self._run(self._bank.about))

    async def put_hold(self, request: Request) -> Response:
        """Ask for a hold."""
        settlement, leg = _leg_of(request)
        asked = await _body(request, HoldRequest)
        order = self._bank.authenticate(settlement, leg, asked)
        return _answer(await self._run(lambda: self._bank.hold(order)))

    async def put_certificate(self, request: Request) -> Response:
        """Bring a certificate."""
        settlement, leg = _leg_of(request)
        brought = await _body(request, CertificateRequest)
        return _answer(await self._run(lambda: self._bank.bring(settlement, leg, brought.certificate)))

    async def look(self, request: Request) -> Response:
        """Give a hold's state and receipts."""
        self._check_token(request, self._tokens.read, self._tokens.operator)
        settlement, leg = _leg_of(request)
        return _answer(await self._run(lambda: self._bank.look(settlement, leg)))

    async def receipts(self, request: Request) -> Response:
        """Give a page of receipts."""
        self._check_token(request, self._tokens.operator)
        after = read_number(request.query_params.get("after", "0"), "after")
        limit = read_number(request.query_params.get("limit", str(RECEIPTS_PAGE_MAX)), "limit")
        return _answer(await self._run(lambda: self._bank.receipts(after, limit)))

    async def account(self, request: Request) -> Response:
        """Give an account's balances and signers."""
        self._check_token(request, self._tokens.read, self._tokens.operator)
        name = _name(request, "account")
        return _answer(await self._run(lambda: self._accounts.look(name)))

    async def put_account(self, request: Request) -> Response:
        """Open an account."""
        self._check_token(request, self._tokens.operator)
        name = _name(request, "account")
        asked = await _body(request, AccountRequest)
        return _answer(await self._run(lambda: self._accounts.open_account(name, asked.assets)))

    async def put_deposit(self, request: Request) -> Response:
        """Credit an account from outside."""
        self._check_token(request, self._tokens.operator)
        deposit_id = _name(request, "id")
        asked = await _body(request, DepositRequest)
        return _answer(await self._run(lambda: self._accounts.deposit(deposit_id, asked)))

    async def mandate(self, request: Request) -> Response:
        """Put a key's mandate on file, or take it off."""
        self._check_token(request, self._tokens.operator)
        name = _name(request, "account")
        signer = _read(Address, request.path_params["signer"], "signer")
        change = self._accounts.grant if request.method == "PUT" else self._accounts.revoke
        return _answer(await self._run(lambda: change(name, signer)))

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, call)

    def _check_token(self, request: Request, *tokens: str) -> None:
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        # Every token is compared, in constant time, so that the answer's delay tells nothing.
        matches = [hmac.compare_digest(shown.encode(), token.encode()) for token in tokens]
        if scheme.lower() != "bearer" or not any(matches):
            raise Problem(
                Code.UNAUTHORISED, f"{request.method} {request.url.path} needs a bearer token that this bank gave out."
            )


def create_app(bank: Bank, accounts: Accounts, tokens: Tokens, *, on_lost: Callable[[], None]) -> Starlette:
    """Give the ASGI application; the books stay open when it ends. `on_lost`: called when a commit failed."""
    door = Door(bank, accounts, tokens)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        door.close()

    async def on_storage_error(request: Request, error: Exception) -> Response:
        logger.error("the books could not be read or written: %s", error)
        if isinstance(error, CommitUnknown):
            on_lost()
        later = "The books could not be read or written now. Ask by id later what was recorded."
        return _respond(request, Problem(Code.UNAVAILABLE, later))

    return Starlette(
        routes=door.routes(),
        lifespan=lifespan,
        exception_handlers={
            **handlers(_on_unserved),
            Problem: _on_problem,
            sqlite3.OperationalError: on_storage_error,
        },
    )


async def _body(request: Request, kind: type[T]) -> T:
    data = await read_body(request, bytes_max=BODY_BYTES_MAX, within_s=BODY_WITHIN_S)
    try:
        return decode(kind, data)
    except Malformed as error:
        raise Problem(Code.MALFORMED, f"The body of {request.url.path} is malformed: {error}.") from None


def _leg_of(request: Request) -> tuple[SettlementId, LegIndex]:
    settlement = SettlementId(_read(Bytes32, request.path_params["settlement"], "settlement"))
    leg = read_number(request.path_params["leg"], "leg")
    if leg >= LEGS_MAX:
        raise Problem(Code.OUT_OF_BOUNDS, f"leg {leg}: an instruction has at most {LEGS_MAX} legs, counted from 0.")
    return settlement, LegIndex(Uint32(leg))


def _read(kind: Callable[[bytes], T], text: str, what: str) -> T:
    try:
        return from_json(kind, text, what)  # type: ignore[arg-type]  # a NewType is no type[T] to mypy
    except Malformed as error:
        raise Problem(Code.MALFORMED, f"{error}.") from None


def _name(request: Request, what: str) -> str:
    name: str = request.path_params[what]
    if _NAME.match(name) is None:
        raise Problem(
            Code.OUT_OF_BOUNDS,
            f"{what} {name[:40]!r}: 1 to {NAME_BYTES_MAX} letters, digits and ._:- are wanted, no sign first.",
        )
    return name


def _answer(value: object) -> Response:
    return Response(encode(value), media_type="application/json")


async def _on_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    headers = {"WWW-Authenticate": "Bearer"} if error.code is Code.UNAUTHORISED else None
    return _respond(request, error, headers)


def _on_unserved(request: Request, error: Unserved) -> Response:
    return _respond(request, Problem(Code[error.fault.name], error.detail), error.headers)


def _respond(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    code = problem.code
    return problem_answer(
        request,
        family="bank",
        code=code.word,
        status=code.status,
        detail=problem.detail,
        facts=problem.facts,
        headers=headers,
    )
