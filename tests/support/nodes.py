"""A committee of real nodes in one loop: real replicas, databases and sign-once records, a puppet log, puppet ledgers.

Nothing sleeps: a test waits for what it wants to see (`Nodes.until`), and whatever changes rings. Time is the clock's.
"""

import asyncio
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import MemberIndex
from interlock.core.entry import PartyEntry
from interlock.core.instruction import Instruction, SettlementId, required_signers
from interlock.core.registry import Registry
from interlock.core.rejection import Rejection
from interlock.core.settlement import Settlement, State
from interlock.encoding.values import Uint32
from interlock.keys.sign_once import SignOnceRecord
from interlock.node import follower, performer, voter
from interlock.node.config import RECORD_FILE, STORE_FILE
from interlock.node.follower import Change
from interlock.node.node import Node, Parts
from interlock.node.store import NodeStore
from interlock.ordering.protocol import OrderedLog
from support.bell import PATIENCE_S, Bell, Clock
from support.evidence import registry_of_bank
from support.log import KEYS
from support.puppet_ledger import Book, Connection
from support.puppet_log import PuppetLog
from support.world import BANK, GENESIS, NETWORK, NODES, START, VAULT_NAME, configure, id_of, instruct, instruction

EVERYBODY = (0, 1, 2, 3)
TWIN = 100
"""How far a Byzantine member's second seat is from its first."""


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nodes ask again at once, where they would pause for a ledger's or a log's sake."""
    for name in ("AGAIN_S", "RETRY_FIRST_S", "RETRY_MOST_S", "REFUSED_FIRST_S", "REFUSED_MOST_S"):
        monkeypatch.setattr(performer, name, 0.02)
    for module in (follower, voter):
        monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(follower, "AHEAD_RETRY_S", 0.01)
    monkeypatch.setattr(voter, "GATHER_S", 0.001)


class RingingNode(Node):
    """A node that rings after every block."""

    bell: Bell

    def _on_change(self, change: Change) -> None:
        super()._on_change(change)
        self.bell.ring()


@dataclass
class Seat:
    """One member's place: its disk, its connections, and the node that sits there."""

    member: int
    home: Path
    log: OrderedLog
    connections: dict[str, Connection]
    node: RingingNode
    record: SignOnceRecord
    store: NodeStore
    running: "asyncio.Task[None]"


@dataclass
class Nodes:
    """Four members, one log (unless a test gives them others), a vault and a bank."""

    folder: Path
    registry: Registry = field(default_factory=registry_of_bank)

    def __post_init__(self) -> None:
        """Make what the nodes share."""
        self.bell = Bell()
        self.clock = Clock(START)
        self.log = PuppetLog(NETWORK, self.clock, self.bell)
        self.vault = Book(VAULT_NAME, self.bell)
        self.bank = Book(BANK, self.bell)
        self.seats: dict[int, Seat] = {}
        self._images = 0

    async def __aenter__(self) -> Self:
        self.log.put(configure(self.registry, 1))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in tuple(self.seats):
            await self.leave(member)

    def sit(self, member: int, *, log: OrderedLog | None = None, home: Path | None = None, twin: bool = False) -> Seat:
        """Start a member's node on its home, which is made where it is missing.

        A twin is a second node with the same key and a record of its own, as only a Byzantine member runs; its seat is
        `TWIN` farther.
        """
        place = member + TWIN if twin else member
        where = home or self.folder / f"node-{place}"
        if not where.exists():
            where.mkdir()
            SignOnceRecord.create(where / RECORD_FILE).close()
        record = SignOnceRecord(where / RECORD_FILE)
        store = NodeStore(where / STORE_FILE, NETWORK)
        connections = {book.name: Connection(book, member) for book in (self.vault, self.bank)}
        node = RingingNode(
            Parts(
                genesis=GENESIS,
                member=MemberIndex(Uint32(member)),
                signer=NODES[member],
                record=record,
                store=store,
                log=log or self.log,
                ledgers=connections,
                look_interval_s=0.02,
                now=self.clock.read,
            )
        )
        node.bell = self.bell
        running = asyncio.create_task(node.run(), name=f"node {member}")
        running.add_done_callback(lambda _: self.bell.ring())
        seat = Seat(member, where, log or self.log, connections, node, record, store, running)
        self.seats[place] = seat
        return seat

    def sit_all(self, members: Iterable[int] = EVERYBODY) -> list[Seat]:
        """Start several."""
        return [self.sit(each) for each in members]

    async def leave(self, member: int) -> None:
        """Stop a member's node and let go of its files."""
        seat = self.seats.pop(member)
        seat.running.cancel()
        _, stuck = await asyncio.wait([seat.running], timeout=PATIENCE_S)
        assert not stuck, f"node {member} does not end: {seat.running.get_stack()}, {asyncio.all_tasks()}"
        seat.record.close()
        seat.store.close()

    async def crash(self, member: int) -> Path:
        """Cut a member's power: give its disk as it was at that moment, for a new node to sit on."""
        self._images += 1
        image = self.folder / f"node-{member}-after-crash-{self._images}"
        shutil.copytree(self.seats[member].home, image)
        await self.leave(member)
        return image

    async def crash_all(self) -> dict[int, Path]:
        """Cut everybody's power."""
        return {member: await self.crash(member) for member in tuple(self.seats)}

    def back(self, images: dict[int, Path]) -> None:
        """Start everybody again, each on what is left."""
        for member, image in images.items():
            self.sit(member, home=image)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something to become true."""
        await self.bell.until(condition, self.describe)

    async def reach(self, id_: SettlementId, state: State, members: Iterable[int] | None = None) -> None:
        """Wait until these nodes, or all, show a settlement in a state."""
        chosen = tuple(self.seats if members is None else members)
        await self.until(lambda: all(self.state(each, id_) is state for each in chosen))

    async def same(self) -> None:
        """Wait until all nodes have applied the whole of their log."""
        await self.until(lambda: all(seat.node.replica.height == _height(seat.log) for seat in self.seats.values()))

    def settlement(self, member: int, id_: SettlementId) -> Settlement:
        """Give a settlement as a node has it; it must know it."""
        known = self.seats[member].node.settlement(id_)
        assert known is not None
        return known

    def votes(self, member: int, id_: SettlementId, leg: int, fact: Fact) -> int:
        """Give who has attested a fact, as a node has it, also of what has ended: bit i for member i."""
        tallies = self.seats[member].node.tallies(self.settlement(member, id_))
        return next((each.members for each in tallies if (each.leg, each.fact) == (leg, fact)), 0)

    def state(self, member: int, id_: SettlementId) -> State | None:
        """Give a settlement's state at a node."""
        known = self.seats[member].node.settlement(id_)
        return None if known is None else known.state

    async def bring(self, terms: Instruction | None = None, member: int = 0) -> SettlementId:
        """Bring an instruction with all its signatures through one node."""
        known = terms or instruction()
        await self.until(lambda: self.seats[member].node.replica.configurations)
        id_, rejection = await self.submit(instruct(known, *(KEYS[each] for each in required_signers(known))), member)
        assert rejection is None, str(rejection)
        assert id_ == id_of(known)
        return id_

    async def submit(self, entry: PartyEntry, member: int = 0) -> tuple[SettlementId, Rejection | None]:
        """Bring an entry through one node."""
        id_, rejection = await self.seats[member].node.submit(entry)
        assert id_ is not None, "it brings no terms"
        return id_, rejection

    def connections(self, name: str) -> list[Connection]:
        """Give every node's connection to a ledger."""
        return [seat.connections[name] for seat in self.seats.values()]

    def describe(self) -> str:
        """Say where everybody is, for a test that failed."""
        return "; ".join(
            f"node {member} at {seat.node.replica.height}"
            + "".join(f", {each.state.name} {[leg.state.name for leg in each.legs]}"
                      for each in seat.node.replica.settlements.values())
            + (f", halted: {seat.node.halted}" if seat.node.halted else "")
            for member, seat in self.seats.items()
        ) + f"; vault {[list(map(str, f)) for f in self.vault.facts.values()]}"  # fmt: skip


def _height(log: OrderedLog) -> int:
    assert isinstance(log, PuppetLog)
    return log.height
