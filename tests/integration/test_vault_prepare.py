"""A leg is held on the chain and vault that its parties named, in time, once; who must agree is in consent's tests."""

from dataclasses import replace

import pytest
from vault_deals import (
    ABORT,
    ALICE,
    BOB,
    CAROL,
    CHAIN_ID,
    COMMIT,
    EMPTY,
    HELD,
    ISSUER,
    PREPARE_BY,
    STRANGER,
    ZERO,
    AccountLeg,
    Deal,
    Leg,
    certificate,
    with_dirty_bits,
)
from vault_world import Reverted, World, fund, new_world, reverts


@pytest.fixture
def world() -> World:
    """Begin a fresh chain."""
    return new_world()


@pytest.fixture
def deal(world: World) -> Deal:
    """Alice's 1,000 plain tokens against Bob's dollars."""
    return Deal((Leg(world.vault.address, world.plain.address),))


def nothing_moved(world: World, deal: Deal) -> None:
    """Check that the refusal left no trace."""
    assert world.balance(ALICE.address) == 1_000_000
    assert world.balance(world.vault.address) == 0
    assert world.status(deal.legs[0]) == EMPTY


# ------------------------------------------------------------------------------------------------------------ terms


def test_a_leg_of_another_chain_is_refused(world: World, deal: Deal) -> None:
    """A leg is held on the chain that it names, by the chain's live id."""
    other = replace(deal, legs=(replace(deal.legs[0], chain_id=1),))
    with reverts("WrongChain", CHAIN_ID, 1):
        world.hold(other)


def test_a_leg_of_another_vault_is_refused(world: World, deal: Deal) -> None:
    """A leg is held in the vault that it names."""
    other = replace(deal, legs=(replace(deal.legs[0], vault=STRANGER.address),))
    with reverts("WrongVault", world.vault.address, STRANGER.address):
        world.hold(other)


@pytest.mark.parametrize("leg", [1, 2, 2**32 - 1])
def test_only_on_chain_legs_are_held(world: World, deal: Deal, leg: int) -> None:
    """An account leg, or none at all, is nothing that a vault can hold."""
    with reverts("NoSuchLeg", leg, 1):
        world.hold(deal, leg=leg)


def test_an_instruction_of_too_many_legs_is_refused(world: World, deal: Deal) -> None:
    """Vault, bank and log enforce the same count: 16."""
    many = replace(deal, account_legs=(AccountLeg(),) * 16)
    with reverts("LegCount", 17, 16):
        world.hold(many, ALICE, *[BOB] * 16)


@pytest.mark.parametrize("pivot", ["this vault", "bank:first-national", "é", "x" * 129])
def test_an_instruction_with_a_pivot_is_refused(world: World, deal: Deal, pivot: str) -> None:
    """The log takes no pivot in this version, so a hold of one could only ever be ended by its refusal."""
    name = f"eip155:{CHAIN_ID}:{world.vault.address.lower()}" if pivot == "this vault" else pivot
    with reverts("PivotUnsupported"):
        world.hold(replace(deal, pivot=name))


def test_a_pivot_that_is_no_text_is_refused(world: World, deal: Deal) -> None:
    """Bytes that are not UTF-8 have an id that no entry of the log can say: the hold would never end."""
    data = world.vault.call_data("prepare", replace(deal, pivot="\x7f").redacted, 0, deal.signed_by(ALICE, BOB))
    word = b"\x7f".ljust(32, b"\x00")
    assert data.count(word) == 1
    with reverts("PivotUnsupported"):
        world.transact_raw(world.vault.address, data.replace(word, b"\xff".ljust(32, b"\x00")))
    assert world.status(deal.legs[0]) == EMPTY


def test_a_leg_of_nothing_is_refused(world: World, deal: Deal) -> None:
    """An amount is at least one unit."""
    with reverts("NoAmount"):
        world.hold(replace(deal, legs=(replace(deal.legs[0], amount=0),)))


@pytest.mark.parametrize("payee", ["zero", "vault", "token"])
def test_a_payee_that_could_not_be_paid_is_refused(world: World, deal: Deal, payee: str) -> None:
    """Zero, the vault and the token itself are no payees."""
    address = {"zero": ZERO, "vault": world.vault.address, "token": world.plain.address}[payee]
    with reverts("BadParty", address):
        world.hold(replace(deal, legs=(replace(deal.legs[0], payee=address),)))


def test_the_vault_is_no_payer(world: World, deal: Deal) -> None:
    """What stands in the vault is already somebody's."""
    with reverts("BadParty", world.vault.address):
        world.hold(replace(deal, legs=(replace(deal.legs[0], payer=world.vault.address),)))


def test_a_payer_without_the_amount_or_the_approval_is_refused(world: World, deal: Deal) -> None:
    """What cannot be pulled whole is not held."""
    with reverts("PullRefused"):
        world.hold(replace(deal, legs=(replace(deal.legs[0], amount=1_000_001),)))
    world.transact(world.plain, "approve", world.vault.address, 999, sender=ALICE.address)
    with reverts("PullRefused"):
        world.hold(deal)
    nothing_moved(world, deal)


# ------------------------------------------------------------------------------------------------------------- time


def test_no_hold_begins_after_prepare_by(world: World, deal: Deal) -> None:
    """In the second after `prepareBy` a new hold is refused."""
    world.at(PREPARE_BY + 1)
    with reverts("TooLate", PREPARE_BY, PREPARE_BY + 1):
        world.hold(deal)
    nothing_moved(world, deal)


def test_success_a_hold_begins_in_the_second_of_prepare_by(world: World, deal: Deal) -> None:
    """`prepareBy` itself is still in time."""
    world.at(PREPARE_BY)
    world.hold(deal)
    assert world.tester.get_block_by_number("latest")["timestamp"] == PREPARE_BY
    assert world.status(deal.legs[0]) == HELD


# ------------------------------------------------------------------------------------------------------------ state


def test_success_a_hold_takes_exactly_the_amount_and_says_everything(world: World, deal: Deal) -> None:
    """A stranger may bring it; the event and the lane tell all that is needed to rebuild the state."""
    leg = replace(deal.legs[0], lane=2**216 - 1, generation=2**40 - 1)
    deal = replace(deal, legs=(leg,))
    receipt = world.hold(deal)
    assert receipt.names == ["Transfer", "Held"]
    assert receipt.events[1].values == {
        "settlement": deal.id,
        "payer": ALICE.address.lower(),
        "payee": BOB.address.lower(),
        "leg": 0,
        "token": world.plain.address.lower(),
        "amount": 1_000,
        "nonce": 2**256 - 1,
    }
    commitment = world.view(world.vault, "commitmentOf", deal.id, 0, leg.terms)
    assert world.view(world.vault, "holdOf", ALICE.address, leg.lane) == (commitment, 2**40 - 1, HELD)
    assert world.balance(ALICE.address) == 999_000
    assert world.balance(world.vault.address) == 1_000


def test_success_an_equal_hold_that_stands_is_success_and_takes_nothing(world: World, deal: Deal) -> None:
    """Sent twice, by anyone, with or without signatures, in time or late: one hold."""
    world.hold(deal)
    assert world.hold(deal).names == []
    world.at(PREPARE_BY + 1)
    assert world.transact(world.vault, "prepare", deal.redacted, 0, []).names == []
    assert world.balance(world.vault.address) == 1_000


@pytest.mark.parametrize("outcome", [COMMIT, ABORT])
def test_a_decided_leg_is_never_held_again(world: World, deal: Deal, outcome: int) -> None:
    """The signatures are still good; the leg has moved once."""
    world.hold(deal)
    world.settle(deal, outcome)
    with reverts("WrongStatus", 4 if outcome == COMMIT else 5):
        world.hold(deal)
    assert world.balance(world.vault.address) == 0


def test_a_lane_holds_one_leg_at_a_time(world: World, deal: Deal) -> None:
    """Until it is finished, no other leg enters its lane, whatever its generation."""
    world.hold(deal)
    for generation in (1, 2):
        other = replace(deal, memo="other", legs=(replace(deal.legs[0], generation=generation),))
        with reverts("LaneOccupied", 0, 1, HELD):
            world.hold(other)
    assert world.balance(world.vault.address) == 1_000


def test_a_finished_lane_takes_only_a_higher_generation(world: World, deal: Deal) -> None:
    """A nonce is good once; the lane's word is used again."""
    second = replace(deal, memo="second", legs=(replace(deal.legs[0], generation=7),))
    world.hold(second)
    world.settle(second, COMMIT)
    for generation in (0, 1, 6, 7):
        stale = replace(deal, legs=(replace(deal.legs[0], generation=generation),))
        with reverts("GenerationSpent", 0, 7, generation):
            world.hold(stale)
    third = replace(deal, memo="third", legs=(replace(deal.legs[0], generation=8),))
    world.hold(third)
    assert world.status(third.legs[0]) == HELD


def test_generation_zero_is_refused_in_a_fresh_lane(world: World, deal: Deal) -> None:
    """Generations count from 1."""
    with reverts("GenerationSpent", 0, 0, 0):
        world.hold(replace(deal, legs=(replace(deal.legs[0], generation=0),)))


def test_lanes_and_payers_do_not_disturb_each_other(world: World, deal: Deal) -> None:
    """The same lane number of another payer, and another lane of the same, are free."""
    fund(world, world.plain, CAROL)
    world.hold(deal)
    world.hold(replace(deal, legs=(replace(deal.legs[0], lane=1),)))
    carols = replace(deal, legs=(replace(deal.legs[0], payer=CAROL.address),))
    world.hold(carols, CAROL, BOB)
    assert world.balance(world.vault.address) == 3_000


# ---------------------------------------------------------------------------------------------------------- attacks


def test_one_nonce_under_two_instructions_never_pays_from_anothers_money(world: World, deal: Deal) -> None:
    """The known attack on used-nonce bitmaps: hold little under one instruction, settle much under another."""
    fund(world, world.plain, CAROL)
    carols = replace(deal, legs=(replace(deal.legs[0], payer=CAROL.address, amount=50_000),))
    world.hold(carols, CAROL, BOB)
    little = replace(deal, memo="little", legs=(replace(deal.legs[0], amount=1),))
    much = replace(deal, memo="much", legs=(replace(deal.legs[0], amount=50_000),))
    world.hold(little)
    for outcome in (COMMIT, ABORT):
        assert world.settle(much, outcome).names == ["Unmatched"]
    assert world.settle(little, ABORT).names == ["Entitled", "Transfer", "Returned"]
    assert world.settle(much, ABORT).names == ["Unmatched"]
    with reverts("NoSuchHold"):
        world.transact(world.vault, "withdraw", much.id, 0, much.legs[0].terms)
    assert world.balance(ALICE.address) == 1_000_000
    assert world.balance(world.vault.address) == 50_000
    assert world.settle(carols, COMMIT).names == ["Entitled", "Transfer", "Delivered"]


@pytest.mark.parametrize("dirty", ["payee", "token", "payer"])
def test_an_address_with_dirty_upper_bits_is_refused(world: World, deal: Deal, dirty: str) -> None:
    """Only call data as every encoder writes it is held, in the leg itself and in the others."""
    token = world.deploy("PlainToken")
    other = Leg(world.vault.address, token.address, payer=CAROL.address, payee=ISSUER.address)
    both = replace(deal, legs=(*deal.legs, other))
    data = world.vault.call_data("prepare", both.redacted, 0, both.signed_by(ALICE, CAROL, BOB))
    for leg in both.legs:
        with pytest.raises(Reverted):
            world.transact_raw(world.vault.address, with_dirty_bits(data, getattr(leg, dirty)))
    nothing_moved(world, deal)
    world.transact_raw(world.vault.address, data)


def test_two_equal_legs_are_two_legs(world: World, deal: Deal) -> None:
    """What is held for one leg is paid out as no other, though token, amount and parties are the same."""
    twice = replace(deal, legs=(deal.legs[0], replace(deal.legs[0], lane=1)))
    world.hold(twice, ALICE, None, BOB)
    proof = certificate(twice.id, COMMIT)
    strange = [(1, twice.legs[0].terms), (0, twice.legs[1].terms), (1, twice.legs[1].terms)]
    receipt = world.transact(world.vault, "settle", twice.id, COMMIT, proof, strange)
    assert receipt.names == ["Unmatched"] * 3
    assert [world.status(leg) for leg in twice.legs] == [HELD, EMPTY]
