"""The network between simulated hosts: it delays, loses, doubles and reorders messages, and is cut into parts.

A message is a call on another host. It arrives after a time of its own, so later messages overtake earlier ones. While
two hosts are cut apart nothing arrives, also not what was sent before. Messages belong to no process: what was sent
before its sender died may still arrive.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TypeVarTuple

from interlock.simulation.dice import Dice
from interlock.simulation.process import PROCESS
from interlock.simulation.trace import Trace

Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the network is."""

    delay_s: float = 0.002
    """Mean time that a message takes."""
    lost: float = 0.0
    """Share of messages that never arrive."""
    doubled: float = 0.0
    """Share of messages that arrive twice."""
    broken: float = 0.0
    """Share of deliveries on a stream at which the connection breaks instead."""


CALM = Weather()
"""A good network."""


class Network:
    """Carry messages between hosts, which are known by name."""

    def __init__(self, loop: asyncio.AbstractEventLoop, dice: Dice, trace: Trace, weather: Weather = CALM) -> None:
        self.weather = weather
        self._loop = loop
        self._dice = dice
        self._trace = trace
        self._parts: dict[str, int] = {}
        self._alone: set[str] = set()
        self._slow: dict[str, float] = {}
        self.world = _world_context()
        """The context of what belongs to no process."""

    def send(self, source: str, target: str, deliver: Callable[[*Ts], object], *args: *Ts) -> None:
        """Let `deliver` be called on the target's side, once, twice or never."""
        weather = self.weather
        if self._dice.chance(weather.lost):
            self._trace.note(source, f"lost to {target}")
            return
        self.at(self.delay(source, target), self._arrive, source, target, deliver, args)
        if self._dice.chance(weather.doubled):
            self._trace.note(source, f"doubled to {target}")
            self.at(self.delay(source, target), self._arrive, source, target, deliver, args)

    def delay(self, source: str, target: str) -> float:
        """Give the time that one message takes."""
        factor = max(self._slow.get(source, 1.0), self._slow.get(target, 1.0))
        return self._dice.wait(self.weather.delay_s * factor)

    def at(self, delay_s: float, callback: Callable[[*Ts], object], *args: *Ts) -> asyncio.TimerHandle:
        """Call something later, in the name of no process."""
        return self._loop.call_later(delay_s, callback, *args, context=self.world)

    def breaks(self) -> bool:
        """Tell whether a connection breaks now."""
        return self._dice.chance(self.weather.broken)

    def is_cut(self, source: str, target: str) -> bool:
        """Tell whether two hosts are in different parts, or one of them is alone."""
        if source in self._alone or target in self._alone:
            return True
        return self._parts.get(source, 0) != self._parts.get(target, 0)

    def part(self, *groups: Iterable[str]) -> None:
        """Cut the network: each group sees itself alone, those unnamed are together."""
        self._parts = {host: number for number, group in enumerate(groups, 1) for host in group}
        self._trace.note("network", f"parts {sorted(self._parts.items())}")

    def isolate(self, host: str) -> None:
        """Let nobody see a host."""
        self._alone.add(host)
        self._trace.note("network", f"{host} alone")

    def rejoin(self, host: str) -> None:
        """Let a host be seen again."""
        self._alone.discard(host)
        self._trace.note("network", f"{host} back")

    def heal(self) -> None:
        """Join the parts; who is alone stays so."""
        self._parts = {}
        self._trace.note("network", "healed")

    def clear(self) -> None:
        """Be a good network from now on."""
        self.weather = CALM
        self._parts, self._alone, self._slow = {}, set(), {}
        self._trace.note("network", "clear")

    def slow(self, host: str, factor: float) -> None:
        """Let all messages from and to a host take so many times longer; 1 as at first."""
        self._slow[host] = factor
        self._trace.note("network", f"{host} slower by {factor}")

    def _arrive(self, source: str, target: str, deliver: Callable[..., object], args: tuple[object, ...]) -> None:
        if not self.is_cut(source, target):
            deliver(*args)


def _world_context() -> Context:
    context = copy_context()
    context.run(PROCESS.set, None)
    return context
