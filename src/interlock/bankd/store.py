"""The books on disk: one SQLite file, written in transactions that are on the disk before anything is answered.

WAL with synchronous=FULL: a commit that returned survives SIGKILL and power loss; a transaction that did not come
to its commit never happened. Of a commit that failed nobody can know until the file is opened anew: the store ends with
it. Balances are kept beside the entries they follow from, and `audit` adds the entries up again. Amounts fit SQLite's
64-bit integers, because no asset's deposits may exceed them in total.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from interlock.bankd.audit import books_fault, receipts_fault
from interlock.bankd.book import AccountView, Entry, LegRecord, Place, Side
from interlock.bankd.schema import claim
from interlock.core.decision import Certificate, Outcome
from interlock.core.instruction import AccountTerms, LegIndex, SettlementId
from interlock.encoding.canonical import decode_canonical, encode
from interlock.encoding.values import Address, Bytes32, UnixSeconds
from interlock.evidence.bank_receipt import BankEvent

BUSY_S = 10.0
"""How long a writer waits for another process that reads or writes the same file."""


class CommitUnknown(sqlite3.OperationalError):
    """A commit failed, and may have happened or not. Terminal: open the books again, then ask by id."""


class Store:
    """The books of one bank; not for two threads at once."""

    def __init__(self, path: Path, *, network: Bytes32, ledger: str, receipt_key: Bytes32) -> None:
        """Open or make the file; StoreForeign where it belongs to another network or bank, sqlite3.Error else."""
        self._connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        self.lost: CommitUnknown | None = None
        """Set once a commit failed; every call raises it from then on."""
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            # A commit whose sync failed may be known to the system's cache only. It counts from now on, so it goes to
            # the disk before anything is answered from it.
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with self.transaction():
                claim(self._db, path, network=network, ledger=ledger, receipt_key=receipt_key)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything inside, or nothing; on the disk when it ends. CommitUnknown where it cannot be known."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self.lost = CommitUnknown(f"a commit failed, and may have happened or not ({error}); start again")
            self.close()
            raise self.lost from error

    def advance_time(self, clock: UnixSeconds) -> UnixSeconds:
        """Give the bank's time, which never goes back: what was told once stays told."""
        told: int = self._db.execute("SELECT told_time FROM bank").fetchone()[0]
        if clock > told:
            self._db.execute("UPDATE bank SET told_time = ?", (clock,))
        return UnixSeconds(max(clock, told))  # type: ignore[arg-type]  # both are uint64

    def open_account(self, name: str, assets: tuple[str, ...]) -> None:
        """Add an account with empty balances."""
        self._db.execute("INSERT INTO account VALUES (?)", (name,))
        self._db.executemany("INSERT INTO balance VALUES (?, ?, 0, 0)", [(name, asset) for asset in assets])

    def account(self, name: str) -> AccountView | None:
        """Give what the rules see of an account, or None where there is none."""
        if self._db.execute("SELECT 1 FROM account WHERE name = ?", (name,)).fetchone() is None:
            return None
        signers = self._db.execute("SELECT signer FROM mandate WHERE account = ?", (name,)).fetchall()
        available = {asset: amount for asset, amount, _ in self.balances(name)}
        return AccountView(available, frozenset(Address(signer) for (signer,) in signers))

    def balances(self, name: str) -> list[tuple[str, int, int]]:
        """Give (asset, available, held) of an account, by asset."""
        return self._db.execute(
            "SELECT asset, available, held FROM balance WHERE account = ? ORDER BY asset", (name,)
        ).fetchall()

    def grant(self, account: str, signer: Address) -> None:
        """Put a mandate on file; harmless where it is."""
        self._db.execute("INSERT OR IGNORE INTO mandate VALUES (?, ?)", (account, signer))

    def revoke(self, account: str, signer: Address) -> None:
        """Take a mandate off file; harmless where there is none."""
        self._db.execute("DELETE FROM mandate WHERE account = ? AND signer = ?", (account, signer))

    def deposit(self, deposit_id: str) -> bytes | None:
        """Give the body of a deposit, or None."""
        row = self._db.execute("SELECT body FROM deposit WHERE id = ?", (deposit_id,)).fetchone()
        return None if row is None else bytes(row[0])

    def add_deposit(self, deposit_id: str, body: bytes) -> None:
        """Record a deposit's id and body."""
        self._db.execute("INSERT INTO deposit VALUES (?, ?)", (deposit_id, body))

    def total(self, asset: str) -> int:
        """Give all deposits of an asset."""
        row = self._db.execute("SELECT amount FROM total WHERE asset = ?", (asset,)).fetchone()
        return 0 if row is None else int(row[0])

    def book(self, cause: str, entry: Entry) -> None:
        """Write a double entry and move the balances; sqlite3.IntegrityError where one would fall below zero."""
        source, target = entry.source, entry.target
        self._db.execute(
            "INSERT INTO entry (cause, asset, amount, source, source_side, target, target_side) VALUES (?,?,?,?,?,?,?)",
            (cause, entry.asset, entry.amount, source.account, source.side, target.account, target.side),
        )
        self._move(source, entry.asset, -entry.amount)
        self._move(target, entry.asset, entry.amount)

    def leg(self, settlement: SettlementId, leg: LegIndex) -> LegRecord | None:
        """Give the record of a leg, or None."""
        row = self._db.execute("SELECT state, terms FROM leg WHERE settlement = ? AND leg = ?", (settlement, leg))
        found = row.fetchone()
        if found is None:
            return None
        terms = None if found[1] is None else decode_canonical(AccountTerms, bytes(found[1]))
        return LegRecord(BankEvent(found[0]), terms)

    def record_leg(self, settlement: SettlementId, leg: LegIndex, record: LegRecord) -> None:
        """Write the record of a leg."""
        terms = None if record.terms is None else encode(record.terms)
        self._db.execute(
            "INSERT INTO leg VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state",
            (settlement, leg, record.state.value, terms),
        )

    def decided(self, settlement: SettlementId) -> Outcome | None:
        """Give the outcome that a certificate had here first, or None."""
        row = self._db.execute("SELECT outcome FROM decision WHERE settlement = ?", (settlement,)).fetchone()
        return None if row is None else Outcome(row[0])

    def record_decision(self, certificate: Certificate) -> None:
        """Keep the first certificate of a settlement."""
        decision = certificate.decision
        self._db.execute(
            "INSERT INTO decision VALUES (?, ?, ?, NULL) ON CONFLICT DO NOTHING",
            (decision.settlement, decision.outcome.value, encode(certificate)),
        )

    def record_contradiction(self, certificate: Certificate) -> None:
        """Keep the first certificate that contradicts the one obeyed: together they prove who signed both."""
        self._db.execute(
            "UPDATE decision SET contradiction = ? WHERE settlement = ? AND contradiction IS NULL",
            (encode(certificate), certificate.decision.settlement),
        )

    def contradictions(self) -> list[tuple[Certificate, Certificate]]:
        """Give every pair of valid certificates that contradict each other; the first of each was obeyed."""
        rows = self._db.execute("SELECT certificate, contradiction FROM decision WHERE contradiction IS NOT NULL")
        return [
            (decode_canonical(Certificate, bytes(a)), decode_canonical(Certificate, bytes(b)))
            for a, b in rows.fetchall()
        ]

    def last_receipt(self) -> tuple[int, str | None]:
        """Give the number and JWS of the newest receipt; (0, None) where there is none."""
        row = self._db.execute("SELECT number, jws FROM receipt ORDER BY number DESC LIMIT 1").fetchone()
        return (0, None) if row is None else (int(row[0]), str(row[1]))

    def add_receipt(self, number: int, settlement: SettlementId, leg: LegIndex, jws: str) -> None:
        """Append a receipt."""
        self._db.execute("INSERT INTO receipt VALUES (?, ?, ?, ?)", (number, settlement, leg, jws))

    def receipts_of(self, settlement: SettlementId, leg: LegIndex) -> tuple[str, ...]:
        """Give a leg's receipts, oldest first."""
        rows = self._db.execute(
            "SELECT jws FROM receipt WHERE settlement = ? AND leg = ? ORDER BY number", (settlement, leg)
        )
        return tuple(jws for (jws,) in rows.fetchall())

    def receipts(self, after: int, limit: int) -> tuple[str, ...]:
        """Give up to `limit` receipts with numbers above `after`."""
        rows = self._db.execute("SELECT jws FROM receipt WHERE number > ? ORDER BY number LIMIT ?", (after, limit))
        return tuple(jws for (jws,) in rows.fetchall())

    def audit(self) -> str | None:
        """Say where the books do not agree with their entries, or a receipt with those before it, or None."""
        return books_fault(self._db) or receipts_fault(self._db)

    @property
    def _db(self) -> sqlite3.Connection:
        # Looking on through the connection would tell as not recorded what a restart may find recorded.
        if self.lost is not None:
            raise self.lost
        return self._connection

    def _move(self, place: Place, asset: str, amount: int) -> None:
        if place.side is Side.OUTSIDE:
            self._db.execute(
                "INSERT INTO total VALUES (?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
                (asset, -amount),
            )
            return
        column = "available" if place.side is Side.AVAILABLE else "held"
        moved = self._db.execute(
            f"UPDATE balance SET {column} = {column} + ? WHERE account = ? AND asset = ?",  # noqa: S608 - one of two names
            (amount, place.account, asset),
        )
        if moved.rowcount != 1:
            raise sqlite3.IntegrityError(f"account {place.account!r} has no balance in {asset}")
