"""A private file is read only where it is one, and nothing of it is told where it is not."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from interlock.node.config import ConfigInvalid
from interlock.node.wiring import _token
from interlock.service.private_file import (
    PrivateFileError,
    PrivateFileExposed,
    PrivateFileIrregular,
    PrivateFileMissing,
    PrivateFileTooLong,
    PrivateFileUnreadable,
    read_private,
)

SECRET = b"do not tell"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(SECRET)
    path.chmod(0o600)
    return path


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o700)


def to_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def to_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


SPOILT: list[tuple[Callable[[Path], object], type[PrivateFileError], str]] = [
    (Path.unlink, PrivateFileMissing, "there is no"),
    (to_loop, PrivateFileUnreadable, "symbolic links"),
    (to_folder, PrivateFileIrregular, "a folder"),
    (to_pipe, PrivateFileIrregular, "no regular file"),
    *(
        (lambda path, mode=mode: path.chmod(mode), PrivateFileExposed, f"{mode:04o}, looser than 0600")
        for mode in (0o640, 0o604, 0o601, 0o700, 0o4600)
    ),
    (lambda path: path.write_bytes(SECRET + b"!"), PrivateFileTooLong, "more than 11 bytes"),
]


@pytest.mark.parametrize(("spoil", "error", "sentence"), SPOILT)
def test_what_is_no_private_file_is_told_apart(
    path: Path, spoil: Callable[[Path], object], error: type[PrivateFileError], sentence: str
) -> None:
    """Each fault has its error, with the path, without the content, and at once."""
    spoil(path)
    with pytest.raises(error, match=sentence) as caught:
        read_private(path, len(SECRET))
    assert str(path) in str(caught.value)
    assert SECRET.decode() not in str(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_read_to_its_bound(path: Path, mode: int) -> None:
    """Mode 0600 or stricter, and as long as allowed."""
    path.chmod(mode)
    assert read_private(path, len(SECRET)) == SECRET


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda path: path.chmod(0o700), "0700, looser than 0600"),
        (lambda path: path.write_bytes(b"x" * 5_000), "more than 4096"),
        (lambda path: path.write_bytes(b"\xe9"), "ASCII"),
        (to_pipe, "no regular file"),
        (Path.unlink, "there is no"),
    ],
)
def test_a_nodes_token_that_is_not_private_is_a_configuration_fault(
    path: Path, spoil: Callable[[Path], object], sentence: str
) -> None:
    """A token that is cut off, foreign or exposed is refused by name; a sound one is read without its line's end."""
    path.write_bytes(b"token\n")
    assert _token(path) == "token"
    spoil(path)
    with pytest.raises(ConfigInvalid, match=sentence):
        _token(path)
