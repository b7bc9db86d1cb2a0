"""What each request does to a page: pure, and the same for every kind of ledger but where the specification differs.

    EMPTY --prepare--> HELD --COMMIT--> DELIVERED             EMPTY --prepare fails--> REFUSED (banks)
                       HELD --ABORT---> RETURNED              EMPTY, REFUSED --ABORT-> TOMBSTONED
                       HELD --COMMIT or ABORT, unpayable--> ENTITLED --again, redirect--> DELIVERED | RETURNED (vaults)
                       HELD --release--> CONSENT              HELD --lose--> LOST
    EMPTY --execute--> EXECUTED | NEVER (the pivot, all of its legs at once)

Each function takes a page and gives the page after it, the very same object where nothing changed, and an answer. What
is verified elsewhere comes as a value: who asked, whether signatures and money are there, that a proof holds.

Source: specification 5, 6 and 7. The tags B1 to B15 and D1 to D6 are those of section 6 and 7.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum

from interlock.core.decision import Outcome
from interlock.core.registry import LedgerClass
from interlock.ledgers.memory.answer import Answer
from interlock.ledgers.memory.page import Halt, Leg, OrderRecord, Page, Status
from interlock.ledgers.memory.proof import Known, Proven, ProvenOrder, proof_fault


@dataclass(frozen=True, slots=True)
class Kind:
    """What a ledger can do."""

    ledger_class: LedgerClass
    is_pivot: bool
    """It can execute all its legs in one step."""

    @property
    def is_vault(self) -> bool:
        """Tell whether code alone rules, so that a request which fails leaves no record."""
        return self.ledger_class is LedgerClass.VAULT


VAULT = Kind(LedgerClass.VAULT, is_pivot=True)
HELD_BANK = Kind(LedgerClass.HELD, is_pivot=False)
DIRECT_BANK = Kind(LedgerClass.DIRECT, is_pivot=True)
KINDS = (VAULT, HELD_BANK, DIRECT_BANK)


class Obstacle(IntEnum):
    """What stands in the way of moving an amount, as the books are now."""

    NONE = 0
    PASSING = 1
    """The payer has not the amount now, or its lane is taken."""
    LASTING = 2
    """No key with authority signed, the payee cannot be paid, the asset is unknown: waiting will not mend it."""


class Party(IntEnum):
    """A side of a leg."""

    PAYER = 0
    PAYEE = 1


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """What is asked to be held, by all who must sign, or by the payer's own call."""

    prepare_by: int
    """No hold begins after it, unix seconds, by the ledger's own clock."""
    body: Hashable = True
    """The terms, as whatever the caller tells them apart by; not None."""
    is_pivot_here: bool = False
    """The instruction's pivot is this ledger."""
    is_own_call: bool = False
    """The payer itself called, and no signature of its came along: a contract wallet's consent."""


_ENDS = {Outcome.COMMIT: Status.DELIVERED, Outcome.ABORT: Status.RETURNED}
_WORDS = {Status.EXECUTED: Outcome.COMMIT, Status.NEVER: Outcome.ABORT}
ENTITLED_PARTY = {Outcome.COMMIT: Party.PAYEE, Outcome.ABORT: Party.PAYER}
"""Whom the amount of a hold belongs to once it is decided."""


def first_outcome(kind: Kind, page: Page, leg: int) -> Outcome | None:
    """Give the outcome that binds a leg here: of the settlement at a bank, of the leg alone in a vault."""
    if page.order is not None:
        return _WORDS[page.order.word]
    if kind.is_vault:
        return page.leg(leg).outcome
    return next((each.outcome for _, each in page.legs if each.outcome is not None), None)


def prepare(
    kind: Kind,
    page: Page,
    leg: int,
    request: HoldRequest,
    *,
    now: int,
    obstacle: Obstacle = Obstacle.NONE,
) -> tuple[Page, Answer]:
    """Hold a leg's amount.

    Answers, checked in this order: CANNOT_HOLD, PIVOT_HERE, OTHER_TERMS, where the leg is by an earlier request,
    TOMBSTONED (a bank was told of ABORT by another leg), TOO_LATE, SHORT, REFUSED, HELD. A bank records a refusal for
    ever, REFUSED whatever the reason (B4, B5); a vault reverts, and may be asked again.
    """
    if kind.ledger_class is LedgerClass.DIRECT:
        return page, Answer.CANNOT_HOLD
    if request.is_pivot_here:
        return page, Answer.PIVOT_HERE
    own = page.leg(leg)
    if own.body is not None and own.body != request.body:
        return page, Answer.OTHER_TERMS
    if own.status is not Status.EMPTY:
        return page, Answer(own.status)
    if first_outcome(kind, page, leg) is Outcome.ABORT:
        closed = Leg(Status.TOMBSTONED, request.body, Outcome.ABORT)
        return page.with_leg(leg, closed), Answer.TOMBSTONED
    fault = _hold_fault(now > request.prepare_by, obstacle)
    if fault is None:
        held = Leg(Status.HELD, request.body, is_own_call=request.is_own_call)
        return page.with_leg(leg, held), Answer.HELD
    if kind.is_vault:
        return page, fault
    return page.with_leg(leg, Leg(Status.REFUSED, request.body)), Answer.REFUSED


def settle(
    kind: Kind,
    known: Known,
    page: Page,
    leg: int,
    proven: Proven,
    *,
    can_pay: bool = True,
    can_close: bool = True,
) -> tuple[Page, Answer]:
    """Obey a certificate, from whomever it comes: capture, release or tombstone.

    `can_pay`: whoever the outcome entitles can be paid now. A vault keeps what it cannot pay (ENTITLED) and tries again
    each time; a bank pays into suspense instead (B3). `can_close`: the payer's signature came along, without which a
    vault sets no tombstone. Answers, checked in this order: BRING_ROTATIONS, BRING_NEWER_PROOF, CONTRADICTED, NOT_HELD,
    UNSIGNED, HALTED, where the leg is now.
    """
    fault = proof_fault(known, proven.proof)
    if fault is not None:
        return page, fault
    if first_outcome(kind, page, leg) not in {None, proven.outcome}:
        return page, Answer.CONTRADICTED
    own = page.leg(leg)
    match own.status:
        case Status.EMPTY | Status.REFUSED if proven.outcome is Outcome.COMMIT:
            return page, Answer.NOT_HELD
        case Status.EMPTY | Status.REFUSED if kind.is_vault and not can_close:
            return page, Answer.UNSIGNED
        case Status.EMPTY | Status.REFUSED:
            status = Status.TOMBSTONED
        case Status.HELD if own.is_halted:
            status = Status.HELD
        case Status.HELD | Status.ENTITLED:
            status = _ENDS[proven.outcome] if can_pay or not kind.is_vault else Status.ENTITLED
        case Status.EXECUTED | Status.NEVER:
            return page, Answer(own.status)
        case _:
            status = own.status
    changed = replace(own, status=status, outcome=proven.outcome)
    answer = Answer.HALTED if status is Status.HELD else Answer(status)
    return (page if changed == own else page.with_leg(leg, changed)), answer


def execute(
    kind: Kind,
    known: Known,
    page: Page,
    legs: Iterable[int],
    order: ProvenOrder,
    *,
    now: int,
    obstacle: Obstacle = Obstacle.NONE,
) -> tuple[Page, Answer]:
    """Execute all of the pivot's legs in one step, or record that they never will be (D1 to D6).

    `legs` are all legs on this ledger. Answers, checked in this order: BRING_ROTATIONS, BRING_NEWER_PROOF,
    CANNOT_EXECUTE, CONTRADICTED (another order was answered before), the earlier answer, NEVER, SHORT, EXECUTED.
    Before `last_valid` a bank says NEVER to what it will not do (LASTING); a vault reverts.
    """
    fault = proof_fault(known, order.proof)
    if fault is not None:
        return page, fault
    if not kind.is_pivot:
        return page, Answer.CANNOT_EXECUTE
    if page.order is not None:
        return page, Answer.CONTRADICTED if page.order.last_valid != order.last_valid else Answer(page.order.word)
    own = tuple(legs)
    is_taken = any(page.leg(each).status is not Status.EMPTY for each in own)
    is_refused = obstacle is Obstacle.LASTING and not kind.is_vault
    if now > order.last_valid or is_taken or is_refused:
        return _end_order(page, own, order, Status.NEVER), Answer.NEVER
    if obstacle is not Obstacle.NONE:
        return page, Answer.SHORT
    return _end_order(page, own, order, Status.EXECUTED), Answer.EXECUTED


def release(
    page: Page, leg: int, *, consents: Iterable[Party] = tuple(Party), can_pay: bool = True
) -> tuple[Page, Answer]:
    """End a hold by the consent of payer and payee, at any time before a certificate reached it.

    Answers, checked in this order: UNSIGNED, CONSENT (it was done before), NOT_HELD, HALTED, UNPAYABLE, CONSENT.
    """
    if set(consents) != set(Party):
        return page, Answer.UNSIGNED
    own = page.leg(leg)
    if own.status is Status.CONSENT:
        return page, Answer.CONSENT
    if own.status is not Status.HELD:
        return page, Answer.NOT_HELD
    if own.is_halted:
        return page, Answer.HALTED
    if not can_pay:
        return page, Answer.UNPAYABLE
    return page.moved(leg, Status.CONSENT), Answer.CONSENT


def redirect(page: Page, leg: int, by: Party, *, can_pay: bool = True) -> tuple[Page, Answer]:
    """Pay what is decided and could not be paid to another account, which whoever is entitled names.

    It pays at once or does nothing. Answers, checked in this order: NOT_HELD (it is not ENTITLED), NOT_ENTITLED,
    UNPAYABLE, DELIVERED or RETURNED.
    """
    own = page.leg(leg)
    if own.status is not Status.ENTITLED or own.outcome is None:
        return page, Answer.NOT_HELD
    if by is not ENTITLED_PARTY[own.outcome]:
        return page, Answer.NOT_ENTITLED
    if not can_pay:
        return page, Answer.UNPAYABLE
    status = _ENDS[own.outcome]
    return page.moved(leg, status), Answer(status)


def halt(page: Page, leg: int) -> tuple[Page, Answer]:
    """Freeze a hold by law: it is neither paid nor returned until `resume`. HALTED, or NOT_HELD."""
    own = page.leg(leg)
    if own.status is not Status.HELD:
        return page, Answer.NOT_HELD
    if own.is_halted:
        return page, Answer.HALTED
    return page.with_leg(leg, replace(own, halt=Halt.STANDING)), Answer.HALTED


def resume(page: Page, leg: int) -> tuple[Page, Answer]:
    """Lift a halt; what a certificate said meanwhile is done when it is brought again. HELD, or NOT_HELD."""
    own = page.leg(leg)
    if own.status is not Status.HELD:
        return page, Answer.NOT_HELD
    return (page.with_leg(leg, replace(own, halt=Halt.LIFTED)) if own.is_halted else page), Answer.HELD


def lose(page: Page, leg: int) -> tuple[Page, Answer]:
    """Take the whole amount out of a hold against the rules: theft, seizure, an issuer's power. LOST, or NOT_HELD."""
    status = page.leg(leg).status
    if status is Status.LOST:
        return page, Answer.LOST
    if status not in {Status.HELD, Status.ENTITLED}:
        return page, Answer.NOT_HELD
    return page.moved(leg, Status.LOST), Answer.LOST


def _hold_fault(is_late: bool, obstacle: Obstacle) -> Answer | None:  # noqa: FBT001 - a plain fact
    if is_late:
        return Answer.TOO_LATE
    if obstacle is Obstacle.NONE:
        return None
    return Answer.SHORT if obstacle is Obstacle.PASSING else Answer.REFUSED


def _end_order(page: Page, legs: Iterable[int], order: ProvenOrder, word: Status) -> Page:
    for each in legs:
        if page.leg(each).status is Status.EMPTY:
            page = page.moved(each, word)
    return replace(page, order=OrderRecord(order.last_valid, word))
