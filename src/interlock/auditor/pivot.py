"""The pivot: one certified order, executed in one step or never.

Source: specification 7 (D1 to D6), 5 (one order per settlement), 4 (PIVOTING).
"""

from interlock.auditor.case import Case, LegState
from interlock.auditor.event import ABORT, OrderCertified
from interlock.auditor.judgement import enter, judge_commit, take_side
from interlock.auditor.ledger_event import OrderExecuted, OrderNever
from interlock.auditor.run import Run
from interlock.auditor.violation import Facts, Tag


def on_order_certified(run: Run, event: OrderCertified) -> None:
    """Judge an order: of the pivot, the only one, in time, on ground, and not after ABORT."""
    if not run.is_quorum(event.epoch, event.signers):
        return
    case = run.cases.get(event.settlement)
    if case is None:
        # Later committees sign orders again, also those of settlements that have ended.
        if event.settlement not in run.ended:
            run.docket.accuse(Tag.I2, event.settlement, "An order was certified on terms that nobody made", (), event)
        return
    if event.ledger != case.terms.pivot:
        facts: Facts = (("ledger", event.ledger), ("pivot", case.terms.pivot or "none"))
        run.docket.accuse(Tag.D2, case.id, "An order was certified for a ledger that is not the pivot", facts, event)
        return
    if case.order is not None:
        if event.last_valid != case.order.last_valid:
            facts = (("first", case.order.last_valid), ("then", event.last_valid))
            run.docket.accuse(Tag.I3, case.id, "Two orders were certified", facts, case.order, event)
        return
    if case.outcome == ABORT:
        run.docket.accuse(Tag.I3, case.id, "An order was certified after ABORT", (), case.decided, event)
    case.order = event
    _judge_time(run, case, event)
    judge_commit(run, case, event, is_executed=True)


def on_order_executed(run: Run, event: OrderExecuted) -> None:
    """Book and judge an execution: ordered, in time, not after NEVER, once, and on ground."""
    case = _case_of_pivot(run, event)
    if case is None:
        return
    order = case.order
    if order is None or order.last_valid != event.last_valid:
        certified = "no order" if order is None else order.last_valid
        facts: Facts = (("executed last_valid", event.last_valid), ("certified", certified))
        run.docket.accuse(Tag.D2, case.id, "What was executed was not ordered", facts, order, event)
    if run.clock(event.ledger, event.at) > event.last_valid:
        facts = (("at", run.clock(event.ledger, event.at)), ("last_valid", event.last_valid))
        run.docket.accuse(Tag.D3, case.id, "An order was executed after its last valid time", facts, order, event)
    if case.never is not None:
        run.docket.accuse(Tag.D4, case.id, "An order was executed after NEVER", (), case.never, event)
    judge_commit(run, case, event, is_executed=True)
    case.executed = event
    _execute_legs(run, case, event)
    take_side(run, case, event, is_given=True)
    run.forget_if_done(case)


def on_order_never(run: Run, event: OrderNever) -> None:
    """Judge a NEVER: it answers a certified order that was not executed."""
    # Where ABORT was all that could come, saying so again changes nothing.
    if run.ended.get(event.settlement) == ABORT:
        return
    case = _case_of_pivot(run, event)
    if case is None:
        return
    if case.order is None:
        run.docket.accuse(Tag.D4, case.id, "NEVER answered no certified order", (), case.terms, event)
    if case.executed is not None:
        run.docket.accuse(Tag.D4, case.id, "NEVER followed an execution", (), case.executed, event)
    case.never = case.never or event
    for _, leg in case.pivot_legs():
        if leg.state is LegState.PENDING:
            enter(case, leg, LegState.NEVER, event)
    take_side(run, case, event, is_given=False)
    run.forget_if_done(case)


def _case_of_pivot(run: Run, event: OrderExecuted | OrderNever) -> Case | None:
    case = run.cases.get(event.settlement)
    if case is None:
        run.accuse_caseless(event)
        return None
    if event.ledger != case.terms.pivot:
        facts: Facts = (("ledger", event.ledger), ("pivot", case.terms.pivot or "none"))
        run.docket.accuse(Tag.D2, case.id, "A ledger that is not the pivot spoke of an order", facts, case.terms, event)
        return None
    return case


def _judge_time(run: Run, case: Case, event: OrderCertified) -> None:
    terms = case.terms
    ordered_at = event.last_valid - terms.pivot_window
    if not terms.settle_from <= ordered_at <= terms.prepare_by:
        facts: Facts = (
            ("ordered at", ordered_at),
            ("settle_from", terms.settle_from),
            ("prepare_by", terms.prepare_by),
        )
        run.docket.accuse(Tag.RULE, case.id, "An order was made outside of its time", facts, terms, event)


def _execute_legs(run: Run, case: Case, event: OrderExecuted) -> None:
    """Book all legs of the pivot, and judge that each moves for the first time."""
    book = run.books[event.ledger]
    for index, leg in case.pivot_legs():
        book.move(run.docket, event, leg.terms.asset, leg.terms.amount, leg.terms.payer, leg.terms.payee)
        if leg.state is LegState.PENDING:
            enter(case, leg, LegState.EXECUTED, event)
        else:
            facts: Facts = (("leg", index), ("state", leg.state.name))
            run.docket.accuse(Tag.I4, case.id, "A leg was executed that had moved", facts, leg.last, event)
