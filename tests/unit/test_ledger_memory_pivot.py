"""The memory ledger as the pivot: all its legs at once, or never."""

from dataclasses import replace

import pytest

from interlock.core.instruction import Instruction, redact
from interlock.encoding.values import hex_of
from interlock.ledgers.memory.answer import Answer
from interlock.ledgers.memory.event import (
    OrderExecuted,
    OrderNever,
)
from interlock.ledgers.memory.page import EMPTY_PAGE
from interlock.ledgers.memory.rules import DIRECT_BANK, HELD_BANK, KINDS, VAULT, Kind
from support.memory import (
    ABORT,
    COMMIT,
    ID,
    LAST_VALID,
    PAID,
    PIVOTS,
    RICH,
    SWAP,
    TEXT,
    Record,
    book_of,
    certificate,
    decision_of,
    order_certificate,
    order_of,
    rotation,
    watch,
)
from support.protocol import FIRST, FOUR, netted
from support.world import (
    ALICE,
    BANK,
    BOB,
    CAROL,
    OTHER_TOKEN,
    PAYMENT_ONLY,
    START,
    TOKEN,
    USD,
    VAULT_NAME,
    account_leg,
    id_of,
    onchain_leg,
)


@pytest.mark.parametrize(("kind", "terms", "leg"), PIVOTS)
def test_the_pivot_moves_all_its_legs_at_once_from_payer_to_payee(kind: Kind, terms: Instruction, leg: int) -> None:
    """One step, one event; the second time it moves nothing (D1, D5)."""
    book, told = book_of(kind)
    ordered = watch(terms, leg, order=order_certificate(terms))
    assert book.prepare(watch(terms, leg)).answer is (Answer.PIVOT_HERE if kind is VAULT else Answer.CANNOT_HOLD)
    assert book.execute(ordered).answer is Answer.EXECUTED
    assert book.execute(ordered).answer is Answer.EXECUTED
    book.advance(LAST_VALID + 1)
    assert book.execute(ordered).answer is Answer.EXECUTED
    assert told.count(OrderExecuted(book.name, id_of(terms), LAST_VALID, START)) == 1
    if kind is VAULT:
        balances = [
            book.balance(TEXT[who], hex_of(token)) - RICH for who in (ALICE, BOB) for token in (TOKEN, OTHER_TOKEN)
        ]
        assert balances == [-100, 101, 100, -101]
    else:
        assert book.balance("alice", USD) - RICH == RICH - book.balance("bob", USD) == 5_000
    book.audit()


@pytest.mark.parametrize(("kind", "terms", "leg"), PIVOTS)
def test_an_order_is_verified_and_a_stranger_cannot_make_the_pivot_say_never(
    kind: Kind, terms: Instruction, leg: int
) -> None:
    """A bad order, a missing signature, other terms: nothing is recorded, and the good order executes (D2)."""
    book, _ = book_of(kind)
    good = watch(terms, leg, order=order_certificate(terms))
    other = netted(onchain_leg(), account_leg(ledger=PAYMENT_ONLY), pivot=terms.pivot, salt=2)
    for bad, answer in [
        (replace(good, order=order_certificate(terms, members=(0, 1))), Answer.UNPROVEN),
        (replace(good, order=order_certificate(other)), Answer.UNPROVEN),
        (replace(good, order=order_certificate(replace(terms, pivot=BANK))), Answer.UNPROVEN),
        (replace(good, order=order_certificate(terms, FIRST.followed_by(*FOUR))), Answer.BRING_ROTATIONS),
        (replace(good, signatures=good.signatures[:1]), Answer.UNSIGNED),
        (replace(good, terms=other), Answer.WRONG_ID),
    ]:
        assert book.execute(bad).answer is answer
    with pytest.raises(ValueError, match="nothing to execute"):
        book.execute(watch(terms, leg))
    assert book.execute(good).answer is Answer.EXECUTED


def test_a_bank_executes_only_what_it_sees_whole() -> None:
    """With a leg hidden it could pay some of its legs and not the others; so it asks for the terms in clear."""
    terms = netted(
        onchain_leg(),
        account_leg(ledger=PAYMENT_ONLY),
        account_leg(1, ALICE.address, ledger=PAYMENT_ONLY, payer="alice", payee="bob"),
        pivot=PAYMENT_ONLY,
    )
    book, _ = book_of(DIRECT_BANK)
    hidden = redact(terms)
    half = replace(hidden, account_legs=(redact(terms, ledger=PAYMENT_ONLY).account_legs[0], hidden.account_legs[1]))
    ordered = watch(terms, 1, order=order_certificate(terms))
    assert book.execute(replace(ordered, terms=half)).answer is Answer.TERMS_HIDDEN
    assert book.execute(ordered).answer is Answer.EXECUTED
    assert (book.balance("alice", USD), book.balance("bob", USD)) == (RICH - 1, RICH + 1)


def test_a_pivot_without_mandate_or_money() -> None:
    """A bank says NEVER at once to a key without authority (D6), waits for money until last_valid; a vault reverts."""
    strange = netted(onchain_leg(), account_leg(signer=CAROL.address, ledger=PAYMENT_ONLY), pivot=PAYMENT_ONLY)
    book, told = book_of(DIRECT_BANK)
    assert book.execute(watch(strange, 1, order=order_certificate(strange))).answer is Answer.NEVER
    assert told.count(OrderNever(PAYMENT_ONLY, id_of(strange))) == 1
    for kind, terms, leg in PIVOTS:
        book, _ = book_of(kind, funds=50)
        ordered = watch(terms, leg, order=order_certificate(terms))
        reply = book.execute(ordered)
        assert reply.answer is Answer.SHORT
        assert "has not the amount" in reply.why
        book.advance(LAST_VALID + 1)
        assert book.execute(ordered).answer is Answer.NEVER


def test_an_order_of_a_former_epoch_is_proven_by_its_inclusion_or_signed_again() -> None:
    """The same order, whoever signs it now; the log of decisions has orders too."""
    second = FIRST.followed_by(*FOUR)
    order = order_of(PAID)
    record = Record(order, decision_of(ID, ABORT))
    rotations = [rotation(FIRST, second, record.root)]
    asked = watch(PAID, 1, order=order_certificate(PAID), rotations=rotations)
    for how in ("inclusion", "signed again"):
        book, _ = book_of(DIRECT_BANK)
        assert book.execute(asked).answer is Answer.BRING_NEWER_PROOF
        assert book.execute(asked, inclusion=record.inclusion(decision_of(ID, ABORT), 2)).answer is Answer.UNPROVEN
        if how == "inclusion":
            assert book.execute(asked, inclusion=record.inclusion(order, 2)).answer is Answer.EXECUTED
        again = replace(asked, order=order_certificate(PAID, second))
        assert book.execute(again).answer is Answer.EXECUTED
        assert (
            book.settle(replace(asked, certificate=certificate(id_of(PAID), COMMIT, second))).answer is Answer.EXECUTED
        )
    with pytest.raises(ValueError, match="nothing to settle"):
        book.settle(watch(PAID, 1))
    assert book.settle(watch(PAID, 1), inclusion=record.inclusion(order, 2)).answer is Answer.UNPROVEN


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_order_is_a_contradiction(kind: Kind) -> None:
    """Another last_valid for the same settlement proves who signed twice; a ledger that is no pivot executes none."""
    terms, leg = {
        VAULT: (SWAP, 0),
        DIRECT_BANK: (PAID, 1),
        HELD_BANK: (netted(onchain_leg(), account_leg(), pivot=BANK), 1),
    }[kind]
    book, _ = book_of(kind)
    first = book.execute(watch(terms, leg, order=order_certificate(terms))).answer
    second = book.execute(watch(terms, leg, order=order_certificate(terms, last_valid=LAST_VALID + 1))).answer
    if kind is HELD_BANK:
        assert (first, second) == (Answer.CANNOT_EXECUTE, Answer.CANNOT_EXECUTE)
    else:
        assert (first, second) == (Answer.EXECUTED, Answer.CONTRADICTED)
        assert len(book.contradictions) == 1


def test_an_order_to_a_ledger_that_the_terms_do_not_name_is_not_taken() -> None:
    """Even certified: a pivot executes only what the parties gave it to execute (D6)."""
    terms = netted(onchain_leg(), account_leg(ledger=PAYMENT_ONLY), pivot=VAULT_NAME)
    book, _ = book_of(DIRECT_BANK)
    misled = watch(terms, 1, order=order_certificate(terms, ledger=PAYMENT_ONLY))
    assert book.execute(misled).answer is Answer.WRONG_LEDGER
    assert book.page(id_of(terms)) is EMPTY_PAGE
