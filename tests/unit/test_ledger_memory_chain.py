"""A memory ledger in time: a chain whose blocks become final late or are replaced, and a bank whose steps never are."""

import pytest

from interlock.core.attestation import Fact
from interlock.core.invariants import BrokenInvariant
from interlock.encoding.values import hex_of
from interlock.ledgers.memory.answer import Answer
from interlock.ledgers.memory.event import (
    HELD_ACCOUNT,
    OUTSIDE,
    AccountFrozen,
    AccountThawed,
    BalanceStated,
    BooksClosed,
    HoldHalted,
    HoldLost,
    HoldMade,
    HoldResumed,
    OrderExecuted,
    OrderNever,
    Transferred,
)
from interlock.ledgers.memory.house import SUSPENSE
from interlock.ledgers.memory.ledger import MemoryLedger
from interlock.ledgers.memory.page import EMPTY_PAGE, Status
from interlock.ledgers.memory.rules import DIRECT_BANK, HELD_BANK, VAULT, Kind
from support.memory import (
    AT_BANK,
    COMMIT,
    HOLDERS,
    ID,
    LAST_VALID,
    ON_CHAIN,
    PAID,
    RICH,
    SWAP,
    TERMS,
    TEXT,
    book_of,
    held,
    order_certificate,
    rotation,
    settle,
    status,
    watch,
)
from support.protocol import FIRST, FOUR
from support.world import ALICE, BANK, BOB, START, TOKEN, USD, VAULT_NAME, id_of


def test_a_chain_speaks_of_final_blocks_alone() -> None:
    """With two confirmations a hold shows when two blocks stand on its own, at its own block's time."""
    book, told = book_of(VAULT, confirmations=2)
    ledger = MemoryLedger(book)
    told.clear()
    book.advance(START + 10)
    book.prepare(watch(TERMS, ON_CHAIN))
    for now in (START + 20, START + 30):
        book.advance(now)
        assert book.final_page(ID) is EMPTY_PAGE
    assert [type(each) for each in told] == [BooksClosed]
    book.advance(START + 40)
    assert book.final_page(ID).leg(ON_CHAIN).status is Status.HELD
    assert book.final_time == START + 10
    (made,) = [each for each in told if isinstance(each, HoldMade)]
    assert made.at == START + 10
    assert ledger.tells_consent


async def test_what_is_not_final_can_vanish_and_be_done_again() -> None:
    """A replaced block takes balances, pages, lanes and rotations with it; the same request makes them again."""
    book, told = book_of(VAULT, confirmations=3)
    ledger, asked = MemoryLedger(book), watch(TERMS, ON_CHAIN)
    book.advance(START + 1)
    book.prepare(asked)
    book.rotate([rotation(FIRST, FIRST.followed_by(*FOUR))])
    book.advance(START + 2)
    book.transfer(hex_of(TOKEN), 7, OUTSIDE, TEXT[BOB])
    before = list(told)
    book.reorg(1)
    assert book.page(ID) is EMPTY_PAGE
    assert (book.balance(TEXT[ALICE], hex_of(TOKEN)), book.balance(TEXT[BOB], hex_of(TOKEN))) == (RICH, RICH)
    assert book.balance(HELD_ACCOUNT, hex_of(TOKEN)) == 0
    assert book.office.known.epoch == 1
    book.audit()
    for now in range(START + 3, START + 10):
        book.advance(now)
    assert (await ledger.observe([asked])).observations == ()
    assert [each for each in told[len(before) :] if not isinstance(each, BooksClosed)] == []
    await ledger.prepare(asked)
    for now in range(START + 10, START + 14):
        book.advance(now)
    assert [each.fact for each in (await ledger.observe([asked])).observations] == [Fact.HELD]


def test_a_final_block_is_not_replaced_nor_a_banks_step() -> None:
    """That would be a failure of finality, which is no part of this ledger."""
    book, _ = book_of(VAULT, confirmations=1)
    for now in (START + 1, START + 2):
        book.advance(now)
    book.reorg(1)
    for depth in (1, -1):
        with pytest.raises(ValueError, match="cannot be replaced"):
            book.reorg(depth)
    with pytest.raises(ValueError, match="cannot be replaced"):
        book_of(HELD_BANK)[0].reorg(0)


def test_a_delivery_that_vanished_is_made_again() -> None:
    """The entitlement is not lost with a block: the certificate is brought once more."""
    book, _ = book_of(VAULT, confirmations=1)
    book.prepare(watch(TERMS, ON_CHAIN))
    book.advance(START + 1)
    book.advance(START + 2)
    assert settle(book, ON_CHAIN, COMMIT) is Answer.DELIVERED
    book.reorg(0)
    assert status(book, ON_CHAIN) is Status.HELD
    assert settle(book, ON_CHAIN, COMMIT) is Answer.DELIVERED
    book.audit()


def test_time_never_goes_back() -> None:
    """Neither a bank's clock nor a chain's."""
    for kind in (VAULT, HELD_BANK):
        book, _ = book_of(kind)
        book.advance(START + 9)
        book.advance(START + 5)
        book.advance(START + 7)
        assert (book.time, book.final_time) == (START + 9, START + 9)


def test_a_chain_says_never_by_its_final_time_alone() -> None:
    """Nobody has to bring the order; the first look past last_valid tells it, once. A bank has to be asked."""
    book, told = book_of(VAULT, confirmations=1)
    order = order_certificate(SWAP).order
    id_ = id_of(SWAP)
    book.advance(LAST_VALID + 1)
    book.advance(LAST_VALID + 2)
    assert book.order_facts(id_, order) == ()
    book.advance(LAST_VALID + 3)
    assert book.order_facts(id_, None) == ()
    assert OrderNever(VAULT_NAME, id_) not in told
    for _ in range(2):
        assert book.order_facts(id_, order) == (Fact.NEVER,)
    assert book.execute(watch(SWAP, 0, order=order_certificate(SWAP))).answer is Answer.NEVER
    book.advance(LAST_VALID + 4)
    book.advance(LAST_VALID + 5)
    assert book.order_facts(id_, None) == (Fact.NEVER,)
    assert told.count(OrderNever(VAULT_NAME, id_)) == 1
    bank, told = book_of(DIRECT_BANK)
    bank.advance(LAST_VALID + 1)
    assert bank.order_facts(id_of(PAID), order_certificate(PAID).order) == ()
    assert bank.execute(watch(PAID, 1, order=order_certificate(PAID))).answer is Answer.NEVER
    assert bank.order_facts(id_of(PAID), None) == (Fact.NEVER,)
    assert told.count(OrderNever(bank.name, id_of(PAID))) == 1


def test_an_execution_that_vanished_was_none() -> None:
    """EXECUTED is told of a final block; one that was replaced is executed again, or never."""
    book, told = book_of(VAULT, confirmations=1)
    ordered = watch(SWAP, 0, order=order_certificate(SWAP))
    assert book.execute(ordered).answer is Answer.EXECUTED
    book.reorg(0)
    book.advance(LAST_VALID + 1)
    assert book.execute(ordered).answer is Answer.NEVER
    book.advance(LAST_VALID + 2)
    book.advance(LAST_VALID + 3)
    assert book.order_facts(id_of(SWAP), ordered.order.order if ordered.order else None) == (Fact.NEVER,)
    assert not [each for each in told if isinstance(each, OrderExecuted)]


@pytest.mark.parametrize(("kind", "leg"), HOLDERS)
def test_law_and_theft_are_told_once(kind: Kind, leg: int) -> None:
    """A halt, its end and a loss; each at its first request, and nothing of what was not held."""
    book, told = held(kind, leg)
    for _ in range(2):
        assert book.halt(ID, leg).answer is Answer.HALTED
    assert settle(book, leg, COMMIT) is Answer.HALTED
    for _ in range(2):
        assert book.resume(ID, leg).answer is Answer.HELD
    for _ in range(2):
        assert book.lose(ID, leg, "mallory").answer is Answer.LOST
    assert settle(book, leg, COMMIT) is Answer.LOST
    assert book.halt(ID, leg).answer is Answer.NOT_HELD
    assert book.resume(ID, leg).answer is Answer.NOT_HELD
    assert book.lose(ID, 7).answer is Answer.NOT_HELD
    book.advance(START + 1)
    kinds = [type(each) for each in told if isinstance(each, HoldHalted | HoldResumed | HoldLost)]
    assert kinds == [HoldHalted, HoldResumed, HoldLost]
    asset = hex_of(TOKEN) if kind is VAULT else USD
    assert book.balance("mallory", asset) == (100 if kind is VAULT else 5_000)
    book.audit()


def test_value_comes_and_goes_only_by_name() -> None:
    """Issue, payment and destruction are told; freezing twice is once; every final balance can be stated."""
    book, told = book_of(HELD_BANK)
    told.clear()
    book.transfer(USD, 10, OUTSIDE, "alice")
    book.transfer(USD, 5, "alice", OUTSIDE)
    assert [each for each in told if isinstance(each, Transferred)] == [
        Transferred(BANK, USD, 10, OUTSIDE, "alice"),
        Transferred(BANK, USD, 5, "alice", OUTSIDE),
    ]
    told.clear()
    for _ in range(2):
        book.freeze("bob")
    for _ in range(2):
        book.thaw("bob")
    assert told == [AccountFrozen(BANK, "bob"), AccountThawed(BANK, "bob")]
    told.clear()
    book.prepare(watch(TERMS, AT_BANK))
    told.clear()
    book.state_balances()
    assert set(told) == {
        BalanceStated(BANK, "alice", USD, RICH + 5),
        BalanceStated(BANK, "bob", USD, RICH - 5_000),
        BalanceStated(BANK, "carol", USD, RICH),
        BalanceStated(BANK, HELD_ACCOUNT, USD, 5_000),
    }
    assert book.balance(SUSPENSE, USD) == 0
    book.audit()


def test_a_payment_that_is_not_covered_is_not_made() -> None:
    """Short of money, or frozen, nothing moves; what is held is no account that anyone pays from."""
    book, told = book_of(HELD_BANK)
    told.clear()
    assert not book.transfer(USD, RICH + 1, "alice", "bob")
    book.freeze("bob")
    assert not book.transfer(USD, 1, "alice", "bob")
    assert not book.transfer(USD, 1, "bob", "alice")
    assert [each for each in told if isinstance(each, Transferred)] == []
    for amount, source, to in ((-1, "alice", "bob"), (1, HELD_ACCOUNT, "alice"), (1, "alice", HELD_ACCOUNT)):
        with pytest.raises(ValueError, match="no transfer"):
            book.transfer(USD, amount, source, to)


def test_books_that_do_not_add_up_stop_the_ledger() -> None:
    """An overdraft, value from nothing, or a hold without its amount is a defect, told by its tag (I4)."""
    book, _ = book_of(HELD_BANK)
    accounts = book._accounts
    for amount in (RICH + 1, -1):
        with pytest.raises(BrokenInvariant, match="I4"):
            accounts.move(book._steps, USD, amount, "alice", "bob")
        accounts.balances.put(("alice", USD), amount)
        with pytest.raises(BrokenInvariant, match="I4"):
            book.audit()
        accounts.balances.put(("alice", USD), RICH)
    stolen, _ = held(HELD_BANK, AT_BANK)
    stolen._accounts.move(stolen._steps, USD, 1, "alice", HELD_ACCOUNT)
    with pytest.raises(BrokenInvariant, match="holds add up"):
        settle(stolen, AT_BANK, COMMIT)
