"""The accounts of a memory ledger: balances that only move, never appear or vanish, and who may speak for them.

What is held stands in one account, `HELD_ACCOUNT`; an index of the standing holds says how much must be there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from interlock.core.invariants import invariant
from interlock.encoding.values import Address
from interlock.ledgers.memory.event import HELD_ACCOUNT, OUTSIDE, BalanceChanged
from interlock.ledgers.memory.steps import Steps
from interlock.ledgers.memory.table import Table
from interlock.ledgers.memory.transfer import Transfer

Balance = tuple[str, str]
"""Account and asset."""


@dataclass(slots=True)
class Accounts:
    """Balances, mandates and freezes."""

    ledger: str
    balances: Table[Balance, int] = field(default_factory=Table)
    standing: Table[str, int] = field(default_factory=Table)
    """By asset: the sum of what stands in holds."""
    issued: Table[str, int] = field(default_factory=Table)
    """By asset: what was there at first, and came in less what went out since."""
    mandates: dict[str, frozenset[Address]] = field(default_factory=dict)
    """By account: the keys that speak for it. A chain has none: there the payer's address is the key's."""
    frozen: set[str] = field(default_factory=set)
    """Accounts that are not paid, and do not pay."""
    _owed: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    """By frozen account: assets and amounts that lie in suspense for it."""

    @property
    def tables(self) -> tuple[Table[Balance, int], Table[str, int], Table[str, int]]:
        """Give what a step changes and a reorganisation undoes."""
        return self.balances, self.standing, self.issued

    def know(self, account: str, keys: Iterable[Address] = ()) -> None:
        """Know an account, and keys that speak for it."""
        self.mandates[account] = self.mandates.get(account, frozenset()) | frozenset(keys)

    def open(self, account: str, asset: str, amount: int, keys: Iterable[Address]) -> None:
        """Open an account in one asset, before the first step."""
        before = self.balances.get((account, asset)) or 0
        self.balances.begin_with((account, asset), before + amount)
        self.issued.begin_with(asset, (self.issued.get(asset) or 0) + amount)
        self.know(account, keys)

    def balance(self, account: str, asset: str) -> int:
        """Give what an account has now."""
        return self.balances.get((account, asset)) or 0

    def is_open(self, account: str) -> bool:
        """Tell whether the ledger knows an account."""
        return account in self.mandates

    def move(self, steps: Steps, asset: str, amount: int, source: str, to: str) -> None:
        """Book one amount from one account to another; I4: nothing is overdrawn, nothing appears or vanishes."""
        facts = f"{amount} {asset} from {source} to {to} on {self.ledger}"
        invariant("I4", facts, holds=amount >= 0 and (source == OUTSIDE or self.balance(source, asset) >= amount))
        for account, delta in ((source, -amount), (to, amount)):
            if account == OUTSIDE:
                self.issued.put(asset, (self.issued.get(asset) or 0) - delta)
                continue
            self.balances.put((account, asset), self.balance(account, asset) + delta)
            steps.say(BalanceChanged(self.ledger, account, asset, delta))

    def hold(self, steps: Steps, transfer: Transfer) -> None:
        """Set an amount aside."""
        self.move(steps, transfer.asset, transfer.amount, transfer.payer, HELD_ACCOUNT)
        self._stand(transfer.asset, transfer.amount)

    def let_go(self, steps: Steps, transfer: Transfer, to: str) -> None:
        """Pay out what was set aside."""
        self.move(steps, transfer.asset, transfer.amount, HELD_ACCOUNT, to)
        self._stand(transfer.asset, -transfer.amount)

    def owe(self, account: str, asset: str, amount: int) -> None:
        """Note what lies in suspense for a frozen account."""
        self._owed.setdefault(account, []).append((asset, amount))

    def owed(self, account: str) -> list[tuple[str, int]]:
        """Take the note of what lies in suspense for an account."""
        return self._owed.pop(account, [])

    def can_move(self, transfers: Iterable[Transfer]) -> bool:
        """Tell whether all these amounts can move, one after the other."""
        changes: dict[Balance, int] = {}
        for each in transfers:
            source, to = (each.payer, each.asset), (each.payee, each.asset)
            if self.balance(*source) + changes.get(source, 0) < each.amount:
                return False
            changes[source] = changes.get(source, 0) - each.amount
            changes[to] = changes.get(to, 0) + each.amount
        return True

    def audit(self) -> None:
        """Add everything up; BrokenInvariant (I4) where it does not agree."""
        sums: dict[str, int] = {}
        for (_, asset), amount in self.balances.items():
            invariant("I4", f"{self.ledger} has {amount} {asset} in one account", holds=amount >= 0)
            sums[asset] = sums.get(asset, 0) + amount
        for asset, issued in self.issued.items():
            facts = f"{self.ledger} has {sums.get(asset, 0)} {asset} in its accounts, {issued} were issued"
            invariant("I4", facts, holds=sums.get(asset, 0) == issued)

    def _stand(self, asset: str, delta: int) -> None:
        standing = (self.standing.get(asset) or 0) + delta
        self.standing.put(asset, standing)
        held = self.balance(HELD_ACCOUNT, asset)
        facts = f"{self.ledger} has {held} {asset} set aside, its holds add up to {standing}"
        invariant("I4", facts, holds=held == standing)
