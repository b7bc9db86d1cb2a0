"""The program `interlock`."""

import io
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, NamedTuple, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from interlock import __version__
from interlock.cli.exit_code import ExitCode, Failure
from interlock.cli.lazy import LazyCommand


class Command(NamedTuple):
    """Where a command is, and what `--help` says of it."""

    module: str
    """The module whose Typer app `app` it is."""
    summary: str
    """The first line of its own help."""


COMMANDS = {
    "demo": Command("interlock.cli.demo", "Settle treasuries against dollars on real parts, and when parts fail."),
    "explore": Command("interlock.cli.explore", "Visit every state of small worlds, and check the invariants."),
    "simulate": Command("interlock.cli.simulate", "Run whole networks on virtual time, with everything going wrong."),
    "verify": Command("interlock.cli.verify", "Check a receipt offline, from the genesis document."),
}
"""Every command, in the order of `--help`."""

_app = typer.Typer(
    name="interlock",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Settle an asset on one ledger against money on another: both legs or neither.",
    epilog="Exit codes: 0 done, 1 rejected, 2 usage, 3 unavailable, 4 an invariant is broken.",
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it with the option's value
    if wanted:
        typer.echo(f"interlock {__version__}")
        raise typer.Exit


@_app.callback()
def _root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that belong to no command."""


def program() -> TyperGroup:
    """Give the whole program as one group of commands that are not imported yet."""
    group = get_command(_app)
    if not isinstance(group, TyperGroup):
        raise TypeError("a Typer app with a callback is a group")
    for name, command in COMMANDS.items():
        group.add_command(LazyCommand(name, command.module, command.summary))
    return group


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program on these arguments, or on those of the process, and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name in a receipt may hold what the terminal cannot show; that must not end the program.
            stream.reconfigure(errors="backslashreplace")
    try:
        program().main(args=None if arguments is None else list(arguments), prog_name="interlock")
    except Failure as failure:
        typer.echo(f"interlock: {failure}", err=True)
        sys.exit(failure.code)
    except Exception:  # noqa: BLE001 - the last door: a defect must not end with the code of a rejection, Python's 1
        traceback.print_exc()
        typer.echo("interlock: this is a defect of interlock; please report it with the lines above", err=True)
        sys.exit(ExitCode.BROKEN)
    sys.exit(ExitCode.DONE)
