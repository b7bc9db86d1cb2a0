"""What ledgers tell an auditor: what they book, and what becomes of every hold.

A ledger speaks in steps: a block, or a bank's transaction. Within a step order does not matter; `BooksClosed` ends it,
and by then what the ledger said and what it booked must agree. One that can be reorganised speaks of final blocks only.
An event is said once, when it happens, not again where a call is repeated.

Source: specification 6 and 7.
"""

from dataclasses import dataclass

HELD = "*held"
"""The account in which a ledger keeps what is held: a vault's own balance, a bank's amounts set aside."""
OUTSIDE = "*outside"
"""Where issued value comes from and destroyed value goes to; nothing is booked for it."""


# What they book.


@dataclass(frozen=True, slots=True)
class Opened:
    """An account has so much as the run begins; not booked as a change."""

    ledger: str
    account: str
    asset: str
    amount: int


@dataclass(frozen=True, slots=True)
class SuspenseOpened:
    """An account takes what is owed to frozen beneficiaries (B3)."""

    ledger: str
    account: str


@dataclass(frozen=True, slots=True)
class Transferred:
    """Value moved outside of any settlement: a payment, an issue from `OUTSIDE`, a destruction to it."""

    ledger: str
    asset: str
    amount: int
    source: str
    to: str


@dataclass(frozen=True, slots=True)
class BalanceChanged:
    """The ledger booked a change of one available balance, or of `HELD`."""

    ledger: str
    account: str
    asset: str
    delta: int


@dataclass(frozen=True, slots=True)
class BooksClosed:
    """A step of the ledger is complete, at this time of its own clock; also said now and then by an idle ledger."""

    ledger: str
    at: int


@dataclass(frozen=True, slots=True)
class BalanceStated:
    """The ledger says what a balance is: asked at any time, and of every account before the end."""

    ledger: str
    account: str
    asset: str
    amount: int


# What they hold.


@dataclass(frozen=True, slots=True)
class HoldMade:
    """An amount was set aside, from the payer's balance into `HELD`, with the terms as the ledger recorded them."""

    ledger: str
    settlement: bytes
    leg: int
    asset: str
    amount: int
    payer: str
    payee: str
    at: int
    """By the ledger's own clock: the time of the block, or of the receipt."""


@dataclass(frozen=True, slots=True)
class CertificateAccepted:
    """A certificate was verified by the ledger and applied to some of its legs, whether or not it changed any."""

    ledger: str
    settlement: bytes
    outcome: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Entitled:
    """A hold ended by certificate, but the value stays in `HELD` for whom it belongs to now, to be paid later."""

    ledger: str
    settlement: bytes
    leg: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Captured:
    """Value was delivered out of `HELD`: to the payee, or into suspense where the payee is frozen."""

    ledger: str
    settlement: bytes
    leg: int
    asset: str
    amount: int
    to: str


@dataclass(frozen=True, slots=True)
class Released:
    """Value was returned out of `HELD`: to the payer, or into suspense where the payer is frozen."""

    ledger: str
    settlement: bytes
    leg: int
    asset: str
    amount: int
    to: str


@dataclass(frozen=True, slots=True)
class Redirected:
    """Whoever is entitled had the value paid out of `HELD` to another account."""

    ledger: str
    settlement: bytes
    leg: int
    asset: str
    amount: int
    by: str
    to: str


@dataclass(frozen=True, slots=True)
class ConsentReleased:
    """Payer and payee together ended a hold: the value was paid out of `HELD` to the account that both signed."""

    ledger: str
    settlement: bytes
    leg: int
    asset: str
    amount: int
    to: str


@dataclass(frozen=True, slots=True)
class Tombstoned:
    """A certified ABORT came before the hold: this leg can never be held."""

    ledger: str
    settlement: bytes
    leg: int


@dataclass(frozen=True, slots=True)
class HoldLost:
    """Value left a hold by theft, seizure or an issuer's powers; to an account, or `OUTSIDE` where it was destroyed."""

    ledger: str
    settlement: bytes
    leg: int
    asset: str
    amount: int
    to: str


@dataclass(frozen=True, slots=True)
class HoldHalted:
    """A legal halt froze a hold: it is neither paid nor returned until it is resumed."""

    ledger: str
    settlement: bytes
    leg: int


@dataclass(frozen=True, slots=True)
class HoldResumed:
    """A legal halt was lifted."""

    ledger: str
    settlement: bytes
    leg: int


@dataclass(frozen=True, slots=True)
class OrderExecuted:
    """The pivot moved all its legs at once, from payers to payees, under a certified order."""

    ledger: str
    settlement: bytes
    last_valid: int
    at: int


@dataclass(frozen=True, slots=True)
class OrderNever:
    """The order will never be executed: a bank signed so, or a chain has a final block past `last_valid` without it."""

    ledger: str
    settlement: bytes


Booking = Opened | SuspenseOpened | Transferred | BalanceChanged | BooksClosed | BalanceStated
Exit = Captured | Released | Redirected | ConsentReleased
"""How value leaves a hold lawfully."""
OnLeg = HoldMade | Entitled | Exit | Tombstoned | HoldLost | HoldHalted | HoldResumed
"""What concerns one leg on its ledger."""
OnLedger = Booking | OnLeg | CertificateAccepted | OrderExecuted | OrderNever
"""All that ledgers say."""
