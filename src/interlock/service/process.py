"""The contract between a process and whoever starts it.

The first line on standard output is one JSON object, printed when the process can serve. Its one required field is
`url`, where the process is reached; more may follow, each program's own. Everything the process has to say goes to
standard error; SIGTERM and SIGINT end it cleanly, and so does the end of standard input where that is asked for (a
parent that was killed closes its end of the pipe).
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping

UNTIL_STDIN_ENDS = "--until-stdin-ends"
"""The flag by which a parent asks for it."""


def log_to_stderr() -> None:
    """Send the log to standard error, one line an event."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")


def say_ready(facts: Mapping[str, object]) -> None:
    """Print the ready line; `facts` has at least the `url`."""
    print(json.dumps(facts), flush=True)  # noqa: T201 - the ready line is the contract with whoever started us


def stop_event(*, until_stdin_ends: bool) -> asyncio.Event:
    """Give an event of the running loop that is set when the process is to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if until_stdin_ends:
        # A thread: a pipe's end can be waited for, but standard input may be anything. It dies with the process.
        threading.Thread(target=_await_stdin_end, args=(loop, stop), daemon=True).start()
    return stop


def _await_stdin_end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # Not through sys.stdin: a thread that waits inside its buffer cannot be left at the interpreter's end.
    with contextlib.suppress(OSError):  # it cannot be read: there is nobody to outlive
        while os.read(0, 1):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended already
        loop.call_soon_threadsafe(stop.set)
