"""Sign EIP-1559 transactions with a node's gas key.

The gas key pays fees and nothing else: it decides nothing, and a stolen one loses its own balance only. It is never
shown: neither its text form nor any message contains it.

Source: EIP-1559, EIP-2718; Ethereum Yellow Paper, appendix B (RLP).
"""

import dataclasses
from dataclasses import dataclass
from typing import Protocol

from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Address, Bytes32, Signature, hex_of

_TYPE = b"\x02"
_V_OFFSET = 27
_SHORT_MAX = 55
_SINGLE_MAX = 0x80


@dataclass(frozen=True, slots=True)
class Transaction:
    """A call of a contract that moves no ether."""

    chain_id: int
    nonce: int
    priority_fee: int
    """Wei per gas for the block's maker, at most."""
    max_fee: int
    """Wei per gas in all, at most."""
    gas: int
    to: Address
    data: bytes

    def with_fees(self, priority_fee: int, max_fee: int) -> "Transaction":
        """Give the same transaction for another price."""
        return dataclasses.replace(self, priority_fee=priority_fee, max_fee=max_fee)


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """What is sent."""

    raw: bytes
    hash: Bytes32


class DigestSigner(Protocol):
    """Whatever holds the gas key; `keys` has such, but ledgers and keys do not know each other."""

    @property
    def address(self) -> Address:
        """The key's address."""
        ...

    def sign(self, digest: Bytes32) -> Signature:
        """Sign a 32-byte digest: r ‖ s ‖ v, low s, v 27 or 28."""
        ...


class GasKey:
    """A secp256k1 key that signs transactions."""

    def __init__(self, signer: DigestSigner) -> None:
        self._signer = signer
        self.address = signer.address

    def __repr__(self) -> str:
        return f"GasKey({hex_of(self.address)})"

    def sign(self, transaction: Transaction) -> SignedTransaction:
        """Sign a transaction."""
        fields: list[object] = [
            transaction.chain_id,
            transaction.nonce,
            transaction.priority_fee,
            transaction.max_fee,
            transaction.gas,
            transaction.to,
            0,
            transaction.data,
            [],
        ]
        signature = self._signer.sign(keccak256(_TYPE + rlp(fields)))
        r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:64]))
        raw = _TYPE + rlp([*fields, signature[64] - _V_OFFSET, r, s])
        return SignedTransaction(raw, keccak256(raw))


def rlp(item: object) -> bytes:
    """Give the recursive length prefix of a number, bytes, or a list of such."""
    if isinstance(item, list):
        payload = b"".join(rlp(each) for each in item)
        return _prefix(len(payload), 0xC0) + payload
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if not isinstance(item, bytes):
        raise TypeError(f"{type(item).__name__} has no RLP form")
    if len(item) == 1 and item[0] < _SINGLE_MAX:
        return item
    return _prefix(len(item), 0x80) + item


def _prefix(length: int, offset: int) -> bytes:
    if length <= _SHORT_MAX:
        return bytes((offset + length,))
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((offset + _SHORT_MAX + len(size),)) + size
