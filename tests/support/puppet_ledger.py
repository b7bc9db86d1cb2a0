"""A ledger that does what a test says: a book that all nodes share, and a connection of each node's own to it.

The book keeps the rules of a good ledger: it holds or refuses once, and ends a hold only with a valid certificate. The
connection is where things go wrong: down, silent, slow, talking nonsense, blind, doubling, lying.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from interlock.core.attestation import Fact
from interlock.core.decision import AnyCertificate, Outcome
from interlock.core.instruction import AccountTerms, LegIndex, OnchainLeg, SettlementId, legs_of
from interlock.evidence.bank_receipt import BankEvent
from interlock.evidence.certificate import certificate_fault
from interlock.evidence.chain_event import Delivered, Held, Returned, Tombstoned
from interlock.evidence.document import Document
from interlock.ledgers.protocol import (
    LedgerNonsense,
    LedgerRefused,
    LedgerUnavailable,
    Observation,
    Sighting,
    Watch,
    cannot_execute,
)
from support.bell import Bell
from support.evidence import bank_document, bank_receipt, refusal, vault_event
from support.world import COMMITTEE, NETWORK

Place = tuple[SettlementId, int]

_BANK_EVENTS = {Fact.HELD: BankEvent.HELD, Fact.REFUSED: BankEvent.REFUSED, Fact.DELIVERED: BankEvent.CAPTURED}
_VAULT_EVENTS = {Fact.HELD: Held, Fact.DELIVERED: Delivered}


@dataclass
class Book:
    """One ledger, as it is."""

    name: str
    bell: Bell
    refuses: bool = False
    """Refuses new holds, and records it."""
    ignores: bool = False
    """Takes requests for holds and does nothing; those are in `ignored`."""
    facts: dict[Place, list[tuple[Fact, Document]]] = field(default_factory=dict)
    """What happened to each leg, in order."""
    ignored: list[Watch] = field(default_factory=list)
    calls: list[tuple[str, int, SettlementId, int]] = field(default_factory=list)
    """Every request: what, by which member, settlement, leg."""
    certificates: list[AnyCertificate] = field(default_factory=list)

    def count(self, what: str, member: int | None = None) -> int:
        """Count requests."""
        return sum(call[0] == what and member in {None, call[1]} for call in self.calls)

    def said(self, id_: SettlementId, leg: int) -> list[Fact]:
        """Give the facts of a leg."""
        return [fact for fact, _ in self.facts.get((id_, leg), [])]

    def prepare(self, watch: Watch) -> None:
        """Hold or refuse, once."""
        if self.facts.get((watch.settlement, watch.leg)):
            return
        if self.ignores:
            self.ignored.append(watch)
            return
        self.record(watch, Fact.REFUSED if self.refuses else Fact.HELD)

    def deliver(self, watch: Watch) -> None:
        """End a hold as its certificate says, or leave a tombstone; LedgerRefused where there is nothing to capture."""
        certificate = watch.certificate
        assert certificate is not None
        fault = certificate_fault(NETWORK, COMMITTEE, certificate, settlement=watch.settlement)
        assert fault is None, fault
        self.certificates.append(certificate)
        facts = set(self.said(watch.settlement, watch.leg))
        if facts & {Fact.DELIVERED, Fact.RETURNED}:
            return
        is_commit = certificate.decision.outcome is Outcome.COMMIT
        if is_commit and Fact.HELD not in facts:
            raise LedgerRefused("there is no hold to deliver", self.name, watch.settlement, watch.leg)
        self.record(watch, Fact.DELIVERED if is_commit else Fact.RETURNED)

    def record(self, watch: Watch, fact: Fact) -> None:
        """Let something happen to a leg."""
        place = (watch.settlement, int(watch.leg))
        was_held = Fact.HELD in self.said(*place)
        self.facts.setdefault(place, []).append((fact, _document(watch, fact, was_held=was_held)))
        self.bell.ring()

    def hold_ignored(self) -> None:
        """Do now what was only taken before."""
        self.ignores = False
        for watch in self.ignored:
            self.prepare(watch)


@dataclass
class Connection:
    """One node's way to a book; the production code sees a `Ledger`."""

    book: Book
    member: int
    is_down: bool = False
    """Nothing arrives, nothing comes back."""
    loses_answers: bool = False
    """Requests arrive, answers do not."""
    talks_nonsense: bool = False
    """Requests are lost, answers cannot be believed."""
    is_blind: bool = False
    """Requests work; looking shows nothing."""
    doubles: bool = False
    """Everything seen is seen twice, and out of order."""
    lies: dict[Fact, Fact] = field(default_factory=dict)
    """What is claimed instead of what was seen."""
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """Requests wait until this is set."""
    tells_consent: bool = False
    """Asked for the consent of contract wallets too, before a match."""
    closed: int = 0
    looks: int = 0

    def __post_init__(self) -> None:
        """Let requests through."""
        self.open.set()

    @property
    def name(self) -> str:
        """Give the ledger's name."""
        return self.book.name

    async def prepare(self, watch: Watch) -> None:
        """Ask for a hold."""
        await self._request("prepare", watch)
        self.book.prepare(watch)
        self._answer(watch)

    async def deliver(self, watch: Watch) -> None:
        """Bring a certificate."""
        await self._request("deliver", watch)
        self.book.deliver(watch)
        self._answer(watch)

    async def execute(self, watch: Watch) -> None:
        """Refuse: neither book can be a pivot."""
        await self._request("execute", watch)
        raise cannot_execute(watch, self.name)

    async def observe(self, watches: Sequence[Watch]) -> Sighting:
        """Look."""
        self.looks += 1
        self.book.bell.ring()
        if self.is_down:
            return Sighting(troubles=(LedgerUnavailable("not reached", self.name),))
        if self.talks_nonsense:
            return Sighting(
                troubles=tuple(LedgerNonsense("it babbles", self.name, each.settlement, each.leg) for each in watches)
            )
        if self.is_blind:
            return Sighting()
        seen = [
            Observation(watch.settlement, watch.leg, self.lies.get(fact, fact), document)
            for watch in watches
            for fact, document in self.book.facts.get((watch.settlement, int(watch.leg)), [])
        ]
        return Sighting(tuple([*reversed(seen), *seen] if self.doubles else seen))

    def waiting(self, settlement: SettlementId, leg: LegIndex) -> str | None:
        """Say why nothing goes on."""
        asked = any(watch.settlement == settlement and watch.leg == leg for watch in self.book.ignored)
        return "it takes its time" if asked and not self.book.said(settlement, leg) else None

    async def close(self) -> None:
        """Count how often it was closed."""
        self.closed += 1

    async def _request(self, what: str, watch: Watch) -> None:
        self.book.calls.append((what, self.member, watch.settlement, int(watch.leg)))
        self.book.bell.ring()
        await self.open.wait()
        if self.is_down:
            raise LedgerUnavailable("not reached", self.name, watch.settlement, watch.leg)
        if self.talks_nonsense:
            raise LedgerNonsense("it babbles", self.name, watch.settlement, watch.leg)

    def _answer(self, watch: Watch) -> None:
        if self.loses_answers:
            raise LedgerUnavailable("no answer within 1 s", self.name, watch.settlement, watch.leg)


def _document(watch: Watch, fact: Fact, *, was_held: bool) -> Document:
    """Give the genuine evidence of a fact."""
    terms = legs_of(watch.terms)[watch.leg]
    if isinstance(terms, OnchainLeg):
        if fact is Fact.REFUSED:
            return refusal()
        ended = Returned if was_held else Tombstoned
        return vault_event(watch.settlement, terms, _VAULT_EVENTS.get(fact, ended), index=int(watch.leg))
    assert isinstance(terms.terms, AccountTerms)
    event = _BANK_EVENTS.get(fact, BankEvent.RELEASED if was_held else BankEvent.TOMBSTONED)
    receipt = bank_receipt(watch.settlement, terms.terms, event)
    return bank_document(replace(receipt, leg=watch.leg, ledger=terms.terms.ledger))
