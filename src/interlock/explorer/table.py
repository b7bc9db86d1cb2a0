"""Worlds as tables of actions: what each one looks at, and what it makes of it.

An action sees a few fields of the state and no others. So what it does is computed once for each combination of values
that they really take, and looked up ever after; the looked-up results are summed over groups of actions, and added to
whole chunks of states by C loops. An action may therefore be as slow as a call into the settlement core.

The numbers that `Interner`s give depend on the order of the search, which is always the same.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import repeat
from operator import add
from typing import Generic, TypeVar

from interlock.explorer.fields import Field, Layout
from interlock.explorer.world import Expansion, Label, Step, Successors

R = TypeVar("R")

GROUP_BITS_MAX = 12
"""Bits of the state that one group of actions looks at: fewer make more look-ups for each state, more make more
combinations to fill in, each once. 12 was quickest for two-phase commit with 6 resource managers, of 8 to 24."""


@dataclass(frozen=True, slots=True)
class Action:
    """One row of a world's table."""

    label: Label
    fields: tuple[Field, ...]
    """All that it looks at and all that it changes."""
    change: Callable[..., Sequence[int] | None]
    """Given the values of `fields` in their order, give their next values; None where it cannot happen."""
    is_fair: bool = True
    """It happens sooner or later where it stays possible; a fault or a free choice is not fair."""


class Lookup(dict[int, R], Generic[R]):
    """What a function makes of some bits of a state, computed once for each combination of them.

    Worlds use it for their own checks: `self._verdicts[state & mask]`.
    """

    def __init__(self, compute: Callable[[int], R]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, bits: int) -> R:
        result = self[bits] = self._compute(bits)
        return result


class TableWorld(ABC):
    """A world whose steps are a table of actions over packed fields. Subclasses say where it begins and what is wrong.

    To be `Expanding`, and so quick, is what the table is for.
    """

    checks_liveness = True

    def __init__(self, name: str, layout: Layout, actions: Sequence[Action]) -> None:
        self.name = name
        self._layout = layout
        # Fair ones first, as the search numbers them; otherwise in the order of the table.
        self._rows = [(action, mask_of(action.fields), Lookup(_delta_of(action))) for action in actions]
        self._rows.sort(key=lambda row: not row[0].is_fair)
        self._fair = _groups([row for row in self._rows if row[0].is_fair])
        self._others = _groups([row for row in self._rows if not row[0].is_fair])

    @abstractmethod
    def initial(self) -> Sequence[int]:
        """Give the states in which it can begin; at least one."""

    @abstractmethod
    def violation(self, state: int) -> str | None:
        """Give `TAG: facts` where this state must never be, else None."""

    @abstractmethod
    def is_end(self, state: int) -> bool:
        """Tell whether all that had to happen has happened here."""

    def expand(self, states: Sequence[int]) -> Expansion[int]:
        """Give what can follow each of these states, as flat lists."""
        fair = list(_deltas(self._fair, states))
        every = list(map(add, fair, _deltas(self._others, states)))
        return Expansion(
            nexts=[state + delta for state, deltas in zip(states, every, strict=True) for delta in deltas],
            degrees=list(map(len, every)),
            fair_degrees=list(map(len, fair)),
        )

    def successors(self, state: int) -> Successors[int]:
        """Give what can follow one state."""
        nexts, _, (fair_degree,) = self.expand([state])
        return Successors(nexts[:fair_degree], nexts[fair_degree:])

    def steps(self, state: int) -> Iterator[Step[int]]:
        """Give what can follow one state, with labels."""
        for action, mask, deltas in self._rows:
            if delta := deltas[state & mask]:
                yield Step(action.label, state + delta, action.is_fair)

    def describe(self, state: int) -> Mapping[str, str]:
        """Give every field in words."""
        return self._layout.describe(state)


def mask_of(fields: Iterable[Field]) -> int:
    """Give the bits of all these fields."""
    mask = 0
    for field in fields:
        mask |= field.mask
    return mask


_Row = tuple[Action, int, Lookup[int]]
"""An action, the bits that it looks at, and what it adds to a state with those bits: 0 where it cannot happen."""

_Group = tuple[int, Lookup[tuple[int, ...]]]
"""The bits that some actions look at together, and what each possible one adds to a state with those bits."""


def _delta_of(action: Action) -> Callable[[int], int]:
    """Give a function from the bits that an action looks at to what it adds to the state."""

    def delta(bits: int) -> int:
        try:
            values = action.change(*(field.of(bits) for field in action.fields))
        except RuntimeError as error:
            # An invariant that breaks inside a step: whoever reads of it wants to know in which.
            error.add_note(f"in the step: {action.label.sentence}")
            raise
        if values is None:
            return 0
        changed = bits
        for field, value in zip(action.fields, values, strict=True):
            changed = field.put(changed, value)
        return changed - bits

    return delta


def _groups(rows: Iterable[_Row]) -> list[_Group]:
    """Put rows that look at the same bits together, and neighbours with them up to `GROUP_BITS_MAX`."""
    groups: list[tuple[int, list[_Row]]] = []
    for row in rows:
        for index, (mask, members) in enumerate(groups):
            both = mask | row[1]
            if both == mask or both.bit_count() <= GROUP_BITS_MAX:
                groups[index] = (both, [*members, row])
                break
        else:
            groups.append((row[1], [row]))
    return [(mask, Lookup(_deltas_of(members))) for mask, members in groups]


def _deltas_of(rows: Sequence[_Row]) -> Callable[[int], tuple[int, ...]]:
    """Give a function from the bits of a group to what each of its actions that can happen adds to the state."""

    def deltas(bits: int) -> tuple[int, ...]:
        return tuple(delta for _, mask, lookup in rows if (delta := lookup[bits & mask]))

    return deltas


def _deltas(groups: Sequence[_Group], states: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Give for each state what all possible actions of these groups add to it."""
    found = [map(lookup.__getitem__, map(mask.__and__, states)) for mask, lookup in groups]
    return reduce(partial(map, add), found) if found else repeat((), len(states))
