"""The hash of a set of records that costs what has changed, not what there is.

A tree of a fixed shape: four levels of sixteen children under one root, one level for each of the first four
hexadecimal digits of a key, and below them 65,536 buckets.

    bucket = keccak256( key ‖ record ‖ key ‖ record ‖ … ), sorted by key; 32 zero bytes when empty
    node   = keccak256( its 16 children );                 32 zero bytes when all are empty

The root of the empty tree is 32 zero bytes. A place's depth says what its hash is of, and nothing has a second form, so
the root depends on the contents alone and two contents have two roots (unless Keccak-256 is broken).

A change marks its bucket; `root` hashes the marked buckets and the nodes above them, each once, however many changes
met there. A lone change between two roots costs a bucket and four nodes; of 256 changes, each costs a bucket and fewer
than two nodes. A bucket holds size / 65,536 records: the cost is flat up to some hundreds of thousands of keys and
grows slowly beyond. Keys must be hashes: whoever grinds keys into one bucket pays 65,536 hashes for each, and makes
each change there dearer by 64 bytes to hash.
"""

from sha3 import keccak_256  # not encoding.keccak: its own two calls would be a twelfth of the time

from interlock.encoding.values import ZERO_BYTES32, Bytes32

_HASH_BYTES = 32
_PAIR_BYTES = 2 * _HASH_BYTES
"""A key and its record, side by side."""
_DIGIT_BITS = 4
"""Of a key for each level. Sixteen children fill four blocks of Keccak; with four there are twice as many levels to
hash, with 256 sixty-one blocks for one changed child."""
_CHILDREN = 1 << _DIGIT_BITS
_DEPTH = 4
"""Levels of nodes above the buckets: 65,536 buckets, so that 100,000 keys share a bucket by one or two."""
_NODE_BYTES = _CHILDREN * _HASH_BYTES
_EMPTY_NODE = bytes(_NODE_BYTES)


class StateTree:
    """A map from 32-byte keys, which are hashes, to 32-byte record hashes, with a root.

    It keeps the pairs of each bucket as the very bytes that are hashed, and of each node the hashes of its children:
    no object for a key. Buckets and nodes exist where there are keys.
    """

    __slots__ = ("_buckets", "_changed", "_levels", "_root", "_size")

    def __init__(self) -> None:
        self._buckets: dict[int, bytes] = {}
        """By the first four digits of their keys; none is empty."""
        self._levels: tuple[dict[int, bytearray], ...] = tuple({} for _ in range(_DEPTH))
        """The nodes by their path, the lowest level first."""
        self._changed: set[int] = set()
        """Buckets whose hash in their node is not that of their bytes."""
        self._root = ZERO_BYTES32
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, key: Bytes32, record: Bytes32) -> None:
        """Set the record hash of a key, new or not; ValueError when either has not 32 bytes."""
        if len(key) != _HASH_BYTES or len(record) != _HASH_BYTES:
            raise ValueError(f"{len(key)} bytes of key and {len(record)} of record: {_HASH_BYTES} each are wanted")
        number = key[0] << 8 | key[1]
        pairs = self._buckets.get(number, b"")
        at = pairs.find(key)
        is_there = at % _PAIR_BYTES == 0
        if not is_there:
            # New (-1), or what was found is a record, or parts of two neighbours, that look like the key.
            at, is_there = _search(pairs, key)
        changed = pairs[:at] + key + record + pairs[at + _PAIR_BYTES * is_there :]
        if changed != pairs:
            self._buckets[number] = changed
            self._changed.add(number)
            self._size += not is_there

    def drop(self, key: Bytes32) -> None:
        """Forget a key; one that is not there stays absent. ValueError when it has not 32 bytes."""
        if len(key) != _HASH_BYTES:
            raise ValueError(f"{len(key)} bytes of key: {_HASH_BYTES} are wanted")
        number = key[0] << 8 | key[1]
        pairs = self._buckets.get(number, b"")
        at, is_there = _search(pairs, key)
        if not is_there:
            return
        if len(pairs) == _PAIR_BYTES:
            del self._buckets[number]
        else:
            self._buckets[number] = pairs[:at] + pairs[at + _PAIR_BYTES :]
        self._changed.add(number)
        self._size -= 1

    def root(self) -> Bytes32:
        """Give the hash of all that is there, having hashed what changed since the last time."""
        if self._changed:
            hashes = self._changed_buckets()
            for nodes in self._levels:
                hashes = _rehash(nodes, hashes)
            self._root = Bytes32(hashes[0])
        return self._root

    def _changed_buckets(self) -> dict[int, bytes]:
        """Give the hashes of the marked buckets, and take the marks away."""
        buckets = self._buckets
        hashes = {
            number: keccak_256(buckets[number]).digest() if number in buckets else ZERO_BYTES32
            for number in self._changed
        }
        self._changed.clear()
        return hashes


def _search(pairs: bytes, key: bytes) -> tuple[int, bool]:
    """Give where the key stands among sorted pairs, or where it would, and whether it is there."""
    low, high = 0, len(pairs) // _PAIR_BYTES
    while low < high:
        middle = (low + high) // 2
        at = middle * _PAIR_BYTES
        found = pairs[at : at + _HASH_BYTES]
        if found == key:
            return at, True
        if found < key:
            low = middle + 1
        else:
            high = middle
    return low * _PAIR_BYTES, False


def _rehash(nodes: dict[int, bytearray], children: dict[int, bytes]) -> dict[int, bytes]:
    """Write changed hashes, by their paths, into the nodes of the level above; give the hashes of those nodes."""
    touched = set()
    for path, child in children.items():
        above = path >> _DIGIT_BITS
        touched.add(above)
        at = (path & _CHILDREN - 1) * _HASH_BYTES
        node = nodes.get(above)
        if node is None:
            node = nodes[above] = bytearray(_NODE_BYTES)
        node[at : at + _HASH_BYTES] = child
    hashes: dict[int, bytes] = {}
    for above in touched:
        node = nodes[above]
        if node == _EMPTY_NODE:
            del nodes[above]
            hashes[above] = ZERO_BYTES32
        else:
            hashes[above] = keccak_256(node).digest()
    return hashes
