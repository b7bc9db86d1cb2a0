"""The bank's booking rules: every check in its order, every state under every certificate."""

from dataclasses import replace
from typing import Any

import pytest

from interlock.bankd.book import (
    AccountView,
    Booking,
    Conflict,
    LegRecord,
    NeverHeld,
    Place,
    Side,
    book_certificate,
    book_hold,
    refusal_of,
)
from interlock.bankd.order import HoldOrder
from interlock.bankd.problem import Refusal
from interlock.core.decision import Outcome
from interlock.core.instruction import AccountTerms, LegIndex, SettlementId
from interlock.core.limits import ACCOUNT_AMOUNT_MAX
from interlock.encoding.values import Address, Bytes32, MinorUnits, Uint32, Uint64, Uint256, UnixSeconds
from interlock.evidence.bank_receipt import BankEvent

SIGNER = Address(b"\x01" * 20)
STRANGER = Address(b"\x02" * 20)
TERMS = AccountTerms("bank:one", "USD/2", MinorUnits(Uint256(500)), "payer", "payee", Bytes32(bytes(32)))
ORDER = HoldOrder(SettlementId(Bytes32(b"\x05" * 32)), LegIndex(Uint32(1)), SIGNER, TERMS, UnixSeconds(Uint64(100)))
PAYER = AccountView({"USD/2": 500}, frozenset({SIGNER}))
PAYEE = AccountView({"USD/2": 0}, frozenset())
BOOKS: dict[str, Any] = {"now": 100, "assets": frozenset({"USD/2"}), "payer": PAYER, "payee": PAYEE}

BROKEN: list[tuple[Refusal, dict[str, Any], dict[str, Any]]] = [
    (Refusal.TOO_LATE, {}, {"now": 101}),
    (Refusal.NO_MANDATE, {}, {"payer": AccountView({"USD/2": 500}, frozenset({STRANGER}))}),
    (Refusal.UNKNOWN_ASSET, {}, {"assets": frozenset({"EUR/2"})}),
    (Refusal.AMOUNT_OUT_OF_RANGE, {"amount": 0}, {}),
    (Refusal.PAYER_CANNOT_HOLD_ASSET, {}, {"payer": AccountView({}, frozenset({SIGNER}))}),
    (Refusal.PAYEE_UNKNOWN, {}, {"payee": None}),
    (Refusal.PAYEE_CANNOT_HOLD_ASSET, {}, {"payee": AccountView({"EUR/2": 0}, frozenset())}),
    (Refusal.SAME_ACCOUNT, {"payee": "payer"}, {"payee": PAYER}),
    (Refusal.INSUFFICIENT_FUNDS, {}, {"payer": AccountView({"USD/2": 499}, frozenset({SIGNER}))}),
]
"""Each refusal, and what brings it about: changes of the terms, changes of the books."""


def test_the_breaks_cover_every_refusal_in_order() -> None:
    """The table above lists each refusal once, in the order of the checks."""
    assert [row[0] for row in BROKEN] == list(Refusal)


def test_a_good_order_is_held_and_its_amount_moves_from_available_to_held() -> None:
    """With nothing broken the booking is HELD, at the last second of prepareBy and to the last cent."""
    booking = book_hold(ORDER, **BOOKS, decided=None)
    assert booking.event is BankEvent.HELD
    assert booking.entry is not None
    assert (booking.entry.source, booking.entry.target) == (
        Place("payer", Side.AVAILABLE),
        Place("payer", Side.HELD),
    )
    assert booking.entry.amount == 500


@pytest.mark.parametrize(("refusal", "terms", "books"), BROKEN, ids=lambda value: getattr(value, "name", ""))
def test_each_broken_check_refuses_with_its_own_reason(
    refusal: Refusal, terms: dict[str, Any], books: dict[str, Any]
) -> None:
    """One broken check gives REFUSED, its reason, and no entry."""
    order = replace(ORDER, terms=replace(TERMS, **terms))
    booking = book_hold(order, **{**BOOKS, **books}, decided=None)
    assert (booking.event, booking.entry) == (BankEvent.REFUSED, None)
    assert booking.reason.startswith(refusal.name.lower() + ": ")


@pytest.mark.parametrize("asset", ["USD/2", "EUR/2", "none of the bank's"])
@pytest.mark.parametrize("payer", [None, AccountView({}, frozenset()), replace(PAYER, signers=frozenset({STRANGER}))])
@pytest.mark.parametrize("payee", [None, AccountView({}, frozenset()), PAYEE])
def test_a_signer_without_a_mandate_learns_nothing_of_accounts(
    asset: str, payer: AccountView | None, payee: AccountView | None
) -> None:
    """Which accounts and assets there are does not change the answer to him."""
    order = replace(ORDER, terms=replace(TERMS, asset=asset))
    assert refusal_of(order, **{**BOOKS, "payer": payer, "payee": payee}) is Refusal.NO_MANDATE


@pytest.mark.parametrize("index", range(len(BROKEN)))
def test_the_first_broken_check_is_the_one_named(index: int) -> None:
    """With a check and every later one broken, the earliest in order is the reason."""
    order, books = ORDER, dict(BOOKS)
    for _, terms_change, books_change in reversed(BROKEN[index:]):
        order = replace(order, terms=replace(order.terms, **terms_change))
        books |= books_change
    assert refusal_of(order, **books) is BROKEN[index][0]


def test_an_amount_beyond_what_the_bank_counts_is_refused() -> None:
    """2^63 is out of range even where the asset and accounts are in order."""
    order = replace(ORDER, terms=replace(TERMS, amount=MinorUnits(Uint256(ACCOUNT_AMOUNT_MAX + 1))))
    assert refusal_of(order, **BOOKS) is Refusal.AMOUNT_OUT_OF_RANGE


def test_an_order_after_abort_is_known_sets_a_tombstone() -> None:
    """A leg whose settlement was aborted here through another leg is not held any more."""
    assert book_hold(ORDER, **BOOKS, decided=Outcome.ABORT).event is BankEvent.TOMBSTONED


STATES: list[tuple[BankEvent | None, Outcome | None, Outcome, BankEvent | type | None]] = [
    # state, decided before, certificate now -> event booked, or the kind of problem, or None for nothing new
    (None, None, Outcome.COMMIT, NeverHeld),
    (None, None, Outcome.ABORT, BankEvent.TOMBSTONED),
    (None, Outcome.COMMIT, Outcome.COMMIT, NeverHeld),
    (None, Outcome.COMMIT, Outcome.ABORT, Conflict),
    (None, Outcome.ABORT, Outcome.COMMIT, Conflict),
    (None, Outcome.ABORT, Outcome.ABORT, BankEvent.TOMBSTONED),
    (BankEvent.HELD, None, Outcome.COMMIT, BankEvent.CAPTURED),
    (BankEvent.HELD, None, Outcome.ABORT, BankEvent.RELEASED),
    (BankEvent.HELD, Outcome.COMMIT, Outcome.COMMIT, BankEvent.CAPTURED),
    (BankEvent.HELD, Outcome.COMMIT, Outcome.ABORT, Conflict),
    (BankEvent.HELD, Outcome.ABORT, Outcome.COMMIT, Conflict),
    (BankEvent.HELD, Outcome.ABORT, Outcome.ABORT, BankEvent.RELEASED),
    (BankEvent.REFUSED, None, Outcome.COMMIT, NeverHeld),
    (BankEvent.REFUSED, None, Outcome.ABORT, BankEvent.TOMBSTONED),
    (BankEvent.REFUSED, Outcome.COMMIT, Outcome.COMMIT, NeverHeld),
    (BankEvent.REFUSED, Outcome.COMMIT, Outcome.ABORT, Conflict),
    (BankEvent.REFUSED, Outcome.ABORT, Outcome.COMMIT, Conflict),
    (BankEvent.REFUSED, Outcome.ABORT, Outcome.ABORT, BankEvent.TOMBSTONED),
    (BankEvent.CAPTURED, Outcome.COMMIT, Outcome.COMMIT, None),
    (BankEvent.CAPTURED, Outcome.COMMIT, Outcome.ABORT, Conflict),
    (BankEvent.RELEASED, Outcome.ABORT, Outcome.COMMIT, Conflict),
    (BankEvent.RELEASED, Outcome.ABORT, Outcome.ABORT, None),
    (BankEvent.TOMBSTONED, Outcome.ABORT, Outcome.COMMIT, Conflict),
    (BankEvent.TOMBSTONED, Outcome.ABORT, Outcome.ABORT, None),
]


@pytest.mark.parametrize(("state", "decided", "outcome", "expected"), STATES)
def test_every_state_under_every_certificate(
    state: BankEvent | None, decided: Outcome | None, outcome: Outcome, expected: BankEvent | type | None
) -> None:
    """The first certificate binds, the same again changes nothing, the opposite is a conflict."""
    record = None if state is None else LegRecord(state, TERMS)
    verdict = book_certificate(record, outcome, decided)
    if isinstance(expected, BankEvent):
        assert isinstance(verdict, Booking)
        assert verdict.event is expected
    elif expected is None:
        assert verdict is None
    else:
        assert isinstance(verdict, expected)


@pytest.mark.parametrize(("outcome", "receiver"), [(Outcome.COMMIT, "payee"), (Outcome.ABORT, "payer")])
def test_a_certificate_moves_the_whole_hold_to_its_side(outcome: Outcome, receiver: str) -> None:
    """COMMIT credits the payee, ABORT the payer, always the full amount out of what the payer has held."""
    verdict = book_certificate(LegRecord(BankEvent.HELD, TERMS), outcome, None)
    assert isinstance(verdict, Booking)
    assert verdict.entry is not None
    assert verdict.entry.amount == TERMS.amount
    assert verdict.entry.source == Place("payer", Side.HELD)
    assert verdict.entry.target == Place(receiver, Side.AVAILABLE)
