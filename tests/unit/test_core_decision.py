"""A decision is signed by members after the log made it, and exactly a quorum of one epoch is its certificate."""

from itertools import combinations, permutations

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import FIRST_EPOCH, Committee, MemberIndex
from interlock.core.decision import Decision, MemberSignature, Outcome, assemble
from interlock.core.instruction import SettlementId
from interlock.core.limits import EVERY_LEG
from interlock.core.rejection import Reason
from interlock.core.settlement import State
from interlock.encoding.values import Signature, Uint32
from interlock.evidence.certificate import certificate_fault
from support.log import Log, Stage, at
from support.world import (
    COMMITTEE,
    NETWORK,
    NODES,
    address,
    attest,
    attestation,
    sign_decisions,
    signed_decision,
    word,
)


@pytest.mark.parametrize("stage", [Stage.ALLEGED, Stage.PREPARING, Stage.ONE_HELD])
@pytest.mark.parametrize("outcome", Outcome)
def test_nothing_is_signed_before_the_decision(stage: Stage, outcome: Outcome) -> None:
    """Signatures that come before the log decided are not kept, even by a quorum."""
    log, id_ = at(stage)
    assert log.certify(id_, outcome).reasons == [Reason.NOT_DECIDED] * 3
    assert log.signers(id_) == []
    assert log.replica.ballots.signing == {}


REFUSED = {
    "the other outcome": (Stage.COMMITTED, Outcome.ABORT, 1, Reason.OTHER_OUTCOME),
    "the other outcome of an abort": (Stage.ABORTED, Outcome.COMMIT, 1, Reason.OTHER_OUTCOME),
    "another epoch": (Stage.COMMITTED, Outcome.COMMIT, 2, Reason.WRONG_EPOCH),
    "another epoch and outcome": (Stage.COMMITTED, Outcome.ABORT, 2, Reason.WRONG_EPOCH),
    "another epoch, undecided": (Stage.PREPARING, Outcome.COMMIT, 2, Reason.WRONG_EPOCH),
    "after the end": (Stage.SETTLED, Outcome.COMMIT, 1, Reason.ALREADY_DECIDED),
    "another epoch, after the end": (Stage.SETTLED, Outcome.COMMIT, 2, Reason.WRONG_EPOCH),
}


@pytest.mark.parametrize(("stage", "outcome", "epoch", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_signature_of_something_else_is_rejected(stage: Stage, outcome: Outcome, epoch: int, reason: Reason) -> None:
    """Only the log's own decision in the present epoch can be signed; the lowest number is given."""
    log, id_ = at(stage)
    signed = signed_decision(3, id_, outcome, epoch=epoch)
    before = log.kept()
    assert log.block(sign_decisions(3, log.anchor, signed)).reasons == [reason]
    assert log.kept() == before


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_unknown_settlement_has_no_decision(epoch: int) -> None:
    """The statement's epoch is looked at before its settlement."""
    log = Log()
    signed = signed_decision(0, SettlementId(word(5)), Outcome.ABORT, epoch=epoch)
    reason = Reason.SETTLEMENT_UNKNOWN if epoch == 1 else Reason.WRONG_EPOCH
    assert log.block(sign_decisions(0, log.anchor, signed)).reasons == [reason]


@pytest.mark.parametrize("members", [*permutations(range(4), 3)], ids=str)
def test_any_quorum_in_any_order_makes_a_valid_certificate(members: tuple[int, ...]) -> None:
    """Exactly 2f + 1 signatures by rising member, valid to whoever knows the committee; q - 1 are none."""
    log, id_ = at(Stage.COMMITTED)
    log.certify(id_, Outcome.COMMIT, members[:2])
    assert log[id_].certificate is None
    log.certify(id_, Outcome.COMMIT, members[2:])
    certificate = log[id_].certificate
    assert certificate is not None
    assert [each.member for each in certificate.signatures] == sorted(members)
    assert certificate_fault(NETWORK, COMMITTEE, certificate, settlement=id_, outcome=Outcome.COMMIT) is None


def test_a_member_signs_once() -> None:
    """A repeated signature is no second one."""
    log, id_ = at(Stage.COMMITTED)
    assert log.certify(id_, Outcome.COMMIT, [0, 0, 1]).reasons == [Reason.NOTHING_NEW]
    assert log[id_].certificate is None


def test_the_first_certificate_stays() -> None:
    """A fourth signature is not wanted any more: the certificate does not change, and nothing is kept beside it."""
    log, id_ = at(Stage.ABORTED)
    log.certify(id_, Outcome.ABORT, [1, 2, 3])
    first = log[id_].certificate
    before = log.kept()
    assert log.certify(id_, Outcome.ABORT, [0]).reasons == [Reason.NOTHING_NEW]
    assert log[id_].certificate == first
    assert log.kept() == before
    assert log.signers(id_) == [1, 2, 3]


def test_one_batch_signs_many_decisions_and_each_is_judged_alone() -> None:
    """A bad item does not spoil the good ones of its batch."""
    log, id_ = at(Stage.COMMITTED)
    unknown = signed_decision(0, SettlementId(word(5)), Outcome.COMMIT)
    wrong, right = signed_decision(0, id_, Outcome.ABORT), signed_decision(0, id_, Outcome.COMMIT)
    reasons = log.block(sign_decisions(0, log.anchor, unknown, wrong, right)).reasons
    assert reasons == [Reason.SETTLEMENT_UNKNOWN, Reason.OTHER_OUTCOME]
    assert log.signers(id_) == [0]


@pytest.mark.parametrize("count", range(5))
def test_a_certificate_has_exactly_a_quorum(count: int) -> None:
    """Too few signatures make none, more than enough are cut, by rising member."""
    decision = Decision(SettlementId(word(1)), Outcome.COMMIT, FIRST_EPOCH)
    signatures = {MemberIndex(Uint32(member)): Signature(bytes([member]) * 65) for member in range(count)[::-1]}
    certificate = assemble(COMMITTEE, decision, signatures)
    if count < 3:
        assert certificate is None
    else:
        assert certificate is not None
        assert certificate.signatures == tuple(
            MemberSignature(each, signatures[each]) for each in sorted(signatures)[:3]
        )


@pytest.mark.parametrize("size", [4, 7, 10])
def test_two_quorums_share_an_honest_member(size: int) -> None:
    """Any two quorums overlap in more than f members."""
    committee = Committee(FIRST_EPOCH, tuple(address(number + 1) for number in range(size)))
    quorums = [set(each) for each in combinations(range(size), committee.quorum)]
    assert all(len(one & other) > committee.faulty_max for one in quorums for other in quorums)


VOTES_REFUSED = {
    "no such leg": (Stage.PREPARING, 2, Fact.HELD, 1, Reason.LEG_UNKNOWN),
    "the order as a whole": (Stage.PREPARING, EVERY_LEG, Fact.EXECUTED, 1, Reason.FACT_OUT_OF_ORDER),
    "the order of one leg": (Stage.ORDERED, 1, Fact.EXECUTED, 1, Reason.FACT_OUT_OF_ORDER),
    "the hold of the whole": (Stage.PREPARING, EVERY_LEG, Fact.HELD, 1, Reason.LEG_UNKNOWN),
    "a leg like the whole": (Stage.ORDERED, EVERY_LEG - 1, Fact.EXECUTED, 1, Reason.LEG_UNKNOWN),
    "a condition where there is none": (Stage.PREPARING, EVERY_LEG, Fact.MET, 1, Reason.FACT_OUT_OF_ORDER),
    "the order in another epoch": (Stage.ORDERED, EVERY_LEG, Fact.NEVER, 2, Reason.WRONG_EPOCH),
    "the order after its decision": (Stage.NEVER, EVERY_LEG, Fact.NEVER, 1, Reason.FACT_OUT_OF_ORDER),
    "the epoch before": (Stage.PREPARING, 0, Fact.HELD, 0, Reason.WRONG_EPOCH),
    "the next epoch": (Stage.PREPARING, 0, Fact.HELD, 2, Reason.WRONG_EPOCH),
    "wrong epoch, leg and fact": (Stage.PREPARING, 9, Fact.SIGNED, 2, Reason.WRONG_EPOCH),
    "no such leg, wrong fact": (Stage.PREPARING, 9, Fact.SIGNED, 1, Reason.LEG_UNKNOWN),
    "wrong epoch, after the end": (Stage.UNWOUND, 0, Fact.HELD, 2, Reason.WRONG_EPOCH),
    "after the end": (Stage.UNWOUND, 9, Fact.HELD, 1, Reason.ALREADY_DECIDED),
}


@pytest.mark.parametrize(("stage", "leg", "fact", "epoch", "reason"), VOTES_REFUSED.values(), ids=VOTES_REFUSED.keys())
def test_a_vote_that_cannot_count_is_rejected(stage: Stage, leg: int, fact: Fact, epoch: int, reason: Reason) -> None:
    """Epoch, leg and fact are looked at in this order, and nothing changes."""
    log, id_ = at(stage)
    before = log.kept()
    vote = attest(0, log.anchor, attestation(0, id_, leg, fact, epoch=epoch))
    ordered = log.block(vote)
    assert (ordered.reasons, ordered.applied.votes) == ([reason], [])
    assert log.kept() == before


def test_two_epochs_do_not_add_up() -> None:
    """Two votes of this epoch and any number of another are no quorum."""
    log, id_ = at(Stage.ONE_HELD)
    log.vote(id_, Fact.HELD, [1], [0, 1])
    for epoch in (0, 2):
        votes = (
            attest(each, log.anchor, attestation(each, id_, 1, Fact.HELD, epoch=epoch)) for each in range(len(NODES))
        )
        assert log.block(*votes).reasons == [Reason.WRONG_EPOCH] * 4
    assert log[id_].state is State.PREPARING


def test_one_liar_cannot_make_a_hold() -> None:
    """One member says HELD where the others say REFUSED: it unwinds, and the lie is on record."""
    log, id_ = at(Stage.ONE_HELD)
    log.vote(id_, Fact.HELD, [1], [3])
    log.vote(id_, Fact.REFUSED, [1], [0, 1, 2])
    after = log[id_]
    assert (after.state, after.legs[1].state.name) == (State.ABORTED, "REFUSED")
    assert log.members(id_, 1, Fact.HELD) == 0b1000


def test_one_liar_cannot_stop_a_hold() -> None:
    """One member says REFUSED, and everything else too, where the others say HELD: it settles."""
    log, id_ = at(Stage.PREPARING)
    for fact in (Fact.REFUSED, Fact.LOST, Fact.CONSENT, Fact.HELD):
        log.vote(id_, fact, [0, 1], [3])
    assert log[id_].state is State.PREPARING
    log.vote(id_, Fact.HELD, [0, 1], [0, 1])
    assert log[id_].state is State.COMMITTED


def test_votes_of_a_batch_are_taken_one_at_a_time() -> None:
    """The first fact that stands decides, within one batch too: items of an entry have an order."""
    for facts, outcome in (((Fact.HELD, Fact.REFUSED), Outcome.COMMIT), ((Fact.REFUSED, Fact.HELD), Outcome.ABORT)):
        log, id_ = at(Stage.ONE_HELD)
        for fact in facts:
            log.vote(id_, fact, [1], [0, 1])
        last = attest(2, log.anchor, *(attestation(2, id_, 1, fact) for fact in facts))
        assert log.block(last).reasons == []
        decision = log[id_].decision
        assert decision is not None
        assert decision.outcome is outcome
