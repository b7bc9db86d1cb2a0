"""Keccak-256, the hash of Ethereum and of everything this project signs."""

import sha3

from interlock.encoding.values import Bytes32


def keccak256(data: bytes) -> Bytes32:
    """Hash bytes with Keccak-256 (the original padding, not NIST's SHA3-256)."""
    return Bytes32(sha3.keccak_256(data).digest())
