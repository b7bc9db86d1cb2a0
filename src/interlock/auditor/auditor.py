"""The auditor: fed with events one by one, asked for its verdict at any time.

    auditor = Auditor()
    for event in events:
        auditor.feed(event)
    assert not auditor.verdict()

Each event is judged when it comes, in constant time but for what it concerns (a step's balances, a settlement's legs).
What has ended is forgotten but for its outcome, so that a long run is judged in little memory.
"""

from collections.abc import Callable
from typing import Any

from interlock.auditor import decisions, declared, exits, holds, liveness, nodes, parties, pivot
from interlock.auditor import event as told
from interlock.auditor import ledger_event as by_ledger
from interlock.auditor.run import Run
from interlock.auditor.violation import Tag, Violation, with_culprits


class AfterTheEndError(RuntimeError):
    """Something was told after `Finished`; the teller is at fault, terminal."""


class Auditor:
    """Independent books of one run.

    expects_detection: more than f members lie. Then a violation is no failure of the run if evidence was published
    that names at least one liar for it; and nothing needs to end.
    """

    def __init__(self, *, expects_detection: bool = False) -> None:
        self._run = Run(expects_detection=expects_detection)

    def feed(self, event: told.Event) -> None:
        """Judge the next event.

        Raises KeyError for what is not in the vocabulary, AfterTheEndError for what comes after `Finished`.
        """
        run = self._run
        if run.finished is not None:
            raise AfterTheEndError(f"{type(event).__name__} was told after Finished(at={run.finished.at})")
        run.docket.number += 1
        _JUDGES[type(event)](run, event)

    def verdict(self) -> list[Violation]:
        """Give what fails the run, in the order in which it showed; empty for a run that kept the promise.

        Before `Finished`: what was broken so far, without what has not ended yet.
        """
        found = [violation for violation in self._judged() if not violation.detected_by]
        docket = self._run.docket
        if docket.untold:
            facts = (("kept", len(docket.violations)), ("not kept", docket.untold))
            found.append(Violation(Tag.UNTOLD, b"", "More was broken than is kept", facts, (), docket.number))
        return found

    def detected(self) -> list[Violation]:
        """Give the violations for which evidence names a liar; none unless detection is expected."""
        return [violation for violation in self._judged() if violation.detected_by]

    @property
    def events_total(self) -> int:
        """Give the number of events fed."""
        return self._run.docket.number

    @property
    def open_total(self) -> int:
        """Give the number of settlements that are kept in full."""
        return len(self._run.cases)

    @property
    def ended_total(self) -> int:
        """Give the number of settlements of which only the outcome is kept."""
        return len(self._run.ended)

    def _judged(self) -> list[Violation]:
        run = self._run
        if not run.expects_detection:
            return run.docket.violations
        everywhere = run.evidence.get(told.ANY, frozenset())
        everyone = everywhere.union(*run.evidence.values())
        judged = []
        for violation in run.docket.violations:
            if violation.tag is Tag.FRAMED:
                culprits = frozenset[str]()
            elif violation.settlement:
                culprits = everywhere | run.evidence.get(violation.settlement, frozenset())
            else:
                culprits = everyone
            judged.append(with_culprits(violation, culprits))
        return judged


def _on_opened(run: Run, event: by_ledger.Opened) -> None:
    run.books[event.ledger].open(run.docket, event)


def _on_suspense_opened(run: Run, event: by_ledger.SuspenseOpened) -> None:
    run.suspense.add((event.ledger, event.account))


def _on_transferred(run: Run, event: by_ledger.Transferred) -> None:
    run.books[event.ledger].move(run.docket, event, event.asset, event.amount, event.source, event.to)


def _on_balance_changed(run: Run, event: by_ledger.BalanceChanged) -> None:
    run.books[event.ledger].book(event)


def _on_balance_stated(run: Run, event: by_ledger.BalanceStated) -> None:
    run.books[event.ledger].compare(run.docket, event)


def _on_faults_stopped(run: Run, event: told.FaultsStopped) -> None:
    run.faults_stopped = event


_JUDGES: dict[type[object], Callable[[Run, Any], None]] = {
    told.Instructed: parties.on_instructed,
    told.Signed: parties.on_signed,
    told.HoldRequested: parties.on_hold_requested,
    told.ConditionMet: parties.on_condition_met,
    told.ReleaseSigned: parties.on_release_signed,
    by_ledger.Opened: _on_opened,
    by_ledger.SuspenseOpened: _on_suspense_opened,
    by_ledger.Transferred: _on_transferred,
    by_ledger.BalanceChanged: _on_balance_changed,
    by_ledger.BooksClosed: Run.close_books,
    by_ledger.BalanceStated: _on_balance_stated,
    by_ledger.HoldMade: holds.on_hold_made,
    by_ledger.CertificateAccepted: decisions.on_certificate_accepted,
    by_ledger.Entitled: holds.on_entitled,
    by_ledger.Captured: exits.on_captured,
    by_ledger.Released: exits.on_released,
    by_ledger.Redirected: exits.on_redirected,
    by_ledger.ConsentReleased: exits.on_consent_released,
    by_ledger.Tombstoned: exits.on_tombstoned,
    by_ledger.HoldLost: holds.on_hold_lost,
    by_ledger.HoldHalted: holds.on_hold_halted,
    by_ledger.HoldResumed: holds.on_hold_resumed,
    by_ledger.OrderExecuted: pivot.on_order_executed,
    by_ledger.OrderNever: pivot.on_order_never,
    told.EpochBegan: decisions.on_epoch_began,
    told.EpochClosed: decisions.on_epoch_closed,
    told.NodeDecided: decisions.on_node_decided,
    told.CertificateFormed: decisions.on_certificate_formed,
    told.OrderCertified: pivot.on_order_certified,
    told.StateHash: nodes.on_state_hash,
    told.EvidencePublished: nodes.on_evidence_published,
    told.ByzantineDeclared: declared.on_byzantine_declared,
    told.LogForkDeclared: declared.on_log_fork_declared,
    told.LossDeclared: declared.on_loss_declared,
    told.AccountFrozen: declared.on_account_frozen,
    told.AccountThawed: declared.on_account_thawed,
    told.LedgerSilenced: declared.on_ledger_silenced,
    told.LedgerHeard: declared.on_ledger_heard,
    told.FaultsStopped: _on_faults_stopped,
    told.Finished: liveness.on_finished,
}
"""The judge of each event; every class of the vocabulary has one."""
