"""The exit check says whether an amount can come in and go out both ways, and leaves no trace."""

from dataclasses import replace

import pytest
from vault_deals import (
    ABORT,
    ALICE,
    BOB,
    CAROL,
    COMMIT,
    EMPTY,
    ENTITLED_PAYEE,
    HELD,
    ISSUER,
    STRANGER,
    Deal,
    Leg,
    certificate,
)
from vault_world import SHIPPED, Contract, World, fund, new_world, reverts

FALSE, LIE, BURN_GAS, BOMB, CALL, EXIT_FEE, REFUND, BLIND = 2, 3, 5, 6, 7, 11, 12, 13


@pytest.fixture
def world() -> World:
    """Begin a fresh chain."""
    return new_world()


@pytest.fixture
def registry(world: World) -> Contract:
    """Give a KYC registry that allows Alice, Bob and the vault."""
    registry = world.deploy("KycRegistry", ISSUER.address, folder=SHIPPED)
    for account in (ALICE.address, BOB.address, world.vault.address):
        world.transact(registry, "allow", account, sender=ISSUER.address)
    return registry


@pytest.fixture
def treasury(world: World, registry: Contract) -> Contract:
    """Give a permissioned token; Alice has 1,000,000."""
    token = world.deploy("TreasuryToken", ISSUER.address, registry.address, folder=SHIPPED)
    fund(world, token, ALICE)
    return token


@pytest.fixture
def deal(world: World, treasury: Contract) -> Deal:
    """Alice's treasury tokens against Bob's dollars."""
    return Deal((Leg(world.vault.address, treasury.address),))


def check(world: World, deal: Deal) -> tuple[bool, bool, bool, str]:
    """Give what the exit check says, with the name of the reason."""
    answer = world.view(world.vault, "exitCheck", deal.id, 0, deal.legs[0].terms)
    pulled, delivers, returns_, reason = answer
    return pulled, delivers, returns_, world.decode_error(reason).name if reason else ""


def test_success_both_exits_before_the_hold_and_while_it_stands(world: World, deal: Deal) -> None:
    """All is well: no reason."""
    assert check(world, deal) == (True, True, True, "")
    world.hold(deal)
    assert check(world, deal) == (True, True, True, "")


def test_a_buyer_who_may_not_hold_the_token_is_told_before_anything_moves(
    world: World, registry: Contract, deal: Deal
) -> None:
    """The pull would succeed and the return too: the delivery is what the token refuses, and whom."""
    world.transact(registry, "revoke", BOB.address, sender=ISSUER.address)
    assert check(world, deal) == (True, False, True, "NotPermitted")
    reason = world.view(world.vault, "exitCheck", deal.id, 0, deal.legs[0].terms)[3]
    assert world.decode_error(reason).values == (BOB.address.lower(),)


def test_a_seller_who_could_not_take_it_back_is_told(world: World, registry: Contract, deal: Deal) -> None:
    """While the hold stands, both ways out are looked at, each on its own."""
    world.hold(deal)
    world.transact(registry, "revoke", ALICE.address, sender=ISSUER.address)
    assert check(world, deal) == (True, True, False, "NotPermitted")


def test_a_vault_that_may_not_hold_the_token_is_told(world: World, registry: Contract, deal: Deal) -> None:
    """Delisted before the hold, the pull is refused; after it, both exits are."""
    world.transact(registry, "revoke", world.vault.address, sender=ISSUER.address)
    assert check(world, deal) == (False, False, False, "NotPermitted")
    world.transact(registry, "allow", world.vault.address, sender=ISSUER.address)
    world.hold(deal)
    world.transact(registry, "revoke", world.vault.address, sender=ISSUER.address)
    assert check(world, deal) == (True, False, False, "NotPermitted")


def test_a_paused_token_is_told(world: World, treasury: Contract, deal: Deal) -> None:
    """Before the hold the pull fails; while it stands, both exits do."""
    world.hold(deal)
    world.transact(treasury, "setPaused", True, sender=ISSUER.address)
    assert check(world, deal) == (True, False, False, "TransfersPaused")
    fresh = replace(deal, legs=(replace(deal.legs[0], lane=1),))
    assert check(world, fresh) == (False, False, False, "TransfersPaused")


def test_a_loss_from_the_vault_is_told(world: World, treasury: Contract, deal: Deal) -> None:
    """The issuer burns what is held: neither exit would succeed."""
    world.hold(deal)
    world.transact(treasury, "burn", world.vault.address, 1, sender=ISSUER.address)
    assert check(world, deal) == (True, False, False, "ERC20InsufficientBalance")


def test_a_missing_balance_or_approval_is_told(world: World, treasury: Contract, deal: Deal) -> None:
    """What prepare would answer is known beforehand."""
    poor = replace(deal, legs=(replace(deal.legs[0], amount=1_000_001),))
    assert check(world, poor) == (False, False, False, "ERC20InsufficientBalance")
    world.transact(treasury, "approve", world.vault.address, 0, sender=ALICE.address)
    assert check(world, deal) == (False, False, False, "ERC20InsufficientAllowance")


def test_anothers_hold_is_not_this_one(world: World, deal: Deal) -> None:
    """What the vault holds for another leg, even in the same lane, makes no exit succeed: the pull is rehearsed."""
    whole = replace(deal, legs=(replace(deal.legs[0], amount=1_000_000),))
    world.hold(whole)
    assert check(world, replace(whole, memo="other")) == (False, False, False, "ERC20InsufficientBalance")
    carols = replace(deal, legs=(replace(deal.legs[0], payer=CAROL.address),))
    assert check(world, carols)[0] is False


def test_an_entitled_leg_is_rehearsed_as_it_stands(world: World, registry: Contract, deal: Deal) -> None:
    """After the decision the check says whether a withdrawal would succeed now."""
    world.hold(deal)
    world.transact(registry, "revoke", BOB.address, sender=ISSUER.address)
    world.settle(deal, COMMIT)
    assert world.status(deal.legs[0]) == ENTITLED_PAYEE
    assert check(world, deal) == (True, False, True, "NotPermitted")
    world.transact(registry, "allow", BOB.address, sender=ISSUER.address)
    assert check(world, deal) == (True, True, True, "")


@pytest.mark.parametrize(
    ("prank", "reason"), [(FALSE, "TokenReturnedFalse"), (LIE, "TokenMoved"), (BURN_GAS, ""), (BOMB, "Unknown")]
)
def test_a_hostile_token_is_told_whatever_it_does(world: World, prank: int, reason: str) -> None:
    """The check itself cannot be broken by the token; its reason has at most 256 bytes."""
    token = world.deploy("HostileToken")
    fund(world, token, ALICE)
    deal = Deal((Leg(world.vault.address, token.address),))
    world.transact(token, "play", prank, token.address, b"")
    assert check(world, deal) == (False, False, False, reason)
    assert len(world.view(world.vault, "exitCheck", deal.id, 0, deal.legs[0].terms)[3]) <= 256


def test_a_token_gone_bad_while_held_is_told_in_full_gas(world: World) -> None:
    """Pushes are rehearsed with the same allowance of gas as `settle` gives them."""
    token = world.deploy("HostileToken")
    fund(world, token, ALICE)
    deal = Deal((Leg(world.vault.address, token.address),))
    world.hold(deal)
    world.transact(token, "play", BURN_GAS, token.address, b"")
    assert check(world, deal) == (True, False, False, "")
    with reverts("GasShort"):
        world.view(world.vault, "exitCheck", deal.id, 0, deal.legs[0].terms, gas=400_000)


@pytest.mark.parametrize("prank", [EXIT_FEE, REFUND])
def test_a_token_that_takes_another_amount_from_the_vault_is_told(world: World, prank: int) -> None:
    """What others have in the vault lends itself to no exit, neither before the hold nor while it stands."""
    token = world.deploy("HostileToken")
    fund(world, token, ALICE, CAROL)
    deal = Deal((Leg(world.vault.address, token.address),))
    world.hold(replace(deal, legs=(replace(deal.legs[0], payer=CAROL.address),)), CAROL, BOB)
    world.transact(token, "play", prank, token.address, b"")
    assert check(world, deal) == (True, False, False, "TokenMoved")
    world.hold(deal)
    assert check(world, deal) == (True, False, False, "TokenMoved")
    reason = world.view(world.vault, "exitCheck", deal.id, 0, deal.legs[0].terms)[3]
    left = 999 if prank == EXIT_FEE else 1_001
    assert world.decode_error(reason).values == (token.address.lower(), 1_000, 2_000, left)


def test_a_token_that_tells_no_balance_is_told(world: World) -> None:
    """Without it nobody knows what left; the check outlives a token that spends all its gas on the answer."""
    token = world.deploy("HostileToken")
    fund(world, token, ALICE)
    deal = Deal((Leg(world.vault.address, token.address),))
    world.hold(deal)
    world.transact(token, "play", BLIND, token.address, b"")
    assert check(world, deal)[:3] == (True, False, False)


def test_an_address_without_code_is_told(world: World, deal: Deal) -> None:
    """A typing error in the token's address shows before anything is signed."""
    nowhere = replace(deal, legs=(replace(deal.legs[0], token=STRANGER.address),))
    assert check(world, nowhere) == (False, False, False, "TokenMissing")


@pytest.mark.parametrize("held", [False, True])
def test_nothing_stays_changed_even_in_a_transaction(
    world: World,
    treasury: Contract,
    deal: Deal,
    held: bool,  # noqa: FBT001 - a table column
) -> None:
    """Anyone may send it as a transaction: no event, no balance, no allowance and no lane changes."""
    if held:
        world.hold(deal)
    accounts = (ALICE.address, BOB.address, world.vault.address)
    before = [world.balance(account, treasury) for account in accounts]
    receipt = world.transact(world.vault, "exitCheck", deal.id, 0, deal.legs[0].terms)
    assert receipt.names == []
    assert [world.balance(account, treasury) for account in accounts] == before
    assert world.status(deal.legs[0]) == (HELD if held else EMPTY)
    world.hold(deal)
    world.settle(deal, ABORT)
    assert world.balance(ALICE.address, treasury) == 1_000_000


def test_nobody_else_may_rehearse(world: World, deal: Deal) -> None:
    """The step that moves and reverts is the vault's own."""
    with reverts("OnlySelf"):
        world.transact(world.vault, "rehearse", deal.legs[0].terms, True, STRANGER.address)


def test_nobody_else_may_push(world: World, treasury: Contract, deal: Deal) -> None:
    """The step that pays out is the vault's own: else anyone could take what it holds."""
    world.hold(deal)
    with reverts("OnlySelf"):
        world.transact(world.vault, "push", treasury.address, ALICE.address, 1, sender=ALICE.address)


def test_a_check_cannot_be_turned_into_a_payment(world: World, deal: Deal) -> None:
    """The vault lends nobody its balance: a token that calls back in the rehearsal gets nothing out."""
    token = world.deploy("HostileToken")
    fund(world, token, ALICE)
    world.hold(deal)
    hostile = Deal((Leg(world.vault.address, token.address, lane=4),))
    proof = certificate(deal.id, COMMIT)
    settle = world.vault.call_data("settle", deal.id, COMMIT, proof, deal.calls())
    world.transact(token, "play", CALL, world.vault.address, settle)
    assert check(world, hostile) == (False, False, False, "ReentrancyGuardReentrantCall")
    world.transact(world.vault, "exitCheck", hostile.id, 0, hostile.legs[0].terms)
    assert world.status(deal.legs[0]) == HELD


def test_a_finished_leg_lends_its_hold_to_no_check(world: World, treasury: Contract, deal: Deal) -> None:
    """What was delivered does not stand in the vault any more, even if the vault has as much of others."""
    whole = replace(deal, legs=(replace(deal.legs[0], amount=1_000_000),))
    world.hold(whole)
    world.settle(whole, COMMIT)
    world.transact(treasury, "mint", world.vault.address, 1_000_000, sender=ISSUER.address)
    assert check(world, whole) == (False, False, False, "ERC20InsufficientBalance")
