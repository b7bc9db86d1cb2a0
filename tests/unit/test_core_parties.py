"""What parties bring: signatures in any order, strangers' signatures, withdrawals before and after the match."""

from itertools import permutations

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import RedactedInstruction, redact
from interlock.core.rejection import Reason
from interlock.core.settlement import Cause, State
from support.log import LATE, Log, Stage, at
from support.world import (
    ALICE,
    BOB,
    CAROL,
    STRANGER,
    Key,
    account_leg,
    cancel,
    id_of,
    instruct,
    instruction,
    sign,
)

THREE = instruction(account_legs=(account_leg(), account_leg(1, signer=CAROL.address)))
"""Alice, Bob and Carol must sign."""


@pytest.mark.parametrize("order", [*permutations((ALICE, BOB, CAROL))])
def test_signatures_come_in_any_order(order: tuple[Key, Key, Key]) -> None:
    """Whoever signs last matches, and the settlement is the same."""
    log = Log()
    id_ = log.instruct(THREE, order[0])
    assert log.block(sign(id_, order[1])).reasons == []
    assert log[id_].state is State.ALLEGED
    assert log.block(instruct(THREE, order[2])).reasons == []
    assert log[id_].state is State.PREPARING
    assert [each.signer for each in log[id_].signatures] == sorted(each.address for each in order)


def test_all_signatures_may_come_at_once() -> None:
    """One entry can bring everything."""
    log = Log()
    assert log[log.instruct(THREE, CAROL, ALICE, BOB)].state is State.PREPARING


def test_a_strangers_signature_among_good_ones_is_dropped() -> None:
    """It is neither needed nor harmful, and is not kept."""
    log = Log()
    id_ = log.instruct(instruction(), STRANGER, ALICE)
    assert [each.signer for each in log[id_].signatures] == [ALICE.address]
    assert log.block(sign(id_, BOB, STRANGER)).reasons == []
    assert log[id_].state is State.PREPARING


def test_a_stranger_alone_is_told_so() -> None:
    """Nobody whose consent is not needed can instruct or sign, whether the settlement is known or not."""
    log = Log()
    assert log.block(instruct(instruction(), STRANGER)).reasons == [Reason.SIGNER_NOT_REQUIRED]
    id_ = log.instruct(instruction(), ALICE)
    assert log.block(sign(id_, STRANGER)).reasons == [Reason.SIGNER_NOT_REQUIRED]
    assert log.block(instruct(instruction(), STRANGER)).reasons == [Reason.SIGNER_NOT_REQUIRED]


def test_a_stranger_may_bring_terms_that_are_missing() -> None:
    """Anyone who knows the terms of a known settlement can bring them: the id proves them."""
    log = Log()
    log.block(instruct(redact(instruction()), ALICE, BOB))
    assert log.block(instruct(instruction(), STRANGER)).reasons == []
    assert log[id_of(instruction())].state is State.PREPARING


def test_the_same_again_is_nothing_new() -> None:
    """A doubled entry changes nothing, at any stage before the end."""
    log = Log()
    id_ = log.instruct(instruction(), ALICE)
    for entry in (instruct(instruction(), ALICE), sign(id_, ALICE), instruct(redact(instruction()), ALICE)):
        assert log.block(entry).reasons == [Reason.NOTHING_NEW]
    log.block(sign(id_, BOB))
    assert log.block(sign(id_, BOB, ALICE)).reasons == [Reason.NOTHING_NEW]
    log.vote(id_, Fact.HELD)
    assert log.block(sign(id_, ALICE)).reasons == [Reason.NOTHING_NEW]


def test_an_unknown_settlement_cannot_be_signed() -> None:
    """A signature without terms needs a settlement that the log knows."""
    assert Log().block(sign(id_of(instruction()), ALICE)).reasons == [Reason.SETTLEMENT_UNKNOWN]


def test_signatures_after_an_abort_are_kept_and_change_no_decision() -> None:
    """Who consented is part of the record; the decision is absorbing."""
    log, id_ = at(Stage.ALLEGED)
    log.block(cancel(id_, ALICE))
    decision = log[id_].decision
    assert log.block(sign(id_, BOB)).reasons == []
    assert (log[id_].state, log[id_].decision, len(log[id_].signatures)) == (State.ABORTED, decision, 2)


@pytest.mark.parametrize("key", [ALICE, BOB], ids=["who signed", "who has not"])
def test_before_the_match_one_signer_cancels(key: Key) -> None:
    """Any one whose consent is needed withdraws it, whether he has given it or not."""
    log, id_ = at(Stage.ALLEGED)
    assert log.block(cancel(id_, key)).reasons == []
    assert (log[id_].state, log[id_].cause) == (State.ABORTED, Cause.CANCELLED)


def test_after_the_match_all_must_cancel() -> None:
    """One-sided withdrawals are kept but abort nothing until the last one comes."""
    log = Log()
    id_ = log.instruct(THREE)
    for key in (CAROL, ALICE):
        assert log.block(cancel(id_, key)).reasons == []
        assert log[id_].state is State.PREPARING
    assert log.block(cancel(id_, BOB)).reasons == []
    assert (log[id_].state, log[id_].cause) == (State.ABORTED, Cause.CANCELLED)


def test_one_sided_withdrawals_do_not_stop_a_commit() -> None:
    """A party that regrets alone is bound."""
    log, id_ = at(Stage.ONE_HELD)
    log.block(cancel(id_, ALICE))
    log.vote(id_, Fact.HELD, [1])
    assert log[id_].state is State.COMMITTED


def test_a_cancel_before_its_instruction_is_kept() -> None:
    """The id is recorded as ABORTED from the redacted terms, and the instruction cannot come to life later."""
    log = Log()
    id_ = id_of(instruction())
    assert log.block(cancel(id_, BOB, redacted=redact(instruction()))).reasons == []
    assert (log[id_].state, log[id_].cause) == (State.ABORTED, Cause.CANCELLED)
    assert log.block(instruct(instruction(), ALICE, BOB)).reasons == []
    assert log[id_].state is State.ABORTED
    assert log[id_].terms == instruction()


def test_a_cancel_that_comes_too_late_for_its_time_is_recorded_too() -> None:
    """Time is tested before withdrawals, and either aborts."""
    log = Log()
    id_ = id_of(instruction())
    assert log.block(cancel(id_, BOB, redacted=redact(instruction())), time=LATE).reasons == []
    assert log[id_].cause is Cause.PREPARE_BY_PASSED


REDACTED = redact(instruction())
CANCEL_REFUSED = {
    "unknown, without terms": (None, [ALICE], None, Reason.SETTLEMENT_UNKNOWN),
    "unknown, by a stranger": (None, [STRANGER], REDACTED, Reason.SIGNER_NOT_REQUIRED),
    "known, by a stranger": (Stage.ALLEGED, [STRANGER], None, Reason.SIGNER_NOT_REQUIRED),
    "decided, by a stranger": (Stage.COMMITTED, [STRANGER], None, Reason.SIGNER_NOT_REQUIRED),
    "committed": (Stage.COMMITTED, [ALICE, BOB], None, Reason.ALREADY_DECIDED),
    "delivered": (Stage.ONE_DELIVERED, [ALICE, BOB], None, Reason.ALREADY_DECIDED),
    "settled": (Stage.SETTLED, [ALICE], REDACTED, Reason.ALREADY_DECIDED),
    "unwound": (Stage.UNWOUND, [ALICE], REDACTED, Reason.ALREADY_DECIDED),
    "aborted by the same": (Stage.ABORTED, [ALICE, BOB], None, Reason.NOTHING_NEW),
}


@pytest.mark.parametrize(("stage", "keys", "with_terms", "reason"), CANCEL_REFUSED.values(), ids=CANCEL_REFUSED.keys())
def test_a_cancel_that_cannot_count_is_rejected(
    stage: Stage | None,
    keys: list[Key],
    with_terms: RedactedInstruction | None,
    reason: Reason,
) -> None:
    """Nobody but the signers cancels, nothing that is decided, and nothing twice: the lowest number is given."""
    log, id_ = (Log(), id_of(instruction())) if stage is None else at(stage)
    before = log.kept()
    entry = cancel(id_, *keys, redacted=with_terms)
    assert log.block(entry).reasons == [reason]
    assert log.kept() == before


def test_the_same_withdrawal_again_is_nothing_new() -> None:
    """A party withdraws once."""
    log, id_ = at(Stage.PREPARING)
    assert log.block(cancel(id_, ALICE)).reasons == []
    assert log.block(cancel(id_, ALICE)).reasons == [Reason.NOTHING_NEW]


def test_an_instruction_that_ended_cannot_come_back() -> None:
    """An archived id answers the same to whoever brings it again."""
    for stage in (Stage.SETTLED, Stage.UNWOUND):
        log, id_ = at(stage)
        for entry in (instruct(instruction(), ALICE, BOB), sign(id_, ALICE)):
            assert log.block(entry).reasons == [Reason.ALREADY_DECIDED]
        assert id_ not in log.replica.settlements


def test_a_contract_wallets_own_call_is_its_consent() -> None:
    """A quorum that saw it counts as the signature, and matches where it was the last one missing; fewer do not."""
    log = Log()
    id_ = log.instruct(instruction(), BOB)
    log.vote(id_, Fact.SIGNED, [0], [0, 1])
    assert (log[id_].state, log[id_].unsigned) == (State.ALLEGED, (ALICE.address,))
    log.vote(id_, Fact.SIGNED, [0], [2])
    assert (log[id_].state, log[id_].consents, log[id_].unsigned) == (State.PREPARING, (ALICE.address,), ())
    assert [each.signer for each in log[id_].signatures] == [BOB.address]


def test_a_wallets_consent_is_for_all_of_its_legs() -> None:
    """One payer of two legs consents once, as it would sign once."""
    log = Log()
    id_ = log.instruct(instruction(2, 1), BOB)
    log.vote(id_, Fact.SIGNED, [1])
    assert log[id_].state is State.PREPARING


def test_a_wallets_consent_matches_no_hidden_terms() -> None:
    """All have consented to what the log cannot read; the terms match it."""
    log, terms = Log(), instruction()
    log.block(instruct(redact(terms), BOB))
    log.vote(id_of(terms), Fact.SIGNED, [0])
    assert log[id_of(terms)].state is State.ALLEGED
    assert log.block(instruct(terms, BOB)).reasons == []
    assert log[id_of(terms)].state is State.PREPARING


@pytest.mark.parametrize(
    ("stage", "leg"),
    [(Stage.ALLEGED, 1), (Stage.PREPARING, 0), (Stage.COMMITTED, 0), (Stage.ABORTED, 0), (Stage.ORDERED, 0)],
)
def test_consent_by_a_call_is_for_legs_on_chain_before_the_match(stage: Stage, leg: int) -> None:
    """A bank's customer signs, and once it is matched nobody's consent is looked for."""
    log, id_ = at(stage)
    assert log.vote(id_, Fact.SIGNED, [leg]).reasons == [Reason.FACT_OUT_OF_ORDER] * 3


def test_a_consent_that_comes_at_a_bad_moment_is_kept() -> None:
    """What a ledger shows cannot be brought again: with the next signature at a better moment it matches."""
    log = Log()
    waiting = log.instruct(instruction(salt=2), BOB)
    first = log.instruct(instruction())
    log.vote(waiting, Fact.SIGNED, [0])
    assert (log[waiting].state, log[waiting].unsigned) == (State.ALLEGED, ())
    assert log.block(sign(waiting, BOB)).reasons == [Reason.LANE_LIVE]
    log.block(cancel(first, ALICE, BOB))
    log.certify(first, Outcome.ABORT)
    log.vote(first, Fact.RETURNED)
    assert log.block(sign(waiting, STRANGER)).reasons == [Reason.SIGNER_NOT_REQUIRED]
    assert log.block(sign(waiting, BOB)).reasons == []
    assert log[waiting].state is State.PREPARING
