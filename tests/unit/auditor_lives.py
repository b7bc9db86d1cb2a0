"""Random lawful runs: several settlements at once, each living one of all lives that the protocol allows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto

from auditor_script import ASSET, BANK, CASH, SUSPENSE, WINDOW, World
from hypothesis import strategies as st

from interlock.auditor.event import ABORT, COMMIT, AccountThawed, Event, Leg

BACK = replace(CASH, payer="DE-carol", payee="DE-bob", signer="carol")
SHARE = replace(ASSET, payer="carol", payee="alice", signer="carol")
LEGS = (ASSET, CASH, BACK, SHARE)


class Accident(Enum):
    """What happens to a standing hold before the decision."""

    NONE = auto()
    LOST = auto()
    SHRUNK = auto()
    HALTED = auto()
    RESUMED = auto()
    CONSENT = auto()


class Way(Enum):
    """How a hold ends by certificate, or how a leg is closed that was not held."""

    PAID = auto()
    PAID_LATER = auto()
    STAYS = auto()
    REDIRECTED = auto()
    SUSPENSE = auto()


GONE = frozenset({Accident.LOST, Accident.SHRUNK, Accident.HALTED, Accident.CONSENT})
"""After these a hold does not end by certificate."""


@dataclass(frozen=True)
class Plan:
    """One settlement's life."""

    legs: tuple[Leg, ...]
    pivot: str
    holds: tuple[int, ...]
    """The legs that are held, in order, as far as the pivot does not exclude it."""
    is_ordered: bool
    outcome: str
    """Empty: never decided, because nothing is held for long."""
    accidents: tuple[Accident, ...]
    ways: tuple[Way, ...]
    marks: tuple[bool, ...]
    """Whether a leg that was not held gets a tombstone."""


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Give a lawful life."""
    amounts = st.integers(1, 9)
    chosen = draw(st.lists(st.sampled_from(LEGS), min_size=1, max_size=3))
    legs = tuple(replace(leg, amount=draw(amounts)) for leg in chosen)
    pivot = draw(st.sampled_from(["", *{leg.ledger for leg in legs}]))
    outside = [index for index, leg in enumerate(legs) if leg.ledger != pivot]
    outcome = draw(st.sampled_from([COMMIT, ABORT, ABORT, ""]))
    order = draw(st.permutations(outside))
    is_ordered = bool(pivot) and (outcome == COMMIT or (outcome == ABORT and draw(st.booleans())))
    is_full = outcome == COMMIT or is_ordered
    holds = tuple(order if is_full else order[: draw(st.integers(0, len(order)))])
    kinds = st.just(Accident.CONSENT) if not outcome else st.sampled_from([Accident.NONE, *Accident])
    return Plan(
        legs,
        pivot,
        holds,
        is_ordered,
        outcome,
        tuple(draw(kinds) for _ in legs),
        tuple(draw(st.sampled_from(Way)) for _ in legs),
        tuple(draw(st.booleans()) for _ in legs),
    )


def live(world: World, id_: bytes, plan: Plan) -> Iterator[None]:
    """Live a life, a step at a time."""
    world.instruct(id_, *plan.legs, pivot=plan.pivot)
    yield
    for leg in plan.holds:
        world.hold(id_, leg)
        yield
    last_valid = world.now + WINDOW
    if plan.is_ordered:
        world.order(id_)
        yield
    for leg in plan.holds:
        _befall(world, id_, leg, plan.accidents[leg])
        yield
    if plan.is_ordered and plan.outcome == COMMIT:
        world.execute(id_, last_valid)
    elif plan.is_ordered:
        world.never(id_)
    yield
    if plan.outcome:
        world.decide(id_, plan.outcome)
        yield from _carry_out(world, id_, plan)


@st.composite
def lawful_runs(draw: st.DrawFn) -> list[Event]:
    """Give all that is told of a run in which nobody does wrong."""
    world = World()
    chosen = draw(st.lists(plans(), min_size=1, max_size=4))
    lives = [live(world, bytes([number + 1]) * 32, plan) for number, plan in enumerate(chosen)]
    while lives:
        place = draw(st.integers(0, len(lives) - 1))
        if next(lives[place], lives) is lives:
            del lives[place]
        elif draw(st.integers(0, 4)) == 0:
            world.tick(draw(st.integers(0, 1)))
    return world.finish()


def _befall(world: World, id_: bytes, leg: int, accident: Accident) -> None:
    amount = world.leg(id_, leg).amount
    match accident:
        case Accident.LOST:
            world.lose(id_, leg, amount)
        case Accident.SHRUNK:
            world.lose(id_, leg, (amount + 1) // 2, "thief")
        case Accident.HALTED:
            world.halt(id_, leg)
        case Accident.RESUMED:
            world.halt(id_, leg)
            world.resume(id_, leg)
        case Accident.CONSENT:
            world.consent(id_, leg, "DE-carol" if world.leg(id_, leg).ledger == BANK else "carol")
        case Accident.NONE:
            pass


def _end(world: World, id_: bytes, leg: int, plan: Plan) -> Iterator[None]:
    """End a hold by certificate."""
    way, outcome, own = plan.ways[leg], plan.outcome, plan.legs[leg]
    entitled = own.payee if outcome == COMMIT else own.payer
    pay = world.capture if outcome == COMMIT else world.release
    world.accept(id_, leg, outcome)
    yield
    if way in {Way.PAID_LATER, Way.STAYS}:
        world.entitle(id_, leg, outcome)
        yield
    if way in {Way.PAID, Way.PAID_LATER}:
        pay(id_, leg)
    elif way is Way.REDIRECTED:
        world.redirect(id_, leg, entitled, "elsewhere")
    elif way is Way.SUSPENSE:
        world.freeze(own.ledger, entitled)
        pay(id_, leg, SUSPENSE)
        world.say(AccountThawed(own.ledger, entitled))
    yield


def _carry_out(world: World, id_: bytes, plan: Plan) -> Iterator[None]:
    """Do with each leg what the decision asks for."""
    for leg, terms in enumerate(plan.legs):
        yield
        if leg in plan.holds:
            if plan.accidents[leg] not in GONE:
                yield from _end(world, id_, leg, plan)
        # A bank that said NEVER has closed its leg; a chain may still be given the ABORT.
        elif plan.outcome == ABORT and plan.marks[leg] and not (plan.is_ordered and terms.ledger == BANK):
            world.accept(id_, leg, ABORT)
            yield
            world.tombstone(id_, leg)
