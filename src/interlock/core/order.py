"""The order: the committee's one call to the pivot, the ledger that settles its legs in a single step, without holds.

When every other leg is held, the log fixes one order for the settlement, for ever: the pivot may execute it until
`last_valid` by its own clock, and only with the order's certificate. What the pivot then says, EXECUTED or NEVER, is
the decision. Later epochs sign the same order again.

Source: specification 6 (PIVOT-2, PIVOT-4).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from interlock.core.committee import Committee, Epoch, MemberIndex
from interlock.core.decision import MemberSignature, quorum_of
from interlock.core.instruction import SettlementId
from interlock.encoding import schema
from interlock.encoding.typed_data import digest, domain_separator
from interlock.encoding.values import Bytes32, Signature, UnixSeconds


@dataclass(frozen=True, slots=True)
class Order:
    """What a quorum of one epoch signs to let the pivot execute."""

    settlement: SettlementId
    ledger: str
    """The pivot's registered name."""
    last_valid: UnixSeconds
    """Nothing executes after this time, by the pivot's own clock."""
    epoch: Epoch

    def is_same_as(self, other: "Order") -> bool:
        """Tell whether two orders say the same; the epoch that signs is not part of what they say."""
        return (self.settlement, self.ledger, self.last_valid) == (other.settlement, other.ledger, other.last_valid)


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order and one node's signature; the signer is recovered, never claimed."""

    order: Order
    signature: Signature


@dataclass(frozen=True, slots=True)
class OrderCertificate:
    """An order with the signatures of exactly a quorum of its epoch, by rising member index."""

    order: Order
    signatures: tuple[MemberSignature, ...]


def order_hash(order: Order) -> Bytes32:
    """Give hashStruct(Order): a leaf of the log of decisions. Its preimage has 160 bytes."""
    return schema.ORDER.hash_struct(order.settlement, order.ledger, order.last_valid, order.epoch)


def order_digest(network_id: Bytes32, order: Order) -> Bytes32:
    """Give what a node signs for an order."""
    return digest(domain_separator(network_id), order_hash(order))


def assemble_order(
    committee: Committee, order: Order, signatures: Mapping[MemberIndex, Signature]
) -> OrderCertificate | None:
    """Give the certificate of an order; None while too few have signed."""
    chosen = quorum_of(committee, signatures)
    return None if chosen is None else OrderCertificate(order, chosen)
