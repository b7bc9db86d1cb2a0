"""A snapshot: the replica's whole working state in one value, from which another replica goes on to the same bytes.

It holds what is open, not what has ended: of that, the log of ended settlements commits to the index, which is handed
over beside it (`Replica.restore`). So a snapshot stays small however long the history.

Source: specification 7 (I8).
"""

from dataclasses import dataclass
from typing import ClassVar

from interlock.core.ballots import BatchBallot, Signing, Tally
from interlock.core.committee import Epoch
from interlock.core.registry import SignedConfiguration
from interlock.core.rotation import Pending, RotationCertificate
from interlock.core.settlement import Settlement
from interlock.encoding.merkle import Frontier
from interlock.encoding.values import Address, Bytes32, Height, UnixSeconds


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a replica knows, but for the index of ended settlements."""

    KIND: ClassVar[str] = "interlock/state/2"

    network: Bytes32
    height: Height
    time: UnixSeconds
    anchors: tuple[Bytes32, ...]
    """Hashes of the newest blocks, the last one that of `height`."""
    epoch: Epoch
    members: tuple[Address, ...]
    """The committee in office."""
    configurations: tuple[SignedConfiguration, ...]
    rotations: tuple[RotationCertificate, ...]
    """Every rotation since genesis."""
    pending: Pending | None
    convicted: tuple[Address, ...]
    """By rising address."""
    is_compromised: bool
    decisions: Frontier
    """The log of every decision and order."""
    ended: Frontier
    """The log of every settlement that ended."""
    settlements: tuple[Settlement, ...]
    """The open ones, by rising id."""
    tallies: tuple[Tally, ...]
    signings: tuple[Signing, ...]
    batches: tuple[BatchBallot, ...]
    """By rising root."""
