"""Every invariant bites: one spoilt line of a lawful run is enough, and the right tag is told."""

from collections.abc import Callable

import auditor_stories as lawful
import pytest
from auditor_script import (
    ASSET,
    BANK,
    BOND,
    CASH,
    CHAIN,
    EURO,
    NODES,
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
    settle,
    without,
)
from auditor_stories import ID, OTHER

from interlock.auditor.event import (
    ABORT,
    COMMIT,
    AccountFrozen,
    ByzantineDeclared,
    CertificateFormed,
    EpochBegan,
    Event,
    EvidencePublished,
    Finished,
    Instructed,
    LedgerSilenced,
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
    Tombstoned,
    Transferred,
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
    lawful.hold_otherwise(world)
    settle(world, ID, COMMIT, [0, 1])


def same(events: list[Event]) -> list[Event]:
    return events


I1, I2, I3, I4, I5, I6, I7, I8 = Tag.I1, Tag.I2, Tag.I3, Tag.I4, Tag.I5, Tag.I6, Tag.I7, Tag.I8
CONSENT = (
    ReleaseSigned(ID, 0, "alice", "carol"),
    ReleaseSigned(ID, 0, "bob", "carol"),
    ConsentReleased(CHAIN, ID, 0, BOND, 5, "carol"),
)
HELD_ASSET = HoldMade(CHAIN, ID, 0, BOND, 5, "alice", "bob", START)

ROWS: dict[str, tuple[Story, Spoil, set[Tag]]] = {
    # I1: both or neither.
    "delivered-and-returned": (one_of_each, same, {I1, I3}),
    "executed-and-returned": (executed_and_returned, same, {I1, Tag.RULE}),
    "entitled-and-tombstoned": (entitled_and_tombstoned, same, {I1, I2, I3}),
    "delivered-and-never": (delivered_and_never, same, {I1, I2}),
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
    "unsigned-payer": (lawful.returned, without(Signed), {I2}),
    "other-asset": (lawful.committed, changed(HoldMade, asset=EURO), {I2, I4}),
    "other-amount": (lawful.returned, changed(HoldMade, amount=4), {I2, I4}),
    "other-payer": (lawful.returned, changed(HoldMade, payer="carol"), {I2, I4}),
    "other-payee": (lawful.committed, changed(HoldMade, payee="carol"), {I2}),
    "lying-bank-committed": (held_otherwise_and_committed, same, {I2}),
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
    "order-after-abort": (ordered_after_abort, same, {I3}),
    "two-committees": (lawful.committed, followed(EpochBegan, EpochBegan(1, ("n0", "n1", "n2", "n4"))), {I3}),
    # I4: value is conserved, and moves once.
    "hold-not-booked": (lawful.committed, without(BalanceChanged), {I4}),
    "booked-twice": (lawful.committed, followed(BalanceChanged, BalanceChanged(CHAIN, "alice", BOND, -5)), {I4}),
    "booked-otherwise": (lawful.committed, changed(BalanceChanged, account="carol"), {I4}),
    "minted": (lawful.committed, preceded(BooksClosed, BalanceChanged(CHAIN, "carol", BOND, 1)), {I4}),
    "never-closed": (lawful.committed, preceded(Finished, BalanceChanged(CHAIN, "carol", BOND, 1)), {I4}),
    "stated-otherwise": (lawful.committed, changed(BalanceStated, amount=RICH), {I4}),
    "opened-otherwise": (lawful.committed, changed(Opened, amount=RICH + 1), {I4}),
    "overdrawn": (overdrawn, same, {I4}),
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
    "tombstoned-twice": (tombstoned_first, followed(Tombstoned, Tombstoned(BANK, ID, 1)), {I4}),
    "tombstone-after-commit": (lawful.committed, preceded(Finished, Tombstoned(BANK, ID, 1)), {I4}),
    "consent-after-entitlement": (lawful.paid_later, followed(Entitled, *CONSENT), {I4}),
    "executed-twice": (lawful.bank_pays_last, followed(OrderExecuted, OrderExecuted(BANK, ID, ORDERED, START)), {I4}),
    "executed-after-the-end": (
        lawful.bank_pays_last,
        preceded(Finished, OrderExecuted(BANK, ID, ORDERED, START)),
        {I4},
    ),
    "lost-more-than-held": (lawful.shrunk_and_committed, changed(HoldLost, amount=6), {I4}),
    "halted-no-leg": (lawful.halted_for_good, followed(LossDeclared, HoldHalted(CHAIN, ID, 5)), {I2}),
    "halted-what-was-delivered": (
        lawful.committed,
        followed(Captured, LossDeclared(CHAIN, ID), HoldHalted(CHAIN, ID, 0)),
        {I4},
    ),
    # I5: nothing leaves a hold without a certificate or a consent.
    "captured-unaccepted": (lawful.committed, without(CertificateAccepted), {I5}),
    "released-unaccepted": (lawful.returned, without(CertificateAccepted), {I5}),
    "entitled-unaccepted": (lawful.entitled_and_never_paid, without(CertificateAccepted, 1), {I5}),
    "redirected-unaccepted": (lawful.redirected, without(CertificateAccepted, 1), {I5}),
    "tombstone-unaccepted": (lawful.tombstoned, without(CertificateAccepted, 1), {I5}),
    "the-other-certificate": (ended_with_the_other_certificate, same, {I5}),
    "forged": (lawful.committed, without(CertificateFormed), {I5}),
    "forged-for-unknown-terms": (
        lawful.committed,
        followed(EpochBegan, CertificateAccepted(BANK, OTHER, ABORT, 1)),
        {I5},
    ),
    "too-few-signers": (lawful.committed, changed(CertificateFormed, signers=NODES[:2]), {I5}),
    "one-signer-three-times": (lawful.committed, changed(CertificateFormed, signers=("n0",) * 3), {I5}),
    "signers-of-no-epoch": (lawful.committed, changed(CertificateFormed, epoch=2), {I5}),
    "accepted-another-epoch": (lawful.committed, changed(CertificateAccepted, epoch=2), {I5}),
    "paid-to-another": (lawful.committed, changed(Captured, to="carol"), {I4, I5}),
    "returned-to-the-payee": (lawful.returned, changed(Released, to="carol"), {I4, I5}),
    "suspense-of-one-not-frozen": (lawful.captured_into_suspense, without(AccountFrozen), {I5}),
    "another-account-than-suspense": (lawful.captured_into_suspense, changed(Captured, -1, to="DE-carol"), {I4, I5}),
    "redirected-by-another": (lawful.redirected, changed(Redirected, by="alice"), {I5}),
    "consent-of-one": (lawful.consent_too_late_to_stop_it, without(ReleaseSigned), {I5, I6}),
    "consent-to-another-account": (lawful.released_by_consent, changed(ReleaseSigned, to="bob"), {I5, I6}),
    "halted-and-paid": (lawful.halted_and_resumed, without(HoldResumed), {I5}),
    "theft-undeclared": (lawful.lost_and_aborted, without(LossDeclared), {I5, I6}),
    "theft-elsewhere-declared": (lawful.lost_and_aborted, changed(LossDeclared, ledger=BANK), {I5, I6}),
    "theft-after-the-decision": (
        half_delivered,
        preceded(Finished, HoldLost(BANK, ID, 1, EURO, 900, OUTSIDE), BalanceChanged(BANK, HELD, EURO, -900)),
        {I5},
    ),
    # I6: a hold stands until the decision.
    "expired": (expired, same, {I5, I6}),
    "halted-undeclared": (lawful.halted_for_good, without(LossDeclared), {I6}),
    # I7: everything ends.
    "abandoned": (abandoned, same, {I7}),
    "half-delivered": (half_delivered, same, {I7}),
    "not-returned": (half_returned, same, {I7}),
    "halted-but-resumed": (
        lawful.halted_for_good,
        followed(HoldHalted, HoldResumed(BANK, ID, 1)),
        {I7},
    ),
    "silent-but-unordered": (unordered_and_silent, same, {I7}),
    "silent-but-decided": (decided_and_silent, same, {I7}),
    "silent-but-heard": (lawful.silent_ledger, without(LedgerSilenced), {I7}),
    "frozen-but-not-declared": (lawful.frozen_payee, without(AccountFrozen), {I7}),
    "somebody-else-frozen": (somebody_else_frozen, same, {I7}),
    # I8: one state.
    "another-state": (lawful.committed, changed(StateHash, 2, digest=b"other"), {I8}),
    # What ledgers promise, and the rule.
    "held-late": (held_late, same, {Tag.B7}),
    "held-late-by-its-own-clock": (held_late, changed(HoldMade, 1, at=START), {Tag.B7}),
    "held-late-as-the-first": (first_held_late, same, {Tag.B7}),
    "held-long-after": (
        lawful.late_words_of_what_has_ended,
        preceded(Finished, HoldMade(CHAIN, OTHER, 0, BOND, 5, "alice", "bob", START)),
        {I4},
    ),
    "held-for-its-own-pivot": (held_for_its_own_pivot, same, {I2, Tag.B15}),
    "executed-unordered": (lawful.bank_pays_last, without(OrderCertified), {Tag.D2}),
    "executed-otherwise": (lawful.bank_pays_last, changed(OrderExecuted, last_valid=ORDERED + 1), {Tag.D2}),
    "ordered-by-too-few": (lawful.bank_pays_last, changed(OrderCertified, signers=NODES[:2]), {Tag.D2}),
    "ordered-elsewhere": (lawful.bank_pays_last, changed(OrderCertified, ledger=CHAIN), {Tag.D2}),
    "executed-elsewhere": (lawful.bank_pays_last, changed(OrderExecuted, ledger=CHAIN), {I2, I4, Tag.D2}),
    "executed-without-pivot": (
        lawful.committed,
        followed(HoldMade, OrderExecuted(BANK, ID, ORDERED, START), nth=1),
        {Tag.D2},
    ),
    "executed-late": (executed_late, same, {Tag.D3}),
    "executed-late-by-its-own-clock": (executed_late, changed(OrderExecuted, at=START), {Tag.D3}),
    "executed-after-never": (
        lawful.bank_never_pays,
        followed(OrderNever, OrderExecuted(BANK, ID, ORDERED, START)),
        {I1, I4, Tag.D4},
    ),
    "never-after-execution": (lawful.bank_pays_last, followed(OrderExecuted, OrderNever(BANK, ID)), {I1, Tag.D4}),
    "never-unordered": (lawful.bank_never_pays, without(OrderCertified), {Tag.D4}),
    "committed-late": (committed_late, same, {Tag.RULE}),
    "committed-early": (lawful.committed, changed(NodeDecided, at=START - 1), {Tag.RULE}),
    "ordered-late": (ordered_late, same, {Tag.RULE}),
    "aborted-while-ordered": (aborted_while_ordered, same, {Tag.RULE}),
    "framed": (lawful.committed, followed(EpochBegan, EvidencePublished("two outcomes", "n1", ID)), {Tag.FRAMED}),
}


@pytest.mark.parametrize(("story", "spoil", "expected"), ROWS.values(), ids=ROWS)
def test_one_spoilt_line_is_accused_of_what_it_breaks(story: Story, spoil: Spoil, expected: set[Tag]) -> None:
    """Exactly the tags that are broken are told, each with sentence, facts, events and place."""
    world = World()
    story(world)
    events = spoil(world.finish())
    found = judge(events).verdict()
    assert {violation.tag for violation in found} == expected, [str(each) for each in found]
    for violation in found:
        assert violation.events[-1] is events[violation.number - 1]
        assert violation.settlement in {b"", ID, OTHER}
