"""The house in which a book is kept: its accounts, its clock, and what its operator, the law and thieves can do.

Nothing here needs a party's consent or a certificate: it is what a simulation plays upon a ledger.

Source: specification 6 (B1, B3) and 9 (issuer powers, finality).
"""

from collections.abc import Callable, Iterable

from interlock.core.committee import Genesis
from interlock.core.instruction import AccountTerms, OnchainLeg, SettlementId, Terms
from interlock.encoding.values import Address
from interlock.ledgers.memory import rules
from interlock.ledgers.memory.accounts import Accounts
from interlock.ledgers.memory.answer import Reply
from interlock.ledgers.memory.checks import Lanes
from interlock.ledgers.memory.clerk import Clerk
from interlock.ledgers.memory.event import (
    HELD_ACCOUNT,
    OUTSIDE,
    AccountFrozen,
    AccountThawed,
    BalanceStated,
    HoldHalted,
    HoldResumed,
    LedgerEvent,
    Opened,
    SuspenseOpened,
)
from interlock.ledgers.memory.office import AnyProof, Office
from interlock.ledgers.memory.page import EMPTY_PAGE, Page
from interlock.ledgers.memory.rules import Kind
from interlock.ledgers.memory.steps import Steps
from interlock.ledgers.memory.table import Table
from interlock.ledgers.memory.transfer import Place, Transfer, transfer_of

SUSPENSE = "*suspense"
"""The account of a bank that is paid in a frozen one's stead."""


class House:
    """One ledger, without the requests that settlements make of it."""

    def __init__(
        self,
        name: str,
        kind: Kind,
        genesis: Genesis,
        *,
        now: int,
        confirmations: int = 0,
        tell: Callable[[LedgerEvent], None] = lambda _: None,
    ) -> None:
        """Set up a ledger from the genesis document.

        `name`: the registered one. `now`: its clock, unix seconds. `confirmations`: blocks on top of a final one, for a
        vault. `tell` is called with every event.
        """
        self.name = name
        self.kind = kind
        self.contradictions: dict[Place, AnyProof] = {}
        """By leg, the first valid proof against what was obeyed there before: more than f members signed both."""
        self._tell = tell
        self._accounts = Accounts(name)
        self._lanes = Lanes()
        self._pages: Table[SettlementId, Page] = Table()
        self._terms: dict[SettlementId, Terms] = {}
        """Terms that were seen to have their id."""
        self._told_never: set[SettlementId] = set()
        """Orders of which a chain's NEVER was told."""
        self._first_office = Office.at_genesis(genesis)
        self._offices: Table[str, Office] = Table()
        """The newest one, by the ledger's own name; none before the first rotation."""
        self._steps = Steps(
            name,
            (*self._accounts.tables, self._lanes.uses, self._pages, self._offices),
            confirmations=confirmations if kind.is_vault else None,
            now=now,
            tell=tell,
        )
        self._clerk = Clerk(name, self._accounts, self._steps, "" if kind.is_vault else SUSPENSE)
        if not kind.is_vault:
            self._accounts.know(SUSPENSE)
            tell(SuspenseOpened(name, SUSPENSE))

    # what is known

    @property
    def time(self) -> int:
        """Give the ledger's own clock, unix seconds: at a vault, of the block under way."""
        return self._steps.time

    @property
    def final_time(self) -> int:
        """Give the time up to which all is final, unix seconds: at a vault, of the newest final block."""
        return self._steps.final_time

    @property
    def office(self) -> Office:
        """Give the newest committee that the ledger knows."""
        return self._offices.get(self.name) or self._first_office

    def page(self, settlement: SettlementId) -> Page:
        """Give what the ledger knows of a settlement now."""
        return self._pages.get(settlement) or EMPTY_PAGE

    def final_page(self, settlement: SettlementId) -> Page:
        """Give what of it is final; only this is evidence of anything."""
        return self._pages.final(settlement) or EMPTY_PAGE

    def balance(self, account: str, asset: str) -> int:
        """Give what an account has now, in the asset's smallest unit."""
        return self._accounts.balance(account, asset)

    def audit(self) -> None:
        """Add all accounts and holds up; BrokenInvariant (I4) where they do not agree."""
        self._accounts.audit()

    def state_balances(self) -> None:
        """Tell every final balance, as an auditor asks for."""
        for (account, asset), amount in self._accounts.balances.final_items():
            self._tell(BalanceStated(self.name, account, asset, amount))

    # what happens to it

    def open(self, account: str, asset: str, amount: int = 0, keys: Iterable[Address] = ()) -> None:
        """Open an account in one asset with what it has as the run begins; at a bank, `keys` may sign for it."""
        self._accounts.open(account, asset, amount, keys)
        self._tell(Opened(self.name, account, asset, amount))

    def transfer(self, asset: str, amount: int, source: str, to: str) -> bool:
        """Move value outside of any settlement; from or to `OUTSIDE` it is issued or destroyed.

        Tells whether it was done; nothing is where the source has not so much, or one of them is frozen. ValueError for
        what is held: `lose` takes that.
        """
        if amount < 0 or HELD_ACCOUNT in {source, to}:
            raise ValueError(f"{amount} {asset} from {source} to {to} is no transfer between accounts of {self.name}")
        is_covered = source == OUTSIDE or self.balance(source, asset) >= amount
        if not is_covered or not {source, to}.isdisjoint(self._accounts.frozen):
            return False
        self._clerk.transfer(Transfer(asset, amount, source, to))
        self._steps.end_request()
        return True

    def freeze(self, account: str) -> None:
        """Let an account be paid no more, nor pay: by its bank, or by the issuer of a token."""
        if account not in self._accounts.frozen:
            self._accounts.frozen.add(account)
            self._tell(AccountFrozen(self.name, account))

    def thaw(self, account: str) -> None:
        """Let an account be paid again; a bank pays at once what lies in suspense for it."""
        if account in self._accounts.frozen:
            self._accounts.frozen.discard(account)
            self._tell(AccountThawed(self.name, account))
            self._clerk.pay_owed(account)
            self._steps.end_request()

    def halt(self, settlement: SettlementId, leg: int) -> Reply:
        """Freeze a hold by law."""
        before = self.page(settlement)
        after, answer = rules.halt(before, leg)
        if after is not before:
            self._write(settlement, after, HoldHalted(self.name, settlement, leg))
            self._steps.end_request()
        return Reply(answer)

    def resume(self, settlement: SettlementId, leg: int) -> Reply:
        """Lift a halt."""
        before = self.page(settlement)
        after, answer = rules.resume(before, leg)
        if after is not before:
            self._write(settlement, after, HoldResumed(self.name, settlement, leg))
            self._steps.end_request()
        return Reply(answer)

    def lose(self, settlement: SettlementId, leg: int, to: str = OUTSIDE) -> Reply:
        """Take a hold's whole amount against the rules: theft, seizure, an issuer's power."""
        before = self.page(settlement)
        transfer = self._transfer_of(before, leg)
        after, answer = rules.lose(before, leg)
        if after is not before and transfer is not None:
            self._write(settlement, after)
            self._clerk.lose(Place(settlement, leg), transfer, to)
            self._steps.end_request()
        return Reply(answer)

    def advance(self, now: int) -> None:
        """Let the ledger's clock go on, never back; a vault's chain closes its block, which has the time before."""
        self._steps.advance(now)

    def reorg(self, depth: int) -> None:
        """Replace the block under way and the newest `depth` closed ones by an empty one; ValueError for final ones."""
        self._steps.reorg(depth)

    # for requests

    def _write(self, settlement: SettlementId, page: Page, *events: LedgerEvent) -> None:
        self._pages.put(settlement, page)
        for event in events:
            self._steps.say(event)

    def _transfer_of(self, page: Page, leg: int) -> Transfer | None:
        """Give what a leg moves as it was recorded; None where nothing was."""
        body = page.leg(leg).body
        return transfer_of(body) if isinstance(body, OnchainLeg | AccountTerms) else None
