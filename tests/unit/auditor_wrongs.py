"""Stories in which somebody does wrong, told line by line as it would happen."""

from collections.abc import Callable

import auditor_trouble as trouble
from auditor_script import (
    ASSET,
    BANK,
    BOND,
    CASH,
    CHAIN,
    RICH,
    START,
    WINDOW,
    World,
    judge,
    settle,
)
from auditor_stories import ID, OTHER

from interlock.auditor.event import (
    ABORT,
    COMMIT,
    AccountFrozen,
    ByzantineDeclared,
    Event,
    LedgerSilenced,
)
from interlock.auditor.violation import Tag

Story = Callable[[World], None]
ORDERED = START + WINDOW
"""The last valid time of an order that was made at once."""


def one_of_each(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    world.decide(ID, COMMIT)
    world.accept(ID, 0, COMMIT)
    world.capture(ID, 0)
    world.certify(ID, ABORT)
    world.accept(ID, 1, ABORT)
    world.release(ID, 1)


def executed_and_returned(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.order(ID)
    world.execute(ID, ORDERED)
    settle(world, ID, ABORT, [0])


def entitled_and_tombstoned(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.decide(ID, COMMIT)
    world.accept(ID, 0, COMMIT)
    world.entitle(ID, 0, COMMIT)
    world.certify(ID, ABORT)
    world.accept(ID, 1, ABORT)
    world.tombstone(ID, 1)


def delivered_and_never(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.order(ID)
    settle(world, ID, COMMIT, [0])
    world.never(ID)


def expired(world: World) -> None:
    # A hold ends by itself, before anything was decided.
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.release(ID, 0)


def ended_with_the_other_certificate(world: World) -> None:
    world.instruct(ID, ASSET)
    world.hold(ID, 0)
    world.decide(ID, COMMIT)
    world.accept(ID, 0, COMMIT)
    world.release(ID, 0)


def held_for_its_own_pivot(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 1)
    world.order(ID)
    world.tick(WINDOW + 1)
    world.never(ID)
    settle(world, ID, ABORT, [1])


def held_late(world: World) -> None:
    world.instruct(ID, ASSET, CASH, prepare_by=START + 5)
    world.hold(ID, 1)
    world.tick(6)
    world.hold(ID, 0)
    settle(world, ID, ABORT, [0, 1])


def first_held_late(world: World) -> None:
    world.instruct(ID, ASSET, prepare_by=START + 5)
    world.tick(6)
    world.hold(ID, 0)


def committed_late(world: World) -> None:
    world.instruct(ID, ASSET, prepare_by=START + 5)
    world.hold(ID, 0)
    world.tick(6)
    settle(world, ID, COMMIT, [0])


def ordered_late(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK, prepare_by=START + 5)
    world.hold(ID, 0)
    world.tick(6)
    world.order(ID)
    world.execute(ID, world.now + WINDOW)
    settle(world, ID, COMMIT, [0])


def executed_late(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.order(ID)
    world.tick(WINDOW + 1)
    world.execute(ID, ORDERED)
    settle(world, ID, COMMIT, [0])


def aborted_while_ordered(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.order(ID)
    world.tick(5_000)
    settle(world, ID, ABORT, [0])


def ordered_after_abort(world: World) -> None:
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.decide(ID, ABORT)
    world.order(ID)
    world.never(ID)
    world.accept(ID, 0, ABORT)
    world.release(ID, 0)


def abandoned(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)


def half_delivered(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, COMMIT, [0])


def unordered_and_silent(world: World) -> None:
    # A silent pivot holds nothing up before the order is out.
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.say(LedgerSilenced(BANK))


def decided_and_silent(world: World) -> None:
    # Nor once the decision is there.
    world.instruct(ID, ASSET, CASH, pivot=BANK)
    world.hold(ID, 0)
    world.order(ID)
    world.execute(ID, ORDERED)
    world.decide(ID, COMMIT)
    world.say(LedgerSilenced(BANK))


def somebody_else_frozen(world: World) -> None:
    half_delivered(world)
    world.say(AccountFrozen(BANK, "DE-bob"))


def overdrawn(world: World) -> None:
    world.transfer(CHAIN, BOND, RICH + 1, "alice", "bob")


def tombstoned_first(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.decide(ID, ABORT)
    world.accept(ID, 1, ABORT)
    world.tombstone(ID, 1)
    world.accept(ID, 0, ABORT)
    world.release(ID, 0)


def half_returned(world: World) -> None:
    world.instruct(ID, ASSET, CASH)
    world.hold(ID, 0)
    world.hold(ID, 1)
    settle(world, ID, ABORT, [0])


def held_otherwise_and_committed(world: World) -> None:
    world.say(ByzantineDeclared(BANK))
    trouble.hold_otherwise(world)
    settle(world, ID, COMMIT, [0, 1])


def accuse(events: list[Event], expected: set[Tag]) -> None:
    """Demand that a run is accused of exactly these tags, each with its place and the event that showed it."""
    found = judge(events).verdict()
    assert {violation.tag for violation in found} == expected, [str(each) for each in found]
    for violation in found:
        assert violation.events[-1] is events[violation.number - 1]
        assert violation.settlement in {b"", ID, OTHER}


def same(events: list[Event]) -> list[Event]:
    return events
