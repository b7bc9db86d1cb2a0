"""A certificate moves every held leg once, whole, to payee or payer, and no token or stranger can hinder the others."""

from dataclasses import replace

import pytest
from vault_deals import (
    ABORT,
    ALICE,
    BOB,
    CAROL,
    COMMIT,
    DELIVERED,
    EMPTY,
    ENTITLED_PAYEE,
    ENTITLED_PAYER,
    HELD,
    PREPARE_BY,
    RETURNED,
    Deal,
    Leg,
    certificate,
    with_dirty_bits,
)
from vault_world import GAS, Contract, Reverted, World, fund, new_world, reverts

BURN_GAS, CALL, HUNGRY = 5, 7, 10


@pytest.fixture
def world() -> World:
    """Begin a fresh chain."""
    return new_world()


@pytest.fixture
def deal(world: World) -> Deal:
    """Two on-chain legs, Alice's and Carol's, against Bob's dollars; both are held."""
    fund(world, world.plain, CAROL)
    leg = Leg(world.vault.address, world.plain.address)
    deal = Deal((leg, replace(leg, payer=CAROL.address, amount=7)))
    for index in range(2):
        world.hold(deal, ALICE, CAROL, BOB, leg=index)
    return deal


def hostile(world: World) -> Contract:
    """Put a token that can misbehave on the chain, and fund Alice with it."""
    token = world.deploy("HostileToken")
    fund(world, token, ALICE)
    return token


def test_success_commit_delivers_every_leg_and_passes_all_entitlements_first(world: World, deal: Deal) -> None:
    """Anyone may bring the certificate; nothing is pushed before everything is decided."""
    receipt = world.settle(deal, COMMIT)
    moved = ["Transfer", "Delivered"]
    assert receipt.names == ["Entitled", "Entitled", *moved, *moved]
    first, second, _, delivered, _, _ = (event.values for event in receipt.events)
    assert first == {"settlement": deal.id, "to": BOB.address.lower(), "leg": 0, "outcome": COMMIT, "nonce": 1}
    assert second["leg"] == 1
    assert delivered == {
        "settlement": deal.id,
        "payee": BOB.address.lower(),
        "leg": 0,
        "token": world.plain.address.lower(),
        "amount": 1_000,
    }
    assert [world.status(leg) for leg in deal.legs] == [DELIVERED, DELIVERED]
    assert world.balance(BOB.address) == 1_007
    assert world.balance(world.vault.address) == 0


def test_success_abort_returns_every_leg(world: World, deal: Deal) -> None:
    """Each payer has again what he gave."""
    receipt = world.settle(deal, ABORT)
    moved = ["Transfer", "Returned"]
    assert receipt.names == ["Entitled", "Entitled", *moved, *moved]
    assert receipt.events[3].values["payer"] == ALICE.address.lower()
    assert [world.status(leg) for leg in deal.legs] == [RETURNED, RETURNED]
    assert world.balance(ALICE.address) == world.balance(CAROL.address) == 1_000_000
    assert world.balance(world.vault.address) == 0


def test_success_a_certificate_has_no_last_day(world: World, deal: Deal) -> None:
    """No clock ends a hold: years after `prepareBy` the decision still settles it."""
    world.at(PREPARE_BY + 10**9)
    world.settle(deal, COMMIT)
    assert world.balance(BOB.address) == 1_007


def test_success_legs_may_be_settled_one_by_one(world: World, deal: Deal) -> None:
    """One certificate serves any number of calls; a leg that is left out stays held."""
    proof = certificate(deal.id, COMMIT)
    world.transact(world.vault, "settle", deal.id, COMMIT, proof, deal.calls(1))
    assert [world.status(leg) for leg in deal.legs] == [HELD, DELIVERED]
    world.settle(deal, COMMIT)
    assert world.balance(BOB.address) == 1_007


def test_a_certificate_twice_moves_nothing_twice(world: World, deal: Deal) -> None:
    """Sent again, in one call or another, a decided leg is passed over in silence."""
    proof = certificate(deal.id, COMMIT)
    doubled = world.transact(world.vault, "settle", deal.id, COMMIT, proof, deal.calls(0) * 3)
    assert doubled.names == ["Entitled", "Transfer", "Delivered"]
    assert world.settle(deal, COMMIT).names == ["Entitled", "Transfer", "Delivered"]
    assert world.settle(deal, COMMIT).names == []
    assert world.balance(BOB.address) == 1_007


@pytest.mark.parametrize("first", [COMMIT, ABORT])
def test_a_second_certificate_for_the_other_outcome_changes_nothing_and_is_shown(
    world: World, deal: Deal, first: int
) -> None:
    """More than f members lied: the first outcome stays, and the contradiction is on record."""
    world.settle(deal, first)
    before = [world.balance(party.address) for party in (ALICE, BOB, CAROL)]
    receipt = world.settle(deal, ABORT if first == COMMIT else COMMIT)
    assert receipt.names == ["Contradicted", "Contradicted"]
    kept = DELIVERED if first == COMMIT else RETURNED
    values = {"settlement": deal.id, "leg": 1, "status": kept, "outcome": 3 - first}
    assert receipt.events[1].values == values
    assert [world.balance(party.address) for party in (ALICE, BOB, CAROL)] == before
    assert [world.status(leg) for leg in deal.legs] == [kept, kept]


def test_a_strange_leg_stops_no_other(world: World, deal: Deal) -> None:
    """A leg never held, of other terms or another settlement is passed over and named."""
    never = replace(deal.legs[0], lane=5)
    raised = replace(deal.legs[0], amount=1_001)
    stolen = replace(deal.legs[0], payee=CAROL.address)
    calls = [(0, never.terms), (0, raised.terms), (0, stolen.terms), *deal.calls(), (9, deal.legs[0].terms)]
    receipt = world.transact(world.vault, "settle", deal.id, COMMIT, certificate(deal.id, COMMIT), calls)
    assert receipt.names.count("Unmatched") == 4
    assert receipt.names.count("Delivered") == 2
    assert world.balance(BOB.address) == 1_007
    assert world.status(never) == EMPTY


def test_anothers_settlement_is_not_settled_by_this_certificate(world: World, deal: Deal) -> None:
    """A certificate speaks for one settlement, whatever legs come with it."""
    other = replace(deal, memo="other", legs=(replace(deal.legs[0], lane=3),))
    world.hold(other)
    receipt = world.transact(
        world.vault, "settle", deal.id, COMMIT, certificate(deal.id, COMMIT), [*deal.calls(0), *other.calls()]
    )
    assert receipt.names == ["Entitled", "Unmatched", "Transfer", "Delivered"]
    assert world.status(other.legs[0]) == HELD


# --------------------------------------------------------------------------------------- refused pushes and withdraw


@pytest.mark.parametrize("outcome", [COMMIT, ABORT])
def test_a_token_that_refuses_leaves_its_leg_entitled_and_delivers_the_others(world: World, outcome: int) -> None:
    """A frozen party stops nobody else; what is his waits for him, and anybody can push it later."""
    registry = world.deploy("HostileToken")
    fund(world, registry, ALICE)
    legs = (Leg(world.vault.address, registry.address), Leg(world.vault.address, world.plain.address, lane=1))
    deal = Deal(legs)
    for index in range(2):
        world.hold(deal, ALICE, None, BOB, leg=index)
    refusal = world.plain.call_data("transferFrom", BOB.address, ALICE.address, 1)
    world.transact(registry, "play", CALL, world.plain.address, refusal)

    receipt = world.settle(deal, outcome)
    moved = "Delivered" if outcome == COMMIT else "Returned"
    assert receipt.names == ["Entitled", "Entitled", "Stuck", "Transfer", moved]
    stuck = receipt.events[2].values
    owner = BOB if outcome == COMMIT else ALICE
    assert (stuck["leg"], stuck["to"], stuck["amount"]) == (0, owner.address.lower(), 1_000)
    assert world.decode_error(stuck["reason"]).name == "ERC20InsufficientAllowance"
    assert world.status(legs[0]) == (ENTITLED_PAYEE if outcome == COMMIT else ENTITLED_PAYER)
    assert world.balance(world.vault.address, registry) == 1_000

    assert world.settle(deal, outcome).names == []
    assert world.settle(deal, 3 - outcome).names == ["Contradicted", "Contradicted"]
    with reverts("PushRefused"):
        world.transact(world.vault, "withdraw", deal.id, 0, legs[0].terms)

    world.transact(registry, "play", 0, world.plain.address, b"")
    before = world.balance(owner.address, registry)
    assert world.transact(world.vault, "withdraw", deal.id, 0, legs[0].terms).names == ["Transfer", moved]
    assert world.balance(owner.address, registry) == before + 1_000
    assert world.balance(world.vault.address, registry) == 0
    with reverts("WrongStatus", DELIVERED if outcome == COMMIT else RETURNED):
        world.transact(world.vault, "withdraw", deal.id, 0, legs[0].terms)


def test_an_entitled_leg_keeps_its_lane(world: World) -> None:
    """Until its amount has left, no other leg takes the lane and with it the claim."""
    token = hostile(world)
    deal = Deal((Leg(world.vault.address, token.address),))
    world.hold(deal)
    world.transact(token, "play", BURN_GAS, token.address, b"")
    world.settle(deal, COMMIT)
    with reverts("LaneOccupied", 0, 1, ENTITLED_PAYEE):
        world.hold(replace(deal, legs=(replace(deal.legs[0], generation=2),)))


def test_nothing_is_withdrawn_before_the_decision(world: World, deal: Deal) -> None:
    """A hold is nobody's until a certificate says whose."""
    with reverts("WrongStatus", HELD):
        world.transact(world.vault, "withdraw", deal.id, 0, deal.legs[0].terms)


def test_nothing_is_withdrawn_under_other_terms(world: World, deal: Deal) -> None:
    """Payee, amount, index and settlement are the ones committed to."""
    leg = deal.legs[0]
    strange = [
        (deal.id, 1, leg.terms),
        (bytes(32), 0, leg.terms),
        (deal.id, 0, replace(leg, payee=CAROL.address).terms),
        (deal.id, 0, replace(leg, amount=1_001).terms),
        (deal.id, 0, replace(leg, generation=2).terms),
        (deal.id, 0, replace(leg, lane=8).terms),
    ]
    for settlement, index, terms in strange:
        with reverts("NoSuchHold"):
            world.transact(world.vault, "withdraw", settlement, index, terms)


# -------------------------------------------------------------------------------------------------------------- gas


def test_a_token_that_eats_all_its_gas_stops_no_other(world: World) -> None:
    """A push has a fixed allowance; spent, the leg is entitled and the next one has its own."""
    token = hostile(world)
    legs = (Leg(world.vault.address, token.address), Leg(world.vault.address, world.plain.address, lane=1))
    deal = Deal(legs)
    for index in range(2):
        world.hold(deal, ALICE, None, BOB, leg=index)
    world.transact(token, "play", BURN_GAS, token.address, b"")
    receipt = world.settle(deal, COMMIT)
    assert receipt.names == ["Entitled", "Entitled", "Stuck", "Transfer", "Delivered"]
    assert receipt.events[2].values["reason"] == b""
    assert 500_000 < receipt.gas_used < 700_000


def test_a_push_has_its_whole_allowance_or_is_not_tried(world: World) -> None:
    """At the least gas that a caller can get away with, a token that needs almost all of its allowance still has it."""
    token = hostile(world)
    deal = Deal((Leg(world.vault.address, token.address),))
    world.hold(deal)
    world.transact(token, "play", HUNGRY, token.address, b"")
    proof = certificate(deal.id, COMMIT)
    for gas in range(540_000, 580_000, 1_000):
        try:
            receipt = world.transact(world.vault, "settle", deal.id, COMMIT, proof, deal.calls(), gas=gas)
        except Reverted:
            continue
        assert receipt.names == ["Entitled", "Transfer", "Delivered"]
        break
    assert world.status(deal.legs[0]) == DELIVERED


def test_no_caller_can_make_a_push_fail_by_giving_too_little_gas(world: World, deal: Deal) -> None:
    """Whatever the gas limit, every push is tried in full or the whole call fails: no leg is stuck by starving."""
    short = 0
    for gas in range(60_000, 800_000, 20_000):
        snapshot = world.tester.take_snapshot()
        try:
            proof = certificate(deal.id, COMMIT)
            receipt = world.transact(world.vault, "settle", deal.id, COMMIT, proof, deal.calls(), gas=gas)
        except Reverted as fault:
            short += fault.name == "GasShort"
            assert [world.status(leg) for leg in deal.legs] == [HELD, HELD]
        else:
            assert receipt.names.count("Delivered") == 2
        world.tester.revert_to_snapshot(snapshot)
    assert short > 10
    assert (
        world.transact(
            world.vault, "settle", deal.id, COMMIT, certificate(deal.id, COMMIT), deal.calls(), gas=GAS
        ).names.count("Delivered")
        == 2
    )


def test_a_leg_given_with_dirty_upper_bits_is_passed_over(world: World, deal: Deal) -> None:
    """It is not what was held, whatever a compiler makes of such bits; nobody is paid and nobody is hindered."""
    data = world.vault.call_data("settle", deal.id, COMMIT, certificate(deal.id, COMMIT), deal.calls(0, 1))
    receipt = world.transact_raw(world.vault.address, with_dirty_bits(data, BOB.address))
    assert receipt.names == ["Unmatched", "Unmatched"]
    assert world.status(deal.legs[0]) == HELD
    assert world.transact_raw(world.vault.address, data).names[0] == "Entitled"
