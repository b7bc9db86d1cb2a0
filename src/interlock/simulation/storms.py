"""Faults as they happen: each kind is a task that makes trouble until the calm begins, and cleans up after itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from interlock.simulation.cluster import Machine
from interlock.simulation.dice import Dice
from interlock.simulation.log_service import LogService
from interlock.simulation.plan import Fault, Plan
from interlock.simulation.scene import Scene

STEPS_MAX = 400
"""Callbacks of a node within which a planned crash falls: enough for any await of one block's work to be hit."""
REORG_DEPTH_MAX = 4
"""Closed blocks that a reorganisation replaces, where so many are not final."""
TOUCHES_MAX = 40
"""Moments of calls to the disk within which a planned power cut falls."""

Storm = Callable[[Scene, Dice, float], Awaitable[None]]


async def rage(scene: Scene, plan: Plan, calm_s: float) -> None:
    """Let all faults of a plan happen, until the calm begins; then let everything work."""
    dice = scene.world.dice.split("storms")
    _set_weather(scene, plan, dice.split("weather"))
    chosen = {storm: fault for fault, storm in _STORMS.items() if fault in plan.faults}
    storms = [asyncio.ensure_future(storm(scene, dice.split(fault), calm_s)) for storm, fault in chosen.items()]
    await asyncio.gather(*storms)
    await scene.world.later(max(0.0, calm_s - scene.world.loop.time()))
    calm(scene)


def calm(scene: Scene) -> None:
    """End all faults, and start what is down."""
    scene.world.trace.note("world", "calm")
    scene.world.network.clear()
    scene.houses.calm()
    for face in scene.faces.all:
        face.skew_s = 0.0
        face.censor = lambda _host, _entry: False
        if not face.is_up:
            face.start()
    for machine in scene.cluster.machines.values():
        machine.clock_ahead_s = 0.0
        machine.disk.is_failing = False
        machine.disk.cut_at = -1
        if machine.process is not None:
            machine.process.steps_left = -1
        _start_again(scene, machine)


def _set_weather(scene: Scene, plan: Plan, dice: Dice) -> None:
    network = scene.world.network
    if Fault.DELAYS in plan.faults:
        network.weather = replace(network.weather, delay_s=dice.choice((0.005, 0.05, 0.3)))
    if Fault.LOSS in plan.faults:
        network.weather = replace(network.weather, lost=dice.between(0.0, 0.1))
    if Fault.DOUBLES in plan.faults:
        network.weather = replace(network.weather, doubled=dice.between(0.0, 0.2))
    if Fault.BREAKS in plan.faults:
        network.weather = replace(network.weather, broken=dice.between(0.0, 0.1))


async def _crashes(scene: Scene, dice: Dice, calm_s: float) -> None:
    mean_s = dice.choice((1.0, 4.0, 10.0))
    while await _goes_on(scene, dice, mean_s, calm_s):
        for machine in dice.some(scene.cluster.machines.values(), 0.4):
            scene.cluster.crash_within(machine, dice.below(STEPS_MAX), is_power_cut=dice.chance(0.5))
        await _goes_on(scene, dice, 2.0, calm_s)
        _start_all_again(scene)


async def _disk_cuts(scene: Scene, dice: Dice, calm_s: float) -> None:
    while await _goes_on(scene, dice, 2.0, calm_s):
        scene.cluster.cut_in_disk_call(dice.choice(tuple(scene.cluster.machines.values())), dice.below(TOUCHES_MAX))
        await _goes_on(scene, dice, 2.0, calm_s)
        _start_all_again(scene)


async def _disk_full(scene: Scene, dice: Dice, calm_s: float) -> None:
    while await _goes_on(scene, dice, 8.0, calm_s):
        machine = dice.choice(tuple(scene.cluster.machines.values()))
        machine.disk.is_failing = True
        scene.world.trace.note(machine.host, "disk is full")
        await _goes_on(scene, dice, 3.0, calm_s)
        machine.disk.is_failing = False
        _start_again(scene, machine)


async def _partitions(scene: Scene, dice: Dice, calm_s: float) -> None:
    hosts = [*scene.cluster.machines, scene.log.name, *scene.houses.books]
    while await _goes_on(scene, dice, 3.0, calm_s):
        scene.world.network.part(dice.some(hosts, dice.choice((0.2, 0.5))))
        await _goes_on(scene, dice, 3.0, calm_s)
        scene.world.network.heal()


async def _slow_hosts(scene: Scene, dice: Dice, calm_s: float) -> None:
    hosts = [*scene.cluster.machines, scene.log.name, *scene.houses.books]
    while await _goes_on(scene, dice, 3.0, calm_s):
        host = dice.choice(hosts)
        scene.world.network.slow(host, dice.choice((10.0, 100.0, 1_000.0)))
        await _goes_on(scene, dice, 5.0, calm_s)
        scene.world.network.slow(host, 1.0)


async def _log_restarts(scene: Scene, dice: Dice, calm_s: float) -> None:
    while await _goes_on(scene, dice, 5.0, calm_s):
        scene.log.stop()
        await _goes_on(scene, dice, 1.0, calm_s)
        scene.log.start()


async def _log_censors(scene: Scene, dice: Dice, calm_s: float) -> None:
    while await _goes_on(scene, dice, 5.0, calm_s):
        victims = set(dice.some(scene.cluster.machines))
        share = dice.choice((0.2, 1.0))
        scene.log.censor = lambda host, _, victims=victims, share=share: (  # type: ignore[misc]
            host in victims and dice.chance(share)
        )
        await _goes_on(scene, dice, 3.0, calm_s)
        scene.log.censor = lambda _host, _entry: False


async def _two_faces(scene: Scene, dice: Dice, calm_s: float) -> None:
    """Show nodes two logs: Byzantine members sit on both, each time with another memory; honest ones are moved about.

    An honest node is moved while it is down. What it kept of the log is put back to a copy from before the fork, as an
    operator does who has lost a disk; it would follow the other face, and only its record of signatures knows better.
    """
    if not await _goes_on(scene, dice, 10.0, calm_s):
        return
    machines = scene.cluster.machines
    honest = [each for each in machines.values() if scene.is_honest(each)]
    twins = [scene.cluster.add_twin(each) for each in tuple(machines.values()) if not scene.is_honest(each)]
    height = max(1, scene.log.head.height - dice.choice((0, 1, 5, 20)))
    face = scene.faces.fork([], height)
    for machine in (*twins, *dice.sample(honest, dice.whole(1, len(honest) - 1))):
        _move(scene, machine, face, height)
    # Where more than f collude, each face has all that it needs as it is.
    while len(scene.liars) <= scene.first.faulty_max and await _goes_on(scene, dice, 5.0, calm_s):
        _move(scene, dice.choice(honest), dice.choice(scene.faces.all), height)


def _move(scene: Scene, machine: Machine, face: LogService, height: int) -> None:
    """Lead a machine to a face of the log, with what it knew before they parted."""
    scene.cluster.crash(machine, is_power_cut=True)
    machine.disk.restore_backup(height)
    scene.faces.lead([machine.host], face)
    scene.cluster.start(machine)


async def _clocks(scene: Scene, dice: Dice, calm_s: float) -> None:
    while await _goes_on(scene, dice, 3.0, calm_s):
        scene.log.skew_s = dice.between(-20.0, 20.0)
        for machine in dice.some(scene.cluster.machines.values()):
            machine.clock_ahead_s = dice.between(-60.0, 60.0)


async def _ledger_outages(scene: Scene, dice: Dice, calm_s: float) -> None:
    while await _goes_on(scene, dice, 4.0, calm_s):
        ledger = dice.choice(tuple(scene.houses.books))
        scene.world.network.isolate(ledger)
        await _goes_on(scene, dice, 4.0, calm_s)
        scene.world.network.rejoin(ledger)


async def _reorgs(scene: Scene, dice: Dice, calm_s: float) -> None:
    while await _goes_on(scene, dice, 2.0, calm_s):
        scene.houses.reorg(dice.below(REORG_DEPTH_MAX + 1))


async def _freezes(scene: Scene, dice: Dice, calm_s: float) -> None:
    while await _goes_on(scene, dice, 3.0, calm_s):
        book = dice.choice(tuple(scene.houses.books.values()))
        account = dice.choice(scene.houses.accounts[book.name])
        book.freeze(account)
        await _goes_on(scene, dice, 3.0, calm_s)
        book.thaw(account)


async def _halts(scene: Scene, dice: Dice, calm_s: float) -> None:
    while await _goes_on(scene, dice, 3.0, calm_s):
        held = scene.houses.held()
        if held:
            book, place = dice.choice(held)
            book.halt(*place)
            await _goes_on(scene, dice, 3.0, calm_s)
            book.resume(*place)


async def _theft(scene: Scene, dice: Dice, calm_s: float) -> None:
    while await _goes_on(scene, dice, 8.0, calm_s):
        held = scene.houses.held()
        if held:
            book, place = dice.choice(held)
            book.lose(*place)


async def _rotations(scene: Scene, dice: Dice, calm_s: float) -> None:
    while await _goes_on(scene, dice, 8.0, calm_s):
        await scene.governor.rotate(scene.office(), scene.convicted())


_STORMS: Mapping[Fault, Storm] = {
    Fault.CRASHES: _crashes,
    Fault.DISK_CUTS: _disk_cuts,
    Fault.DISK_FULL: _disk_full,
    Fault.PARTITIONS: _partitions,
    Fault.SLOW_HOSTS: _slow_hosts,
    Fault.LOG_RESTARTS: _log_restarts,
    Fault.LOG_CENSORS: _log_censors,
    Fault.LOG_FORKS: _two_faces,
    Fault.COLLUSION: _two_faces,
    Fault.CLOCKS: _clocks,
    Fault.LEDGER_OUTAGES: _ledger_outages,
    Fault.REORGS: _reorgs,
    Fault.FREEZES: _freezes,
    Fault.HALTS: _halts,
    Fault.THEFT: _theft,
    Fault.ROTATIONS: _rotations,
}


async def _goes_on(scene: Scene, dice: Dice, mean_s: float, calm_s: float) -> bool:
    """Wait a while, at most until the calm begins; tell whether it has not begun yet."""
    left = calm_s - scene.world.loop.time()
    if left > 0:
        await scene.world.later(min(dice.wait(mean_s), left))
    return scene.world.loop.time() < calm_s


def _start_all_again(scene: Scene) -> None:
    for machine in scene.cluster.machines.values():
        _start_again(scene, machine)


def _start_again(scene: Scene, machine: Machine) -> None:
    """Start a machine that is down, or whose node halted because its disk was full."""
    if machine.process is not None and machine.node is not None and machine.node.halted and not machine.disk.is_failing:
        scene.cluster.crash(machine, is_power_cut=False)
    if machine.process is None:
        scene.cluster.start(machine)
