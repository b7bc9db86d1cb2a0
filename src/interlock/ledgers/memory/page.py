"""One page of a ledger's book: all that it knows of one settlement, as a value that never changes.

Every leg has one state, shared by hold, tombstone, order, release and redirect, so that it moves once. A leg of which
nothing is known is EMPTY, and stands on no page.

Source: specification 6 and 7.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from enum import IntEnum

from interlock.core.decision import Outcome


class Status(IntEnum):
    """Where one leg is, on its ledger."""

    EMPTY = 0
    """Nothing happened to it."""
    REFUSED = 1
    """A bank recorded that it will not hold it."""
    HELD = 2
    """The amount is set aside."""
    ENTITLED = 3
    """A certificate ended the hold; whoever is entitled cannot be paid yet. Vaults only."""
    DELIVERED = 4
    """The payee has it, or whom the payee named."""
    RETURNED = 5
    """The payer has it back, or whom the payer named."""
    TOMBSTONED = 6
    """ABORT came before any hold; none can come."""
    EXECUTED = 7
    """The pivot moved it, under an order."""
    NEVER = 8
    """The pivot said that it can never move it."""
    CONSENT = 9
    """Payer and payee ended the hold together."""
    LOST = 10
    """The hold was stolen, seized or destroyed: nothing is left of it."""


class Halt(IntEnum):
    """A legal halt of one hold."""

    NONE = 0
    STANDING = 1
    """Neither paid nor returned until it is lifted."""
    LIFTED = 2
    """There was one. It is remembered, for it was a loss while it stood."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg's state."""

    status: Status = Status.EMPTY
    body: Hashable = None
    """What was asked to be held, whatever the caller tells terms apart by; None where nobody asked."""
    outcome: Outcome | None = None
    """The first certified outcome that reached it."""
    halt: Halt = Halt.NONE
    is_own_call: bool = False
    """The payer's own call made the hold, which is a contract wallet's signature."""

    @property
    def is_halted(self) -> bool:
        """Tell whether a legal halt stands."""
        return self.halt is Halt.STANDING


EMPTY_LEG = Leg()


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """What the pivot answered to its order, for ever."""

    last_valid: int
    """The order's, unix seconds."""
    word: Status
    """EXECUTED or NEVER."""


@dataclass(frozen=True, slots=True)
class Page:
    """One settlement, on one ledger."""

    legs: tuple[tuple[int, Leg], ...] = ()
    """By rising index, those of this ledger to which something happened."""
    order: OrderRecord | None = None
    """None until the pivot has executed its order, or said that it never will."""

    def leg(self, index: int) -> Leg:
        """Give a leg's state."""
        for place, leg in self.legs:
            if place == index:
                return leg
        return EMPTY_LEG

    def with_leg(self, index: int, leg: Leg) -> "Page":
        """Give the page with another state of one leg."""
        others = [each for each in self.legs if each[0] != index]
        return Page(tuple(sorted([*others, (index, leg)], key=lambda each: each[0])), self.order)

    def moved(self, index: int, status: Status) -> "Page":
        """Give the page with a leg moved to another status."""
        return self.with_leg(index, replace(self.leg(index), status=status))


EMPTY_PAGE = Page()
"""A settlement that the ledger never heard of."""
