"""The golden vectors, as the tests read them: from the folder, and with the scripts that wrote them within reach."""

import json
import sys
from functools import cache
from typing import Any

from house import ROOT

VECTORS = ROOT / "vectors"
BYTES_MAX = 2_000_000
"""All files together: they are read by people, and come with every clone."""

if str(ROOT / "scripts") not in sys.path:
    sys.path.insert(0, str(ROOT / "scripts"))


@cache
def golden(name: str) -> Any:  # noqa: ANN401 - whatever the file holds
    """Give a file of the folder; whoever reads it changes nothing in it."""
    return json.loads((VECTORS / name).read_text())


def names(folder: str = ".") -> list[str]:
    """Give the names of a folder's files."""
    return sorted(path.relative_to(VECTORS).as_posix() for path in (VECTORS / folder).glob("*.json"))


def raw(text: str) -> bytes:
    """Give the bytes that a file writes as hexadecimal."""
    assert text.startswith("0x")
    return bytes.fromhex(text[2:])
