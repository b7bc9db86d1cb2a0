"""What a bank signs: numbered, hash-chained receipts, one per event of its settlement book.

The bank writes them, nodes bring them as evidence, an auditor checks them with the bank's public key from the
network's registry. A receipt is a compact JWS (RFC 7515) with `alg` EdDSA (RFC 8037, Ed25519) and `typ`
`interlock-bank-receipt`, whose payload is the canonical bytes of a `BankReceipt`.
"""

import base64
import binascii
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from interlock.core.instruction import LegIndex, SettlementId
from interlock.encoding.canonical import Malformed, decode_canonical, loads
from interlock.encoding.values import Bytes32, MinorUnits, Uint64, UnixSeconds

JWS_HEADER = {"alg": "EdDSA", "typ": "interlock-bank-receipt"}


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
    terms: Bytes32
    """hashStruct(AccountTerms) of the leg as signed; zero where the bank was never given it (a tombstone)."""
    asset: str
    amount: MinorUnits
    payer: str
    payee: str
    reason: str
    """Empty, or why the bank refused."""


def read_receipt(jws: str) -> BankReceipt:
    """Read a receipt's payload **without** checking its signature; Malformed where it has no such form."""
    parts = jws.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - a compact JWS is header.payload.signature
        raise Malformed("a compact JWS has three parts")
    if loads(_unpadded(parts[0])) != JWS_HEADER:
        raise Malformed(f"the JWS header must be {JWS_HEADER}")
    return decode_canonical(BankReceipt, _unpadded(parts[1]))


def _unpadded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"not base64url: {error}") from None
