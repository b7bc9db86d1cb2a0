"""SQLite files that one process holds and whose commits are on the disk when they return.

The exclusive lock ends with the process however it ends. With a write-ahead log and synchronous=FULL a commit returns
after fsync, so what it wrote survives SIGKILL and power loss. What SQLite reports is one of four faults; each room has
an error and a sentence of its own for it.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path


class Fault(Enum):
    """What can be the matter with a file."""

    HELD = auto()
    """Another process holds it."""
    FOREIGN = auto()
    """It is no SQLite file, or not of this application and format."""
    FULL = auto()
    """There is no room; nothing was written."""
    FAILED = auto()
    """Anything else that SQLite or the device reports."""


Blame = Callable[[Fault, str], Exception]
"""Gives the error to raise for a fault; the text is SQLite's own."""

_FAULTS = {
    sqlite3.SQLITE_BUSY: Fault.HELD,
    sqlite3.SQLITE_LOCKED: Fault.HELD,
    sqlite3.SQLITE_NOTADB: Fault.FOREIGN,
    sqlite3.SQLITE_FULL: Fault.FULL,
}


@contextmanager
def blamed(blame: Blame) -> Iterator[None]:
    """Turn SQLite's errors into the caller's."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        name = getattr(error, "sqlite_errorname", "unknown")
        raise blame(_FAULTS.get(code, Fault.FAILED), f"{error} ({name})") from error


def open_exclusive(
    path: Path,
    application_id: int,
    format_: int,
    blame: Blame,
    *,
    begin: Callable[[sqlite3.Connection], None] | None = None,
) -> sqlite3.Connection:
    """Open a file and hold it until it is closed; a transaction is the caller's to begin and to end.

    `begin` makes the tables and marks of an empty file; without it an empty file is foreign, like any that bears
    other marks. A foreign file is not written to. May be used from any thread, by one at a time.
    """
    with blamed(blame):
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            # Exclusive before the write-ahead log: no shared memory, and the lock is held until closing.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA synchronous = FULL")
            if begin is not None and _is_new(connection):
                begin(connection)
            _require_marks(connection, (application_id, format_), blame)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            # A process killed before its fsync may have left a commit that only the system's cache knows. It counts
            # from now on, so it goes to the disk now.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except BaseException:
            connection.close()
            raise
    return connection


def _marks_of(connection: sqlite3.Connection) -> tuple[int, int]:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (format_,) = connection.execute("PRAGMA user_version").fetchone()
    return application_id, format_


def _is_new(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return (*_marks_of(connection), tables) == (0, 0, 0)


def _require_marks(connection: sqlite3.Connection, marks: tuple[int, int], blame: Blame) -> None:
    found = _marks_of(connection)
    if found != marks:
        raise blame(Fault.FOREIGN, f"application {found[0]}, format {found[1]}")
