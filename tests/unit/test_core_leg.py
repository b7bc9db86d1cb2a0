"""The life of one leg: every fact that stands, in every state, and what a decision makes of it."""

import pytest

from interlock.core.attestation import Fact, stands
from interlock.core.leg import NEW_LEG, TRANSITIONS, Leg, LegState, end_pivot, entitle, establish
from interlock.encoding.values import Uint32

MOVES = {
    ("PENDING", "HELD"): "HELD",
    ("PENDING", "REFUSED"): "REFUSED",
    ("PENDING", "CONSENT"): "CONSENT",
    ("PENDING", "RETURNED"): "TOMBSTONED",
    ("REFUSED", "HELD"): "HELD",
    ("REFUSED", "CONSENT"): "CONSENT",
    ("REFUSED", "RETURNED"): "TOMBSTONED",
    ("HELD", "LOST"): "LOST",
    ("HELD", "CONSENT"): "CONSENT",
    ("HELD", "RETURNED"): "RETURNED",
    ("LOST", "RETURNED"): "RETURNED",
    ("LOST", "CONSENT"): "CONSENT",
    ("ENTITLED", "DELIVERED"): "DELIVERED",
    ("ENTITLED", "CONSENT"): "CONSENT",
}
"""The specification's table; every other fact moves nothing."""


def test_the_table_is_the_specifications() -> None:
    """No row is missing, and none was added in silence."""
    assert {(state.name, fact.name): after.name for (state, fact), after in TRANSITIONS.items()} == MOVES


@pytest.mark.parametrize("fact", Fact)
@pytest.mark.parametrize("state", LegState)
def test_every_fact_in_every_state(state: LegState, fact: Fact) -> None:
    """A fact that stands moves the leg along the table, or stands and moves nothing."""
    moved = establish(Leg(state, Uint32(0)), fact)
    assert moved.state.name == MOVES.get((state.name, fact.name), state.name)
    assert [each for each in Fact if moved.stands(each)] == [fact]


def test_what_stands_stays() -> None:
    """Facts are gathered, in any order to the same set, and one that stood before is no other leg."""
    one = establish(establish(NEW_LEG, Fact.REFUSED), Fact.HELD)
    assert [each for each in Fact if one.stands(each)] == [Fact.HELD, Fact.REFUSED]
    assert one.stood == establish(establish(NEW_LEG, Fact.HELD), Fact.REFUSED).stood
    assert establish(one, Fact.REFUSED) == one


def test_nothing_stands_about_a_new_leg() -> None:
    """Before the first quorum no fact stands, whatever its number."""
    assert NEW_LEG.state is LegState.PENDING
    assert not any(NEW_LEG.stands(each) for each in Fact)
    assert all(stands(1 << fact, each) == (each is fact) for fact in Fact for each in Fact)


@pytest.mark.parametrize("state", LegState)
def test_a_commit_entitles(state: LegState) -> None:
    """After COMMIT a held amount is the payee's, also one that is lost; what stands stays, and no other leg moves."""
    before = Leg(state, Uint32(1 << Fact.HELD))
    is_owed = state in {LegState.HELD, LegState.LOST}
    assert entitle(before) == (Leg(LegState.ENTITLED, before.stood) if is_owed else before)


@pytest.mark.parametrize("state", [LegState.EXECUTED, LegState.NEVER])
def test_the_pivots_word_moves_its_legs(state: LegState) -> None:
    """EXECUTED or NEVER is the end of a pivot's leg; what stands about it stays."""
    assert end_pivot(Leg(LegState.PENDING, Uint32(2)), state) == Leg(state, Uint32(2))


@pytest.mark.parametrize(
    ("leg", "is_stuck"),
    [
        (Leg(LegState.ENTITLED, Uint32(1 << Fact.HELD)), False),
        (Leg(LegState.ENTITLED, Uint32(1 << Fact.HELD | 1 << Fact.LOST)), True),
        (Leg(LegState.LOST, Uint32(1 << Fact.HELD | 1 << Fact.LOST)), False),
        (Leg(LegState.DELIVERED, Uint32(1 << Fact.HELD | 1 << Fact.LOST)), False),
    ],
)
def test_a_leg_is_stuck_while_what_is_owed_is_lost(leg: Leg, is_stuck: bool) -> None:  # noqa: FBT001 - a table's column
    """Only where the payee is entitled and the ledger has let the amount go."""
    assert leg.is_stuck is is_stuck
