"""What an auditor accuses of: a tag of the specification, the settlement, the facts compared, and the events concerned.

Source: specification 10 (I1 to I8), 6 (B7, B15, D2 to D4) and 4.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from interlock.auditor.event import Event

VIOLATIONS_MAX = 1_000
"""Violations kept in full: whoever looks for the cause reads the first ones, and a broken run may have millions."""
FACTS_MAX = 12
"""Facts told of one violation, so that a step gone wrong at a thousand accounts is still read."""

Facts = tuple[tuple[str, object], ...]
"""Names and values, in the order in which they are compared."""


class Tag(StrEnum):
    """What was broken."""

    I1 = "I1"
    """Never one leg delivered, entitled or executed and another returned, tombstoned or NEVER, unless by consent."""
    I2 = "I2"
    """COMMIT implies that all signed, and every leg was held on these terms, or was executed as the pivot's."""
    I3 = "I3"
    """One decision per settlement, one order per settlement, one committee per epoch."""
    I4 = "I4"
    """Value is conserved on every ledger, holds included; nothing is overdrawn; each leg moves once."""
    I5 = "I5"
    """Nothing leaves a hold without a certificate that the ledger accepted, or a consent; LOST excepted."""
    I6 = "I6"
    """A hold stands until the decision; LOST excepted."""
    I7 = "I7"
    """Once faults have stopped, every settlement of which a ledger has a hold ends."""
    I8 = "I8"
    """The same blocks give the same state."""
    B7 = "B7"
    """No hold begins after `prepare_by` by the ledger's own clock."""
    B15 = "B15"
    """No ledger holds for an instruction whose pivot it is."""
    D2 = "D2"
    """A pivot executes only what a certified order says."""
    D3 = "D3"
    """Nothing is executed after the order's last valid time."""
    D4 = "D4"
    """EXECUTED and NEVER exclude each other, and NEVER answers a certified order."""
    RULE = "RULE"
    """The decision rule: its times, and that only EXECUTED or NEVER ends what was ordered."""
    FRAMED = "FRAMED"
    """Evidence names only those that lie."""
    UNTOLD = "UNTOLD"
    """More was broken than is kept, so that nobody can say whether all of it was detected."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One accusation."""

    tag: Tag
    settlement: bytes
    """The id; empty where no single settlement is concerned."""
    sentence: str
    """What happened, in the past tense."""
    facts: Facts
    events: tuple[Event, ...]
    """The events concerned, the one that showed it last."""
    number: int
    """The count of that event in the stream; the first is 1."""
    detected_by: tuple[str, ...] = ()
    """The culprits whom published evidence names for it; looked at only in a run that expects detection."""

    def __str__(self) -> str:
        """Say it in one line, without the events."""
        about = f" 0x{self.settlement.hex()}" if self.settlement else ""
        compared = ", ".join(f"{name}: {_shown(value)}" for name, value in self.facts)
        return f"{self.tag}{about}: {self.sentence} ({compared}) at event {self.number}"


class Docket:
    """The accusations so far, in order; beyond a bound they are only counted."""

    __slots__ = ("number", "untold", "violations")

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.untold = 0
        self.number = 0
        """The count of the event that is being judged."""

    def accuse(self, tag: Tag, settlement: bytes, sentence: str, facts: Facts, *events: Event | None) -> None:
        """Record a violation; an event that is not there is passed over."""
        if len(self.violations) >= VIOLATIONS_MAX:
            self.untold += 1
            return
        concerned = tuple(event for event in events if event is not None)
        self.violations.append(Violation(tag, settlement, sentence, facts[:FACTS_MAX], concerned, self.number))


def with_culprits(violation: Violation, culprits: frozenset[str]) -> Violation:
    """Give a violation as detected, with the culprits in order of their names."""
    return replace(violation, detected_by=tuple(sorted(culprits)))


def _shown(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
