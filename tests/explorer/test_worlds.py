"""Every world that ships keeps what the search relies on."""

import re
from collections import Counter

import pytest

from interlock.explorer.search import search
from interlock.explorer.world import Expanding
from interlock.explorer.worlds import WORLDS, WorldEntry

SAMPLE_STATES = 500
"""States of each world whose steps are compared one by one."""

SLICE = [each for each in WORLDS if each.in_slice]


def names(entry: WorldEntry) -> str:
    return entry.name


@pytest.mark.parametrize("entry", SLICE, ids=names)
def test_a_world_of_the_slice_passes_with_the_states_that_are_committed(entry: WorldEntry) -> None:
    """Every invariant holds in every state, and there are exactly as many as the registry says."""
    result = search(entry.build(), states_max=entry.expected)
    assert (result.violations, result.gap) == ((), None)
    assert result.states == entry.expected
    assert result.world == entry.name


@pytest.mark.parametrize("entry", WORLDS, ids=names)
def test_labelled_and_unlabelled_steps_are_the_same(entry: WorldEntry) -> None:
    """What the search walks is what the stories tell: in many states, steps, successors and expansion agree."""
    world = entry.build()
    seen = dict.fromkeys(world.initial())
    todo = list(seen)
    for state in todo:
        fair, others = world.successors(state)
        told = Counter((step.state, step.is_fair) for step in world.steps(state))
        assert told == Counter([*((each, True) for each in fair), *((each, False) for each in others)])
        assert state not in fair
        assert state not in others
        if isinstance(world, Expanding):
            nexts, degrees, fair_degrees = world.expand([state])
            assert (nexts, degrees, fair_degrees) == ([*fair, *others], [len(fair) + len(others)], [len(fair)])
        new = [each for each in (*fair, *others) if each not in seen]
        if len(seen) < SAMPLE_STATES:
            seen.update(dict.fromkeys(new))
            todo.extend(dict.fromkeys(new))


def test_the_registry_is_in_order() -> None:
    """Names are unique and can be typed; each world is described by one sentence."""
    assert len({each.name for each in WORLDS}) == len(WORLDS)
    for entry in WORLDS:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry.name)
        assert entry.summary.endswith(".")
        assert entry.expected > 0
