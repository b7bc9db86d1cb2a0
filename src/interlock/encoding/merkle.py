"""The one Merkle tree of the project: batches of decisions, and the append-only log of decisions and orders.

    node = keccak256( min(a, b) ‖ max(a, b) )

Levels are paired from left to right and an odd last node goes up unchanged; a tree of one leaf has that leaf as its
root. Pairs are sorted, so OpenZeppelin's `MerkleProof.verify` accepts the proofs as they are: siblings from the leaf's
to the root's, with no left or right told. What that gives up: a root and a proof say that a leaf is *in* the tree,
never where, and siblings that change places leave the root the same. What binds an order must stand in the leaves.

A leaf is a hash, and its preimage must never have 64 bytes. A node's preimage has 64: were a leaf's as long, whoever
chooses leaves could let two nodes' hashes be one, and a proof that is shorter by a level would show a leaf that nobody
put there. (hashStruct of a decision has 128 bytes, of an order 160.) An odd node goes up and is not paired with itself,
so that no two lists of leaves of different lengths have one root (CVE-2012-2459).

**A log that grows.** A `Frontier` is all that appending needs. A node of the tree over 2^level leaves that are all
there never changes again; it stands at a `Place`. Whoever stores these nodes as they are completed
(`Frontier.completed_by`) proves any leaf under the root of any size that the log ever had, from about 2 log2(size) of
them (`places_of_proof`, `proof_from`), and reads no other leaf.

Source: specification 5; RFC 6962 section 2.1, whose tree has this shape; OpenZeppelin Contracts 5, `MerkleProof`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from interlock.encoding.keccak import keccak256
from interlock.encoding.values import ZERO_BYTES32, Bytes32, Uint64

PROOF_LENGTH_MAX = 64
"""Siblings in a proof: the height of a tree of 2^64 leaves, more than a uint64 counts. It bounds a verifier's work."""
_HASH_BYTES = 32


class Place(NamedTuple):
    """Where a complete node of a log stands; it covers 2^level leaves from number x 2^level on."""

    level: int
    """0 for leaves."""
    number: int
    """Among the nodes of its level, from the left, from 0."""


@dataclass(frozen=True, slots=True)
class Frontier:
    """An append-only log of leaves, kept as the roots of its complete subtrees alone: a value that never changes.

    Appending costs one hash on average and log2(size) in the worst case; the root costs a hash for each peak but one.
    One that came from outside is asked `is_sound` before anything else.
    """

    size: Uint64
    """Leaves appended."""
    peaks: tuple[Bytes32, ...]
    """One for each bit that is set in `size`, the greatest subtree, which is the oldest, first."""

    @property
    def is_sound(self) -> bool:
        """Say whether there are as many peaks as the size asks for, each of 32 bytes."""
        return len(self.peaks) == self.size.bit_count() and all(len(peak) == _HASH_BYTES for peak in self.peaks)

    @property
    def root(self) -> Bytes32:
        """Give what `root_of` gives for all leaves; 32 zero bytes for none."""
        return _folded(self.peaks) if self.peaks else ZERO_BYTES32

    def append(self, leaf: Bytes32) -> "Frontier":
        """Give the log with one leaf more."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[Bytes32]) -> "Frontier":
        """Give the log with all these leaves more, in their order."""
        size, peaks = int(self.size), list(self.peaks)
        for leaf in leaves:
            node, ones = leaf, size
            while ones & 1:
                node = node_of(peaks.pop(), node)
                ones >>= 1
            peaks.append(node)
            size += 1
        return Frontier(Uint64(size), tuple(peaks))

    def completed_by(self, leaf: Bytes32) -> tuple[tuple[Place, Bytes32], ...]:
        """Give what a store must write when this leaf is appended: each completed node at its place, the leaf first."""
        node, written = leaf, []
        peaks = iter(reversed(self.peaks))
        for place in places_completed(self.size):
            if place.level:
                node = node_of(next(peaks), node)
            written.append((place, node))
        return tuple(written)


EMPTY_FRONTIER = Frontier(Uint64(0), ())
"""The log before its first leaf."""


def node_of(one: Bytes32, other: Bytes32) -> Bytes32:
    """Hash two siblings, whichever stands left."""
    return keccak256(one + other if one < other else other + one)


def root_of(leaves: Sequence[Bytes32]) -> Bytes32:
    """Give the root of a tree; ValueError when there is no leaf."""
    if not leaves:
        raise ValueError("a tree without a leaf has no root: give at least one leaf")
    level = list(leaves)
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def proof_of(leaves: Sequence[Bytes32], index: int) -> tuple[Bytes32, ...]:
    """Give the siblings on the way from the leaf at `index` to the root; IndexError when there is no such leaf."""
    _check_index(index, len(leaves))
    level, proof = list(leaves), []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            proof.append(level[sibling])
        level = _level_above(level)
        index >>= 1
    return tuple(proof)


def verify_proof(leaf: Bytes32, proof: Sequence[Bytes32], root: Bytes32) -> bool:
    """Say whether the leaf is in the tree of that root. Never raises on hostile bytes.

    False for more than PROOF_LENGTH_MAX siblings, for anything that has not 32 bytes, and for another root.
    """
    if len(proof) > PROOF_LENGTH_MAX or any(len(each) != _HASH_BYTES for each in (leaf, *proof)):
        return False
    node = leaf
    for sibling in proof:
        node = node_of(node, sibling)
    return node == root


def places_completed(index: int) -> tuple[Place, ...]:
    """Give the places of the nodes that are complete once the leaf at `index` is there, the leaf's own first."""
    places = [Place(0, index)]
    while index & 1:
        index >>= 1
        places.append(Place(len(places), index))
    return tuple(places)


def places_of_proof(index: int, size: int) -> tuple[tuple[Place, ...], ...]:
    """Give the places from which the proof of a leaf is made, in a log of `size` leaves: a group for each sibling.

    A sibling is one complete node, save at most one: that which holds the log's last leaf, folded from its peaks.
    IndexError when there is no such leaf.
    """
    _check_index(index, size)
    groups = []
    for level in range((size - 1).bit_length()):
        sibling = index >> level ^ 1
        first, after = sibling << level, min(sibling + 1 << level, size)
        if first < size:
            groups.append(_peak_places(first, after))
    return tuple(groups)


def proof_from(node_at: Callable[[Place], Bytes32], index: int, size: int) -> tuple[Bytes32, ...]:
    """Give the proof of a leaf in a log of `size` leaves from a store of complete nodes; what `proof_of` would give.

    `node_at` is asked for `places_of_proof` alone: a store that reads many at once reads those first and hands over
    the mapping's `__getitem__`. IndexError when there is no such leaf; what `node_at` raises goes through.
    """
    return tuple(_folded([node_at(place) for place in group]) for group in places_of_proof(index, size))


def _peak_places(first: int, after: int) -> tuple[Place, ...]:
    """Give the complete nodes that cover the leaves from `first` to before `after`, the greatest first.

    `first` is a multiple of a power of two that is no less than the number of leaves, so each subtree is aligned.
    """
    places = []
    while first < after:
        level = (after - first).bit_length() - 1
        places.append(Place(level, first >> level))
        first += 1 << level
    return tuple(places)


def _folded(peaks: Sequence[Bytes32]) -> Bytes32:
    """Hash peaks from the right: the smaller ones went up unchanged until they met the next greater one."""
    *greater, node = peaks
    for peak in reversed(greater):
        node = node_of(peak, node)
    return node


def _level_above(level: list[Bytes32]) -> list[Bytes32]:
    paired = [node_of(one, other) for one, other in zip(level[::2], level[1::2], strict=False)]
    return paired + level[2 * len(paired) :]


def _check_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise IndexError(f"there is no leaf {index} among {size}")
