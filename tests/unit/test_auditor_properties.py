"""No lawful run is accused; and whatever single line of it is spoilt, it shows, or provably means nothing.

For a line dropped or doubled, tables say by its kind when the run is lawful all the same. The auditor must accuse in
all other cases, and only in those.

The same examples are tried in every run; `INTERLOCK_HYPOTHESIS=search` looks at many fresh ones.
"""

import os
from collections.abc import Callable
from dataclasses import fields, replace
from typing import get_args

from auditor_lives import lawful_runs
from auditor_script import SUSPENSE, judge
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.auditor.event import (
    ABORT,
    COMMIT,
    AccountFrozen,
    AccountThawed,
    CertificateFormed,
    EpochBegan,
    Event,
    FaultsStopped,
    Finished,
    Instructed,
    LossDeclared,
    NodeDecided,
    OrderCertified,
    ReleaseSigned,
    Signed,
    StateHash,
)
from interlock.auditor.ledger_event import (
    BalanceStated,
    BooksClosed,
    Captured,
    CertificateAccepted,
    Entitled,
    Exit,
    HoldHalted,
    HoldMade,
    HoldResumed,
    OnLeg,
    OrderExecuted,
    OrderNever,
    Redirected,
    Released,
    SuspenseOpened,
    Tombstoned,
)

searching = os.environ.get("INTERLOCK_HYPOTHESIS") == "search"
steady = settings(
    derandomize=not searching,
    deadline=None,  # a shared machine is slow now and then, which is no failure
    max_examples=2_000 if searching else 60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

Harmless = Callable[[list[Event], int], bool]
"""Given a run and the place of the line, tell whether the run without it, or with it twice, is lawful too."""


@steady
@given(lawful_runs())
def test_a_lawful_run_is_not_accused(events: list[Event]) -> None:
    """Conservation, atomicity and liveness hold in every lawful run, and all that ended is forgotten at the end."""
    auditor = judge(events)
    assert auditor.verdict() == []
    assert auditor.events_total == len(events)


@steady
@given(lawful_runs(), st.data())
def test_a_dropped_line_shows(events: list[Event], data: st.DataObject) -> None:
    """What is left out is missed where anything rests on it."""
    place = data.draw(st.integers(0, len(events) - 1))
    told = judge([*events[:place], *events[place + 1 :]]).verdict()
    assert bool(told) != DROPPED.get(type(events[place]), never)(events, place), (events[place], told)


@steady
@given(lawful_runs(), st.data())
def test_a_doubled_line_shows(events: list[Event], data: st.DataObject) -> None:
    """What moves value cannot happen twice; what only says how things are may be said again."""
    place = data.draw(st.integers(0, len(events) - 2))  # the last is Finished, after which nothing is told
    told = judge([*events[:place], events[place], *events[place:]]).verdict()
    assert bool(told) != DOUBLED.get(type(events[place]), never)(events, place), (events[place], told)


@steady
@given(lawful_runs(), st.data(), st.sampled_from([-3, -1, 1, 2, 1_000]))
def test_an_altered_amount_shows(events: list[Event], data: st.DataObject, by: int) -> None:
    """Not one minor unit can be told wrongly by anyone, but in terms that nothing was done for."""
    places = [place for place, event in enumerate(events) if amount_of(event)]
    place = data.draw(st.sampled_from(places))
    event = events[place]
    if isinstance(event, Instructed):
        leg = data.draw(st.integers(0, len(event.legs) - 1))
        legs = list(event.legs)
        legs[leg] = replace(legs[leg], amount=legs[leg].amount + by)
        altered: Event = replace(event, legs=tuple(legs))
        is_harmless = not is_moved(events, event, leg)
    else:
        name = amount_of(event)
        altered = replace(event, **{name: getattr(event, name) + by})
        is_harmless = False
    told = judge([*events[:place], altered, *events[place + 1 :]]).verdict()
    assert bool(told) != is_harmless, (altered, told)


@steady
@given(lawful_runs(), st.data())
def test_a_swapped_outcome_shows(events: list[Event], data: st.DataObject) -> None:
    """COMMIT told as ABORT, a delivery as a return, an execution as NEVER, or the reverse, contradicts something."""
    places = [place for place, event in enumerate(events) if swapped(event) is not None]
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    other = swapped(events[place])
    assert other is not None
    assert judge([*events[:place], other, *events[place + 1 :]]).verdict(), other


def always(_events: list[Event], _place: int) -> bool:
    return True


def never(_events: list[Event], _place: int) -> bool:
    return False


def unless_needed(*kinds: type, same: tuple[str, ...], unless_before: bool = False) -> Harmless:
    """Tell that nothing of some kinds, with the same fields, follows; or that the same was said before."""

    def is_harmless(events: list[Event], place: int) -> bool:
        own = events[place]
        if unless_before and own in events[:place]:
            return True
        return not any(isinstance(event, kinds) and is_alike(own, event, same) for event in events[place + 1 :])

    return is_harmless


def if_followed(*kinds: type, same: tuple[str, ...]) -> Harmless:
    """Tell that something of some kinds, with the same fields, follows."""
    needed = unless_needed(*kinds, same=same)
    return lambda events, place: not needed(events, place)


def acceptance_is_not_needed(events: list[Event], place: int) -> bool:
    """Tell that the ledger had accepted it before, or uses it only after accepting it again, or all had ended."""
    own = events[place]
    assert isinstance(own, CertificateAccepted)
    if own in events[:place] or is_forgotten(own.settlement, events[:place]):
        return True
    for event in events[place + 1 :]:
        if event == own:
            return True
        if isinstance(event, CertifiedEnd) and is_alike(own, event, ("ledger", "settlement")):
            return False
    return True


def signature_is_not_needed(events: list[Event], place: int) -> bool:
    """Tell that the signer holds nothing, and that nothing is committed."""
    own = events[place]
    assert isinstance(own, Signed)
    terms = next(event for event in events if isinstance(event, Instructed) and event.settlement == own.settlement)
    later = [event for event in events[place + 1 :] if getattr(event, "settlement", None) == own.settlement]
    return not any(
        (isinstance(event, HoldMade) and terms.legs[event.leg].signer == own.signer)
        or (isinstance(event, CertificateFormed) and event.outcome == COMMIT)
        or isinstance(event, OrderCertified)
        for event in later
    )


def terms_are_not_needed(events: list[Event], place: int) -> bool:
    """Tell that nothing is done for the terms but to abort them."""
    own = events[place]
    assert isinstance(own, Instructed)
    for event in events[place + 1 :]:
        if getattr(event, "settlement", None) != own.settlement:
            continue
        if isinstance(event, OnLeg) and not isinstance(event, Tombstoned):
            return False
        if isinstance(event, OrderCertified | OrderExecuted) or getattr(event, "outcome", ABORT) == COMMIT:
            return False
    return True


def suspense_is_not_needed(events: list[Event], place: int) -> bool:
    """Tell that nothing is paid into suspense on that ledger."""
    own = events[place]
    assert isinstance(own, SuspenseOpened)
    paid = (event for event in events if isinstance(event, Captured | Released))
    return not any(event.ledger == own.ledger and event.to == SUSPENSE for event in paid)


def tombstone_was_the_last(events: list[Event], place: int) -> bool:
    """Tell that the settlement had ended with this tombstone, so that another says nothing new."""
    own = events[place]
    assert isinstance(own, Tombstoned)
    return is_forgotten(own.settlement, events[: place + 1])


def is_forgotten(settlement: bytes, events: list[Event]) -> bool:
    return settlement not in judge(events)._run.cases


def is_moved(events: list[Event], terms: Instructed, leg: int) -> bool:
    """Tell whether a leg was held or executed."""
    return any(
        (isinstance(event, HoldMade) and event.leg == leg)
        or (isinstance(event, OrderExecuted) and terms.legs[leg].ledger == terms.pivot)
        for event in events
        if getattr(event, "settlement", None) == terms.settlement
    )


def is_alike(one: Event, other: Event, names: tuple[str, ...]) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in names)


def amount_of(event: Event) -> str:
    """Give the name of an event's amount; for terms, of each leg's."""
    if isinstance(event, Instructed):
        return "legs"
    return next((field.name for field in fields(event) if field.name in {"amount", "delta"}), "")


def swapped(event: Event) -> Event | None:
    """Give an event that says the opposite, if there is one."""
    match event:
        case NodeDecided() | CertificateFormed() | CertificateAccepted() | Entitled():
            return replace(event, outcome=ABORT if event.outcome == COMMIT else COMMIT)
        case Captured():
            return Released(event.ledger, event.settlement, event.leg, event.asset, event.amount, event.to)
        case Released():
            return Captured(event.ledger, event.settlement, event.leg, event.asset, event.amount, event.to)
        case OrderExecuted():
            return OrderNever(event.ledger, event.settlement)
        case OrderNever():
            return OrderExecuted(event.ledger, event.settlement, 1_050, 1_000)
        case _:
            return None


CertifiedEnd = Entitled | Captured | Released | Redirected | Tombstoned
"""What needs a certificate that the ledger has accepted."""
_LEG = ("ledger", "settlement", "leg")

DROPPED: dict[type, Harmless] = {
    # Said by several, compared again later, or asked of the auditor.
    NodeDecided: always,
    StateHash: always,
    BooksClosed: always,
    BalanceStated: always,
    FaultsStopped: always,
    Finished: always,
    AccountThawed: always,
    # A leg of an aborted settlement need not have a tombstone.
    Tombstoned: always,
    # Who pays at once need not say who is entitled; a halt that is lifted changed nothing.
    Entitled: if_followed(Captured, Released, Redirected, same=_LEG),
    HoldHalted: if_followed(HoldResumed, same=_LEG),
    HoldResumed: unless_needed(*get_args(Exit), Entitled, same=_LEG),
    # What nothing rests on.
    EpochBegan: unless_needed(CertificateAccepted, OrderExecuted, OrderNever, same=()),
    CertificateFormed: unless_needed(CertificateAccepted, same=("settlement",)),
    CertificateAccepted: acceptance_is_not_needed,
    Signed: signature_is_not_needed,
    Instructed: terms_are_not_needed,
    SuspenseOpened: suspense_is_not_needed,
    LossDeclared: lambda events, place: events[place] in events[:place],
}
"""When a line may be missing."""
DOUBLED: dict[type, Harmless] = dict.fromkeys(
    (
        Instructed,
        Signed,
        ReleaseSigned,
        EpochBegan,
        SuspenseOpened,
        BooksClosed,
        BalanceStated,
        CertificateFormed,
        CertificateAccepted,
        NodeDecided,
        OrderCertified,
        OrderNever,
        StateHash,
        HoldHalted,
        HoldResumed,
        LossDeclared,
        AccountFrozen,
        AccountThawed,
        FaultsStopped,
    ),
    always,
) | {Tombstoned: tombstone_was_the_last}
"""When a line may be said twice: where it moves nothing."""
