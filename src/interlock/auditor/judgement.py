"""The judgements that several events call for: the ground of a COMMIT, the ground of an ABORT, and both or neither.

Source: specification 4 (decision rule) and 10 (I1, I2, I5, I6).
"""

from interlock.auditor.case import STANDING, Case, LegCase, LegState
from interlock.auditor.event import Event
from interlock.auditor.run import Run
from interlock.auditor.violation import Facts, Tag


def judge_commit(run: Run, case: Case, event: Event, *, is_executed: bool) -> None:
    """Accuse (I2) unless all have signed, every leg outside the pivot was held as signed, and the pivot has executed.

    A condition that is not met is accused as well (RULE). What comes before the pivot's execution, the order and the
    execution itself, passes `is_executed` as true.
    """
    if not case.is_ready and Tag.RULE not in case.accused:
        case.accused |= {Tag.RULE}
        name = type(event).__name__
        run.docket.accuse(Tag.RULE, case.id, f"{name} came before the condition was met", (), case.terms, event)
    if not case.unheld and not case.unsigned and (is_executed or not case.terms.pivot):
        return
    if Tag.I2 in case.accused:
        return
    case.accused |= {Tag.I2}
    legs = enumerate(case.legs)
    unheld = [index for index, leg in legs if leg.terms.ledger != case.terms.pivot and not is_as_signed(leg)]
    facts: Facts = (
        ("legs not held on the signed terms", unheld),
        ("signers missing", sorted(case.unsigned)),
        ("pivot", case.terms.pivot or "none"),
        ("pivot executed", is_executed),
    )
    holds = [leg.hold for leg in case.legs]
    run.docket.accuse(Tag.I2, case.id, f"{type(event).__name__} had no ground", facts, case.terms, *holds, event)


def judge_abort(run: Run, case: Case, event: Event) -> None:
    """Accuse (RULE) where an order is out and NEVER does not stand: nothing else may end it in ABORT."""
    if case.order is None or case.never is not None or Tag.RULE in case.accused:
        return
    case.accused |= {Tag.RULE}
    facts: Facts = (("order's last valid time", case.order.last_valid), ("pivot executed", case.executed is not None))
    events = (case.order, case.executed, event)
    run.docket.accuse(Tag.RULE, case.id, "ABORT came while an order was out without NEVER", facts, *events)


def judge_uncertified(run: Run, case: Case, event: Event, sentence: str, facts: Facts) -> None:
    """Accuse (I5) of a hold that ended without ground, and (I6) where that was before any decision."""
    run.docket.accuse(Tag.I5, case.id, sentence, facts, case.decided, event)
    if not case.outcome:
        run.docket.accuse(Tag.I6, case.id, "A hold did not stand until the decision", facts, event)


def enter(case: Case, leg: LegCase, state: LegState, event: Event) -> None:
    """Bring a leg into a state, and count what is open and standing."""
    was_standing, is_standing = leg.state in STANDING, state in STANDING
    if not is_standing and (was_standing or leg.state is LegState.PENDING):
        case.open_legs -= 1
    case.standing_legs += is_standing - was_standing
    leg.state, leg.last = state, event


def take_side(run: Run, case: Case, event: Event, *, is_given: bool) -> None:
    """Note that a leg went the way of COMMIT (given) or of ABORT; accuse (I1) where others went the other way."""
    if is_given:
        case.given = case.given or event
    else:
        case.taken = case.taken or event
    if case.given is None or case.taken is None or Tag.I1 in case.accused:
        return
    case.accused |= {Tag.I1}
    facts: Facts = (("legs", case.states()), ("decision", case.outcome or "none"))
    before = case.taken if is_given else case.given
    run.docket.accuse(Tag.I1, case.id, "One leg was given and another taken back", facts, before, event)


def is_as_signed(leg: LegCase) -> bool:
    """Tell whether a leg was held, and on the signed terms."""
    hold, terms = leg.hold, leg.terms
    return hold is not None and (hold.asset, hold.amount, hold.payer, hold.payee) == (
        terms.asset,
        terms.amount,
        terms.payer,
        terms.payee,
    )
