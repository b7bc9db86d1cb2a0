"""The hash of a block of the ordered log.

    keccak256( "interlock/block/1" ‖ uint64 height ‖ uint64 time ‖ previous (32) ‖ entries (32) )
    entries = keccak256( keccak256(entry 0) ‖ keccak256(entry 1) ‖ … )

Integers are big-endian. Every field has a fixed length and the domain tag stands first, so no two blocks, and no block
and anything else that is hashed, have the same preimage. `previous` of the first block (height 1) is the network id:
a chain of blocks belongs to one network from its root on.
"""

from collections.abc import Iterable

from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32

BLOCK_DOMAIN = b"interlock/block/1"
_HASH_BYTES = 32


def block_hash(height: int, time: int, previous: Bytes32, entries: Iterable[bytes]) -> Bytes32:
    """Hash one block.

    ValueError when `previous` has not 32 bytes; OverflowError when height or time is no uint64.
    """
    if len(previous) != _HASH_BYTES:
        raise ValueError(f"the previous hash of block {height} has {len(previous)} bytes, not {_HASH_BYTES}")
    entries_hash = keccak256(b"".join(keccak256(entry) for entry in entries))
    return keccak256(BLOCK_DOMAIN + height.to_bytes(8, "big") + time.to_bytes(8, "big") + previous + entries_hash)
