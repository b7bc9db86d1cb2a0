"""The registry of ledgers and limits, which lives in the log and is replaced as a whole by `configure` entries.

A configuration is signed by a quorum and carries the epoch and a rising sequence. Settlement rules read the registry
and nothing else, so that every node and every later auditor admits the same instructions.

Source: specification 1 (PARTY-REGISTRY) and 6 (CLASS-VAULT, CLASS-HELD, CLASS-DIRECT; PIVOT-5).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from interlock.core.committee import Epoch
from interlock.core.instruction import PartySignature, is_vault_name
from interlock.core.limits import NAME_BYTES_MAX, PIVOT_WINDOW_MAX_S, REGISTRY_LEDGERS_MAX
from interlock.encoding import schema
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.typed_data import digest, domain_separator
from interlock.encoding.values import ZERO_BYTES32, Bytes32, Uint32, Uint64

ASSETS_MAX = 256
"""Assets registered for one ledger."""


class LedgerClass(IntEnum):
    """What a ledger promises."""

    VAULT = 1
    """Holds; only a certificate ends one, by code."""
    HELD = 2
    """Holds; the operator promises that only a certificate ends one."""
    DIRECT = 3
    """No holds; can only be the pivot."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One registered ledger."""

    name: str
    ledger_class: LedgerClass
    assets: tuple[str, ...]
    """Token addresses in lower-case hexadecimal, or names with their scale (`USD/2`)."""
    receipt_key: Bytes32
    """A bank's Ed25519 public key, under which its receipts verify; zero for a vault."""
    confirmations: Uint32
    """A chain's finality: blocks below the head, or 0 for its `finalized` tag; 0 for a bank."""
    is_suspended: bool
    """New settlements are rejected; those that are open go on."""
    is_pivot: bool
    """It can execute all of its legs in one step under an order, and will tell for ever whether it did."""


@dataclass(frozen=True, slots=True)
class Registry:
    """All that admission reads."""

    KIND: ClassVar[str] = "interlock/registry/2"

    ledgers: tuple[LedgerEntry, ...]
    """By rising name."""
    prepare_horizon_s: Uint64
    """The farthest that `prepareBy` may lie ahead of log time."""
    open_per_signer_max: Uint32
    """Settlements matched and undecided that one key may have signed."""
    pivot_window_max_s: Uint64
    """The longest that a pivot may be given to execute its order."""
    has_conditions: bool
    """The nodes evaluate conditions."""
    batch_min: Uint32
    """So many decisions of one block, or more, are signed as one; 0 where each is signed on its own."""

    def ledger(self, name: str) -> LedgerEntry | None:
        """Give the entry of a ledger, or None where it is not registered."""
        return next((entry for entry in self.ledgers if entry.name == name), None)


EMPTY_REGISTRY = Registry(
    ledgers=(),
    prepare_horizon_s=Uint64(0),
    open_per_signer_max=Uint32(0),
    pivot_window_max_s=Uint64(0),
    has_conditions=False,
    batch_min=Uint32(0),
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """A registry to be put in force."""

    epoch: Epoch
    sequence: Uint64
    """One more than that of the configuration in force; the first is 1."""
    registry: Registry


@dataclass(frozen=True, slots=True)
class SignedConfiguration:
    """A configuration and the signatures of a quorum of its epoch."""

    configuration: Configuration
    signatures: tuple[PartySignature, ...]


def configuration_digest(network_id: Bytes32, configuration: Configuration) -> Bytes32:
    """Give what a member signs to put a registry in force."""
    struct = schema.CONFIGURATION.hash_struct(
        configuration.epoch, configuration.sequence, keccak256(encode(configuration.registry))
    )
    return digest(domain_separator(network_id), struct)


def registry_fault(registry: Registry) -> str | None:
    """Say what is wrong with a registry, or None."""
    names = [entry.name for entry in registry.ledgers]
    if names != sorted(set(names)):
        return "ledgers must stand by rising name, each once"
    if registry.pivot_window_max_s > PIVOT_WINDOW_MAX_S:
        return f"a pivot window of {registry.pivot_window_max_s} s; {PIVOT_WINDOW_MAX_S} s are the most"
    if len(names) > REGISTRY_LEDGERS_MAX:
        return f"{len(names)} ledgers; {REGISTRY_LEDGERS_MAX} are allowed"
    for entry in registry.ledgers:
        fault = _entry_fault(entry)
        if fault is not None:
            return f"ledger {entry.name[:40]!r}: {fault}"
    return None


def _entry_fault(entry: LedgerEntry) -> str | None:
    if not 0 < len(entry.name.encode()) <= NAME_BYTES_MAX:
        return f"a name has 1 to {NAME_BYTES_MAX} bytes"
    if len(entry.assets) > ASSETS_MAX or len(set(entry.assets)) != len(entry.assets):
        return f"at most {ASSETS_MAX} assets, each once"
    if any(not 0 < len(asset.encode()) <= NAME_BYTES_MAX for asset in entry.assets):
        return f"an asset's name has 1 to {NAME_BYTES_MAX} bytes"
    is_vault = entry.ledger_class is LedgerClass.VAULT
    if is_vault != entry.name.startswith("eip155:") or is_vault != is_vault_name(entry.name):
        return "a vault, and no other, is named eip155:<chain id>:<address>"
    if entry.ledger_class is LedgerClass.DIRECT and not entry.is_pivot:
        return "one that holds nothing can only be the pivot"
    if is_vault != (entry.receipt_key == ZERO_BYTES32):
        return "a bank signs receipts under its key; for a vault zero stands there"
    return None
