"""What a ledger knows of the committees, and how it verifies what they signed: by itself, from genesis on.

Source: specification 5; the checks are those of `evidence.certificate`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from interlock.core.committee import Committee, Epoch, Genesis, first_committee
from interlock.core.decision import AnyCertificate, Decision
from interlock.core.instruction import SettlementId
from interlock.core.order import Order, OrderCertificate
from interlock.core.rotation import RotationCertificate, next_epoch
from interlock.encoding.values import Bytes32
from interlock.evidence.certificate import certificate_fault, is_included, order_certificate_fault, rotation_fault
from interlock.ledgers.memory.proof import GENESIS_KNOWN, Known, Proof, Proven, ProvenOrder, rotate


@dataclass(frozen=True, slots=True)
class Inclusion:
    """A decision or an order of an epoch that is over, with its place in the log of decisions."""

    statement: Decision | Order
    siblings: tuple[Bytes32, ...]
    """From the leaf up."""
    root_epoch: Epoch
    """The epoch whose opening rotation carries the root."""


AnyProof = AnyCertificate | OrderCertificate | Inclusion
"""Whatever proves a decision or an order."""


@dataclass(frozen=True, slots=True)
class Office:
    """The newest committee that the ledger knows."""

    network_id: Bytes32
    known: Known
    committee: Committee

    @classmethod
    def at_genesis(cls, genesis: Genesis) -> "Office":
        """Give what a ledger knows that was set up from the genesis document."""
        return cls(genesis.network_id, GENESIS_KNOWN, first_committee(genesis))

    def after(self, rotations: Iterable[RotationCertificate]) -> "Office":
        """Give the office after those of these rotations that follow; the first that does not ends the row."""
        office = self
        for each in rotations:
            rotation = each.rotation
            if rotation.from_epoch < office.known.epoch:
                continue
            if rotation_fault(self.network_id, office.committee, each) is not None:
                break
            known, _ = rotate(office.known, rotation.from_epoch, rotation.decisions_root)
            office = Office(self.network_id, known, Committee(next_epoch(office.committee.epoch), each.members))
        return office

    def proven(self, settlement: SettlementId, certificate: AnyCertificate | Inclusion) -> Proven | str:
        """Give the decision that is proven, or say why it is not.

        A proof of another epoch than the newest one known cannot be verified, nor does it have to: it is given as it
        stands, and the rules answer with what is missing.
        """
        if isinstance(certificate, Inclusion):
            statement = certificate.statement
            if not isinstance(statement, Decision) or statement.settlement != settlement:
                return "what is included is no decision of this settlement"
            fault = self._inclusion_fault(statement, certificate.siblings, certificate.root_epoch)
            return fault or Proven(statement.outcome, Proof(statement.epoch, certificate.root_epoch))
        decision = certificate.decision
        if decision.epoch == self.committee.epoch or decision.settlement != settlement:
            fault = certificate_fault(self.network_id, self.committee, certificate, settlement=settlement)
            if fault is not None:
                return fault
        return Proven(decision.outcome, Proof(decision.epoch))

    def proven_order(
        self, settlement: SettlementId, ledger: str, certificate: OrderCertificate | Inclusion
    ) -> ProvenOrder | str:
        """Give the order to a ledger that is proven, or say why it is not; as `proven`."""
        if isinstance(certificate, Inclusion):
            order = certificate.statement
            if not isinstance(order, Order) or (order.settlement, order.ledger) != (settlement, ledger):
                return "what is included is no order of this settlement to this ledger"
            fault = self._inclusion_fault(order, certificate.siblings, certificate.root_epoch)
            return fault or ProvenOrder(order.last_valid, Proof(order.epoch, certificate.root_epoch))
        order = certificate.order
        if order.epoch == self.committee.epoch or (order.settlement, order.ledger) != (settlement, ledger):
            fault = order_certificate_fault(
                self.network_id, self.committee, certificate, settlement=settlement, ledger=ledger
            )
            if fault is not None:
                return fault
        return ProvenOrder(order.last_valid, Proof(order.epoch))

    def _inclusion_fault(
        self, statement: Decision | Order, siblings: Sequence[Bytes32], root_epoch: Epoch
    ) -> str | None:
        if root_epoch == self.known.epoch and not is_included(statement, siblings, self.known.decisions_root):
            return "it is not in the log of decisions with the root known here"
        return None
