"""What parties make and sign.

Source: specification 3 and 6 (release).
"""

import heapq

from interlock.auditor.case import Case
from interlock.auditor.event import ConditionMet, HoldRequested, Instructed, ReleaseSigned, Signed
from interlock.auditor.run import Run
from interlock.auditor.violation import Tag


def on_instructed(run: Run, event: Instructed) -> None:
    """Open a case; the id binds the terms, so the same id with other terms is an accusation."""
    if event.settlement in run.ended:
        return
    known = run.cases.get(event.settlement)
    if known is None:
        run.cases[event.settlement] = Case(event)
        heapq.heappush(run.deadlines, (event.prepare_by, event.settlement))
    elif known.terms != event:
        run.docket.accuse(Tag.I2, event.settlement, "One id was given two terms", (), known.terms, event)


def on_signed(run: Run, event: Signed) -> None:
    """Note a signature; those of others than required signers mean nothing."""
    case = run.cases.get(event.settlement)
    if case is not None:
        case.unsigned.discard(event.signer)


def on_hold_requested(run: Run, event: HoldRequested) -> None:
    """Note that a hold may be made without a signature."""
    case = run.cases.get(event.settlement)
    if case is not None and 0 <= event.leg < len(case.legs):
        case.legs[event.leg].is_requested = True


def on_condition_met(run: Run, event: ConditionMet) -> None:
    """Note that nothing stands in the way of a COMMIT but holds and signatures."""
    case = run.cases.get(event.settlement)
    if case is not None:
        case.is_ready = True


def on_release_signed(run: Run, event: ReleaseSigned) -> None:
    """Note a consent to end one hold in favour of an account."""
    case = run.cases.get(event.settlement)
    if case is not None:
        if case.consents is None:
            case.consents = {}
        case.consents.setdefault((event.leg, event.to), set()).add(event.account)
