"""The trees against naive ones that were written from their definitions alone."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from interlock.encoding import canonical
from interlock.encoding.keccak import keccak256
from interlock.encoding.merkle import (
    EMPTY_FRONTIER,
    Frontier,
    Place,
    proof_from,
    proof_of,
    root_of,
    verify_proof,
)
from interlock.encoding.state_tree import StateTree
from interlock.encoding.values import Bytes32

WORDS = st.binary(min_size=32, max_size=32).map(Bytes32)
LEAVES = st.lists(WORDS, min_size=1, max_size=40)
# Few buckets and few keys in each, so that keys meet.
KEYS = st.builds(
    lambda start, end: Bytes32(start + bytes(29) + bytes((end,))),
    st.sampled_from([b"\x00\x00", b"\x00\x01", b"\x00\x10", b"\x12\x34", b"\xff\xff"]),
    st.integers(0, 7),
)
RECORDS = st.one_of(st.integers(0, 3).map(lambda number: Bytes32(bytes(31) + bytes((number,)))), KEYS)


def naive_root(leaves: list[Bytes32]) -> bytes:
    """Split before the last leaf at the greatest power of two, as RFC 6962 defines its tree; sort each pair."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return keccak256(b"".join(sorted((naive_root(leaves[:half]), naive_root(leaves[half:])))))


def naive_state_root(records: dict[Bytes32, Bytes32], path: str = "") -> bytes:
    """Hash all records whose key begins with the digits of the path."""
    below = {key: record for key, record in records.items() if key.hex().startswith(path)}
    if not below:
        return bytes(32)
    if len(path) == 4:
        return keccak256(b"".join(key + below[key] for key in sorted(below)))
    return keccak256(b"".join(naive_state_root(below, path + digit) for digit in "0123456789abcdef"))


@given(LEAVES)
def test_the_root_is_the_naive_one_and_every_proof_verifies(leaves: list[Bytes32]) -> None:
    """Whatever the leaves are, equal ones among them too."""
    root = root_of(leaves)
    assert root == naive_root(leaves)
    for index, leaf in enumerate(leaves):
        assert verify_proof(leaf, proof_of(leaves, index), root)


@given(LEAVES, st.data())
def test_a_proof_with_a_bit_turned_fails(leaves: list[Bytes32], data: st.DataObject) -> None:
    """In the leaf, in any sibling or in the root."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    parts = [leaves[index], *proof_of(leaves, index), root_of(leaves)]
    at = data.draw(st.integers(0, len(parts) - 1))
    bit = data.draw(st.integers(0, 255))
    parts[at] = Bytes32((int.from_bytes(parts[at], "big") ^ 1 << bit).to_bytes(32, "big"))
    assert not verify_proof(parts[0], parts[1:-1], parts[-1])


@given(LEAVES, WORDS)
def test_a_leaf_that_is_not_there_has_no_proof_among_the_proofs(leaves: list[Bytes32], stranger: Bytes32) -> None:
    """No proof of another leaf serves a stranger."""
    root = root_of(leaves)
    for index in range(len(leaves)):
        assert stranger in leaves or not verify_proof(stranger, proof_of(leaves, index), root)


@given(WORDS, st.lists(st.binary(max_size=33).map(Bytes32), max_size=70), WORDS)
def test_a_proof_at_random_is_refused_without_an_error(leaf: Bytes32, proof: list[Bytes32], root: Bytes32) -> None:
    """Whatever lengths its parts have."""
    assert verify_proof(leaf, proof, root) is (not proof and leaf == root)


@given(st.lists(st.lists(WORDS, max_size=9), max_size=6))
def test_a_log_grows_alike_in_any_portions(portions: list[list[Bytes32]]) -> None:
    """In portions, one by one, and through the codec between: one value, with the tree's root."""
    leaves = [leaf for portion in portions for leaf in portion]
    log = EMPTY_FRONTIER
    for portion in portions:
        log = canonical.decode_canonical(Frontier, canonical.encode(log.extend(portion)))
        assert log.is_sound
    one_by_one = EMPTY_FRONTIER
    for leaf in leaves:
        one_by_one = one_by_one.append(leaf)
    assert log == one_by_one
    assert log.root == (naive_root(leaves) if leaves else bytes(32))


@given(LEAVES, st.data())
def test_a_store_proves_old_leaves_under_old_and_new_roots(leaves: list[Bytes32], data: st.DataObject) -> None:
    """From the nodes written while appending, under the root of any size since."""
    nodes: dict[Place, Bytes32] = {}
    log = EMPTY_FRONTIER
    for leaf in leaves:
        nodes |= log.completed_by(leaf)
        log = log.append(leaf)
    size = data.draw(st.integers(1, len(leaves)))
    index = data.draw(st.integers(0, size - 1))
    assert verify_proof(leaves[index], proof_from(nodes.__getitem__, index, size), root_of(leaves[:size]))


class StateTreeAgainstDict(RuleBasedStateMachine):
    """A state tree and a dict go the same way; whenever the root is asked for, it is the naive one of the dict."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = StateTree()
        self.records: dict[Bytes32, Bytes32] = {}

    @rule(key=KEYS, record=RECORDS)
    def put(self, key: Bytes32, record: Bytes32) -> None:
        self.tree.put(key, record)
        self.records[key] = record

    @rule(key=KEYS)
    def drop(self, key: Bytes32) -> None:
        self.tree.drop(key)
        self.records.pop(key, None)

    @rule()
    def ask(self) -> None:
        assert self.tree.root() == naive_state_root(self.records)

    @invariant()
    def as_many(self) -> None:
        assert len(self.tree) == len(self.records)

    def teardown(self) -> None:
        self.ask()


TestStateTreeAgainstDict = StateTreeAgainstDict.TestCase


@given(st.dictionaries(WORDS, WORDS, max_size=30), st.dictionaries(WORDS, WORDS, max_size=30))
def test_what_came_and_went_leaves_no_trace(kept: dict[Bytes32, Bytes32], gone: dict[Bytes32, Bytes32]) -> None:
    """A tree through which others passed has the root of one that was built from what is left."""
    tree = StateTree()
    for key, record in (gone | kept).items():
        tree.put(key, record)
    tree.root()
    for key in gone.keys() - kept.keys():
        tree.drop(key)
    assert tree.root() == naive_state_root(kept)
