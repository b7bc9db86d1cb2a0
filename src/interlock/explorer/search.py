"""Exhaustive breadth-first search: every state of a world, each once, and what is wrong with any of them.

Safety is checked in every state as it is found, so the first counter-example is as short as any; the search ends with
the level in which one was found. Liveness is checked when all states are known. A search that had to stop before it
saw everything says so, and never passes.

All per-transition work is done by C loops over a chunk of states: a `defaultdict` numbers the states in the order in
which they are found, and keeps them in that order.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from typing import Generic, NamedTuple

from interlock.core.invariants import BrokenInvariant
from interlock.explorer.graph import Graph
from interlock.explorer.liveness import stuck_states
from interlock.explorer.world import Expanding, Expansion, S, World, WorldDisagrees

STATES_MAX = 8_000_000
"""States in one search, unless the caller says otherwise: about 1 GiB where they are packed integers, 2 as tuples."""

CHUNK_STATES = 512
"""States expanded in one go: enough to make the loop around them free, few enough to stay in the processor's cache."""

PROGRESS_EVERY_S = 0.2
"""Seconds between two reports of progress: as often as an eye can use."""

LIVENESS = "I7"
"""The tag of a stuck state."""


class Progress(NamedTuple):
    """How far a search has come."""

    states: int
    frontier: int
    """States of the present level; their successors are being found."""
    depth: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Violation(Generic[S]):
    """Something that must never be, and a shortest way to it."""

    tag: str
    """The invariant: I1 to I8, or the world's own name for it."""
    facts: str
    path: tuple[S, ...]
    """The states from where the world begins to the violating one."""


@dataclass(frozen=True, slots=True)
class Result(Generic[S]):
    """What a search found."""

    world: str
    states: int
    """Distinct states."""
    transitions: int
    """Steps between them, each as often as the world gave it."""
    depth: int
    """Steps from the beginning to the farthest state."""
    seconds: float
    violations: tuple[Violation[S], ...]
    """One for each tag that was violated, the shortest."""
    gap: str | None
    """Why not everything was seen; None where it was."""

    @property
    def is_complete(self) -> bool:
        """Whether every state was seen and checked."""
        return self.gap is None

    @property
    def passes(self) -> bool:
        """Whether every state was seen, and nothing is wrong with any."""
        return self.is_complete and not self.violations


def search(
    world: World[S],
    *,
    states_max: int = STATES_MAX,
    on_progress: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Result[S]:
    """Visit every state of a world and check each.

    A `BrokenInvariant` that the world's steps raise is a violation of the state from which they were tried.
    """
    return _Search(world, states_max, on_progress, clock).run()


class _Search(Generic[S]):
    """One search under way."""

    def __init__(
        self,
        world: World[S],
        states_max: int,
        on_progress: Callable[[Progress], None],
        clock: Callable[[], float],
    ) -> None:
        self._world = world
        self._expand = world.expand if isinstance(world, Expanding) else self._expand_singly
        self._states_max = states_max
        self._on_progress = on_progress
        self._clock = clock
        self._began_s = self._reported_s = clock()
        self._numbers: defaultdict[S, int] = defaultdict(count().__next__)
        self._graph = Graph()
        self._ends = bytearray()
        self._violations: list[Violation[S]] = []
        self._gap: str | None = None

    def run(self) -> Result[S]:
        """Search level by level."""
        for state in self._world.initial():
            self._numbers[state]
        level = self._next_level()
        while level and not self._violations and self._gap is None:
            self._check_safety(level)
            if not self._violations:
                self._expand_level(level)
                level = self._next_level()
        if self._violations:
            self._gap = "the search ended where an invariant was broken"
        elif self._gap is None and self._world.checks_liveness:
            self._check_liveness()
        return Result(
            world=self._world.name,
            states=len(self._numbers),
            transitions=self._graph.transitions,
            depth=self._graph.depth,
            seconds=self._clock() - self._began_s,
            violations=tuple(self._violations),
            gap=self._gap,
        )

    def _next_level(self) -> list[S]:
        """Give the states that were found and belong to no level yet."""
        size = len(self._numbers) - self._graph.levels[-1]
        if not size:
            return []
        self._graph.add_level(size)
        # The numbering keeps the order in which they were found; the newest stand at its end.
        level = list(islice(reversed(self._numbers), size))
        level.reverse()
        if self._world.checks_liveness:
            self._ends.extend(map(self._world.is_end, level))
        return level

    def _check_safety(self, level: Sequence[S]) -> None:
        """Look for states that must never be; of each tag, keep the first."""
        if not any(map(self._world.violation, level)):
            return
        for number, state in enumerate(level, self._graph.levels[-2]):
            if (found := self._world.violation(state)) is not None:
                tag, _, facts = found.partition(": ")
                if all(tag != each.tag for each in self._violations):
                    self._violations.append(Violation(tag, facts, self._path(number)))

    def _expand_level(self, level: Sequence[S]) -> None:
        """Find all that can follow the states of a level."""
        for start in range(0, len(level), CHUNK_STATES):
            chunk = level[start : start + CHUNK_STATES]
            try:
                expansion = self._expand(chunk)
            except BrokenInvariant:
                self._find_broken_step(chunk, self._graph.levels[-2] + start)
                return
            nexts, degrees, fair_degrees = expansion
            if not len(degrees) == len(fair_degrees) == len(chunk) or sum(degrees) != len(nexts):
                raise WorldDisagrees(f"{self._world.name}: the degrees that `expand` gives are not those of its states")
            self._graph.add_transitions(map(self._numbers.__getitem__, nexts), degrees, fair_degrees)
            self._report(len(level))
            if len(self._numbers) > self._states_max:
                self._gap = f"there are more than {self._states_max} states, the bound of this search"
                return

    def _expand_singly(self, states: Sequence[S]) -> Expansion[S]:
        found = list(map(self._world.successors, states))
        return Expansion(
            nexts=list(chain.from_iterable(chain.from_iterable(found))),
            degrees=[len(fair) + len(others) for fair, others in found],
            fair_degrees=[len(fair) for fair, _ in found],
        )

    def _find_broken_step(self, chunk: Sequence[S], first: int) -> None:
        """Name the first state of a chunk whose steps break an invariant."""
        for number, state in enumerate(chunk, first):
            try:
                self._world.successors(state)
            except BrokenInvariant as broken:
                facts = "; ".join([str(broken).removeprefix(f"{broken.tag}: "), *getattr(broken, "__notes__", ())])
                self._violations.append(Violation(broken.tag, facts, self._path(number)))
                return
        raise WorldDisagrees(
            f"{self._world.name}: `expand` broke an invariant, `successors` of the same states did not"
        )

    def _check_liveness(self) -> None:
        """Look for states from which no end can be reached by fair steps."""
        stuck = stuck_states(self._graph, self._ends)
        if stuck:
            facts = f"from here no end can be reached by fair steps; so it is in {len(stuck)} states"
            self._violations.append(Violation(LIVENESS, facts, self._path(stuck[0])))

    def _path(self, number: int) -> tuple[S, ...]:
        """Give the states of a shortest path to the state with this number."""
        path = self._graph.path_to(number)
        wanted = set(path)
        return tuple(state for each, state in enumerate(self._numbers) if each in wanted)

    def _report(self, frontier: int) -> None:
        now_s = self._clock()
        if now_s - self._reported_s >= PROGRESS_EVERY_S:
            self._reported_s = now_s
            self._on_progress(Progress(len(self._numbers), frontier, self._graph.depth, now_s - self._began_s))
