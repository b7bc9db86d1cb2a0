"""The lifecycle of one leg: facts that stand move it along a table.

    PENDING -> HELD -> ENTITLED -> DELIVERED | CONSENT
               HELD -> RETURNED | LOST | CONSENT
    PENDING -> REFUSED | TOMBSTONED | CONSENT,  REFUSED -> HELD | TOMBSTONED | CONSENT,  LOST -> RETURNED | CONSENT
    the pivot's: PENDING -> EXECUTED | NEVER

A fact stands when a quorum of one epoch has attested it; that is absorbing. A fact without a row for the present state
stands all the same, and moves nothing. The pivot's legs are moved by the decision, all at once (`end_pivot`).

Source: specification 4 (LEG-ENTITLED, LEG-STUCK, LEG-DONE, LEG-CLOSED).
"""

from dataclasses import dataclass
from enum import IntEnum

from interlock.core import attestation
from interlock.core.attestation import Fact
from interlock.encoding.values import Uint32


class LegState(IntEnum):
    """Where one leg is."""

    PENDING = 1
    """No hold is known."""
    HELD = 2
    """The amount is set aside."""
    ENTITLED = 3
    """COMMIT is decided: the amount is the payee's, its transfer is under way."""
    DELIVERED = 4
    """The payee has it."""
    RETURNED = 5
    """The payer has it back."""
    REFUSED = 6
    """The ledger will not hold it."""
    TOMBSTONED = 7
    """ABORT came before any hold, and none can come."""
    LOST = 8
    """The hold ended without a certificate."""
    CONSENT = 9
    """Payer and payee ended the hold together."""
    EXECUTED = 10
    """The pivot moved it."""
    NEVER = 11
    """The pivot can never move it."""


TRANSITIONS: dict[tuple[LegState, Fact], LegState] = {
    (LegState.PENDING, Fact.HELD): LegState.HELD,
    (LegState.PENDING, Fact.REFUSED): LegState.REFUSED,
    (LegState.PENDING, Fact.RETURNED): LegState.TOMBSTONED,
    (LegState.PENDING, Fact.CONSENT): LegState.CONSENT,
    (LegState.REFUSED, Fact.HELD): LegState.HELD,
    (LegState.REFUSED, Fact.RETURNED): LegState.TOMBSTONED,
    (LegState.REFUSED, Fact.CONSENT): LegState.CONSENT,
    (LegState.HELD, Fact.LOST): LegState.LOST,
    (LegState.HELD, Fact.CONSENT): LegState.CONSENT,
    (LegState.HELD, Fact.RETURNED): LegState.RETURNED,
    (LegState.LOST, Fact.RETURNED): LegState.RETURNED,
    (LegState.LOST, Fact.CONSENT): LegState.CONSENT,
    (LegState.ENTITLED, Fact.DELIVERED): LegState.DELIVERED,
    (LegState.ENTITLED, Fact.CONSENT): LegState.CONSENT,
}
"""What a standing fact makes of a leg."""

DONE_BY_COMMIT = frozenset({LegState.DELIVERED, LegState.EXECUTED, LegState.CONSENT})
"""States in which a leg of a committed settlement needs nothing more."""

CLOSED_BY_ABORT = frozenset({LegState.RETURNED, LegState.TOMBSTONED, LegState.CONSENT, LegState.NEVER})
"""States in which an aborted leg needs nothing more."""

WITHOUT_HOLD = frozenset({LegState.PENDING, LegState.REFUSED})
"""States in which no hold is known."""

_ENTITLED_BY_COMMIT = frozenset({LegState.HELD, LegState.LOST})


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg's state, and the facts that stand about it."""

    state: LegState
    stood: Uint32
    """Bit i is set where the fact with number i stands."""

    def stands(self, fact: Fact) -> bool:
        """Tell whether a quorum attested the fact."""
        return attestation.stands(self.stood, fact)

    @property
    def is_stuck(self) -> bool:
        """Tell whether the payee is entitled to an amount that its ledger let go before it could be delivered."""
        return self.state is LegState.ENTITLED and self.stands(Fact.LOST)


NEW_LEG = Leg(LegState.PENDING, Uint32(0))


def establish(leg: Leg, fact: Fact) -> Leg:
    """Let a fact stand, and move the leg where the table says so."""
    return Leg(TRANSITIONS.get((leg.state, fact), leg.state), Uint32(leg.stood | 1 << fact))


def entitle(leg: Leg) -> Leg:
    """Give a leg to its payee at once: COMMIT is decided.

    A hold that is known to be lost is owed all the same (only a pivot's order, once out, lets COMMIT follow a loss);
    one that payer and payee have ended stays as they left it.
    """
    return Leg(LegState.ENTITLED, leg.stood) if leg.state in _ENTITLED_BY_COMMIT else leg


def end_pivot(leg: Leg, state: LegState) -> Leg:
    """Let the pivot's word, EXECUTED or NEVER, move one of its legs."""
    return Leg(state, leg.stood)
