"""The sign-once record: what a decision key has put its name to, kept outside the log (protocol, section 5).

A node must never sign COMMIT and ABORT of one settlement, whatever log, snapshot or backup it is shown. So before each
signature it asks this record, and the order of the two is the whole point:

    1. `permit` writes settlement and outcome, and returns after fsync;
    2. only then is the signature made, and only then may it leave the process.

A crash before 1 leaves nothing, and nothing was signed. A crash between 1 and 2 leaves a row without a signature: the
same outcome is permitted again after the restart, the other one never, which loses nothing because the log does not
change its mind. A crash after 2 finds the row. There is no moment at which a signature exists without its row.

The record also keeps the newest log position under which it permitted anything. A log that is shorter than that, or
has another block there, is not the log that the node signed for. Conversely, when the log holds a signature of this key
at a position above `highest()`, the record was lost or an older copy was restored: the key must sign no more and is
replaced by rotation. That is also why opening never creates: `create` is called once, with the key.

    SignOnceError                a sentence about the record
    ├── RecordMissing            no such file: lost, or the wrong path; never made silently
    ├── RecordExists             `create` found a file
    ├── RecordHeld               another process holds it: two nodes with one key would defeat it
    ├── RecordForeign            the file is no record of this format
    ├── RecordContradictsLog     the log position given differs from the one recorded at the same height
    └── RecordFailed             the disk or SQLite failed: nothing may be signed
"""

import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from interlock.encoding.values import Bytes32, hex_of
from interlock.keys.signer import sync_folder
from interlock.service.sqlite import Fault, blamed, open_exclusive

FORMAT = 1
"""Kept as the file's user_version."""
_APPLICATION_ID = 0x4953_4F52
"""ISOR: marks the file as ours."""
_HASH_BYTES = 32

# `highest` has its own row, because a settlement's row keeps the position of its first signature only.
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE decisions (
    settlement BLOB PRIMARY KEY, outcome INTEGER NOT NULL, epoch INTEGER NOT NULL,
    height INTEGER NOT NULL, block_hash BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE highest (one INTEGER PRIMARY KEY CHECK (one = 1), height INTEGER NOT NULL, block_hash BLOB NOT NULL);
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {FORMAT};
COMMIT;
"""


class SignOnceError(Exception):
    """Tell what is the matter with the record. Nothing may be signed."""


class RecordMissing(SignOnceError):
    """There is no record where one was."""


class RecordExists(SignOnceError):
    """A record stands where a new one was to be made."""


class RecordHeld(SignOnceError):
    """Another process holds the record."""


class RecordForeign(SignOnceError):
    """The file is something else."""


class RecordContradictsLog(SignOnceError):
    """The log is not the one under which this record was kept."""


class RecordFailed(SignOnceError):
    """The record cannot be read or written."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What stands in the record for one settlement, as it was first permitted."""

    settlement: Bytes32
    outcome: int
    """COMMIT 1 or ABORT 2; the record itself only compares."""
    epoch: int
    """Epoch of the first signature; later epochs sign the same again."""
    height: int
    """Log position under which it was first permitted."""
    block_hash: Bytes32
    """Hash of the block at that height."""


@dataclass(frozen=True, slots=True)
class Permitted:
    """The outcome may be signed: it is durably recorded as this settlement's only one."""

    recorded: Recorded


@dataclass(frozen=True, slots=True)
class Conflict:
    """The outcome may never be signed: the other one is recorded."""

    previous: Recorded
    outcome: int
    """The outcome that was asked for and refused."""

    def __str__(self) -> str:
        """Say it in a sentence."""
        return (
            f"settlement {hex_of(self.previous.settlement)}: outcome {self.outcome} was asked for, but outcome "
            f"{self.previous.outcome} was permitted at block {self.previous.height}, epoch {self.previous.epoch}; "
            "it is never signed, look for a forked log"
        )


class SignOnceRecord:
    """Hold one record, exclusively. Safe to call from several threads; a call blocks for one fsync."""

    def __init__(self, path: Path) -> None:
        """Open an existing record. RecordMissing, RecordHeld, RecordForeign, RecordFailed."""
        if not path.is_file():
            raise RecordMissing(
                f"there is no sign-once record at {path}; where it was lost, its key must sign no more: rotate it"
            )
        self._blame = partial(_blame, path)
        self._turn = threading.Lock()
        self._connection = open_exclusive(path, _APPLICATION_ID, FORMAT, self._blame)

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make the record of a new key, and open it. RecordExists, RecordFailed."""
        # Written under another name first: a crash leaves a whole record at `path`, or none.
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        with blamed(partial(_blame, path)), closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(_SCHEMA)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            raise RecordExists(f"{path} exists; a record is never begun anew under the same key") from None
        finally:
            draft.unlink()
        sync_folder(path.parent)
        return cls(path)

    def permit(
        self, settlement: Bytes32, outcome: int, epoch: int, height: int, block_hash: Bytes32
    ) -> Permitted | Conflict:
        """Record that this outcome is about to be signed, durably; or say that the other one stands.

        `height` and `block_hash` are the last block applied when the decision was taken or is signed again. The same
        outcome is permitted any number of times, in any epoch and at any height; nothing is written then, unless the
        position is the highest so far. Raises ValueError for a hash that has not 32 bytes, RecordContradictsLog when
        another block is recorded as the highest at this height, RecordFailed: nothing may be signed then.
        """
        if len(settlement) != _HASH_BYTES or len(block_hash) != _HASH_BYTES:
            raise ValueError("settlement id and block hash have 32 bytes")
        asked = Recorded(settlement, outcome, epoch, height, block_hash)
        with self._turn, blamed(self._blame):
            highest = self._read_highest()
            self._require_same_log(highest, height, block_hash)
            previous = self._read(settlement)
            if previous is not None and previous.outcome != outcome:
                return Conflict(previous, outcome)
            rises = highest is None or height > highest[0]
            if previous is None or rises:
                self._write(asked if previous is None else None, (height, block_hash) if rises else None)
            return Permitted(previous or asked)

    def recorded(self, settlement: Bytes32) -> Recorded | None:
        """Give what stands for one settlement, None where nothing was ever permitted. RecordFailed."""
        with self._turn, blamed(self._blame):
            return self._read(settlement)

    def highest(self) -> tuple[int, Bytes32] | None:
        """Give height and hash of the newest log position under which anything was permitted, or None. RecordFailed."""
        with self._turn, blamed(self._blame):
            return self._read_highest()

    def close(self) -> None:
        """Let the record go, after the call that is under way; another process may open it."""
        with self._turn:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, settlement: Bytes32) -> Recorded | None:
        query = "SELECT settlement, outcome, epoch, height, block_hash FROM decisions WHERE settlement = ?"
        row = self._connection.execute(query, (settlement,)).fetchone()
        return Recorded(*row) if row is not None else None

    def _read_highest(self) -> tuple[int, Bytes32] | None:
        row: tuple[int, Bytes32] | None = self._connection.execute("SELECT height, block_hash FROM highest").fetchone()
        return row

    def _require_same_log(self, highest: tuple[int, Bytes32] | None, height: int, block_hash: Bytes32) -> None:
        if highest is not None and highest[0] == height and highest[1] != block_hash:
            raise RecordContradictsLog(
                f"block {height} is {hex_of(block_hash)} in the log, but this key signed under {hex_of(highest[1])}: "
                "this is another log; stop the node"
            )

    def _write(self, row: Recorded | None, highest: tuple[int, Bytes32] | None) -> None:
        """Write what is new in one transaction, on the disk when this returns. Once it failed, all calls fail."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            if row is not None:
                values = (row.settlement, row.outcome, row.epoch, row.height, row.block_hash)
                self._connection.execute("INSERT INTO decisions VALUES (?, ?, ?, ?, ?)", values)
            if highest is not None:
                self._connection.execute("INSERT OR REPLACE INTO highest VALUES (1, ?, ?)", highest)
            self._connection.execute("COMMIT")
        except BaseException:
            # Whether the row is on the disk is unknown now, and a later fsync need not tell: only opening anew does.
            self._connection.close()
            raise


def _blame(path: Path, fault: Fault, detail: str) -> SignOnceError:
    """Say what is the matter with the file of a record."""
    match fault:
        case Fault.HELD:
            return RecordHeld(f"{path} is held by another process; one key signs in one process only")
        case Fault.FOREIGN:
            return RecordForeign(f"{path} is no sign-once record of format {FORMAT}; give the right path")
        case Fault.FULL | Fault.FAILED:
            return RecordFailed(f"{path}: {detail}; nothing may be signed until it is mended")
