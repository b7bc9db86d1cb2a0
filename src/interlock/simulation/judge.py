"""What must hold after a run, beside what the auditor finds: things that show inside of nodes alone.

A violation is a sentence whose first words, up to the colon, name its kind. The auditor's are named by its tags.
"""

from collections import defaultdict
from collections.abc import Iterator

from interlock.core.decision import Outcome
from interlock.core.entry import Certify
from interlock.core.instruction import SettlementId, legs_of
from interlock.core.settlement import Settlement
from interlock.core.signing import OrderTerms
from interlock.encoding.values import Address, Bytes32, hex_of
from interlock.entries import check
from interlock.ledgers.memory.page import Status
from interlock.simulation.cluster import Machine
from interlock.simulation.plan import Plan
from interlock.simulation.scene import Scene

_DISK_HALTS = ("RecordFailed", "OperationalError")
"""Halts that a full disk explains."""
_FORK_HALTS = (*_DISK_HALTS, "LogForked", "SignOnceViolated", "RecordContradictsLog", "RecordLost")
"""Halts that a lying log explains as well: stopping is what a node is for then."""


class Witness:
    """Hears every entry that is brought to the log, and remembers what honest keys signed."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._said: dict[tuple[Address, SettlementId], set[Outcome | OrderTerms]] = defaultdict(set)
        scene.log.on_entry = self.hear

    def hear(self, host: str, data: bytes) -> None:
        """Take note of an entry."""
        machine = self._scene.cluster.machines.get(host)
        if machine is None or machine.signer.address in self._scene.liars:
            return
        entry = check.decode_entry(data)
        if not isinstance(entry, Certify):
            return
        key = machine.signer.address
        for signed in entry.decisions:
            self._said[key, signed.decision.settlement].add(signed.decision.outcome)
        for ordered in entry.orders:
            order = ordered.order
            self._said[key, order.settlement].add(OrderTerms(order.ledger, order.last_valid))
        for batched in entry.batches:
            self._hear_batch(machine, batched.batch.root)

    def faults(self) -> Iterator[str]:
        """Give every case of an honest key that signed two outcomes, or two orders."""
        for (key, id_), said in self._said.items():
            outcomes = [each for each in said if isinstance(each, Outcome)]
            if len(outcomes) > 1 or len(said) - len(outcomes) > 1:
                yield f"sign-once: {hex_of(key)} signed {len(said)} things of {hex_of(id_)}"

    def _hear_batch(self, machine: Machine, root: Bytes32) -> None:
        ballot = None if machine.node is None else machine.node.replica.ballots.batches.get(root)
        for decision in () if ballot is None else ballot.decisions:
            self._said[machine.signer.address, decision.settlement].add(decision.outcome)


def honest(scene: Scene) -> list[Machine]:
    """Give the machines of honest keys, in office or not."""
    return [each for each in scene.cluster.machines.values() if scene.is_honest(each)]


def is_over(scene: Scene) -> bool:
    """Tell whether every honest node runs, has applied the whole log, and has nothing open that can still end."""
    height = scene.log.head.height
    for machine in honest(scene):
        node = machine.node
        if node is None or node.replica.height != height:
            return False
        if any(not _is_robbed(scene, each) for each in node.replica.settlements.values()):
            return False
    return True


def faults(scene: Scene, plan: Plan, witness: Witness) -> list[str]:
    """Give everything that is wrong at the end of a run, the auditor's findings last."""
    found = [*_halts(scene, plan), *witness.faults()]
    if plan.is_log_honest:
        found += _unfinished(scene)
    return [*found, *(f"{each.tag}: {each}" for each in scene.narrator.auditor.verdict())]


def _halts(scene: Scene, plan: Plan) -> Iterator[str]:
    allowed = _DISK_HALTS if plan.is_log_honest else _FORK_HALTS
    for machine in honest(scene):
        for why in machine.halts:
            if not why.startswith(allowed):
                yield f"halt: {machine.host}: {why}"


def _unfinished(scene: Scene) -> Iterator[str]:
    for machine in honest(scene):
        if machine.node is None or machine.node.halted:
            yield f"liveness: {machine.host} does not run: {machine.halts[-1:]}"
            continue
        replica = machine.node.replica
        if replica.height != scene.log.head.height:
            yield f"liveness: {machine.host} is at block {replica.height} of {scene.log.head.height}"
        for id_, known in replica.settlements.items():
            if not _is_robbed(scene, known):
                legs = [leg.state.name for leg in known.legs]
                yield f"liveness: {machine.host} has {hex_of(id_)} still {known.state.name} {legs}"


def _is_robbed(scene: Scene, settlement: Settlement) -> bool:
    """Tell whether a leg was stolen, so that a COMMIT can never be delivered whole."""
    pages = [book.page(settlement.id) for book in scene.houses.books.values()]
    legs = range(len(legs_of(settlement.terms)))
    return any(page.leg(leg).status is Status.LOST for page in pages for leg in legs)
