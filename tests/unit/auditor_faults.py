"""Stories with a single fault, in order and booked as said but for it."""

import auditor_trouble as trouble
import auditor_wrongs as wrong
from auditor_script import ASSET, BANK, BOND, CASH, CHAIN, EURO, NODES, QUORUM, START, World, settle
from auditor_stories import ID, OTHER

from interlock.auditor.event import (
    ABORT,
    COMMIT,
    AccountThawed,
    LedgerHeard,
    LedgerSilenced,
    NodeDecided,
    OrderCertified,
)
from interlock.auditor.ledger_event import (
    HELD,
    OUTSIDE,
    Captured,
    CertificateAccepted,
    HoldLost,
    Transferred,
)


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


def aborted_by_nodes_while_ordered(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.order(ID)
    world.say(*(NodeDecided(node, ID, ABORT, world.now) for node in NODES))
    world.halt(ID, 0)


def executed_without_anything(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.execute(ID, START + 50)


def executed_twice(world: World) -> None:
    world.instruct(ID, ASSET, pivot=CHAIN)
    world.order(ID)
    world.execute(ID, START + 50)
    world.execute(ID, START + 50)


def ordered_elsewhere(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.say(OrderCertified(ID, CHAIN, START + 50, 1, QUORUM))
    settle(world, ID, ABORT, [0])


def one_given_two_taken(world: World) -> None:
    world.instruct(ID, ASSET, ASSET, CASH)
    for leg in range(3):
        world.hold(ID, leg)
    settle(world, ID, COMMIT, [0])
    world.certify(ID, ABORT)
    world.accept(ID, 2, ABORT)
    world.release(ID, 2)
    world.capture(ID, 1)


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
