"""The lifecycle of one leg: facts are counted, and those that stand move it along a table.

    PENDING -> HELD -> ENTITLED -> DELIVERED
               HELD -> RETURNED | LOST | CONSENT
    PENDING -> REFUSED | TOMBSTONED,  REFUSED -> HELD | TOMBSTONED

A fact stands when a quorum of one epoch has attested it; that is absorbing. A fact without a row for the present state
stands all the same, and moves nothing.

Source: specification 4.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from interlock.core.attestation import Fact
from interlock.core.committee import Committee, MemberIndex
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


TRANSITIONS: dict[tuple[LegState, Fact], LegState] = {
    (LegState.PENDING, Fact.HELD): LegState.HELD,
    (LegState.PENDING, Fact.REFUSED): LegState.REFUSED,
    (LegState.PENDING, Fact.RETURNED): LegState.TOMBSTONED,
    (LegState.REFUSED, Fact.HELD): LegState.HELD,
    (LegState.REFUSED, Fact.RETURNED): LegState.TOMBSTONED,
    (LegState.HELD, Fact.LOST): LegState.LOST,
    (LegState.HELD, Fact.CONSENT): LegState.CONSENT,
    (LegState.HELD, Fact.RETURNED): LegState.RETURNED,
    (LegState.LOST, Fact.RETURNED): LegState.RETURNED,
    (LegState.ENTITLED, Fact.DELIVERED): LegState.DELIVERED,
}
"""What a standing fact makes of a leg."""

CLOSED_BY_ABORT = frozenset({LegState.RETURNED, LegState.TOMBSTONED, LegState.CONSENT})
"""States in which an aborted leg needs nothing more."""

WITHOUT_HOLD = frozenset({LegState.PENDING, LegState.REFUSED})
"""States in which no hold is known."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Who attested one fact about one leg, within the present epoch."""

    fact: Fact
    members: Uint32
    """Bit i is set where member i attested it."""
    stands: bool
    """A quorum did; stays true."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg's state and the votes about it."""

    state: LegState
    tallies: tuple[Tally, ...]
    """One per fact that anybody attested, by rising fact."""

    def tally(self, fact: Fact) -> Tally:
        """Give the votes for a fact; none where nobody attested it."""
        return next((each for each in self.tallies if each.fact is fact), Tally(fact, Uint32(0), stands=False))

    def stands(self, fact: Fact) -> bool:
        """Tell whether a quorum attested the fact."""
        return self.tally(fact).stands


NEW_LEG = Leg(LegState.PENDING, ())


def count(leg: Leg, fact: Fact, member: MemberIndex, committee: Committee) -> Leg | None:
    """Count one member's vote; None where the same vote was counted before."""
    before = leg.tally(fact)
    members = Uint32(before.members | 1 << member)
    if members == before.members:
        return None
    stands = before.stands or members.bit_count() >= committee.quorum
    others = [each for each in leg.tallies if each.fact is not fact]
    tallies = tuple(sorted([*others, Tally(fact, members, stands)], key=lambda each: each.fact))
    state = TRANSITIONS.get((leg.state, fact), leg.state) if stands and not before.stands else leg.state
    return replace(leg, state=state, tallies=tallies)


def entitle(leg: Leg) -> Leg:
    """Give a held leg to its payee at once: COMMIT is decided."""
    return replace(leg, state=LegState.ENTITLED)
