"""A counter-example told as a story: who did what, what changed, and which invariant that breaks.

The same story is data, too: the labels of its steps, with their arguments, are what a simulator replays.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from interlock.explorer.search import Violation
from interlock.explorer.world import Label, S, World, WorldDisagrees

_INDENT = "      "


@dataclass(frozen=True, slots=True)
class Change:
    """One part of the world that a step changed."""

    part: str
    before: str
    """In words; empty where the part was not there."""
    after: str


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One step of a story."""

    label: Label
    is_fair: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A shortest way into something that must never be."""

    world: str
    tag: str
    """The invariant that is broken at its end."""
    facts: str
    beginning: Mapping[str, str]
    """Every part of the world, in words, before the first step."""
    steps: tuple[StoryStep, ...]

    def text(self) -> str:
        """Give the story in plain English, several lines."""
        return "\n".join(self._lines())

    def to_json(self) -> dict[str, object]:
        """Give the story as what JSON can hold; `steps` has all that is needed to replay it."""
        return {
            "tag": self.tag,
            "facts": self.facts,
            "beginning": dict(self.beginning),
            "steps": [
                {
                    "name": step.label.name,
                    "arguments": dict(step.label.arguments),
                    "actor": step.label.actor,
                    "sentence": step.label.sentence,
                    "is_fair": step.is_fair,
                    "changes": [[each.part, each.before, each.after] for each in step.changes],
                }
                for step in self.steps
            ],
        }

    def _lines(self) -> Iterator[str]:
        steps = "1 step" if len(self.steps) == 1 else f"{len(self.steps)} steps"
        yield f"{self.world}: {self.tag} is broken after {steps}."
        yield "It begins like this:"
        for part, value in self.beginning.items():
            yield f"{_INDENT}{part}: {value}"
        for number, step in enumerate(self.steps, 1):
            sentence = step.label.sentence
            yield f"{number:>3}. {sentence[:1].upper()}{sentence[1:]}."
            for each in step.changes:
                yield f"{_INDENT}{each.part}: {each.before or 'nothing'} -> {each.after or 'nothing'}"
        yield f"{self.tag}: {self.facts}."


def tell(world: World[S], violation: Violation[S]) -> Story:
    """Tell a violation that the search found in this world; WorldDisagrees where a step on its way has no label."""
    steps = []
    for before, after in pairwise(violation.path):
        step = next((each for each in world.steps(before) if each.state == after), None)
        if step is None:
            raise WorldDisagrees(f"{world.name}: no labelled step leads from {before!r} to {after!r}")
        changes = _changes(world.describe(before), world.describe(after))
        steps.append(StoryStep(step.label, step.is_fair, changes))
    beginning = world.describe(violation.path[0])
    return Story(world.name, violation.tag, violation.facts, beginning, tuple(steps))


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """Give the parts that differ, in the order in which the world names them."""
    parts = dict.fromkeys((*before, *after))
    changes = (Change(part, before.get(part, ""), after.get(part, "")) for part in parts)
    return tuple(each for each in changes if each.before != each.after)
