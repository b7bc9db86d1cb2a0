"""A sequencer that shows its nodes two logs can delay and can choose; it can never have two decisions certified.

The world is small enough to look at all of it: two logs fork after a common beginning, in which one leg of a matched
settlement is held. The lying sequencer then orders what it was given (the last HELD, a quorum's REFUSED, the parties'
cancel, the passing of the deadline) as it likes, differently in each log, at the same heights. It shows each node
either log, or first one and then the other, as after a backup was restored. One member is Byzantine: it signs
everything in both logs. The other three keep the sign-once record, here a dictionary: what a node has once signed for
a settlement it never signs otherwise. The sequencer collects every signature it ever sees.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement, product

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import MemberIndex
from interlock.core.decision import Decision, Outcome, SignedDecision, assemble
from interlock.core.instruction import SettlementId
from interlock.core.rejection import Reason
from interlock.encoding.values import Signature, Uint32
from interlock.evidence.certificate import certificate_fault
from support.log import LATE, Log, Stage, at
from support.world import (
    ALICE,
    BOB,
    COMMITTEE,
    NETWORK,
    attest,
    attestation,
    cancel,
    sign_decisions,
    signed_decision,
)

MEMBERS = range(4)
FORKS: tuple[tuple[str, ...], ...] = (
    (),
    ("held",),
    ("held", "late"),
    ("held", "refused"),
    ("late", "held"),
    ("refused", "held"),
    ("cancelled", "held"),
)
"""What the sequencer orders in one of its logs after the common beginning."""


def fork(events: Iterable[str]) -> tuple[Log, SettlementId]:
    """Give a log that begins as every other and goes on with these events, all made before the fork."""
    log, id_ = at(Stage.ONE_HELD)
    anchor = log.anchor
    votes = {
        name: [attest(each, anchor, attestation(each, id_, 1, fact)) for each in (0, 1, 2)]
        for name, fact in (("held", Fact.HELD), ("refused", Fact.REFUSED))
    }
    for event in events:
        if event == "late":
            log.block(time=LATE)
        else:
            log.block(*(votes[event] if event in votes else [cancel(id_, ALICE, BOB)]))
    return log, id_


def outcome_of(log: Log, id_: SettlementId) -> Outcome | None:
    decision = log[id_].decision
    return None if decision is None else decision.outcome


class Game:
    """Two logs, four nodes, and a sequencer that keeps every signature."""

    def __init__(self, forks: Sequence[tuple[str, ...]], *, byzantine: int, keeps_record: bool = True) -> None:
        self.logs = [fork(events) for events in forks]
        self.byzantine = byzantine
        self.keeps_record = keeps_record
        self.records: dict[int, dict[SettlementId, Outcome]] = {each: {} for each in MEMBERS}
        self.seen: dict[Outcome, dict[MemberIndex, Signature]] = {each: {} for each in Outcome}
        self.made: list[tuple[int, int, SignedDecision]] = []

    def show(self, member: int, which: int) -> None:
        """Show a node one of the logs: it signs what that log decided, unless its record says otherwise."""
        log, id_ = self.logs[which]
        outcome = outcome_of(log, id_)
        if outcome is None:
            return
        if member != self.byzantine and self.keeps_record and self.records[member].setdefault(id_, outcome) != outcome:
            return
        self._take(which, member, signed_decision(member, id_, outcome))

    def lie(self) -> None:
        """Let the Byzantine member sign both outcomes, for both logs."""
        for which, (_, id_) in enumerate(self.logs):
            for outcome in Outcome:
                self._take(which, self.byzantine, signed_decision(self.byzantine, id_, outcome))

    def _take(self, which: int, member: int, signed: SignedDecision) -> None:
        self.seen[signed.decision.outcome][MemberIndex(Uint32(member))] = signed.signature
        self.made.append((which, member, signed))

    def certified(self) -> set[Outcome]:
        """Give what can be certified from the signatures seen, in whatever log they were made."""
        id_ = self.logs[0][1]
        found = set()
        for outcome, signatures in self.seen.items():
            certificate = assemble(COMMITTEE, Decision(id_, outcome, COMMITTEE.epoch), signatures)
            if certificate is not None:
                assert certificate_fault(NETWORK, COMMITTEE, certificate, settlement=id_, outcome=outcome) is None
                found.add(outcome)
        return found

    def certified_in_logs(self) -> set[Outcome]:
        """Order every batch in both logs, and give what the replicas find certified."""
        batches = [sign_decisions(member, self.logs[which][0].anchor, signed) for which, member, signed in self.made]
        for log, _ in self.logs:
            log.block(*batches)
        certificates = [log[id_].certificate for log, id_ in self.logs]
        return {each.decision.outcome for each in certificates if each is not None}


DECIDING = ((), ("held",), ("late",))
"""One log for each thing that a replica can say: nothing, COMMIT, ABORT."""
SHOWN = ((0,), (1,), (0, 1), (1, 0))
"""Which logs a node is shown, in which order."""


@pytest.mark.parametrize("byzantine", MEMBERS)
@pytest.mark.parametrize("forks", [*product(DECIDING, repeat=2)], ids=str)
def test_never_two_certificates(forks: tuple[tuple[str, ...], ...], byzantine: int) -> None:
    """However the nodes are shown two logs, and whoever lies, the signatures make at most one certificate."""
    honest = [each for each in MEMBERS if each != byzantine]
    game = Game(forks, byzantine=byzantine)
    for shown in product(SHOWN, repeat=len(honest)):
        game.records = {each: {} for each in MEMBERS}
        game.seen = {each: {} for each in Outcome}
        for member, order in zip(honest, shown, strict=True):
            for which in order:
                game.show(member, which)
        game.lie()
        assert len(game.certified()) <= 1


@pytest.mark.parametrize("forks", [*combinations_with_replacement(FORKS, 2)], ids=str)
def test_never_two_certificates_in_the_logs(forks: tuple[tuple[str, ...], ...]) -> None:
    """The same through the replicas: batches of both logs are ordered in both, and those of the other are refused."""
    for shown in product((0, 1), repeat=3):
        game = Game(forks, byzantine=3)
        for member, which in enumerate(shown):
            game.show(member, which)
        game.lie()
        assert len(game.certified_in_logs() | game.certified()) <= 1
        for log, id_ in game.logs:
            certificate = log[id_].certificate
            assert certificate is None or certificate.decision == log[id_].decision


@pytest.mark.parametrize("forks", [(("held",), ("late",)), (("late",), ("held",))])
def test_without_the_record_the_same_game_makes_two(forks: tuple[tuple[str, ...], ...]) -> None:
    """The control: nodes that sign whatever they are shown are led to certify both outcomes."""
    game = Game(forks, byzantine=3, keeps_record=False)
    for member, which in product((0, 1, 2), (0, 1)):
        game.show(member, which)
    game.lie()
    assert game.certified() == set(Outcome)


def test_one_liar_more_than_f_makes_two() -> None:
    """The bound is sharp: with two of four lying the records of the others do not help."""
    game = Game((("held",), ("late",)), byzantine=3)
    game.show(0, 0)
    game.show(1, 1)
    game.lie()
    game.byzantine = 2
    game.lie()
    assert game.certified() == set(Outcome)


def test_the_forks_do_differ() -> None:
    """The game is no sham: the logs have other blocks at one height, and decide both ways or not at all."""
    decisions = {events: outcome_of(*fork(events)) for events in FORKS}
    assert decisions == {
        (): None,
        ("held",): Outcome.COMMIT,
        ("held", "late"): Outcome.COMMIT,
        ("held", "refused"): Outcome.COMMIT,
        ("late", "held"): Outcome.ABORT,
        ("refused", "held"): Outcome.ABORT,
        ("cancelled", "held"): Outcome.ABORT,
    }
    (one, _), (other, _) = fork(("held",)), fork(("late",))
    assert one.replica.height == other.replica.height
    assert one.replica.block_hash != other.replica.block_hash


def test_a_nodes_votes_of_one_log_convince_no_node_of_the_other() -> None:
    """A batch carries the block it was made on, so facts seen after the fork do not cross it."""
    (one, id_), (other, _) = fork(("late",)), fork(())
    other.block()
    crossing = [attest(each, one.anchor, attestation(each, id_, 1, Fact.HELD)) for each in (0, 1, 2)]
    assert other.block(*crossing).reasons == [Reason.OTHER_LOG] * 3
    assert other[id_].decision is None
