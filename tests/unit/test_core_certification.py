"""Orders and batches of decisions are signed as decisions are: only what the log shows, once, to exactly a quorum."""

from dataclasses import replace

import pytest

from interlock.core.committee import FIRST_EPOCH, Epoch
from interlock.core.decision import BatchCertificate, Decision, Outcome, batch_of
from interlock.core.instruction import SettlementId
from interlock.core.order import Order
from interlock.core.rejection import Reason
from interlock.core.settlement import State
from interlock.encoding.values import Height, Uint64, UnixSeconds
from interlock.evidence.certificate import certificate_fault, order_certificate_fault
from support.log import Log, Stage, at, terms_at
from support.world import (
    BOB,
    COMMITTEE,
    NETWORK,
    PAYMENT_ONLY,
    PIVOT_WINDOW_S,
    QUORUM,
    START,
    cancel,
    certify,
    id_of,
    instruction,
    registry,
    sign_decisions,
    signed_batch,
    signed_decision,
    signed_order,
    word,
)

ORDER = Order(id_of(terms_at(Stage.PIVOTING)), PAYMENT_ONLY, UnixSeconds(Uint64(START + PIVOT_WINDOW_S)), FIRST_EPOCH)
"""The order that the log fixes for a settlement with a pivot."""
LATER = UnixSeconds(Uint64(ORDER.last_valid + 1))
NEXT_EPOCH = Epoch(Uint64(2))
UNKNOWN = SettlementId(word(5))

REFUSED = {
    "until another time": (Stage.PIVOTING, replace(ORDER, last_valid=LATER), Reason.OTHER_ORDER),
    "to another ledger": (Stage.PIVOTING, replace(ORDER, ledger="bank:first"), Reason.OTHER_ORDER),
    "in another epoch": (Stage.PIVOTING, replace(ORDER, epoch=NEXT_EPOCH), Reason.WRONG_EPOCH),
    "in another epoch, to another ledger": (
        Stage.PIVOTING,
        replace(ORDER, epoch=NEXT_EPOCH, ledger="bank:first"),
        Reason.WRONG_EPOCH,
    ),
    "certified already": (Stage.ORDERED, ORDER, Reason.NOTHING_NEW),
    "until another time, certified already": (Stage.ORDERED, replace(ORDER, last_valid=LATER), Reason.OTHER_ORDER),
    "executed already": (Stage.EXECUTED, ORDER, Reason.NOTHING_NEW),
    "never executed": (Stage.NEVER, ORDER, Reason.NOTHING_NEW),
    "without a pivot": (
        Stage.COMMITTED,
        replace(ORDER, settlement=id_of(terms_at(Stage.COMMITTED))),
        Reason.NOT_ORDERED,
    ),
    "of nothing": (Stage.PIVOTING, replace(ORDER, settlement=UNKNOWN), Reason.SETTLEMENT_UNKNOWN),
    "of nothing, in another epoch": (
        Stage.PIVOTING,
        replace(ORDER, settlement=UNKNOWN, epoch=NEXT_EPOCH),
        Reason.WRONG_EPOCH,
    ),
    "after the end": (
        Stage.SETTLED,
        replace(ORDER, settlement=id_of(terms_at(Stage.SETTLED))),
        Reason.ALREADY_DECIDED,
    ),
}


@pytest.mark.parametrize(("stage", "order", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_signature_of_another_order_is_rejected(stage: Stage, order: Order, reason: Reason) -> None:
    """Only the log's own order, while the pivot waits for it, in the present epoch; nothing is kept of another."""
    log, _ = at(stage)
    before = log.kept()
    assert log.block(certify(3, log.anchor, signed_order(3, order))).reasons == [reason]
    assert log.kept() == before


def test_the_order_says_until_when_and_a_quorum_certifies_it() -> None:
    """The pivot has its window from the block that held the last leg; q - 1 signatures are no certificate."""
    log, id_ = at(Stage.PIVOTING)
    assert log[id_].order == ORDER
    log.certify_order(id_, [3, 1])
    assert log[id_].order_certificate is None
    assert log.certify_order(id_, [1]).reasons == [Reason.NOTHING_NEW]
    log.certify_order(id_, [0])
    certificate = log[id_].order_certificate
    assert certificate is not None
    assert [each.member for each in certificate.signatures] == [0, 1, 3]
    assert order_certificate_fault(NETWORK, COMMITTEE, certificate, settlement=id_, ledger=PAYMENT_ONLY) is None
    assert log[id_].state is State.PIVOTING


def test_a_decision_is_not_signed_before_the_pivots_word() -> None:
    """With the order out neither outcome is decided, and signatures of either are refused."""
    for stage in (Stage.PIVOTING, Stage.ORDERED):
        for outcome in Outcome:
            log, id_ = at(stage)
            assert log.certify(id_, outcome).reasons == [Reason.NOT_DECIDED] * 3


def aborted(count: int, *, batch_min: int) -> tuple[Log, list[SettlementId]]:
    """Give a log whose newest block aborts so many settlements."""
    log = Log(registry=registry(batch_min=batch_min))
    ids = [log.instruct(instruction(0, 1, salt=salt + 1), BOB) for salt in range(count)]
    log.block(*(cancel(each, BOB) for each in ids))
    return log, ids


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_quorum_under_a_batch_certifies_each_of_its_decisions(count: int) -> None:
    """Every decision of the block has a certificate of its own, which proves it to whoever knows the committee."""
    log, ids = aborted(count, batch_min=2)
    (ballot,) = log.replica.ballots.batches.values()
    assert ballot.batch == batch_of(ballot.decisions, FIRST_EPOCH, log.replica.height)
    assert [each.settlement for each in ballot.decisions] == sorted(ids)
    signed = log.block(*(certify(each, log.anchor, signed_batch(each, ballot.batch)) for each in QUORUM[:2]))
    assert (signed.reasons, log.signers(ids[0])) == ([], [0, 1])
    repeated = certify(1, log.anchor, signed_batch(1, ballot.batch))
    assert log.block(repeated).reasons == [Reason.NOTHING_NEW]
    log.block(certify(3, log.anchor, signed_batch(3, ballot.batch)))
    for id_ in ids:
        ended = log.replica.settlements[id_]
        assert isinstance(ended.certificate, BatchCertificate)
        assert certificate_fault(NETWORK, COMMITTEE, ended.certificate, settlement=id_, outcome=Outcome.ABORT) is None
    assert log.replica.ballots.batches == {}
    late = certify(2, log.anchor, signed_batch(2, ballot.batch))
    assert log.block(late).reasons == [Reason.OTHER_BATCH]


def test_a_batch_that_nobody_waits_for_is_rejected() -> None:
    """Another root, height or epoch than the log's own is another batch; the lower number first."""
    log, _ = aborted(2, batch_min=2)
    (ballot,) = log.replica.ballots.batches.values()
    before = log.kept()
    for wrong, reason in (
        (replace(ballot.batch, root=word(1)), Reason.OTHER_BATCH),
        (replace(ballot.batch, height=Height(Uint64(1))), Reason.OTHER_BATCH),
        (replace(ballot.batch, epoch=NEXT_EPOCH), Reason.WRONG_EPOCH),
    ):
        assert log.block(certify(0, log.anchor, signed_batch(0, wrong))).reasons == [reason]
        assert log.kept() == before


@pytest.mark.parametrize("batch_min", [0, 3])
def test_too_few_decisions_make_no_batch(batch_min: int) -> None:
    """Below the registry's number, or where it says 0, each decision is signed on its own."""
    log, ids = aborted(2, batch_min=batch_min)
    assert log.replica.ballots.batches == {}
    assert log.certify(ids[0], Outcome.ABORT).reasons == []
    assert log[ids[0]].certificate is not None
    assert log[ids[1]].certificate is None


def test_a_decision_of_a_batch_may_be_certified_alone_first() -> None:
    """Either form will do; the first certificate stays, and the batch goes on for the others."""
    log, ids = aborted(2, batch_min=2)
    (ballot,) = log.replica.ballots.batches.values()
    log.certify(ids[0], Outcome.ABORT)
    alone = log[ids[0]].certificate
    assert alone is not None
    log.block(*(certify(each, log.anchor, signed_batch(each, ballot.batch)) for each in QUORUM))
    assert log[ids[0]].certificate == alone
    assert isinstance(log[ids[1]].certificate, BatchCertificate)


def test_one_entry_may_sign_a_decision_a_batch_and_an_order() -> None:
    """Each is judged alone, in this order, and a bad one does not spoil the others."""
    log, id_ = at(Stage.PIVOTING)
    order = log[id_].order
    assert order is not None
    decided = log.instruct(instruction(0, 1, salt=9), BOB)
    log.block(cancel(decided, BOB))
    unknown = batch_of([Decision(UNKNOWN, Outcome.ABORT, FIRST_EPOCH)], FIRST_EPOCH, log.replica.height)
    statements = (signed_decision(0, decided, Outcome.ABORT), signed_batch(0, unknown), signed_order(0, order))
    assert log.block(certify(0, log.anchor, *statements)).reasons == [Reason.OTHER_BATCH]
    assert (log.signers(decided), log.signers(id_)) == ([0], [0])
    assert log.block(sign_decisions(0, log.anchor, statements[0])).reasons == [Reason.NOTHING_NEW]
