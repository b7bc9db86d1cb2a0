"""Twins of the node's store, on a disk that remembers blocks in memory.

`KeptStore` keeps the records themselves and answers from them, without a database: a block costs nothing to keep, and a
question some work. `SqlStore` is the production store in a database in memory. A conformance test asks both the same.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from interlock.core.attestation import SignedAttestation
from interlock.core.committee import MemberIndex
from interlock.core.ended import EndedIndex
from interlock.core.instruction import SettlementId
from interlock.core.order import OrderCertificate
from interlock.core.settlement import Settlement
from interlock.core.snapshot import Snapshot
from interlock.encoding.canonical import decode_canonical
from interlock.encoding.keccak import keccak256
from interlock.encoding.merkle import Place
from interlock.encoding.values import Bytes32
from interlock.node.store import BlockRecord, NodeStore
from interlock.ordering.protocol import LogBlock


class Touched(Protocol):
    """What a store tells of its writes."""

    is_failing: bool

    def touch(self) -> None:
        """Be there before and after each write."""
        ...


class Kept:
    """What a disk has of one store."""

    def __init__(self) -> None:
        self.records: list[BlockRecord] = []
        self.snapshot: tuple[int, bytes] | None = None
        """The newest one, and its height."""

    def cut(self, height: int) -> None:
        """Lose everything above a height."""
        del self.records[height:]
        if self.snapshot is not None and self.snapshot[0] > height:
            self.snapshot = None

    def copy(self) -> "Kept":
        """Give the same, to go its own way."""
        other = Kept()
        other.records, other.snapshot = list(self.records), self.snapshot
        return other


class KeptStore:
    """Answer from the records of blocks; see `NodeStore` for what each method gives."""

    def __init__(self, kept: Kept, disk: Touched) -> None:
        """Open what a disk has kept; new records are added to it."""
        self._kept = kept
        self._disk = disk
        self._ended: dict[SettlementId, tuple[int, Settlement]] = {}
        self._orders: dict[SettlementId, OrderCertificate] = {}
        self._tree: dict[Place, Bytes32] = {}
        self._leaves: dict[Bytes32, int] = {}
        for record in kept.records:
            self._index(record)

    def save(self, record: BlockRecord) -> None:
        """Keep one applied block."""
        _write(self._disk, self._kept, record)
        self._index(record)
        self._disk.touch()

    def save_snapshot(self, height: int, content: bytes) -> None:
        """Keep the replica's working state; the newest replaces the one before."""
        _write_snapshot(self._disk, self._kept, height, content)
        self._disk.touch()

    def snapshot(self) -> tuple[Snapshot, EndedIndex] | None:
        """Give the newest snapshot, and the index of what had ended by then."""
        if self._kept.snapshot is None:
            return None
        height, content = self._kept.snapshot
        packed = {id_: each for record in self._kept.records[:height] for id_, each in record.index}
        index = EndedIndex.of((id_, packed[id_] or b"") for id_ in sorted(packed) if packed[id_] is not None)
        return decode_canonical(Snapshot, content), index

    def blocks(self, after: int = 0) -> Iterator[LogBlock]:
        """Give the applied blocks after a height, in order."""
        return (record.block for record in self._kept.records[after:])

    def votes(self, settlement: SettlementId) -> list[tuple[MemberIndex, SignedAttestation]]:
        """Give the votes that counted, the first of each leg, fact, epoch and member, in this order."""
        found: dict[tuple[int, ...], tuple[MemberIndex, SignedAttestation]] = {}
        for record in self._kept.records:
            for member, signed in record.votes:
                said = signed.attestation
                if said.settlement == settlement:
                    found.setdefault((said.leg, int(said.fact), said.epoch, member), (member, signed))
        return [found[key] for key in sorted(found)]

    def document(self, evidence: Bytes32) -> bytes | None:
        """Give an evidence document by its hash, or None."""
        documents = (each for record in self._kept.records for each in record.documents)
        return next((bytes(each) for each in documents if keccak256(each) == evidence), None)

    def order(self, settlement: SettlementId) -> OrderCertificate | None:
        """Give the newest certificate of a settlement's order, or None."""
        return self._orders.get(settlement)

    def leaves(self, height: int) -> int:
        """Give how many decisions and orders the log had at the end of a block."""
        return self._kept.records[height - 1].leaves if 0 < height <= len(self._kept.records) else 0

    def leaf(self, hash_: Bytes32) -> int | None:
        """Give the number of a decision or an order in their log, by its hash, or None."""
        return self._leaves.get(hash_)

    def node_at(self, place: Place) -> Bytes32:
        """Give a complete node of the log of decisions; KeyError where it is not complete yet."""
        return self._tree[place]

    def history(self, settlement: SettlementId, *, after: int = -1) -> list[dict[str, object]]:
        """Give a settlement's timeline after a number."""
        records = self._kept.records
        events = [each.event for record in records for each in record.history if each.settlement == settlement]
        numbered = enumerate(json.loads(json.dumps(events)))
        return [{"number": number, **event} for number, event in numbered if number > after]

    def ended(self, settlement: SettlementId) -> Settlement | None:
        """Give an ended settlement, or None."""
        found = self._ended.get(settlement)
        return None if found is None else found[1]

    def ended_ids(self, limit: int) -> list[SettlementId]:
        """Give at most `limit` ended settlements, the newest first."""
        newest = sorted(((height, id_) for id_, (height, _) in self._ended.items()), reverse=True)
        return [id_ for _, id_ in newest[: max(limit, 0)]]

    def close(self) -> None:
        """Let go; what was kept stays on the disk."""

    def _index(self, record: BlockRecord) -> None:
        for each in record.ended:
            self._ended[each.id] = record.block.height, each
        for certificate in record.orders:
            self._orders[certificate.order.settlement] = certificate
        for place, node in record.tree:
            self._tree[place] = node
            if place.level == 0:
                self._leaves.setdefault(node, place.number)


class SqlStore(NodeStore):
    """The production store, in a database in memory that is filled with what the disk has kept."""

    def __init__(self, network_id: Bytes32, kept: Kept, disk: Touched) -> None:
        super().__init__(Path(":memory:"), network_id)
        self._kept = kept
        self._disk = disk
        for record in kept.records:
            super().save(record)
        if kept.snapshot is not None:
            super().save_snapshot(*kept.snapshot)

    def save(self, record: BlockRecord) -> None:
        """Keep one applied block, in the database and on the disk."""
        _write(self._disk, self._kept, record)
        super().save(record)
        self._disk.touch()

    def save_snapshot(self, height: int, content: bytes) -> None:
        """Keep the replica's working state, in the database and on the disk."""
        _write_snapshot(self._disk, self._kept, height, content)
        super().save_snapshot(height, content)
        self._disk.touch()


def _write(disk: Touched, kept: Kept, record: BlockRecord) -> None:
    """Put a record onto the disk. PowerCut before it took effect; sqlite3.OperationalError where the disk fails."""
    _begin(disk)
    kept.records.append(record)


def _write_snapshot(disk: Touched, kept: Kept, height: int, content: bytes) -> None:
    _begin(disk)
    kept.snapshot = height, content


def _begin(disk: Touched) -> None:
    disk.touch()
    if disk.is_failing:
        raise sqlite3.OperationalError("database or disk is full")
