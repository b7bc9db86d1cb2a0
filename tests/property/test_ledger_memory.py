"""Whatever is asked of memory ledgers, by whomever, in whatever order: they keep what section 6 and 7 promise.

Three ledgers, one of each kind, five settlements over them, and requests at random: lawful, late, twice, by strangers,
with losses, halts, frozen accounts, rotations and replaced blocks between them. With a lawful committee an auditor that
shares no code with the ledgers finds nothing; with one that signs everything, each ledger keeps its own promises still.
"""

from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from interlock.auditor import event as told
from interlock.auditor.auditor import Auditor
from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import AccountLeg, Instruction, ledger_of, legs_of, required_signers, signer_of
from interlock.encoding.values import Uint64, hex_of
from interlock.ledgers.memory.answer import Reply
from interlock.ledgers.memory.book import Book
from interlock.ledgers.memory.event import (
    OUTSIDE,
    Captured,
    ConsentReleased,
    Entitled,
    HoldLost,
    HoldMade,
    LedgerEvent,
    OrderExecuted,
    OrderNever,
    Redirected,
    Released,
    Tombstoned,
)
from interlock.ledgers.memory.ledger import MemoryLedger
from interlock.ledgers.memory.page import Page, Status
from interlock.ledgers.memory.rules import DIRECT_BANK, HELD_BANK, KINDS, VAULT, Kind
from interlock.ledgers.memory.transfer import Transfer, own_legs, transfer_of
from support.memory import book_of, certificate, for_auditor, order_certificate, rotation, watch
from support.protocol import FIRST, FOUR, Council, netted
from support.world import (
    ALICE,
    BANK,
    BOB,
    CAROL,
    PAYMENT_ONLY,
    START,
    TOKEN,
    USD,
    VAULT_NAME,
    account_leg,
    id_of,
    instruction,
    nonce,
    onchain_leg,
)

T = TypeVar("T")
SOON = START + 60
WINDOW_S = 40
TERMS = (
    instruction(),
    instruction(onchain_legs=(onchain_leg(nonce=nonce(1, 2)),), salt=2),  # the next in the first one's lane
    netted(onchain_leg(2), account_leg(ledger=PAYMENT_ONLY), pivot=PAYMENT_ONLY, window_s=WINDOW_S, salt=3),
    netted(onchain_leg(3), account_leg(3), pivot=VAULT_NAME, window_s=WINDOW_S, salt=4),
    netted(
        account_leg(4), account_leg(5, ALICE.address, payer="alice", payee="carol"), salt=5, prepare_by=Uint64(SOON)
    ),
)
NAMES = {VAULT: VAULT_NAME, HELD_BANK: BANK, DIRECT_BANK: PAYMENT_ONLY}
WALLETS = [hex_of(each.address) for each in (ALICE, BOB, CAROL)]
NAMED = ["alice", "bob", "carol"]
ACCOUNTS = {VAULT: WALLETS, HELD_BANK: NAMED, DIRECT_BANK: NAMED}
EPOCHS = (FIRST, FIRST.followed_by(*FOUR))
ROTATION = rotation(*EPOCHS)
FINAL = frozenset(Status) - {Status.EMPTY, Status.REFUSED, Status.HELD, Status.ENTITLED}
"""Where a leg stays; a refused one may still be closed by a tombstone."""

numbers = st.integers(0, len(TERMS) - 1)
legs = st.integers(0, 1)
picks = st.integers(0, 9)
outcomes = st.sampled_from(list(Outcome))
kinds = st.sampled_from(KINDS)


def now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run what never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("a memory ledger waited")


class Ledgers(RuleBasedStateMachine):
    """Three ledgers and a committee that signs whatever it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.books: dict[str, Book] = {}
        self.events: list[LedgerEvent] = []
        self.heard = 0
        self.clock = START
        self.seen: dict[tuple[str, bytes, int], Status] = {}
        self.words: dict[tuple[str, bytes], Status] = {}
        for kind in KINDS:
            book, events = book_of(kind, confirmations=1, funds=15_000)
            self.events.extend(events)
            book._tell = book._steps._tell = self.events.append
            self.books[book.name] = book

    @property
    def council(self) -> Council:
        """Give who signs now."""
        return EPOCHS[0]

    def certificates(self, number: int, outcome: Outcome, epoch: int) -> Any:  # noqa: ANN401 - a certificate or None
        """Give a certificate, if the committee signs it."""
        return certificate(id_of(TERMS[number]), outcome, EPOCHS[epoch])

    def orders(self, number: int, epoch: int, delay: int) -> Any:  # noqa: ANN401 - a certificate or None
        """Give an order's certificate, if the committee signs it."""
        if not TERMS[number].pivot:
            return None
        return order_certificate(TERMS[number], EPOCHS[epoch], last_valid=START + WINDOW_S + delay)

    def ask(self, name: str, number: int, request: str, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Make a request twice: the second time it must answer the same and change nothing."""
        book, id_ = self.books[name], id_of(TERMS[number])
        first: Reply = getattr(book, request)(*args, **kwargs)
        page, events = book.page(id_), len(self.events)
        again: Reply = getattr(book, request)(*args, **kwargs)
        assert again.answer is first.answer or request == "redirect"
        assert book.page(id_) is page
        assert len(self.events) == events

    def ledger_of(self, number: int, leg: int) -> str:
        """Give where a leg is."""
        name = ledger_of(legs_of(TERMS[number])[leg])
        assert name is not None
        return name

    @rule(number=numbers, outcome=outcomes, stages=st.integers(1, 4))
    def progress(self, number: int, outcome: Outcome, stages: int) -> None:
        """Do what usually comes next, some way on."""
        for leg in range(2):
            self.prepare(number, leg, "all")
        self.advance(1)
        self.advance(1)
        if stages > 1:
            self.conclude(number, outcome)
            for leg in range(2):
                self.execute(number, leg, 0, 0)
            self.advance(1)
        if stages > 2:
            self.advance(1)
            self.conclude(number, outcome)
            for leg in range(2):
                self.settle(number, leg, outcome, 0, knows=False)
        if stages > 3:
            self.advance(WINDOW_S)
            self.advance(1)

    def conclude(self, number: int, outcome: Outcome) -> None:
        """Come to an order or a decision, where that is wanted first."""

    @rule(number=numbers, leg=legs, signed=st.sampled_from(["all", "none", "payer calls", "one"]))
    def prepare(self, number: int, leg: int, signed: str) -> None:
        """Ask for a hold, with all signatures or not."""
        name, terms = self.ledger_of(number, leg), TERMS[number]
        required = required_signers(terms)
        signers = {"all": required, "one": required[:1]}.get(signed, ())
        payer = transfer_of(own_legs(terms, name)[0].body).payer
        caller = payer if signed == "payer calls" else ""
        self.ask(name, number, "prepare", watch(terms, leg, signers=signers), caller=caller)

    @rule(number=numbers, leg=legs, outcome=outcomes, epoch=legs, knows=st.booleans())
    def settle(self, number: int, leg: int, outcome: Outcome, epoch: int, knows: bool) -> None:  # noqa: FBT001
        """Bring a certificate, with or without the rotation."""
        signed = self.certificates(number, outcome, epoch)
        if signed is not None:
            rotations = [ROTATION] if knows and self.council is not EPOCHS[0] else []
            brought = watch(TERMS[number], leg, certificate=signed, rotations=rotations)
            self.ask(self.ledger_of(number, leg), number, "settle", brought)

    @rule(number=numbers, leg=legs, epoch=legs, delay=legs)
    def execute(self, number: int, leg: int, epoch: int, delay: int) -> None:
        """Bring an order."""
        order = self.orders(number, epoch, delay)
        if order is not None:
            self.ask(self.ledger_of(number, leg), number, "execute", watch(TERMS[number], leg, order=order))

    def standing(self, which: int) -> tuple[int, int]:
        """Pick a leg of which something stands on its ledger; where there is none, any leg."""
        places = [(number, leg) for number in range(len(TERMS)) for leg in range(2)]
        found = [each for each in places if self.status(*each) in {Status.HELD, Status.ENTITLED}]
        return (found or places)[which % len(found or places)]

    def status(self, number: int, leg: int) -> Status:
        """Give where a leg is now."""
        return self.books[self.ledger_of(number, leg)].page(id_of(TERMS[number])).leg(leg).status

    def transfer_of(self, number: int, leg: int) -> Transfer:
        """Give what a leg moves."""
        own = own_legs(TERMS[number], self.ledger_of(number, leg))
        return transfer_of(next(each.body for each in own if each.index == leg))

    @rule(which=picks, both=st.booleans())
    def release(self, which: int, both: bool) -> None:  # noqa: FBT001 - drawn
        """End a hold by consent, of both or of one."""
        number, leg = self.standing(which)
        _, _, payer, payee = self.transfer_of(number, leg)
        by = (payer, payee) if both else (payee,)
        self.on_release(number, leg, by, payer)
        self.ask(self.ledger_of(number, leg), number, "release", id_of(TERMS[number]), leg, payer, by)

    def on_release(self, number: int, leg: int, by: tuple[str, ...], to: str) -> None:
        """Take note of who consents."""

    @rule(which=picks, outcome=outcomes, then=st.sampled_from(["payer", "payee", "thaw"]))
    def strand(self, which: int, outcome: Outcome, then: str) -> None:
        """Let a hold be decided while nobody can be paid; then somebody wants it elsewhere, or all are thawed."""
        number, leg = self.standing(which)
        if self.status(number, leg) is not Status.HELD:
            return
        name = self.ledger_of(number, leg)
        book, (_, _, payer, payee) = self.books[name], self.transfer_of(number, leg)
        for account in (payer, payee):
            book.freeze(account)
        self.conclude(number, outcome)
        self.settle(number, leg, outcome, 0, knows=False)
        if then != "thaw":
            elsewhere = next(each for each in ACCOUNTS[book.kind] if each not in {payer, payee})
            by = payer if then == "payer" else payee
            self.ask(name, number, "redirect", id_of(TERMS[number]), leg, elsewhere, by)
        for account in (payer, payee):
            book.thaw(account)
        self.settle(number, leg, outcome, 0, knows=False)

    @rule(which=picks, what=st.sampled_from(["halt", "halt", "resume", "resume", "lose"]))
    def trouble(self, which: int, what: str) -> None:
        """Let law or theft come."""
        number, leg = self.standing(which)
        self.ask(self.ledger_of(number, leg), number, what, id_of(TERMS[number]), leg)

    @rule(kind=kinds, account=st.integers(0, 2), is_frozen=st.booleans())
    def freeze(self, kind: Kind, account: int, is_frozen: bool) -> None:  # noqa: FBT001 - drawn
        """Freeze or thaw an account."""
        names = ACCOUNTS[kind]
        book = self.books[NAMES[kind]]
        (book.freeze if is_frozen else book.thaw)(names[account % len(names)])

    @rule(kind=kinds, amount=st.integers(0, 12_000), issues=st.booleans())
    def transfer(self, kind: Kind, amount: int, issues: bool) -> None:  # noqa: FBT001 - drawn
        """Let value move beside all settlements."""
        book, names = self.books[NAMES[kind]], ACCOUNTS[kind]
        asset = hex_of(TOKEN) if kind is VAULT else USD
        book.transfer(asset, amount, *((OUTSIDE, names[0]) if issues else (names[0], names[-1])))

    @rule(by_s=st.sampled_from([1, 5, 30]))
    def advance(self, by_s: int) -> None:
        """Let time pass everywhere."""
        self.clock += by_s
        for book in self.books.values():
            book.advance(self.clock)

    @rule(depth=legs)
    def reorg(self, depth: int) -> None:
        """Replace what is not final on the chain, where so much is there."""
        book = self.books[VAULT_NAME]
        book.reorg(min(depth, len(book._steps._blocks)))

    @invariant()
    def books_add_up(self) -> None:
        """Value is conserved, holds included (I4)."""
        for book in self.books.values():
            book.audit()

    @invariant()
    def what_is_final_stays(self) -> None:
        """End a leg once, in one way; keep a pivot's word; at a bank, give all legs of a settlement one outcome."""
        for name, book in self.books.items():
            for terms in TERMS:
                page = book.final_page(id_of(terms))
                for index, leg in page.legs:
                    before = self.seen.get((name, id_of(terms), index), Status.EMPTY)
                    assert before not in FINAL or leg.status is before
                    self.seen[name, id_of(terms), index] = leg.status
                if page.order is not None:
                    assert self.words.setdefault((name, id_of(terms)), page.order.word) is page.order.word
                    assert all(leg.status in _of_word(page) for _, leg in page.legs)
                if not book.kind.is_vault:
                    assert len({leg.outcome for _, leg in page.legs} - {None}) <= 1

    @invariant()
    def every_leg_leaves_its_hold_once(self) -> None:
        """Held once, left once, never both given and taken; executed or never, not both."""
        ends: Counter[tuple[bytes, int, str]] = Counter()
        for event in self.events:
            match event:
                case HoldMade():
                    ends[event.settlement, event.leg, "held"] += 1
                case Captured() | Released() | Redirected() | ConsentReleased() | HoldLost():
                    ends[event.settlement, event.leg, "left"] += 1
                    assert ends[event.settlement, event.leg, "held"]
                case Entitled() | Tombstoned():
                    ends[event.settlement, event.leg, type(event).__name__] += 1
                case OrderExecuted() | OrderNever():
                    ends[event.settlement, -1, "word"] += 1
                case _:
                    continue
        assert set(ends.values()) <= {1}

    @invariant()
    def facts_never_contradict(self) -> None:
        """No look shows both ends of a leg, both words of an order, or anything in trouble."""
        for name, book in self.books.items():
            ledger = MemoryLedger(book)
            for terms in TERMS:
                for own in own_legs(terms, name):
                    sighting = now(ledger.observe([watch(terms, own.index, signers=())]))
                    facts = {each.fact for each in sighting.observations}
                    assert not sighting.troubles
                    assert not facts >= {Fact.DELIVERED, Fact.RETURNED}
                    assert not facts >= {Fact.EXECUTED, Fact.NEVER}


class LawfulLedgers(Ledgers):
    """A committee that decides as the rule says, a party that signs all, and an auditor that hears everything."""

    def __init__(self) -> None:
        super().__init__()
        self.auditor = Auditor()
        self.decided: dict[int, Outcome] = {}
        self.ordered: dict[int, int] = {}
        self.formed: set[tuple[int, int, str]] = set()
        self.epoch = 0

    @property
    def council(self) -> Council:
        """Give who signs now."""
        return EPOCHS[self.epoch]

    @initialize()
    def begin(self) -> None:
        """Tell the auditor who is who, what is signed, and that holds may be lost."""
        self.tell(told.EpochBegan(1, _members(EPOCHS[0])))
        for name in self.books:
            self.tell(told.LossDeclared(name, told.ANY))
        for terms in TERMS:
            self.tell(
                _instructed(terms), *(told.Signed(id_of(terms), hex_of(each)) for each in required_signers(terms))
            )

    def tell(self, *events: told.Event) -> None:
        """Tell the auditor what is no ledger's to tell, after what the ledgers said before."""
        self.hear()
        for event in events:
            self.auditor.feed(event)

    def hear(self) -> None:
        """Pass on what the ledgers said."""
        for event in self.events[self.heard :]:
            heard = for_auditor(event)
            if heard is not None:
                self.auditor.feed(heard)
        self.heard = len(self.events)

    @precondition(lambda self: self.epoch == 0)
    @rule()
    def rotate(self) -> None:
        """Let the next committee take office; ledgers learn of it one by one."""
        self.epoch = 1
        self.tell(told.EpochBegan(2, _members(EPOCHS[1])))

    @rule(number=numbers, outcome=outcomes)
    def decide(self, number: int, outcome: Outcome) -> None:
        """Decide as the facts allow: all others held, and the pivot's word where an order is out."""
        if number in self.decided:
            return
        pivot = TERMS[number].pivot
        word = self.facts(number, pivot=True)
        if number in self.ordered:
            may = {Outcome.COMMIT: Fact.EXECUTED in word, Outcome.ABORT: Fact.NEVER in word}[outcome]
        else:
            may = outcome is Outcome.ABORT or (not pivot and self.all_held(number))
        if may:
            self.decided[number] = outcome

    def conclude(self, number: int, outcome: Outcome) -> None:
        """Order where there is a pivot, then decide, if all is as it must be."""
        self.order(number)
        self.decide(number, outcome)

    @rule(number=numbers)
    def order(self, number: int) -> None:
        """Let the order out, once all others are held, in time."""
        terms = TERMS[number]
        undecided = number not in self.decided and number not in self.ordered
        if terms.pivot and undecided and self.clock <= terms.prepare_by and self.all_held(number):
            self.ordered[number] = self.clock + WINDOW_S

    def all_held(self, number: int) -> bool:
        """Tell whether every leg outside the pivot shows HELD, and nothing else."""
        others = [each for each in range(2) if self.ledger_of(number, each) != TERMS[number].pivot]
        return all(self.facts(number, leg=each) == {Fact.HELD} for each in others)

    def facts(self, number: int, *, leg: int = 0, pivot: bool = False) -> set[Fact]:
        """Look at one leg, or at the pivot's word."""
        terms = TERMS[number]
        if pivot:
            here = [each for each in range(2) if self.ledger_of(number, each) == terms.pivot]
            if not here:
                return set()
            leg = here[0]
        order = self.orders(number, self.epoch, 0) if number in self.ordered else None
        look = MemoryLedger(self.books[self.ledger_of(number, leg)]).observe([watch(terms, leg, order=order)])
        return {each.fact for each in now(look).observations}

    def certificates(self, number: int, outcome: Outcome, epoch: int) -> Any:  # noqa: ANN401 - a certificate or None
        """Give the certificate of what is decided, of an epoch that there is."""
        if self.decided.get(number) is not outcome or epoch > self.epoch:
            return None
        signers = tuple(f"node {each}" for each in range(3))
        if (number, epoch, outcome.name) not in self.formed:
            self.formed.add((number, epoch, outcome.name))
            self.tell(told.CertificateFormed(id_of(TERMS[number]), outcome.name, epoch + 1, signers))
        return certificate(id_of(TERMS[number]), outcome, EPOCHS[epoch])

    def orders(self, number: int, epoch: int, delay: int) -> Any:  # noqa: ANN401, ARG002 - as of those who lie
        """Give the one order's certificate, once it is out."""
        last_valid = self.ordered.get(number)
        if last_valid is None or epoch > self.epoch:
            return None
        terms = TERMS[number]
        if (number, epoch, "order") not in self.formed:
            self.formed.add((number, epoch, "order"))
            signers = tuple(f"node {each}" for each in range(3))
            self.tell(told.OrderCertified(id_of(terms), terms.pivot, last_valid, epoch + 1, signers))
        return order_certificate(terms, EPOCHS[epoch], last_valid=last_valid)

    def on_release(self, number: int, leg: int, by: tuple[str, ...], to: str) -> None:
        """Tell who signed a release."""
        self.tell(*(told.ReleaseSigned(id_of(TERMS[number]), leg, each, to) for each in by))

    @invariant()
    def the_auditor_finds_nothing(self) -> None:
        """Every balance is accounted for, every end has its ground."""
        self.hear()
        assert self.auditor.verdict() == []

    def teardown(self) -> None:
        """Let everything become final and be stated."""
        for _ in range(3):
            self.advance(1)
        for book in self.books.values():
            book.state_balances()
        self.the_auditor_finds_nothing()


def _members(council: Council) -> tuple[str, ...]:
    return tuple(f"node {each}" for each in range(len(council.keys)))


def _instructed(terms: Instruction) -> told.Instructed:
    legs_told = []
    for index, leg in enumerate(legs_of(terms)):
        name = ledger_of(leg)
        assert name is not None
        own = next(each for each in own_legs(terms, name) if each.index == index)
        asset, amount, payer, payee = transfer_of(own.body)
        assert isinstance(leg, AccountLeg) or payer == hex_of(signer_of(leg))
        legs_told.append(told.Leg(name, asset, amount, payer, payee, hex_of(own.signer)))
    return told.Instructed(
        id_of(terms), tuple(legs_told), terms.pivot, terms.settle_from, terms.prepare_by, terms.pivot_window
    )


def _of_word(page: Page) -> frozenset[Status]:
    """Give where a pivot's legs can be after its word."""
    assert page.order is not None
    return frozenset({page.order.word}) | ({Status.TOMBSTONED} if page.order.word is Status.NEVER else set())


TestLedgers = Ledgers.TestCase
TestLawfulLedgers = LawfulLedgers.TestCase
TestLedgers.settings = TestLawfulLedgers.settings = settings(stateful_step_count=40)
