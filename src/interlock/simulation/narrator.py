"""The narrator: tells the auditor what happens in a run, in the auditor's own words, as it happens.

Ledgers speak for themselves, nodes by what their replicas apply, parties when they sign, storms when they begin. The
auditor shares no code with any of them: everything is handed over as strings, integers and bytes. What is told also
goes into the trace.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from interlock.auditor import event as told
from interlock.auditor import ledger_event
from interlock.auditor.auditor import Auditor
from interlock.auditor.event import ABORT
from interlock.core.attestation import Fact
from interlock.core.committee import FIRST_EPOCH, Genesis
from interlock.core.decision import AnyCertificate, MemberSignature
from interlock.core.entry import Evidence
from interlock.core.fraud import AttestationFraud, CertificateFraud, DecisionFraud, Fraud, OrderFraud
from interlock.core.instruction import Instruction, SettlementId, ledger_of, legs_of, signer_of
from interlock.core.order import OrderCertificate
from interlock.core.replica import Replica
from interlock.core.rotation import next_epoch
from interlock.core.settlement import Settlement
from interlock.encoding.values import ZERO_BYTES32, Address, hex_of
from interlock.ledgers.memory.event import BalanceChanged, BalanceStated, BooksClosed, LedgerEvent
from interlock.ledgers.memory.transfer import own_legs, transfer_of
from interlock.node.follower import Change
from interlock.simulation.world import World

HASH_EVERY = 8
"""One in so many heights at which the nodes' states are compared; the last one is compared at the end."""
Ordered = tuple[str, int]
"""An order's ledger and last valid time."""


class Said(NamedTuple):
    """What a certificate says."""

    outcome: str
    """Empty where it is an order's."""
    order: Ordered | None
    """The order; of an ABORT the one whose NEVER stands in the log that decided it."""

    def contradicts(self, other: "Said") -> bool:
        """Tell whether no honest member signs both."""
        if self.outcome and other.outcome:
            return self.outcome != other.outcome
        if not self.outcome and not other.outcome:
            return self.order != other.order
        return ABORT in {self.outcome, other.outcome} and self.order != other.order


_UNTRACED = (BalanceChanged, BalanceStated, BooksClosed)
"""What follows from other events."""


class Narrator:
    """One run's teller."""

    def __init__(self, world: World, genesis: Genesis, *, expects_detection: bool) -> None:
        """Tell of the first committee."""
        self.auditor = Auditor(expects_detection=expects_detection)
        self._world = world
        self._members: dict[int, tuple[Address, ...]] = {}
        self._certified: dict[bytes, dict[Said, dict[int, frozenset[str]]]] = {}
        """By settlement, what was certified, and epoch: who signed."""
        self._accused: set[tuple[str, bytes]] = set()
        self._office(FIRST_EPOCH, genesis.members)

    def feed(self, event: told.Event) -> None:
        """Tell one event."""
        self.auditor.feed(event)

    # --- ledgers ---

    def on_ledger(self, event: LedgerEvent) -> None:
        """Pass on what a ledger says."""
        if not isinstance(event, _UNTRACED):
            settlement = getattr(event, "settlement", b"")
            self._world.trace.note(getattr(event, "ledger", "ledger"), type(event).__name__, settlement)
        translate = _translation(type(event))
        if translate is not None:
            self.auditor.feed(translate(event))

    # --- parties ---

    def on_terms(self, id_: SettlementId, terms: Instruction) -> None:
        """Tell of terms, before anybody signs them."""
        legs = []
        for leg in legs_of(terms):
            name = ledger_of(leg)
            body = next(own.body for own in own_legs(terms, name or "") if legs_of(terms)[own.index] is leg)
            asset, amount, payer, payee = transfer_of(body)
            legs.append(told.Leg(name or "", asset, amount, payer, payee, hex_of(signer_of(leg))))
        self.feed(
            told.Instructed(
                settlement=id_,
                legs=tuple(legs),
                pivot=terms.pivot,
                settle_from=terms.settle_from,
                prepare_by=terms.prepare_by,
                pivot_window=terms.pivot_window,
                has_condition=terms.conditions != ZERO_BYTES32,
            )
        )

    def on_signed(self, id_: SettlementId, signer: Address) -> None:
        """Tell of a party's signature."""
        self.feed(told.Signed(id_, hex_of(signer)))

    # --- nodes ---

    def on_applied(self, node: Address, replica: Replica, change: Change) -> None:
        """Tell what one block made of a node's replica."""
        name, applied = hex_of(node), change.applied
        for before, after in applied.changes:
            if after.decision is not None and (before is None or before.decision is None):
                self.feed(told.NodeDecided(name, after.id, after.decision.outcome.name, after.decided_at))
            if after.certificate is not None and (before is None or before.certificate is None):
                self._on_certificate(after, after.certificate)
            if after.order_certificate is not None:
                self._on_order(after.order_certificate)
        if applied.rotated is not None:
            self._office(next_epoch(applied.rotated.rotation.from_epoch), applied.rotated.members)
        for entry in change.entries:
            if isinstance(entry, Evidence) and entry.member is not None:
                culprit = change.members[entry.member]
                if culprit in replica.convicted:
                    self._accuse(type(entry.fraud).__name__, hex_of(culprit), _about(entry.fraud))
        if replica.height % HASH_EVERY == 0:
            self.feed(told.StateHash(name, replica.height, replica.state_hash()))

    def on_end(self, node: Address, replica: Replica) -> None:
        """Tell the state in which a node ends."""
        self.feed(told.StateHash(hex_of(node), replica.height, replica.state_hash()))

    def _on_certificate(self, settlement: Settlement, certificate: AnyCertificate) -> None:
        decision, order = certificate.decision, settlement.order
        never = order if order is not None and settlement.stands(Fact.NEVER) else None
        said = Said(decision.outcome.name, None if never is None else (never.ledger, never.last_valid))
        signers = self._signers(decision.epoch, certificate.signatures)
        if self._is_new(settlement.id, said, decision.epoch, signers):
            self.feed(told.CertificateFormed(settlement.id, said.outcome, decision.epoch, signers))
            self._convict(settlement.id, said)

    def _on_order(self, certificate: OrderCertificate) -> None:
        order = certificate.order
        said = Said("", (order.ledger, order.last_valid))
        signers = self._signers(order.epoch, certificate.signatures)
        if self._is_new(order.settlement, said, order.epoch, signers):
            self.feed(told.OrderCertified(order.settlement, order.ledger, order.last_valid, order.epoch, signers))
            self._convict(order.settlement, said)

    def _signers(self, epoch: int, signatures: Sequence[MemberSignature]) -> tuple[str, ...]:
        members = self._members[epoch]
        return tuple(hex_of(members[each.member]) for each in signatures)

    def _is_new(self, settlement: bytes, said: Said, epoch: int, signers: tuple[str, ...]) -> bool:
        """Note a certificate; tell whether it is the first of its epoch that says this."""
        by_epoch = self._certified.setdefault(settlement, {}).setdefault(said, {})
        if epoch in by_epoch:
            return False
        by_epoch[epoch] = frozenset(signers)
        self._world.trace.note("committee", f"certified {said} in {epoch}", settlement)
        return True

    def _convict(self, settlement: bytes, said: Said) -> None:
        """Accuse those who signed this and what it contradicts, as whoever has both certificates can prove."""
        certified = self._certified[settlement]
        mine = frozenset().union(*certified[said].values())
        for other, by_epoch in certified.items():
            if said.contradicts(other):
                for culprit in sorted(mine & frozenset().union(*by_epoch.values())):
                    self._accuse("two certificates", culprit, settlement)

    def _accuse(self, kind: str, culprit: str, settlement: bytes) -> None:
        if (culprit, settlement) not in self._accused:
            self._accused.add((culprit, settlement))
            self._world.trace.note("evidence", f"{kind} against {culprit}", settlement)
            self.feed(told.EvidencePublished(kind, culprit, settlement))

    def _office(self, epoch: int, members: tuple[Address, ...]) -> None:
        if epoch not in self._members:
            self._members[epoch] = members
            self.feed(told.EpochBegan(epoch, tuple(hex_of(each) for each in members)))


def _about(fraud: Fraud) -> bytes:
    """Give the settlement that evidence concerns; none where it is about a rotation."""
    match fraud:
        case AttestationFraud():
            return fraud.first.attestation.settlement
        case DecisionFraud() | CertificateFraud():
            return fraud.first.decision.settlement
        case OrderFraud():
            return fraud.first.order.settlement
        case _:
            return told.ANY


_translations: dict[type, Callable[[Any], Any] | None] = {}


def _translation(kind: type) -> Callable[[Any], Any] | None:
    """Give what turns a ledger's event into the auditor's of the same name; None where the auditor has no word."""
    if kind not in _translations:
        word = getattr(ledger_event, kind.__name__, None) or getattr(told, kind.__name__, None)
        names: tuple[str, ...] = kind.__slots__  # type: ignore[attr-defined]
        read = attrgetter(*names)
        _translations[kind] = None if word is None else lambda event: word(**dict(zip(names, read(event), strict=True)))
    return _translations[kind]
