"""Blocks and state on disk: one SQLite file, written in one transaction per accepted change of the chain.

A block, the trie nodes of its state, its place in the canonical chain and the finalised height are committed
together and synced before anybody is told, so a killed process finds the same head with the same hash. A commit
that was cut off in the middle is not found at all: SQLite checks every frame of its log and drops the tail that
does not hold together. Nothing is replayed at start.

All state of all blocks is kept, so that calls can be made at any height. An empty block takes about a kilobyte.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from eth.db.atomic import AtomicDBWriteBatch
from eth.db.backends.base import BaseAtomicDB

from interlock.devnet.chain.block import Block

SCHEMA_VERSION = "1"

NODES_CACHED = 50_000
"""Trie nodes and codes held in memory, about 20 MB: the working set of a development network, many times over."""

BLOCKS_CACHED = 512
"""Decoded blocks held in memory; readers stay near the head."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nodes (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (
    hash BLOB PRIMARY KEY, parent BLOB NOT NULL, logs INTEGER NOT NULL,
    header BLOB NOT NULL, transactions BLOB NOT NULL, receipts BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS canonical (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, logs INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS transactions (
    hash BLOB NOT NULL, block BLOB NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (hash, block)
) WITHOUT ROWID;
"""


class StoreError(Exception):
    """Tell that the file cannot be used: locked by another process, damaged, or of another network. Terminal."""


class NodeDb(BaseAtomicDB):
    """The key-value view that py-evm has of the store: trie nodes and codes by hash.

    Writes wait in memory until the block they belong to is committed; being addressed by content, one that is never
    committed does no harm.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cache: dict[bytes, bytes] = {}
        self._staged: dict[bytes, bytes] = {}

    def __getitem__(self, key: bytes) -> bytes:
        value = self._staged.get(key) or self._cache.get(key)
        if value is not None:
            return value
        row = self._connection.execute("SELECT value FROM nodes WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        self._remember(key, row[0])
        return bytes(row[0])

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._staged[bytes(key)] = bytes(value)

    def __delitem__(self, key: bytes) -> None:
        """Forget nothing: older states still need every node."""
        if not self._exists(key):
            raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def atomic_batch(self) -> AbstractContextManager[Any]:
        """Give a batch whose writes appear together, as py-evm asks."""
        batch: AbstractContextManager[Any] = AtomicDBWriteBatch._commit_unless_raises(self)  # noqa: SLF001 - as AtomicDB
        return batch

    def staged(self) -> list[tuple[bytes, bytes]]:
        """Give what waits to be written."""
        return list(self._staged.items())

    def settle_staged(self) -> None:
        """Hold what waited as read from disk, now that it is there."""
        for key, value in self._staged.items():
            self._remember(key, value)
        self._staged.clear()

    def drop_staged(self) -> None:
        """Forget what waits to be written."""
        self._staged.clear()

    def _remember(self, key: bytes, value: bytes) -> None:
        if len(self._cache) >= NODES_CACHED:
            self._cache.clear()
        self._cache[key] = value


class Store:
    """Keep blocks, canonical or replaced, and the state of each.

    It serves one thread at a time. As `db` and by `hashes_before` it stands where py-evm expects its own chain
    database, of which nothing else is used.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises `StoreError` where it is in use or unreadable."""
        self._connection = sqlite3.connect(path, check_same_thread=False, timeout=1.0, isolation_level=None)
        try:
            # Exclusive: two processes that build on one file would fork it.
            for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise StoreError(
                f"the chain's file {path} cannot be opened ({error}); is another process using it?"
            ) from error
        self.db = NodeDb(self._connection)
        self._blocks: dict[bytes, Block] = {}
        self._staged: list[Block] = []

    def close(self) -> None:
        """Close the file; nothing that was committed depends on it."""
        self._connection.close()

    def meta(self, key: str) -> str | None:
        """Give a named value of the chain as a whole."""
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def head_number(self) -> int | None:
        """Give the height of the canonical chain, None before genesis."""
        row = self._connection.execute("SELECT max(number) FROM canonical").fetchone()
        return None if row[0] is None else int(row[0])

    def canonical_hash(self, number: int) -> bytes | None:
        """Give the hash of the canonical block at a height."""
        row = self._connection.execute("SELECT hash FROM canonical WHERE number = ?", (number,)).fetchone()
        return None if row is None else bytes(row[0])

    def block(self, block_hash: bytes) -> Block | None:
        """Give a block by its hash, canonical or not, committed or staged."""
        known = self._blocks.get(block_hash)
        if known is not None:
            return known
        row = self._connection.execute(
            "SELECT header, transactions, receipts FROM blocks WHERE hash = ?", (block_hash,)
        ).fetchone()
        if row is None:
            return None
        block = Block.decode(*row)
        self._remember(block)
        return block

    def place(self, transaction_hash: bytes) -> tuple[Block, int] | None:
        """Give the canonical block of a transaction and its position therein; None where no such block has it."""
        row = self._connection.execute(
            "SELECT t.block, t.position FROM transactions t JOIN canonical c ON c.hash = t.block WHERE t.hash = ?",
            (transaction_hash,),
        ).fetchone()
        block = None if row is None else self.block(bytes(row[0]))
        return None if block is None else (block, int(row[1]))

    def blocks_with_logs(self, first: int, last: int) -> Iterator[Block]:
        """Give the canonical blocks from `first` to `last`, both included, that have a log."""
        rows = self._connection.execute(
            "SELECT hash FROM canonical WHERE number BETWEEN ? AND ? AND logs > 0 ORDER BY number", (first, last)
        ).fetchall()
        for row in rows:
            block = self.block(bytes(row[0]))
            if block is not None:
                yield block

    def hashes_before(self, header: Any) -> Iterator[bytes]:  # noqa: ANN401 - a header of py-evm, any fork
        """Give the hashes of the ancestors of a header, nearest first, as BLOCKHASH needs them."""
        parent = self.block(bytes(header.parent_hash))
        while parent is not None:
            yield parent.hash
            parent = self.block(bytes(parent.header.parent_hash))

    def stage(self, block: Block) -> None:
        """Hold a block that others may build on before the next commit."""
        self._staged.append(block)
        self._remember(block)

    def staged(self) -> tuple[Block, ...]:
        """Give what is staged, in its order."""
        return tuple(self._staged)

    def discard(self) -> None:
        """Forget what was staged."""
        for block in self._staged:
            self._blocks.pop(block.hash, None)
        self._staged.clear()
        self.db.drop_staged()

    def commit(self, meta: Iterable[tuple[str, str]]) -> None:
        """Make the staged blocks the tip of the canonical chain, with their state and `meta`, synced to disk.

        Canonical blocks from the height of the first staged one upwards are replaced; they stay readable by hash.
        """
        first = self._staged[0].number
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany("INSERT OR IGNORE INTO nodes VALUES (?, ?)", self.db.staged())
            connection.execute("DELETE FROM canonical WHERE number >= ?", (first,))
            for block in self._staged:
                logs = block.log_count
                row = (block.hash, bytes(block.header.parent_hash), logs, *block.encode())
                connection.execute("INSERT OR IGNORE INTO blocks VALUES (?, ?, ?, ?, ?, ?)", row)
                connection.execute("INSERT INTO canonical VALUES (?, ?, ?)", (block.number, block.hash, logs))
                connection.executemany(
                    "INSERT OR IGNORE INTO transactions VALUES (?, ?, ?)",
                    [(transaction.hash, block.hash, i) for i, transaction in enumerate(block.transactions)],
                )
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        self._staged.clear()
        self.db.settle_staged()

    def _remember(self, block: Block) -> None:
        if len(self._blocks) >= BLOCKS_CACHED:
            # The oldest entry; dictionaries keep their order. A staged block is never that old.
            del self._blocks[next(iter(self._blocks))]
        self._blocks[block.hash] = block
