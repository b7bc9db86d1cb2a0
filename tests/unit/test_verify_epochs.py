"""Genesis leads to every later committee: a statement counts in its own epoch, and a closed epoch by inclusion."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import Epoch
from interlock.core.decision import Outcome, assemble
from interlock.core.leg import LegState
from interlock.core.rotation import RotationCertificate, committee_hash, rotation_digest
from interlock.core.settlement import State
from interlock.encoding.values import Uint64
from interlock.evidence.bank_receipt import BankEvent
from interlock.evidence.chain_event import Delivered, Held
from interlock.evidence.committees import Inclusion
from interlock.evidence.receipt import Receipt
from support.evidence import ASSET, MONEY, Story, hold_both, in_order, registry_of_bank, settled, statement
from support.protocol import FIRST, FOUR, SEVEN, Council
from support.reports import failure_of, report_of, sentence_of, verdict_of
from support.stories import closed, everything, rotated
from support.world import ALICE, BOB, NETWORK, QUORUM, cancel, configure, instruct, instruction, word

SECOND = FIRST.followed_by(*FOUR)
THIRD = SECOND.followed_by(*SEVEN)


def digest_of(certificate: RotationCertificate) -> bytes:
    return rotation_digest(NETWORK, certificate.rotation)


def rotations(change: Callable[[tuple[RotationCertificate, ...]], tuple[RotationCertificate, ...]]) -> Receipt:
    """Give the receipt of three epochs with other rotations."""
    receipt = closed().receipt()
    return replace(receipt, rotations=change(receipt.rotations))


def test_a_settlement_may_span_two_committees() -> None:
    """Held before, held again, decided and delivered after the rotation: all of it stands."""
    report = verdict_of(rotated().receipt())
    assert report.state is State.SETTLED
    assert (report.epoch, report.committee) == (2, committee_hash(Epoch(Uint64(2)), SECOND.committee.members))
    assert "1 rotation to epoch 2, each signed by a quorum" in sentence_of(report, "rotations")
    assert "3 of 4 signatures of epoch 2" in sentence_of(report, "certificate")
    assert "each by a quorum of one epoch" in sentence_of(report, "outcome")
    assert any("each of epochs 1 to 2" in each for each in report.limits)
    assert any("attested in closed epochs (1)" in each for each in report.limits)
    assert any("That epoch 2 is the newest is not in the receipt" in each for each in report.limits)


def test_votes_of_two_epochs_make_no_quorum() -> None:
    """Two of the first and two of the second committee have said it: nobody's quorum."""
    receipt = rotated().receipt()
    dropped = [
        each
        for each in receipt.attestations
        if (each.attestation.leg, each.attestation.fact, each.attestation.epoch) == (MONEY, Fact.HELD, 2)
    ][:2]
    kept = tuple(each for each in receipt.attestations if each not in dropped)
    name, sentence = failure_of(replace(receipt, attestations=kept))
    assert name == "outcome"
    assert sentence == "Leg 1 was attested HELD by 2 of 4 members of epoch 1; 3 are needed."


def test_what_counts_for_nothing_is_told_with_its_epochs() -> None:
    """A refusal by one of each committee is named, member and epoch, and needs a quorum of one of them."""
    story = Story()
    story.attest(MONEY, Fact.REFUSED, None, (3,))
    story.log.rotate(*FOUR)
    story.attest(MONEY, Fact.REFUSED, None, (1,))
    hold_both(story)
    story.certify(Outcome.COMMIT)
    report = verdict_of(story.receipt())
    who = "member 3 of epoch 1, member 1 of epoch 2"
    assert f"Leg 1: REFUSED was said by {who}; 3 of one epoch are needed, so it counts for nothing." in report.remarks


def test_the_better_documented_of_two_quorums_is_leaned_on() -> None:
    """Where both committees have said it, the one whose documents bear it out suffices."""
    story = Story()
    story.attest(ASSET, Fact.HELD, None)
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD), (0, 1))
    story.log.rotate(*FOUR)
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD))
    story.certify(Outcome.COMMIT)
    assert verdict_of(story.receipt()).state is State.COMMITTED


def test_a_lie_is_told_with_its_epoch() -> None:
    """A member is a place in a committee: both are in the report."""
    report = verdict_of(everything().receipt())
    assert [(lie.member, lie.epoch, lie.fact) for lie in report.lies] == [(3, 2, Fact.NEVER)]
    assert report.lies[0].sentence.startswith("Member 3 of epoch 2 said NEVER of the order, but")


def test_a_closed_epochs_certificate_counts_with_its_inclusion() -> None:
    """Signed by the first committee, bound by the third's root: the epoch of the certificate is long over."""
    story = closed()
    receipt = story.receipt()
    assert receipt.inclusion is not None
    report = verdict_of(receipt)
    assert (report.state, report.epoch) == (State.SETTLED, 3)
    assert report.rotation == digest_of(receipt.rotations[-1])
    assert "a later rotation binds the decision" in sentence_of(report, "certificate")


def test_what_was_signed_again_is_included_as_it_was_decided() -> None:
    """Decided in the first epoch, certified in the second, shown in the third: the leaf is of the first."""
    story = Story()
    hold_both(story)
    story.log.rotate(*FOUR)
    story.certify(Outcome.COMMIT)
    story.attest(ASSET, Fact.DELIVERED, story.said_by_vault(Delivered))
    story.attest(MONEY, Fact.DELIVERED, story.said_by_bank(BankEvent.CAPTURED), QUORUM)
    story.log.rotate(*SEVEN)
    receipt = story.receipt()
    assert receipt.inclusion is not None
    assert (receipt.inclusion.epoch, receipt.certificate.decision.epoch) == (1, 2)
    assert verdict_of(receipt).state is State.SETTLED


def without_inclusion() -> Receipt:
    return replace(closed().receipt(), inclusion=None)


def included_later() -> Receipt:
    receipt = closed().receipt()
    assert receipt.inclusion is not None
    return replace(receipt, inclusion=replace(receipt.inclusion, epoch=Epoch(Uint64(2))))


def included_elsewhere() -> Receipt:
    receipt = closed().receipt()
    assert receipt.inclusion is not None
    return replace(receipt, inclusion=replace(receipt.inclusion, proof=receipt.inclusion.proof[:-1]))


def needlessly_included() -> Receipt:
    return replace(settled().receipt(), inclusion=Inclusion(Epoch(Uint64(1)), ()))


def order_without_inclusion() -> Receipt:
    receipt = everything().receipt()
    assert receipt.order is not None
    return replace(receipt, order=replace(receipt.order, inclusion=None))


def first_members(receipt: Receipt) -> Receipt:
    """Give a receipt whose last rotation came with other members than it names."""
    changed = replace(receipt.rotations[-1], members=FIRST.committee.members)
    return replace(receipt, rotations=(*receipt.rotations[:-1], changed))


def of_epoch(epoch: int) -> Receipt:
    """Give a receipt with a certificate of another epoch, whoever signed it."""
    receipt = settled().receipt()
    decision = replace(receipt.certificate.decision, epoch=Epoch(Uint64(epoch)))
    return replace(receipt, certificate=replace(receipt.certificate, decision=decision))


def said_in(epoch: int, council: Council) -> Receipt:
    """Give a receipt with a statement more, said in an epoch."""
    story = rotated()
    said = statement(3, story.id, ASSET, Fact.LOST, council=Council(epoch, council.keys))
    story.votes.append((3, said))  # type: ignore[arg-type]  # a member's index
    return story.receipt()


def configured(*epochs: int) -> Receipt:
    """Give a receipt whose configurations are of these epochs."""
    usual, by = registry_of_bank(), {1: FIRST, 2: SECOND}
    signed = (by.get(each, SECOND).configure(usual, number) for number, each in enumerate(epochs, 1))
    given = (
        each if epoch in by else configure(usual, 1, epoch=epoch) for each, epoch in zip(signed, epochs, strict=True)
    )
    return replace(rotated().receipt(), configurations=tuple(in_order(each) for each in given))


@pytest.mark.parametrize(
    ("receipt", "check", "words"),
    [
        (lambda: rotations(lambda given: given[1:]), "rotations", "Rotation 0 is from epoch 2; 1 comes next."),
        (lambda: rotations(lambda given: given[::-1]), "rotations", "Rotation 0 is from epoch 2; 1 comes next."),
        (lambda: rotations(lambda given: (given[0], *given)), "rotations", "Rotation 1 is from epoch 1; 2 comes next."),
        (lambda: rotations(lambda given: (*given, given[0])), "rotations", "Rotation 2 is from epoch 1; 3 comes next."),
        (
            lambda: rotations(lambda given: (replace(given[0], signatures=given[0].signatures[:2]), given[1])),
            "rotations",
            "The rotation from epoch 1 does not hold: 2 signatures; exactly 3 are wanted.",
        ),
        (lambda: first_members(closed().receipt()), "rotations", "are not those that the rotation names"),
        (without_inclusion, "certificate", "what a closed epoch certified proves nothing without its inclusion"),
        (included_later, "certificate", "the log has it from epoch 2, after epoch 1, which signed it"),
        (included_elsewhere, "certificate", "it is not in the log of decisions that the newest rotation binds"),
        (needlessly_included, "certificate", "epoch 1 is the newest one here, which needs no inclusion"),
        (order_without_inclusion, "order", "The order's certificate does not hold: epoch 1 is closed"),
        (lambda: of_epoch(2), "certificate", "The certificate is of epoch 2; the receipt's rotations lead to epoch 1."),
        (lambda: of_epoch(0), "certificate", "The certificate is of epoch 0; the receipt's rotations lead to epoch 1."),
        (lambda: said_in(3, SECOND), "attestations", "is of epoch 3; the receipt's rotations lead to epoch 2."),
        (lambda: said_in(1, SECOND), "attestations", "is not signed by a member of the committee of epoch 1."),
        (lambda: said_in(2, FIRST), "attestations", "is not signed by a member of the committee of epoch 2."),
        (lambda: configured(3), "configurations", "The epoch of configuration 1 is 3; the receipt's rotations lead to"),
        (
            lambda: configured(2, 1),
            "configurations",
            "Configuration 2 is of an epoch before that of the one before it.",
        ),
    ],
)
def test_what_its_epoch_does_not_bear_out_is_refused(receipt: Callable[[], Receipt], check: str, words: str) -> None:
    """Each gap, each stranger and each missing inclusion is refused at the check that is meant for it."""
    name, sentence = failure_of(receipt())
    assert (name, words in sentence) == (check, True), sentence


def test_configurations_of_two_epochs_follow_each_other() -> None:
    """Each is signed by a quorum of the committee that was in office."""
    report = verdict_of(configured(1, 2))
    assert sentence_of(report, "configurations").startswith("Each of configurations 1 to 2 bears the signatures")


def test_a_decision_that_no_root_binds_proves_nothing_later() -> None:
    """A quorum that signs while its rotation pends has signed for its own epoch alone."""
    story = Story()
    story.log.name(*FOUR)
    story.take(story.log.block(cancel(story.id, ALICE, BOB)))
    decision = story.settlement.decision
    assert decision is not None
    signatures = {member: FIRST.decision(member, story.id, Outcome.ABORT).signature for member in QUORUM}
    certificate = assemble(FIRST.committee, decision, signatures)  # type: ignore[arg-type]  # members' indexes
    assert certificate is not None
    story.certify(Outcome.ABORT)
    receipt = story.receipt()
    verdict_of(receipt)
    story.log.sign_rotation()
    handed_over = tuple(story.log.replica.rotations)
    leaf = Inclusion(Epoch(Uint64(1)), ())
    for inclusion in (None, leaf):
        name, _ = failure_of(replace(receipt, certificate=certificate, rotations=handed_over, inclusion=inclusion))
        assert name == "certificate"


def test_an_older_receipt_says_less_and_is_refused_by_who_knows_more() -> None:
    """Who hides the rotations shows the epoch of then; a verifier that knows of a newer rotation is not deceived."""
    receipt = closed().receipt()
    older = replace(receipt, rotations=(), inclusion=None)
    assert verdict_of(older).epoch == 1
    first, newest = map(digest_of, receipt.rotations)
    name, sentence = failure_of(older, rotation=newest)  # type: ignore[arg-type]  # 32 bytes
    assert name == "rotations"
    assert "is not among the 0 rotations to epoch 1; ask for a newer receipt" in sentence
    for trusted in (first, newest):
        report = report_of(receipt, rotation=trusted)  # type: ignore[arg-type]  # 32 bytes
        assert report.valid, report.reason
        assert "the one that you trust is among them" in sentence_of(report, "rotations")
    assert not report_of(receipt, rotation=word(5)).valid


def test_a_committee_of_another_size_has_its_own_quorum() -> None:
    """Seven members follow four: five signatures and three documents are asked for, no fewer."""
    story = Story()
    story.log.rotate(*FOUR)
    story.log.rotate(*SEVEN)
    hold_both(story)
    story.certify(Outcome.COMMIT)
    receipt = story.receipt()
    assert len(receipt.certificate.signatures) == THIRD.committee.quorum == 5
    report = verdict_of(receipt)
    assert [leg.state for leg in report.legs] == [LegState.ENTITLED, LegState.ENTITLED]
    kept = [each for each in receipt.attestations if each.attestation.leg == ASSET][:4]
    fewer = tuple(each for each in receipt.attestations if each.attestation.leg == MONEY or each in kept)
    _, sentence = failure_of(replace(receipt, attestations=fewer))
    assert sentence == "Leg 0 was attested HELD by 4 of 7 members of epoch 3; 5 are needed."


def test_support_is_counted_in_the_epoch_of_the_quorum() -> None:
    """Three of seven must have a document; what members of another committee brought does not help them."""
    story = Story()
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held), (0, 1))
    story.log.rotate(*FOUR)
    story.log.rotate(*SEVEN)
    held = story.said_by_vault(Held)
    story.attest_each(ASSET, Fact.HELD, {0: held, 1: held, 2: None, 3: None, 4: None})
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD))
    story.certify(Outcome.COMMIT)
    _, sentence = failure_of(story.receipt())
    assert "by 5 of 7 members of epoch 3, but the documents of only 2 bear it out; 3 are needed." in sentence
    assert sentence.endswith("Member 2 of epoch 3: it names no document.")


def test_a_stranger_to_its_epoch_that_signed_a_configuration_is_named() -> None:
    """A member of the next committee is none of the first."""
    story = Story()
    hold_both(story)
    story.certify(Outcome.COMMIT)
    entry = configure(registry_of_bank(), 1, *FIRST.keys[:3], FOUR[0])
    report = verdict_of(replace(story.receipt(), configurations=(in_order(entry),)))
    assert any("signed configuration 1 too; it is no member" in each for each in report.remarks)
    assert story.log.block(instruct(instruction(salt=9), ALICE)).applied.ended == []
