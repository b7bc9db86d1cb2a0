"""A network's log is run with what the network says: its id, its door, its bound of an entry."""

import sys
from pathlib import Path
from typing import Any

import pytest

from interlock.core import limits
from interlock.core.committee import Genesis
from interlock.encoding.canonical import encode
from interlock.encoding.values import Address, Bytes32, hex_of
from interlock.node import sequencer
from interlock.ordering.embedded import __main__ as embedded
from interlock.ordering.protocol import LogLimits

GENESIS = Genesis("net", tuple(Address(bytes([n]) * 20) for n in range(1, 5)), "embedded", Bytes32(bytes(32)))


def test_the_log_is_given_the_networks_id_door_and_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that the core takes is one that the log takes, whatever the bound is; nonsense meets the door."""
    given: dict[str, Any] = {}

    def run(argv: list[str], **more: object) -> int:
        given.update(more, argv=argv)
        return 7

    genesis = tmp_path / "genesis.json"
    genesis.write_bytes(encode(GENESIS))
    monkeypatch.setattr(embedded, "main", run)
    monkeypatch.setattr(sequencer, "ENTRY_BYTES_MAX", 1_000)
    monkeypatch.setattr(sys, "argv", ["sequencer", "--genesis", str(genesis), "--home", "here"])
    assert sequencer.main() == 7
    assert given["argv"] == ["--network-id", hex_of(GENESIS.network_id), "--home", "here"]
    assert given["limits"].entry_bytes_max == 1_000
    assert given["check"](b"nonsense") is not None


def test_a_log_of_no_network_has_the_same_bound() -> None:
    """What stands alone, in memory or in a test, takes the entries that a network takes."""
    assert LogLimits().entry_bytes_max == limits.ENTRY_BYTES_MAX
