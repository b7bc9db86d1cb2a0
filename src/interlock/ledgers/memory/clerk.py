"""What is booked and told when a leg moves, by the rules, from one state to another.

Source: specification 6 (B3, B11) and 7 (D1).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from interlock.core.decision import Outcome
from interlock.core.instruction import SettlementId
from interlock.ledgers.memory.accounts import Accounts
from interlock.ledgers.memory.event import (
    Captured,
    ConsentReleased,
    Entitled,
    HoldLost,
    HoldMade,
    OrderExecuted,
    Redirected,
    Released,
    Tombstoned,
    Transferred,
)
from interlock.ledgers.memory.page import Status
from interlock.ledgers.memory.steps import Steps
from interlock.ledgers.memory.transfer import Place, Transfer


@dataclass(slots=True)
class Clerk:
    """Writes into the accounts of one ledger."""

    name: str
    accounts: Accounts
    steps: Steps
    suspense: str
    """The account that is paid in a frozen one's stead; empty where the ledger has none, as a chain."""

    def is_payable(self, account: str) -> bool:
        """Tell whether an account can be paid now: a chain pays any address, a bank those whose account it keeps."""
        return account not in self.accounts.frozen and (not self.suspense or self.accounts.is_open(account))

    def hold(self, at: Place, transfer: Transfer) -> None:
        """Set the amount aside."""
        asset, amount, payer, payee = transfer
        self.steps.say(HoldMade(self.name, *at, asset, amount, payer, payee, self.steps.time))
        self.accounts.hold(self.steps, transfer)

    def end(self, at: Place, transfer: Transfer, status: Status, outcome: Outcome) -> None:
        """End a hold by certificate, in the status that the rules gave: paid, or kept for whom it belongs to."""
        if status is Status.ENTITLED:
            self.steps.say(Entitled(self.name, *at, outcome.name))
            return
        kind, receiver = (Captured, transfer.payee) if outcome is Outcome.COMMIT else (Released, transfer.payer)
        to = receiver if self.is_payable(receiver) else self.suspense
        self.steps.say(kind(self.name, *at, transfer.asset, transfer.amount, to))
        self.accounts.let_go(self.steps, transfer, to)
        if to != receiver:
            self.accounts.owe(receiver, transfer.asset, transfer.amount)

    def redirect(self, at: Place, transfer: Transfer, by: str, to: str) -> None:
        """Pay what is decided to the account that whoever is entitled named."""
        self.steps.say(Redirected(self.name, *at, transfer.asset, transfer.amount, by, to))
        self.accounts.let_go(self.steps, transfer, to)

    def release(self, at: Place, transfer: Transfer, to: str) -> None:
        """Pay a hold to the account that payer and payee named."""
        self.steps.say(ConsentReleased(self.name, *at, transfer.asset, transfer.amount, to))
        self.accounts.let_go(self.steps, transfer, to)

    def lose(self, at: Place, transfer: Transfer, to: str) -> None:
        """Let a hold's amount go where it was taken."""
        self.steps.say(HoldLost(self.name, *at, transfer.asset, transfer.amount, to))
        self.accounts.let_go(self.steps, transfer, to)

    def tombstone(self, at: Place) -> None:
        """Close a leg that was never held."""
        self.steps.say(Tombstoned(self.name, *at))

    def execute(self, settlement: SettlementId, last_valid: int, transfers: Iterable[Transfer]) -> None:
        """Move all of the pivot's legs."""
        self.steps.say(OrderExecuted(self.name, settlement, last_valid, self.steps.time))
        for each in transfers:
            self.accounts.move(self.steps, each.asset, each.amount, each.payer, each.payee)

    def transfer(self, transfer: Transfer) -> None:
        """Move value outside of any settlement."""
        asset, amount, source, to = transfer
        self.steps.say(Transferred(self.name, asset, amount, source, to))
        self.accounts.move(self.steps, asset, amount, source, to)

    def pay_owed(self, account: str) -> None:
        """Pay a thawed account what lies in suspense for it (B3)."""
        for asset, amount in self.accounts.owed(account):
            self.transfer(Transfer(asset, amount, self.suspense, account))
