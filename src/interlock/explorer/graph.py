"""The graph of what was visited, in compact arrays: four bytes a transition, eight a state.

States are known by number, in the order in which they were found. The successors of a state stand side by side, fair
ones first. No parents are kept: breadth-first numbering means that the first transition into a state came from its
parent, one level up, so that a shortest path is found again by looking through the transitions of each level once.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import add


class Graph:
    """States by number and the transitions between them, level by level."""

    def __init__(self) -> None:
        self.targets = array("I")
        """All transitions' targets, by rising source."""
        self.begins = array("I", [0])
        """Where the transitions of each expanded state begin in `targets`; one more at the end."""
        self.fair_ends = array("I")
        """Where the fair ones of each expanded state end in `targets`."""
        self.levels = array("I", [0])
        """The number of the first state of each level; one more at the end."""

    @property
    def transitions(self) -> int:
        """How many there are."""
        return len(self.targets)

    @property
    def depth(self) -> int:
        """How many steps the farthest state is away from where the world begins."""
        return len(self.levels) - 2

    def add_level(self, size: int) -> None:
        """Begin the next level: this many states, numbered from the last level's end."""
        self.levels.append(self.levels[-1] + size)

    def add_transitions(self, targets: Iterable[int], degrees: Sequence[int], fair_degrees: Sequence[int]) -> None:
        """Add the transitions of the next states in order."""
        start = self.begins.pop()
        self.targets.extend(targets)
        self.begins.extend(accumulate(degrees, initial=start))
        # Both sequences run in step, and map ends with the shorter.
        self.fair_ends.extend(map(add, self.begins[-len(degrees) - 1 :], fair_degrees))

    def path_to(self, state: int) -> list[int]:
        """Give the numbers of the states on a shortest path, from where the world begins to this one."""
        path = [state]
        for level in range(bisect_right(self.levels, state) - 2, -1, -1):
            first, last = self.begins[self.levels[level]], self.begins[self.levels[level + 1]]
            into = self.targets.index(path[-1], first, last)
            path.append(bisect_right(self.begins, into) - 1)
        return path[::-1]
