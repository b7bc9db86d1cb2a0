"""The auditor stands alone: it imports no other room, nobody whom it judges imports it, and a wall says so."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from house import ROOT, SOURCE

JUDGED = ("core", "node", "entries", "evidence", "keys", "ordering", "ledgers", "explorer", "simulation", "encoding")
"""Rooms that share no line with the auditor."""


def lint(home: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter, with this project's contracts, on the package in a folder."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    environment = {**os.environ, "PYTHONPATH": str(home), "PYTHONIOENCODING": "utf-8", "COLUMNS": "200"}
    arguments = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    return subprocess.run(
        [*command, *arguments], cwd=home, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Give a copy of the package to break."""
    return shutil.copytree(SOURCE, tmp_path / "interlock", ignore=shutil.ignore_patterns("__pycache__", "*.json"))


def test_the_contract_covers_every_room_and_every_clock() -> None:
    """The wall is written for all rooms, those to come too, and for what would make a verdict depend on the day."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    own = [each for each in contracts if each.get("source_modules") == ["interlock.auditor"]]
    assert len(own) == 1
    assert own[0]["type"] == "forbidden"
    assert {"interlock.*", "time", "random", "os", "socket"} <= set(own[0]["forbidden_modules"])
    assert "ignore_imports" not in own[0]
    assert "allow_indirect_imports" not in own[0]


def test_an_import_of_any_judged_room_is_found(copy: Path) -> None:
    """A line too many in one file breaks the wall, for each room that it names."""
    planted = []
    for room in JUDGED:
        home = copy / room
        if not home.exists():
            home.mkdir()
            (home / "__init__.py").write_text('"""A room to come."""\n')
        planted.append(f"import interlock.{room}")
    broken = copy / "auditor" / "books.py"
    broken.write_text("\n".join([broken.read_text(), *planted, "import time", ""]))
    done = lint(copy.parent)
    assert done.returncode == 1, done.stdout + done.stderr
    for module in (*(f"interlock.{room}" for room in JUDGED), "time"):
        assert f"interlock.auditor is not allowed to import {module}:" in done.stdout


def test_an_import_of_the_auditor_by_the_core_is_found(copy: Path) -> None:
    """What is judged does not know its judge."""
    judged = copy / "core" / "leg.py"
    judged.write_text(f"{judged.read_text()}\nimport interlock.auditor.case\n")
    done = lint(copy.parent)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "interlock.core is not allowed to import interlock.auditor" in done.stdout


def test_the_auditor_loads_nothing_else() -> None:
    """Importing it, by whatever means, brings in no other room and no third party."""
    code = (
        "import sys; before = set(sys.modules); import interlock.auditor.auditor; "
        "print(*sorted(set(sys.modules) - before))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    own = {name for name in printed.split() if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name for name in own if not name.startswith("interlock.auditor")} == {"interlock"}
