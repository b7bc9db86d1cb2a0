"""The prover: gives what proves a certificate to somebody who knows genesis alone, from what the node has kept.

A certificate of the newest epoch needs the rotations that lead there. One of a closed epoch needs, besides, the place
of its decision or order in the log of decisions, under the root that the newest rotation carries.

Source: specification 5 (EPOCH-6, EPOCH-7).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from interlock.core.applied import Applied
from interlock.core.committee import FIRST_EPOCH, Epoch
from interlock.core.decision import Decision, decision_hash
from interlock.core.order import Order, OrderCertificate, order_hash
from interlock.core.rotation import RotationCertificate, next_epoch
from interlock.core.settlement import Settlement
from interlock.encoding.merkle import Frontier, Place, proof_from
from interlock.encoding.values import Bytes32, Uint64
from interlock.evidence.committees import Inclusion
from interlock.evidence.receipt import OrderProof, Proofs
from interlock.node.store import Store


def proofs_of(store: Store, settlement: Settlement, rotations: Sequence[RotationCertificate]) -> Proofs:
    """Give what a certified settlement's receipt needs, besides its certificate and its evidence."""
    ordered = settlement.order_certificate or store.order(settlement.id)
    order = None if ordered is None else OrderProof(ordered, inclusion_of(store, ordered.order, rotations))
    decision = None if settlement.certificate is None else settlement.certificate.decision
    inclusion = None if decision is None else inclusion_of(store, decision, rotations)
    return Proofs(tuple(rotations), order, inclusion)


def inclusion_of(
    store: Store, statement: Decision | Order, rotations: Sequence[RotationCertificate]
) -> Inclusion | None:
    """Give the place of what a closed epoch certified, or None: for the newest epoch, or where the log has it not.

    The log has it from the epoch in which it was decided or ordered, which later ones sign again under their own.
    """
    if not rotations or statement.epoch == next_epoch(rotations[-1].rotation.from_epoch):
        return None
    size = store.leaves(rotations[-1].rotation.height)
    for epoch in range(statement.epoch, FIRST_EPOCH - 1, -1):
        taken = replace(statement, epoch=Epoch(Uint64(epoch)))
        leaf = store.leaf(decision_hash(taken) if isinstance(taken, Decision) else order_hash(taken))
        if leaf is not None and leaf < size:
            return Inclusion(taken.epoch, proof_from(store.node_at, leaf, size))
    return None


def grown(before: Frontier, leaves: Iterable[Bytes32]) -> list[tuple[Place, Bytes32]]:
    """Give the nodes that are complete once these leaves are appended, for the store to keep."""
    nodes: list[tuple[Place, Bytes32]] = []
    for leaf in leaves:
        nodes += before.completed_by(leaf)
        before = before.append(leaf)
    return nodes


def certified_orders(applied: Applied) -> list[OrderCertificate]:
    """Give the certificates of orders that a block completed."""
    return [
        after.order_certificate
        for before, after in applied.changes
        if after.order_certificate is not None
        and (before is None or before.order_certificate != after.order_certificate)
    ]
