"""What must hold after a run. A plain judge, inside the room; the auditor judges from the ledgers' events alone."""

from collections import defaultdict
from collections.abc import Iterator

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.entry import SignDecisions
from interlock.core.instruction import SettlementId
from interlock.core.rejection import Rejection
from interlock.encoding.values import hex_of
from interlock.entries import check
from interlock.node.node import Node
from interlock.simulation.cluster import Machine
from interlock.simulation.scene import Scene

HALTS_ALLOWED = ("RecordFailed", "OperationalError")
"""Halts that a full disk explains."""


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


def faults(scene: Scene, witness: Witness) -> list[str]:
    """Give everything that is wrong at the end of a run."""
    return [*_halts(scene), *witness.faults(), *_disagreements(scene), *_halves(scene), *_unfinished(scene)]


def _halts(scene: Scene) -> Iterator[str]:
    for machine in honest(scene):
        for why in machine.halts:
            if not why.startswith(HALTS_ALLOWED):
                yield f"halt: {machine.host}: {why}"


def _disagreements(scene: Scene) -> Iterator[str]:
    """Compare replicas of the same height, and decisions at any height."""
    states: dict[int, set[bytes]] = defaultdict(set)
    outcomes: dict[SettlementId, set[Outcome]] = defaultdict(set)
    for node in _nodes(scene):
        states[node.replica.height].add(node.replica.state_hash())
        for id_, ended in node.replica.ended.items():
            outcomes[id_].add(ended.decision.outcome)
        for id_, known in node.replica.settlements.items():
            if known.decision is not None:
                outcomes[id_].add(known.decision.outcome)
    for height, hashes in states.items():
        if len(hashes) > 1:
            yield f"replicas: {len(hashes)} states at height {height}"
    for id_, found in outcomes.items():
        if len(found) > 1:
            yield f"two decisions: {hex_of(id_)}"


def _halves(scene: Scene) -> Iterator[str]:
    """Find a leg that delivered where another returned, or one that delivered without having been held."""
    ends: dict[SettlementId, set[Fact]] = defaultdict(set)
    for ledger in scene.ledgers.values():
        for (id_, leg), book in ledger.legs.items():
            if book.end is not None:
                ends[id_].add(book.end)
            if book.end is Fact.DELIVERED and not book.was_held:
                yield f"delivered without a final hold: {hex_of(id_)} leg {leg} on {ledger.name}"
    for id_, found in ends.items():
        if len(found) > 1:
            yield f"both or neither: {hex_of(id_)} has {sorted(each.name for each in found)}"


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
            yield f"liveness: {machine.host} holds {hex_of(id_)} {known.state.name} {legs}"


def _nodes(scene: Scene) -> list[Node]:
    return [machine.node for machine in honest(scene) if machine.node is not None]
