"""A signer: something that signs digests with one secp256k1 key and never shows the key.

What is signed was hashed before (typed data, reports); whether it may be signed was decided before (`sign_once`).

    KeyFileError            terminal: a sentence about the file that holds the key
    ├── KeyFileMissing      no such file
    ├── KeyFileExists       a key stands there already; it is never overwritten
    ├── KeyFileExposed      others than its owner may read or write it
    ├── KeyFileUnreadable   the system does not let it be read
    └── KeyFileMalformed    it holds no key
"""

import os
import secrets
from pathlib import Path
from typing import Protocol, Self

from interlock.encoding.secp256k1 import address_of, sign_digest
from interlock.encoding.values import Address, Bytes32, Signature, hex_of
from interlock.service.private_file import (
    MODE,
    PrivateFileError,
    PrivateFileExposed,
    PrivateFileMissing,
    PrivateFileUnreadable,
    read_private,
)

_SECRET_BYTES = 32
_FILE_BYTES_MAX = 128
"""Far more than a key's 64 digits: a longer file is something else."""


class KeyFileError(Exception):
    """Tell what is the matter with a file of a key."""


class KeyFileMissing(KeyFileError):
    """There is no such file."""


class KeyFileExists(KeyFileError):
    """A file stands where a new key was to be written."""


class KeyFileExposed(KeyFileError):
    """The file's mode lets others at the key."""


class KeyFileUnreadable(KeyFileError):
    """The system does not let the file be read."""


class KeyFileMalformed(KeyFileError):
    """The file holds no secp256k1 key."""


class Signer(Protocol):
    """One key that signs."""

    @property
    def address(self) -> Address:
        """The key's Ethereum address, by which everybody knows the signer."""
        ...

    def sign(self, digest: Bytes32) -> Signature:
        """Sign a 32-byte digest: 65 bytes r ‖ s ‖ v, low s, v 27 or 28. ValueError when it has not 32 bytes."""
        ...


class FileSigner:
    """Sign with the key of one file: 64 hexadecimal digits (`0x` before them is allowed), mode 0600 or stricter."""

    __slots__ = ("_address", "_secret")

    def __init__(self, secret: bytes) -> None:
        """Hold a 32-byte secret; ValueError when it is no key of the curve."""
        self._address = address_of(secret)
        self._secret = secret

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key's file. KeyFileMissing, KeyFileUnreadable, KeyFileExposed, KeyFileMalformed."""
        try:
            text = read_private(path, _FILE_BYTES_MAX)
        except PrivateFileMissing:
            raise KeyFileMissing(f"there is no key at {path}; make one, or give the right path") from None
        except PrivateFileUnreadable as error:
            raise KeyFileUnreadable(str(error)) from None
        except PrivateFileExposed as error:
            raise KeyFileExposed(f"{error}, and consider the key known") from None
        except PrivateFileError as error:
            raise KeyFileMalformed(f"{error}: no key") from None
        return cls._from_text(path, text)

    @classmethod
    def generate(cls, path: Path) -> Self:
        """Make a new key and write its file, durably before it is returned. KeyFileExists; OSError of the disk."""
        while True:
            secret = secrets.token_bytes(_SECRET_BYTES)
            try:
                signer = cls(secret)
            except ValueError:  # zero, or not below the group order: 1 in 2^128
                continue
            break
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        except FileExistsError:
            raise KeyFileExists(f"{path} exists; a key is never overwritten") from None
        with os.fdopen(descriptor, "wb") as file:
            file.write(hex_of(secret).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
        return signer

    @property
    def address(self) -> Address:
        """The key's Ethereum address."""
        return self._address

    def sign(self, digest: Bytes32) -> Signature:
        """Sign a 32-byte digest; see `Signer.sign`."""
        if len(digest) != _SECRET_BYTES:
            raise ValueError(f"a digest has 32 bytes, not {len(digest)}")
        return sign_digest(self._secret, digest)

    def __repr__(self) -> str:
        """Show the address, never the key."""
        return f"{type(self).__name__}({hex_of(self._address)})"

    def __reduce__(self) -> str:
        """Refuse to be pickled or copied: a key leaves this object only as signatures."""
        raise TypeError("a signer holds a secret key and cannot be pickled or copied")

    @classmethod
    def _from_text(cls, path: Path, text: bytes) -> Self:
        digits = text.strip().removeprefix(b"0x")
        try:
            return cls(_unhex(digits))
        except ValueError:
            # From None: the error's own text, or its chain, might show what stands in the file.
            raise KeyFileMalformed(f"{path} holds no key: 64 hexadecimal digits of a secp256k1 secret") from None


def _unhex(digits: bytes) -> bytes:
    secret = bytes.fromhex(digits.decode("ascii"))
    if len(secret) != _SECRET_BYTES or len(digits) != 2 * _SECRET_BYTES:
        raise ValueError("not 64 digits")
    return secret


def sync_folder(folder: Path) -> None:
    """Make a file's name durable: fsync the folder that holds it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
