"""The README's own commands: the demo on real processes, and the offline check of what it leaves."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DEMO_WITHIN_S = 240
"""A guard against hanging, not a bar: the machine may be busy."""

ENDS = {
    "settles": [("settled", ["delivered", "delivered"])],
    "short-of-funds": [("unwound", ["returned", "tombstoned"])],
    "not-permitted": [("unwound", ["tombstoned", "returned"])],
    "lying-node": [("unwound", None), ("settled", ["delivered", "delivered"])],
    "crash": [("settled", ["delivered", "delivered"])],
}
"""How each settlement of each scenario ends: its outcome, and its token and dollar legs where no race decides."""


def interlock(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "interlock.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=DEMO_WITHIN_S,
        check=False,
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> "tuple[list[dict[str, Any]], str, Path]":
    """Play every scenario once; give the JSON rows, the talk on stderr, and the folder."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    done = interlock("demo", "--json", "--keep", str(folder))
    assert done.returncode == 0, done.stderr[-4_000:]
    return json.loads(done.stdout), done.stderr, folder


@pytest.mark.parametrize("scenario", ENDS)
def test_each_scenario_ends_as_it_must(played: "tuple[list[dict[str, Any]], str, Path]", scenario: str) -> None:
    """Both legs deliver, or both come back; nothing is made or lost on either ledger."""
    rows = [row for row in played[0] if row["scenario"] == scenario]
    assert len(rows) == len(ENDS[scenario])
    for row, (outcome, legs) in zip(rows, ENDS[scenario], strict=True):
        assert row["outcome"] == outcome
        assert row["conserved"] is True
        assert [leg["ledger"].partition(":")[0] for leg in row["legs"]] == ["eip155", "bank"]
        states = [leg["state"] for leg in row["legs"]]
        assert "delivered" not in states or states == ["delivered", "delivered"]
        if legs is not None:
            assert states == legs


def test_every_receipt_verifies_from_its_genesis_alone(played: "tuple[list[dict[str, Any]], str, Path]") -> None:
    """`interlock verify` accepts each receipt with its own network's genesis, and with no other's."""
    rows = played[0]
    for row, other in zip(rows, [*rows[-1:], *rows[:-1]], strict=True):
        valid = interlock("verify", row["receipt"], "--network", row["genesis"], "--json")
        assert valid.returncode == 0, valid.stdout + valid.stderr
        if other["genesis"] != row["genesis"]:
            foreign = interlock("verify", row["receipt"], "--network", other["genesis"])
            assert foreign.returncode == 1, foreign.stdout + foreign.stderr


def test_the_lies_of_the_lying_node_stand_in_the_receipts(played: "tuple[list[dict[str, Any]], str, Path]") -> None:
    """Node 3's HELD of what was refused, and its REFUSED of what was held, are signed by it and named as lies."""
    told = []
    for row in (row for row in played[0] if row["scenario"] == "lying-node"):
        report = json.loads(interlock("verify", row["receipt"], "--network", row["genesis"], "--json").stdout)
        told += [(lie["member"], lie["fact"]) for lie in report["lies"]]
    assert told == [(3, "HELD"), (3, "REFUSED")]


def test_the_timeline_goes_to_stderr_and_the_data_to_stdout(
    played: "tuple[list[dict[str, Any]], str, Path]",
) -> None:
    """With --json a script reads only JSON on stdout, and a person still sees what happens."""
    talk = played[1]
    for text in ("SIGKILL", "decided COMMIT", "decided ABORT", "refuses to hold", "the vault returns", "after:"):
        assert text in talk


def test_no_process_of_the_demo_is_left(played: "tuple[list[dict[str, Any]], str, Path]") -> None:
    """Every process that the demo started has ended with it."""
    folder = str(played[2])
    left = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().decode("utf-8", "replace") if entry.name.isdigit() else ""
        except OSError:
            continue
        if folder in command and entry.name != str(os.getpid()):
            left.append(command)
    assert left == []


def test_a_wrong_scenario_or_folder_is_a_usage_error(tmp_path: Path) -> None:
    """A mistyped name says what was meant; a folder that holds something is not overwritten."""
    mistyped = interlock("demo", "--scenario", "setles")
    assert mistyped.returncode == 2
    assert "did you mean settles?" in mistyped.stderr
    (tmp_path / "something").touch()
    occupied = interlock("demo", "--scenario", "settles", "--keep", str(tmp_path))
    assert occupied.returncode == 2
    assert "not an empty folder" in occupied.stderr


def test_it_settles_on_anvil_too(anvil_program: Path, tmp_path: Path) -> None:
    """Nothing leans on the embedded chain's own ways."""
    search = f"{anvil_program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "interlock.cli",
            "demo",
            "--json",
            "--chain",
            "anvil",
            "--scenario",
            "settles",
            "--scenario",
            "short-of-funds",
            "--keep",
            str(tmp_path / "kept"),
        ],
        capture_output=True,
        text=True,
        timeout=DEMO_WITHIN_S,
        check=False,
        env={**os.environ, "PATH": search},
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    assert [row["outcome"] for row in json.loads(done.stdout)] == ["settled", "unwound"]
