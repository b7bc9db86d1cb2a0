"""A lie stays in the receipt with its author's name; it neither proves anything nor spoils what others prove."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import LegIndex, redact
from interlock.core.leg import LegState
from interlock.core.settlement import State
from interlock.encoding.canonical import encode
from interlock.encoding.values import MinorUnits, Uint32, Uint256
from interlock.evidence.bank_receipt import BankEvent
from interlock.evidence.chain_event import Delivered, Held
from interlock.evidence.document import BankReceiptDocument, ChainEventDocument, Document
from interlock.evidence.lane_word import commitment_of
from interlock.evidence.report import Report
from interlock.evidence.verify import verify_receipt
from support.evidence import (
    ASSET,
    BANK_KEY,
    GENESIS_BYTES,
    MONEY,
    OTHER_KEY,
    Story,
    absence,
    hold_both,
    lane_refusal,
    refusal,
    registry_of_bank,
    settled,
    statement,
    vault_event,
)
from support.world import BANK, BOB, OTHER_BANK, TOKEN, VAULT_NAME, id_of, instruction, registry, word

LIAR = 3
OWN = commitment_of(id_of(instruction()), LegIndex(Uint32(ASSET)), instruction().onchain_legs[ASSET])
"""What the lane says of the usual leg itself."""
HONEST = (0, 1, 2)


def verdict(story: Story) -> Report:
    report = verify_receipt(encode(story.receipt()), GENESIS_BYTES)
    assert report.valid, report.reason
    return report


def test_held_where_the_bank_refused_is_a_lie_and_unwinds_all_the_same() -> None:
    """One node says HELD with the bank's refusal as its evidence: the refusal stands, the lie is listed."""
    story = Story()
    refused = story.said_by_bank(BankEvent.REFUSED)
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.attest(MONEY, Fact.HELD, refused, (LIAR,))
    story.attest(MONEY, Fact.REFUSED, refused, HONEST)
    story.certify(Outcome.ABORT)
    report = verdict(story)
    assert report.outcome is Outcome.ABORT
    assert [(lie.member, lie.leg, lie.fact) for lie in report.lies] == [(LIAR, MONEY, Fact.HELD)]
    assert "says REFUSED, which does not prove HELD" in report.lies[0].sentence
    assert any("HELD was said by member 3; 3 are needed" in each for each in report.remarks)


def test_refused_where_the_bank_held_is_a_lie_and_settles_all_the_same() -> None:
    """One node says REFUSED with the bank's own hold as its evidence: everything settles, the lie is listed."""
    story = Story()
    held = story.said_by_bank(BankEvent.HELD)
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.attest(MONEY, Fact.REFUSED, held, (LIAR,))
    story.attest(MONEY, Fact.HELD, held, HONEST)
    story.certify(Outcome.COMMIT)
    story.attest(ASSET, Fact.DELIVERED, story.said_by_vault(Delivered))
    story.attest(MONEY, Fact.DELIVERED, story.said_by_bank(BankEvent.CAPTURED), HONEST)
    report = verdict(story)
    assert report.state is State.SETTLED
    assert [(lie.member, lie.leg, lie.fact) for lie in report.lies] == [(LIAR, MONEY, Fact.REFUSED)]


def test_a_statement_without_evidence_is_named_and_not_called_a_lie() -> None:
    """What names no document, or one that is not there, is a bare word of its member."""
    story = Story()
    story.attest(MONEY, Fact.REFUSED, None, (LIAR,))
    hold_both(story)
    story.certify(Outcome.COMMIT)
    report = verdict(story)
    assert report.lies == ()
    assert any("REFUSED was said without evidence by member 3: it names no document" in each for each in report.remarks)


def test_a_document_that_the_log_has_lost_weakens_only_who_named_it() -> None:
    """A document that is not in the receipt supports nobody; the fact stands on the others'."""
    story = Story()
    own = replace(story.said_by_vault(Held), block_number=story.said_by_vault(Held).block_number, log_index=Uint32(9))
    story.attest_each(ASSET, Fact.HELD, {**dict.fromkeys(HONEST, story.said_by_vault(Held)), LIAR: own})
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD))
    story.certify(Outcome.COMMIT)
    story.documents.remove(own)
    report = verdict(story)
    assert report.lies == ()
    assert any("a document that is not in the receipt" in each for each in report.remarks)


def test_a_position_that_is_not_its_documents_is_a_lie() -> None:
    """Block or receipt hash in the attestation must be the document's own."""
    story = Story()
    held = story.said_by_bank(BankEvent.HELD)
    story.bring(statement(LIAR, story.id, MONEY, Fact.HELD, held, position=word(1)), members=(LIAR,), documents=(held,))
    story.attest(MONEY, Fact.HELD, held, HONEST)
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.certify(Outcome.COMMIT)
    assert "names position" in verdict(story).lies[0].sentence


def bank_says(**changes: object) -> Callable[[Story], Document]:
    return lambda story: story.said_by_bank(BankEvent.HELD, **changes)


def vault_says(**changes: object) -> Callable[[Story], Document]:
    return lambda story: replace(story.said_by_vault(Held), **changes)


def renamed(story: Story) -> Document:
    return BankReceiptDocument(OTHER_BANK, story.said_by_bank(BankEvent.HELD).jws)


def in_a_vaults_name(story: Story) -> Document:
    return BankReceiptDocument(VAULT_NAME, story.said_by_bank(BankEvent.HELD).jws)


def dirty(event: ChainEventDocument) -> Document:
    return replace(event, topics=(*event.topics[:2], word(1 << 200), *event.topics[3:]))


def unreadable(_: Story) -> Document:
    return BankReceiptDocument(BANK, "not.a.jws")


@pytest.mark.parametrize(
    ("leg", "document", "words"),
    [
        (MONEY, unreadable, "base64url"),
        (MONEY, renamed, "its document is of ledger 'bank:second', the leg is on 'bank:first'"),
        (MONEY, bank_says(network=word(3)), "the bank's receipt is of network"),
        (MONEY, bank_says(settlement=word(3)), "the bank's receipt is of settlement"),
        (MONEY, bank_says(leg=Uint32(0)), "the bank's receipt is of leg 0"),
        (MONEY, lambda story: story.said_by_bank(BankEvent.REFUSED), "says REFUSED, which does not prove HELD"),
        (MONEY, bank_says(terms=word(3)), "the bank's receipt is for terms"),
        (MONEY, bank_says(asset="EUR/2"), "has asset 'EUR/2', 'USD/2' was signed"),
        (MONEY, bank_says(amount=MinorUnits(Uint256(1))), "has amount 1, 5000 was signed"),
        (MONEY, bank_says(payer="mallory"), "has payer 'mallory', 'bob' was signed"),
        (MONEY, bank_says(payee="mallory"), "has payee 'mallory', 'alice' was signed"),
        (MONEY, vault_says(), "its document is of ledger 'eip155:31337"),
        (ASSET, vault_says(chain_id=Uint256(1)), "its document is of ledger 'eip155:1:"),
        (ASSET, vault_says(vault=TOKEN), "its document is of ledger 'eip155:31337:0x00000000000000000000000000000000"),
        (ASSET, vault_says(topics=()), "the event cannot be read"),
        (ASSET, lambda story: story.said_by_vault(Delivered), "which does not prove HELD"),
        (ASSET, lambda _: refusal(), "a failed exit check, which does not show HELD"),
        (ASSET, lambda _: lane_refusal(), "a lane that was used up, which does not show HELD"),
        (ASSET, lambda _: absence(), "the absence of a hold, which does not show HELD"),
        (ASSET, bank_says(), "its document is of ledger 'bank:first'"),
        (ASSET, in_a_vaults_name, "its document is a bank's receipt, the leg is on a chain"),
        (ASSET, vault_says(topics=(word(1), word(2), word(3))), "is of no event of a vault that proves a fact"),
        (ASSET, lambda story: vault_event(word(6), story.asset, Held), "the event is of settlement 0x"),
        (ASSET, lambda story: vault_event(story.id, story.asset, Held, index=1), "the event is of leg 1, not of leg 0"),
        (ASSET, lambda story: dirty(story.said_by_vault(Held)), "is no address"),
    ],
)
def test_each_way_to_lie_about_a_hold_is_found(leg: int, document: Callable[[Story], Document], words: str) -> None:
    """Whatever a document says otherwise than the signed terms makes its attestation a lie."""
    story = Story()
    true: dict[int, Document] = {ASSET: story.said_by_vault(Held), MONEY: story.said_by_bank(BankEvent.HELD)}
    for each in (ASSET, MONEY):
        story.attest_each(
            each,
            Fact.HELD,
            {**dict.fromkeys(HONEST, true[each]), LIAR: document(story) if each == leg else true[each]},
        )
    story.certify(Outcome.COMMIT)
    report = verdict(story)
    assert [(lie.member, lie.leg) for lie in report.lies] == [(LIAR, leg)]
    assert words in report.lies[0].sentence


def test_what_is_lost_rests_on_words_whatever_document_is_named() -> None:
    """No form of evidence is defined for a loss: one that is named is not looked at."""
    story = Story()
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.attest(ASSET, Fact.LOST, story.said_by_vault(Held))
    story.certify(Outcome.ABORT)
    report = verdict(story)
    assert report.lies == ()
    assert any("LOST rests on the word of members 0, 1, 2 and 3: no document can show" in each
               for each in report.remarks)  # fmt: skip


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (lambda story: story.said_by_vault(Held), "an event of a chain, the leg is in a bank's books"),
        (renamed, "the bank's receipt is of ledger 'bank:first', the document says 'bank:second'"),
        (lambda _: absence(), "the absence of a hold, which does not show HELD"),
    ],
)
def test_a_hidden_legs_document_must_be_some_banks_own(document: Callable[[Story], Document], words: str) -> None:
    """Where the leg's ledger is hidden no name can be compared; what cannot be a bank's word is a lie all the same."""
    banks = [each for each in registry_of_bank().ledgers if each.name in {BANK, OTHER_BANK}]
    keyed = registry(*(replace(each, receipt_key=BANK_KEY.public_key) for each in banks))
    story = Story(registry=keyed)
    true = story.said_by_bank(BankEvent.HELD)
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.attest_each(MONEY, Fact.HELD, {**dict.fromkeys(HONEST, true), LIAR: document(story)})
    story.certify(Outcome.COMMIT)
    hidden = replace(story.receipt(), instruction=None, redacted=redact(story.terms))
    (lie,) = verify_receipt(encode(hidden), GENESIS_BYTES).lies
    assert words in lie.sentence


def test_a_receipt_under_a_key_that_no_registry_has_is_not_called_a_lie() -> None:
    """Nothing here can tell a forgery from a key that came before or after: it supports nothing, and is named."""
    story = Story()
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    forged = story.said_by_bank(BankEvent.HELD, key=OTHER_KEY)
    story.attest_each(MONEY, Fact.HELD, {**dict.fromkeys(HONEST, story.said_by_bank(BankEvent.HELD)), LIAR: forged})
    story.certify(Outcome.COMMIT)
    report = verdict(story)
    assert report.lies == ()
    assert any(
        "HELD was said without evidence by member 3: its receipt is signed under no key" in each
        for each in report.remarks
    )


@pytest.mark.parametrize(
    ("fact", "document", "words"),
    [
        (Fact.REFUSED, refusal("dance"), "'dance' is no step of an exit check"),
        (Fact.REFUSED, refusal("lane"), "a lane's word has 32 bytes, not 2"),
        (Fact.REFUSED, lane_refusal(status=0), "0 is no status of a used lane"),
        (Fact.REFUSED, lane_refusal(status=7), "7 is no status of a used lane"),
        (Fact.REFUSED, lane_refusal(0), "the lane was used up to generation 0, and 1 was signed"),
        (Fact.REFUSED, lane_refusal(commitment=OWN), "the lane's word is of this very leg"),
        (Fact.REFUSED, absence(), "the absence of a hold, which does not show REFUSED"),
    ],
)
def test_a_word_that_does_not_even_fit_is_a_lie(fact: Fact, document: Document, words: str) -> None:
    """Evidence that leaves no trace must at least have the form that its fact has."""
    story = Story()
    story.attest(ASSET, fact, document, (LIAR,))
    hold_both(story)
    story.certify(Outcome.COMMIT)
    assert words in verdict(story).lies[0].sentence


def test_an_absence_before_the_deadline_is_a_lie() -> None:
    """That no hold stands proves nothing while one could still come."""
    story = Story()
    story.attest(MONEY, Fact.REFUSED, story.said_by_bank(BankEvent.REFUSED))
    story.certify(Outcome.ABORT)
    early = absence(time=story.terms.prepare_by)
    story.attest_each(ASSET, Fact.RETURNED, {**dict.fromkeys(HONEST, absence()), LIAR: early})
    report = verdict(story)
    assert "not past prepareBy" in report.lies[0].sentence
    assert report.legs[ASSET].state is LegState.TOMBSTONED


def test_a_fact_that_only_liars_support_is_refused() -> None:
    """A quorum that says HELD with documents that say otherwise proves nothing, whoever signed the certificate."""
    story = Story()
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    true, false = story.said_by_bank(BankEvent.HELD), story.said_by_bank(BankEvent.REFUSED)
    story.attest_each(MONEY, Fact.HELD, {0: true, 1: false, 2: false})
    story.certify(Outcome.COMMIT)
    report = verify_receipt(encode(story.receipt()), GENESIS_BYTES)
    assert not report.valid
    assert report.checks[-1].name == "outcome"
    assert "the documents of only 1 bear it out; 2 are needed. Member 1: the bank's receipt says REFUSED" in str(
        report.reason
    )


def test_the_signers_address_in_an_event_is_compared() -> None:
    """An event that pays somebody else than the signed payee proves no delivery."""
    story = settled()
    event = story.said_by_vault(Delivered)
    crooked = replace(event, topics=(*event.topics[:2], word(0xBAD)))
    assert isinstance(crooked, ChainEventDocument)
    story.votes = [
        (member, each) for member, each in story.votes if each.attestation.fact is not Fact.DELIVERED or member != 0
    ]
    said = statement(0, story.id, ASSET, Fact.DELIVERED, crooked)
    story.votes.append((0, said))  # type: ignore[arg-type]  # a member's index
    story.documents.append(crooked)
    report = verdict(story)
    assert f"the signed leg's is {'0x' + BOB.address.hex()}" in report.lies[0].sentence
    assert report.state is State.COMMITTED
