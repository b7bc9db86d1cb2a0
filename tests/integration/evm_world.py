"""A chain as a process, with the real vault and the demo token on it, for the EVM adapter's tests.

Blocks are made by `mine` only; two blocks below the head are final. Every settlement has lanes of its own, so that the
tests share one chain.
"""

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from interlock.core.committee import MemberIndex
from interlock.core.instruction import Instruction
from interlock.devnet.assets import Account, token_balance
from interlock.devnet.chain.anvil import AnvilChain
from interlock.devnet.chain.process import ChainProcess, EmbeddedChain
from interlock.encoding.values import Address, MinorUnits, Uint32, Uint64, Uint256, UnixSeconds, hex_of
from interlock.evidence.chain_event import event_fault
from interlock.evidence.document import ChainEventDocument
from interlock.ledgers.evm.ledger import EvmLedger, EvmSettings
from interlock.ledgers.evm.transaction import GasKey
from interlock.ledgers.protocol import Observation, Watch
from support import world
from support.evm import Clock, watch

LAG = 2
ETHER = 10**18
ISSUER = world.key(800)
GAS_KEYS = tuple(world.key(900 + member) for member in range(4))
AMOUNT = 1_000
_lanes = itertools.count(1)


@dataclass
class EvmWorld:
    """The chain and what stands on it."""

    chain: ChainProcess
    vault: Address
    token: Address
    registry: Address
    issuer: Account
    ledgers: AsyncExitStack
    clock: Clock = field(default_factory=Clock)

    async def final(self, timestamp: int | None = None) -> None:
        """Make what waits final, in blocks of this time where one is given."""
        if timestamp is not None and isinstance(self.chain, EmbeddedChain):
            await self.chain.mine(1 + LAG, timestamp)
            return
        if timestamp is not None:
            await self.chain.rpc.call("evm_setNextBlockTimestamp", timestamp)
        await self.chain.mine(1 + LAG)

    async def tell(self, contract: str, to: Address, function: str, *args: object) -> None:
        """Let the issuer do something, and make it final."""
        sent = await self.issuer.call(contract, to, function, *args)
        await self.final()
        await self.issuer.mined([sent])

    async def now(self) -> int:
        """Give the newest block's time."""
        block = await self.chain.rpc.call("eth_getBlockByNumber", "latest", False)
        return int(block["timestamp"], 16)

    async def balance(self, holder: Address) -> int:
        """Give a holder's tokens."""
        return await token_balance(self.chain.rpc, self.token, holder)

    def ledger(self, member: int = 0, **settings: object) -> EvmLedger:
        """Give a node's connection; it is closed at the end of the world."""
        usual = EvmSettings(self.chain.url, world.CHAIN_ID, self.vault, confirmations=0, stagger_s=0.0)
        ledger = EvmLedger(
            replace(usual, **settings),  # type: ignore[arg-type]  # a test names the fields it changes
            network_id=world.NETWORK,
            committee=world.COMMITTEE,
            member=MemberIndex(Uint32(member)),
            gas_key=GasKey(GAS_KEYS[member]),
            timing=self.clock.timing,
        )
        self.ledgers.push_async_callback(ledger.close)
        return ledger

    async def deal(self, legs: int = 1, *, prepare_in_s: int = 600) -> list[Watch]:
        """Agree on a settlement of so many legs from Alice to Bob, signed by both; watch each of them."""
        terms: Instruction = world.instruction(
            onchain_legs=tuple(
                world.onchain_leg(
                    vault=self.vault,
                    token=self.token,
                    amount=MinorUnits(Uint256(AMOUNT)),
                    nonce=world.nonce(next(_lanes)),
                )
                for _ in range(legs)
            ),
            prepare_by=UnixSeconds(Uint64(await self.now() + prepare_in_s)),
        )
        return [watch(terms, leg) for leg in range(legs)]

    async def rivals(self) -> tuple[Watch, Watch, Watch]:
        """Agree on three settlements that want one lane: two with its first generation, one with the second."""
        deals = [(await self.deal())[0].terms for _ in range(3)]
        lane = deals[0].onchain_legs[0].lane
        legs = [
            replace(terms.onchain_legs[0], nonce=world.nonce(lane, generation))
            for terms, generation in zip(deals, (1, 1, 2), strict=True)
        ]
        one, two, three = (
            watch(replace(terms, nonce=world.word(number), onchain_legs=(leg,)))
            for number, (terms, leg) in enumerate(zip(deals, legs, strict=True))
        )
        return one, two, three


@asynccontextmanager
async def evm_world(home: Path, anvil: Path | None = None) -> AsyncIterator[EvmWorld]:
    """Start a chain, deploy the contracts, permit everybody, give Alice tokens and let the vault take them."""
    balances = {hex_of(key.address): 1_000 * ETHER for key in (ISSUER, world.ALICE, *GAS_KEYS)}
    chain: EmbeddedChain | AnvilChain
    if anvil is None:
        chain = EmbeddedChain(home, balances=balances, block_interval_s=0, finality_lag_blocks=LAG)
    else:
        chain = AnvilChain(anvil, home, balances=balances, block_interval_s=0, finality_lag_blocks=LAG)
    async with chain, AsyncExitStack() as ledgers:
        issuer, alice = (Account(chain.rpc, world.CHAIN_ID, key) for key in (ISSUER, world.ALICE))
        registry, vault = await deployed(
            chain,
            issuer,
            ("KycRegistry", hex_of(issuer.address)),
            ("Vault", world.NETWORK, [hex_of(node.address) for node in world.NODES]),
        )
        (token,) = await deployed(chain, issuer, ("TreasuryToken", hex_of(issuer.address), hex_of(registry)))
        sent = [
            await issuer.call("KycRegistry", registry, "allow", hex_of(account))
            for account in (world.ALICE.address, world.BOB.address, vault)
        ]
        sent.append(await issuer.call("TreasuryToken", token, "mint", hex_of(world.ALICE.address), 1_000_000))
        sent.append(await alice.call("TreasuryToken", token, "approve", hex_of(vault), 2**256 - 1))
        await chain.mine(1 + LAG)
        await issuer.mined(sent)
        yield EvmWorld(chain, vault, token, registry, issuer, ledgers)


async def deployed(chain: ChainProcess, issuer: Account, *contracts: tuple[object, ...]) -> list[Address]:
    """Create contracts; give their addresses."""
    sent = [await issuer.deploy(str(name), *args) for name, *args in contracts]
    await chain.mine()
    return [Address(bytes.fromhex(each["contractAddress"][2:])) for each in await issuer.mined(sent)]


async def transactions(evm: EvmWorld) -> int:
    """Count what the four nodes have in blocks."""
    counts = [await evm.chain.rpc.call("eth_getTransactionCount", hex_of(key.address), "latest") for key in GAS_KEYS]
    return sum(int(each, 16) for each in counts)


def proves(seen: Observation, known: Watch) -> bool:
    """Tell whether an observation's event proves its fact offline."""
    assert isinstance(seen.document, ChainEventDocument)
    leg = known.terms.onchain_legs[known.leg]
    return event_fault(seen.document, known.settlement, known.leg, leg, seen.fact) is None
