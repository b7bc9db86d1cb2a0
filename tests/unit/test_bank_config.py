"""A bank's home: made with keys of its own, read strictly, refused in one sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.bankd.config import ConfigError, create_home, read_home
from interlock.core.committee import Genesis
from interlock.encoding.values import Address, Bytes32

GENESIS = Genesis("net", tuple(Address(bytes([n]) * 20) for n in range(1, 5)), "embedded", Bytes32(bytes(32)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_home(tmp_path / "bank", ledger="bank:one", genesis=GENESIS, assets=("USD/2",))
    return tmp_path / "bank"


def test_a_new_home_reads_back_and_its_secrets_are_its_owners_only(path: Path) -> None:
    """Keys and tokens have mode 0600, differ, and appear in no repr."""
    home = read_home(path)
    assert home.genesis == GENESIS
    for name in ("receipt-key.json", "operator.token", "read.token"):
        assert (path / name).stat().st_mode & 0o777 == 0o600
    assert home.tokens.operator != home.tokens.read
    for secret in (home.tokens.operator, home.tokens.read, home.key.jwk["d"]):
        assert secret not in repr(home)


def test_two_homes_share_no_secret(path: Path, tmp_path: Path) -> None:
    """Every home has its own keys."""
    one = read_home(path)
    two = create_home(tmp_path / "two", ledger="bank:two", genesis=GENESIS, assets=("USD/2",))
    assert one.key.public_key != two.key.public_key
    assert one.tokens != two.tokens


def test_an_old_home_is_never_written_over(path: Path) -> None:
    """Making a home where one is raises, and leaves the keys that are there."""
    before = read_home(path).key.public_key
    with pytest.raises(FileExistsError):
        create_home(path, ledger="bank:one", genesis=GENESIS, assets=("USD/2",))
    assert read_home(path).key.public_key == before


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ledger": ""}, "ledger"),
        ({"ledger": "x" * 129}, "ledger"),
        ({"ledger": "eip155:1:0x00"}, "eip155"),
        ({"port": 65_536}, "port"),
        ({"port": -1}, "port"),
        ({"port": "8080"}, "port"),
        ({"assets": []}, "asset"),
        ({"assets": ["USD/2", "USD/2"]}, "each once"),
        ({"assets": ["USD"]}, "USD/2"),
        ({"assets": ["USD/19"]}, "USD/2"),
        ({"assets": ["usd/2"]}, "USD/2"),
        ({"extra": 1}, "extra"),
        ({"kind": "interlock/bank/2"}, "kind"),
        ({"genesis": "missing.json"}, "missing.json"),
        ({"readToken": "operator.token"}, "differ"),
    ],
)
def test_a_wrong_configuration_names_the_fault(path: Path, changes: dict[str, Any], sentence: str) -> None:
    """Each wrong value is a ConfigError that names it."""
    config = path / "bank.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    with pytest.raises(ConfigError, match=sentence):
        read_home(path)


@pytest.mark.parametrize(
    ("file", "spoil"),
    [
        ("bank.json", Path.unlink),
        ("bank.json", lambda file: file.write_bytes(b"\xff")),
        ("genesis.json", lambda file: file.write_text("{}")),
        ("genesis.json", lambda file: file.write_text(file.read_text().replace("embedded", "other"))),
        ("receipt-key.json", lambda file: file.chmod(0o640)),
        ("receipt-key.json", lambda file: file.write_text("{}")),
        ("receipt-key.json", lambda file: file.chmod(0o700)),
        ("operator.token", lambda file: file.chmod(0o604)),
        ("operator.token", lambda file: file.write_text("x" * 5_000)),
        ("operator.token", lambda file: file.write_text("short")),
        ("read.token", lambda file: file.write_bytes(b"\xe9" * 40)),
        ("read.token", Path.unlink),
    ],
)
def test_a_spoilt_file_is_named(path: Path, file: str, spoil: Callable[[Path], object]) -> None:
    """A missing, malformed or readable file is a ConfigError with its path, without its content."""
    spoil(path / file)
    with pytest.raises(ConfigError, match=file):
        read_home(path)
