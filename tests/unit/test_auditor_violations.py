"""I1 to I4 bite: one spoilt line of a lawful run is enough, and the right tag is told."""

from dataclasses import replace

import auditor_stories as lawful
import auditor_trouble as trouble
import auditor_wrongs as wrong
import pytest
from auditor_script import (
    ASSET,
    BANK,
    BOND,
    CHAIN,
    EURO,
    QUORUM,
    RICH,
    START,
    WINDOW,
    Spoil,
    World,
    changed,
    followed,
    judge,
    preceded,
    without,
)
from auditor_stories import ID, OTHER
from auditor_wrongs import ORDERED, Story, accuse, same

from interlock.auditor.event import (
    ABORT,
    COMMIT,
    CertificateFormed,
    EpochBegan,
    Event,
    Finished,
    HoldRequested,
    Instructed,
    LossDeclared,
    NodeDecided,
    OrderCertified,
    ReleaseSigned,
    Signed,
)
from interlock.auditor.ledger_event import (
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
    Tombstoned,
    Transferred,
)
from interlock.auditor.violation import Tag

I1, I2, I3, I4, I5, RULE = Tag.I1, Tag.I2, Tag.I3, Tag.I4, Tag.I5, Tag.RULE
CONSENT = (
    ReleaseSigned(ID, 0, "alice", "carol"),
    ReleaseSigned(ID, 0, "bob", "carol"),
    ConsentReleased(CHAIN, ID, 0, BOND, 5, "carol"),
)
HELD_ASSET = HoldMade(CHAIN, ID, 0, BOND, 5, "alice", "bob", START)

ROWS: dict[str, tuple[Story, Spoil, set[Tag]]] = {
    # I1: both or neither.
    "delivered-and-returned": (wrong.one_of_each, same, {I1, I3}),
    "executed-and-returned": (wrong.executed_and_returned, same, {I1, RULE}),
    "entitled-and-tombstoned": (wrong.entitled_and_tombstoned, same, {I1, I2, I3}),
    "delivered-and-never": (wrong.delivered_and_never, same, {I1, I2}),
    # I2: nothing is given that was not signed and held.
    "committed-unheld": (
        lawful.committed,
        lambda events: [
            event
            for event in events
            if not (isinstance(event, HoldMade | Captured | BalanceChanged) and event.ledger == BANK)
            and not isinstance(event, BalanceStated)
        ],
        {I2},
    ),
    "committed-unexecuted": (lawful.bank_pays_last, without(OrderExecuted), {I2, I4}),
    "unsigned-payee": (lawful.committed, without(Signed, 1), {I2}),
    "held-unasked": (lawful.held_by_request, without(HoldRequested), {I2}),
    "held-asked-for-another-leg": (lawful.held_by_request, changed(HoldRequested, leg=1), {I2}),
    "unsigned-payer": (lawful.returned, without(Signed), {I2}),
    "other-asset": (lawful.committed, changed(HoldMade, asset=EURO), {I2, I4}),
    "other-amount": (lawful.returned, changed(HoldMade, amount=4), {I2, I4}),
    "other-payer": (lawful.returned, changed(HoldMade, payer="carol"), {I2, I4}),
    "other-payee": (lawful.committed, changed(HoldMade, payee="carol"), {I2}),
    "lying-bank-committed": (wrong.held_otherwise_and_committed, same, {I2}),
    "ordered-unheld": (lawful.bank_never_pays, without(HoldMade), {I2, I4}),
    "other-terms-of-one-id": (
        lawful.committed,
        followed(Instructed, Instructed(ID, (ASSET,), "", START, START + 1_000, WINDOW)),
        {I2},
    ),
    "hold-of-unknown-terms": (lawful.returned, changed(HoldMade, settlement=OTHER), {I2, I4}),
    "hold-of-no-leg": (lawful.returned, changed(HoldMade, leg=2), {I2, I4}),
    "hold-of-leg-below": (lawful.returned, changed(HoldMade, leg=-1), {I2, I4}),
    "hold-elsewhere": (lawful.returned, followed(HoldMade, Tombstoned(BANK, ID, 0)), {I2}),
    "commit-of-unknown-terms": (lawful.committed, followed(EpochBegan, NodeDecided("n0", OTHER, COMMIT, 9)), {I2}),
    "commit-of-what-was-never-held": (
        lawful.late_words_of_what_has_ended,
        changed(NodeDecided, -2, outcome=COMMIT),
        {I2, I3, I4},
    ),
    "order-of-unknown-terms": (
        lawful.committed,
        followed(EpochBegan, OrderCertified(OTHER, BANK, ORDERED, 1, QUORUM)),
        {I2},
    ),
    # I3: one decision.
    "nodes-disagree": (lawful.committed, changed(NodeDecided, 3, outcome=ABORT), {I3}),
    "conflicting-certificates": (
        lawful.committed,
        followed(CertificateFormed, CertificateFormed(ID, ABORT, 1, QUORUM)),
        {I3},
    ),
    "ledger-accepted-two": (
        lawful.committed,
        followed(CertificateFormed, CertificateFormed(ID, ABORT, 1, QUORUM), CertificateAccepted(BANK, ID, ABORT, 1)),
        {I3, I5},
    ),
    "conflict-after-the-end": (
        lawful.committed,
        preceded(Finished, CertificateFormed(ID, ABORT, 1, QUORUM)),
        {I3},
    ),
    "node-conflict-after-the-end": (lawful.committed, preceded(Finished, NodeDecided("n3", ID, ABORT, START)), {I3}),
    "accepted-after-the-end": (lawful.committed, preceded(Finished, CertificateAccepted(BANK, ID, ABORT, 1)), {I3}),
    "two-orders": (lawful.bank_pays_last, followed(OrderCertified, OrderCertified(ID, BANK, 7, 1, QUORUM)), {I3}),
    "order-after-abort": (wrong.ordered_after_abort, same, {I3}),
    "two-committees": (lawful.committed, followed(EpochBegan, EpochBegan(1, ("n0", "n1", "n2", "n4"))), {I3}),
    "a-fork-that-finds-two-quorums": (
        trouble.a_forked_log,
        followed(CertificateFormed, CertificateFormed(ID, ABORT, 1, QUORUM)),
        {I3},
    ),
    "a-fork-without-ground": (trouble.an_order_on_a_forked_log, changed(NodeDecided, outcome=COMMIT), {I2}),
    # I4: value is conserved, and moves once.
    "hold-not-booked": (lawful.committed, without(BalanceChanged), {I4}),
    "booked-twice": (lawful.committed, followed(BalanceChanged, BalanceChanged(CHAIN, "alice", BOND, -5)), {I4}),
    "booked-otherwise": (lawful.committed, changed(BalanceChanged, account="carol"), {I4}),
    "minted": (lawful.committed, preceded(BooksClosed, BalanceChanged(CHAIN, "carol", BOND, 1)), {I4}),
    "never-closed": (lawful.committed, preceded(Finished, BalanceChanged(CHAIN, "carol", BOND, 1)), {I4}),
    "stated-otherwise": (lawful.committed, changed(BalanceStated, amount=RICH), {I4}),
    "opened-otherwise": (lawful.committed, changed(Opened, amount=RICH + 1), {I4}),
    "opened-below-zero": (lawful.committed, followed(Opened, Opened(CHAIN, "dave", BOND, -1)), {I4}),
    "overdrawn": (wrong.overdrawn, same, {I4}),
    "overdrawn-vault": (lawful.payments_beside, changed(Transferred, 3, amount=-1), {I4}),
    "held-twice": (lawful.committed, followed(HoldMade, HELD_ASSET), {I4}),
    "held-after-tombstone": (
        lawful.tombstoned,
        followed(Tombstoned, HoldMade(BANK, ID, 1, EURO, 900, "DE-bob", "DE-alice", START)),
        {I4},
    ),
    "delivered-twice": (lawful.committed, followed(Captured, Captured(CHAIN, ID, 0, BOND, 5, "bob")), {I4}),
    "delivered-after-the-end": (lawful.committed, preceded(Finished, Captured(CHAIN, ID, 0, BOND, 5, "bob")), {I4}),
    "returned-after-delivery": (lawful.committed, followed(Captured, Released(CHAIN, ID, 0, BOND, 5, "alice")), {I4}),
    "delivered-unheld": (lawful.committed, without(HoldMade), {I2, I4}),
    "delivered-in-part": (lawful.committed, changed(Captured, amount=4), {I4}),
    "delivered-another-asset": (lawful.committed, changed(Captured, asset=EURO), {I4}),
    "entitled-twice": (lawful.paid_later, followed(Entitled, Entitled(CHAIN, ID, 0, COMMIT)), {I4}),
    "tombstone-on-a-hold": (lawful.returned, followed(CertificateAccepted, Tombstoned(BANK, ID, 1)), {I4}),
    "tombstoned-twice": (wrong.tombstoned_first, followed(Tombstoned, Tombstoned(BANK, ID, 1)), {I4}),
    "tombstone-after-commit": (lawful.committed, preceded(Finished, Tombstoned(BANK, ID, 1)), {I4}),
    "consent-after-entitlement": (lawful.paid_later, followed(Entitled, *CONSENT), {I4}),
    "executed-twice": (lawful.bank_pays_last, followed(OrderExecuted, OrderExecuted(BANK, ID, ORDERED, START)), {I4}),
    "executed-after-the-end": (
        lawful.bank_pays_last,
        preceded(Finished, OrderExecuted(BANK, ID, ORDERED, START)),
        {I4},
    ),
    "lost-more-than-held": (trouble.shrunk_and_committed, changed(HoldLost, amount=6), {I4}),
    "halted-no-leg": (trouble.halted_for_good, followed(LossDeclared, HoldHalted(CHAIN, ID, 5)), {I2}),
    "halted-what-was-delivered": (
        lawful.committed,
        followed(Captured, LossDeclared(CHAIN, ID), HoldHalted(CHAIN, ID, 0)),
        {I4},
    ),
}


@pytest.mark.parametrize(("story", "spoil", "expected"), ROWS.values(), ids=ROWS)
def test_one_spoilt_line_is_accused_of_what_it_breaks(story: Story, spoil: Spoil, expected: set[Tag]) -> None:
    """Exactly the tags that are broken are told."""
    world = World()
    story(world)
    accuse(spoil(world.finish()), expected)


ON_LEGS: list[Event] = [
    HoldMade(CHAIN, OTHER, 0, BOND, 5, "alice", "bob", START),
    Entitled(CHAIN, OTHER, 0, COMMIT),
    Captured(CHAIN, OTHER, 0, BOND, 5, "bob"),
    Released(CHAIN, OTHER, 0, BOND, 5, "alice"),
    Redirected(CHAIN, OTHER, 0, BOND, 5, "bob", "carol"),
    ConsentReleased(CHAIN, OTHER, 0, BOND, 5, "carol"),
    Tombstoned(CHAIN, OTHER, 0),
    HoldLost(CHAIN, OTHER, 0, BOND, 5, OUTSIDE),
    HoldHalted(CHAIN, OTHER, 0),
    HoldResumed(CHAIN, OTHER, 0),
    OrderExecuted(CHAIN, OTHER, ORDERED, START),
    OrderNever(CHAIN, OTHER),
]


@pytest.mark.parametrize("event", ON_LEGS, ids=lambda event: type(event).__name__)
def test_nothing_may_be_done_for_terms_that_nobody_made(event: Event) -> None:
    """Whatever a ledger says of an unknown id is an accusation, and never a crash."""
    assert Tag.I2 in {violation.tag for violation in judge([event]).verdict()}


@pytest.mark.parametrize("event", ON_LEGS, ids=lambda event: type(event).__name__)
def test_nothing_may_be_done_after_the_end(event: Event) -> None:
    """Whatever a ledger says of a committed settlement that has ended is an accusation."""
    world = World()
    lawful.committed(world)
    late = replace(event, settlement=ID)
    assert Tag.I4 in {violation.tag for violation in judge([*world.events, late]).verdict()}
