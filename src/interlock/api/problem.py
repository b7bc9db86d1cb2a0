"""Rejections and operating errors as RFC 9457 problem documents.

A rejection keeps its name (`code`), number and sentence, the same as in the core, the receipts and the documents.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from interlock.core.instruction import SettlementId
from interlock.core.rejection import Reason, Rejection
from interlock.encoding.values import hex_of
from interlock.service.door import Unserved, problem_answer

_STATUS = {
    Reason.MALFORMED: 400,
    Reason.TOO_LARGE: 413,
    Reason.SIGNATURE_INVALID: 403,
    Reason.SIGNER_NOT_REQUIRED: 403,
    Reason.SETTLEMENT_UNKNOWN: 404,
}
_CONFLICT_STATUS = 409


class Problem(Exception):
    """Answer with a problem document."""

    def __init__(
        self,
        code: str,
        status: int,
        detail: str,
        number: int | None = None,
        settlement: SettlementId | None = None,
    ) -> None:
        """Take the stable word that clients match on, a sentence that says what to do, and a rejection's number."""
        super().__init__(detail)
        self.code = code
        self.status = status
        self.detail = detail
        self.number = number
        self.settlement = settlement


def of_rejection(rejection: Rejection) -> Problem:
    """Give a rejection's problem: 400, 403, 404, 413 by kind, else 409.

    An instruction that can never be admitted is recorded as ABORTED: that is an answer, not a problem.
    """
    reason = rejection.reason
    detail = f"{reason.sentence} {rejection.detail}".rstrip()
    return Problem(reason.name, _STATUS.get(reason, _CONFLICT_STATUS), detail, int(reason), rejection.settlement)


def of_unserved(error: Unserved) -> Problem:
    """Give the problem of a fault at the door; what is a rejection in the core is the same one here."""
    reason = Reason.__members__.get(error.fault.name)
    if reason is not None:
        return of_rejection(Rejection(reason, None, error.detail))
    return Problem(error.fault.name, error.fault.value, error.detail)


def respond(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Give the HTTP answer, with headers of its own where it needs some."""
    facts: dict[str, object] = {}
    if problem.number is not None:
        facts["number"] = problem.number
    if problem.settlement is not None:
        facts["settlement"] = hex_of(problem.settlement)
    return problem_answer(
        request,
        family="node",
        code=problem.code,
        status=problem.status,
        detail=problem.detail,
        facts=facts,
        headers=headers,
    )
