"""How a hold ends: delivered, returned, redirected, released by consent; or never begins, by a tombstone.

Source: specification 6 (vault: settle, withdraw, redirect, release; bank: B1, B3, B7, B9), 10 (I1, I2, I4, I5).
"""

from interlock.auditor.case import Case, LegCase, LegState
from interlock.auditor.event import ABORT, COMMIT
from interlock.auditor.holds import judge_accepted, judge_standing
from interlock.auditor.judgement import enter, judge_commit, judge_uncertified, take_side
from interlock.auditor.ledger_event import HELD, Captured, ConsentReleased, Exit, Redirected, Released, Tombstoned
from interlock.auditor.run import Run
from interlock.auditor.violation import Facts, Tag

_TOMBSTONE_FOLLOWS = frozenset({LegState.PENDING, LegState.NEVER})
"""Nothing was held; a chain that is the pivot may be given the ABORT as well."""


def on_captured(run: Run, event: Captured) -> None:
    """Book and judge a delivery."""
    found = _leave(run, event)
    if found is not None:
        case, leg = found
        judge_accepted(run, case, event, COMMIT)
        _judge_receiver(run, case, event, leg.terms.payee)
        _end(run, case, leg, event, COMMIT)


def on_released(run: Run, event: Released) -> None:
    """Book and judge a return."""
    found = _leave(run, event)
    if found is not None:
        case, leg = found
        judge_accepted(run, case, event, ABORT)
        _judge_receiver(run, case, event, leg.terms.payer)
        _end(run, case, leg, event, ABORT)


def on_redirected(run: Run, event: Redirected) -> None:
    """Book and judge a payment to another account, by the will of whoever the accepted certificate entitles."""
    found = _leave(run, event)
    if found is None:
        return
    case, leg = found
    outcome = case.accepted.get(event.ledger) or (COMMIT if event.by == leg.terms.payee else ABORT)
    judge_accepted(run, case, event, outcome)
    entitled = leg.terms.payee if outcome == COMMIT else leg.terms.payer
    if event.by != entitled:
        facts: Facts = (("leg", event.leg), ("by", event.by), ("entitled", entitled))
        run.docket.accuse(Tag.I5, case.id, "A hold was redirected by somebody else", facts, case.decided, event)
    _end(run, case, leg, event, outcome)


def on_consent_released(run: Run, event: ConsentReleased) -> None:
    """Book and judge an end by consent: of payer and payee, both for this account; it takes no side."""
    found = _leave(run, event)
    if found is None:
        return
    case, leg = found
    if leg.state is LegState.ENTITLED:
        facts: Facts = (("leg", event.leg), ("state", leg.state.name))
        run.docket.accuse(Tag.I4, case.id, "A hold that had ended was released by consent", facts, leg.last, event)
    consenting = (case.consents or {}).get((event.leg, event.to), set())
    missing = {leg.terms.payer, leg.terms.payee} - consenting
    if missing:
        facts = (("leg", event.leg), ("to", event.to), ("consents missing", sorted(missing)))
        judge_uncertified(run, case, event, "A hold was released without consent", facts)
    enter(case, leg, LegState.CONSENT, event)
    run.forget_if_done(case)


def on_tombstoned(run: Run, event: Tombstoned) -> None:
    """Judge a tombstone: it needs a certified ABORT and a leg that has not moved."""
    # Where ABORT was all that could come, a late tombstone changes nothing.
    if run.ended.get(event.settlement) == ABORT:
        return
    found = run.leg_of(event)
    if found is None:
        return
    case, leg = found
    judge_accepted(run, case, event, ABORT)
    if leg.state not in _TOMBSTONE_FOLLOWS:
        facts: Facts = (("leg", event.leg), ("state", leg.state.name))
        run.docket.accuse(Tag.I4, case.id, "A tombstone was set on a leg that had moved", facts, leg.last, event)
        return
    enter(case, leg, LegState.TOMBSTONED, event)
    take_side(run, case, event, is_given=False)
    run.forget_if_done(case)


def _leave(run: Run, event: Exit) -> tuple[Case, LegCase] | None:
    """Book value out of `HELD`; give the leg if it stands, and judge that exactly what is held leaves (B9)."""
    run.books[event.ledger].move(run.docket, event, event.asset, event.amount, HELD, event.to)
    found = run.leg_of(event)
    if found is None or not judge_standing(run, *found, event):
        return None
    case, leg = found
    if leg.hold is None or event.amount != leg.left or event.asset != leg.hold.asset:
        held = "nothing" if leg.hold is None else f"{leg.left} {leg.hold.asset}"
        facts: Facts = (("leg", event.leg), ("held", held), ("left", f"{event.amount} {event.asset}"))
        run.docket.accuse(Tag.I4, case.id, "Another amount left a hold than was in it", facts, leg.hold, event)
    return found


def _judge_receiver(run: Run, case: Case, event: Captured | Released, entitled: str) -> None:
    if event.to == entitled:
        return
    if (event.ledger, event.to) in run.suspense and (event.ledger, entitled) in run.frozen:
        return
    facts: Facts = (("leg", event.leg), ("to", event.to), ("entitled", entitled))
    run.docket.accuse(Tag.I5, case.id, "A hold was paid to somebody else", facts, case.terms, event)


def _end(run: Run, case: Case, leg: LegCase, event: Exit, outcome: str) -> None:
    is_given = outcome == COMMIT
    enter(case, leg, LegState.DELIVERED if is_given else LegState.RETURNED, event)
    take_side(run, case, event, is_given=is_given)
    if is_given:
        judge_commit(run, case, event, is_executed=case.executed is not None)
    run.forget_if_done(case)
