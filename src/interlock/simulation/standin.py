"""A stand-in for a ledger, until the memory twins of the adapters take its place.

It keeps the rules of a good ledger: it holds or refuses once, ends a hold only with a valid certificate, leaves
tombstones, and shows only what is final. Chance decides, for each leg, whether it refuses, and whether its first hold
is lost to a reorganisation before it was final.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from interlock.core.attestation import Fact
from interlock.core.committee import Committee
from interlock.core.decision import Outcome
from interlock.core.instruction import LegIndex, OnchainLeg, SettlementId, legs_of
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Blob, Bytes32, Uint32, Uint64
from interlock.evidence.certificate import certificate_fault
from interlock.evidence.document import BankReceiptDocument, ChainAbsenceDocument, ChainEventDocument, Document
from interlock.ledgers.protocol import LedgerRefused, Observation, Sighting, Watch
from interlock.simulation.world import World

Place = tuple[SettlementId, int]

_JWS_FILLER = "x" * 600
"""Makes a receipt as long as a real one."""


@dataclass(frozen=True, slots=True)
class Temper:
    """How a ledger behaves."""

    refuses: float = 0.0
    """Share of legs that it refuses to hold."""
    reorgs: float = 0.0
    """Share of legs whose first hold is lost before it is final."""
    final_s: float = 0.5
    """Mean time until what happened is final."""


@dataclass(slots=True)
class LegBook:
    """What happened to one leg."""

    is_held: bool = False
    was_held: bool = False
    is_refused: bool = False
    end: Fact | None = None
    """DELIVERED or RETURNED, once it moved."""
    seen: list[tuple[float, Fact, Document]] = field(default_factory=list)
    """From when on each fact is final, and its evidence."""


class StandInLedger:
    """One ledger, reached by everybody."""

    def __init__(self, name: str, world: World, network_id: Bytes32, committee: Committee, temper: Temper) -> None:
        self.name = name
        self.temper = temper
        self.legs: dict[Place, LegBook] = {}
        self._world = world
        self._network_id = network_id
        self._committee = committee
        self._dice = world.dice.split("ledger", name)

    async def prepare(self, watch: Watch) -> None:
        """Hold, or refuse for good."""
        place = (watch.settlement, int(watch.leg))
        book = self.legs.get(place)
        if book is not None and (book.is_held or book.is_refused or book.end is not None):
            return
        if self._world.now() > watch.terms.prepare_by:
            raise LedgerRefused("prepareBy has passed", self.name, watch.settlement, watch.leg)
        is_first = book is None
        book = self.legs.setdefault(place, LegBook())
        fate = self._dice.split(watch.settlement.hex(), watch.leg).number() if is_first else 1.0
        if fate < self.temper.refuses:
            book.is_refused = True
            self._show(place, book, watch, Fact.REFUSED)
        elif fate < self.temper.refuses + self.temper.reorgs:
            book.is_held = True
            self._world.network.at(self._dice.wait(self.temper.final_s), self._reorganise, place)
        else:
            book.is_held = book.was_held = True
            self._show(place, book, watch, Fact.HELD)

    async def deliver(self, watch: Watch) -> None:
        """End a hold as its certificate says, or leave a tombstone."""
        certificate = watch.certificate
        if certificate is None:
            raise ValueError("no certificate was brought")
        fault = certificate_fault(self._network_id, self._committee, certificate, settlement=watch.settlement)
        if fault is not None:
            raise LedgerRefused(fault, self.name, watch.settlement, watch.leg)
        place = (watch.settlement, int(watch.leg))
        book = self.legs.setdefault(place, LegBook())
        if book.end is not None:
            return
        if certificate.decision.outcome is Outcome.ABORT:
            self._end(place, book, watch, Fact.RETURNED)
        elif book.is_held:
            self._end(place, book, watch, Fact.DELIVERED)
        else:
            raise LedgerRefused("there is no hold to deliver", self.name, watch.settlement, watch.leg)

    async def observe(self, watches: Sequence[Watch]) -> Sighting:
        """Show what is final."""
        now = self._world.now()
        found: list[Observation] = []
        for watch in watches:
            book = self.legs.get((watch.settlement, int(watch.leg)))
            if book is None:
                if now > watch.terms.prepare_by + self.temper.final_s:
                    found.append(Observation(watch.settlement, watch.leg, Fact.RETURNED, self._absence(watch, now)))
                continue
            found += [
                Observation(watch.settlement, watch.leg, fact, document)
                for final_at, fact, document in book.seen
                if final_at <= now
            ]
        return Sighting(tuple(found))

    def waiting(self, settlement: SettlementId, leg: LegIndex) -> str | None:
        """Say nothing."""
        del settlement, leg
        return None

    async def close(self) -> None:
        """Have nothing to give back."""

    def _reorganise(self, place: Place) -> None:
        book = self.legs[place]
        if book.end is None:
            book.is_held = False
            self._world.trace.note(self.name, f"reorganised leg {place[1]}", place[0])

    def _end(self, place: Place, book: LegBook, watch: Watch, end: Fact) -> None:
        book.is_held = False
        book.end = end
        self._show(place, book, watch, end)

    def _show(self, place: Place, book: LegBook, watch: Watch, fact: Fact) -> None:
        self._world.trace.note(self.name, f"{fact.name} leg {place[1]}", place[0])
        final_at = self._world.now() + self._dice.wait(self.temper.final_s)
        book.seen.append((final_at, fact, self._document(watch, fact)))

    def _document(self, watch: Watch, fact: Fact) -> Document:
        terms = legs_of(watch.terms)[watch.leg]
        word = keccak256(watch.settlement + bytes((int(watch.leg), int(fact))))
        if not isinstance(terms, OnchainLeg):
            return BankReceiptDocument(self.name, f"{_JWS_FILLER}{word.hex()}")
        return ChainEventDocument(
            chain_id=terms.chain_id,
            vault=terms.vault,
            block_number=Uint64(1),
            block_hash=word,
            transaction_hash=word,
            log_index=Uint32(int(watch.leg)),
            topics=(word, watch.settlement),
            data=Blob(word * 4),
        )

    def _absence(self, watch: Watch, now: float) -> Document:
        terms = legs_of(watch.terms)[watch.leg]
        if not isinstance(terms, OnchainLeg):
            return BankReceiptDocument(self.name, _JWS_FILLER)
        time = Uint64(int(now))
        return ChainAbsenceDocument(terms.chain_id, terms.vault, time, keccak256(str(time).encode()), time)
