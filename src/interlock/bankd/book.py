"""The rules of the settlement book, pure: what a hold or a certificate does to one leg.

    (none) --hold--> HELD --COMMIT--> CAPTURED          (none) --hold fails a check--> REFUSED
                     HELD --ABORT---> RELEASED          (none), REFUSED --ABORT------> TOMBSTONED

Nothing else ends a hold: no expiry, no part of it, no wish of one side. The first certificate of a settlement binds
all its legs here. The second time, every request finds what the first one made.

Source: specification 6, B1 to B7, B9, B13.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from interlock.bankd.order import HoldOrder
from interlock.bankd.problem import Refusal
from interlock.core.decision import Outcome
from interlock.core.instruction import AccountTerms
from interlock.core.limits import ACCOUNT_AMOUNT_MAX
from interlock.encoding.values import Address, UnixSeconds
from interlock.evidence.bank_receipt import BankEvent


class Side(IntEnum):
    """The two balances of an account in one asset, and the world outside."""

    OUTSIDE = 0
    """Where deposits come from; it has no balance here."""
    AVAILABLE = 1
    """The customer's to dispose of."""
    HELD = 2
    """Set aside for payees."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an amount is."""

    account: str
    """Empty for the world outside."""
    side: Side


@dataclass(frozen=True, slots=True)
class Entry:
    """One double entry: the amount leaves one place and reaches another."""

    asset: str
    amount: int
    """In minor units, above zero."""
    source: Place
    target: Place


@dataclass(frozen=True, slots=True)
class Booking:
    """What is written and signed in one transaction."""

    event: BankEvent
    terms: AccountTerms | None
    """The leg's terms; None where the bank was never given them."""
    reason: str = ""
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class AccountView:
    """What the rules see of an account."""

    available: Mapping[str, int]
    """Available minor units of every asset that the account may hold."""
    signers: frozenset[Address]
    """Keys with a mandate over it."""


@dataclass(frozen=True, slots=True)
class LegRecord:
    """What the book says of one leg."""

    state: BankEvent
    """The last event."""
    terms: AccountTerms | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A valid certificate contradicts the one obeyed before: more than f nodes signed both."""

    obeyed: Outcome


@dataclass(frozen=True, slots=True)
class NeverHeld:
    """COMMIT came for a leg without a hold."""


Verdict = Booking | Conflict | NeverHeld | None
"""What a certificate leads to; None where it was obeyed before."""


def book_hold(
    order: HoldOrder,
    *,
    now: UnixSeconds,
    assets: frozenset[str],
    payer: AccountView | None,
    payee: AccountView | None,
    decided: Outcome | None,
) -> Booking:
    """Give the booking of an authentic order for a leg without a record: HELD, REFUSED, or, after ABORT, TOMBSTONED."""
    if decided is Outcome.ABORT:
        return Booking(BankEvent.TOMBSTONED, order.terms)
    refusal = refusal_of(order, now=now, assets=assets, payer=payer, payee=payee)
    if refusal is not None:
        return Booking(BankEvent.REFUSED, order.terms, refusal.reason)
    return Booking(BankEvent.HELD, order.terms, entry=_entry(order.terms, Side.AVAILABLE, Side.HELD))


def refusal_of(
    order: HoldOrder,
    *,
    now: UnixSeconds,
    assets: frozenset[str],
    payer: AccountView | None,
    payee: AccountView | None,
) -> Refusal | None:
    """Give the first check that the order fails, in the order of `Refusal`, or None."""
    terms = order.terms
    if now > order.prepare_by:
        return Refusal.TOO_LATE
    if payer is None or order.signer not in payer.signers:
        return Refusal.NO_MANDATE
    if terms.asset not in assets:
        return Refusal.UNKNOWN_ASSET
    if not 0 < terms.amount <= ACCOUNT_AMOUNT_MAX:
        return Refusal.AMOUNT_OUT_OF_RANGE
    return _party_refusal(terms, payer, payee)


def _party_refusal(terms: AccountTerms, payer: AccountView, payee: AccountView | None) -> Refusal | None:
    if terms.asset not in payer.available:
        return Refusal.PAYER_CANNOT_HOLD_ASSET
    if payee is None:
        return Refusal.PAYEE_UNKNOWN
    if terms.asset not in payee.available:
        return Refusal.PAYEE_CANNOT_HOLD_ASSET
    if terms.payer == terms.payee:
        return Refusal.SAME_ACCOUNT
    if payer.available[terms.asset] < terms.amount:
        return Refusal.INSUFFICIENT_FUNDS
    return None


def book_certificate(record: LegRecord | None, outcome: Outcome, decided: Outcome | None) -> Verdict:
    """Say what a valid certificate does to a leg, given the outcome that this settlement had here before, if any."""
    if decided is not None and decided is not outcome:
        return Conflict(decided)
    state, terms = (None, None) if record is None else (record.state, record.terms)
    if state is BankEvent.HELD and terms is not None:
        if outcome is Outcome.COMMIT:
            return Booking(BankEvent.CAPTURED, terms, entry=_entry(terms, Side.HELD, Side.AVAILABLE, to_payee=True))
        return Booking(BankEvent.RELEASED, terms, entry=_entry(terms, Side.HELD, Side.AVAILABLE))
    if state is None or state is BankEvent.REFUSED:
        return NeverHeld() if outcome is Outcome.COMMIT else Booking(BankEvent.TOMBSTONED, terms)
    return None


def _entry(terms: AccountTerms, source: Side, target: Side, *, to_payee: bool = False) -> Entry:
    receiver = terms.payee if to_payee else terms.payer
    return Entry(terms.asset, terms.amount, Place(terms.payer, source), Place(receiver, target))
