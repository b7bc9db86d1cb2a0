"""A leg is held only when all its parties agreed by signatures, or its payer by its own signature and call."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from vault_deals import (
    ALICE,
    BOB,
    CAROL,
    CHAIN_ID,
    EMPTY,
    HELD,
    OTHER_NETWORK,
    PREPARE_BY,
    STRANGER,
    AccountLeg,
    Deal,
    Leg,
    with_high_s,
)
from vault_world import World, fund, new_world, reverts


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


@pytest.mark.parametrize(
    ("parties", "leg", "missing"),
    [((ALICE, None), 1, BOB), ((None, BOB), 0, ALICE), ((None, None), 0, ALICE)],
)
def test_a_missing_signature_refuses_the_hold(
    world: World, deal: Deal, parties: tuple[LocalAccount | None, ...], leg: int, missing: LocalAccount
) -> None:
    """Everyone who gives something must have signed, also who gives it on another ledger."""
    with reverts("SignatureMissing", leg, missing.address):
        world.hold(deal, *parties)
    nothing_moved(world, deal)


def test_another_keys_signature_refuses_the_hold(world: World, deal: Deal) -> None:
    """A signature counts for its own key only; the error names both."""
    with reverts("SignatureWrong", 1, BOB.address, CAROL.address):
        world.hold(deal, ALICE, CAROL)
    nothing_moved(world, deal)


@pytest.mark.parametrize(
    "change",
    [{"memo": "another order"}, {"prepare_by": PREPARE_BY + 1}, {"network": OTHER_NETWORK}],
)
def test_a_signature_under_other_terms_refuses_the_hold(world: World, deal: Deal, change: dict[str, Any]) -> None:
    """One changed term, or another network, is another settlement."""
    signatures = replace(deal, **change).signed_by(ALICE, BOB)
    with reverts("SignatureWrong"):
        world.transact(world.vault, "prepare", deal.redacted, 0, signatures)
    nothing_moved(world, deal)


@pytest.mark.parametrize(
    "twist",
    [
        with_high_s,
        lambda signature: signature[:64] + bytes([signature[64] - 27]),
        lambda signature: signature[:64],
        lambda signature: signature + b"\0",
        lambda _: bytes(65),
        lambda _: bytes(64) + b"\x1b",
    ],
    ids=["high s", "v 0 or 1", "64 bytes", "66 bytes", "zeros", "r and s zero"],
)
def test_a_twisted_signature_refuses_the_hold(world: World, deal: Deal, twist: Callable[[bytes], bytes]) -> None:
    """There is one form of a signature: 65 bytes, v 27 or 28, low s, of a real key."""
    alice, bob = deal.signed_by(ALICE, BOB)
    with reverts("SignatureMalformed", 1):
        world.transact(world.vault, "prepare", deal.redacted, 0, [alice, twist(bob)])
    nothing_moved(world, deal)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_list_of_signatures_of_another_length_refuses_the_hold(world: World, deal: Deal, count: int) -> None:
    """There is one entry for each leg."""
    signatures = (deal.signed_by(ALICE, BOB) * 2)[:count]
    with reverts("SignatureCount", 2, count):
        world.transact(world.vault, "prepare", deal.redacted, 0, signatures)


def test_success_an_entry_may_be_empty_where_an_earlier_leg_has_the_same_signer(world: World) -> None:
    """A party signs once, whatever the number of its legs; the first of them carries the signature."""
    legs = tuple(Leg(world.vault.address, world.plain.address, lane=lane) for lane in range(2))
    deal = Deal(legs, (AccountLeg(), AccountLeg(signer=ALICE.address)))
    with reverts("SignatureMissing", 0, ALICE.address):
        world.hold(deal, None, ALICE, BOB, ALICE)
    world.hold(deal, ALICE, None, BOB, None, leg=1)
    assert world.status(legs[1]) == HELD


def test_success_the_payer_as_caller_needs_nobody_elses_signature(world: World, deal: Deal) -> None:
    """Whoever holds his own money himself risks nobody else's."""
    signatures = deal.signed_by(ALICE, None)
    world.transact(world.vault, "prepare", deal.redacted, 0, signatures, sender=ALICE.address)
    assert world.status(deal.legs[0]) == HELD


def test_the_payer_as_caller_must_have_signed(world: World, deal: Deal) -> None:
    """A key's own call is no signature that other ledgers and the log could use."""
    with reverts("SignatureMissing", 0, ALICE.address):
        world.transact(world.vault, "prepare", deal.redacted, 0, deal.signed_by(None, BOB), sender=ALICE.address)


def test_the_payer_of_another_leg_gains_nothing_by_calling(world: World, deal: Deal) -> None:
    """Only the payer of this leg may leave the others' signatures out."""
    fund(world, world.plain, CAROL)
    legs = (*deal.legs, replace(deal.legs[0], payer=CAROL.address))
    both = replace(deal, legs=legs)
    with reverts("SignatureMissing", 0, ALICE.address):
        world.transact(world.vault, "prepare", both.redacted, 0, both.signed_by(None, CAROL, BOB), sender=CAROL.address)


def test_what_the_payer_adds_to_his_own_signature_must_be_right(world: World, deal: Deal) -> None:
    """A wrong signature is refused even where none was needed."""
    signatures = deal.signed_by(ALICE, CAROL)
    with reverts("SignatureWrong", 1, BOB.address, CAROL.address):
        world.transact(world.vault, "prepare", deal.redacted, 0, signatures, sender=ALICE.address)


def test_a_contract_that_pays_is_refused_whoever_calls(world: World) -> None:
    """Without its payer's signature the log could never take the settlement, and so never end the hold."""
    wallet = world.deploy("ContractWallet")
    world.transact(world.plain, "mint", wallet.address, 1_000)
    approve = world.plain.call_data("approve", world.vault.address, 1_000)
    world.transact(wallet, "execute", world.plain.address, approve)
    deal = Deal((Leg(world.vault.address, world.plain.address, payer=wallet.address),))

    def by_wallet(signatures: list[bytes]) -> None:
        prepare = world.vault.call_data("prepare", deal.redacted, 0, signatures)
        world.transact(wallet, "execute", world.vault.address, prepare)

    with reverts("SignatureCount", 2, 0):
        by_wallet([])
    with reverts("SignatureMissing", 0, wallet.address):
        by_wallet([b"", b""])
    with reverts("SignatureMissing", 0, wallet.address):
        by_wallet(deal.signed_by(None, BOB))
    with reverts("SignatureWrong", 0, wallet.address, ALICE.address):
        by_wallet(deal.signed_by(ALICE, BOB))
    with reverts("SignatureMissing", 0, wallet.address):
        world.hold(deal, None, BOB)
    assert world.status(deal.legs[0]) == EMPTY
    assert world.balance(wallet.address) == 1_000


def test_success_an_account_with_a_key_and_delegated_code_may_pay(world: World, deal: Deal) -> None:
    """What counts is the signature, not whether code stands at the payer's address (EIP-7702)."""
    code, nonce = world.deploy("ContractWallet").address, world.tester.get_nonce(ALICE.address)
    delegation = ALICE.sign_authorization({"chainId": CHAIN_ID, "address": code, "nonce": nonce})
    transaction = {
        "type": 4,
        "chainId": CHAIN_ID,
        "nonce": world.tester.get_nonce(STRANGER.address),
        "gas": 200_000,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 1,
        "to": STRANGER.address,
        "value": 0,
        "data": b"",
        "authorizationList": [delegation],
    }
    world.tester.send_raw_transaction("0x" + STRANGER.sign_transaction(transaction).raw_transaction.hex())
    assert world.tester.get_code(ALICE.address) != "0x"
    with reverts("SignatureMissing", 0, ALICE.address):
        world.hold(deal, None, BOB)
    world.hold(deal)
    assert world.status(deal.legs[0]) == HELD
