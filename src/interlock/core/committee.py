"""The committee: exactly n = 3f + 1 nodes of equal weight, and the genesis document that names the first one.

The hash of the genesis document is the network's id. Vault, bank and auditor are set up from that document; nobody
asks a node who the committee is.

Source: specification 1 (PARTY-NETWORK, PARTY-COMMITTEE, PARTY-QUORUM).
"""

from dataclasses import dataclass
from typing import ClassVar, NewType

from interlock.core.limits import MEMBERS_MAX, NAME_BYTES_MAX
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import ZERO_ADDRESS, Address, Bytes32, Uint32, Uint64

Epoch = NewType("Epoch", Uint64)
"""The reign of one committee; the genesis committee's is 1."""

MemberIndex = NewType("MemberIndex", Uint32)
"""A member's place in the committee's list."""

FIRST_EPOCH = Epoch(Uint64(1))


@dataclass(frozen=True, slots=True)
class Genesis:
    """The document that begins a network; every verifier pins it."""

    KIND: ClassVar[str] = "interlock/genesis/1"

    name: str
    """What people call the network."""
    members: tuple[Address, ...]
    """The first committee, in order: the addresses of the nodes' decision keys."""
    log: str
    """The kind of ordered log: `embedded` or `cometbft`."""
    salt: Bytes32
    """32 random bytes: a log begun anew is a new network."""

    @property
    def network_id(self) -> Bytes32:
        """Give keccak256 of the canonical document."""
        return keccak256(encode(self))


@dataclass(frozen=True, slots=True)
class Committee:
    """The nodes of one epoch."""

    epoch: Epoch
    members: tuple[Address, ...]

    @property
    def faulty_max(self) -> int:
        """Give f: how many members may be faulty while the promise holds."""
        return (len(self.members) - 1) // 3

    @property
    def quorum(self) -> int:
        """Give q = 2f + 1: two quorums share at least f + 1 members, one of them honest."""
        return 2 * self.faulty_max + 1

    def index_of(self, address: Address) -> MemberIndex | None:
        """Give the place of a member, or None for a stranger."""
        return MemberIndex(Uint32(self.members.index(address))) if address in self.members else None


def committee_fault(members: tuple[Address, ...]) -> str | None:
    """Say what is wrong with a list of members, or None: n = 3f + 1 up to 31, distinct, none zero."""
    if len(members) % 3 != 1 or len(members) > MEMBERS_MAX:
        return f"{len(members)} members; n = 3f + 1 with n at most {MEMBERS_MAX} is wanted"
    if len(set(members)) != len(members):
        return "a member stands twice in the committee"
    if ZERO_ADDRESS in members:
        return "the zero address cannot be a member"
    return None


def genesis_fault(genesis: Genesis) -> str | None:
    """Say what is wrong with a genesis document, or None."""
    if not genesis.name or len(genesis.name.encode()) > NAME_BYTES_MAX:
        return f"the network's name must have 1 to {NAME_BYTES_MAX} bytes"
    if genesis.log not in {"embedded", "cometbft"}:
        return f"{genesis.log!r} is no kind of log; embedded or cometbft is wanted"
    return committee_fault(genesis.members)


def first_committee(genesis: Genesis) -> Committee:
    """Give the committee of epoch 1."""
    return Committee(FIRST_EPOCH, genesis.members)
