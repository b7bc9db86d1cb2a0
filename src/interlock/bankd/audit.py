"""The books added up again, and the receipts read again: value is conserved, and nothing was signed out of turn.

Both are linear in the number of entries: for auditors and tests, not for a request.

Source: specification 6 (B8) and 10 (I4).
"""

import sqlite3

from interlock.bankd.book import Side
from interlock.encoding.canonical import Malformed
from interlock.encoding.values import Bytes32
from interlock.evidence.bank_receipt import verify_chain


def books_fault(db: sqlite3.Connection) -> str | None:
    """Say where balances, entries and deposits do not agree, or None.

    Every balance must be the sum of its entries, and for each asset all balances, available and held, must add up
    to all deposits.
    """
    sums: dict[tuple[str, str, int], int] = {}
    deposits: dict[str, int] = {}
    rows = db.execute("SELECT asset, amount, source, source_side, target, target_side FROM entry")
    for asset, amount, source, source_side, target, target_side in rows:
        sums[source, asset, source_side] = sums.get((source, asset, source_side), 0) - amount
        sums[target, asset, target_side] = sums.get((target, asset, target_side), 0) + amount
        deposits[asset] = deposits.get(asset, 0) + (amount if source_side == Side.OUTSIDE else 0)
    kept: dict[str, int] = {}
    for name, asset, available, held in db.execute("SELECT account, asset, available, held FROM balance"):
        expected = (sums.get((name, asset, Side.AVAILABLE), 0), sums.get((name, asset, Side.HELD), 0))
        if (available, held) != expected:
            return f"{name!r} has {available} available and {held} held in {asset}, its entries give {expected}"
        kept[asset] = kept.get(asset, 0) + available + held
    for asset in {*kept, *deposits}:
        total = db.execute("SELECT coalesce(sum(amount), 0) FROM total WHERE asset = ?", (asset,)).fetchone()[0]
        figures = (kept.get(asset, 0), deposits.get(asset, 0), total)
        if len(set(figures)) != 1:
            return f"{asset}: balances, entries of deposits and their total are {figures}"
    return None


def receipts_fault(db: sqlite3.Connection) -> str | None:
    """Say which receipt is not the bank's, or does not follow the one before it, or None."""
    key = Bytes32(db.execute("SELECT receipt_key FROM bank").fetchone()[0])
    before: str | None = None
    for (jws,) in db.execute("SELECT jws FROM receipt ORDER BY number"):
        try:
            verify_chain([jws], key, before=before)
        except Malformed as error:
            return str(error)
        before = jws
    return None
