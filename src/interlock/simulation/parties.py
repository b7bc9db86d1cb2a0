"""What parties do: they sign, bring what they signed, change their minds, and try again when nobody answers."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from interlock.core.entry import Cancel, Instruct, PartyEntry, Sign
from interlock.core.instruction import (
    LegIndex,
    PartySignature,
    SettlementId,
    cancel_digest,
    ledger_of,
    legs_of,
    redact,
    required_signers,
)
from interlock.core.rejection import Reason
from interlock.encoding.values import Address, Bytes32, Uint32
from interlock.keys.signer import Signer
from interlock.ledgers.memory.book import Book
from interlock.ledgers.protocol import Watch
from interlock.simulation.cluster import Cluster, Machine, NoAnswer
from interlock.simulation.deals import Course, Deal
from interlock.simulation.dice import Dice
from interlock.simulation.narrator import Narrator
from interlock.simulation.world import World

RETRY_S = 1.0
"""Pause before a party tries another node."""
LATE_S = 5.0
"""How long after `prepareBy` a party still tries to bring what no hold stands for."""
HELD_BACK_MAX_S = 60.0
"""How long a party keeps back an instruction for which a hold stands; then it is brought, however long it takes."""

_GOOD = {Reason.NOTHING_NEW, Reason.ALREADY_DECIDED}
"""Refusals that tell a party that its entry was ordered before."""


class Parties:
    """Everybody who deals, and their keys."""

    def __init__(
        self,
        world: World,
        cluster: Cluster,
        network_id: Bytes32,
        signers: Sequence[Signer],
        books: Mapping[str, Book],
        narrator: Narrator,
    ) -> None:
        self._world = world
        self._cluster = cluster
        self._network_id = network_id
        self._signers = {each.address: each for each in signers}
        self._books = books
        self._narrator = narrator

    async def run_all(self, deals: Iterable[Deal]) -> None:
        """Let all deals run their course."""
        await asyncio.gather(*(self._run(each) for each in deals))

    async def _run(self, deal: Deal) -> None:
        dice = self._world.dice.split("course", deal.number)
        await self._world.later(max(0.0, deal.begins_s - self._world.loop.time()))
        self._narrator.on_terms(deal.id, deal.terms)
        needed = required_signers(deal.terms)
        match deal.course:
            case Course.TOGETHER:
                await self._bring(deal, self._instruct(deal, needed), dice)
            case Course.ONE_BY_ONE:
                await self._bring(deal, self._instruct(deal, needed[:1]), dice)
                for each in needed[1:]:
                    await self._world.later(dice.wait(1.0))
                    await self._bring(deal, Sign(deal.id, (self._consent(deal.id, each),)), dice)
            case Course.ONE_SIDED:
                await self._bring(deal, self._instruct(deal, needed[-1:]), dice)
            case Course.ONE_WITHDRAWS:
                await self._bring(deal, self._instruct(deal, needed[:1]), dice)
                await self._world.later(dice.wait(1.0))
                await self._bring(deal, self._cancel(deal, needed[:1]), dice)
            case Course.ALL_WITHDRAW:
                await self._bring(deal, self._instruct(deal, needed), dice)
                await self._world.later(dice.wait(1.0))
                await self._bring(deal, self._cancel(deal, needed), dice)
            case Course.HOLD_FIRST:
                await self._hold_first(deal, needed, dice)
            case Course.TREACHERY:
                entry = self._instruct(deal, needed)
                machines = [each for each in self._cluster.machines.values() if each.is_up]
                await asyncio.gather(*(self._is_taken(each, entry) for each in machines))
                await self._bring(deal, self._cancel(deal, needed), dice)

    async def _hold_first(self, deal: Deal, needed: Sequence[Address], dice: Dice) -> None:
        """Let somebody bring all signatures to one ledger, and the instruction to the log only some time later."""
        entry = self._instruct(deal, needed)
        leg = dice.below(len(legs_of(deal.terms)))
        watch = Watch(deal.id, deal.terms, LegIndex(Uint32(leg)), signatures=entry.signatures)
        self._books[ledger_of(legs_of(deal.terms)[leg]) or ""].prepare(watch)
        await self._world.later(min(dice.wait(10.0), HELD_BACK_MAX_S))
        is_shy = dice.chance(0.5)
        await self._bring(deal, Instruct(None, redact(deal.terms), entry.signatures) if is_shy else entry, dice)
        if is_shy:  # what nobody could read is told at last
            await self._world.later(dice.wait(5.0))
            await self._bring(deal, entry, dice)

    async def _bring(self, deal: Deal, entry: PartyEntry, dice: Dice) -> None:
        """Try one node after another until one has applied the entry, or until it is too late and no hold stands."""
        until = deal.terms.prepare_by + LATE_S
        while self._world.now() <= until or deal.course is Course.HOLD_FIRST:
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

    def _instruct(self, deal: Deal, signers: Iterable[Address]) -> Instruct:
        return Instruct(deal.terms, None, tuple(self._consent(deal.id, each) for each in signers))

    def _consent(self, id_: SettlementId, signer: Address) -> PartySignature:
        self._narrator.on_signed(id_, signer)
        return PartySignature(signer, self._signers[signer].sign(id_))

    def _cancel(self, deal: Deal, signers: Iterable[Address]) -> Cancel:
        digest = cancel_digest(self._network_id, deal.id)
        return Cancel(deal.id, None, tuple(PartySignature(each, self._signers[each].sign(digest)) for each in signers))
