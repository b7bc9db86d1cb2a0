"""The rules of a settlement under their tags: facts, legs, the decision, duties, and what follows the end."""

import pytest

from interlock.core.attestation import CONDITION_FACTS, ORDER_FACTS, Fact
from interlock.core.decision import Outcome
from interlock.core.effects import DeliverCertificate, SignBatch, SignDecision, SignOrder, outstanding
from interlock.core.instruction import Instruction, SettlementId
from interlock.core.invariants import TAKEN
from interlock.core.leg import LegState
from interlock.core.lifecycle import WHEN
from interlock.core.limits import EVERY_LEG
from interlock.core.rejection import Reason
from interlock.core.rules import RULES
from interlock.core.settlement import ENDED, UNDECIDED, Cause, State
from support.log import LATE, PIVOT_STAGES, Log, Stage, at, terms_at
from support.protocol import FOUR, Network, restored
from support.world import ALICE, BOB, START, cancel, id_of, instruct, instruction, pivot_instruction, registry, word

CONDITIONAL = instruction(conditions=word(1))

WHENS: dict[str, frozenset[State]] = {
    "WHEN-SIGNED": frozenset({State.ALLEGED}),
    "WHEN-HELD": frozenset(State) - ENDED,
    "WHEN-REFUSED": frozenset(State) - ENDED,
    "WHEN-LOST": frozenset(State) - ENDED,
    "WHEN-CONSENT": frozenset(State) - ENDED,
    "WHEN-EXECUTED": frozenset({State.PIVOTING}),
    "WHEN-NEVER": frozenset({State.PIVOTING}),
    "WHEN-DELIVERED": frozenset({State.COMMITTED}),
    "WHEN-RETURNED": frozenset({State.ABORTED}),
    "WHEN-MET": UNDECIDED - {State.PIVOTING},
    "WHEN-UNMET": UNDECIDED - {State.PIVOTING},
}
"""When a fact can be true: a hold at any time, its end after its decision, the pivot's word after its order."""


def terms_for(stage: Stage) -> Instruction:
    """Give the terms of a stage, with a condition, so that its answer could count."""
    return pivot_instruction(conditions=word(1)) if stage in PIVOT_STAGES else CONDITIONAL


@pytest.mark.parametrize("tag", WHENS)
def test_a_fact_counts_only_while_it_can_be_true(tag: str) -> None:
    """The states of its tag, and no other, at every stage that a settlement comes to."""
    fact = Fact[tag.removeprefix("WHEN-")]
    assert WHEN[fact] == WHENS[tag]
    leg = EVERY_LEG if fact in ORDER_FACTS | CONDITION_FACTS else 0
    for stage in (Stage.ALLEGED, Stage.PREPARING, Stage.COMMITTED, Stage.ABORTED, Stage.PIVOTING):
        log, id_ = at_stage(stage) if fact in CONDITION_FACTS else at(stage)
        reasons = log.vote(id_, fact, [leg], [0]).reasons
        can_be = log.replica.settlements[id_].state in WHENS[tag]
        assert reasons in ([[], [Reason.NOTHING_NEW]] if can_be else [[Reason.FACT_OUT_OF_ORDER]])


def at_stage(stage: Stage) -> tuple[Log, SettlementId]:
    """Give a log at a stage of a settlement with a condition; where the stage needs one, it is met."""
    log = Log()
    terms = terms_for(stage)
    if stage is Stage.ALLEGED:
        return log, log.instruct(terms, ALICE)
    id_ = log.instruct(terms)
    if stage is Stage.ABORTED:
        log.block(cancel(id_, ALICE, BOB))
    if stage in {Stage.COMMITTED, Stage.PIVOTING}:
        log.vote(id_, Fact.MET, [EVERY_LEG])
        log.vote(id_, Fact.HELD, [0] if stage is Stage.PIVOTING else [0, 1])
    return log, id_


def test_silence_is_no_vote() -> None:
    """FACT-FINAL: however many blocks pass without a look at a ledger, nothing is known of it."""
    log, id_ = at(Stage.PREPARING)
    for _ in range(5):
        log.block()
    assert [leg.state for leg in log[id_].legs] == [LegState.PENDING, LegState.PENDING]


def test_a_fact_stands_with_a_quorum_of_one_epoch_for_ever() -> None:
    """FACT-STANDS and FACT-ABSORBS: two of four are nobody's quorum; three are, and what stands is not taken back."""
    log, id_ = at(Stage.PREPARING)
    log.vote(id_, Fact.HELD, [0], [0, 1])
    assert not log[id_].legs[0].stands(Fact.HELD)
    log.vote(id_, Fact.HELD, [0], [2])
    log.vote(id_, Fact.REFUSED, [0], [3])
    assert log[id_].legs[0].stands(Fact.HELD)


def test_the_first_row_that_applies_is_taken_and_abort_stands_above_commit() -> None:
    """RULE-FIRST: all held and late in one step is late; of the rows that commit none stands above one that aborts."""
    outcomes = [row.tag.startswith("abort") for row in RULES]
    assert outcomes == sorted(outcomes, reverse=True)
    log, id_ = at(Stage.ALLEGED)
    log.vote(id_, Fact.HELD)
    log.vote(id_, Fact.REFUSED, [1], [0, 1])
    log.block(cancel(id_, BOB), time=LATE)
    assert log[id_].cause is Cause.PREPARE_BY_PASSED


@pytest.mark.parametrize("stage", [Stage.COMMITTED, Stage.ABORTED, Stage.EXECUTED, Stage.NEVER])
def test_a_decision_is_absorbing(stage: Stage) -> None:
    """RULE-ABSORBS: neither time, nor cancels, nor any fact that can be attested changes the outcome."""
    log, id_ = at(stage)
    decision = log[id_].decision
    log.block(cancel(id_, ALICE, BOB), time=LATE)
    for fact in Fact:
        log.vote(id_, fact, [0])
        log.vote(id_, fact, [EVERY_LEG])
    assert log[id_].decision == decision


def test_commit_gives_every_leg_to_its_payee_in_the_same_step() -> None:
    """LEG-ENTITLED: before any certificate, before any delivery."""
    log, id_ = at(Stage.COMMITTED)
    assert [leg.state for leg in log[id_].legs] == [LegState.ENTITLED, LegState.ENTITLED]
    assert log[id_].certificate is None


@pytest.mark.parametrize("last", [Fact.DELIVERED, Fact.CONSENT])
def test_a_committed_leg_is_done_when_it_is_delivered_or_ended_by_consent(last: Fact) -> None:
    """LEG-DONE: and the settlement with the last of them."""
    log, id_ = at(Stage.ONE_DELIVERED)
    log.vote(id_, Fact.LOST, [1])
    assert log[id_].legs[1].is_stuck
    log.vote(id_, last, [1])
    assert log.ended(id_).state is State.SETTLED


def test_an_aborted_leg_is_closed_when_nothing_more_can_come_of_it() -> None:
    """LEG-CLOSED: returned, tombstoned, by consent, or on a ledger that nobody can watch; else it is waited for."""
    log, id_ = at(Stage.ABORTED_HELD)
    log.vote(id_, Fact.RETURNED, [0])
    assert log[id_].legs[0].state in TAKEN
    log.vote(id_, Fact.REFUSED, [1])
    assert id_ in log.replica.settlements
    log.vote(id_, Fact.RETURNED, [1])
    assert log.ended(id_).state is State.UNWOUND


@pytest.mark.parametrize("stage", [each for each in Stage if each not in {Stage.SETTLED, Stage.UNWOUND}])
def test_duties_follow_from_the_state_alone(stage: Stage) -> None:
    """EFFECT-LEVEL: a replica that was restored from bytes has the same ones, and asks for each until it is done."""
    log, id_ = at(stage)
    wanted = outstanding(log[id_])
    assert outstanding(restored(log.replica).settlements[id_]) == wanted
    log.block()
    assert outstanding(log[id_]) == wanted


def test_what_never_matched_costs_nobody_a_transaction() -> None:
    """EFFECT-THRIFT: its leg on chain is brought a certificate only once a hold is known, the bank's at once."""
    log = Log()
    id_ = log.instruct(instruction(pivot_window=1))
    log.certify(id_, Outcome.ABORT)
    told = {each.leg for each in outstanding(log[id_]) if isinstance(each, DeliverCertificate)}
    assert told == {1}
    log.vote(id_, Fact.HELD, [0])
    assert {each.leg for each in outstanding(log[id_]) if isinstance(each, DeliverCertificate)} == {0, 1}


@pytest.mark.parametrize("stage", [Stage.PIVOTING, Stage.COMMITTED, Stage.ABORTED, Stage.EXECUTED])
def test_nothing_is_signed_while_a_rotation_is_pending(stage: Stage) -> None:
    """EFFECT-SILENT: neither alone, nor in a batch, nor for the pivot."""
    log, id_ = at(stage)
    assert outstanding(log[id_]) != ()
    asked = outstanding(log[id_], is_handing_over=True)
    assert not any(isinstance(each, SignDecision | SignBatch | SignOrder) for each in asked)


def test_what_ended_is_remembered_and_never_decided_again() -> None:
    """END-ARCHIVE: its terms come to nothing, and whoever asks is told that it is over."""
    log, id_ = at(Stage.SETTLED)
    assert id_ not in log.replica.settlements
    ended = log.ended(id_)
    assert (ended.state, ended.cause, ended.decision.outcome) == (State.SETTLED, Cause.ALL_HELD, Outcome.COMMIT)
    again = log.block(instruct(terms_at(Stage.SETTLED), ALICE, BOB), cancel(id_, ALICE, BOB))
    assert again.reasons == [Reason.ALREADY_DECIDED] * 2
    assert log.ended(id_) == ended


def test_the_log_of_decisions_has_each_once_with_the_epoch_that_brought_it() -> None:
    """EPOCH-6: orders and decisions in the order in which they came; signed again, they are no new leaves."""
    network = Network()
    first = network.instruct(instruction())
    second = network.instruct(pivot_instruction(salt=2, onchain_legs=()))
    assert network.replica.decisions.size == 1
    network.vote(first, Fact.HELD)
    root = network.replica.decisions.root
    assert network.replica.decisions.size == 2
    network.rotate(*FOUR)
    network.certify(first, Outcome.COMMIT)
    network.certify_order(second)
    assert (network.replica.decisions.size, network.replica.decisions.root) == (2, root)
    assert network[first].decision is not None
    assert network[first].decision.epoch == 2


def test_a_window_is_bounded_by_the_registry() -> None:
    """PIVOT-5: what is longer than the network allows is never admitted, and the registry itself has a bound."""
    log = Log()
    long = pivot_instruction(pivot_window=registry().pivot_window_max_s + 1)
    log.block(instruct(long, ALICE, BOB), time=START)
    assert log[id_of(long)].reason is Reason.PIVOT_WINDOW_TOO_LONG
