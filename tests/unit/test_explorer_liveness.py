"""An end must stay reachable by fair steps, from everywhere."""

import pytest

from explorer.tiny_worlds import Drawn
from interlock.explorer import liveness
from interlock.explorer.graph import Graph
from interlock.explorer.liveness import stuck_states
from interlock.explorer.search import search


def test_a_dead_end_is_found_with_the_shortest_way_into_it() -> None:
    """A state without any step that is no end breaks I7."""
    world = Drawn(fair={"a": "b", "b": "c", "c": "end"}, others={"b": "dead"}, ends="end")
    result = search(world)
    (violation,) = result.violations
    assert violation.tag == "I7"
    assert violation.path == ("a", "b", "dead")
    assert not result.passes
    assert result.is_complete


def test_a_circle_without_a_fair_way_out_is_stuck() -> None:
    """A choice that nobody has to make is no way out, though an end is reachable by it."""
    world = Drawn(fair={"a": "b end", "b": "c", "c": "b"}, others={"c": "end"}, ends="end")
    (violation,) = search(world).violations
    assert violation.path == ("a", "b")
    assert "2 states" in violation.facts


def test_a_circle_with_a_fair_way_out_is_not_stuck() -> None:
    """Turning round for a while is allowed where something fair leads on."""
    assert search(Drawn(fair={"a": "b", "b": "c", "c": "b end"}, ends="end")).passes


def test_an_end_may_lead_on() -> None:
    """Having been at an end is enough, whatever comes later is judged on its own."""
    assert search(Drawn(fair={"end": "a", "a": "end"}, ends="end")).passes
    assert not search(Drawn(fair={"end": "a"}, ends="end")).passes


def test_a_world_may_opt_out() -> None:
    """Where liveness is no claim of a world, a dead end is no violation."""
    world = Drawn(fair={"a": "b"}, checks_liveness=False)
    assert search(world).passes


@pytest.mark.parametrize("length", [1, 2, 5, 200])
def test_a_long_way_back_is_walked_once(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each sweep would settle one state only, sweeps give way to one walk over reversed transitions."""
    # The first state leads to all others, each of which leads back to the one before it; the end comes first.
    graph = Graph()
    graph.add_level(1)
    graph.add_level(length + 1)
    graph.add_transitions(range(1, length + 2), [length + 1], [length + 1])
    graph.add_transitions([], [0], [0])
    graph.add_transitions(range(1, length + 1), [1] * length, [1] * length)
    sweeps = []
    sweep = liveness._sweep
    monkeypatch.setattr(liveness, "_sweep", lambda *given: sweeps.append(1) or sweep(*given))
    ends = bytearray(length + 2)
    ends[1] = 1
    assert stuck_states(graph, ends) == []
    assert len(sweeps) <= 2 + length.bit_length()
    assert stuck_states(graph, bytearray(length + 2)) == list(range(length + 2))


def test_what_was_found_first_is_told_first() -> None:
    """Stuck states come by rising number, so that the first is as near to the beginning as any."""
    graph = Graph()
    graph.add_level(1)
    graph.add_level(3)
    graph.add_transitions([1, 2, 3], [3], [1])
    graph.add_transitions([], [0, 0, 0], [0, 0, 0])
    assert stuck_states(graph, bytearray([0, 1, 0, 0])) == [2, 3]
