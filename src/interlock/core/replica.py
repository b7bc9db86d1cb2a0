"""The replica: the map of settlements and everything else that the log decides, on one node.

It is the only thing in the core that changes. It is given blocks in order and applies each as a whole: first the
block's time, then its entries one by one, the items of a batched entry one by one. Two replicas that were given the
same blocks are equal, byte for byte (I8). Finished settlements leave its memory and stay as an index of outcomes.

Source: specification 4.
"""

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar, assert_never

from interlock.core import lifecycle
from interlock.core.admission import Context, Lane, lanes_of
from interlock.core.attestation import SignedAttestation
from interlock.core.committee import Committee, Epoch, Genesis, MemberIndex, first_committee
from interlock.core.entry import (
    Anchor,
    Attest,
    Block,
    Cancel,
    Configure,
    Entry,
    Instruct,
    PartyEntry,
    Sign,
    SignDecisions,
)
from interlock.core.instruction import SettlementId, required_signers, settlement_id
from interlock.core.invariants import check_change, invariant
from interlock.core.limits import ANCHORS_MAX
from interlock.core.registry import EMPTY_REGISTRY, Registry, SignedConfiguration, registry_fault
from interlock.core.rejection import Reason, Rejection
from interlock.core.rules import advance
from interlock.core.settlement import ENDED, EndedSettlement, Settlement, State, ended_of
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Address, Bytes32, Height, Uint64, UnixSeconds


@dataclass(slots=True)
class Applied:
    """What one block changed, for the node to act on and to keep."""

    changes: list[tuple[Settlement | None, Settlement]] = field(default_factory=list)
    """Every step of a settlement, before and after, in order."""
    ended: list[Settlement] = field(default_factory=list)
    """Settlements that ended with this block and left the replica's memory."""
    attestations: list[tuple[MemberIndex, SignedAttestation]] = field(default_factory=list)
    """Votes that were counted."""
    rejections: list[tuple[int, Rejection]] = field(default_factory=list)
    """What was refused, with the index of its entry in the block."""

    @property
    def touched(self) -> tuple[SettlementId, ...]:
        """Give the settlements that changed, each once, in the order of their first change."""
        return tuple(dict.fromkeys(after.id for _, after in self.changes))


@dataclass(frozen=True, slots=True)
class _IndexedEnd:
    id: SettlementId
    ended: EndedSettlement


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The replica's whole state in one value, for comparing replicas."""

    KIND: ClassVar[str] = "interlock/state/1"

    network: Bytes32
    height: Height
    time: UnixSeconds
    block: Bytes32
    configurations: tuple[SignedConfiguration, ...]
    settlements: tuple[Settlement, ...]
    ended: tuple[_IndexedEnd, ...]


class Replica:
    """One node's copy of what the log has decided so far."""

    def __init__(self, genesis: Genesis) -> None:
        self.network_id: Bytes32 = genesis.network_id
        self.committee: Committee = first_committee(genesis)
        self.height: Height = Height(Uint64(0))
        self.time: UnixSeconds = UnixSeconds(Uint64(0))
        self.block_hash: Bytes32 = self.network_id
        self.configurations: list[SignedConfiguration] = []
        self.settlements: dict[SettlementId, Settlement] = {}
        """Settlements that have not ended."""
        self.ended: dict[SettlementId, EndedSettlement] = {}
        self._anchors: deque[Bytes32] = deque([self.block_hash], maxlen=ANCHORS_MAX)
        self._timers: list[tuple[int, SettlementId]] = []
        self._open_by_signer: dict[Address, int] = {}
        self._live_lanes: dict[Lane, SettlementId] = {}
        self._live: dict[SettlementId, tuple[Lane, ...]] = {}
        self._counted: set[SettlementId] = set()

    @property
    def registry(self) -> Registry:
        """Give the registry in force; empty before the first configuration."""
        return self.configurations[-1].configuration.registry if self.configurations else EMPTY_REGISTRY

    @property
    def anchor(self) -> Anchor:
        """Give the place in the log up to which this replica has applied."""
        return Anchor(self.height, self.block_hash)

    def apply_block(self, block: Block) -> Applied:
        """Apply the next block: its time first, then its entries. BrokenInvariant when heights or times go astray."""
        invariant("LOG-1", f"block {block.height} after {self.height}", holds=block.height == self.height + 1)
        invariant("LOG-2", f"time {block.time} after {self.time}", holds=block.time >= self.time)
        applied = Applied()
        self.time = block.time
        self._pass_time(applied)
        for index, entry in enumerate(block.entries):
            for rejection in self._apply_entry(entry, applied):
                applied.rejections.append((index, rejection))
        self.height = block.height
        self.block_hash = block.hash
        self._anchors.append(block.hash)
        return applied

    def context(self) -> Context:
        """Give what the settlement rules may read."""
        return Context(
            network_id=self.network_id,
            committee=self.committee,
            time=self.time,
            registry=self.registry,
            registry_sequence=self._sequence,
            open_by_signer=self._open_by_signer,
            live_lanes=self._live_lanes,
        )

    def preview(self, entry: PartyEntry) -> tuple[SettlementId, Rejection | None]:
        """Tell a submitter what would be refused now, before the log is troubled; the log alone decides."""
        id_, outcome = self._party_outcome(entry)
        return id_, outcome if isinstance(outcome, Rejection) else None

    def configurations_of(self, settlement: Settlement) -> tuple[SignedConfiguration, ...]:
        """Give the configurations under which a settlement's evidence is read, by rising sequence.

        They begin with the one in force at its match, or at its first sight where there was no match, and go up to the
        newest. That is so for an ended settlement too, since no record is kept of the one in force at its end: what
        came later is more than its evidence needs, and configurations are rare.
        """
        return tuple(
            each for each in self.configurations if each.configuration.sequence >= settlement.registry_sequence
        )

    def snapshot(self) -> Snapshot:
        """Give the whole state as one value."""
        return Snapshot(
            network=self.network_id,
            height=self.height,
            time=self.time,
            block=self.block_hash,
            configurations=tuple(self.configurations),
            settlements=tuple(self.settlements[each] for each in sorted(self.settlements)),
            ended=tuple(_IndexedEnd(each, self.ended[each]) for each in sorted(self.ended)),
        )

    def state_hash(self) -> Bytes32:
        """Give keccak256 of the snapshot's canonical bytes."""
        return keccak256(encode(self.snapshot()))

    @property
    def _sequence(self) -> Uint64:
        return self.configurations[-1].configuration.sequence if self.configurations else Uint64(0)

    def _pass_time(self, applied: Applied) -> None:
        while self._timers and self._timers[0][0] <= self.time:
            _, due = heapq.heappop(self._timers)
            known = self.settlements.get(due)
            if known is not None:
                self._take(due, advance(known, self.context()), applied)

    def _apply_entry(self, entry: Entry, applied: Applied) -> list[Rejection]:
        match entry:
            case Instruct() | Sign() | Cancel():
                return self._take(*self._party_outcome(entry), applied)
            case Attest():
                fault = self._batch_fault(entry)
                return [fault] if fault is not None else self._attest(entry, applied)
            case SignDecisions():
                fault = self._batch_fault(entry)
                return [fault] if fault is not None else self._sign_decisions(entry, applied)
            case Configure():
                return self._configure(entry, applied)
            case _ as never:
                assert_never(never)

    def _party_outcome(self, entry: PartyEntry) -> tuple[SettlementId, lifecycle.Outcomes]:
        """Give what a party's entry would make of its settlement, without doing it."""
        id_ = settlement_id(self.network_id, entry.terms) if isinstance(entry, Instruct) else entry.settlement
        known = self.settlements.get(id_)
        ended = self.ended.get(id_)
        if ended is not None and isinstance(entry, Instruct) and entry.instruction is not None:
            return id_, lifecycle.reopen(ended, id_, entry.instruction, entry.signatures, self.context())
        if ended is not None or (known is None and isinstance(entry, Sign)):
            return id_, self._absent(id_)
        match entry:
            case Instruct():
                outcome = lifecycle.instruct(known, id_, entry.terms, entry.signatures, self.context())
            case Cancel():
                outcome = lifecycle.cancel(known, id_, entry.redacted, entry.signatures, self.context())
            case Sign() if known is not None:
                outcome = lifecycle.sign(known, entry.signatures, self.context())
            case _:
                outcome = self._absent(id_)
        return id_, outcome

    def _attest(self, entry: Attest, applied: Applied) -> list[Rejection]:
        rejections = []
        for signed in entry.attestations:
            id_ = signed.attestation.settlement
            known = self.settlements.get(id_)
            if known is None:
                rejections.append(self._stated_of_absent(id_, signed.attestation.epoch))
                continue
            outcome = lifecycle.attest(known, signed.attestation, entry.member, self.context())
            refused = self._take(id_, outcome, applied)
            rejections += refused
            if not refused:
                applied.attestations.append((entry.member, signed))
        return rejections

    def _sign_decisions(self, entry: SignDecisions, applied: Applied) -> list[Rejection]:
        rejections = []
        for signed in entry.decisions:
            id_ = signed.decision.settlement
            known = self.settlements.get(id_)
            if known is None:
                rejections.append(self._stated_of_absent(id_, signed.decision.epoch))
                continue
            rejections += self._take(id_, lifecycle.sign_decision(known, signed, entry.member, self.context()), applied)
        return rejections

    def _configure(self, entry: Configure, applied: Applied) -> list[Rejection]:
        configuration = entry.signed.configuration
        if configuration.epoch != self.committee.epoch:
            return [Rejection(Reason.WRONG_EPOCH, detail=f"Epoch {configuration.epoch}, not {self.committee.epoch}.")]
        if configuration.sequence != self._sequence + 1:
            return [
                Rejection(
                    Reason.SEQUENCE_NOT_RISING,
                    detail=f"Sequence {configuration.sequence}; {self._sequence + 1} comes next.",
                )
            ]
        signers = {each.signer for each in entry.signed.signatures} & set(self.committee.members)
        if len(signers) < self.committee.quorum:
            return [
                Rejection(Reason.QUORUM_MISSING, detail=f"{len(signers)} of {self.committee.quorum} members signed.")
            ]
        registry_problem = registry_fault(configuration.registry)
        if registry_problem is not None:
            return [Rejection(Reason.REGISTRY_INVALID, detail=registry_problem)]
        self.configurations.append(entry.signed)
        for known in tuple(self.settlements.values()):  # a ledger that was struck off may have been the last one open
            self._take(known.id, advance(known, self.context()), applied)
        return []

    def _batch_fault(self, entry: Attest | SignDecisions) -> Rejection | None:
        """Refuse a batch that was made on another history: a log that shows its nodes two faces convinces neither."""
        if entry.member >= len(self.committee.members):
            return Rejection(Reason.NOT_A_MEMBER, detail=f"Member {entry.member} of {len(self.committee.members)}.")
        back = self.height - entry.anchor.height
        if not 0 <= back < len(self._anchors):
            return Rejection(Reason.OTHER_LOG, detail=f"Made at height {entry.anchor.height}, now {self.height}.")
        if self._anchors[-1 - back] != entry.anchor.block:
            return Rejection(Reason.OTHER_LOG, detail=f"Block {entry.anchor.height} has another hash here.")
        return None

    def _stated_of_absent(self, id_: SettlementId, epoch: Epoch) -> Rejection:
        """Refuse a statement about a settlement that is not in memory; its epoch is looked at first, as for others."""
        return lifecycle.epoch_fault(id_, epoch, self.committee) or self._absent(id_)

    def _absent(self, id_: SettlementId) -> Rejection:
        ended = self.ended.get(id_)
        if ended is None:
            return Rejection(Reason.SETTLEMENT_UNKNOWN, id_, "Bring its instruction first.")
        return Rejection(Reason.ALREADY_DECIDED, id_, f"It is {ended.state.name} and archived.")

    def _take(self, id_: SettlementId, outcome: lifecycle.Outcomes, applied: Applied) -> list[Rejection]:
        """Put a settlement's next state in place and keep the indexes in step with it."""
        if isinstance(outcome, Rejection):
            return [outcome]
        before = self.settlements.get(id_)
        if outcome == before:
            return []
        check_change(before, outcome)
        applied.changes.append((before, outcome))
        if before is None:
            heapq.heappush(self._timers, (outcome.terms.prepare_by + 1, id_))
            if outcome.decision is None:
                heapq.heappush(self._timers, (outcome.terms.settle_from, id_))
        self._index(outcome)
        if outcome.state in ENDED and outcome.decision is not None:
            self.settlements.pop(id_, None)
            self.ended[id_] = ended_of(outcome, outcome.decision)
            applied.ended.append(outcome)
        else:
            self.ended.pop(id_, None)
            self.settlements[id_] = outcome
        return []

    def _index(self, settlement: Settlement) -> None:
        """Count a matched settlement against its signers until it is decided, and its lanes as live until it ends."""
        id_ = settlement.id
        if settlement.state is State.PREPARING and id_ not in self._live:
            self._live[id_] = lanes_of(settlement.terms)
            self._live_lanes.update(dict.fromkeys(self._live[id_], id_))
        if (settlement.state is State.PREPARING) != (id_ in self._counted):
            self._count(settlement)
        if settlement.state in ENDED and id_ in self._live:
            for lane in self._live.pop(id_):
                del self._live_lanes[lane]

    def _count(self, settlement: Settlement) -> None:
        """Begin or cease to count a settlement against its signers."""
        begins = settlement.id not in self._counted
        (self._counted.add if begins else self._counted.remove)(settlement.id)
        for signer in required_signers(settlement.terms):
            count = self._open_by_signer.get(signer, 0) + (1 if begins else -1)
            if count:
                self._open_by_signer[signer] = count
            else:
                del self._open_by_signer[signer]
