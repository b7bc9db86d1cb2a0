"""What a memory ledger tells whoever listens: plain facts, in the order in which they happened.

The words and their fields are those of an auditor that shares no code with this room (`interlock.auditor`): strings,
integers and bytes alone, so that each event can be handed over field by field. What such an auditor has no word for
stands at the end. An event is said once, when it happens, not again where a call is repeated; a ledger that can be
reorganised speaks of final blocks only. `BooksClosed` ends a step, by which what was said and what was booked agree.

Source: specification 6, 7 and 10.
"""

from dataclasses import dataclass

HELD_ACCOUNT = "*held"
"""The account in which a ledger keeps what is held."""
OUTSIDE = "*outside"
"""Where issued value comes from and destroyed value goes to; it has no balance."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An account has so much as the run begins; no change is booked for it."""

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
    """One available balance, or that of `HELD_ACCOUNT`, changed."""

    ledger: str
    account: str
    asset: str
    delta: int


@dataclass(frozen=True, slots=True)
class BooksClosed:
    """A step of the ledger is complete, at this time of its own clock."""

    ledger: str
    at: int


@dataclass(frozen=True, slots=True)
class BalanceStated:
    """What a balance is."""

    ledger: str
    account: str
    asset: str
    amount: int


@dataclass(frozen=True, slots=True)
class HoldMade:
    """An amount was set aside for one leg."""

    ledger: str
    settlement: bytes
    leg: int
    asset: str
    amount: int
    payer: str
    payee: str
    at: int
    """By the ledger's own clock."""


@dataclass(frozen=True, slots=True)
class CertificateAccepted:
    """A certificate was verified and reached a leg for the first time."""

    ledger: str
    settlement: bytes
    outcome: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Entitled:
    """A hold ended by certificate, but whoever is entitled cannot be paid yet."""

    ledger: str
    settlement: bytes
    leg: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Captured:
    """Value was delivered: to the payee, or into suspense."""

    ledger: str
    settlement: bytes
    leg: int
    asset: str
    amount: int
    to: str


@dataclass(frozen=True, slots=True)
class Released:
    """Value was returned: to the payer, or into suspense."""

    ledger: str
    settlement: bytes
    leg: int
    asset: str
    amount: int
    to: str


@dataclass(frozen=True, slots=True)
class Redirected:
    """Whoever is entitled had the value paid to another account."""

    ledger: str
    settlement: bytes
    leg: int
    asset: str
    amount: int
    by: str
    to: str


@dataclass(frozen=True, slots=True)
class ConsentReleased:
    """Payer and payee together ended a hold."""

    ledger: str
    settlement: bytes
    leg: int
    asset: str
    amount: int
    to: str


@dataclass(frozen=True, slots=True)
class Tombstoned:
    """A certified ABORT came before the hold."""

    ledger: str
    settlement: bytes
    leg: int


@dataclass(frozen=True, slots=True)
class HoldLost:
    """Value left a hold by theft, seizure or an issuer's powers."""

    ledger: str
    settlement: bytes
    leg: int
    asset: str
    amount: int
    to: str


@dataclass(frozen=True, slots=True)
class HoldHalted:
    """A legal halt froze a hold."""

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
    """The pivot moved all its legs at once, under a certified order."""

    ledger: str
    settlement: bytes
    last_valid: int
    at: int


@dataclass(frozen=True, slots=True)
class OrderNever:
    """The order will never be executed."""

    ledger: str
    settlement: bytes


@dataclass(frozen=True, slots=True)
class AccountFrozen:
    """An account cannot be paid until it is thawed."""

    ledger: str
    account: str


@dataclass(frozen=True, slots=True)
class AccountThawed:
    """A frozen account can be paid again."""

    ledger: str
    account: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A contract wallet consented to the terms by its own call; said before the hold that the call made."""

    settlement: bytes
    signer: str


@dataclass(frozen=True, slots=True)
class HoldRequested:
    """The holder of an account asked its own bank for a hold, which needs no signature then (B13); said before it."""

    settlement: bytes
    leg: int


# What an auditor has no word for.


@dataclass(frozen=True, slots=True)
class HoldRefused:
    """A bank recorded that it will never make this hold."""

    ledger: str
    settlement: bytes
    leg: int
    reason: str


@dataclass(frozen=True, slots=True)
class Contradicted:
    """A valid certificate contradicts the one that was obeyed before, which stays; `Book.contradictions` has it."""

    ledger: str
    settlement: bytes
    leg: int


@dataclass(frozen=True, slots=True)
class RotationAccepted:
    """The ledger knows the committee of another epoch."""

    ledger: str
    epoch: int


Exit = Captured | Released | Redirected | ConsentReleased
OnBooks = Opened | SuspenseOpened | Transferred | BalanceChanged | BooksClosed | BalanceStated
OnLeg = HoldMade | HoldRefused | Entitled | Exit | Tombstoned | HoldLost | HoldHalted | HoldResumed | Contradicted
OnSettlement = CertificateAccepted | OrderExecuted | OrderNever | Signed | HoldRequested
LedgerEvent = OnBooks | OnLeg | OnSettlement | AccountFrozen | AccountThawed | RotationAccepted
"""All that a memory ledger says."""
