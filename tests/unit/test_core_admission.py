"""What can never be admitted is recorded as ABORTED; what may be admitted later leaves no trace."""

from dataclasses import replace

import pytest

from interlock.core.admission import unalterable_fault
from interlock.core.decision import Outcome
from interlock.core.instruction import AccountLeg, Instruction, RedactedInstruction, hash_account_terms, redact
from interlock.core.rejection import Reason
from interlock.core.settlement import Cause, State
from interlock.encoding.values import ZERO_ADDRESS, Address
from interlock.evidence.certificate import certificate_fault
from support.log import LATE, Log
from support.world import (
    ALICE,
    BANK,
    BOB,
    COMMITTEE,
    HORIZON_S,
    NETWORK,
    PAYMENT_ONLY,
    PIVOT_WINDOW_S,
    START,
    TOKEN,
    VAULT,
    VAULT_NAME,
    Key,
    account_leg,
    id_of,
    instruct,
    instruction,
    nonce,
    onchain_leg,
    pivot_instruction,
    registry,
    word,
)


def chain(**changes: object) -> Instruction:
    return instruction(onchain_legs=(replace(onchain_leg(), **changes),))  # type: ignore[arg-type]  # fields by name


def account(signer: Address = BOB.address, **changes: object) -> Instruction:
    terms = replace(account_leg().terms, **changes)  # type: ignore[arg-type]  # fields by name
    return instruction(account_legs=(AccountLeg(signer, terms),))


LONG = "é" * 64 + "x"
"""129 bytes in 65 characters."""
NAME = "é" * 64
"""128 bytes, the most that a name may have."""

UNALTERABLE: dict[str, tuple[Instruction, Key, Reason]] = {
    "a memo of 257 bytes": (instruction(memo="é" * 128 + "x"), ALICE, Reason.TEXT_TOO_LONG),
    "no ledger": (account(ledger=""), ALICE, Reason.TEXT_TOO_LONG),
    "no asset": (account(asset=""), ALICE, Reason.TEXT_TOO_LONG),
    "no debited account": (account(payer=""), ALICE, Reason.TEXT_TOO_LONG),
    "no credited account": (account(payee=""), ALICE, Reason.TEXT_TOO_LONG),
    "a long ledger": (account(ledger=LONG), ALICE, Reason.TEXT_TOO_LONG),
    "a long asset": (account(asset=LONG), ALICE, Reason.TEXT_TOO_LONG),
    "a long debited account": (account(payer=LONG), ALICE, Reason.TEXT_TOO_LONG),
    "a long credited account": (account(payee=LONG), ALICE, Reason.TEXT_TOO_LONG),
    "no tokens": (chain(amount=0), ALICE, Reason.AMOUNT_ZERO),
    "no money": (account(amount=0), ALICE, Reason.AMOUNT_ZERO),
    "more money than is counted": (account(amount=2**63), ALICE, Reason.AMOUNT_TOO_LARGE),
    "the zero address pays": (chain(payer=ZERO_ADDRESS), BOB, Reason.PAYER_INVALID),
    "the vault pays": (chain(payer=VAULT), BOB, Reason.PAYER_INVALID),
    "the token pays": (chain(payer=TOKEN), BOB, Reason.PAYER_INVALID),
    "the zero address signs": (account(signer=ZERO_ADDRESS), ALICE, Reason.PAYER_INVALID),
    "the zero address is paid": (chain(payee=ZERO_ADDRESS), ALICE, Reason.PAYEE_INVALID),
    "the vault is paid": (chain(payee=VAULT), ALICE, Reason.PAYEE_INVALID),
    "the token is paid": (chain(payee=TOKEN), ALICE, Reason.PAYEE_INVALID),
    "the payer is paid": (chain(payee=ALICE.address), ALICE, Reason.PAYEE_INVALID),
    "an account pays itself": (account(payee="bob"), ALICE, Reason.PAYEE_INVALID),
    "generation zero": (chain(nonce=nonce(1, 0)), ALICE, Reason.GENERATION_ZERO),
    "a lane twice": (
        instruction(onchain_legs=(onchain_leg(), onchain_leg(nonce=nonce(1, 2)))),
        ALICE,
        Reason.LANE_TWICE,
    ),
    "one on-chain leg twice": (instruction(onchain_legs=(onchain_leg(), onchain_leg())), ALICE, Reason.LANE_TWICE),
    "prepareBy passed": (instruction(prepare_by=START - 1), ALICE, Reason.PREPARE_BY_PASSED),
    "prepareBy before settleFrom": (
        instruction(settle_from=START + 2, prepare_by=START + 1),
        ALICE,
        Reason.PREPARE_BY_BEFORE_SETTLE_FROM,
    ),
    "a window without a pivot": (instruction(pivot_window=1), ALICE, Reason.PIVOT_WINDOW_UNWANTED),
    "a ledger that holds nothing": (account(ledger=PAYMENT_ONLY), ALICE, Reason.LEDGER_CANNOT_HOLD),
    "an account leg at a vault": (account(ledger=VAULT_NAME), ALICE, Reason.LEDGER_CANNOT_HOLD),
    "a ledger that holds nothing beside the pivot": (
        instruction(account_legs=(account_leg(ledger=PAYMENT_ONLY), account_leg()), pivot=BANK, pivot_window=1),
        ALICE,
        Reason.LEDGER_CANNOT_HOLD,
    ),
    "a pivot without a leg": (instruction(pivot=PAYMENT_ONLY, pivot_window=1), ALICE, Reason.PIVOT_WITHOUT_LEG),
    "a pivot's name in other letters": (
        pivot_instruction(pivot=PAYMENT_ONLY.upper()),
        ALICE,
        Reason.LEDGER_CANNOT_HOLD,
    ),
    "a pivot without a window": (pivot_instruction(pivot_window=0), ALICE, Reason.PIVOT_WINDOW_ZERO),
    "a pivot with a long window": (
        pivot_instruction(pivot_window=PIVOT_WINDOW_S + 1),
        ALICE,
        Reason.PIVOT_WINDOW_TOO_LONG,
    ),
    "a vault that is no pivot": (instruction(pivot=VAULT_NAME, pivot_window=1), ALICE, Reason.PIVOT_UNSUPPORTED),
    "a bank that is no pivot": (instruction(pivot=BANK, pivot_window=1), ALICE, Reason.PIVOT_UNSUPPORTED),
}


@pytest.mark.parametrize(("terms", "signer", "reason"), UNALTERABLE.values(), ids=UNALTERABLE.keys())
def test_what_can_never_be_admitted_is_recorded_as_aborted_and_certified(
    terms: Instruction, signer: Key, reason: Reason
) -> None:
    """With one required signature the id is aborted with its reason, so that a hold that exists can be returned."""
    log = Log()
    id_ = id_of(terms)
    assert log.block(instruct(terms, signer)).reasons == []
    recorded = log[id_]
    assert (recorded.state, recorded.cause, recorded.reason) == (State.ABORTED, Cause.NOT_ADMITTED, reason)
    assert reason.is_unalterable
    log.certify(id_, Outcome.ABORT)
    certificate = log[id_].certificate
    assert certificate is not None
    assert certificate_fault(NETWORK, COMMITTEE, certificate, settlement=id_, outcome=Outcome.ABORT) is None


@pytest.mark.parametrize(("terms", "signer", "reason"), UNALTERABLE.values(), ids=UNALTERABLE.keys())
def test_nothing_is_recorded_without_a_required_signature(terms: Instruction, signer: Key, reason: Reason) -> None:
    """A stranger cannot record anybody's id, however bad the terms are."""
    log = Log()
    stranger = Key(word(77))
    assert signer != stranger
    assert reason.is_unalterable
    assert log.block(instruct(terms, stranger)).reasons == [Reason.SIGNER_NOT_REQUIRED]
    assert id_of(terms) not in log.replica.settlements


ADMITTED: dict[str, Instruction] = {
    "16 legs": instruction(1, 15),
    "a memo of 256 bytes": instruction(memo="é" * 128),
    "no memo": instruction(memo=""),
    "names of 128 bytes": account(payer=NAME, payee="x"),
    "one unit of each": instruction(onchain_legs=(onchain_leg(amount=1),), account_legs=(account_leg(amount=1),)),
    "the largest amounts": instruction(
        onchain_legs=(onchain_leg(amount=2**256 - 1),), account_legs=(account_leg(amount=2**63 - 1),)
    ),
    "the last lane and generation": chain(nonce=nonce(2**216 - 1, 2**40 - 1)),
    "the same lane number of two payers": instruction(
        onchain_legs=(onchain_leg(), onchain_leg(payer=BOB.address, payee=ALICE.address))
    ),
    "one equal account leg twice": instruction(account_legs=(account_leg(), account_leg())),
    "prepareBy now": instruction(prepare_by=START),
    "prepareBy equal to settleFrom": instruction(settle_from=START + 5, prepare_by=START + 5),
    "prepareBy at the horizon": instruction(prepare_by=START + HORIZON_S),
    "a pivot": pivot_instruction(),
    "a pivot with the longest window": pivot_instruction(pivot_window=PIVOT_WINDOW_S),
    "conditions": instruction(conditions=word(1)),
    "account legs only": instruction(0, 2),
    "on-chain legs only": instruction(2, 0),
}


@pytest.mark.parametrize("terms", ADMITTED.values(), ids=ADMITTED.keys())
def test_what_lies_within_the_bounds_is_admitted_and_prepared(terms: Instruction) -> None:
    """At each bound an instruction is still good; two equal legs are two legs."""
    log = Log()
    assert log[log.instruct(terms)].state is State.PREPARING


def bad_at_every_step(**good: object) -> Instruction:
    """Give an instruction with every unalterable fault but those made good."""
    faulty: dict[str, object] = {
        "memo": "x" * 257,
        "onchain_legs": (onchain_leg(amount=0, payer=VAULT, payee=VAULT, nonce=0), onchain_leg(payer=VAULT, nonce=0)),
        "account_legs": tuple(
            account_leg(index, signer=ZERO_ADDRESS if index else BOB.address, ledger="", amount=0, payee="bob")
            for index in range(15)
        ),
        "pivot": "x",
        "conditions": word(1),
        "settle_from": START,
        "prepare_by": START - 1,
        "pivot_window": 1,
    }
    return replace(instruction(), **(faulty | good))  # type: ignore[arg-type]  # fields by name


ALMOST = (
    account_leg(signer=BOB.address, ledger=PAYMENT_ONLY, amount=2**63, payee="bob"),
    account_leg(signer=ZERO_ADDRESS, ledger=PAYMENT_ONLY, amount=2**63),
)
FINE = (account_leg(ledger=PAYMENT_ONLY),)
TWICE = (onchain_leg(), onchain_leg())
PRECEDENCE: list[tuple[dict[str, object], Reason]] = [
    ({"account_legs": bad_at_every_step().account_legs[:2]}, Reason.TEXT_TOO_LONG),
    ({"memo": "", "account_legs": bad_at_every_step().account_legs[:2]}, Reason.TEXT_TOO_LONG),
    ({"memo": "", "account_legs": ALMOST}, Reason.AMOUNT_ZERO),
    ({"memo": "", "account_legs": ALMOST, "onchain_legs": (onchain_leg(payer=VAULT),)}, Reason.AMOUNT_TOO_LARGE),
    (
        {"memo": "", "account_legs": FINE, "onchain_legs": (onchain_leg(payee=VAULT), onchain_leg(payer=VAULT))},
        Reason.PAYER_INVALID,
    ),
    (
        {"memo": "", "account_legs": FINE, "onchain_legs": (onchain_leg(nonce=0), onchain_leg(payee=VAULT))},
        Reason.PAYEE_INVALID,
    ),
    (
        {"memo": "", "account_legs": FINE, "onchain_legs": (*TWICE, onchain_leg(nonce=0))},
        Reason.GENERATION_ZERO,
    ),
    ({"memo": "", "account_legs": FINE, "onchain_legs": TWICE}, Reason.LANE_TWICE),
    ({"memo": "", "account_legs": FINE, "onchain_legs": TWICE[:1]}, Reason.PREPARE_BY_PASSED),
]


@pytest.mark.parametrize(("good", "reason"), PRECEDENCE, ids=[reason.name for _, reason in PRECEDENCE])
def test_of_two_reasons_the_lower_number_is_given(good: dict[str, object], reason: Reason) -> None:
    """Reasons are checked by rising number, over all legs, and the first that applies is recorded."""
    terms = bad_at_every_step(**good)
    log = Log()
    log.block(instruct(terms, BOB))
    assert log[id_of(terms)].reason is reason


UNKNOWN = (account_leg(ledger="nobody"),)
TIMES: list[tuple[dict[str, object], Reason]] = [
    ({"prepare_by": START + 9_999, "settle_from": START + 10_000}, Reason.PREPARE_BY_BEFORE_SETTLE_FROM),
    ({}, Reason.PIVOT_WINDOW_UNWANTED),
    ({"pivot_window": 0}, Reason.LEDGER_CANNOT_HOLD),
    ({"pivot": "x", "pivot_window": 0}, Reason.LEDGER_CANNOT_HOLD),
    ({"pivot": "x", "pivot_window": 0, "account_legs": UNKNOWN}, Reason.PIVOT_WITHOUT_LEG),
    ({"pivot": VAULT_NAME, "pivot_window": 0, "account_legs": UNKNOWN}, Reason.PIVOT_WINDOW_ZERO),
    ({"pivot": VAULT_NAME, "pivot_window": 10**9, "account_legs": UNKNOWN}, Reason.PIVOT_WINDOW_TOO_LONG),
    ({"pivot": VAULT_NAME, "account_legs": UNKNOWN}, Reason.PIVOT_UNSUPPORTED),
]


@pytest.mark.parametrize(("changes", "reason"), TIMES, ids=[f"{reason.name}-{len(made)}" for made, reason in TIMES])
def test_times_come_after_forms_and_before_ledgers_and_pivots(changes: dict[str, object], reason: Reason) -> None:
    """The later reasons have their order too, before every passing one."""
    faulty: dict[str, object] = {
        "account_legs": (*FINE, *UNKNOWN),
        "pivot_window": 1,
        "prepare_by": START + 9_999,
        "conditions": word(1),
    }
    terms = replace(instruction(), **(faulty | changes))  # type: ignore[arg-type]  # fields by name
    log = Log(registry=registry(has_conditions=False))
    log.block(instruct(terms, BOB))
    assert log[id_of(terms)].reason is reason


def test_an_instruction_without_legs_is_nobodys() -> None:
    """Nobody's consent is needed, so nothing is recorded; whoever asks beforehand is told NO_LEGS."""
    log = Log()
    terms = instruction(0, 0)
    assert log.block(instruct(terms, ALICE)).reasons == [Reason.SIGNER_NOT_REQUIRED]
    assert unalterable_fault(terms, log.replica.context()) == (Reason.NO_LEGS, "")


def test_the_leg_is_named() -> None:
    """Where one leg is at fault the detail says which."""
    log = Log()
    fault = unalterable_fault(instruction(account_legs=(account_leg(), account_leg(amount=0))), log.replica.context())
    assert fault == (Reason.AMOUNT_ZERO, "Leg 2: the amount is 0.")


REDACTED: dict[str, tuple[Instruction, Reason | None]] = {
    "hidden terms are not judged": (account(amount=0), None),
    "a hidden memo is not judged": (instruction(memo="x" * 257), None),
    "a hidden ledger is not judged": (account(ledger=PAYMENT_ONLY), None),
    "a zero signer is seen": (account(signer=ZERO_ADDRESS), Reason.PAYER_INVALID),
    "a bad on-chain leg is seen": (chain(amount=0), Reason.AMOUNT_ZERO),
    "bad times are seen": (instruction(prepare_by=0), Reason.PREPARE_BY_PASSED),
}


@pytest.mark.parametrize(("terms", "reason"), REDACTED.values(), ids=REDACTED.keys())
def test_a_redacted_form_is_judged_by_what_it_shows(terms: Instruction, reason: Reason | None) -> None:
    """Hashes hide faults until the terms come; then the instruction is aborted after all."""
    log = Log()
    id_ = id_of(terms)
    assert log.block(instruct(redact(terms), ALICE)).reasons == []
    assert log[id_].reason is reason
    if reason is not None:
        return
    assert log[id_].state is State.ALLEGED
    assert log.block(instruct(terms, ALICE)).reasons == []
    assert log[id_].state is State.ABORTED
    assert log[id_].cause is Cause.NOT_ADMITTED


def test_a_redacted_form_with_some_terms_in_clear_is_judged_by_those() -> None:
    """A bank's form shows the bank's own legs, and a fault in them is seen."""
    log = Log()
    clear = account_leg(1, amount=0)
    seen = redact(instruction(account_legs=(account_leg(), clear)))
    mixed: RedactedInstruction = replace(
        seen, account_legs=(seen.account_legs[0], replace(seen.account_legs[1], terms=clear.terms))
    )
    assert seen.account_legs[1].terms == hash_account_terms(clear.terms)
    log.block(instruct(mixed, ALICE))
    assert log[id_of(mixed)].reason is Reason.AMOUNT_ZERO


def test_without_a_configuration_no_horizon_is_known() -> None:
    """Before the first configuration nothing of a far prepareBy is recorded; the ledgers are unknown, and pass."""
    log = Log(registry=None)
    log.block(time=START)
    terms = instruction(prepare_by=2**64 - 1)
    assert log.block(instruct(terms, ALICE)).reasons == [Reason.LEDGER_UNKNOWN]
    assert log.block(instruct(instruction(prepare_by=START), ALICE), time=LATE).reasons == []
    assert log[id_of(instruction(prepare_by=START))].reason is Reason.PREPARE_BY_PASSED
