"""`interlock explore`: data on stdout, progress on stderr, and an exit code that never flatters."""

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from explorer import tiny_worlds
from interlock.cli.exit_code import ExitCode
from interlock.cli.main import run
from interlock.explorer import jobs, worlds
from interlock.explorer.jobs import SearchDied, SearchFailed, explore
from interlock.explorer.search import Progress
from interlock.explorer.worlds import WORLDS, WorldEntry

TINY = "explorer.tiny_worlds"
SMALL = WORLDS[0]
HASTY = replace(SMALL, name="hasty", factory=f"{TINY}:HastyManager", arguments=(2,))
MANY = WorldEntry("many", f"{TINY}:Counter", (11,), 2**22, in_slice=False, summary="Four million states.")


@pytest.fixture(autouse=True)
def _children_find_the_tiny_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(tiny_worlds.__file__).parents[1]))


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run `interlock explore` and give its exit code, stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        run(["explore", *arguments])
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


def test_worlds_that_pass_end_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON on stdout has the worlds in the order of their names' call, whichever ended first."""
    names = ["two-phase-commit-2", "two-phase-commit-4", "two-phase-commit-3"]
    code, out, err = call(capsys, "--json", *(word for name in names for word in ("--world", name)))
    assert code == ExitCode.DONE
    rows = json.loads(out)
    assert [row["world"] for row in rows] == names
    assert [row["states"] for row in rows] == [row["expected"] for row in rows] == [56, 1_568, 288]
    for row in rows:
        assert row["violations"] == 0
        assert row["complete"] is True
        assert row["seconds"] >= 0
    assert all(f"{name}: " in err for name in names)


def test_people_are_shown_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """One row a world, with its figures."""
    code, out, _ = call(capsys, "--world", SMALL.name)
    assert code == ExitCode.DONE
    assert out.split("\n")[0].split() == ["world", "states", "transitions", "depth", "seconds", "states/s", "result"]
    assert out.split("\n")[1].split()[:4] == [SMALL.name, "56", "105", "7"]


def test_a_violation_is_told_as_a_story_and_ends_with_4(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The story stands on stdout, the sentence on stderr."""
    monkeypatch.setattr(worlds, "WORLDS", [HASTY])
    code, out, err = call(capsys)
    assert code == ExitCode.BROKEN
    assert "TCConsistent is broken after 5 steps." in out
    assert "interlock: hasty breaks TCConsistent" in err


def test_a_violation_is_data_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON counts the violations, and has the steps of each story."""
    monkeypatch.setattr(worlds, "WORLDS", [HASTY])
    code, out, _ = call(capsys, "--json")
    (row,) = json.loads(out)
    assert code == ExitCode.BROKEN
    assert row["violations"] == 1
    assert len(row["stories"][0]["steps"]) == 5
    assert row["complete"] is False


@pytest.mark.parametrize("expected", [55, 57])
def test_another_count_than_the_committed_one_ends_with_4(
    expected: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too few states are as wrong as too many, though no invariant is broken."""
    monkeypatch.setattr(worlds, "WORLDS", [replace(SMALL, expected=expected)])
    code, _, err = call(capsys)
    assert code == ExitCode.BROKEN
    assert f"has 56 states, not the {expected} that are committed" in err


def test_a_world_that_was_not_seen_whole_ends_with_4(capsys: pytest.CaptureFixture[str]) -> None:
    """Stopping at the bound is never a pass."""
    code, out, err = call(capsys, "--json", "--world", SMALL.name, "--states-max", "20")
    assert code == ExitCode.BROKEN
    assert json.loads(out)[0]["complete"] is False
    assert "was not seen whole: there are more than 20 states" in err


def test_an_unknown_world_is_met_with_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest name is suggested, with the code of a wrong call."""
    assert call(capsys, "--world", "two-phase-comit-4") == (
        ExitCode.USAGE,
        "",
        "interlock: there is no world two-phase-comit-4; did you mean two-phase-commit-4?\n",
    )
    code, _, err = call(capsys, "--world", "xyz")
    assert code == ExitCode.USAGE
    assert "there are two-phase-commit-2, " in err


def test_the_list_explores_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Which worlds there are, how large, and what they are, is told without building one."""
    monkeypatch.setattr(worlds, "WORLDS", [SMALL, replace(MANY, factory="nowhere:Nothing")])
    code, out, err = call(capsys, "--list")
    assert (code, err) == (ExitCode.DONE, "")
    assert SMALL.name in out
    assert "4,194,304" in out
    code, out, _ = call(capsys, "--list", "--json", "--slice")
    assert (code, json.loads(out)) == (
        ExitCode.DONE,
        [{"world": SMALL.name, "expected": 56, "slice": True, "summary": SMALL.summary}],
    )


def test_a_world_outside_of_the_slice_is_not_in_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking for it within the slice is a wrong call, not an empty success."""
    monkeypatch.setattr(worlds, "WORLDS", [SMALL, MANY])
    code, _, err = call(capsys, "--slice", "--world", "many")
    assert code == ExitCode.USAGE
    assert "leave --slice away" in err


def test_a_search_that_is_killed_ends_with_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies, as for want of memory, is no result at all."""
    monkeypatch.setattr(worlds, "WORLDS", [replace(SMALL, factory=f"{TINY}:killed", arguments=())])
    code, out, err = call(capsys, "--json")
    assert (code, out) == (ExitCode.UNAVAILABLE, "")
    assert f"explored {SMALL.name} ended with -9 and no report" in err
    with pytest.raises(SearchDied):
        list(explore(worlds.WORLDS, lambda *_: None))


def test_a_world_with_a_defect_is_told_with_its_trace() -> None:
    """What nobody foresaw inside a search reaches whoever waits for it."""
    broken = replace(SMALL, factory=f"{TINY}:unbuildable", arguments=())
    with pytest.raises(SearchFailed, match="this world cannot be built"):
        list(explore([broken, MANY], lambda *_: None))
    assert multiprocessing.active_children() == []


def test_no_search_outlives_an_interrupt() -> None:
    """Ctrl-C, even in the midst of progress, leaves no process behind."""

    def interrupt(entry: WorldEntry, progress: Progress) -> None:
        assert entry == MANY
        assert progress.states > 0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(explore([MANY], interrupt))
    assert multiprocessing.active_children() == []


def test_the_largest_world_is_explored_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short world may wait for a long one, never the other way round."""
    monkeypatch.setattr(jobs, "PROCESSES_MAX", 1)
    reports = explore([WORLDS[1], WORLDS[0], WORLDS[2]], lambda *_: None)
    assert [each.states for each in reports] == [1_568, 288, 56]


def test_whoever_has_heard_enough_ends_the_rest() -> None:
    """No process goes on when nobody wants the other reports."""
    reports = explore([SMALL, MANY], lambda *_: None)
    assert next(reports).world == SMALL.name
    reports.close()
    assert multiprocessing.active_children() == []
