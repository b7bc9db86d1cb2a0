"""The bank's home: its configuration, keys and tokens, read once at the start.

bank.json            this file's `BankConfig`, strict canonical-style JSON; paths are relative to the home
genesis.json         the pinned genesis document
receipt-key.json     private Ed25519 JWK, mode 0600
operator.token       bearer token of the operator, mode 0600
read.token           bearer token of those who may read holds and accounts, mode 0600
bank.sqlite          the books
"""

import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from interlock.bankd.receipts import ReceiptKey
from interlock.core.committee import Genesis, genesis_fault
from interlock.core.limits import NAME_BYTES_MAX
from interlock.encoding.canonical import Malformed, decode, encode
from interlock.encoding.values import Uint32
from interlock.service.private_file import PrivateFileError, read_private

CONFIG_FILE = "bank.json"
DATABASE_FILE = "bank.sqlite"
SECRET_BYTES_MAX = 4_096
"""A file with a token or a private JWK, which has some 200 bytes."""
TOKEN_BYTES_MIN = 16
"""A bearer token shorter than 128 bits can be guessed."""
_ASSET = re.compile(r"[A-Z0-9]{1,12}/(?:[0-9]|1[0-8])\Z")
_PORT_MAX = 65_535


class ConfigError(ValueError):
    """The home cannot be used as it is; the sentence names the file and what to do."""


@dataclass(frozen=True, slots=True)
class BankConfig:
    """What `bank.json` says."""

    KIND: ClassVar[str] = "interlock/bank/1"

    ledger: str
    """The bank's registered name."""
    host: str
    port: Uint32
    """0: the system chooses at every start."""
    genesis: str
    """Path of the network's genesis document."""
    operator_token: str
    """Path of the operator's token."""
    read_token: str
    """Path of the readers' token."""
    receipt_key: str
    """Path of the private JWK."""
    assets: tuple[str, ...]
    """With their scale: `USD/2` counts cents."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The two bearer tokens."""

    operator: str
    read: str

    def __repr__(self) -> str:
        """Keep secrets out of logs and tracebacks."""
        return "Tokens(...)"


@dataclass(frozen=True, slots=True)
class Home:
    """A home that was read and found in order."""

    path: Path
    config: BankConfig
    genesis: Genesis
    key: ReceiptKey
    tokens: Tokens

    @property
    def database(self) -> Path:
        """Give the path of the books."""
        return self.path / DATABASE_FILE


def read_home(path: Path) -> Home:
    """Read a home; ConfigError names the first file that is missing, malformed, or readable by others."""
    try:
        config = decode(BankConfig, _read(path / CONFIG_FILE))
    except Malformed as error:
        raise ConfigError(f"{path / CONFIG_FILE}: {error}") from None
    if fault := config_fault(config):
        raise ConfigError(f"{path / CONFIG_FILE}: {fault}")
    genesis = read_genesis(path / config.genesis)
    try:
        key = ReceiptKey.from_jwk(_read_secret(path / config.receipt_key))
    except ValueError as error:
        raise ConfigError(f"{path / config.receipt_key}: {error}") from None
    tokens = Tokens(_read_token(path / config.operator_token), _read_token(path / config.read_token))
    if tokens.operator == tokens.read:
        raise ConfigError(f"{path}: the operator's and the readers' token are the same; make them differ")
    return Home(path, config, genesis, key, tokens)


def create_home(
    path: Path, *, ledger: str, genesis: Genesis, assets: tuple[str, ...], host: str = "127.0.0.1", port: int = 0
) -> Home:
    """Make a home with new keys and tokens; FileExistsError where it has a file of that name, ConfigError else."""
    config = BankConfig(
        ledger=ledger,
        host=host,
        port=Uint32(port),
        genesis="genesis.json",
        operator_token="operator.token",  # noqa: S106 - the name of a file
        read_token="read.token",  # noqa: S106 - the name of a file
        receipt_key="receipt-key.json",
        assets=assets,
    )
    if fault := config_fault(config) or genesis_fault(genesis):
        raise ConfigError(f"{path}: {fault}")
    path.mkdir(parents=True, exist_ok=True)
    _create(path / config.receipt_key, json.dumps(ReceiptKey.generate().jwk).encode())
    _create(path / config.operator_token, secrets.token_urlsafe(32).encode())
    _create(path / config.read_token, secrets.token_urlsafe(32).encode())
    _create(path / config.genesis, encode(genesis), mode=0o644)
    _create(path / CONFIG_FILE, encode(config), mode=0o644)
    return read_home(path)


def config_fault(config: BankConfig) -> str | None:
    """Say what is wrong with a configuration, or None."""
    if not 0 < len(config.ledger.encode()) <= NAME_BYTES_MAX or config.ledger.startswith("eip155:"):
        return f"ledger {config.ledger[:40]!r}: 1 to {NAME_BYTES_MAX} bytes are wanted, not beginning with eip155:"
    if config.port > _PORT_MAX:
        return f"port {config.port} is above {_PORT_MAX}"
    if not config.assets or len(set(config.assets)) != len(config.assets):
        return "at least one asset is wanted, each once"
    for asset in config.assets:
        if not _ASSET.match(asset):
            return f"asset {asset[:40]!r}: a code and its scale are wanted, such as USD/2"
    return None


def read_genesis(path: Path) -> Genesis:
    """Read the pinned genesis document; ConfigError where it is missing or wrong."""
    try:
        genesis = decode(Genesis, _read(path))
    except Malformed as error:
        raise ConfigError(f"{path}: {error}") from None
    if fault := genesis_fault(genesis):
        raise ConfigError(f"{path}: {fault}")
    return genesis


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def _read_secret(path: Path) -> bytes:
    try:
        return read_private(path, SECRET_BYTES_MAX)
    except PrivateFileError as error:
        raise ConfigError(str(error)) from None


def _read_token(path: Path) -> str:
    try:
        token = _read_secret(path).decode("ascii").strip()
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: a token is ASCII") from None
    if len(token) < TOKEN_BYTES_MIN:
        raise ConfigError(f"{path}: a token has at least {TOKEN_BYTES_MIN} characters")
    return token


def _create(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a new file with its mode from the first moment; never over an old one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
