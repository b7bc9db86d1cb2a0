"""The production replica as a table: interned states, and the blocks that lead from one to the next, each applied once.

A step restores a `core.replica.Replica` from an interned snapshot, gives it one block, and interns the snapshot that it
leaves. No rule of the core is written down here again. What `apply` does is a function of snapshot and block alone, so
what was applied once is looked up ever after.

What tells two states apart and makes no difference to any rule is left out (`normalised`), so that histories which lead
to the same come together:

- *Height and hashes of blocks.* Every state stands at `HEIGHT`, behind the same two blocks. Rules read heights only to
  look a batch's anchor up among the newest hashes; of those, one is common to all logs, and one tells a log from its
  forks (`face`), so that a batch made on one fork is refused on another by the core itself.
- *Votes for what stands.* They are counted and change nothing more (`Replica._attest`): everybody counts as having
  voted for it. So it is with votes that came to a quorum and were answered by their opposite before.
- *Who signed a certificate.* Any quorum is as good as any other: the first members stand under all of them.

Votes and signatures on their way may stay out of the replica, as numbers in the world's own state: `tally` and
`endorse` bring those of a quorum in one block. That is the same, because the core reads the votes for one fact only to
count that fact, and signatures only to count them. `accepts` asks the core whether one more would be taken.

On every new state invariant I8 is checked: a replica that is restored from its snapshot has the same state hash, and so
has one restored from the normalised one as its own restored copy.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property

from interlock.core.applied import Applied
from interlock.core.attestation import Fact
from interlock.core.ballots import Tally
from interlock.core.committee import Committee, Epoch, Genesis, MemberIndex
from interlock.core.decision import AnyCertificate, Decision, DecisionBatch, MemberSignature
from interlock.core.effects import Effect, outstanding
from interlock.core.ended import EndedIndex, EndedSettlement
from interlock.core.entry import Anchor, Block, Entry
from interlock.core.evolve import evolve
from interlock.core.instruction import LegIndex, SettlementId
from interlock.core.invariants import invariant
from interlock.core.limits import EVERY_LEG
from interlock.core.order import Order, OrderCertificate
from interlock.core.registry import Registry
from interlock.core.rejection import Rejection
from interlock.core.replica import Replica
from interlock.core.settlement import Settlement
from interlock.core.snapshot import Snapshot
from interlock.encoding.values import Bytes32, Height, Uint32, Uint64, UnixSeconds
from interlock.explorer.cast import EARLY_S, GENESIS, QUORUM, attest, certify, configure, registry, signature, word
from interlock.explorer.fields import Interner

HEIGHT = Height(Uint64(2))
"""Where every state stands: one block that all logs share, and one of its own."""
COMMON = word(1)
"""The hash of the block that all logs share."""
FACE = word(2)
"""The hash of the newest block, on the log that is not a fork."""

ANY_QUORUM = tuple(MemberSignature(MemberIndex(Uint32(each)), signature(each)) for each in range(QUORUM))
"""Who stands under every certificate."""

Statement = Decision | DecisionBatch | Order
"""What members sign."""

_Ended = tuple[tuple[SettlementId, bytes], ...]


@dataclass(frozen=True, slots=True)
class State:
    """A replica's normalised state."""

    snapshot: Snapshot
    ended: _Ended
    """The index of ended settlements, by rising id."""

    def __hash__(self) -> int:
        """Hash what differs most; equality looks at all."""
        open_ = self.snapshot.settlements
        return hash(
            (self.snapshot.time, self.snapshot.tallies, self.ended, *((each.state, each.legs) for each in open_))
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one block did."""

    replica: int
    """The state after it; the same one where it changed nothing."""
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """How a state was reached first."""

    replica: int
    time: int
    entries: tuple[Entry, ...]


class _Genesis(Genesis):
    """A genesis document that does not hash itself anew for each replica."""

    @cached_property
    def network_id(self) -> Bytes32:
        """Give the hash of the document."""
        return super().network_id


class Kernel:
    """Replica states by number, and what blocks make of them."""

    def __init__(self, wanted: Registry | None = None, genesis: Genesis = GENESIS) -> None:
        self._genesis = _Genesis(genesis.name, genesis.members, genesis.log, genesis.salt)
        self._states = Interner[State]()
        self._entries = Interner[tuple[Entry, ...]]()
        self._outcomes: dict[tuple[int, int, int], Outcome] = {}
        self._wanted: dict[Hashable, bool] = {}
        self._facts: dict[tuple[int, SettlementId], Settlement | EndedSettlement | None] = {}
        self.origins: dict[int, Origin] = {}
        """How each state was reached first; the beginning is not here."""
        replica = Replica(self._genesis)
        self.quorum = replica.committee.quorum
        """Members that make a quorum of the first committee."""
        begun = (configure(wanted if wanted is not None else registry()),)
        for height, hash_, entries in ((1, COMMON, begun), (2, FACE, ())):
            applied = replica.apply_block(Block(Height(Uint64(height)), UnixSeconds(Uint64(EARLY_S)), hash_, entries))
            invariant("WORLD", f"the registry is refused: {applied.rejections}", holds=not applied.rejections)
        self.beginning = self._number(replica)
        """The state with the registry in force, at the earliest time."""

    def __len__(self) -> int:
        return len(self._states)

    def __getitem__(self, replica: int) -> State:
        return self._states[replica]

    def step(self, replica: int, *entries: Entry) -> int:
        """Apply a block with these entries; give the state after it."""
        return self.outcome(replica, entries).replica

    def at(self, replica: int, time: int) -> int:
        """Let log time pass until `time`; give the state after it, the same one where it is no later."""
        if time <= self._states[replica].snapshot.time:
            return replica
        return self.outcome(replica, (), time).replica

    def outcome(self, replica: int, entries: Iterable[Entry], time: int | None = None) -> Outcome:
        """Apply a block at the present time, or at a later one."""
        state = self._states[replica]
        now = state.snapshot.time if time is None else time
        key = (replica, self._entries.number(tuple(entries)), now)
        found = self._outcomes.get(key)
        if found is None:
            found = self._outcomes[key] = self._apply(replica, self._entries[key[1]], now)
        return found

    def accepts(self, replica: int, entry: Entry) -> bool:
        """Ask the core whether it would take this entry whole."""
        return not self._run(replica, (entry,), self.time(replica))[1].rejections

    def tally(self, replica: int, id_: SettlementId, leg: int, fact: Fact, members: Iterable[int]) -> int:
        """Bring votes for one fact, each in its own batch, all in one block; give the state after it."""
        anchor, epoch = self.anchor(replica), self.epoch(replica)
        return self.step(replica, *(attest(each, anchor, (id_, leg, fact), epoch=epoch) for each in members))

    def takes_vote(self, replica: int, id_: SettlementId, leg: int, fact: Fact) -> bool:
        """Ask the core whether a vote for a fact would be counted now."""
        key = (replica, id_, leg, fact)
        found = self._wanted.get(key)
        if found is None:
            vote = attest(0, self.anchor(replica), (id_, leg, fact), epoch=self.epoch(replica))
            found = self._wanted[key] = self.accepts(replica, vote)
        return found

    def endorse(self, replica: int, statement: Statement, members: Iterable[int]) -> int:
        """Bring signatures under one decision, batch or order, all in one block; give the state after it."""
        anchor = self.anchor(replica)
        return self.step(replica, *(certify(each, anchor, statement) for each in members))

    def takes_signature(self, replica: int, statement: Statement) -> bool:
        """Ask the core whether a signature under a decision, a batch or an order would be counted now."""
        key = (replica, statement)
        found = self._wanted.get(key)
        if found is None:
            found = self._wanted[key] = self.accepts(replica, certify(0, self.anchor(replica), statement))
        return found

    def fork(self, replica: int, face: Bytes32) -> int:
        """Give the same state on a log with another newest block."""
        state = self._states[replica]
        anchors = (*state.snapshot.anchors[:-1], face)
        return self._states.number(State(evolve(state.snapshot, anchors=anchors), state.ended))

    def anchor(self, replica: int) -> Anchor:
        """Give the newest block of a state, to which its batches are tied."""
        snapshot = self._states[replica].snapshot
        return Anchor(snapshot.height, snapshot.anchors[-1])

    def epoch(self, replica: int) -> Epoch:
        """Give the epoch in office."""
        return self._states[replica].snapshot.epoch

    def time(self, replica: int) -> int:
        """Give log time."""
        return self._states[replica].snapshot.time

    def settlement(self, replica: int, id_: SettlementId) -> Settlement | None:
        """Give an open settlement, or None."""
        found = self.known(replica, id_)
        return found if isinstance(found, Settlement) else None

    def known(self, replica: int, id_: SettlementId) -> Settlement | EndedSettlement | None:
        """Give a settlement, open or ended; None where the log does not know it."""
        key = (replica, id_)
        if key not in self._facts:
            state = self._states[replica]
            found = next((each for each in state.snapshot.settlements if each.id == id_), None)
            self._facts[key] = found if found is not None else EndedIndex.of(state.ended).get(id_)
        return self._facts[key]

    def decision(self, replica: int, id_: SettlementId) -> Decision | None:
        """Give the decision of a settlement, open or ended, or None."""
        found = self.known(replica, id_)
        return None if found is None else found.decision

    def effects(self, replica: int, id_: SettlementId) -> tuple[Effect, ...]:
        """Give what the core asks of the nodes about a settlement."""
        found = self.settlement(replica, id_)
        snapshot = self._states[replica].snapshot
        is_handing_over = snapshot.pending is not None or snapshot.is_compromised
        return () if found is None else outstanding(found, is_handing_over=is_handing_over)

    def restored(self, replica: int) -> Replica:
        """Give a replica of its own that is in this state."""
        state = self._states[replica]
        return Replica.restore(self._genesis, state.snapshot, EndedIndex.of(state.ended))

    def _run(self, before: int, entries: tuple[Entry, ...], time: int) -> tuple[Replica, Applied]:
        """Apply a block to a replica of its own; on a fork, every block has the hash that tells it."""
        replica = self.restored(before)
        height, face = Height(Uint64(replica.height + 1)), replica.block_hash
        return replica, replica.apply_block(Block(height, UnixSeconds(Uint64(time)), face, entries))

    def _apply(self, before: int, entries: tuple[Entry, ...], time: int) -> Outcome:
        replica, applied = self._run(before, entries, time)
        size = len(self._states)
        after = self._number(replica)
        if after == size:
            self.origins[after] = Origin(before, time, entries)
        return Outcome(after, tuple(rejection for _, rejection in applied.rejections))

    def _number(self, replica: Replica) -> int:
        """Give the number of a replica's state; on a new one, check I8."""
        state = state_of(replica)
        size = len(self._states)
        number = self._states.number(state)
        if number == size:
            restored = Replica.restore(self._genesis, replica.snapshot(), EndedIndex.of(state.ended))
            is_same = restored.state_hash() == replica.state_hash() and state_of(restored) == state
            invariant("I8", "a replica that was restored from its snapshot is another one", holds=is_same)
        return number


def state_of(replica: Replica) -> State:
    """Give a replica's state, normalised."""
    ended = tuple((id_, replica.ended.packed(id_) or b"") for id_ in sorted(replica.ended))
    return State(normalised(replica.snapshot()), ended)


def normalised(snapshot: Snapshot) -> Snapshot:
    """Leave out of a snapshot what makes no difference to any rule; see the module."""
    quorum = Committee(snapshot.epoch, snapshot.members).quorum
    everybody = Uint32((1 << len(snapshot.members)) - 1)
    tallies = {(each.settlement, each.leg, each.fact): each for each in snapshot.tallies}
    for key, tally in tallies.items():
        if tally.members.bit_count() >= quorum:
            tallies[key] = evolve(tally, members=everybody)
    for settlement in snapshot.settlements:
        stood = ((index, leg.stood) for index, leg in enumerate(settlement.legs))
        for index, facts in (*stood, (EVERY_LEG, settlement.stood)):
            if facts:
                leg = LegIndex(Uint32(index))
                standing = (fact for fact in Fact if facts >> fact & 1)
                tallies.update(
                    {(settlement.id, leg, fact): Tally(settlement.id, leg, fact, everybody) for fact in standing}
                )
    return evolve(
        snapshot,
        height=HEIGHT,
        anchors=(COMMON, snapshot.anchors[-1]),
        rotations=tuple(evolve(each, signatures=ANY_QUORUM) for each in snapshot.rotations),
        settlements=tuple(map(_normalised_settlement, snapshot.settlements)),
        tallies=tuple(tallies[key] for key in sorted(tallies)),
    )


def _normalised_settlement(settlement: Settlement) -> Settlement:
    certificate: AnyCertificate | None = settlement.certificate
    order: OrderCertificate | None = settlement.order_certificate
    return evolve(
        settlement,
        certificate=None if certificate is None else evolve(certificate, signatures=ANY_QUORUM),
        order_certificate=None if order is None else evolve(order, signatures=ANY_QUORUM),
    )
