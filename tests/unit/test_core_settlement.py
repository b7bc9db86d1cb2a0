"""The life of a settlement: every row of the decision rule, and every fact at every stage."""

from collections.abc import Callable

import pytest

from interlock.core.attestation import WHOLE_FACTS, Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import SettlementId, redact
from interlock.core.limits import EVERY_LEG
from interlock.core.rejection import Reason
from interlock.core.rules import RULES
from interlock.core.settlement import DECIDED, ENDED, UNDECIDED, Cause, State
from support.log import LATE, Log, Ordered, Stage, at
from support.world import (
    ALICE,
    BOB,
    PREPARE_BY,
    START,
    attest,
    attestation,
    cancel,
    id_of,
    instruct,
    instruction,
    pivot_instruction,
    sign,
    word,
)

LATER = START + 100
Step = Callable[[Log, SettlementId], Ordered]

ROWS: dict[str, tuple[Stage, Step, State, Cause]] = {
    "abort-late": (Stage.ONE_HELD, lambda log, _: log.block(time=LATE), State.ABORTED, Cause.PREPARE_BY_PASSED),
    "abort-refused": (
        Stage.ONE_HELD,
        lambda log, id_: log.vote(id_, Fact.REFUSED, [1]),
        State.ABORTED,
        Cause.LEG_REFUSED,
    ),
    "abort-lost": (Stage.ONE_HELD, lambda log, id_: log.vote(id_, Fact.LOST, [0]), State.ABORTED, Cause.LEG_LOST),
    "abort-consent": (
        Stage.ONE_HELD,
        lambda log, id_: log.vote(id_, Fact.CONSENT, [0]),
        State.ABORTED,
        Cause.LEG_CONSENT,
    ),
    "abort-unmet": (
        Stage.ONE_HELD,
        lambda log, id_: log.vote(id_, Fact.UNMET, [EVERY_LEG]),
        State.ABORTED,
        Cause.CONDITION_UNMET,
    ),
    "abort-cancel-alleged": (
        Stage.ALLEGED,
        lambda log, id_: log.block(cancel(id_, BOB)),
        State.ABORTED,
        Cause.CANCELLED,
    ),
    "abort-cancel-matched": (
        Stage.ONE_HELD,
        lambda log, id_: log.block(cancel(id_, ALICE, BOB)),
        State.ABORTED,
        Cause.CANCELLED,
    ),
    "abort-never": (
        Stage.ORDERED,
        lambda log, id_: log.vote(id_, Fact.NEVER, [EVERY_LEG]),
        State.ABORTED,
        Cause.PIVOT_NEVER,
    ),
    "match": (Stage.ALLEGED, lambda log, id_: log.block(sign(id_, BOB)), State.PREPARING, Cause.NONE),
    "prepare": (Stage.ALLEGED, lambda log, id_: log.block(sign(id_, BOB)), State.PREPARING, Cause.NONE),
    "order": (Stage.PREPARING, lambda log, id_: log.vote(id_, Fact.HELD, [0]), State.PIVOTING, Cause.NONE),
    "commit": (Stage.ONE_HELD, lambda log, id_: log.vote(id_, Fact.HELD, [1]), State.COMMITTED, Cause.ALL_HELD),
    "commit-executed": (
        Stage.ORDERED,
        lambda log, id_: log.vote(id_, Fact.EXECUTED, [EVERY_LEG]),
        State.COMMITTED,
        Cause.PIVOT_EXECUTED,
    ),
    "settled": (
        Stage.ONE_DELIVERED,
        lambda log, id_: log.vote(id_, Fact.DELIVERED, [1]),
        State.SETTLED,
        Cause.ALL_HELD,
    ),
    "unwound": (
        Stage.ABORTED_CERTIFIED,
        lambda log, id_: log.vote(id_, Fact.RETURNED),
        State.UNWOUND,
        Cause.CANCELLED,
    ),
}
TERMS = {"abort-unmet": instruction(conditions=word(1)), "order": pivot_instruction()}
"""Terms of those rows that other terms than the stage's need."""


def test_the_decision_rule_has_the_specifications_order() -> None:
    """ABORT is tested first, and every row has its example here."""
    assert [row.tag for row in RULES] == list(ROWS)
    assert frozenset(State) - DECIDED == UNDECIDED
    assert ENDED < DECIDED


@pytest.mark.parametrize("tag", ROWS)
def test_each_row_of_the_decision_rule(tag: str) -> None:
    """From its state and with its condition a row leads to its next state, and says why."""
    stage, step, state, cause = ROWS[tag]
    log, id_ = at(stage, terms=TERMS.get(tag))
    ordered = step(log, id_)
    assert ordered.reasons == []
    after = ordered.applied.changes[-1].after
    assert (after.state, after.cause) == (state, cause)
    assert (after.decision is not None) == (state in DECIDED)


REJECTED = Reason.FACT_OUT_OF_ORDER
KNOWN = Reason.NOTHING_NEW
OVER = Reason.ALREADY_DECIDED
NEVER_TRUE = dict.fromkeys((Fact.SIGNED, *WHOLE_FACTS), REJECTED)
"""Of one leg; a contract wallet's consent comes before the match."""
NO_HOLD: dict[Fact, Reason | str] = {
    Fact.HELD: "ABORTED HELD",
    Fact.REFUSED: "ABORTED REFUSED",
    Fact.LOST: "ABORTED PENDING",
    Fact.CONSENT: "ABORTED CONSENT",
    Fact.DELIVERED: REJECTED,
    Fact.RETURNED: "ABORTED TOMBSTONED",
}
ENTITLED: dict[Fact, Reason | str] = {
    Fact.HELD: KNOWN,
    Fact.REFUSED: "COMMITTED ENTITLED",
    Fact.LOST: "COMMITTED ENTITLED",
    Fact.CONSENT: "COMMITTED CONSENT",
    Fact.DELIVERED: "COMMITTED DELIVERED",
    Fact.RETURNED: REJECTED,
}
RETURNABLE: dict[Fact, Reason | str] = {
    Fact.HELD: KNOWN,
    Fact.REFUSED: "ABORTED HELD",
    Fact.LOST: "ABORTED LOST",
    Fact.CONSENT: "ABORTED CONSENT",
    Fact.DELIVERED: REJECTED,
    Fact.RETURNED: "ABORTED RETURNED",
}
ORDER_OUT: dict[Fact, Reason | str] = {
    Fact.HELD: KNOWN,
    Fact.REFUSED: "PIVOTING HELD",
    Fact.LOST: "PIVOTING LOST",
    Fact.CONSENT: "PIVOTING CONSENT",
    Fact.DELIVERED: REJECTED,
    Fact.RETURNED: REJECTED,
}
FACTS: dict[Stage, dict[Fact, Reason | str]] = {
    Stage.ALLEGED: {
        Fact.SIGNED: "ALLEGED PENDING",
        Fact.HELD: "ALLEGED HELD",
        Fact.REFUSED: "ABORTED REFUSED",
        Fact.LOST: "ABORTED PENDING",
        Fact.CONSENT: "ABORTED CONSENT",
        Fact.DELIVERED: REJECTED,
        Fact.RETURNED: REJECTED,
    },
    Stage.PREPARING: {
        Fact.HELD: "PREPARING HELD",
        Fact.REFUSED: "ABORTED REFUSED",
        Fact.LOST: "ABORTED PENDING",
        Fact.CONSENT: "ABORTED CONSENT",
        Fact.DELIVERED: REJECTED,
        Fact.RETURNED: REJECTED,
    },
    Stage.ONE_HELD: {
        Fact.HELD: KNOWN,
        Fact.REFUSED: "ABORTED HELD",
        Fact.LOST: "ABORTED LOST",
        Fact.CONSENT: "ABORTED CONSENT",
        Fact.DELIVERED: REJECTED,
        Fact.RETURNED: REJECTED,
    },
    Stage.COMMITTED: ENTITLED,
    Stage.COMMITTED_CERTIFIED: ENTITLED,
    Stage.ONE_DELIVERED: {
        Fact.HELD: KNOWN,
        Fact.REFUSED: "COMMITTED DELIVERED",
        Fact.LOST: "COMMITTED DELIVERED",
        Fact.CONSENT: "COMMITTED DELIVERED",
        Fact.DELIVERED: KNOWN,
        Fact.RETURNED: REJECTED,
    },
    Stage.ABORTED: NO_HOLD,
    Stage.ABORTED_CERTIFIED: NO_HOLD,
    Stage.ABORTED_HELD: RETURNABLE,
    Stage.SETTLED: dict.fromkeys(Fact, OVER),
    Stage.UNWOUND: dict.fromkeys(Fact, OVER),
    Stage.PIVOTING: ORDER_OUT,
    Stage.ORDERED: ORDER_OUT,
    Stage.EXECUTED: ENTITLED,
    Stage.NEVER: RETURNABLE,
}


@pytest.mark.parametrize("fact", Fact)
@pytest.mark.parametrize("stage", Stage)
def test_every_fact_at_every_stage(stage: Stage, fact: Fact) -> None:
    """A quorum's fact about the first leg has the consequence that the table says, fewer votes have none.

    A decision stays what it is.
    """
    log, id_ = at(stage)
    wanted = {**NEVER_TRUE, **FACTS[stage]}[fact]
    before = log.replica.settlements.get(id_)
    decision = before.decision if before is not None else log.ended(id_).decision
    reasons = log.vote(id_, fact, [0], [2, 1]).reasons
    assert log.replica.settlements.get(id_) == before
    reasons += log.vote(id_, fact, [0], [0]).reasons
    if isinstance(wanted, Reason):
        assert reasons == [wanted] * 3
        return
    after = log[id_]
    assert after.legs[0].stands(fact)
    assert f"{after.state.name} {after.legs[0].state.name}" == wanted
    assert decision in {None, after.decision}


WHOLE = {
    (Stage.PIVOTING, Fact.EXECUTED): "COMMITTED EXECUTED",
    (Stage.PIVOTING, Fact.NEVER): "ABORTED NEVER",
    (Stage.ORDERED, Fact.EXECUTED): "COMMITTED EXECUTED",
    (Stage.ORDERED, Fact.NEVER): "ABORTED NEVER",
}
"""What a fact about the whole does; the usual terms name no condition, so that none is ever met or unmet."""


@pytest.mark.parametrize("fact", sorted(WHOLE_FACTS))
@pytest.mark.parametrize("stage", Stage)
def test_every_fact_about_the_whole_at_every_stage(stage: Stage, fact: Fact) -> None:
    """Only while the order is out does the pivot's word count, a quorum's and no less; then it decides."""
    log, id_ = at(stage)
    wanted = WHOLE.get((stage, fact))
    before = log.replica.settlements.get(id_)
    reasons = log.vote(id_, fact, [EVERY_LEG], [2, 1]).reasons
    assert log.replica.settlements.get(id_) == before
    reasons += log.vote(id_, fact, [EVERY_LEG], [0]).reasons
    if wanted is None:
        assert reasons == [REJECTED if before is not None else OVER] * 3
        return
    after = log[id_]
    assert f"{after.state.name} {after.legs[1].state.name}" == wanted
    assert after.stands(fact)


def test_the_blocks_time_comes_before_its_entries() -> None:
    """The last HELD and the deadline in one block: the time comes first, and it is ABORT."""
    log, id_ = at(Stage.PREPARING)
    log.block(time=PREPARE_BY)
    assert log[id_].state is State.PREPARING
    log.vote(id_, Fact.HELD, [0])
    entries = log.vote(id_, Fact.HELD, [1], members=[0, 1])
    assert entries.reasons == []
    last = attest(2, log.anchor, attestation(2, id_, 1, Fact.HELD))
    assert log.block(last, time=LATE).reasons == []
    assert (log[id_].state, log[id_].cause) == (State.ABORTED, Cause.PREPARE_BY_PASSED)
    assert log[id_].decided_at == LATE


def test_at_prepare_by_itself_it_can_still_commit() -> None:
    """The deadline is the last second that counts."""
    log, id_ = at(Stage.ONE_HELD)
    log.block(time=PREPARE_BY)
    log.vote(id_, Fact.HELD, [1])
    assert (log[id_].state, log[id_].decided_at) == (State.COMMITTED, PREPARE_BY)


def test_time_aborts_without_any_entry_second_by_second() -> None:
    """Idle blocks alone reach the deadline, however closely they follow each other."""
    log, id_ = at(Stage.ONE_HELD)
    for time in range(PREPARE_BY - 2, PREPARE_BY + 1):
        log.block(time=time)
        assert log[id_].state is State.PREPARING
    log.block(time=LATE)
    assert (log[id_].state, log[id_].decided_at) == (State.ABORTED, LATE)


def test_no_commit_before_settle_from_and_then_by_time_alone() -> None:
    """With every leg held the settlement waits for settleFrom, and needs no further entry."""
    log = Log()
    id_ = log.instruct(instruction(settle_from=LATER))
    log.vote(id_, Fact.HELD)
    log.block(time=LATER - 1)
    assert log[id_].state is State.PREPARING
    log.block(time=LATER)
    assert (log[id_].state, log[id_].decided_at) == (State.COMMITTED, LATER)


def test_a_block_that_jumps_past_both_times_aborts() -> None:
    """Where settleFrom and prepareBy pass in one step ABORT is tested first."""
    log = Log()
    id_ = log.instruct(instruction(settle_from=LATER))
    log.vote(id_, Fact.HELD)
    log.block(time=LATE)
    assert log[id_].state is State.ABORTED


@pytest.mark.parametrize("stage", [Stage.ALLEGED, Stage.PREPARING, Stage.ONE_HELD])
def test_log_time_beyond_prepare_by_aborts_what_is_undecided(stage: Stage) -> None:
    """Matched or not, a settlement that nobody decided is aborted by time."""
    log, id_ = at(stage)
    log.block(time=LATE)
    assert log[id_].cause is Cause.PREPARE_BY_PASSED


DECIDED_STAGES = [Stage.COMMITTED, Stage.COMMITTED_CERTIFIED, Stage.ABORTED, Stage.ABORTED_HELD]


@pytest.mark.parametrize("stage", [*DECIDED_STAGES, Stage.EXECUTED, Stage.NEVER])
def test_time_changes_no_decision(stage: Stage) -> None:
    """What is decided waits as long as it takes."""
    log, id_ = at(stage)
    before = log[id_]
    log.block(time=LATE + 10**9)
    assert log[id_] == before


def test_holds_that_came_before_the_match_count() -> None:
    """Facts attested while the settlement is alleged stand, and the last signature commits in the same step."""
    log, id_ = at(Stage.ALLEGED)
    log.vote(id_, Fact.HELD)
    assert log[id_].state is State.ALLEGED
    log.block(sign(id_, BOB))
    assert log[id_].state is State.COMMITTED


def test_a_redacted_settlement_never_commits_before_its_terms_are_known() -> None:
    """All signatures and holds do not match what the log cannot read; the terms do, and the id is the same."""
    log = Log()
    terms = instruction()
    assert log.block(instruct(redact(terms), ALICE, BOB)).reasons == []
    id_ = id_of(terms)
    log.vote(id_, Fact.HELD)
    assert log[id_].state is State.ALLEGED
    assert log.block(instruct(terms, ALICE)).reasons == []
    assert (log[id_].state, log[id_].terms) == (State.COMMITTED, terms)


def test_terms_in_clear_are_not_hidden_again() -> None:
    """A redacted form of what is known in clear brings nothing."""
    log = Log()
    id_ = log.instruct(instruction(), ALICE)
    assert log.block(instruct(redact(instruction()), ALICE)).reasons == [Reason.NOTHING_NEW]
    assert log.block(instruct(redact(instruction()), BOB)).reasons == []
    assert log[id_].terms == instruction()
    assert log[id_].state is State.PREPARING


def test_a_late_hold_is_returned() -> None:
    """A hold that slipped in after ABORT is known, returned with the certificate, and never revives the decision."""
    log, id_ = at(Stage.ABORTED_CERTIFIED)
    log.vote(id_, Fact.HELD)
    assert log[id_].state is State.ABORTED
    ordered = log.vote(id_, Fact.RETURNED)
    assert log.ended(id_).state is State.UNWOUND
    assert [leg.state.name for leg in ordered.applied.ended[0].legs] == ["RETURNED", "RETURNED"]


@pytest.mark.parametrize("stage", [Stage.COMMITTED, Stage.ABORTED])
def test_it_ends_only_with_its_certificate(stage: Stage) -> None:
    """Whatever moved before the log had the certificate, the settlement stays open until its proof stands."""
    log, id_ = at(stage)
    is_commit = stage is Stage.COMMITTED
    log.vote(id_, Fact.DELIVERED if is_commit else Fact.RETURNED)
    assert log[id_].state is (State.COMMITTED if is_commit else State.ABORTED)
    ordered = log.certify(id_, Outcome.COMMIT if is_commit else Outcome.ABORT)
    assert ordered.applied.ended[0].certificate is not None
    assert log.ended(id_).state is (State.SETTLED if is_commit else State.UNWOUND)
