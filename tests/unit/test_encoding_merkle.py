"""One tree for contracts, batches and the log: its roots, its proofs, and what a growing log keeps of it."""

import dataclasses
from collections.abc import Sequence

import pytest

from interlock.encoding import canonical
from interlock.encoding.keccak import keccak256
from interlock.encoding.merkle import (
    EMPTY_FRONTIER,
    PROOF_LENGTH_MAX,
    Frontier,
    Place,
    node_of,
    places_completed,
    places_of_proof,
    proof_from,
    proof_of,
    root_of,
    verify_proof,
)
from interlock.encoding.values import ZERO_BYTES32, Bytes32, Uint64

SIZES = range(1, 71)
LEAVES = tuple(keccak256(b"leaf %d" % number) for number in range(300))
A, B, C, D, E = LEAVES[:5]
KNOWN_ROOTS = {
    1: "290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563",
    2: "891370df4fadf33f50e41f7c8a791e680c0655695ea3404385a909c8f5e13fb4",
    3: "038a2f0e22b3057e8442080dd34c298001ff0796b494235f125d681d5507068c",
    7: "9cf9fd2e79e69bc4346ff3cc1b14318328dd4302f1eca823f3694a7632134506",
}


def hash_pair(one: bytes, other: bytes) -> Bytes32:
    """Hash two siblings as OpenZeppelin's `Hashes.commutativeKeccak256` does."""
    return keccak256(b"".join(sorted((one, other))))


def process_proof(proof: Sequence[bytes], leaf: bytes) -> bytes:
    """Give the root as OpenZeppelin's `MerkleProof.processProof` does; `verify` compares it with the known one."""
    computed = leaf
    for element in proof:
        computed = hash_pair(computed, element)
    return computed


def changed(value: bytes) -> Bytes32:
    """Give the value with its last bit turned."""
    return Bytes32(value[:-1] + bytes((value[-1] ^ 1,)))


@pytest.fixture(scope="module")
def stored() -> dict[Place, Bytes32]:
    """Give every complete node of a log of all leaves, written as they were appended."""
    nodes: dict[Place, Bytes32] = {}
    log = EMPTY_FRONTIER
    for leaf in LEAVES:
        written = dict(log.completed_by(leaf))
        assert not written.keys() & nodes.keys(), "a complete node is written once"
        nodes |= written
        log = log.append(leaf)
    return nodes


def test_small_trees_are_laid_out_as_they_are_written_down() -> None:
    """Pairs from left to right; an odd last node goes up unchanged; one leaf is its own root."""
    assert root_of([A]) == A
    assert root_of([A, B]) == hash_pair(A, B)
    assert root_of([A, B, C]) == hash_pair(hash_pair(A, B), C)
    assert root_of([A, B, C, D, E]) == hash_pair(hash_pair(hash_pair(A, B), hash_pair(C, D)), E)


def test_a_known_tree_has_its_known_root() -> None:
    """The roots of 1, 2, 3 and 7 leaves, keccak256 of the numbers as 32-byte words, written down once and for all."""
    words = [keccak256(number.to_bytes(32, "big")) for number in range(7)]
    assert {size: root_of(words[:size]).hex() for size in (1, 2, 3, 7)} == KNOWN_ROOTS


def test_no_tree_is_empty() -> None:
    """A root of nothing is refused, and so is a proof in it."""
    with pytest.raises(ValueError, match="at least one leaf"):
        root_of([])
    with pytest.raises(IndexError, match="no leaf 0 among 0"):
        proof_of([], 0)


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_has_a_proof_that_contracts_accept(size: int) -> None:
    """OpenZeppelin's algorithm and our own come from each leaf to the root."""
    leaves = LEAVES[:size]
    root = root_of(leaves)
    for index, leaf in enumerate(leaves):
        proof = proof_of(leaves, index)
        assert process_proof(proof, leaf) == root
        assert verify_proof(leaf, proof, root)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 70])
def test_a_changed_leaf_sibling_or_root_proves_nothing(size: int) -> None:
    """One bit anywhere, one sibling more, less or in another place, and the proof fails."""
    leaves = LEAVES[:size]
    root = root_of(leaves)
    for index, leaf in enumerate(leaves):
        proof = proof_of(leaves, index)
        assert not verify_proof(changed(leaf), proof, root)
        assert not verify_proof(leaf, proof, changed(root))
        assert not verify_proof(leaf, (*proof, A), root)
        for at, sibling in enumerate(proof):
            assert not verify_proof(leaf, (*proof[:at], changed(sibling), *proof[at + 1 :]), root)
            assert not verify_proof(leaf, (*proof[:at], *proof[at + 1 :]), root)
        if len(proof) > 1:
            assert not verify_proof(leaf, proof[::-1], root)


def test_hostile_proofs_are_refused_and_raise_nothing() -> None:
    """What has not 32 bytes, and a proof that is longer than any tree is high."""
    root = root_of([A, B])
    for wrong in (b"", B[:-1], B + b"\x00"):
        assert not verify_proof(A, (Bytes32(wrong),), root)
        assert not verify_proof(Bytes32(wrong), (), Bytes32(wrong))
    high = [A] * PROOF_LENGTH_MAX
    assert verify_proof(B, high, Bytes32(process_proof(high, B)))
    high.append(A)
    assert not verify_proof(B, high, Bytes32(process_proof(high, B)))


@pytest.mark.parametrize("index", [-1, 3])
def test_a_leaf_that_is_not_there_has_no_proof(index: int) -> None:
    """Neither from the leaves nor from a store, and negative numbers do not count from the end."""
    with pytest.raises(IndexError, match=f"no leaf {index} among 3"):
        proof_of([A, B, C], index)
    with pytest.raises(IndexError, match=f"no leaf {index} among 3"):
        places_of_proof(index, 3)


def test_a_log_has_the_root_of_the_tree_at_every_size() -> None:
    """Appended one by one or all at once, from none to 300; the empty log has 32 zero bytes."""
    log = EMPTY_FRONTIER
    assert log.root == ZERO_BYTES32
    for size, leaf in enumerate(LEAVES, start=1):
        log = log.append(leaf)
        assert log.size == size
        assert log.is_sound
        assert log.root == root_of(LEAVES[:size])
        assert log == EMPTY_FRONTIER.extend(LEAVES[:size])
        assert log == EMPTY_FRONTIER.extend(LEAVES[: size // 3]).extend(LEAVES[size // 3 : size])


def test_a_log_is_a_value() -> None:
    """Appending leaves the old log as it was; extending by nothing gives an equal one."""
    log = EMPTY_FRONTIER.extend([A, B, C])
    before = log.root
    log.append(D)
    assert (log.size, log.root) == (3, before)
    assert log.extend([]) == log
    assert EMPTY_FRONTIER.size == 0


def test_a_log_goes_through_the_codec() -> None:
    """A snapshot carries it: size and peaks, and nothing else."""
    for size in (0, 1, 6, 255):
        log = EMPTY_FRONTIER.extend(LEAVES[:size])
        assert canonical.decode_canonical(Frontier, canonical.encode(log)) == log
    assert canonical.encode(EMPTY_FRONTIER) == b'{"peaks":[],"size":0}'


def test_a_log_from_outside_with_other_peaks_than_its_size_asks_for_is_unsound() -> None:
    """Too few, too many, and a peak that has not 32 bytes."""
    log = EMPTY_FRONTIER.extend([A, B, C])
    assert log.is_sound
    assert not dataclasses.replace(log, peaks=log.peaks[:1]).is_sound
    assert not dataclasses.replace(log, size=Uint64(4)).is_sound
    assert not dataclasses.replace(log, peaks=(A, Bytes32(B[1:]))).is_sound


def test_what_a_leaf_completes_is_named_and_hashed() -> None:
    """The leaf, then each subtree whose last leaf it is; the last of them is the log's new peak."""
    assert places_completed(0) == (Place(0, 0),)
    assert places_completed(5) == (Place(0, 5), Place(1, 2))
    assert places_completed(7) == (Place(0, 7), Place(1, 3), Place(2, 1), Place(3, 0))
    log = EMPTY_FRONTIER.extend([A, B, C])
    both = node_of(C, D)
    assert log.completed_by(D) == ((Place(0, 3), D), (Place(1, 1), both), (Place(2, 0), node_of(node_of(A, B), both)))


def test_a_store_holds_every_complete_node(stored: dict[Place, Bytes32]) -> None:
    """Each is the root of the leaves that it covers, and none that is complete is missing."""
    for place, node in stored.items():
        first = place.number << place.level
        assert node == root_of(LEAVES[first : first + (1 << place.level)])
    assert len(stored) == sum(len(LEAVES) >> level for level in range(len(LEAVES).bit_length()))


@pytest.mark.parametrize("size", [*SIZES, 255, 256, 257, 300])
def test_a_store_proves_every_leaf_under_every_old_root(size: int, stored: dict[Place, Bytes32]) -> None:
    """The proof is that of the whole list as it was, read from the places that are named and no others."""
    for index in range(size):
        named = [place for group in places_of_proof(index, size) for place in group]
        read = {place: stored[place] for place in named}
        assert proof_from(read.__getitem__, index, size) == proof_of(LEAVES[:size], index)
        assert all(place.number + 1 << place.level <= size for place in named), "nothing of a later log is read"
        assert len(named) == len(set(named)) <= 2 * size.bit_length()


def test_a_proof_in_a_log_of_any_length_is_short() -> None:
    """Of 2^64 - 1 leaves, no proof is longer than a verifier reads."""
    size = 2**64 - 1
    assert {len(places_of_proof(index, size)) for index in (0, 2**63 - 1)} == {PROOF_LENGTH_MAX}
    assert all(len(places_of_proof(index, size)) <= PROOF_LENGTH_MAX for index in (2**63, size - 2, size - 1))


def test_siblings_that_change_places_leave_the_root() -> None:
    """A root says what is in a tree and not where: whoever needs an order binds it in the leaves."""
    assert root_of([A, B, C]) == root_of([B, A, C])
    assert root_of([A, B, C]) != root_of([A, C, B])
