"""A committee has n = 3f + 1 members and a quorum of 2f + 1, and genesis names the first."""

from dataclasses import replace

import pytest

from interlock.core.committee import FIRST_EPOCH, Committee, committee_fault, first_committee, genesis_fault
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import ZERO_ADDRESS, Address
from support.world import ALICE, COMMITTEE, GENESIS, NODES, address, word


def members(count: int) -> tuple[Address, ...]:
    return tuple(address(number) for number in range(1, count + 1))


@pytest.mark.parametrize(("count", "faulty", "quorum"), [(1, 0, 1), (4, 1, 3), (7, 2, 5), (10, 3, 7), (31, 10, 21)])
def test_quorums_of_every_size(count: int, faulty: int, quorum: int) -> None:
    """Two quorums share at least f + 1 members, so at least one that is honest."""
    committee = Committee(FIRST_EPOCH, members(count))
    assert committee_fault(committee.members) is None
    assert (committee.faulty_max, committee.quorum) == (faulty, quorum)
    assert 2 * quorum - count >= faulty + 1
    assert count - faulty >= quorum


@pytest.mark.parametrize("count", [0, 2, 3, 5, 6, 8, 9, 32, 33, 34])
def test_another_number_of_members_is_refused(count: int) -> None:
    """Only n = 3f + 1, from 1 to 31."""
    fault = committee_fault(members(count))
    assert fault is not None
    assert f"{count} members" in fault


def test_a_member_twice_or_zero_is_refused() -> None:
    """One member has one vote, and nobody has the zero address."""
    assert committee_fault((*members(3), address(1))) == "a member stands twice in the committee"
    assert committee_fault((*members(3), ZERO_ADDRESS)) == "the zero address cannot be a member"


def test_a_stranger_has_no_place() -> None:
    """Members are found by address, strangers are not."""
    assert [COMMITTEE.index_of(node.address) for node in NODES] == [0, 1, 2, 3]
    assert COMMITTEE.index_of(ALICE.address) is None


GENESIS_FAULTS = {
    "no name": (replace(GENESIS, name=""), "name must have"),
    "a long name": (replace(GENESIS, name="é" * 65), "name must have"),
    "another kind of log": (replace(GENESIS, log="paper"), "'paper' is no kind of log"),
    "two members": (replace(GENESIS, members=members(2)), "2 members"),
}


@pytest.mark.parametrize(("genesis", "message"), GENESIS_FAULTS.values(), ids=GENESIS_FAULTS.keys())
def test_a_faulty_genesis_is_refused(genesis: object, message: str) -> None:
    """A document that no network can begin with says why."""
    assert message in str(genesis_fault(genesis))  # type: ignore[arg-type]  # each is a Genesis


@pytest.mark.parametrize("log", ["embedded", "cometbft"])
def test_a_sound_genesis_begins_epoch_one(log: str) -> None:
    """The first committee is the genesis document's, in its order."""
    genesis = replace(GENESIS, log=log, name="n" * 128)
    assert genesis_fault(genesis) is None
    assert first_committee(genesis) == Committee(FIRST_EPOCH, GENESIS.members)


def test_the_network_is_the_hash_of_its_genesis() -> None:
    """Every field of the document makes another network, the order of members too."""
    assert GENESIS.network_id == keccak256(encode(GENESIS))
    others = [
        replace(GENESIS, name="other"),
        replace(GENESIS, members=GENESIS.members[::-1]),
        replace(GENESIS, log="cometbft"),
        replace(GENESIS, salt=word(8)),
    ]
    assert len({each.network_id for each in (GENESIS, *others)}) == 5
