"""`interlock simulate` says its totals, and how to make a failing run again."""

import json
from dataclasses import replace

import pytest

from interlock.cli import main
from interlock.cli.exit_code import ExitCode
from interlock.simulation import campaign
from interlock.simulation.plan import Fault, Plan
from interlock.simulation.run import Result, run


def call(*arguments: str) -> int:
    """Run the program; give its exit code."""
    with pytest.raises(SystemExit) as ended:
        main.run(["simulate", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_totals_are_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Data is on stdout: what was run, and what was found; the traces are on stderr."""
    assert call("--seeds", "1..2", "--settlements", "2", "--json", "--trace") == ExitCode.DONE
    said = capsys.readouterr()
    figures = json.loads(said.out)
    assert list(figures) == ["seeds", "settlements", "decided", "violations", "seconds"]
    assert (figures["seeds"], figures["settlements"], figures["violations"]) == (2, 4, 0)
    assert said.err.count("seed ") == 2


@pytest.mark.parametrize("arguments", [("--seeds", "2..1"), ("--seeds", "x"), ("--with", "bad-luck")])
def test_a_wrong_call_is_told_with_what_is_wanted(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A range that is none, and a fault that nobody knows, end with the code of a wrong call."""
    assert call(*arguments) == ExitCode.USAGE
    assert arguments[1] in capsys.readouterr().err


def test_a_broken_promise_is_told_with_the_line_that_shows_it_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends with 4, and says how to make the failing run again, whole and as small as it can be found."""
    whole = run(Plan(1, 1, 4, frozenset()))

    def broken(plan: Plan) -> Result:
        is_broken = Fault.CRASHES in plan.faults
        return replace(whole, plan=plan, violations=("I3: decided twice",) if is_broken else ())

    monkeypatch.setattr(campaign, "run", broken)
    assert call("--seeds", "7", "--with", "crashes", "--without", "loss") == ExitCode.BROKEN
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "seed 7: I3: decided twice"
    assert said[1].startswith("again: interlock simulate --seeds 7..7")
    assert said[2].startswith("smaller: interlock simulate --seeds 7..7 --settlements 1")
    assert "--without crashes" not in said[2]
