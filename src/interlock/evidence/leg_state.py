"""Where each leg is, and how far the settlement has come, as far as a receipt shows.

Source: specification 4 (LEG-DONE, LEG-CLOSED) and 7 (I1, I2).
"""

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import AccountTerms, OnchainLeg, legs_of
from interlock.core.leg import CLOSED_BY_ABORT, DONE_BY_COMMIT, LegState
from interlock.core.limits import EVERY_LEG
from interlock.core.settlement import State
from interlock.encoding.values import Uint32, hex_of
from interlock.evidence.bank_receipt import BankEvent
from interlock.evidence.case import Case
from interlock.evidence.chain_event import Returned, read_event
from interlock.evidence.document import BankReceiptDocument, ChainEventDocument
from interlock.evidence.report import LegReport
from interlock.evidence.vote import Vote, Weight, bank_receipt_of

_BEFORE_AN_END = (
    (Fact.CONSENT, LegState.CONSENT),
    (Fact.LOST, LegState.LOST),
    (Fact.HELD, LegState.HELD),
    (Fact.REFUSED, LegState.REFUSED),
)
"""What an aborted leg is that is not shown returned, by the first fact that stands."""


def leg_reports(case: Case) -> tuple[LegReport, ...]:
    """Give what the receipt shows of every leg."""
    return tuple(_leg_report(case, leg) for leg in case.legs)


def state_of(case: Case, legs: tuple[LegReport, ...]) -> State:
    """Give how far the settlement has come, as far as the receipt shows."""
    if case.outcome is Outcome.COMMIT:
        return State.SETTLED if all(leg.state in DONE_BY_COMMIT for leg in legs) else State.COMMITTED
    return State.UNWOUND if all(leg.is_pivot or leg.state in CLOSED_BY_ABORT for leg in legs) else State.ABORTED


def _leg_report(case: Case, leg: int) -> LegReport:
    terms = legs_of(case.frame.terms)[leg]
    ledger = asset = amount = payer = payee = ""
    if isinstance(terms, OnchainLeg):
        ledger, asset, amount = terms.ledger, hex_of(terms.token), str(terms.amount)
        payer, payee = hex_of(terms.payer), hex_of(terms.payee)
    elif isinstance(clear := terms.terms, AccountTerms):
        ledger, asset, amount, payer, payee = clear.ledger, clear.asset, str(clear.amount), clear.payer, clear.payee
    is_pivot = leg in case.pivot_legs
    state = _pivot_state(case) if is_pivot else _leg_state(case, leg)
    return LegReport(Uint32(leg), ledger, asset, amount, payer, payee, is_pivot, state)


def _pivot_state(case: Case) -> LegState:
    """Give where the pivot's legs are: its one word moves them all. Without an order nothing is ever done with them."""
    if case.outcome is Outcome.COMMIT:
        return LegState.EXECUTED
    return LegState.NEVER if case.stands(EVERY_LEG, Fact.NEVER) else LegState.PENDING


def _leg_state(case: Case, leg: int) -> LegState:
    if case.outcome is Outcome.COMMIT:
        if case.stands(leg, Fact.DELIVERED):
            return LegState.DELIVERED
        return LegState.CONSENT if case.stands(leg, Fact.CONSENT) else LegState.ENTITLED
    if case.stands(leg, Fact.RETURNED):
        was_held = case.stands(leg, Fact.HELD) or any(
            _shows_return(case, vote) for vote in case.votes_for(leg, Fact.RETURNED)
        )
        return LegState.RETURNED if was_held else LegState.TOMBSTONED
    return next((state for fact, state in _BEFORE_AN_END if case.stands(leg, fact)), LegState.PENDING)


def _shows_return(case: Case, vote: Vote) -> bool:
    """Tell whether the document proves that value went back, so that there was a hold: a tombstone proves none."""
    if vote.weight is not Weight.PROVEN:
        return False
    if isinstance(vote.document, BankReceiptDocument):
        return bank_receipt_of(case.frame, vote.document).event is BankEvent.RELEASED
    shown = vote.document
    return isinstance(shown, ChainEventDocument) and isinstance(read_event(shown.topics, shown.data), Returned)
