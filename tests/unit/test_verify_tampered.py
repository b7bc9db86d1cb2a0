"""What was tampered with is refused, each thing at the check that is meant for it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.entry import Configure
from interlock.core.instruction import redact
from interlock.evidence.chain_event import Held
from interlock.evidence.receipt import Receipt
from support.evidence import (
    ASSET,
    MONEY,
    Story,
    in_order,
    refusal,
    settled,
    statement,
)
from support.reports import failure_of
from support.world import (
    ALICE,
    BOB,
    NODES,
    STRANGER,
    cancel,
    configure,
    registry,
    word,
)


def other_network(story: Story) -> Receipt:
    return replace(story.receipt(), network=word(1))


def one_signature(story: Story) -> Receipt:
    receipt = story.receipt()
    return replace(receipt, signatures=receipt.signatures[:1])


def strangers_signature(story: Story) -> Receipt:
    receipt = story.receipt()
    signed = (*receipt.signatures, STRANGER.consent(receipt.settlement))
    return replace(receipt, signatures=tuple(sorted(signed, key=lambda each: each.signer)))


def borrowed_signature(story: Story) -> Receipt:
    receipt = story.receipt()
    first, second = receipt.signatures
    return replace(receipt, signatures=(first, replace(second, signature=first.signature)))


def all_cancels(story: Story) -> Receipt:
    entry = cancel(story.id, ALICE, BOB)
    return replace(story.receipt(), cancels=tuple(sorted(entry.signatures, key=lambda each: each.signer)))


def too_small_a_quorum(story: Story) -> Receipt:
    receipt = story.receipt()
    return replace(receipt, certificate=replace(receipt.certificate, signatures=receipt.certificate.signatures[:2]))


def other_outcome(story: Story) -> Receipt:
    receipt = story.receipt()
    decision = replace(receipt.certificate.decision, outcome=Outcome.ABORT)
    return replace(receipt, certificate=replace(receipt.certificate, decision=decision))


def configured_by_two(story: Story) -> Receipt:
    return replace(story.receipt(), configurations=(in_order(configure(story.log.replica.registry, 1, *NODES[:2])),))


def without_configuration(story: Story) -> Receipt:
    return replace(story.receipt(), configurations=())


def other_bank_key(story: Story) -> Receipt:
    return replace(story.receipt(), configurations=(in_order(configure(registry(), 1)),))


def then(entry: Configure) -> Callable[[Story], Receipt]:
    """Give the forgery that adds a configuration to the story's own."""

    def tamper(story: Story) -> Receipt:
        receipt = story.receipt()
        return replace(receipt, configurations=(*receipt.configurations, in_order(entry)))

    return tamper


def strangers_attestation(story: Story) -> Receipt:
    receipt = story.receipt()
    forged = statement(0, story.id, ASSET, Fact.HELD, story.said_by_vault(Held), key=STRANGER)
    return replace(receipt, attestations=(forged, *receipt.attestations[1:]))


def another_settlements_attestation(story: Story) -> Receipt:
    receipt = story.receipt()
    return replace(receipt, attestations=(statement(0, word(5), ASSET, Fact.HELD), *receipt.attestations[1:]))


def attestation_of_no_leg(story: Story) -> Receipt:
    receipt = story.receipt()
    return replace(receipt, attestations=(*receipt.attestations, statement(0, story.id, 2, Fact.HELD)))


def returned_after_commit(story: Story) -> Receipt:
    receipt = story.receipt()
    return replace(receipt, attestations=(*receipt.attestations, statement(0, story.id, MONEY, Fact.RETURNED)))


def document_of_nobody(story: Story) -> Receipt:
    receipt = story.receipt()
    return replace(receipt, documents=(*receipt.documents, refusal()))


def held_by_too_few(story: Story) -> Receipt:
    receipt = story.receipt()
    held = [each for each in receipt.attestations if each.attestation.fact is Fact.HELD]
    return replace(receipt, attestations=tuple(each for each in receipt.attestations if each not in held[:2]))


def documents_removed(story: Story) -> Receipt:
    return replace(story.receipt(), documents=())


def both_forms_of_the_terms(story: Story) -> Receipt:
    return replace(story.receipt(), redacted=redact(story.terms))


def no_terms(story: Story) -> Receipt:
    return replace(story.receipt(), instruction=None)


@pytest.mark.parametrize(
    ("tamper", "check", "words"),
    [
        (both_forms_of_the_terms, "form", "either `instruction` or `redacted`"),
        (no_terms, "form", "either `instruction` or `redacted`"),
        (other_network, "network", "Give the genesis of the receipt's own network"),
        (one_signature, "consents", "whose signature is not there"),
        (strangers_signature, "signatures", "is not one that the settlement needs"),
        (borrowed_signature, "signatures", "recovers to"),
        (all_cancels, "cancels", "yet the certificate says COMMIT"),
        (configured_by_two, "configurations", "2 members; 3 are needed"),
        (then(configure(registry(), 2, *NODES[:2])), "configurations", "2 members; 3 are needed"),
        (
            then(configure(registry(), 2, epoch=2)),
            "configurations",
            "of configuration 2 is 2; the receipt's rotations lead",
        ),
        (then(configure(replace(registry(), ledgers=registry().ledgers[::-1]), 2)), "configurations", "rising name"),
        (then(configure(registry(), 3)), "configurations", "Configuration 3 stands after 1; 2 comes next"),
        (then(configure(registry(), 1)), "configurations", "Configuration 1 stands after 1; 2 comes next"),
        (too_small_a_quorum, "certificate", "2 signatures; exactly 3 are wanted"),
        (other_outcome, "certificate", "recovers to"),
        (strangers_attestation, "attestations", "not signed by a member"),
        (another_settlements_attestation, "attestations", "is of settlement"),
        (attestation_of_no_leg, "attestations", "the terms have 2 legs"),
        (returned_after_commit, "attestations", "RETURNED, which cannot be counted where the decision is COMMIT"),
        (document_of_nobody, "documents", "named by no attestation"),
        (held_by_too_few, "outcome", "attested HELD by 2 of 4 members; 3 are needed"),
        (documents_removed, "outcome", "the documents of only 0 bear it out; 2 are needed"),
        (without_configuration, "outcome", "the registry does not have"),
        (other_bank_key, "outcome", "signed under no key that is registered for a bank 'bank:first'"),
    ],
)
def test_what_was_tampered_with_is_refused_with_its_reason(
    tamper: Callable[[Story], Receipt], check: str, words: str
) -> None:
    """Each forgery of a settled receipt fails at the check that is meant for it."""
    name, sentence = failure_of(tamper(settled()))
    assert (name, words in sentence) == (check, True), sentence
