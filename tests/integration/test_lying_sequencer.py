"""A sequencer that shows its nodes two different logs can delay, for ever, and choose; it can never decide twice.

Everything here is real but the sequencer, which is the liar: nodes, replicas, databases, sign-once records on disk. It
shows a group of the nodes one log (COMMIT) and the others another (ABORT), with the same heights and different blocks.
Honest votes, made before the logs part, count in both. An outside attacker collects every signature that any node ever
brought to either log, ordered or not, and would need a quorum for each outcome.
"""

from collections.abc import AsyncIterator, Iterable
from itertools import chain, combinations
from pathlib import Path

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.entry import Attest, Certify
from interlock.core.settlement import Cause, State
from interlock.node.config import STORE_FILE
from interlock.node.performer import watch_of
from support.log import LATE
from support.nodes import EVERYBODY, Nodes, hurry
from support.puppet_log import PuppetLog, Treatment, signed_outcomes, treat, votes_in
from support.world import ALICE, BOB, COMMITTEE, PREPARE_BY, START, cancel, id_of, instruct, instruction

TERMS = instruction()
ID = id_of(TERMS)
WAYS = ("deadline", "refusal", "cancel")
CAUSES = {"deadline": Cause.PREPARE_BY_PASSED, "refusal": Cause.LEG_REFUSED, "cancel": Cause.CANCELLED}


def groupings(members: Iterable[int]) -> list[tuple[int, ...]]:
    """Give every way to choose those who are shown COMMIT; the others are shown ABORT."""
    chosen = tuple(members)
    return list(chain.from_iterable(combinations(chosen, size) for size in range(len(chosen) + 1)))


class Liar:
    """A sequencer with two faces, and the nodes before them."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.commit: PuppetLog
        self.abort: PuppetLog

    async def part(self, shown_commit: tuple[int, ...], way: str, byzantine: int | None = None) -> None:
        """Let all vote on the common past, then show two groups two histories until each honest node has signed."""
        nodes = self.nodes
        nodes.log.put(instruct(TERMS, ALICE, BOB))
        self.commit, self.abort = nodes.log.fork(), nodes.log.fork()
        for face in (self.commit, self.abort):
            face.treat = treat(Treatment.KEEP_BACK, Attest, Certify)
        nodes.bank.ignores = way == "refusal"
        for member in EVERYBODY:
            nodes.sit(member, log=self.commit if member in shown_commit else self.abort)
        if byzantine is not None:
            nodes.sit(byzantine, log=self.abort if byzantine in shown_commit else self.commit, twin=True)
        await self._all_have_voted(0, Fact.HELD)
        if way == "refusal":
            # The bank refuses first and holds later; both were seen, and voted for.
            nodes.bank.refuses = True
            nodes.bank.hold_ignored()
            await self._all_have_voted(1, Fact.REFUSED)
            nodes.bank.record(watch_of(nodes.settlement(0, ID), 1), Fact.HELD)
        await self._all_have_voted(1, Fact.HELD)
        votes = [*self.commit.kept_back, *self.abort.kept_back]
        self.commit.give(self._without(votes, Fact.REFUSED))
        match way:
            case "deadline":
                nodes.clock.time = LATE
                self.abort.advance()
            case "refusal":
                self.abort.give(self._without(votes, Fact.HELD))
            case _:
                self.abort.put(cancel(ID, ALICE, BOB))
        # Signatures are kept back until all are there: a certificate would spare the slower ones theirs.
        everybody = set(EVERYBODY)
        await nodes.until(lambda: self.signers(Outcome.COMMIT) | self.signers(Outcome.ABORT) == everybody)
        if byzantine is not None:
            await nodes.until(lambda: byzantine in self.signers(Outcome.COMMIT) & self.signers(Outcome.ABORT))
        for face in (self.commit, self.abort):
            face.treat = treat(Treatment.ORDER)
            face.give()
        await nodes.same()

    async def _all_have_voted(self, leg: int, fact: Fact) -> None:
        wanted = {(member, leg, fact) for member in EVERYBODY}
        await self.nodes.until(lambda: wanted <= set(votes_in([*self.commit.kept_back, *self.abort.kept_back])))

    def _without(self, votes: Iterable[bytes], fact: Fact) -> list[bytes]:
        """Leave out the votes for a fact of the money leg."""
        return [vote for vote in votes if not any(said[1:] == (1, fact) for said in votes_in([vote]))]

    def signers(self, outcome: Outcome) -> set[int]:
        """Give the members of whom anybody could have a signature of this outcome."""
        found = signed_outcomes(self.commit, self.abort)
        return {member for (member, id_), outcomes in found.items() if id_ == ID and outcome in outcomes}

    def certified(self) -> set[Outcome]:
        """Give the outcomes of which the attacker could make a certificate."""
        return {outcome for outcome in Outcome if len(self.signers(outcome)) >= COMMITTEE.quorum}

    def brought(self) -> set[Outcome]:
        """Give the outcomes whose certificates reached a ledger."""
        books = (self.nodes.vault, self.nodes.bank)
        return {each.decision.outcome for book in books for each in book.certificates}


@pytest.fixture
async def liar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Liar]:
    hurry(monkeypatch)
    async with Nodes(tmp_path) as nodes:
        yield Liar(nodes)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [1, 2, 3])
async def test_two_groups_that_are_shown_two_logs_never_make_two_certificates(liar: Liar, way: str, size: int) -> None:
    """However four honest nodes are split, one outcome at most is certified, and none where neither has a quorum."""
    shown_commit = tuple(range(size))
    await liar.part(shown_commit, way)
    assert liar.signers(Outcome.COMMIT) == set(shown_commit)
    assert liar.signers(Outcome.ABORT) == set(EVERYBODY) - set(shown_commit)
    assert liar.certified() == ({Outcome.COMMIT} if size == 3 else {Outcome.ABORT} if size == 1 else set())
    for member in EVERYBODY:
        known = liar.nodes.settlement(member, ID)
        assert known.decision is not None
        assert known.cause is (Cause.ALL_HELD if member in shown_commit else CAUSES[way])
    await liar.nodes.until(lambda: liar.brought() == liar.certified())


@pytest.mark.parametrize("shown_commit", groupings(EVERYBODY), ids=str)
async def test_no_grouping_of_four_honest_nodes_decides_twice(liar: Liar, shown_commit: tuple[int, ...]) -> None:
    """All sixteen groupings: nobody signs both, so two quorums of three among four cannot be had."""
    await liar.part(shown_commit, "cancel")
    assert liar.signers(Outcome.COMMIT) & liar.signers(Outcome.ABORT) == set()
    assert len(liar.certified()) <= 1


@pytest.mark.parametrize(
    ("byzantine", "shown_commit"),
    [*((3, group) for group in groupings(range(3))), (0, (1,)), (1, (0, 3)), (2, (0, 1, 3))],
    ids=str,
)
async def test_one_member_that_signs_both_does_not_help_the_liar(
    liar: Liar, byzantine: int, shown_commit: tuple[int, ...]
) -> None:
    """One Byzantine member, before both faces with a record for each, gives no second quorum in any grouping."""
    await liar.part(shown_commit, WAYS[len(shown_commit) % len(WAYS)], byzantine)
    nodes = liar.nodes
    honest = set(EVERYBODY) - {byzantine}
    assert liar.signers(Outcome.COMMIT) == {*shown_commit, byzantine}
    assert liar.signers(Outcome.ABORT) == {*(honest - set(shown_commit)), byzantine}
    assert liar.certified() == ({Outcome.COMMIT} if len(shown_commit) >= 2 else {Outcome.ABORT})
    await nodes.until(lambda: liar.brought() == liar.certified())


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("store", ["kept", "lost"])
async def test_nodes_that_are_later_shown_the_other_log_halt_and_sign_nothing(
    liar: Liar, size: int, store: str
) -> None:
    """After a crash each node is shown what the others were: every one of them halts; no outcome gains a signature."""
    await liar.part(tuple(range(size)), "cancel")
    nodes = liar.nodes
    signed = signed_outcomes(liar.commit, liar.abort)
    images = await nodes.crash_all()
    beyond = max(liar.commit.height, liar.abort.height) + 1
    for face in (liar.commit, liar.abort):
        while face.height < beyond:
            face.advance()
    for member, image in images.items():
        for path in image.glob(STORE_FILE + "*"):
            if store == "lost":
                path.unlink()
        nodes.sit(member, home=image, log=liar.abort if member < size else liar.commit)
    await nodes.until(lambda: all(seat.node.halted for seat in nodes.seats.values()))
    # Which of the two guards speaks first depends on where the other log has its decision.
    assert {seat.node.halted.split(":")[0] for seat in nodes.seats.values()} <= {"LogForked", "SignOnceViolated"}
    assert signed_outcomes(liar.commit, liar.abort) == signed


async def test_when_the_liar_settles_on_the_majority_log_it_ends_and_the_minority_stands_aside(liar: Liar) -> None:
    """Three nodes end the settlement on their log; the fourth, which signed the other, halts and votes no more."""
    await liar.part((0, 1, 2), "cancel")
    nodes = liar.nodes
    await nodes.reach(ID, State.SETTLED, (0, 1, 2))
    image = await nodes.crash(3)
    while liar.commit.height <= liar.abort.height:
        liar.commit.advance()
    nodes.sit(3, home=image, log=liar.commit)
    await nodes.until(lambda: nodes.seats[3].node.halted)
    assert nodes.bank.said(ID, 1) == [Fact.HELD, Fact.DELIVERED]
    assert liar.brought() == {Outcome.COMMIT}


async def test_batches_made_before_one_face_convince_nobody_before_the_other(liar: Liar) -> None:
    """Votes and signatures carry the newest block of their log: given to the other face they are refused as a whole."""
    await liar.part((0, 1), "cancel")
    nodes = liar.nodes
    before = {member: nodes.settlement(member, ID) for member in EVERYBODY}
    signatures = [each for each in liar.commit.brought if b'"kind":"certify"' in each]
    assert signatures
    liar.abort.give(signatures)
    await nodes.same()
    assert {member: nodes.settlement(member, ID) for member in EVERYBODY} == before
    assert not any(seat.node.halted for seat in nodes.seats.values())


async def test_a_liar_cannot_force_a_deadline_by_a_time_of_its_own(liar: Liar) -> None:
    """Blocks that claim a time far ahead of the nodes' clocks decide nothing, before whichever face."""
    nodes = liar.nodes
    nodes.log.put(instruct(TERMS, ALICE, BOB))
    nodes.vault.ignores = True
    nodes.sit_all()
    await nodes.until(lambda: nodes.vault.ignored)
    nodes.clock.time = PREPARE_BY + 1
    nodes.log.advance()
    nodes.clock.time = START
    await nodes.until(lambda: all(seat.node.alarms for seat in nodes.seats.values()))
    assert signed_outcomes(nodes.log) == {}
    assert {nodes.state(member, ID) for member in EVERYBODY} == {State.PREPARING}
