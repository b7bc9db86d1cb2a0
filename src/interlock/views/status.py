"""A node as a face shows it: its place in the log, the newest block (by which nodes are compared), what is wrong."""

from typing import Protocol

from interlock.core.committee import MemberIndex
from interlock.core.replica import Replica
from interlock.encoding.values import hex_of


class NodeState(Protocol):
    """What the view reads of a node."""

    replica: Replica
    halted: str

    @property
    def member(self) -> MemberIndex | None:
        """Its place in the committee in office, or None."""
        ...

    @property
    def alarms(self) -> list[str]:
        """What is wrong at the moment."""
        ...


def status_view(node: NodeState) -> dict[str, object]:
    """Give a node's state as JSON values."""
    replica = node.replica
    return {
        "network": hex_of(replica.network_id),
        "member": node.member,
        "epoch": replica.committee.epoch,
        "members": [hex_of(each) for each in replica.committee.members],
        "quorum": replica.committee.quorum,
        "height": replica.height,
        "time": replica.time,
        "block": hex_of(replica.block_hash),
        "configuration": len(replica.configurations),
        "open": len(replica.settlements),
        "ended": len(replica.ended),
        "halted": node.halted or None,
        "alarms": node.alarms,
    }
