"""The life of a settlement: every row of the decision rule, and every fact at every stage."""

from collections.abc import Callable

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import SettlementId, redact
from interlock.core.rejection import Reason
from interlock.core.rules import RULES
from interlock.core.settlement import DECIDED, ENDED, UNDECIDED, Cause, State
from support.log import LATE, Log, Ordered, Stage, at
from support.world import ALICE, BOB, PREPARE_BY, START, attest, attestation, cancel, id_of, instruct, instruction, sign

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
    "match": (Stage.ALLEGED, lambda log, id_: log.block(sign(id_, BOB)), State.PREPARING, Cause.NONE),
    "prepare": (Stage.ALLEGED, lambda log, id_: log.block(sign(id_, BOB)), State.PREPARING, Cause.NONE),
    "commit": (Stage.ONE_HELD, lambda log, id_: log.vote(id_, Fact.HELD, [1]), State.COMMITTED, Cause.ALL_HELD),
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


def test_the_decision_rule_has_the_specifications_order() -> None:
    """ABORT is tested first, and every row has its example here."""
    assert [row.tag for row in RULES] == list(ROWS)
    assert frozenset(State) - DECIDED == UNDECIDED
    assert ENDED < DECIDED


@pytest.mark.parametrize(("stage", "step", "state", "cause"), ROWS.values(), ids=ROWS.keys())
def test_each_row_of_the_decision_rule(stage: Stage, step: Step, state: State, cause: Cause) -> None:
    """From its state and with its condition a row leads to its next state, and says why."""
    log, id_ = at(stage)
    ordered = step(log, id_)
    assert ordered.reasons == []
    after = ordered.applied.changes[-1][1]
    assert (after.state, after.cause) == (state, cause)
    assert (after.decision is not None) == (state in DECIDED)


REJECTED = Reason.FACT_OUT_OF_ORDER
KNOWN = Reason.NOTHING_NEW
OVER = Reason.ALREADY_DECIDED
NEVER_TRUE = dict.fromkeys((Fact.SIGNED, Fact.EXECUTED, Fact.NEVER), REJECTED)
NO_HOLD: dict[Fact, Reason | str] = {
    Fact.HELD: "ABORTED HELD",
    Fact.REFUSED: "ABORTED REFUSED",
    Fact.LOST: "ABORTED PENDING",
    Fact.CONSENT: "ABORTED PENDING",
    Fact.DELIVERED: REJECTED,
    Fact.RETURNED: "ABORTED TOMBSTONED",
}
ENTITLED: dict[Fact, Reason | str] = {
    Fact.HELD: KNOWN,
    Fact.REFUSED: "COMMITTED ENTITLED",
    Fact.LOST: "COMMITTED ENTITLED",
    Fact.CONSENT: "COMMITTED ENTITLED",
    Fact.DELIVERED: "COMMITTED DELIVERED",
    Fact.RETURNED: REJECTED,
}
FACTS: dict[Stage, dict[Fact, Reason | str]] = {
    Stage.ALLEGED: {
        Fact.HELD: "ALLEGED HELD",
        Fact.REFUSED: "ABORTED REFUSED",
        Fact.LOST: "ABORTED PENDING",
        Fact.CONSENT: "ABORTED PENDING",
        Fact.DELIVERED: REJECTED,
        Fact.RETURNED: REJECTED,
    },
    Stage.PREPARING: {
        Fact.HELD: "PREPARING HELD",
        Fact.REFUSED: "ABORTED REFUSED",
        Fact.LOST: "ABORTED PENDING",
        Fact.CONSENT: "ABORTED PENDING",
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
    Stage.ABORTED_HELD: {
        Fact.HELD: KNOWN,
        Fact.REFUSED: "ABORTED HELD",
        Fact.LOST: "ABORTED LOST",
        Fact.CONSENT: "ABORTED CONSENT",
        Fact.DELIVERED: REJECTED,
        Fact.RETURNED: "ABORTED RETURNED",
    },
    Stage.SETTLED: dict.fromkeys(Fact, OVER),
    Stage.UNWOUND: dict.fromkeys(Fact, OVER),
}


@pytest.mark.parametrize("fact", Fact)
@pytest.mark.parametrize("stage", Stage)
def test_every_fact_at_every_stage(stage: Stage, fact: Fact) -> None:
    """A quorum's fact about the first leg has the consequence that the table says; a decision stays what it is."""
    log, id_ = at(stage)
    wanted = {**NEVER_TRUE, **FACTS[stage]}[fact]
    decision = log[id_].decision if id_ in log.replica.settlements else log.replica.ended[id_].decision
    reasons = log.vote(id_, fact, [0]).reasons
    if isinstance(wanted, Reason):
        assert reasons == [wanted] * 3
        return
    after = log[id_]
    assert f"{after.state.name} {after.legs[0].state.name}" == wanted
    assert decision in {None, after.decision}


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


@pytest.mark.parametrize("stage", [Stage.COMMITTED, Stage.COMMITTED_CERTIFIED, Stage.ABORTED, Stage.ABORTED_HELD])
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
    assert log.replica.ended[id_].state is State.UNWOUND
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
    assert log.replica.ended[id_].state is (State.SETTLED if is_commit else State.UNWOUND)
