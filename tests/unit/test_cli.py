"""The program: its commands load when they are called, and its exit codes mean one thing each."""

import subprocess
import sys
from importlib import import_module

import pytest
from typer.main import get_command

from interlock import __version__
from interlock.cli import main
from interlock.cli.exit_code import ExitCode, Failure

HEAVY = {"aiohttp", "starlette", "uvicorn", "eth_abi", "eth_account", "joserfc", "coincurve"}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the program and give its exit code, stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        main.run(arguments)
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


def loaded_by(code: str) -> set[str]:
    """Give the names of the modules that a fresh interpreter has loaded after running some code."""
    script = f"{code}\nimport sys\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_importing_interlock_loads_nothing_of_others() -> None:
    """A program that names interlock pays for nothing that it does not use."""
    loaded = loaded_by("import interlock")
    assert not loaded & HEAVY
    assert not {name for name in loaded if name.startswith("interlock.")}


def test_help_loads_no_command() -> None:
    """`--help` lists every command from the table, and imports none of them."""
    loaded = loaded_by(
        "from interlock.cli.main import run\n"
        "try:\n    run(['--help'])\n"
        "except SystemExit as end:\n    assert end.code == 0"
    )
    assert not loaded & HEAVY
    assert not loaded & {command.module for command in main.COMMANDS.values()}


def test_help_names_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """What can be done, and how it ends, is on one screen."""
    code, out, err = run(capsys, "--help")
    assert (code, err) == (ExitCode.DONE, "")
    for name, command in main.COMMANDS.items():
        assert f"{name}  " in out
        assert command.summary in " ".join(out.split())
    for each in ExitCode:
        assert f"{int(each)} " in out


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_of_the_table_is_there(name: str) -> None:
    """The module has its app, which explains itself; the table's line is a sentence that fits a screen."""
    command = main.COMMANDS[name]
    own = get_command(import_module(command.module).app)
    assert own.help
    assert command.summary.endswith(".")
    assert len(command.summary) <= 72


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """One line on stdout."""
    assert run(capsys, "--version") == (ExitCode.DONE, f"interlock {__version__}\n", "")


def test_a_mistyped_command_is_met_with_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest command is suggested on stderr, with the code of a wrong call."""
    code, out, err = run(capsys, "verfiy")
    assert (code, out) == (ExitCode.USAGE, "")
    assert "No such command 'verfiy'. Did you mean 'verify'?" in err


def test_a_call_without_a_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever gives nothing is shown what there is, with the code of a wrong call."""
    code, out, err = run(capsys)
    assert code == ExitCode.USAGE
    assert "Commands:" in out + err


@pytest.mark.parametrize("code", ExitCode)
def test_a_failure_ends_with_its_code_and_sentence(
    code: ExitCode, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command's typed failure is one sentence on stderr, nothing on stdout, and its own code."""

    def fail() -> None:
        raise Failure(code, "the bank at 127.0.0.1 did not answer")

    monkeypatch.setattr(main, "program", fail)
    assert run(capsys) == (code, "", "interlock: the bank at 127.0.0.1 did not answer\n")


def test_a_defect_does_not_end_like_a_rejection(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw shows its trace, and has the code of a broken invariant, not Python's 1."""

    def fail() -> None:
        raise KeyError("nobody foresaw this")

    monkeypatch.setattr(main, "program", fail)
    code, out, err = run(capsys)
    assert (code, out) == (ExitCode.BROKEN, "")
    assert "nobody foresaw this" in err
    assert "a defect of interlock" in err


def test_every_code_is_its_own() -> None:
    """Five ends, five numbers, as scripts rely on them."""
    assert {each.name: int(each) for each in ExitCode} == {
        "DONE": 0,
        "REJECTED": 1,
        "USAGE": 2,
        "UNAVAILABLE": 3,
        "BROKEN": 4,
    }
