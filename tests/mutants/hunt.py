"""Put a defect into a copy of the package, and let explorer and simulator loose on it."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from mutants.defects import Defect

SOURCE = Path(__file__).resolve().parents[2] / "src" / "interlock"
PATIENCE_S = 540.0
"""No hunter is let run for longer."""


@dataclass(frozen=True, slots=True)
class Catch:
    """How a defect was caught."""

    hunter: str
    tag: str
    """The invariant that it broke first."""
    seconds: float


class PatchMisses(Exception):
    """What a defect replaces does not stand in the source exactly once: the table is out of date."""


def plant(defect: Defect, folder: Path) -> Path:
    """Copy the package into a folder and put the defect into the copy; give the folder for PYTHONPATH."""
    copy = folder / "interlock"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for file, old, new in ((defect.file, defect.old, defect.new), *defect.more):
        path = copy / file
        text = path.read_text()
        if text.count(old) != 1:
            raise PatchMisses(f"{defect.name}: {file} has {text.count(old)} places of {old[:60]!r}; one is wanted")
        path.write_text(text.replace(old, new))
    return folder


def hunt(defect: Defect, folder: Path) -> Catch | None:
    """Let the hunters of a defect loose, one after the other; None where nobody notices."""
    path = plant(defect, folder)
    for hunter in defect.hunters:
        began = time.monotonic()
        tag = _seeds(defect, hunter, path) if hunter.startswith("seeds ") else _world(hunter, path)
        if tag is not None:
            return Catch(hunter, tag, time.monotonic() - began)
    return None


def _world(world: str, path: Path) -> str | None:
    """Search a world; give the tag of the first broken invariant, or None."""
    done = _interlock(path, "explore", "--json", "--world", world)
    (report,) = json.loads(done.stdout)
    return str(report["stories"][0]["tag"]) if report["violations"] else None


def _seeds(defect: Defect, hunter: str, path: Path) -> str | None:
    """Run seeds; give the tag of the first violation, or None."""
    done = _interlock(path, "simulate", "--json", "--no-shrink", "--seeds", hunter.split()[1], *defect.options)
    if not json.loads(done.stdout.splitlines()[-1])["violations"]:
        return None
    first = next(line for line in done.stderr.splitlines() if line.startswith("seed "))
    return first.split(": ", maxsplit=1)[1].split(":", maxsplit=1)[0]


def _interlock(path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "interlock.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if done.returncode not in {0, 4}:
        raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr[-2_000:]}")
    return done
