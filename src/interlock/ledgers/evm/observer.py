"""Look at one vault's final blocks and say which facts of the watched legs are final.

A look costs one request while no block became final, and three or four when some did, however many legs are watched:
the events of the new blocks are read at once, and only legs with events, new legs and a bounded number of others in
turn are read from the lane itself. A leg seen for the first time, at a restart too, is judged from its lane; where that
says that something happened, its events are searched backwards. So nothing needs to be remembered but the final block.
"""

import asyncio
from collections.abc import Iterable, Sequence

from interlock.core.attestation import Fact
from interlock.core.instruction import LegIndex, OnchainLeg, SettlementId, legs_of
from interlock.evidence.chain_event import Delivered, Held, VaultEvent, event_fault
from interlock.evidence.document import ChainEventDocument
from interlock.ledgers.evm.events import EventReader, LegKey
from interlock.ledgers.evm.finality import Finality, FinalityViolated
from interlock.ledgers.evm.judgement import Leg, Reading, is_exit_check_due, is_exposed, judge, learn, missing_event
from interlock.ledgers.evm.rpc import Answer, Rpc
from interlock.ledgers.evm.vault import Vault
from interlock.ledgers.evm.wire import Header, at_hash
from interlock.ledgers.protocol import LedgerError, LedgerNonsense, LedgerUnavailable, Sighting, Watch

SCAN_BLOCKS_MAX = 10_000
"""New final blocks read in one look; after a longer absence every leg is judged from its lane again instead."""
EXAMINE_MAX = 64
"""Legs read from their lanes in one look; the others follow in turn."""
LEGS_MAX = 8_192
"""Legs that are remembered; the others, not asked for longest, are forgotten and found again by search."""
SEARCH_RANGES_MAX = 16
"""Ranges searched backwards in one look."""


class Observer:
    """One node's eyes on one vault."""

    def __init__(self, rpc: Rpc, vault: Vault, finality: Finality, events: EventReader, start_block: int) -> None:
        self._rpc = rpc
        self._vault = vault
        self._finality = finality
        self._events = events
        self._start_block = start_block
        """The vault's first block: no event is older."""
        self._legs: dict[LegKey, Leg] = {}
        self._scanned: int | None = None
        """Number of the newest final block whose events were read; None before the first look."""
        self._is_checked = False
        self._turn = asyncio.Lock()

    async def look(self, watches: Sequence[Watch]) -> Sighting:
        """Give every final fact of the watched legs, and what stood in the way of seeing more. Raises nothing.

        A caller with many legs may ask for some at a time. After FinalityViolated there are no facts at all.
        """
        async with self._turn:
            asked = self._track(watches)
            troubles: list[LedgerError] = []
            try:
                await self.check()
                head = await self._finality.advance()
                if head is not None:
                    await self._scan(head)
                    troubles += await self._examine(asked, head)
            except FinalityViolated as error:
                return Sighting((), (error,))
            except LedgerError as error:
                troubles.append(error)
            facts = (fact for leg in asked for fact in leg.facts)
            return Sighting(tuple(facts), tuple(troubles))

    async def check(self) -> None:
        """Make sure once that chain and vault are those of the network; raises as `Vault.check`."""
        if not self._is_checked:
            await self._vault.check(self._rpc)
            self._is_checked = True

    def note(self, settlement: SettlementId, leg: LegIndex) -> str | None:
        """Say why nothing goes on with a leg, for people."""
        known = self._legs.get((settlement, leg))
        return None if known is None else known.note

    def _track(self, watches: Sequence[Watch]) -> list[Leg]:
        """Give the watched legs in the order asked; what the log learned about one may make it due."""
        asked = []
        for watch in watches:
            terms = legs_of(watch.terms)[watch.leg]
            if not isinstance(terms, OnchainLeg) or terms.ledger != self._vault.ledger:
                raise ValueError(f"leg {watch.leg} is not on {self._vault.ledger}")
            leg = self._legs.pop((watch.settlement, watch.leg), None) or Leg(watch, terms)
            if leg.watch.certificate != watch.certificate or leg.watch.signatures != watch.signatures:
                leg.is_due = True
            leg.watch = watch
            self._legs[_key(leg)] = leg
            asked.append(leg)
        for key in list(self._legs)[: max(0, len(self._legs) - max(LEGS_MAX, len(asked)))]:
            del self._legs[key]
        return asked

    async def _scan(self, head: Header) -> None:
        """Read the events of the blocks that became final since the last look."""
        scanned = self._scanned
        if scanned is None or head.number - scanned > SCAN_BLOCKS_MAX:
            for leg in self._legs.values():
                leg.is_due = True
        elif head.number > scanned:
            self._attach(await self._events.read(scanned + 1, head.number, self._legs.keys()))
        self._scanned = head.number

    def _attach(self, found: Iterable[tuple[VaultEvent, ChainEventDocument]]) -> None:
        """Give events to their legs. LedgerNonsense where one does not fit the signed terms, which its id binds."""
        for event, document in found:
            leg = self._legs.get((event.settlement, event.leg))
            if leg is None:
                continue
            fact = Fact.HELD if isinstance(event, Held) else Fact.RETURNED
            if isinstance(event, Delivered):
                fact = Fact.DELIVERED
            fault = event_fault(document, event.settlement, event.leg, leg.terms, fact)
            if fault is not None:
                raise LedgerNonsense(fault, self._vault.ledger, event.settlement, event.leg)
            learn(leg, type(event), document)

    async def _examine(self, asked: Sequence[Leg], head: Header) -> list[LedgerError]:
        """Read due legs, and some others in turn, from their lanes at this block, and judge them."""
        legs = _chosen(asked, head)
        if not legs:
            return []
        readings = await self._read(legs, head)
        troubles: list[LedgerError] = []
        seeking: dict[LegKey, Leg] = {}
        for leg in legs:
            reading = readings[_key(leg)]
            leg.examined_at, leg.is_due = head.number, True
            if isinstance(reading, Reading) and missing_event(leg, reading.hold) is not None:
                seeking[_key(leg)] = leg
        try:
            await self._search(seeking, head, readings)
        except LedgerError as error:
            # Those sought stay due; what an endpoint will not tell of old blocks hides no other leg's facts.
            troubles.append(error)
        for leg in legs:
            reading = readings[_key(leg)]
            try:
                self._conclude(leg, reading)
            except LedgerError as error:
                troubles.append(error)
        return troubles

    async def _read(self, legs: Sequence[Leg], head: Header) -> dict[LegKey, Reading | LedgerError]:
        block = at_hash(head.hash)
        asking = [leg for leg in legs if is_exit_check_due(leg, head)]
        calls = [self._vault.hold_of(leg.terms, block) for leg in legs]
        calls += [self._vault.exit_check(leg.watch.settlement, leg.watch.leg, leg.terms, block) for leg in asking]
        answers = await self._rpc.batch(calls)
        exits = dict(zip(map(_key, asking), answers[len(legs) :], strict=True))
        return {
            _key(leg): self._reading(head, answer, exits.get(_key(leg)))
            for leg, answer in zip(legs, answers, strict=False)
        }

    def _reading(self, head: Header, hold: Answer, exits: Answer | None) -> Reading | LedgerError:
        try:
            check = None if exits is None else self._vault.read_exit_check(exits)
            return Reading(head, self._vault.read_hold(hold), check)
        except LedgerError as error:
            return error

    async def _search(
        self, seeking: dict[LegKey, Leg], head: Header, readings: dict[LegKey, Reading | LedgerError]
    ) -> None:
        """Search the events of these legs backwards from where each search stopped, newest first."""
        for leg in seeking.values():
            leg.cursor = head.number if leg.cursor is None else leg.cursor
        for _ in range(SEARCH_RANGES_MAX):
            if not seeking:
                return
            last = max(leg.cursor or 0 for leg in seeking.values())
            first = max(self._start_block, last - self._events.search_blocks + 1)
            group = {key: leg for key, leg in seeking.items() if leg.cursor == last}
            self._attach(await self._events.read(first, last, group.keys(), only_these=True))
            for key, leg in group.items():
                leg.cursor = first - 1
                leg.is_searched = first == self._start_block
                reading = readings[key]
                if leg.is_searched or (isinstance(reading, Reading) and missing_event(leg, reading.hold) is None):
                    leg.cursor = None
                    del seeking[key]

    def _conclude(self, leg: Leg, reading: Reading | LedgerError) -> None:
        """Judge a leg, or leave it due where it cannot be judged yet. Raises LedgerError with the leg's name."""
        if isinstance(reading, LedgerError):
            kind = LedgerNonsense if isinstance(reading, LedgerNonsense) else LedgerUnavailable
            raise kind(reading.sentence, reading.ledger, leg.watch.settlement, leg.watch.leg)
        wanted = missing_event(leg, reading.hold)
        if wanted is not None and leg.cursor is not None:
            return
        if wanted is not None:
            leg.is_searched = False
            sentence = f"its lane says {reading.hold.status.name}, but no block has its event {wanted.__name__}"
            raise LedgerNonsense(sentence, self._vault.ledger, leg.watch.settlement, leg.watch.leg)
        try:
            judge(leg, reading, self._vault.ledger)
        except LedgerNonsense:
            # Either answer may be the wrong one: both are asked again.
            leg.events.clear()
            leg.is_searched = False
            raise
        leg.is_due = False


def _chosen(asked: Sequence[Leg], head: Header) -> list[Leg]:
    """Give the legs to be read now: due ones first, and of each kind those that waited longest."""
    legs = [
        leg
        for leg in asked
        if leg.is_due or (not leg.is_finished and leg.examined_at < head.number and _may_change(leg, head))
    ]
    legs.sort(key=lambda leg: (not leg.is_due, leg.examined_at))
    return legs[:EXAMINE_MAX]


def _may_change(leg: Leg, head: Header) -> bool:
    """Tell whether a leg must be read again though no event of it came.

    A hold changes by events alone, and only whether it could be let out may change without one.
    """
    return not is_exposed(leg) or is_exit_check_due(leg, head)


def _key(leg: Leg) -> LegKey:
    return (leg.watch.settlement, leg.watch.leg)
