"""A managed process says when it is ready, tells why it is not, and leaves nothing behind."""

import os
import sys
from pathlib import Path

import pytest

from interlock.devnet.process import ManagedProcess, ProcessFailedError

# One write, so that whoever has seen the first line can count on the second.
READY = "import sys,json; print(json.dumps({'url':'x'}) + '\\nmore', flush=True); sys.stdin.read()"


def child(tmp_path: Path, code: str) -> ManagedProcess:
    return ManagedProcess([sys.executable, "-c", code], log_path=tmp_path / "child.log", name="child")


async def test_a_child_that_ends_before_it_is_ready_fails_with_its_exit_code_and_log(tmp_path: Path) -> None:
    """The error names the exit code and quotes the end of the log."""
    process = child(tmp_path, "import sys; sys.stderr.write('no such bank\\n'); sys.exit(3)")
    with pytest.raises(ProcessFailedError, match="no such bank") as caught:
        await process.start()
    assert caught.value.exit_code == 3
    assert not process.is_running


async def test_a_first_line_that_is_not_a_json_object_fails_and_the_child_is_gone(tmp_path: Path) -> None:
    """A child that talks instead of saying ready is killed and reaped."""
    process = child(tmp_path, "print('hello', flush=True); import sys; sys.stdin.read()")
    with pytest.raises(ProcessFailedError, match="not a JSON object"):
        await process.start()
    assert process.pid is None


async def test_a_silent_child_is_killed(tmp_path: Path) -> None:
    """A child that never says ready is killed and reaped when its time is over."""
    process = child(tmp_path, "import sys; sys.stdin.read()")
    with pytest.raises(ProcessFailedError, match="said nothing"):
        await process.start(ready_within_s=0.2)
    assert not process.is_running


async def test_a_program_that_does_not_exist_raises_os_error(tmp_path: Path) -> None:
    """What cannot be run is the operating system's own error."""
    process = ManagedProcess([str(tmp_path / "nothing")], log_path=tmp_path / "log", name="nothing")
    with pytest.raises(FileNotFoundError):
        await process.start()
    process.kill_now()


async def test_a_life_ends_by_kill_and_another_begins(tmp_path: Path) -> None:
    """SIGKILL ends and reaps the child; the same handle starts a new one; later output is in the log."""
    process = child(tmp_path, READY)
    assert await process.start() == {"url": "x"}
    first = process.pid
    assert first is not None
    with pytest.raises(RuntimeError, match="runs already"):
        await process.start()
    assert await process.kill() == -9
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert "more" in (tmp_path / "child.log").read_text()
    await process.start()
    assert process.pid not in {None, first}
    process.kill_now()
    assert not process.is_running


async def test_a_new_life_closes_the_pipes_of_one_that_ended_by_itself(tmp_path: Path) -> None:
    """A child that exits by itself and is started again, without `kill` in between, leaves no pipe open."""
    process = child(tmp_path, 'print(\'{"url": "x"}\', flush=True)')
    await process.start()
    assert await process.wait() == 0
    first = process._popen
    await process.start()
    assert first is not None
    assert first.stdin is not None
    assert first.stdout is not None
    assert first.stdin.closed
    assert first.stdout.closed
    await process.kill()


async def test_terminate_waits_then_kills(tmp_path: Path) -> None:
    """A child deaf to SIGTERM is killed after the grace."""
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + READY
    process = child(tmp_path, deaf)
    await process.start()
    assert await process.terminate(grace_s=0.2) == -9
    async with child(tmp_path, READY) as polite:
        assert polite.is_running
    assert await polite.wait() == -15
