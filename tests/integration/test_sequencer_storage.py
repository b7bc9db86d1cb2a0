"""The sequencer over its file: what is full, busy, damaged or foreign is told, and nothing acknowledged is lost."""

import asyncio
import itertools
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sequencer_world import NETWORK, PATIENCE_S, entries_of, running, submit

from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32
from interlock.ordering.embedded import wire
from interlock.ordering.embedded.frames import MalformedFrame
from interlock.ordering.embedded.sequencer import Pace, Sequencer
from interlock.ordering.embedded.store import BlockStore, StoreFailed, StoreForeign, StoreHeld
from interlock.ordering.protocol import LogBlock, LogBusy, LogLimits, LogUnavailable, OrderingError


def stored(path: Path) -> list[LogBlock]:
    """Give all blocks of a file that nobody holds."""
    with BlockStore(path, NETWORK) as store:
        rows = store.after(0, blocks_max=1_000, bytes_max=1 << 30)
    return [LogBlock(row.height, row.time, Bytes32(row.previous), wire.decode_entries(row.entries)) for row in rows]


async def test_a_full_disk_refuses_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """An entry that finds no room is not acknowledged; the same entry is taken later; heights have no gap."""
    async with running(tmp_path / "log") as sequencer:
        assert await submit(sequencer, b"before") is None
        connection = sequencer._store._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        for _ in range(2):
            answer = await submit(sequencer, b"large" * 10_000)
            assert isinstance(answer, LogUnavailable)
            assert "no room" in str(answer)
        assert sequencer.head.height == 1
        connection.execute("PRAGMA max_page_count = 1000000")
        assert await submit(sequencer, b"large" * 10_000) is None
        assert sequencer.head.height == 2
    assert entries_of(stored(tmp_path / "log")) == [b"before", b"large" * 10_000]


async def test_a_failing_file_ends_the_sequencer_and_refuses_what_waits(tmp_path: Path) -> None:
    """When SQLite can do nothing more, the maker of blocks ends with the error, and the submitter is told."""
    sequencer = Sequencer(BlockStore(tmp_path / "log", NETWORK), lambda: 1)
    making = asyncio.create_task(sequencer.run())
    sequencer._store._connection.close()
    answer = await submit(sequencer, b"entry")
    assert isinstance(answer, LogUnavailable)
    with pytest.raises(StoreFailed):
        await making
    sequencer.close()


async def test_a_full_queue_says_busy_and_takes_nothing(tmp_path: Path) -> None:
    """Beyond the bound a submitter is told to come again; what waited is ordered, what was refused is not."""
    sequencer = Sequencer(
        BlockStore(tmp_path / "log", NETWORK), lambda: 1, limits=LogLimits(queue_entries_max=2), pace=Pace(0, 60)
    )
    answers: dict[bytes, list[OrderingError | None]] = {b"one": [], b"two": [], b"three": []}
    for entry in (b"one", b"two", b"one", b"three"):
        sequencer.offer(entry, answers[entry].append)
    assert not answers[b"one"]
    assert isinstance(answers[b"three"][0], LogBusy)
    making = asyncio.create_task(sequencer.run())
    async with asyncio.timeout(PATIENCE_S):
        await sequencer.blocks_after(0)
    assert answers[b"one"] == [None, None]
    assert answers[b"two"] == [None]
    assert await submit(sequencer, b"three") is None
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    sequencer.close()
    assert entries_of(stored(tmp_path / "log")) == [b"one", b"two", b"three"]


async def test_the_queue_is_bounded_in_bytes(tmp_path: Path) -> None:
    """Few large entries are as busy as many small ones."""
    limits = LogLimits(entry_bytes_max=60, queue_bytes_max=100)
    sequencer = Sequencer(BlockStore(tmp_path / "log", NETWORK), lambda: 1, limits=limits)
    answers: list[OrderingError | None] = []
    sequencer.offer(bytes(60), answers.append)
    assert not answers
    sequencer.offer(b"\x01" * 60, answers.append)
    assert isinstance(answers[0], LogBusy)
    sequencer.close()


async def test_what_waits_when_it_stops_is_refused(tmp_path: Path) -> None:
    """Stopping answers everybody: unavailable, submit again."""
    answers: list[OrderingError | None] = []
    async with running(tmp_path / "log", pace=Pace(30, 60)) as sequencer:
        sequencer.offer(b"waits", answers.append)
        await asyncio.sleep(0)
    assert isinstance(answers[0], LogUnavailable)


async def test_blocks_are_bounded_and_keep_the_order(tmp_path: Path) -> None:
    """What does not fit into one block, by count or by bytes, stands in the next."""
    limits = LogLimits(entry_bytes_max=40, block_entries_max=3, block_bytes_max=50)
    entries = [b"a", b"b", b"c", b"d", b"e" * 40, b"f" * 40, b"g"]
    sequencer = Sequencer(BlockStore(tmp_path / "log", NETWORK), lambda: 1, limits=limits, pace=Pace(0, 60))
    for entry in entries:
        sequencer.offer(entry, lambda _: None)
    making = asyncio.create_task(sequencer.run())
    async with asyncio.timeout(PATIENCE_S):
        await sequencer.blocks_after(2)
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    sequencer.close()
    assert [block.entries for block in stored(tmp_path / "log")] == [
        (b"a", b"b", b"c"),
        (b"d", b"e" * 40),
        (b"f" * 40, b"g"),
    ]


async def test_time_never_goes_back_with_the_clock(tmp_path: Path) -> None:
    """A clock that is set back makes time stand still, also across a restart."""
    clock = itertools.chain([100, 90, 105], itertools.repeat(7)).__next__
    for life in range(2):
        async with running(tmp_path / "log", clock=clock) as sequencer:
            for number in range(3):
                assert await submit(sequencer, b"%d/%d" % (life, number)) is None
    assert [block.time for block in stored(tmp_path / "log")] == [100, 100, 105, 105, 105, 105]


async def test_an_entry_joins_an_equal_one_only_while_that_waits(tmp_path: Path) -> None:
    """Equal entries that wait, or whose block is being stored, share one place; after that, equal bytes are new."""
    sequencer = Sequencer(BlockStore(tmp_path / "log", NETWORK), lambda: 1, pace=Pace(0, 60))
    told: list[OrderingError | None] = []
    append = sequencer._store.append
    loop = asyncio.get_running_loop()
    joined = threading.Event()

    def join() -> None:
        sequencer.offer(b"entry", told.append)
        joined.set()

    def join_then_append(block: LogBlock) -> None:
        loop.call_soon_threadsafe(join)
        assert joined.wait(PATIENCE_S)
        append(block)

    sequencer._store.append = join_then_append  # type: ignore[method-assign]  # the moment between taking and storing
    for _ in range(2):
        sequencer.offer(b"entry", told.append)
    making = asyncio.create_task(sequencer.run())
    async with asyncio.timeout(PATIENCE_S):
        await sequencer.blocks_after(0)
    assert told == [None, None, None]
    sequencer._store.append = append  # type: ignore[method-assign]  # as it was
    assert await submit(sequencer, b"entry") is None
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    sequencer.close()
    assert [block.entries for block in stored(tmp_path / "log")] == [(b"entry",), (b"entry",)]


async def test_followers_read_from_memory_and_from_the_file_alike(tmp_path: Path) -> None:
    """Every height, however far behind the head, is given what stands in the file."""
    async with running(tmp_path / "log") as sequencer:
        for number in range(40):
            assert await submit(sequencer, b"%d" % number) is None
        for height in range(40):
            blocks = await sequencer.blocks_after(height)
            assert [block.height for block in blocks] == list(range(height + 1, height + 1 + len(blocks)))
            assert wire.decode_entries(blocks[0].entries) == (b"%d" % height,)


def test_limits_and_paces_that_cannot_be_kept_are_refused(tmp_path: Path) -> None:
    """A bound that no entry, frame or block could meet is told when it is set."""
    with pytest.raises(ValueError, match="fit into a block"):
        LogLimits(entry_bytes_max=10, block_bytes_max=9)
    with pytest.raises(ValueError, match="at least 1"):
        LogLimits(queue_entries_max=0)
    with pytest.raises(ValueError, match="intervals"):
        Pace(2, 1)
    with BlockStore(tmp_path / "log", NETWORK) as store, pytest.raises(ValueError, match="no frame can hold"):
        Sequencer(store, lambda: 1, limits=LogLimits(entry_bytes_max=1 << 20))


def test_a_file_has_one_holder_and_one_network(tmp_path: Path) -> None:
    """A second opener, and another network, are refused with their own errors."""
    with BlockStore(tmp_path / "log", NETWORK) as store:
        store.append(LogBlock(1, 1, NETWORK, ()))
        with pytest.raises(StoreHeld):
            BlockStore(tmp_path / "log", NETWORK)
    with pytest.raises(StoreForeign, match="take another folder"):
        BlockStore(tmp_path / "log", keccak256(b"another network"))


def test_a_height_is_never_given_twice(tmp_path: Path) -> None:
    """The file itself refuses a second block of one height."""
    with BlockStore(tmp_path / "log", NETWORK) as store:
        store.append(LogBlock(1, 1, NETWORK, (b"first",)))
        with pytest.raises(StoreFailed):
            store.append(LogBlock(1, 1, NETWORK, (b"second",)))
    assert entries_of(stored(tmp_path / "log")) == [b"first"]


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """Neither another application's database nor a text is written to."""
    database = tmp_path / "database"
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    text = tmp_path / "text"
    text.write_bytes(b"not a database, but long enough to look like one" * 100)
    for path, error in ((database, StoreForeign), (text, StoreForeign)):
        before = path.read_bytes()
        with pytest.raises(error):
            BlockStore(path, NETWORK)
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE blocks SET entries = x'00000001' WHERE height = 3",
        "UPDATE blocks SET previous = x'00' WHERE height = 3",
        "UPDATE blocks SET time = 0 WHERE height = 5",
        "DELETE FROM blocks WHERE height = 4",
        "UPDATE blocks SET previous = zeroblob(32) WHERE height = 1",
    ],
)
def test_a_damaged_tail_is_not_built_upon(tmp_path: Path, damage: str) -> None:
    """A changed, missing or cut row among the newest is found when the file is opened."""
    path = tmp_path / "log"
    with BlockStore(path, NETWORK) as store:
        for number in range(5):
            head = store.head()
            store.append(LogBlock(head.height + 1, 10 + number, head.hash, (b"%d" % number,)))
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(damage)
    connection.close()
    with pytest.raises(StoreFailed, match="damaged"):
        BlockStore(path, NETWORK)


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_entries_come_back_from_their_run(entries: list[bytes]) -> None:
    """Whatever entries are stored and sent, the same ones are read."""
    assert wire.decode_entries(wire.encode_entries(entries)) == tuple(entries)


@given(st.binary(max_size=60))
def test_a_run_of_anything_is_entries_or_malformed(run: bytes) -> None:
    """Hostile bytes give entries that encode to the same bytes, or MalformedFrame; never anything else."""
    try:
        entries = wire.decode_entries(run)
    except MalformedFrame:
        return
    assert wire.encode_entries(entries) == run
