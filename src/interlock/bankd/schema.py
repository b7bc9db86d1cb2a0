"""The tables of the books, and whose they are."""

import sqlite3
from pathlib import Path

from interlock.encoding.values import Bytes32, hex_of

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE bank (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    network BLOB NOT NULL, ledger TEXT NOT NULL, receipt_key BLOB NOT NULL, told_time INTEGER NOT NULL
) STRICT;
CREATE TABLE account (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE balance (
    account TEXT NOT NULL REFERENCES account, asset TEXT NOT NULL,
    available INTEGER NOT NULL CHECK (available >= 0), held INTEGER NOT NULL CHECK (held >= 0),
    PRIMARY KEY (account, asset)
) STRICT, WITHOUT ROWID;
CREATE TABLE mandate (
    account TEXT NOT NULL REFERENCES account, signer BLOB NOT NULL, PRIMARY KEY (account, signer)
) STRICT, WITHOUT ROWID;
CREATE TABLE deposit (id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE total (asset TEXT PRIMARY KEY, amount INTEGER NOT NULL CHECK (amount >= 0)) STRICT, WITHOUT ROWID;
CREATE TABLE entry (
    number INTEGER PRIMARY KEY AUTOINCREMENT, cause TEXT NOT NULL, asset TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    source TEXT NOT NULL, source_side INTEGER NOT NULL, target TEXT NOT NULL, target_side INTEGER NOT NULL
) STRICT;
CREATE TABLE leg (
    settlement BLOB NOT NULL, leg INTEGER NOT NULL, state INTEGER NOT NULL, terms BLOB,
    PRIMARY KEY (settlement, leg)
) STRICT, WITHOUT ROWID;
CREATE TABLE receipt (
    number INTEGER PRIMARY KEY, settlement BLOB NOT NULL, leg INTEGER NOT NULL, jws TEXT NOT NULL
) STRICT;
CREATE INDEX receipt_of_leg ON receipt (settlement, leg);
CREATE TABLE decision (
    settlement BLOB PRIMARY KEY, outcome INTEGER NOT NULL, certificate BLOB NOT NULL, contradiction BLOB
) STRICT, WITHOUT ROWID;
"""


class StoreForeign(Exception):
    """The file holds other books: another network's, bank's or version's. Terminal: give it the right home."""


def claim(db: sqlite3.Connection, path: Path, *, network: Bytes32, ledger: str, receipt_key: Bytes32) -> None:
    """Make the tables of a new file, or check that an old one is this bank's; StoreForeign where it is not."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        for statement in _SCHEMA.split(";\n"):
            db.execute(statement)
        db.execute("INSERT INTO bank VALUES (1, ?, ?, ?, 0)", (network, ledger, receipt_key))
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return
    if version != SCHEMA_VERSION:
        raise StoreForeign(f"{path} has schema version {version}; this program writes {SCHEMA_VERSION}")
    found = db.execute("SELECT network, ledger, receipt_key FROM bank").fetchone()
    if bytes(found[0]) != network:
        raise StoreForeign(
            f"{path} holds the books for network {hex_of(found[0])}, but the genesis document is that of "
            f"{hex_of(network)}; a log begun anew is a new network: give it a new home"
        )
    if found[1] != ledger:
        raise StoreForeign(f"{path} holds the books of {found[1]!r}, not of {ledger!r}; check bank.json")
    if bytes(found[2]) != receipt_key:
        raise StoreForeign(
            f"{path} holds receipts signed by {hex_of(found[2])}, the receipt key is {hex_of(receipt_key)}: "
            "its chain would not verify; put the old key back"
        )
