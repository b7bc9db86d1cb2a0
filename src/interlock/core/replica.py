"""The replica: the map of settlements and everything else that the log decides, on one node.

It is the only thing in the core that changes. It is given blocks in order and applies each as a whole: first the
block's time, then its entries one by one, the items of a batched entry one by one, then what belongs to the block's
end (`closing`). Two replicas that were given the same blocks are equal, byte for byte (I8). Finished settlements leave
its memory and stay as an index of outcomes.

Source: specification 1 (LOG-1 to LOG-3), 4 (TIME-1, END-ARCHIVE) and 7 (I8).
"""

from collections import deque
from typing import Self, assert_never

from interlock.core import governance, lifecycle
from interlock.core.admission import Context
from interlock.core.applied import Applied, Change, Vote
from interlock.core.ballots import Ballots
from interlock.core.certification import certify
from interlock.core.closing import close_block
from interlock.core.committee import FIRST_EPOCH, Committee, Epoch, Genesis, MemberIndex, first_committee
from interlock.core.ended import EndedIndex, EndedSettlement, ended_of
from interlock.core.entry import (
    Anchor,
    Attest,
    Block,
    Cancel,
    Certify,
    Configure,
    Entry,
    Evidence,
    Instruct,
    PartyEntry,
    Rotate,
    Sign,
    SignRotation,
)
from interlock.core.indexes import Indexes
from interlock.core.instruction import SettlementId, settlement_id
from interlock.core.invariants import check_change, invariant
from interlock.core.limits import ANCHORS_MAX
from interlock.core.registry import EMPTY_REGISTRY, Registry, SignedConfiguration
from interlock.core.rejection import Reason, Rejection
from interlock.core.rotation import Pending, RotationCertificate
from interlock.core.rules import advance
from interlock.core.settlement import ENDED, Settlement
from interlock.core.signing import Signed
from interlock.core.snapshot import Snapshot
from interlock.core.state_hash import StateHash
from interlock.encoding.merkle import EMPTY_FRONTIER, Frontier
from interlock.encoding.values import Address, Bytes32, Height, Uint64, UnixSeconds


class Replica:
    """One node's copy of what the log has decided so far."""

    def __init__(self, genesis: Genesis) -> None:
        self.network_id: Bytes32 = genesis.network_id
        self.committee: Committee = first_committee(genesis)
        self.height: Height = Height(Uint64(0))
        self.time: UnixSeconds = UnixSeconds(Uint64(0))
        self.configurations: list[SignedConfiguration] = []
        self.rotations: list[RotationCertificate] = []
        """Every rotation since genesis; ledgers that lag are brought those they miss."""
        self.pending: Pending | None = None
        """The rotation of this epoch, once successors are named."""
        self.convicted: frozenset[Address] = frozenset()
        """Keys that were proven to have contradicted themselves."""
        self.is_compromised: bool = False
        """Two certificates contradict each other: nothing more is admitted or signed."""
        self.decisions: Frontier = EMPTY_FRONTIER
        """The log of every decision and order since genesis, up to the end of the newest block."""
        self.archive: Frontier = EMPTY_FRONTIER
        """The log of every settlement that ended."""
        self.settlements: dict[SettlementId, Settlement] = {}
        """Settlements that have not ended."""
        self.ended = EndedIndex()
        self.ballots = Ballots()
        self._anchors: deque[Bytes32] = deque([self.network_id], maxlen=ANCHORS_MAX)
        self._indexes = Indexes()
        self._hash = StateHash()
        self.now: Context = self.context()
        """What the rules may read in the block being applied."""

    @property
    def block_hash(self) -> Bytes32:
        """Give the hash of the newest block; the network id before the first."""
        return self._anchors[-1]

    @property
    def registry(self) -> Registry:
        """Give the registry in force; empty before the first configuration."""
        return self.configurations[-1].configuration.registry if self.configurations else EMPTY_REGISTRY

    @property
    def registry_sequence(self) -> Uint64:
        """Give the sequence of the configuration in force; 0 before the first."""
        return self.configurations[-1].configuration.sequence if self.configurations else Uint64(0)

    @property
    def anchor(self) -> Anchor:
        """Give the place in the log up to which this replica has applied."""
        return Anchor(self.height, self.block_hash)

    @property
    def is_handing_over(self) -> bool:
        """Tell whether decisions and orders wait for the next epoch's signatures, or for ever."""
        return self.pending is not None or self.is_compromised

    def apply_block(self, block: Block) -> Applied:
        """Apply the next block: its time first, then its entries. BrokenInvariant when heights or times go astray."""
        invariant("LOG-1", f"block {block.height} after {self.height}", holds=block.height == self.height + 1)
        invariant("LOG-2", f"time {block.time} after {self.time}", holds=block.time >= self.time)
        applied = Applied()
        self.time = block.time
        self.now = self.context()
        for due in self._indexes.due(block.time):
            known = self.settlements.get(due)
            if known is not None:
                self.take(due, advance(known, self.now), applied)
        for index, entry in enumerate(block.entries):
            for rejection in self._apply_entry(entry, applied):
                applied.rejections.append((index, rejection))
        close_block(self, block, applied)
        self.height = block.height
        self._anchors.append(block.hash)
        return applied

    def context(self) -> Context:
        """Give what the settlement rules may read."""
        return Context(
            network_id=self.network_id,
            committee=self.committee,
            time=self.time,
            registry=self.registry,
            registry_sequence=self.registry_sequence,
            open_by_signer=self._indexes.open_by_signer,
            live_lanes=self._indexes.live_lanes,
        )

    def preview(self, entry: PartyEntry) -> tuple[SettlementId, Rejection | None]:
        """Tell a submitter what would be refused now, before the log is troubled; the log alone decides."""
        id_, outcome = self._party_outcome(entry, self.context())
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
        """Give the working state as one value."""
        ballots = self.ballots
        return Snapshot(
            network=self.network_id,
            height=self.height,
            time=self.time,
            anchors=tuple(self._anchors),
            epoch=self.committee.epoch,
            members=self.committee.members,
            configurations=tuple(self.configurations),
            rotations=tuple(self.rotations),
            pending=self.pending,
            convicted=tuple(sorted(self.convicted)),
            is_compromised=self.is_compromised,
            decisions=self.decisions,
            ended=self.archive,
            settlements=tuple(self.settlements[each] for each in sorted(self.settlements)),
            tallies=tuple(ballots.all_tallies()),
            signings=tuple(ballots.all_signings()),
            batches=tuple(ballots.batches[root] for root in sorted(ballots.batches)),
        )

    @classmethod
    def restore(cls, genesis: Genesis, snapshot: Snapshot, ended: EndedIndex) -> Self:
        """Make a replica that goes on from a snapshot; see `resume`."""
        replica = cls(genesis)
        replica.resume(snapshot, ended)
        return replica

    def resume(self, snapshot: Snapshot, ended: EndedIndex) -> None:
        """Go on from a snapshot and the index of what had ended by then, before any block was applied.

        BrokenInvariant where the snapshot is another network's, or its logs cannot be.
        """
        is_own = snapshot.network == self.network_id and self.height == 0
        invariant("I8", "the snapshot is another network's, or comes late", holds=is_own)
        is_sound = snapshot.decisions.is_sound and snapshot.ended.is_sound and bool(snapshot.anchors)
        invariant("I8", "the snapshot's logs cannot be", holds=is_sound)
        has_all = len(snapshot.rotations) == snapshot.epoch - FIRST_EPOCH
        invariant("I8", f"{len(snapshot.rotations)} rotations in epoch {snapshot.epoch}", holds=has_all)
        self.height = snapshot.height
        self.time = snapshot.time
        self.committee = Committee(snapshot.epoch, snapshot.members)
        self.configurations = list(snapshot.configurations)
        self.rotations = list(snapshot.rotations)
        self.pending = snapshot.pending
        self.convicted = frozenset(snapshot.convicted)
        self.is_compromised = snapshot.is_compromised
        self.decisions = snapshot.decisions
        self.archive = snapshot.ended
        self.ended = ended
        self._anchors = deque(snapshot.anchors, maxlen=ANCHORS_MAX)
        self.ballots.restore(snapshot.tallies, snapshot.signings, snapshot.batches)
        for settlement in snapshot.settlements:
            self.settlements[settlement.id] = settlement
            self._indexes.restore(settlement, self.time)
            self._hash.touch(settlement.id)
        self.now = self.context()

    def signers_of(self, settlement: Settlement) -> list[MemberIndex]:
        """Give who has signed a settlement's decision, alone or in its batch, or its order before it, by member."""
        proof = settlement.order_certificate if settlement.decision is None else settlement.certificate
        if proof is not None:
            return [each.member for each in proof.signatures]
        batch = self.ballots.batches.get(settlement.batch) if settlement.batch is not None else None
        alone = self.ballots.signing.get(settlement.id, {})
        return sorted({*alone, *(each.member for each in batch.signatures)} if batch is not None else alone)

    def root_shows(self, id_: SettlementId, signed: Signed) -> bool:
        """Tell whether the root of the pending rotation holds what was once signed about a settlement.

        What this log decided or ordered after the root was fixed is not in it, though it may say the same.
        """
        pending = self.pending
        if pending is None:
            return False
        known: Settlement | EndedSettlement | None = self.settlements.get(id_) or self.ended.get(id_)
        if known is None:
            return False
        if isinstance(known, Settlement):
            last_valid = None if known.order is None else known.order.last_valid
        else:
            last_valid = known.last_valid
        decision = None if id_ in pending.decided_since else known.decision
        last_valid = None if id_ in pending.ordered_since else last_valid
        has_outcome = signed.outcome is None or (decision is not None and decision.outcome is signed.outcome)
        return has_outcome and (signed.order is None or signed.order.last_valid == last_valid)

    def touch(self, *ids: SettlementId) -> None:
        """Note that settlements, or the votes about them, changed: the state hash is to follow."""
        for id_ in ids:
            self._hash.touch(id_)

    def state_hash(self) -> Bytes32:
        """Give the hash of the whole state. It costs what changed since it was last asked for, not what there is."""
        return self._hash.of(self)

    def _apply_entry(self, entry: Entry, applied: Applied) -> list[Rejection]:
        match entry:
            case Attest():
                fault = self._batch_fault(entry)
                return [fault] if fault is not None else self._attest(entry, applied)
            case Certify():
                fault = self._batch_fault(entry)
                return [fault] if fault is not None else certify(self, entry, applied)
            case Instruct() | Sign() | Cancel():
                return self._party(entry, applied)
            case Configure():
                return self._configure(entry, applied)
            case Rotate():
                return _as_list(governance.rotate(self, entry))
            case SignRotation():
                return _as_list(governance.sign_rotation(self, entry))
            case Evidence():
                return _as_list(governance.take_evidence(self, entry))
            case _ as never:
                assert_never(never)

    def _party(self, entry: PartyEntry, applied: Applied) -> list[Rejection]:
        """Take what a party brings; where a quorum's attestations stand in for its signature, they are votes."""
        id_, outcome = self._party_outcome(entry, self.now)
        is_new = id_ not in self.settlements
        rejections = self.take(id_, outcome, applied)
        if isinstance(entry, Instruct) and entry.attested and is_new and not rejections:
            for member, signed in ((each.member, each.signed) for each in entry.attested):
                self.ballots.vote(id_, signed.attestation.leg, signed.attestation.fact, member)
                applied.steps.append(Vote(member, signed))
        return rejections

    def _party_outcome(self, entry: PartyEntry, context: Context) -> tuple[SettlementId, lifecycle.Outcomes]:
        """Give what a party's entry would make of its settlement, without doing it."""
        id_ = settlement_id(self.network_id, entry.terms) if isinstance(entry, Instruct) else entry.settlement
        if self.is_compromised:
            return id_, Rejection(Reason.COMPROMISED, id_, "Nothing is admitted any more; read the evidence.")
        known = self.settlements.get(id_)
        ended = self.ended.get(id_)
        if ended is not None and isinstance(entry, Instruct) and entry.instruction is not None:
            return id_, lifecycle.reopen(ended, id_, entry.instruction, entry.signatures, entry.attested, context)
        if ended is not None:
            return id_, self.absent(id_)
        match entry:
            case Instruct():
                outcome = lifecycle.instruct(known, id_, entry.terms, entry.signatures, entry.attested, context)
            case Cancel():
                outcome = lifecycle.cancel(known, id_, entry.redacted, entry.signatures, context)
            case Sign():
                outcome = self.absent(id_) if known is None else lifecycle.sign(known, entry.signatures, context)
            case _ as never:
                assert_never(never)
        return id_, outcome

    def _attest(self, entry: Attest, applied: Applied) -> list[Rejection]:
        rejections = []
        member, committee, quorum = entry.member, self.committee, self.committee.quorum
        for signed in entry.attestations:
            statement = signed.attestation
            id_ = statement.settlement
            known = self.settlements.get(id_)
            if known is None:
                rejections.append(self.absent(id_, statement.epoch))
                continue
            fault = lifecycle.attestation_fault(known, statement, committee)
            if fault is not None:
                rejections.append(fault)
                continue
            members = self.ballots.vote(id_, statement.leg, statement.fact, member)
            if not members:
                rejections.append(Rejection(Reason.NOTHING_NEW, id_))
                continue
            self._hash.touch(id_)
            applied.steps.append(Vote(member, signed))
            if members.bit_count() == quorum:  # each vote adds one, so a quorum is come to once in an epoch
                established = lifecycle.establish(known, statement.leg, statement.fact, self.now)
                self.take(id_, established, applied)
        return rejections

    def _configure(self, entry: Configure, applied: Applied) -> list[Rejection]:
        fault = governance.configure(self, entry)
        if fault is not None:
            return [fault]
        self.now = self.context()
        # A ledger that was struck off may have been the last one open. By rising id, since the order decides who has a
        # lane that comes free, and a replica that was restored must not have another.
        for id_ in sorted(self.settlements):
            self.take(id_, advance(self.settlements[id_], self.now), applied)
        return []

    def _batch_fault(self, entry: Attest | Certify) -> Rejection | None:
        """Refuse a batch that was made on another history: a log that shows its nodes two faces convinces neither."""
        if entry.member >= len(self.committee.members):
            return Rejection(Reason.NOT_A_MEMBER, detail=f"Member {entry.member} of {len(self.committee.members)}.")
        back = self.height - entry.anchor.height
        if not 0 <= back < len(self._anchors):
            return Rejection(Reason.OTHER_LOG, detail=f"Made at height {entry.anchor.height}, now {self.height}.")
        if self._anchors[-1 - back] != entry.anchor.block:
            return Rejection(Reason.OTHER_LOG, detail=f"Block {entry.anchor.height} has another hash here.")
        return None

    def absent(self, id_: SettlementId, epoch: Epoch | None = None) -> Rejection:
        """Refuse what concerns a settlement that is not in memory; a statement's epoch is looked at first."""
        fault = None if epoch is None else lifecycle.epoch_fault(id_, epoch, self.committee)
        if fault is not None:
            return fault
        ended = self.ended.get(id_)
        if ended is None:
            return Rejection(Reason.SETTLEMENT_UNKNOWN, id_, "Bring its instruction first.")
        return Rejection(Reason.ALREADY_DECIDED, id_, f"It is {ended.state.name} and archived.")

    def take(self, id_: SettlementId, outcome: lifecycle.Outcomes, applied: Applied) -> list[Rejection]:
        """Put a settlement's next state in place and keep the indexes in step with it."""
        if isinstance(outcome, Rejection):
            return [outcome]
        before = self.settlements.get(id_)
        if outcome is before or outcome == before:
            return []
        check_change(before, outcome)
        applied.steps.append(Change(before, outcome))
        self._hash.touch(id_)
        if before is None:
            self._indexes.begin(outcome, self.time)
        self._indexes.follow(outcome)
        decision = outcome.decision
        if decision is not None and (before is None or before.decision is None):
            self.ballots.certified(id_)  # an order's signatures that came to no certificate are none of the decision
        if outcome.state in ENDED and decision is not None:
            self.settlements.pop(id_, None)
            self.ballots.forget(id_)
            self.archive = self.archive.append(self.ended.put(id_, ended_of(outcome, decision)))
            applied.ended.append(outcome)
        else:
            if before is None and id_ in self.ended:
                self.ended.drop(id_)
                applied.reopened.add(id_)
            self.settlements[id_] = outcome
        return []


def _as_list(rejection: Rejection | None) -> list[Rejection]:
    return [] if rejection is None else [rejection]
