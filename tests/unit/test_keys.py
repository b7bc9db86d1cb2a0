"""A key file is private, is made once, and is never shown."""

import copy
import pickle
from pathlib import Path

import pytest

from interlock.encoding.keccak import keccak256
from interlock.encoding.secp256k1 import ORDER, recover
from interlock.encoding.values import Bytes32
from interlock.keys.signer import (
    FileSigner,
    KeyFileExists,
    KeyFileExposed,
    KeyFileMalformed,
    KeyFileMissing,
    KeyFileUnreadable,
    Signer,
)

ONE = bytes(31) + b"\x01"
ADDRESS_OF_ONE = "7e5f4552091a69125d5dfcb7b8c2659029395bdf"


def key_file(folder: Path, text: bytes, mode: int = 0o600) -> Path:
    path = folder / "decision.key"
    path.write_bytes(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o700, 0o644])
def test_a_looser_mode_than_0600_is_refused(tmp_path: Path, mode: int) -> None:
    """A file that others may touch, or that may be run, is refused with both modes in the sentence."""
    path = key_file(tmp_path, ONE.hex().encode(), mode)
    with pytest.raises(KeyFileExposed, match=f"{mode:04o}, looser than 0600"):
        FileSigner.load(path)


def test_a_stricter_mode_is_accepted(tmp_path: Path) -> None:
    """Read-only for its owner is fine."""
    assert FileSigner.load(key_file(tmp_path, ONE.hex().encode(), 0o400)).address.hex() == ADDRESS_OF_ONE


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"0x",
        b"01",
        ONE.hex().encode() + b"00",
        b"zz" * 32,
        b"\xff" * 64,
        b"00" * 32,
        f"{ORDER:064x}".encode(),
        b"01 " * 32,
        b"1" * 4_000,
    ],
)
def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path, text: bytes) -> None:
    """Nothing of the file's content is in the error, nor in what caused it."""
    with pytest.raises(KeyFileMalformed) as caught:
        FileSigner.load(key_file(tmp_path, text))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    content = text.decode("latin-1").strip()
    assert len(content) < 8 or content not in str(caught.value)


def test_a_missing_file_is_its_own_error(tmp_path: Path) -> None:
    """A wrong path is told from a broken key."""
    with pytest.raises(KeyFileMissing, match="there is no key"):
        FileSigner.load(tmp_path / "nothing.key")


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    """Only a regular file holds a key."""
    with pytest.raises(KeyFileMalformed, match="folder"):
        FileSigner.load(tmp_path)


def test_a_key_that_cannot_be_read_is_its_own_error(tmp_path: Path) -> None:
    """What the system refuses is told as it says it, and as an error of a key's file."""
    path = tmp_path / "loop.key"
    path.symlink_to(path)
    with pytest.raises(KeyFileUnreadable, match="symbolic links"):
        FileSigner.load(path)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """Generating over an existing file fails and leaves the old key."""
    path = tmp_path / "decision.key"
    first = FileSigner.generate(path)
    with pytest.raises(KeyFileExists):
        FileSigner.generate(path)
    assert FileSigner.load(path).address == first.address


def test_a_generated_key_is_private_and_comes_back(tmp_path: Path) -> None:
    """Its file has mode 0600 and holds the same key again; two keys differ."""
    path = tmp_path / "decision.key"
    made = FileSigner.generate(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert FileSigner.load(path).address == made.address
    assert FileSigner.generate(tmp_path / "other.key").address != made.address


def test_a_signature_recovers_to_the_address(tmp_path: Path) -> None:
    """What is signed is found again by everybody's own check, and the same digest gives the same bytes."""
    signer: Signer = FileSigner.load(key_file(tmp_path, b"0x" + ONE.hex().encode() + b"\n"))
    digest = keccak256(b"decision")
    signature = signer.sign(digest)
    assert recover(digest, signature) == signer.address
    assert signature == signer.sign(digest)
    assert signer.address.hex() == ADDRESS_OF_ONE


@pytest.mark.parametrize("length", [0, 31, 33])
def test_only_32_bytes_are_signed(length: int) -> None:
    """A message in place of its hash is refused."""
    with pytest.raises(ValueError, match=f"not {length}"):
        FileSigner(ONE).sign(Bytes32(bytes(length)))


def test_a_signer_never_shows_its_key() -> None:
    """Neither repr nor str shows it, and it can be neither pickled nor copied."""
    signer = FileSigner(bytes.fromhex("ab" * 32))
    for text in (repr(signer), str(signer), f"{signer}"):
        assert "abab" not in text
        assert signer.address.hex() in text
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="secret"):
            leave(signer)
