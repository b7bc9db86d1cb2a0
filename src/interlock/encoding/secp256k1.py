"""Recoverable ECDSA signatures over secp256k1, in the one form that every ledger accepts.

A signature is 65 bytes r ‖ s ‖ v with v 27 or 28. For every message and key exactly one of (s, n - s) is low;
only the low one is accepted (EIP-2), so a signature cannot be changed into another valid one by a stranger.
libsecp256k1 (through coincurve) does the arithmetic; there is no slower fallback.
"""

from coincurve import PrivateKey, PublicKey

from interlock.encoding.keccak import keccak256
from interlock.encoding.values import ZERO_ADDRESS, Address, Bytes32, Signature

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SIGNATURE_BYTES = 65
_DIGEST_BYTES = 32
_SECRET_BYTES = 32
_V_OFFSET = 27


def address_of(secret: bytes) -> Address:
    """Give the address of a 32-byte secret key; ValueError when it is not a valid key."""
    return _address(_private(secret).public_key)


def sign_digest(secret: bytes, digest: Bytes32) -> Signature:
    """Sign a 32-byte digest; deterministic (RFC 6979), low s. ValueError when key or digest is not valid."""
    raw = _private(secret).sign_recoverable(digest, hasher=None)
    return Signature(raw[:64] + bytes((raw[64] + _V_OFFSET,)))


def recover(digest: Bytes32, signature: bytes) -> Address | None:
    """Give the address that signed the digest, or None where the signature has no acceptable form.

    None for: a length other than 65, v other than 27 or 28, r or s zero or not below the group order, high s,
    no point for r, the zero address. Never raises on hostile bytes.
    """
    if len(signature) != SIGNATURE_BYTES or len(digest) != _DIGEST_BYTES:
        return None
    v = signature[64] - _V_OFFSET
    s = int.from_bytes(signature[32:64], "big")
    r = int.from_bytes(signature[:32], "big")
    if v not in {0, 1} or not 0 < s <= ORDER // 2 or not 0 < r < ORDER:
        return None
    try:
        public = PublicKey.from_signature_and_message(signature[:64] + bytes((v,)), digest, hasher=None)
    except Exception:  # noqa: BLE001 - coincurve raises bare Exception and ValueError alike for "no such point"
        return None
    address = _address(public)
    return None if address == ZERO_ADDRESS else address


def _private(secret: bytes) -> PrivateKey:
    """Give the key, checked here because coincurve pads a short one and cuts a long one. Nothing shows the secret."""
    if len(secret) != _SECRET_BYTES or not 0 < int.from_bytes(secret, "big") < ORDER:
        raise ValueError(f"{len(secret)} bytes are no secret key: {_SECRET_BYTES} are wanted, from 1 to the order - 1")
    return PrivateKey(secret)


def _address(public: PublicKey) -> Address:
    return Address(keccak256(public.format(compressed=False)[1:])[12:])
