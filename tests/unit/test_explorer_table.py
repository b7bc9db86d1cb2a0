"""Packed fields and tables of actions say the same as the actions themselves."""

import random

import pytest

from explorer.tiny_worlds import Counter
from interlock.explorer import table
from interlock.explorer.fields import Interner, Layout, pack
from interlock.explorer.table import Lookup, mask_of
from interlock.explorer.textbook import TwoPhaseCommit


def test_fields_stand_side_by_side() -> None:
    """What is put into one field is read from it, and touches no other."""
    layout = Layout()
    colour = layout.choice("colour", ("red", "green", "blue"))
    is_wet = layout.flag("wet")
    weight = layout.number("weight", 7, lambda value: f"{value} kg")
    state = pack({colour: 2, weight: 100})
    assert (colour.of(state), is_wet.of(state), weight.of(state)) == (2, 0, 100)
    assert layout.describe(is_wet.put(state, 1)) == {"colour": "blue", "wet": "yes", "weight": "100 kg"}
    assert colour.put(colour.put(state, 0), 2) == state
    assert mask_of((colour, weight)) == 0b1111111011


@pytest.mark.parametrize("value", [4, 255, -1])
def test_what_does_not_fit_into_a_field_is_refused(value: int) -> None:
    """A value is never cut off: two states would be taken for one."""
    colour = Layout().number("colour", 2)
    with pytest.raises(ValueError, match="colour"):
        colour.put(0, value)


def test_the_same_value_has_the_same_number() -> None:
    """Values are numbered as they come, and found again by their number."""
    interner = Interner[str]()
    assert [interner.number(each) for each in ("a", "b", "a", "c", "b")] == [0, 1, 0, 2, 1]
    assert [interner[number] for number in range(len(interner))] == ["a", "b", "c"]


def test_a_function_is_asked_once_for_each_combination() -> None:
    """Whatever is looked up again was computed before."""
    asked = []
    squares = Lookup(lambda bits: asked.append(bits) or bits * bits)
    assert [squares[each] for each in (3, 3, 2, 3)] == [9, 9, 4, 9]
    assert asked == [3, 2]


@pytest.mark.parametrize("group_bits_max", [1, 8, 20])
def test_grouping_changes_nothing(group_bits_max: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the actions are grouped, many states at once have the successors that their labelled steps name."""
    monkeypatch.setattr(table, "GROUP_BITS_MAX", group_bits_max)
    world = TwoPhaseCommit(3)
    dice = random.Random(1)
    states = [dice.getrandbits(16) & ~3 for _ in range(200)]
    nexts, degrees, fair_degrees = world.expand(states)
    rest = iter(nexts)
    for state, degree, fair_degree in zip(states, degrees, fair_degrees, strict=True):
        steps = list(world.steps(state))
        got = [next(rest) for _ in range(degree)]
        assert sorted(got[:fair_degree]) == sorted(each.state for each in steps if each.is_fair)
        assert sorted(got[fair_degree:]) == sorted(each.state for each in steps if not each.is_fair)
    assert list(rest) == []


def test_no_states_have_no_successors() -> None:
    """An empty question has an empty answer."""
    assert Counter(2).expand([]) == ([], [], [])


def test_a_step_that_changes_nothing_is_no_step() -> None:
    """Being told a second time what is known already makes no transition."""
    world = TwoPhaseCommit(2)
    told = pack({world.abort_sent: 1, world.tm_state: 2, world.rm_states[0]: 3, world.rm_states[1]: 3})
    assert list(world.steps(told)) == []
    assert world.successors(told) == ([], [])
