"""The client believes a sequencer nothing it can check: lies stop it, nonsense and silence are only a lost log."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sequencer_world import HOST, NETWORK, PATIENCE_S

from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32
from interlock.ordering.embedded import wire
from interlock.ordering.embedded.client import EmbeddedLog
from interlock.ordering.embedded.frames import encode_frame
from interlock.ordering.embedded.wire import StoredBlock
from interlock.ordering.protocol import EntryTooLarge, Head, LogBlock, LogForked, LogUnavailable


@asynccontextmanager
async def liar(*lives: bytes | None) -> AsyncIterator[EmbeddedLog]:
    """Serve what is given, one piece for each connection in its turn, and keep it open; None closes it."""
    left = list(lives)
    tasks: set[asyncio.Task[None]] = set()

    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(65_536)
            answer = left.pop(0) if left else None
            if answer is not None:
                writer.write(answer)
                await reader.read()
        except ConnectionError:
            pass  # the client has had enough
        finally:
            writer.close()

    def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(lie(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(on_connection, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with EmbeddedLog(HOST, port, answer_within_s=PATIENCE_S, silence_max_s=PATIENCE_S) as log:
            yield log
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def chain(*entries: tuple[bytes, ...], start: Head | None = None) -> list[LogBlock]:
    """Make an honest chain, one block for each tuple of entries."""
    before = start or Head(0, NETWORK, 0)
    blocks = []
    for number, some in enumerate(entries, 1):
        block = LogBlock(before.height + 1, 1_000 + number, before.hash, some)
        blocks.append(block)
        before = Head(block.height, block.hash, block.time)
    return blocks


def said(*blocks: LogBlock) -> bytes:
    """Give the frames of blocks."""
    return b"".join(
        wire.encode_block(StoredBlock(block.height, block.time, block.previous, wire.encode_entries(block.entries)))
        for block in blocks
    )


async def follow(
    log: EmbeddedLog, after: int = 0, known: Bytes32 | None = NETWORK, into: list[LogBlock] | None = None
) -> None:
    """Read until the log is lost, or lies."""
    found = into if into is not None else []
    async with asyncio.timeout(PATIENCE_S):
        async for block in log.blocks(after, known=known):
            found.append(block)


ONE, TWO, THREE = chain((b"a",), (b"b",), ())
OTHER_TWO = LogBlock(2, TWO.time, ONE.hash, (b"another",))

LIES = {
    "the first block is another network's": ([LogBlock(1, 1, keccak256(b"elsewhere"), ())], "another log"),
    "a block does not follow": ([ONE, LogBlock(2, TWO.time, keccak256(b"elsewhere"), ())], "another log"),
    "a block is left out": ([ONE, THREE], "block 3 where block 2 follows"),
    "a block comes twice": ([ONE, ONE], "block 1 where block 2 follows"),
    "a block is changed under its successor": ([ONE, OTHER_TWO, THREE], "another log"),
    "time goes back": ([ONE, LogBlock(2, ONE.time - 1, ONE.hash, ())], "time went back"),
}


@pytest.mark.parametrize(("blocks", "sentence"), LIES.values(), ids=LIES.keys())
async def test_a_chain_that_does_not_hold_stops_the_reader(blocks: list[LogBlock], sentence: str) -> None:
    """Whatever breaks the chain from the network's id on is a terminal error at that block."""
    async with liar(said(*blocks)) as log:
        with pytest.raises(LogForked, match=sentence) as caught:
            await follow(log)
        assert not caught.value.retryable


async def test_a_reader_who_starts_without_a_past_still_asks_for_the_right_height() -> None:
    """Without a known hash the first block is believed, but not its height."""
    async with liar(said(THREE)) as log:
        with pytest.raises(LogForked, match="block 3 where block 1 was asked for"):
            await follow(log, known=None)


async def test_history_that_changes_between_two_streams_is_found() -> None:
    """A block verified once is remembered: after a lost connection another one in its place is a fork."""
    async with liar(said(ONE, TWO) + bytes(4), said(ONE, OTHER_TWO)) as log:
        with pytest.raises(LogUnavailable):
            await follow(log)
        with pytest.raises(LogForked, match="was verified as"):
            await follow(log)


async def test_the_next_block_after_a_lost_stream_must_follow_the_last() -> None:
    """The client holds the first block of a new stream against the last of the old one, without being told its hash."""
    async with liar(said(ONE, TWO) + bytes(4), said(LogBlock(3, 9_999, OTHER_TWO.hash, ()))) as log:
        with pytest.raises(LogUnavailable):
            await follow(log)
        with pytest.raises(LogForked, match="another log"):
            await follow(log, after=2, known=None)


async def test_a_log_that_says_it_is_shorter_stops_the_reader() -> None:
    """The sequencer's own word that it lacks what was read is terminal."""
    async with liar(wire.encode_answer(0, LogForked("it has 1 block"))) as log:
        with pytest.raises(LogForked, match="it has 1 block"):
            await follow(log, after=2, known=TWO.hash)


NONSENSE = {
    "an empty frame": bytes(4),
    "a frame without end": b"\xff\xff\xff\xff",
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a block cut short": encode_frame(wire.Kind.BLOCK, bytes(47)),
    "entries cut short": encode_frame(wire.Kind.BLOCK, bytes(48) + b"\x00\x00\x00\x09abc"),
    "an unknown kind": encode_frame(99, b""),
    "an unknown verdict": encode_frame(wire.Kind.ANSWER, b"\x00\x00\x00\x01\x63"),
    "a verdict cut short": encode_frame(wire.Kind.ANSWER, b"\x00"),
    "the end of the connection": None,
}


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE.keys())
async def test_nonsense_is_a_lost_log(nonsense: bytes | None) -> None:
    """A stream or an answer that cannot be understood is retryable; what came before it counts; nothing hangs."""
    seen: list[LogBlock] = []
    async with liar(None if nonsense is None else said(ONE) + nonsense, nonsense, nonsense) as log:
        with pytest.raises(LogUnavailable) as caught:
            await follow(log, into=seen)
        assert caught.value.retryable
        assert seen == ([] if nonsense is None else [ONE])
        with pytest.raises(LogUnavailable):
            await log.submit(b"entry")
        with pytest.raises(LogUnavailable):
            await log.head()


async def test_an_answer_of_the_wrong_kind_is_no_head() -> None:
    """*Taken* is no position."""
    async with liar(wire.encode_answer(1, None)) as log:
        with pytest.raises(LogUnavailable, match="without one"):
            await log.head()


async def test_answers_that_nobody_asked_for_are_passed_over() -> None:
    """An answer to another request does not satisfy this one."""
    async with liar(wire.encode_answer(77, None) + wire.encode_position(1, Head(4, NETWORK, 9))) as log:
        assert await log.head() == Head(4, NETWORK, 9)


async def test_all_open_requests_fail_with_their_connection() -> None:
    """Not one of many submissions in flight is left waiting when the log goes."""
    async with liar(None) as log:
        results = await asyncio.gather(*(log.submit(b"%d" % number) for number in range(50)), return_exceptions=True)
    assert {type(result) for result in results} == {LogUnavailable}


async def test_a_silent_log_is_given_up() -> None:
    """A log that takes connections and never answers is unavailable once the client's patience is over."""
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        async with EmbeddedLog(HOST, port, answer_within_s=0.05, silence_max_s=0.05) as log:
            with pytest.raises(LogUnavailable, match=r"did not answer within 0\.05 s"):
                await log.submit(b"entry")
            with pytest.raises(LogUnavailable, match=r"silent for 0\.05 s"):
                await anext(log.blocks(0))


async def test_nobody_listening_is_told_with_the_address() -> None:
    """A refused connection names where it was tried."""
    with socket.create_server((HOST, 0)) as gone:
        port = gone.getsockname()[1]
    async with EmbeddedLog(HOST, port) as log:
        for ask in (log.head(), log.submit(b"entry"), anext(log.blocks(0))):
            with pytest.raises(LogUnavailable, match=f"{HOST}:{port} was not reached"):
                await ask


async def test_an_entry_that_no_frame_holds_is_not_sent() -> None:
    """The client refuses it by itself, and stays usable."""
    async with liar(wire.encode_position(2, Head(0, NETWORK, 0))) as log:
        with pytest.raises(EntryTooLarge):
            await log.submit(bytes(wire.REQUEST_BYTES_MAX))
        assert (await log.head()).height == 0
