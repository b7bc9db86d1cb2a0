"""Where more members lie than the protocol bears, what they break must leave proof against a liar."""

import auditor_stories as lawful
import pytest
from auditor_script import NODES, World, changed, followed, judge, preceded
from auditor_stories import ID, OTHER

from interlock.auditor.event import (
    ABORT,
    ANY,
    ByzantineDeclared,
    CertificateFormed,
    Event,
    EvidencePublished,
    Finished,
    StateHash,
)
from interlock.auditor.ledger_event import BalanceChanged
from interlock.auditor.violation import VIOLATIONS_MAX, Tag

LIARS = ("n0", "n1")
CONFLICT = CertificateFormed(ID, ABORT, 1, ("n0", "n1", "n3"))
"""Both liars signed COMMIT before."""


def conflicting(*more: Event) -> list[Event]:
    """Tell a run in which two liars help to certify both outcomes; then more."""
    world = World()
    world.say(*(ByzantineDeclared(name) for name in LIARS))
    lawful.committed(world)
    return preceded(Finished, CONFLICT, *more)(world.finish())


def test_a_violation_without_evidence_fails_the_run() -> None:
    """Two certificates conflict, and nobody shows who signed both."""
    auditor = judge(conflicting(), expects_detection=True)
    assert [violation.tag for violation in auditor.verdict()] == [Tag.I3]
    assert auditor.detected() == []


@pytest.mark.parametrize("about", [ID, ANY], ids=["this", "all"])
def test_a_violation_with_evidence_is_detected(about: bytes) -> None:
    """Evidence of one liar, about this settlement or all, makes it a detected one; it is told with the culprit."""
    events = conflicting(EvidencePublished("two outcomes", "n1", about))
    auditor = judge(events, expects_detection=True)
    assert auditor.verdict() == []
    assert [(violation.tag, violation.detected_by) for violation in auditor.detected()] == [(Tag.I3, ("n1",))]


def test_evidence_may_come_before_the_violation() -> None:
    """What a liar said twice may be published before it does harm."""
    events = followed(ByzantineDeclared, EvidencePublished("two outcomes", "n0", ID))(conflicting())
    assert judge(events, expects_detection=True).verdict() == []


def test_evidence_about_another_settlement_detects_nothing() -> None:
    """Each broken settlement needs its own."""
    events = conflicting(EvidencePublished("two outcomes", "n1", OTHER))
    assert [violation.tag for violation in judge(events, expects_detection=True).verdict()] == [Tag.I3]


def test_evidence_against_the_honest_detects_nothing_and_is_an_accusation_of_its_own() -> None:
    """Whoever names an honest member has proven nothing."""
    events = conflicting(EvidencePublished("two outcomes", "n3", ID))
    assert [violation.tag for violation in judge(events, expects_detection=True).verdict()] == [Tag.I3, Tag.FRAMED]


def test_framing_is_never_excused_by_true_evidence() -> None:
    """A liar convicted beside an honest member does not make the second conviction right."""
    events = conflicting(EvidencePublished("two outcomes", "n1", ID), EvidencePublished("two outcomes", "n3", ID))
    assert [violation.tag for violation in judge(events, expects_detection=True).verdict()] == [Tag.FRAMED]


def test_evidence_excuses_nothing_where_the_protocol_should_have_held() -> None:
    """With at most f liars, proof of who lied is no excuse."""
    auditor = judge(conflicting(EvidencePublished("two outcomes", "n1", ID)))
    assert [violation.tag for violation in auditor.verdict()] == [Tag.I3]
    assert auditor.detected() == []


def test_what_concerns_no_settlement_is_detected_by_any_evidence() -> None:
    """A ledger's books, or a state, have no id to match."""
    world = World()
    world.say(ByzantineDeclared("n0"))
    lawful.committed(world)
    world.say(EvidencePublished("two rotations", "n0", OTHER))
    events = changed(StateHash, 2, digest=b"other")(world.finish())
    auditor = judge(events, expects_detection=True)
    assert auditor.verdict() == []
    assert [violation.tag for violation in auditor.detected()] == [Tag.I8]


def test_nothing_needs_to_end_where_too_many_lie() -> None:
    """Liveness is promised with at most f liars, and asked for only then."""
    world = World()
    world.instruct(ID, lawful.ASSET)
    world.hold(ID, 0)
    events = world.finish()
    assert judge(events, expects_detection=True).verdict() == []
    assert [violation.tag for violation in judge(events).verdict()] == [Tag.I7]


def test_what_is_not_kept_cannot_pass_as_detected() -> None:
    """Beyond the bound violations are only counted, so that a run with more of them fails."""
    world = World()
    world.say(ByzantineDeclared("n0"), EvidencePublished("two outcomes", "n0", ANY))
    for _ in range(VIOLATIONS_MAX + 1):
        world.say(BalanceChanged("chain", "alice", "BOND", 1))
        world.tick()
    auditor = judge(world.events, expects_detection=True)
    assert len(auditor.detected()) == VIOLATIONS_MAX
    assert [violation.tag for violation in auditor.verdict()] == [Tag.UNTOLD]
    assert auditor.verdict()[0].facts == (("kept", VIOLATIONS_MAX), ("not kept", 1))


def test_signers_of_both_are_named() -> None:
    """A conflict tells who signed both, and who of them was thought honest."""
    world = World()
    world.say(ByzantineDeclared("n0"))
    lawful.committed(world)
    both = CertificateFormed(ID, ABORT, 1, NODES)
    events = followed(CertificateFormed, both)(world.finish())
    facts = dict(judge(events).verdict()[0].facts)
    assert facts["signed both"] == ["n0", "n1", "n2"]
    assert facts["honest among them"] == ["n1", "n2"]
