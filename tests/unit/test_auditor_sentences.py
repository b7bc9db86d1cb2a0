"""What exactly is told: each fault once, by its own sentence, where everything else is in order and booked as said."""

from collections.abc import Callable

import auditor_faults as fault
import auditor_stories as lawful
import auditor_wrongs as wrong
import pytest
from auditor_script import ASSET, BANK, BOND, CASH, CHAIN, QUORUM, START, World, judge
from auditor_stories import ID

from interlock.auditor.event import (
    ABORT,
    COMMIT,
    CertificateFormed,
    Event,
    Instructed,
    NodeDecided,
)
from interlock.auditor.ledger_event import (
    BalanceChanged,
    BooksClosed,
    Entitled,
    HoldMade,
    Transferred,
)
from interlock.auditor.violation import Tag

Story = Callable[[World], None]


TOLD: list[tuple[Story, list[tuple[Tag, str]]]] = [
    (fault.negative_payment, [(Tag.I4, "A negative amount was moved")]),
    (fault.held_again, [(Tag.I4, "A leg was held that had moved")]),
    (fault.delivered_in_part, [(Tag.I4, "Another amount left a hold than was in it")]),
    (fault.delivered_in_another_asset, [(Tag.I4, "Another amount left a hold than was in it")]),
    (fault.delivered_in_full_after_shrinking, [(Tag.I4, "Another amount left a hold than was in it")]),
    (fault.lost_more_than_held, [(Tag.I4, "More was lost than was held")]),
    (fault.lost_another_asset, [(Tag.I4, "More was lost than was held")]),
    (fault.lost_after_delivery, [(Tag.I4, "More was lost than was held")]),
    (fault.delivered_after_loss, [(Tag.I4, "A leg moved that was not held")]),
    (fault.consent_after_entitlement, [(Tag.I4, "A hold that had ended was released by consent")]),
    (fault.lawful_with_conflict, [(Tag.I3, "Two certificates conflict")]),
    (fault.accepted_both, [(Tag.I3, "Two certificates conflict"), (Tag.I3, "A ledger accepted two outcomes")]),
    (fault.node_against_certificate, [(Tag.I3, "A settlement was decided twice")]),
    (fault.certified_without_ground, [(Tag.I2, "CertificateFormed had no ground")]),
    (fault.decided_without_ground, [(Tag.I2, "NodeDecided had no ground")]),
    (
        fault.captured_without_anything,
        [
            (Tag.I5, "Captured without an accepted certificate"),
            (Tag.I6, "A hold did not stand until the decision"),
            (Tag.I2, "Captured had no ground"),
        ],
    ),
    (
        fault.entitled_without_anything,
        [
            (Tag.I5, "Entitled without an accepted certificate"),
            (Tag.I6, "A hold did not stand until the decision"),
            (Tag.I2, "Entitled had no ground"),
        ],
    ),
    (fault.aborted_by_certificate_while_ordered, [(Tag.RULE, "ABORT came while an order was out without NEVER")]),
    (fault.aborted_by_nodes_while_ordered, [(Tag.RULE, "ABORT came while an order was out without NEVER")]),
    (
        fault.executed_without_anything,
        [(Tag.D2, "What was executed was not ordered"), (Tag.I2, "OrderExecuted had no ground")],
    ),
    (fault.executed_twice, [(Tag.I4, "A leg was executed that had moved")]),
    (fault.ordered_elsewhere, [(Tag.D2, "An order was certified for a ledger that is not the pivot")]),
    (
        fault.one_given_two_taken,
        [(Tag.I3, "Two certificates conflict"), (Tag.I1, "One leg was given and another taken back")],
    ),
    (fault.two_conditions_missed, [(Tag.RULE, "OrderCertified came before the condition was met")]),
    (wrong.committed_late, [(Tag.RULE, "COMMIT came outside of its time")]),
    (wrong.aborted_while_ordered, [(Tag.RULE, "ABORT came while an order was out without NEVER")]),
    (fault.frozen_and_thawed, [(Tag.I7, "A settlement did not end")]),
    (fault.silenced_and_heard, [(Tag.I7, "A settlement did not end")]),
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


def test_a_ledger_that_never_closed_its_books_is_judged_by_what_it_says() -> None:
    """Before a ledger's first step is complete its clock is that of the event."""
    terms = Instructed(ID, (ASSET,), "", START, START, 0)
    early, late = (HoldMade(CHAIN, ID, 0, BOND, 5, "alice", "bob", at) for at in (START, START + 1))
    sentence = "A hold began after prepare_by"
    assert sentence not in [violation.sentence for violation in judge([terms, early]).verdict()]
    assert sentence in [violation.sentence for violation in judge([terms, late]).verdict()]


def test_an_entitlement_names_its_ledger() -> None:
    """A ledger cannot end another's hold."""
    world = World()
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.say(Entitled(BANK, ID, 0, COMMIT))
    (violation,) = judge(world.events).verdict()
    assert dict(violation.facts) == {"leg": 0, "ledger": BANK, "by the terms": CHAIN}
