"""The bank's receipt key, and the signing of receipts with it.

Source: RFC 7515, RFC 8037 (the JWK), RFC 9864 (the algorithm).
"""

from dataclasses import dataclass
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import serialize_compact

from interlock.encoding.canonical import Malformed, encode, loads
from interlock.encoding.values import Bytes32
from interlock.evidence.bank_receipt import JWS_ALGORITHM, JWS_HEADER, BankReceipt

CURVE: Final = "Ed25519"


@dataclass(frozen=True, slots=True)
class PublicJwk:
    """The public half of the receipt key (RFC 8037)."""

    kty: str
    crv: str
    x: str
    """32 bytes in base64url."""


class ReceiptKey:
    """Sign receipts; the secret is never shown or logged."""

    def __init__(self, key: OKPKey) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"ReceiptKey({self.public_jwk.x})"

    @classmethod
    def generate(cls) -> "ReceiptKey":
        """Make a new key."""
        return cls(OKPKey.generate_key(CURVE))

    @classmethod
    def from_jwk(cls, data: bytes) -> "ReceiptKey":
        """Read a private JWK; ValueError, without quoting it, where it is none of this curve."""
        try:
            document = loads(data)
            key = OKPKey.import_key(document)
        except (Malformed, JoseError, ValueError, TypeError, KeyError):
            raise ValueError("the receipt key is not a JWK (RFC 8037)") from None
        if not key.is_private or key.curve_name != CURVE:
            raise ValueError(f"the receipt key must be a private JWK of the curve {CURVE}")
        return cls(key)

    @property
    def jwk(self) -> dict[str, str]:
        """Give the private JWK, to be kept in a file that only the bank can read."""
        return {name: str(value) for name, value in self._key.as_dict(private=True).items()}

    @property
    def public_jwk(self) -> PublicJwk:
        """Give the public JWK."""
        return PublicJwk(kty="OKP", crv=CURVE, x=str(self._key.as_dict(private=False)["x"]))

    @property
    def public_key(self) -> Bytes32:
        """Give the public key as the network's registry holds it."""
        return Bytes32(self._key.public_key.public_bytes_raw())

    def sign(self, receipt: BankReceipt) -> str:
        """Give the receipt as a compact JWS; Ed25519 is deterministic, so the same receipt has one JWS."""
        return serialize_compact(dict(JWS_HEADER), encode(receipt), self._key, algorithms=[JWS_ALGORITHM])
