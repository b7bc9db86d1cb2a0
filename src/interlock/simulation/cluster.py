"""A committee of production nodes, each on a machine of its own that can lose its power at any moment.

A machine has a host name, a disk and, while it runs, a process with a node in it. A crash stops the process between two
of its steps or in the middle of a call to the disk; nothing of it runs any more, not even what would clean up. A
restart is a new process with a new node on the disk that is left.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from interlock.core.committee import Genesis, MemberIndex
from interlock.core.entry import PartyEntry
from interlock.core.instruction import SettlementId
from interlock.core.rejection import Rejection
from interlock.core.replica import Replica
from interlock.encoding.values import Uint32
from interlock.keys.signer import Signer
from interlock.ledgers.protocol import Ledger
from interlock.node.conditions import Conditions
from interlock.node.follower import Change
from interlock.node.node import Node, Parts
from interlock.simulation.disk import Disk
from interlock.simulation.faces import Faces
from interlock.simulation.log_connection import LogConnection
from interlock.simulation.narrator import Narrator
from interlock.simulation.process import Process
from interlock.simulation.world import World

CLIENT_HOST = "client"
LOOK_INTERVALS_S = (0.5, 1.0, 2.0)
"""Pauses between two looks at a ledger, of which each run has one."""
ANSWER_WITHIN_S = 15.0
"""How long a client waits for a node: longer than a node waits for the log."""

Submitted = tuple[SettlementId | None, Rejection | None]
"""What a node answers to an entry: the settlement, and why nothing changed."""


class NoAnswer(Exception):
    """The node did not answer, or could not do it now; whether the entry was ordered is unknown."""


@dataclass
class Machine:
    """One member's machine."""

    host: str
    signer: Signer
    """Its decision key."""
    disk: Disk
    ledgers: Mapping[str, Ledger]
    """As this machine reaches them."""
    clock_ahead_s: float = 0.0
    """How far its clock is ahead of the true time."""
    process: Process | None = None
    node: Node | None = None
    running: "asyncio.Task[None] | None" = None
    crashes: int = 0
    lost_blocks: int = 0
    """Blocks that its store lost, over all crashes."""
    halts: list[str] = field(default_factory=list)
    """Why its nodes halted, the newest last."""

    @property
    def is_up(self) -> bool:
        """Tell whether a node runs on it and has not halted."""
        return self.node is not None and not self.node.halted


class WatchedNode(Node):
    """A production node whose every block is told of, before it acts on it."""

    def __init__(self, parts: Parts, on_applied: Callable[[Replica, Change], None]) -> None:
        super().__init__(parts)
        self._on_applied = on_applied

    def _on_change(self, change: Change) -> None:
        self._on_applied(self.replica, change)
        super()._on_change(change)


class Cluster:
    """All machines of one run."""

    def __init__(
        self,
        world: World,
        genesis: Genesis,
        folder: Path,
        faces: Faces,
        narrator: Narrator,
        *,
        conditions: Callable[[str], Conditions],
    ) -> None:
        """Prepare for machines; `folder` takes their disks, `conditions` gives what a host evaluates them with."""
        self._faces = faces
        self._narrator = narrator
        self._conditions = conditions
        self.machines: dict[str, Machine] = {}
        self._world = world
        self._genesis = genesis
        self._folder = folder
        self._look_interval_s = world.dice.split("look").choice(LOOK_INTERVALS_S)

    def add(self, host: str, signer: Signer, ledgers: Mapping[str, Ledger], *, is_sql: bool = False) -> Machine:
        """Put up a machine for a key, with an empty disk; it does not run yet."""
        dice = self._world.dice.split("disk", host)
        disk = Disk(self._folder / host, self._genesis.network_id, dice, is_sql=is_sql)
        return self._put_up(Machine(host, signer, disk, ledgers))

    def add_twin(self, machine: Machine) -> Machine:
        """Put up a second machine for a key, with a copy of its disk, as only a Byzantine member does."""
        host = f"{machine.host}-twin"
        return self._put_up(Machine(host, machine.signer, machine.disk.clone(self._folder / host), machine.ledgers))

    def start(self, machine: Machine) -> None:
        """Start a node on what its disk holds."""
        process = Process(machine.host)
        context = process.context()
        machine.process = process
        machine.node = context.run(self._node, machine)
        machine.running = self._world.loop.create_task(machine.node.run(), name=machine.host, context=context)
        machine.running.add_done_callback(partial(self._on_end, machine), context=self._world.network.world)
        self._world.trace.note(machine.host, "starts")

    def crash(self, machine: Machine, *, is_power_cut: bool) -> None:
        """End a machine's process now; with a power cut what was not synced is lost."""
        if machine.process is None:
            return
        self._world.loop.kill(machine.process)
        self._let_go(machine)
        lost = machine.disk.lose_power() if is_power_cut else 0
        machine.crashes += 1
        machine.lost_blocks += lost
        self._world.trace.note(machine.host, f"loses power and {lost} blocks" if is_power_cut else "is killed")

    def crash_within(self, machine: Machine, steps: int, *, is_power_cut: bool) -> None:
        """Crash a machine in place of the callback that its process would run after so many more."""
        if machine.process is not None:
            crash = partial(self.crash, machine, is_power_cut=is_power_cut)
            self._world.loop.plan_end(machine.process, steps, crash)

    def cut_in_disk_call(self, machine: Machine, touches: int) -> None:
        """Cut a machine's power in the middle of a call to its disk, after so many more moments of such calls."""
        machine.disk.cut_at = machine.disk.touched + touches + 1

    async def stop(self, machine: Machine) -> None:
        """End a machine's node as an operator does, and let go of its disk."""
        running = machine.running
        if running is None or machine.process is None:
            return
        running.cancel()
        await asyncio.wait([running])
        self._world.loop.kill(machine.process)
        self._let_go(machine)
        self._world.trace.note(machine.host, "stops")

    async def submit(self, machine: Machine, entry: PartyEntry) -> Submitted:
        """Bring a party's entry through a machine's node, as a client on another host does. NoAnswer."""
        loop, network = self._world.loop, self._world.network
        answer: asyncio.Future[Submitted] = loop.create_future()

        def settle(result: Submitted | None) -> None:
            if answer.done():
                return
            if result is None:
                answer.set_exception(NoAnswer(machine.host))
            else:
                answer.set_result(result)

        def reply(task: asyncio.Task[Submitted]) -> None:
            is_done = not task.cancelled() and task.exception() is None
            network.send(machine.host, CLIENT_HOST, settle, task.result() if is_done else None)

        def serve() -> None:
            if machine.process is None or machine.node is None:
                network.send(machine.host, CLIENT_HOST, settle, None)
                return
            task = loop.create_task(machine.node.submit(entry), context=machine.process.context())
            task.add_done_callback(reply, context=network.world)

        network.send(CLIENT_HOST, machine.host, serve)
        silence = loop.call_later(ANSWER_WITHIN_S, settle, None)
        try:
            return await answer
        finally:
            silence.cancel()

    def _put_up(self, machine: Machine) -> Machine:
        machine.disk.on_cut = partial(self.crash, machine, is_power_cut=True)
        self.machines[machine.host] = machine
        return machine

    def _node(self, machine: Machine) -> Node:
        record, store = machine.disk.mount()
        address, members = machine.signer.address, self._genesis.members
        parts = Parts(
            genesis=self._genesis,
            member=MemberIndex(Uint32(members.index(address))) if address in members else None,
            signer=machine.signer,
            record=record,
            store=store,
            log=LogConnection(machine.host, self._world.network, partial(self._faces.of, machine.host)),
            ledgers=machine.ledgers,
            conditions=self._conditions(machine.host),
            look_interval_s=self._look_interval_s,
            now=lambda: self._world.now() + machine.clock_ahead_s,
        )
        return WatchedNode(parts, partial(self._narrator.on_applied, address))

    def _let_go(self, machine: Machine) -> None:
        machine.process = machine.node = machine.running = None
        machine.disk.unmount()
        machine.disk.cut_at = -1
        self._faces.of(machine.host).disconnect(machine.host)

    def _on_end(self, machine: Machine, running: "asyncio.Task[None]") -> None:
        if running.cancelled():
            return
        error = running.exception()
        why = repr(error) if error is not None else machine.node.halted if machine.node is not None else ""
        machine.halts.append(why)
        self._world.trace.note(machine.host, f"halts: {why}")
