"""A receipt proves what happened, from the genesis document alone, and says what it cannot prove."""

import socket
from dataclasses import replace

import pytest

from interlock.core.attestation import Fact, MemberAttestation
from interlock.core.committee import MemberIndex
from interlock.core.decision import Outcome
from interlock.core.entry import Instruct
from interlock.core.instruction import redact
from interlock.core.leg import LegState
from interlock.core.settlement import State
from interlock.encoding.canonical import encode
from interlock.encoding.values import MinorUnits, Uint32, Uint256
from interlock.evidence.bank_receipt import BankEvent
from interlock.evidence.chain_event import Delivered, Held, Returned, Tombstoned
from interlock.evidence.verify import verify_receipt
from support.evidence import (
    ASSET,
    BANK_KEY,
    GENESIS_BYTES,
    MONEY,
    Recorder,
    Story,
    absence,
    hold_both,
    in_order,
    lane_refusal,
    refusal,
    registry_of_bank,
    settled,
    statement,
    unwound,
)
from support.log import LATE
from support.reports import failure_of, report_of, sentence_of
from support.world import (
    ALICE,
    BANK,
    BOB,
    GENESIS,
    NODES,
    OTHER_BANK,
    QUORUM,
    STRANGER,
    VAULT_NAME,
    cancel,
    configure,
    id_of,
    instruction,
    onchain_leg,
    registry,
    word,
)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every socket fail: a receipt is verified offline."""

    def refuse(*_: object, **__: object) -> socket.socket:
        raise AssertionError("a verification opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_a_settled_receipt_is_valid_and_says_so() -> None:
    """Every check holds, both legs are delivered, nobody lied."""
    report = report_of(settled().receipt())
    assert report.valid, report.reason
    assert report.reason is None
    assert (report.outcome, report.state) == (Outcome.COMMIT, State.SETTLED)
    assert [leg.state for leg in report.legs] == [LegState.DELIVERED, LegState.DELIVERED]
    assert [leg.ledger for leg in report.legs] == [VAULT_NAME, BANK]
    assert report.lies == ()
    assert report.remarks == ()
    assert [check.name for check in report.checks] == [
        "genesis", "form", "network", "terms", "rotations", "signatures", "cancels", "configurations", "certificate",
        "order", "attestations", "documents", "consents", "outcome", "completion", "agreement",
    ]  # fmt: skip
    assert "COMMIT and bears 3 of 4 signatures of epoch 1; 3 are needed" in sentence_of(report, "certificate")


def test_an_unwound_receipt_is_valid_and_gives_the_cause() -> None:
    """The refusal is named with the bank's own reason; the asset went back, the money was never held."""
    report = report_of(unwound().receipt())
    assert report.valid, report.reason
    assert (report.outcome, report.state) == (Outcome.ABORT, State.UNWOUND)
    assert [leg.state for leg in report.legs] == [LegState.RETURNED, LegState.TOMBSTONED]
    assert "Leg 1 was attested REFUSED by 4 of 4 members (the bank's reason: insufficient-funds)." in sentence_of(
        report, "outcome"
    )


def test_what_is_not_proven_is_said() -> None:
    """Finality of the chain, the bank's books, time, the configuration in force and f are named as limits."""
    limits = " ".join(report_of(settled().receipt()).limits)
    for word_ in ("at most 1 of the 4 members", "final blocks", "at least 2 members", "books", "When", "in force"):
        assert word_ in limits


def test_a_committed_receipt_without_deliveries_is_valid_and_incomplete() -> None:
    """The certificate suffices; that nothing is delivered yet is said, with who is entitled."""
    story = Story()
    hold_both(story)
    story.certify(Outcome.COMMIT)
    report = report_of(story.receipt())
    assert report.valid
    assert report.state is State.COMMITTED
    assert [leg.state for leg in report.legs] == [LegState.ENTITLED, LegState.ENTITLED]
    assert len([each for each in report.remarks if "not shown delivered yet" in each]) == 2


def test_an_abort_by_deadline_rests_on_the_certificate_alone() -> None:
    """No cause is invented where none leaves a trace."""
    story = Story()
    story.take(story.log.block(time=LATE))
    story.certify(Outcome.ABORT)
    story.attest(ASSET, Fact.RETURNED, absence())
    report = report_of(story.receipt())
    assert report.valid, report.reason
    assert "rests on the certificate alone" in sentence_of(report, "outcome")
    assert [leg.state for leg in report.legs] == [LegState.TOMBSTONED, LegState.PENDING]
    assert any("Leg 0: RETURNED rests on the word of members 0, 1, 2 and 3" in each for each in report.remarks)


def test_an_abort_by_cancel_shows_who_cancelled() -> None:
    """All required signers withdrew; the cause is their signatures."""
    story = Story()
    story.take(story.log.block(cancel(story.id, ALICE, BOB)))
    story.certify(Outcome.ABORT)
    report = report_of(story.receipt())
    assert report.valid, report.reason
    assert "All 2 required signers cancelled." in sentence_of(report, "outcome")


def test_a_cancel_by_one_before_the_match_needs_only_the_redacted_terms() -> None:
    """An id that was cancelled before it was known has a receipt in redacted form, without any leg's account terms."""
    story = Story(redact(instruction()))
    story.take(story.log.block(cancel(story.id, ALICE, redacted=redact(instruction()))))
    story.certify(Outcome.ABORT)
    receipt = story.receipt()
    assert receipt.instruction is None
    report = report_of(receipt)
    assert report.valid, report.reason
    assert report.legs[MONEY].ledger == ""
    assert "1 of 2 required signers cancelled" in sentence_of(report, "outcome")


def test_terms_that_could_never_be_admitted_name_their_fault() -> None:
    """The verifier finds the reason itself, also where no registry was ever in force."""
    terms = instruction(onchain_legs=(onchain_leg(amount=MinorUnits(Uint256(0))),))
    story = Story(terms)
    story.certify(Outcome.ABORT)
    report = report_of(replace(story.receipt(), configurations=()))
    assert report.valid, report.reason
    assert "AMOUNT_ZERO" in sentence_of(report, "outcome")


def test_a_refusal_by_exit_check_rests_on_the_members_words() -> None:
    """A failed exit check leaves no trace on the chain: it counts, and the report says whose word it is."""
    story = Story()
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD))
    story.attest(ASSET, Fact.REFUSED, refusal(), QUORUM)
    story.certify(Outcome.ABORT)
    story.attest(ASSET, Fact.RETURNED, story.said_by_vault(Tombstoned))
    story.attest(MONEY, Fact.RETURNED, story.said_by_bank(BankEvent.RELEASED), QUORUM)
    report = report_of(story.receipt())
    assert report.valid, report.reason
    assert [leg.state for leg in report.legs] == [LegState.TOMBSTONED, LegState.RETURNED]
    assert any("Leg 0: REFUSED rests on the word of members 0, 1 and 2" in each for each in report.remarks)


def test_a_refusal_by_a_used_lane_rests_on_the_members_words() -> None:
    """That another leg stood in the lane can be seen on the chain only: it counts, and the report says so."""
    story = Story()
    story.attest(ASSET, Fact.REFUSED, lane_refusal(3), QUORUM)
    story.certify(Outcome.ABORT)
    report = report_of(story.receipt())
    assert report.valid, report.reason
    assert report.lies == ()
    assert report.legs[ASSET].state is LegState.REFUSED
    words = f"the payer's lane {story.asset.lane} was used by another leg up to generation 3 in block 39"
    assert any(f"rests on the word of members 0, 1 and 2: {words}" in each for each in report.remarks)


def test_a_hold_that_was_refused_before_the_decision_went_back() -> None:
    """A permission lost after HELD is a cause of ABORT, and no contradiction: the leg was held, and is returned."""
    story = Story()
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.attest(ASSET, Fact.REFUSED, refusal(), QUORUM)
    story.certify(Outcome.ABORT)
    story.attest(MONEY, Fact.RETURNED, story.said_by_bank(BankEvent.TOMBSTONED))
    story.attest(ASSET, Fact.RETURNED, story.said_by_vault(Returned), QUORUM)
    report = report_of(story.receipt())
    assert report.valid, report.reason
    assert "Leg 0 was attested REFUSED by 3 of 4 members." in sentence_of(report, "outcome")
    assert [leg.state for leg in report.legs] == [LegState.RETURNED, LegState.TOMBSTONED]
    assert report.lies == ()


def test_a_refusal_after_the_decision_changes_nothing() -> None:
    """COMMIT stands, whoever lost permission between the decision and its certificate."""
    story = Story()
    hold_both(story)
    story.attest(ASSET, Fact.REFUSED, refusal())
    story.certify(Outcome.COMMIT)
    report = report_of(story.receipt())
    assert report.valid, report.reason
    assert report.state is State.COMMITTED


def test_a_bank_that_was_never_given_the_terms_tombstones_all_the_same() -> None:
    """A tombstone without terms proves that no hold can come."""
    story = Story()
    story.take(story.log.block(cancel(story.id, ALICE, BOB)))
    story.certify(Outcome.ABORT)
    bare = story.said_by_bank(
        BankEvent.TOMBSTONED, terms=word(0), asset="", amount=MinorUnits(Uint256(0)), payer="", payee=""
    )
    story.attest(MONEY, Fact.RETURNED, bare)
    report = report_of(story.receipt())
    assert report.valid, report.reason
    assert report.legs[MONEY].state is LegState.TOMBSTONED
    assert report.lies == ()


def test_a_return_without_a_counted_hold_is_still_a_return() -> None:
    """The vault's own event shows that value went back, although too few members said HELD before."""
    story = Story()
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held), (0,))
    story.attest(MONEY, Fact.REFUSED, story.said_by_bank(BankEvent.REFUSED))
    story.certify(Outcome.ABORT)
    story.attest(ASSET, Fact.RETURNED, story.said_by_vault(Returned))
    report = report_of(story.receipt())
    assert report.legs[ASSET].state is LegState.RETURNED
    assert any("HELD was said by member 0; 3 are needed" in each for each in report.remarks)


def test_lost_and_consent_rest_on_words() -> None:
    """No document can show that a hold ended without a certificate; a quorum's word is taken, and named so."""
    story = Story()
    hold_one = story.said_by_vault(Held)
    story.attest(ASSET, Fact.HELD, hold_one)
    story.attest(ASSET, Fact.LOST, None)
    story.certify(Outcome.ABORT)
    report = report_of(story.receipt())
    assert report.valid, report.reason
    assert report.legs[ASSET].state is LegState.LOST
    assert "Leg 0 was attested LOST by 4 of 4 members." in sentence_of(report, "outcome")
    assert any("no document can show LOST" in each for each in report.remarks)


def test_one_cancel_after_the_match_is_told_and_changes_nothing() -> None:
    """Once all have signed, one signer alone cannot withdraw."""
    story = Story()
    story.take(story.log.block(cancel(story.id, ALICE)))
    hold_both(story)
    story.certify(Outcome.COMMIT)
    report = report_of(story.receipt())
    assert report.valid, report.reason
    assert any("1 of 2 required signers cancelled, which is not enough" in each for each in report.remarks)


def test_a_receipt_of_another_network_is_refused() -> None:
    """The anchor is the verifier's own: the same receipt under another genesis proves nothing."""
    other = encode(replace(GENESIS, salt=word(8)))
    report = verify_receipt(encode(settled().receipt()), other)
    assert not report.valid
    assert report.checks[-1].name == "network"


@pytest.mark.parametrize(
    ("genesis", "words"),
    [
        (b"", "cannot be read"),
        (b"{}", "is missing"),
        (encode(replace(GENESIS, members=GENESIS.members[:3])), "3 members"),
        (encode(replace(GENESIS, log="paper")), "no kind of log"),
    ],
)
def test_what_is_no_genesis_document_anchors_nothing(genesis: bytes, words: str) -> None:
    """A malformed or contradictory genesis document is the first thing refused."""
    report = verify_receipt(encode(settled().receipt()), genesis)
    assert not report.valid
    assert [check.name for check in report.checks] == ["genesis"]
    assert words in str(report.reason)


def test_a_genesis_document_may_be_spaced_for_people() -> None:
    """The network id is of the canonical form, however the verifier keeps the document."""
    spaced = GENESIS_BYTES.replace(b",", b",\n  ") + b"\n"
    assert verify_receipt(encode(settled().receipt()), spaced).valid


def test_a_bank_that_captured_what_was_aborted_is_shown_as_disagreement() -> None:
    """A bank's own signature against the certificate is a broken promise, even where only a liar brought it."""
    story = unwound()
    captured = story.said_by_bank(BankEvent.CAPTURED)
    story.votes.append((3, statement(3, story.id, MONEY, Fact.RETURNED, captured)))  # type: ignore[arg-type]  # an index
    story.documents.append(captured)
    name, sentence = failure_of(story.receipt())
    assert name == "agreement"
    assert "signed that it CAPTURED leg 1" in sentence


@pytest.mark.parametrize("changes", [{"ledger": OTHER_BANK}, {"leg": Uint32(0)}, {"leg": Uint32(2)}])
def test_a_bank_without_a_part_in_it_cannot_spoil_a_receipt(changes: dict[str, object]) -> None:
    """A release that is none of its business, brought by a liar, is a lie and no disagreement."""
    usual = registry_of_bank()
    keyed = (replace(each, receipt_key=BANK_KEY.public_key) for each in usual.ledgers if each.name == OTHER_BANK)
    story = Story(registry=registry(*usual.ledgers, *keyed))
    hold_both(story)
    story.certify(Outcome.COMMIT)
    released = story.said_by_bank(BankEvent.RELEASED, **changes)
    story.votes.append((3, statement(3, story.id, MONEY, Fact.LOST, released)))  # type: ignore[arg-type]  # an index
    story.votes.append((3, statement(3, story.id, MONEY, Fact.REFUSED, released)))  # type: ignore[arg-type]  # an index
    story.documents.append(released)
    report = report_of(story.receipt())
    assert report.valid, report.reason
    assert len(report.lies) >= 1


def test_a_bank_that_numbers_two_receipts_alike_is_named() -> None:
    """Two different receipts under one number prove that the bank contradicts itself."""
    story = unwound()
    double = story.said_by_bank(BankEvent.TOMBSTONED, number=story.said_number(BankEvent.REFUSED))
    story.votes.append((3, statement(3, story.id, MONEY, Fact.RETURNED, double)))  # type: ignore[arg-type]  # an index
    story.documents.append(double)
    report = report_of(story.receipt())
    assert report.valid, report.reason
    assert any("signed two different receipts numbered 2" in each for each in report.remarks)


def test_a_strangers_signature_of_the_configuration_is_named_and_not_counted() -> None:
    """The log takes a configuration that a stranger signed too; the receipt stays good."""
    story = Story()
    hold_both(story)
    story.certify(Outcome.COMMIT)
    entry = configure(story.log.replica.registry, 1, *NODES[:3], STRANGER)
    report = report_of(replace(story.receipt(), configurations=(in_order(entry),)))
    assert report.valid, report.reason
    assert any("signed configuration 1 too" in each for each in report.remarks)


def test_a_receipt_with_hidden_account_terms_still_proves_the_decision() -> None:
    """The redacted form gives the same id; a bank's word is matched by the hash of the terms, and so it says."""
    story = settled()
    receipt = replace(story.receipt(), instruction=None, redacted=redact(story.terms))
    report = report_of(receipt)
    assert report.valid, report.reason
    assert report.legs[MONEY].amount == ""
    assert any("terms are hidden" in each for each in report.remarks)


def test_an_abort_for_which_nobody_signed_is_refused() -> None:
    """An ABORT behind which no required signer stands could be made for anybody's id, and is refused."""
    story = Story()
    story.take(story.log.block(cancel(story.id, ALICE, BOB)))
    story.certify(Outcome.ABORT)
    name, sentence = failure_of(replace(story.receipt(), signatures=(), cancels=()))
    assert name == "consents"
    assert "Nobody" in sentence


@pytest.mark.parametrize(("leg", "fact"), [(ASSET, Fact.SIGNED), (ASSET, Fact.HELD), (MONEY, Fact.HELD)])
def test_an_abort_of_a_hold_that_nobody_signed_for_is_good(leg: int, fact: Fact) -> None:
    """A hold that its holder asked for itself is brought by the committee's word, and goes back by a certificate."""
    terms = instruction()
    said = (statement(member, id_of(terms), leg, fact) for member in QUORUM)
    brought = tuple(MemberAttestation(MemberIndex(Uint32(who)), each) for who, each in zip(QUORUM, said, strict=True))
    story = Story(terms, log=Recorder(registry_of_bank(), Instruct(terms, None, (), brought)))
    story.take(story.log.block(time=LATE))
    story.certify(Outcome.ABORT)
    receipt = story.receipt()
    assert receipt.signatures == ()
    report = report_of(receipt)
    assert report.valid, report.reason
    assert sentence_of(report, "consents") == "0 of 2 required signers signed; an ABORT needs no more."
    fewer = replace(receipt, attestations=receipt.attestations[1:])
    name, sentence = failure_of(fewer)
    assert (name, "nor is a hold attested" in sentence) == ("consents", True)


def test_a_delivery_that_too_few_documents_bear_out_is_refused() -> None:
    """A completion, too, needs f + 1 documents that fit."""
    story = Story()
    hold_both(story)
    story.certify(Outcome.COMMIT)
    delivered = story.said_by_vault(Delivered)
    wrong = replace(delivered, transaction_hash=word(1), data=story.said_by_vault(Held).data)
    story.attest_each(ASSET, Fact.DELIVERED, {0: delivered, 1: wrong, 2: wrong})
    name, sentence = failure_of(story.receipt())
    assert name == "completion"
    assert "the documents of only 1 bear it out; 2 are needed" in sentence
