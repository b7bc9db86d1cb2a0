"""The vault computes the digests that wallets sign; eth-account is the judge."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from vault_deals import (
    ALICE,
    BOB,
    CAROL,
    CHAIN_ID,
    NETWORK,
    NODES,
    OTHER_NETWORK,
    TYPES,
    AccountLeg,
    Deal,
    Leg,
    struct_hash,
)
from vault_world import SHIPPED, World, deploy, new_world


@pytest.fixture(scope="module")
def world() -> World:
    """Give a chain that no test here changes."""
    return new_world()


@pytest.mark.parametrize(
    "deal",
    [
        Deal((Leg(ALICE.address, BOB.address),)),
        Deal((), (AccountLeg(), AccountLeg(signer=CAROL.address, amount=2**256 - 1))),
        Deal((Leg(ALICE.address, BOB.address, lane=2**216 - 1, chain_id=2**256 - 1),) * 3, ()),
        Deal((Leg(ALICE.address, BOB.address),), memo="", pivot="bank:first-national", prepare_by=2**64 - 1),
        Deal((Leg(ALICE.address, BOB.address),) * 8, (AccountLeg(),) * 8, memo="Größe: 漢字 " * 20),
    ],
    ids=["one of each", "accounts only", "tokens only", "pivot", "most legs"],
)
def test_success_the_settlement_id_is_the_digest_that_wallets_sign(world: World, deal: Deal) -> None:
    """From the redacted form the vault gets the id of the full one."""
    assert world.view(world.vault, "settlementIdOf", deal.redacted) == deal.id


def test_the_network_is_in_every_id(world: World) -> None:
    """One instruction has another id on every network."""
    deal = Deal((Leg(ALICE.address, BOB.address),))
    other, _ = deploy(world.tester, "Vault", OTHER_NETWORK, [node.address for node in NODES], folder=SHIPPED)
    assert world.view(other, "settlementIdOf", deal.redacted) == replace(deal, network=OTHER_NETWORK).id != deal.id


def test_success_the_domain_is_told_by_eip_5267(world: World) -> None:
    """Name, version and salt; no chain id, no contract: one signature is good on every ledger."""
    nobody = "0x" + "00" * 20
    expected = (b"\x13", "interlock", "1", 0, nobody, NETWORK, ())
    assert world.view(world.vault, "eip712Domain") == expected
    assert world.view(world.vault, "networkId") == NETWORK


def test_success_a_commitment_binds_settlement_index_and_every_term(world: World) -> None:
    """The first 26 bytes of keccak256(abi.encode(settlement, leg, hashStruct(OnchainLeg)))."""
    leg = Leg(ALICE.address, BOB.address)
    terms = dict(zip([member["name"] for member in TYPES["OnchainLeg"]], leg.terms, strict=True))
    preimage = encode(["bytes32", "uint32", "bytes32"], [b"\7" * 32, 3, struct_hash("OnchainLeg", terms)])
    commitment = world.view(world.vault, "commitmentOf", b"\7" * 32, 3, leg.terms)
    assert commitment == keccak(preimage)[:26]


def test_success_the_vault_tells_its_name_epoch_and_committee(world: World) -> None:
    """What a node compares with the genesis document before it trusts a vault."""
    members = [node.address for node in NODES]
    assert world.view(world.vault, "ledgerName") == f"eip155:{CHAIN_ID}:{world.vault.address.lower()}"
    assert world.view(world.vault, "epoch") == 1
    assert world.view(world.vault, "committee") == keccak(encode(["uint64", "address[]"], [1, members]))
    assert world.view(world.vault, "PUSH_GAS") == 500_000
