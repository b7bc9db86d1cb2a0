"""A settlement with a condition goes on when a quorum has agreed that it is met, and never otherwise."""

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.limits import EVERY_LEG
from interlock.core.rejection import Reason
from interlock.core.settlement import Cause, State
from support.log import LATE, Log, Stage, at
from support.world import (
    ALICE,
    BOB,
    PREPARE_BY,
    attest,
    attestation,
    configure,
    id_of,
    instruct,
    instruction,
    pivot_instruction,
    registry,
    sign,
    word,
)

CONDITIONAL = instruction(conditions=word(1))
WITHOUT_CONDITIONS = registry(has_conditions=False)


def test_all_held_and_no_answer_waits() -> None:
    """Holds alone do not commit; a minority's answer does nothing; the quorum's does at once."""
    log, id_ = at(Stage.ONE_HELD, terms=CONDITIONAL)
    log.vote(id_, Fact.HELD, [1])
    log.vote(id_, Fact.MET, [EVERY_LEG], [0, 1])
    assert log[id_].state is State.PREPARING
    log.vote(id_, Fact.MET, [EVERY_LEG], [2])
    assert (log[id_].state, log[id_].cause) == (State.COMMITTED, Cause.ALL_HELD)


def test_an_answer_that_comes_before_the_holds_is_kept() -> None:
    """Also before the match; the last hold commits."""
    log, id_ = at(Stage.ALLEGED, terms=CONDITIONAL)
    log.vote(id_, Fact.MET, [EVERY_LEG])
    log.block(sign(id_, BOB))
    log.vote(id_, Fact.HELD)
    assert log[id_].state is State.COMMITTED


@pytest.mark.parametrize("stage", [Stage.ALLEGED, Stage.PREPARING, Stage.ONE_HELD])
def test_unmet_aborts_whatever_is_undecided(stage: Stage) -> None:
    """The quorum's no is final, and no later yes changes it."""
    log, id_ = at(stage, terms=CONDITIONAL)
    log.vote(id_, Fact.UNMET, [EVERY_LEG])
    assert (log[id_].state, log[id_].cause) == (State.ABORTED, Cause.CONDITION_UNMET)
    assert log.vote(id_, Fact.MET, [EVERY_LEG]).reasons == [Reason.FACT_OUT_OF_ORDER] * 3


def test_the_first_answer_that_stands_is_absorbing() -> None:
    """After MET a quorum's UNMET is counted and changes nothing: the settlement is not aborted by it."""
    log, id_ = at(Stage.ONE_HELD, terms=CONDITIONAL)
    log.vote(id_, Fact.MET, [EVERY_LEG])
    assert log.vote(id_, Fact.UNMET, [EVERY_LEG]).reasons == []
    assert log[id_].stands(Fact.MET)
    assert not log[id_].stands(Fact.UNMET)
    log.vote(id_, Fact.HELD, [1])
    assert log[id_].state is State.COMMITTED


def test_no_answer_by_prepare_by_aborts() -> None:
    """Whoever does not answer in time has not said yes."""
    log, id_ = at(Stage.ONE_HELD, terms=CONDITIONAL)
    log.vote(id_, Fact.HELD, [1])
    log.block(time=PREPARE_BY)
    assert log[id_].state is State.PREPARING
    late = (attest(each, log.anchor, attestation(each, id_, EVERY_LEG, Fact.MET)) for each in (0, 1, 2))
    log.block(*late, time=LATE)
    assert (log[id_].state, log[id_].cause) == (State.ABORTED, Cause.PREPARE_BY_PASSED)


def test_a_pivot_is_ordered_only_when_the_condition_is_met() -> None:
    """And once the order is out the condition is over: no answer counts any more."""
    log, id_ = at(Stage.ONE_HELD, terms=pivot_instruction(conditions=word(1)))
    assert log[id_].state is State.PREPARING
    log.vote(id_, Fact.MET, [EVERY_LEG])
    assert log[id_].state is State.PIVOTING
    assert log.vote(id_, Fact.UNMET, [EVERY_LEG]).reasons == [Reason.FACT_OUT_OF_ORDER] * 3
    log.vote(id_, Fact.EXECUTED, [EVERY_LEG])
    assert log[id_].state is State.COMMITTED


def test_a_network_that_evaluates_none_rejects_conditions_and_records_nothing() -> None:
    """It may evaluate them one day: the same instruction is admitted then, until prepareBy."""
    log = Log(registry=WITHOUT_CONDITIONS)
    rejected = log.block(instruct(CONDITIONAL, ALICE, BOB)).rejections[0]
    assert rejected.reason is Reason.CONDITIONS_UNSUPPORTED
    assert Reason.CONDITIONS_UNSUPPORTED.is_passing
    assert id_of(CONDITIONAL) not in log.replica.settlements
    log.block(configure(registry(), 2))
    id_ = log.instruct(CONDITIONAL)
    assert log[id_].state is State.PREPARING
    assert log[log.instruct(instruction(0, 1, salt=2))].state is State.PREPARING


def test_a_network_that_ceases_to_evaluate_them_keeps_the_alleged_from_matching() -> None:
    """Admission is asked again at the match; what has matched goes on."""
    log, id_ = at(Stage.ALLEGED, terms=CONDITIONAL)
    assert log.block(configure(WITHOUT_CONDITIONS, 2), sign(id_, BOB)).reasons == [Reason.CONDITIONS_UNSUPPORTED]
    log, id_ = at(Stage.ONE_HELD, terms=CONDITIONAL)
    log.block(configure(WITHOUT_CONDITIONS, 2))
    log.vote(id_, Fact.MET, [EVERY_LEG])
    log.vote(id_, Fact.HELD, [1])
    decision = log[id_].decision
    assert decision is not None
    assert decision.outcome is Outcome.COMMIT
