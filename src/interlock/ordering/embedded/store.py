"""The sequencer's file: every block, in SQLite.

One process holds the file (SQLite's exclusive lock, which ends with the process however it ends). A block is one row
and one transaction; with a write-ahead log and synchronous=FULL its insertion returns after fsync, so what is answered
or shown after it survives SIGKILL and power loss, and a height is never given twice. Opening reads a bounded tail of
the file, however long the log is.

    StoreError          a sentence about the file
    ├── StoreHeld       another process holds it
    ├── StoreForeign    it belongs to another network, or is no file of ours
    ├── StoreFull       no room: nothing was stored; free some and go on
    └── StoreFailed     anything else SQLite or the device reports: stop, and look at the disk
"""

import sqlite3
from pathlib import Path
from typing import Self

from interlock.encoding.values import Bytes32
from interlock.ordering.embedded.frames import MalformedFrame
from interlock.ordering.embedded.wire import StoredBlock, decode_entries, encode_entries
from interlock.ordering.protocol import Head, LogBlock, LogForked, verify_follows
from interlock.service.sqlite import Fault, blamed, open_exclusive

FORMAT = 1
"""Kept as the file's user_version."""
_APPLICATION_ID = 0x494C4F47
"""ILOG: marks the file as ours."""
_TAIL_BLOCKS = 256
"""How many of the newest blocks are held against each other when the file is opened."""

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE network (id BLOB NOT NULL);
CREATE TABLE blocks (height INTEGER PRIMARY KEY, time INTEGER NOT NULL, previous BLOB NOT NULL, entries BLOB NOT NULL);
-- Idle blocks are many; this finds the others without reading past them.
CREATE INDEX blocks_with_entries ON blocks (height) WHERE entries <> x'';
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""


class StoreError(Exception):
    """Tell what is the matter with the file."""


class StoreHeld(StoreError):
    """Another process holds the file."""


class StoreForeign(StoreError):
    """The file is not this network's log."""


class StoreFull(StoreError):
    """There is no room for the block."""


class StoreFailed(StoreError):
    """The file cannot be read or written."""


class BlockStore:
    """Keep blocks in one file. Its calls block, and come from one thread at a time."""

    def __init__(self, path: Path, network_id: Bytes32) -> None:
        """Open the file, or make it.

        StoreHeld, StoreForeign, StoreFull, StoreFailed (also when its tail is damaged).
        """
        self.path = path
        self.network_id = network_id
        self._connection = open_exclusive(path, _APPLICATION_ID, FORMAT, self._blame, begin=self._begin)
        try:
            with blamed(self._blame):
                self._require_network()
                self._verify_tail()
        except BaseException:
            self._connection.close()
            raise

    def append(self, block: LogBlock) -> None:
        """Store the next block durably. StoreFull: it is not stored. StoreFailed: known after a restart only."""
        row = (block.height, block.time, block.previous, encode_entries(block.entries))
        with blamed(self._blame):
            self._connection.execute("INSERT INTO blocks VALUES (?, ?, ?, ?)", row)

    def after(self, height: int, *, blocks_max: int, bytes_max: int) -> list[StoredBlock]:
        """Give blocks from height + 1 on: at least one where there is one, else as many as the bounds allow."""
        found: list[StoredBlock] = []
        room = bytes_max
        query = "SELECT height, time, previous, entries FROM blocks WHERE height > ? ORDER BY height LIMIT ?"
        with blamed(self._blame):
            for row in self._connection.execute(query, (height, blocks_max)):
                found.append(StoredBlock(*row))
                room -= len(found[-1].entries)
                if room <= 0:
                    break
        return found

    def head(self) -> Head:
        """Give the newest position, its hash computed from the row."""
        with blamed(self._blame):
            (height,) = self._connection.execute("SELECT coalesce(max(height), 0) FROM blocks").fetchone()
        if height == 0:
            return Head(0, self.network_id, 0)
        block = _as_block(self.after(height - 1, blocks_max=1, bytes_max=1)[0])
        return Head(block.height, block.hash, block.time)

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Make the tables of a new file."""
        connection.executescript(_SCHEMA)
        connection.execute("INSERT INTO network VALUES (?)", (self.network_id,))
        connection.execute("COMMIT")

    def _require_network(self) -> None:
        (found,) = self._connection.execute("SELECT id FROM network").fetchone()
        if found != self.network_id:
            raise StoreForeign(
                f"{self.path} is the log of network 0x{found.hex()}, not of 0x{self.network_id.hex()}; "
                "take another folder"
            )

    def _verify_tail(self) -> None:
        """Hold the newest blocks against each other, so that a damaged file is not built upon."""
        query = "SELECT height, time, previous, entries FROM blocks ORDER BY height DESC LIMIT ?"
        rows = self._connection.execute(query, (_TAIL_BLOCKS,)).fetchall()
        before: Head | None = None
        try:
            for row in reversed(rows):
                block = _as_block(StoredBlock(*row))
                if block.height == 1:
                    before = Head(0, self.network_id, 0)
                if before is not None:
                    verify_follows(block, before)
                before = Head(block.height, block.hash, block.time)
        except (MalformedFrame, LogForked, ValueError) as error:
            raise StoreFailed(f"{self.path} is damaged: {error}; restore it from a copy") from None

    def _blame(self, fault: Fault, detail: str) -> StoreError:
        """Say what is the matter with the file."""
        match fault:
            case Fault.HELD:
                return StoreHeld(f"{self.path} is held by another process; stop that one first")
            case Fault.FOREIGN:
                return StoreForeign(f"{self.path} is no log of format {FORMAT}; take another folder")
            case Fault.FULL:
                return StoreFull(f"{self.path}: no room for another block ({detail}); free some space")
            case Fault.FAILED:
                return StoreFailed(f"{self.path}: {detail}")


def _as_block(row: StoredBlock) -> LogBlock:
    return LogBlock(row.height, row.time, Bytes32(row.previous), decode_entries(row.entries))
