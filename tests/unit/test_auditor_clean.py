"""Lawful runs are not accused, whatever happened in them, at the end as well as on the way."""

from collections.abc import Callable

import auditor_stories as lawful
import auditor_trouble as trouble
import pytest
from auditor_script import World, judge

STORIES = [*lawful.STORIES, *trouble.STORIES]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_lawful_run_is_not_accused(story: Callable[[World], None]) -> None:
    """No invariant is broken where none was, up to liveness at the end."""
    world = World()
    story(world)
    assert judge(world.finish()).verdict() == []


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_lawful_run_may_be_cut_off_anywhere(story: Callable[[World], None]) -> None:
    """Asked in the middle, the auditor accuses of nothing that is merely under way."""
    world = World()
    story(world)
    auditor = judge([])
    for event in world.events:
        auditor.feed(event)
        assert auditor.verdict() == []
