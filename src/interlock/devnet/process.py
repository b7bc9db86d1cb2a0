"""One child process that says when it is ready, can be killed, and is always reaped.

Every part of a development network is a real process with the same small contract:

- the first line on its standard output is one JSON object, printed when it can serve; it carries at least its URL;
- everything it has to say goes to standard error, which is appended to a log file;
- SIGTERM ends it cleanly;
- its standard input is a pipe that the parent holds and never writes to, so a child that watches for its end
  notices even a parent that was killed.

The handle belongs to no event loop: it may be started in one and ended in another, or without any.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

READY_WITHIN_S = 30.0
"""A cold Python on a busy machine needs a few seconds; a child silent for longer has gone wrong."""

GRACE_S = 10.0
"""How long a child may take to end after SIGTERM before it is killed."""

LOG_TAIL_BYTES = 2_000
"""How much of the log an error message quotes."""


Ready = Mapping[str, Any]
"""What a child said when it became ready."""


def parse_json_line(line: bytes) -> Ready:
    """Read the ready line of our own programs: one JSON object. Raises `ValueError` for anything else."""
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ValueError(f"its first line is not a JSON object: {line[:200]!r}")  # noqa: TRY004 - a parser's error
    return value


class ProcessFailedError(Exception):
    """Tell that a child ended, or stayed silent, where it should have become ready. Terminal: read its log."""

    def __init__(self, name: str, exit_code: int | None, reason: str, log_tail: str) -> None:
        super().__init__(f"process {name} {reason}; the end of its log:\n{log_tail}")
        self.name = name
        self.exit_code = exit_code


@dataclass(slots=True)
class ManagedProcess:
    """Hold one child process through any number of lives.

    A life begins with `start` and ends with `kill`, `terminate` or the child's own exit; after that `start` may be
    called again. As an asynchronous context manager it starts on entry and terminates on exit.
    """

    argv: Sequence[str]
    """The program and its arguments; may be replaced between two lives."""

    log_path: Path
    """Where standard error, and standard output after its first line, are appended."""

    name: str
    """What messages call the child."""

    env: Mapping[str, str] | None = None
    """Variables added to the parent's environment."""

    cwd: Path | None = None
    """The directory in which the child runs; the parent's where None."""

    parse_ready: Callable[[bytes], Ready | None] | None = parse_json_line
    """Reads a line of standard output: gives what it says, or None to wait for another line. None in its own place
    stands for a program that prints no such line: `start` then returns at once with an empty mapping."""

    ready: Ready = field(default_factory=dict, init=False)
    """What the child said when it became ready."""

    _popen: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    _said_ready: "Future[Ready] | None" = field(default=None, init=False)
    _exited: "Future[int] | None" = field(default=None, init=False)
    _threads: tuple[threading.Thread, ...] = field(default=(), init=False)

    @property
    def pid(self) -> int | None:
        """Give the process id of the running life, None where there is none."""
        return self._popen.pid if self._popen is not None and self.is_running else None

    @property
    def is_running(self) -> bool:
        """Tell whether the child lives."""
        return self._exited is not None and not self._exited.done()

    async def start(self, ready_within_s: float = READY_WITHIN_S) -> Ready:
        """Start the child and wait for its ready line, which is returned as a mapping.

        Raises `RuntimeError` where it runs already, `OSError` where the program cannot be run, and
        `ProcessFailedError` where it ended, printed something else, or said nothing for `ready_within_s` seconds; it
        is killed and reaped then.
        """
        if self.is_running:
            raise RuntimeError(f"process {self.name} runs already")
        said_ready = self._spawn()
        if self.parse_ready is None:
            return {}
        try:
            self.ready = await asyncio.wait_for(asyncio.wrap_future(said_ready), ready_within_s)
        except TimeoutError:
            await self.kill()
            raise self._failure(None, f"said nothing within {ready_within_s} s") from None
        except (ValueError, ProcessFailedError) as error:
            code = await self.kill()
            raise self._failure(code, f"did not become ready: {error.args[0]} (exit code {code})") from None
        except asyncio.CancelledError:
            self.kill_now()
            raise
        return self.ready

    async def wait(self) -> int:
        """Wait for the end of the child; give its exit code, negative for a signal. It is reaped then."""
        if self._exited is None:
            raise RuntimeError(f"process {self.name} was never started")
        return await asyncio.wrap_future(self._exited)

    async def kill(self) -> int:
        """End the child with SIGKILL, as a crash would, and reap it; give its exit code.

        Harmless where it has ended, or was never started (0 then).
        """
        if self._exited is None:
            return 0
        self._signal("kill")
        code = await self.wait()
        self._release()
        return code

    async def terminate(self, grace_s: float = GRACE_S) -> int:
        """End the child with SIGTERM, after `grace_s` seconds with SIGKILL; give its exit code."""
        if self._exited is None:
            return 0
        self._signal("terminate")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), grace_s)
        return await self.kill()

    def kill_now(self) -> None:
        """Do as `kill` without an event loop: for the last lines of a program."""
        self._signal("kill")
        if self._exited is not None:
            self._exited.result()
            self._release()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.terminate()

    def _spawn(self) -> "Future[Ready]":
        # The life before may have ended by itself, so that nobody closed its pipes.
        self._release()
        said_ready: Future[Ready] = Future()
        exited: Future[int] = Future()
        # A running future cannot be cancelled, so a waiter that gives up leaves it to the others.
        said_ready.set_running_or_notify_cancel()
        exited.set_running_or_notify_cancel()
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            # A session of its own: an interrupt at the terminal reaches the parent alone, which ends its children.
            popen = subprocess.Popen(  # noqa: S603 - the caller names the program; nothing passes through a shell
                list(self.argv),
                stdin=subprocess.PIPE,
                stdout=log if self.parse_ready is None else subprocess.PIPE,
                stderr=log,
                env={**os.environ, **(self.env or {})},
                cwd=self.cwd,
                start_new_session=True,
            )
        self._popen, self._said_ready, self._exited = popen, said_ready, exited
        pumps: list[threading.Thread] = []
        if self.parse_ready is not None:
            arguments = (popen, self.parse_ready, said_ready, self.log_path)
            pumps.append(threading.Thread(target=_pump, args=arguments, daemon=True))
        waiter = threading.Thread(target=_await_exit, args=(popen, pumps, said_ready, exited, self.name), daemon=True)
        for thread in (*pumps, waiter):
            thread.start()
        self._threads = (*pumps, waiter)
        return said_ready

    def _signal(self, how: str) -> None:
        if self._popen is not None and self.is_running:
            getattr(self._popen, how)()

    def _release(self) -> None:
        """Close the pipes of a life that has ended."""
        for thread in self._threads:
            # Bounded, because a grandchild may hold the pipe open for ever.
            thread.join(timeout=1.0)
        popen = self._popen
        if popen is not None:
            for pipe in (popen.stdin, popen.stdout):
                if pipe is not None:
                    pipe.close()

    def _failure(self, exit_code: int | None, reason: str) -> ProcessFailedError:
        return ProcessFailedError(self.name, exit_code, reason, _tail(self.log_path))


def _pump(
    popen: "subprocess.Popen[bytes]",
    parse: Callable[[bytes], Ready | None],
    said_ready: "Future[Ready]",
    log_path: Path,
) -> None:
    """Read the ready line, then copy what follows to the log, so that the child never blocks on a full pipe."""
    stdout = popen.stdout
    if stdout is None:
        return
    with (
        contextlib.suppress(ValueError, OSError),
        log_path.open("ab", buffering=0) as log,
    ):  # closed under us at the end
        for line in stdout:
            if said_ready.done() or not _settle_ready(said_ready, parse, line):
                log.write(line)


def _settle_ready(said_ready: "Future[Ready]", parse: Callable[[bytes], Ready | None], line: bytes) -> bool:
    """Tell whether the line was the ready line, right or wrong."""
    with contextlib.suppress(InvalidStateError):  # the child ended meanwhile, which says more
        try:
            ready = parse(line)
        except ValueError as error:
            said_ready.set_exception(error)
            return True
        if ready is None:
            return False
        said_ready.set_result(ready)
    return True


def _await_exit(
    popen: "subprocess.Popen[bytes]",
    pumps: Sequence[threading.Thread],
    said_ready: "Future[Ready]",
    exited: "Future[int]",
    name: str,
) -> None:
    code = popen.wait()
    exited.set_result(code)
    for pump in pumps:
        # What it said before it ended is read first; bounded, because a grandchild may hold the pipe open for ever.
        pump.join(timeout=1.0)
    with contextlib.suppress(InvalidStateError):  # most often it was ready
        said_ready.set_exception(ProcessFailedError(name, code, "ended before it was ready", ""))


def _tail(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError:
        return "(no log)"
    return data[-LOG_TAIL_BYTES:].decode("utf-8", "replace").rstrip() or "(empty)"
