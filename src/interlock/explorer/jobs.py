"""Searches in processes of their own: a few at a time, the largest world first.

A process explores one world and ends, so that its memory is free again. It tells its progress and at last its report
through a pipe; one that dies without a report is noticed when its end of the pipe closes.
"""

import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from interlock.explorer.report import Report, report_of
from interlock.explorer.search import STATES_MAX, Progress, search
from interlock.explorer.worlds import WorldEntry

PROCESSES_MAX = 2
"""Worlds explored at the same time: each may need GiBs, and the smallest machines that check this have two cores."""


class SearchDied(RuntimeError):
    """A process ended without a report: killed from outside, most often because memory ran out."""


class SearchFailed(RuntimeError):
    """A world or the search raised what nobody foresaw; the message has the trace."""


def explore(
    entries: Sequence[WorldEntry],
    on_progress: Callable[[WorldEntry, Progress], None],
    states_max: int = STATES_MAX,
) -> Generator[Report, None, None]:
    """Explore these worlds, and give each report as soon as it is there.

    SearchDied or SearchFailed at the first search that ends without one; no process outlives the iterator.
    """
    waiting = deque(sorted(entries, key=lambda entry: -entry.expected))
    running: dict[Connection, tuple[WorldEntry, SpawnProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < PROCESSES_MAX:
                entry = waiting.popleft()
                connection, process = _start(entry, states_max)
                running[connection] = entry, process
            for ready in wait(list(running)):
                connection = next(each for each in running if each is ready)
                entry, process = running[connection]
                message = _message_from(connection, entry, process)
                if isinstance(message, Progress):
                    on_progress(entry, message)
                    continue
                del running[connection]
                connection.close()
                process.join()
                if isinstance(message, str):
                    raise SearchFailed(f"{entry.name} could not be explored:\n{message}")
                yield message
    finally:
        for _, process in running.values():
            process.terminate()
            process.join()


def _start(entry: WorldEntry, states_max: int) -> tuple[Connection, SpawnProcess]:
    # Spawned, not forked: nothing of this process, its threads least of all, is of use in there.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_explore_one, args=(entry, states_max, theirs), name=entry.name, daemon=True)
    process.start()
    theirs.close()  # so that the pipe ends when the process does
    return ours, process


def _message_from(connection: Connection, entry: WorldEntry, process: SpawnProcess) -> Progress | Report | str:
    """Give what a process has to say: progress, its report, or the trace of its failure."""
    try:
        message: Progress | Report | str = connection.recv()
    except EOFError:
        process.join()
        raise SearchDied(
            f"the process that explored {entry.name} ended with {process.exitcode} and no report; "
            "if memory ran out, explore it alone"
        ) from None
    return message


def _explore_one(entry: WorldEntry, states_max: int, connection: Connection) -> None:
    """Explore one world; what a process of `explore` does."""
    # Whoever presses Ctrl-C means the process that started this one; that one ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BrokenPipeError):  # nobody is there any more to hear of it
        try:
            world = entry.build()
            result = search(world, states_max=states_max, on_progress=connection.send)
            connection.send(report_of(entry, world, result))
        except (BrokenPipeError, MemoryError):
            raise  # the pipe's end says it
        except Exception:  # noqa: BLE001 - whatever it is, whoever waits for the report must hear of it
            connection.send(traceback.format_exc())
