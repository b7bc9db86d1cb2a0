"""What must hold after a run. A plain judge, inside the room; the auditor judges from the ledgers' events alone.

A violation is a sentence whose first words, up to the colon, name its kind.
"""

from collections import defaultdict
from collections.abc import Iterator

from interlock.core.attestation import Fact
from interlock.core.decision import Certificate, Outcome
from interlock.core.entry import SignDecisions
from interlock.core.instruction import SettlementId
from interlock.core.rejection import Rejection
from interlock.encoding.values import hex_of
from interlock.entries import check
from interlock.node.node import Node
from interlock.simulation.cluster import Machine
from interlock.simulation.plan import Plan
from interlock.simulation.scene import Scene

_DISK_HALTS = ("RecordFailed", "OperationalError")
"""Halts that a full disk explains."""
_FORK_HALTS = (*_DISK_HALTS, "LogForked", "SignOnceViolated", "RecordContradictsLog", "RecordLost")
"""Halts that a lying log explains as well: stopping is what a node is for then."""


class Witness:
    """Hears every entry that is brought to the log, and remembers what honest members signed."""

    def __init__(self, scene: Scene) -> None:
        self._liars = scene.liars
        self._outcomes: dict[tuple[int, SettlementId], set[Outcome]] = defaultdict(set)
        scene.log.on_entry = self.hear

    def hear(self, host: str, data: bytes) -> None:
        """Take note of an entry."""
        if not host.startswith("node"):
            return
        entry = check.decode_entry(data)
        if isinstance(entry, Rejection) or not isinstance(entry, SignDecisions) or entry.member in self._liars:
            return
        for signed in entry.decisions:
            self._outcomes[int(entry.member), signed.decision.settlement].add(signed.decision.outcome)

    def faults(self) -> Iterator[str]:
        """Give every case of an honest key that signed both outcomes."""
        for (member, id_), outcomes in self._outcomes.items():
            if len(outcomes) > 1:
                yield f"sign-once: member {member} signed both outcomes of {hex_of(id_)}"


def honest(scene: Scene) -> list[Machine]:
    """Give the machines of honest members."""
    return [each for each in scene.cluster.machines.values() if each.member not in scene.liars]


def is_over(scene: Scene) -> bool:
    """Tell whether every honest node runs, has applied the whole log, and has nothing open."""
    height = scene.log.head.height
    nodes = [machine.node for machine in honest(scene)]
    return all(node is not None and node.replica.height == height and not node.replica.settlements for node in nodes)


def faults(scene: Scene, plan: Plan, witness: Witness) -> list[str]:
    """Give everything that is wrong at the end of a run."""
    proofs = list(_proofs(scene))
    guilty = {id_ for id_, _ in proofs}
    found = [*_halts(scene, plan), *witness.faults()]
    for id_, members in proofs:
        if not members <= scene.liars:
            found.append(f"conviction: honest members {sorted(members - scene.liars)} signed twice for {hex_of(id_)}")
        elif len(members) <= plan.faulty_max:
            found.append(f"two certificates: {hex_of(id_)}, and only {sorted(members)} signed both")
    found += [f"both or neither: {hex_of(id_)} {what}" for id_, what in _halves(scene) if id_ not in guilty]
    if plan.is_log_honest:
        found += [*_disagreements(scene), *_unfinished(scene)]
    return found


def convicted(scene: Scene) -> set[int]:
    """Give the members against whom two conflicting certificates prove that they signed twice."""
    return {member for _, members in _proofs(scene) for member in members}


def _proofs(scene: Scene) -> Iterator[tuple[SettlementId, set[int]]]:
    """Give each settlement that has two conflicting certificates, with those who signed both."""
    certificates: dict[SettlementId, dict[Outcome, Certificate]] = defaultdict(dict)
    for machine in scene.cluster.machines.values():
        if machine.node is not None:
            for certificate in _certificates(machine.node):
                certificates[certificate.decision.settlement][certificate.decision.outcome] = certificate
    for id_, found in certificates.items():
        if len(found) > 1:
            yield id_, set.intersection(*({int(each.member) for each in one.signatures} for one in found.values()))


def _certificates(node: Node) -> Iterator[Certificate]:
    settlements = (*node.replica.settlements.values(), *(node.settlement(id_) for id_ in node.replica.ended))
    return (each.certificate for each in settlements if each is not None and each.certificate is not None)


def _halts(scene: Scene, plan: Plan) -> Iterator[str]:
    allowed = _DISK_HALTS if plan.is_log_honest else _FORK_HALTS
    for machine in honest(scene):
        for why in machine.halts:
            if not why.startswith(allowed):
                yield f"halt: {machine.host}: {why}"


def _disagreements(scene: Scene) -> Iterator[str]:
    """Compare replicas of the same height, and decisions at any height."""
    states: dict[int, set[bytes]] = defaultdict(set)
    outcomes: dict[SettlementId, set[Outcome]] = defaultdict(set)
    for machine in honest(scene):
        if machine.node is None:
            continue
        replica = machine.node.replica
        states[replica.height].add(replica.state_hash())
        ended = (each.decision for each in replica.ended.values())
        for decision in (*ended, *(each.decision for each in replica.settlements.values())):
            if decision is not None:
                outcomes[decision.settlement].add(decision.outcome)
    for height, hashes in states.items():
        if len(hashes) > 1:
            yield f"replicas: {len(hashes)} states at height {height}"
    for id_, found in outcomes.items():
        if len(found) > 1:
            yield f"two decisions: {hex_of(id_)}"


def _halves(scene: Scene) -> Iterator[tuple[SettlementId, str]]:
    """Find a leg that delivered where another returned, or one that delivered without having been held."""
    ends: dict[SettlementId, set[Fact]] = defaultdict(set)
    for ledger in scene.ledgers.values():
        for (id_, leg), book in ledger.legs.items():
            if book.end is not None:
                ends[id_].add(book.end)
            if book.end is Fact.DELIVERED and not book.was_held:
                yield id_, f"leg {leg} on {ledger.name} was delivered without a final hold"
    for id_, found in ends.items():
        if len(found) > 1:
            yield id_, f"has legs {' and '.join(sorted(each.name for each in found))}"


def _unfinished(scene: Scene) -> Iterator[str]:
    for machine in honest(scene):
        if machine.node is None or machine.node.halted:
            yield f"liveness: {machine.host} does not run: {machine.halts[-1:]}"
            continue
        replica = machine.node.replica
        if replica.height != scene.log.head.height:
            yield f"liveness: {machine.host} is at block {replica.height} of {scene.log.head.height}"
        for id_, known in replica.settlements.items():
            legs = [leg.state.name for leg in known.legs]
            yield f"liveness: {machine.host} has {hex_of(id_)} still {known.state.name} {legs}"
