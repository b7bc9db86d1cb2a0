"""The command `interlock explore`: search small worlds whole, and tell the shortest way into whatever is wrong."""

import signal
from contextlib import closing
from typing import Annotated

import typer

from interlock.cli.exit_code import ExitCode, Failure
from interlock.cli.explore_view import ExploreView, json_of, json_of_list, print_list
from interlock.explorer.jobs import SearchDied, explore
from interlock.explorer.search import STATES_MAX
from interlock.explorer.worlds import UnknownWorld, choose

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(name="explore")
def explore_worlds(
    *,
    world: Annotated[
        list[str] | None, typer.Option("--world", metavar="NAME", help="Only this one; may be repeated.")
    ] = None,
    in_slice: Annotated[
        bool, typer.Option("--slice", help="Only the worlds that every change is checked with.")
    ] = False,
    states_max: Annotated[
        int, typer.Option("--states-max", metavar="N", min=1, help="Give up a world that has more states.")
    ] = STATES_MAX,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
    only_list: Annotated[bool, typer.Option("--list", help="Show which worlds there are, and explore none.")] = False,
) -> None:
    """Visit every state of small worlds, and check the invariants in each.

    A world that breaks one is told as a story: the shortest way there, step by step. At most two worlds are explored at
    the same time, the largest first. Ends with 4 where an invariant is broken, a world could not be seen whole, or it
    has another number of states than the one that is committed for it.

    Example: interlock explore --world two-phase-commit-6
    """
    try:
        chosen = choose(world or [], in_slice=in_slice)
    except UnknownWorld as error:
        raise Failure(ExitCode.USAGE, str(error)) from None
    if not chosen:
        raise Failure(ExitCode.USAGE, "none of these worlds is in the slice; leave --slice away")
    if only_list:
        if as_json:
            typer.echo(json_of_list(chosen))
        else:
            print_list(chosen)
        return
    # Whoever ends the search from outside is heard as Ctrl-C is: no process is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    reports = []
    try:
        with ExploreView(chosen) as view, closing(explore(chosen, view.progress, states_max)) as finished:
            for report in finished:
                view.end(report)
                reports.append(report)
    except SearchDied as error:
        raise Failure(ExitCode.UNAVAILABLE, str(error)) from None
    order = [each.name for each in chosen]
    reports.sort(key=lambda report: order.index(report.world))
    if as_json:
        typer.echo(json_of(reports))
    else:
        view.results(reports)
    failures = [each.failure for each in reports if each.failure is not None]
    if failures:
        raise Failure(ExitCode.BROKEN, "; ".join(failures))
