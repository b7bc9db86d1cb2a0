"""A node's eyes on the scripted vault, for the tests of the EVM adapter's observer."""

from interlock.core.attestation import Fact
from interlock.core.instruction import vault_name
from interlock.ledgers.evm.events import EventReader
from interlock.ledgers.evm.finality import Finality
from interlock.ledgers.evm.observer import Observer
from interlock.ledgers.evm.rpc import Rpc
from interlock.ledgers.evm.vault import Vault
from interlock.ledgers.protocol import Sighting
from support import world
from support.evm import FAR_OFF

NAME = vault_name(world.CHAIN_ID, world.VAULT)
REFUSED_PAYEE = (True, False, True, b"not allowed")


def eyes(rpc: Rpc, *, range_blocks: int = 1_000, start_block: int = 0) -> Observer:
    """Give a node's fresh eyes."""
    vault = Vault(world.CHAIN_ID, world.VAULT, world.NETWORK, world.COMMITTEE)
    events = EventReader(rpc, world.CHAIN_ID, world.VAULT, range_blocks)
    return Observer(rpc, vault, Finality(rpc, 0, unix=lambda: FAR_OFF), events, start_block)


def facts(sighting: Sighting) -> list[Fact]:
    """Give the facts, where there was no trouble."""
    assert sighting.troubles == ()
    return [each.fact for each in sighting.observations]


def trouble(sighting: Sighting, kind: type) -> str:
    """Give the one trouble's sentence."""
    (error,) = sighting.troubles
    assert type(error) is kind
    return str(error)
