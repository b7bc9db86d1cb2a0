"""Lawful stories: every way in which a settlement may begin, stand and end."""

from collections.abc import Callable

from auditor_script import ASSET, BANK, BOND, CASH, CHAIN, EURO, NODES, START, WINDOW, World, settle

from interlock.auditor.event import (
    ABORT,
    COMMIT,
    ConditionMet,
    EpochBegan,
    HoldRequested,
    Leg,
    NodeDecided,
    ReleaseSigned,
    Signed,
)
from interlock.auditor.ledger_event import HELD, OUTSIDE, BooksClosed, Captured, Opened

ID = b"\x01" * 32
OTHER = b"\x02" * 32


def committed(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, COMMIT, [0, 1])


def returned(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, ABORT, [1, 0])


def tombstoned(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    settle(world, ID, ABORT, [0])
    world.accept(ID, 1, ABORT)
    world.tombstone(ID, 1)


def never_held_and_past(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.tick(2_000)
    settle(world, ID, ABORT, [0])


def held_after_abort_and_returned(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    settle(world, ID, ABORT, [0])
    world.hold(ID, 1)
    world.accept(ID, 1, ABORT)
    world.release(ID, 1)


def held_by_the_payer_alone(world: World) -> None:
    world.instruct(ID, ASSET, CASH, signers={"alice"})
    world.hold(ID, 0)
    settle(world, ID, ABORT, [0])


def bank_pays_last(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.order(ID)
    world.execute(ID, world.now + WINDOW)
    settle(world, ID, COMMIT, [0])


def bank_never_pays(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.order(ID)
    world.never(ID)
    settle(world, ID, ABORT, [0])


def chain_executes_last(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=CHAIN)
    world.hold(ID, 1)
    world.order(ID)
    world.tick(WINDOW)
    world.execute(ID, world.now)
    settle(world, ID, COMMIT, [1])


def chain_never_executes_and_is_given_the_abort(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=CHAIN)
    world.hold(ID, 1)
    world.order(ID)
    world.tick(WINDOW + 1)
    world.never(ID)
    world.decide(ID, ABORT)
    world.accept(ID, 0, ABORT)
    world.tombstone(ID, 0)
    world.accept(ID, 1, ABORT)
    world.release(ID, 1)


def one_chain_swaps_late(world: World) -> None:
    # All legs are the pivot's: nothing is held, and the order is certified when every clock is past prepare_by.
    world.instruct(ID, ASSET, Leg(CHAIN, EURO, 7, "bob", "alice", "bob"), pivot=CHAIN, prepare_by=START + 10)
    world.tick(10)
    last_valid = world.now + WINDOW
    world.order(ID)
    world.tick(1)
    world.execute(ID, last_valid)
    world.tick(100)
    world.decide(ID, COMMIT)


def at_the_last_second(world: World) -> None:
    world.instruct(ID, ASSET, CASH, prepare_by=START + 5)
    world.tick(5)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, COMMIT, [0, 1])


def at_the_last_second_of_the_slower_ledger(world: World) -> None:
    # The chain's clock is past the deadline, the bank's is exactly there.
    world.instruct(ID, CASH, prepare_by=START + 5)
    world.say(BooksClosed(BANK, START + 5), BooksClosed(CHAIN, START + 9))
    world.now = START + 5
    world.hold(ID, 0)
    settle(world, ID, COMMIT, [0])


def paid_later_behind_a_pivot(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.order(ID)
    world.execute(ID, world.now + WINDOW)
    world.decide(ID, COMMIT)
    world.accept(ID, 0, COMMIT)
    world.entitle(ID, 0, COMMIT)
    world.capture(ID, 0)


def order_signed_again(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.order(ID)
    world.say(EpochBegan(2, ("n0", "n1", "n2", "n4")))
    world.order(ID)
    world.execute(ID, world.now + WINDOW)
    settle(world, ID, COMMIT, [0])
    world.order(ID)


def paid_later(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, COMMIT, [1])
    world.accept(ID, 0, COMMIT)
    world.entitle(ID, 0, COMMIT)
    world.tick(5_000)
    world.capture(ID, 0)


def entitled_and_never_paid(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, ABORT, [1])
    world.accept(ID, 0, ABORT)
    world.entitle(ID, 0, ABORT)


def redirected(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, COMMIT, [1])
    world.accept(ID, 0, COMMIT)
    world.redirect(ID, 0, "bob", "carol")


def redirected_by_the_payer(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.decide(ID, ABORT)
    world.accept(ID, 0, ABORT)
    world.entitle(ID, 0, ABORT)
    world.redirect(ID, 0, "alice", "carol")


def late_words_of_what_has_ended(world: World) -> None:
    # Slow nodes, later epochs and repeated deliveries may speak of a settlement that is forgotten.
    committed(world)
    world.say(NodeDecided("n3", ID, COMMIT, world.now + 9))
    world.certify(ID, COMMIT)
    world.accept(ID, 0, COMMIT)
    world.say(world.terms[ID])
    world.instruct(OTHER, ASSET)
    world.tick(2_000)
    world.say(NodeDecided("n0", OTHER, ABORT, world.now), NodeDecided("n1", OTHER, ABORT, world.now))
    world.accept(OTHER, 0, ABORT)
    world.tombstone(OTHER, 0)


def aborted_terms_that_nobody_brought(world: World) -> None:
    # What has no terms can only be aborted.
    world.say(*(NodeDecided(node, OTHER, ABORT, world.now) for node in NODES))
    world.certify(OTHER, ABORT)


def held_by_request(world: World) -> None:
    # The bank's customer asks for the hold and never signs; nothing can come of it but a return.
    world.instruct(ID, CASH, ASSET, signers=set())
    world.say(HoldRequested(ID, 0))
    world.hold(ID, 0)
    settle(world, ID, ABORT, [0])


def committed_on_condition(world: World) -> None:
    world.instruct(ID, ASSET, CASH, has_condition=True)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.say(ConditionMet(ID))
    settle(world, ID, COMMIT, [0, 1])


def ordered_on_condition(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK, has_condition=True)
    world.hold(ID, 0)
    world.say(ConditionMet(ID))
    world.order(ID)
    world.execute(ID, world.now + WINDOW)
    settle(world, ID, COMMIT, [0])


def words_about_nothing(world: World) -> None:
    # Signatures under terms that nobody knows, or of legs that are not there, mean nothing.
    world.say(Signed(OTHER, "alice"), ReleaseSigned(OTHER, 0, "alice", "bob"), HoldRequested(OTHER, 0))
    world.say(ConditionMet(OTHER))
    committed(world)
    world.instruct(OTHER, ASSET)
    world.say(HoldRequested(OTHER, 1))


def payments_beside(world: World) -> None:
    # Payments, issues and destructions outside of settlements, donations to the vault, and steps of many changes.
    world.transfer(CHAIN, BOND, 7, "alice", "bob")
    world.transfer(CHAIN, BOND, 7, OUTSIDE, "carol")
    world.transfer(CHAIN, BOND, 3, "carol", OUTSIDE)
    world.transfer(CHAIN, BOND, 1, "carol", HELD)
    world.transfer(CHAIN, BOND, 1, "carol", "carol")
    world.transfer(CHAIN, BOND, 0, "carol", "bob")
    world.say(Opened(CHAIN, "dave", BOND, 0))
    committed(world)


def several_deliveries_in_one_step(world: World) -> None:
    # One transaction settles two legs; what is booked first and what is said first does not matter.
    world.instruct(ID, ASSET, ASSET)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.decide(ID, COMMIT)
    world.accept(ID, 0, COMMIT)
    world.capture(ID, 0)
    closed = world.events.pop()
    world.capture(ID, 1)
    assert isinstance(closed, BooksClosed)
    said = next(event for event in world.events if isinstance(event, Captured))
    world.events.remove(said)
    world.events.insert(-1, said)


def aborted_and_tombstoned_twice(world: World) -> None:
    # The last leg's tombstone ends it, and another says nothing new.
    tombstoned(world)
    world.tombstone(ID, 1)


STORIES: list[Callable[[World], None]] = [
    story for name, story in list(globals().items()) if getattr(story, "__module__", None) == __name__
]
