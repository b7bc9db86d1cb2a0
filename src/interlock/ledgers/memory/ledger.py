"""One node's door to a memory ledger's book.

Its facts come without documents: a process's memory leaves nothing that could be kept and checked elsewhere, and the
evidence of an attestation is zero then. Facts, not documents, are what this ledger is the twin of.
"""

from collections.abc import Sequence

from interlock.core.attestation import Fact
from interlock.core.instruction import LegIndex, SettlementId
from interlock.core.limits import EVERY_LEG
from interlock.encoding.values import Uint32
from interlock.ledgers.memory.answer import Answer, Reply
from interlock.ledgers.memory.book import Book
from interlock.ledgers.memory.facts import is_signed_by_call, leg_facts
from interlock.ledgers.memory.transfer import OwnLeg, Place, own_legs
from interlock.ledgers.protocol import (
    LedgerError,
    LedgerNonsense,
    LedgerRefused,
    LedgerUnavailable,
    Observation,
    Sighting,
    Watch,
    cannot_execute,
)

_MORE_PROOF = frozenset({Answer.BRING_ROTATIONS, Answer.BRING_NEWER_PROOF})
_WAITING = {
    Answer.HALTED: "a legal halt stands on the hold",
    Answer.ENTITLED: "decided, but whoever is entitled cannot be paid yet; it is tried again",
    Answer.SHORT: "the amount cannot be moved yet",
}
"""Answers after which the ledger is asked again, and what they say to people."""


class MemoryLedger:
    """A book, as one node reaches it; implements `ledgers.protocol.Ledger`."""

    def __init__(self, book: Book, *, tells_consent: bool | None = None) -> None:
        """Take the book; a vault's tells of contract wallets' consent unless it is said otherwise."""
        self.name = book.name
        self.tells_consent = book.kind.is_vault if tells_consent is None else tells_consent
        self._book = book
        self._notes: dict[Place, str] = {}

    async def prepare(self, watch: Watch) -> None:
        """Ask for the hold."""
        self._answer(watch, self._book.prepare(watch))

    async def deliver(self, watch: Watch) -> None:
        """Bring the certificate, with the rotations."""
        self._answer(watch, self._book.settle(watch))

    async def execute(self, watch: Watch) -> None:
        """Bring the order, with the instruction and the rotations."""
        if not self._book.kind.is_pivot:
            raise cannot_execute(watch, self.name)
        self._answer(watch, self._book.execute(watch))

    async def observe(self, watches: Sequence[Watch]) -> Sighting:
        """Give every final fact of the watched legs."""
        observations: list[Observation] = []
        troubles: list[LedgerError] = []
        for watch in watches:
            own = next((each for each in own_legs(watch.terms, self.name) if each.index == watch.leg), None)
            if own is None:
                sentence = "its terms are not known to be on this ledger; bring the instruction in clear"
                troubles.append(LedgerRefused(sentence, self.name, watch.settlement, watch.leg))
                continue
            try:
                facts = self._facts(watch, own)
            except LedgerNonsense as nonsense:
                troubles.append(nonsense)
                continue
            about = LegIndex(Uint32(EVERY_LEG)) if watch.terms.pivot == self.name else watch.leg
            observations.extend(Observation(watch.settlement, about, fact, None) for fact in facts)
        return Sighting(tuple(observations), tuple(troubles))

    def waiting(self, settlement: SettlementId, leg: LegIndex) -> str | None:
        """Say why the newest request for a leg waits; None where it does not."""
        return self._notes.get(Place(settlement, int(leg)))

    async def close(self) -> None:
        """Give nothing back: a book has no connections."""

    def _facts(self, watch: Watch, own: OwnLeg) -> tuple[Fact, ...]:
        """Give the final facts of a leg; LedgerNonsense where its hold is on other terms than were signed."""
        book = self._book
        if watch.terms.pivot == self.name:
            return book.order_facts(watch.settlement, None if watch.order is None else watch.order.order)
        leg = book.final_page(watch.settlement).leg(own.index)
        if leg.body is not None and leg.body != own.body:
            raise LedgerNonsense("its hold is not on the signed terms", self.name, watch.settlement, watch.leg)
        if not watch.is_matched:
            return (Fact.SIGNED,) if self.tells_consent and is_signed_by_call(leg) else ()
        at = Place(watch.settlement, own.index)
        is_undecided = watch.certificate is None and leg.outcome is None
        return leg_facts(
            leg,
            is_late=book.final_time > watch.terms.prepare_by,
            can_leave=not is_undecided or book.can_leave(own, at),
        )

    def _answer(self, watch: Watch, reply: Reply) -> None:
        """Take an answer: where the leg is, or that it has to wait, is well; anything else is raised."""
        at = Place(watch.settlement, int(watch.leg))
        self._notes.pop(at, None)
        if reply.answer in _WAITING:
            said = _WAITING[reply.answer]
            self._notes[at] = f"{said}: {reply.why}" if reply.why else said
        elif reply.answer in _MORE_PROOF:
            raise LedgerUnavailable(str(reply), self.name, watch.settlement, watch.leg)
        elif not reply.answer.names_status:
            raise LedgerRefused(str(reply), self.name, watch.settlement, watch.leg)
