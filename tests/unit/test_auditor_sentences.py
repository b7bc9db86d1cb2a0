"""What exactly is told: each fault once, by its own sentence, where everything else is in order and booked as said."""

from collections.abc import Callable

import auditor_stories as lawful
import auditor_trouble as trouble
import auditor_wrongs as wrong
import pytest
from auditor_script import ASSET, BANK, BOND, CASH, CHAIN, EURO, NODES, QUORUM, START, World, judge, settle
from auditor_stories import ID, OTHER

from interlock.auditor.event import (
    ABORT,
    COMMIT,
    AccountThawed,
    CertificateFormed,
    Event,
    Instructed,
    LedgerHeard,
    LedgerSilenced,
    NodeDecided,
)
from interlock.auditor.ledger_event import (
    HELD,
    OUTSIDE,
    BalanceChanged,
    BooksClosed,
    Captured,
    CertificateAccepted,
    Entitled,
    HoldLost,
    HoldMade,
    Transferred,
)
from interlock.auditor.violation import Tag

Story = Callable[[World], None]


def negative_payment(world: World) -> None:
    world.tell(Transferred(CHAIN, BOND, -1, "alice", "bob"), BOND, -1, "alice", "bob")


def held_again(world: World) -> None:
    world.instruct(ID, ASSET)
    world.hold(ID, 0)
    world.hold(ID, 0)
    settle(world, ID, ABORT, [0])


def delivered_in_part(world: World) -> None:
    world.instruct(ID, ASSET)
    world.hold(ID, 0)
    world.decide(ID, COMMIT)
    world.accept(ID, 0, COMMIT)
    world.tell(Captured(CHAIN, ID, 0, BOND, 4, "bob"), BOND, 4, HELD, "bob")


def delivered_in_another_asset(world: World) -> None:
    world.transfer(CHAIN, EURO, 5, "carol", HELD)
    world.instruct(ID, ASSET)
    world.hold(ID, 0)
    world.decide(ID, COMMIT)
    world.accept(ID, 0, COMMIT)
    world.tell(Captured(CHAIN, ID, 0, EURO, 5, "bob"), EURO, 5, HELD, "bob")


def lost_more_than_held(world: World) -> None:
    world.transfer(CHAIN, BOND, 5, "carol", HELD)
    world.instruct(ID, ASSET)
    world.hold(ID, 0)
    world.lose(ID, 0, 6)


def lost_another_asset(world: World) -> None:
    world.transfer(CHAIN, EURO, 5, "carol", HELD)
    world.instruct(ID, ASSET)
    world.hold(ID, 0)
    world.halt(ID, 0)
    world.tell(HoldLost(CHAIN, ID, 0, EURO, 5, OUTSIDE), EURO, 5, HELD, OUTSIDE)


def lost_after_delivery(world: World) -> None:
    world.transfer(CHAIN, BOND, 5, "carol", HELD)
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, COMMIT, [0])
    world.lose(ID, 0, 5)
    world.accept(ID, 1, COMMIT)
    world.capture(ID, 1)


def delivered_after_loss(world: World) -> None:
    world.transfer(CHAIN, BOND, 5, "carol", HELD)
    trouble.lost_and_aborted(world)
    world.instruct(OTHER, ASSET, CASH)
    world.hold(OTHER, 0)
    world.hold(OTHER, 1)
    world.lose(OTHER, 0, 5)
    world.decide(OTHER, COMMIT)
    world.accept(OTHER, 0, COMMIT)
    world.capture(OTHER, 0)
    world.accept(OTHER, 1, COMMIT)
    world.capture(OTHER, 1)


def delivered_in_full_after_shrinking(world: World) -> None:
    world.transfer(CHAIN, BOND, 5, "carol", HELD)
    world.instruct(ID, ASSET)
    world.hold(ID, 0)
    world.lose(ID, 0, 2)
    settle(world, ID, COMMIT, [0])


def consent_after_entitlement(world: World) -> None:
    world.instruct(ID, ASSET)
    world.hold(ID, 0)
    world.decide(ID, COMMIT)
    world.accept(ID, 0, COMMIT)
    world.entitle(ID, 0, COMMIT)
    world.consent(ID, 0, "carol")


def accepted_both(world: World) -> None:
    lawful_with_conflict(world)
    world.say(CertificateAccepted(CHAIN, ID, ABORT, 1))


def lawful_with_conflict(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, COMMIT, [0])
    world.certify(ID, ABORT)
    world.accept(ID, 1, COMMIT)
    world.entitle(ID, 1, COMMIT)


def node_against_certificate(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.certify(ID, ABORT)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.say(NodeDecided("n0", ID, COMMIT, world.now))
    world.accept(ID, 0, ABORT)
    world.release(ID, 0)
    world.accept(ID, 1, ABORT)
    world.release(ID, 1)


def certified_without_ground(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.certify(ID, COMMIT)
    world.certify(ID, COMMIT)


def decided_without_ground(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.say(*(NodeDecided(node, ID, COMMIT, world.now) for node in NODES))


def captured_without_anything(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.capture(ID, 0)


def entitled_without_anything(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.entitle(ID, 0, COMMIT)


def aborted_by_certificate_while_ordered(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.order(ID)
    world.certify(ID, ABORT)
    world.certify(ID, ABORT)
    world.accept(ID, 0, ABORT)
    world.release(ID, 0)


def two_conditions_missed(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK, has_condition=True)
    world.hold(ID, 0)
    world.order(ID)
    world.execute(ID, START + 50)
    settle(world, ID, COMMIT, [0])


def frozen_and_thawed(world: World) -> None:
    wrong.half_delivered(world)
    world.freeze(BANK, "DE-alice")
    world.say(AccountThawed(BANK, "DE-alice"))


def silenced_and_heard(world: World) -> None:
    wrong.half_delivered(world)
    world.say(LedgerSilenced(BANK), LedgerHeard(BANK))


TOLD: list[tuple[Story, list[tuple[Tag, str]]]] = [
    (negative_payment, [(Tag.I4, "A negative amount was moved")]),
    (held_again, [(Tag.I4, "A leg was held that had moved")]),
    (delivered_in_part, [(Tag.I4, "Another amount left a hold than was in it")]),
    (delivered_in_another_asset, [(Tag.I4, "Another amount left a hold than was in it")]),
    (delivered_in_full_after_shrinking, [(Tag.I4, "Another amount left a hold than was in it")]),
    (lost_more_than_held, [(Tag.I4, "More was lost than was held")]),
    (lost_another_asset, [(Tag.I4, "More was lost than was held")]),
    (lost_after_delivery, [(Tag.I4, "More was lost than was held")]),
    (delivered_after_loss, [(Tag.I4, "A leg moved that was not held")]),
    (consent_after_entitlement, [(Tag.I4, "A hold that had ended was released by consent")]),
    (lawful_with_conflict, [(Tag.I3, "Two certificates conflict")]),
    (accepted_both, [(Tag.I3, "Two certificates conflict"), (Tag.I3, "A ledger accepted two outcomes")]),
    (node_against_certificate, [(Tag.I3, "A settlement was decided twice")]),
    (certified_without_ground, [(Tag.I2, "CertificateFormed had no ground")]),
    (decided_without_ground, [(Tag.I2, "NodeDecided had no ground")]),
    (
        captured_without_anything,
        [
            (Tag.I5, "Captured without an accepted certificate"),
            (Tag.I6, "A hold did not stand until the decision"),
            (Tag.I2, "Captured had no ground"),
        ],
    ),
    (
        entitled_without_anything,
        [
            (Tag.I5, "Entitled without an accepted certificate"),
            (Tag.I6, "A hold did not stand until the decision"),
            (Tag.I2, "Entitled had no ground"),
        ],
    ),
    (aborted_by_certificate_while_ordered, [(Tag.RULE, "ABORT came while an order was out without NEVER")]),
    (two_conditions_missed, [(Tag.RULE, "OrderCertified came before the condition was met")]),
    (wrong.committed_late, [(Tag.RULE, "COMMIT came outside of its time")]),
    (wrong.aborted_while_ordered, [(Tag.RULE, "ABORT came while an order was out without NEVER")]),
    (frozen_and_thawed, [(Tag.I7, "A settlement did not end")]),
    (silenced_and_heard, [(Tag.I7, "A settlement did not end")]),
]


@pytest.mark.parametrize(("story", "expected"), TOLD, ids=[story.__name__ for story, _ in TOLD])
def test_a_fault_is_told_once_and_by_its_name(story: Story, expected: list[tuple[Tag, str]]) -> None:
    """One fault is one accusation, however many events repeat it; each accusation is made for its own reason."""
    world = World()
    story(world)
    assert [(violation.tag, violation.sentence) for violation in judge(world.finish()).verdict()] == expected


def test_a_step_that_does_not_add_up_is_told_with_all_of_it_and_nothing_else() -> None:
    """What was said and what was booked in this step are the events concerned; the steps before are not."""
    world = World()
    lawful.committed(world)
    wrong_step: list[Event] = [
        Transferred(CHAIN, BOND, 2, "alice", "bob"),
        BalanceChanged(CHAIN, "alice", BOND, -2),
        BalanceChanged(CHAIN, "bob", BOND, 3),
        BooksClosed(CHAIN, world.now),
    ]
    world.say(*wrong_step)
    (violation,) = judge(world.events).verdict()
    assert violation.events == tuple(wrong_step)
    assert violation.facts == (
        ("ledger", CHAIN),
        (f"{BOND} out of nothing", 1),
        (f"bob, {BOND}: booked but not said", 1),
    )


def test_value_that_goes_astray_is_not_called_new() -> None:
    """Where the sums agree and the accounts do not, only the accounts are told."""
    world = World()
    world.say(Transferred(CHAIN, BOND, 2, "alice", "bob"), BalanceChanged(CHAIN, "alice", BOND, -2))
    world.say(BalanceChanged(CHAIN, "carol", BOND, 2), BooksClosed(CHAIN, world.now))
    (violation,) = judge(world.events).verdict()
    assert dict(violation.facts) == {
        "ledger": CHAIN,
        f"bob, {BOND}: booked but not said": -2,
        f"carol, {BOND}: booked but not said": 2,
    }


def test_what_did_not_end_is_told_leg_by_leg() -> None:
    """A settlement that did not end is told with the exact legs, their ledgers, all states and the decision."""
    world = World()
    wrong.half_delivered(world)
    (violation,) = judge(world.finish()).verdict()
    assert dict(violation.facts) == {
        "not ended": ["1 on bank"],
        "legs": "0 DELIVERED, 1 HELD",
        "decision": COMMIT,
    }
    kinds = [type(event) for event in violation.events]
    assert kinds[:2] == [NodeDecided, HoldMade]


def test_a_missing_ground_is_told_with_all_that_is_missing() -> None:
    """Legs, signers and pivot are told together."""
    world = World()
    world.instruct(ID, ASSET, CASH, pivot=BANK, signers={"alice"})
    world.say(CertificateFormed(ID, COMMIT, 1, QUORUM))
    (violation,) = judge(world.events).verdict()
    assert dict(violation.facts) == {
        "legs not held on the signed terms": [0],
        "signers missing": ["bob"],
        "pivot": BANK,
        "pivot executed": False,
    }
    assert [type(event) for event in violation.events] == [Instructed, CertificateFormed]


def executed_alone(world: World) -> None:
    world.instruct(ID, ASSET, pivot=CHAIN)
    world.order(ID)
    world.execute(ID, START + 50)
    world.certify(ID, COMMIT)


def consented_and_past(world: World) -> None:
    world.instruct(ID, ASSET, prepare_by=START + 5)
    world.hold(ID, 0)
    world.consent(ID, 0, "carol")
    world.tick(6)
    world.say(NodeDecided("n0", ID, ABORT, world.now))


def consented_last(world: World) -> None:
    world.instruct(ID, ASSET)
    world.hold(ID, 0)
    world.decide(ID, ABORT)
    world.consent(ID, 0, "carol")


def lost_last(world: World) -> None:
    world.instruct(ID, ASSET)
    world.hold(ID, 0)
    world.decide(ID, ABORT)
    world.lose(ID, 0, 5)


def never_last(world: World) -> None:
    world.instruct(ID, ASSET, pivot=CHAIN)
    world.order(ID)
    world.certify(ID, COMMIT)
    world.never(ID)


def executed_last(world: World) -> None:
    world.instruct(ID, ASSET, pivot=CHAIN)
    world.order(ID)
    world.certify(ID, COMMIT)
    world.execute(ID, START + 50)


@pytest.mark.parametrize(
    "story",
    [executed_alone, consented_and_past, consented_last, lost_last, never_last, executed_last, lawful.tombstoned],
    ids=lambda story: story.__name__,
)
def test_whatever_ends_it_lets_it_be_forgotten(story: Story) -> None:
    """There is no last event after which a settlement that has ended stays in memory."""
    world = World()
    story(world)
    assert judge(world.events).open_total == 0


def test_an_entitlement_names_its_ledger() -> None:
    """A ledger cannot end another's hold."""
    world = World()
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.say(Entitled(BANK, ID, 0, COMMIT))
    (violation,) = judge(world.events).verdict()
    assert dict(violation.facts) == {"leg": 0, "ledger": BANK, "by the terms": CHAIN}
