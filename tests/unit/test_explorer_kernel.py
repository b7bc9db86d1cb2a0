"""The memoised replica is the production replica: no rule of its own, and nothing forgotten that a rule reads."""

import random
from collections.abc import Sequence

import pytest

from interlock.core import rules
from interlock.core.attestation import Fact
from interlock.core.entry import Block, Entry
from interlock.core.evolve import evolve
from interlock.core.invariants import BrokenInvariant
from interlock.core.limits import EVERY_LEG
from interlock.core.rejection import Reason
from interlock.core.replica import Replica
from interlock.core.settlement import State
from interlock.encoding.values import Bytes32, Height, Uint64, UnixSeconds
from interlock.explorer.cast import (
    ALICE,
    BOB,
    EARLY_S,
    GENESIS,
    LATE_S,
    OPEN_S,
    PIVOT_WINDOW_S,
    WIRE_BANK,
    account_leg,
    attest,
    cancel,
    certify,
    configure,
    id_of,
    instruct,
    instruction,
    onchain_leg,
    registry,
    word,
)
from interlock.explorer.kernel import FACE, Kernel, state_of

PLAIN = instruction(onchain_leg(ALICE, BOB), account_leg(BOB, ALICE), settle_from=UnixSeconds(Uint64(OPEN_S)))
PIVOTED = instruction(
    onchain_leg(ALICE, BOB),
    account_leg(BOB, ALICE, ledger=WIRE_BANK),
    pivot=WIRE_BANK,
    pivot_window=Uint64(PIVOT_WINDOW_S),
)


class Live:
    """A replica that was given every block since genesis, one after the other, as a node's is."""

    def __init__(self) -> None:
        self.replica = Replica(GENESIS)
        self.block(EARLY_S, configure(registry()))

    def block(self, time: int, *entries: Entry) -> None:
        """Apply a block whose hash nobody has seen before."""
        height = self.replica.height + 1
        self.replica.apply_block(
            Block(Height(Uint64(height)), UnixSeconds(Uint64(time)), word(1_000 + height), entries)
        )


def random_entry(dice: random.Random, kernel: Kernel, state: int, live: Live) -> tuple[Entry, Entry]:
    """Give one entry twice, for the kernel and for the living replica: batches are tied to a newest block."""
    terms = dice.choice((PLAIN, PIVOTED))
    id_ = id_of(terms)
    member, signer = dice.randrange(4), dice.choice((ALICE, BOB))
    anchors = (kernel.anchor(state), live.replica.anchor)
    known = kernel.settlement(state, id_)
    statement = None if known is None else known.decision or known.order
    kind = dice.randrange(8)
    if kind == 0:
        return (instruct(terms, signer),) * 2
    if kind == 1 and not dice.randrange(4):
        return (cancel(terms, signer),) * 2
    if statement is not None and kind < 5:
        first, second = (certify(member, each, statement) for each in anchors)
        return first, second
    legs = (0, 1, EVERY_LEG)
    likely = (Fact.HELD, Fact.EXECUTED, Fact.DELIVERED, Fact.RETURNED, *Fact)
    fact = (id_, dice.choice(legs), dice.choice(likely))
    first, second = (attest(member, each, fact) for each in anchors)
    return first, second


@pytest.mark.parametrize("seed", range(12))
def test_what_was_looked_up_is_what_a_living_replica_does(seed: int) -> None:
    """After any history, the state found by steps from state to state is that of a replica that lived through it."""
    dice = random.Random(seed)
    kernel = Kernel()
    for _ in range(6):
        state, live = kernel.beginning, Live()
        for _ in range(60):
            time = dice.choice((OPEN_S, LATE_S)) if not dice.randrange(25) else kernel.time(state)
            time = max(time, kernel.time(state))
            known, lived = random_entry(dice, kernel, state, live)
            state = kernel.outcome(state, (known,), time).replica
            live.block(time, lived)
            expected = state_of(live.replica)
            faced = evolve(expected.snapshot, anchors=kernel[state].snapshot.anchors)
            assert kernel[state] == evolve(expected, snapshot=faced)


def held(kernel: Kernel, legs: Sequence[int] = (0, 1), terms: object = PLAIN) -> int:
    """Give the state in which the instruction is matched and these legs are held."""
    assert terms in {PLAIN, PIVOTED}
    state = kernel.step(kernel.at(kernel.beginning, OPEN_S), instruct(terms))  # type: ignore[arg-type]
    for leg in legs:
        state = kernel.tally(state, id_of(terms), leg, Fact.HELD, (0, 1, 2))  # type: ignore[arg-type]
    return state


@pytest.mark.parametrize("members", [(0, 1, 2), (2, 0, 3), (3, 2, 1)])
def test_votes_in_one_block_are_votes_one_by_one(members: tuple[int, ...]) -> None:
    """Whoever votes, in whatever order and whenever: the same fact stands, and the state is the same."""
    kernel = Kernel()
    before = held(kernel, [0])
    one_by_one = before
    for member in members:
        entry = attest(member, kernel.anchor(one_by_one), (id_of(PLAIN), 1, Fact.HELD))
        one_by_one = kernel.step(one_by_one, entry)
    assert one_by_one == kernel.tally(before, id_of(PLAIN), 1, Fact.HELD, (0, 1, 2))
    assert kernel.known(one_by_one, id_of(PLAIN)).state is State.COMMITTED  # type: ignore[union-attr]


def test_signatures_in_one_block_are_signatures_one_by_one() -> None:
    """Whoever signs, the decision has its certificate, and the state is the same."""
    kernel = Kernel()
    before = held(kernel)
    decision = kernel.decision(before, id_of(PLAIN))
    assert decision is not None
    one_by_one = before
    for member in (3, 1, 2):
        one_by_one = kernel.step(one_by_one, certify(member, kernel.anchor(one_by_one), decision))
    assert one_by_one == kernel.endorse(before, decision, (0, 1, 2))
    settlement = kernel.settlement(one_by_one, id_of(PLAIN))
    assert settlement is not None
    assert settlement.certificate is not None
    assert kernel.takes_signature(before, decision)
    assert not kernel.takes_signature(one_by_one, decision)


def test_a_vote_for_what_stands_changes_nothing() -> None:
    """A late vote leads to the very same state, and asking whether a vote is wanted makes no new one."""
    kernel = Kernel()
    state = held(kernel)
    assert kernel.step(state, attest(3, kernel.anchor(state), (id_of(PLAIN), 0, Fact.HELD))) == state
    size = len(kernel)
    assert not kernel.takes_vote(state, id_of(PLAIN), 0, Fact.HELD)
    assert kernel.takes_vote(state, id_of(PLAIN), 0, Fact.DELIVERED)
    assert len(kernel) == size


def test_what_is_refused_leads_nowhere() -> None:
    """A refused entry gives the same state and the core's reason."""
    kernel = Kernel()
    outcome = kernel.outcome(kernel.beginning, (attest(0, kernel.anchor(0), (id_of(PLAIN), 0, Fact.HELD)),))
    assert outcome.replica == kernel.beginning
    assert [each.reason for each in outcome.rejections] == [Reason.SETTLEMENT_UNKNOWN]


def test_a_batch_that_was_made_on_a_fork_is_refused_on_the_other() -> None:
    """The core tells forks apart by their newest block, and takes from both what was made on their common past."""
    kernel = Kernel()
    state = held(kernel, [])
    other = kernel.fork(state, Bytes32(word(99)))
    vote = attest(0, kernel.anchor(state), (id_of(PLAIN), 0, Fact.HELD))
    assert kernel.accepts(state, vote)
    assert not kernel.accepts(other, vote)
    assert kernel.fork(other, FACE) == state
    assert kernel.anchor(kernel.tally(other, id_of(PLAIN), 0, Fact.HELD, (0, 1, 2))).block == word(99)


def test_every_state_is_reached_by_its_origins() -> None:
    """Applied again from the beginning, the blocks that led to a state first lead to it (I8)."""
    kernel = Kernel()
    state = held(kernel, terms=PIVOTED, legs=[0])
    known = kernel.settlement(state, id_of(PIVOTED))
    assert known is not None
    assert known.order is not None
    state = kernel.endorse(state, known.order, (0, 1, 2))
    kernel.tally(state, id_of(PIVOTED), EVERY_LEG, Fact.NEVER, (0, 1, 2))
    for number in range(1, len(kernel)):
        way = []
        each = number
        while each != kernel.beginning:
            way.append(kernel.origins[each])
            each = way[-1].replica
        replica = kernel.restored(kernel.beginning)
        for origin in reversed(way):
            height = Height(Uint64(replica.height + 1))
            replica.apply_block(Block(height, UnixSeconds(Uint64(origin.time)), FACE, origin.entries))
            # The next block's batches are tied to the fixed newest block: go on as the kernel does.
            replica = Replica.restore(GENESIS, state_of(replica).snapshot, replica.ended)
        assert state_of(replica) == kernel[number]


def test_a_snapshot_that_loses_something_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a restored replica is not the one that was saved, I8 is broken."""
    resume = Replica.resume

    def forgetful(self: Replica, snapshot: object, ended: object) -> None:
        resume(self, snapshot, ended)  # type: ignore[arg-type]
        for id_, settlement in self.settlements.items():
            if settlement.cancels:
                self.settlements[id_] = evolve(settlement, cancels=())

    monkeypatch.setattr(Replica, "resume", forgetful)
    kernel = Kernel()
    state = kernel.step(kernel.beginning, instruct(PLAIN))
    with pytest.raises(BrokenInvariant, match="I8"):
        kernel.step(state, cancel(PLAIN, ALICE))


def test_the_rules_are_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the row that aborts at a refusal, a refused settlement goes on."""

    def refused() -> State:
        kernel = Kernel()
        state = kernel.tally(held(kernel, []), id_of(PLAIN), 0, Fact.REFUSED, (0, 1, 2))
        known = kernel.settlement(state, id_of(PLAIN))
        assert known is not None
        return known.state

    assert refused() is State.ABORTED
    rows = {state: tuple(row for row in each if row.tag != "abort-refused") for state, each in rules._ROWS.items()}
    monkeypatch.setattr(rules, "_ROWS", rows)
    assert refused() is State.PREPARING
