"""What is remembered is what would be computed, for exactly the same arguments."""

from dataclasses import replace

import pytest

from interlock.core.committee import Epoch, first_committee
from interlock.core.rejection import Rejection
from interlock.encoding import secp256k1
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Signature, Uint64
from interlock.entries import check
from interlock.node import follower
from interlock.simulation import memo as memo_module
from interlock.simulation.memo import Memo, MemoSigner, SignerMistaken, remembering
from support.world import ALICE, BOB, COMMITTEE, GENESIS, NETWORK, instruct, instruction

DIGEST = keccak256(b"digest")
ENTRY = encode(instruct(instruction(), ALICE, BOB))


def test_a_memo_signer_signs_what_any_signer_signs() -> None:
    """Byte for byte the signature of `sign_digest`, under the same address."""
    signer = MemoSigner(ALICE.secret, Memo())
    assert signer.sign(DIGEST) == secp256k1.sign_digest(ALICE.secret, DIGEST)
    assert signer.address == ALICE.address


def test_a_signature_is_recovered_once() -> None:
    """The second look at the same digest and signature costs nothing, and gives the same."""
    with remembering(Memo()) as memo:
        signature = ALICE.sign(DIGEST)
        assert [secp256k1.recover(DIGEST, signature) for _ in range(3)] == [ALICE.address] * 3
        assert memo.recovered == 1


def test_what_a_signer_made_is_known() -> None:
    """A signer's own signature is not computed again, but for those that prove it."""
    with remembering(Memo()) as memo:
        signer = MemoSigner(ALICE.secret, memo)
        for number in range(memo_module.PROVE_EVERY):
            digest = keccak256(bytes((number,)))
            assert secp256k1.recover(digest, signer.sign(digest)) == ALICE.address
        assert memo.recovered == 1


def test_a_signer_that_lies_about_its_key_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a signer enters is proven now and then."""
    monkeypatch.setattr(memo_module, "PROVE_EVERY", 1)
    memo = Memo()
    signer = MemoSigner(ALICE.secret, memo)
    raw = signer._key.sign_recoverable(DIGEST, hasher=None)
    with pytest.raises(SignerMistaken):
        memo.enter(raw, DIGEST, MemoSigner(BOB.secret, None)._key.public_key)


@pytest.mark.parametrize("place", [0, 31, 32, 63, 64])
def test_one_bit_makes_another_signature(place: int) -> None:
    """A signature that differs in one bit is computed, and is somebody else's or nobody's."""
    with remembering(Memo()) as memo:
        signature = MemoSigner(ALICE.secret, memo).sign(DIGEST)
        changed = bytearray(signature)
        changed[place] ^= 1
        assert secp256k1.recover(DIGEST, bytes(changed)) != ALICE.address
        assert secp256k1.recover(keccak256(b"another"), signature) != ALICE.address


def test_form_is_checked_every_time() -> None:
    """A high s is refused, though its curve point is known."""
    with remembering(Memo()) as memo:
        signature = MemoSigner(ALICE.secret, memo).sign(DIGEST)
        high = secp256k1.ORDER - int.from_bytes(signature[32:64], "big")
        mirrored = Signature(signature[:32] + high.to_bytes(32, "big") + bytes((55 - signature[64],)))
        assert secp256k1.recover(DIGEST, mirrored) is None


def test_entries_are_read_and_checked_once() -> None:
    """Equal bytes are one entry, and its verdict stands for its committee alone."""
    with remembering(Memo()):
        entry = check.decode_entry(bytes(ENTRY))
        assert not isinstance(entry, Rejection)
        assert follower.decode_entry(bytes(bytearray(ENTRY))) is entry
        assert follower.entry_fault(entry, NETWORK, COMMITTEE) is None
        assert follower.entry_fault(entry, keccak256(b"another network"), COMMITTEE) is not None
        other = replace(first_committee(GENESIS), epoch=Epoch(Uint64(2)))
        assert follower.entry_fault(entry, NETWORK, other) is None


def test_a_spoilt_entry_is_another_entry() -> None:
    """Bytes that differ are read anew."""
    with remembering(Memo()):
        assert not isinstance(check.decode_entry(ENTRY), Rejection)
        assert isinstance(check.decode_entry(ENTRY[:-1]), Rejection)


def test_everything_is_as_before_afterwards() -> None:
    """The seams are closed again, also after an error."""
    before = (secp256k1.PublicKey, check.decode_entry, check.entry_fault, follower.decode_entry, follower.entry_fault)
    with pytest.raises(ZeroDivisionError), remembering(Memo()):
        raise ZeroDivisionError
    after = (secp256k1.PublicKey, check.decode_entry, check.entry_fault, follower.decode_entry, follower.entry_fault)
    assert before == after
