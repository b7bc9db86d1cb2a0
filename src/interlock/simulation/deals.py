"""What parties do: they sign instructions, bring them, change their minds, and try again when nobody answers."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from interlock.core.entry import Cancel, Instruct, PartyEntry, Sign
from interlock.core.instruction import (
    AccountLeg,
    AccountTerms,
    Instruction,
    OnchainLeg,
    PartySignature,
    SettlementId,
    cancel_digest,
    parse_vault_name,
    settlement_id,
)
from interlock.core.rejection import Reason
from interlock.encoding.values import (
    ZERO_BYTES32,
    Address,
    Bytes32,
    MinorUnits,
    Uint64,
    Uint256,
    UnixSeconds,
)
from interlock.keys.signer import Signer
from interlock.simulation.cluster import Cluster, Machine, NoAnswer
from interlock.simulation.dice import Dice
from interlock.simulation.world import World

RETRY_S = 1.0
"""Pause before a party tries another node."""
PREPARE_WITHIN_S = (20, 60)
"""From the signature to `prepareBy`, at least and at most."""
USD = "USD/2"
TOKEN = Address(b"\xa2" * 20)
GENERATION_BITS = 40

_GOOD = {Reason.NOTHING_NEW, Reason.ALREADY_DECIDED}
"""Refusals that tell a party that its entry was ordered before."""


class Course(Enum):
    """What the parties of a deal do."""

    TOGETHER = auto()
    """One brings both signatures."""
    ONE_BY_ONE = auto()
    """Each brings its own."""
    ONE_SIDED = auto()
    """One signs, the other never does."""
    ONE_WITHDRAWS = auto()
    """One signs and withdraws."""
    ALL_WITHDRAW = auto()
    """Both sign and both withdraw, at a bad moment."""
    TREACHERY = auto()
    """Both sign before every node, and withdraw before one: a log with two faces is told two stories."""


USUAL_COURSES = (
    *[Course.TOGETHER] * 13,
    *[Course.ONE_BY_ONE] * 3,
    Course.ONE_SIDED,
    Course.ONE_WITHDRAWS,
    *[Course.ALL_WITHDRAW] * 2,
)
"""What parties do, as often as they stand here."""
TREACHEROUS_COURSES = (Course.TOGETHER, Course.TREACHERY, Course.TREACHERY)
"""What parties do who are in league with a lying log."""


@dataclass(frozen=True, slots=True)
class Deal:
    """One settlement that somebody wants."""

    id: SettlementId
    terms: Instruction
    course: Course
    begins_s: float
    """Virtual time at which its parties begin."""


class Parties:
    """Two keys that deal with each other, again and again."""

    def __init__(
        self,
        world: World,
        cluster: Cluster,
        network_id: Bytes32,
        signers: tuple[Signer, Signer],
        ledgers: Sequence[str],
        courses: Sequence[Course] = USUAL_COURSES,
    ) -> None:
        """Let them deal in a token of the vault, the first ledger, and money of the bank, the second."""
        self._courses = courses
        self._world = world
        self._cluster = cluster
        self._network_id = network_id
        self._seller, self._buyer = signers
        self._vault, self._bank = ledgers

    def deal(self, number: int, begins_s: float) -> Deal:
        """Think of a deal."""
        dice = self._world.dice.split("deal", number)
        terms = self._terms(number, int(self._world.now() + begins_s), dice)
        return Deal(settlement_id(self._network_id, terms), terms, dice.choice(self._courses), begins_s)

    async def run(self, deal: Deal, number: int) -> None:
        """Do what its course says, as long as it takes."""
        dice = self._world.dice.split("course", number)
        await self._world.later(max(0.0, deal.begins_s - self._world.loop.time()))
        seller, buyer = self._consent(deal.id, self._seller), self._consent(deal.id, self._buyer)
        match deal.course:
            case Course.TOGETHER:
                await self._bring(deal, Instruct(deal.terms, None, (seller, buyer)), dice)
            case Course.ONE_BY_ONE:
                await self._bring(deal, Instruct(deal.terms, None, (seller,)), dice)
                await self._world.later(dice.wait(1.0))
                await self._bring(deal, Sign(deal.id, (buyer,)), dice)
            case Course.ONE_SIDED:
                await self._bring(deal, Instruct(deal.terms, None, (buyer,)), dice)
            case Course.ONE_WITHDRAWS:
                await self._bring(deal, Instruct(deal.terms, None, (seller,)), dice)
                await self._world.later(dice.wait(1.0))
                await self._bring(deal, self._cancel(deal.id, self._seller), dice)
            case Course.ALL_WITHDRAW:
                await self._bring(deal, Instruct(deal.terms, None, (seller, buyer)), dice)
                await self._world.later(dice.wait(1.0))
                await self._bring(deal, self._cancel(deal.id, self._seller, self._buyer), dice)
            case Course.TREACHERY:
                entry = Instruct(deal.terms, None, (seller, buyer))
                machines = [each for each in self._cluster.machines.values() if each.is_up]
                await asyncio.gather(*(self._is_taken(each, entry) for each in machines))
                await self._bring(deal, self._cancel(deal.id, self._seller, self._buyer), dice)

    async def _bring(self, deal: Deal, entry: PartyEntry, dice: Dice) -> None:
        """Try one node after another until one has applied the entry, or it is too late."""
        while self._world.now() <= deal.terms.prepare_by:
            machines = [each for each in self._cluster.machines.values() if each.is_up]
            if machines and await self._is_taken(dice.choice(machines), entry):
                if dice.chance(0.1):  # the same again through another door changes nothing
                    await self._is_taken(dice.choice(machines), entry)
                return
            await self._world.later(RETRY_S)

    async def _is_taken(self, machine: Machine, entry: PartyEntry) -> bool:
        try:
            _, rejection = await self._cluster.submit(machine, entry)
        except NoAnswer:
            return False
        return rejection is None or rejection.reason in _GOOD

    def _terms(self, number: int, now: int, dice: Dice) -> Instruction:
        chain_id, vault = parse_vault_name(self._vault)
        asset = OnchainLeg(
            chain_id=Uint256(chain_id),
            vault=vault,
            token=TOKEN,
            amount=MinorUnits(Uint256(1 + dice.below(1_000_000))),
            payer=self._seller.address,
            payee=self._buyer.address,
            nonce=Uint256((number + 1) << GENERATION_BITS | 1),
        )
        money = AccountTerms(
            ledger=self._bank,
            asset=USD,
            amount=MinorUnits(Uint256(1 + dice.below(1_000_000))),
            payer="buyer",
            payee="seller",
            blind=Bytes32(dice.bytes(32)),
        )
        return Instruction(
            memo=f"deal {number}",
            onchain_legs=(asset,),
            account_legs=(AccountLeg(self._buyer.address, money),),
            pivot="",
            conditions=ZERO_BYTES32,
            settle_from=UnixSeconds(Uint64(0)),
            prepare_by=UnixSeconds(Uint64(now + dice.whole(*PREPARE_WITHIN_S))),
            pivot_window=Uint64(0),
            nonce=Bytes32(number.to_bytes(32, "big")),
        )

    def _consent(self, digest: Bytes32, signer: Signer) -> PartySignature:
        return PartySignature(signer.address, signer.sign(digest))

    def _cancel(self, id_: SettlementId, *signers: Signer) -> Cancel:
        digest = cancel_digest(self._network_id, id_)
        return Cancel(id_, None, tuple(self._consent(digest, each) for each in signers))


async def run_all(parties: Parties, deals: Iterable[Deal]) -> None:
    """Let all deals run their course."""
    await asyncio.gather(*(parties.run(deal, number) for number, deal in enumerate(deals)))
