"""Scalar value types, each with the one form it has on the wire.

The codec (`canonical`) finds the form by the type, so a field says what it is once: in its annotation.
A `NewType` of a `NewType` has the form of the innermost.
"""

from typing import NewType

Bytes32 = NewType("Bytes32", bytes)
"""32 bytes; on the wire `0x` and 64 lower-case hexadecimal digits."""

Address = NewType("Address", bytes)
"""20 bytes, an Ethereum address; on the wire `0x` and 40 lower-case hexadecimal digits (no checksum capitals)."""

Signature = NewType("Signature", bytes)
"""65 bytes r ‖ s ‖ v, low s, v 27 or 28; on the wire `0x` and 130 lower-case hexadecimal digits."""

Blob = NewType("Blob", bytes)
"""Bytes of any length; on the wire `0x` and lower-case hexadecimal digits. Its bound is its user's."""

Uint256 = NewType("Uint256", int)
"""0 to 2^256 - 1; on the wire a decimal string, because JSON numbers lose digits beyond 2^53 in most readers."""

Uint64 = NewType("Uint64", int)
"""0 to 2^64 - 1; on the wire a JSON number (times and counts stay far below 2^53)."""

Uint32 = NewType("Uint32", int)
"""0 to 2^32 - 1; on the wire a JSON number."""

MinorUnits = NewType("MinorUnits", Uint256)
"""An amount in the smallest unit of its asset, never a fraction."""

UnixSeconds = NewType("UnixSeconds", Uint64)
"""A moment of log time in whole seconds since 1970-01-01T00:00:00Z."""

Height = NewType("Height", Uint64)
"""The number of a block of the ordered log; the first block has height 1."""

ZERO_ADDRESS = Address(bytes(20))
ZERO_BYTES32 = Bytes32(bytes(32))


def hex_of(value: bytes) -> str:
    """Give bytes as `0x` and lower-case hexadecimal digits."""
    return "0x" + value.hex()
