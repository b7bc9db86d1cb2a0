"""While the pivot has its order only its word decides, whatever becomes of the holds."""

from itertools import permutations, product

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import FIRST_EPOCH
from interlock.core.decision import Outcome, decision_hash
from interlock.core.effects import DeliverCertificate, ExecuteOrder, SignDecision, SignOrder, outstanding
from interlock.core.instruction import SettlementId
from interlock.core.leg import LegState
from interlock.core.limits import EVERY_LEG
from interlock.core.order import Order, order_hash
from interlock.core.rejection import Reason
from interlock.core.settlement import Cause, State
from interlock.encoding.merkle import root_of
from interlock.encoding.values import Uint64, UnixSeconds
from support.log import LATE, Stage, at
from support.protocol import FIRST, FOUR, Network
from support.world import (
    ALICE,
    BOB,
    CAROL,
    PAYMENT_ONLY,
    PIVOT_WINDOW_S,
    PREPARE_BY,
    START,
    Key,
    account_leg,
    cancel,
    instruct,
    instruction,
    pivot_instruction,
    sign,
    word,
)

WINDOWS = (1, 60, PIVOT_WINDOW_S)


def pivoting(
    *, window_s: int = PIVOT_WINDOW_S, legs: int = 1, time: int = START, **changes: object
) -> tuple[Network, SettlementId]:
    """Give a log whose settlement is held outside the pivot since this time."""
    net = Network()
    id_ = net.instruct(pivot_instruction(legs, pivot_window=Uint64(window_s), **changes))
    net.block(time=time)
    net.vote(id_, Fact.HELD, range(legs))
    return net, id_


@pytest.mark.parametrize("window_s", WINDOWS)
@pytest.mark.parametrize("time", [START, START + 100, PREPARE_BY])
def test_the_window_begins_with_the_block_that_held_the_last_leg(time: int, window_s: int) -> None:
    """The order is valid for the terms' window, perhaps beyond prepareBy, and is a leaf of the log of decisions."""
    net, id_ = pivoting(window_s=window_s, time=time)
    order = Order(id_, PAYMENT_ONLY, UnixSeconds(Uint64(time + window_s)), FIRST_EPOCH)
    assert (net[id_].state, net[id_].order, net[id_].decision) == (State.PIVOTING, order, None)
    assert net.replica.decisions.root == order_hash(order)


def test_there_is_one_order_for_ever() -> None:
    """Neither more holds, nor time, nor terms brought again make another; its decision is the next leaf."""
    net, id_ = pivoting()
    order = net[id_].order
    assert order is not None
    net.vote(id_, Fact.HELD, [0], [3])
    net.block(instruct(pivot_instruction(), ALICE, BOB), sign(id_, ALICE), time=LATE)
    net.certify_order(id_)
    assert net[id_].order == order
    net.vote(id_, Fact.EXECUTED, [EVERY_LEG])
    decision = net[id_].decision
    assert (net[id_].order, decision is not None) == (order, True)
    assert decision is not None
    assert net.replica.decisions.root == root_of([order_hash(order), decision_hash(decision)])


@pytest.mark.parametrize("by", [*permutations((ALICE, BOB), 1), (ALICE, BOB)])
@pytest.mark.parametrize("stage", [Stage.PIVOTING, Stage.ORDERED])
def test_a_cancel_is_too_late(stage: Stage, by: tuple[Key, ...]) -> None:
    """Of one signer or of all, also in the block that passes prepareBy: the order decides, and nothing is kept."""
    log, id_ = at(stage)
    before = log.kept()
    assert log.block(cancel(id_, *by), time=LATE).reasons == [Reason.ORDER_OUT]
    assert log.block(cancel(id_, CAROL)).reasons == [Reason.SIGNER_NOT_REQUIRED]
    assert log.kept() == before


def test_a_cancel_of_one_that_came_before_the_order_stays_one() -> None:
    """Kept while it was not enough, it does not abort what is out since, nor what is executed then."""
    net = Network()
    id_ = net.instruct(pivot_instruction())
    assert net.block(cancel(id_, ALICE)).reasons == []
    net.vote(id_, Fact.HELD, [0])
    assert net[id_].state is State.PIVOTING
    assert net.block(cancel(id_, BOB)).reasons == [Reason.ORDER_OUT]
    net.vote(id_, Fact.EXECUTED, [EVERY_LEG])
    assert net[id_].state is State.COMMITTED


LEFT = {
    (Outcome.COMMIT, ()): "ENTITLED",
    (Outcome.COMMIT, (Fact.REFUSED,)): "ENTITLED",
    (Outcome.COMMIT, (Fact.LOST,)): "ENTITLED stuck",
    (Outcome.COMMIT, (Fact.CONSENT,)): "CONSENT",
    (Outcome.COMMIT, (Fact.LOST, Fact.CONSENT)): "CONSENT",
    (Outcome.ABORT, ()): "HELD",
    (Outcome.ABORT, (Fact.REFUSED,)): "HELD",
    (Outcome.ABORT, (Fact.LOST,)): "LOST",
    (Outcome.ABORT, (Fact.CONSENT,)): "CONSENT",
    (Outcome.ABORT, (Fact.LOST, Fact.CONSENT)): "CONSENT",
}
"""What is left of a held leg, by the pivot's word and what became of the hold before it."""


@pytest.mark.parametrize(("outcome", "facts"), LEFT)
def test_what_becomes_of_a_hold_meanwhile_is_known_and_decides_nothing(
    outcome: Outcome, facts: tuple[Fact, ...]
) -> None:
    """A loss is owed and stuck after COMMIT, or to be given back; what both sides have ended stays ended."""
    net, id_ = pivoting()
    for fact in facts:
        net.vote(id_, fact, [0])
        assert net[id_].state is State.PIVOTING
    net.vote(id_, Fact.EXECUTED if outcome is Outcome.COMMIT else Fact.NEVER, [EVERY_LEG])
    decision, leg = net[id_].decision, net[id_].legs[0]
    assert decision is not None
    assert decision.outcome is outcome
    assert leg.state.name + " stuck" * leg.is_stuck == LEFT[outcome, facts]
    assert net[id_].legs[1].state is (LegState.EXECUTED if outcome is Outcome.COMMIT else LegState.NEVER)


ENDS = {
    "lost, then delivered": (Fact.EXECUTED, [Fact.LOST], [Fact.DELIVERED], State.SETTLED),
    "lost, then ended by consent": (Fact.EXECUTED, [Fact.LOST], [Fact.CONSENT], State.SETTLED),
    "ended by consent, then executed": (Fact.EXECUTED, [Fact.CONSENT], [], State.SETTLED),
    "lost, then returned": (Fact.NEVER, [Fact.LOST], [Fact.RETURNED], State.UNWOUND),
    "ended by consent, then never": (Fact.NEVER, [Fact.CONSENT], [], State.UNWOUND),
}


@pytest.mark.parametrize(("said", "before", "after", "end"), ENDS.values(), ids=ENDS.keys())
def test_a_leg_that_is_stuck_or_lost_keeps_the_settlement_open(
    said: Fact, before: list[Fact], after: list[Fact], end: State
) -> None:
    """It ends when what is owed has been paid, or given back, or both sides have agreed otherwise."""
    net, id_ = pivoting()
    for fact in before:
        net.vote(id_, fact, [0])
    net.vote(id_, said, [EVERY_LEG])
    outcome = Outcome.COMMIT if said is Fact.EXECUTED else Outcome.ABORT
    net.certify(id_, outcome)
    for fact in after:
        assert outstanding(net[id_]) == (DeliverCertificate(id_, 0),)  # type: ignore[arg-type]  # the first leg
        net.vote(id_, fact, [0])
    assert net.ended(id_).state is end


@pytest.mark.parametrize(
    "facts", [*product((Fact.MET, Fact.UNMET, Fact.SIGNED, Fact.DELIVERED, Fact.RETURNED), (0, EVERY_LEG))]
)
def test_what_cannot_be_true_meanwhile_is_refused(facts: tuple[Fact, int]) -> None:
    """The condition was asked before, nobody is entitled yet, and nothing is to be returned."""
    net, id_ = pivoting(conditions=word(1))
    net.vote(id_, Fact.MET, [EVERY_LEG])
    assert net[id_].state is State.PIVOTING
    fact, leg = facts
    is_leg_unknown = leg == EVERY_LEG and fact not in {Fact.MET, Fact.UNMET}
    reason = Reason.LEG_UNKNOWN if is_leg_unknown else Reason.FACT_OUT_OF_ORDER
    assert net.vote(id_, fact, [leg]).reasons == [reason] * 3


@pytest.mark.parametrize("split", [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_a_divided_committee_decides_nothing(split: tuple[int, int]) -> None:
    """Whatever the members say, without three of one mind the pivot has not spoken; a member may say both."""
    net, id_ = pivoting()
    executed, never = split
    net.vote(id_, Fact.EXECUTED, [EVERY_LEG], range(executed))
    net.vote(id_, Fact.NEVER, [EVERY_LEG], range(4 - never, 4))
    net.vote(id_, Fact.NEVER, [EVERY_LEG], [0] if never < 2 else [])
    assert (net[id_].state, net[id_].decision) == (State.PIVOTING, None)
    net.block(time=LATE + 10**6)
    assert net[id_].state is State.PIVOTING


@pytest.mark.parametrize("first", [Fact.EXECUTED, Fact.NEVER])
def test_both_words_in_one_batch_are_taken_one_at_a_time(first: Fact) -> None:
    """Two that have said both, and the third that says both at once: the first in its batch decides."""
    net, id_ = pivoting()
    second = Fact.NEVER if first is Fact.EXECUTED else Fact.EXECUTED
    for fact in (Fact.EXECUTED, Fact.NEVER):
        net.vote(id_, fact, [EVERY_LEG], [0, 1])
    both = (FIRST.attestation(2, id_, EVERY_LEG, fact) for fact in (first, second))
    assert net.block(FIRST.attest(2, net.anchor, *both)).reasons == [Reason.FACT_OUT_OF_ORDER]
    assert net[id_].stands(first)
    assert not net[id_].stands(second)
    assert net[id_].cause is (Cause.PIVOT_EXECUTED if first is Fact.EXECUTED else Cause.PIVOT_NEVER)


@pytest.mark.parametrize(("said", "outcome"), [(Fact.EXECUTED, Outcome.COMMIT), (Fact.NEVER, Outcome.ABORT)])
@pytest.mark.parametrize("signed", [0, 1, 2, 3])
def test_signatures_of_the_order_are_none_of_the_decision(signed: int, said: Fact, outcome: Outcome) -> None:
    """Whether the order came to its certificate or not, the decision needs its own quorum, and all can sign it."""
    net, id_ = pivoting()
    net.certify_order(id_, range(signed))
    assert net.signers(id_) == [*range(signed)]
    net.vote(id_, said, [EVERY_LEG])
    assert net.signers(id_) == []
    assert net.certify(id_, outcome, [0, 1]).reasons == []
    assert (net[id_].certificate, net.signers(id_)) == (None, [0, 1])
    assert net.certify(id_, outcome, [2]).reasons == []
    assert net.proves(net[id_].certificate, id_, outcome)


def test_the_pivot_may_have_executed_before_the_log_has_the_orders_certificate() -> None:
    """Somebody who gathered the signatures elsewhere may have brought it: what the pivot says counts all the same."""
    net, id_ = pivoting()
    assert outstanding(net[id_]) == (SignOrder(id_),)
    net.vote(id_, Fact.EXECUTED, [EVERY_LEG])
    assert outstanding(net[id_]) == (SignDecision(id_, Outcome.COMMIT),)
    assert net.certify_order(id_).reasons == [Reason.NOTHING_NEW] * 3


def test_the_order_is_brought_to_the_pivot_for_as_long_as_it_is_silent() -> None:
    """Also past lastValid: only its own word ends the matter, under whichever committee."""
    net, id_ = pivoting()
    net.certify_order(id_)
    net.block(time=START + 100 * PIVOT_WINDOW_S)
    wanted = (ExecuteOrder(id_, 1),)  # type: ignore[arg-type]  # the second leg
    assert outstanding(net[id_], is_handing_over=True) == wanted
    net.rotate(*FOUR)
    net.certify_order(id_)
    assert outstanding(net[id_]) == wanted


def test_what_stood_before_the_order_did_not_abort_is_impossible() -> None:
    """A refusal aborts before the order is out, so that none can be out with it."""
    net = Network()
    id_ = net.instruct(pivot_instruction(2, account_legs=(account_leg(ledger=PAYMENT_ONLY),)))
    net.vote(id_, Fact.HELD, [0])
    net.vote(id_, Fact.REFUSED, [1])
    net.vote(id_, Fact.HELD, [1])
    assert (net[id_].state, net[id_].order) == (State.ABORTED, None)
    assert net.vote(id_, Fact.EXECUTED, [EVERY_LEG]).reasons == [Reason.FACT_OUT_OF_ORDER] * 3
    assert net.vote(id_, Fact.NEVER, [EVERY_LEG]).reasons == [Reason.FACT_OUT_OF_ORDER] * 3


def test_without_a_pivot_there_is_no_order_to_speak_of() -> None:
    """EXECUTED and NEVER are no facts of a settlement that only holds."""
    net = Network()
    id_ = net.instruct(instruction())
    for fact in (Fact.EXECUTED, Fact.NEVER):
        assert net.vote(id_, fact, [EVERY_LEG]).reasons == [Reason.FACT_OUT_OF_ORDER] * 3
