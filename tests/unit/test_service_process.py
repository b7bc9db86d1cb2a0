"""A process of ours says that it is ready, and ends cleanly when it is told to, or when its parent is gone."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PROGRAM = """
import asyncio, sys
from starlette.applications import Starlette
from interlock.service.http import serving
from interlock.service.process import log_to_stderr, say_ready, stop_event

async def main():
    stop = stop_event(until_stdin_ends="--until-stdin-ends" in sys.argv)
    async with serving(Starlette(), "127.0.0.1", 0) as url:
        say_ready({"url": url})
        await stop.wait()

log_to_stderr()
asyncio.run(main())
print("ended", file=sys.stderr)
"""
PATIENCE_S = 20


@contextmanager
def child(*arguments: str, stdin: int = subprocess.PIPE) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the program; it is reaped whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def ready(process: "subprocess.Popen[bytes]") -> dict[str, str]:
    """Read the ready line."""
    assert process.stdout is not None
    facts: dict[str, str] = json.loads(process.stdout.readline())
    return facts


def ended(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    """Wait for the end; give the exit code and what was said."""
    _, said = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said.decode()


@pytest.mark.parametrize(
    ("number", "arguments"),
    [(signal.SIGINT, ()), (signal.SIGTERM, ("--until-stdin-ends",))],
    ids=["alone", "with a parent"],
)
def test_a_signal_ends_it_cleanly(number: signal.Signals, arguments: tuple[str, ...]) -> None:
    """SIGTERM and SIGINT end it with code 0, also while it waits for the end of its standard input."""
    with child(*arguments) as process:
        assert ready(process)["url"].startswith("http://127.0.0.1:")
        process.send_signal(number)
        code, said = ended(process)
    assert code == 0
    assert said.endswith("ended\n")
    assert "Fatal Python error" not in said
    assert "Traceback" not in said


def test_the_end_of_standard_input_ends_it_where_that_is_asked_for() -> None:
    """A parent that is gone, however it went, takes the process with it."""
    with child("--until-stdin-ends") as process:
        ready(process)
        assert process.stdin is not None
        process.stdin.write(b"anything\n")
        process.stdin.flush()
        code, said = ended(process)  # communicate closes standard input
    assert code == 0
    assert said.endswith("ended\n")


def test_the_end_of_standard_input_means_nothing_else() -> None:
    """Started by hand, in the background or by a service manager, it runs on."""
    with child(stdin=subprocess.DEVNULL) as process:
        ready(process)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert ended(process)[0] == 0


def test_a_process_without_standard_input_has_no_parent_to_wait_for() -> None:
    """Where standard input is closed, there is nobody to outlive: it ends at once, without a traceback."""
    unreadable = os.open(os.devnull, os.O_WRONLY)
    try:
        with child("--until-stdin-ends", stdin=unreadable) as process:
            code, said = ended(process)
    finally:
        os.close(unreadable)
    assert code == 0
    assert "Traceback" not in said


def test_only_the_ready_line_goes_to_standard_output() -> None:
    """Talk goes to standard error; standard output is for who reads it."""
    with child("--until-stdin-ends") as process:
        written, said = process.communicate(timeout=PATIENCE_S)
    assert written.count(b"\n") == 1
    assert list(json.loads(written)) == ["url"]
    assert said
