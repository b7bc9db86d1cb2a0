"""Worlds small enough to be checked by hand, and worlds that are wrong on purpose."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from interlock.core.invariants import invariant
from interlock.explorer.fields import Layout
from interlock.explorer.table import Action, TableWorld
from interlock.explorer.textbook import INIT, TM_COMMITTED, TwoPhaseCommit
from interlock.explorer.world import Label, Step, Successors


@dataclass(frozen=True)
class Drawn:
    """A world drawn as arrows between named states: `{"a": "b c", "b": ""}`; the first state is where it begins."""

    fair: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    ends: str = ""
    checks_liveness: bool = True
    name: str = "drawn"

    def initial(self) -> Sequence[str]:
        return [next(iter(self.fair))]

    def successors(self, state: str) -> Successors[str]:
        return Successors(self.fair.get(state, "").split(), self.others.get(state, "").split())

    def steps(self, state: str) -> Iterator[Step[str]]:
        for nexts, is_fair in zip(self.successors(state), (True, False), strict=True):
            for after in nexts:
                yield Step(Label("Go", "somebody", f"goes to {after}", {"to": after}), after, is_fair)

    def violation(self, state: str) -> str | None:
        return self.wrong.get(state)

    def is_end(self, state: str) -> bool:
        return state in self.ends.split()

    def describe(self, state: str) -> Mapping[str, str]:
        return {"place": state, "weather": "fine"}


class HastyManager(TwoPhaseCommit):
    """Two-phase commit in which the manager commits as soon as one resource manager is prepared."""

    def tm_commit(self) -> Action:
        def change(tm_state: int, _sent: int, *known: int) -> tuple[int, ...] | None:
            return (TM_COMMITTED, 1, *known) if tm_state == INIT and any(known) else None

        return Action(
            Label("TMCommit", "the transaction manager", "commits"),
            (self.tm_state, self.commit_sent, *self.tm_prepared),
            change,
        )


class Counter(TableWorld):
    """Two counters that rise, the first one on its own; whoever lets the second come to `breaks_at` breaks I4."""

    def __init__(self, bits: int, breaks_at: int = -1) -> None:
        layout = Layout()
        self.first = layout.number("first", bits)
        self.second = layout.number("second", bits)
        top = (1 << bits) - 1

        def rise(value: int) -> tuple[int] | None:
            return None if value == top else (value + 1,)

        def rise_unless_broken(value: int) -> tuple[int] | None:
            invariant("I4", "the second counter is full", holds=value + 1 != breaks_at)
            return rise(value)

        rows: list[tuple[str, Callable[[int], tuple[int] | None], bool]] = [
            ("First", rise, True),
            ("Second", rise_unless_broken, False),
        ]
        actions = [
            Action(Label(name, "the clock", f"lets the {name.lower()} counter rise"), (each,), change, is_fair)
            for (name, change, is_fair), each in zip(rows, (self.first, self.second), strict=True)
        ]
        super().__init__("counter", layout, actions)
        self._top = top

    def initial(self) -> Sequence[int]:
        return [0]

    def violation(self, state: int) -> str | None:
        del state
        return None

    def is_end(self, state: int) -> bool:
        return self.first.of(state) == self._top


def unbuildable() -> TwoPhaseCommit:
    """Fail as a world with a defect does."""
    raise ValueError("this world cannot be built")


def killed() -> TwoPhaseCommit:
    """Die as a process does when memory has run out."""
    os.kill(os.getpid(), signal.SIGKILL)
    return unbuildable()
