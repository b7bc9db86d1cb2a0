"""How a memory ledger makes a hold: whose request, whose signature, which money."""

from dataclasses import replace

import pytest

from interlock.core.instruction import Instruction
from interlock.encoding.values import Address, hex_of
from interlock.ledgers.memory.answer import Answer
from interlock.ledgers.memory.event import (
    HELD_ACCOUNT,
    BalanceChanged,
    BooksClosed,
    HoldMade,
    HoldRefused,
    HoldRequested,
    Signed,
)
from interlock.ledgers.memory.page import EMPTY_PAGE
from interlock.ledgers.memory.rules import HELD_BANK, VAULT, Kind
from interlock.ledgers.protocol import Watch
from support.memory import (
    ABORT,
    AT_BANK,
    COMMIT,
    HOLDERS,
    ID,
    ON_CHAIN,
    RICH,
    TERMS,
    TEXT,
    book_of,
    certificate,
    held,
    settle,
    watch,
)
from support.world import (
    ALICE,
    BANK,
    BOB,
    CAROL,
    PREPARE_BY,
    START,
    TOKEN,
    USD,
    account_leg,
    address,
    id_of,
    instruction,
    nonce,
    onchain_leg,
)


def test_a_hold_is_booked_in_double_entry_and_told_with_its_terms() -> None:
    """The amount leaves what is available, stands in `*held`, and the event names all that was signed (B2, B11)."""
    book, told = book_of(HELD_BANK)
    told.clear()
    assert book.prepare(watch(TERMS, AT_BANK)).answer is Answer.HELD
    assert told == [
        HoldMade(BANK, ID, AT_BANK, USD, 5_000, "bob", "alice", START),
        BalanceChanged(BANK, "bob", USD, -5_000),
        BalanceChanged(BANK, HELD_ACCOUNT, USD, 5_000),
        BooksClosed(BANK, START),
    ]
    assert (book.balance("bob", USD), book.balance(HELD_ACCOUNT, USD)) == (RICH - 5_000, 5_000)


@pytest.mark.parametrize(("kind", "leg"), HOLDERS)
def test_asking_again_changes_and_tells_nothing(kind: Kind, leg: int) -> None:
    """The same request, whoever makes it, finds what the first one did (B4)."""
    book, told = book_of(kind)
    book.prepare(watch(TERMS, leg))
    before, page = list(told), book.page(ID)
    assert book.prepare(watch(TERMS, leg)).answer is Answer.HELD
    assert book.prepare(watch(TERMS, leg, signers=())).answer is Answer.HELD
    assert book.page(ID) is page
    assert told == before


@pytest.mark.parametrize(("kind", "leg"), HOLDERS)
def test_a_strangers_request_is_recorded_nowhere(kind: Kind, leg: int) -> None:
    """Terms of another id, a leg elsewhere, a missing or false signature: nobody can spoil another's settlement."""
    book, told = book_of(kind)
    before = list(told)
    good = watch(TERMS, leg)
    forged = tuple(replace(each, signer=CAROL.address) for each in good.signatures)
    for asked, answer in [
        (replace(good, settlement=id_of(instruction(salt=2))), Answer.WRONG_ID),
        (replace(good, leg=watch(TERMS, 1 - leg).leg), Answer.WRONG_LEDGER),
        (replace(good, leg=watch(TERMS, 9).leg), Answer.WRONG_LEDGER),
        (replace(good, signatures=good.signatures[:1]), Answer.UNSIGNED),
        (replace(good, signatures=()), Answer.UNSIGNED),
        (replace(good, signatures=forged), Answer.UNSIGNED),
    ]:
        assert book.prepare(asked).answer is answer
    assert book.page(ID) is EMPTY_PAGE
    assert told == before


def test_the_payers_own_call_needs_no_other_signature() -> None:
    """A wallet's call is its consent, an account holder's request its will (B13); either is told before the hold."""
    book, told = book_of(VAULT)
    assert book.prepare(watch(TERMS, ON_CHAIN, signers=()), caller=TEXT[BOB]).answer is Answer.UNSIGNED
    assert book.prepare(watch(TERMS, ON_CHAIN, signers=()), caller=TEXT[ALICE]).answer is Answer.HELD
    book.advance(START + 1)
    signed = told.index(Signed(ID, TEXT[ALICE]))
    assert isinstance(told[signed + 1], HoldMade)
    assert book.page(ID).leg(ON_CHAIN).is_own_call
    bank, told = book_of(HELD_BANK)
    assert bank.prepare(watch(TERMS, AT_BANK, signers=()), caller="bob").answer is Answer.HELD
    assert HoldRequested(ID, AT_BANK) in told


def test_a_payer_who_calls_with_its_signature_is_no_contract_wallet() -> None:
    """What is signed with a key needs no second consent."""
    book, _ = book_of(VAULT)
    assert book.prepare(watch(TERMS, ON_CHAIN, signers=(ALICE.address,)), caller=TEXT[ALICE]).answer is Answer.HELD
    assert not book.page(ID).leg(ON_CHAIN).is_own_call


@pytest.mark.parametrize(
    ("changes", "signer", "why"),
    [
        ({"asset": "EUR/2"}, BOB.address, "no asset"),
        ({}, CAROL.address, "no mandate"),
        ({"payer": "nobody"}, BOB.address, "no mandate"),
        ({"payee": "nobody"}, BOB.address, "no account nobody"),
        ({"amount": RICH + 1}, BOB.address, "has not the amount"),
    ],
)
def test_a_bank_refuses_for_ever_what_it_cannot_hold(changes: dict[str, object], signer: Address, why: str) -> None:
    """The reason is recorded and told; later money changes nothing of it (B4)."""
    terms = instruction(account_legs=(account_leg(signer=signer, **changes),))
    book, told = book_of(HELD_BANK)
    reply = book.prepare(watch(terms, AT_BANK))
    assert reply.answer is Answer.REFUSED
    assert why in reply.why
    (refused,) = [each for each in told if isinstance(each, HoldRefused)]
    assert why in refused.reason
    book.transfer(USD, RICH, "alice", "bob")
    assert book.prepare(watch(terms, AT_BANK)).answer is Answer.REFUSED
    book.audit()


def test_a_bank_refuses_what_comes_after_prepare_by_and_a_frozen_party() -> None:
    """No hold begins late by the bank's own clock (B7); a payee that cannot be paid now is found at hold time (B3)."""
    late, _ = book_of(HELD_BANK)
    late.advance(PREPARE_BY + 1)
    assert late.prepare(watch(TERMS, AT_BANK)).answer is Answer.REFUSED
    for account in ("alice", "bob"):
        book, _ = book_of(HELD_BANK)
        book.freeze(account)
        assert book.prepare(watch(TERMS, AT_BANK)).answer is Answer.REFUSED


def test_a_vault_holds_when_it_can_and_leaves_no_trace_before() -> None:
    """Short, frozen, late: the call reverts, and may be made again."""
    book, told = book_of(VAULT, funds=99)
    asked = watch(TERMS, ON_CHAIN)
    assert book.prepare(asked).answer is Answer.SHORT
    book.transfer(hex_of(TOKEN), 1, TEXT[BOB], TEXT[ALICE])
    book.freeze(TEXT[BOB])
    assert book.prepare(asked).answer is Answer.REFUSED
    book.thaw(TEXT[BOB])
    assert book.page(ID) is EMPTY_PAGE
    assert book.prepare(asked).answer is Answer.HELD
    assert not [each for each in told if isinstance(each, HoldRefused)]
    unknown = instruction(onchain_legs=(onchain_leg(token=address(0xEE)),))
    assert book.prepare(watch(unknown, ON_CHAIN)).answer is Answer.REFUSED
    book.advance(PREPARE_BY + 1)
    assert book.prepare(watch(instruction(salt=2), ON_CHAIN)).answer is Answer.TOO_LATE


def test_a_lane_takes_one_leg_at_a_time_with_rising_generations() -> None:
    """Another leg waits for the lane; once a later generation stood in it, an earlier one never can."""

    def in_lane(generation: int) -> Instruction:
        return instruction(salt=generation, onchain_legs=(onchain_leg(nonce=nonce(1, generation)),))

    book, _ = book_of(VAULT)
    first, second, third = (in_lane(each) for each in (1, 2, 3))
    assert book.prepare(watch(second, ON_CHAIN)).answer is Answer.HELD
    assert book.prepare(watch(third, ON_CHAIN)).answer is Answer.SHORT
    assert book.prepare(watch(first, ON_CHAIN)).answer is Answer.REFUSED
    assert settle(book, ON_CHAIN, ABORT, second) is Answer.RETURNED
    assert book.prepare(watch(second, ON_CHAIN)).answer is Answer.RETURNED
    assert book.prepare(watch(third, ON_CHAIN)).answer is Answer.HELD


def test_a_watch_of_any_terms_must_have_their_id() -> None:
    """Known terms are remembered; other ones under the same id are found out every time."""
    book, _ = held(VAULT, ON_CHAIN)
    twisted: Watch = replace(watch(TERMS, ON_CHAIN), terms=instruction(salt=9))
    for _ in range(2):
        assert book.prepare(twisted).answer is Answer.WRONG_ID
        assert book.settle(replace(twisted, certificate=certificate(ID, COMMIT))).answer is Answer.WRONG_ID
    assert book.prepare(watch(TERMS, ON_CHAIN)).answer is Answer.HELD
