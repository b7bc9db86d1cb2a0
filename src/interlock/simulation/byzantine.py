"""Byzantine members: nodes with lying eyes, and forgers who send whatever their key can sign.

A member gone bad runs a production node that is shown false facts, and beside it a forger with the same key. The forger
follows the log and hurries to say what would do most harm: that every leg of a new settlement is held, or refused, or
delivered; that a decision is its opposite. In between it brings batches of other epochs and other histories, other
members' batches under its own name and its own under theirs, and bytes that are nothing at all.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace

from interlock.core.attestation import Attestation, Fact, SignedAttestation, attestation_digest
from interlock.core.committee import Committee, Epoch, MemberIndex
from interlock.core.decision import Decision, Outcome, SignedDecision, decision_digest
from interlock.core.entry import Anchor, Attest, Certify, Entry, Instruct
from interlock.core.instruction import LegIndex, SettlementId, legs_of, settlement_id
from interlock.core.limits import EVERY_LEG
from interlock.core.rejection import Rejection
from interlock.encoding.canonical import encode
from interlock.encoding.values import ZERO_BYTES32, Bytes32, Height, Uint32, Uint64, hex_of
from interlock.entries import check
from interlock.keys.signer import Signer
from interlock.ledgers.protocol import Ledger, Observation, Sighting, Watch
from interlock.ordering.protocol import LogBlock, OrderedLog, OrderingError
from interlock.simulation.far_ledger import FarLedger
from interlock.simulation.world import World

PAUSE_MEAN_S = 1.0
"""Mean pause between two lies, so that there are many and the log is not full of them."""
_HARMFUL = (Fact.HELD, Fact.HELD, Fact.DELIVERED, Fact.RETURNED, Fact.REFUSED, Fact.LOST, Fact.CONSENT)
"""What does harm if it is believed, as often as it is said."""
REPLAYED_MAX = 64
"""Newest entries of others that a forger keeps in hand."""


class LyingEyes(FarLedger):
    """A ledger as a Byzantine node claims to see it: facts exchanged, invented or passed over."""

    def __init__(self, ledger: Ledger, host: str, world: World) -> None:
        super().__init__(ledger, host, world)
        self._dice = world.dice.split("eyes", host, ledger.name)

    async def observe(self, watches: Sequence[Watch]) -> Sighting:
        """Look, and say something else."""
        seen = await super().observe(watches)
        told = [
            replace(each, fact=self._dice.choice(tuple(Fact))) if self._dice.chance(0.3) else each
            for each in seen.observations
            if not self._dice.chance(0.2)
        ]
        watch = self._dice.choice(watches)
        leg = LegIndex(Uint32(EVERY_LEG)) if self._dice.chance(0.2) else watch.leg
        told.append(Observation(watch.settlement, leg, self._dice.choice(tuple(Fact)), None))
        return Sighting(tuple(told), seen.troubles)


class Forger:
    """One member's key in wrong hands."""

    def __init__(
        self, world: World, network_id: Bytes32, office: Callable[[], Committee], signer: Signer, log: OrderedLog
    ) -> None:
        """Take a key; `office` gives the committee that reigns now."""
        self._world = world
        self._network_id = network_id
        self._office = office
        self._signer = signer
        self._log = log
        self._dice = world.dice.split("forger", hex_of(signer.address))
        self._legs: dict[SettlementId, int] = {}
        self._overheard: list[bytes] = []
        self._newest: SettlementId | None = None
        self._hurry = asyncio.Event()
        self._anchor = Anchor(Height(Uint64(0)), network_id)
        self.lies = 0
        """Entries brought so far."""

    async def run(self) -> None:
        """Follow and lie, until cancelled."""
        await asyncio.gather(self._follow(), self._rush(), self._lie())

    async def _follow(self) -> None:
        while True:
            try:
                async with aclosing(self._log.blocks(self._anchor.height)) as blocks:
                    async for block in blocks:
                        self._take_in(block)
            except OrderingError:
                await self._world.later(PAUSE_MEAN_S)

    def _take_in(self, block: LogBlock) -> None:
        self._anchor = Anchor(Height(Uint64(block.height)), block.hash)
        for data in block.entries:
            entry = check.decode_entry(data)
            if isinstance(entry, Instruct):
                self._newest = settlement_id(self._network_id, entry.terms)
                self._legs[self._newest] = len(legs_of(entry.terms))
                self._hurry.set()
            self._overheard = [*self._overheard[1 - REPLAYED_MAX :], data]

    async def _rush(self) -> None:
        """Say of each new settlement, before anybody else can, what would do most harm."""
        while True:
            await self._hurry.wait()
            self._hurry.clear()
            if self._newest is not None:
                for lie in (self._all_legs(self._newest), self._both_outcomes_of(self._newest)):
                    await self._submit(lie)

    async def _lie(self) -> None:
        lies: tuple[Callable[[], bytes], ...] = (
            self._false_votes,
            self._false_votes,
            self._both_outcomes,
            self._one_outcome,
            self._as_another_member,
            self._replay,
            self._spoilt,
        )
        while True:
            await self._world.later(self._dice.wait(PAUSE_MEAN_S))
            if self._legs and self._overheard:
                await self._submit(self._dice.choice(lies)())

    async def _submit(self, lie: bytes) -> None:
        self.lies += 1
        with suppress(OrderingError):
            await self._log.submit(lie)

    # --- lies ---

    def _all_legs(self, id_: SettlementId) -> bytes:
        fact = self._dice.choice(
            (Fact.HELD, Fact.HELD, Fact.DELIVERED, Fact.RETURNED, Fact.REFUSED, Fact.LOST, Fact.CONSENT)
        )
        whole = self._dice.choice((Fact.EXECUTED, Fact.NEVER, Fact.MET, Fact.UNMET))
        votes = [self._signed(id_, leg, fact) for leg in range(self._legs[id_])]
        return encode(self._batch([*votes, self._signed(id_, EVERY_LEG, whole)]))

    def _false_votes(self) -> bytes:
        return encode(self._votes(self._dice.whole(1, 6)))

    def _both_outcomes(self) -> bytes:
        return self._both_outcomes_of(self._any_id())

    def _both_outcomes_of(self, id_: SettlementId) -> bytes:
        return encode(self._decisions([self._decision(id_, outcome) for outcome in Outcome]))

    def _one_outcome(self) -> bytes:
        return encode(self._decisions([self._decision(self._any_id(), self._dice.choice(tuple(Outcome)))]))

    def _as_another_member(self) -> bytes:
        other = MemberIndex(Uint32(self._dice.below(len(self._committee.members) + 1)))
        return encode(replace(self._votes(1), member=other))

    def _replay(self) -> bytes:
        return self._dice.choice(self._overheard)

    def _spoilt(self) -> bytes:
        data = bytearray(self._dice.choice(self._overheard))
        match self._dice.below(3):
            case 0:
                data[self._dice.below(len(data))] ^= 1 << self._dice.below(8)
            case 1:
                del data[self._dice.below(len(data)) :]
            case _:
                return self._under_own_name(bytes(data))
        return bytes(data) or b"\x00"

    def _under_own_name(self, data: bytes) -> bytes:
        """Claim what another member said."""
        entry: Entry | Rejection = check.decode_entry(data)
        return encode(replace(entry, member=self._member)) if isinstance(entry, Attest | Certify) else data

    # --- material ---

    @property
    def _committee(self) -> Committee:
        return self._office()

    @property
    def _member(self) -> MemberIndex:
        """Give its place in the committee in office; out of office it claims the first."""
        return self._committee.index_of(self._signer.address) or MemberIndex(Uint32(0))

    def _votes(self, count: int) -> Attest:
        return self._batch([self._vote() for _ in range(count)])

    def _batch(self, items: Sequence[SignedAttestation]) -> Attest:
        anchor = self._any_anchor()
        over = check.batch_digest(self._network_id, self._committee, anchor, items)
        return Attest(self._member, anchor, tuple(items), (), self._signer.sign(over))

    def _vote(self) -> SignedAttestation:
        id_ = self._any_id()
        leg = EVERY_LEG if self._dice.chance(0.1) else self._dice.below(self._legs[id_] + 1)
        return self._signed(id_, leg, self._dice.choice(tuple(Fact)))

    def _signed(self, id_: SettlementId, leg: int, fact: Fact) -> SignedAttestation:
        said = Attestation(id_, LegIndex(Uint32(leg)), fact, ZERO_BYTES32, ZERO_BYTES32, self._any_epoch())
        return SignedAttestation(said, self._signer.sign(attestation_digest(self._network_id, said)))

    def _decisions(self, items: list[SignedDecision]) -> Certify:
        anchor = self._any_anchor()
        over = check.batch_digest(self._network_id, self._committee, anchor, items)
        return Certify(self._member, anchor, tuple(items), (), (), self._signer.sign(over))

    def _decision(self, id_: SettlementId, outcome: Outcome) -> SignedDecision:
        decision = Decision(id_, outcome, self._any_epoch())
        return SignedDecision(decision, self._signer.sign(decision_digest(self._network_id, decision)))

    def _any_id(self) -> SettlementId:
        return self._dice.choice(tuple(self._legs))

    def _any_epoch(self) -> Epoch:
        epoch = int(self._committee.epoch)
        return Epoch(Uint64(epoch + 1 if self._dice.chance(0.1) else epoch))

    def _any_anchor(self) -> Anchor:
        if self._dice.chance(0.1):
            return Anchor(self._anchor.height, Bytes32(self._dice.bytes(32)))
        return self._anchor
