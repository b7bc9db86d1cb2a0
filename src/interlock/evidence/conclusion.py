"""What a receipt's evidence amounts to: what the decision rests on, and where each leg is.

The certificate alone proves the decision. The attestations must not be at odds with it: COMMIT needs every leg HELD by
a quorum; for ABORT the cause is derived where the receipt shows one. Every fact that is leaned on needs, besides its
quorum, at least f + 1 attestations that their documents bear out: one of these is an honest member's.

Source: specification 4 (decision rule), 10 (I1, I2).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from interlock.core.admission import Context, unalterable_fault
from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import AccountTerms, LegIndex, OnchainLeg, ledger_of, legs_of, required_signers
from interlock.core.leg import CLOSED_BY_ABORT, LegState
from interlock.core.registry import LedgerClass
from interlock.core.settlement import State
from interlock.encoding.canonical import Malformed
from interlock.encoding.values import Uint32, Uint64, hex_of
from interlock.evidence.bank_receipt import BankEvent, BankReceipt
from interlock.evidence.chain_event import Returned, read_event
from interlock.evidence.document import BankReceiptDocument, ChainEventDocument
from interlock.evidence.receipt import Receipt
from interlock.evidence.report import Check, LegReport
from interlock.evidence.vote import Frame, Vote, Weight, bank_receipt_of, by_fact

_CAUSES = (Fact.REFUSED, Fact.LOST, Fact.CONSENT)
"""Facts for which a settlement is aborted, in the order of the decision rule."""
_AGAINST = {
    Outcome.COMMIT: frozenset({BankEvent.RELEASED, BankEvent.TOMBSTONED}),
    Outcome.ABORT: frozenset({BankEvent.CAPTURED}),
}
"""What no bank may have done after each decision."""
END = {Outcome.COMMIT: Fact.DELIVERED, Outcome.ABORT: Fact.RETURNED}
"""The end that certificates bring about."""


@dataclass(frozen=True, slots=True)
class Case:
    """A receipt whose form has been checked, with its evidence weighed."""

    receipt: Receipt
    frame: Frame
    votes: tuple[Vote, ...]

    @property
    def outcome(self) -> Outcome:
        """Give the certified outcome."""
        return self.receipt.certificate.decision.outcome

    @property
    def legs(self) -> range:
        """Give the indices of the legs."""
        return range(len(legs_of(self.frame.terms)))

    @property
    def support_min(self) -> int:
        """Give f + 1: among so many members one is honest."""
        return self.frame.committee.faulty_max + 1

    def votes_for(self, leg: int, fact: Fact) -> tuple[Vote, ...]:
        """Give the votes for one fact of one leg, at most one of each member."""
        return by_fact(self.votes, leg, fact)

    def stands(self, leg: int, fact: Fact) -> bool:
        """Tell whether a quorum attested the fact."""
        return len(self.votes_for(leg, fact)) >= self.frame.committee.quorum

    def fact_fault(self, leg: int, fact: Fact) -> str | None:
        """Say why a fact cannot be leaned on, or None: a quorum attests it, and f + 1 of their documents fit."""
        votes = self.votes_for(leg, fact)
        if len(votes) < self.frame.committee.quorum:
            return (
                f"Leg {leg} was attested {fact.name} by {self.of_members(len(votes))}; "
                f"{self.frame.committee.quorum} are needed."
            )
        fitting = sum(vote.weight.is_support for vote in votes)
        if fitting >= self.support_min:
            return None
        wrong = next(vote for vote in votes if not vote.weight.is_support)
        return (
            f"Leg {leg} was attested {fact.name} by {self.of_members(len(votes))}, but the documents of only {fitting} "
            f"bear it out; {self.support_min} are needed. Member {wrong.member}: {wrong.sentence}."
        )

    def of_members(self, number: int) -> str:
        """Give a number of members as words."""
        return f"{number} of {len(self.frame.committee.members)} members"

    def bank_receipts(self) -> Iterator[BankReceipt]:
        """Give every receipt that a registered bank really signed about this settlement, whoever named it for what."""
        for document in self.receipt.documents:
            if isinstance(document, BankReceiptDocument):
                try:
                    receipt = bank_receipt_of(self.frame, document)
                except Malformed:
                    continue
                if receipt.settlement == self.receipt.settlement:
                    yield receipt


def conclusion_checks(case: Case) -> Iterator[Check]:
    """Check what the decision rests on, how far it was carried out, and that no ledger went the other way."""
    if case.outcome is Outcome.COMMIT:
        fault = _commit_fault(case)
        quorum, support = case.frame.committee.quorum, case.support_min
        rests = (
            f"COMMIT rests on every leg HELD: each by at least {quorum} members, "
            f"at least {support} of them with a document that bears it out."
        )
    else:
        fault = _abort_fault(case)
        rests = " ".join(["ABORT was decided.", *abort_causes(case)])
    yield Check("outcome", fault is None, fault or rests)
    end = END[case.outcome]
    ended = [leg for leg in case.legs if case.stands(leg, end)]
    fault = next((found for leg in ended if (found := case.fact_fault(leg, end))), None)
    reached = f"{len(ended)} of {len(case.legs)} legs were attested {end.name}, as firmly."
    if not ended:
        reached = f"No leg was attested {end.name} by a quorum yet."
    yield Check("completion", fault is None, fault or reached)
    fault = _agreement_fault(case)
    other = END[Outcome.ABORT if case.outcome is Outcome.COMMIT else Outcome.COMMIT]
    yield Check("agreement", fault is None, fault or f"No member said and no bank signed that a leg was {other.name}.")


def abort_causes(case: Case) -> list[str]:
    """Say, in the order of the decision rule, what the receipt shows for an ABORT."""
    causes = []
    inadmissible = unalterable_fault(case.frame.terms, _timeless_context(case))
    if inadmissible is not None:
        causes.append(f"The terms could never be admitted ({inadmissible[0].name}): {inadmissible[0].sentence}")
    for fact in _CAUSES:
        for leg in case.legs:
            if case.stands(leg, fact):
                by = case.of_members(len(case.votes_for(leg, fact)))
                causes.append(f"Leg {leg} was attested {fact.name} by {by}{_own_reason(case, leg, fact)}.")
    cancels, required = len(case.receipt.cancels), len(required_signers(case.frame.terms))
    if cancels == required and cancels:
        causes.append(f"All {required} required signers cancelled.")
    elif cancels:
        causes.append(f"{cancels} of {required} required signers cancelled, which is enough before all have signed.")
    if not causes:
        causes.append(
            "Its cause, the deadline or the log's admission, leaves no trace in a receipt: "
            "it rests on the certificate alone."
        )
    return causes


def leg_reports(case: Case) -> tuple[LegReport, ...]:
    """Give what the receipt shows of every leg."""
    return tuple(_leg_report(case, leg) for leg in case.legs)


def state_of(case: Case, legs: tuple[LegReport, ...]) -> State:
    """Give how far the settlement has come, as far as the receipt shows."""
    if case.outcome is Outcome.COMMIT:
        return State.SETTLED if all(leg.state is LegState.DELIVERED for leg in legs) else State.COMMITTED
    return State.UNWOUND if all(leg.state in CLOSED_BY_ABORT for leg in legs) else State.ABORTED


def _commit_fault(case: Case) -> str | None:
    inadmissible = unalterable_fault(case.frame.terms, _timeless_context(case))
    if inadmissible is not None:
        return f"No log can commit these terms ({inadmissible[0].name}): {inadmissible[1]}"
    for leg, terms in enumerate(legs_of(case.frame.terms)):
        name = ledger_of(terms)
        entry = None if name is None else case.frame.registry.ledger(name)
        wanted = LedgerClass.VAULT if isinstance(terms, OnchainLeg) else LedgerClass.HELD
        if name is not None and (entry is None or entry.ledger_class is not wanted):
            return f"Leg {leg} is on {name!r}, which the registry does not have as a ledger of class {wanted.name}."
        if fault := case.fact_fault(leg, Fact.HELD):
            return fault
    return None


def _abort_fault(case: Case) -> str | None:
    leaned_on = ((leg, fact) for fact in _CAUSES for leg in case.legs if case.stands(leg, fact))
    return next((fault for leg, fact in leaned_on if (fault := case.fact_fault(leg, fact))), None)


def _agreement_fault(case: Case) -> str | None:
    against = _AGAINST[case.outcome]
    for receipt in case.bank_receipts():
        if receipt.event in against:
            return (
                f"{receipt.ledger!r} signed that it {receipt.event.name} leg {receipt.leg} (its receipt "
                f"{receipt.number}), against the certificate's {case.outcome.name}: the ledgers are in disagreement."
            )
    return None


def _timeless_context(case: Case) -> Context:
    """Give a context in which no reason of time applies: a receipt does not show at which moment it was admitted."""
    frame = case.frame
    return Context(frame.network_id, frame.committee, frame.terms.prepare_by, frame.registry, Uint64(0), {}, {})


def _own_reason(case: Case, leg: int, fact: Fact) -> str:
    """Give the bank's own words for its refusal, where there are some."""
    if fact is not Fact.REFUSED:
        return ""
    reasons = {
        each.reason
        for each in case.bank_receipts()
        if each.leg == leg and each.event is BankEvent.REFUSED and each.reason
    }
    return f" (the bank's reason: {', '.join(sorted(reasons))})" if reasons else ""


def _leg_report(case: Case, leg: int) -> LegReport:
    index, terms, state = Uint32(leg), legs_of(case.frame.terms)[leg], _leg_state(case, LegIndex(Uint32(leg)))
    if isinstance(terms, OnchainLeg):
        return LegReport(
            index,
            terms.ledger,
            hex_of(terms.token),
            str(terms.amount),
            hex_of(terms.payer),
            hex_of(terms.payee),
            state,
        )
    clear = terms.terms
    if not isinstance(clear, AccountTerms):
        return LegReport(index, "", "", "", "", "", state)
    return LegReport(index, clear.ledger, clear.asset, str(clear.amount), clear.payer, clear.payee, state)


def _leg_state(case: Case, leg: LegIndex) -> LegState:
    if case.outcome is Outcome.COMMIT:
        return LegState.DELIVERED if case.stands(leg, Fact.DELIVERED) else LegState.ENTITLED
    if case.stands(leg, Fact.RETURNED):
        was_held = case.stands(leg, Fact.HELD) or any(
            _shows_return(case, vote) for vote in case.votes_for(leg, Fact.RETURNED)
        )
        return LegState.RETURNED if was_held else LegState.TOMBSTONED
    for fact, state in (
        (Fact.CONSENT, LegState.CONSENT),
        (Fact.LOST, LegState.LOST),
        (Fact.HELD, LegState.HELD),
        (Fact.REFUSED, LegState.REFUSED),
    ):
        if case.stands(leg, fact):
            return state
    return LegState.PENDING


def _shows_return(case: Case, vote: Vote) -> bool:
    """Tell whether the document proves that value went back, so that there was a hold: a tombstone proves none."""
    if vote.weight is not Weight.PROVEN:
        return False
    match vote.document:
        case BankReceiptDocument():
            return bank_receipt_of(case.frame, vote.document).event is BankEvent.RELEASED
        case ChainEventDocument():
            return isinstance(read_event(vote.document.topics, vote.document.data), Returned)
        case _:
            return False
