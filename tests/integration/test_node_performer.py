"""The performer lets no leg wait for another one's sake."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from interlock.core.committee import MemberIndex
from interlock.core.settlement import Settlement, State
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Uint32
from interlock.ledgers.evm.ledger import EvmLedger, EvmSettings
from interlock.ledgers.evm.sender import Timing
from interlock.ledgers.evm.transaction import GasKey
from interlock.node.performer import Performer
from support import world
from support.bell import PATIENCE_S
from support.evm import FAR_OFF, FakeChain, serving
from support.log import Log

WAITING = 100


def preparing() -> Iterator[Settlement]:
    """Give matched settlements whose legs on the vault are to be prepared; their bank is not connected."""
    log, first = Log(), world.instruction()
    log.instruct(first)
    assert log[world.id_of(first)].state is State.PREPARING
    for salt in itertools.count(2):
        terms = world.instruction(salt=salt)
        id_ = world.id_of(terms)
        signatures = tuple(key.consent(id_) for key in (world.ALICE, world.BOB))
        yield replace(log[world.id_of(first)], id=id_, terms=terms, signatures=signatures)


def is_first(settlement: Settlement) -> bool:
    """Tell whether member 0 has the first turn with the first leg."""
    return int.from_bytes(keccak256(settlement.id + bytes(4)), "big") % len(world.NODES) == 0


async def test_legs_that_wait_their_turn_delay_no_leg_whose_turn_is_now() -> None:
    """A hundred legs sleep until the nodes before us had their turns; the next one is sent at once."""
    known = list(itertools.islice(itertools.filterfalse(is_first, preparing()), WAITING))
    known.append(next(filter(is_first, preparing())))
    chain, has_sent = FakeChain(), asyncio.Event()
    chain.on_send = lambda _raw: has_sent.set()
    for_ever: Any = asyncio.Event()
    async with serving(chain) as url:
        ledger = EvmLedger(
            EvmSettings(url, world.CHAIN_ID, world.VAULT, confirmations=0, stagger_s=5.0),
            network_id=world.NETWORK,
            committee=world.COMMITTEE,
            member=MemberIndex(Uint32(0)),
            gas_key=GasKey(world.key(900)),
            timing=Timing(lambda: 0.0, lambda _seconds: for_ever.wait(), lambda: FAR_OFF),
        )
        performer = Performer(
            replica=SimpleNamespace(  # type: ignore[arg-type]  # all it reads
                settlements={each.id: each for each in known},
                is_handing_over=False,
                is_compromised=False,
                pending=None,
                rotations=[],
            ),
            ledgers={ledger.name: ledger},
            voter=None,  # type: ignore[arg-type]  # nothing is decided
            stop=lambda error: chain.faults.append(lambda _: error),
        )
        performer.refresh([each.id for each in known])
        async with asyncio.timeout(PATIENCE_S):
            await has_sent.wait()
        await asyncio.gather(*performer.stop(), return_exceptions=True)
        await ledger.close()
