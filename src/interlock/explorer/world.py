"""A world: the states that can be, what can happen next in each, and what must never be.

The search asks for successors without labels, millions of times; labels are asked for only along the few states of a
story. Both must tell of the same steps.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

S = TypeVar("S", bound=Hashable)
"""A state: whatever the world chooses. Packed integers are smallest and quickest, tuples of small integers next."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a step is called, for machines and for people."""

    name: str
    """The action, as the world's source names it: `RMPrepare`."""
    actor: str
    """Who acts: `resource manager 1`."""
    does: str
    """What the actor does, present tense and without a full stop: `prepares, and tells the manager`."""
    arguments: Mapping[str, int | str] = field(default_factory=dict)
    """What replays this very step of the action: `{"rm": 1}`."""

    @property
    def sentence(self) -> str:
        """Who does what, without a full stop."""
        return f"{self.actor} {self.does}"


@dataclass(frozen=True, slots=True)
class Step(Generic[S]):
    """One labelled step out of a state."""

    label: Label
    state: S
    """The state after it."""
    is_fair: bool
    """It happens sooner or later where it stays possible; a fault or a free choice is not fair."""


class Successors(NamedTuple, Generic[S]):
    """What can follow one state, without labels."""

    fair: Sequence[S]
    """By fair steps."""
    others: Sequence[S]
    """By faults and free choices."""


class Expansion(NamedTuple, Generic[S]):
    """What can follow each of many states, without labels: flat lists, so that no object is made per step."""

    nexts: list[S]
    """The successors of the first state, fair ones first, then those of the second, and so on."""
    degrees: list[int]
    """How many successors each state has."""
    fair_degrees: list[int]
    """How many of them, the first ones, are fair."""


class World(Protocol[S]):
    """What the search needs to know of a world. Every answer depends on the arguments alone."""

    @property
    def name(self) -> str:
        """Its name in the registry, the reports and the stories."""

    @property
    def checks_liveness(self) -> bool:
        """Whether an end must stay reachable by fair steps from everywhere (I7); False opts out."""

    def initial(self) -> Sequence[S]:
        """Give the states in which it can begin; at least one."""

    def successors(self, state: S) -> Successors[S]:
        """Give the states that can follow, quickly. A step that changes nothing is no step."""

    def steps(self, state: S) -> Iterator[Step[S]]:
        """Give the same steps with their labels. Used for stories alone."""

    def violation(self, state: S) -> str | None:
        """Give `TAG: facts` where this state must never be (I1 to I6), else None."""

    def is_end(self, state: S) -> bool:
        """Tell whether all that had to happen has happened here."""

    def describe(self, state: S) -> Mapping[str, str]:
        """Give each part of a state in words, by the part's name. Used for stories alone."""


@runtime_checkable
class Expanding(Protocol[S]):
    """A world that can expand many states in one call, several times as quick as one call each."""

    def expand(self, states: Sequence[S]) -> Expansion[S]:
        """Give for all of them what `successors` gives for each, in the same order."""


class WorldDisagrees(RuntimeError):
    """A world's `successors`, `expand` and `steps` do not tell of the same steps: a defect of that world."""
