"""A bank's receipts: one spelling, one signer, one chain."""

import base64
import json
from dataclasses import fields, replace
from typing import Any

import pytest
from joserfc.jwk import OctKey
from joserfc.jws import serialize_compact

from interlock.bankd.receipts import ReceiptKey
from interlock.core.instruction import LegIndex, SettlementId
from interlock.encoding.canonical import Malformed, encode
from interlock.encoding.values import (
    ZERO_BYTES32,
    Bytes32,
    MinorUnits,
    Uint32,
    Uint64,
    Uint256,
    UnixSeconds,
)
from interlock.evidence.bank_receipt import (
    BankEvent,
    BankReceipt,
    NotSigned,
    read_receipt,
    receipt_hash,
    verify_chain,
    verify_jws,
)

KEY = ReceiptKey.generate()
RECEIPT = BankReceipt(
    network=Bytes32(b"\x01" * 32),
    ledger="bank:one",
    number=Uint64(1),
    previous=ZERO_BYTES32,
    time=UnixSeconds(Uint64(1_000)),
    event=BankEvent.HELD,
    settlement=SettlementId(Bytes32(b"\x02" * 32)),
    leg=LegIndex(Uint32(1)),
    terms=Bytes32(b"\x03" * 32),
    asset="USD/2",
    amount=MinorUnits(Uint256(5_00)),
    payer="alice",
    payee="bob",
    reason="",
)
JWS = KEY.sign(RECEIPT)
OTHER_VALUES: dict[str, Any] = {
    "network": ZERO_BYTES32,
    "ledger": "bank:two",
    "number": 2,
    "previous": b"\x09" * 32,
    "time": 1_001,
    "event": BankEvent.CAPTURED,
    "settlement": ZERO_BYTES32,
    "leg": 2,
    "terms": ZERO_BYTES32,
    "asset": "EUR/2",
    "amount": 5_01,
    "payer": "bob",
    "payee": "alice",
    "reason": "no",
}


def coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def chain(*changes: dict[str, Any]) -> list[str]:
    """Sign a lawful chain of receipts, but for the changes of each."""
    found: list[str] = []
    for number, change in enumerate(changes, start=1):
        previous = receipt_hash(found[-1]) if found else ZERO_BYTES32
        fields_of: dict[str, Any] = {"number": number, "previous": previous} | change
        found.append(KEY.sign(replace(RECEIPT, **fields_of)))
    return found


def test_a_receipt_verifies_under_its_key_and_gives_its_payload() -> None:
    """What was signed is what is read."""
    assert verify_jws(JWS, KEY.public_key) == RECEIPT


def test_another_key_is_refused() -> None:
    """A receipt under any other key is NotSigned, with its number and ledger in the sentence."""
    with pytest.raises(NotSigned, match="receipt 1 of 'bank:one'"):
        verify_jws(JWS, ReceiptKey.generate().public_key)
    with pytest.raises(NotSigned):
        verify_jws(JWS, Bytes32(b"\xff" * 32))


@pytest.mark.parametrize("field", [field.name for field in fields(BankReceipt)])
def test_any_changed_field_fails(field: str) -> None:
    """With one field changed and the old signature, the receipt is NotSigned."""
    header, _, signature = JWS.split(".")
    changed = encode(replace(RECEIPT, **{field: OTHER_VALUES[field]}))
    with pytest.raises(NotSigned):
        verify_jws(f"{header}.{coded(changed)}.{signature}", KEY.public_key)


def test_every_changed_character_fails() -> None:
    """There is no character of a JWS whose change leaves it valid: each receipt has one spelling."""
    for index, character in enumerate(JWS):
        for other in {"A", "B", "=", "+", "."} - {character}:
            with pytest.raises(Malformed):
                verify_jws(JWS[:index] + other + JWS[index + 1 :], KEY.public_key)


def test_idle_bits_and_padding_are_refused() -> None:
    """A signature of the same bytes in another base64url spelling is another string, and refused."""
    signature = JWS.rsplit(".", 1)[1]
    twin = signature[:-1] + chr(ord(signature[-1]) + 1)
    padded = base64.urlsafe_b64decode(signature + "==")
    assert base64.urlsafe_b64decode(twin + "==") == padded
    for spelling in (twin, signature + "=="):
        with pytest.raises(Malformed, match="base64url"):
            verify_jws(JWS.rsplit(".", 1)[0] + "." + spelling, KEY.public_key)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "interlock-bank-receipt"},
        {"alg": "HS256", "typ": "interlock-bank-receipt"},
        {"alg": "EdDSA", "typ": "interlock-bank-receipt"},
        {"alg": "Ed25519", "typ": "JWT"},
        {"alg": "Ed25519"},
        {"alg": "Ed25519", "typ": "interlock-bank-receipt", "kid": "1"},
        {"alg": "Ed25519", "typ": "interlock-bank-receipt", "b64": False, "crit": ["b64"]},
    ],
)
def test_no_other_header_is_accepted(header: dict[str, Any]) -> None:
    """Neither the algorithm nor anything else about the check is the sender's choice."""
    _, payload, signature = JWS.split(".")
    with pytest.raises(Malformed, match="JWS header"):
        verify_jws(f"{coded(json.dumps(header).encode())}.{payload}.{signature}", KEY.public_key)


def test_the_public_key_used_as_a_shared_secret_is_refused() -> None:
    """The classical confusion of algorithms gives nothing."""
    forged = serialize_compact(
        {"alg": "HS256", "typ": "interlock-bank-receipt"}, encode(RECEIPT), OctKey.import_key(KEY.public_key)
    )
    with pytest.raises(Malformed, match="JWS header"):
        verify_jws(forged, KEY.public_key)


@pytest.mark.parametrize("text", ["", ".", "..", "a.b", "a.b.c.d", "é.é.é", "\ud800..", JWS + "\n", " " + JWS])
def test_what_is_no_jws_is_malformed(text: str) -> None:
    """Hostile text never raises anything but Malformed."""
    with pytest.raises(Malformed):
        read_receipt(text)


def test_a_payload_that_is_not_canonical_is_malformed() -> None:
    """A signed payload in another spelling of the same JSON is refused: its hash would differ."""
    header, _, signature = JWS.split(".")
    spaced = json.dumps(json.loads(encode(RECEIPT)), indent=1).encode()
    with pytest.raises(Malformed, match="canonical"):
        verify_jws(f"{header}.{coded(spaced)}.{signature}", KEY.public_key)


def test_a_lawful_chain_verifies_from_its_start_and_from_its_middle() -> None:
    """Receipts in sequence verify; a later stretch verifies with the receipt before it."""
    signed = chain({}, {"time": 1_000}, {"time": 1_002})
    assert [receipt.number for receipt in verify_chain(signed, KEY.public_key)] == [1, 2, 3]
    assert [receipt.number for receipt in verify_chain(signed[1:], KEY.public_key, before=signed[0])] == [2, 3]
    assert verify_chain([], KEY.public_key) == ()


@pytest.mark.parametrize(
    "broken",
    [
        chain({}, {"number": 3}),
        chain({}, {"number": 1}),
        chain({}, {"previous": ZERO_BYTES32}),
        chain({}, {"time": 999}),
        chain({"number": 2}),
        chain({"previous": b"\x01" * 32}),
        chain({}, {}, {})[1:],
        [chain({}, {}, {})[0], chain({}, {}, {})[2]],
    ],
    ids=["gap", "double", "unlinked", "time went back", "starts at 2", "starts linked", "first missing", "one missing"],
)
def test_a_broken_chain_names_what_does_not_follow(broken: list[str]) -> None:
    """A gap, a doubled number, a missing link or time going back is Malformed, though every signature is good."""
    with pytest.raises(Malformed, match="does not follow"):
        verify_chain(broken, KEY.public_key)


@pytest.mark.parametrize(
    "jwk",
    [
        b"",
        b"{}",
        b"[]",
        b'"x"',
        b"not json",
        json.dumps({"kty": "OKP", "crv": "Ed25519", "x": "AA"}).encode(),
        json.dumps({"kty": "oct", "k": "AAAA"}).encode(),
        json.dumps({"kty": "OKP", "crv": "X25519", "x": coded(bytes(32)), "d": coded(bytes(32))}).encode(),
        json.dumps({"kty": "OKP", "crv": "Ed25519", "x": coded(bytes(32))}).encode(),
    ],
)
def test_a_bad_receipt_key_is_a_value_error_that_does_not_quote_it(jwk: bytes) -> None:
    """A key file that is no private Ed25519 JWK is refused in a sentence without its content."""
    with pytest.raises(ValueError, match="receipt key"):
        ReceiptKey.from_jwk(jwk)


def test_the_key_survives_its_jwk_and_is_never_shown() -> None:
    """The JWK gives the same key back; its repr holds only the public half."""
    again = ReceiptKey.from_jwk(json.dumps(KEY.jwk).encode())
    assert again.public_key == KEY.public_key
    assert again.sign(RECEIPT) == JWS
    assert KEY.jwk["d"] not in repr(KEY)
