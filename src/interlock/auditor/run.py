"""What the auditor knows of a run: its books, its open cases, who is in office, and which faults were declared.

Memory is bounded by what is open: a case that is done leaves nothing but its outcome behind.

Source: specification 4 (ended, archived), 5 (quorum).
"""

import heapq
from collections import defaultdict
from dataclasses import dataclass

from interlock.auditor.books import Book
from interlock.auditor.case import Case, LegCase
from interlock.auditor.event import ANY, COMMIT, CertificateFormed, FaultsStopped, Finished, NodeDecided, StateHash
from interlock.auditor.ledger_event import BooksClosed, CertificateAccepted, HoldMade, OnLeg, OrderExecuted, OrderNever
from interlock.auditor.violation import Docket, Facts, Tag

UNDECIDED = ""
"""The outcome of a case that was forgotten without one: nothing was ever held, nor can be."""

Deciding = NodeDecided | CertificateFormed | CertificateAccepted
"""What shows an outcome."""


@dataclass(frozen=True, slots=True)
class Committee:
    """The members of one epoch, n = 3f + 1 of equal weight."""

    members: frozenset[str]

    @property
    def quorum(self) -> int:
        """Give 2f + 1."""
        return len(self.members) - (len(self.members) - 1) // 3


class Run:
    """All that judgement needs; changed by the judges alone."""

    __slots__ = (
        "books",
        "byzantine",
        "cases",
        "closed",
        "committees",
        "deadlines",
        "docket",
        "ended",
        "evidence",
        "expects_detection",
        "faults_stopped",
        "finished",
        "frozen",
        "hashes",
        "is_forked",
        "losses",
        "silent",
        "suspense",
    )

    def __init__(self, *, expects_detection: bool) -> None:
        self.expects_detection = expects_detection
        self.docket = Docket()
        self.books: defaultdict[str, Book] = defaultdict(Book)
        self.cases: dict[bytes, Case] = {}
        self.ended: dict[bytes, str] = {}
        """The outcomes of what was forgotten, and of ids that have no terms."""
        self.deadlines: list[tuple[int, bytes]] = []
        """A heap of `prepare_by` and id, until every ledger's time is past it."""
        self.committees: dict[int, Committee] = {}
        self.closed: set[int] = set()
        """Epochs whose signatures count no longer."""
        self.hashes: dict[int, StateHash] = {}
        """The first hash told of each height."""
        self.evidence: dict[bytes, frozenset[str]] = {}
        """The culprits named for each settlement, or for `ANY`; kept only where detection is expected."""
        self.byzantine: set[str] = set()
        self.is_forked = False
        """Nodes may be shown different logs."""
        self.losses: set[tuple[str, bytes]] = set()
        self.frozen: set[tuple[str, str]] = set()
        self.suspense: set[tuple[str, str]] = set()
        self.silent: set[str] = set()
        self.faults_stopped: FaultsStopped | None = None
        self.finished: Finished | None = None

    def is_quorum(self, epoch: int, signers: tuple[str, ...]) -> bool:
        """Tell whether so many members of that epoch signed that it counts."""
        committee = self.committees.get(epoch)
        if committee is None or epoch in self.closed:
            return False
        return len(committee.members.intersection(signers)) >= committee.quorum

    def may_lose(self, ledger: str, settlement: bytes) -> bool:
        """Tell whether the run declared that holds of a settlement may be lost or halted there."""
        return (ledger, settlement) in self.losses or (ledger, ANY) in self.losses

    def clock(self, ledger: str, at: int) -> int:
        """Give a ledger's own time: as it says, but never earlier than it said before."""
        before = self.books[ledger].clock
        return at if before is None or before < at else before

    def leg_of(self, event: OnLeg) -> tuple[Case, LegCase] | None:
        """Find the leg that an event concerns; None, and an accusation, where there is none."""
        case = self.cases.get(event.settlement)
        if case is None:
            self.accuse_caseless(event)
            return None
        if not 0 <= event.leg < len(case.legs):
            facts: Facts = (("leg", event.leg), ("legs of the terms", len(case.legs)))
            self.docket.accuse(
                Tag.I2, event.settlement, "A ledger spoke of a leg that is not in the terms", facts, event
            )
            return None
        leg = case.legs[event.leg]
        if leg.terms.ledger != event.ledger:
            facts = (("leg", event.leg), ("ledger", event.ledger), ("by the terms", leg.terms.ledger))
            self.docket.accuse(Tag.I2, event.settlement, "A ledger spoke of another ledger's leg", facts, event)
            return None
        return case, leg

    def accuse_caseless(self, event: OnLeg | OrderExecuted | OrderNever) -> None:
        """Accuse a ledger that did something for a settlement without terms, or after its end."""
        outcome = self.ended.get(event.settlement)
        facts: Facts = (("ledger", event.ledger), ("event", type(event).__name__))
        if outcome is None:
            self.docket.accuse(Tag.I2, event.settlement, "A ledger acted on terms that nobody made", facts, event)
        elif outcome == UNDECIDED and isinstance(event, HoldMade):
            self.docket.accuse(
                Tag.B7, event.settlement, "A hold began when every clock was past prepare_by", facts, event
            )
        else:
            facts = (*facts, ("outcome", outcome or "none, and nothing was held by prepare_by"))
            self.docket.accuse(Tag.I4, event.settlement, "A ledger acted on a settlement after its end", facts, event)

    def decide(self, case: Case, event: Deciding) -> None:
        """Take an outcome as the settlement's, or accuse where there is another."""
        if not case.outcome:
            case.outcome, case.decided = event.outcome, event
        elif case.outcome != event.outcome:
            facts = (("first", case.outcome), ("then", event.outcome))
            self.docket.accuse(Tag.I3, case.id, "A settlement was decided twice", facts, case.decided, event)

    def decide_caseless(self, event: Deciding) -> None:
        """Compare an outcome with what is remembered of a settlement that has no case (any more)."""
        known = self.ended.get(event.settlement)
        if known:
            if known != event.outcome:
                facts = (("first", known), ("then", event.outcome))
                self.docket.accuse(Tag.I3, event.settlement, "A settlement was decided twice", facts, event)
            return
        self.ended[event.settlement] = event.outcome
        if event.outcome == COMMIT:
            why = "nobody made such terms" if known is None else "nothing was held by prepare_by"
            self.docket.accuse(Tag.I2, event.settlement, "COMMIT had no ground", (("ground", why),), event)

    def forget_if_done(self, case: Case) -> None:
        """Keep nothing but the outcome of a case of which nothing can change lawfully."""
        if case.is_done:
            self.ended[case.id] = case.outcome
            del self.cases[case.id]

    def close_books(self, event: BooksClosed) -> None:
        """End a ledger's step, and look at the cases in which no hold can begin any more."""
        self.books[event.ledger].close(self.docket, event)
        if not self.deadlines or self.deadlines[0][0] >= event.at:
            return
        clocks = [book.clock for book in self.books.values()]
        while self.deadlines and all(clock is not None and self.deadlines[0][0] < clock for clock in clocks):
            case = self.cases.get(heapq.heappop(self.deadlines)[1])
            if case is not None:
                case.is_past = True
                self.forget_if_done(case)
