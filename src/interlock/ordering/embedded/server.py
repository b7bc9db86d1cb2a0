"""The sequencer's door: connections, requests, and streams of blocks.

Every connection is bounded: how long until its first request, what it may send at once, what waits to be sent to it,
how long it may leave its stream unread. Who exceeds a bound is dropped and may connect again; nobody else notices.
Streams are read from the sequencer as fast as each follower takes them, so a slow one makes nothing pile up here.
"""

import asyncio
import logging
import socket
from functools import partial

from interlock.ordering.embedded import wire
from interlock.ordering.embedded.frames import CHUNK_BYTES, Frame, FrameReader, MalformedFrame, Outbox
from interlock.ordering.embedded.sequencer import Sequencer
from interlock.ordering.embedded.store import StoreError
from interlock.ordering.protocol import LogForked, OrderingError

CONNECTIONS_MAX = 256
"""Open connections; two for each node, and room for readers. A further one takes the place of the oldest that has
requested nothing yet; where all have, it is closed at once."""
FIRST_REQUEST_S = 10.0
"""How long a connection may take to send its first request, whole."""
ANSWER_BYTES_MAX = 4_194_304
"""Answers that may wait for a client who does not read them."""
FOLLOWER_SOCKET_BYTES = 262_144
"""What the kernel may keep for a follower who does not read."""
FOLLOWER_STALL_S = 10.0
"""How long a follower may leave its socket full before it is dropped."""

logger = logging.getLogger(__name__)


class LogServer:
    """Serve one sequencer to any number of clients."""

    def __init__(
        self,
        sequencer: Sequencer,
        *,
        follower_stall_s: float = FOLLOWER_STALL_S,
        first_request_s: float = FIRST_REQUEST_S,
    ) -> None:
        self._sequencer = sequencer
        self._follower_stall_s = follower_stall_s
        self._first_request_s = first_request_s
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.WriteTransport] = {}
        self._silent: dict[asyncio.WriteTransport, None] = {}
        """Those that have requested nothing yet, the oldest first."""

    async def start(self, host: str, port: int) -> int:
        """Listen; give the port, which the system chooses where 0 is asked for. OSError when it is taken."""
        self._server = await asyncio.start_server(self._on_connection, host, port, limit=CHUNK_BYTES)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the door and every connection."""
        if self._server is not None:
            self._server.close()
        for transport in self._connections.values():
            transport.abort()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= CONNECTIONS_MAX:
            one = next(iter(self._silent), writer.transport)
            logger.warning("closing a connection: %d are open", CONNECTIONS_MAX)
            one.abort()
            self._silent.pop(one, None)
            if one is writer.transport:
                return
        self._silent[writer.transport] = None
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections[task] = writer.transport
        task.add_done_callback(self._connections.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end, whatever ends it."""
        peer = writer.get_extra_info("peername")
        try:
            after = await self._answer_requests(FrameReader(reader, wire.REQUEST_BYTES_MAX), writer)
            if after is not None:
                await self._follow(after, reader, writer)
        except MalformedFrame as error:
            logger.warning("closing the connection of %s: %s", peer, error)
        except TimeoutError:
            logger.warning("dropping the follower %s: it read nothing for %s s", peer, self._follower_stall_s)
        except OSError as error:
            logger.info("lost the connection of %s: %s", peer, error)
        except StoreError:
            logger.exception("closing the connection of %s: its blocks cannot be read", peer)
        finally:
            self._silent.pop(writer.transport, None)
            writer.transport.abort()

    async def _answer_requests(self, frames: FrameReader, writer: asyncio.StreamWriter) -> int | None:
        """Answer until the client leaves (None), or wants to follow from a height."""
        outbox = Outbox(writer.transport, ANSWER_BYTES_MAX)
        batch = await self._first_requests(frames)
        self._silent.pop(writer.transport, None)
        while batch:
            for frame in batch:
                if frame.kind == wire.Kind.FOLLOW:
                    if frame is not batch[-1]:
                        raise MalformedFrame("a request after FOLLOW")
                    outbox.flush()
                    return wire.decode_follow(frame.payload)
                self._answer(frame, outbox)
            batch = await frames.read()
        return None

    async def _first_requests(self, frames: FrameReader) -> list[Frame]:
        try:
            async with asyncio.timeout(self._first_request_s):
                return await frames.read()
        except TimeoutError:
            raise MalformedFrame(f"no whole request within {self._first_request_s:g} s") from None

    def _answer(self, frame: Frame, outbox: Outbox) -> None:
        if frame.kind == wire.Kind.SUBMIT:
            request, entry = wire.decode_submit(frame.payload)
            self._sequencer.offer(entry, partial(_put_answer, outbox, request))
        elif frame.kind == wire.Kind.HEAD:
            outbox.put(wire.encode_position(wire.decode_head(frame.payload), self._sequencer.head))
        else:
            raise MalformedFrame(f"a request of the unknown kind {frame.kind}")

    async def _follow(self, after: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stream until the follower leaves, or says anything more; he is noticed even where no block comes."""
        leaving = asyncio.create_task(reader.read(1))
        streaming = asyncio.create_task(self._stream(after, writer))
        try:
            await asyncio.wait({leaving, streaming}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            streaming.cancel()
            await asyncio.gather(leaving, streaming, return_exceptions=True)
        if not streaming.cancelled():
            streaming.result()

    async def _stream(self, after: int, writer: asyncio.StreamWriter) -> None:
        """Send the blocks after a height, for ever. TimeoutError when the follower stalls."""
        head = self._sequencer.head
        if after > head.height:
            shorter = LogForked(f"the log has {head.height} blocks, fewer than the {after} that were read before")
            writer.write(wire.encode_answer(0, shorter))
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            return
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, FOLLOWER_SOCKET_BYTES)
        while True:
            blocks = await self._sequencer.blocks_after(after)
            writer.write(b"".join(wire.encode_block(block) for block in blocks))
            after = blocks[-1].height
            async with asyncio.timeout(self._follower_stall_s):
                await writer.drain()


def _put_answer(outbox: Outbox, request: int, error: OrderingError | None) -> None:
    outbox.put(wire.encode_answer(request, error))
