"""The demo treasury moves only between allowed accounts by allowed callers, and its issuer can do what issuers can."""

import pytest
from vault_deals import ABORT, ALICE, BOB, CAROL, COMMIT, ISSUER, STRANGER, Deal, Leg
from vault_world import SHIPPED, Contract, World, fund, new_world, reverts


@pytest.fixture
def world() -> World:
    """Begin a fresh chain."""
    return new_world()


@pytest.fixture
def registry(world: World) -> Contract:
    """Give a registry that allows Alice, Bob and the vault."""
    registry = world.deploy("KycRegistry", ISSUER.address, folder=SHIPPED)
    for account in (ALICE.address, BOB.address, world.vault.address):
        world.transact(registry, "allow", account, sender=ISSUER.address)
    return registry


@pytest.fixture
def token(world: World, registry: Contract) -> Contract:
    """Give the token; Alice has 1,000,000 units of it."""
    token = world.deploy("TreasuryToken", ISSUER.address, registry.address, folder=SHIPPED)
    fund(world, token, ALICE)
    return token


def test_only_the_issuer_has_the_issuers_powers(world: World, registry: Contract, token: Contract) -> None:
    """Allow, revoke, mint, burn and pause are refused to everybody else."""
    commands: list[tuple[Contract, str, tuple[object, ...]]] = [
        (registry, "allow", (CAROL.address,)),
        (registry, "revoke", (ALICE.address,)),
        (token, "mint", (ALICE.address, 1)),
        (token, "burn", (ALICE.address, 1)),
        (token, "setPaused", (True,)),
    ]
    for contract, name, values in commands:
        with reverts("OnlyIssuer", ISSUER.address, ALICE.address):
            world.transact(contract, name, *values, sender=ALICE.address)


def test_sender_receiver_and_caller_must_be_allowed(world: World, registry: Contract, token: Contract) -> None:
    """Each of the three is checked, and named when refused."""
    with reverts("NotPermitted", CAROL.address):
        world.transact(token, "transfer", CAROL.address, 1, sender=ALICE.address)
    with reverts("NotPermitted", CAROL.address):
        world.transact(token, "mint", CAROL.address, 1, sender=ISSUER.address)
    world.transact(token, "approve", STRANGER.address, 1, sender=ALICE.address)
    with reverts("NotPermitted", STRANGER.address):
        world.transact(token, "transferFrom", ALICE.address, BOB.address, 1, sender=STRANGER.address)
    world.transact(registry, "revoke", ALICE.address, sender=ISSUER.address)
    with reverts("NotPermitted", ALICE.address):
        world.transact(token, "transfer", BOB.address, 1, sender=ALICE.address)


def test_success_allowed_accounts_move_it(world: World, registry: Contract, token: Contract) -> None:
    """18 decimals, and the usual transfers."""
    assert world.view(token, "decimals") == 18
    assert "Demo" in world.view(token, "name")
    world.transact(token, "transfer", BOB.address, 5, sender=ALICE.address)
    assert world.balance(BOB.address, token) == 5
    assert world.view(registry, "isAllowed", BOB.address) is True


def test_success_the_issuer_burns_from_anyone_also_while_paused(world: World, token: Contract) -> None:
    """Issuer powers are real, and the protocol has to live with them."""
    world.transact(token, "setPaused", True, sender=ISSUER.address)
    with reverts("TransfersPaused"):
        world.transact(token, "transfer", BOB.address, 1, sender=ALICE.address)
    world.transact(token, "burn", ALICE.address, 400_000, sender=ISSUER.address)
    assert world.balance(ALICE.address, token) == 600_000


def test_a_buyer_frozen_after_the_hold_is_entitled_and_paid_when_allowed_again(
    world: World, registry: Contract, token: Contract
) -> None:
    """A decision is never undone by an issuer; delivery waits for permission."""
    deal = Deal((Leg(world.vault.address, token.address),))
    world.hold(deal)
    world.transact(registry, "revoke", BOB.address, sender=ISSUER.address)
    assert world.settle(deal, COMMIT).names == ["Entitled", "Stuck"]
    with reverts("PushRefused"):
        world.transact(world.vault, "withdraw", deal.id, 0, deal.legs[0].terms)
    world.transact(registry, "allow", BOB.address, sender=ISSUER.address)
    world.transact(world.vault, "withdraw", deal.id, 0, deal.legs[0].terms)
    assert world.balance(BOB.address, token) == 1_000


def test_an_amount_burnt_out_of_the_vault_leaves_the_claim_standing(world: World, token: Contract) -> None:
    """What the issuer takes cannot be delivered; the leg stays entitled, and other tokens are untouched."""
    deal = Deal((Leg(world.vault.address, token.address), Leg(world.vault.address, world.plain.address, lane=1)))
    for index in range(2):
        world.hold(deal, ALICE, None, BOB, leg=index)
    world.transact(token, "burn", world.vault.address, 1, sender=ISSUER.address)
    assert world.settle(deal, COMMIT).names == ["Entitled", "Entitled", "Stuck", "Transfer", "Delivered"]
    world.transact(token, "mint", world.vault.address, 1, sender=ISSUER.address)
    world.transact(world.vault, "withdraw", deal.id, 0, deal.legs[0].terms)
    assert world.balance(BOB.address, token) == 1_000


def test_a_vault_that_is_not_allowed_holds_nothing(world: World, registry: Contract, token: Contract) -> None:
    """The vault is receiver and caller: without permission the pull is refused with the token's own reason."""
    world.transact(registry, "revoke", world.vault.address, sender=ISSUER.address)
    with reverts("PullRefused"):
        world.hold(Deal((Leg(world.vault.address, token.address),)))


def test_success_an_aborted_leg_goes_back_to_the_seller(world: World, token: Contract) -> None:
    """The asset comes back whole."""
    deal = Deal((Leg(world.vault.address, token.address),))
    world.hold(deal)
    world.settle(deal, ABORT)
    assert world.balance(ALICE.address, token) == 1_000_000
