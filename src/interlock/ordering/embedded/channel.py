"""One connection for requests and their answers, any number in flight."""

import asyncio
import contextlib
from collections.abc import Callable

from interlock.ordering.embedded import wire
from interlock.ordering.embedded.frames import FrameReader, MalformedFrame, Outbox
from interlock.ordering.protocol import Head, LogUnavailable, OrderingError

IN_FLIGHT_MAX = 4_096
"""Requests of one client that wait for an answer; further ones wait for their turn."""
UNSENT_BYTES_MAX = 67_108_864
"""Requests that may wait to be sent to a log that does not read; beyond it the connection is given up."""

Answer = OrderingError | Head | None
"""What a request may be answered with: refused, a position, taken."""


class Channel:
    """Send requests over one connection until it is lost; then every open and later request fails."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._frames = FrameReader(reader, wire.REPLY_BYTES_MAX)
        self._writer = writer
        self._outbox = Outbox(writer.transport, UNSENT_BYTES_MAX)
        self._open: dict[int, asyncio.Future[Answer]] = {}
        self._turn = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._last_request = 0
        self._lost: str | None = None
        self._receiving = asyncio.create_task(self._receive())

    @property
    def is_lost(self) -> bool:
        """Whether the connection is of no more use."""
        return self._lost is not None

    async def request(self, encode: Callable[[int], bytes], within_s: float) -> Answer:
        """Send one request, built from its number; give its answer. LogUnavailable when lost or too late."""
        async with self._turn:
            if self._lost is not None:
                raise LogUnavailable(self._lost)
            self._last_request = self._last_request % 0xFFFFFFFF + 1
            number = self._last_request
            frame = encode(number)
            answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._open[number] = answer
            try:
                self._outbox.put(frame)
                async with asyncio.timeout(within_s):
                    return await answer
            except TimeoutError:
                raise LogUnavailable(f"the log did not answer within {within_s} s; ask again") from None
            finally:
                self._open.pop(number, None)

    async def close(self) -> None:
        """End the connection; open requests fail."""
        self._receiving.cancel()
        # Waited for, not awaited: the caller's own cancellation must not be taken for the task's.
        await asyncio.wait({self._receiving})
        if not self._receiving.cancelled():
            self._receiving.result()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _receive(self) -> None:
        """Hand answers out until the connection ends."""
        reason = "the log closed the connection"
        try:
            while batch := await self._frames.read():
                for frame in batch:
                    self._settle(*_decode(frame.kind, frame.payload))
        except MalformedFrame as error:
            reason = f"the log talks nonsense: {error}"
        except OSError as error:
            reason = f"the connection to the log was lost: {error}"
        finally:
            self._lost = f"{reason}; connect again and ask again"
            for answer in self._open.values():
                if not answer.done():
                    answer.set_result(LogUnavailable(self._lost))
            self._writer.transport.abort()

    def _settle(self, number: int, answer: Answer) -> None:
        waiting = self._open.get(number)
        # An answer that nobody waits for came after its time-out.
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)


def _decode(kind: int, payload: bytes) -> tuple[int, Answer]:
    if kind == wire.Kind.ANSWER:
        return wire.decode_answer(payload)
    if kind == wire.Kind.POSITION:
        return wire.decode_position(payload)
    raise MalformedFrame(f"an answer of the unknown kind {kind}")
