"""What each honest member remembers of its own signatures, where members differ: under two faces, or over epochs.

A member's memory is its sign-once record, and what it has signed is out in the world for ever. What it may sign next
is `core.signing`'s to say, and nobody else's. Members of one committee that remember the same are interchangeable, so
memories stand sorted within each group of members that hold the same offices.

The Byzantine member of each committee has signed everything, in its epochs: two honest signatures make a certificate.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from interlock.core.committee import FIRST_EPOCH, Epoch
from interlock.core.decision import Outcome
from interlock.core.instruction import SettlementId
from interlock.core.signing import (
    NOTHING,
    OrderTerms,
    Shown,
    Signed,
    decision_conflict,
    handed_over,
    order_conflict,
    rotation_conflict,
)
from interlock.encoding.values import Bytes32, Uint64
from interlock.explorer.cast import QUORUM

SECOND_EPOCH = Epoch(Uint64(2))
HONEST_MIN = QUORUM - 1
"""Honest signatures that the Byzantine member's makes a quorum."""

Said = Outcome | OrderTerms
"""What can be certified about a settlement."""


@dataclass(frozen=True, slots=True)
class Memory:
    """One honest member's record, and the signatures that it has made."""

    offices: tuple[Epoch, ...]
    """The epochs in which it is a member."""
    signed: Signed = NOTHING
    signatures: frozenset[tuple[Epoch, Said]] = frozenset()
    """What it has put its name to, and in which epoch."""
    rotation: Bytes32 | None = None
    """The digest of the rotation by which it handed the first epoch over."""

    @property
    def rotated_from(self) -> Epoch | None:
        """Give the epoch that it has handed over."""
        return None if self.rotation is None else FIRST_EPOCH

    def decide(self, id_: SettlementId, epoch: Epoch, outcome: Outcome, shown: Shown) -> "Memory | None":
        """Sign an outcome, or give None where that is not allowed, not in office, or nothing new."""
        is_new = epoch in self.offices and (epoch, outcome) not in self.signatures
        if not is_new or handed_over(epoch, self.rotated_from) is not None:
            return None
        if decision_conflict(id_, self.signed, outcome, shown) is not None:
            return None
        return replace(
            self, signed=replace(self.signed, outcome=outcome), signatures=self.signatures | {(epoch, outcome)}
        )

    def order(self, id_: SettlementId, epoch: Epoch, order: OrderTerms) -> "Memory | None":
        """Sign an order, or give None as `decide` does."""
        is_new = epoch in self.offices and (epoch, order) not in self.signatures
        if not is_new or handed_over(epoch, self.rotated_from) is not None:
            return None
        if order_conflict(id_, self.signed, order) is not None:
            return None
        return replace(self, signed=replace(self.signed, order=order), signatures=self.signatures | {(epoch, order)})

    def rotate(
        self, id_: SettlementId, rotation: Bytes32, height: int, shows: Callable[[SettlementId, Signed], bool]
    ) -> "Memory | None":
        """Sign the rotation of the first epoch, or give None as `decide` does."""
        if FIRST_EPOCH not in self.offices or self.rotation is not None:
            return None
        since = [] if self.signed == NOTHING else [(id_, self.signed, height)]
        if rotation_conflict(rotation, height, self.rotation, since, shows) is not None:
            return None
        return replace(self, rotation=rotation)


Memories = tuple[Memory, ...]


def sorted_memories(memories: Iterable[Memory]) -> Memories:
    """Put memories into their one order: by offices, then by what they hold."""
    return tuple(sorted(memories, key=repr))


def with_memory(memories: Memories, place: int, memory: Memory) -> Memories:
    """Give the memories with one of them grown."""
    return sorted_memories((*memories[:place], memory, *memories[place + 1 :]))


def is_certified(memories: Sequence[Memory], epoch: Epoch, said: Said) -> bool:
    """Tell whether a quorum's signatures of an epoch are out in the world under this."""
    return sum((epoch, said) in each.signatures for each in memories) >= HONEST_MIN


def is_handed_over(memories: Sequence[Memory], rotation: Bytes32) -> bool:
    """Tell whether a quorum's signatures are out in the world under this rotation."""
    return sum(each.rotation == rotation for each in memories) >= HONEST_MIN


def certified(memories: Sequence[Memory]) -> frozenset[tuple[Epoch, Said]]:
    """Give all that is certified."""
    said = {signature for each in memories for signature in each.signatures}
    return frozenset(each for each in said if is_certified(memories, *each))
