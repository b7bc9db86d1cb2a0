"""Liveness: from every state that can be reached, an end can be reached by fair steps alone (I7).

Whatever faults and choices brought the world where it is: from there on, what surely happens must be able to bring it
to an end. A state from which it cannot is *stuck*: a dead end, or a circle without a way out.
"""

from array import array
from collections.abc import Sequence
from itertools import accumulate

from interlock.explorer.graph import Graph


def stuck_states(graph: Graph, ends: bytearray) -> list[int]:
    """Give the numbers of all stuck states, by rising number, so that the first is as near to the beginning as any.

    `ends` has a 1 for each state that is an end. Works backwards from the ends over the fair transitions. Most states
    have a fair successor further on, so one sweep from the last state to the first settles nearly all of them; a sweep
    that settles less than half of what is left gives way to a walk over reversed transitions. Linear either way.
    """
    saved = bytearray(ends)
    todo: Sequence[int] = range(len(saved) - 1, -1, -1)
    left = len(saved) - saved.count(1)
    while left:
        todo = _sweep(graph, saved, todo)
        if len(todo) == left:
            break
        if len(todo) > left // 2:
            todo = _walk_back(graph, saved, todo)
            break
        left = len(todo)
    return sorted(todo) if left else []


def _sweep(graph: Graph, saved: bytearray, todo: Sequence[int]) -> list[int]:
    """Mark each state that has a fair successor which is marked; give those that have none yet, in the same order."""
    targets, begins, fair_ends = graph.targets, graph.begins, graph.fair_ends
    left = []
    for state in todo:
        if saved[state]:
            continue
        first, end = begins[state], fair_ends[state]
        # The first one is nearly always further on, and marked by now: looking at it alone is half the time of a slice.
        if first < end and (saved[targets[first]] or any(map(saved.__getitem__, targets[first + 1 : end]))):
            saved[state] = 1
        else:
            left.append(state)
    return left


def _walk_back(graph: Graph, saved: bytearray, todo: Sequence[int]) -> list[int]:
    """Mark whatever of `todo` can reach a marked state; give what cannot."""
    targets, begins, fair_ends = graph.targets, graph.begins, graph.fair_ends
    # Counting sort of the fair transitions by target, those from marked states aside: they are settled.
    counts = array("I", bytes(4 * (len(saved) + 1)))
    for state in todo:
        for target in targets[begins[state] : fair_ends[state]]:
            counts[target + 1] += 1
    ends = array("I", accumulate(counts))
    fill = ends[:]
    sources = array("I", bytes(4 * ends[-1]))
    for state in todo:
        for target in targets[begins[state] : fair_ends[state]]:
            sources[fill[target]] = state
            fill[target] += 1
    reached = [state for state in range(len(saved)) if saved[state] and ends[state] < ends[state + 1]]
    while reached:
        state = reached.pop()
        for source in sources[ends[state] : ends[state + 1]]:
            if not saved[source]:
                saved[source] = 1
                reached.append(source)
    return [state for state in todo if not saved[state]]
