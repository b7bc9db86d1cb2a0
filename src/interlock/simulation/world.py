"""What everything in one run shares: time, chance, the network and the record of what happened."""

import asyncio

from interlock.simulation.dice import Dice
from interlock.simulation.loop import VirtualLoop
from interlock.simulation.network import Network
from interlock.simulation.trace import Trace

EPOCH_S = 1_800_000_000
"""Unix seconds at which every run begins."""
EXECUTOR_MEAN_S = 0.002
"""Mean time that a call in an executor takes, such as one fsync."""


class World:
    """One run's surroundings; made outside of the loop, used within."""

    def __init__(self, seed: int, *, is_shuffled: bool = False) -> None:
        """Make a world; with `is_shuffled` the loop runs what is ready in an order that the dice choose."""
        self.dice = Dice(seed)
        executor = self.dice.split("executor")
        # What typeshed calls abstract raises NotImplementedError, as it should: sockets, signals, processes.
        self.loop = VirtualLoop(  # type: ignore[abstract]
            executor_delays=lambda: (executor.wait(EXECUTOR_MEAN_S), executor.wait(EXECUTOR_MEAN_S)),
            shuffle=self.dice.split("order").shuffle if is_shuffled else None,
        )
        self.trace = Trace(self.loop.time, lambda: self.loop.steps)
        self.network = Network(self.loop, self.dice.split("network"), self.trace)

    def now(self) -> float:
        """Give the true time in unix seconds."""
        return EPOCH_S + self.loop.time()

    def later(self, delay_s: float) -> "asyncio.Future[None]":
        """Give a future that is done after some time."""
        done: asyncio.Future[None] = self.loop.create_future()
        self.network.at(delay_s, done.set_result, None)
        return done
