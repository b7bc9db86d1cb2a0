"""The auditor's own books of every ledger, kept from what ledgers say and compared with what ledgers book.

What a ledger *says* (a hold was made, a leg delivered) moves value in the auditor's books at once. What it *booked*
arrives as changes of single balances. The difference is kept for each balance until the ledger closes its step; by then
it must be nothing. So value that appears, disappears or goes astray is told with the balance at which it did.

Source: specification 10 (I4).
"""

from collections import deque

from interlock.auditor.event import Event
from interlock.auditor.ledger_event import (
    OUTSIDE,
    BalanceChanged,
    BalanceStated,
    BooksClosed,
    Exit,
    HoldLost,
    HoldMade,
    Opened,
    OrderExecuted,
    Transferred,
)
from interlock.auditor.violation import Docket, Facts, Tag

STEP_EVENTS_MAX = 64
"""Events of the step under way that are kept, to be shown if it does not add up: the last ones tell most."""

Moving = HoldMade | Exit | HoldLost | OrderExecuted | Transferred
"""What moves value from one balance to another."""
Balance = tuple[str, str]
"""Account and asset."""


class Book:
    """The books of one ledger."""

    __slots__ = ("balances", "clock", "step", "unbooked")

    def __init__(self) -> None:
        self.balances: dict[Balance, int] = {}
        """What each balance is by what the ledger said; nothing where it is zero."""
        self.unbooked: dict[Balance, int] = {}
        """What was said and not yet booked (or the reverse, as a negative), where it is not zero."""
        self.step: deque[Event] = deque(maxlen=STEP_EVENTS_MAX)
        self.clock: int | None = None
        """The newest time at which the ledger closed a step; None before the first."""

    def open(self, docket: Docket, event: Opened) -> None:
        """Take an account's first balance as it is told."""
        balance = (event.account, event.asset)
        self.balances[balance] = self.balances.get(balance, 0) + event.amount
        if event.amount < 0:
            _overdrawn(docket, event, b"", balance, event.amount)

    def move(self, docket: Docket, event: Moving, asset: str, amount: int, source: str, to: str) -> None:
        """Move value between two balances, as the event says; nothing may be overdrawn by it."""
        self.step.append(event)
        if source != OUTSIDE:
            left = self._change((source, asset), -amount)
            if left < 0:
                settlement = b"" if isinstance(event, Transferred) else event.settlement
                _overdrawn(docket, event, settlement, (source, asset), left)
        if to != OUTSIDE:
            self._change((to, asset), amount)
        if amount < 0:
            settlement = b"" if isinstance(event, Transferred) else event.settlement
            docket.accuse(Tag.I4, settlement, "A negative amount was moved", (("amount", amount),), event)

    def book(self, event: BalanceChanged) -> None:
        """Take note of what the ledger booked."""
        self.step.append(event)
        balance = (event.account, event.asset)
        rest = self.unbooked.get(balance, 0) - event.delta
        if rest:
            self.unbooked[balance] = rest
        else:
            self.unbooked.pop(balance, None)

    def close(self, docket: Docket, event: BooksClosed) -> None:
        """Compare what was said with what was booked in the step that ends."""
        if self.clock is None or event.at > self.clock:
            self.clock = event.at
        self.reconcile(docket, event.ledger, event)
        self.step.clear()

    def reconcile(self, docket: Docket, ledger: str, event: Event) -> None:
        """Accuse of every difference between what was said and booked, then go on from what was booked."""
        if not self.unbooked:
            return
        sums: dict[str, int] = {}
        for (_, asset), rest in self.unbooked.items():
            sums[asset] = sums.get(asset, 0) - rest
        created = tuple((f"{asset} out of nothing", total) for asset, total in sums.items() if total)
        astray = tuple((f"{account}, {asset}: booked but not said", -rest) for (account, asset), rest in self._rests())
        facts: Facts = (("ledger", ledger), *created, *astray)
        docket.accuse(Tag.I4, b"", "A ledger booked something else than it said", facts, *self.step, event)
        for balance, rest in self._rests():
            self._set(balance, self.balances.get(balance, 0) - rest)
        self.unbooked.clear()

    def compare(self, docket: Docket, event: BalanceStated) -> None:
        """Compare the ledger's statement of a balance with these books, as far as the ledger has booked them."""
        balance = (event.account, event.asset)
        own = self.balances.get(balance, 0) - self.unbooked.get(balance, 0)
        if own != event.amount:
            facts = (("balance", f"{event.ledger}, {event.account}, {event.asset}"), ("stated", event.amount))
            docket.accuse(Tag.I4, b"", "A ledger stated another balance", (*facts, ("own books", own)), event)

    def _rests(self) -> list[tuple[Balance, int]]:
        return sorted(self.unbooked.items())

    def _change(self, balance: Balance, delta: int) -> int:
        now = self.balances.get(balance, 0) + delta
        self._set(balance, now)
        rest = self.unbooked.get(balance, 0) + delta
        if rest:
            self.unbooked[balance] = rest
        else:
            self.unbooked.pop(balance, None)
        return now

    def _set(self, balance: Balance, amount: int) -> None:
        if amount:
            self.balances[balance] = amount
        else:
            self.balances.pop(balance, None)


def _overdrawn(docket: Docket, event: Opened | Moving, settlement: bytes, balance: Balance, left: int) -> None:
    account, asset = balance
    facts = (("balance", f"{event.ledger}, {account}, {asset}"), ("left", left))
    docket.accuse(Tag.I4, settlement, "A balance was overdrawn", facts, event)
