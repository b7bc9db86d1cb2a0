"""The sequencer process: killed, started again, doubled, misled and starved of disk, it keeps what it acknowledged."""

import asyncio
import os
import random
import shlex
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from sequencer_world import HOST, NETWORK, PATIENCE_S, arguments, client_of, entries_of, read_to, sequencer_process

from interlock.devnet.process import ManagedProcess, ProcessFailedError
from interlock.ordering.embedded.client import EmbeddedLog
from interlock.ordering.protocol import LogBlock, LogForked, LogUnavailable

FAST = ("--block-interval-s", "0.002", "--idle-interval-s", "0.05")


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[ManagedProcess]:
    process = sequencer_process(tmp_path, *FAST)
    await process.start()
    yield process
    await process.kill()


async def fails_to_start(process: ManagedProcess) -> ProcessFailedError:
    with pytest.raises(ProcessFailedError) as caught:
        await process.start()
    return caught.value


async def test_a_folder_is_held_by_one_process(process: ManagedProcess, tmp_path: Path) -> None:
    """A second sequencer over the same file says so and ends; the first goes on."""
    second = await fails_to_start(sequencer_process(tmp_path, name="second"))
    assert second.exit_code == 2
    assert "held by another process" in str(second)
    async with client_of(process) as log:
        await log.submit(b"still here")


async def test_another_networks_folder_is_refused(process: ManagedProcess, tmp_path: Path) -> None:
    """A log belongs to one network for ever; both ids are in the sentence."""
    await process.terminate()
    other = sequencer_process(tmp_path, name="other")
    other.argv = [*other.argv, "--network-id", "0x" + "22" * 32]
    failure = await fails_to_start(other)
    assert failure.exit_code == 2
    assert NETWORK.hex() in str(failure)
    assert "22" * 32 in str(failure)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--network-id", "0x1234"),
        ("--network-id", "zz" * 32),
        ("--idle-interval-s", "0"),
        ("--block-interval-s", "2", "--idle-interval-s", "1"),
    ],
)
def test_wrong_usage_is_told(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    """A wrong option ends the process before it makes a file, with exit code 2."""
    ended = subprocess.run(arguments(tmp_path / "log", *wrong), capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "error" in ended.stderr
    assert not (tmp_path / "log").exists()


async def test_a_taken_port_is_told(process: ManagedProcess, tmp_path: Path) -> None:
    """A port in use is the environment's failure: exit code 3."""
    port = str(process.ready["port"])
    failure = await fails_to_start(sequencer_process(tmp_path / "other", "--port", port))
    assert failure.exit_code == 3


async def test_a_damaged_file_is_not_built_upon(process: ManagedProcess, tmp_path: Path) -> None:
    """A changed block among the newest is found at the start, and named."""
    async with client_of(process) as log:
        await read_to(log, 3)
    await process.terminate()
    connection = sqlite3.connect(tmp_path / "log" / "log.sqlite3")
    with connection:
        connection.execute("UPDATE blocks SET time = time + 1 WHERE height = 2")
    connection.close()
    failure = await fails_to_start(process)
    assert failure.exit_code == 3
    assert "damaged" in str(failure)


@pytest.mark.parametrize("request_", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_when_asked(process: ManagedProcess, request_: signal.Signals) -> None:
    """Either polite signal ends it with exit code 0."""
    assert process.pid is not None
    os.kill(process.pid, request_)
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == 0


async def test_it_stops_with_its_parent_where_told_to(tmp_path: Path) -> None:
    """With --until-stdin-ends the end of its standard input ends it."""
    process = sequencer_process(tmp_path, "--until-stdin-ends")
    await process.start()
    assert process._popen is not None
    assert process._popen.stdin is not None
    process._popen.stdin.close()
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == 0
    await process.kill()


async def test_it_starts_again_on_its_port_and_clients_go_on(process: ManagedProcess) -> None:
    """The same client, reader and submitter alike, continues after a kill without being made anew."""
    port = process.ready["port"]
    async with client_of(process) as log:
        await log.submit(b"before")
        blocks = await read_to(log, 2)
        await process.kill()
        with pytest.raises(LogUnavailable):
            await log.submit(b"meanwhile")
        process.argv = [*process.argv, "--port", str(port)]
        assert (await process.start())["port"] == port
        await log.submit(b"after")
        head = await log.head()
        blocks += await read_to(log, head.height, after=2)
    assert entries_of(blocks) == [b"before", b"after"]


async def test_a_log_begun_anew_is_noticed(process: ManagedProcess, tmp_path: Path) -> None:
    """When its file is lost, a reader who goes on from his height is stopped."""
    port = str(process.ready["port"])
    async with client_of(process) as log:
        await read_to(log, 5)
        await process.kill()
        for file in (tmp_path / "log").iterdir():
            file.unlink()
        process.argv = [*process.argv, "--port", port]
        await process.start()
        with pytest.raises(LogForked):
            await read_to(log, 8, after=5)


@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_acknowledged_is_lost_to_sigkill(process: ManagedProcess, seed: int) -> None:
    """Killed at random moments, it has every acknowledged entry once, and never another block than a reader saw."""
    chance = random.Random(seed)
    port = process.ready["port"]
    process.argv = [*process.argv, "--port", str(port)]
    acknowledged: list[bytes] = []
    seen: dict[int, LogBlock] = {}
    for life in range(5):
        async with EmbeddedLog(HOST, port) as log, EmbeddedLog(HOST, port) as reader:
            reading = asyncio.create_task(watch(reader, seen))
            enough = asyncio.Event()
            wanted = len(acknowledged) + chance.randrange(1, 200)
            submissions = [
                asyncio.create_task(acknowledge(log, b"%d/%d" % (life, number), acknowledged, wanted, enough))
                for number in range(220)
            ]
            async with asyncio.timeout(PATIENCE_S):
                await enough.wait()
            await process.kill()
            await asyncio.gather(*submissions, reading, return_exceptions=True)
        await process.start()
    async with EmbeddedLog(HOST, port) as log:
        head = await log.head()
        whole = await read_to(log, head.height)
    ordered = entries_of(whole)
    assert len(ordered) == len(set(ordered))
    assert set(acknowledged) <= set(ordered)
    assert all(whole[height - 1] == block for height, block in seen.items())
    assert len(acknowledged) >= 5


async def acknowledge(log: EmbeddedLog, entry: bytes, into: list[bytes], wanted: int, enough: asyncio.Event) -> None:
    await log.submit(entry)
    into.append(entry)
    if len(into) >= wanted:
        enough.set()


async def watch(log: EmbeddedLog, seen: dict[int, LogBlock]) -> None:
    async with aclosing(log.blocks(0)) as blocks:
        async for block in blocks:
            assert seen.setdefault(block.height, block) == block


async def test_a_failing_disk_stops_it_without_an_acknowledgement(tmp_path: Path) -> None:
    """What the disk refuses is not acknowledged and ends the process with code 3; a healthy disk finds the rest."""
    process = sequencer_process(tmp_path, *FAST)
    healthy = list(process.argv)
    # ulimit counts kilobytes here: the file system's own way to refuse.
    process.argv = ["bash", "-c", f"ulimit -f 400; exec {shlex.join(healthy)}"]
    await process.start()
    acknowledged = []
    async with client_of(process) as log:
        with pytest.raises(LogUnavailable) as caught:  # noqa: PT012 - how many fit is the file's own
            for number in range(100):
                entry = b"%d" % number + bytes(20_000)
                await log.submit(entry)
                acknowledged.append(entry)
        assert caught.value.retryable
        assert 0 < len(acknowledged) < 100
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == 3
    await process.kill()
    process.argv = healthy
    await process.start()
    async with client_of(process) as log:
        head = await log.head()
        ordered = entries_of(await read_to(log, head.height))
        assert ordered[: len(acknowledged)] == acknowledged
        await log.submit(b"healthy again")
    assert await process.terminate() == 0
