"""A node's home: one folder with its configuration, keys, sign-once record and database.

HOME/node.json          this document
HOME/keys/decision.key  signs attestations and decisions; must be the committee's member
HOME/keys/gas.key       pays for transactions
HOME/sign-once.db       what the decision key has signed; never restored from a backup
HOME/node.db            what can be had again from the log
HOME/final-*.json       for each vault the newest final block that was seen on its chain
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from interlock.core.committee import Genesis, MemberIndex, genesis_fault
from interlock.encoding.canonical import Malformed, decode
from interlock.encoding.values import Bytes32, Uint32, Uint64

T = TypeVar("T")

CONFIG_FILE = "node.json"
DECISION_KEY_FILE = "keys/decision.key"
GAS_KEY_FILE = "keys/gas.key"
RECORD_FILE = "sign-once.db"
STORE_FILE = "node.db"
FINAL_FILE = "final-{chain_id}-{vault}.json"


class ConfigInvalid(Exception):
    """The home's configuration cannot be used; the sentence says what to change."""


@dataclass(frozen=True, slots=True)
class VaultConnection:
    """How this node reaches a vault's chain."""

    KIND: ClassVar[str] = "vault"

    name: str
    """`eip155:<chain id>:<vault>`, as registered."""
    url: str
    """JSON-RPC over HTTP."""
    start_block: Uint64
    """Where the vault's events begin: the block of its deployment, or a later one."""
    confirmations: Uint32
    """As registered: blocks below the head, 0 for the `finalized` tag."""
    stagger_ms: Uint32
    """Pause between two nodes' turns to send a transaction: longer than a block takes."""


@dataclass(frozen=True, slots=True)
class BankConnection:
    """How this node reaches a bank."""

    KIND: ClassVar[str] = "bank"

    name: str
    """As registered."""
    url: str
    """HTTP."""
    receipt_key: Bytes32
    """The bank's Ed25519 public key, as registered."""
    read_token_file: str
    """Path of this node's own token for reading, relative to the home; mode 0600."""


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """The document in `node.json`."""

    KIND: ClassVar[str] = "interlock/node/1"

    genesis: str
    """Path of the genesis document, relative to the home."""
    member: MemberIndex
    host: str
    """Where the node's own face listens."""
    port: Uint32
    """0 takes a free port."""
    log_host: str
    log_port: Uint32
    """The sequencer of the embedded log."""
    look_interval_ms: Uint32
    """Pause between two looks at a ledger."""
    ledgers: tuple[VaultConnection | BankConnection, ...]


def load_config(home: Path) -> tuple[NodeConfig, Genesis]:
    """Read a home's configuration and the genesis document that it names. ConfigInvalid."""
    config = _load(NodeConfig, home / CONFIG_FILE)
    genesis = load_genesis(home / config.genesis)
    if config.member >= len(genesis.members):
        raise ConfigInvalid(
            f"{home / CONFIG_FILE}: member {config.member}, but the committee has {len(genesis.members)}"
        )
    return config, genesis


def load_genesis(path: Path) -> Genesis:
    """Read a genesis document. ConfigInvalid."""
    genesis = _load(Genesis, path)
    fault = genesis_fault(genesis)
    if fault is not None:
        raise ConfigInvalid(f"{path}: {fault}")
    return genesis


def _load(kind: type[T], path: Path) -> T:
    try:
        return decode(kind, path.read_bytes())
    except FileNotFoundError:
        raise ConfigInvalid(f"there is no {path}; make a home first") from None
    except Malformed as error:
        raise ConfigInvalid(f"{path}: {error}") from None
