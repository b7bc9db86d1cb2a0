"""The committees of a network, epoch by epoch, and what becomes of the certificates of those that are out of office.

Whoever knows the genesis document and the rotations since knows every committee. A certificate of the newest one counts
by its signatures. One of a closed epoch counts only while the log of decisions, whose root the newest rotation carries,
shows that it was decided so: the keys of a committee out of office may be anybody's.

Source: specification 5 (EPOCH-6, EPOCH-7).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from interlock.core.committee import FIRST_EPOCH, Committee, Epoch
from interlock.core.decision import Decision
from interlock.core.order import Order
from interlock.core.rotation import RotationCertificate
from interlock.encoding.values import ZERO_BYTES32, Bytes32
from interlock.evidence.certificate import committee_after, is_included


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where a decision or an order stands in the log of decisions."""

    epoch: Epoch
    """Of the leaf: the epoch in which it was decided or ordered. Later ones sign the same under their own number."""
    proof: tuple[Bytes32, ...]
    """Siblings from the leaf to the root that the newest rotation carries."""


@dataclass(frozen=True, slots=True)
class Committees:
    """Every committee from genesis on."""

    known: tuple[Committee, ...]
    """By rising epoch, without a gap, from the first."""
    root: Bytes32
    """Of the log of decisions, as the newest rotation carries it; zero where there was none."""

    @property
    def newest(self) -> Committee:
        """Give the last one."""
        return self.known[-1]

    def of(self, epoch: Epoch) -> Committee | None:
        """Give the committee of an epoch, or None for one that is not known."""
        index = epoch - FIRST_EPOCH
        return self.known[index] if 0 <= index < len(self.known) else None


def committees_of(network_id: Bytes32, first: Committee, rotations: Sequence[RotationCertificate]) -> Committees | str:
    """Walk from the first committee along every rotation; the sentence of the first fault where one does not follow."""
    known, root = [first], ZERO_BYTES32
    for index, each in enumerate(rotations):
        if each.rotation.from_epoch != known[-1].epoch:
            return f"Rotation {index} is from epoch {each.rotation.from_epoch}; {known[-1].epoch} comes next."
        found = committee_after(network_id, known[-1], (each,))
        if isinstance(found, str):
            return f"The rotation from epoch {known[-1].epoch} does not hold: {found}."
        known.append(found)
        root = each.rotation.decisions_root
    return Committees(tuple(known), root)


def standing_fault(committees: Committees, statement: Decision | Order, inclusion: Inclusion | None) -> str | None:
    """Say why what a known committee certified counts for nothing now, or None where it does.

    One of the newest epoch needs no inclusion, and must have none; one of a closed epoch must be in the log of
    decisions, signed in that epoch or an earlier one.
    """
    epoch, newest = statement.epoch, committees.newest.epoch
    if epoch == newest:
        return None if inclusion is None else f"epoch {epoch} is the newest one here, which needs no inclusion"
    if inclusion is None:
        return (
            f"epoch {epoch} is closed, the rotations lead to epoch {newest}, and what a closed epoch certified proves "
            "nothing without its inclusion in the log of decisions"
        )
    if inclusion.epoch > epoch:
        return f"the log has it from epoch {inclusion.epoch}, after epoch {epoch}, which signed it"
    if not is_included(replace(statement, epoch=inclusion.epoch), inclusion.proof, committees.root):
        return f"epoch {epoch} is closed, and it is not in the log of decisions that the newest rotation binds"
    return None
