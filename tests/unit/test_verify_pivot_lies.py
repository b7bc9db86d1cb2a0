"""Who lies about the pivot's order is named; the receipt stays good, and an order has one word."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.limits import EVERY_LEG
from interlock.encoding.values import Blob, MinorUnits, Uint32, Uint64, Uint256, UnixSeconds, hex_of
from interlock.evidence.bank_receipt import BankEvent
from interlock.evidence.chain_event import Executed, Held
from interlock.evidence.document import BankReceiptDocument, Document
from support.evidence import MONEY, Story, absence, refusal
from support.protocol import FIRST
from support.reports import verdict_of
from support.stories import (
    LAST_VALID,
    brought,
    executed,
    execution,
    ordered,
    ordered_on_chain,
    said_of_order,
)
from support.world import (
    PAYMENT_ONLY,
    QUORUM,
    word,
)

LIAR = 3


def bank_says(**changes: object) -> Callable[[Story], Document]:
    return lambda story: said_of_order(story.id, BankEvent.EXECUTED, **changes)


def chain_says(**changes: object) -> Callable[[Story], Document]:
    return lambda story: execution(story.id, **changes)  # type: ignore[arg-type]  # a test names the fields


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (bank_says(network=word(3)), "the bank's receipt is of network"),
        (bank_says(settlement=word(3)), "the bank's receipt is of settlement"),
        (bank_says(leg=Uint32(1)), "the bank's receipt is of leg 1, not of the order"),
        (lambda story: said_of_order(story.id, BankEvent.CAPTURED), "says CAPTURED, which does not prove EXECUTED"),
        (bank_says(amount=MinorUnits(Uint256(1))), "is of the order, and names the terms of a leg"),
        (bank_says(time=UnixSeconds(Uint64(LAST_VALID + 1))), f"past the order's lastValid {LAST_VALID}"),
        (lambda _: refusal(), "its document is of ledger 'eip155:31337"),
    ],
)
def test_each_way_to_lie_about_a_banks_execution_is_found(document: Callable[[Story], Document], words: str) -> None:
    """A bank's word of its order must be of this order, in time, and about no leg."""
    story = ordered()
    true, false = said_of_order(story.id, BankEvent.EXECUTED), document(story)
    story.attest_each(EVERY_LEG, Fact.EXECUTED, {LIAR: false, 0: true, 1: true})
    story.certify(Outcome.COMMIT)
    (lie,) = verdict_of(story.receipt()).lies
    assert (lie.member, lie.leg, lie.fact, lie.epoch) == (LIAR, EVERY_LEG, Fact.EXECUTED, 1)
    assert words in lie.sentence


@pytest.mark.parametrize(
    ("fact", "document", "words"),
    [
        (Fact.EXECUTED, chain_says(topics=()), "its first topic is not that of an execution"),
        (Fact.EXECUTED, chain_says(topics=(Executed.TOPIC,)), "the event cannot be read: 1 topics"),
        (Fact.EXECUTED, chain_says(data=Blob(b"\xff" * 32)), "is no uint64"),
        (Fact.EXECUTED, chain_says(topics=(Executed.TOPIC, word(3))), "the event is of settlement 0x"),
        (Fact.EXECUTED, chain_says(last_valid=7), f"the event's lastValid is 7, the order's is {LAST_VALID}"),
        (Fact.EXECUTED, lambda story: story.said_by_vault(Held), "the event cannot be read"),
        (Fact.NEVER, chain_says(), "its document is an event, which does not prove NEVER"),
        (Fact.EXECUTED, lambda _: absence(), "the absence of an execution, which does not show EXECUTED"),
        (Fact.NEVER, lambda _: absence(LAST_VALID), f"is {LAST_VALID}, not past the order's lastValid"),
        (Fact.EXECUTED, lambda _: refusal(), "its document is of a leg, which does not show EXECUTED"),
    ],
)
def test_each_way_to_lie_about_a_chains_execution_is_found(
    fact: Fact, document: Callable[[Story], Document], words: str
) -> None:
    """An event or a block must show what was said of the order, by the order's own time."""
    story = ordered_on_chain()
    story.attest_each(EVERY_LEG, fact, {LIAR: document(story)})
    story.attest(EVERY_LEG, Fact.EXECUTED, execution(story.id), QUORUM if fact is Fact.NEVER else (0, 1))
    story.certify(Outcome.COMMIT)
    (lie,) = verdict_of(story.receipt()).lies
    assert words in lie.sentence


def test_a_word_under_a_key_that_no_registry_has_is_not_called_a_lie() -> None:
    """Nothing can tell whether the pivot said it."""
    story = ordered()
    unknown = replace(said_of_order(story.id, BankEvent.EXECUTED), ledger=PAYMENT_ONLY)
    forged = BankReceiptDocument(PAYMENT_ONLY, story.said_by_bank(BankEvent.HELD, ledger=PAYMENT_ONLY).jws)
    story.attest_each(EVERY_LEG, Fact.EXECUTED, {LIAR: forged, 0: unknown, 1: unknown})
    story.certify(Outcome.COMMIT)
    report = verdict_of(story.receipt())
    assert report.lies == ()
    assert any("The order: EXECUTED was said without evidence by member 3" in each for each in report.remarks)


def test_whatever_is_said_of_the_pivots_leg_itself_is_a_lie() -> None:
    """Nothing is held there: a member can have said it only while the leg was hidden from the log."""
    report = verdict_of(brought(executed(), LIAR, Fact.HELD, None, MONEY).receipt())
    assert [(lie.leg, lie.fact) for lie in report.lies] == [(MONEY, Fact.HELD)]
    assert "the leg is the pivot's, of which HELD is never said" in report.lies[0].sentence


def test_a_member_that_said_both_words_is_named() -> None:
    """EXECUTED and NEVER under one key convict it; the receipt stays good."""
    story = ordered()
    true = said_of_order(story.id, BankEvent.EXECUTED)
    story.attest(EVERY_LEG, Fact.NEVER, None, (LIAR,))
    story.attest(EVERY_LEG, Fact.EXECUTED, true, (LIAR, 0, 1))
    story.certify(Outcome.COMMIT)
    report = verdict_of(story.receipt())
    who = f"The key {hex_of(FIRST.keys[LIAR].address)} (member 3)"
    assert f"{who} said both EXECUTED and NEVER of the order, which convicts it." in report.remarks
