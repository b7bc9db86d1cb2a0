"""Consent by a wallet's own call, conditions, batches: what else a COMMIT rests on, and what no log counts."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import BatchCertificate, Outcome
from interlock.core.leg import LegState
from interlock.core.limits import EVERY_LEG
from interlock.core.settlement import State
from interlock.encoding.values import hex_of
from interlock.evidence.chain_event import Delivered, Held
from interlock.evidence.receipt import Receipt
from support.evidence import ASSET, MONEY, Story, hold_both, in_order, refusal, registry_of_bank, statement
from support.reports import failure_of, sentence_of, verdict_of
from support.stories import CONDITION, WALLET, batched, conditional, consented, executed, unmet
from support.world import BOB, QUORUM, configure, instruction, onchain_leg

LIAR = 3


def without(receipt: Receipt, *facts: Fact, but: int = 0) -> Receipt:
    """Give a receipt without the attestations of some facts, but for the first few."""
    told = [each for each in receipt.attestations if each.attestation.fact in facts][but:]
    return replace(receipt, attestations=tuple(each for each in receipt.attestations if each not in told))


def extended(story: Story, leg: int, fact: Fact, member: int = LIAR) -> Receipt:
    """Give a receipt with a statement more, in its place."""
    story.votes.append((member, statement(member, story.id, leg, fact)))  # type: ignore[arg-type]  # a member's index
    return story.receipt()


def test_a_wallets_own_call_is_its_consent() -> None:
    """The contract pays without a signature: a quorum saw its hold, which nobody but itself can have made."""
    receipt = consented().receipt()
    assert [each.signer for each in receipt.signatures] == [BOB.address]
    report = verdict_of(receipt)
    assert report.state is State.SETTLED
    assert "1 of 2 required signers signed the terms" in sentence_of(report, "signatures")
    assert sentence_of(report, "consents") == (
        "All 2 required signers consented, 1 of them by a call of their own on chain."
    )
    assert report.remarks == ()


@pytest.mark.parametrize(
    ("receipt", "check", "words"),
    [
        (
            lambda: without(consented().receipt(), Fact.SIGNED),
            "consents",
            "Leg 0 was attested SIGNED by 0 of 4 members",
        ),
        (lambda: without(consented().receipt(), Fact.SIGNED, but=2), "consents", "SIGNED by 2 of 4 members"),
        (lambda: replace(consented().receipt(), signatures=()), "consents", f"consent of {hex_of(BOB.address)}"),
    ],
)
def test_a_commit_without_everybodys_consent_is_refused(receipt: Callable[[], Receipt], check: str, words: str) -> None:
    """A signature, or SIGNED by a quorum for a leg that the signer pays on chain; nothing else will do."""
    name, sentence = failure_of(receipt())
    assert (name, words in sentence) == (check, True), sentence


def test_who_pays_at_a_bank_can_consent_by_signature_alone() -> None:
    """No call on a chain speaks for an account."""
    receipt = executed().receipt()
    alice = tuple(each for each in receipt.signatures if each.signer != BOB.address)
    name, sentence = failure_of(replace(receipt, signatures=alice))
    assert (name, sentence) == (
        "consents",
        f"COMMIT needs the consent of {hex_of(BOB.address)}, whose signature is not there.",
    )


def test_consent_is_shown_by_the_hold_itself() -> None:
    """No vault holds without its payer's consent: where the hold has its documents, the consent needs none."""
    story = Story(instruction(onchain_legs=(onchain_leg(payer=WALLET),)), signers=(BOB,))
    story.attest(ASSET, Fact.SIGNED, None, QUORUM)
    hold_both(story)
    story.certify(Outcome.COMMIT)
    report = verdict_of(story.receipt())
    assert any("SIGNED was said without evidence by members 0, 1 and 2" in each for each in report.remarks)


def test_an_event_that_is_no_hold_shows_no_consent() -> None:
    """A delivery does not show who consented: a lie."""
    story = Story(instruction(onchain_legs=(onchain_leg(payer=WALLET),)), signers=(BOB,))
    held = story.said_by_vault(Held)
    story.attest_each(ASSET, Fact.SIGNED, {LIAR: story.said_by_vault(Delivered), 0: held, 1: held})
    hold_both(story)
    story.certify(Outcome.COMMIT)
    (lie,) = verdict_of(story.receipt()).lies
    assert "the event is Delivered, which does not prove SIGNED" in lie.sentence


def test_an_abort_needs_nobodys_consent() -> None:
    """Whoever has not signed is told, and no more."""
    report = verdict_of(unmet().receipt())
    assert sentence_of(report, "consents") == "2 of 2 required signers signed; an ABORT needs no more."


def test_a_condition_that_was_met_lets_commit() -> None:
    """That it was met is the members' word, which the receipt says; what it is, the terms name by its hash."""
    report = verdict_of(conditional().receipt())
    assert report.state is State.SETTLED
    rests = sentence_of(report, "outcome")
    assert "every leg HELD and the condition MET: each by at least 3 members" in rests
    assert rests.endswith("but for the condition, which is their word.")
    assert "The condition: MET rests on the word of members 0, 1, 2 and 3: no document can show MET." in report.remarks
    assert any(hex_of(CONDITION) in each for each in report.limits)


def test_a_condition_that_was_not_met_is_the_cause() -> None:
    """An ABORT by a condition shows who judged so."""
    report = verdict_of(unmet().receipt())
    assert sentence_of(report, "outcome") == "ABORT was decided. The condition was attested UNMET by 3 of 4 members."
    assert [leg.state for leg in report.legs] == [LegState.PENDING, LegState.PENDING]


@pytest.mark.parametrize(
    ("receipt", "words"),
    [
        (lambda: without(conditional().receipt(), Fact.MET), "The condition was attested MET by 0 of 4 members"),
        (lambda: without(conditional().receipt(), Fact.MET, but=2), "The condition was attested MET by 2 of 4"),
        (
            lambda: replace(
                conditional().receipt(),
                configurations=(in_order(configure(replace(registry_of_bank(), has_conditions=False), 1)),),
            ),
            "the registry says that the nodes evaluate none",
        ),
    ],
)
def test_a_condition_without_its_result_commits_nothing(receipt: Callable[[], Receipt], words: str) -> None:
    """MET by a quorum, on a network whose nodes judge conditions."""
    name, sentence = failure_of(receipt())
    assert (name, words in sentence) == ("outcome", True), sentence


def test_a_result_that_names_a_document_is_a_word_all_the_same() -> None:
    """There is no form of evidence for a condition: what is named is not looked at, what is missing is no support."""
    story = Story(instruction(conditions=CONDITION))
    named, lost = refusal(), refusal("return")
    story.attest_each(EVERY_LEG, Fact.MET, {0: named, 1: named, 2: lost})
    hold_both(story)
    story.certify(Outcome.COMMIT)
    story.documents.remove(lost)
    report = verdict_of(story.receipt())
    assert "The condition: MET rests on the word of members 0 and 1: no document can show MET." in report.remarks
    assert any("MET was said without evidence by member 2: it names a document that is not" in each
               for each in report.remarks)  # fmt: skip


def test_two_results_by_quorums_are_told() -> None:
    """The first counted; a receipt cannot show which that was, and says so."""
    story = conditional()
    for member in (0, 1):
        extended(story, EVERY_LEG, Fact.UNMET, member)
    report = verdict_of(extended(story, EVERY_LEG, Fact.UNMET, 2))
    assert any("quorums said both MET and UNMET" in each for each in report.remarks)


def test_a_decision_of_a_batch_is_proven_by_the_batch() -> None:
    """The signatures are of the root; the proof leads there."""
    receipt = batched().receipt()
    assert isinstance(receipt.certificate, BatchCertificate)
    assert receipt.certificate.proof
    report = verdict_of(receipt)
    assert "bears, in one batch of block" in sentence_of(report, "certificate")
    spoilt = replace(receipt.certificate, proof=receipt.certificate.proof[1:])
    name, sentence = failure_of(replace(receipt, certificate=spoilt))
    assert (name, "the decision is not in the batch" in sentence) == ("certificate", True)


@pytest.mark.parametrize(
    ("story", "leg", "fact", "words"),
    [
        (executed, MONEY, Fact.EXECUTED, "EXECUTED of leg 1, which can be said of the whole alone"),
        (conditional, ASSET, Fact.MET, "MET of leg 0, which can be said of the whole alone"),
        (consented, EVERY_LEG, Fact.EXECUTED, "EXECUTED of an order, and the terms name no pivot"),
        (consented, EVERY_LEG, Fact.UNMET, "UNMET of a condition, and the terms name none"),
        (consented, EVERY_LEG, Fact.HELD, "HELD of leg 4294967295; the terms have 2 legs, counted from 0"),
        (consented, MONEY, Fact.SIGNED, "SIGNED of leg 1, which is on no chain"),
        (unmet, ASSET, Fact.DELIVERED, "DELIVERED, which cannot be counted where the decision is ABORT"),
    ],
)
def test_what_no_log_can_have_counted_is_refused(story: Callable[[], Story], leg: int, fact: Fact, words: str) -> None:
    """A statement about something that the terms do not have was brought by a forger."""
    name, sentence = failure_of(extended(story(), leg, fact))
    assert (name, words in sentence) == ("attestations", True), sentence
