"""What `interlock explore` shows: progress while it searches, then figures and stories."""

import json
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from interlock.explorer.report import Report
from interlock.explorer.search import Progress as SearchProgress
from interlock.explorer.worlds import WorldEntry


class ExploreView:
    """Show searches as they go on: moving bars on a terminal, else one line a world. All of it on stderr."""

    def __init__(self, entries: Sequence[WorldEntry]) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks = {
            each.name: self._bars.add_task(each.name, total=each.expected, start=False, figures="") for each in entries
        }

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def progress(self, entry: WorldEntry, progress: SearchProgress) -> None:
        """Show how far a search is."""
        task = self._tasks[entry.name]
        self._bars.start_task(task)
        rate = round(progress.states / progress.seconds) if progress.seconds else 0
        figures = f"{progress.states:,} states, frontier {progress.frontier:,}, {rate:,}/s"
        self._bars.update(task, completed=progress.states, figures=figures)

    def end(self, report: Report) -> None:
        """Show that a search has ended."""
        figures = f"{report.states:,} states, depth {report.depth}, {report.states_per_s:,}/s"
        task = self._tasks[report.world]
        self._bars.start_task(task)
        self._bars.update(task, completed=report.states, figures=figures)
        if self._bars.disable:
            self._console.print(f"{report.world}: {figures}, {report.failure or 'passes'}", soft_wrap=True)

    @staticmethod
    def results(reports: Sequence[Report]) -> None:
        """Print the figures of all searches, and every story, on stdout."""
        table = Table(box=None, pad_edge=False)
        table.add_column("world", no_wrap=True)
        for column in ("states", "transitions", "depth", "seconds", "states/s"):
            table.add_column(column, justify="right")
        table.add_column("result", no_wrap=True)
        for each in reports:
            figures = (each.states, each.transitions, each.depth)
            result = "[green]passes[/green]" if each.failure is None else "[bold red]FAILS[/bold red]"
            numbers = [*(f"{figure:,}" for figure in figures), f"{each.seconds:.2f}", f"{each.states_per_s:,}"]
            table.add_row(each.world, *numbers, result)
        Console(highlight=False).print(table)
        for story in (story for each in reports for story in each.stories):
            typer.echo(f"\n{story.text()}")


def json_of(reports: Sequence[Report]) -> str:
    """Give the reports as JSON, in the order in which the worlds were named."""
    return json.dumps([each.to_json() for each in reports], indent=2)


def json_of_list(entries: Sequence[WorldEntry]) -> str:
    """Give the registry's entries as JSON."""
    rows = [
        {"world": each.name, "expected": each.expected, "slice": each.in_slice, "summary": each.summary}
        for each in entries
    ]
    return json.dumps(rows, indent=2)


def print_list(entries: Sequence[WorldEntry]) -> None:
    """Print the registry's entries on stdout."""
    table = Table(box=None, pad_edge=False)
    table.add_column("world", no_wrap=True)
    table.add_column("states", justify="right")
    table.add_column("slice")
    table.add_column("what it is")
    for each in entries:
        table.add_row(each.name, f"{each.expected:,}", "yes" if each.in_slice else "no", each.summary)
    Console(highlight=False).print(table)
