"""Ballots: votes and signatures of the present epoch, on their way to a quorum.

What has come to a quorum stands and is kept with its settlement, for ever; what has not counts within one epoch only,
and begins again with the next. So both live apart: a rotation empties this box and touches nothing else.

Source: specification 4 (FACT-STANDS) and 5 (EPOCH-1).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from interlock.core.attestation import Fact
from interlock.core.committee import MemberIndex
from interlock.core.decision import Decision, DecisionBatch, MemberSignature
from interlock.core.instruction import LegIndex, SettlementId
from interlock.encoding.values import Bytes32, Signature, Uint32

FACT_BITS = 8
"""Bits of a fact's number; the rest of a tally's key is the leg's index."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Who attested one fact about one leg, within the present epoch."""

    settlement: SettlementId
    leg: LegIndex
    """The leg, or `EVERY_LEG`."""
    fact: Fact
    members: Uint32
    """Bit i is set where member i attested it."""


@dataclass(frozen=True, slots=True)
class Signing:
    """The signatures so far under the one thing that a settlement needs signed: its order, or its decision."""

    settlement: SettlementId
    signatures: tuple[MemberSignature, ...]
    """By rising member."""


@dataclass(frozen=True, slots=True)
class BatchBallot:
    """A batch of decisions and the signatures under it so far."""

    batch: DecisionBatch
    decisions: tuple[Decision, ...]
    """By rising settlement."""
    signatures: tuple[MemberSignature, ...]
    """By rising member."""


class Ballots:
    """All votes and signatures that count and have not come to a quorum, and the votes of open settlements."""

    def __init__(self) -> None:
        self.votes: dict[SettlementId, dict[int, int]] = {}
        """By settlement, then by leg << 8 | fact: the members that attested it, as bits."""
        self.signing: dict[SettlementId, dict[MemberIndex, Signature]] = {}
        self.batches: dict[Bytes32, BatchBallot] = {}
        """By root."""

    def vote(self, id_: SettlementId, leg: int, fact: int, member: int) -> int:
        """Count a vote; give the members that attested the fact, as bits, or 0 where this one had before."""
        votes = self.votes.get(id_)
        if votes is None:
            votes = self.votes[id_] = {}
        key = leg << FACT_BITS | fact
        before = votes.get(key, 0)
        members = before | 1 << member
        if members == before:
            return 0
        votes[key] = members
        return members

    def members(self, id_: SettlementId, leg: int, fact: Fact) -> int:
        """Give the members that attested a fact, as bits."""
        return self.votes.get(id_, {}).get(leg << FACT_BITS | fact, 0)

    def tallies(self, id_: SettlementId) -> list[Tally]:
        """Give the votes about a settlement, by leg, then by fact."""
        return [
            Tally(id_, LegIndex(Uint32(key >> FACT_BITS)), Fact(key & (1 << FACT_BITS) - 1), Uint32(members))
            for key, members in sorted(self.votes.get(id_, {}).items())
        ]

    def sign(self, id_: SettlementId, member: MemberIndex, signature: Signature) -> dict[MemberIndex, Signature] | None:
        """Take a signature; give all there are, or None where this member's was there before."""
        signatures = self.signing.setdefault(id_, {})
        if member in signatures:
            return None
        signatures[member] = signature
        return signatures

    def certified(self, id_: SettlementId) -> None:
        """Forget the signatures under what is certified now."""
        self.signing.pop(id_, None)

    def forget(self, id_: SettlementId) -> None:
        """Forget a settlement that ended."""
        self.votes.pop(id_, None)
        self.signing.pop(id_, None)

    def clear(self) -> None:
        """Begin a new epoch."""
        self.votes.clear()
        self.signing.clear()
        self.batches.clear()

    def restore(self, tallies: Iterable[Tally], signings: Iterable[Signing], batches: Iterable[BatchBallot]) -> None:
        """Take over what a snapshot holds."""
        for each in tallies:
            self.votes.setdefault(each.settlement, {})[each.leg << FACT_BITS | each.fact] = each.members
        for signing in signings:
            self.signing[signing.settlement] = {each.member: each.signature for each in signing.signatures}
        self.batches = {each.batch.root: each for each in batches}

    def all_tallies(self) -> Iterator[Tally]:
        """Give every vote, by settlement, leg and fact."""
        for id_ in sorted(self.votes):
            yield from self.tallies(id_)

    def all_signings(self) -> Iterator[Signing]:
        """Give every signature on its way, by settlement."""
        for id_ in sorted(self.signing):
            yield Signing(id_, signatures_of(self.signing[id_]))


def signatures_of(by_member: dict[MemberIndex, Signature]) -> tuple[MemberSignature, ...]:
    """Give signatures by rising member."""
    return tuple(MemberSignature(member, by_member[member]) for member in sorted(by_member))
