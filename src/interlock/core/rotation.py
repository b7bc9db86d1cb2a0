"""The rotation: how one committee hands over to the next, and takes all that it decided along.

First a quorum of the committee in office names its successors (`Succession`). From then on the log has one pending
`Rotation`: it binds the root over every decision and order up to the block before. While it pends, no decision and no
order is signed; each member signs the rotation, once, if the root contains all that it ever signed. With a quorum of
signatures the next epoch begins at the end of that block. So whatever the outgoing committee has certified is in the
root, and whatever is not in the root will be signed by the new committee alone.

Source: specification 5 (EPOCH-2 to EPOCH-4) and 2 (FORM-COMMITTEE).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from interlock.core.committee import Committee, Epoch, MemberIndex, committee_fault
from interlock.core.decision import MemberSignature, quorum_of
from interlock.core.instruction import PartySignature, SettlementId
from interlock.encoding import schema
from interlock.encoding.keccak import keccak256
from interlock.encoding.typed_data import digest, domain_separator
from interlock.encoding.values import Address, Bytes32, Height, Signature, Uint64

_ARRAY_OFFSET = (64).to_bytes(32, "big")
"""Where the array begins, after the two words of the head."""


@dataclass(frozen=True, slots=True)
class Succession:
    """Who shall follow the committee of an epoch."""

    from_epoch: Epoch
    members: tuple[Address, ...]
    """n = 3f + 1, distinct, none zero, in the order of their indexes."""


@dataclass(frozen=True, slots=True)
class SignedSuccession:
    """A succession and the signatures of a quorum of the committee in office."""

    succession: Succession
    signatures: tuple[PartySignature, ...]


@dataclass(frozen=True, slots=True)
class Rotation:
    """What each member of the outgoing committee signs, once."""

    from_epoch: Epoch
    committee: Bytes32
    """`committee_hash` of the next epoch and its members."""
    height: Height
    """The block up to which the root reaches."""
    decisions_root: Bytes32
    """Of the log of every decision and order since genesis; zero where there is none yet."""


@dataclass(frozen=True, slots=True)
class RotationCertificate:
    """A rotation, its new members, and the signatures of exactly a quorum of the outgoing epoch."""

    rotation: Rotation
    members: tuple[Address, ...]
    signatures: tuple[MemberSignature, ...]


@dataclass(frozen=True, slots=True)
class Pending:
    """The one rotation of the present epoch, who has signed it, and what its root does not hold."""

    rotation: Rotation
    members: tuple[Address, ...]
    signatures: tuple[MemberSignature, ...]
    """By rising member."""
    ordered_since: tuple[SettlementId, ...]
    """Settlements whose order came after the root was fixed, in the order in which they came."""
    decided_since: tuple[SettlementId, ...]
    """Settlements that were decided after the root was fixed, in the order in which they were."""


def committee_hash(epoch: Epoch, members: tuple[Address, ...]) -> Bytes32:
    """Give the hash by which vaults and rotations know a committee: keccak256 of abi.encode(epoch, members)."""
    head = epoch.to_bytes(32, "big") + _ARRAY_OFFSET + len(members).to_bytes(32, "big")
    return keccak256(head + b"".join(bytes(12) + each for each in members))


def next_epoch(epoch: Epoch) -> Epoch:
    """Give the epoch that follows."""
    return Epoch(Uint64(epoch + 1))


def succession_digest(network_id: Bytes32, succession: Succession) -> Bytes32:
    """Give what a member signs to name successors."""
    successors = committee_hash(next_epoch(succession.from_epoch), succession.members)
    return digest(domain_separator(network_id), schema.SUCCESSION.hash_struct(succession.from_epoch, successors))


def rotation_digest(network_id: Bytes32, rotation: Rotation) -> Bytes32:
    """Give what a member signs to hand over."""
    struct = schema.ROTATION.hash_struct(
        rotation.from_epoch, rotation.committee, rotation.height, rotation.decisions_root
    )
    return digest(domain_separator(network_id), struct)


def succession_fault(succession: Succession, convicted: frozenset[Address]) -> str | None:
    """Say why these successors cannot take office, or None."""
    fault = committee_fault(succession.members)
    if fault is not None:
        return fault
    if convicted & set(succession.members):
        return "a member that was proven to have contradicted itself cannot take office again"
    return None


def assemble_rotation(committee: Committee, pending: Pending) -> RotationCertificate | None:
    """Give the certificate of a rotation; None while too few have signed."""
    by_member: Mapping[MemberIndex, Signature] = {each.member: each.signature for each in pending.signatures}
    chosen = quorum_of(committee, by_member)
    return None if chosen is None else RotationCertificate(pending.rotation, pending.members, chosen)
