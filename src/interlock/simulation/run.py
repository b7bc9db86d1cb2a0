"""One run: a network, its troubles, the calm after them, and what is found at the end."""

import asyncio
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

from interlock.auditor import event as told
from interlock.core.decision import Outcome
from interlock.core.instruction import SettlementId
from interlock.simulation.deals import Deal
from interlock.simulation.disk import memory_folder
from interlock.simulation.judge import Witness, faults, honest, is_over
from interlock.simulation.memo import Memo, remembering
from interlock.simulation.plan import Plan
from interlock.simulation.scene import Scene, make_scene
from interlock.simulation.storms import rage
from interlock.simulation.world import EPOCH_S

BEGIN_WITHIN_S = 20.0
"""Virtual seconds within which all deals begin."""
CALM_S = 30.0
"""Virtual time at which the faults stop."""
PATIENCE_S = 300.0
"""Virtual seconds after the faults within which all must have ended: beyond every `prepareBy` and every pause."""
BROKEN_PATIENCE_S = 30.0
"""The same, where the log lies and nothing need ever end."""
LOOK_S = 1.0
"""Pause between two looks whether all is over."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one run."""

    plan: Plan
    settlements: int
    """Deals that parties began."""
    decided: int
    """Settlements that ended, committed or aborted."""
    committed: int
    violations: tuple[str, ...]
    detected: int
    """What was broken by more than f liars, and is proven against them."""
    trace: str
    """The hash of everything that happened."""
    recent: tuple[str, ...]
    """The newest events, where something is wrong."""
    virtual_s: float
    cpu_s: float
    """Processor time; the only figure here that differs from run to run."""
    steps: int
    blocks: int
    crashes: int


def run(plan: Plan, *, has_memo: bool = True) -> Result:
    """Run a plan from its beginning to its end; without a memo everything is computed as often as in production."""
    begun = process_time()
    memo = Memo() if has_memo else None
    with _quietly(), memory_folder() as folder, remembering(memo) if memo is not None else nullcontext():
        scene = make_scene(plan, Path(folder), memo)
        loop = scene.world.loop
        try:
            result = loop.run_until_complete(_play(scene, plan))
        finally:
            loop.close()
    return replace(result, cpu_s=process_time() - begun)


async def _play(scene: Scene, plan: Plan) -> Result:
    world, narrator = scene.world, scene.narrator
    witness = Witness(scene)
    scene.log.start()
    await scene.governor.configure(scene.first)
    for machine in scene.cluster.machines.values():
        scene.cluster.start(machine)
    side = [asyncio.ensure_future(each) for each in (scene.houses.run(), *(each.run() for each in scene.forgers))]
    await world.later(0.5)
    await asyncio.gather(scene.parties.run_all(_deals(scene, plan)), rage(scene, plan, CALM_S))
    if plan.is_log_honest:
        narrator.feed(told.FaultsStopped(int(world.now())))
    await _until_over(scene, PATIENCE_S if plan.is_log_honest else BROKEN_PATIENCE_S)
    for each in side:
        each.cancel()
    await asyncio.gather(*side, return_exceptions=True)
    for machine in scene.cluster.machines.values():
        if machine.node is not None:
            narrator.on_end(machine.signer.address, machine.node.replica)
    scene.houses.finish()
    narrator.feed(told.Finished(int(world.now())))
    result = _result(scene, plan, tuple(faults(scene, plan, witness)))
    for machine in scene.cluster.machines.values():
        await scene.cluster.stop(machine)
    return result


def _deals(scene: Scene, plan: Plan) -> list[Deal]:
    dice = scene.world.dice.split("deals")
    begins = sorted(dice.between(0.5, BEGIN_WITHIN_S) for _ in range(plan.settlements))
    return [
        scene.market.deal(number, begins_s, EPOCH_S + int(begins_s), dice.split(number))
        for number, begins_s in enumerate(begins)
    ]


async def _until_over(scene: Scene, patience_s: float) -> None:
    """Wait until everything has ended, or it is too late for that."""
    until = scene.world.loop.time() + patience_s
    while scene.world.loop.time() < until and not is_over(scene):
        await scene.world.later(LOOK_S)


def _result(scene: Scene, plan: Plan, violations: tuple[str, ...]) -> Result:
    ended: dict[SettlementId, Outcome] = {}
    for node in (each.node for each in honest(scene)):
        for id_ in () if node is None else node.replica.ended:
            known = node.replica.ended.get(id_) if node is not None else None
            if known is not None:
                ended[id_] = known.decision.outcome
    world = scene.world
    return Result(
        plan=plan,
        settlements=plan.settlements,
        decided=len(ended),
        committed=sum(each is Outcome.COMMIT for each in ended.values()),
        violations=(*violations, *(f"complaint: {each}" for each in world.loop.complaints)),
        detected=len(scene.narrator.auditor.detected()),
        trace=world.trace.digest(),
        recent=tuple(world.trace.recent) if violations else (),
        virtual_s=world.loop.time(),
        cpu_s=0.0,
        steps=world.loop.steps,
        blocks=len(scene.log.blocks),
        crashes=sum(each.crashes for each in scene.cluster.machines.values()),
    )


@contextmanager
def _quietly() -> Iterator[None]:
    """Let nodes log nothing, and let no finaliser run at a moment that the collector chooses.

    What a run leaves behind is collected after it; what was there before is not looked at.
    """
    gc.freeze()
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        logging.disable(before)
        if was_enabled:
            gc.enable()
        gc.collect()
        gc.unfreeze()
