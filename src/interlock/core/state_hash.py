"""The hash of a replica's whole state, kept in step with it at the cost of what changed.

    keccak256( "interlock/state/2" ‖ network ‖ height ‖ time ‖ block ‖ committee ‖ registry sequence and hash
               ‖ rotations ‖ pending ‖ convicted ‖ compromised ‖ log of decisions ‖ log of ended ‖ open settlements
               ‖ batches )

where the open settlements are the root of a tree over their packed records (`fingerprint`, `encoding.state_tree`), and
a log is its size and its root.

Source: specification 2 (FORM-STATE) and 7 (I8).
"""

from typing import TYPE_CHECKING

from interlock.core.ballots import BatchBallot
from interlock.core.fingerprint import record_bytes
from interlock.core.instruction import SettlementId
from interlock.core.rotation import committee_hash
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.merkle import Frontier
from interlock.encoding.state_tree import StateTree
from interlock.encoding.values import ZERO_BYTES32, Bytes32

if TYPE_CHECKING:
    from interlock.core.replica import Replica

DOMAIN = b"interlock/state/2"


class StateHash:
    """The tree over the open settlements, and which of them it does not know yet as they are."""

    def __init__(self) -> None:
        self._tree = StateTree()
        self._touched: set[SettlementId] = set()
        self._known: set[SettlementId] = set()

    def touch(self, id_: SettlementId) -> None:
        """Note that a settlement, or the votes about it, changed."""
        self._touched.add(id_)

    def of(self, replica: "Replica") -> Bytes32:
        """Give the hash of the replica's state."""
        ballots = replica.ballots
        for id_ in self._touched:
            settlement = replica.settlements.get(id_)
            if settlement is not None:
                record = record_bytes(settlement, ballots.votes.get(id_, {}), ballots.signing.get(id_, {}))
                self._tree.put(id_, keccak256(record))
                self._known.add(id_)
            elif id_ in self._known:
                self._tree.drop(id_)
                self._known.discard(id_)
        self._touched.clear()
        return keccak256(DOMAIN + b"".join(_parts(replica)) + self._tree.root())


def _parts(replica: "Replica") -> list[bytes]:
    """Give everything but the open settlements, each part of a fixed length or hashed."""
    configurations = replica.configurations
    batches = replica.ballots.batches
    return [
        replica.network_id,
        replica.height.to_bytes(8, "big"),
        replica.time.to_bytes(8, "big"),
        replica.block_hash,
        committee_hash(replica.committee.epoch, replica.committee.members),
        keccak256(encode(configurations[-1])) if configurations else ZERO_BYTES32,
        len(configurations).to_bytes(8, "big"),
        keccak256(encode(replica.rotations[-1])) if replica.rotations else ZERO_BYTES32,
        keccak256(encode(replica.pending)) if replica.pending is not None else ZERO_BYTES32,
        keccak256(b"".join(sorted(replica.convicted))),
        bytes((replica.is_compromised,)),
        _log(replica.decisions),
        _log(replica.archive),
        keccak256(b"".join(_batch(batches[root]) for root in sorted(batches))),
    ]


def _batch(ballot: BatchBallot) -> bytes:
    """Give a batch on its way, packed: its root binds its decisions."""
    batch = ballot.batch
    head = batch.root + batch.epoch.to_bytes(8, "big") + batch.height.to_bytes(8, "big")
    signatures = b"".join(bytes((each.member,)) + each.signature for each in ballot.signatures)
    return head + bytes((len(ballot.signatures),)) + signatures


def _log(log: Frontier) -> bytes:
    return log.size.to_bytes(8, "big") + log.root
