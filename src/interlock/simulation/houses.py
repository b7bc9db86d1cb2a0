"""The ledgers of a run: a chain with a vault, a bank that holds, and a bank that only pays.

Each is a memory ledger's book, with a clock that the run moves: a chain closes a block now and then and is final some
blocks later, a bank works at once. All they do is told to the narrator.
"""

from collections.abc import Iterable, Mapping, Sequence

from interlock.core.committee import Genesis
from interlock.core.instruction import SettlementId, vault_name
from interlock.core.registry import LedgerClass, LedgerEntry
from interlock.encoding.values import ZERO_BYTES32, Address, Bytes32, Uint32, hex_of
from interlock.ledgers.memory.book import Book
from interlock.ledgers.memory.event import Captured, HoldMade, LedgerEvent, Released
from interlock.ledgers.memory.page import Status
from interlock.ledgers.memory.rules import DIRECT_BANK, HELD_BANK, VAULT, Kind
from interlock.ledgers.memory.transfer import Place
from interlock.simulation.narrator import Narrator
from interlock.simulation.world import EPOCH_S, World

CHAIN_ID = 31_337
VAULT_ADDRESS = Address(b"\xa1" * 20)
TOKENS = (Address(b"\xa2" * 20), Address(b"\xa3" * 20))
USD = "USD/2"
CHAIN = vault_name(CHAIN_ID, VAULT_ADDRESS)
BANK = "bank:first"
WIRE = "bank:wire"
KINDS: Mapping[str, Kind] = {BANK: HELD_BANK, WIRE: DIRECT_BANK, CHAIN: VAULT}
"""By rising name, as a registry wants them."""
FUNDS = 10**15
"""What every account has at first: enough for all."""
_RECEIPT_KEY = Bytes32(b"\x09" * 32)
"""Nobody's: memory ledgers sign nothing."""


class Houses:
    """All ledgers, and their clocks."""

    def __init__(
        self, world: World, genesis: Genesis, narrator: Narrator, parties: Sequence[Address], confirmations: int
    ) -> None:
        """Open each with an account for every party, named by its address on chain and by its number at a bank."""
        self.books: dict[str, Book] = {}
        self.accounts: dict[str, list[str]] = {}
        """Of the parties, by ledger."""
        self._confirmations = confirmations
        self._unfinal = 0
        self._holds: dict[tuple[str, Place], None] = {}
        self._narrator = narrator
        self._world = world
        self._dice = world.dice.split("houses")
        self._interval_s = self._dice.choice((0.5, 1.0, 2.0))
        for name, kind in KINDS.items():
            book = Book(name, kind, genesis, now=EPOCH_S, confirmations=confirmations, tell=self._on_event)
            self.accounts[name] = [
                hex_of(party) if kind.is_vault else account_of(number) for number, party in enumerate(parties)
            ]
            for number, party in enumerate(parties):
                if kind.is_vault:
                    for token in TOKENS:
                        book.open(hex_of(party), hex_of(token), FUNDS)
                else:
                    book.open(account_of(number), USD, FUNDS, [party])
            self.books[name] = book

    async def run(self) -> None:
        """Let clocks go on, for ever."""
        while True:
            await self._world.later(self._interval_s * self._dice.between(0.5, 1.5))
            self._unfinal = min(self._unfinal + 1, self._confirmations)
            for book in self.books.values():
                book.advance(int(self._world.now()))

    def reorg(self, depth: int) -> None:
        """Let the chain replace the block under way and so many closed ones, or as many as are not final."""
        depth = min(depth, self._unfinal)
        self._unfinal -= depth
        self.books[CHAIN].reorg(depth)
        self._world.trace.note(CHAIN, f"replaces {depth} blocks")

    def held(self) -> list[tuple[Book, Place]]:
        """Give the holds that stand, as far as is final."""
        found = [(self.books[name], place) for name, place in self._holds]
        return [(book, at) for book, at in found if book.page(at.settlement).leg(at.leg).status is Status.HELD]

    def _on_event(self, event: LedgerEvent) -> None:
        if isinstance(event, HoldMade):
            self._holds[event.ledger, Place(SettlementId(Bytes32(event.settlement)), event.leg)] = None
        elif isinstance(event, Captured | Released):
            self._holds.pop((event.ledger, Place(SettlementId(Bytes32(event.settlement)), event.leg)), None)
        self._narrator.on_ledger(event)

    def calm(self) -> None:
        """Lift every halt and every freeze; a reorganisation may have undone an earlier lifting."""
        for book, place in self.held():
            book.resume(*place)
        for name, book in self.books.items():
            for account in self.accounts[name]:
                book.thaw(account)

    def finish(self) -> None:
        """Close what is open, and let every balance be told."""
        for book in self.books.values():
            for _ in range(self._confirmations + 1):
                book.advance(int(self._world.now()))
            book.audit()
            book.state_balances()


def account_of(number: int) -> str:
    """Give the name of a party's account at a bank."""
    return f"party {number}"


def entries_of(confirmations: int) -> Iterable[LedgerEntry]:
    """Give the registry's lines."""
    for name, kind in KINDS.items():
        is_vault = kind.ledger_class is LedgerClass.VAULT
        yield LedgerEntry(
            name=name,
            ledger_class=kind.ledger_class,
            assets=tuple(map(hex_of, TOKENS)) if is_vault else (USD,),
            receipt_key=ZERO_BYTES32 if is_vault else _RECEIPT_KEY,
            confirmations=Uint32(confirmations if is_vault else 0),
            is_suspended=False,
            is_pivot=kind.is_pivot,
        )
