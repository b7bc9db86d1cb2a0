"""What one block changed, step by step in log order, for the node to act on and to keep."""

from dataclasses import dataclass, field
from typing import NamedTuple

from interlock.core.attestation import SignedAttestation
from interlock.core.committee import MemberIndex
from interlock.core.decision import SignedBatch, SignedDecision
from interlock.core.instruction import SettlementId
from interlock.core.order import SignedOrder
from interlock.core.rejection import Rejection
from interlock.core.rotation import RotationCertificate
from interlock.core.settlement import Settlement
from interlock.encoding.values import Bytes32


class Vote(NamedTuple):
    """An attestation that was counted."""

    member: MemberIndex
    signed: SignedAttestation


class Endorsement(NamedTuple):
    """A signature under a decision, a batch or an order that was counted."""

    member: MemberIndex
    signed: SignedDecision | SignedBatch | SignedOrder


class Change(NamedTuple):
    """A settlement's step."""

    before: Settlement | None
    after: Settlement


Step = Vote | Endorsement | Change


@dataclass(slots=True)
class Applied:
    """What one block changed."""

    steps: list[Step] = field(default_factory=list)
    """Everything that counted, in order."""
    ended: list[Settlement] = field(default_factory=list)
    """Settlements that ended with this block and left the replica's memory."""
    rejections: list[tuple[int, Rejection]] = field(default_factory=list)
    """What was refused, with the index of its entry in the block."""
    leaves: list[Bytes32] = field(default_factory=list)
    """Decisions and orders that this block appended to the log of decisions."""
    reopened: set[SettlementId] = field(default_factory=set)
    """Settlements that had ended and are open again."""
    rotated: RotationCertificate | None = None
    """The rotation with which this block ended its epoch."""

    @property
    def changes(self) -> list[Change]:
        """Give the steps of settlements, in order."""
        return [each for each in self.steps if isinstance(each, Change)]

    @property
    def votes(self) -> list[Vote]:
        """Give the attestations that were counted, in order."""
        return [each for each in self.steps if isinstance(each, Vote)]

    @property
    def touched(self) -> tuple[SettlementId, ...]:
        """Give the settlements that changed, each once, in the order of their first change."""
        return tuple(dict.fromkeys(each.after.id for each in self.changes))
