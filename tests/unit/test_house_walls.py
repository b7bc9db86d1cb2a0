"""The walls between the rooms stand: they hold today's code, and break where somebody walks through one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from house import ROOT, SOURCE


def lint(home: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter, with this project's contracts, on the package in a folder."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    arguments = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(home), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [*command, *arguments], cwd=home, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Give a copy of the package to break."""
    return shutil.copytree(SOURCE, tmp_path / "interlock", ignore=shutil.ignore_patterns("__pycache__", "*.json"))


def test_the_code_as_it_is_keeps_them(copy: Path) -> None:
    """No room imports one above it or beside it."""
    done = lint(copy.parent)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("core/leg.py", "import time"),
        ("encoding/keccak.py", "import random"),
        ("core/leg.py", "import interlock.evidence.certificate"),
        ("ledgers/protocol.py", "import interlock.keys.signer"),
        ("evidence/receipt.py", "import interlock.entries.check"),
        ("bankd/book.py", "import interlock.node.node"),
        ("api/app.py", "import interlock.node.node"),
        ("node/node.py", "import interlock.devnet.process"),
        ("attic/__init__.py", '"""A room that has no place."""'),
    ],
)
def test_a_way_through_a_wall_is_found(copy: Path, where: str, what: str) -> None:
    """One import too many, in one file, fails the whole."""
    broken = copy / where
    broken.parent.mkdir(exist_ok=True)
    before = broken.read_text() if broken.exists() else ""
    broken.write_text(f"{before}\n{what}\n")
    done = lint(copy.parent)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout
