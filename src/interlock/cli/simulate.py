"""The command `interlock simulate`: whole networks on virtual time, with faults, one per seed."""

import json
import re
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.exit_code import ExitCode, Failure

if TYPE_CHECKING:
    from interlock.simulation.plan import Fault
    from interlock.simulation.run import Result

app = typer.Typer(add_completion=False, rich_markup_mode=None)

VIOLATIONS_SHOWN_MAX = 5
"""Violations of one run that are printed; the first ones say what happened."""


@app.command()
def simulate(
    *,
    seeds: Annotated[str, typer.Option("--seeds", metavar="A..B", help="The runs to make, from A to B.")] = "1..10",
    settlements: Annotated[
        int | None, typer.Option("--settlements", min=1, metavar="N", help="Settlements of each run; else by lot.")
    ] = None,
    with_: Annotated[
        list[str] | None, typer.Option("--with", metavar="FAULT", help="Have this fault in every run; may be repeated.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="FAULT", help="Have it in no run; may be repeated.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, metavar="N", help="Processes that work at a time.")] = 1,
    has_shrinking: Annotated[
        bool, typer.Option("--shrink/--no-shrink", help="Make a failing run smaller before it is told.")
    ] = True,
    trace: Annotated[bool, typer.Option("--trace", help="Print the hash of each run's trace on stderr.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as JSON.")] = False,
) -> None:
    """Run whole networks of production nodes on virtual time, and look for a broken promise.

    Each seed is one run: a committee, its log and its ledgers, with messages lost, machines killed, members lying. The
    same seed on the same version is the same run, byte for byte. Ends with 4 where a promise was broken, and says the
    one line that makes the failing run again.

    Example: interlock simulate --seeds 1..100 --jobs 2
    """
    from interlock.simulation.campaign import Changes, Totals, run_seeds  # noqa: PLC0415 - heavy, for this command only

    changes = Changes(settlements, _faults(with_), _faults(without))
    totals = Totals()
    for result in run_seeds(_range(seeds), changes, jobs=jobs):
        totals.add(result)
        if trace:
            typer.echo(f"seed {result.plan.seed}: {result.trace}", err=True)
        if result.violations:
            _tell(result, has_shrinking=has_shrinking)
    figures = {
        "seeds": totals.seeds,
        "settlements": totals.settlements,
        "decided": totals.decided,
        "violations": totals.violations,
        "seconds": round(totals.seconds, 3),
    }
    typer.echo(json.dumps(figures) if as_json else "  ".join(f"{name} {value}" for name, value in figures.items()))
    if totals.violations:
        raise Failure(ExitCode.BROKEN, f"{len(totals.failed)} of {totals.seeds} runs broke a promise; see above")


def _tell(result: "Result", *, has_shrinking: bool) -> None:
    """Say what a run broke and how to make it again, and as small as it can be found."""
    from interlock.simulation.campaign import shrink  # noqa: PLC0415 - heavy, for this command only
    from interlock.simulation.plan import plan_of  # noqa: PLC0415 - the same

    for violation in result.violations[:VIOLATIONS_SHOWN_MAX]:
        typer.echo(f"seed {result.plan.seed}: {violation}", err=True)
    usual = plan_of(result.plan.seed)
    typer.echo(f"again: {result.plan.command(usual)}", err=True)
    if has_shrinking and (smaller := shrink(result).plan) != result.plan:
        typer.echo(f"smaller: {smaller.command(usual)}", err=True)


def _faults(names: list[str] | None) -> "tuple[Fault, ...]":
    """Read names of faults; Failure where one is unknown."""
    from interlock.simulation.plan import Fault  # noqa: PLC0415 - heavy, for this command only

    try:
        return tuple(Fault(each) for each in names or ())
    except ValueError as error:
        raise Failure(ExitCode.USAGE, f"{error}; there are: {', '.join(Fault)}") from None


def _range(text: str) -> range:
    """Read `A..B`, or one number; Failure where it is neither."""
    found = re.fullmatch(r"([0-9]{1,18})(?:\.\.([0-9]{1,18}))?", text)
    if found is None or int(found[1]) > int(found[2] or found[1]):
        raise Failure(ExitCode.USAGE, f"--seeds {text!r}: two numbers are wanted, as in 1..100, the first not above")
    return range(int(found[1]), int(found[2] or found[1]) + 1)
