"""One settlement as the auditor sees it: the terms, who signed, and what has become of each leg.

A case is kept while anything of it can still change lawfully. After that only its outcome is remembered.

Source: specification 4 and 10.
"""

from collections.abc import Iterator
from enum import Enum, auto

from interlock.auditor.event import CertificateFormed, Event, Instructed, Leg, OrderCertified
from interlock.auditor.ledger_event import HoldMade, OrderExecuted, OrderNever
from interlock.auditor.violation import Tag


class LegState(Enum):
    """What has become of a leg, by what its ledger said."""

    PENDING = auto()
    HELD = auto()
    ENTITLED = auto()
    """Ended by certificate, the value still to be paid."""
    DELIVERED = auto()
    RETURNED = auto()
    TOMBSTONED = auto()
    CONSENT = auto()
    LOST = auto()
    EXECUTED = auto()
    NEVER = auto()


STANDING = frozenset({LegState.HELD, LegState.ENTITLED})
"""Value of the leg is in `HELD`."""


class LegCase:
    """One leg."""

    __slots__ = ("hold", "is_halted", "is_lost", "is_requested", "last", "left", "state", "terms")

    def __init__(self, terms: Leg) -> None:
        self.terms = terms
        self.state = LegState.PENDING
        self.hold: HoldMade | None = None
        """The hold, on whatever terms."""
        self.last: Event | None = None
        """What brought it into its state."""
        self.left = 0
        """What of the held amount is still there."""
        self.is_requested = False
        """The account's holder asked for the hold."""
        self.is_halted = False
        self.is_lost = False
        """Some of the hold was lost, or all."""


class Case:
    """One settlement."""

    __slots__ = (
        "accepted",
        "accused",
        "certificates",
        "consents",
        "decided",
        "executed",
        "given",
        "is_past",
        "is_ready",
        "legs",
        "never",
        "open_legs",
        "order",
        "outcome",
        "standing_legs",
        "taken",
        "terms",
        "unheld",
        "unsigned",
    )

    def __init__(self, terms: Instructed) -> None:
        self.terms = terms
        self.legs = [LegCase(leg) for leg in terms.legs]
        self.unsigned = {leg.signer for leg in terms.legs}
        """The required signers that have not signed."""
        self.open_legs = len(terms.legs)
        """Legs that can still change."""
        self.standing_legs = 0
        """Legs whose value is in `HELD`."""
        self.unheld = sum(leg.ledger != terms.pivot for leg in terms.legs)
        """Legs outside the pivot that were never held on the signed terms."""
        self.outcome = ""
        """The first decision that anyone trustworthy made; empty before."""
        self.decided: Event | None = None
        """What showed the outcome first."""
        self.certificates: list[CertificateFormed] = []
        """One for each outcome and epoch."""
        self.accepted: dict[str, str] = {}
        """The outcome that each ledger accepted a certificate for."""
        self.consents: dict[tuple[int, str], set[str]] | None = None
        """For a leg and an account to be paid: who signed that the hold be released to it."""
        self.order: OrderCertified | None = None
        self.executed: OrderExecuted | None = None
        self.never: OrderNever | None = None
        self.given: Event | None = None
        """The first event that put a leg on the side of COMMIT."""
        self.taken: Event | None = None
        """The first event that put a leg on the side of ABORT."""
        self.accused: frozenset[Tag] = frozenset()
        """What it was accused of that is told once."""
        self.is_ready = not terms.has_condition
        """The condition is met, or there is none."""
        self.is_past = False
        """Every ledger's own time is past `prepare_by`: no hold can begin any more."""

    @property
    def id(self) -> bytes:
        """Give the settlement's id."""
        return self.terms.settlement

    @property
    def is_done(self) -> bool:
        """Tell whether nothing of it can still change lawfully, so that its outcome is all there is to remember."""
        if not self.open_legs:
            # A pivot may have ended everything before the certificate exists that its ledger is given in the end.
            return bool(self.outcome) and (bool(self.certificates) or self.is_past)
        if not self.is_past or self.standing_legs:
            return False
        # Where all legs are the pivot's nothing need be held before the order, which may be certified late.
        return bool(self.outcome) or (self.unheld > 0 and all(leg.hold is None for leg in self.legs))

    def pivot_legs(self) -> Iterator[tuple[int, LegCase]]:
        """Give the legs that are executed in one step, with their indices."""
        pivot = self.terms.pivot
        return ((index, leg) for index, leg in enumerate(self.legs) if leg.terms.ledger == pivot)

    def states(self) -> str:
        """Give the legs' states as words."""
        return ", ".join(f"{index} {leg.state.name}" for index, leg in enumerate(self.legs))
