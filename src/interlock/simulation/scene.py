"""One network, put together for one run: keys, genesis, log, ledgers, machines, parties."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from interlock.core.committee import FIRST_EPOCH, Committee, Genesis, first_committee
from interlock.core.entry import Configure
from interlock.core.instruction import PartySignature, vault_name
from interlock.core.registry import (
    Configuration,
    LedgerClass,
    LedgerEntry,
    Registry,
    SignedConfiguration,
    configuration_digest,
)
from interlock.encoding.canonical import encode
from interlock.encoding.values import ZERO_BYTES32, Address, Bytes32, Uint32, Uint64, hex_of
from interlock.entries.check import door
from interlock.ledgers.protocol import Ledger
from interlock.simulation.byzantine import Forger, LyingEyes
from interlock.simulation.cluster import Cluster
from interlock.simulation.deals import TOKEN, TREACHEROUS_COURSES, USD, USUAL_COURSES, Parties
from interlock.simulation.faces import Faces
from interlock.simulation.far_ledger import FarLedger
from interlock.simulation.log_connection import LogConnection
from interlock.simulation.log_service import LogService
from interlock.simulation.memo import Memo, MemoSigner
from interlock.simulation.plan import Fault, Plan
from interlock.simulation.standin import StandInLedger, Temper
from interlock.simulation.world import World

VAULT = vault_name(31_337, Address(b"\xa1" * 20))
BANK = "bank:first"
HORIZON_S = 3_600
OPEN_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that takes part in a run."""

    world: World
    genesis: Genesis
    committee: Committee
    log: LogService
    """The log that honest nodes are shown, or the first face of a lying one."""
    faces: Faces
    ledgers: Mapping[str, StandInLedger]
    cluster: Cluster
    parties: Parties
    liars: frozenset[int]
    """Byzantine members."""
    forgers: tuple[Forger, ...]
    configure: bytes
    """The entry that puts the registry in force."""


def make_scene(plan: Plan, folder: Path, memo: Memo | None) -> Scene:
    """Put up what a plan says; nothing runs yet."""
    world = World(plan.seed, is_shuffled=Fault.ORDER in plan.faults)
    signers = tuple(MemoSigner(_secret(101 + member), memo) for member in range(plan.members))
    genesis = Genesis(
        name=f"simulation {plan.seed}",
        members=tuple(each.address for each in signers),
        log="embedded",
        salt=Bytes32(plan.seed.to_bytes(32, "big")),
    )
    network_id, committee = genesis.network_id, first_committee(genesis)
    log = LogService(world, network_id, check=door(network_id, committee))
    temper = _temper(plan, world)
    ledgers = {name: StandInLedger(name, world, network_id, committee, temper) for name in (VAULT, BANK)}
    faces = Faces(log)
    cluster = Cluster(world, genesis, signers, folder, faces)
    liars = _liars(plan, world)
    for member in range(plan.members):
        # Where the log lies too, the lie of Byzantine members is to tell each of its faces what it wants to hear.
        eyes = LyingEyes if member in liars and plan.is_log_honest else FarLedger
        far: dict[str, Ledger] = {name: eyes(each, f"node{member}", world) for name, each in ledgers.items()}
        cluster.add(member, far, is_sql=Fault.SQL in plan.faults)
    forgers = tuple(
        Forger(
            world,
            network_id,
            committee,
            member,
            signers[member],
            LogConnection(f"forger{member}", world.network, lambda: faces.of("forgers")),
        )
        for member in sorted(liars)
        if plan.is_log_honest
    )
    party_keys = MemoSigner(_secret(1), memo), MemoSigner(_secret(2), memo)
    courses = USUAL_COURSES if plan.is_log_honest else TREACHEROUS_COURSES
    parties = Parties(world, cluster, network_id, party_keys, (VAULT, BANK), courses)
    configure = encode(_configure(network_id, signers[: committee.quorum]))
    return Scene(world, genesis, committee, log, faces, ledgers, cluster, parties, liars, forgers, configure)


def _secret(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _temper(plan: Plan, world: World) -> Temper:
    if Fault.LEDGER_MOODS not in plan.faults:
        return Temper()
    dice = world.dice.split("temper")
    return Temper(refuses=dice.between(0.0, 0.1), reorgs=dice.between(0.0, 0.2), final_s=dice.between(0.2, 4.0))


def _liars(plan: Plan, world: World) -> frozenset[int]:
    count = plan.faulty_max if plan.faults & {Fault.LIARS, Fault.LOG_FORKS} else 0
    if Fault.COLLUSION in plan.faults:
        count = plan.faulty_max + 1
    return frozenset(world.dice.split("liars").sample(range(plan.members), count))


def _configure(network_id: Bytes32, signers: tuple[MemoSigner, ...]) -> Configure:
    registry = Registry(
        ledgers=(
            LedgerEntry(BANK, LedgerClass.HELD, (USD,), Bytes32(b"\x09" * 32), Uint32(0), False),
            LedgerEntry(VAULT, LedgerClass.VAULT, (hex_of(TOKEN),), ZERO_BYTES32, Uint32(0), False),
        ),
        prepare_horizon_s=Uint64(HORIZON_S),
        open_per_signer_max=Uint32(OPEN_MAX),
    )
    configuration = Configuration(FIRST_EPOCH, Uint64(1), registry)
    digest = configuration_digest(network_id, configuration)
    signatures = tuple(PartySignature(each.address, each.sign(digest)) for each in signers)
    return Configure(SignedConfiguration(configuration, signatures))
