"""With a pivot a receipt shows the certified order and the pivot's one word, and no other way to either end."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import MemberIndex
from interlock.core.decision import MemberSignature, Outcome
from interlock.core.instruction import redact
from interlock.core.leg import LegState
from interlock.core.limits import EVERY_LEG
from interlock.core.order import Order, OrderCertificate
from interlock.core.registry import LedgerClass
from interlock.core.settlement import State
from interlock.encoding.values import Uint32, Uint64, UnixSeconds
from interlock.evidence.bank_receipt import BankEvent
from interlock.evidence.chain_event import Delivered, Held
from interlock.evidence.document import BankReceiptDocument, evidence_hash
from interlock.evidence.receipt import OrderProof, Receipt
from support.evidence import ASSET, MONEY, OTHER_KEY, Story, absence, in_order
from support.protocol import FIRST
from support.reports import failure_of, sentence_of, verdict_of
from support.stories import (
    LAST_VALID,
    brought,
    chain_pivot,
    executed,
    executed_on_chain,
    execution,
    never,
    never_on_chain,
    ordered,
    registry_of_pivots,
    said_of_order,
    unordered,
)
from support.world import (
    ALICE,
    BANK,
    BOB,
    PAYMENT_ONLY,
    PREPARE_BY,
    QUORUM,
    START,
    TOKEN,
    USD,
    VAULT_NAME,
    account_leg,
    cancel,
    configure,
    id_of,
    instruction,
    ledger,
    nonce,
    onchain_leg,
    pivot_instruction,
    word,
)

LIAR = 3


def with_order(story: Story, members: tuple[int, ...] = QUORUM, **changes: object) -> Receipt:
    """Give the receipt with another order, certified by these members."""
    receipt = story.receipt()
    assert receipt.order is not None
    order: Order = replace(receipt.order.certificate.order, **changes)  # type: ignore[arg-type]  # a test names them
    signatures = tuple(
        MemberSignature(MemberIndex(Uint32(each)), FIRST.order(each, order).signature) for each in members
    )
    return replace(receipt, order=OrderProof(OrderCertificate(order, signatures), None))


def without(receipt: Receipt, fact: Fact, count: int = 99) -> Receipt:
    """Give a receipt without the first attestations of a fact."""
    kept, dropped = [], 0
    for each in receipt.attestations:
        if each.attestation.fact is fact and dropped < count:
            dropped += 1
        else:
            kept.append(each)
    named = {each.attestation.evidence for each in kept}
    found = tuple(each for each in receipt.documents if evidence_hash(each) in named)
    return replace(receipt, attestations=tuple(kept), documents=found)


def test_a_bank_that_paid_last_settles_everything() -> None:
    """The order, its execution and the delivery of the other leg are all in the receipt."""
    report = verdict_of(executed().receipt())
    assert (report.outcome, report.state) == (Outcome.COMMIT, State.SETTLED)
    assert [(leg.is_pivot, leg.state) for leg in report.legs] == [
        (False, LegState.DELIVERED),
        (True, LegState.EXECUTED),
    ]
    assert (report.lies, report.remarks) == ((), ())
    assert f"3 members of epoch 1 let 'bank:wire' execute until {LAST_VALID}." in sentence_of(report, "order")
    assert "every leg outside the pivot HELD and the pivot's order EXECUTED" in sentence_of(report, "outcome")
    assert "1 of 1 legs outside the pivot were attested DELIVERED" in sentence_of(report, "completion")
    assert "Neither a quorum nor a bank says NEVER of the order." in sentence_of(report, "agreement")
    assert any("rests on the pivot's word" in each for each in report.limits)


def test_a_bank_that_never_pays_unwinds_everything() -> None:
    """NEVER is the cause, with the bank's own reason; the pivot's leg never moved."""
    report = verdict_of(never().receipt())
    assert (report.outcome, report.state) == (Outcome.ABORT, State.UNWOUND)
    assert [leg.state for leg in report.legs] == [LegState.RETURNED, LegState.NEVER]
    assert sentence_of(report, "outcome") == (
        "ABORT was decided. The order was attested NEVER by 3 of 4 members (the bank's reason: no-cover)."
    )


def test_a_chain_that_executed_last_settles_everything() -> None:
    """One event moves all of its legs; that its block is final is the members' word, as always."""
    report = verdict_of(executed_on_chain().receipt())
    assert report.state is State.SETTLED
    assert [leg.state for leg in report.legs] == [LegState.EXECUTED, LegState.DELIVERED]
    assert not any("pivot's word" in each for each in report.limits)


def test_an_order_that_a_chain_let_pass_is_shown_by_a_later_block() -> None:
    """That nothing was executed shows on that chain alone: the report says whose word it is."""
    report = verdict_of(never_on_chain().receipt())
    assert report.state is State.UNWOUND
    assert [leg.state for leg in report.legs] == [LegState.NEVER, LegState.RETURNED]
    assert any("The order: NEVER rests on the word of members 0, 1 and 2: no execution stood" in each
               for each in report.remarks)  # fmt: skip


def test_an_order_that_was_never_certified_can_be_never_all_the_same() -> None:
    """A chain's time may pass before a quorum has signed: NEVER stands without the order's certificate."""
    story = Story(chain_pivot(), registry=registry_of_pivots())
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD))
    story.attest(EVERY_LEG, Fact.NEVER, absence(LAST_VALID + 1), QUORUM)
    story.certify(Outcome.ABORT)
    report = verdict_of(story.receipt())
    assert sentence_of(report, "order") == "No certified order came along."
    assert report.legs[ASSET].state is LegState.NEVER


def test_an_abort_before_any_order_leaves_the_pivot_untouched() -> None:
    """Nothing is held at the pivot, so its leg needs no closing."""
    report = verdict_of(unordered().receipt())
    assert report.state is State.UNWOUND
    assert [leg.state for leg in report.legs] == [LegState.TOMBSTONED, LegState.PENDING]
    assert not any("Leg 1" in each for each in report.remarks)


def test_what_the_pivot_does_alone_is_the_end_of_it() -> None:
    """Where every leg is the pivot's there is nothing else to complete."""
    legs = (account_leg(ledger=PAYMENT_ONLY), account_leg(1, ALICE.address, ledger=PAYMENT_ONLY))
    story = Story(pivot_instruction(0, account_legs=legs), registry=registry_of_pivots())
    story.take(story.log.certify_order(story.id))
    story.attest(EVERY_LEG, Fact.EXECUTED, said_of_order(story.id, BankEvent.EXECUTED), QUORUM)
    story.certify(Outcome.COMMIT)
    report = verdict_of(story.receipt())
    assert report.state is State.SETTLED
    assert sentence_of(report, "completion") == "Every leg is the pivot's, whose word is the end of them all."
    assert sentence_of(report, "outcome").startswith("COMMIT rests on the pivot's order EXECUTED: each by")


def test_a_hold_that_its_parties_ended_under_way_is_told() -> None:
    """Once the order is out even the parties' own release changes nothing; the receipt says that they made it."""
    story = ordered()
    story.attest(ASSET, Fact.CONSENT, None)
    story.attest(EVERY_LEG, Fact.EXECUTED, said_of_order(story.id, BankEvent.EXECUTED), QUORUM)
    story.certify(Outcome.COMMIT)
    report = verdict_of(story.receipt())
    assert (report.state, report.legs[ASSET].state) == (State.SETTLED, LegState.CONSENT)
    assert "or ended by its two parties together" in report.summary
    assert any("Leg 0 was ended by its payer and payee together" in each for each in report.remarks)


WITHOUT_ORDER = Order(id_of(instruction()), PAYMENT_ONLY, UnixSeconds(Uint64(LAST_VALID)), FIRST.committee.epoch)


def test_a_hold_that_was_lost_under_way_is_owed() -> None:
    """Once the order is out a loss changes nothing: the payee is entitled, and the receipt says who owes it."""
    story = ordered()
    story.attest(ASSET, Fact.LOST, None)
    story.attest(EVERY_LEG, Fact.EXECUTED, said_of_order(story.id, BankEvent.EXECUTED), QUORUM)
    story.certify(Outcome.COMMIT)
    report = verdict_of(story.receipt())
    assert (report.state, report.legs[ASSET].state) == (State.COMMITTED, LegState.ENTITLED)
    assert any("its hold was lost; whoever holds it owes the payee" in each for each in report.remarks)


@pytest.mark.parametrize(
    ("receipt", "check", "words"),
    [
        (lambda: replace(executed().receipt(), order=None), "outcome", "no certificate of its order is there"),
        (lambda: with_order(executed(), settlement=word(5)), "order", "the order is for 0x"),
        (lambda: with_order(executed(), ledger=BANK), "order", "the order is for 'bank:first', not for 'bank:wire'"),
        (lambda: with_order(executed(), (0, 1)), "order", "2 signatures; exactly 3 are wanted"),
        (lambda: with_order(executed(), epoch=Uint64(2)), "order", "The order is of epoch 2; the receipt's rotations"),
        (lambda: with_order(executed(), epoch=Uint64(0)), "order", "The order is of epoch 0; the receipt's rotations"),
        (
            lambda: with_order(executed(), last_valid=UnixSeconds(Uint64(119))),
            "order",
            f"valid until 119; the terms allow 120 to {PREPARE_BY + 120}",
        ),
        (lambda: with_order(executed(), last_valid=UnixSeconds(Uint64(PREPARE_BY + 121))), "order", "valid until"),
        (
            lambda: without(executed().receipt(), Fact.EXECUTED, 1),
            "outcome",
            "EXECUTED by 2 of 4 members; 3 are needed",
        ),
        (lambda: without(executed().receipt(), Fact.HELD, 2), "outcome", "Leg 0 was attested HELD by 2 of 4"),
        (lambda: without(never().receipt(), Fact.NEVER, 1), "outcome", "nothing else can abort a settlement"),
        (lambda: without(never().receipt(), Fact.NEVER), "outcome", "The order was attested NEVER by 0 of 4 members"),
    ],
)
def test_what_a_pivot_needs_is_asked_for(receipt: Callable[[], Receipt], check: str, words: str) -> None:
    """Each thing that is missing or another's is refused at the check that is meant for it."""
    name, sentence = failure_of(receipt())
    assert (name, words in sentence) == (check, True), sentence


def test_an_order_without_a_pivot_is_refused() -> None:
    """Nothing may ride along that the terms do not name."""
    story = Story()
    story.take(story.log.block(cancel(story.id, ALICE, BOB)))
    story.certify(Outcome.ABORT)
    proof = OrderProof(OrderCertificate(WITHOUT_ORDER, ()), None)
    name, sentence = failure_of(replace(story.receipt(), order=proof))
    assert (name, sentence) == ("order", "An order came along, and the terms name no pivot.")


def test_an_execution_with_too_few_documents_is_refused() -> None:
    """The pivot's word must be there, not only that of members who say that it spoke."""
    story = executed()
    story.documents = [each for each in story.documents if not isinstance(each, BankReceiptDocument)]
    name, sentence = failure_of(story.receipt())
    assert name == "outcome"
    assert "attested EXECUTED by 3 of 4 members, but the documents of only 0 bear it out" in sentence


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ((ledger(PAYMENT_ONLY, LedgerClass.DIRECT, USD),), None),
        ((replace(ledger(PAYMENT_ONLY, LedgerClass.HELD, USD), is_pivot=False),), "PIVOT_UNSUPPORTED"),
        ((), "which the registry does not have as a ledger that can be one"),
    ],
)
def test_the_pivot_must_be_one_that_the_registry_has(entries: tuple[object, ...], words: str | None) -> None:
    """Whether a ledger can be the pivot is read in the configuration of the match."""
    usual = registry_of_pivots()
    others = [each for each in usual.ledgers if each.name != PAYMENT_ONLY]
    own = [replace(each, receipt_key=OTHER_KEY.public_key) for each in entries]  # type: ignore[type-var]  # entries
    changed = replace(usual, ledgers=tuple(sorted((*others, *own), key=lambda each: each.name)))  # type: ignore[type-var]
    receipt = replace(executed().receipt(), configurations=(in_order(configure(changed, 1)),))
    if words is None:
        verdict_of(receipt)
    else:
        name, sentence = failure_of(receipt)
        assert (name, words in sentence) == ("outcome", True), sentence


def test_a_window_longer_than_the_registry_allows_cannot_be_committed() -> None:
    """The bound of the configuration of the match holds for the order's time."""
    changed = registry_of_pivots(pivot_window_max_s=Uint64(1))
    _, sentence = failure_of(replace(executed().receipt(), configurations=(in_order(configure(changed, 1)),)))
    assert "PIVOT_WINDOW_TOO_LONG" in sentence


def test_a_commit_against_a_quorums_never_is_refused() -> None:
    """Both words of one order cannot be true, whatever the certificate says."""
    story = executed()
    for member in QUORUM:
        brought(story, member, Fact.NEVER, None)
    name, sentence = failure_of(story.receipt())
    assert (name, sentence) == ("agreement", "A quorum says NEVER of the order, against the certificate's COMMIT.")


def test_an_abort_against_a_quorums_execution_is_refused() -> None:
    """Where the pivot executed, nothing may go back."""
    story = Story(pivot_instruction(), registry=registry_of_pivots())
    story.take(story.log.block(cancel(story.id, ALICE, BOB)))
    story.certify(Outcome.ABORT)
    for member in QUORUM:
        brought(story, member, Fact.EXECUTED, None)
    name, sentence = failure_of(story.receipt())
    assert (name, sentence) == ("agreement", "A quorum says EXECUTED of the order, against the certificate's ABORT.")


def test_a_pivot_that_signed_the_other_word_is_shown_as_disagreement() -> None:
    """The bank's own signature against the certificate is its broken promise, even where only a liar brought it."""
    name, sentence = failure_of(
        brought(executed(), LIAR, Fact.NEVER, said_of_order(executed().id, BankEvent.NEVER)).receipt()
    )
    assert name == "agreement"
    assert "'bank:wire' signed NEVER of its order (its receipt 7), against the certificate's COMMIT" in sentence


def test_what_another_bank_says_of_the_order_counts_for_nothing() -> None:
    """Only the pivot has a word about its order; a stranger's cannot spoil the receipt, and is a lie."""
    story = executed()
    other = said_of_order(story.id, BankEvent.NEVER, ledger=BANK)
    report = verdict_of(brought(story, LIAR, Fact.NEVER, other).receipt())
    assert "its document is of ledger 'bank:first', the pivot is 'bank:wire'" in report.lies[0].sentence


def test_the_one_hidden_leg_is_the_pivots() -> None:
    """A redacted receipt hides the bank's leg; the pivot has one, so it is that."""
    story = executed()
    report = verdict_of(replace(story.receipt(), instruction=None, redacted=redact(story.terms)))
    assert report.state is State.SETTLED
    assert (report.legs[MONEY].is_pivot, report.legs[MONEY].state) == (True, LegState.EXECUTED)


def test_of_two_hidden_legs_that_without_a_hold_is_taken_for_the_pivots() -> None:
    """Nobody can tell, so nothing more is claimed than that its amount is the payee's."""
    legs = (account_leg(), account_leg(1, ledger=PAYMENT_ONLY))
    story = Story(pivot_instruction(account_legs=legs), registry=registry_of_pivots())
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD))
    story.take(story.log.certify_order(story.id))
    story.attest(EVERY_LEG, Fact.EXECUTED, said_of_order(story.id, BankEvent.EXECUTED), QUORUM)
    story.certify(Outcome.COMMIT)
    story.attest(ASSET, Fact.DELIVERED, story.said_by_vault(Delivered))
    clear = verdict_of(story.receipt())
    assert [leg.is_pivot for leg in clear.legs] == [False, False, True]
    hidden = replace(story.receipt(), instruction=None, redacted=redact(story.terms))
    report = verdict_of(hidden)
    assert [leg.state for leg in report.legs] == [LegState.DELIVERED, LegState.ENTITLED, LegState.ENTITLED]
    assert any("Leg 2 is hidden and not shown held; the log commits such a leg only as the pivot's." in each
               for each in report.remarks)  # fmt: skip
    bare = redact(story.terms, ledger=BANK)
    assert verdict_of(replace(hidden, redacted=bare)).legs[2].is_pivot
    name, sentence = failure_of(without(hidden, Fact.HELD, 6))
    assert (name, "Leg 0 was attested HELD by 0 of 4" in sentence) == ("outcome", True)


def test_a_hidden_leg_is_no_chains() -> None:
    """A vault's legs are in clear, so where the vault is the pivot a hidden leg was held like any other."""
    story = executed_on_chain()
    hidden = replace(story.receipt(), instruction=None, redacted=redact(story.terms))
    assert verdict_of(hidden).legs[MONEY].state is LegState.DELIVERED
    _, sentence = failure_of(without(hidden, Fact.HELD))
    assert "Leg 1 was attested HELD by 0 of 4" in sentence


def test_two_legs_of_one_chain_are_executed_together() -> None:
    """One chain only: both payers' tokens change hands in the pivot's one step."""
    legs = (onchain_leg(), onchain_leg(1, payer=BOB.address, payee=ALICE.address, nonce=nonce(9)))
    terms = instruction(onchain_legs=legs, account_legs=(), pivot=VAULT_NAME, pivot_window=Uint64(120))
    story = Story(terms, registry=registry_of_pivots())
    story.take(story.log.certify_order(story.id))
    story.attest(EVERY_LEG, Fact.EXECUTED, execution(story.id), QUORUM)
    story.certify(Outcome.COMMIT)
    report = verdict_of(story.receipt())
    assert [leg.state for leg in report.legs] == [LegState.EXECUTED, LegState.EXECUTED]
    assert TOKEN.hex() in report.legs[1].asset
    assert START < LAST_VALID
