"""Pure functions computed once, where a simulation would compute them once for every node.

All nodes of a network live in one process here, and each checks the same signatures in the same bytes. What a pure
function gave is remembered for the length of one run, by its arguments. Nothing is skipped: arguments that differ in
one bit are other arguments, and are computed. A run without this gives the same trace (a test holds it to that).

What is remembered:

    the public key behind (digest, signature)   the curve's arithmetic inside `encoding.secp256k1.recover`; all checks
                                                of form (length, v, low s, range) are made anew each time
    the entry in some bytes                     `entries.check.decode_entry`; entries are frozen
    the fault of an entry under a committee     `entries.check.entry_fault`

A `MemoSigner` also enters what it signs, because the key behind its own signature is its own; one in
`PROVE_EVERY` of these is recovered all the same and compared.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from coincurve import PrivateKey, PublicKey

from interlock.core.committee import Committee
from interlock.core.entry import Entry
from interlock.core.rejection import Rejection
from interlock.encoding import secp256k1
from interlock.encoding.secp256k1 import address_of
from interlock.encoding.values import Address, Bytes32, Signature
from interlock.entries import check

PROVE_EVERY = 32
"""One in so many of the signatures made here is recovered, to prove that what a signer enters is what is recovered."""
_RECOVERY_ID_BYTE = 64
_V_OFFSET = 27

_recover = PublicKey.from_signature_and_message
_decode_entry = check.decode_entry
_entry_fault = check.entry_fault


class SignerMistaken(AssertionError):
    """A signature does not recover to the key that made it."""


class Memo:
    """What was computed in one run."""

    def __init__(self) -> None:
        self.recovered = 0
        """Signatures whose key was really computed."""
        self._keys: dict[tuple[bytes, bytes], PublicKey | Exception] = {}
        self._signed = 0
        self._entries: dict[bytes, Entry | Rejection] = {}
        self._faults: dict[tuple[int, Bytes32, Committee], tuple[Entry, Rejection | None]] = {}

    # --- the seam of `secp256k1`: this object stands for the class there ---

    def from_signature_and_message(self, signature: bytes, message: bytes, hasher: None = None) -> PublicKey:
        """Give the public key behind a recoverable signature of a digest, as coincurve does."""
        known = self._keys.get((message, signature))
        if known is None:
            known = self._keys[message, signature] = self._recovered(signature, message, hasher)
        if isinstance(known, Exception):
            raise known.with_traceback(None)
        return known

    def enter(self, signature: bytes, digest: bytes, key: PublicKey) -> None:
        """Remember whose signature this is, as the signer knows; prove it now and then."""
        self._signed += 1
        if self._signed % PROVE_EVERY == 0:
            found = self._recovered(signature, digest, None)
            if isinstance(found, Exception) or found.format() != key.format():
                raise SignerMistaken(f"the signature of 0x{digest.hex()} recovers to {found!r}")
        self._keys[digest, signature] = key

    def _recovered(self, signature: bytes, message: bytes, hasher: None) -> PublicKey | Exception:
        self.recovered += 1
        try:
            return _recover(signature, message, hasher)
        except Exception as error:  # noqa: BLE001 - remembered, and raised to whoever asks
            return error

    # --- entries ---

    def decode_entry(self, data: bytes) -> Entry | Rejection:
        """Read the bytes of an entry; see `entries.check`."""
        known = self._entries.get(data)
        if known is None:
            known = self._entries[data] = _decode_entry(data)
        return known

    def entry_fault(self, entry: Entry, network_id: Bytes32, committee: Committee) -> Rejection | None:
        """Check an entry; see `entries.check`. It is known by its identity, so it is kept."""
        known = self._faults.get((id(entry), network_id, committee))
        if known is None:
            known = entry, _entry_fault(entry, network_id, committee)
            self._faults[id(entry), network_id, committee] = known
        return known[1]


class MemoSigner:
    """Sign with one key that is made ready once, and enter what was signed."""

    def __init__(self, secret: bytes, memo: Memo | None) -> None:
        self._key = PrivateKey(secret)
        self._memo = memo
        self._address = address_of(secret)

    @property
    def address(self) -> Address:
        """Give the key's address."""
        return self._address

    def sign(self, digest: Bytes32) -> Signature:
        """Sign a 32-byte digest; byte for byte what `encoding.secp256k1.sign_digest` gives."""
        raw = self._key.sign_recoverable(digest, hasher=None)
        if self._memo is not None:
            self._memo.enter(raw, digest, self._key.public_key)
        return Signature(raw[:_RECOVERY_ID_BYTE] + bytes((raw[_RECOVERY_ID_BYTE] + _V_OFFSET,)))


@contextmanager
def remembering(memo: Memo) -> Iterator[Memo]:
    """Let everything in this interpreter use a memo, until the end of the block."""
    seams: list[tuple[ModuleType, str, object]] = [(secp256k1, "PublicKey", PublicKey)]
    # Each module that imported a function has a name of its own for it.
    ours = [each for path, each in sorted(sys.modules.items()) if path.startswith("interlock.")]
    for function in (_decode_entry, _entry_fault):
        name = function.__name__
        seams += [(module, name, function) for module in ours if vars(module).get(name) is function]
    stand_ins = {"PublicKey": memo, "decode_entry": memo.decode_entry, "entry_fault": memo.entry_fault}
    for module, name, _ in seams:
        setattr(module, name, stand_ins[name])
    try:
        yield memo
    finally:
        for module, name, real in seams:
            setattr(module, name, real)
