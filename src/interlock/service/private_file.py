"""Files that are their owner's only: keys and tokens.

A private file is opened first and judged by its descriptor, so that it cannot be exchanged between the look and the
reading.

    PrivateFileError            terminal: a sentence about the file; never its content
    ├── PrivateFileMissing      no such file
    ├── PrivateFileIrregular    a folder, a pipe, a device
    ├── PrivateFileExposed      its mode is looser than 0600
    ├── PrivateFileTooLong      it has more bytes than the caller expects
    └── PrivateFileUnreadable   the system does not let it be read
"""

import os
import stat
from pathlib import Path

MODE = 0o600
"""The loosest mode: its owner reads and writes."""


class PrivateFileError(Exception):
    """Tell what is the matter with a private file."""


class PrivateFileMissing(PrivateFileError):
    """There is no such file."""


class PrivateFileIrregular(PrivateFileError):
    """What stands there is no regular file."""


class PrivateFileExposed(PrivateFileError):
    """The file's mode lets others at it."""


class PrivateFileTooLong(PrivateFileError):
    """The file is longer than what it should hold."""


class PrivateFileUnreadable(PrivateFileError):
    """The system does not let the file be read."""


def read_private(path: Path, bytes_max: int) -> bytes:
    """Read a regular file of mode 0600 or stricter with at most `bytes_max` bytes; a symbolic link is followed.

    PrivateFileMissing, PrivateFileUnreadable, PrivateFileIrregular, PrivateFileExposed, PrivateFileTooLong, in this
    order.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            _require_private(path, os.fstat(file.fileno()))
            data = file.read(bytes_max + 1)
    except FileNotFoundError:
        raise PrivateFileMissing(f"there is no {path}") from None
    except IsADirectoryError:
        raise PrivateFileIrregular(f"{path} is a folder") from None
    except OSError as error:
        raise PrivateFileUnreadable(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > bytes_max:
        raise PrivateFileTooLong(f"{path} has more than {bytes_max} bytes")
    return data


def _open_at_once(path: str, flags: int) -> int:
    # Without this a pipe would be waited for before it could be seen to be one.
    return os.open(path, flags | os.O_NONBLOCK)


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise PrivateFileIrregular(f"{path} is no regular file")
    mode = stat.S_IMODE(status.st_mode)
    if mode & ~MODE:
        raise PrivateFileExposed(f"{path} has mode {mode:04o}, looser than {MODE:04o}; chmod 600 it")
