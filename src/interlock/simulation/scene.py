"""One network, put together for one run: keys, genesis, log, ledgers, machines, parties, and who looks on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from interlock.auditor import event as told
from interlock.core.committee import Committee, Genesis, first_committee
from interlock.encoding.values import Address, Bytes32, hex_of
from interlock.entries.door import Door
from interlock.ledgers.memory.ledger import MemoryLedger
from interlock.ledgers.protocol import Ledger
from interlock.simulation.byzantine import Forger, LyingEyes
from interlock.simulation.cluster import Cluster, Machine
from interlock.simulation.deals import TREACHEROUS_COURSES, USUAL_COURSES, Market
from interlock.simulation.faces import Faces
from interlock.simulation.far_ledger import FarLedger
from interlock.simulation.governor import Governor
from interlock.simulation.houses import Houses
from interlock.simulation.log_connection import LogConnection
from interlock.simulation.log_service import LogService
from interlock.simulation.memo import Memo, MemoSigner
from interlock.simulation.narrator import Narrator
from interlock.simulation.oracle import Oracle
from interlock.simulation.parties import Parties
from interlock.simulation.plan import Fault, Plan
from interlock.simulation.world import World

PARTIES = 6
"""Keys that deal with each other."""
SPARES = 3
"""Machines that follow the log and may come into office, where committees rotate."""
_FIRST_PARTY, _FIRST_MEMBER = 1, 101
"""Secrets are small numbers, as nothing here is worth hiding."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that takes part in a run."""

    world: World
    first: Committee
    log: LogService
    """The log that honest nodes are shown, or the first face of a lying one."""
    faces: Faces
    houses: Houses
    cluster: Cluster
    market: Market
    parties: Parties
    governor: Governor
    narrator: Narrator
    liars: frozenset[Address]
    """Keys of Byzantine members."""
    forgers: tuple[Forger, ...]

    def is_honest(self, machine: Machine) -> bool:
        """Tell whether a machine's key does what the production code says."""
        return machine.signer.address not in self.liars

    def office(self) -> Committee:
        """Give the newest committee that any machine knows."""
        nodes = [each.node for each in self.cluster.machines.values() if each.node is not None]
        committees = [each.replica.committee for each in nodes if each.replica.height > 0]
        return max([self.first, *committees], key=lambda each: each.epoch)

    def convicted(self) -> frozenset[Address]:
        """Give the keys that any machine knows to be convicted."""
        nodes = [each.node for each in self.cluster.machines.values() if each.node is not None]
        return frozenset[Address]().union(*(each.replica.convicted for each in nodes))


def make_scene(plan: Plan, folder: Path, memo: Memo | None) -> Scene:
    """Put up what a plan says; nothing runs yet."""
    world = World(plan.seed, is_shuffled=Fault.ORDER in plan.faults)
    spares = SPARES if Fault.ROTATIONS in plan.faults else 0
    signers = [MemoSigner(_secret(_FIRST_MEMBER + number), memo) for number in range(plan.members + spares)]
    party_signers = [MemoSigner(_secret(_FIRST_PARTY + number), memo) for number in range(PARTIES)]
    genesis = Genesis(
        name=f"simulation {plan.seed}",
        members=tuple(each.address for each in signers[: plan.members]),
        log="embedded",
        salt=Bytes32(plan.seed.to_bytes(32, "big")),
    )
    network_id, first = genesis.network_id, first_committee(genesis)
    liars = _liars(plan, world, genesis)
    narrator = Narrator(world, genesis, expects_detection=Fault.COLLUSION in plan.faults)
    confirmations = world.dice.split("finality").choice((1, 2, 4))
    houses = Houses(world, genesis, narrator, [each.address for each in party_signers], confirmations)
    log = LogService(world, network_id, check=Door(network_id, first))
    faces = Faces(log)
    cluster = Cluster(world, genesis, folder, faces, narrator, conditions=lambda host: Oracle(world, host, narrator))
    for number, signer in enumerate(signers):
        host = f"node{number}"
        # Where the log lies too, the lie of Byzantine members is to tell each of its faces what it wants to hear.
        eyes = LyingEyes if signer.address in liars and plan.is_log_honest else FarLedger
        far: Mapping[str, Ledger] = {name: eyes(MemoryLedger(book), host, world) for name, book in houses.books.items()}
        cluster.add(host, signer, far, is_sql=Fault.SQL in plan.faults)
    forging = [each for each in signers if each.address in liars] if plan.is_log_honest else []
    keys = {each.address: each for each in signers}
    scene = Scene(
        world=world,
        first=first,
        log=log,
        faces=faces,
        houses=houses,
        cluster=cluster,
        market=Market(
            network_id,
            [each.address for each in party_signers],
            USUAL_COURSES if plan.is_log_honest else TREACHEROUS_COURSES,
        ),
        parties=Parties(world, cluster, network_id, party_signers, houses.books, narrator),
        governor=Governor(
            world, network_id, keys, liars, LogConnection("governor", world.network, lambda: log), confirmations
        ),
        narrator=narrator,
        liars=liars,
        forgers=tuple(
            Forger(
                world,
                network_id,
                lambda: scene.office(),  # noqa: PLW0108 - the scene is not made yet
                each,
                LogConnection(f"forger {number}", world.network, lambda: log),
            )
            for number, each in enumerate(forging)
        ),
    )
    _declare(plan, scene)
    return scene


def _secret(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _liars(plan: Plan, world: World, genesis: Genesis) -> frozenset[Address]:
    count = plan.faulty_max if plan.faults & {Fault.LIARS, Fault.LOG_FORKS} else 0
    if Fault.COLLUSION in plan.faults:
        count = plan.faulty_max + 1
    return frozenset(world.dice.split("liars").sample(genesis.members, count))


def _declare(plan: Plan, scene: Scene) -> None:
    """Tell the auditor which faults the run causes; what is not declared is not excused."""
    for liar in sorted(scene.liars):
        scene.narrator.feed(told.ByzantineDeclared(hex_of(liar)))
    if not plan.is_log_honest:
        scene.narrator.feed(told.LogForkDeclared())
    if plan.faults & {Fault.HALTS, Fault.THEFT}:
        for name in scene.houses.books:
            scene.narrator.feed(told.LossDeclared(name, told.ANY))
