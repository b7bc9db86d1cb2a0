"""A block's hash binds its place, its time, its past and every byte of its entries."""

import pytest

from interlock.encoding.block import block_hash
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32
from support.world import word

ENTRIES = (b"first", b"second")


def test_the_hash_is_laid_out_as_it_is_written_down() -> None:
    """The preimage is tag, height, time, previous hash and the hash of the entries' hashes."""
    entries = keccak256(keccak256(b"first") + keccak256(b"second"))
    preimage = b"interlock/block/1" + bytes(7) + b"\x01" + bytes(7) + b"\x02" + word(3) + entries
    assert block_hash(1, 2, word(3), ENTRIES) == keccak256(preimage)


def test_everything_changes_the_hash() -> None:
    """Height, time, past, the entries, their order, their number and where one ends."""
    hashes = [
        block_hash(1, 2, word(3), ENTRIES),
        block_hash(2, 2, word(3), ENTRIES),
        block_hash(1, 3, word(3), ENTRIES),
        block_hash(2, 1, word(3), ENTRIES),
        block_hash(1, 2, word(4), ENTRIES),
        block_hash(1, 2, word(3), ()),
        block_hash(1, 2, word(3), (b"first",)),
        block_hash(1, 2, word(3), (b"second", b"first")),
        block_hash(1, 2, word(3), (b"firsts", b"econd")),
        block_hash(1, 2, word(3), (b"firstsecond",)),
        block_hash(1, 2, word(3), (*ENTRIES, b"")),
    ]
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_past_of_another_length_is_refused(length: int) -> None:
    """The previous hash has 32 bytes, or the layout would move."""
    with pytest.raises(ValueError, match=f"block 1 has {length} bytes"):
        block_hash(1, 2, Bytes32(bytes(length)), ())


@pytest.mark.parametrize(("height", "time"), [(-1, 0), (0, -1), (2**64, 0), (0, 2**64)])
def test_a_height_or_time_that_is_no_uint64_is_refused(height: int, time: int) -> None:
    """Heights and times have eight bytes each."""
    with pytest.raises(OverflowError):
        block_hash(height, time, word(3), ())


def test_the_largest_height_and_time_are_taken() -> None:
    """The last uint64 still has its place."""
    assert len(block_hash(2**64 - 1, 2**64 - 1, word(3), ())) == 32
