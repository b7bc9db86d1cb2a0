"""Lawful stories of trouble: what parties consent to, what operators cause, what liars try, and how all of it ends."""

from collections.abc import Callable
from dataclasses import replace

import auditor_stories as lawful
from auditor_script import ASSET, BANK, BOND, CASH, CHAIN, NODES, SUSPENSE, WINDOW, World, settle
from auditor_stories import ID, OTHER

from interlock.auditor.event import (
    ABORT,
    COMMIT,
    AccountFrozen,
    AccountThawed,
    ByzantineDeclared,
    CertificateFormed,
    EpochBegan,
    EpochClosed,
    EvidencePublished,
    LedgerHeard,
    LedgerSilenced,
    LogForkDeclared,
    NodeDecided,
    StateHash,
)
from interlock.auditor.ledger_event import HELD, Released


def captured_into_suspense(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, COMMIT, [0])
    world.freeze(BANK, "DE-alice")
    world.accept(ID, 1, COMMIT)
    world.capture(ID, 1, SUSPENSE)


def released_by_consent(world: World) -> None:
    # One hold ends by consent, and the others are returned.
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.consent(ID, 0, "carol")
    settle(world, ID, ABORT, [1])


def consent_too_late_to_stop_it(world: World) -> None:
    # A hold ends by consent after the last honest vote, and the other is delivered.
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.consent(ID, 0, "alice")
    settle(world, ID, COMMIT, [1])


def lost_and_aborted(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.lose(ID, 0, 5)
    settle(world, ID, ABORT, [1])


def shrunk_and_committed(world: World) -> None:
    # What is lost after the last honest vote stays stuck; the other leg is delivered.
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.lose(ID, 0, 2, "carol")
    settle(world, ID, COMMIT, [1])


def shrunk_and_the_rest_returned(world: World) -> None:
    world.instruct(ID, ASSET)
    world.hold(ID, 0)
    world.lose(ID, 0, 2, "carol")
    world.decide(ID, ABORT)
    world.accept(ID, 0, ABORT)
    world.tell(Released(CHAIN, ID, 0, BOND, 3, "alice"), BOND, 3, HELD, "alice")


def halted_for_good(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.halt(ID, 1)
    settle(world, ID, ABORT, [0])


def halted_and_resumed(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.halt(ID, 1)
    world.resume(ID, 1)
    settle(world, ID, COMMIT, [0, 1])


def frozen_payee(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, COMMIT, [1])
    world.freeze(CHAIN, "bob")


def silent_ledger(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.say(LedgerSilenced(BANK))
    settle(world, ID, COMMIT, [0])


def silent_pivot(world: World) -> None:
    # The order is out and nobody answers: every hold waits.
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.order(ID)
    world.say(LedgerSilenced(BANK))


def silent_and_heard_again(world: World) -> None:
    world.say(LedgerSilenced(BANK), AccountFrozen(BANK, "DE-alice"))
    lawful.committed(world)
    world.say(LedgerHeard(BANK), AccountThawed(BANK, "DE-alice"))


def a_liar_within_the_bound(world: World) -> None:
    # One of four says what it likes, is convicted, and changes nothing.
    world.say(ByzantineDeclared("n3"))
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.say(NodeDecided("n3", ID, ABORT, world.now), StateHash("n3", 9, b"another"))
    world.say(CertificateFormed(ID, ABORT, 1, ("n3", "n3", "n3", "stranger")))
    world.say(EvidencePublished("two outcomes", "n3", ID))
    world.say(*(NodeDecided(node, ID, COMMIT, world.now) for node in NODES[:3]))
    world.certify(ID, COMMIT)
    for leg in (0, 1):
        world.accept(ID, leg, COMMIT)
        world.capture(ID, leg)


def a_lying_bank_that_holds_otherwise(world: World) -> None:
    # A bank records other terms, which is no ground for COMMIT; the settlement is aborted.
    world.say(ByzantineDeclared(BANK))
    hold_otherwise(world)
    settle(world, ID, ABORT, [0, 1])


def certified_again_by_the_next_epoch(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, COMMIT, [0])
    world.say(EpochBegan(2, ("n0", "n1", "n2", "n4")))
    world.say(CertificateFormed(ID, COMMIT, 2, ("n1", "n2", "n4")))
    world.accept(ID, 1, COMMIT, epoch=2)
    world.capture(ID, 1)


def a_forked_log(world: World) -> None:
    # The sequencer shows two nodes a cancel in time and the others the last hold; only one outcome finds a quorum.
    world.say(LogForkDeclared())
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.say(NodeDecided("n0", ID, COMMIT, world.now), NodeDecided("n3", ID, ABORT, world.now))
    world.say(NodeDecided("n0", OTHER, ABORT, world.now), StateHash("n0", 9, b"a fork's"))
    world.certify(ID, COMMIT)
    for leg in (0, 1):
        world.accept(ID, leg, COMMIT)
        world.capture(ID, leg)
    world.say(NodeDecided("n2", ID, ABORT, world.now), NodeDecided("n0", OTHER, COMMIT, world.now))


def an_order_on_a_forked_log(world: World) -> None:
    # Where some see the order, the others may see the deadline first; they find no quorum.
    world.say(LogForkDeclared())
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.say(NodeDecided("n3", ID, ABORT, world.now))
    world.order(ID)
    world.say(NodeDecided("n3", ID, ABORT, world.now))
    world.execute(ID, world.now + WINDOW)
    world.certify(ID, COMMIT)
    world.accept(ID, 0, COMMIT)
    world.capture(ID, 0)


def stale_signatures(world: World) -> None:
    # Whoever finds the keys of a closed epoch can sign what he likes.
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.say(EpochBegan(2, ("n0", "n1", "n2", "n4")), EpochClosed(1))
    world.certify(ID, ABORT, epoch=1)
    world.decide(ID, COMMIT, epoch=2)
    for leg in (0, 1):
        world.accept(ID, leg, COMMIT, epoch=2)
        world.capture(ID, leg)


def failed_condition(world: World) -> None:
    world.instruct(ID, ASSET, CASH, has_condition=True)
    world.hold(ID, 0)
    settle(world, ID, ABORT, [0])


def lying_bank_that_keeps_the_hold(world: World) -> None:
    world.say(ByzantineDeclared(BANK))
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, ABORT, [0])


def lying_pivot_that_never_answers(world: World) -> None:
    world.say(ByzantineDeclared(BANK))
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.order(ID)


STORIES: list[Callable[[World], None]] = [
    story for name, story in list(globals().items()) if getattr(story, "__module__", None) == __name__
]


def hold_otherwise(world: World) -> None:
    """Have the bank hold, and end, another amount than signed."""
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.terms[ID] = replace(world.terms[ID], legs=(ASSET, replace(CASH, amount=899)))
    world.hold(ID, 1)
