"""Nasty cases that no golden lifecycle shows: what is asked twice, what is undone, who comes first, who is killed."""

from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.effects import outstanding
from interlock.core.leg import LegState
from interlock.core.rejection import Reason
from interlock.core.settlement import Cause, State
from interlock.ledgers.memory import rules
from interlock.ledgers.memory.answer import Answer
from interlock.ledgers.memory.facts import leg_facts
from interlock.ledgers.memory.page import EMPTY_PAGE, Leg, Page, Status
from interlock.ledgers.memory.proof import GENESIS_KNOWN, Proof, Proven
from interlock.ledgers.memory.rules import HELD_BANK, VAULT, HoldRequest
from support.log import Log, Stage, at
from support.protocol import restored
from support.world import (
    ALICE,
    BANK,
    BOB,
    REGISTRY,
    STRANGER,
    cancel,
    configure,
    id_of,
    instruct,
    instruction,
    onchain_leg,
    registry,
    sign,
)

REQUEST = HoldRequest(100)
COMMIT, ABORT = Outcome.COMMIT, Outcome.ABORT


def test_what_came_of_a_request_is_found_by_asking_again() -> None:
    """CASE-UNKNOWN-RESULT and CASE-KILLED: the second request finds the first one's hold, and makes no other."""
    first, answer = rules.prepare(HELD_BANK, EMPTY_PAGE, 0, REQUEST, now=1)
    assert rules.prepare(HELD_BANK, first, 0, REQUEST, now=99) == (first, answer)
    assert leg_facts(EMPTY_PAGE.leg(0), is_late=False) == ()


def test_a_stranger_changes_nothing_but_who_paid() -> None:
    """CASE-STRANGER: others' valid signatures count as if brought by their owners, his own count for nothing."""
    log = Log()
    terms = instruction()
    assert log.block(instruct(terms, STRANGER)).reasons == [Reason.SIGNER_NOT_REQUIRED]
    assert log.block(instruct(terms, ALICE, STRANGER)).reasons == []
    assert [each.signer for each in log[id_of(terms)].signatures] == [ALICE.address]
    assert log.block(cancel(id_of(terms), STRANGER)).reasons == [Reason.SIGNER_NOT_REQUIRED]
    assert log.block(sign(id_of(terms), BOB), sign(id_of(terms), BOB)).reasons == [Reason.NOTHING_NEW]
    assert log[id_of(terms)].state is State.PREPARING


def test_what_stands_stands_though_the_chain_goes_back() -> None:
    """CASE-REORG: a vote is about a final block; whatever is seen afterwards, the fact and the decision stay."""
    log, id_ = at(Stage.ONE_HELD)
    log.vote(id_, Fact.HELD, [0], [3])
    log.vote(id_, Fact.HELD, [1])
    decision = log[id_].decision
    log.vote(id_, Fact.LOST)
    assert log[id_].decision == decision
    assert all(leg.stands(Fact.HELD) and leg.is_stuck for leg in log[id_].legs)


@pytest.mark.parametrize(
    ("stage", "fact"), [(Stage.COMMITTED_CERTIFIED, Fact.DELIVERED), (Stage.ABORTED_HELD, Fact.RETURNED)]
)
def test_a_certificate_is_brought_until_its_end_stands(stage: Stage, fact: Fact) -> None:
    """CASE-DROPPED-DELIVERY: a minority that saw the end is not enough; and twice is harmless on the ledger."""
    log, id_ = at(stage)
    asked = outstanding(log[id_])
    log.vote(id_, fact, [0], [0, 1])
    assert outstanding(log[id_]) == asked
    log.vote(id_, fact, [0], [2])
    assert len(outstanding(log[id_])) == len(asked) - 1
    standing, _ = rules.prepare(VAULT, EMPTY_PAGE, 0, REQUEST, now=0)
    once, answer = rules.settle(VAULT, GENESIS_KNOWN, standing, 0, Proven(COMMIT, Proof(1)))
    assert rules.settle(VAULT, GENESIS_KNOWN, once, 0, Proven(COMMIT, Proof(1))) == (once, answer)


@pytest.mark.parametrize("stage", [Stage.PREPARING, Stage.ONE_HELD])
def test_a_permission_that_is_lost_before_the_decision_aborts(stage: Stage) -> None:
    """CASE-PERMISSION: before the hold as well as while it stands; the hold goes back."""
    log, id_ = at(stage)
    log.vote(id_, Fact.REFUSED, [0])
    assert (log[id_].state, log[id_].cause) == (State.ABORTED, Cause.LEG_REFUSED)


def test_a_permission_that_is_lost_after_the_decision_delays_its_own_leg() -> None:
    """CASE-PERMISSION: entitled, and tried again or redirected; nothing unwinds."""
    log, id_ = at(Stage.COMMITTED_CERTIFIED)
    log.vote(id_, Fact.REFUSED, [0])
    assert log[id_].legs[0].state is LegState.ENTITLED
    log.vote(id_, Fact.DELIVERED, [1])
    log.vote(id_, Fact.DELIVERED, [0])
    assert log.ended(id_).state is State.SETTLED


def test_a_token_that_refuses_stops_no_other_leg() -> None:
    """CASE-TOKEN: its own leg is entitled and waits, the leg beside it is delivered by the same certificate."""
    both = Page(((0, Leg(Status.HELD, True)), (1, Leg(Status.HELD, True))))
    proven = Proven(COMMIT, Proof(1))
    one, _ = rules.settle(VAULT, GENESIS_KNOWN, both, 0, proven, can_pay=False)
    after, answer = rules.settle(VAULT, GENESIS_KNOWN, one, 1, proven)
    assert (after.leg(0).status, after.leg(1).status, answer) == (Status.ENTITLED, Status.DELIVERED, Answer.DELIVERED)


@pytest.mark.parametrize("stage", [Stage.PREPARING, Stage.ONE_DELIVERED, Stage.ORDERED, Stage.ABORTED_HELD])
def test_a_killed_node_finds_its_duties_again(stage: Stage) -> None:
    """CASE-KILLED: a replica made from bytes alone asks for the same, and its state hash is the same."""
    log, id_ = at(stage)
    again = restored(log.replica)
    assert outstanding(again.settlements[id_]) == outstanding(log[id_])
    assert again.state_hash() == log.replica.state_hash()


def test_a_bank_that_contradicts_itself_is_suspended_for_what_is_new() -> None:
    """CASE-BANK-CONTRADICTS: by a configuration; nothing new is admitted, what is open goes on."""
    log = Log()
    id_ = log.instruct(instruction())
    bank = next(each for each in REGISTRY.ledgers if each.name == BANK)
    log.block(configure(registry(replace(bank, is_suspended=True)), 2))
    other = instruction(salt=2, onchain_legs=(onchain_leg(5),))
    assert log.block(instruct(other, ALICE, BOB)).reasons == [Reason.LEDGER_SUSPENDED]
    log.vote(id_, Fact.HELD)
    assert log[id_].state is State.COMMITTED


def test_a_court_halts_a_hold() -> None:
    """CASE-HALT: a halt is seen as a loss; before the decision it aborts, after it the leg waits for its end."""
    standing, _ = rules.prepare(HELD_BANK, EMPTY_PAGE, 0, REQUEST, now=0)
    halted, _ = rules.halt(standing, 0)
    (fact,) = leg_facts(halted.leg(0), is_late=False)
    before, id_ = at(Stage.ONE_HELD)
    before.vote(id_, fact, [0])
    assert before[id_].cause is Cause.LEG_LOST
    after, id_ = at(Stage.COMMITTED)
    after.vote(id_, fact, [0])
    assert after[id_].legs[0].is_stuck
