"""What the checks of a receipt's form stand on, and how they tell what they found."""

from dataclasses import dataclass

from interlock.encoding.values import Bytes32
from interlock.evidence.committees import Committees

Found = tuple[str | None, str]
"""Why a check fails, or None, and what it found where it does not."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The network's id, and every committee that the rotations lead to."""

    network_id: Bytes32
    committees: Committees

    @property
    def reach(self) -> str:
        """Say how far the receipt's rotations lead."""
        return f"the receipt's rotations lead to epoch {self.committees.newest.epoch}"


def count(number: int, noun: str) -> str:
    """Give a number of things as words."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
