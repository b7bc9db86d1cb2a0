"""Hashes and signatures have their published values, and only one form of a signature is taken."""

import pytest

from interlock.encoding.keccak import keccak256
from interlock.encoding.secp256k1 import ORDER, address_of, recover, sign_digest
from interlock.encoding.values import Bytes32
from support.world import ALICE, BOB, word

KECCAK = {
    b"": "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
    b"\xcc": "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a",
    b"abc": "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
    b"The quick brown fox jumps over the lazy dog": "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15",
}
"""The Keccak team's short message vectors and two that everybody quotes."""


@pytest.mark.parametrize(("message", "wanted"), KECCAK.items())
def test_keccak_has_its_published_values(message: bytes, wanted: str) -> None:
    """The original padding is used, not that of SHA3-256."""
    assert keccak256(message).hex() == wanted


SIGNED = {
    "RFC 6979, key 1, Satoshi Nakamoto": (
        "0000000000000000000000000000000000000000000000000000000000000001",
        "a0dc65ffca799873cbea0ac274015b9526505daaaed385155425f7337704883e",
        (
            "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
            "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"
        ),
    ),
    "RFC 6979, key n - 1, Satoshi Nakamoto": (
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140",
        "a0dc65ffca799873cbea0ac274015b9526505daaaed385155425f7337704883e",
        (
            "fd567d121db66e382991534ada77a6bd3106f0a1098c231e47993447cd6af2d0"
            "6b39cd0eb1bc8603e159ef5c20a5c8ad685a45b06ce9bebed3f153d10d93bed5"
        ),
    ),
    "web3, Some data": (
        "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318",
        "1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655",
        (
            "b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
            "6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a029"
        ),
    ),
}


@pytest.mark.parametrize(("secret", "digest", "wanted"), SIGNED.values(), ids=SIGNED.keys())
def test_signatures_have_their_published_values(secret: str, digest: str, wanted: str) -> None:
    """Signing is deterministic, and what is signed recovers to the signer."""
    key, over = bytes.fromhex(secret), Bytes32(bytes.fromhex(digest))
    signature = sign_digest(key, over)
    assert signature[:64].hex() == wanted
    assert recover(over, signature) == address_of(key)


RECOVERED = {
    "go-ethereum, signature_test": (
        "ce0677bb30baa8cf067c88db9811f4333d131bf8bcf12fe7065d211dce971008",
        (
            "90f27b8b488db00b00606796d2987f6a5f59ae62ea05effe84fef5b8b0e54998"
            "4a691139ad57a3f0b906637673aa2f63d1f55cb1a69199d4009eea23ceaddc93"
            "1c"
        ),
        keccak256(
            bytes.fromhex(
                "e32df42865e97135acfb65f3bae71bdc86f4d49150ad6a440b6f15878109880a"
                "0a2b2667f7e725ceea70c673093bf67663e0312623c8e091b13cf2c0f11ef652"
            )
        )[12:].hex(),
    ),
    "precompile, ValidKey": (
        "38d18acb67d25c8bb9942764b62f18e17054f66a817bd4295423adf9ed98873e",
        (
            "38d18acb67d25c8bb9942764b62f18e17054f66a817bd4295423adf9ed98873e"
            "789d1dd423d25f0772d2748d60f7e4b81bb14d086eba8e8e8efb6dcff8a4ae02"
            "1b"
        ),
        "ceaccac640adf55b2028469bd36ba501f28b699d",
    ),
}


@pytest.mark.parametrize(("digest", "signature", "wanted"), RECOVERED.values(), ids=RECOVERED.keys())
def test_others_signatures_recover_to_their_published_signers(digest: str, signature: str, wanted: str) -> None:
    """What other implementations signed recovers here to the same address."""
    found = recover(Bytes32(bytes.fromhex(digest)), bytes.fromhex(signature))
    assert found is not None
    assert found.hex() == wanted


def test_the_high_twin_of_a_valid_signature_is_refused() -> None:
    """The precompile recovers this high-s signature; here only its low twin is one."""
    digest = Bytes32(bytes.fromhex("18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c"))
    r = bytes.fromhex("73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f")
    s = int.from_bytes(bytes.fromhex("eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549"), "big")
    assert recover(digest, r + s.to_bytes(32, "big") + b"\x1c") is None
    low = recover(digest, r + (ORDER - s).to_bytes(32, "big") + b"\x1b")
    assert low is not None
    assert low.hex() == "a94f5374fce5edbc8e2a8697c15331677e6ebf0b"


DIGEST = word(0x1234)
GOOD = ALICE.sign(DIGEST)
R, S, V = GOOD[:32], GOOD[32:64], GOOD[64:]
NO_POINT = word(5)
"""No point of the curve has this x: 5^3 + 7 is no square modulo p."""

REFUSED = {
    "empty": b"",
    "one byte short": GOOD[:64],
    "one byte long": GOOD + b"\0",
    "v 0": R + S + b"\x00",
    "v 1": R + S + b"\x01",
    "v 26": R + S + b"\x1a",
    "v 29": R + S + b"\x1d",
    "v 255": R + S + b"\xff",
    "r zero": bytes(32) + S + V,
    "s zero": R + bytes(32) + V,
    "r and s zero": bytes(64) + V,
    "r is the order": word(ORDER) + S + V,
    "r above the order": word(2**256 - 1) + S + V,
    "s is the order": R + word(ORDER) + V,
    "s one above the half": R + word(ORDER // 2 + 1) + V,
    "s negated": R + word(ORDER - int.from_bytes(S, "big")) + (b"\x1b" if V == b"\x1c" else b"\x1c"),
    "no point for r": NO_POINT + S + V,
    "all ones": b"\xff" * 65,
}


@pytest.mark.parametrize("signature", REFUSED.values(), ids=REFUSED.keys())
def test_an_unacceptable_signature_recovers_to_nobody(signature: bytes) -> None:
    """Hostile bytes are nobody's signature, and never an exception."""
    assert recover(DIGEST, signature) is None


def test_s_at_the_half_is_taken() -> None:
    """The greatest low s is n // 2 itself."""
    assert recover(DIGEST, R + word(ORDER // 2) + V) is not None


@pytest.mark.parametrize("digest", [b"", bytes(31), bytes(33)])
def test_a_digest_of_another_length_recovers_to_nobody(digest: bytes) -> None:
    """Only 32 bytes are a digest."""
    assert recover(Bytes32(digest), GOOD) is None


def test_a_signature_does_not_recover_to_its_signer_over_another_digest() -> None:
    """A signature is bound to what was signed, and to v."""
    assert recover(DIGEST, GOOD) == ALICE.address != BOB.address
    assert recover(word(0x1235), GOOD) != ALICE.address
    assert recover(DIGEST, R + S + (b"\x1b" if V == b"\x1c" else b"\x1c")) != ALICE.address


@pytest.mark.parametrize(
    "secret",
    [b"", b"\x01", bytes(32), word(ORDER), word(2**256 - 1), bytes(31), b"\x01" * 31, b"\0" + b"\x01" * 32],
    ids=["empty", "one byte", "zero", "order", "ones", "short zero", "short", "long"],
)
def test_an_invalid_secret_key_is_refused(secret: bytes) -> None:
    """A key has exactly 32 bytes and lies between 1 and n - 1; nothing is padded or cut."""
    with pytest.raises(ValueError, match="secret key"):
        address_of(secret)
    with pytest.raises(ValueError, match="secret key"):
        sign_digest(secret, DIGEST)


@pytest.mark.parametrize("digest", [b"", bytes(31), bytes(33)])
def test_only_a_digest_is_signed(digest: bytes) -> None:
    """Nothing but 32 bytes is signed."""
    with pytest.raises(ValueError, match="32 bytes"):
        sign_digest(ALICE.secret, Bytes32(digest))


def test_the_zero_address_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a signature ever recover to the zero address, it is nobody's."""
    monkeypatch.setattr("interlock.encoding.secp256k1._address", lambda _: bytes(20))
    assert recover(DIGEST, GOOD) is None
