"""Whoever is cancelled while it ends a task of its own is cancelled, and not taken for the task."""

import argparse
import asyncio
from functools import partial
from pathlib import Path

import pytest
from sequencer_world import HOST, NETWORK, PATIENCE_S

from interlock.ordering.embedded import __main__ as program
from interlock.ordering.embedded.channel import Channel
from interlock.ordering.embedded.sequencer import Sequencer
from interlock.ordering.embedded.store import BlockStore


class Stubborn:
    """Work that is slow to end: the first cancellation finds it busy, the second ends it."""

    def __init__(self) -> None:
        self.is_ending = asyncio.Event()

    async def work(self, *_: object) -> None:
        """Do nothing, for ever."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.is_ending.set()
            await asyncio.Event().wait()
            raise


async def cancel_while_it_ends(ending: "asyncio.Task[None]", stubborn: Stubborn) -> None:
    """Cancel whoever waits for stubborn work to end; it must be cancelled itself."""
    async with asyncio.timeout(PATIENCE_S):
        await stubborn.is_ending.wait()
        ending.cancel()
        await asyncio.wait({ending})
    assert ending.cancelled()


async def end_the_rest() -> None:
    """End what a cancelled task left behind, as `asyncio.run` does."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


async def test_who_is_cancelled_while_closing_a_channel_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """`close` does not go on as though only its own task had been cancelled."""
    stubborn = Stubborn()
    monkeypatch.setattr(Channel, "_receive", stubborn.work)
    server = await asyncio.start_server(lambda _, writer: writer.close(), HOST, 0)
    channel = Channel(*await asyncio.open_connection(*server.sockets[0].getsockname()))
    await asyncio.sleep(0)  # the task's turn: it begins
    await cancel_while_it_ends(asyncio.create_task(channel.close()), stubborn)
    channel._writer.transport.abort()
    await end_the_rest()
    server.close()
    await server.wait_closed()


async def test_who_is_cancelled_while_stopping_a_sequencer_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The process's main coroutine ends as cancelled, and not as though it had been asked to stop."""
    stubborn, stop = Stubborn(), asyncio.Event()
    stop.set()
    monkeypatch.setattr(Sequencer, "run", stubborn.work)
    monkeypatch.setattr(program, "stop_event", lambda **_: stop)
    options = argparse.Namespace(follower_stall_s=1.0, host=HOST, port=0, until_stdin_ends=False)
    make = partial(Sequencer, BlockStore(tmp_path / "log", NETWORK), lambda: 1)
    serving = asyncio.create_task(program._serve(make, options))
    await cancel_while_it_ends(serving, stubborn)
    await end_the_rest()
