"""What a ledger knows of the committee, and what a certificate must prove to it: already verified, told as a value.

The signatures of the newest epoch that the ledger knows count, whatever the epoch of the hold. A decision or order of
an epoch that is over is proven by its inclusion in the log of decisions, under the root that the rotation into the
newest epoch brought. To anything newer the ledger says: bring the rotations.

Source: specification 5, "Epochs".
"""

from dataclasses import dataclass, replace

from interlock.core.committee import FIRST_EPOCH
from interlock.core.decision import Outcome
from interlock.encoding.values import ZERO_BYTES32, Bytes32
from interlock.ledgers.memory.answer import Answer


@dataclass(frozen=True, slots=True)
class Known:
    """What a ledger knows of the committee: with this it needs nobody's word."""

    epoch: int = FIRST_EPOCH
    """The newest epoch known."""
    decisions_root: Bytes32 = ZERO_BYTES32
    """Of the log of decisions, from the rotation into this epoch; zero at genesis, under which nothing is proven."""


GENESIS_KNOWN = Known()


@dataclass(frozen=True, slots=True)
class Proof:
    """How a decision or an order is proven; that the signatures or the siblings verify is settled before."""

    epoch: int
    """Whose quorum signed."""
    root_epoch: int | None = None
    """The epoch whose opening rotation carries the root that includes it; None where the signatures are the proof."""


@dataclass(frozen=True, slots=True)
class Proven:
    """A decision and its proof."""

    outcome: Outcome
    proof: Proof


@dataclass(frozen=True, slots=True)
class ProvenOrder:
    """An order to this ledger and its proof."""

    last_valid: int
    """Nothing executes after this time, unix seconds, by the ledger's own clock."""
    proof: Proof


def proof_fault(known: Known, proof: Proof) -> Answer | None:
    """Say why a ledger takes no notice of a proof yet, or None where it must obey."""
    of = proof.epoch if proof.root_epoch is None else proof.root_epoch
    if of > known.epoch:
        return Answer.BRING_ROTATIONS
    return Answer.BRING_NEWER_PROOF if of < known.epoch else None


def rotate(known: Known, from_epoch: int, decisions_root: Bytes32 = ZERO_BYTES32) -> tuple[Known, Answer | None]:
    """Take a verified rotation: the next one is learned, an earlier one is known already, a later one is too early."""
    if from_epoch > known.epoch:
        return known, Answer.BRING_ROTATIONS
    if from_epoch < known.epoch:
        return known, None
    return replace(known, epoch=from_epoch + 1, decisions_root=decisions_root), None
