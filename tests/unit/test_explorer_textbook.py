"""The search counts what is known of two-phase commit."""

import pytest

from interlock.explorer.search import search
from interlock.explorer.textbook import ABORTED, COMMITTED, PREPARED, TwoPhaseCommit
from interlock.explorer.worlds import WORLDS


@pytest.mark.parametrize(("managers", "states"), [(2, 56), (3, 288), (4, 1_568), (5, 8_832), (6, 50_816)])
def test_two_phase_commit_has_the_states_that_are_known(managers: int, states: int) -> None:
    """The reachable states of the TLA+ example, exactly; it is consistent, and always comes to an end."""
    result = search(TwoPhaseCommit(managers))
    assert result.states == states
    assert result.passes
    assert result.depth == 3 * managers + 1


def test_the_registry_commits_the_counts_that_are_known() -> None:
    """`interlock explore` fails where the search counts otherwise."""
    counts = {each.name: each.expected for each in WORLDS if each.name.startswith("two-phase-commit-")}
    assert counts == {
        "two-phase-commit-2": 56,
        "two-phase-commit-3": 288,
        "two-phase-commit-4": 1_568,
        "two-phase-commit-5": 8_832,
        "two-phase-commit-6": 50_816,
    }


@pytest.mark.parametrize(
    ("first", "second", "is_wrong", "is_end"),
    [
        (COMMITTED, ABORTED, True, True),
        (ABORTED, COMMITTED, True, True),
        (COMMITTED, COMMITTED, False, True),
        (ABORTED, ABORTED, False, True),
        (COMMITTED, PREPARED, False, False),
        (PREPARED, ABORTED, False, False),
    ],
)
def test_one_committed_and_one_aborted_is_wrong(first: int, second: int, *, is_wrong: bool, is_end: bool) -> None:
    """Consistency is broken by exactly one of each, and the end is when nobody is undecided."""
    world = TwoPhaseCommit(2)
    state = world.rm_states[0].put(world.rm_states[1].put(0, second), first)
    found = world.violation(state)
    assert (found is not None) is is_wrong
    assert found is None or found.startswith("TCConsistent: ")
    assert world.is_end(state) is is_end


def test_the_steps_have_the_names_of_the_source() -> None:
    """Whoever knows the TLA+ module finds its seven actions."""
    assert {each.label.name for each in TwoPhaseCommit(3).actions()} == {
        "TMRcvPrepared",
        "TMCommit",
        "TMAbort",
        "RMPrepare",
        "RMChooseToAbort",
        "RMRcvCommitMsg",
        "RMRcvAbortMsg",
    }
