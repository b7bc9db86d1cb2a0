"""What the vault's calls cost: figures that a change must not raise unseen.

Measured with an ordinary ERC-20 (OpenZeppelin), infinite allowance, all accounts holders before, four members of whom
three sign, and a deal of one on-chain and one account leg. The figures include 21,000 and the call data.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from vault_deals import ABORT, ALICE, BOB, COMMIT, STRANGER, Deal, Leg, certificate
from vault_world import World, new_world

BOUNDS = {
    "prepare, fresh lane": 92_200,
    "prepare, used lane": 75_200,
    "prepare, one more signer": 82_200,
    "settle one leg": 78_700,
    "settle one leg, new holder": 95_800,
    "settle two legs": 99_600,
    "withdraw": 55_900,
    "tombstone, used lane": 68_000,
}


@pytest.fixture
def world() -> World:
    """Give a chain on which vault and buyer hold some of the token already, and lane 0 of Alice was used."""
    world = new_world()
    for account in (world.vault.address, BOB.address):
        world.transact(world.plain, "mint", account, 5)
    used = Deal((Leg(world.vault.address, world.plain.address),))
    world.hold(used)
    world.settle(used, COMMIT)
    return world


def deal(world: World, **changes: object) -> Deal:
    """Give a deal in the used lane."""
    leg = Leg(world.vault.address, world.plain.address, generation=2)
    return Deal((replace(leg, **changes),))  # type: ignore[arg-type]  # the changes are the leg's own fields


def settled(world: World, one: Deal) -> int:
    """Hold and settle; give the gas of the second."""
    for index in range(len(one.legs)):
        world.hold(one, ALICE, *[None] * (len(one.legs) - 1), BOB, leg=index)
    return world.settle(one, COMMIT).gas_used


def more_signers(world: World) -> int:
    """Hold a leg of a deal with a second account leg of another party."""
    one = deal(world)
    three = replace(one, account_legs=(*one.account_legs, replace(one.account_legs[0], signer=STRANGER.address)))
    return world.hold(three, ALICE, BOB, STRANGER).gas_used


def two_legs(world: World) -> int:
    """Settle two legs of one payer with one certificate."""
    one = deal(world)
    return settled(world, replace(one, legs=(*one.legs, replace(one.legs[0], lane=1))))


def withdrawn(world: World) -> int:
    """Withdraw a leg that a token refused before."""
    token = world.deploy("HostileToken")
    for account in (world.vault.address, BOB.address, ALICE.address):
        world.transact(token, "mint", account, 5_000)
    world.transact(token, "approve", world.vault.address, 2**256 - 1, sender=ALICE.address)
    one = deal(world, token=token.address)
    world.hold(one)
    world.transact(token, "play", 2, token.address, b"")
    world.settle(one, COMMIT)
    world.transact(token, "play", 0, token.address, b"")
    return world.transact(world.vault, "withdraw", one.id, 0, one.legs[0].terms).gas_used


def tombstoned(world: World) -> int:
    """Close a leg in the used lane."""
    one = deal(world)
    signature = one.signed_by(ALICE)[0]
    return world.transact(world.vault, "tombstone", one.redacted, 0, signature, certificate(one.id, ABORT)).gas_used


CALLS: dict[str, Callable[[World], int]] = {
    "prepare, fresh lane": lambda world: world.hold(deal(world, lane=9)).gas_used,
    "prepare, used lane": lambda world: world.hold(deal(world)).gas_used,
    "prepare, one more signer": more_signers,
    "settle one leg": lambda world: settled(world, deal(world)),
    "settle one leg, new holder": lambda world: settled(world, deal(world, payee=STRANGER.address)),
    "settle two legs": two_legs,
    "withdraw": withdrawn,
    "tombstone, used lane": tombstoned,
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_call_costs_no_more_than_its_figure(world: World, name: str) -> None:
    """A dearer vault is a decision, not an accident."""
    used = CALLS[name](world)
    assert used <= BOUNDS[name], f"{name}: {used:,} gas"
    assert used > 0.95 * BOUNDS[name], f"{name} has become cheaper: {used:,} gas; lower its figure"
