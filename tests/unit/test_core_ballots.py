"""Votes and signatures on their way to a quorum: each counts once, apart from each other, within one epoch."""

from dataclasses import replace

import pytest

from interlock.core.attestation import Attestation, Fact, SignedAttestation
from interlock.core.ballots import Ballots, Signing, Tally
from interlock.core.committee import FIRST_EPOCH, MemberIndex
from interlock.core.decision import MemberSignature
from interlock.core.entry import Attest, Block, Entry
from interlock.core.instruction import LegIndex, SettlementId
from interlock.core.leg import LegState
from interlock.core.limits import EVERY_LEG
from interlock.core.registry import SignedConfiguration
from interlock.core.rejection import Reason
from interlock.core.replica import Replica
from interlock.core.settlement import State
from interlock.encoding.values import ZERO_BYTES32, Height, Signature, Uint32, Uint64, UnixSeconds
from support.log import Log, Stage, at
from support.world import ALICE, BOB, GENESIS, REGISTRY, START, address, configure, id_of, instruct, instruction, word

ID, OTHER_ID = SettlementId(word(1)), SettlementId(word(2))


def member(index: int) -> MemberIndex:
    return MemberIndex(Uint32(index))


def tally(leg: int, fact: Fact, members: int, id_: SettlementId = ID) -> Tally:
    return Tally(id_, LegIndex(Uint32(leg)), fact, Uint32(members))


def test_the_same_vote_counts_once() -> None:
    """A member that repeats itself adds nothing, before the fact stands and after."""
    log, id_ = at(Stage.PREPARING)
    assert log.vote(id_, Fact.HELD, [0], [0]).reasons == []
    assert log.vote(id_, Fact.HELD, [0], [0]).reasons == [Reason.NOTHING_NEW]
    assert log.members(id_, 0, Fact.HELD) == 0b0001
    log.vote(id_, Fact.HELD, [0], [1, 2])
    again = log.vote(id_, Fact.HELD, [0], [2])
    assert (again.reasons, again.applied.steps) == ([Reason.NOTHING_NEW], [])
    assert log.members(id_, 0, Fact.HELD) == 0b0111


def test_a_vote_after_the_quorum_is_kept_and_moves_nothing_again() -> None:
    """The fourth member's HELD is counted but cannot bring back a leg that has moved on since."""
    log, id_ = at(Stage.PREPARING)
    log.vote(id_, Fact.HELD, [0])
    log.vote(id_, Fact.LOST, [0])
    late = log.vote(id_, Fact.HELD, [0], [3])
    assert (len(late.applied.votes), late.applied.changes) == (1, [])
    assert log[id_].legs[0].state is LegState.LOST
    assert log[id_].legs[0].stands(Fact.HELD)
    assert log.members(id_, 0, Fact.HELD) == 0b1111


def test_a_member_may_vote_both_ways_and_counts_once_for_each() -> None:
    """Contradictory votes are evidence, not a reason to refuse either; alone they decide nothing."""
    for more, state in ((Fact.REFUSED, LegState.REFUSED), (Fact.HELD, LegState.HELD)):
        log, id_ = at(Stage.PREPARING)
        log.vote(id_, Fact.HELD, [0], [3])
        log.vote(id_, Fact.REFUSED, [0], [3])
        assert log[id_].legs[0].state is LegState.PENDING
        assert log.replica.ballots.tallies(id_) == [
            tally(0, Fact.HELD, 0b1000, id_),
            tally(0, Fact.REFUSED, 0b1000, id_),
        ]
        log.vote(id_, more, [0], [0, 1])
        assert log[id_].legs[0].state is state


def test_votes_for_different_facts_do_not_add_up() -> None:
    """Two who say HELD and one who says REFUSED are no quorum of anything."""
    log, id_ = at(Stage.PREPARING)
    log.vote(id_, Fact.HELD, [0], [0, 1])
    log.vote(id_, Fact.REFUSED, [0], [2])
    leg = log[id_].legs[0]
    assert leg.state is LegState.PENDING
    assert not any(leg.stands(each) for each in Fact)


def test_votes_for_different_legs_and_settlements_do_not_add_up() -> None:
    """Two who say HELD of one leg and one who says it of another are no quorum of either, nor across settlements."""
    log, id_ = at(Stage.PREPARING)
    other = log.instruct(instruction(0, 1, salt=2))
    log.vote(id_, Fact.HELD, [0], [0, 1])
    log.vote(id_, Fact.HELD, [1], [2])
    log.vote(other, Fact.HELD, [0], [3])
    assert [leg.state for leg in (*log[id_].legs, *log[other].legs)] == [LegState.PENDING] * 3


def test_tallies_stand_by_leg_and_fact_whatever_the_order_of_votes() -> None:
    """Two orders of the same votes make the same ballots; of what nobody attested there is none."""
    said = [(0, Fact.REFUSED, 0), (0, Fact.HELD, 1), (EVERY_LEG, Fact.MET, 2), (1, Fact.HELD, 3), (0, Fact.HELD, 3)]
    one, other = Ballots(), Ballots()
    for leg, fact, who in said:
        assert one.vote(ID, leg, fact, who)
    for leg, fact, who in reversed(said):
        assert other.vote(ID, leg, fact, who)
    assert one.tallies(ID) == other.tallies(ID) == [
        tally(0, Fact.HELD, 0b1010),
        tally(0, Fact.REFUSED, 0b0001),
        tally(1, Fact.HELD, 0b1000),
        tally(EVERY_LEG, Fact.MET, 0b0100),
    ]  # fmt: skip
    assert one.members(ID, 0, Fact.LOST) == one.members(OTHER_ID, 0, Fact.HELD) == 0
    assert one.tallies(OTHER_ID) == []


@pytest.mark.parametrize("size", [1, 4, 7, 31])
def test_the_quorum_is_the_committees(size: int) -> None:
    """One vote fewer than 2f + 1 never makes a fact stand, in any committee."""
    members = tuple(address(number + 1) for number in range(size))
    replica = Replica(replace(GENESIS, members=members))
    configured = configure(REGISTRY, 1).signed
    by_members = tuple(replace(configured.signatures[0], signer=each) for each in members)
    terms = instruction()
    apply(replica, replace(configure(REGISTRY, 1), signed=SignedConfiguration(configured.configuration, by_members)))
    apply(replica, instruct(terms, ALICE, BOB))
    (id_,) = replica.settlements
    for who in range(replica.committee.quorum - 1):
        apply(replica, held(replica, id_, who))
    assert replica.settlements[id_].legs[0].state is LegState.PENDING
    apply(replica, held(replica, id_, size - 1))
    assert replica.settlements[id_].legs[0].state is LegState.HELD


def apply(replica: Replica, entry: Entry) -> None:
    """Apply one entry as if its door had found its signatures good: the core looks at none."""
    block = Block(Height(Uint64(replica.height + 1)), UnixSeconds(Uint64(START)), word(replica.height), (entry,))
    assert replica.apply_block(block).rejections == []


def held(replica: Replica, id_: SettlementId, who: int) -> Attest:
    said = Attestation(id_, LegIndex(Uint32(0)), Fact.HELD, ZERO_BYTES32, ZERO_BYTES32, FIRST_EPOCH)
    unsigned = Signature(bytes(65))
    return Attest(member(who), replica.anchor, (SignedAttestation(said, unsigned),), (), unsigned)


def test_a_signature_counts_once_and_they_stand_by_member() -> None:
    """The first signature of a member stays; all of them are told by rising member, until the certificate stands."""
    ballots = Ballots()
    signatures = [Signature(bytes([number]) * 65) for number in range(4)]
    for who in (3, 0):
        assert ballots.sign(ID, member(who), signatures[who]) is not None
    assert ballots.sign(ID, member(3), signatures[1]) is None
    assert list(ballots.all_signings()) == [
        Signing(ID, (MemberSignature(member(0), signatures[0]), MemberSignature(member(3), signatures[3])))
    ]
    ballots.certified(ID)
    assert list(ballots.all_signings()) == []


def test_what_ended_is_forgotten_and_a_new_epoch_begins_with_nothing() -> None:
    """The votes of other settlements stay when one ends, and none stays when an epoch does."""
    ballots = Ballots()
    for id_ in (ID, OTHER_ID):
        ballots.vote(id_, 0, Fact.HELD, 2)
        ballots.sign(id_, member(2), Signature(bytes(65)))
    ballots.forget(ID)
    assert list(ballots.all_tallies()) == [tally(0, Fact.HELD, 0b100, OTHER_ID)]
    assert [each.settlement for each in ballots.all_signings()] == [OTHER_ID]
    ballots.clear()
    assert (list(ballots.all_tallies()), list(ballots.all_signings()), ballots.batches) == ([], [], {})


def test_a_settlement_that_ended_leaves_no_votes_behind() -> None:
    """Memory holds votes of open settlements only."""
    log, id_ = at(Stage.ONE_DELIVERED)
    assert log.replica.ballots.tallies(id_)
    log.vote(id_, Fact.DELIVERED, [1])
    assert log.ended(id_).state is State.SETTLED
    assert list(log.replica.ballots.all_tallies()) == []


def test_votes_about_what_nobody_brought_are_not_kept() -> None:
    """An id that the log does not know gathers no votes: whoever invents ids fills no memory."""
    log = Log()
    assert log.vote(id_of(instruction()), Fact.HELD, [0]).reasons == [Reason.SETTLEMENT_UNKNOWN] * 3
    assert log.replica.ballots.votes == {}
