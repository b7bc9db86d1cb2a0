"""With a pivot the other legs are held first, and once its order is out nothing but its own word decides."""

from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import Instruction, redact
from interlock.core.leg import LegState
from interlock.core.limits import EVERY_LEG
from interlock.core.registry import LedgerClass
from interlock.core.rejection import Reason
from interlock.core.settlement import Cause, State
from interlock.encoding.values import Uint64, UnixSeconds, hex_of
from support.log import LATE, PIVOT_STAGES, Log, Stage, at
from support.world import (
    ALICE,
    BANK,
    BOB,
    PAYMENT_ONLY,
    PIVOT_WINDOW_S,
    PREPARE_BY,
    START,
    TOKEN,
    USD,
    VAULT_NAME,
    account_leg,
    cancel,
    id_of,
    instruct,
    instruction,
    ledger,
    pivot_instruction,
    registry,
)

OUT = [Stage.PIVOTING, Stage.ORDERED]


def test_the_order_waits_for_every_leg_outside_the_pivot() -> None:
    """Two of three held are not enough; the order follows the last in the same step, and its window begins there."""
    log = Log()
    id_ = log.instruct(pivot_instruction(2, account_legs=(account_leg(), account_leg(ledger=PAYMENT_ONLY))))
    log.vote(id_, Fact.HELD, [0, 2])
    assert (log[id_].state, log[id_].order) == (State.PREPARING, None)
    log.block(time=START + 50)
    log.vote(id_, Fact.HELD, [1])
    order = log[id_].order
    assert log[id_].state is State.PIVOTING
    assert order is not None
    assert (order.settlement, order.ledger, order.last_valid) == (id_, PAYMENT_ONLY, START + 50 + PIVOT_WINDOW_S)


def test_the_order_waits_for_settle_from() -> None:
    """With every other leg held it is sent at settleFrom, by time alone."""
    log = Log()
    id_ = log.instruct(pivot_instruction(settle_from=UnixSeconds(Uint64(START + 100))))
    log.vote(id_, Fact.HELD, [0])
    log.block(time=START + 99)
    assert log[id_].state is State.PREPARING
    log.block(time=START + 100)
    assert log[id_].state is State.PIVOTING


def test_a_settlement_of_the_pivots_legs_alone_is_ordered_at_the_match() -> None:
    """Nothing is held: both legs change hands in one step, and its word settles or unwinds them."""
    legs = (account_leg(ledger=PAYMENT_ONLY), account_leg(1, ALICE.address, ledger=PAYMENT_ONLY))
    for word, outcome, end in (
        (Fact.EXECUTED, Outcome.COMMIT, State.SETTLED),
        (Fact.NEVER, Outcome.ABORT, State.UNWOUND),
    ):
        log = Log()
        id_ = log.instruct(pivot_instruction(0, account_legs=legs))
        assert log[id_].state is State.PIVOTING
        log.vote(id_, word, [EVERY_LEG])
        log.certify(id_, outcome)
        assert log.ended(id_).state is end


@pytest.mark.parametrize("stage", OUT)
def test_time_does_not_decide_once_the_order_is_out(stage: Stage) -> None:
    """Neither prepareBy nor lastValid: only the pivot knows whether it executed in time."""
    log, id_ = at(stage)
    before = log[id_]
    for time in (PREPARE_BY, LATE, LATE + PIVOT_WINDOW_S + 1, LATE + 10**9):
        log.block(time=time)
        assert log[id_] == before
    log.vote(id_, Fact.EXECUTED, [EVERY_LEG])
    assert log[id_].cause is Cause.PIVOT_EXECUTED


@pytest.mark.parametrize("stage", OUT)
def test_cancels_do_not_decide_once_the_order_is_out(stage: Stage) -> None:
    """All of them together come too late, are told so, and are not kept."""
    log, id_ = at(stage)
    before = log[id_]
    assert log.block(cancel(id_, ALICE, BOB)).reasons == [Reason.ORDER_OUT]
    assert log[id_] == before


@pytest.mark.parametrize("fact", [Fact.REFUSED, Fact.LOST, Fact.CONSENT])
@pytest.mark.parametrize("stage", OUT)
def test_what_becomes_of_the_holds_does_not_decide_once_the_order_is_out(stage: Stage, fact: Fact) -> None:
    """The other leg may be gone, the pivot decides all the same; what is lost then is owed and stuck."""
    log, id_ = at(stage)
    log.vote(id_, fact, [0])
    assert log[id_].state is State.PIVOTING
    log.vote(id_, Fact.EXECUTED, [EVERY_LEG])
    after = log[id_]
    assert after.state is State.COMMITTED
    assert after.legs[0].state is (LegState.CONSENT if fact is Fact.CONSENT else LegState.ENTITLED)
    assert after.legs[0].is_stuck is (fact is Fact.LOST)


def test_before_the_order_is_out_they_do() -> None:
    """While the pivot waits for the other legs a loss, the deadline and all signers' cancel abort as ever."""
    for step, cause in (
        (lambda log, _: log.block(time=LATE), Cause.PREPARE_BY_PASSED),
        (lambda log, id_: log.block(cancel(id_, ALICE, BOB)), Cause.CANCELLED),
        (lambda log, id_: log.vote(id_, Fact.REFUSED, [0]), Cause.LEG_REFUSED),
    ):
        log, id_ = at(Stage.PREPARING, terms=pivot_instruction())
        step(log, id_)
        assert (log[id_].state, log[id_].cause, log[id_].order) == (State.ABORTED, cause, None)


@pytest.mark.parametrize("stage", PIVOT_STAGES)
@pytest.mark.parametrize("fact", [Fact.HELD, Fact.REFUSED, Fact.LOST, Fact.CONSENT, Fact.DELIVERED, Fact.RETURNED])
def test_nothing_is_attested_of_the_pivots_leg(stage: Stage, fact: Fact) -> None:
    """Nothing is held there, so that no vote on a hold can be true."""
    log, id_ = at(stage)
    before = log.kept()
    assert log.vote(id_, fact, [1]).reasons == [Reason.FACT_OUT_OF_ORDER] * 3
    assert log.kept() == before


@pytest.mark.parametrize(("first", "second"), [(Fact.EXECUTED, Fact.NEVER), (Fact.NEVER, Fact.EXECUTED)])
def test_of_the_pivots_two_words_the_first_that_stands_decides(first: Fact, second: Fact) -> None:
    """A minority's opposite does nothing, and what comes after the decision is refused."""
    log, id_ = at(Stage.ORDERED)
    log.vote(id_, second, [EVERY_LEG], [2, 3])
    log.vote(id_, first, [EVERY_LEG], [0, 1, 2])
    decision = log[id_].decision
    assert decision is not None
    assert decision.outcome is (Outcome.COMMIT if first is Fact.EXECUTED else Outcome.ABORT)
    assert log.vote(id_, second, [EVERY_LEG], [0]).reasons == [Reason.FACT_OUT_OF_ORDER]
    assert log[id_].decision == decision


@pytest.mark.parametrize(
    ("stage", "outcome", "fact", "end"),
    [
        (Stage.EXECUTED, Outcome.COMMIT, Fact.DELIVERED, State.SETTLED),
        (Stage.NEVER, Outcome.ABORT, Fact.RETURNED, State.UNWOUND),
    ],
)
def test_it_ends_with_its_other_legs(stage: Stage, outcome: Outcome, fact: Fact, end: State) -> None:
    """The pivot has nothing more to do after its word: the settlement ends when the holds have."""
    log, id_ = at(stage)
    log.certify(id_, outcome)
    assert log[id_].state in {State.COMMITTED, State.ABORTED}
    log.vote(id_, fact, [0])
    assert log.ended(id_).state is end


def test_an_aborted_settlement_whose_order_never_was_waits_for_no_pivot() -> None:
    """Its leg at the pivot is closed from the beginning: nothing is held there, and no order will come."""
    log, id_ = at(Stage.PREPARING, terms=pivot_instruction())
    log.block(cancel(id_, ALICE, BOB))
    log.certify(id_, Outcome.ABORT)
    log.vote(id_, Fact.RETURNED, [0])
    assert log.ended(id_).state is State.UNWOUND


PIVOTS_ADMITTED = {
    "a payment system": (pivot_instruction(), None),
    "the longest window": (pivot_instruction(pivot_window=Uint64(PIVOT_WINDOW_S)), None),
    "one second": (pivot_instruction(pivot_window=Uint64(1)), None),
    "a bank that can": (
        instruction(pivot=BANK, pivot_window=Uint64(1)),
        ledger(BANK, LedgerClass.HELD, USD, is_pivot=True),
    ),
    "a vault that can": (
        instruction(pivot=VAULT_NAME, pivot_window=Uint64(1)),
        ledger(VAULT_NAME, LedgerClass.VAULT, hex_of(TOKEN), is_pivot=True),
    ),
}


@pytest.mark.parametrize(("terms", "line"), PIVOTS_ADMITTED.values(), ids=PIVOTS_ADMITTED.keys())
def test_a_pivot_is_admitted_where_the_registry_allows_it(terms: Instruction, line: object) -> None:
    """Whatever its class, a ledger that is registered as one may be a leg's pivot, within the network's window."""
    log = Log(registry=registry(line) if line is not None else registry())  # type: ignore[arg-type]  # a registry's line
    assert log[log.instruct(terms)].state is State.PREPARING


def test_an_unknown_pivot_passes() -> None:
    """A ledger that is not registered may be tomorrow, and then as a pivot."""
    log, unknown = Log(), pivot_instruction(account_legs=(account_leg(ledger="bank:new"),), pivot="bank:new")
    assert log.block(instruct(unknown, ALICE)).reasons == [Reason.LEDGER_UNKNOWN]
    assert log.replica.settlements == {}


def test_a_pivot_that_may_be_hidden_is_judged_when_the_terms_come() -> None:
    """A redacted leg names no ledger: it may be the pivot's, until it shows that it is not."""
    astray = replace(instruction(), pivot=PAYMENT_ONLY, pivot_window=Uint64(1))
    log = Log()
    assert log.block(instruct(redact(astray), ALICE)).reasons == []
    assert log[id_of(astray)].state is State.ALLEGED
    assert log.block(instruct(astray, ALICE)).reasons == []
    assert log[id_of(astray)].reason is Reason.PIVOT_WITHOUT_LEG


def test_without_a_configuration_no_window_is_known() -> None:
    """Before the first configuration a long window is not held against anybody, as nothing else of the registry is."""
    log = Log(registry=None)
    terms = pivot_instruction(pivot_window=Uint64(2**64 - 1))
    assert log.block(instruct(terms, ALICE), time=START).reasons == [Reason.LEDGER_UNKNOWN]
