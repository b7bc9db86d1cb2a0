"""A counter-example reads as a story, and can be replayed."""

import json

import pytest

from explorer.tiny_worlds import Drawn, HastyManager
from interlock.explorer.search import Violation, search
from interlock.explorer.story import tell
from interlock.explorer.world import WorldDisagrees

HASTY = """\
two-phase-commit-2: TCConsistent is broken after 5 steps.
It begins like this:
      transaction manager: init
      Commit sent: no
      Abort sent: no
      resource manager 1: working
      resource manager 2: working
      Prepared sent by resource manager 1: no
      Prepared sent by resource manager 2: no
      Prepared of resource manager 1 known: no
      Prepared of resource manager 2 known: no
  1. Resource manager 1 prepares, and says so.
      resource manager 1: working -> prepared
      Prepared sent by resource manager 1: no -> yes
"""


def test_a_story_says_who_did_what_and_what_changed() -> None:
    """The beginning, each step with its changes, and at last the invariant with its tag."""
    world = HastyManager(2)
    (violation,) = search(world).violations
    text = tell(world, violation).text()
    assert text.startswith(HASTY)
    assert "The transaction manager commits.\n      transaction manager: init -> committed" in text
    assert text.endswith("\nTCConsistent: resource manager 1 has committed, resource manager 2 has aborted.")


def test_a_story_can_be_replayed_from_its_json() -> None:
    """Names and arguments of the steps lead through the world to the violating state, and nowhere else."""
    world = HastyManager(2)
    (violation,) = search(world).violations
    told = json.loads(json.dumps(tell(world, violation).to_json()))
    (state,) = world.initial()
    for step in told["steps"]:
        (state,) = [
            each.state
            for each in world.steps(state)
            if (each.label.name, dict(each.label.arguments)) == (step["name"], step["arguments"])
        ]
    assert state == violation.path[-1]
    assert told["tag"] == "TCConsistent"
    assert world.violation(state) == f"{told['tag']}: {told['facts']}"
    assert told["beginning"] == world.describe(0)


def test_a_story_without_steps_is_told_too() -> None:
    """Where the beginning is wrong, there is nothing to tell but that."""
    world = Drawn(fair={"a": ""}, wrong={"a": "I6: wrong from the beginning"})
    (violation,) = search(world).violations
    assert tell(world, violation).text() == (
        "drawn: I6 is broken after 0 steps.\n"
        "It begins like this:\n      place: a\n      weather: fine\n"
        "I6: wrong from the beginning."
    )


def test_a_way_without_labels_is_a_defect_of_the_world() -> None:
    """A step that `successors` knows and `steps` does not is never told as something else."""
    with pytest.raises(WorldDisagrees, match="'a' to 'z'"):
        tell(Drawn(fair={"a": "b"}), Violation("I1", "made up", ("a", "z")))
