"""How a settlement ended, judged from the ledgers themselves and from its receipt, not from what nodes say."""

from dataclasses import dataclass

from eth_abi.abi import decode, encode

from interlock.core.instruction import Instruction, OnchainLeg, SettlementId
from interlock.devnet.network import BANK_NAME, DevNetwork
from interlock.encoding.values import hex_of
from interlock.ledgers.evm.artifact import load_artifact

_VAULT_STATES = ("open", "held", "entitled", "entitled", "delivered", "returned", "tombstoned")
"""The vault's statuses 0 to 6 in the words of a leg."""
_BANK_STATES = {
    "HELD": "held",
    "REFUSED": "refused",
    "CAPTURED": "delivered",
    "RELEASED": "returned",
    "TOMBSTONED": "tombstoned",
}


@dataclass(frozen=True, slots=True)
class Balances:
    """Who has what, on both ledgers."""

    seller_tokens: int
    buyer_tokens: int
    vault_tokens: int
    seller_cents: int
    seller_held_cents: int
    buyer_cents: int
    buyer_held_cents: int

    @property
    def tokens(self) -> int:
        """All tokens of the demo."""
        return self.seller_tokens + self.buyer_tokens + self.vault_tokens

    @property
    def cents(self) -> int:
        """All money of the demo."""
        return self.seller_cents + self.seller_held_cents + self.buyer_cents + self.buyer_held_cents


@dataclass(frozen=True, slots=True)
class LegEnd:
    """Where one leg ended, as its own ledger says."""

    ledger: str
    state: str
    """`delivered`, `returned`, `tombstoned`, `refused`; or, where it has not ended, `open`, `held`, `entitled`."""


async def read_balances(network: DevNetwork) -> Balances:
    """Read both ledgers."""
    seller_cents, seller_held = await network.operator.balance("seller")
    buyer_cents, buyer_held = await network.operator.balance("buyer")
    return Balances(
        seller_tokens=await network.tokens_of(network.roles.seller.address),
        buyer_tokens=await network.tokens_of(network.roles.buyer.address),
        vault_tokens=await network.tokens_of(network.market.vault),
        seller_cents=seller_cents,
        seller_held_cents=seller_held,
        buyer_cents=buyer_cents,
        buyer_held_cents=buyer_held,
    )


async def read_legs(network: DevNetwork, settlement: SettlementId, instruction: Instruction) -> tuple[LegEnd, ...]:
    """Ask each ledger where the settlement's leg is."""
    chain_legs = [
        await _vault_leg(network, settlement, index, leg) for index, leg in enumerate(instruction.onchain_legs)
    ]
    first = len(chain_legs)
    bank_legs = [await _bank_leg(network, settlement, first + index) for index in range(len(instruction.account_legs))]
    return (*chain_legs, *bank_legs)


def is_contradiction(legs: tuple[LegEnd, ...]) -> bool:
    """Tell whether one leg is delivered and another can never be, whatever else is still under way."""
    states = {leg.state for leg in legs}
    return "delivered" in states and bool(states & {"returned", "tombstoned"})


def is_disagreement(legs: tuple[LegEnd, ...]) -> bool:
    """Tell whether, at the end, one leg delivered and another did not: what must never be."""
    delivered = sum(leg.state == "delivered" for leg in legs)
    return 0 < delivered < len(legs)


async def _vault_leg(network: DevNetwork, settlement: SettlementId, index: int, leg: OnchainLeg) -> LegEnd:
    functions = load_artifact("Vault").functions
    terms = (
        leg.chain_id,
        hex_of(leg.vault),
        hex_of(leg.token),
        leg.amount,
        hex_of(leg.payer),
        hex_of(leg.payee),
        leg.nonce,
    )
    commitment_of = functions["commitmentOf"]
    wanted = await _call(network, commitment_of.selector + encode(commitment_of.inputs, [settlement, index, terms]))
    hold_of = functions["holdOf"]
    answer = await _call(network, hold_of.selector + encode(hold_of.inputs, [hex_of(leg.payer), leg.lane]))
    commitment, _, status = decode(hold_of.outputs, answer)
    is_this_leg = commitment == decode(commitment_of.outputs, wanted)[0]
    return LegEnd(network.vault_ledger, _VAULT_STATES[status] if is_this_leg else "open")


async def _bank_leg(network: DevNetwork, settlement: SettlementId, index: int) -> LegEnd:
    view = await network.operator.json("GET", f"/v1/holds/{hex_of(settlement)}/{index}")
    return LegEnd(BANK_NAME, _BANK_STATES[view["state"]])


async def _call(network: DevNetwork, data: bytes) -> bytes:
    call = {"to": hex_of(network.market.vault), "data": hex_of(data)}
    answer: str = await network.chain.rpc.call("eth_call", call, "latest")
    return bytes.fromhex(answer[2:])
