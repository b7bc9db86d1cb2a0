"""The books on disk: how they are written, whose they are, and that adding them up notices every change."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from bankd_world import BANK, NETWORK, PRICE, BankWorld, bank_in, cash_leg, deal, genesis_of

from interlock.bankd.book import Entry, Place, Side
from interlock.bankd.receipts import ReceiptKey
from interlock.bankd.schema import StoreForeign
from interlock.bankd.store import Store
from interlock.core.decision import Outcome

KEY = ReceiptKey.generate().public_key
WHOSE: dict[str, Any] = {"network": NETWORK, "ledger": BANK, "receipt_key": KEY}


def busy_books(path: Path) -> Path:
    """Give the file of a bank with a captured, a released and a standing hold."""
    with bank_in(path / "bank") as world:
        for nonce, outcome in ((1, Outcome.COMMIT), (2, Outcome.ABORT), (3, None)):
            terms = deal(cash_leg(amount=100 * nonce), nonce=nonce)
            world.hold(terms)
            if outcome is not None:
                world.bring(terms, outcome)
        return world.home.database


def test_commits_are_on_the_disk_before_they_return(tmp_path: Path) -> None:
    """The file is written ahead (WAL) with a full sync at every commit, and foreign keys are enforced."""
    with closing(Store(tmp_path / "books", **WHOSE)) as store:
        settings = [
            store._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert settings == ["wal", 2, 1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"network": genesis_of("other").network_id}, "new network"),
        ({"ledger": "bank:other"}, "bank:other"),
        ({"receipt_key": ReceiptKey.generate().public_key}, "old key"),
    ],
)
def test_other_books_are_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    """A file of another network, bank or receipt key is StoreForeign, and opens as before for its own."""
    Store(tmp_path / "books", **WHOSE).close()
    with pytest.raises(StoreForeign, match=says):
        Store(tmp_path / "books", **(WHOSE | change))
    Store(tmp_path / "books", **WHOSE).close()


def test_a_file_of_another_version_or_kind_is_refused(tmp_path: Path) -> None:
    """A later schema is StoreForeign; bytes that are no database are sqlite3's own error."""
    Store(tmp_path / "books", **WHOSE).close()
    with closing(sqlite3.connect(tmp_path / "books")) as db:
        db.execute("PRAGMA user_version = 2")
    with pytest.raises(StoreForeign, match="version 2"):
        Store(tmp_path / "books", **WHOSE)
    (tmp_path / "text").write_bytes(b"these are no books" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        Store(tmp_path / "text", **WHOSE)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE balance SET available = available + 1 WHERE account = 'seller'",
        "UPDATE balance SET available = available - 1, held = held + 1 WHERE account = 'buyer'",
        "UPDATE entry SET amount = amount + 1 WHERE number = 1",
        "DELETE FROM entry WHERE number = (SELECT max(number) FROM entry)",
        "UPDATE total SET amount = amount + 1",
        "UPDATE entry SET target = 'buyer' WHERE target = 'seller'",
        "DELETE FROM receipt WHERE number = 2",
        "DELETE FROM receipt WHERE number = 1",
        "UPDATE receipt SET jws = (SELECT jws FROM receipt WHERE number = 1) WHERE number = 2",
        "UPDATE receipt SET jws = jws || 'A' WHERE number = 5",
    ],
)
def test_the_audit_notices_every_change(tmp_path: Path, tampering: str) -> None:
    """The check that all other tests rely on finds a cent too much, moved or missing, and a receipt out of turn."""
    books = busy_books(tmp_path)
    with closing(sqlite3.connect(books, isolation_level=None)) as db:
        assert db.execute(tampering).rowcount > 0
    key = Path(books.parent / "receipt-key.json").read_bytes()
    whose = WHOSE | {"receipt_key": ReceiptKey.from_jwk(key).public_key}
    with closing(Store(books, **whose)) as store:
        assert store.audit() is not None


def test_a_balance_can_never_fall_below_zero(tmp_path: Path) -> None:
    """Even a broken rule could not overdraw: the file itself refuses, and the transaction leaves nothing."""
    with bank_in(tmp_path / "bank") as world:
        overdraft = Entry("USD/2", PRICE + 1, Place("buyer", Side.AVAILABLE), Place("seller", Side.AVAILABLE))
        nowhere = Entry("EUR/2", 1, Place("", Side.OUTSIDE), Place("buyer", Side.AVAILABLE))
        for entry in (overdraft, nowhere):
            assert_refused(world, entry)
        assert (world.balance("buyer"), world.balance("seller")) == ((PRICE, 0), (0, 0))


def assert_refused(world: BankWorld, entry: Entry) -> None:
    """Book an impossible entry; it must be refused as a whole."""
    store = world.bank._store
    with pytest.raises(sqlite3.IntegrityError), store.transaction():
        store.book("test", entry)
