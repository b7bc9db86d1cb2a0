"""Deals of many legs, parties and ledgers, with a pivot and without: one decision, and every leg follows it."""

from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.effects import DeliverCertificate, ExecuteOrder, PrepareLeg, SignOrder, outstanding
from interlock.core.instruction import Instruction, SettlementId, legs_of, redact, required_signers
from interlock.core.leg import LegState
from interlock.core.limits import EVERY_LEG, LEGS_MAX
from interlock.core.rejection import Reason
from interlock.core.settlement import Cause, State
from support.log import LATE
from support.protocol import (
    NETTED_REGISTRY,
    OTHER_VAULT_NAME,
    Network,
    held_by_others,
    leg_on,
    netted,
    pivots_of,
    undoored,
)
from support.world import (
    ALICE,
    BANK,
    BOB,
    CAROL,
    OTHER_BANK,
    PAYMENT_ONLY,
    START,
    VAULT_NAME,
    account_leg,
    cancel,
    id_of,
    instruct,
    instruction,
    pivot_instruction,
)

PARTIES = (ALICE, BOB, CAROL)
TOO_MANY = instruction(0, LEGS_MAX + 1)


def ring(*ledgers: str, pivot: str = "", parties: int = 3) -> Instruction:
    """Give a deal in which each party pays the next one, on these ledgers in turn."""
    legs = [
        leg_on(name, index, PARTIES[index % parties], PARTIES[(index + 1) % parties])
        for index, name in enumerate(ledgers)
    ]
    return netted(*legs, pivot=pivot)


DEALS: dict[str, Instruction] = {
    "a ring on one chain, all at once": ring(VAULT_NAME, VAULT_NAME, VAULT_NAME, pivot=VAULT_NAME),
    "a swap on one chain, all at once": ring(VAULT_NAME, VAULT_NAME, pivot=VAULT_NAME, parties=2),
    "a ring in one bank, all at once": ring(BANK, BANK, BANK, pivot=BANK),
    "a ring in one payment system": ring(PAYMENT_ONLY, PAYMENT_ONLY, PAYMENT_ONLY, pivot=PAYMENT_ONLY),
    "a ring over three ledgers": ring(VAULT_NAME, BANK, OTHER_BANK),
    "a ring whose bank pays last": ring(VAULT_NAME, OTHER_VAULT_NAME, BANK, pivot=BANK),
    "a ring whose chain executes last": ring(VAULT_NAME, BANK, OTHER_BANK, pivot=VAULT_NAME),
    "two chains, the second last": ring(VAULT_NAME, OTHER_VAULT_NAME, pivot=OTHER_VAULT_NAME, parties=2),
    "many legs of the pivot among others": ring(
        *(VAULT_NAME, VAULT_NAME, OTHER_VAULT_NAME, PAYMENT_ONLY, PAYMENT_ONLY, PAYMENT_ONLY), pivot=PAYMENT_ONLY
    ),
    "one leg alone": ring(BANK),
    "one leg alone, at the pivot": ring(PAYMENT_ONLY, pivot=PAYMENT_ONLY),
    "the most legs, held": ring(*([VAULT_NAME] * 6 + [OTHER_VAULT_NAME] * 4 + [BANK] * 3 + [OTHER_BANK] * 3)),
    "the most legs, with a pivot": ring(
        *([VAULT_NAME] * 4 + [OTHER_VAULT_NAME] * 4 + [BANK] * 4 + [PAYMENT_ONLY] * 4), pivot=PAYMENT_ONLY
    ),
}


def matched(terms: Instruction) -> tuple[Network, SettlementId]:
    """Give a log on which all parties have signed these terms."""
    net = Network(wanted=NETTED_REGISTRY)
    return net, net.instruct(terms)


def test_the_deals_are_what_they_say() -> None:
    """From one leg to the most, of one party to three, with no leg to all of them at the pivot."""
    counts = {len(legs_of(each)) for each in DEALS.values()}
    assert {1, 2, 3, LEGS_MAX} <= counts
    assert {len(required_signers(each)) for each in DEALS.values()} == {1, 2, 3}
    assert {len(pivots_of(each)) for each in DEALS.values()} >= {0, 1, 2, 3, 4}


def test_one_leg_more_than_the_most_can_never_be_admitted() -> None:
    """No ledger holds for so many, so the door keeps it out; what came by no door is recorded as aborted."""
    net = Network(wanted=NETTED_REGISTRY)
    assert net.block(instruct(TOO_MANY, BOB)).reasons == [Reason.TOO_MANY_LEGS]
    assert net.replica.settlements == {}
    assert undoored(net.replica, instruct(TOO_MANY, BOB)) == []
    assert (net[id_of(TOO_MANY)].state, net[id_of(TOO_MANY)].reason) == (State.ABORTED, Reason.TOO_MANY_LEGS)


@pytest.mark.parametrize("terms", DEALS.values(), ids=DEALS.keys())
def test_every_leg_outside_the_pivot_is_prepared_and_no_other(terms: Instruction) -> None:
    """All at once; where there is none, the order is out with the match."""
    net, id_ = matched(terms)
    others = held_by_others(terms)
    if others:
        assert net[id_].state is State.PREPARING
        assert outstanding(net[id_]) == tuple(PrepareLeg(id_, leg) for leg in others)  # type: ignore[arg-type]
    else:
        assert (net[id_].state, outstanding(net[id_])) == (State.PIVOTING, (SignOrder(id_),))


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("terms", DEALS.values(), ids=DEALS.keys())
def test_the_last_hold_and_no_earlier_one_decides_or_orders(terms: Instruction, backwards: bool) -> None:  # noqa: FBT001
    """In whatever order the holds come; the order goes to the pivot's first leg."""
    net, id_ = matched(terms)
    for leg in sorted(held_by_others(terms), reverse=backwards):
        assert net[id_].state is State.PREPARING
        net.vote(id_, Fact.HELD, [leg])
    assert net[id_].state is (State.PIVOTING if terms.pivot else State.COMMITTED)
    if terms.pivot:
        order = net[id_].order
        assert order is not None
        assert (order.ledger, order.last_valid) == (terms.pivot, net.replica.time + terms.pivot_window)
        net.certify_order(id_)
        assert outstanding(net[id_]) == (ExecuteOrder(id_, pivots_of(terms)[0]),)  # type: ignore[arg-type]


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("terms", DEALS.values(), ids=DEALS.keys())
def test_every_leg_follows_the_decision(terms: Instruction, outcome: Outcome) -> None:
    """All deliver or all return: the pivot's by its word, the others by their certificate, and then it ends."""
    is_commit = outcome is Outcome.COMMIT
    net, id_ = matched(terms)
    others, pivots = held_by_others(terms), pivots_of(terms)
    if others and (is_commit or terms.pivot):
        net.vote(id_, Fact.HELD, others)
    if terms.pivot:
        net.certify_order(id_)
        net.vote(id_, Fact.EXECUTED if is_commit else Fact.NEVER, [EVERY_LEG])
    elif not is_commit:
        net.block(time=LATE)
    moved = LegState.EXECUTED if is_commit else LegState.NEVER
    assert [net[id_].legs[each].state for each in pivots] == [moved] * len(pivots)
    ordered = net.certify(id_, outcome)
    if others:
        assert outstanding(net[id_]) == tuple(DeliverCertificate(id_, leg) for leg in others)  # type: ignore[arg-type]
        ordered = net.vote(id_, Fact.DELIVERED if is_commit else Fact.RETURNED, others)
    (ended,) = ordered.applied.ended
    assert ended.state is (State.SETTLED if is_commit else State.UNWOUND)
    assert not net.ended(id_).had_unseen_leg
    wanted = {LegState.DELIVERED, LegState.EXECUTED} if is_commit else _TAKEN
    assert {leg.state for leg in ended.legs} <= wanted
    assert net.replica.context().live_lanes == {}
    assert net.replica.context().open_by_signer == {}


_TAKEN = {LegState.RETURNED, LegState.TOMBSTONED, LegState.NEVER}


@pytest.mark.parametrize("terms", DEALS.values(), ids=DEALS.keys())
def test_no_fact_of_a_hold_is_taken_of_the_pivots_legs(terms: Instruction) -> None:
    """Neither while others prepare nor when the order is out; of every other leg all are."""
    net, id_ = matched(terms)
    for leg in range(len(legs_of(terms))):
        is_pivots = leg in pivots_of(terms)
        refused = net.vote(id_, Fact.HELD, [leg], [0]).reasons
        assert refused == ([Reason.FACT_OUT_OF_ORDER] if is_pivots else [])
    for fact in (Fact.REFUSED, Fact.LOST, Fact.CONSENT):
        for leg in pivots_of(terms):
            assert net.vote(id_, fact, [leg], [0]).reasons == [Reason.FACT_OUT_OF_ORDER]


@pytest.mark.parametrize("fact", [Fact.REFUSED, Fact.LOST, Fact.CONSENT])
def test_one_leg_of_many_that_fails_before_the_order_aborts_all(fact: Fact) -> None:
    """Whichever it is."""
    terms = DEALS["many legs of the pivot among others"]
    for leg in held_by_others(terms):
        net, id_ = matched(terms)
        net.vote(id_, Fact.HELD, held_by_others(terms)[:-1])
        net.vote(id_, fact, [leg])
        assert net[id_].state is State.ABORTED


def test_a_ring_needs_everybody_to_cancel_after_the_match() -> None:
    """Two of three withdraw in vain, the third's ends it; with all legs at the pivot nobody can."""
    net, id_ = matched(DEALS["a ring over three ledgers"])
    assert net.block(cancel(id_, ALICE)).reasons == []
    assert net.block(cancel(id_, BOB)).reasons == []
    assert net[id_].state is State.PREPARING
    assert net.block(cancel(id_, ALICE)).reasons == [Reason.NOTHING_NEW]
    assert net.block(cancel(id_, CAROL)).reasons == []
    assert net[id_].cause is Cause.CANCELLED
    net, id_ = matched(DEALS["a ring on one chain, all at once"])
    assert net.block(cancel(id_, *PARTIES)).reasons == [Reason.ORDER_OUT]


@pytest.mark.parametrize("missing", PARTIES)
def test_a_ring_is_not_matched_without_everybody(missing: object) -> None:
    """Whoever is the last to sign, nothing is ordered before."""
    terms = DEALS["a ring in one bank, all at once"]
    net = Network(wanted=NETTED_REGISTRY)
    id_ = net.instruct(terms, *(each for each in PARTIES if each is not missing))
    assert (net[id_].state, net[id_].order) == (State.ALLEGED, None)
    net.block(time=START + 10)
    net.block(instruct(terms, *PARTIES))
    order = net[id_].order
    assert order is not None
    assert (net[id_].state, order.last_valid) == (State.PIVOTING, START + 10 + 60)


HIDDEN: dict[str, tuple[Instruction, str, Reason | None]] = {
    "a pivot that is a hidden leg's ledger": (pivot_instruction(), "", None),
    "a pivot whose leg is told": (pivot_instruction(), PAYMENT_ONLY, None),
    "a pivot that might be a hidden leg's": (replace(instruction(), pivot=PAYMENT_ONLY, pivot_window=1), "", None),
    "a pivot that is no leg's, all told": (
        replace(instruction(), pivot=PAYMENT_ONLY, pivot_window=1),
        BANK,
        Reason.PIVOT_WITHOUT_LEG,
    ),
    "no window for a hidden leg": (pivot_instruction(pivot_window=0), "", Reason.PIVOT_WINDOW_ZERO),
    "too long a window for a hidden leg": (pivot_instruction(pivot_window=10**6), "", Reason.PIVOT_WINDOW_TOO_LONG),
    "a hidden leg on a bank that is no pivot": (
        netted(account_leg(ledger=OTHER_BANK), pivot=OTHER_BANK),
        "",
        Reason.PIVOT_UNSUPPORTED,
    ),
    "a window without a pivot": (instruction(pivot_window=1), "", Reason.PIVOT_WINDOW_UNWANTED),
    "a hidden leg that cannot hold": (instruction(account_legs=(account_leg(ledger=PAYMENT_ONLY),)), "", None),
}


@pytest.mark.parametrize(("terms", "readable", "reason"), HIDDEN.values(), ids=HIDDEN.keys())
def test_what_is_wrong_with_a_pivot_is_said_as_soon_as_it_can_be_known(
    terms: Instruction, readable: str, reason: Reason | None
) -> None:
    """What a hidden leg may still make good waits for the terms; everything else is recorded at once."""
    net = Network(wanted=NETTED_REGISTRY)
    assert net.block(instruct(redact(terms, ledger=readable), BOB)).reasons == []
    assert net[id_of(terms)].reason is reason
    assert net[id_of(terms)].state is (State.ALLEGED if reason is None else State.ABORTED)


AT_THE_MATCH = {
    "a pivot that is no leg's": (replace(instruction(), pivot=PAYMENT_ONLY, pivot_window=1), Reason.PIVOT_WITHOUT_LEG),
    "a leg that cannot hold": (
        instruction(account_legs=(account_leg(ledger=PAYMENT_ONLY),)),
        Reason.LEDGER_CANNOT_HOLD,
    ),
    "another leg than the pivot's that cannot hold": (
        pivot_instruction(pivot=VAULT_NAME),
        Reason.LEDGER_CANNOT_HOLD,
    ),
}


@pytest.mark.parametrize(("terms", "reason"), AT_THE_MATCH.values(), ids=AT_THE_MATCH.keys())
def test_what_only_the_terms_show_is_recorded_with_them(terms: Instruction, reason: Reason) -> None:
    """Also where every signature is there already: it is never matched, and its ABORT can be certified."""
    net, id_ = Network(wanted=NETTED_REGISTRY), id_of(terms)
    net.block(instruct(redact(terms), ALICE, BOB))
    assert net[id_].state is State.ALLEGED
    net.block(instruct(terms, ALICE))
    assert (net[id_].cause, net[id_].reason, net[id_].matched_at) == (Cause.NOT_ADMITTED, reason, 0)
    net.certify(id_, Outcome.ABORT)
    assert net.proves(net[id_].certificate, id_, Outcome.ABORT)


@pytest.mark.parametrize(("said", "end"), [(Fact.EXECUTED, LegState.EXECUTED), (Fact.NEVER, LegState.NEVER)])
def test_a_hold_attested_of_a_hidden_leg_that_turns_out_the_pivots_does_no_harm(said: Fact, end: LegState) -> None:
    """While it was hidden nobody could tell; the order goes out all the same, and the pivot's word moves the leg."""
    net, terms = Network(), pivot_instruction()
    net.block(instruct(redact(terms), ALICE))
    id_ = id_of(terms)
    net.vote(id_, Fact.HELD)
    net.block(instruct(terms, BOB))
    assert net[id_].state is State.PIVOTING
    net.vote(id_, said, [EVERY_LEG])
    assert net[id_].legs[1].state is end
