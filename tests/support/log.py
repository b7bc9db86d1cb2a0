"""A log in memory that treats entries as every node does, and settlements brought to each stage of their life."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache

from interlock.core.applied import Applied
from interlock.core.attestation import Fact
from interlock.core.committee import Genesis, MemberIndex
from interlock.core.decision import Outcome
from interlock.core.ended import EndedSettlement
from interlock.core.entry import Anchor, Block, Entry
from interlock.core.instruction import Instruction, SettlementId, required_signers
from interlock.core.limits import EVERY_LEG
from interlock.core.registry import Registry
from interlock.core.rejection import Reason, Rejection
from interlock.core.replica import Replica
from interlock.core.settlement import Settlement
from interlock.encoding.block import block_hash
from interlock.encoding.canonical import encode
from interlock.encoding.values import Bytes32, Height, Uint64, UnixSeconds
from interlock.entries.check import decode_entry, entry_fault
from support.world import (
    ALICE,
    BOB,
    CAROL,
    GENESIS,
    PREPARE_BY,
    QUORUM,
    REGISTRY,
    START,
    Key,
    attest,
    attestation,
    cancel,
    certify,
    configure,
    id_of,
    instruct,
    instruction,
    pivot_instruction,
    sign_decisions,
    signed_decision,
    signed_order,
)

KEYS = {each.address: each for each in (ALICE, BOB, CAROL)}


@dataclass(frozen=True, slots=True)
class Ordered:
    """What became of one block."""

    rejections: tuple[Rejection, ...]
    """In the order of the entries: by the door, or by the core."""
    applied: Applied

    @property
    def reasons(self) -> list[Reason]:
        """Give the reasons alone."""
        return [each.reason for each in self.rejections]


class Log:
    """One order of entries, applied by one or several replicas through decode, check and apply."""

    def __init__(self, *, replicas: int = 1, genesis: Genesis = GENESIS, registry: Registry | None = REGISTRY) -> None:
        self.replicas = tuple(Replica(genesis) for _ in range(replicas))
        self.blocks: list[tuple[Block, tuple[bytes, ...]]] = []
        if registry is not None:
            ordered = self.block(configure(registry, 1), time=START)
            assert ordered.reasons == []

    @property
    def replica(self) -> Replica:
        """Give the first replica."""
        return self.replicas[0]

    @property
    def anchor(self) -> Anchor:
        """Give where the log is."""
        return self.replica.anchor

    def __getitem__(self, id_: SettlementId) -> Settlement:
        return self.replica.settlements[id_]

    def block(self, *entries: Entry | bytes, time: int | None = None) -> Ordered:
        """Order these entries as the next block, at the same log time unless another is given."""
        data = tuple(each if isinstance(each, bytes) else encode(each) for each in entries)
        now = UnixSeconds(Uint64(time if time is not None else max(self.replica.time, START)))
        height = Height(Uint64(self.replica.height + 1))
        hash_ = block_hash(height, now, self.replica.block_hash, data)
        ordered = [self._apply(replica, height, now, hash_, data) for replica in self.replicas]
        assert all(each.rejections == ordered[0].rejections for each in ordered)
        return ordered[0]

    def _apply(
        self, replica: Replica, height: Height, now: UnixSeconds, hash_: Bytes32, data: tuple[bytes, ...]
    ) -> Ordered:
        accepted: list[Entry] = []
        places: list[int] = []
        refused: list[tuple[int, Rejection]] = []
        for index, each in enumerate(data):
            entry = decode_entry(each)
            fault = entry if isinstance(entry, Rejection) else entry_fault(entry, replica.network_id, replica.committee)
            if fault is not None:
                refused.append((index, fault))
            elif not isinstance(entry, Rejection):
                accepted.append(entry)
                places.append(index)
        block = Block(height, now, hash_, tuple(accepted))
        applied = replica.apply_block(block)
        if replica is self.replica:
            self.blocks.append((block, data))
        refused += [(places[index], rejection) for index, rejection in applied.rejections]
        return Ordered(tuple(rejection for _, rejection in sorted(refused, key=lambda each: each[0])), applied)

    def replay(self, block: Block, data: tuple[bytes, ...]) -> None:
        """Apply a block that another log has checked."""
        for replica in self.replicas:
            replica.apply_block(block)
        self.blocks.append((block, data))

    def instruct(self, terms: Instruction, *keys: Key) -> SettlementId:
        """Order an instruction with these keys' signatures, or else with all that it needs; it must be taken."""
        ordered = self.block(instruct(terms, *(keys or (KEYS[each] for each in required_signers(terms)))))
        assert ordered.reasons == []
        return id_of(terms)

    def vote(
        self, id_: SettlementId, fact: Fact, legs: Iterable[int] = (0, 1), members: Iterable[int] = QUORUM
    ) -> Ordered:
        """Order one block in which each member attests the fact of each leg."""
        wanted = tuple(legs)
        return self.block(
            *(attest(each, self.anchor, *(attestation(each, id_, leg, fact) for leg in wanted)) for each in members)
        )

    def certify(self, id_: SettlementId, outcome: Outcome, members: Iterable[int] = QUORUM) -> Ordered:
        """Order one block in which each member signs the decision."""
        return self.block(*(sign_decisions(each, self.anchor, signed_decision(each, id_, outcome)) for each in members))

    def certify_order(self, id_: SettlementId, members: Iterable[int] = QUORUM) -> Ordered:
        """Order one block in which each member signs the order to the pivot, which must be out."""
        order = self[id_].order
        assert order is not None
        return self.block(*(certify(each, self.anchor, signed_order(each, order)) for each in members))

    def members(self, id_: SettlementId, leg: int, fact: Fact) -> int:
        """Give who has attested a fact in this epoch: bit i for member i."""
        return self.replica.ballots.members(id_, leg, fact)

    def kept(self) -> tuple[object, ...]:
        """Give all that it keeps of open settlements, votes and signatures on their way included."""
        whole = self.replica.snapshot()
        return whole.settlements, whole.tallies, whole.signings, whole.batches

    def signers(self, id_: SettlementId) -> list[MemberIndex]:
        """Give who has signed a settlement's order or decision."""
        return self.replica.signers_of(self[id_])

    def ended(self, id_: SettlementId) -> EndedSettlement:
        """Give what is kept of a settlement that ended."""
        found = self.replica.ended.get(id_)
        assert found is not None, "it has not ended"
        return found


class Stage(Enum):
    """The stages of a settlement of one on-chain and one account leg, which in the last four is the pivot's."""

    ALLEGED = "alleged"
    PREPARING = "preparing"
    ONE_HELD = "one leg held"
    COMMITTED = "committed, not certified"
    COMMITTED_CERTIFIED = "committed and certified"
    ONE_DELIVERED = "one leg delivered"
    SETTLED = "settled"
    ABORTED = "aborted, not certified"
    ABORTED_HELD = "aborted and certified, one leg held"
    ABORTED_CERTIFIED = "aborted and certified, no hold known"
    UNWOUND = "unwound"
    PIVOTING = "the other leg held, the order not certified"
    ORDERED = "the order certified"
    EXECUTED = "executed by the pivot, not certified"
    NEVER = "never executed, not certified"


PIVOT_STAGES = (Stage.PIVOTING, Stage.ORDERED, Stage.EXECUTED, Stage.NEVER)
"""Stages of a settlement with a pivot."""


def terms_at(stage: Stage) -> Instruction:
    """Give the terms of a stage's settlement, where a test gives none."""
    return pivot_instruction() if stage in PIVOT_STAGES else instruction()


def at(stage: Stage, *, replicas: int = 1, terms: Instruction | None = None) -> tuple[Log, SettlementId]:
    """Give a log and the id of its one settlement, which is at this stage."""
    known = terms or terms_at(stage)
    log = Log(replicas=replicas, registry=None)
    for block, data in _way_to(stage, known):
        log.replay(block, data)
    return log, id_of(known)


@cache
def _way_to(stage: Stage, terms: Instruction) -> tuple[tuple[Block, tuple[bytes, ...]], ...]:
    """Give the blocks that lead to a stage: signed, decoded and checked once, applied as often as a test asks."""
    log = Log()
    if stage is Stage.ALLEGED:
        log.instruct(terms, ALICE)
    else:
        id_ = log.instruct(terms)
        for step in _WAY[stage]:
            assert _STEPS[step](log, id_).reasons == []
    return tuple(log.blocks)


_STEPS: dict[str, Callable[[Log, SettlementId], Ordered]] = {
    "hold one": lambda log, id_: log.vote(id_, Fact.HELD, [0]),
    "hold both": lambda log, id_: log.vote(id_, Fact.HELD),
    "cancel": lambda log, id_: log.block(cancel(id_, ALICE, BOB)),
    "certify commit": lambda log, id_: log.certify(id_, Outcome.COMMIT),
    "certify abort": lambda log, id_: log.certify(id_, Outcome.ABORT),
    "deliver one": lambda log, id_: log.vote(id_, Fact.DELIVERED, [0]),
    "deliver both": lambda log, id_: log.vote(id_, Fact.DELIVERED),
    "return both": lambda log, id_: log.vote(id_, Fact.RETURNED),
    "certify order": lambda log, id_: log.certify_order(id_),
    "execute": lambda log, id_: log.vote(id_, Fact.EXECUTED, [EVERY_LEG]),
    "never": lambda log, id_: log.vote(id_, Fact.NEVER, [EVERY_LEG]),
}

_WAY: dict[Stage, tuple[str, ...]] = {
    Stage.PREPARING: (),
    Stage.ONE_HELD: ("hold one",),
    Stage.COMMITTED: ("hold both",),
    Stage.COMMITTED_CERTIFIED: ("hold both", "certify commit"),
    Stage.ONE_DELIVERED: ("hold both", "certify commit", "deliver one"),
    Stage.SETTLED: ("hold both", "certify commit", "deliver both"),
    Stage.ABORTED: ("cancel",),
    Stage.ABORTED_HELD: ("hold one", "cancel", "certify abort"),
    Stage.ABORTED_CERTIFIED: ("cancel", "certify abort"),
    Stage.UNWOUND: ("cancel", "certify abort", "return both"),
    Stage.PIVOTING: ("hold one",),
    Stage.ORDERED: ("hold one", "certify order"),
    Stage.EXECUTED: ("hold one", "certify order", "execute"),
    Stage.NEVER: ("hold one", "certify order", "never"),
}


LATE = PREPARE_BY + 1
"""The first second at which a settlement of the usual terms is too late."""
