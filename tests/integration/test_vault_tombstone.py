"""An aborted leg that was never held can be closed for ever, with its payer's signature, and by nobody else."""

from dataclasses import replace

import pytest
from eth_account.signers.local import LocalAccount
from vault_deals import (
    ABORT,
    ALICE,
    BOB,
    CAROL,
    COMMIT,
    DELIVERED,
    EMPTY,
    HELD,
    RETURNED,
    TOMBSTONED,
    Deal,
    Leg,
    certificate,
    with_high_s,
)
from vault_world import Receipt, World, new_world, reverts


@pytest.fixture
def world() -> World:
    """Begin a fresh chain."""
    return new_world()


@pytest.fixture
def deal(world: World) -> Deal:
    """Give a deal of which nothing is held."""
    return Deal((Leg(world.vault.address, world.plain.address),))


def close(world: World, deal: Deal, party: LocalAccount | None = ALICE, leg: int = 0, sender: str = "") -> Receipt:
    """Bring ABORT and the payer's signature."""
    signature = b"" if party is None else deal.signed_by(party)[0]
    proof = certificate(deal.id, ABORT)
    chosen = {"sender": sender} if sender else {}
    return world.transact(world.vault, "tombstone", deal.redacted, leg, signature, proof, **chosen)  # type: ignore[arg-type]  # a sender is text


def test_without_the_payers_signature_no_lane_is_closed(world: World, deal: Deal) -> None:
    """Otherwise a counterparty could use up anyone's lanes with aborted settlements that name him."""
    with reverts("SignatureWrong", 0, ALICE.address, BOB.address):
        close(world, deal, BOB)
    with reverts("SignatureMalformed", 0):
        close(world, deal, None)
    high = with_high_s(deal.signed_by(ALICE)[0])
    with reverts("SignatureMalformed", 0):
        world.transact(world.vault, "tombstone", deal.redacted, 0, high, certificate(deal.id, ABORT))
    assert world.status(deal.legs[0]) == EMPTY


def test_only_abort_closes(world: World, deal: Deal) -> None:
    """A COMMIT certificate, or too few signatures, closes nothing."""
    signature = deal.signed_by(ALICE)[0]
    with reverts("WrongCommittee"):
        world.transact(world.vault, "tombstone", deal.redacted, 0, signature, certificate(deal.id, COMMIT))
    with reverts("QuorumMissed", 3, 2):
        proof = certificate(deal.id, ABORT, signers=(0, 1))
        world.transact(world.vault, "tombstone", deal.redacted, 0, signature, proof)
    assert world.status(deal.legs[0]) == EMPTY


def test_the_leg_must_be_this_vaults(world: World, deal: Deal) -> None:
    """As for a hold: chain, vault and index are checked."""
    with reverts("NoSuchLeg", 1, 1):
        close(world, deal, leg=1)
    with reverts("WrongChain"):
        close(world, replace(deal, legs=(replace(deal.legs[0], chain_id=1),)))
    with reverts("WrongVault"):
        close(world, replace(deal, legs=(replace(deal.legs[0], vault=CAROL.address),)))


def test_success_a_closed_leg_is_never_held(world: World, deal: Deal) -> None:
    """ABORT came before the hold: with all signatures and in time, the hold is refused."""
    receipt = close(world, deal)
    assert receipt.names == ["Tombstoned"]
    expected = {"settlement": deal.id, "payer": ALICE.address.lower(), "leg": 0, "nonce": 1}
    assert receipt.events[0].values == expected
    assert world.status(deal.legs[0]) == TOMBSTONED
    with reverts("WrongStatus", TOMBSTONED):
        world.hold(deal)
    assert world.balance(ALICE.address) == 1_000_000


def test_success_a_leg_of_terms_with_a_pivot_may_be_closed(world: World, deal: Deal) -> None:
    """The log refuses such terms with a certified ABORT; closing the leg moves nothing and lets nodes finish early."""
    pivoted = replace(deal, pivot="bank:first-national")
    assert close(world, pivoted).names == ["Tombstoned"]
    assert world.balance(ALICE.address) == 1_000_000


def test_success_closing_twice_is_success(world: World, deal: Deal) -> None:
    """Sent again, by anyone, it changes nothing."""
    close(world, deal)
    assert close(world, deal).names == []
    assert close(world, deal, None).names == []


def test_success_the_payer_may_close_by_calling(world: World, deal: Deal) -> None:
    """Its own call cannot use up anybody else's lane, so it needs no signature."""
    assert close(world, deal, None, sender=ALICE.address).names == ["Tombstoned"]


def test_success_the_lane_is_free_again_for_a_higher_generation(world: World, deal: Deal) -> None:
    """A tombstone costs one generation, not the lane; the closed leg stays closed when the lane moves on."""
    close(world, deal)
    stale = replace(deal, memo="stale")
    with reverts("GenerationSpent", 0, 1, 1):
        world.hold(stale)
    risen = replace(deal, memo="risen", legs=(replace(deal.legs[0], generation=2),))
    world.hold(risen)
    with reverts("LaneOccupied"):
        world.hold(deal)
    world.settle(risen, COMMIT)
    with reverts("GenerationSpent", 0, 2, 1):
        world.hold(deal)
    with reverts("GenerationSpent", 0, 2, 1):
        close(world, deal)


def test_a_held_leg_is_returned_not_closed(world: World, deal: Deal) -> None:
    """A tombstone over a hold would bury the amount; `settle` returns it."""
    world.hold(deal)
    with reverts("WrongStatus", HELD):
        close(world, deal)
    world.settle(deal, ABORT)
    assert world.status(deal.legs[0]) == RETURNED
    assert close(world, deal).names == []
    assert world.status(deal.legs[0]) == RETURNED


def test_a_delivered_leg_is_not_closed_and_the_contradiction_is_shown(world: World, deal: Deal) -> None:
    """ABORT after COMMIT proves that more than f members lied; the first outcome stays."""
    world.hold(deal)
    world.settle(deal, COMMIT)
    assert close(world, deal).names == ["Contradicted"]
    assert world.status(deal.legs[0]) == DELIVERED


def test_commit_after_a_tombstone_changes_nothing_and_is_shown(world: World, deal: Deal) -> None:
    """The other order of the same lie."""
    close(world, deal)
    receipt = world.settle(deal, COMMIT)
    assert receipt.names == ["Contradicted"]
    assert receipt.events[0].values["status"] == TOMBSTONED
    assert world.settle(deal, ABORT).names == []
    assert world.status(deal.legs[0]) == TOMBSTONED


def test_a_lane_in_use_is_not_closed(world: World, deal: Deal) -> None:
    """Another settlement's hold is not touched by a tombstone in its lane, whatever the generation."""
    world.hold(deal)
    other = replace(deal, memo="other", legs=(replace(deal.legs[0], generation=2),))
    with reverts("LaneOccupied", 0, 1, HELD):
        close(world, other)
    assert world.balance(world.vault.address) == 1_000


def test_a_settle_before_the_hold_leaves_nothing(world: World, deal: Deal) -> None:
    """Only a tombstone closes a leg that is not held: without the payer's signature ABORT passes it over."""
    assert world.settle(deal, ABORT).names == ["Unmatched"]
    world.hold(deal)
    assert world.status(deal.legs[0]) == HELD
