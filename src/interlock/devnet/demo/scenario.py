"""The scenarios: one job that works, and what happens when something fails."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from interlock.devnet.demo.deal import Deal, DealEnd
from interlock.devnet.demo.timeline import Timeline
from interlock.devnet.network import NODES, DevNetwork, Plan

UNITS = 1_000 * 10**18
CENTS = 10_523_000
TOO_MANY_CENTS = 99_000_000
"""More than the buyer has."""
LIAR = NODES - 1


@dataclass(frozen=True, slots=True)
class Scene:
    """What a scenario plays on."""

    network: DevNetwork
    timeline: Timeline
    folder: Path
    """Where receipts are kept."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario, and how each of its settlements must end."""

    name: str
    summary: str
    play: Callable[[Scene], AsyncIterator[DealEnd]]
    """Gives each settlement's end as it comes."""
    expected: tuple[str, ...]
    plan: Plan = field(default_factory=Plan)


async def _play_one(scene: Scene, file_name: str) -> AsyncIterator[DealEnd]:
    deal = Deal(scene.network, scene.timeline, units=UNITS, cents=CENTS, lane=1)
    await deal.sign()
    yield await deal.end(scene.folder, file_name)


def _settles(scene: Scene) -> AsyncIterator[DealEnd]:
    return _play_one(scene, "settles")


async def _short_of_funds(scene: Scene) -> AsyncIterator[DealEnd]:
    deal = Deal(scene.network, scene.timeline, units=UNITS, cents=TOO_MANY_CENTS, lane=1)
    await deal.sign(seller_locks_first=True)
    yield await deal.end(scene.folder, "short-of-funds")


def _not_permitted(scene: Scene) -> AsyncIterator[DealEnd]:
    return _play_one(scene, "not-permitted")


async def _lying_node(scene: Scene) -> AsyncIterator[DealEnd]:
    scene.timeline.liar = LIAR
    refused = Deal(scene.network, scene.timeline, units=UNITS, cents=TOO_MANY_CENTS, lane=1, name="first")
    await refused.sign()
    yield await refused.end(scene.folder, "lying-node-1")
    held = Deal(scene.network, scene.timeline, units=UNITS, cents=CENTS, lane=2, name="second")
    await held.sign()
    yield await held.end(scene.folder, "lying-node-2")


async def _crash(scene: Scene) -> AsyncIterator[DealEnd]:
    deal = Deal(scene.network, scene.timeline, units=UNITS, cents=CENTS, lane=1)
    await deal.sign()
    await deal.both_held()
    await scene.network.crash()
    scene.timeline.say("SIGKILL", "all four nodes, the log and the bank are dead; the chain runs on")
    await scene.network.revive()
    scene.timeline.say("restart", "all are up again, on the same disks; each finds its open settlements")
    yield await deal.end(scene.folder, "crash")


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="settles",
        summary="Treasury tokens against dollars: both legs deliver.",
        play=_settles,
        expected=("settled",),
    ),
    Scenario(
        name="short-of-funds",
        summary="The buyer's account is short: the bank refuses, the asset comes back.",
        play=_short_of_funds,
        expected=("unwound",),
    ),
    Scenario(
        name="not-permitted",
        summary="The buyer may not hold the token: the asset leg is refused by the exit check, the money returns.",
        play=_not_permitted,
        expected=("unwound",),
        plan=Plan(buyer_is_permitted=False),
    ),
    Scenario(
        name="lying-node",
        summary="Node 3 attests the opposite of what the bank did, twice: three honest nodes outvote it.",
        play=_lying_node,
        expected=("unwound", "settled"),
        plan=Plan(node_module=lambda index: "interlock.devnet.lying_node" if index == LIAR else "interlock.node"),
    ),
    Scenario(
        name="crash",
        summary="Nodes, log and bank are killed with SIGKILL after both holds, and started again: it settles.",
        play=_crash,
        expected=("settled",),
    ),
)
"""All scenarios, in the order in which the demo plays them."""
