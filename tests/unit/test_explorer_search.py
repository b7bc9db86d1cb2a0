"""The search visits everything once, finds what is wrong by the shortest way, and admits what it did not see."""

import os
import random
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

import pytest

from explorer.tiny_worlds import Counter, Drawn, HastyManager
from interlock.explorer import search as search_module
from interlock.explorer.search import Progress, Result, search
from interlock.explorer.textbook import TwoPhaseCommit
from interlock.explorer.world import Expansion, WorldDisagrees

SQUARE = Drawn(fair={"a": "b c", "b": "d", "c": "d", "d": ""}, ends="d")


def test_every_state_and_transition_is_counted_once() -> None:
    """A state that is reached by two ways is one state; the ways to it are two."""
    result = search(SQUARE)
    assert (result.states, result.transitions, result.depth) == (4, 4, 2)
    assert result.passes
    assert result.is_complete


def test_what_cannot_be_reached_is_not_counted() -> None:
    """Only what follows from the beginning is visited."""
    result = search(Drawn(fair={"a": "b", "c": "b"}, wrong={"c": "I1: nobody comes here"}, ends="b"))
    assert result.states == 2
    assert result.passes


def test_the_counter_example_is_the_shortest() -> None:
    """Of a long and a short way into a wrong state, the short one is told."""
    world = Drawn(
        fair={"a": "b x", "b": "c", "c": "wrong", "x": "wrong", "wrong": ""}, wrong={"wrong": "I2: this: is wrong"}
    )
    (violation,) = search(world).violations
    assert violation.path == ("a", "x", "wrong")
    assert (violation.tag, violation.facts) == ("I2", "this: is wrong")


def test_the_search_ends_with_the_level_in_which_something_is_wrong() -> None:
    """One violation of each tag is told, the result is no pass, and it does not claim to have seen everything."""
    world = Drawn(
        fair={"a": "b c d", "b": "e", "e": "f"},
        wrong={"b": "I1: one", "c": "I2: two", "d": "I1: three", "f": "I3: farther away"},
    )
    result = search(world)
    assert [(each.tag, each.facts, each.path) for each in result.violations] == [
        ("I1", "one", ("a", "b")),
        ("I2", "two", ("a", "c")),
    ]
    assert not result.passes
    assert not result.is_complete
    assert result.states == 4


def test_a_wrong_beginning_is_found() -> None:
    """The state in which a world begins is checked as any other."""
    (violation,) = search(Drawn(fair={"a": ""}, wrong={"a": "I6: wrong from the beginning"})).violations
    assert violation.path == ("a",)


@pytest.mark.parametrize("states_max", [1, 3, 50])
def test_a_search_that_stops_at_its_bound_never_passes(states_max: int) -> None:
    """More states than the bound: a gap with the bound in it, no violation, no pass, no claim about liveness."""
    result = search(TwoPhaseCommit(2), states_max=states_max)
    assert not result.passes
    assert not result.is_complete
    assert result.gap is not None
    assert str(states_max) in result.gap
    assert result.violations == ()


def test_a_bound_that_is_just_met_is_not_passed() -> None:
    """As many states as the bound allows are all seen."""
    assert search(TwoPhaseCommit(2), states_max=56).passes


def test_a_broken_invariant_inside_a_step_is_a_counter_example() -> None:
    """What the core refuses to compute is told with the way to it and the step that breaks it, not as a defect."""
    result = search(Counter(3, breaks_at=4))
    (violation,) = result.violations
    assert violation.tag == "I4"
    assert violation.facts == "the second counter is full; in the step: the clock lets the second counter rise"
    assert [(state & 7, state >> 3) for state in violation.path] == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert not result.is_complete


def test_expand_and_successors_must_break_alike() -> None:
    """A world whose quick steps break an invariant that its single ones keep is a defect, and is told as one."""

    class TwoFaced(Counter):
        def expand(self, states: Sequence[int]) -> Expansion[int]:
            if len(states) > 1:
                Counter(3, breaks_at=1).expand([0])
            return super().expand(states)

    with pytest.raises(WorldDisagrees):
        search(TwoFaced(3))


@pytest.mark.parametrize("wrong", [([1], [2], [1]), ([1], [1, 0], [1, 0]), ([1], [1], [])])
def test_degrees_that_do_not_fit_are_a_defect(wrong: tuple[list[int], list[int], list[int]]) -> None:
    """A transition is never booked for a state that it does not leave."""

    class Miscounting(Counter):
        def expand(self, states: Sequence[int]) -> Expansion[int]:
            del states
            return Expansion(*wrong)

    with pytest.raises(WorldDisagrees, match="degrees"):
        search(Miscounting(3))


@pytest.mark.parametrize("seed", range(40))
def test_the_search_agrees_with_a_plain_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On random graphs, counts, depth, length of the way and stuck states are those of a search without any craft."""
    monkeypatch.setattr(search_module, "CHUNK_STATES", 3)
    dice = random.Random(seed)
    size = dice.randint(1, 40)
    places = [f"p{number}" for number in range(size)]
    arrows = [
        {each: " ".join(dice.choices(places, k=dice.choice((0, 0, 1, 1, 2)))) for each in places} for _ in range(2)
    ]
    world = Drawn(fair=arrows[0], others=arrows[1], ends=" ".join(dice.sample(places, k=size // 4)))
    distances, stuck = plainly(world)
    result = search(world)
    assert result.states == len(distances)
    assert result.depth == max(distances.values())
    assert result.transitions == sum(len(list(chain(*world.successors(each)))) for each in distances)
    assert [each.tag for each in result.violations] == (["I7"] if stuck else [])
    for violation in result.violations:
        assert violation.path[-1] in stuck
        assert len(violation.path) - 1 == min(distances[each] for each in stuck)
        assert all(after in chain(*world.successors(before)) for before, after in pairwise(violation.path))


def plainly(world: Drawn) -> tuple[dict[str, int], set[str]]:
    """Give the distance of every state that can be reached, and the stuck ones."""
    (first,) = world.initial()
    distances, todo = {first: 0}, deque([first])
    while todo:
        state = todo.popleft()
        for each in chain(*world.successors(state)):
            if each not in distances:
                distances[each] = distances[state] + 1
                todo.append(each)
    saved: set[str] = set()
    while more := {
        each
        for each in distances.keys() - saved
        if world.is_end(each) or saved.intersection(world.successors(each).fair)
    }:
        saved |= more
    return distances, distances.keys() - saved


def test_progress_is_told_by_the_clock() -> None:
    """Whoever watches hears of growing numbers, no oftener than the named period."""
    ticks = iter(range(10_000))
    heard: list[Progress] = []
    result = search(Counter(6), on_progress=heard.append, clock=lambda: next(ticks) / 10)
    assert heard
    assert [each.states for each in heard] == sorted(each.states for each in heard)
    times = [each.seconds for each in heard]
    assert all(after - before >= search_module.PROGRESS_EVERY_S - 1e-9 for before, after in pairwise(times))
    assert result.states == 64 * 64


TOLD = """
from explorer.tiny_worlds import Drawn, HastyManager
from interlock.explorer.search import search
from interlock.explorer.story import tell

places = [f"place-{number}" for number in range(300)]
arrows = {each: " ".join(places[(7 * number + k) % 300] for k in (1, 5, 11)) for number, each in enumerate(places)}
for world in (Drawn(fair=arrows, wrong={places[219]: "I5: found"}), HastyManager(3)):
    result = search(world)
    print(result.states, result.transitions, result.depth)
    for violation in result.violations:
        print(tell(world, violation).text())
"""


def test_two_runs_tell_the_same_whatever_the_hashes_of_text_are() -> None:
    """Counts, depth and stories do not depend on PYTHONHASHSEED."""
    told = list(told_with_seeds("0", "1", "77"))
    assert told[0] == told[1] == told[2]
    assert "I5: found" in told[0]
    assert "TCConsistent" in told[0]


def told_with_seeds(*seeds: str) -> Iterator[str]:
    for seed in seeds:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", TOLD], env=environment, capture_output=True, text=True, check=True)
        yield done.stdout


def test_a_wrong_protocol_is_found_by_the_shortest_way() -> None:
    """A manager that commits too early is caught after five steps, and no way is shorter."""
    result: Result[int] = search(HastyManager(2))
    (violation,) = result.violations
    assert violation.tag == "TCConsistent"
    assert len(violation.path) == 6
