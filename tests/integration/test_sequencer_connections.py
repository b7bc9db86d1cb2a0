"""One bad connection is that connection's trouble: garbage, silence and greed cost nobody else anything."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from sequencer_world import (
    HOST,
    PATIENCE_S,
    client_of,
    entries_of,
    read_to,
    running,
    sequencer_process,
    serving,
    submit,
    submit_all,
)

from interlock.devnet.process import ManagedProcess
from interlock.encoding.keccak import keccak256
from interlock.ordering.embedded import wire
from interlock.ordering.embedded.client import EmbeddedLog
from interlock.ordering.embedded.frames import encode_frame
from interlock.ordering.embedded.server import CONNECTIONS_MAX, LogServer
from interlock.ordering.protocol import LogUnavailable

GARBAGE = {
    "an empty frame": bytes(4),
    "a frame beyond the bound": (wire.REQUEST_BYTES_MAX + 1).to_bytes(4, "big"),
    "a frame of four gigabytes": b"\xff\xff\xff\xff",
    "another protocol": b"GET / HTTP/1.1\r\nHost: log\r\n\r\n",
    "an unknown kind": encode_frame(99, b""),
    "a server's message": encode_frame(wire.Kind.BLOCK, bytes(48)),
    "a submission without a number": encode_frame(wire.Kind.SUBMIT, b"\x01"),
    "a question with more than its number": encode_frame(wire.Kind.HEAD, bytes(5)),
    "a height cut short": encode_frame(wire.Kind.FOLLOW, bytes(7)),
    "a request after the stream began": wire.encode_follow(0) + wire.encode_head(1),
    "noise": random.Random(7).randbytes(2_000),
}


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[ManagedProcess]:
    process = sequencer_process(tmp_path, "--block-interval-s", "0.002")
    await process.start()
    yield process
    await process.kill()


@asynccontextmanager
async def raw_connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def all_have_ended(server: LogServer) -> None:
    """Wait until the server has no connection left."""
    async with asyncio.timeout(PATIENCE_S):
        while server._connections:
            await asyncio.gather(*server._connections)
            await asyncio.sleep(0)  # the turn in which an ended connection is struck off


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """Read until the other side has closed, in whatever way."""
    found = b""
    async with asyncio.timeout(PATIENCE_S):
        with suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                found += chunk
    return found


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
async def test_garbage_closes_its_own_connection_only(process: ManagedProcess, garbage: bytes) -> None:
    """Whoever talks nonsense is cut off without an answer; a client beside him notices nothing."""
    async with client_of(process) as log:
        await log.submit(b"before")
        async with raw_connection(process.ready["port"]) as (reader, writer):
            writer.write(garbage)
            assert await read_to_end(reader) == b""
        await log.submit(b"after")
        assert entries_of(await read_to(log, (await log.head()).height)) == [b"before", b"after"]


async def test_half_a_frame_is_nothing(process: ManagedProcess) -> None:
    """A submission cut off by its sender's end is not ordered."""
    async with client_of(process) as log:
        async with raw_connection(process.ready["port"]) as (reader, writer):
            writer.write(wire.encode_submit(1, b"never finished")[:-1])
            writer.write_eof()
            assert await read_to_end(reader) == b""
        await log.submit(b"whole")
        assert entries_of(await read_to(log, (await log.head()).height)) == [b"whole"]


async def test_requests_may_come_in_any_pieces(process: ManagedProcess) -> None:
    """A frame that comes byte by byte, and several in one piece, are understood alike."""
    async with raw_connection(process.ready["port"]) as (reader, writer):
        for byte in wire.encode_submit(7, b"slowly"):
            writer.write(bytes((byte,)))
            await writer.drain()
        assert await reader.readexactly(10) == wire.encode_answer(7, None)
        writer.write(wire.encode_submit(8, b"slowly") + wire.encode_submit(9, b"slowly"))
        assert await reader.readexactly(20) == wire.encode_answer(8, None) + wire.encode_answer(9, None)


@asynccontextmanager
async def held_connections(port: int) -> AsyncIterator[list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]:
    """Give as many open connections as the server takes."""
    held = [await asyncio.open_connection(HOST, port) for _ in range(CONNECTIONS_MAX)]
    try:
        yield held
    finally:
        for _, writer in held:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def ask_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ask for the head and wait for the answer: the server has met this connection, and all before it."""
    writer.write(wire.encode_head(1))
    async with asyncio.timeout(PATIENCE_S):
        length = int.from_bytes(await reader.readexactly(4), "big")
        await reader.readexactly(length)


async def test_more_connections_than_the_bound_are_closed(process: ManagedProcess) -> None:
    """Where all that are open have requested something, one more is closed at once; when others leave there is room."""
    port = process.ready["port"]
    async with held_connections(port) as held:
        for reader, writer in held:
            await ask_head(reader, writer)
        async with raw_connection(port) as (reader, _):
            assert await read_to_end(reader) == b""
        held[0][1].write(bytes(4))
        assert await read_to_end(held[0][0]) == b""
        async with client_of(process) as log:
            await log.submit(b"room again")


async def test_connections_that_say_nothing_keep_nobody_out(process: ManagedProcess) -> None:
    """One more than the bound is served; the oldest that has requested nothing makes room for it."""
    port = process.ready["port"]
    async with held_connections(port) as held:
        await ask_head(*held[0])
        held[1][1].write(wire.encode_head(1)[:-1])  # no whole request
        await ask_head(*held[-1])
        async with client_of(process) as log:
            await log.submit(b"served")
            assert await read_to_end(held[1][0]) == b""
            await ask_head(*held[0])
            await ask_head(*held[2])


@pytest.mark.parametrize("begun", [b"", wire.encode_submit(1, b"never finished")[:-1]])
async def test_a_connection_without_a_request_is_closed(tmp_path: Path, begun: bytes) -> None:
    """Silence, or a request that does not come to its end, ends with the time for the first request."""
    async with (
        running(tmp_path / "log") as sequencer,
        serving(sequencer, first_request_s=0.05) as (server, port),
        raw_connection(port) as (reader, writer),
    ):
        writer.write(begun)
        assert await read_to_end(reader) == b""
        await all_have_ended(server)


async def test_a_connection_may_be_idle_after_its_first_request(tmp_path: Path) -> None:
    """A node that has nothing to submit keeps its connection: a silent one beside it ends, its own does not."""
    async with (
        running(tmp_path / "log") as sequencer,
        serving(sequencer, first_request_s=0.2) as (_, port),
        raw_connection(port) as quiet,
    ):
        await ask_head(*quiet)
        async with raw_connection(port) as (reader, _):
            assert await read_to_end(reader) == b""
        await ask_head(*quiet)


async def test_a_follower_who_does_not_read_is_dropped(tmp_path: Path) -> None:
    """Nothing is piled up for him: he is cut off after the stall time, while another follower is given every block."""
    async with running(tmp_path / "log") as sequencer, serving(sequencer, follower_stall_s=0.2) as (server, port):
        large = [bytes((number,)) * 250_000 for number in range(40)]
        for entry in large:
            assert await submit(sequencer, entry) is None
        with socket.socket() as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            idle.setblocking(False)
            await asyncio.get_running_loop().sock_connect(idle, (HOST, port))
            await asyncio.get_running_loop().sock_sendall(idle, wire.encode_follow(0))
            async with EmbeddedLog(HOST, port) as log:
                assert entries_of(await read_to(log, len(large))) == large
                await all_have_ended(server)
                assert await submit(sequencer, b"live") is None
                assert entries_of(await read_to(log, len(large) + 1, after=len(large))) == [b"live"]


async def test_a_submitter_who_does_not_read_his_answers_is_dropped(tmp_path: Path) -> None:
    """Answers wait for him up to a bound only."""
    async with (
        running(tmp_path / "log") as sequencer,
        serving(sequencer, follower_stall_s=1) as (server, port),
        raw_connection(port) as (reader, writer),
    ):
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # a client that never reads
        with pytest.raises(ConnectionError):
            await ask_for_ever(writer)
        await all_have_ended(server)


async def ask_for_ever(writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            writer.write(wire.encode_head(1) * 1_000)
            await writer.drain()
            await asyncio.sleep(0)  # the server's turn


async def test_a_follower_who_leaves_is_forgotten_though_no_block_comes(tmp_path: Path) -> None:
    """His connection ends with him, so that a log that cannot make blocks does not fill up with the departed."""
    async with running(tmp_path / "log") as sequencer, serving(sequencer, follower_stall_s=5) as (server, port):
        assert await submit(sequencer, b"one") is None
        async with EmbeddedLog(HOST, port) as log:
            assert entries_of(await read_to(log, 1)) == [b"one"]
        await all_have_ended(server)


async def test_the_dropped_follower_may_come_back(tmp_path: Path) -> None:
    """A client that lost its stream hears a retryable error, and reads on from where it was."""
    async with running(tmp_path / "log") as sequencer, serving(sequencer, follower_stall_s=5) as (server, port):
        assert await submit(sequencer, b"one") is None
        async with EmbeddedLog(HOST, port) as log:
            blocks = log.blocks(0)
            first = await anext(blocks)
            for transport in server._connections.values():
                transport.abort()
            with pytest.raises(LogUnavailable):
                await anext(blocks)
            assert await submit(sequencer, b"two") is None
            assert entries_of([first, *await read_to(log, 2, after=1)]) == [b"one", b"two"]


async def test_a_thousand_submissions_at_once_are_all_answered(process: ManagedProcess) -> None:
    """Requests in flight are answered each by its number."""
    entries = [keccak256(b"%d" % number) for number in range(1_000)]
    async with client_of(process) as log:
        await submit_all(log, entries)
        head = await log.head()
        assert sorted(entries_of(await read_to(log, head.height))) == sorted(entries)
