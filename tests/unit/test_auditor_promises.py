"""I5 to I8, the promises of ledgers and the decision rule bite: one spoilt line of a lawful run is enough."""

import auditor_stories as lawful
import auditor_trouble as trouble
import auditor_wrongs as wrong
import pytest
from auditor_script import (
    BANK,
    BOND,
    CHAIN,
    EURO,
    NODES,
    START,
    Spoil,
    World,
    changed,
    followed,
    preceded,
    without,
)
from auditor_stories import ID, OTHER
from auditor_wrongs import ORDERED, Story, accuse, same

from interlock.auditor.event import (
    ABORT,
    AccountFrozen,
    CertificateFormed,
    ConditionMet,
    EpochBegan,
    EpochClosed,
    EvidencePublished,
    Finished,
    LedgerSilenced,
    LogForkDeclared,
    LossDeclared,
    NodeDecided,
    OrderCertified,
    ReleaseSigned,
    StateHash,
)
from interlock.auditor.ledger_event import (
    HELD,
    OUTSIDE,
    BalanceChanged,
    Captured,
    CertificateAccepted,
    HoldHalted,
    HoldLost,
    HoldMade,
    HoldResumed,
    OrderExecuted,
    OrderNever,
    Redirected,
    Released,
)
from interlock.auditor.violation import Tag

I1, I2, I3, I4, I5, I6, I7, I8 = list(Tag)[:8]
B7, B15, D2, D3, D4, RULE = Tag.B7, Tag.B15, Tag.D2, Tag.D3, Tag.D4, Tag.RULE

ROWS: dict[str, tuple[Story, Spoil, set[Tag]]] = {
    # I5: nothing leaves a hold without a certificate or a consent.
    "captured-unaccepted": (lawful.committed, without(CertificateAccepted), {I5}),
    "released-unaccepted": (lawful.returned, without(CertificateAccepted), {I5}),
    "entitled-unaccepted": (lawful.entitled_and_never_paid, without(CertificateAccepted, 1), {I5}),
    "redirected-unaccepted": (lawful.redirected, without(CertificateAccepted, 1), {I5}),
    "tombstone-unaccepted": (lawful.tombstoned, without(CertificateAccepted, 1), {I5}),
    "the-other-certificate": (wrong.ended_with_the_other_certificate, same, {I5}),
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
    "stale-signatures-accepted": (
        trouble.stale_signatures,
        followed(NodeDecided, CertificateAccepted(CHAIN, ID, ABORT, 1)),
        {I5},
    ),
    "signed-before-the-epoch-closed": (trouble.stale_signatures, without(EpochClosed), {I3}),
    "paid-to-another": (lawful.committed, changed(Captured, to="carol"), {I4, I5}),
    "returned-to-the-payee": (lawful.returned, changed(Released, to="carol"), {I4, I5}),
    "suspense-of-one-not-frozen": (trouble.captured_into_suspense, without(AccountFrozen), {I5}),
    "another-account-than-suspense": (trouble.captured_into_suspense, changed(Captured, -1, to="DE-carol"), {I4, I5}),
    "redirected-by-another": (lawful.redirected, changed(Redirected, by="alice"), {I5}),
    "consent-of-one": (trouble.consent_too_late_to_stop_it, without(ReleaseSigned), {I5, I6}),
    "consent-to-another-account": (trouble.released_by_consent, changed(ReleaseSigned, to="bob"), {I5, I6}),
    "halted-and-paid": (trouble.halted_and_resumed, without(HoldResumed), {I5}),
    "theft-undeclared": (trouble.lost_and_aborted, without(LossDeclared), {I5, I6}),
    "theft-elsewhere-declared": (trouble.lost_and_aborted, changed(LossDeclared, ledger=BANK), {I5, I6}),
    "theft-after-the-decision": (
        wrong.half_delivered,
        preceded(Finished, HoldLost(BANK, ID, 1, EURO, 900, OUTSIDE), BalanceChanged(BANK, HELD, EURO, -900)),
        {I5},
    ),
    # I6: a hold stands until the decision.
    "expired": (wrong.expired, same, {I5, I6}),
    "halted-undeclared": (trouble.halted_for_good, without(LossDeclared), {I6}),
    # I7: everything ends.
    "abandoned": (wrong.abandoned, same, {I7}),
    "half-delivered": (wrong.half_delivered, same, {I7}),
    "not-returned": (wrong.half_returned, same, {I7}),
    "halted-but-resumed": (
        trouble.halted_for_good,
        followed(HoldHalted, HoldResumed(BANK, ID, 1)),
        {I7},
    ),
    "silent-but-unordered": (wrong.unordered_and_silent, same, {I7}),
    "silent-but-decided": (wrong.decided_and_silent, same, {I7}),
    "silent-but-heard": (trouble.silent_ledger, without(LedgerSilenced), {I7}),
    "frozen-but-not-declared": (trouble.frozen_payee, without(AccountFrozen), {I7}),
    "somebody-else-frozen": (wrong.somebody_else_frozen, same, {I7}),
    # I8: one state.
    "another-state": (lawful.committed, changed(StateHash, 2, digest=b"other"), {I8}),
    "another-state-on-a-fork-undeclared": (trouble.a_forked_log, without(LogForkDeclared), {I3, I8}),
    # What ledgers promise, and the rule.
    "held-late": (wrong.held_late, same, {B7}),
    "held-late-by-its-own-clock": (wrong.held_late, changed(HoldMade, 1, at=START), {B7}),
    "held-late-as-the-first": (wrong.first_held_late, same, {B7}),
    "held-long-after": (
        lawful.late_words_of_what_has_ended,
        preceded(Finished, HoldMade(CHAIN, OTHER, 0, BOND, 5, "alice", "bob", START)),
        {I4},
    ),
    "held-for-its-own-pivot": (wrong.held_for_its_own_pivot, same, {I2, B15}),
    "executed-unordered": (lawful.bank_pays_last, without(OrderCertified), {D2}),
    "executed-otherwise": (lawful.bank_pays_last, changed(OrderExecuted, last_valid=ORDERED + 1), {D2}),
    "ordered-by-too-few": (lawful.bank_pays_last, changed(OrderCertified, signers=NODES[:2]), {D2}),
    "ordered-elsewhere": (lawful.bank_pays_last, changed(OrderCertified, ledger=CHAIN), {D2}),
    "executed-elsewhere": (lawful.bank_pays_last, changed(OrderExecuted, ledger=CHAIN), {I2, I4, D2}),
    "executed-without-pivot": (
        lawful.committed,
        followed(HoldMade, OrderExecuted(BANK, ID, ORDERED, START), nth=1),
        {D2},
    ),
    "executed-late": (wrong.executed_late, same, {D3}),
    "executed-late-by-its-own-clock": (wrong.executed_late, changed(OrderExecuted, at=START), {D3}),
    "executed-after-never": (
        lawful.bank_never_pays,
        followed(OrderNever, OrderExecuted(BANK, ID, ORDERED, START)),
        {I1, I4, D4},
    ),
    "never-after-execution": (lawful.bank_pays_last, followed(OrderExecuted, OrderNever(BANK, ID)), {I1, D4}),
    "never-unordered": (lawful.bank_never_pays, without(OrderCertified), {D4}),
    "committed-late": (wrong.committed_late, same, {RULE}),
    "committed-early": (lawful.committed, changed(NodeDecided, at=START - 1), {RULE}),
    "ordered-late": (wrong.ordered_late, same, {RULE}),
    "committed-before-its-condition": (lawful.committed_on_condition, without(ConditionMet), {RULE}),
    "ordered-before-its-condition": (lawful.ordered_on_condition, without(ConditionMet), {RULE}),
    "aborted-while-ordered": (wrong.aborted_while_ordered, same, {RULE}),
    "framed": (lawful.committed, followed(EpochBegan, EvidencePublished("two outcomes", "n1", ID)), {Tag.FRAMED}),
}


@pytest.mark.parametrize(("story", "spoil", "expected"), ROWS.values(), ids=ROWS)
def test_one_spoilt_line_is_accused_of_what_it_breaks(story: Story, spoil: Spoil, expected: set[Tag]) -> None:
    """Exactly the tags that are broken are told."""
    world = World()
    story(world)
    accuse(spoil(world.finish()), expected)
