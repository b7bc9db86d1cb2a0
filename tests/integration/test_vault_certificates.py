"""A decision counts when a quorum of the newest committee signed it for this settlement, outcome and network."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import pytest
from eth_account import Account
from vault_deals import (
    ABORT,
    ALICE,
    COMMIT,
    DELIVERED,
    HELD,
    NETWORK,
    NODES,
    OTHER_NETWORK,
    STRANGER,
    ZERO,
    Deal,
    Leg,
    certificate,
    with_high_s,
)
from vault_world import SHIPPED, World, deploy, new_world, reverts

Proof = tuple[int, int, list[str], bytes]
STRANGE_NODE = Account.from_key((999).to_bytes(32))


@pytest.fixture
def world() -> World:
    """Begin a fresh chain."""
    return new_world()


@pytest.fixture
def deal(world: World) -> Deal:
    """Give a deal whose on-chain leg is held."""
    deal = Deal((Leg(world.vault.address, world.plain.address),))
    world.hold(deal)
    return deal


def settle(world: World, deal: Deal, proof: Proof, outcome: int = COMMIT) -> None:
    """Try to settle with this proof."""
    world.transact(world.vault, "settle", deal.id, outcome, proof, deal.calls())


def still_held(world: World, deal: Deal) -> None:
    """Check that the refusal left the hold alone."""
    assert world.status(deal.legs[0]) == HELD
    assert world.balance(world.vault.address) == 1_000


@pytest.mark.parametrize("signers", [(), (0,), (1, 3)])
def test_fewer_than_a_quorum_decide_nothing(world: World, deal: Deal, signers: Sequence[int]) -> None:
    """Of four members three must sign."""
    with reverts("QuorumMissed", 3, len(signers)):
        settle(world, deal, certificate(deal.id, COMMIT, signers=signers))
    still_held(world, deal)


def test_a_smaller_committee_cannot_be_pretended(world: World, deal: Deal) -> None:
    """One member who claims to be the whole committee has a quorum of himself, and not the kept hash."""
    epoch, _, _, signatures = certificate(deal.id, COMMIT, signers=(0,))
    with reverts("WrongCommittee"):
        settle(world, deal, (epoch, 1, [], signatures))
    still_held(world, deal)


def test_one_member_twice_is_one_member(world: World, deal: Deal) -> None:
    """A second signature of the same key does not stand in for another member."""
    twice = [NODES[0], NODES[1], NODES[1], NODES[3]]
    with reverts("WrongCommittee"):
        settle(world, deal, certificate(deal.id, COMMIT, keys=twice))
    still_held(world, deal)


def test_a_stranger_is_no_member(world: World, deal: Deal) -> None:
    """A good signature by a key outside the committee spoils the certificate."""
    with reverts("WrongCommittee"):
        settle(world, deal, certificate(deal.id, COMMIT, keys=[*NODES[:2], STRANGE_NODE, NODES[3]]))
    still_held(world, deal)


def test_a_strange_absent_member_spoils_the_certificate(world: World, deal: Deal) -> None:
    """The members that did not sign are named truly, too."""
    epoch, signers, _, signatures = certificate(deal.id, COMMIT)
    with reverts("WrongCommittee"):
        settle(world, deal, (epoch, signers, [STRANGER.address], signatures))


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_certificate_of_another_epoch_is_refused_with_both_epochs(world: World, deal: Deal, epoch: int) -> None:
    """Of a closed epoch it proves nothing any more; for a newer one the rotations must be brought first."""
    with reverts("WrongEpoch", 1, epoch):
        settle(world, deal, certificate(deal.id, COMMIT, epoch=epoch))
    still_held(world, deal)


def test_signatures_for_another_epoch_do_not_count_under_this_one(world: World, deal: Deal) -> None:
    """The epoch is signed, not only claimed."""
    _, *rest = certificate(deal.id, COMMIT, epoch=2)
    with reverts("WrongCommittee"):
        settle(world, deal, (1, rest[0], rest[1], rest[2]))  # type: ignore[arg-type]  # a cut tuple loses its types


@pytest.mark.parametrize("outcome", [0, 3, 255])
def test_there_are_two_outcomes(world: World, deal: Deal, outcome: int) -> None:
    """Neither zero nor anything beyond COMMIT and ABORT is one, whoever signed it."""
    with reverts("WrongOutcome", outcome):
        settle(world, deal, certificate(deal.id, outcome), outcome)
    still_held(world, deal)


@pytest.mark.parametrize(("signed", "claimed"), [(COMMIT, ABORT), (ABORT, COMMIT)])
def test_a_certificate_for_one_outcome_is_none_for_the_other(
    world: World, deal: Deal, signed: int, claimed: int
) -> None:
    """The outcome is signed."""
    with reverts("WrongCommittee"):
        settle(world, deal, certificate(deal.id, signed), claimed)
    still_held(world, deal)


def test_a_certificate_of_another_network_is_refused(world: World, deal: Deal) -> None:
    """The same keys may serve two networks; their signatures do not."""
    with reverts("WrongCommittee"):
        settle(world, deal, certificate(deal.id, COMMIT, network=OTHER_NETWORK))
    still_held(world, deal)


def test_a_certificate_of_another_settlement_is_refused(world: World, deal: Deal) -> None:
    """The settlement is signed."""
    other = replace(deal, memo="other")
    with reverts("WrongCommittee"):
        settle(world, deal, certificate(other.id, COMMIT))
    still_held(world, deal)


def test_a_malleated_signature_is_refused(world: World, deal: Deal) -> None:
    """A high s would give the same certificate a second form."""
    epoch, signers, absent, signatures = certificate(deal.id, COMMIT)
    with reverts("SignatureMalformed", 2):
        settle(world, deal, (epoch, signers, absent, signatures[:130] + with_high_s(signatures[130:])))
    still_held(world, deal)


def test_signatures_stand_in_the_order_of_the_members(world: World, deal: Deal) -> None:
    """Swapped, they rebuild another list."""
    epoch, signers, absent, signatures = certificate(deal.id, COMMIT)
    with reverts("WrongCommittee"):
        settle(world, deal, (epoch, signers, absent, signatures[65:130] + signatures[:65] + signatures[130:]))


@pytest.mark.parametrize(
    ("signers", "absent", "length"),
    [
        (0b0111, 1, 194),
        (0b0111, 1, 196),
        (0b1111, 1, 195),
        (0b0011, 1, 195),
        (0b10111, 1, 195),
        (1 << 255 | 0b0111, 1, 195),
        (0, 0, 0),
        (0b0111, 29, 195),
        (2**32 - 1, 0, 65 * 32),
    ],
)
def test_bitmap_absent_members_and_signatures_must_fit(
    world: World, deal: Deal, signers: int, absent: int, length: int
) -> None:
    """One bit per signature, one absent member per bit left, no more members than 31."""
    _, _, missing, signatures = certificate(deal.id, COMMIT)
    proof = (1, signers, missing * absent, (signatures * 11)[:length])
    with reverts("CertificateMalformed"):
        settle(world, deal, proof)
    still_held(world, deal)


@pytest.mark.parametrize("signers", [*combinations(range(4), 3), (0, 1, 2, 3)])
def test_success_any_quorum_decides(world: World, deal: Deal, signers: Sequence[int]) -> None:
    """Whichever three of four signed, or all: the decision is the same."""
    settle(world, deal, certificate(deal.id, COMMIT, signers=signers))
    assert world.status(deal.legs[0]) == DELIVERED


def test_success_a_committee_of_31_decides_with_21(world: World) -> None:
    """The largest committee works, and one signature short of its quorum does not."""
    nodes = [Account.from_key(key.to_bytes(32)) for key in range(1_001, 1_032)]
    vault, _ = deploy(world.tester, "Vault", NETWORK, [node.address for node in nodes], folder=SHIPPED)
    world.vault = vault
    world.transact(world.plain, "approve", vault.address, 2**256 - 1, sender=ALICE.address)
    deal = Deal((Leg(vault.address, world.plain.address),))
    world.hold(deal)
    digest_signers = tuple(range(0, 31, 3)) + tuple(range(1, 31, 3))
    for count in (20, 21):
        chosen = sorted(digest_signers[:count])
        _, bits, _, signatures = certificate(deal.id, COMMIT, signers=chosen, keys=nodes)
        absent = [node.address for place, node in enumerate(nodes) if place not in chosen]
        if count == 20:
            with reverts("QuorumMissed", 21, 20):
                settle(world, deal, (1, bits, absent, signatures))
        else:
            settle(world, deal, (1, bits, absent, signatures))
    assert world.status(deal.legs[0]) == DELIVERED


@pytest.mark.parametrize("count", [0, 2, 3, 5, 6, 32, 34])
def test_no_vault_is_set_up_for_a_committee_that_is_not_3f_plus_1(world: World, count: int) -> None:
    """The quorum's meaning rests on n = 3f + 1, and the gas of a certificate on n <= 31."""
    members = [Account.from_key(key.to_bytes(32)).address for key in range(1, count + 1)]
    with reverts("CommitteeSize", count):
        deploy(world.tester, "Vault", NETWORK, members, folder=SHIPPED)


@pytest.mark.parametrize(("place", "member"), [(3, NODES[0].address), (2, NODES[1].address), (0, ZERO)])
def test_no_vault_is_set_up_for_a_committee_with_a_doubtful_member(world: World, place: int, member: str) -> None:
    """Zero is nobody, and one member is one member."""
    members = [node.address for node in NODES]
    members[place] = member
    with reverts("CommitteeMember", place, member):
        deploy(world.tester, "Vault", NETWORK, members, folder=SHIPPED)
