"""How a hold begins, and what may happen to it while it stands: loss, halt, the passing of the entitlement.

Source: specification 6 (B1, B7, B11, B13, B15), 10 (I2, I4 to I6).
"""

from interlock.auditor.case import STANDING, Case, LegCase, LegState
from interlock.auditor.event import COMMIT
from interlock.auditor.judgement import enter, is_as_signed, judge_commit, judge_uncertified, take_side
from interlock.auditor.ledger_event import (
    HELD,
    Entitled,
    Exit,
    HoldHalted,
    HoldLost,
    HoldMade,
    HoldResumed,
    Tombstoned,
)
from interlock.auditor.run import Run
from interlock.auditor.violation import Facts, Tag


def on_hold_made(run: Run, event: HoldMade) -> None:
    """Book the hold, and judge whether it may be: pivot, time, signature, terms, and that the leg has not moved."""
    run.books[event.ledger].move(run.docket, event, event.asset, event.amount, event.payer, HELD)
    found = run.leg_of(event)
    if found is None:
        return
    case, leg = found
    if leg.terms.ledger == case.terms.pivot:
        facts: Facts = (("ledger", event.ledger), ("pivot", case.terms.pivot))
        run.docket.accuse(Tag.B15, case.id, "The pivot held for its own pivot", facts, case.terms, event)
    at = run.clock(event.ledger, event.at)
    if at > case.terms.prepare_by:
        facts = (("at", at), ("prepare_by", case.terms.prepare_by))
        run.docket.accuse(Tag.B7, case.id, "A hold began after prepare_by", facts, case.terms, event)
    if leg.terms.signer in case.unsigned and not leg.is_requested:
        facts = (("leg", event.leg), ("signer", leg.terms.signer))
        run.docket.accuse(Tag.I2, case.id, "A hold was made without its payer's will", facts, case.terms, event)
    if leg.state is not LegState.PENDING:
        facts = (("leg", event.leg), ("state", leg.state.name))
        run.docket.accuse(Tag.I4, case.id, "A leg was held that had moved", facts, leg.last, event)
        return
    leg.hold, leg.left = event, event.amount
    _judge_terms(run, case, leg, event)
    enter(case, leg, LegState.HELD, event)


def on_entitled(run: Run, event: Entitled) -> None:
    """Judge the end of a hold whose value is paid later."""
    found = run.leg_of(event)
    if found is None:
        return
    case, leg = found
    if not judge_standing(run, case, leg, event):
        return
    judge_accepted(run, case, event, event.outcome)
    enter(case, leg, LegState.ENTITLED, event)
    is_given = event.outcome == COMMIT
    take_side(run, case, event, is_given=is_given)
    if is_given:
        judge_commit(run, case, event, is_executed=case.executed is not None)


def on_hold_lost(run: Run, event: HoldLost) -> None:
    """Book a loss, and judge whether the run declared that there may be one."""
    run.books[event.ledger].move(run.docket, event, event.asset, event.amount, HELD, event.to)
    found = run.leg_of(event)
    if found is None:
        return
    case, leg = found
    if not run.may_lose(event.ledger, event.settlement):
        facts: Facts = (("leg", event.leg), ("amount", event.amount), ("to", event.to))
        judge_uncertified(run, case, event, "A hold was lost, which nobody declared", facts)
    leg.is_lost = True
    if leg.state not in STANDING or leg.hold is None or event.asset != leg.hold.asset or event.amount > leg.left:
        facts = (("leg", event.leg), ("state", leg.state.name), ("lost", event.amount), ("held", leg.left))
        run.docket.accuse(Tag.I4, case.id, "More was lost than was held", facts, leg.last, event)
        return
    leg.left -= event.amount
    if not leg.left:
        enter(case, leg, LegState.LOST, event)
        run.forget_if_done(case)


def on_hold_halted(run: Run, event: HoldHalted) -> None:
    """Judge whether the run declared that there may be a halt."""
    found = run.leg_of(event)
    if found is None:
        return
    case, leg = found
    if not run.may_lose(event.ledger, event.settlement):
        facts: Facts = (("leg", event.leg), ("ledger", event.ledger))
        run.docket.accuse(Tag.I6, case.id, "A hold was halted, which nobody declared", facts, leg.hold, event)
    if leg.state not in STANDING:
        _accuse_not_standing(run, case, leg, event)
        return
    leg.is_halted = True


def on_hold_resumed(run: Run, event: HoldResumed) -> None:
    """Note the end of a halt."""
    found = run.leg_of(event)
    if found is not None:
        found[1].is_halted = False


def judge_standing(run: Run, case: Case, leg: LegCase, event: Exit | Entitled) -> bool:
    """Tell whether there is a hold to end; accuse where there is none (I4), or where it is halted (I5)."""
    # A hold whose entitlement has passed may still be paid, but not pass again.
    if leg.state is not LegState.HELD and (leg.state is not LegState.ENTITLED or isinstance(event, Entitled)):
        _accuse_not_standing(run, case, leg, event)
        return False
    if leg.is_halted:
        facts: Facts = (("leg", event.leg), ("ledger", event.ledger))
        run.docket.accuse(Tag.I5, case.id, "A halted hold was ended", facts, leg.hold, event)
    return True


def judge_accepted(run: Run, case: Case, event: Exit | Entitled | Tombstoned, outcome: str) -> None:
    """Accuse (I5, I6) unless the ledger has accepted a certificate of this outcome."""
    accepted = case.accepted.get(event.ledger)
    if accepted != outcome:
        facts: Facts = (("leg", event.leg), ("needs", outcome), ("accepted", accepted or "none"))
        judge_uncertified(run, case, event, f"{type(event).__name__} without an accepted certificate", facts)


def _judge_terms(run: Run, case: Case, leg: LegCase, event: HoldMade) -> None:
    if is_as_signed(leg):
        case.unheld -= leg.terms.ledger != case.terms.pivot
        return
    # A lying operator may record what it likes: then COMMIT has no ground, and is accused if it comes.
    if event.ledger not in run.byzantine:
        terms = leg.terms
        facts: Facts = (
            ("leg", event.leg),
            ("held", f"{event.amount} {event.asset} from {event.payer} to {event.payee}"),
            ("signed", f"{terms.amount} {terms.asset} from {terms.payer} to {terms.payee}"),
        )
        run.docket.accuse(Tag.I2, case.id, "A hold was made on other terms than signed", facts, case.terms, event)


def _accuse_not_standing(run: Run, case: Case, leg: LegCase, event: Exit | Entitled | HoldHalted) -> None:
    facts: Facts = (("leg", event.leg), ("state", leg.state.name), ("event", type(event).__name__))
    run.docket.accuse(Tag.I4, case.id, "A leg moved that was not held", facts, leg.last, event)
