"""The life of one leg: every fact in every state, and what makes a fact stand."""

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import FIRST_EPOCH, Committee, MemberIndex
from interlock.core.leg import NEW_LEG, TRANSITIONS, Leg, LegState, Tally, count, entitle
from interlock.encoding.values import Uint32
from support.world import COMMITTEE, address

MOVES = {
    ("PENDING", "HELD"): "HELD",
    ("PENDING", "REFUSED"): "REFUSED",
    ("PENDING", "RETURNED"): "TOMBSTONED",
    ("REFUSED", "HELD"): "HELD",
    ("REFUSED", "RETURNED"): "TOMBSTONED",
    ("HELD", "LOST"): "LOST",
    ("HELD", "CONSENT"): "CONSENT",
    ("HELD", "RETURNED"): "RETURNED",
    ("LOST", "RETURNED"): "RETURNED",
    ("ENTITLED", "DELIVERED"): "DELIVERED",
}
"""The specification's table; every other fact moves nothing."""


def voted(leg: Leg, fact: Fact, *members: int, committee: Committee = COMMITTEE) -> Leg:
    for member in members:
        counted = count(leg, fact, MemberIndex(Uint32(member)), committee)
        assert counted is not None
        leg = counted
    return leg


def test_the_table_is_the_specifications() -> None:
    """No row is missing, and none was added in silence."""
    assert {(state.name, fact.name): after.name for (state, fact), after in TRANSITIONS.items()} == MOVES


@pytest.mark.parametrize("fact", Fact)
@pytest.mark.parametrize("state", LegState)
def test_every_fact_in_every_state(state: LegState, fact: Fact) -> None:
    """A quorum's fact moves the leg along the table, or stands and moves nothing; fewer votes do neither."""
    leg = Leg(state, ())
    almost = voted(leg, fact, 3, 1)
    assert (almost.state, almost.stands(fact)) == (state, False)
    moved = voted(almost, fact, 0)
    assert (moved.state.name, moved.stands(fact)) == (MOVES.get((state.name, fact.name), state.name), True)


def test_the_same_vote_counts_once() -> None:
    """A member that repeats itself adds nothing, before the fact stands and after."""
    leg = voted(NEW_LEG, Fact.HELD, 0)
    assert count(leg, Fact.HELD, MemberIndex(Uint32(0)), COMMITTEE) is None
    leg = voted(leg, Fact.HELD, 1, 2)
    assert count(leg, Fact.HELD, MemberIndex(Uint32(2)), COMMITTEE) is None


def test_a_vote_after_the_quorum_is_kept_and_moves_nothing_again() -> None:
    """The fourth member's HELD is counted but cannot bring back a leg that has moved on since."""
    leg = voted(NEW_LEG, Fact.HELD, 0, 1, 2)
    leg = voted(leg, Fact.LOST, 0, 1, 2)
    leg = voted(leg, Fact.HELD, 3)
    assert leg.state is LegState.LOST
    assert leg.tally(Fact.HELD) == Tally(Fact.HELD, Uint32(0b1111), stands=True)


def test_a_member_may_vote_both_ways_and_counts_once_for_each() -> None:
    """Contradictory votes are evidence, not a reason to refuse either; alone they decide nothing."""
    leg = voted(voted(NEW_LEG, Fact.HELD, 3), Fact.REFUSED, 3)
    assert leg.state is LegState.PENDING
    assert [each.members for each in leg.tallies] == [0b1000, 0b1000]
    assert voted(leg, Fact.REFUSED, 0, 1).state is LegState.REFUSED
    assert voted(leg, Fact.HELD, 0, 1).state is LegState.HELD


def test_votes_for_different_facts_do_not_add_up() -> None:
    """Two who say HELD and one who says REFUSED are no quorum of anything."""
    leg = voted(voted(NEW_LEG, Fact.HELD, 0, 1), Fact.REFUSED, 2)
    assert leg.state is LegState.PENDING
    assert not any(each.stands for each in leg.tallies)


def test_tallies_stand_by_rising_fact_whatever_the_order_of_votes() -> None:
    """Two orders of the same votes make the same leg."""
    one = voted(voted(NEW_LEG, Fact.REFUSED, 0), Fact.HELD, 1)
    other = voted(voted(NEW_LEG, Fact.HELD, 1), Fact.REFUSED, 0)
    assert one == other
    assert one.tally(Fact.LOST) == Tally(Fact.LOST, Uint32(0), stands=False)


@pytest.mark.parametrize("size", [1, 4, 7, 31])
def test_the_quorum_is_the_committees(size: int) -> None:
    """One vote fewer than 2f + 1 never makes a fact stand, in any committee."""
    committee = Committee(FIRST_EPOCH, tuple(address(number + 1) for number in range(size)))
    leg = voted(NEW_LEG, Fact.HELD, *range(committee.quorum - 1), committee=committee)
    assert leg.state is LegState.PENDING
    assert voted(leg, Fact.HELD, size - 1, committee=committee).state is LegState.HELD


def test_a_commit_entitles() -> None:
    """After COMMIT the amount is the payee's, and the votes stay as they were."""
    held = voted(NEW_LEG, Fact.HELD, 0, 1, 2)
    assert entitle(held) == Leg(LegState.ENTITLED, held.tallies)
