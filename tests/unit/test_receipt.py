"""A receipt holds what concerns its settlement, in one order, and nothing else."""

from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import redact
from interlock.encoding.canonical import Malformed, encode
from interlock.evidence.bank_receipt import BankEvent
from interlock.evidence.document import evidence_hash
from interlock.evidence.receipt import decode_receipt, make_receipt, readable
from support.evidence import (
    MONEY,
    OTHER_KEY,
    Story,
    hold_both,
    refusal,
    registry_of_bank,
    settled,
    statement,
    unwound,
)
from support.world import ALICE, BOB, NETWORK, NODES, STRANGER, cancel, configure, instruction, sign, word


def test_a_receipt_survives_its_own_bytes() -> None:
    """Decoding gives back what was encoded."""
    receipt = settled().receipt()
    assert decode_receipt(encode(receipt)) == receipt


def test_there_is_no_receipt_before_the_certificate() -> None:
    """Without a certificate there is nothing to prove."""
    story = Story()
    hold_both(story)
    with pytest.raises(ValueError, match="no certificate yet"):
        story.receipt()


def test_votes_and_documents_of_others_are_left_out() -> None:
    """Attestations of another settlement, and documents that none of the kept ones names, do not enter."""
    story = settled()
    plain = story.receipt()
    story.votes.append((0, statement(0, word(4), MONEY, Fact.HELD)))  # type: ignore[arg-type]  # a member's index
    story.documents.append(refusal())
    assert story.receipt() == plain


def test_the_order_in_which_things_came_leaves_no_trace() -> None:
    """Two nodes that heard the same in another order make the same receipt."""
    story = unwound()
    first = story.receipt()
    story.votes.reverse()
    story.documents.reverse()
    assert encode(story.receipt()) == encode(first)


def test_attestations_and_documents_stand_in_their_order() -> None:
    """Attestations by leg, fact and member; documents by rising hash, each once."""
    receipt = settled().receipt()
    said = [(each.attestation.leg, each.attestation.fact) for each in receipt.attestations]
    assert said == sorted(said)
    hashes = [evidence_hash(each) for each in receipt.documents]
    assert hashes == sorted(set(hashes))


def test_signatures_of_the_configuration_are_put_in_order() -> None:
    """The log takes them as they come; a receipt has them by rising signer."""
    story = settled()
    signed = configure(story.log.replica.registry, 1, *reversed(NODES), STRANGER).signed
    receipt = make_receipt(NETWORK, story.settlement, [signed], story.votes, story.documents)
    signers = [each.signer for each in receipt.configurations[0].signatures]
    assert signers == sorted(signers)
    assert replace(receipt, configurations=()) == replace(story.receipt(), configurations=())


def test_configurations_begin_with_that_of_the_match() -> None:
    """What was in force before the match has no part in a receipt; what came after it has."""
    story = Story(signers=(ALICE,))
    story.take(story.log.block(configure(registry_of_bank(), 2)))
    story.take(story.log.block(sign(story.id, BOB)))
    story.take(story.log.block(configure(registry_of_bank(OTHER_KEY), 3)))
    hold_both(story)
    story.certify(Outcome.COMMIT)
    assert [each.configuration.sequence for each in story.receipt().configurations] == [2, 3]


def test_configurations_without_a_match_begin_with_that_of_the_first_sight() -> None:
    """A settlement that was cancelled before any registry was in force has those that came later."""
    story = Story(redact(instruction()), registry=None)
    story.take(story.log.block(cancel(story.id, ALICE, redacted=redact(instruction()))))
    story.certify(Outcome.ABORT)
    assert story.receipt().configurations == ()
    story.take(story.log.block(configure(registry_of_bank(), 1)))
    assert [each.configuration.sequence for each in story.receipt().configurations] == [1]


def test_contents_that_are_no_documents_are_passed_over() -> None:
    """A member that brings garbage as evidence cannot keep a node from making receipts."""
    document = refusal()
    assert readable([b"garbage", encode(document), b"{}", b"\xff"]) == (document,)


@pytest.mark.parametrize("data", [b"", b"{}", b"null", b"\x00", b"[]"])
def test_what_is_no_receipt_is_malformed(data: bytes) -> None:
    """Hostile bytes give Malformed, and nothing else."""
    with pytest.raises(Malformed):
        decode_receipt(data)


def test_a_bank_event_has_its_number_in_the_story() -> None:
    """The story's bank numbers its receipts by kind of event, so that no two of one settlement share a number."""
    story = Story()
    numbers = [story.said_number(event) for event in BankEvent]
    assert len(set(numbers)) == len(BankEvent)
