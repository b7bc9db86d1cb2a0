"""`EmbeddedLog`: the sequencer, reached over its socket, as an `OrderedLog`.

The client believes the sequencer nothing it can check: it computes every block's hash, and holds each block against
the one before, and against the newest block it ever verified. Connections are made when needed and made anew by the
next call after a loss; no call is repeated behind the caller's back.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from functools import partial
from types import TracebackType
from typing import Self

from interlock.encoding.values import Bytes32
from interlock.ordering.embedded import wire
from interlock.ordering.embedded.channel import Channel
from interlock.ordering.embedded.frames import CHUNK_BYTES, Frame, FrameReader, MalformedFrame
from interlock.ordering.protocol import (
    Head,
    LogBlock,
    LogForked,
    LogUnavailable,
    OrderingError,
    verify_follows,
)

ANSWER_WITHIN_S = 10.0
"""How long a connection, and an answer, may take."""
SILENCE_MAX_S = 30.0
"""How long a stream may bring no block, though the log makes one at least every idle interval."""


class EmbeddedLog:
    """Submit to and read from one sequencer."""

    def __init__(
        self, host: str, port: int, *, answer_within_s: float = ANSWER_WITHIN_S, silence_max_s: float = SILENCE_MAX_S
    ) -> None:
        self._host = host
        self._port = port
        self._answer_within_s = answer_within_s
        self._silence_max_s = silence_max_s
        self._channel: Channel | None = None
        self._connecting = asyncio.Lock()
        self._newest: Head | None = None

    async def submit(self, entry: bytes) -> None:
        """Return once the entry is durable; see `OrderedLog.submit`."""
        await self._request(partial(wire.encode_submit, entry=entry))

    async def head(self) -> Head:
        """Give the newest position as the sequencer says it; see `OrderedLog.head`."""
        answer = await self._request(wire.encode_head)
        if not isinstance(answer, Head):
            raise LogUnavailable("the log answered a question for its head without one")
        return answer

    async def blocks(self, after: int, *, known: Bytes32 | None = None) -> AsyncGenerator[LogBlock, None]:
        """Give the blocks after a height and then each new one, verified; see `OrderedLog.blocks`."""
        before = Head(after, known, 0) if known is not None else None
        if before is None and self._newest is not None and self._newest.height == after:
            before = self._newest
        reader, writer = await self._connect()
        try:
            writer.write(wire.encode_follow(after))
            frames = FrameReader(reader, wire.REPLY_BYTES_MAX)
            while True:
                for frame in await self._next_frames(frames):
                    block = _decode_block(frame)
                    self._verify(block, before, after)
                    before = Head(block.height, block.hash, block.time)
                    yield block
        finally:
            await _end(writer)

    async def aclose(self) -> None:
        """End the connection for requests; streams end with their own iterators."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _request(self, encode: Callable[[int], bytes]) -> Head | None:
        """Ask once, connecting when there is no connection; give the answer or raise it."""
        async with self._connecting:
            channel = self._channel
            if channel is None or channel.is_lost:
                await self.aclose()
                channel = self._channel = Channel(*await self._connect())
        answer = await channel.request(encode, self._answer_within_s)
        if isinstance(answer, OrderingError):
            raise answer
        return answer

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(self._answer_within_s):
                return await asyncio.open_connection(self._host, self._port, limit=CHUNK_BYTES)
        except OSError as error:
            where = f"{self._host}:{self._port}"
            raise LogUnavailable(f"the log at {where} was not reached ({error}); is it running?") from error

    async def _next_frames(self, frames: FrameReader) -> list[Frame]:
        """Wait for what the stream brings next; LogUnavailable when it is lost or silent for too long."""
        try:
            async with asyncio.timeout(self._silence_max_s):
                batch = await frames.read()
        except TimeoutError:
            raise LogUnavailable(f"the log was silent for {self._silence_max_s} s; follow it again") from None
        except (MalformedFrame, OSError) as error:
            raise LogUnavailable(f"the stream of the log broke: {error}; follow it again") from error
        if not batch:
            raise LogUnavailable("the log closed the stream; follow it again")
        return batch

    def _verify(self, block: LogBlock, before: Head | None, after: int) -> None:
        """Raise LogForked unless the block continues the stream and agrees with the newest one ever verified."""
        if before is not None:
            verify_follows(block, before)
        elif block.height != after + 1:
            raise LogForked(f"the log gave block {block.height} where block {after + 1} was asked for")
        newest = self._newest
        if newest is not None and block.height == newest.height and block.hash != newest.hash:
            raise LogForked(
                f"block {block.height} is now 0x{block.hash.hex()}, but was verified as 0x{newest.hash.hex()}: "
                "the log was begun anew or changed"
            )
        if newest is None or block.height > newest.height:
            self._newest = Head(block.height, block.hash, block.time)


def _decode_block(frame: Frame) -> LogBlock:
    """Give the block of a frame of the stream; raise the answer that stands in its place."""
    try:
        if frame.kind == wire.Kind.BLOCK:
            return wire.decode_block(frame.payload)
        error = wire.decode_answer(frame.payload)[1] if frame.kind == wire.Kind.ANSWER else None
    except MalformedFrame as malformed:
        raise LogUnavailable(f"the log talks nonsense: {malformed}; follow it again") from malformed
    raise error or LogUnavailable(f"the log sent a frame of kind {frame.kind} where a block was due; follow it again")


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
