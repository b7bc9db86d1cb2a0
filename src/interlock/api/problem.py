"""Rejections and operating errors as RFC 9457 problem documents.

A rejection keeps its name (`code`), number and sentence, the same as in the core, the receipts and the documents.
"""

from dataclasses import dataclass

from starlette.responses import Response

from interlock.core.instruction import SettlementId
from interlock.core.rejection import Reason, Rejection
from interlock.encoding.canonical import dumps
from interlock.encoding.values import hex_of

MEDIA_TYPE = "application/problem+json"

_STATUS = {
    Reason.MALFORMED: 400,
    Reason.TOO_LARGE: 413,
    Reason.SIGNATURE_INVALID: 403,
    Reason.SIGNER_NOT_REQUIRED: 403,
    Reason.SETTLEMENT_UNKNOWN: 404,
}
_UNALTERABLE_STATUS = 422
_CONFLICT_STATUS = 409


@dataclass(frozen=True)
class Problem(Exception):  # no slots: an exception's traceback is set after it is made
    """Answer with a problem document."""

    code: str
    """Stable word that clients match on."""
    status: int
    detail: str
    """What happened, to which id, the values compared, and what to do next."""
    number: int | None = None
    """The rejection's number, where it is one."""
    settlement: SettlementId | None = None


def of_rejection(rejection: Rejection) -> Problem:
    """Give a rejection's problem: 400, 403, 404, 413 by kind, 422 where it can never change, else 409."""
    reason = rejection.reason
    status = _STATUS.get(reason, _UNALTERABLE_STATUS if reason.is_unalterable else _CONFLICT_STATUS)
    detail = f"{reason.sentence} {rejection.detail}".rstrip()
    return Problem(reason.name, status, detail, int(reason), rejection.settlement)


def respond(problem: Problem, instance: str) -> Response:
    """Give the HTTP answer."""
    document = {
        "type": f"urn:interlock:node:{problem.code.lower()}",
        "title": problem.code.replace("_", " ").capitalize(),
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "instance": instance,
    }
    if problem.number is not None:
        document["number"] = problem.number
    if problem.settlement is not None:
        document["settlement"] = hex_of(problem.settlement)
    return Response(dumps(document), problem.status, media_type=MEDIA_TYPE)
