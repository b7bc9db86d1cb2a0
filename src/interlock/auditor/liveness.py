"""What must have ended when the run is over, and what is excused.

A hold has ended when the entitlement has passed, even if the value is still to be paid. Excused is only what the run
declared and did not take back: a halted or lost hold, a silent ledger, a frozen account, and every hold of a settlement
that waits for the answer of a silent pivot. Whose operator may do anything is as good as silent.

Source: specification 10 (I7), 1 and 4 (ended), 9.
"""

from interlock.auditor.case import Case, LegCase, LegState
from interlock.auditor.event import COMMIT, Finished
from interlock.auditor.run import Run
from interlock.auditor.violation import Facts, Tag


def on_finished(run: Run, event: Finished) -> None:
    """Close all books, and accuse (I7) of every hold that has not ended, if faults have stopped.

    Where more members lie than the protocol bears, nothing promises an end, and none is asked for.
    """
    run.finished = event
    for ledger, book in run.books.items():
        book.reconcile(run.docket, ledger, event)
    if run.faults_stopped is None or run.expects_detection:
        return
    for case in run.cases.values():
        stuck = [
            (index, leg)
            for index, leg in enumerate(case.legs)
            if leg.state is LegState.HELD and not _is_excused(run, case, leg)
        ]
        if stuck:
            facts: Facts = (
                ("not ended", [f"{index} on {leg.terms.ledger}" for index, leg in stuck]),
                ("legs", case.states()),
                ("decision", case.outcome or "none"),
            )
            holds = [leg.hold for _, leg in stuck]
            run.docket.accuse(Tag.I7, case.id, "A settlement did not end", facts, case.decided, *holds, event)


def _is_excused(run: Run, case: Case, leg: LegCase) -> bool:
    terms, ledger = case.terms, leg.terms.ledger
    unreliable = run.silent | run.byzantine
    if leg.is_halted or leg.is_lost or ledger in unreliable:
        return True
    if not case.outcome:
        return case.order is not None and terms.pivot in unreliable
    owed_to = leg.terms.payee if case.outcome == COMMIT else leg.terms.payer
    return (ledger, owed_to) in run.frozen
