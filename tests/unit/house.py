"""Where the house's own files are, for the tests that look at the repository instead of at its behaviour."""

import os
import re
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "interlock"
DOCS = ROOT / "docs"

# What no commit holds: folders whose name begins with a dot, but for the first, and what tools write.
_KEPT_DOT_FOLDERS = {".ci"}
_MADE_FOLDERS = {"__pycache__", "node_modules", "build", "dist", "htmlcov"}


def text_files() -> Iterator[tuple[str, str]]:
    """Give every text file of the repository: its path from the root, and its text."""
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = sorted(each for each in subfolders if _is_ours(each))
        for name in sorted(names):
            path = Path(folder, name)
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def normal(name: str) -> str:
    """Give a distribution's name in the one form in which names are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    """Give the versions of constraints.txt by normal name."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    return {normal(name): version for name, _, version in (line.partition("==") for line in lines)}


def needed_by(name: str, extra: str = "") -> set[str]:
    """Give the normal names of everything that a distribution (with one of its extras) brings along, and its own."""
    found: set[str] = set()
    todo = [(name, extra)]
    seen = set()
    while todo:
        here = todo.pop()
        if here in seen:
            continue
        seen.add(here)
        found.add(normal(here[0]))
        for line in distribution(here[0]).requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": here[1]}):
                todo += [(requirement.name, each) for each in ("", *requirement.extras)]
    return found


def _is_ours(folder: str) -> bool:
    return folder in _KEPT_DOT_FOLDERS or not (folder[0] == "." or folder in _MADE_FOLDERS)
