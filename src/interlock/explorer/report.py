"""What is reported of one world: its figures, its stories, and whether it passes."""

from dataclasses import dataclass

from interlock.explorer.search import Result
from interlock.explorer.story import Story, tell
from interlock.explorer.world import S, World
from interlock.explorer.worlds import WorldEntry


@dataclass(frozen=True, slots=True)
class Report:
    """What a search of one world of the registry found; it travels from process to process."""

    world: str
    states: int
    expected: int
    """The count that is committed for it."""
    transitions: int
    depth: int
    """Steps from the beginning to the farthest state."""
    seconds: float
    stories: tuple[Story, ...]
    """One for each tag that was violated."""
    gap: str | None
    """Why not everything was seen; None where it was."""

    @property
    def states_per_s(self) -> int:
        """How quick it was, its checks included."""
        return round(self.states / self.seconds) if self.seconds else 0

    @property
    def failure(self) -> str | None:
        """Give in one sentence why it does not pass; None where it does."""
        if self.stories:
            return f"{self.world} breaks {', '.join(each.tag for each in self.stories)}"
        if self.gap is not None:
            return f"{self.world} was not seen whole: {self.gap}"
        if self.states != self.expected:
            return f"{self.world} has {self.states} states, not the {self.expected} that are committed"
        return None

    def to_json(self) -> dict[str, object]:
        """Give the report as what JSON can hold."""
        return {
            "world": self.world,
            "states": self.states,
            "expected": self.expected,
            "transitions": self.transitions,
            "depth": self.depth,
            "seconds": round(self.seconds, 3),
            "states_per_s": self.states_per_s,
            "complete": self.gap is None,
            "violations": len(self.stories),
            "failure": self.failure,
            "stories": [each.to_json() for each in self.stories],
        }


def report_of(entry: WorldEntry, world: World[S], result: Result[S]) -> Report:
    """Report the search of a registry's world, with the story of each violation."""
    return Report(
        world=entry.name,
        states=result.states,
        expected=entry.expected,
        transitions=result.transitions,
        depth=result.depth,
        seconds=result.seconds,
        stories=tuple(tell(world, each) for each in result.violations),
        gap=result.gap,
    )
