"""How a hold in a memory ledger ends other than by plain delivery and return."""

import pytest

from interlock.encoding.values import hex_of
from interlock.ledgers.memory.answer import Answer
from interlock.ledgers.memory.event import (
    ConsentReleased,
    Redirected,
    Tombstoned,
)
from interlock.ledgers.memory.house import SUSPENSE
from interlock.ledgers.memory.page import EMPTY_PAGE
from interlock.ledgers.memory.rules import HELD_BANK, VAULT, Kind
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
    START,
    TOKEN,
    USD,
    VAULT_NAME,
)


def test_abort_before_the_hold_leaves_a_tombstone() -> None:
    """No hold can come after it; a vault wants the payer's signature or call, a bank nobody's (B7, B14)."""
    bank, told = book_of(HELD_BANK)
    assert (
        bank.settle(watch(TERMS, AT_BANK, signers=(), certificate=certificate(ID, ABORT))).answer is Answer.TOMBSTONED
    )
    assert Tombstoned(BANK, ID, AT_BANK) in told
    assert bank.prepare(watch(TERMS, AT_BANK)).answer is Answer.TOMBSTONED
    for caller, signers, answer in [
        ("", (), Answer.UNSIGNED),
        ("", (BOB.address,), Answer.UNSIGNED),
        (TEXT[BOB], (), Answer.UNSIGNED),
        ("", (ALICE.address,), Answer.TOMBSTONED),
        (TEXT[ALICE], (), Answer.TOMBSTONED),
    ]:
        vault, _ = book_of(VAULT)
        asked = watch(TERMS, ON_CHAIN, signers=signers, certificate=certificate(ID, ABORT))
        assert vault.settle(asked, caller=caller).answer is answer
        assert vault.prepare(watch(TERMS, ON_CHAIN)).answer is (
            Answer.TOMBSTONED if answer is Answer.TOMBSTONED else Answer.HELD
        )


def test_commit_without_a_hold_moves_nothing() -> None:
    """Nothing is captured that was not held."""
    for kind, leg in HOLDERS:
        book, _ = book_of(kind)
        assert settle(book, leg, COMMIT) is Answer.NOT_HELD
        assert book.page(ID) is EMPTY_PAGE


def test_a_bank_pays_a_frozen_beneficiary_into_suspense_and_later_from_it() -> None:
    """Capture cannot fail (B3): what a frozen payee is owed waits in suspense, and is paid when it is thawed."""
    book, _ = held(HELD_BANK, AT_BANK)
    book.freeze("alice")
    assert settle(book, AT_BANK, COMMIT) is Answer.DELIVERED
    assert (book.balance(SUSPENSE, USD), book.balance("alice", USD)) == (5_000, RICH)
    book.thaw("alice")
    book.thaw("alice")
    assert (book.balance(SUSPENSE, USD), book.balance("alice", USD)) == (0, RICH + 5_000)
    book.audit()


def test_a_vault_keeps_what_cannot_be_paid_for_whom_it_belongs_to_and_pays_elsewhere_at_their_will() -> None:
    """Entitled; redirected by the payee alone after COMMIT, at once or not at all."""
    book, told = held(VAULT, ON_CHAIN)
    assert book.redirect(ID, ON_CHAIN, TEXT[CAROL], TEXT[BOB]).answer is Answer.NOT_HELD
    book.freeze(TEXT[BOB])
    assert settle(book, ON_CHAIN, COMMIT) is Answer.ENTITLED
    assert book.redirect(ID, ON_CHAIN, TEXT[CAROL], TEXT[ALICE]).answer is Answer.NOT_ENTITLED
    assert book.redirect(ID, ON_CHAIN, TEXT[CAROL], TEXT[CAROL]).answer is Answer.NOT_ENTITLED
    assert book.redirect(ID, ON_CHAIN, TEXT[BOB], TEXT[BOB]).answer is Answer.UNPAYABLE
    assert book.redirect(ID, ON_CHAIN, TEXT[CAROL], TEXT[BOB]).answer is Answer.DELIVERED
    assert book.redirect(ID, ON_CHAIN, TEXT[CAROL], TEXT[BOB]).answer is Answer.NOT_HELD
    book.advance(START + 1)
    assert Redirected(VAULT_NAME, ID, ON_CHAIN, hex_of(TOKEN), 100, TEXT[BOB], TEXT[CAROL]) in told
    assert book.balance(TEXT[CAROL], hex_of(TOKEN)) == RICH + 100
    book.audit()


def test_nothing_is_redirected_of_which_nothing_is_recorded() -> None:
    """An unknown settlement has nobody who is entitled."""
    book, _ = book_of(VAULT)
    assert book.redirect(ID, ON_CHAIN, TEXT[CAROL], TEXT[BOB]).answer is Answer.NOT_HELD


@pytest.mark.parametrize(("kind", "leg"), HOLDERS)
def test_payer_and_payee_together_end_a_hold(kind: Kind, leg: int) -> None:
    """Neither alone, nor a stranger with one of them; the amount goes where both said, and no certificate moves it."""
    book, told = held(kind, leg)
    names = {VAULT: (TEXT[ALICE], TEXT[BOB], TEXT[CAROL]), HELD_BANK: ("bob", "alice", "carol")}[kind]
    for some in ([], names[:1], names[1:2], names[1:]):
        assert book.release(ID, leg, names[2], some).answer is Answer.UNSIGNED
    book.freeze(names[2])
    assert book.release(ID, leg, names[2], names[:2]).answer is Answer.UNPAYABLE
    book.thaw(names[2])
    assert book.release(ID, leg, names[2], names).answer is Answer.CONSENT
    assert book.release(ID, leg, names[0], names).answer is Answer.CONSENT
    assert settle(book, leg, ABORT) is Answer.CONSENT
    assert settle(book, leg, COMMIT) is Answer.CONTRADICTED
    book.advance(START + 1)
    (released,) = [each for each in told if isinstance(each, ConsentReleased)]
    assert (released.to, book.balance(names[2], released.asset)) == (names[2], RICH + released.amount)
    book.audit()


def test_a_bank_releases_to_no_account_that_it_does_not_keep() -> None:
    """What nobody can receive is not paid."""
    book, _ = held(HELD_BANK, AT_BANK)
    assert book.release(ID, AT_BANK, "nowhere", ("alice", "bob")).answer is Answer.UNPAYABLE
    other, _ = book_of(HELD_BANK)
    assert other.release(ID, AT_BANK, "carol", ("alice", "bob")).answer is Answer.UNSIGNED
