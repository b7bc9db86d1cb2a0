"""The one place where a node's real parts are made and put together."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from interlock.core.committee import Genesis, first_committee
from interlock.core.instruction import parse_vault_name
from interlock.encoding.canonical import Malformed
from interlock.encoding.values import ZERO_BYTES32, Bytes32, Uint32, hex_of
from interlock.keys.sign_once import SignOnceRecord
from interlock.keys.signer import FileSigner
from interlock.ledgers.bank.adapter import BankLedger
from interlock.ledgers.evm.ledger import EvmLedger, EvmSettings
from interlock.ledgers.evm.transaction import GasKey
from interlock.ledgers.protocol import Ledger
from interlock.node.config import (
    DECISION_KEY_FILE,
    FINAL_FILE,
    GAS_KEY_FILE,
    RECORD_FILE,
    STORE_FILE,
    BankConnection,
    ConfigInvalid,
    NodeConfig,
    VaultConnection,
)
from interlock.node.node import Node, Parts
from interlock.node.store import NodeStore
from interlock.node.watcher import Claim
from interlock.ordering.embedded.client import EmbeddedLog
from interlock.service.private_file import PrivateFileError, read_private

log = logging.getLogger(__name__)

TOKEN_BYTES_MAX = 4_096
"""A bearer token's file."""


Connect = Callable[[Path, NodeConfig, Genesis, VaultConnection | BankConnection], Ledger]
"""How a node's connection to a ledger is made."""


@asynccontextmanager
async def open_node(home: Path, config: NodeConfig, genesis: Genesis, connect: Connect) -> AsyncIterator[Node]:
    """Make a node from its home; everything it holds is given back on exit.

    Raises what its parts raise: KeyFileError, SignOnceError, StoreForeign, ConfigInvalid.
    """
    async with AsyncExitStack() as stack:
        signer = FileSigner.load(home / DECISION_KEY_FILE)
        if first_committee(genesis).index_of(signer.address) != config.member:
            raise ConfigInvalid(
                f"{home / DECISION_KEY_FILE} holds the key of {hex_of(signer.address)}, which is not member "
                f"{config.member} of {genesis.name!r}; give the member its own key"
            )
        record = stack.enter_context(SignOnceRecord(home / RECORD_FILE))
        store = NodeStore(home / STORE_FILE, genesis.network_id)
        stack.callback(store.close)
        log_ = await stack.enter_async_context(EmbeddedLog(config.log_host, config.log_port))
        ledgers: dict[str, Ledger] = {}
        for connection in config.ledgers:
            ledger = connect(home, config, genesis, connection)
            stack.push_async_callback(ledger.close)
            ledgers[connection.name] = ledger
        yield Node(
            Parts(
                genesis=genesis,
                member=config.member,
                signer=signer,
                record=record,
                store=store,
                log=log_,
                ledgers=ledgers,
                claims={each.name: _claim(each) for each in config.ledgers},
                look_interval_s=config.look_interval_ms / 1_000,
            )
        )


def _claim(connection: VaultConnection | BankConnection) -> Claim:
    """Give what a connection's configuration says that the registry must say too."""
    if isinstance(connection, BankConnection):
        return Claim(connection.receipt_key, Uint32(0))
    return Claim(ZERO_BYTES32, connection.confirmations)


def connect_ledger(home: Path, config: NodeConfig, genesis: Genesis, to: VaultConnection | BankConnection) -> Ledger:
    """Make the connection to one ledger. ConfigInvalid, KeyFileError."""
    if isinstance(to, BankConnection):
        return BankLedger(
            to.name,
            to.url,
            network_id=genesis.network_id,
            receipt_key=Bytes32(to.receipt_key),
            read_token=_token(home / to.read_token_file),
        )
    chain_id, vault = parse_vault_name(to.name)
    memory = home / FINAL_FILE.format(chain_id=chain_id, vault=hex_of(vault))
    gas_key = GasKey(FileSigner.load(home / GAS_KEY_FILE))
    try:
        return EvmLedger(
            EvmSettings(
                url=to.url,
                chain_id=chain_id,
                vault=vault,
                confirmations=to.confirmations,
                start_block=to.start_block,
                stagger_s=to.stagger_ms / 1_000,
                memory=memory,
            ),
            network_id=genesis.network_id,
            committee=first_committee(genesis),
            member=config.member,
            gas_key=gas_key,
        )
    except Malformed as error:
        raise ConfigInvalid(
            f"{memory} holds the newest final block that this node saw, and is damaged ({error}): put a copy back; or, "
            f"once you are sure that chain {chain_id} has replaced no final block, remove it"
        ) from None


def _token(path: Path) -> str:
    """Read a bearer token's file, which only its owner may read. ConfigInvalid."""
    try:
        return read_private(path, TOKEN_BYTES_MAX).decode("ascii").strip()
    except PrivateFileError as error:
        raise ConfigInvalid(f"no token was read: {error}") from None
    except UnicodeDecodeError:
        raise ConfigInvalid(f"{path}: a token is ASCII") from None
