"""The bank's settlement book: every request is one transaction, with its receipt signed inside.

Methods run one at a time (the door sees to that); what they give was on the disk before it is answered, so a request
whose answer was lost can be made again, by its own id, and finds what the first one did.
"""

import logging
from collections.abc import Callable

from interlock.bankd.book import (
    Booking,
    Conflict,
    LegRecord,
    NeverHeld,
    Verdict,
    book_certificate,
    book_hold,
)
from interlock.bankd.order import HoldOrder, HoldRequest, authentic_order
from interlock.bankd.problem import Code, Problem
from interlock.bankd.receipts import ReceiptKey
from interlock.bankd.store import Store
from interlock.bankd.view import About, HoldState, HoldView, ReceiptPage
from interlock.core.committee import Genesis, first_committee
from interlock.core.decision import Certificate
from interlock.core.instruction import LegIndex, SettlementId, hash_account_terms
from interlock.encoding.values import (
    ZERO_BYTES32,
    MinorUnits,
    Uint64,
    Uint256,
    UnixSeconds,
    hex_of,
)
from interlock.evidence.bank_receipt import BankReceipt, receipt_hash
from interlock.evidence.certificate import certificate_fault

RECEIPTS_PAGE_MAX = 500
"""Receipts in one answer: about half a megabyte."""

logger = logging.getLogger(__name__)


class Bank:
    """One bank's holds, and what ends them."""

    def __init__(
        self,
        store: Store,
        *,
        ledger: str,
        genesis: Genesis,
        assets: tuple[str, ...],
        key: ReceiptKey,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._network_id = genesis.network_id
        self._committee = first_committee(genesis)
        self._assets = assets
        self._key = key
        self._clock = clock

    def about(self) -> About:
        """Say who the bank is and what time it has; the time told is kept, so that it never goes back."""
        with self._store.transaction():
            now = self._now()
        return About(self._ledger, "held", self._network_id, self._key.public_jwk, now, self._assets)

    def authenticate(self, settlement: SettlementId, leg: LegIndex, request: HoldRequest) -> HoldOrder:
        """Give the order behind a request, without the books; Problem as in `authentic_order`."""
        return authentic_order(self._network_id, self._ledger, settlement, leg, request)

    def hold(self, order: HoldOrder) -> HoldView:
        """Hold the amount of an authentic order, or record for ever that and why it is refused."""
        with self._store.transaction():
            if self._store.leg(order.settlement, order.leg) is None:
                booking = book_hold(
                    order,
                    now=self._now(),
                    assets=frozenset(self._assets),
                    payer=self._store.account(order.terms.payer),
                    payee=self._store.account(order.terms.payee),
                    decided=self._store.decided(order.settlement),
                )
                self._book(order.settlement, order.leg, booking)
            return self._view(order.settlement, order.leg)

    def bring(self, settlement: SettlementId, leg: LegIndex, certificate: Certificate) -> HoldState:
        """Obey a certificate, from whomever it comes.

        Raises Problem, checked in this order: CERTIFICATE_INVALID, CONFLICTING_CERTIFICATE, NEVER_HELD.
        """
        fault = certificate_fault(self._network_id, self._committee, certificate, settlement=settlement)
        if fault is not None:
            raise Problem(
                Code.CERTIFICATE_INVALID,
                f"The certificate for settlement {hex_of(settlement)} proves nothing to {self._ledger}: {fault}.",
            )
        with self._store.transaction():
            verdict = self._obey(settlement, leg, certificate)
            record = self._store.leg(settlement, leg)
        which = f"Settlement {hex_of(settlement)} leg {leg}"
        if isinstance(verdict, Conflict):
            offered = certificate.decision.outcome.name
            logger.error("%s: two valid certificates, %s obeyed, %s refused", which, verdict.obeyed.name, offered)
            raise Problem(
                Code.CONFLICTING_CERTIFICATE,
                f"{which} obeyed {verdict.obeyed.name} and keeps it; the certificate given says {offered}. "
                "Both are valid and kept: they prove who signed twice.",
                {"obeyed": verdict.obeyed.name, "offered": offered},
            )
        if isinstance(verdict, NeverHeld) or record is None:
            state = "has no hold" if record is None else f"is {record.state.name}"
            raise Problem(
                Code.NEVER_HELD, f"{which} {state} at {self._ledger}; COMMIT captures only what is held. Nothing moved."
            )
        return HoldState(settlement, leg, record.state)

    def look(self, settlement: SettlementId, leg: LegIndex) -> HoldView:
        """Give a leg with its receipts; Problem UNKNOWN_HOLD where nothing was ever recorded."""
        if self._store.leg(settlement, leg) is None:
            raise Problem(
                Code.UNKNOWN_HOLD,
                f"{self._ledger} has recorded nothing for settlement {hex_of(settlement)} leg {leg}: neither a hold, "
                "nor a refusal, nor a tombstone.",
            )
        return self._view(settlement, leg)

    def receipts(self, after: int, limit: int) -> ReceiptPage:
        """Give the receipts after a number, RECEIPTS_PAGE_MAX at most."""
        return ReceiptPage(Uint64(after), self._store.receipts(after, min(limit, RECEIPTS_PAGE_MAX)))

    def audit(self) -> str | None:
        """Say where the books do not add up, or a receipt does not follow, or None."""
        return self._store.audit()

    def contradictions(self) -> list[tuple[Certificate, Certificate]]:
        """Give every pair of valid certificates for one settlement that contradict each other."""
        return self._store.contradictions()

    def _obey(self, settlement: SettlementId, leg: LegIndex, certificate: Certificate) -> Verdict:
        outcome, decided = certificate.decision.outcome, self._store.decided(settlement)
        verdict = book_certificate(self._store.leg(settlement, leg), outcome, decided)
        if isinstance(verdict, Booking):
            self._store.record_decision(certificate)
            self._book(settlement, leg, verdict)
        elif isinstance(verdict, Conflict):
            self._store.record_contradiction(certificate)
        return verdict

    def _book(self, settlement: SettlementId, leg: LegIndex, booking: Booking) -> None:
        """Write one event: the leg's record, its signed receipt and its entry."""
        number, last = self._store.last_receipt()
        terms = booking.terms
        receipt = BankReceipt(
            network=self._network_id,
            ledger=self._ledger,
            number=Uint64(number + 1),
            previous=ZERO_BYTES32 if last is None else receipt_hash(last),
            time=self._now(),
            event=booking.event,
            settlement=settlement,
            leg=leg,
            terms=ZERO_BYTES32 if terms is None else hash_account_terms(terms),
            asset="" if terms is None else terms.asset,
            amount=MinorUnits(Uint256(0)) if terms is None else terms.amount,
            payer="" if terms is None else terms.payer,
            payee="" if terms is None else terms.payee,
            reason=booking.reason,
        )
        self._store.record_leg(settlement, leg, LegRecord(booking.event, terms))
        self._store.add_receipt(receipt.number, settlement, leg, self._key.sign(receipt))
        if booking.entry is not None:
            self._store.book(f"receipt:{receipt.number}", booking.entry)
        logger.info("receipt %d: %s leg %d %s", receipt.number, hex_of(settlement), leg, booking.event.name)

    def _view(self, settlement: SettlementId, leg: LegIndex) -> HoldView:
        record = self._store.leg(settlement, leg)
        if record is None:
            raise RuntimeError(f"leg {leg} of {hex_of(settlement)} was recorded and is gone")
        return HoldView(settlement, leg, record.state, self._store.receipts_of(settlement, leg))

    def _now(self) -> UnixSeconds:
        return self._store.advance_time(UnixSeconds(Uint64(self._clock())))
