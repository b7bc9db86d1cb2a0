"""What a node offers to its faces: questions and the one command, so that no face knows a node's inside.

Two errors are its own: NodeHalted is terminal at this node (ask another), NotYetApplied means *look again by id*.
"""

from typing import Protocol

from interlock.core.ballots import Tally
from interlock.core.committee import MemberIndex
from interlock.core.entry import PartyEntry
from interlock.core.instruction import SettlementId
from interlock.core.rejection import Rejection
from interlock.core.settlement import Settlement
from interlock.evidence.receipt import Receipt
from interlock.views.status import NodeState


class NotYetApplied(Exception):
    """The log took the entry, but this node has not applied it in time. Nothing is lost: look again."""


class NodeHalted(Exception):
    """The node halted and takes nothing more; the sentence says why."""


class Desk(NodeState, Protocol):
    """A node as its faces use it."""

    async def submit(self, entry: PartyEntry) -> tuple[SettlementId | None, Rejection | None]:
        """Bring a party's entry to the log and wait until this node has applied it.

        Gives the settlement and, where the entry changed nothing, why. Raises NodeHalted, NotYetApplied, and what
        the log raises.
        """
        ...

    def settlement(self, id_: SettlementId) -> Settlement | None:
        """Give a settlement, open or ended, or None where the log does not know it."""
        ...

    def recent(self, limit: int) -> list[Settlement]:
        """Give at most `limit` settlements: the open ones, then ended ones."""
        ...

    def history(self, id_: SettlementId, *, after: int = -1) -> list[dict[str, object]]:
        """Give a settlement's timeline after a number."""
        ...

    def receipt(self, settlement: Settlement) -> Receipt | None:
        """Give the evidence pack of a certified settlement, or None while there is no certificate."""
        ...

    def tallies(self, settlement: Settlement) -> list[Tally]:
        """Give who attested what about a settlement: in this epoch, or for an ended one in any."""
        ...

    def signers(self, settlement: Settlement) -> list[MemberIndex]:
        """Give who has signed a settlement's order or decision, by rising member."""
        ...

    def troubles(self, settlement: Settlement) -> dict[int, str]:
        """Give why the newest attempts on a settlement's legs did not work, or what they wait for, by leg."""
        ...
