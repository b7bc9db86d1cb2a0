"""What every ordered log promises, asked of each that there is."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

import pytest

from interlock.devnet.process import ManagedProcess
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32, hex_of
from interlock.ordering.embedded.client import EmbeddedLog
from interlock.ordering.memory import MemoryLog
from interlock.ordering.protocol import (
    EntryRefused,
    EntryTooLarge,
    LogBlock,
    LogForked,
    LogLimits,
    LogUnavailable,
    OrderedLog,
)

NETWORK = keccak256(b"the network of these tests")
PATIENCE_S = 30.0
"""A broken log fails a test instead of hanging it; nothing waits for this to pass."""

DOOR = """
def door(entry):
    return "it says no" if entry.startswith(b"no") else None
"""
PROGRAM = f"""
import sys
from interlock.ordering.embedded.__main__ import main
{DOOR}
sys.exit(main(check=door))
"""


class Bench(Protocol):
    """One log under test."""

    def reach(self) -> OrderedLog:
        """Give one more client of the log."""

    def move(self) -> None:
        """Let the log make a block, where it does not by itself."""

    async def stop(self) -> None:
        """Kill it."""

    async def start(self) -> None:
        """Start it, again after a kill, at the same address."""


class MemoryBench:
    """The log in memory."""

    def __init__(self) -> None:
        self._now = 1_000
        scope: dict[str, Callable[[bytes], str | None]] = {}
        exec(DOOR, scope)  # noqa: S102 - the same few lines that the process runs
        self._log = MemoryLog(NETWORK, self._tick, check=scope["door"])

    def _tick(self) -> int:
        # Forward by two, back by one: a clock that is set back again and again.
        self._now += 2 if self._now % 3 else -1
        return self._now

    def reach(self) -> OrderedLog:
        """Give a client."""
        return self._log

    def move(self) -> None:
        """Make a block."""
        self._log.advance()

    async def stop(self) -> None:
        """Kill it."""
        self._log.stop()

    async def start(self) -> None:
        """Start it."""
        self._log.start()


class ProcessBench:
    """The sequencer process, killed with SIGKILL, reached over its socket."""

    def __init__(self, folder: Path) -> None:
        argv = [sys.executable, "-c", PROGRAM, "--home", str(folder / "log"), "--network-id", hex_of(NETWORK)]
        argv += ["--block-interval-s", "0.01", "--idle-interval-s", "0.05"]
        self._port = 0
        self._clients: list[EmbeddedLog] = []
        self._argv = argv
        self._process = ManagedProcess(argv, folder / "sequencer.log", "sequencer")

    def reach(self) -> OrderedLog:
        """Give a client."""
        self._clients.append(EmbeddedLog("127.0.0.1", self._port))
        return self._clients[-1]

    def move(self) -> None:
        """Its own clock moves it."""

    async def stop(self) -> None:
        """Kill it."""
        await self._process.kill()

    async def start(self) -> None:
        """Start it."""
        self._process.argv = [*self._argv, "--port", str(self._port)]
        self._port = (await self._process.start())["port"]

    async def end(self) -> None:
        """Leave nothing behind."""
        for client in self._clients:
            await client.aclose()
        await self._process.kill()


@pytest.fixture(params=["memory", "embedded"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    if request.param == "memory":
        yield MemoryBench()
        return
    process = ProcessBench(tmp_path)
    await process.start()
    try:
        yield process
    finally:
        await process.end()


async def read(log: OrderedLog, enough: Callable[[list[LogBlock]], bool], after: int = 0) -> list[LogBlock]:
    """Read blocks until there are enough."""
    found: list[LogBlock] = []
    async with asyncio.timeout(PATIENCE_S), aclosing(log.blocks(after)) as blocks:
        async for block in blocks:
            found.append(block)
            if enough(found):
                break
    return found


async def read_moving(bench: Bench, log: OrderedLog, count: int, after: int = 0) -> list[LogBlock]:
    """Follow live: read a number of blocks while they are made."""
    reading = asyncio.create_task(read(log, lambda found: len(found) >= count, after))
    for _ in range(count):
        await asyncio.sleep(0)  # the reader's turn: it waits for the block that comes now
        bench.move()
    return await reading


def entries_of(blocks: list[LogBlock]) -> list[bytes]:
    return [entry for block in blocks for entry in block.entries]


def has_entry(entry: bytes) -> Callable[[list[LogBlock]], bool]:
    return lambda found: entry in found[-1].entries


async def test_too_large_an_entry_is_refused(bench: Bench) -> None:
    """One byte beyond the bound is refused for good, also far beyond it; the largest itself is ordered."""
    log = bench.reach()
    most = LogLimits().entry_bytes_max
    for size in (most + 1, 20 * most):
        with pytest.raises(EntryTooLarge, match=str(size)) as caught:
            await log.submit(bytes(size))
        assert not caught.value.retryable
    await log.submit(bytes(most))
    bench.move()
    assert bytes(most) in entries_of(await read(log, has_entry(bytes(most))))


@pytest.mark.parametrize(("entry", "sentence"), [(b"no way", "it says no"), (b"", "no bytes")])
async def test_what_the_door_refuses_is_never_ordered(bench: Bench, entry: bytes, sentence: str) -> None:
    """The submitter hears the door's own sentence, and the entry is in no block."""
    log = bench.reach()
    with pytest.raises(EntryRefused, match=sentence) as caught:
        await log.submit(entry)
    assert not caught.value.retryable
    await log.submit(b"yes")
    bench.move()
    assert entries_of(await read(log, has_entry(b"yes"))) == [b"yes"]


async def test_a_reader_from_beyond_the_head_is_told_that_the_log_is_shorter(bench: Bench) -> None:
    """A reader who has read more than the log holds stands before another log, and hears it."""
    with pytest.raises(LogForked, match="fewer than the 1000000"):
        await read(bench.reach(), lambda _: True, after=1_000_000)


async def test_a_reader_whose_past_differs_is_stopped(bench: Bench) -> None:
    """A block that does not follow the hash the reader remembers is not given to him."""
    log = bench.reach()
    blocks = await read_moving(bench, log, 3)
    with pytest.raises(LogForked, match="another log"):
        await anext(log.blocks(2, known=Bytes32(keccak256(b"another past"))))
    assert await anext(log.blocks(2, known=blocks[1].hash)) == blocks[2]


async def test_a_killed_log_loses_its_readers_and_nothing_else(bench: Bench) -> None:
    """Readers and submitters hear that it is unavailable, may retry, and find every block where it was."""
    log = bench.reach()
    await log.submit(b"before")
    bench.move()
    async with asyncio.timeout(PATIENCE_S), aclosing(log.blocks(0, known=NETWORK)) as blocks:
        seen = [await anext(blocks)]
        while not seen[-1].entries:
            seen.append(await anext(blocks))
        await bench.stop()
        with pytest.raises(LogUnavailable) as caught:
            seen += [block async for block in blocks]
        assert caught.value.retryable
    with pytest.raises(LogUnavailable):
        await log.submit(b"meanwhile")
    with pytest.raises(LogUnavailable):
        await log.head()
    with pytest.raises(LogUnavailable):
        await anext(log.blocks(0))
    await bench.start()
    await log.submit(b"after")
    bench.move()
    again = await read(log, has_entry(b"after"))
    assert again[: len(seen)] == seen
    assert entries_of(again) == [b"before", b"after"]


async def test_equal_entries_that_wait_are_all_taken(bench: Bench) -> None:
    """Submitted together by two clients, an entry is ordered; all hear that it was taken."""
    first, second = bench.reach(), bench.reach()
    await asyncio.gather(*(log.submit(b"together") for log in (first, second, first)))
    bench.move()
    assert b"together" in entries_of(await read(first, has_entry(b"together")))


async def test_what_was_ordered_is_ordered_again(bench: Bench) -> None:
    """The same bytes, submitted again later, stand in a later block: their reader may have rejected them in passing."""
    log = bench.reach()
    for _ in range(2):
        await log.submit(b"again")
        bench.move()
        await read(log, has_entry(b"again"))
    await log.submit(b"last")
    bench.move()
    assert entries_of(await read(log, has_entry(b"last"))) == [b"again", b"again", b"last"]


async def test_what_was_ordered_is_ordered_again_after_a_kill(bench: Bench) -> None:
    """A submitter who lost the answer to a crash submits again, and it is ordered: the log remembers no entries."""
    log = bench.reach()
    await log.submit(b"again")
    bench.move()
    await read(log, has_entry(b"again"))
    await bench.stop()
    await bench.start()
    await log.submit(b"again")
    await log.submit(b"last")
    bench.move()
    assert entries_of(await read(log, has_entry(b"last"))) == [b"again", b"again", b"last"]


async def test_two_readers_see_one_order(bench: Bench) -> None:
    """Whatever two clients submit at once, two readers see the same blocks, each entry once."""
    first, second = bench.reach(), bench.reach()
    entries = [b"entry %d" % number for number in range(300)]
    await asyncio.gather(*((first, second)[number % 2].submit(entry) for number, entry in enumerate(entries)))
    bench.move()
    live = await read(first, lambda found: len(entries_of(found)) >= len(entries))
    later = await read(second, lambda found: len(found) >= len(live))
    assert live == later
    assert sorted(entries_of(live)) == sorted(entries)


async def test_what_one_client_waited_for_keeps_its_order(bench: Bench) -> None:
    """An entry submitted after another was acknowledged is ordered after it."""
    log = bench.reach()
    entries = [b"step %d" % number for number in range(5)]
    for entry in entries:
        await log.submit(entry)
    bench.move()
    assert entries_of(await read(log, has_entry(entries[-1]))) == entries


async def test_entries_are_opaque(bench: Bench) -> None:
    """Zeros, every byte there is, and what looks like the log's own framing come back byte for byte, in their order."""
    log = bench.reach()
    entries = [b"\x00", bytes(range(256)), b"\x00\x00\x00\x05\x01\x00\x00\x00\x01", b"\xff" * 70_000]
    for entry in entries:
        await log.submit(entry)
    bench.move()
    assert entries_of(await read(log, has_entry(entries[-1]))) == entries


async def test_blocks_chain_from_the_network_and_time_never_goes_back(bench: Bench) -> None:
    """Heights are consecutive from 1, each block names the one before, the first the network; time never falls."""
    blocks = await read_moving(bench, bench.reach(), 12)
    assert [block.height for block in blocks] == list(range(1, 13))
    assert [block.previous for block in blocks] == [NETWORK, *(block.hash for block in blocks[:-1])]
    times = [block.time for block in blocks]
    assert times == sorted(times)
    assert times[0] > 0


async def test_an_idle_log_goes_on(bench: Bench) -> None:
    """Without entries there are blocks all the same, empty ones, because time passes only by blocks."""
    assert entries_of(await read_moving(bench, bench.reach(), 3)) == []


async def test_a_reader_resumes_where_it_left(bench: Bench) -> None:
    """From any height a reader is given exactly what follows, as the first reading had it."""
    log = bench.reach()
    for number in range(3):
        await log.submit(b"entry %d" % number)
        bench.move()
    whole = await read_moving(bench, log, 6)
    for after in range(6):
        assert await read(bench.reach(), lambda found: found[-1].height == 6, after) == whole[after:]


async def test_the_head_is_the_newest_block(bench: Bench) -> None:
    """Before any block it is the network itself, and then a block that a reader finds at that height."""
    log = bench.reach()
    head = await log.head()
    if head.height == 0:
        assert (head.hash, head.time) == (NETWORK, 0)
    blocks = await read_moving(bench, log, 3)
    head = await log.head()
    assert head.height >= 3
    blocks = await read(log, lambda found: found[-1].height == head.height)
    assert (blocks[-1].hash, blocks[-1].time) == (head.hash, head.time)
