"""What each class of ledger promises, tag by tag, on the pure rules of a ledger's page, and what a vault offers."""

import json
from dataclasses import fields

import pytest
from house import SOURCE

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.registry import LedgerClass, registry_fault
from interlock.core.rejection import Reason
from interlock.encoding.values import hex_of
from interlock.ledgers.memory import rules
from interlock.ledgers.memory.answer import Answer
from interlock.ledgers.memory.facts import leg_facts, order_facts
from interlock.ledgers.memory.page import EMPTY_PAGE, Leg, Page, Status
from interlock.ledgers.memory.proof import GENESIS_KNOWN, Known, Proof, Proven, ProvenOrder
from interlock.ledgers.memory.rules import DIRECT_BANK, HELD_BANK, VAULT, HoldRequest, Kind, Obstacle, Party
from support.log import Log
from support.world import (
    ALICE,
    BANK,
    BOB,
    PAYMENT_ONLY,
    TOKEN,
    VAULT_NAME,
    account_leg,
    id_of,
    instruct,
    instruction,
    ledger,
    registry,
)

COMMIT, ABORT = Outcome.COMMIT, Outcome.ABORT
PREPARE_BY, LAST_VALID = 100, 200
REQUEST, ORDER = HoldRequest(PREPARE_BY), ProvenOrder(LAST_VALID, Proof(1))
HOLDING = (VAULT, HELD_BANK)
FINISHED = (Status.DELIVERED, Status.RETURNED, Status.TOMBSTONED, Status.CONSENT, Status.EXECUTED, Status.NEVER)


def page(status: Status, outcome: Outcome | None = None) -> Page:
    """Give a page whose leg 0 is there."""
    return Page(((0, Leg(status, True, outcome)),))


def held(kind: Kind) -> Page:
    """Give a page with a hold that was asked for."""
    after, answer = rules.prepare(kind, EMPTY_PAGE, 0, REQUEST, now=PREPARE_BY)
    assert answer is Answer.HELD
    return after


def settle(kind: Kind, before: Page, outcome: Outcome, **how: bool) -> tuple[Status, Answer]:
    """Bring a certificate; give where the leg is, and what was answered."""
    after, answer = rules.settle(kind, GENESIS_KNOWN, before, 0, Proven(outcome, Proof(1)), **how)
    return after.leg(0).status, answer


@pytest.mark.parametrize("kind", HOLDING)
@pytest.mark.parametrize("status", FINISHED)
def test_a_finished_leg_begins_nothing_again(kind: Kind, status: Status) -> None:
    """V1, B6, B10, B15 and I4: whatever ended it, no hold, certificate, release or redirect moves it any more."""
    before = page(status, COMMIT if status is Status.DELIVERED else ABORT)
    assert rules.prepare(kind, before, 0, REQUEST, now=0)[0] is before
    for outcome in Outcome:
        assert settle(kind, before, outcome)[0] is status
    assert rules.release(before, 0)[0] is before
    assert rules.redirect(before, 0, Party.PAYEE)[0] is before


def test_what_a_vault_holds() -> None:
    """V2 and V3: in time, not as the pivot, and then the same for ever; other terms in its place are refused."""
    standing = held(VAULT)
    assert rules.prepare(VAULT, EMPTY_PAGE, 0, REQUEST, now=PREPARE_BY + 1)[1] is Answer.TOO_LATE
    here = HoldRequest(PREPARE_BY, is_pivot_here=True)
    assert rules.prepare(VAULT, EMPTY_PAGE, 0, here, now=0)[1] is Answer.PIVOT_HERE
    assert rules.prepare(VAULT, standing, 0, REQUEST, now=PREPARE_BY + 9) == (standing, Answer.HELD)
    other = HoldRequest(PREPARE_BY, body="other")
    assert rules.prepare(VAULT, standing, 0, other, now=0) == (standing, Answer.OTHER_TERMS)


@pytest.mark.parametrize("outcome", Outcome)
def test_entitlement_passes_before_payment(outcome: Outcome) -> None:
    """V4: what cannot be paid is whose it is all the same, stops nothing, and is paid when it can be."""
    stuck, answer = rules.settle(VAULT, GENESIS_KNOWN, held(VAULT), 0, Proven(outcome, Proof(1)), can_pay=False)
    assert (stuck.leg(0).status, answer) == (Status.ENTITLED, Answer.ENTITLED)
    assert settle(VAULT, stuck, outcome)[0] is (Status.DELIVERED if outcome is COMMIT else Status.RETURNED)


def test_abort_before_the_hold_leaves_a_tombstone() -> None:
    """V5 and B7: with the payer's signature at a vault, always at a bank; no hold follows."""
    assert settle(VAULT, EMPTY_PAGE, ABORT, can_close=False)[1] is Answer.UNSIGNED
    for kind in HOLDING:
        assert settle(kind, EMPTY_PAGE, ABORT)[0] is Status.TOMBSTONED
        assert rules.prepare(kind, page(Status.TOMBSTONED, ABORT), 0, REQUEST, now=0)[1] is Answer.TOMBSTONED


def test_who_is_entitled_can_have_it_paid_elsewhere() -> None:
    """V6: at once or not at all, and nobody else's word counts."""
    stuck = page(Status.ENTITLED, COMMIT)
    assert rules.redirect(stuck, 0, Party.PAYER) == (stuck, Answer.NOT_ENTITLED)
    assert rules.redirect(stuck, 0, Party.PAYEE, can_pay=False) == (stuck, Answer.UNPAYABLE)
    assert rules.redirect(stuck, 0, Party.PAYEE)[0].leg(0).status is Status.DELIVERED


def test_payer_and_payee_together_end_a_hold() -> None:
    """V7 and I5: neither alone, and not what a certificate has reached."""
    standing = held(VAULT)
    for alone in Party:
        assert rules.release(standing, 0, consents=[alone]) == (standing, Answer.UNSIGNED)
    assert rules.release(standing, 0)[0].leg(0).status is Status.CONSENT
    assert rules.release(page(Status.ENTITLED, COMMIT), 0)[1] is Answer.NOT_HELD


def test_nobody_owns_the_vault() -> None:
    """V8: none of its functions is an owner's, and it takes no coins: no pause, no upgrade, no rescue."""
    abi = json.loads((SOURCE / "ledgers" / "evm" / "artifacts" / "Vault.json").read_text())["abi"]
    functions = {item["name"] for item in abi if item["type"] == "function"}
    words = (
        "owner",
        "admin",
        "pause",
        "upgrade",
        "rescue",
        "sweep",
        "kill",
        "destroy",
        "migrate",
        "setcommittee",
        "grant",
    )
    assert [name for name in functions for word in words if word in name.lower()] == []
    assert not any(item["type"] in {"receive", "fallback"} for item in abi)


@pytest.mark.parametrize("kind", HOLDING)
def test_the_first_outcome_stays(kind: Kind) -> None:
    """V9 and B6: a valid certificate of the other outcome changes nothing, and is told as what it is."""
    delivered = page(Status.DELIVERED, COMMIT)
    assert settle(kind, delivered, ABORT) == (Status.DELIVERED, Answer.CONTRADICTED)


@pytest.mark.parametrize("kind", [VAULT, DIRECT_BANK])
def test_the_pivot_moves_all_its_legs_or_none(kind: Kind) -> None:
    """V10, D1, D3 and PIVOT-1: under an order, not after its last time; asked again it answers the same."""
    done, answer = rules.execute(kind, GENESIS_KNOWN, EMPTY_PAGE, [0, 2], ORDER, now=LAST_VALID)
    assert answer is Answer.EXECUTED
    assert [leg.status for _, leg in done.legs] == [Status.EXECUTED, Status.EXECUTED]
    again = ProvenOrder(LAST_VALID, Proof(2))
    assert rules.execute(kind, Known(2), done, [0, 2], again, now=LAST_VALID + 9) == (done, Answer.EXECUTED)
    late, answer = rules.execute(kind, GENESIS_KNOWN, EMPTY_PAGE, [0, 2], ORDER, now=LAST_VALID + 1)
    assert answer is Answer.NEVER
    assert {leg.status for _, leg in late.legs} == {Status.NEVER}


def test_a_hold_at_a_bank_ends_by_a_certificate_alone() -> None:
    """B1: no time ends it; a halt freezes it, both ways, and what was certified meanwhile is done afterwards."""
    standing = held(HELD_BANK)
    halted, _ = rules.halt(standing, 0)
    assert settle(HELD_BANK, halted, COMMIT) == (Status.HELD, Answer.HALTED)
    assert leg_facts(halted.leg(0), is_late=True) == (Fact.LOST,)
    told, _ = rules.settle(HELD_BANK, GENESIS_KNOWN, halted, 0, Proven(COMMIT, Proof(1)))
    resumed, _ = rules.resume(told, 0)
    assert settle(HELD_BANK, resumed, COMMIT)[0] is Status.DELIVERED


def test_a_capture_cannot_fail() -> None:
    """B3 and B9: the whole of it, also where the payee cannot be credited: then into suspense, and it is delivered."""
    assert settle(HELD_BANK, held(HELD_BANK), COMMIT, can_pay=False) == (Status.DELIVERED, Answer.DELIVERED)
    assert {each.name for each in fields(Proven)} == {"outcome", "proof"}


def test_the_same_request_gets_the_same_answer_for_ever() -> None:
    """B4 and B5: a hold as well as a refusal, whatever has become of the accounts since."""
    refused, answer = rules.prepare(HELD_BANK, EMPTY_PAGE, 0, REQUEST, now=0, obstacle=Obstacle.PASSING)
    assert answer is Answer.REFUSED
    assert rules.prepare(HELD_BANK, refused, 0, REQUEST, now=0) == (refused, Answer.REFUSED)
    standing = held(HELD_BANK)
    assert rules.prepare(HELD_BANK, standing, 0, REQUEST, now=999, obstacle=Obstacle.LASTING) == (standing, Answer.HELD)


def test_time_is_the_ledgers_own() -> None:
    """B12: a request says until when it may be held, and never what time it is."""
    assert "now" not in {each.name for each in fields(HoldRequest)}
    assert rules.prepare(HELD_BANK, EMPTY_PAGE, 0, REQUEST, now=PREPARE_BY + 1)[1] is Answer.REFUSED


def test_a_bank_takes_certificates_from_anybody() -> None:
    """B14: who brings one is not asked; of what epoch it is, is."""
    assert settle(HELD_BANK, held(HELD_BANK), ABORT)[0] is Status.RETURNED
    newer = Proven(COMMIT, Proof(2))
    assert rules.settle(HELD_BANK, GENESIS_KNOWN, held(HELD_BANK), 0, newer)[1] is Answer.BRING_ROTATIONS


def test_the_pivots_word_is_told_for_ever() -> None:
    """D4 and D5: EXECUTED and NEVER exclude each other, and neither is said without an order."""
    done, _ = rules.execute(DIRECT_BANK, GENESIS_KNOWN, EMPTY_PAGE, [0], ORDER, now=0)
    never, _ = rules.execute(DIRECT_BANK, GENESIS_KNOWN, EMPTY_PAGE, [0], ORDER, now=0, obstacle=Obstacle.LASTING)
    for when in (0, LAST_VALID, 10**9):
        assert order_facts(DIRECT_BANK, done, last_valid=LAST_VALID, final_time=when) == (Fact.EXECUTED,)
        assert order_facts(DIRECT_BANK, never, last_valid=LAST_VALID, final_time=when) == (Fact.NEVER,)
        assert order_facts(DIRECT_BANK, EMPTY_PAGE, last_valid=LAST_VALID, final_time=when) == ()


def test_each_class_is_held_to_what_it_is() -> None:
    """CLASS-VAULT, CLASS-HELD and CLASS-DIRECT: by its name, its key, and what admission lets be put on it."""
    wrong = {
        "a vault with a receipt key": ledger(VAULT_NAME, LedgerClass.HELD, hex_of(TOKEN)),
        "a bank that is called a vault": ledger(BANK, LedgerClass.VAULT, "USD/2"),
        "one that only pays and is no pivot": ledger(PAYMENT_ONLY, LedgerClass.DIRECT, "USD/2", is_pivot=False),
    }
    for line in wrong.values():
        assert registry_fault(registry(line)) is not None
    log = Log()
    unheld = instruction(account_legs=(account_leg(ledger=PAYMENT_ONLY),))
    log.block(instruct(unheld, ALICE, BOB))
    assert log[id_of(unheld)].reason is Reason.LEDGER_CANNOT_HOLD
    assert rules.prepare(DIRECT_BANK, EMPTY_PAGE, 0, REQUEST, now=0)[1] is Answer.CANNOT_HOLD
