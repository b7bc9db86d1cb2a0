"""The rules of a ledger's page, as tables: every request in every state, for every kind of ledger."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from interlock.core.decision import Outcome
from interlock.encoding.keccak import keccak256
from interlock.ledgers.memory import rules
from interlock.ledgers.memory.answer import Answer
from interlock.ledgers.memory.page import EMPTY_PAGE, Halt, Leg, OrderRecord, Page, Status
from interlock.ledgers.memory.proof import GENESIS_KNOWN, Known, Proof, Proven, ProvenOrder, proof_fault, rotate
from interlock.ledgers.memory.rules import DIRECT_BANK, HELD_BANK, KINDS, VAULT, HoldRequest, Kind, Obstacle, Party

COMMIT, ABORT = Outcome.COMMIT, Outcome.ABORT
PREPARE_BY, LAST_VALID = 100, 200
REQUEST = HoldRequest(PREPARE_BY)
SIGNED = Proof(1)
ORDER = ProvenOrder(LAST_VALID, SIGNED)


def page(leg: Leg, order: OrderRecord | None = None) -> Page:
    """Give a page whose leg 0 is this one."""
    return Page(((0, leg),), order)


EXECUTED = page(Leg(Status.EXECUTED), OrderRecord(LAST_VALID, Status.EXECUTED))
NEVER = page(Leg(Status.NEVER), OrderRecord(LAST_VALID, Status.NEVER))
HELD = page(Leg(Status.HELD, True))
HALTED = page(Leg(Status.HELD, True, halt=Halt.STANDING))
PAGES: dict[str, Page] = {
    "empty": EMPTY_PAGE,
    "refused": page(Leg(Status.REFUSED, True)),
    "held": HELD,
    "halted": HALTED,
    "entitled to payee": page(Leg(Status.ENTITLED, True, COMMIT)),
    "entitled to payer": page(Leg(Status.ENTITLED, True, ABORT)),
    "delivered": page(Leg(Status.DELIVERED, True, COMMIT)),
    "returned": page(Leg(Status.RETURNED, True, ABORT)),
    "tombstoned": page(Leg(Status.TOMBSTONED, None, ABORT)),
    "consent": page(Leg(Status.CONSENT, True)),
    "lost": page(Leg(Status.LOST, True)),
    "executed": EXECUTED,
    "never": NEVER,
}


def settle(kind: Kind, before: Page, outcome: Outcome, **how: bool) -> tuple[Page, Answer]:
    """Bring a good certificate to leg 0."""
    return rules.settle(kind, GENESIS_KNOWN, before, 0, Proven(outcome, SIGNED), **how)


@pytest.mark.parametrize(
    ("state", "answer", "status"),
    [
        ("empty", Answer.HELD, Status.HELD),
        ("refused", Answer.REFUSED, Status.REFUSED),
        ("held", Answer.HELD, Status.HELD),
        ("halted", Answer.HELD, Status.HELD),
        ("entitled to payee", Answer.ENTITLED, Status.ENTITLED),
        ("entitled to payer", Answer.ENTITLED, Status.ENTITLED),
        ("delivered", Answer.DELIVERED, Status.DELIVERED),
        ("returned", Answer.RETURNED, Status.RETURNED),
        ("tombstoned", Answer.TOMBSTONED, Status.TOMBSTONED),
        ("consent", Answer.CONSENT, Status.CONSENT),
        ("lost", Answer.LOST, Status.LOST),
    ],
)
@pytest.mark.parametrize("kind", [VAULT, HELD_BANK])
def test_prepare_holds_an_empty_leg_and_else_says_where_it_is(
    kind: Kind, state: str, answer: Answer, status: Status
) -> None:
    """Only a leg of which nothing is known is held; the same id and body gets the same answer, even late or poor."""
    before = PAGES[state]
    after, said = rules.prepare(kind, before, 0, REQUEST, now=PREPARE_BY)
    assert (said, after.leg(0).status) == (answer, status)
    assert (after is before) == (state != "empty")
    again = rules.prepare(kind, after, 0, REQUEST, now=PREPARE_BY + 1, obstacle=Obstacle.LASTING)
    assert again == (after, answer)


@pytest.mark.parametrize(
    ("now", "obstacle", "vault_says"),
    [
        (PREPARE_BY + 1, Obstacle.NONE, Answer.TOO_LATE),
        (PREPARE_BY + 1, Obstacle.LASTING, Answer.TOO_LATE),
        (PREPARE_BY, Obstacle.PASSING, Answer.SHORT),
        (PREPARE_BY, Obstacle.LASTING, Answer.REFUSED),
    ],
)
def test_a_hold_that_cannot_be_is_recorded_by_a_bank_and_reverted_by_a_vault(
    now: int, obstacle: Obstacle, vault_says: Answer
) -> None:
    """A bank refuses an id for ever (B4, B7); a vault leaves no trace, and holds when it can."""
    after, said = rules.prepare(VAULT, EMPTY_PAGE, 0, REQUEST, now=now, obstacle=obstacle)
    assert (after, said) == (EMPTY_PAGE, vault_says)
    after, said = rules.prepare(HELD_BANK, EMPTY_PAGE, 0, REQUEST, now=now, obstacle=obstacle)
    assert (said, after.leg(0).status) == (Answer.REFUSED, Status.REFUSED)
    assert rules.prepare(HELD_BANK, after, 0, REQUEST, now=1) == (after, Answer.REFUSED)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pivot_holds_nothing_for_its_own_settlement(kind: Kind) -> None:
    """No hold for an instruction whose pivot is this ledger (B15); a direct bank holds nothing at all."""
    said = Answer.CANNOT_HOLD if kind is DIRECT_BANK else Answer.PIVOT_HERE
    request = replace(REQUEST, is_pivot_here=True)
    assert rules.prepare(kind, EMPTY_PAGE, 0, request, now=1) == (EMPTY_PAGE, said)
    assert rules.prepare(DIRECT_BANK, EMPTY_PAGE, 0, REQUEST, now=1) == (EMPTY_PAGE, Answer.CANNOT_HOLD)


@pytest.mark.parametrize("kind", [VAULT, HELD_BANK])
def test_another_body_under_a_known_id_is_refused(kind: Kind) -> None:
    """The same id with other terms never gets the first one's hold (B4)."""
    request = replace(REQUEST, body="other")
    assert rules.prepare(kind, HELD, 0, request, now=1) == (HELD, Answer.OTHER_TERMS)


def test_a_bank_told_of_abort_closes_the_other_legs_and_a_vault_holds_what_slips_in() -> None:
    """A bank keeps outcomes by settlement, a vault by leg: there the late hold comes back with the certificate."""
    aborted = Page(((1, Leg(Status.RETURNED, True, ABORT)),))
    after, said = rules.prepare(HELD_BANK, aborted, 0, REQUEST, now=1)
    assert (said, after.leg(0).status) == (Answer.TOMBSTONED, Status.TOMBSTONED)
    after, said = rules.prepare(VAULT, aborted, 0, REQUEST, now=1)
    assert said is Answer.HELD
    assert settle(VAULT, after, ABORT)[1] is Answer.RETURNED


SETTLED: list[tuple[str, Answer, Answer]] = [
    ("empty", Answer.NOT_HELD, Answer.TOMBSTONED),
    ("refused", Answer.NOT_HELD, Answer.TOMBSTONED),
    ("held", Answer.DELIVERED, Answer.RETURNED),
    ("halted", Answer.HALTED, Answer.HALTED),
    ("entitled to payee", Answer.DELIVERED, Answer.CONTRADICTED),
    ("entitled to payer", Answer.CONTRADICTED, Answer.RETURNED),
    ("delivered", Answer.DELIVERED, Answer.CONTRADICTED),
    ("returned", Answer.CONTRADICTED, Answer.RETURNED),
    ("tombstoned", Answer.CONTRADICTED, Answer.TOMBSTONED),
    ("consent", Answer.CONSENT, Answer.CONSENT),
    ("lost", Answer.LOST, Answer.LOST),
    ("executed", Answer.EXECUTED, Answer.CONTRADICTED),
    ("never", Answer.CONTRADICTED, Answer.NEVER),
]


@pytest.mark.parametrize(("state", "by_commit", "by_abort"), SETTLED)
@pytest.mark.parametrize("outcome", [COMMIT, ABORT])
@pytest.mark.parametrize("kind", KINDS)
def test_settle_ends_a_hold_once_and_keeps_the_first_outcome(
    kind: Kind, outcome: Outcome, state: str, by_commit: Answer, by_abort: Answer
) -> None:
    """Bringing it again gives the same answer; the opposite one is a contradiction ever after, and moves nothing."""
    before = PAGES[state]
    after, said = settle(kind, before, outcome)
    assert said is (by_commit if outcome is COMMIT else by_abort)
    if said.names_status:
        assert said.name == after.leg(0).status.name
    if said in {Answer.CONTRADICTED, Answer.NOT_HELD}:
        assert after is before
    again, said_again = settle(kind, after, outcome)
    assert again is after
    assert said_again is said
    if said not in {Answer.CONTRADICTED, Answer.NOT_HELD}:
        other = ABORT if outcome is COMMIT else COMMIT
        assert settle(kind, after, other) == (after, Answer.CONTRADICTED)


@pytest.mark.parametrize("outcome", [COMMIT, ABORT])
def test_a_vault_keeps_what_it_cannot_pay_and_pays_it_later(outcome: Outcome) -> None:
    """The entitlement passes at once; the same certificate pays as soon as the receiver can be paid."""
    end = Answer.DELIVERED if outcome is COMMIT else Answer.RETURNED
    entitled, said = settle(VAULT, HELD, outcome, can_pay=False)
    assert (said, entitled.leg(0).status) == (Answer.ENTITLED, Status.ENTITLED)
    assert settle(VAULT, entitled, outcome, can_pay=False) == (entitled, Answer.ENTITLED)
    assert settle(VAULT, entitled, outcome)[1] is end
    assert settle(HELD_BANK, HELD, outcome, can_pay=False)[1] is end


def test_a_vault_sets_no_tombstone_without_the_payers_signature() -> None:
    """Nobody else can use up a payer's lane; a bank takes ABORT from anybody (B14)."""
    assert settle(VAULT, EMPTY_PAGE, ABORT, can_close=False) == (EMPTY_PAGE, Answer.UNSIGNED)
    assert settle(HELD_BANK, EMPTY_PAGE, ABORT, can_close=False)[1] is Answer.TOMBSTONED


def test_a_halt_stops_both_ends_and_keeps_the_outcome() -> None:
    """While it stands, capture and release answer `halted`; lifted, the first outcome and no other is carried out."""
    halted, said = rules.halt(HELD, 0)
    assert (halted, said) == (HALTED, Answer.HALTED)
    decided, said = settle(HELD_BANK, halted, COMMIT)
    assert said is Answer.HALTED
    assert settle(HELD_BANK, decided, ABORT)[1] is Answer.CONTRADICTED
    assert rules.release(decided, 0)[1] is Answer.HALTED
    resumed, said = rules.resume(decided, 0)
    assert said is Answer.HELD
    assert settle(HELD_BANK, resumed, COMMIT)[1] is Answer.DELIVERED


@pytest.mark.parametrize("state", PAGES)
def test_only_a_standing_hold_is_halted_resumed_released_or_lost(state: str) -> None:
    """Law, consent and theft find nothing where nothing is held; done once, they are done."""
    before = PAGES[state]
    requests: dict[str, Callable[[Page, int], tuple[Page, Answer]]] = {
        "halt": rules.halt,
        "resume": rules.resume,
        "release": rules.release,
        "lose": rules.lose,
    }
    does = {
        "held": {"halt", "release", "lose"},
        "halted": {"resume", "lose"},
        "entitled to payee": {"lose"},
        "entitled to payer": {"lose"},
    }
    repeated = {("held", "resume"), ("halted", "halt"), ("halted", "release"), ("consent", "release"), ("lost", "lose")}
    for name, request in requests.items():
        after, said = request(before, 0)
        if name in does.get(state, ()):
            assert after != before
            assert request(after, 0) == (after, said)
        else:
            assert after is before
            assert (said is Answer.NOT_HELD) == ((state, name) not in repeated)


def test_a_release_needs_both_and_pays_at_once() -> None:
    """The consent of one side, or a receiver that cannot be paid, leaves the hold as it is."""
    assert rules.release(HELD, 0, consents=[Party.PAYER]) == (HELD, Answer.UNSIGNED)
    assert rules.release(HELD, 0, consents=[Party.PAYEE]) == (HELD, Answer.UNSIGNED)
    assert rules.release(HELD, 0, can_pay=False) == (HELD, Answer.UNPAYABLE)


@pytest.mark.parametrize("state", PAGES)
@pytest.mark.parametrize("by", Party)
def test_only_whoever_is_entitled_redirects(state: str, by: Party) -> None:
    """The payee after COMMIT, the payer after ABORT, and only while it could not be paid."""
    before = PAGES[state]
    after, said = rules.redirect(before, 0, by)
    entitled = {"entitled to payee": Party.PAYEE, "entitled to payer": Party.PAYER}.get(state)
    if entitled is None:
        assert (after, said) == (before, Answer.NOT_HELD)
    elif entitled is not by:
        assert (after, said) == (before, Answer.NOT_ENTITLED)
    else:
        assert said is (Answer.DELIVERED if by is Party.PAYEE else Answer.RETURNED)
        assert after.leg(0).status.name == said.name
        assert rules.redirect(before, 0, by, can_pay=False) == (before, Answer.UNPAYABLE)


@pytest.mark.parametrize("kind", [VAULT, DIRECT_BANK])
def test_the_pivot_executes_all_its_legs_or_never_any_and_says_so_for_ever(kind: Kind) -> None:
    """Until last_valid it executes, after it never; the first answer stays, whatever is asked when."""
    executed, said = rules.execute(kind, GENESIS_KNOWN, EMPTY_PAGE, (0, 2), ORDER, now=LAST_VALID)
    assert said is Answer.EXECUTED
    assert [executed.leg(each).status for each in (0, 1, 2)] == [Status.EXECUTED, Status.EMPTY, Status.EXECUTED]
    late = rules.execute(kind, GENESIS_KNOWN, executed, (0, 2), ORDER, now=LAST_VALID + 1, obstacle=Obstacle.LASTING)
    assert late == (executed, Answer.EXECUTED)
    never, said = rules.execute(kind, GENESIS_KNOWN, EMPTY_PAGE, (0, 2), ORDER, now=LAST_VALID + 1)
    assert said is Answer.NEVER
    assert [each.status for _, each in never.legs] == [Status.NEVER, Status.NEVER]
    assert rules.execute(kind, GENESIS_KNOWN, never, (0, 2), ORDER, now=1) == (never, Answer.NEVER)


def test_a_pivot_that_cannot_execute_yet_is_asked_again_until_last_valid() -> None:
    """Short of money nothing is recorded; what a bank will never do it says at once (D6), a vault reverts."""
    for kind in (VAULT, DIRECT_BANK):
        short = rules.execute(kind, GENESIS_KNOWN, EMPTY_PAGE, (0,), ORDER, now=1, obstacle=Obstacle.PASSING)
        assert short == (EMPTY_PAGE, Answer.SHORT)
        never = rules.execute(kind, GENESIS_KNOWN, EMPTY_PAGE, (0,), ORDER, now=201, obstacle=Obstacle.PASSING)
        assert never[1] is Answer.NEVER
    lasting = {
        kind: rules.execute(kind, GENESIS_KNOWN, EMPTY_PAGE, (0,), ORDER, now=1, obstacle=Obstacle.LASTING)[1]
        for kind in (VAULT, DIRECT_BANK)
    }
    assert lasting == {VAULT: Answer.SHORT, DIRECT_BANK: Answer.NEVER}


@pytest.mark.parametrize("state", PAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_hold_order_and_tombstone_share_one_state(kind: Kind, state: str) -> None:
    """A leg to which anything happened is not executed; only a pivot executes, and it keeps its word."""
    before = PAGES[state]
    after, said = rules.execute(kind, GENESIS_KNOWN, before, (0,), ORDER, now=1)
    if kind is HELD_BANK:
        assert (after, said) == (before, Answer.CANNOT_EXECUTE)
    elif state in {"empty", "executed"}:
        assert said is Answer.EXECUTED
    else:
        assert said is Answer.NEVER
        assert after.legs == before.legs


@pytest.mark.parametrize("before", [EXECUTED, NEVER])
def test_another_order_after_the_first_answer_is_a_contradiction(before: Page) -> None:
    """One order per settlement, for ever: another last_valid proves who signed twice."""
    other = ProvenOrder(LAST_VALID + 1, SIGNED)
    assert rules.execute(VAULT, GENESIS_KNOWN, before, (0,), other, now=1) == (before, Answer.CONTRADICTED)


@pytest.mark.parametrize(
    ("proof", "fault"),
    [
        (Proof(3), None),
        (Proof(1, root_epoch=3), None),
        (Proof(2), Answer.BRING_NEWER_PROOF),
        (Proof(1, root_epoch=2), Answer.BRING_NEWER_PROOF),
        (Proof(4), Answer.BRING_ROTATIONS),
        (Proof(1, root_epoch=4), Answer.BRING_ROTATIONS),
    ],
)
def test_a_ledger_obeys_the_newest_committee_that_it_knows(proof: Proof, fault: Answer | None) -> None:
    """Signatures of the newest epoch count, and what is under the newest root; whatever the epoch of the hold."""
    known = Known(3, keccak256(b"root"))
    assert proof_fault(known, proof) is fault
    settled = rules.settle(VAULT, known, HELD, 0, Proven(COMMIT, proof))
    executed = rules.execute(VAULT, known, EMPTY_PAGE, (0,), ProvenOrder(LAST_VALID, proof), now=1)
    if fault is None:
        assert (settled[1], executed[1]) == (Answer.DELIVERED, Answer.EXECUTED)
    else:
        assert settled == (HELD, fault)
        assert executed == (EMPTY_PAGE, fault)


def test_rotations_are_learned_in_their_order() -> None:
    """The next is learned with its root, a former one changes nothing, one too far ahead waits."""
    root = keccak256(b"root")
    assert rotate(GENESIS_KNOWN, 1, root) == (Known(2, root), None)
    assert rotate(Known(2, root), 1) == (Known(2, root), None)
    assert rotate(GENESIS_KNOWN, 2) == (GENESIS_KNOWN, Answer.BRING_ROTATIONS)
