"""What a new epoch takes over: what stood stands, what did not begins again, and what was decided is signed anew."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import BatchCertificate, Outcome
from interlock.core.effects import outstanding
from interlock.core.instruction import SettlementId
from interlock.core.leg import LegState
from interlock.core.limits import EVERY_LEG
from interlock.core.order import Order
from interlock.core.rejection import Reason
from interlock.core.settlement import Cause, State
from interlock.evidence.certificate import certificate_fault, order_certificate_fault
from support.log import LATE, Stage, terms_at
from support.protocol import FIRST, FOUR, SEVEN, Council, Network, undoored
from support.world import (
    ALICE,
    BOB,
    NETWORK,
    NODES,
    PAYMENT_ONLY,
    PIVOT_WINDOW_S,
    PREPARE_BY,
    START,
    Key,
    cancel,
    configure,
    instruction,
    pivot_instruction,
    registry,
    word,
)

SECOND = FIRST.followed_by(*FOUR)

WAY: dict[Stage, tuple[Callable[[Network, SettlementId], object], ...]] = {
    Stage.ALLEGED: (),
    Stage.PREPARING: (),
    Stage.ONE_HELD: (lambda net, id_: net.vote(id_, Fact.HELD, [0]),),
    Stage.COMMITTED: (lambda net, id_: net.vote(id_, Fact.HELD),),
    Stage.ABORTED: (lambda net, id_: net.block(cancel(id_, ALICE, BOB)),),
    Stage.PIVOTING: (lambda net, id_: net.vote(id_, Fact.HELD, [0]),),
    Stage.ORDERED: (lambda net, id_: net.vote(id_, Fact.HELD, [0]), lambda net, id_: net.certify_order(id_)),
    Stage.EXECUTED: (
        lambda net, id_: net.vote(id_, Fact.HELD, [0]),
        lambda net, id_: net.certify_order(id_),
        lambda net, id_: net.vote(id_, Fact.EXECUTED, [EVERY_LEG]),
    ),
}


def reached(stage: Stage) -> tuple[Network, SettlementId]:
    """Give a log under its first council and the id of its settlement, which is at this stage."""
    net, terms = Network(), terms_at(stage)
    id_ = net.instruct(terms, *((ALICE,) if stage is Stage.ALLEGED else ()))
    for step in WAY[stage]:
        step(net, id_)
    return net, id_


@pytest.mark.parametrize("stage", WAY)
def test_a_rotation_changes_nothing_but_who_signs(stage: Stage) -> None:
    """State, legs, facts, times and causes stay; only the epoch of decision and order, and their proofs, change."""
    net, id_ = reached(stage)
    before = net[id_]
    net.rotate(*FOUR)
    after = net[id_]
    decision = before.decision and replace(before.decision, epoch=SECOND.committee.epoch)
    order = before.order
    if order is not None and before.state is State.PIVOTING:
        order = replace(order, epoch=SECOND.committee.epoch)
    certified = before.order_certificate if before.state is not State.PIVOTING else None
    assert after == replace(
        before, decision=decision, order=order, order_certificate=certified, certificate=None, batch=None
    )
    assert net.kept()[1:] == ((), (), ())


@pytest.mark.parametrize("stage", [Stage.COMMITTED, Stage.ABORTED, Stage.PIVOTING, Stage.EXECUTED])
def test_nothing_is_signed_while_a_rotation_is_pending(stage: Stage) -> None:
    """Decisions and orders wait for the next committee; they are asked of it at once."""
    net, id_ = reached(stage)
    wanted = outstanding(net[id_])
    assert len(wanted) == 1
    net.name(*FOUR)
    assert net.replica.is_handing_over
    assert outstanding(net[id_], is_handing_over=net.replica.is_handing_over) == ()
    net.sign_rotation()
    assert outstanding(net[id_], is_handing_over=net.replica.is_handing_over) == wanted


def test_what_was_signed_before_still_counts_while_it_is_pending() -> None:
    """A signature that was on its way when the successors were named may complete its certificate in that epoch."""
    net, id_ = reached(Stage.COMMITTED)
    net.certify(id_, Outcome.COMMIT, [0, 1])
    net.name(*FOUR)
    assert net.certify(id_, Outcome.COMMIT, [2]).reasons == []
    assert net.proves(net[id_].certificate, id_, Outcome.COMMIT)


@pytest.mark.parametrize(("old", "new", "is_held"), [(2, 1, False), (2, 2, False), (0, 3, True), (2, 3, True)])
def test_unfinished_counts_begin_again(old: int, new: int, is_held: bool) -> None:  # noqa: FBT001 - a table's column
    """Votes of two epochs never add up to one quorum."""
    net, id_ = reached(Stage.PREPARING)
    net.vote(id_, Fact.HELD, [0], range(old))
    net.rotate(*FOUR)
    net.vote(id_, Fact.HELD, [0], range(new))
    assert (net[id_].legs[0].state is LegState.HELD) is is_held
    assert net.members(id_, 0, Fact.HELD) == (1 << new) - 1


def test_what_stood_stands_and_is_not_counted_twice() -> None:
    """A hold that the old committee saw needs no second look; the new one's word about it changes nothing."""
    net, id_ = reached(Stage.ONE_HELD)
    net.rotate(*FOUR)
    again = net.vote(id_, Fact.HELD, [0])
    assert (again.reasons, again.applied.changes) == ([], [])
    net.vote(id_, Fact.HELD, [1])
    assert net[id_].state is State.COMMITTED


def test_the_first_answer_about_a_condition_outlives_its_committee() -> None:
    """MET of one epoch stands in the next, whose MET adds nothing and whose UNMET comes too late."""
    net = Network()
    id_ = net.instruct(instruction(conditions=word(1)))
    net.vote(id_, Fact.MET, [EVERY_LEG])
    net.rotate(*FOUR)
    for fact in (Fact.MET, Fact.UNMET):
        ordered = net.vote(id_, fact, [EVERY_LEG])
        assert (ordered.reasons, ordered.applied.changes) == ([], [])
    net.vote(id_, Fact.HELD)
    assert net[id_].state is State.COMMITTED


def test_the_epoch_changes_at_the_end_of_the_block() -> None:
    """One committee reigns over every entry of a block, also after the signature that ends its office."""
    net, id_ = reached(Stage.PREPARING)
    net.name(*FOUR)
    pending, anchor = net.replica.pending, net.anchor
    assert pending is not None
    old = [FIRST.attest(each, anchor, FIRST.attestation(each, id_, 0, Fact.HELD)) for each in FIRST.quorum]
    new = SECOND.attest(0, anchor, SECOND.attestation(0, id_, 1, Fact.HELD))
    signed = [FIRST.hand_over(each, pending.rotation) for each in FIRST.quorum]
    ordered = net.block(*signed, new, *old)
    assert ordered.reasons == [Reason.SIGNATURE_INVALID]
    assert net[id_].legs[0].state is LegState.HELD
    assert net.replica.committee == SECOND.committee
    assert net.block(*old, new).reasons == [Reason.SIGNATURE_INVALID] * 3
    assert net.members(id_, 1, Fact.HELD) == 1


def test_a_batch_of_statements_made_just_before_the_rotation_is_late() -> None:
    """A member that stays in office says it again in the new epoch; its old statement is refused by its epoch."""
    net, id_ = reached(Stage.COMMITTED)
    net.rotate(*NODES)
    second = net.council
    late = FIRST.attestation(0, id_, 0, Fact.DELIVERED), FIRST.decision(0, id_, Outcome.COMMIT)
    assert net.block(second.attest(0, net.anchor, late[0])).reasons == [Reason.WRONG_EPOCH]
    assert net.block(second.certify(0, net.anchor, late[1])).reasons == [Reason.WRONG_EPOCH]
    assert net.certify(id_, Outcome.COMMIT).reasons == []
    assert net.proves(net[id_].certificate, id_, Outcome.COMMIT)


@pytest.mark.parametrize(("stage", "outcome"), [(Stage.COMMITTED, Outcome.COMMIT), (Stage.ABORTED, Outcome.ABORT)])
@pytest.mark.parametrize("signed", [0, 2, 3])
@pytest.mark.parametrize("keys", [FOUR, SEVEN, FOUR[:1]], ids=["four", "seven", "one"])
def test_a_decision_is_signed_again_in_the_new_epoch(
    stage: Stage, outcome: Outcome, signed: int, keys: tuple[Key, ...]
) -> None:
    """Certified before or not: the new committee's own quorum makes a certificate that its own members prove."""
    net, id_ = reached(stage)
    net.certify(id_, outcome, range(signed))
    old = net[id_].certificate
    assert (old is not None) is (signed == 3)
    net.rotate(*keys)
    quorum = net.council.committee.quorum
    assert net[id_].certificate is None
    assert net.signers(id_) == []
    net.certify(id_, outcome, range(quorum - 1))
    assert net[id_].certificate is None
    net.certify(id_, outcome, [len(keys) - 1])
    new = net[id_].certificate
    assert new is not None
    assert len(new.signatures) == quorum
    assert net.proves(new, id_, outcome)
    if old is not None:
        assert not net.proves(old, id_, outcome)
        assert certificate_fault(NETWORK, FIRST.committee, old, settlement=id_, outcome=outcome) is None


def test_the_other_outcome_is_not_signed_by_any_epoch() -> None:
    """A new committee takes on the decision as it is."""
    net, id_ = reached(Stage.ABORTED)
    net.rotate(*FOUR)
    assert net.certify(id_, Outcome.COMMIT).reasons == [Reason.OTHER_OUTCOME] * 3


@pytest.mark.parametrize("later_s", [0, 10 * PIVOT_WINDOW_S])
@pytest.mark.parametrize("signed", [0, 2, 3])
def test_an_order_is_the_same_in_every_epoch(signed: int, later_s: int) -> None:
    """Same ledger, same last-valid time, also when that has passed: the pivot must be able to say what became of it."""
    net, id_ = reached(Stage.PIVOTING)
    first = net[id_].order
    assert first is not None
    net.certify_order(id_, range(signed))
    net.block(time=START + later_s)
    for keys in (FOUR, SEVEN):
        net.rotate(*keys)
        order = net[id_].order
        assert order == Order(id_, PAYMENT_ONLY, first.last_valid, net.council.committee.epoch)
        assert order.is_same_as(first)
        assert net[id_].order_certificate is None
        net.certify_order(id_)
        certificate = net[id_].order_certificate
        assert certificate is not None
        committee = net.council.committee
        assert order_certificate_fault(NETWORK, committee, certificate, settlement=id_, ledger=PAYMENT_ONLY) is None
    stale = net.council.order(0, first)
    assert net.block(net.council.certify(0, net.anchor, stale)).reasons == [Reason.WRONG_EPOCH]
    net.vote(id_, Fact.EXECUTED, [EVERY_LEG])
    assert (net[id_].state, net[id_].cause) == (State.COMMITTED, Cause.PIVOT_EXECUTED)


@pytest.mark.parametrize(("word_", "outcome"), [(Fact.EXECUTED, Outcome.COMMIT), (Fact.NEVER, Outcome.ABORT)])
def test_the_pivots_word_counts_within_one_epoch(word_: Fact, outcome: Outcome) -> None:
    """Two who saw it before the rotation and one after are no quorum; three of the new epoch decide."""
    net, id_ = reached(Stage.ORDERED)
    net.vote(id_, word_, [EVERY_LEG], [0, 1])
    net.rotate(*FOUR)
    net.vote(id_, word_, [EVERY_LEG], [2])
    assert net[id_].state is State.PIVOTING
    net.vote(id_, word_, [EVERY_LEG], [0, 1])
    assert net.certify(id_, outcome).reasons == []
    assert net.proves(net[id_].certificate, id_, outcome)


def test_batches_are_dropped_and_formed_anew() -> None:
    """What waits for its signature, or had it, is signed as one by the new committee, at the block of its office."""
    net = Network(wanted=registry(batch_min=2))
    ids = sorted(net.instruct(instruction(0, 1, salt=salt)) for salt in range(1, 6))
    net.block(cancel(ids[0], BOB), cancel(ids[1], BOB))
    net.certify_batches()
    net.block(cancel(ids[2], BOB), cancel(ids[3], BOB))
    net.certify_batches([0, 1])
    (old,) = [each.batch for each in net.replica.ballots.batches.values()]
    net.rotate(*FOUR)
    (ballot,) = net.replica.ballots.batches.values()
    assert [each.settlement for each in ballot.decisions] == ids[:4]
    assert (ballot.batch.epoch, ballot.batch.height, ballot.signatures) == (2, net.replica.height, ())
    assert [net[each].batch for each in ids] == [ballot.batch.root] * 4 + [None]
    assert net.block(SECOND.certify(2, net.anchor, SECOND.batch(2, old))).reasons == [Reason.WRONG_EPOCH]
    assert net.certify_batches([0, 1, 3]).reasons == []
    for id_ in ids[:4]:
        assert isinstance(net[id_].certificate, BatchCertificate)
        assert net.proves(net[id_].certificate, id_, Outcome.ABORT)


@pytest.mark.parametrize(("batch_min", "is_batched"), [(0, False), (2, True), (3, False)])
def test_a_rotation_batches_where_there_are_enough(batch_min: int, is_batched: bool) -> None:  # noqa: FBT001 - a column
    """The registry's number is asked of all that is open and decided, not of the block alone."""
    net = Network(wanted=registry(batch_min=batch_min))
    ids = [net.instruct(instruction(0, 1, salt=salt)) for salt in (1, 2)]
    for id_ in ids:
        net.block(cancel(id_, BOB))
    assert net.replica.ballots.batches == {}
    net.rotate(*FOUR)
    assert [net[each].batch is not None for each in ids] == [is_batched] * 2


def test_the_log_of_decisions_has_each_once_whoever_signs() -> None:
    """A decision that another epoch signs again is no new leaf."""
    net, id_ = reached(Stage.EXECUTED)
    decisions = net.replica.decisions
    assert decisions.size == 2
    net.rotate(*FOUR)
    net.certify(id_, Outcome.COMMIT)
    net.rotate(*SEVEN)
    assert net.replica.decisions == decisions
    assert net.replica.rotations[0].rotation.decisions_root == decisions.root
    assert net.replica.rotations[1].rotation.decisions_root == decisions.root


def test_what_ended_is_not_signed_again() -> None:
    """A settlement that had its proof and its end before the rotation concerns no later committee."""
    net, id_ = reached(Stage.COMMITTED)
    net.certify(id_, Outcome.COMMIT)
    net.vote(id_, Fact.DELIVERED)
    before = net.ended(id_)
    net.rotate(*FOUR)
    assert net.ended(id_) == before
    assert net.replica.settlements == {}


def test_a_settlement_lives_through_epochs_of_every_size() -> None:
    """Four hold one leg, seven the other, one alone certifies and sees the end."""
    net, id_ = reached(Stage.PREPARING)
    net.vote(id_, Fact.HELD, [0])
    net.rotate(*SEVEN)
    net.vote(id_, Fact.HELD, [1], range(4))
    assert net[id_].state is State.PREPARING
    net.vote(id_, Fact.HELD, [1], [6])
    assert net[id_].state is State.COMMITTED
    net.rotate(FOUR[0])
    net.certify(id_, Outcome.COMMIT)
    net.vote(id_, Fact.DELIVERED)
    assert net.ended(id_).state is State.SETTLED


def test_time_runs_on_through_a_rotation() -> None:
    """The deadline is the log's, and aborts under whichever committee; the new one signs it."""
    net, id_ = reached(Stage.ONE_HELD)
    net.name(*FOUR)
    net.block(time=PREPARE_BY)
    net.sign_rotation()
    net.block(time=LATE)
    assert (net[id_].state, net[id_].cause) == (State.ABORTED, Cause.PREPARE_BY_PASSED)
    decision = net[id_].decision
    assert decision is not None
    assert decision.epoch == 2


def test_a_registry_is_put_in_force_by_the_committee_in_office() -> None:
    """Sequences rise through the epochs; the old committee's word is past."""
    net = Network()
    net.rotate(*FOUR)
    assert net.block(configure(registry(), 2)).reasons == [Reason.QUORUM_MISSING]
    assert undoored(net.replica, SECOND.configure(registry(), 2, (0, 1))) == [Reason.QUORUM_MISSING]
    assert net.block(FIRST.followed_by(*NODES).configure(registry(), 2)).reasons == [Reason.QUORUM_MISSING]
    assert net.block(Council(1, FOUR).configure(registry(), 2)).reasons == [Reason.WRONG_EPOCH]
    assert net.block(SECOND.configure(registry(), 1)).reasons == [Reason.SEQUENCE_NOT_RISING]
    assert net.block(SECOND.configure(registry(), 2)).reasons == []


def test_replicas_rotate_alike() -> None:
    """Two replicas of one log have the same state in every epoch, byte for byte."""
    net = Network(replicas=2)
    id_ = net.instruct(pivot_instruction())
    net.vote(id_, Fact.HELD, [0])
    one, other = net.replicas
    for keys in (FOUR, SEVEN, NODES):
        net.certify_order(id_, [0, 1])
        net.rotate(*keys)
        assert one.state_hash() == other.state_hash()
        assert one.snapshot() == other.snapshot()
