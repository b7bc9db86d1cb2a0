"""A reason that may pass away rejects the entry and records nothing; limits count only what a key itself signed."""

from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import Instruction, redact
from interlock.core.registry import LedgerClass, Registry
from interlock.core.rejection import Reason
from interlock.core.settlement import State
from interlock.encoding.values import Uint32, hex_of
from support.log import LATE, Log
from support.world import (
    ALICE,
    BANK,
    BOB,
    CAROL,
    HORIZON_S,
    OTHER_BANK,
    OTHER_TOKEN,
    PREPARE_BY,
    REGISTRY,
    START,
    TOKEN,
    USD,
    VAULT_NAME,
    account_leg,
    cancel,
    configure,
    id_of,
    instruct,
    instruction,
    ledger,
    nonce,
    onchain_leg,
    registry,
    sign,
    word,
)

WITHOUT_BANK = replace(REGISTRY, ledgers=tuple(each for each in REGISTRY.ledgers if each.name != BANK))
WITHOUT_VAULT = replace(REGISTRY, ledgers=tuple(each for each in REGISTRY.ledgers if each.name != VAULT_NAME))
BANK_SUSPENDED = registry(ledger(BANK, LedgerClass.HELD, USD, is_suspended=True))
VAULT_SUSPENDED = registry(ledger(VAULT_NAME, LedgerClass.VAULT, hex_of(TOKEN), is_suspended=True))
NO_DOLLARS = registry(ledger(BANK, LedgerClass.HELD, "EUR/2", "usd/2"))
NO_TOKEN = registry(ledger(VAULT_NAME, LedgerClass.VAULT, hex_of(TOKEN).upper()))

TERMS = instruction(conditions=word(1))
PASSING: dict[str, tuple[Registry, Reason]] = {
    "the bank is unknown": (WITHOUT_BANK, Reason.LEDGER_UNKNOWN),
    "the vault is unknown": (WITHOUT_VAULT, Reason.LEDGER_UNKNOWN),
    "the bank is suspended": (BANK_SUSPENDED, Reason.LEDGER_SUSPENDED),
    "the vault is suspended": (VAULT_SUSPENDED, Reason.LEDGER_SUSPENDED),
    "the bank has no dollars": (NO_DOLLARS, Reason.ASSET_UNKNOWN),
    "the vault has no such token": (NO_TOKEN, Reason.ASSET_UNKNOWN),
    "nobody may have any open": (registry(open_max=0), Reason.TOO_MANY_OPEN),
    # the lower number first, over all legs
    "unknown before suspended": (
        replace(VAULT_SUSPENDED, ledgers=(VAULT_SUSPENDED.ledgers[-1],)),
        Reason.LEDGER_UNKNOWN,
    ),
    "suspended before no asset": (
        registry(ledger(VAULT_NAME, LedgerClass.VAULT), ledger(BANK, LedgerClass.HELD, is_suspended=True), open_max=0),
        Reason.LEDGER_SUSPENDED,
    ),
    "conditions are not evaluated": (registry(has_conditions=False), Reason.CONDITIONS_UNSUPPORTED),
    "prepareBy is too far": (registry(horizon_s=PREPARE_BY - START - 1), Reason.PREPARE_BY_TOO_FAR),
    "too many before conditions": (
        registry(open_max=0, has_conditions=False, horizon_s=0),
        Reason.TOO_MANY_OPEN,
    ),
    "conditions before too far": (registry(has_conditions=False, horizon_s=0), Reason.CONDITIONS_UNSUPPORTED),
    "no asset before too many": (replace(NO_DOLLARS, open_per_signer_max=Uint32(0)), Reason.ASSET_UNKNOWN),
}


@pytest.mark.parametrize(("bad", "reason"), PASSING.values(), ids=PASSING.keys())
def test_a_passing_reason_records_nothing_and_passes(bad: Registry, reason: Reason) -> None:
    """The same bytes that were rejected at a bad moment are admitted at a good one."""
    log = Log(registry=bad)
    entry, id_ = instruct(TERMS, ALICE, BOB), id_of(TERMS)
    for _ in range(2):
        assert log.block(entry).reasons == [reason]
        assert id_ not in log.replica.settlements
    assert reason.is_passing
    assert log.block(configure(REGISTRY, 2), entry).reasons == []
    assert log[id_].state is State.PREPARING


@pytest.mark.parametrize(("bad", "reason"), PASSING.values(), ids=PASSING.keys())
def test_a_passing_reason_at_the_match_keeps_what_was_there(bad: Registry, reason: Reason) -> None:
    """The signature that would match at a bad moment is rejected, and the settlement stays as it was."""
    log = Log()
    id_ = log.instruct(TERMS, ALICE)
    before = log[id_]
    assert log.block(configure(bad, 2), sign(id_, BOB)).reasons == [reason]
    assert log[id_] == before
    assert log.block(configure(REGISTRY, 3), sign(id_, BOB)).reasons == []
    assert log[id_].state is State.PREPARING


def test_a_prepare_by_that_is_too_far_comes_nearer() -> None:
    """Nothing is recorded of it, and a second later it is admitted, at the horizon to the second."""
    log, far = Log(), instruction(prepare_by=START + HORIZON_S + 1)
    assert log.block(instruct(far, ALICE, BOB)).reasons == [Reason.PREPARE_BY_TOO_FAR]
    assert log.replica.settlements == {}
    assert log.block(instruct(far, ALICE, BOB), time=START + 1).reasons == []
    assert log[id_of(far)].state is State.PREPARING


def test_after_prepare_by_a_passing_reason_counts_no_more() -> None:
    """Once prepareBy is past the unalterable reason is given, and the id is recorded."""
    log = Log(registry=WITHOUT_BANK)
    assert log.block(instruct(instruction(), ALICE), time=LATE).reasons == []
    assert log[id_of(instruction())].reason is Reason.PREPARE_BY_PASSED


def test_an_unalterable_reason_comes_before_a_passing_one() -> None:
    """What can never be admitted is not rejected in passing."""
    log = Log(registry=WITHOUT_BANK)
    bad = instruction(pivot_window=1)
    assert log.block(instruct(bad, ALICE)).reasons == []
    assert log[id_of(bad)].reason is Reason.PIVOT_WINDOW_UNWANTED


def test_a_hidden_ledger_is_asked_about_when_its_terms_come() -> None:
    """A redacted leg names no ledger, so an unknown one is noticed only with the terms in clear."""
    log = Log(registry=WITHOUT_BANK)
    assert log.block(instruct(redact(instruction()), ALICE, BOB)).reasons == []
    assert log.block(instruct(instruction(), BOB)).reasons == [Reason.LEDGER_UNKNOWN]
    assert log.block(instruct(redact(instruction(salt=2), ledger=BANK), ALICE)).reasons == [Reason.LEDGER_UNKNOWN]


def numbered(number: int) -> Instruction:
    """Give one of many instructions of Alice and Bob that share no lane."""
    return instruction(onchain_legs=(onchain_leg(nonce=nonce(number)),), salt=number)


def test_limits_count_only_what_a_key_itself_signed() -> None:
    """Instructions that name a victim without its signature, however many, do not fill its limit."""
    log = Log(registry=registry(open_max=2))
    for number in range(1, 6):
        log.instruct(numbered(number), BOB)
    assert log[log.instruct(numbered(10))].state is State.PREPARING
    assert log[log.instruct(numbered(11))].state is State.PREPARING
    assert log.block(instruct(numbered(12), ALICE, BOB)).reasons == [Reason.TOO_MANY_OPEN]


def test_a_limit_is_the_keys_own() -> None:
    """Alice's open settlements do not stop Carol, and a key that signs for two legs counts once."""
    log = Log(registry=registry(open_max=1))
    log.instruct(
        instruction(onchain_legs=(onchain_leg(payer=BOB.address, payee=ALICE.address),), account_legs=(account_leg(),))
    )
    assert log.block(instruct(numbered(2), ALICE)).reasons == [Reason.TOO_MANY_OPEN]
    carols = instruction(0, account_legs=(account_leg(signer=CAROL.address),), salt=3)
    assert log[log.instruct(carols)].state is State.PREPARING


def end(log: Log, outcome: Outcome, number: int) -> None:
    """Bring a numbered settlement to its end."""
    id_ = id_of(numbered(number))
    if outcome is Outcome.COMMIT:
        log.vote(id_, Fact.HELD)
    else:
        log.block(cancel(id_, ALICE, BOB))
    log.certify(id_, outcome)
    log.vote(id_, Fact.DELIVERED if outcome is Outcome.COMMIT else Fact.RETURNED)
    assert id_ in log.replica.ended


@pytest.mark.parametrize("outcome", Outcome)
def test_a_limit_is_freed_at_the_end(outcome: Outcome) -> None:
    """A settlement counts until it has ended, either way, and then no more."""
    log = Log(registry=registry(open_max=1))
    log.instruct(numbered(1))
    assert log.block(instruct(numbered(2), ALICE, BOB)).reasons == [Reason.TOO_MANY_OPEN]
    end(log, outcome, 1)
    log.instruct(numbered(2))
    assert log.block(instruct(numbered(3), ALICE, BOB)).reasons == [Reason.TOO_MANY_OPEN]


LANES = {
    "the same generation": instruction(onchain_legs=(onchain_leg(),), salt=2),
    "the next generation": instruction(onchain_legs=(onchain_leg(nonce=nonce(1, 2)),), salt=2),
    "another token": instruction(onchain_legs=(onchain_leg(token=OTHER_TOKEN),), salt=2),
    "one of two legs": instruction(onchain_legs=(onchain_leg(nonce=nonce(9)), onchain_leg()), salt=2),
}


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("terms", LANES.values(), ids=LANES.keys())
def test_a_live_lane_is_freed_at_the_end(terms: Instruction, outcome: Outcome) -> None:
    """A payer's lane in a vault serves one settlement until that has ended."""
    log = Log()
    log.instruct(numbered(1))
    rejected = log.block(instruct(terms, ALICE, BOB)).rejections[0]
    assert rejected.reason is Reason.LANE_LIVE
    assert id_of(numbered(1)).hex() in rejected.detail
    end(log, outcome, 1)
    assert log[log.instruct(terms)].state is State.PREPARING


FREE = {
    "another lane": {"nonce": nonce(2)},
    "another payer": {"payer": CAROL.address},
    "another chain": {"chain_id": 1},
}


@pytest.mark.parametrize("change", FREE.values(), ids=FREE.keys())
def test_another_lane_is_free(change: dict[str, object]) -> None:
    """Lanes of other payers, vaults and chains have nothing to do with each other."""
    other_vault = ledger(onchain_leg(chain_id=1).ledger, LedgerClass.VAULT, hex_of(TOKEN))
    log = Log(registry=registry(other_vault))
    log.instruct(numbered(1))
    leg = replace(onchain_leg(), **change)  # type: ignore[arg-type]  # fields by name
    assert log[log.instruct(instruction(onchain_legs=(leg,), salt=2))].state is State.PREPARING


def test_a_lane_that_only_one_side_signed_for_is_free() -> None:
    """An instruction that is not matched blocks no lane, and of two the first to match has it."""
    log = Log()
    other = instruction(salt=2)
    first, second = log.instruct(instruction(), ALICE), log.instruct(other, BOB)
    assert log.block(sign(first, BOB)).reasons == []
    assert log.block(sign(second, ALICE)).reasons == [Reason.LANE_LIVE]
    assert log[second].state is State.ALLEGED


def test_too_many_comes_before_a_live_lane() -> None:
    """The lower number first."""
    log = Log(registry=registry(open_max=1))
    log.instruct(numbered(1))
    assert log.block(instruct(instruction(salt=2), ALICE)).reasons == [Reason.TOO_MANY_OPEN]


def test_a_live_lane_comes_before_conditions_and_times() -> None:
    """The lower number first."""
    log = Log(registry=registry(has_conditions=False))
    log.instruct(numbered(1))
    late = instruction(salt=2, conditions=word(1), prepare_by=START + HORIZON_S + 1)
    assert log.block(instruct(late, ALICE)).reasons == [Reason.LANE_LIVE]


def test_two_banks_in_one_instruction() -> None:
    """Each leg is asked about on its own ledger."""
    log = Log(registry=registry(ledger(OTHER_BANK, LedgerClass.HELD, "EUR/2")))
    terms = instruction(account_legs=(account_leg(), account_leg(ledger=OTHER_BANK)))
    rejected = log.block(instruct(terms, ALICE)).rejections[0]
    assert rejected.reason is Reason.ASSET_UNKNOWN
    assert rejected.detail == "Leg 2: 'USD/2' on 'bank:second'."
