"""A small world that tells an auditor legal stories, and ways to spoil what was told.

Two ledgers, a committee of four, and a line of code for whatever can happen. The world books what it says and keeps
the balances, by arithmetic of its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from interlock.auditor.auditor import Auditor
from interlock.auditor.books import Moving
from interlock.auditor.event import (
    COMMIT,
    AccountFrozen,
    CertificateFormed,
    EpochBegan,
    Event,
    FaultsStopped,
    Finished,
    Instructed,
    Leg,
    LossDeclared,
    NodeDecided,
    OrderCertified,
    ReleaseSigned,
    Signed,
    StateHash,
)
from interlock.auditor.ledger_event import (
    HELD,
    OUTSIDE,
    BalanceChanged,
    BalanceStated,
    BooksClosed,
    Captured,
    CertificateAccepted,
    ConsentReleased,
    Entitled,
    HoldHalted,
    HoldLost,
    HoldMade,
    HoldResumed,
    Opened,
    OrderExecuted,
    OrderNever,
    Redirected,
    Released,
    SuspenseOpened,
    Tombstoned,
    Transferred,
)
from interlock.auditor.violation import Tag

CHAIN, BANK = "chain", "bank"
BOND, EURO = "BOND", "EUR/2"
NODES = ("n0", "n1", "n2", "n3")
QUORUM = NODES[:3]
START = 1_000
WINDOW = 50
"""Seconds in which a pivot may execute."""
SUSPENSE = "suspense"
RICH = 1_000_000

ASSET = Leg(CHAIN, BOND, 5, "alice", "bob", "alice")
CASH = Leg(BANK, EURO, 900, "DE-bob", "DE-alice", "bob")
"""The payment for it; a key signs for the account."""


class World:
    """Tells one run; every method says something and books it."""

    def __init__(self, ledgers: Iterable[str] = (CHAIN, BANK)) -> None:
        self.events: list[Event] = []
        self.now = START
        self.balances: dict[tuple[str, str, str], int] = {}
        self.terms: dict[bytes, Instructed] = {}
        self.ledgers = tuple(ledgers)
        self.events.append(EpochBegan(1, NODES))
        for ledger in self.ledgers:
            self.events.append(SuspenseOpened(ledger, SUSPENSE))
            for account in ("alice", "bob", "carol", "DE-alice", "DE-bob", "DE-carol"):
                for asset in (BOND, EURO):
                    self.events.append(Opened(ledger, account, asset, RICH))
                    self.balances[ledger, account, asset] = RICH
            self.events.append(BooksClosed(ledger, self.now))

    def say(self, *events: Event) -> None:
        """Say what books nothing."""
        self.events.extend(events)

    def instruct(
        self,
        id_: bytes,
        *legs: Leg,
        pivot: str = "",
        prepare_by: int = START + 1_000,
        has_condition: bool = False,
        signers: set[str] | None = None,
    ) -> None:
        """Make terms, and have them signed: by all, unless some are named."""
        self.terms[id_] = Instructed(id_, legs, pivot, START, prepare_by, WINDOW, has_condition)
        required = {leg.signer for leg in legs} if signers is None else signers
        self.say(self.terms[id_], *(Signed(id_, signer) for signer in sorted(required)))

    def hold(self, id_: bytes, leg: int) -> None:
        """Make a hold as signed."""
        own = self.leg(id_, leg)
        event = HoldMade(own.ledger, id_, leg, own.asset, own.amount, own.payer, own.payee, self.now)
        self.tell(event, own.asset, own.amount, own.payer, HELD)

    def decide(self, id_: bytes, outcome: str, epoch: int = 1) -> None:
        """Have all nodes decide, and a certificate formed."""
        self.say(*(NodeDecided(node, id_, outcome, self.now) for node in NODES))
        self.certify(id_, outcome, epoch)

    def certify(self, id_: bytes, outcome: str, epoch: int = 1) -> None:
        """Have a certificate formed."""
        self.say(CertificateFormed(id_, outcome, epoch, QUORUM))

    def accept(self, id_: bytes, leg: int, outcome: str, epoch: int = 1) -> None:
        """Have the ledger of a leg accept the certificate."""
        self.say(CertificateAccepted(self.leg(id_, leg).ledger, id_, outcome, epoch))

    def capture(self, id_: bytes, leg: int, to: str | None = None) -> None:
        """Deliver a leg."""
        own = self.leg(id_, leg)
        to = own.payee if to is None else to
        self.tell(Captured(own.ledger, id_, leg, own.asset, own.amount, to), own.asset, own.amount, HELD, to)

    def release(self, id_: bytes, leg: int, to: str | None = None) -> None:
        """Return a leg."""
        own = self.leg(id_, leg)
        to = own.payer if to is None else to
        self.tell(Released(own.ledger, id_, leg, own.asset, own.amount, to), own.asset, own.amount, HELD, to)

    def entitle(self, id_: bytes, leg: int, outcome: str) -> None:
        """End a hold without paying it yet."""
        self.say(Entitled(self.leg(id_, leg).ledger, id_, leg, outcome))

    def redirect(self, id_: bytes, leg: int, by: str, to: str) -> None:
        """Pay a leg to another account."""
        own = self.leg(id_, leg)
        event = Redirected(own.ledger, id_, leg, own.asset, own.amount, by, to)
        self.tell(event, own.asset, own.amount, HELD, to)

    def consent(self, id_: bytes, leg: int, to: str) -> None:
        """End a hold by the consent of both."""
        own = self.leg(id_, leg)
        self.say(*(ReleaseSigned(id_, leg, account, to) for account in (own.payer, own.payee)))
        event = ConsentReleased(own.ledger, id_, leg, own.asset, own.amount, to)
        self.tell(event, own.asset, own.amount, HELD, to)

    def tombstone(self, id_: bytes, leg: int) -> None:
        """Set a tombstone."""
        self.say(Tombstoned(self.leg(id_, leg).ledger, id_, leg))

    def lose(self, id_: bytes, leg: int, amount: int, to: str = OUTSIDE) -> None:
        """Declare a loss and have it happen."""
        own = self.leg(id_, leg)
        self.say(LossDeclared(own.ledger, id_))
        self.tell(HoldLost(own.ledger, id_, leg, own.asset, amount, to), own.asset, amount, HELD, to)

    def halt(self, id_: bytes, leg: int) -> None:
        """Declare a halt and have it happen."""
        ledger = self.leg(id_, leg).ledger
        self.say(LossDeclared(ledger, id_), HoldHalted(ledger, id_, leg))

    def resume(self, id_: bytes, leg: int) -> None:
        """Lift a halt."""
        self.say(HoldResumed(self.leg(id_, leg).ledger, id_, leg))

    def order(self, id_: bytes, epoch: int = 1) -> None:
        """Have an order certified, made now."""
        self.say(OrderCertified(id_, self.terms[id_].pivot, self.now + WINDOW, epoch, QUORUM))

    def execute(self, id_: bytes, last_valid: int) -> None:
        """Execute an order."""
        pivot = self.terms[id_].pivot
        self.say(OrderExecuted(pivot, id_, last_valid, self.now))
        for leg in self.terms[id_].legs:
            if leg.ledger == pivot:
                self._book(pivot, leg.asset, leg.amount, leg.payer, leg.payee)
        self.say(BooksClosed(pivot, self.now))

    def never(self, id_: bytes) -> None:
        """Have the pivot say NEVER."""
        self.say(OrderNever(self.terms[id_].pivot, id_))

    def freeze(self, ledger: str, account: str) -> None:
        """Freeze an account."""
        self.say(AccountFrozen(ledger, account))

    def transfer(self, ledger: str, asset: str, amount: int, source: str, to: str) -> None:
        """Pay outside of any settlement."""
        self.tell(Transferred(ledger, asset, amount, source, to), asset, amount, source, to)

    def tick(self, seconds: int = 1) -> None:
        """Let time pass on every ledger."""
        self.now += seconds
        self.say(*(BooksClosed(ledger, self.now) for ledger in self.ledgers))

    def finish(self) -> list[Event]:
        """Let time pass all deadlines, state every balance, and end the run; give all that was told."""
        self.say(*(StateHash(node, 9, b"same") for node in NODES), FaultsStopped(self.now))
        self.tick(10_000)
        for (ledger, account, asset), amount in self.balances.items():
            self.say(BalanceStated(ledger, account, asset, amount))
        self.say(Finished(self.now))
        return self.events

    def leg(self, id_: bytes, leg: int) -> Leg:
        """Give a leg's terms."""
        return self.terms[id_].legs[leg]

    def tell(self, event: Moving, asset: str, amount: int, source: str, to: str) -> None:
        """Say one thing, book it, and close the step."""
        self.say(event)
        self._book(event.ledger, asset, amount, source, to)
        self.say(BooksClosed(event.ledger, self.now))

    def _book(self, ledger: str, asset: str, amount: int, source: str, to: str) -> None:
        for account, delta in ((source, -amount), (to, amount)):
            if account != OUTSIDE:
                key = (ledger, account, asset)
                self.balances[key] = self.balances.get(key, 0) + delta
                self.say(BalanceChanged(ledger, account, asset, delta))


def settle(world: World, id_: bytes, outcome: str, legs: Iterable[int]) -> None:
    """Decide, and end the holds of these legs by certificate."""
    world.decide(id_, outcome)
    for leg in legs:
        world.accept(id_, leg, outcome)
        (world.capture if outcome == COMMIT else world.release)(id_, leg)


def judge(events: Iterable[Event], *, expects_detection: bool = False) -> Auditor:
    """Feed an auditor with a whole run."""
    auditor = Auditor(expects_detection=expects_detection)
    for event in events:
        auditor.feed(event)
    return auditor


def tags(events: Iterable[Event]) -> set[Tag]:
    """Give what a run is accused of."""
    return {violation.tag for violation in judge(events).verdict()}


Spoil = Callable[[list[Event]], list[Event]]
"""A way to change what was told."""


def edited(kind: type, nth: int, edit: Callable[[Any], Iterable[Event]]) -> Spoil:
    """Put something else in the place of the nth event of a kind; -1 is the last."""

    def spoil(events: list[Event]) -> list[Event]:
        place = [place for place, event in enumerate(events) if isinstance(event, kind)][nth]
        return [*events[:place], *edit(events[place]), *events[place + 1 :]]

    return spoil


def without(kind: type, nth: int = 0) -> Spoil:
    """Leave one event out."""
    return edited(kind, nth, lambda _: [])


def changed(kind: type, nth: int = 0, **fields: object) -> Spoil:
    """Change fields of one event."""
    return edited(kind, nth, lambda event: [replace(event, **fields)])


def followed(kind: type, *more: Event, nth: int = 0) -> Spoil:
    """Say more right after an event."""
    return edited(kind, nth, lambda event: [event, *more])


def preceded(kind: type, *more: Event, nth: int = 0) -> Spoil:
    """Say more right before an event."""
    return edited(kind, nth, lambda event: [*more, event])
