"""Play scenarios, each on a network of its own, and judge them."""

import asyncio
import difflib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from interlock.devnet.chain.anvil import find_anvil
from interlock.devnet.demo.deal import DealEnd, DealStuck, LedgersDisagree
from interlock.devnet.demo.outcome import Balances, is_disagreement, read_balances
from interlock.devnet.demo.scenario import SCENARIOS, Scenario, Scene
from interlock.devnet.demo.timeline import Line, Timeline
from interlock.devnet.network import DevNetwork, MakeChain, anvil_chain, embedded_chain

__all__ = ["ChainMissing", "DealStuck", "LedgersDisagree", "Result", "Told", "chain_maker", "choose", "play"]


class ChainMissing(Exception):
    """The chain that was asked for is not on this machine; the sentence says how to get it."""


class Told(Protocol):
    """Whoever shows the demo."""

    def begin(self, scenario: Scenario) -> None:
        """Announce a scenario."""
        ...

    def line(self, line: Line) -> None:
        """Show a line of its timeline."""
        ...

    def standing(self, network: DevNetwork, balances: Balances) -> None:
        """Show the network once it stands: its processes, and who has what."""
        ...

    def end(self, result: "Result") -> None:
        """Show how one settlement ended."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """How one settlement of a scenario ended."""

    scenario: str
    expected: str
    end: DealEnd
    genesis: Path

    @property
    def is_broken(self) -> bool:
        """Tell whether what must never be has been: disagreement of ledgers or nodes, or value made or lost."""
        return is_disagreement(self.end.legs) or not self.end.conserved or not self.end.agreed

    @property
    def is_as_expected(self) -> bool:
        """Tell whether it ended as the scenario says, with a receipt that proves it."""
        return self.end.outcome == self.expected and self.end.report.valid


def choose(names: Sequence[str]) -> list[Scenario]:
    """Give the scenarios of these names, or all; ValueError says which name is meant."""
    known = {each.name: each for each in SCENARIOS}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ValueError(f"there is no scenario {name!r}; {hint}")
    return [known[name] for name in dict.fromkeys(names)] or list(SCENARIOS)


async def play(scenarios: Sequence[Scenario], folder: Path, make_chain: MakeChain, told: Told) -> list[Result]:
    """Play scenarios one after the other. DealStuck; every process is reaped in any case."""
    results: list[Result] = []
    for scenario in scenarios:
        results += await _play_one(scenario, folder / scenario.name, make_chain, told)
    return results


async def _play_one(scenario: Scenario, folder: Path, make_chain: MakeChain, told: Told) -> list[Result]:
    home = folder / "network"
    home.mkdir(parents=True)
    told.begin(scenario)
    async with DevNetwork(home, scenario.plan, make_chain) as network:
        genesis = folder / "genesis.json"
        shutil.copyfile(network.genesis_path, genesis)
        timeline = Timeline(network, told.line)
        told.standing(network, await read_balances(network))
        listening = asyncio.create_task(timeline.run())
        results: list[Result] = []
        try:
            async for end in scenario.play(Scene(network, timeline, folder)):
                results.append(Result(scenario.name, scenario.expected[len(results)], end, genesis))
                told.end(results[-1])
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        return results


def chain_maker(kind: str) -> MakeChain:
    """Give what makes the chain of this kind. ValueError for an unknown kind; ChainMissing where it is not here."""
    if kind == "embedded":
        return embedded_chain
    if kind != "anvil":
        raise ValueError(f"{kind!r} is no kind of chain; embedded or anvil is wanted")
    anvil = find_anvil(Path(".tools"))
    if anvil is None:
        raise ChainMissing("there is no anvil on the PATH; put it there, or leave --chain at embedded")
    return anvil_chain(anvil)
