"""One host's connection to the log: an `OrderedLog` over the simulated network.

It believes the log nothing that it can check, as the embedded log's client does: every block is held against the one
before, and against the newest that was ever verified on this connection.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TypeVarTuple

from interlock.encoding.values import Bytes32
from interlock.ordering.protocol import Head, LogBlock, LogForked, LogUnavailable, OrderingError, verify_follows
from interlock.simulation.log_service import Answer, LogService, Reply
from interlock.simulation.log_stream import Inbox
from interlock.simulation.network import Network

Ts = TypeVarTuple("Ts")

ANSWER_WITHIN_S = 10.0
"""How long an answer may take, as in production."""
SILENCE_MAX_S = 30.0
"""How long a stream may bring nothing, as in production."""


class LogConnection:
    """Submit to and read from whatever log this host is led to."""

    def __init__(self, host: str, network: Network, service: Callable[[], LogService]) -> None:
        """Connect a host; `service` gives the face that it is shown now."""
        self._host = host
        self._network = network
        self._service = service
        self._newest: Head | None = None

    async def submit(self, entry: bytes) -> None:
        """Return once the log has taken the entry; see `OrderedLog.submit`."""
        await self._ask(self._service().on_submit, entry)

    async def head(self) -> Head:
        """Give the newest position; see `OrderedLog.head`."""
        answer = await self._ask(self._service().on_head)
        if not isinstance(answer, Head):
            raise LogUnavailable("the log answered a question for its head without one")
        return answer

    async def blocks(self, after: int, *, known: Bytes32 | None = None) -> AsyncGenerator[LogBlock, None]:
        """Give the blocks after a height and then each new one; see `OrderedLog.blocks`."""
        before = Head(after, known, 0) if known is not None else None
        inbox = Inbox()
        try:
            await self._ask(self._service().on_follow, after, inbox)
            while True:
                block = await inbox.next(SILENCE_MAX_S)
                self._verify(block, before, after)
                before = Head(block.height, block.hash, block.time)
                yield block
        finally:
            inbox.close()

    async def _ask(self, ask: Callable[[str, *Ts, Reply], None], *args: *Ts) -> Answer:
        """Send one request and wait for its answer; raise what it was refused with, or LogUnavailable."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        log = self._service().name

        def settle(value: Answer) -> None:
            if not answer.done():
                answer.set_result(value)

        def reply(value: Answer) -> None:
            self._network.send(log, self._host, settle, value)

        if self._network.breaks():
            # The connection breaks with the request on its way: it may have arrived, and nobody here can tell.
            self._network.send(log, self._host, settle, LogUnavailable("the connection to the log was lost"))
        self._network.send(self._host, log, ask, self._host, *args, reply)
        silence = loop.call_later(ANSWER_WITHIN_S, settle, LogUnavailable(f"no answer within {ANSWER_WITHIN_S} s"))
        try:
            found = await answer
        finally:
            silence.cancel()
        if isinstance(found, OrderingError):
            raise found
        return found

    def _verify(self, block: LogBlock, before: Head | None, after: int) -> None:
        """Raise LogForked unless the block continues the stream and agrees with the newest one ever verified."""
        if before is not None:
            verify_follows(block, before)
        elif block.height != after + 1:
            raise LogForked(f"the log gave block {block.height} where block {after + 1} was asked for")
        newest = self._newest
        if newest is not None and block.height == newest.height and block.hash != newest.hash:
            raise LogForked(f"block {block.height} is now another than was verified: the log was begun anew or changed")
        if newest is None or block.height > newest.height:
            self._newest = Head(block.height, block.hash, block.time)
