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
from interlock.core.instruction import SettlementId
from interlock.core.settlement import Settlement
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32
from interlock.node.store import BlockRecord, NodeStore
from interlock.ordering.protocol import LogBlock


class Touched(Protocol):
    """What a store tells of its writes."""

    is_failing: bool

    def touch(self) -> None:
        """Be there before and after each write."""
        ...


class KeptStore:
    """Answer from the records of blocks; see `NodeStore` for what each method gives."""

    def __init__(self, kept: list[BlockRecord], disk: Touched) -> None:
        """Open what a disk has kept; new records are added to it."""
        self._kept = kept
        self._disk = disk
        self._ended: dict[SettlementId, tuple[int, Settlement]] = {}
        for record in kept:
            self._index(record)

    def save(self, record: BlockRecord) -> None:
        """Keep one applied block."""
        _write(self._disk, self._kept, record)
        self._index(record)
        self._disk.touch()

    def blocks(self) -> Iterator[LogBlock]:
        """Give the applied blocks in order."""
        return (record.block for record in tuple(self._kept))

    def votes(self, settlement: SettlementId) -> list[tuple[MemberIndex, SignedAttestation]]:
        """Give the votes that counted, the first of each leg, fact and member, in this order."""
        found: dict[tuple[int, int, int], tuple[MemberIndex, SignedAttestation]] = {}
        for record in self._kept:
            for member, signed in record.votes:
                said = signed.attestation
                if said.settlement == settlement:
                    found.setdefault((said.leg, int(said.fact), member), (member, signed))
        return [found[key] for key in sorted(found)]

    def document(self, evidence: Bytes32) -> bytes | None:
        """Give an evidence document by its hash, or None."""
        documents = (each for record in self._kept for each in record.documents)
        return next((bytes(each) for each in documents if keccak256(each) == evidence), None)

    def history(self, settlement: SettlementId, *, after: int = -1) -> list[dict[str, object]]:
        """Give a settlement's timeline after a number."""
        events = [each.event for record in self._kept for each in record.history if each.settlement == settlement]
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


class SqlStore(NodeStore):
    """The production store, in a database in memory that is filled with what the disk has kept."""

    def __init__(self, network_id: Bytes32, kept: list[BlockRecord], disk: Touched) -> None:
        super().__init__(Path(":memory:"), network_id)
        self._kept = kept
        self._disk = disk
        for record in kept:
            super().save(record)

    def save(self, record: BlockRecord) -> None:
        """Keep one applied block, in the database and on the disk."""
        _write(self._disk, self._kept, record)
        super().save(record)
        self._disk.touch()


def _write(disk: Touched, kept: list[BlockRecord], record: BlockRecord) -> None:
    """Put a record onto the disk. PowerCut before it took effect; sqlite3.OperationalError where the disk fails."""
    disk.touch()
    if disk.is_failing:
        raise sqlite3.OperationalError("database or disk is full")
    kept.append(record)
