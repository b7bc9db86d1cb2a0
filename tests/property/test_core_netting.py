"""Deals of any number of legs on any ledgers, whatever is attested of them: both or neither, once, and provably.

The judge here keeps its own books of what was counted, by epoch, and reads no rule of the core: invariants I1 to I3 of
the specification, the pivot's promises, and that a replay gives the same bytes (I8).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.core.applied import Applied, Change, Endorsement, Vote
from interlock.core.attestation import Fact
from interlock.core.committee import Committee, Epoch
from interlock.core.decision import Outcome
from interlock.core.instruction import Instruction, SettlementId, legs_of
from interlock.core.leg import LegState
from interlock.core.limits import EVERY_LEG
from interlock.core.order import Order
from interlock.core.replica import Replica
from interlock.core.settlement import Settlement, State
from interlock.encoding.canonical import encode
from interlock.encoding.values import Uint64
from interlock.evidence.certificate import certificate_fault, order_certificate_fault
from support.history import History, Step, keys, members, number, step
from support.log import LATE
from support.protocol import (
    NETTED_REGISTRY,
    OTHER_VAULT_NAME,
    leg_on,
    netted,
    pivots_of,
    restored,
)
from support.world import ALICE, BANK, BOB, CAROL, GENESIS, NETWORK, OTHER_BANK, PAYMENT_ONLY, VAULT_NAME, registry

LEDGERS = (VAULT_NAME, OTHER_VAULT_NAME, BANK, OTHER_BANK, PAYMENT_ONLY)
PARTIES = (ALICE, BOB, CAROL)
GIVEN = {LegState.ENTITLED, LegState.DELIVERED, LegState.EXECUTED}
TAKEN = {LegState.RETURNED, LegState.TOMBSTONED, LegState.NEVER}
LEGS_DRAWN_MAX = 6


@st.composite
def deals(draw: st.DrawFn, salt: int = 0) -> Instruction:
    """Draw a deal: who pays whom on which ledgers, and which of them, if any, is the pivot."""
    names = draw(st.lists(st.sampled_from(LEDGERS), min_size=1, max_size=LEGS_DRAWN_MAX))
    pivot = draw(st.sampled_from(["", *sorted(set(names))]))
    if PAYMENT_ONLY in names and draw(st.integers(0, 9)):
        pivot = PAYMENT_ONLY  # else it can never be admitted, which is a deal too, but need not be every other one
    legs = []
    for index, name in enumerate(names):
        payer = draw(st.integers(0, 2))
        payee = (payer + draw(st.integers(1, 2))) % 3
        legs.append(leg_on(name, salt * 16 + index, PARTIES[payer], PARTIES[payee]))
    return netted(*legs, pivot=pivot, salt=salt + 1)


@dataclass
class Judge:
    """Its own books of what was counted, and what it has seen of each settlement."""

    terms: dict[SettlementId, Instruction]
    votes: dict[tuple[SettlementId, int, Fact, int], set[int]] = field(default_factory=lambda: defaultdict(set))
    outcomes: dict[SettlementId, Outcome] = field(default_factory=dict)
    orders: dict[SettlementId, Order] = field(default_factory=dict)
    latest: dict[SettlementId, Settlement] = field(default_factory=dict)
    quorums: dict[int, int] = field(default_factory=dict)
    """By epoch."""
    leaves: int = 0

    def hear(self, applied: Applied, committee: Committee) -> None:
        """Judge one block; `committee` is that which reigned over it."""
        for each in applied.steps:
            match each:
                case Vote(who, signed):
                    said = signed.attestation
                    assert said.epoch == committee.epoch
                    self.votes[said.settlement, said.leg, said.fact, said.epoch].add(who)
                case Change(before, after):
                    self._step(before, after)
                case Endorsement():
                    pass
        self.leaves += len(applied.leaves)
        if applied.rotated is None:
            for known in self.latest.values():
                self._proofs(known, committee)
        assert self.leaves == len(self.outcomes) + len(self.orders)

    def _stands(self, id_: SettlementId, leg: int, fact: Fact) -> bool:
        """Tell whether a quorum of any one epoch has said it."""
        return any(len(self.votes[id_, leg, fact, epoch]) >= quorum for epoch, quorum in self.quorums.items())

    def _step(self, before: Settlement | None, after: Settlement) -> None:
        id_, pivots = after.id, pivots_of(self.terms[after.id])
        assert before == self.latest.get(id_)
        self.latest[id_] = after
        states = {leg.state for leg in after.legs}
        assert not (states & GIVEN and states & TAKEN), f"I1: {states}"
        for index in pivots:
            assert after.legs[index].state in {LegState.PENDING, LegState.EXECUTED, LegState.NEVER}
        self._decision(after)
        self._order(before, after, pivots)
        if before is not None and before.state is State.PIVOTING and after.state is not State.PIVOTING:
            said = Fact.EXECUTED if self.outcomes[id_] is Outcome.COMMIT else Fact.NEVER
            assert self._stands(id_, EVERY_LEG, said)
        is_new = after.decision is not None and (before is None or before.decision is None)
        if is_new and self.outcomes[id_] is Outcome.COMMIT:
            for index in range(len(after.legs)):
                leg, fact = (EVERY_LEG, Fact.EXECUTED) if index in pivots else (index, Fact.HELD)
                assert self._stands(id_, leg, fact), f"I2: leg {index}"

    def _decision(self, after: Settlement) -> None:
        if after.decision is None:
            assert after.id not in self.outcomes
            return
        assert self.outcomes.setdefault(after.id, after.decision.outcome) is after.decision.outcome, "I3"

    def _order(self, before: Settlement | None, after: Settlement, pivots: Sequence[int]) -> None:
        if after.order is None:
            assert before is None or before.order is None
            return
        assert pivots
        assert (before is not None and before.order is not None) or after.state is State.PIVOTING
        assert self.orders.setdefault(after.id, after.order).is_same_as(after.order)

    def _proofs(self, known: Settlement, committee: Committee) -> None:
        if known.certificate is not None and known.certificate.decision.epoch == committee.epoch:
            wanted = self.outcomes[known.id]
            fault = certificate_fault(NETWORK, committee, known.certificate, settlement=known.id, outcome=wanted)
            assert fault is None
        proof = known.order_certificate
        if proof is not None and proof.order.epoch == committee.epoch:
            pivot = self.terms[known.id].pivot
            assert order_certificate_fault(NETWORK, committee, proof, settlement=known.id, ledger=pivot) is None


whose = st.integers(0, 1)
leg = st.integers(0, LEGS_DRAWN_MAX - 1)
losses = st.sampled_from([Fact.LOST, Fact.LOST, Fact.CONSENT, Fact.REFUSED])
words = st.sampled_from([Fact.EXECUTED, Fact.EXECUTED, Fact.NEVER])
some = st.sampled_from([(0, 1, 2), (1, 2, 3), (0, 1, 2, 3, 4), (0, 1), (0, 1), (2,)])
"""A quorum, more or fewer."""
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        step("go_on", whose, st.integers(1, 2), is_pivot_asked=st.just(value=False)),
        step("go_on", whose, st.integers(2, 5), is_pivot_asked=st.booleans()),
        step("lose", whose, losses, leg),
        step("vote", whose, words, st.just(0), some),
        step("vote", whose, st.sampled_from(Fact), leg, some),
        step("vote", whose, st.sampled_from(Fact), leg, members),
        step("certify", whose, st.sampled_from(Outcome), some),
        step("certify_order", whose, some),
        step("certify_batches", some),
        step("cancel", whose, keys, with_terms=st.booleans()),
        step("turn", number),
        st.one_of(step("rotate", number), step("configure", number)),
        step("wait", st.sampled_from([1, 60, 300])),
    ),
    min_size=10,
    max_size=30,
)


@settings(max_examples=2 * settings().max_examples)
@given(first=deals(), second=deals(salt=1), drawn=steps)
def test_both_or_neither_once_and_provably(first: Instruction, second: Instruction, drawn: list[Step]) -> None:
    """I1 to I3 and I8 in every step, whatever members and ledgers say; nobody ever has proofs of both outcomes."""
    registries = (NETTED_REGISTRY, registry(*NETTED_REGISTRY.ledgers, batch_min=1))
    history = History((first, second), registries)
    net = history.net
    for each in (0, 1):
        history.bring(each, PARTIES, is_redacted=False)
    for one in drawn:
        one(history)
    net.block(time=max(net.replica.time, LATE))

    replica, judge = Replica(GENESIS), Judge({history.id(each): history.terms(each) for each in (0, 1)})
    moment: Replica | None = None
    for height, (block, _) in enumerate(net.blocks):
        if height == len(net.blocks) // 2:
            moment = restored(replica)
        committee = replica.committee
        judge.quorums[committee.epoch] = committee.quorum
        judge.hear(replica.apply_block(block), committee)
        if moment is not None:
            moment.apply_block(block)
            assert moment.state_hash() == replica.state_hash()
    assert encode(replica.snapshot()) == encode(net.replica.snapshot())
    assert replica.committee.epoch == Epoch(Uint64(1 + len(replica.rotations)))
    for id_, outcome in judge.outcomes.items():
        ended = replica.ended.get(id_)
        kept = replica.settlements[id_].decision if ended is None else ended.decision
        assert kept is not None
        assert kept.outcome is outcome
    assert all(len(known.legs) == len(legs_of(known.terms)) for known in judge.latest.values())
