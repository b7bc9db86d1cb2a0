"""What a bank signs: numbered, hash-chained receipts, one per event of its settlement book.

The bank writes them, nodes bring them as evidence, an auditor checks them with the bank's public key from the
network's registry. A receipt is a compact JWS (RFC 7515) with `alg` Ed25519 (RFC 9864, which fixes the curve that
RFC 8037's `EdDSA` leaves open) and `typ` `interlock-bank-receipt`, whose payload is the canonical bytes of a
`BankReceipt`.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import deserialize_compact

from interlock.core.instruction import LegIndex, SettlementId
from interlock.encoding.canonical import Malformed, decode_canonical, loads
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import ZERO_BYTES32, Bytes32, MinorUnits, Uint64, UnixSeconds, hex_of

JWS_ALGORITHM = "Ed25519"
JWS_HEADER = {"alg": JWS_ALGORITHM, "typ": "interlock-bank-receipt"}
_SIGNATURE_BYTES = 64


class NotSigned(Malformed):
    """The receipt has its form, but no valid signature under the key that was given."""


class BankEvent(IntEnum):
    """What happened to a leg in the bank's book."""

    HELD = 1
    """The amount is set aside for the payee until a certificate ends it."""
    REFUSED = 2
    """The bank will never make this hold; `reason` says why."""
    CAPTURED = 3
    """COMMIT: the amount is the payee's."""
    RELEASED = 4
    """ABORT: the amount is the payer's again."""
    TOMBSTONED = 5
    """ABORT came before any hold; none can come."""
    EXECUTED = 6
    """The bank is the pivot, and booked all of its legs at once, under the certified order."""
    NEVER = 7
    """The bank is the pivot, and will never execute the certified order; `reason` says why."""


ORDER_EVENTS = frozenset({BankEvent.EXECUTED, BankEvent.NEVER})
"""What a pivot says of its order: of the settlement as a whole, whose id binds the terms of every leg."""


@dataclass(frozen=True, slots=True)
class BankReceipt:
    """One numbered receipt."""

    KIND: ClassVar[str] = "interlock/bank-receipt/1"

    network: Bytes32
    """The network whose certificates the bank obeys."""
    ledger: str
    """The bank's registered name."""
    number: Uint64
    """Counts from 1 without gaps."""
    previous: Bytes32
    """keccak256 of the JWS of the receipt before; zero for the first."""
    time: UnixSeconds
    """The bank's own clock."""
    event: BankEvent
    settlement: SettlementId
    leg: LegIndex
    """The leg, or `EVERY_LEG` where the event is of an order: then `terms` to `payee` are zero and empty."""
    terms: Bytes32
    """hashStruct(AccountTerms) of the leg as signed; zero where the bank was never given it (a tombstone)."""
    asset: str
    amount: MinorUnits
    payer: str
    payee: str
    reason: str
    """Empty, or why the bank refused, or will never execute."""


def receipt_hash(jws: str) -> Bytes32:
    """Give keccak256 of a JWS: its place in evidence, and what the next receipt names as `previous`."""
    return keccak256(jws.encode())


def read_receipt(jws: str) -> BankReceipt:
    """Read a receipt's payload **without** checking its signature; Malformed where it has no such form."""
    parts = jws.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - a compact JWS is header.payload.signature
        raise Malformed("a compact JWS has three parts")
    if loads(_unpadded(parts[0])) != JWS_HEADER:
        raise Malformed(f"the JWS header must be {JWS_HEADER}")
    if len(_unpadded(parts[2])) != _SIGNATURE_BYTES:
        raise Malformed(f"an Ed25519 signature has {_SIGNATURE_BYTES} bytes")
    return decode_canonical(BankReceipt, _unpadded(parts[1]))


def verify_jws(jws: str, public_key: Bytes32) -> BankReceipt:
    """Check a receipt under a bank's Ed25519 public key (32 bytes) and give its payload.

    Malformed where it has not the form of a receipt; NotSigned where the signature is not the key's.
    """
    receipt = read_receipt(jws)
    try:
        key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": _encoded(public_key)})
        deserialize_compact(jws, key, algorithms=[JWS_ALGORITHM])
    except (JoseError, ValueError):
        raise NotSigned(
            f"receipt {receipt.number} of {receipt.ledger!r} is not signed by {hex_of(public_key)}"
        ) from None
    return receipt


def verify_chain(receipts: Sequence[str], public_key: Bytes32, *, before: str | None = None) -> tuple[BankReceipt, ...]:
    """Check consecutive receipts: each signed, numbered one higher, naming its predecessor, with time never going back.

    `before` is the receipt ahead of the first one, or None where the first is number 1. Malformed with the number of
    the first receipt that does not follow.
    """
    last = None if before is None else verify_jws(before, public_key)
    previous = ZERO_BYTES32 if before is None else receipt_hash(before)
    found = []
    for jws in receipts:
        receipt = verify_jws(jws, public_key)
        number, time = (0, 0) if last is None else (last.number, last.time)
        if receipt.number != number + 1 or receipt.previous != previous or receipt.time < time:
            raise Malformed(
                f"receipt {receipt.number} (time {receipt.time}, previous {hex_of(receipt.previous)}) does not follow "
                f"receipt {number} (time {time}, hash {hex_of(previous)})"
            )
        found.append(receipt)
        last, previous = receipt, receipt_hash(jws)
    return tuple(found)


def _unpadded(text: str) -> bytes:
    """Decode base64url in its one form: no padding, no idle bits, so that no receipt has two spellings."""
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"not base64url: {error}") from None
    if _encoded(value) != text:
        raise Malformed("not base64url in its shortest form")
    return value


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
