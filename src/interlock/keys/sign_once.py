"""The sign-once record: what a decision key has put its name to, kept outside the log (protocol, section 5).

A node must never sign COMMIT and ABORT of one settlement, nor two orders, nor hand an epoch over twice, whatever log,
snapshot or backup it is shown. The rule is `core.signing`; this record gives it its memory. So before each signature it
is asked, and the order of the two is the whole point:

    1. `permit_…` writes what is about to be signed, and returns after fsync;
    2. only then is the signature made, and only then may it leave the process.

A crash before 1 leaves nothing, and nothing was signed. A crash between 1 and 2 leaves a row without a signature: the
same is permitted again after the restart, the opposite never, which loses nothing because the log does not change its
mind. A crash after 2 finds the row. There is no moment at which a signature exists without its row.

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
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

from interlock.core.committee import Epoch
from interlock.core.decision import Outcome
from interlock.core.entry import Anchor
from interlock.core.instruction import SettlementId
from interlock.core.rotation import Rotation
from interlock.core.signing import (
    NOTHING,
    OrderTerms,
    Refusal,
    Shown,
    Signed,
    decision_conflict,
    handed_over,
    order_conflict,
    rotation_conflict,
)
from interlock.encoding.values import Bytes32, Uint64, UnixSeconds, hex_of
from interlock.keys.signer import sync_folder
from interlock.service.sqlite import Fault, blamed, open_exclusive

FORMAT = 2
"""Kept as the file's user_version."""
_APPLICATION_ID = 0x4953_4F52
"""ISOR: marks the file as ours."""
_HASH_BYTES = 32

# `highest` has its own row, because a settlement's row keeps the position of its newest statement only.
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE signed (
    settlement BLOB PRIMARY KEY, outcome INTEGER, ledger TEXT, last_valid TEXT,
    epoch INTEGER NOT NULL, height INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE rotations (from_epoch INTEGER PRIMARY KEY, rotation BLOB NOT NULL);
CREATE TABLE highest (one INTEGER PRIMARY KEY CHECK (one = 1), height INTEGER NOT NULL, block_hash BLOB NOT NULL);
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {FORMAT};
COMMIT;
"""
# last_valid is text: an unsigned 64-bit number has no exact INTEGER in SQLite.


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
class AskedDecision:
    """A decision that is about to be signed, alone or in a batch."""

    settlement: SettlementId
    outcome: Outcome
    shown: Shown
    """What the log shows of the settlement's order."""


Shows = Callable[[SettlementId, Signed], bool]
"""Tells whether the log shows of a settlement what was signed about it."""


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

    def permit_decisions(self, asked: Sequence[AskedDecision], epoch: Epoch, anchor: Anchor) -> Refusal | None:
        """Record that these decisions are about to be signed, durably, all of them or none; or say why not.

        `anchor` is the last block applied when they are signed. The same outcome is permitted any number of times, in
        any epoch and at any height; nothing is written then, unless the position is the highest so far. Raises
        RecordContradictsLog when another block is recorded as the highest at this height, RecordFailed: nothing may be
        signed then.
        """
        with self._turn, blamed(self._blame):
            self._require_same_log(anchor, *(each.settlement for each in asked))
            refusal: Refusal | None = handed_over(epoch, self._rotated_from())
            rows = []
            for each in asked:
                before = self._read(each.settlement) or NOTHING
                refusal = refusal or decision_conflict(each.settlement, before, each.outcome, each.shown)
                if before.outcome is None:
                    rows.append((each.settlement, replace(before, outcome=each.outcome)))
            if refusal is None:
                self._write(rows, epoch, anchor)
            return refusal

    def permit_order(self, settlement: SettlementId, order: OrderTerms, epoch: Epoch, anchor: Anchor) -> Refusal | None:
        """Record that an order is about to be signed, durably; or say why not. As `permit_decisions`."""
        with self._turn, blamed(self._blame):
            self._require_same_log(anchor, settlement)
            before = self._read(settlement) or NOTHING
            refusal = handed_over(epoch, self._rotated_from()) or order_conflict(settlement, before, order)
            if refusal is None:
                rows = [(settlement, replace(before, order=order))] if before.order is None else []
                self._write(rows, epoch, anchor)
            return refusal

    def permit_rotation(self, rotation: Rotation, digest: Bytes32, anchor: Anchor, shows: Shows) -> Refusal | None:
        """Record that a rotation is about to be signed, durably; or say why not. Nothing follows it in its epoch.

        Its root must contain all that this key ever signed: whatever was signed since the last rotation was signed at
        or below the rotation's height, and `shows` finds it in the log. Raises as `permit_decisions`.
        """
        with self._turn, blamed(self._blame):
            self._require_same_log(anchor, digest)
            before, last = self._rotation(rotation.from_epoch), self._rotated_from()
            refusal: Refusal | None = None if before is not None else handed_over(rotation.from_epoch, last)
            refusal = refusal or rotation_conflict(digest, rotation.height, before, self._since(last), shows)
            if refusal is None and before is None:
                self._write([], rotation.from_epoch, anchor, rotation=digest)
            return refusal

    def recorded(self, settlement: SettlementId) -> Signed | None:
        """Give what stands for one settlement, None where nothing was ever permitted. RecordFailed."""
        with self._turn, blamed(self._blame):
            return self._read(settlement)

    def rotation(self, from_epoch: Epoch) -> Bytes32 | None:
        """Give the digest of the rotation by which an epoch was handed over, or None. RecordFailed."""
        with self._turn, blamed(self._blame):
            return self._rotation(from_epoch)

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

    def _read(self, settlement: SettlementId) -> Signed | None:
        query = "SELECT outcome, ledger, last_valid FROM signed WHERE settlement = ?"
        row = self._connection.execute(query, (settlement,)).fetchone()
        return None if row is None else _signed_of(*row)

    def _since(self, epoch: Epoch | None) -> Iterator[tuple[SettlementId, Signed, int]]:
        """Give what was signed in later epochs than this one, each with the height of the log at that time."""
        query = "SELECT settlement, height, outcome, ledger, last_valid FROM signed WHERE epoch > ?"
        for settlement, height, *columns in self._connection.execute(query, (epoch or 0,)):
            yield SettlementId(Bytes32(settlement)), _signed_of(*columns), height

    def _rotation(self, from_epoch: Epoch) -> Bytes32 | None:
        query = "SELECT rotation FROM rotations WHERE from_epoch = ?"
        row = self._connection.execute(query, (from_epoch,)).fetchone()
        return None if row is None else Bytes32(row[0])

    def _rotated_from(self) -> Epoch | None:
        (epoch,) = self._connection.execute("SELECT MAX(from_epoch) FROM rotations").fetchone()
        return None if epoch is None else Epoch(Uint64(epoch))

    def _read_highest(self) -> tuple[int, Bytes32] | None:
        row: tuple[int, Bytes32] | None = self._connection.execute("SELECT height, block_hash FROM highest").fetchone()
        return row

    def _require_same_log(self, anchor: Anchor, *subjects: Bytes32) -> None:
        if any(len(each) != _HASH_BYTES for each in (anchor.block, *subjects)):
            raise ValueError("a settlement's id, a rotation's digest and a block's hash have 32 bytes")
        highest = self._read_highest()
        if highest is not None and highest[0] == anchor.height and highest[1] != anchor.block:
            raise RecordContradictsLog(
                f"block {anchor.height} is {hex_of(anchor.block)} in the log, but this key signed under "
                f"{hex_of(highest[1])}: this is another log; stop the node"
            )

    def _write(
        self,
        rows: Sequence[tuple[SettlementId, Signed]],
        epoch: Epoch,
        anchor: Anchor,
        *,
        rotation: Bytes32 | None = None,
    ) -> None:
        """Write what is new in one transaction, on the disk when this returns. Once it failed, all calls fail."""
        highest = self._read_highest()
        rises = highest is None or anchor.height > highest[0]
        if not rows and rotation is None and not rises:
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(
                "INSERT OR REPLACE INTO signed VALUES (?, ?, ?, ?, ?, ?)",
                [(settlement, *_columns_of(signed), epoch, anchor.height) for settlement, signed in rows],
            )
            if rotation is not None:
                self._connection.execute("INSERT INTO rotations VALUES (?, ?)", (epoch, rotation))
            if rises:
                values = (anchor.height, anchor.block)
                self._connection.execute("INSERT OR REPLACE INTO highest VALUES (1, ?, ?)", values)
            self._connection.execute("COMMIT")
        except BaseException:
            # Whether the row is on the disk is unknown now, and a later fsync need not tell: only opening anew does.
            self._connection.close()
            raise


def _signed_of(outcome: int | None, ledger: str | None, last_valid: str | None) -> Signed:
    """Read a settlement's row."""
    order = None
    if ledger is not None and last_valid is not None:
        order = OrderTerms(ledger, UnixSeconds(Uint64(int(last_valid))))
    return Signed(None if outcome is None else Outcome(outcome), order)


def _columns_of(signed: Signed) -> tuple[int | None, str | None, str | None]:
    order = signed.order
    outcome = None if signed.outcome is None else int(signed.outcome)
    return (outcome, None, None) if order is None else (outcome, order.ledger, str(order.last_valid))


def _blame(path: Path, fault: Fault, detail: str) -> SignOnceError:
    """Say what is the matter with the file of a record."""
    match fault:
        case Fault.HELD:
            return RecordHeld(f"{path} is held by another process; one key signs in one process only")
        case Fault.FOREIGN:
            return RecordForeign(f"{path} is no sign-once record of format {FORMAT}; give the right path")
        case Fault.FULL | Fault.FAILED:
            return RecordFailed(f"{path}: {detail}; nothing may be signed until it is mended")
