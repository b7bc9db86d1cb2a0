"""What a node keeps on its own disk: the log it applied, the votes that counted, the evidence, the ended settlements.

Of the log of decisions every complete node is kept at its place, so that any decision can be proven under the root of
any rotation (`node.prover`). Of an order its newest certificate is kept, since the log forgets it at a rotation.

All of it can be had again from the log, so it is written without waiting for the disk (WAL, synchronous=NORMAL): a
crash may lose the newest blocks, never tears one, and the node fetches them again. What cannot be had again, the
sign-once record, is kept elsewhere (`keys.sign_once`) and does wait.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from interlock.core.attestation import SignedAttestation
from interlock.core.committee import MemberIndex
from interlock.core.ended import EndedIndex
from interlock.core.instruction import SettlementId
from interlock.core.order import OrderCertificate
from interlock.core.settlement import Settlement
from interlock.core.snapshot import Snapshot
from interlock.encoding.canonical import decode_canonical, encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.merkle import Place
from interlock.encoding.values import Bytes32, Uint32, hex_of
from interlock.ordering.protocol import LogBlock
from interlock.views.history import HistoryEvent

FORMAT = 2
"""Kept as the file's user_version; another one is refused."""

_SCHEMA = f"""
CREATE TABLE network (one INTEGER PRIMARY KEY CHECK (one = 1), id BLOB NOT NULL);
CREATE TABLE blocks (
    height INTEGER PRIMARY KEY, time INTEGER NOT NULL, previous BLOB NOT NULL, leaves INTEGER NOT NULL
);
CREATE TABLE entries (
    height INTEGER NOT NULL, place INTEGER NOT NULL, content BLOB NOT NULL, PRIMARY KEY (height, place)
) WITHOUT ROWID;
CREATE TABLE votes (
    settlement BLOB NOT NULL, leg INTEGER NOT NULL, fact INTEGER NOT NULL, epoch INTEGER NOT NULL,
    member INTEGER NOT NULL, attestation BLOB NOT NULL, PRIMARY KEY (settlement, leg, fact, epoch, member)
) WITHOUT ROWID;
CREATE TABLE documents (hash BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE tree (
    level INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, number)
) WITHOUT ROWID;
CREATE INDEX leaf_by_hash ON tree (hash) WHERE level = 0;
CREATE TABLE orders (settlement BLOB PRIMARY KEY, certificate BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE history (
    settlement BLOB NOT NULL, number INTEGER NOT NULL, event TEXT NOT NULL, PRIMARY KEY (settlement, number)
) WITHOUT ROWID;
CREATE TABLE ended (
    settlement BLOB NOT NULL, height INTEGER NOT NULL, packed BLOB, PRIMARY KEY (settlement, height)
) WITHOUT ROWID;
CREATE TABLE snapshot (one INTEGER PRIMARY KEY CHECK (one = 1), height INTEGER NOT NULL, content BLOB NOT NULL);
CREATE TABLE archive (settlement BLOB PRIMARY KEY, height INTEGER NOT NULL, content BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX archive_by_height ON archive (height);
PRAGMA user_version = {FORMAT};
"""


class StoreForeign(Exception):
    """The database is of another network or another format; give the node the right home."""


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """One applied block, and all that it left behind."""

    block: LogBlock
    votes: Sequence[tuple[MemberIndex, SignedAttestation]]
    documents: Sequence[bytes]
    history: Sequence[HistoryEvent]
    ended: Sequence[Settlement]
    index: Sequence[tuple[SettlementId, bytes | None]]
    """Packed records of settlements that ended, None for those that are open again."""
    orders: Sequence[OrderCertificate]
    """Certificates of orders that were completed."""
    tree: Sequence[tuple[Place, Bytes32]]
    """Nodes of the log of decisions that were completed."""
    leaves: int
    """How many decisions and orders that log has since."""


class Store(Protocol):
    """What a node asks of its store; `NodeStore` is it, and says what each method gives."""

    def save(self, record: BlockRecord) -> None:
        """Keep one applied block; all of it or nothing."""
        ...

    def save_snapshot(self, height: int, content: bytes) -> None:
        """Keep the replica's working state after a block that is kept."""
        ...

    def snapshot(self) -> tuple[Snapshot, EndedIndex] | None:
        """Give the newest snapshot, and the index of what had ended by then."""
        ...

    def blocks(self, after: int = 0) -> Iterator[LogBlock]:
        """Give the applied blocks after a height, in order."""
        ...

    def votes(self, settlement: SettlementId) -> list[tuple[MemberIndex, SignedAttestation]]:
        """Give the votes that counted."""
        ...

    def document(self, evidence: Bytes32) -> bytes | None:
        """Give an evidence document by its hash, or None."""
        ...

    def order(self, settlement: SettlementId) -> OrderCertificate | None:
        """Give the newest certificate of a settlement's order, or None."""
        ...

    def leaves(self, height: int) -> int:
        """Give how many decisions and orders the log had at the end of a block."""
        ...

    def leaf(self, hash_: Bytes32) -> int | None:
        """Give the number of a decision or an order in their log, by its hash, or None."""
        ...

    def node_at(self, place: Place) -> Bytes32:
        """Give a complete node of the log of decisions; KeyError where it is not complete yet."""
        ...

    def history(self, settlement: SettlementId, *, after: int = -1) -> list[dict[str, object]]:
        """Give a settlement's timeline after a number."""
        ...

    def ended(self, settlement: SettlementId) -> Settlement | None:
        """Give an ended settlement, or None."""
        ...

    def ended_ids(self, limit: int) -> list[SettlementId]:
        """Give the ids of the newest ended settlements."""
        ...


class NodeStore:
    """One node's database. Used by one process, on one thread."""

    def __init__(self, path: Path, network_id: Bytes32) -> None:
        """Open or begin the database of a network; StoreForeign where it is another's."""
        self._connection = sqlite3.connect(path, isolation_level=None)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._begin(path, network_id)
        except BaseException:
            self._connection.close()
            raise

    def _begin(self, path: Path, network_id: Bytes32) -> None:
        """Make the tables where there are none, all of them or nothing, and check whose they are."""
        if self._version() == 0:
            self._connection.executescript("BEGIN IMMEDIATE;" + _SCHEMA)
            self._connection.execute("INSERT INTO network VALUES (1, ?)", (network_id,))
            self._connection.execute("COMMIT")
        if self._version() != FORMAT:
            raise StoreForeign(f"{path} has format {self._version()}, this program reads {FORMAT}")
        (found,) = self._connection.execute("SELECT id FROM network").fetchone()
        if found != network_id:
            raise StoreForeign(f"{path} is of network {hex_of(found)}, this node is of {hex_of(network_id)}")

    def save(self, record: BlockRecord) -> None:
        """Keep one applied block; all of it or nothing."""
        block = record.block
        with self._connection:
            self._connection.execute("BEGIN")
            self._connection.execute(
                "INSERT INTO blocks VALUES (?, ?, ?, ?)", (block.height, block.time, block.previous, record.leaves)
            )
            self._connection.executemany(
                "INSERT INTO entries VALUES (?, ?, ?)",
                [(block.height, place, content) for place, content in enumerate(block.entries)],
            )
            self._connection.executemany(
                "INSERT OR IGNORE INTO votes VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (
                        signed.attestation.settlement,
                        signed.attestation.leg,
                        int(signed.attestation.fact),
                        signed.attestation.epoch,
                        member,
                        encode(signed),
                    )
                    for member, signed in record.votes
                ],
            )
            self._connection.executemany(
                "INSERT OR IGNORE INTO documents VALUES (?, ?)", [(keccak256(each), each) for each in record.documents]
            )
            self._connection.executemany(
                "INSERT INTO history SELECT ?1, COALESCE(MAX(number) + 1, 0), ?2 FROM history WHERE settlement = ?1",
                [(each.settlement, json.dumps(each.event)) for each in record.history],
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO archive VALUES (?, ?, ?)",
                [(each.id, block.height, encode(each)) for each in record.ended],
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO ended VALUES (?, ?, ?)",
                [(id_, block.height, packed) for id_, packed in record.index],
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO orders VALUES (?, ?)",
                [(each.order.settlement, encode(each)) for each in record.orders],
            )
            self._connection.executemany(
                "INSERT INTO tree VALUES (?, ?, ?)", [(place.level, place.number, node) for place, node in record.tree]
            )

    def save_snapshot(self, height: int, content: bytes) -> None:
        """Keep the replica's working state after a block that is kept; the newest replaces the one before."""
        with self._connection:
            self._connection.execute("BEGIN")
            self._connection.execute("INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?)", (height, content))

    def snapshot(self) -> tuple[Snapshot, EndedIndex] | None:
        """Give the newest snapshot, and the index of what had ended by then; None where there is none."""
        row = self._connection.execute("SELECT height, content FROM snapshot").fetchone()
        if row is None:
            return None
        height, content = row
        # SQLite gives the bare columns of the row that holds the maximum.
        query = "SELECT settlement, packed, MAX(height) FROM ended WHERE height <= ? GROUP BY settlement"
        with closing(self._connection.execute(query, (height,))) as rows:
            ended = EndedIndex.of((id_, packed) for id_, packed, _ in rows if packed is not None)
        return decode_canonical(Snapshot, content), ended

    def blocks(self, after: int = 0) -> Iterator[LogBlock]:
        """Give the applied blocks after a height, in order."""
        query = "SELECT height, time, previous FROM blocks WHERE height > ? ORDER BY height"
        with closing(self._connection.execute(query, (after,))) as rows:
            for height, time, previous in rows:
                yield LogBlock(height, time, previous, self._entries(height))

    def _entries(self, height: int) -> tuple[bytes, ...]:
        rows = self._connection.execute("SELECT content FROM entries WHERE height = ? ORDER BY place", (height,))
        return tuple(content for (content,) in rows)

    def votes(self, settlement: SettlementId) -> list[tuple[MemberIndex, SignedAttestation]]:
        """Give the votes that counted, each with its member, by leg, fact, epoch and member."""
        rows = self._connection.execute(
            "SELECT member, attestation FROM votes WHERE settlement = ? ORDER BY leg, fact, epoch, member",
            (settlement,),
        )
        return [(MemberIndex(Uint32(member)), decode_canonical(SignedAttestation, signed)) for member, signed in rows]

    def document(self, evidence: Bytes32) -> bytes | None:
        """Give the canonical bytes of an evidence document by its hash, or None."""
        row = self._connection.execute("SELECT content FROM documents WHERE hash = ?", (evidence,)).fetchone()
        return None if row is None else bytes(row[0])

    def order(self, settlement: SettlementId) -> OrderCertificate | None:
        """Give the newest certificate of a settlement's order, or None."""
        row = self._connection.execute("SELECT certificate FROM orders WHERE settlement = ?", (settlement,)).fetchone()
        return None if row is None else decode_canonical(OrderCertificate, row[0])

    def leaves(self, height: int) -> int:
        """Give how many decisions and orders the log had at the end of a block; none before the first."""
        row = self._connection.execute("SELECT leaves FROM blocks WHERE height = ?", (height,)).fetchone()
        return 0 if row is None else int(row[0])

    def leaf(self, hash_: Bytes32) -> int | None:
        """Give the number of a decision or an order in their log, by its hash, or None."""
        row = self._connection.execute("SELECT number FROM tree WHERE level = 0 AND hash = ?", (hash_,)).fetchone()
        return None if row is None else int(row[0])

    def node_at(self, place: Place) -> Bytes32:
        """Give a complete node of the log of decisions; KeyError where it is not complete yet."""
        query = "SELECT hash FROM tree WHERE level = ? AND number = ?"
        row = self._connection.execute(query, (place.level, place.number)).fetchone()
        if row is None:
            raise KeyError(place)
        return Bytes32(row[0])

    def history(self, settlement: SettlementId, *, after: int = -1) -> list[dict[str, object]]:
        """Give a settlement's timeline after a number; empty where the settlement is unknown."""
        rows = self._connection.execute(
            "SELECT number, event FROM history WHERE settlement = ? AND number > ? ORDER BY number", (settlement, after)
        )
        return [{"number": number, **json.loads(event)} for number, event in rows]

    def ended(self, settlement: SettlementId) -> Settlement | None:
        """Give an ended settlement from the archive, or None."""
        row = self._connection.execute("SELECT content FROM archive WHERE settlement = ?", (settlement,)).fetchone()
        return None if row is None else decode_canonical(Settlement, row[0])

    def ended_ids(self, limit: int) -> list[SettlementId]:
        """Give the ids of at most `limit` ended settlements, the newest first."""
        rows = self._connection.execute("SELECT settlement FROM archive ORDER BY height DESC LIMIT ?", (limit,))
        return [SettlementId(Bytes32(row[0])) for row in rows]

    def close(self) -> None:
        """Let the database go."""
        self._connection.close()

    def _version(self) -> int:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        return int(version)
