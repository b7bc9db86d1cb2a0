"""The routes of a node's face.

    GET    /v1/status                                  the node, the log and what is wrong with either
    GET    /v1/genesis                                 the network's genesis document
    POST   /v1/instructions                            {instruction | redacted, signatures}
    GET    /v1/settlements?limit=N                     the open ones, then ended ones
    GET    /v1/settlements/{id}                        state, why, what next, who can act; a row per leg
    GET    /v1/settlements/{id}/history?after=N        the timeline, as the log tells it
    POST   /v1/settlements/{id}/signatures             {signatures}
    POST   /v1/settlements/{id}/cancel                 {redacted, signatures}
    GET    /v1/settlements/{id}/certificate            the decision's proof, for anybody to bring to a ledger
    GET    /v1/settlements/{id}/receipt                the evidence pack, for `interlock verify`

A party's consent is its signature, so there are no accounts here; what is not signed as needed is rejected.
Amounts and terms are shown to whoever can reach this port: bind it to a network where only operators and parties are.
"""

from dataclasses import dataclass
from typing import TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from interlock.api.problem import Problem, of_rejection, of_unserved, respond
from interlock.core.entry import Cancel, Instruct, PartyEntry, Sign
from interlock.core.instruction import Instruction, PartySignature, RedactedInstruction, SettlementId
from interlock.core.limits import ENTRY_BYTES_MAX
from interlock.core.rejection import Reason, Rejection
from interlock.core.settlement import Settlement
from interlock.encoding.canonical import Malformed, decode, dumps, encode, from_json
from interlock.encoding.values import Bytes32, hex_of
from interlock.ordering.protocol import LogUnavailable
from interlock.service.door import Fault, Unserved, handlers, read_body, read_number
from interlock.views.desk import Desk, NodeHalted, NotYetApplied
from interlock.views.settlement import settlement_view
from interlock.views.status import status_view

BODY_WITHIN_S = 10.0
"""How long a client may take to send its body."""
LIST_MAX = 200
"""Settlements in one answer."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InstructRequest:
    """The body of `POST /v1/instructions`; exactly one of the two forms of the terms."""

    instruction: Instruction | None
    redacted: RedactedInstruction | None
    signatures: tuple[PartySignature, ...]


@dataclass(frozen=True, slots=True)
class SignRequest:
    """The body of `POST /v1/settlements/{id}/signatures`."""

    signatures: tuple[PartySignature, ...]


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """The body of `POST /v1/settlements/{id}/cancel`; `redacted` where the log may not know the settlement."""

    redacted: RedactedInstruction | None
    signatures: tuple[PartySignature, ...]


class Face:
    """Translate between HTTP and one node."""

    def __init__(self, node: Desk, genesis: bytes) -> None:
        self._node = node
        self._genesis = genesis

    def routes(self) -> list[Route]:
        """Give the routes of the table above."""
        one = "/v1/settlements/{settlement}"
        return [
            Route("/v1/status", self.status),
            Route("/v1/genesis", self.genesis),
            Route("/v1/instructions", self.instruct, methods=["POST"]),
            Route("/v1/settlements", self.settlements),
            Route(one, self.settlement),
            Route(f"{one}/history", self.history),
            Route(f"{one}/signatures", self.sign, methods=["POST"]),
            Route(f"{one}/cancel", self.cancel, methods=["POST"]),
            Route(f"{one}/certificate", self.certificate),
            Route(f"{one}/receipt", self.receipt),
        ]

    async def status(self, _request: Request) -> Response:
        """Say how the node is."""
        return _json(status_view(self._node))

    async def genesis(self, _request: Request) -> Response:
        """Give the genesis document; a verifier gets its own copy elsewhere."""
        return Response(self._genesis, media_type="application/json")

    async def instruct(self, request: Request) -> Response:
        """Bring terms and signatures."""
        body = await _body(request, InstructRequest)
        if (body.instruction is None) == (body.redacted is None):
            raise Unserved(Fault.MALFORMED, "Give `instruction` or `redacted`, and null for the other.")
        return await self._submit(Instruct(body.instruction, body.redacted, body.signatures))

    async def sign(self, request: Request) -> Response:
        """Add signatures."""
        body = await _body(request, SignRequest)
        return await self._submit(Sign(_id_of(request), body.signatures))

    async def cancel(self, request: Request) -> Response:
        """Withdraw consent."""
        body = await _body(request, CancelRequest)
        return await self._submit(Cancel(_id_of(request), body.redacted, body.signatures))

    async def settlements(self, request: Request) -> Response:
        """List settlements."""
        limit = _number(request, "limit", LIST_MAX)
        return _json([self._view(each) for each in self._node.recent(min(limit, LIST_MAX))])

    async def settlement(self, request: Request) -> Response:
        """Show one settlement."""
        return _json(self._view(self._known(request)))

    async def history(self, request: Request) -> Response:
        """Tell a settlement's timeline."""
        return _json(self._node.history(self._known(request).id, after=_number(request, "after", -1)))

    async def certificate(self, request: Request) -> Response:
        """Give the certificate."""
        known = self._known(request)
        if known.certificate is None:
            raise _not_certified(known)
        return Response(encode(known.certificate), media_type="application/json")

    async def receipt(self, request: Request) -> Response:
        """Give the receipt."""
        known = self._known(request)
        receipt = self._node.receipt(known)
        if receipt is None:
            raise _not_certified(known)
        return Response(encode(receipt), media_type="application/json")

    async def _submit(self, entry: PartyEntry) -> Response:
        """Bring an entry to the log; what is known already is answered like what is new, for clients that retry."""
        try:
            id_, rejection = await self._node.submit(entry)
        except NodeHalted as error:
            raise Problem("NODE_HALTED", 503, f"{error} Ask another node.") from None
        except NotYetApplied as error:
            raise Problem(
                "NOT_YET_APPLIED", 504, f"{error} Look again by its id; sending it twice is harmless."
            ) from None
        except LogUnavailable as error:
            raise Problem(
                "LOG_UNAVAILABLE", 503, f"{error} Whether it took the entry is unknown; sending it twice is harmless."
            ) from None
        if rejection is not None and not _is_known(entry, rejection.reason):
            raise of_rejection(rejection)
        known = None if id_ is None else self._node.settlement(id_)
        if known is None:
            raise Problem("NOT_YET_APPLIED", 504, "It is not applied here yet. Look again by its id.", None, id_)
        return _json(self._view(known))

    def _known(self, request: Request) -> Settlement:
        id_ = _id_of(request)
        known = self._node.settlement(id_)
        if known is None:
            raise of_rejection(Rejection(Reason.SETTLEMENT_UNKNOWN, id_, "Bring its instruction first."))
        return known

    def _view(self, settlement: Settlement) -> dict[str, object]:
        node = self._node
        return settlement_view(
            settlement,
            node.replica.committee,
            troubles=node.troubles(settlement),
            tallies=node.tallies(settlement),
            signers=node.signers(settlement),
        )


def _is_known(entry: PartyEntry, reason: Reason) -> bool:
    """Tell whether an entry was only unnecessary. What has ended needs no consent; a cancel wants what cannot be."""
    if reason is Reason.ALREADY_DECIDED:
        return not isinstance(entry, Cancel)
    return reason is Reason.NOTHING_NEW


def create_app(node: Desk, genesis: bytes) -> Starlette:
    """Give the ASGI application of a node; `genesis` is the document as it stands on disk."""
    return Starlette(
        routes=Face(node, genesis).routes(),
        exception_handlers={**handlers(_on_unserved), Problem: _on_problem},
    )


async def _body(request: Request, kind: type[T]) -> T:
    data = await read_body(request, bytes_max=ENTRY_BYTES_MAX, within_s=BODY_WITHIN_S)
    try:
        return decode(kind, data)
    except Malformed as error:
        raise Unserved(Fault.MALFORMED, f"{error}.") from None


def _id_of(request: Request) -> SettlementId:
    try:
        return SettlementId(from_json(Bytes32, request.path_params["settlement"], "settlement"))
    except Malformed as error:
        raise Unserved(Fault.MALFORMED, f"{error}.") from None


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    return default if text is None else read_number(text, name)


def _json(document: object) -> Response:
    return Response(dumps(document), media_type="application/json")


def _not_certified(known: Settlement) -> Problem:
    return Problem(
        "NOT_CERTIFIED",
        409,
        f"{hex_of(known.id)} is {known.state.name}; ask again once it is certified.",
        None,
        known.id,
    )


async def _on_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return respond(request, error)


def _on_unserved(request: Request, error: Unserved) -> Response:
    return respond(request, of_unserved(error), error.headers)
