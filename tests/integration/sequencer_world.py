"""What the sequencer's tests share: a process, a sequencer in the test's own loop, raw connections."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

from interlock.devnet.process import ManagedProcess
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import hex_of
from interlock.ordering.embedded.client import EmbeddedLog
from interlock.ordering.embedded.sequencer import Pace, Sequencer
from interlock.ordering.embedded.server import LogServer
from interlock.ordering.embedded.store import BlockStore
from interlock.ordering.protocol import LogBlock, LogLimits, OrderedLog, OrderingError

NETWORK = keccak256(b"the network of these tests")
HOST = "127.0.0.1"
PATIENCE_S = 30.0
"""A broken log fails a test instead of hanging it; nothing waits for this to pass."""
NEVER_IDLE = Pace(block_interval_s=0, idle_interval_s=3_600)
"""Blocks are made for entries only."""


def arguments(home: Path, *more: str) -> list[str]:
    """Give the command line of a sequencer process."""
    argv = [sys.executable, "-m", "interlock.ordering.embedded", "--home", str(home), "--network-id", hex_of(NETWORK)]
    return [*argv, *more]


def sequencer_process(folder: Path, *more: str, name: str = "sequencer") -> ManagedProcess:
    """Give the handle of a sequencer process over `folder`; it is not started."""
    return ManagedProcess(arguments(folder / "log", *more), folder / f"{name}.log", name)


@asynccontextmanager
async def client_of(process: ManagedProcess) -> AsyncIterator[EmbeddedLog]:
    """Give a client of a running process."""
    async with EmbeddedLog(HOST, process.ready["port"]) as log:
        yield log


@asynccontextmanager
async def running(
    path: Path,
    *,
    limits: LogLimits | None = None,
    pace: Pace = NEVER_IDLE,
    clock: Callable[[], int] = lambda: 1_000,
) -> AsyncIterator[Sequencer]:
    """Run a sequencer over a file in this loop."""
    async with AsyncExitStack() as stack:
        sequencer = Sequencer(BlockStore(path, NETWORK), clock, limits=limits, pace=pace)
        stack.callback(sequencer.close)
        making = asyncio.create_task(sequencer.run())
        stack.push_async_callback(_end, making)
        yield sequencer


@asynccontextmanager
async def serving(
    sequencer: Sequencer, *, follower_stall_s: float = PATIENCE_S, first_request_s: float = PATIENCE_S
) -> AsyncIterator[tuple[LogServer, int]]:
    """Serve a sequencer in this loop; give the server and its port."""
    server = LogServer(sequencer, follower_stall_s=follower_stall_s, first_request_s=first_request_s)
    port = await server.start(HOST, 0)
    try:
        yield server, port
    finally:
        await server.stop()


async def submit(sequencer: Sequencer, entry: bytes) -> OrderingError | None:
    """Offer an entry and wait for its answer."""
    answer: asyncio.Future[OrderingError | None] = asyncio.get_running_loop().create_future()
    sequencer.offer(entry, answer.set_result)
    async with asyncio.timeout(PATIENCE_S):
        return await answer


async def submit_all(log: OrderedLog, entries: Iterable[bytes]) -> None:
    """Submit entries at once; all are taken."""
    await asyncio.gather(*(log.submit(entry) for entry in entries))


async def read_to(log: OrderedLog, height: int, after: int = 0) -> list[LogBlock]:
    """Read blocks up to a height."""
    found: list[LogBlock] = []
    async with asyncio.timeout(PATIENCE_S), aclosing(log.blocks(after)) as blocks:
        while len(found) < height - after:
            found.append(await anext(blocks))
    return found


def entries_of(blocks: Iterable[LogBlock]) -> list[bytes]:
    """Give all entries in their order."""
    return [entry for block in blocks for entry in block.entries]


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
