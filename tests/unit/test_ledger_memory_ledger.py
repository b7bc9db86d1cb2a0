"""One node's door to a memory ledger: what is answered, what is raised, which facts are seen."""

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.limits import EVERY_LEG
from interlock.ledgers.memory.ledger import MemoryLedger
from interlock.ledgers.memory.rules import DIRECT_BANK, HELD_BANK, VAULT, Kind
from interlock.ledgers.protocol import LedgerNonsense, LedgerRefused, LedgerUnavailable, Sighting, Watch
from support.memory import LAST_VALID, TEXT, book_of, certificate, order_certificate, rotation, watch
from support.protocol import FIRST, FOUR, netted
from support.world import (
    ALICE,
    BANK,
    BOB,
    PAYMENT_ONLY,
    PREPARE_BY,
    START,
    VAULT_NAME,
    account_leg,
    instruction,
    onchain_leg,
)

TERMS = instruction()
"""Leg 0 in the vault, from Alice to Bob; leg 1 at the bank, from Bob to Alice."""
ON_CHAIN, AT_BANK = 0, 1
HELD_LEGS = [(VAULT, ON_CHAIN), (HELD_BANK, AT_BANK)]
PAID = netted(onchain_leg(), account_leg(ledger=PAYMENT_ONLY), pivot=PAYMENT_ONLY)
SWAP = netted(onchain_leg(), account_leg(), pivot=VAULT_NAME)
PIVOTS = [(VAULT, SWAP, 0), (DIRECT_BANK, PAID, 1)]


def facts(sighting: Sighting) -> list[Fact]:
    """Give the facts alone; all must be without trouble."""
    assert sighting.troubles == ()
    return [each.fact for each in sighting.observations]


@pytest.mark.parametrize(("kind", "leg"), HELD_LEGS)
@pytest.mark.parametrize(("outcome", "end"), [(Outcome.COMMIT, Fact.DELIVERED), (Outcome.ABORT, Fact.RETURNED)])
async def test_a_leg_is_held_and_ended_by_its_certificate(kind: Kind, leg: int, outcome: Outcome, end: Fact) -> None:
    """HELD when it is final, then the certificate's end, each repeated at every look, with no document."""
    book, _ = book_of(kind)
    ledger = MemoryLedger(book)
    await ledger.prepare(watch(TERMS, leg))
    book.advance(START + 1)
    assert facts(await ledger.observe([watch(TERMS, leg)])) == [Fact.HELD]
    decided = watch(TERMS, leg, certificate=certificate(watch(TERMS, leg).settlement, outcome))
    await ledger.deliver(decided)
    await ledger.deliver(decided)
    book.advance(START + 2)
    for _ in range(2):
        sighting = await ledger.observe([decided])
        assert facts(sighting) == [Fact.HELD, end]
        assert {each.document for each in sighting.observations} == {None}
    book.audit()
    await ledger.close()
    await ledger.close()


@pytest.mark.parametrize(("kind", "terms", "leg"), PIVOTS)
async def test_a_pivot_says_executed_or_never_of_the_whole(kind: Kind, terms: object, leg: int) -> None:
    """One word for the order, about no single leg; after last_valid it is NEVER."""
    for now, fact in ((START, Fact.EXECUTED), (LAST_VALID + 1, Fact.NEVER)):
        book, _ = book_of(kind)
        ledger = MemoryLedger(book)
        book.advance(now)
        ordered = watch(terms, leg, order=order_certificate(terms))  # type: ignore[arg-type]
        await ledger.execute(ordered)
        book.advance(now + 1)
        (seen,) = (await ledger.observe([ordered])).observations
        assert (seen.leg, seen.fact) == (EVERY_LEG, fact)


async def test_absence_and_consent_are_seen() -> None:
    """Past prepareBy a leg without a hold is returned; before the match a wallet's own call alone is told."""
    book, _ = book_of(VAULT)
    ledger = MemoryLedger(book)
    unsigned = watch(TERMS, ON_CHAIN, signers=(), is_matched=False)
    assert facts(await ledger.observe([unsigned])) == []
    book.prepare(unsigned, caller=TEXT[ALICE])
    book.advance(PREPARE_BY + 1)
    book.advance(PREPARE_BY + 2)
    assert facts(await ledger.observe([unsigned])) == [Fact.SIGNED]
    assert facts(await MemoryLedger(book, tells_consent=False).observe([unsigned])) == []
    other = watch(instruction(salt=2), ON_CHAIN)
    assert facts(await ledger.observe([other])) == [Fact.RETURNED]


async def test_a_vault_refuses_what_could_not_leave_it() -> None:
    """A barred exit is REFUSED before the hold and while it is undecided; a spent lane too, until nothing can come."""
    book, _ = book_of(VAULT)
    ledger, asked = MemoryLedger(book), watch(TERMS, ON_CHAIN)
    book.freeze(TEXT[BOB])
    assert facts(await ledger.observe([asked])) == [Fact.REFUSED]
    book.thaw(TEXT[BOB])
    await ledger.prepare(asked)
    book.advance(START + 1)
    for barred in (ALICE, BOB):
        book.freeze(TEXT[barred])
        assert facts(await ledger.observe([asked])) == [Fact.REFUSED]
        book.thaw(TEXT[barred])
        assert facts(await ledger.observe([asked])) == [Fact.HELD]
    book.freeze(TEXT[ALICE])
    decided = watch(TERMS, ON_CHAIN, certificate=certificate(asked.settlement, Outcome.COMMIT))
    assert facts(await ledger.observe([decided])) == [Fact.HELD]
    in_lane = watch(instruction(salt=2), ON_CHAIN)
    assert facts(await ledger.observe([in_lane])) == [Fact.REFUSED]
    book.advance(PREPARE_BY + 1)
    book.advance(PREPARE_BY + 2)
    assert facts(await ledger.observe([in_lane])) == [Fact.RETURNED]


async def test_what_the_ledger_will_not_do_is_refused_and_what_needs_more_proof_is_asked_again() -> None:
    """Refusals are terminal as the request stands; a certificate of a newer epoch waits for the rotations."""
    book, _ = book_of(HELD_BANK)
    ledger = MemoryLedger(book)
    assert not ledger.tells_consent
    with pytest.raises(LedgerRefused, match="unsigned"):
        await ledger.prepare(watch(TERMS, AT_BANK, signers=(BOB.address,)))
    with pytest.raises(LedgerRefused, match="wrong ledger"):
        await ledger.prepare(watch(TERMS, ON_CHAIN))
    with pytest.raises(LedgerRefused, match="cannot be the pivot"):
        await ledger.execute(watch(TERMS, AT_BANK))
    with pytest.raises(ValueError, match="nothing to settle"):
        await ledger.deliver(watch(TERMS, AT_BANK))
    await ledger.prepare(watch(TERMS, AT_BANK))
    successor = FIRST.followed_by(*FOUR)
    signed = certificate(watch(TERMS, AT_BANK).settlement, Outcome.COMMIT, successor)
    with pytest.raises(LedgerUnavailable, match="bring rotations"):
        await ledger.deliver(watch(TERMS, AT_BANK, certificate=signed))
    await ledger.deliver(watch(TERMS, AT_BANK, certificate=signed, rotations=[rotation(FIRST, successor)]))
    assert facts(await ledger.observe([watch(TERMS, AT_BANK)])) == [Fact.HELD, Fact.DELIVERED]


async def test_why_a_leg_waits_is_said_in_words() -> None:
    """A halt, a payee that cannot be paid and a payer without money are told until they are over."""
    book, _ = book_of(VAULT)
    ledger = MemoryLedger(book)
    asked = watch(TERMS, ON_CHAIN)
    book.freeze(TEXT[ALICE])
    await ledger.prepare(asked)
    assert "cannot be moved yet" in (ledger.waiting(asked.settlement, asked.leg) or "")
    book.thaw(TEXT[ALICE])
    await ledger.prepare(asked)
    assert ledger.waiting(asked.settlement, asked.leg) is None
    book.freeze(TEXT[BOB])
    decided = watch(TERMS, ON_CHAIN, certificate=certificate(asked.settlement, Outcome.COMMIT))
    await ledger.deliver(decided)
    assert "cannot be paid yet" in (ledger.waiting(asked.settlement, asked.leg) or "")
    book.thaw(TEXT[BOB])
    await ledger.deliver(decided)
    assert ledger.waiting(asked.settlement, asked.leg) is None


async def test_trouble_with_one_leg_hides_no_other() -> None:
    """A leg of another ledger, and a hold on other terms than signed, are troubles of their own."""
    book, _ = book_of(HELD_BANK)
    ledger = MemoryLedger(book)
    await ledger.prepare(watch(TERMS, AT_BANK))
    lie = instruction(account_legs=(account_leg(amount=7),))
    falsified = watch(TERMS, AT_BANK)
    false = Watch(falsified.settlement, lie, falsified.leg)
    sighting = await ledger.observe([watch(TERMS, ON_CHAIN), false, falsified])
    assert [type(each) for each in sighting.troubles] == [LedgerRefused, LedgerNonsense]
    assert [each.fact for each in sighting.observations] == [Fact.HELD]
    assert ledger.name == BANK
