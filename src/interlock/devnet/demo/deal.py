"""One settlement of the demo: seller and buyer sign, the nodes settle, the receipt is kept and verified."""

import asyncio
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from interlock.client.http import ClientError
from interlock.client.node import consent
from interlock.core.instruction import (
    AccountLeg,
    AccountTerms,
    Instruction,
    LegIndex,
    OnchainLeg,
    PartySignature,
    SettlementId,
    settlement_id,
)
from interlock.core.limits import GENERATION_BITS
from interlock.devnet.assets import Account
from interlock.devnet.demo.outcome import Balances, LegEnd, is_contradiction, read_balances, read_legs
from interlock.devnet.demo.timeline import Timeline, dollars, tokens
from interlock.devnet.network import BANK_NAME, CHAIN_ID, MONEY, DevNetwork
from interlock.encoding.values import ZERO_BYTES32, Bytes32, MinorUnits, Uint32, Uint64, Uint256, UnixSeconds, hex_of
from interlock.evidence.report import Report
from interlock.evidence.verify import verify_receipt
from interlock.ledgers.evm.abi import encode_prepare

PREPARE_WITHIN_S = 120
"""How long the demo's parties give the ledgers to hold; far more than it takes."""
ENDED_WITHIN_S = 90.0
"""How long the demo waits for the end of a settlement before it gives up."""
ASK_S = 0.1


class DealStuck(Exception):
    """A settlement did not end in time; the message says where it is."""


class LedgersDisagree(DealStuck):
    """It did not end because one leg is delivered and another was given back: what must never be."""


@dataclass(frozen=True, slots=True)
class DealEnd:
    """How one settlement ended."""

    outcome: str
    """`settled` or `unwound`."""
    legs: tuple[LegEnd, ...]
    before: Balances
    after: Balances
    seconds: float
    """From the first signature brought to the end on every ledger."""
    receipt: Path
    report: Report
    """What the offline verifier says of the receipt."""
    agreed: bool
    """Every node tells the same outcome."""

    @property
    def conserved(self) -> bool:
        """Tell whether no token and no cent appeared or vanished."""
        return (self.before.tokens, self.before.cents) == (self.after.tokens, self.after.cents)


class Deal:
    """One trade between the demo's seller and buyer."""

    def __init__(
        self, network: DevNetwork, timeline: Timeline, *, units: int, cents: int, lane: int, name: str = ""
    ) -> None:
        roles = network.roles
        self._network = network
        self._timeline = timeline
        self._name = name
        self.instruction = Instruction(
            memo=f"{tokens(units)} against {dollars(cents)}",
            onchain_legs=(
                OnchainLeg(
                    chain_id=Uint256(CHAIN_ID),
                    vault=network.market.vault,
                    token=network.market.token,
                    amount=MinorUnits(Uint256(units)),
                    payer=roles.seller.address,
                    payee=roles.buyer.address,
                    nonce=Uint256(lane << GENERATION_BITS | 1),
                ),
            ),
            account_legs=(
                AccountLeg(
                    signer=roles.buyer.address,
                    terms=AccountTerms(
                        ledger=BANK_NAME,
                        asset=MONEY,
                        amount=MinorUnits(Uint256(cents)),
                        payer="buyer",
                        payee="seller",
                        blind=Bytes32(secrets.token_bytes(32)),
                    ),
                ),
            ),
            pivot="",
            conditions=ZERO_BYTES32,
            settle_from=UnixSeconds(Uint64(0)),
            prepare_by=UnixSeconds(Uint64(int(time.time()) + PREPARE_WITHIN_S)),
            pivot_window=Uint64(0),
            nonce=Bytes32(secrets.token_bytes(32)),
        )
        self.id: SettlementId = settlement_id(network.genesis.network_id, self.instruction)
        self._before: Balances | None = None
        self._began = 0.0

    async def sign(self, *, seller_locks_first: bool = False) -> None:
        """Let the seller bring the signed terms to one node, and the buyer sign them at another.

        The nodes ask both ledgers for their holds once all have signed; a seller who wants to can lock the tokens
        itself before that, by its own call of the vault.
        """
        network_id, roles = self._network.genesis.network_id, self._network.roles
        self._before = await read_balances(self._network)
        self._timeline.follow(self.id, self._name)
        self._began = time.monotonic()
        sellers = consent(network_id, self.instruction, roles.seller)
        self._say("seller", f"signs {self.instruction.memo} and brings it to node 0")
        await self._network.clients[0].instruct(self.instruction, [sellers])
        if seller_locks_first:
            await self._lock(sellers)
        self._say("buyer", "signs the same terms and brings the signature to node 1")
        await self._network.clients[1].sign(self.id, [consent(network_id, self.instruction, roles.buyer)])

    async def _lock(self, sellers: PartySignature) -> None:
        """Let the seller call `prepare` of the vault itself: its own signature is enough then."""
        self._say("seller", "locks the tokens in the vault itself, without waiting for the buyer")
        seller = Account(self._network.chain.rpc, CHAIN_ID, self._network.roles.seller)
        data = encode_prepare(self.instruction, LegIndex(Uint32(0)), [sellers.signature, b""])
        await seller.mined([await seller.send(self._network.market.vault, data)])

    def _say(self, who: str, text: str) -> None:
        self._timeline.say(who, f"{self._name}: {text}" if self._name else text)

    async def both_held(self) -> None:
        """Wait until holds were seen on both ledgers."""
        async with asyncio.timeout(ENDED_WITHIN_S):
            await self._timeline.both_held(self.id)

    async def end(self, folder: Path, file_name: str) -> DealEnd:
        """Wait until every node says that it ended; keep and verify its receipt. DealStuck."""
        states = await self._ended_everywhere()
        seconds = time.monotonic() - self._began
        await self._timeline.catch_up()
        receipt = await self._network.clients[0].receipt(self.id)
        path = folder / f"{file_name}.receipt.json"
        path.write_bytes(receipt)
        after = await read_balances(self._network)
        return DealEnd(
            outcome="settled" if states[0] == "SETTLED" else "unwound",
            legs=await read_legs(self._network, self.id, self.instruction),
            before=self._before or after,
            after=after,
            seconds=seconds,
            receipt=path,
            report=verify_receipt(receipt, self._network.genesis_path.read_bytes()),
            agreed=len(set(states)) == 1,
        )

    async def _ended_everywhere(self) -> list[str]:
        seen: list[str] = []
        try:
            async with asyncio.timeout(ENDED_WITHIN_S):
                while True:
                    seen = [await self._state_at(index) for index in range(len(self._network.clients))]
                    if all(each in {"SETTLED", "UNWOUND"} for each in seen):
                        return seen
                    await asyncio.sleep(ASK_S)
        except TimeoutError:
            raise await self._why_stuck(seen) from None

    async def _why_stuck(self, seen: list[str]) -> DealStuck:
        """Ask the ledgers themselves where the legs are."""
        legs = await read_legs(self._network, self.id, self.instruction)
        where = ", ".join(f"{leg.ledger} {leg.state}" for leg in legs)
        kind = LedgersDisagree if is_contradiction(legs) else DealStuck
        return kind(
            f"settlement {hex_of(self.id)} did not end within {ENDED_WITHIN_S:g} s; the nodes say {seen}, the ledgers "
            f"say {where}; run it again with --keep DIR and look into its logs"
        )

    async def _state_at(self, index: int) -> str:
        try:
            view = await self._network.clients[index].settlement(self.id)
        except ClientError:
            return "UNREACHABLE"
        return str(view["state"])
