"""The narrator: tells the auditor what happens in a run, in the auditor's own words, as it happens.

Ledgers speak for themselves, nodes by what their replicas apply, parties when they sign, storms when they begin. The
auditor shares no code with any of them: everything is handed over as strings, integers and bytes. What is told also
goes into the trace.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from interlock.auditor import event as told
from interlock.auditor import ledger_event
from interlock.auditor.auditor import Auditor
from interlock.core.committee import FIRST_EPOCH, Genesis
from interlock.core.decision import AnyCertificate
from interlock.core.entry import Evidence
from interlock.core.fraud import AttestationFraud, CertificateFraud, DecisionFraud, Fraud, OrderFraud
from interlock.core.instruction import Instruction, SettlementId, ledger_of, legs_of, signer_of
from interlock.core.order import OrderCertificate
from interlock.core.replica import Replica
from interlock.core.rotation import next_epoch
from interlock.encoding.values import ZERO_BYTES32, Address, hex_of
from interlock.ledgers.memory.event import BalanceChanged, BalanceStated, BooksClosed, LedgerEvent
from interlock.ledgers.memory.transfer import own_legs, transfer_of
from interlock.node.follower import Change
from interlock.simulation.world import World

_UNTRACED = (BalanceChanged, BalanceStated, BooksClosed)
"""What follows from other events."""


class Narrator:
    """One run's teller."""

    def __init__(self, world: World, genesis: Genesis, *, expects_detection: bool) -> None:
        """Tell of the first committee."""
        self.auditor = Auditor(expects_detection=expects_detection)
        self._world = world
        self._members: dict[int, tuple[Address, ...]] = {}
        self._certified: dict[SettlementId, dict[str, frozenset[str]]] = {}
        """By settlement and outcome, who signed the first certificate."""
        self._ordered: set[tuple[SettlementId, int]] = set()
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
                self._on_certificate(after.certificate)
            if after.order_certificate is not None:
                self._on_order(after.order_certificate)
        if applied.rotated is not None:
            self._office(next_epoch(applied.rotated.rotation.from_epoch), applied.rotated.members)
        for entry in change.entries:
            if isinstance(entry, Evidence) and entry.member is not None:
                culprit = change.members[entry.member]
                if culprit in replica.convicted:
                    self._accuse(type(entry.fraud).__name__, hex_of(culprit), _about(entry.fraud))
        self.feed(told.StateHash(name, replica.height, replica.state_hash()))

    def _on_certificate(self, certificate: AnyCertificate) -> None:
        decision = certificate.decision
        outcome, settlement = decision.outcome.name, decision.settlement
        members = self._members[decision.epoch]
        signers = tuple(hex_of(members[each.member]) for each in certificate.signatures)
        known = self._certified.setdefault(settlement, {})
        if outcome in known:
            return
        known[outcome] = frozenset(signers)
        self._world.trace.note("committee", f"certified {outcome}", settlement)
        self.feed(told.CertificateFormed(settlement, outcome, decision.epoch, signers))
        if len(known) > 1:
            # Whoever has both can prove it: those who signed both lied, and nobody else is named.
            for culprit in sorted(frozenset.intersection(*known.values())):
                self._accuse("two certificates", culprit, settlement)

    def _on_order(self, certificate: OrderCertificate) -> None:
        order = certificate.order
        if (order.settlement, order.epoch) in self._ordered:
            return
        self._ordered.add((order.settlement, order.epoch))
        members = self._members[order.epoch]
        signers = tuple(hex_of(members[each.member]) for each in certificate.signatures)
        self._world.trace.note("committee", "certified the order", order.settlement)
        self.feed(told.OrderCertified(order.settlement, order.ledger, order.last_valid, order.epoch, signers))

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
