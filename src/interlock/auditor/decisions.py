"""Who decides what: committees, decisions of nodes, certificates, and what ledgers accept.

Source: specification 4 (decision rule), 5 (certificates and epochs), 10 (I3, I5).
"""

from interlock.auditor.case import Case
from interlock.auditor.event import COMMIT, CertificateFormed, EpochBegan, EpochClosed, NodeDecided
from interlock.auditor.judgement import judge_abort, judge_commit
from interlock.auditor.ledger_event import CertificateAccepted
from interlock.auditor.run import Committee, Run
from interlock.auditor.violation import Facts, Tag


def on_epoch_began(run: Run, event: EpochBegan) -> None:
    """Take a committee into office; an epoch has one."""
    committee = Committee(frozenset(event.members))
    known = run.committees.setdefault(event.epoch, committee)
    if known != committee:
        facts: Facts = (("first", sorted(known.members)), ("then", sorted(committee.members)))
        run.docket.accuse(Tag.I3, b"", "An epoch had two committees", facts, event)


def on_epoch_closed(run: Run, event: EpochClosed) -> None:
    """Count the signatures of its members no longer; the committee of that epoch stays the only one."""
    run.closed.add(event.epoch)


def on_node_decided(run: Run, event: NodeDecided) -> None:
    """Judge the decision of a node that nobody declared a liar."""
    if event.node in run.byzantine:
        return
    case = run.cases.get(event.settlement)
    # On a forked log a node's decision is its own: it must have its ground, but binds nobody before a quorum signed.
    if case is None:
        if not run.is_forked:
            run.decide_caseless(event)
        return
    if event.outcome == COMMIT:
        _judge_time(run, case, event)
        judge_commit(run, case, event, is_executed=case.executed is not None)
    elif not run.is_forked:
        judge_abort(run, case, event)
    if not run.is_forked:
        run.decide(case, event)
        run.forget_if_done(case)


def on_certificate_formed(run: Run, event: CertificateFormed) -> None:
    """Judge a certificate, if so many signed it that it is one."""
    if not run.is_quorum(event.epoch, event.signers):
        return
    case = run.cases.get(event.settlement)
    if case is None:
        run.decide_caseless(event)
        return
    for known in case.certificates:
        if known.outcome == event.outcome and known.epoch == event.epoch:
            return
    other = next((known for known in case.certificates if known.outcome != event.outcome), None)
    case.certificates.append(event)
    if other is None:
        run.decide(case, event)
    else:
        both = set(other.signers).intersection(event.signers)
        facts: Facts = (
            ("first", f"{other.outcome} of epoch {other.epoch}"),
            ("then", f"{event.outcome} of epoch {event.epoch}"),
            ("signed both", sorted(both)),
            ("honest among them", sorted(both - run.byzantine)),
        )
        run.docket.accuse(Tag.I3, case.id, "Two certificates conflict", facts, other, event)
    if event.outcome == COMMIT:
        judge_commit(run, case, event, is_executed=case.executed is not None)
    else:
        judge_abort(run, case, event)
    run.forget_if_done(case)


def on_certificate_accepted(run: Run, event: CertificateAccepted) -> None:
    """Judge what a ledger accepted: a certificate that exists, and never two outcomes."""
    case = run.cases.get(event.settlement)
    if case is None:
        if event.settlement in run.ended:
            run.decide_caseless(event)
        else:
            _accuse_forged(run, event)
        return
    if not any(known.outcome == event.outcome and known.epoch == event.epoch for known in case.certificates):
        _accuse_forged(run, event)
        return
    before = case.accepted.setdefault(event.ledger, event.outcome)
    if before != event.outcome:
        facts: Facts = (("ledger", event.ledger), ("first", before), ("then", event.outcome))
        run.docket.accuse(Tag.I3, case.id, "A ledger accepted two outcomes", facts, *case.certificates, event)


def _judge_time(run: Run, case: Case, event: NodeDecided) -> None:
    terms = case.terms
    # With a pivot it is the order that has its time, and COMMIT comes whenever EXECUTED does.
    if terms.pivot or terms.settle_from <= event.at <= terms.prepare_by or Tag.RULE in case.accused:
        return
    case.accused |= {Tag.RULE}
    facts: Facts = (("at", event.at), ("settle_from", terms.settle_from), ("prepare_by", terms.prepare_by))
    run.docket.accuse(Tag.RULE, case.id, "COMMIT came outside of its time", facts, terms, event)


def _accuse_forged(run: Run, event: CertificateAccepted) -> None:
    facts: Facts = (("ledger", event.ledger), ("outcome", event.outcome), ("epoch", event.epoch))
    run.docket.accuse(Tag.I5, event.settlement, "A ledger accepted a certificate that no quorum signed", facts, event)
