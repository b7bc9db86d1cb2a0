"""The state tree hashes what is there, and nothing of how it came to be there."""

import copy
import random

import pytest

from interlock.encoding.keccak import keccak256
from interlock.encoding.state_tree import StateTree
from interlock.encoding.values import ZERO_BYTES32, Bytes32

KEYS = tuple(keccak256(b"key %d" % number) for number in range(2_000))
ONE, TWO, THREE = (keccak256(b"record %d" % number) for number in range(3))
KNOWN_ROOT = "3fb3c8abd0dc83187e54feac89042e0cc0229adbcc248d433fd3da9214c8850f"


def key(start: str, end: int = 0) -> Bytes32:
    """Give a key by its first digits and its last byte."""
    return Bytes32(bytes.fromhex(start.ljust(62, "0")) + bytes((end,)))


def tree_of(records: dict[Bytes32, Bytes32]) -> StateTree:
    """Give a new tree of these records."""
    tree = StateTree()
    for each, record in records.items():
        tree.put(each, record)
    return tree


def node(**children: bytes) -> Bytes32:
    """Hash a node by the digits of its children (`_a` is the child under a), all others absent."""
    return keccak256(b"".join(children.get(f"_{digit}", bytes(32)) for digit in "0123456789abcdef"))


def test_the_empty_tree_has_32_zero_bytes() -> None:
    """Before the first key, and again after the last."""
    tree = StateTree()
    assert (tree.root(), len(tree)) == (ZERO_BYTES32, 0)
    tree.put(KEYS[0], ONE)
    assert tree.root() != ZERO_BYTES32
    tree.drop(KEYS[0])
    assert (tree.root(), len(tree)) == (ZERO_BYTES32, 0)


def test_the_hashes_are_laid_out_as_they_are_written_down() -> None:
    """A bucket is its pairs sorted by key, whatever their order of coming; four nodes of sixteen lie above it."""
    first, second, other, far = key("12ab", 1), key("12ab", 2), key("12af"), key("f000")
    tree = tree_of({second: TWO, far: TWO, other: THREE, first: ONE})
    low = node(_b=keccak256(first + ONE + second + TWO), _f=keccak256(other + THREE))
    high = node(_0=node(_0=node(_0=keccak256(far + TWO))))
    assert tree.root() == node(_1=node(_2=node(_a=low)), _f=high)


def test_a_known_tree_has_its_known_root() -> None:
    """The root of 2,000 records, written down once and for all."""
    assert tree_of({each: keccak256(each) for each in KEYS}).root().hex() == KNOWN_ROOT


def test_every_change_changes_the_root() -> None:
    """Another record, another key, one more, one less, and two that change their records."""
    a, b = key("0001", 1), key("0001", 2)
    contents: list[dict[Bytes32, Bytes32]] = [
        {},
        {a: ONE},
        {a: TWO},
        {b: ONE},
        {a: ONE, b: TWO},
        {a: TWO, b: ONE},
        {a: ONE, key("0002", 2): TWO},
        {key("1000", 1): ONE},
    ]
    assert len({tree_of(each).root() for each in contents}) == len(contents)


def test_the_way_to_the_contents_leaves_no_trace() -> None:
    """Other orders, overwritten and dropped keys, roots asked for between or not: equal contents, one root."""
    wanted = {each: keccak256(each) for each in KEYS[:400]}
    root = tree_of(wanted).root()
    die = random.Random(7)
    for ask in (False, True):
        tree = StateTree()
        for each in die.sample(KEYS, len(KEYS)):
            tree.put(each, ONE)
            if ask:
                tree.root()
        for each in die.sample(KEYS, len(KEYS)):
            if each in wanted:
                tree.put(each, wanted[each])
            else:
                tree.drop(each)
        assert tree.root() == root
        assert len(tree) == len(wanted)


def test_a_root_is_that_of_the_moment() -> None:
    """What was changed since the last root is in the next, also where a change was taken back between."""
    tree = tree_of({KEYS[0]: ONE})
    before = tree.root()
    assert tree.root() == before
    tree.put(KEYS[0], TWO)
    assert tree.root() == tree_of({KEYS[0]: TWO}).root() != before
    tree.put(KEYS[0], THREE)
    tree.put(KEYS[0], ONE)
    tree.put(KEYS[1], ONE)
    tree.drop(KEYS[1])
    assert tree.root() == before


def test_the_same_record_again_is_no_change() -> None:
    """Nothing is counted twice."""
    tree = tree_of({KEYS[0]: ONE})
    before = tree.root()
    tree.put(KEYS[0], ONE)
    assert (tree.root(), len(tree)) == (before, 1)


def test_dropping_what_is_not_there_is_no_change() -> None:
    """Neither in a bucket of others nor where there is none."""
    tree = tree_of({key("0001", 1): ONE})
    before = tree.root()
    for absent in (key("0001", 0), key("0001", 2), key("7777")):
        tree.drop(absent)
    assert (tree.root(), len(tree)) == (before, 1)


def test_a_record_that_looks_like_a_key_is_none() -> None:
    """Nor are two neighbours in between: only what stands where keys stand is found."""
    a, b = key("0001", 1), key("0001", 2)
    tree = tree_of({a: b})
    tree.drop(b)
    assert len(tree) == 1
    tree.put(b, ONE)
    tree.put(b, TWO)
    assert tree.root() == tree_of({a: b, b: TWO}).root()
    tree.drop(b)
    assert tree.root() == tree_of({a: b}).root()
    across = Bytes32(a[16:] + bytes(14) + b"\x00\x01")
    straddled = Bytes32(bytes(16) + across[:16])
    tree = tree_of({straddled: Bytes32(across[16:] + bytes(16))})
    tree.drop(across)
    assert len(tree) == 1


def test_a_full_bucket_is_kept_sorted() -> None:
    """Keys that all begin alike, in any order of coming and going, hash as their sorted pairs."""
    keys = [key("abcd", end) for end in range(200)]
    tree = StateTree()
    for each in random.Random(3).sample(keys, len(keys)):
        tree.put(each, ONE)
    for each in keys[::3]:
        tree.drop(each)
    left = sorted(set(keys) - set(keys[::3]))
    pairs = b"".join(each + ONE for each in left)
    assert tree.root() == node(_a=node(_b=node(_c=node(_d=keccak256(pairs)))))
    assert len(tree) == len(left)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_what_has_not_32_bytes_is_refused(length: int) -> None:
    """Keys and records have one length, or a bucket would read in two ways; a refusal changes nothing."""
    wrong = Bytes32(bytes(length))
    tree = tree_of({KEYS[0]: ONE})
    before = tree.root()
    with pytest.raises(ValueError, match=f"{length} bytes of key"):
        tree.put(wrong, ONE)
    with pytest.raises(ValueError, match=f"{length} of record"):
        tree.put(KEYS[1], wrong)
    with pytest.raises(ValueError, match=f"{length} bytes of key"):
        tree.drop(wrong)
    assert (tree.root(), len(tree)) == (before, 1)


def test_an_emptied_tree_keeps_nothing() -> None:
    """Buckets and nodes go when their last key goes."""
    tree = tree_of(dict.fromkeys(KEYS, ONE))
    tree.root()
    for each in KEYS:
        tree.drop(each)
    tree.root()
    assert not tree._buckets
    assert not any(tree._levels)


def test_a_copy_goes_its_own_way() -> None:
    """A deep copy shares no bucket and no node."""
    tree = tree_of({KEYS[0]: ONE})
    before = tree.root()
    other = copy.deepcopy(tree)
    other.put(KEYS[0], TWO)
    assert other.root() != before
    assert tree.root() == before
