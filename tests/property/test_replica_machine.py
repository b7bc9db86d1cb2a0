"""Whatever is ordered, by whomever, a replica keeps its promises.

Entries come in random order: parties' and members', good and bad, of all four members voting and signing at random,
with garbage and forgeries between them, and time that jumps. More than f members may lie here: what the core promises
by itself does not depend on them.
"""

from collections import Counter
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from interlock.core.admission import lanes_of
from interlock.core.attestation import CONDITION_FACTS, ORDER_FACTS, WHOLE_FACTS, Fact
from interlock.core.decision import Decision, Outcome
from interlock.core.effects import outstanding
from interlock.core.entry import Entry
from interlock.core.instruction import SettlementId, ledger_of, legs_of, redact, required_signers
from interlock.core.leg import LegState
from interlock.core.limits import EVERY_LEG
from interlock.core.order import Order
from interlock.core.registry import LedgerClass
from interlock.core.replica import Replica
from interlock.core.settlement import DECIDED, Settlement, State
from interlock.encoding.values import ZERO_BYTES32, Uint64, UnixSeconds
from interlock.evidence.certificate import certificate_fault
from support.log import LATE, Log
from support.world import (
    ALICE,
    BANK,
    BOB,
    CAROL,
    COMMITTEE,
    GENESIS,
    NETWORK,
    QUORUM,
    START,
    STRANGER,
    USD,
    Key,
    account_leg,
    attest,
    attestation,
    cancel,
    certify,
    configure,
    id_of,
    instruct,
    instruction,
    ledger,
    onchain_leg,
    pivot_instruction,
    registry,
    sign,
    sign_decisions,
    signed_batch,
    signed_decision,
    signed_order,
    word,
)

TERMS = (
    instruction(),
    instruction(salt=2, settle_from=START + 100),  # wants the lane of the first
    instruction(
        onchain_legs=(onchain_leg(2),),
        account_legs=(account_leg(), account_leg(1, signer=CAROL.address)),
        salt=3,
    ),
    instruction(0, 2, salt=4, prepare_by=START + 50),
    instruction(salt=5, pivot=BANK, pivot_window=Uint64(1)),  # can never be admitted
    pivot_instruction(salt=6, onchain_legs=(onchain_leg(5),)),
    instruction(salt=7, onchain_legs=(onchain_leg(6),), conditions=word(1)),
)
IDS = tuple(id_of(each) for each in TERMS)
PARTIES = (ALICE, BOB, CAROL, STRANGER)
REGISTRIES = (
    registry(),
    registry(open_max=1),
    registry(batch_min=2),
    registry(ledger(BANK, LedgerClass.HELD, USD, is_suspended=True)),
    registry(default=False),
)

which = st.integers(0, len(TERMS) - 1)
members = st.integers(0, 3)
keys = st.lists(st.sampled_from(PARTIES), min_size=1, max_size=3, unique_by=lambda each: each.address)


class Replicas(RuleBasedStateMachine):
    """A log, what was decided so far, and who voted for what."""

    @initialize(matched=st.sets(which, min_size=1))
    def begin(self, matched: set[int]) -> None:
        self.log = Log()
        self.decided: dict[SettlementId, Decision] = {}
        self.ordered: dict[SettlementId, Order] = {}
        self.latest: dict[SettlementId, Settlement] = {}
        self.votes: dict[tuple[SettlementId, int, Fact], set[int]] = {}
        self.matched: set[SettlementId] = set()
        self.twin = Replica(GENESIS)
        for number in sorted(matched):
            self.sign_by_all(number)

    def order(self, *entries: Entry | bytes, later_s: int = 0) -> None:
        """Order a block; a single entry that is refused whole must have changed nothing."""
        before = self.log.replica.snapshot()
        ordered = self.log.block(*entries, time=self.log.replica.time + later_s)
        after = self.log.replica.snapshot()
        if len(entries) == 1 and ordered.rejections and not later_s and not ordered.applied.steps:
            assert replace(after, height=before.height, anchors=before.anchors) == before
        for member, signed in ordered.applied.votes:
            vote = signed.attestation
            self.votes.setdefault((vote.settlement, vote.leg, vote.fact), set()).add(member)
        for earlier, later in ordered.applied.changes:
            if earlier is None and later.id in self.latest:
                assert later.id in ordered.applied.reopened
                self.reopen(later)
            else:
                assert earlier == self.latest.get(later.id)
            self.latest[later.id] = later
            if later.matched_at:
                self.matched.add(later.id)
            if later.order is not None:
                assert self.ordered.setdefault(later.id, later.order) == later.order
            if later.decision is not None:
                assert self.decided.setdefault(later.id, later.decision) == later.decision

    def reopen(self, later: Settlement) -> None:
        """Begin anew with what had ended out of sight: it stays aborted, and nobody has attested anything of it."""
        assert self.latest[later.id].state is State.UNWOUND
        assert later.state is State.ABORTED
        self.votes = {about: voters for about, voters in self.votes.items() if about[0] != later.id}
        self.matched.discard(later.id)

    @rule(number=which, by=keys, is_redacted=st.booleans())
    def instruct(self, number: int, by: list[Key], is_redacted: bool) -> None:  # noqa: FBT001 - drawn, not called
        terms = TERMS[number]
        self.order(instruct(redact(terms) if is_redacted else terms, *by))

    @rule(number=which)
    def sign_by_all(self, number: int) -> None:
        wanted = required_signers(TERMS[number])
        self.order(instruct(TERMS[number], *(each for each in PARTIES if each.address in wanted)))

    @rule(number=which, by=keys)
    def sign(self, number: int, by: list[Key]) -> None:
        self.order(sign(IDS[number], *by))

    @rule(number=which, by=keys, with_terms=st.booleans())
    def cancel(self, number: int, by: list[Key], with_terms: bool) -> None:  # noqa: FBT001 - drawn, not called
        self.order(cancel(IDS[number], *by, redacted=redact(TERMS[number]) if with_terms else None))

    @rule(
        number=which,
        leg=st.sampled_from([0, 1, 2, 3, EVERY_LEG]),
        fact=st.sampled_from(Fact),
        by=members,
        epoch=st.sampled_from([1, 1, 2]),
    )
    def vote(self, number: int, leg: int, fact: Fact, by: int, epoch: int) -> None:
        self.order(attest(by, self.log.anchor, attestation(by, IDS[number], leg, fact, epoch=epoch)))

    @rule(
        number=which,
        fact=st.sampled_from([Fact.HELD, Fact.HELD, Fact.DELIVERED, Fact.RETURNED, Fact.REFUSED]),
        legs=st.sampled_from([(0,), (0, 1), (0, 1, 2)]),
    )
    def agree(self, number: int, fact: Fact, legs: tuple[int, ...]) -> None:
        items = [(each, [attestation(each, IDS[number], leg, fact) for leg in legs]) for each in QUORUM]
        self.order(*(attest(each, self.log.anchor, *signed) for each, signed in items))

    @rule(number=which, fact=st.sampled_from(sorted(WHOLE_FACTS)), by=st.sampled_from([QUORUM, (1, 2, 3), (0, 1)]))
    def agree_on_the_whole(self, number: int, fact: Fact, by: tuple[int, ...]) -> None:
        items = [(each, attestation(each, IDS[number], EVERY_LEG, fact)) for each in by]
        self.order(*(attest(each, self.log.anchor, signed) for each, signed in items))

    @rule(number=which, by=st.sampled_from([QUORUM, (1, 2, 3), (0, 1)]), later=st.sampled_from([0, 0, 1]))
    def sign_order(self, number: int, by: tuple[int, ...], later: int) -> None:
        order = self.ordered.get(IDS[number])
        if order is not None:
            wanted = replace(order, last_valid=UnixSeconds(Uint64(order.last_valid + later)))
            self.order(*(certify(each, self.log.anchor, signed_order(each, wanted)) for each in by))

    @rule(by=st.sampled_from([QUORUM, (1, 2, 3), (0, 1)]))
    def sign_batches(self, by: tuple[int, ...]) -> None:
        for ballot in tuple(self.log.replica.ballots.batches.values()):
            self.order(*(certify(each, self.log.anchor, signed_batch(each, ballot.batch)) for each in by))

    @rule(number=which, by=members, outcome=st.sampled_from(Outcome), epoch=st.sampled_from([1, 1, 2]))
    def sign_decision(self, number: int, by: int, outcome: Outcome, epoch: int) -> None:
        self.order(sign_decisions(by, self.log.anchor, signed_decision(by, IDS[number], outcome, epoch=epoch)))

    @rule(number=which, by=st.sampled_from([QUORUM, (1, 2, 3), (0, 1)]))
    def sign_decided(self, number: int, by: tuple[int, ...]) -> None:
        decision = self.decided.get(IDS[number])
        if decision is not None:
            self.order(
                *(
                    sign_decisions(each, self.log.anchor, signed_decision(each, IDS[number], decision.outcome))
                    for each in by
                )
            )

    @rule(number=which, by=st.sampled_from([QUORUM, (1, 2, 3), (0, 1, 2, 3)]), steps=st.integers(1, 4))
    def go_on(self, number: int, by: tuple[int, ...], steps: int) -> None:
        """Do what honest members would do next: see the holds, sign the decision, see both ends."""
        for _ in range(steps):
            known = self.log.replica.settlements.get(IDS[number])
            if known is not None and known.decision is not None and known.certificate is None:
                self.sign_decided(number, by)
                continue
            if known is not None and known.state is State.PIVOTING:
                self.agree_on_the_whole(number, Fact.EXECUTED, by)
                continue
            is_commit = known is not None and known.state is State.COMMITTED
            is_decided = known is not None and known.decision is not None
            fact = Fact.DELIVERED if is_commit else Fact.RETURNED if is_decided else Fact.HELD
            legs = range(len(legs_of(TERMS[number])))
            items = [(each, [attestation(each, IDS[number], leg, fact) for leg in legs]) for each in by]
            self.order(*(attest(each, self.log.anchor, *signed) for each, signed in items))

    @rule(to=st.sampled_from(REGISTRIES), sequence=st.integers(1, 4))
    def configure(self, to: object, sequence: int) -> None:
        self.order(configure(to, sequence))  # type: ignore[arg-type]  # each is a registry

    @rule(data=st.binary(max_size=40))
    def garbage(self, data: bytes) -> None:
        self.order(data)

    @rule(number=which, by=members)
    def forge(self, number: int, by: int) -> None:
        liar = (by + 1) % 4
        self.order(attest(by, self.log.anchor, attestation(liar, IDS[number], 0, Fact.HELD)))

    @rule(later_s=st.sampled_from([1, 60, 120, LATE - START]))
    def wait(self, later_s: int) -> None:
        self.order(later_s=later_s)

    @invariant()
    def a_replica_that_replays_the_log_is_equal(self) -> None:
        for block, _ in self.log.blocks[self.twin.height :]:
            self.twin.apply_block(block)
        assert self.twin.state_hash() == self.log.replica.state_hash()
        assert [outstanding(each) for each in self.twin.settlements.values()] == [
            outstanding(each) for each in self.log.replica.settlements.values()
        ]

    @invariant()
    def no_leg_is_given_while_another_is_taken_back(self) -> None:
        for each in self.latest.values():
            states = {leg.state for leg in each.legs}
            assert not (
                states & {LegState.ENTITLED, LegState.DELIVERED, LegState.EXECUTED}
                and states & {LegState.RETURNED, LegState.TOMBSTONED, LegState.NEVER}
            )

    @invariant()
    def a_commit_has_a_quorum_for_every_hold(self) -> None:
        for id_, decision in self.decided.items():
            if decision.outcome is Outcome.COMMIT:
                pivot = self.latest[id_].terms.pivot
                for leg, terms in enumerate(legs_of(self.latest[id_].terms)):
                    said = (EVERY_LEG, Fact.EXECUTED) if ledger_of(terms) == (pivot or "") else (leg, Fact.HELD)
                    assert len(self.votes[id_, *said]) >= COMMITTEE.quorum
                if self.latest[id_].terms.conditions != ZERO_BYTES32:
                    assert len(self.votes[id_, EVERY_LEG, Fact.MET]) >= COMMITTEE.quorum

    @invariant()
    def the_state_follows_the_decision(self) -> None:
        for each in self.latest.values():
            assert (each.state in DECIDED) == (each.decision is not None)
            if each.decision is not None:
                is_commit = each.decision.outcome is Outcome.COMMIT
                assert each.state in ({State.COMMITTED, State.SETTLED} if is_commit else {State.ABORTED, State.UNWOUND})
            if each.state is State.SETTLED:
                assert all(leg.state in {LegState.DELIVERED, LegState.EXECUTED, LegState.CONSENT} for leg in each.legs)

    @invariant()
    def what_ended_is_certified_and_left_memory(self) -> None:
        replica = self.log.replica
        assert not replica.settlements.keys() & set(replica.ended)
        assert replica.settlements.keys() | set(replica.ended) == self.latest.keys()
        for each in self.latest.values():
            if each.certificate is not None:
                assert certificate_fault(NETWORK, COMMITTEE, each.certificate, settlement=each.id) is None
                assert each.certificate.decision == each.decision
            assert each.certificate is not None or each.id not in replica.ended

    @invariant()
    def votes_are_counted_once_and_a_quorum_stands(self) -> None:
        for each in self.latest.values():
            is_open = each.id in self.log.replica.settlements
            for index, leg in enumerate(each.legs):
                for fact in Fact:
                    voters = self.votes.get((each.id, index, fact), set())
                    counted = sum(1 << member for member in voters) if is_open else 0
                    assert self.log.members(each.id, index, fact) == counted
                    assert leg.stands(fact) == (len(voters) >= COMMITTEE.quorum)
            for pair in (ORDER_FACTS, CONDITION_FACTS):
                agreed = {fact for fact in pair if len(self.votes.get((each.id, EVERY_LEG, fact), ())) >= 3}
                standing = {fact for fact in pair if each.stands(fact)}
                assert standing <= agreed
                assert len(standing) == min(1, len(agreed))

    @invariant()
    def limits_and_lanes_count_what_is_matched_and_open(self) -> None:
        live = [self.latest[id_] for id_ in self.matched - set(self.log.replica.ended)]
        context = self.log.replica.context()
        undecided = [each for each in live if each.decision is None]
        signers = Counter(signer for each in undecided for signer in required_signers(each.terms))
        assert context.open_by_signer == signers
        lanes = [(lane, each.id) for each in live for lane in lanes_of(each.terms)]
        assert context.live_lanes == dict(lanes)
        assert len(dict(lanes)) == len(lanes)


TestReplicas = Replicas.TestCase
TestReplicas.settings = settings(max_examples=25, stateful_step_count=30)
