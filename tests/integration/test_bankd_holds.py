"""Holds at the bank, in this process: who may ask, what is refused for ever, and that nothing is held twice."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bankd_world import (
    BANK,
    BUYER,
    CASH,
    EUR,
    FRIEND,
    NOW,
    OTHER_BANK,
    PREPARE_BY,
    PRICE,
    SELLER,
    STRANGER,
    USD,
    BankWorld,
    bank_in,
    cash_leg,
    deal,
    genesis_of,
    id_of,
    request_of,
    signatures_of,
)

from interlock.bankd.order import HoldRequest
from interlock.bankd.problem import Code, Problem
from interlock.bankd.view import DepositRequest
from interlock.core.decision import Outcome
from interlock.core.instruction import (
    LegIndex,
    PartySignature,
    SettlementId,
    hash_account_terms,
    redact,
)
from interlock.core.limits import LEGS_MAX, NAME_BYTES_MAX
from interlock.encoding.secp256k1 import ORDER, address_of, sign_digest
from interlock.encoding.values import Bytes32, MinorUnits, Signature, Uint32, Uint64, Uint256, UnixSeconds
from interlock.evidence.bank_receipt import BankEvent, read_receipt


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BankWorld]:
    with bank_in(tmp_path / "bank") as world:
        yield world


def refused(world: BankWorld, request: HoldRequest, settlement: SettlementId, leg: int = CASH) -> Code:
    """Ask in a way that must be answered with a problem, which must record nothing."""
    before = world.bank.receipts(0, 500)
    with pytest.raises(Problem) as caught:
        world.bank.hold(world.bank.authenticate(settlement, LegIndex(Uint32(leg)), request))
    assert world.bank.receipts(0, 500) == before
    assert settlement.hex() in caught.value.detail or caught.value.code is Code.OUT_OF_BOUNDS
    return caught.value.code


def reason(world: BankWorld, *, nonce: int = 1, **terms: Any) -> str:  # noqa: ANN401 - a field may have any type
    """Ask for a hold with some terms changed; give the code of the refusal."""
    view = world.hold(deal(cash_leg(**terms), nonce=nonce))
    assert view.state is BankEvent.REFUSED
    receipt = read_receipt(view.receipts[-1])
    assert receipt.event is BankEvent.REFUSED
    return receipt.reason.split(":")[0]


def test_a_stranger_cannot_burn_an_id(world: BankWorld) -> None:
    """Requests without all the signatures are problems, after which the parties' own request is held."""
    terms = deal()
    signatures = signatures_of(terms)
    half = HoldRequest(redact(terms, ledger=BANK), signatures[:1])
    assert refused(world, half, id_of(terms)) is Code.SIGNATURE_MISSING
    assert refused(world, replace(half, signatures=()), id_of(terms)) is Code.SIGNATURE_MISSING
    forged = replace(signatures[1], signature=sign_digest(STRANGER, id_of(terms)))
    assert refused(world, replace(half, signatures=(signatures[0], forged)), id_of(terms)) is Code.SIGNATURE_INVALID
    assert world.hold(terms).state is BankEvent.HELD
    assert world.balance("buyer") == (0, PRICE)


def test_missing_signers_are_named(world: BankWorld) -> None:
    """The problem lists exactly the keys whose signatures are missing."""
    terms = deal()
    with pytest.raises(Problem) as caught:
        world.bank.authenticate(id_of(terms), CASH, HoldRequest(redact(terms, ledger=BANK), signatures_of(terms)[1:]))
    assert caught.value.facts == {"missing": ["0x" + address_of(SELLER).hex()]}


def test_changed_terms_do_not_hash_to_the_path(world: BankWorld) -> None:
    """A body whose terms differ from those of the id in the path is ID_MISMATCH, whatever is changed."""
    terms = deal()
    good = request_of(terms)
    for changed in (
        replace(good.instruction, memo_hash=Bytes32(b"\x01" * 32)),
        replace(good.instruction, prepare_by=UnixSeconds(Uint64(PREPARE_BY + 1))),
        replace(good.instruction, pivot=BANK),
        replace(good.instruction, onchain_legs=()),
        request_of(deal(cash_leg(amount=PRICE - 1))).instruction,
        request_of(deal(cash_leg(asset=EUR))).instruction,
        request_of(deal(cash_leg(payee="stranger"))).instruction,
        request_of(deal(cash_leg(blind=Bytes32(b"\x01" * 32)))).instruction,
    ):
        assert refused(world, replace(good, instruction=changed), id_of(terms)) is Code.ID_MISMATCH


def test_an_instruction_of_another_network_is_no_order_here(world: BankWorld) -> None:
    """Terms signed for another network have another id there, and none here."""
    terms = deal()
    other = genesis_of("other").network_id
    request = HoldRequest(redact(terms, ledger=BANK), signatures_of(terms, other))
    assert refused(world, request, id_of(terms)) is Code.SIGNATURE_INVALID


def test_the_leg_must_be_the_banks_own_and_in_clear(world: BankWorld) -> None:
    """A leg that does not exist, is on a chain, is hidden, or is on another ledger: each has its own code."""
    terms = deal(cash_leg(), cash_leg(ledger=OTHER_BANK))
    request = request_of(terms)
    assert refused(world, request, id_of(terms), leg=3) is Code.NO_SUCH_LEG
    assert refused(world, request, id_of(terms), leg=0) is Code.NOT_AN_ACCOUNT_LEG
    assert refused(world, request, id_of(terms), leg=2) is Code.TERMS_HIDDEN
    clear = replace(request, instruction=redact(terms, ledger=OTHER_BANK))
    assert refused(world, clear, id_of(terms), leg=2) is Code.OTHER_LEDGER


def test_no_hold_for_an_instruction_whose_pivot_is_this_bank(world: BankWorld) -> None:
    """B15: a pivot executes; it holds nothing. Another ledger's pivot is none of this bank's business."""
    here = deal(pivot=BANK)
    assert refused(world, request_of(here), id_of(here)) is Code.PIVOT_HERE
    assert world.hold(deal(pivot=OTHER_BANK)).state is BankEvent.HELD


def test_counts_and_sizes_are_bounded_before_anything_is_hashed(world: BankWorld) -> None:
    """Too many legs or signatures, none at all, or too long a name are OUT_OF_BOUNDS."""
    terms = deal()
    good = request_of(terms)
    many = deal(*[cash_leg(blind=Bytes32(bytes([n]) * 32)) for n in range(LEGS_MAX)])
    assert refused(world, request_of(many), id_of(many)) is Code.OUT_OF_BOUNDS
    empty = replace(good.instruction, onchain_legs=(), account_legs=())
    assert refused(world, replace(good, instruction=empty), id_of(terms)) is Code.OUT_OF_BOUNDS
    signatures = good.signatures * LEGS_MAX
    assert refused(world, replace(good, signatures=signatures), id_of(terms)) is Code.OUT_OF_BOUNDS
    for long in (deal(cash_leg(payer="x" * (NAME_BYTES_MAX + 1))), deal(pivot="é" * (NAME_BYTES_MAX // 2 + 1))):
        assert refused(world, request_of(long), id_of(long)) is Code.OUT_OF_BOUNDS


def test_the_earlier_check_is_the_one_named(world: BankWorld) -> None:
    """Of several faults the first in order is answered: bounds, id, leg, ledger, pivot, signature, missing."""
    terms = deal(cash_leg(), cash_leg(ledger=OTHER_BANK), pivot=BANK)
    request = request_of(terms)
    bad = replace(request, signatures=(replace(request.signatures[0], signature=Signature(bytes(65))),))
    wrong = replace(bad, instruction=replace(bad.instruction, pivot=OTHER_BANK))
    long = replace(bad, signatures=request.signatures * LEGS_MAX)
    assert refused(world, replace(long, instruction=wrong.instruction), id_of(terms), leg=9) is Code.OUT_OF_BOUNDS
    assert refused(world, wrong, id_of(terms), leg=9) is Code.ID_MISMATCH
    assert refused(world, bad, id_of(terms), leg=9) is Code.NO_SUCH_LEG
    assert refused(world, bad, id_of(terms), leg=2) is Code.TERMS_HIDDEN
    assert refused(world, bad, id_of(terms)) is Code.PIVOT_HERE
    plain = deal()
    assert refused(world, replace(bad, instruction=redact(plain, ledger=BANK)), id_of(plain)) is Code.SIGNATURE_INVALID


def test_signatures_in_any_other_form_are_invalid(world: BankWorld) -> None:
    """High s, v of 0 or 1, zero bytes, or another signer's name on a good signature: none is taken."""
    terms = deal()
    good = request_of(terms)
    seller, buyer = good.signatures
    s = int.from_bytes(buyer.signature[32:64], "big")
    high = buyer.signature[:32] + (ORDER - s).to_bytes(32) + bytes([55 - buyer.signature[64]])
    low_v = buyer.signature[:64] + bytes([buyer.signature[64] - 27])
    for signature in (high, low_v, bytes(65)):
        request = replace(good, signatures=(seller, replace(buyer, signature=Signature(signature))))
        assert refused(world, request, id_of(terms)) is Code.SIGNATURE_INVALID
    swapped = replace(good, signatures=(seller, replace(seller, signer=buyer.signer)))
    assert refused(world, swapped, id_of(terms)) is Code.SIGNATURE_INVALID


def test_a_signature_that_no_leg_needs_is_refused(world: BankWorld) -> None:
    """A stranger's own good signature does not become part of the request."""
    terms = deal()
    good = request_of(terms)
    more = PartySignature(address_of(STRANGER), sign_digest(STRANGER, id_of(terms)))
    request = replace(good, signatures=(*good.signatures, more))
    assert refused(world, request, id_of(terms)) is Code.SIGNER_NOT_REQUIRED


def test_business_checks_are_refused_for_ever_with_a_signed_reason(world: BankWorld) -> None:
    """Every business check that can fail here gives a REFUSED receipt that names it, and moves nothing."""
    world.accounts.open_account("euros", (EUR,))
    world.accounts.grant("euros", address_of(BUYER))
    world.accounts.open_account("friend", (USD,))
    cases: list[tuple[str, dict[str, Any]]] = [
        ("no_mandate", {"payer": "friend"}),
        ("no_mandate", {"payer": "nobody"}),
        ("unknown_asset", {"asset": "GBP/2"}),
        ("amount_out_of_range", {"amount": 0}),
        ("amount_out_of_range", {"amount": 2**63}),
        ("amount_out_of_range", {"amount": 2**256 - 1}),
        ("payer_cannot_hold_asset", {"payer": "euros"}),
        ("payee_unknown", {"payee": "nobody"}),
        ("payee_cannot_hold_asset", {"payee": "euros"}),
        ("same_account", {"payee": "buyer"}),
        ("insufficient_funds", {"amount": PRICE + 1}),
    ]
    for nonce, (expected, terms) in enumerate(cases, start=10):
        assert reason(world, nonce=nonce, **terms) == expected
    assert world.balance("buyer") == (PRICE, 0)
    assert len(world.receipts()) == len(cases)


def test_a_refusal_stands_though_its_cause_is_gone(world: BankWorld) -> None:
    """A refused leg stays refused after the money came; a new settlement of the same deal is held."""
    dear = deal(cash_leg(amount=PRICE + 1))
    first = world.hold(dear)
    world.accounts.deposit("more", DepositRequest("buyer", USD, MinorUnits(Uint256(1))))
    assert world.hold(dear) == first
    assert first.state is BankEvent.REFUSED
    assert world.hold(replace(dear, nonce=Bytes32(b"\x02" * 32))).state is BankEvent.HELD


def test_a_refusal_does_not_tell_the_customers_figures(world: BankWorld) -> None:
    """The other parties learn that the balance was below the amount, not what it is."""
    view = world.hold(deal(cash_leg(amount=PRICE + 1)))
    assert str(PRICE) not in read_receipt(view.receipts[0]).reason


def test_prepare_by_is_held_against_the_banks_own_clock(world: BankWorld) -> None:
    """B7: at prepareBy a hold still begins, a second later none does, also when the clock is turned back."""
    world.clock[0] = PREPARE_BY
    assert world.hold(deal(cash_leg(amount=1))).state is BankEvent.HELD
    world.clock[0] = PREPARE_BY + 1
    assert reason(world, nonce=2) == "too_late"
    world.clock[0] = NOW
    assert reason(world, nonce=3) == "too_late"


def test_the_time_that_was_told_is_never_taken_back(tmp_path: Path) -> None:
    """A time told to anybody binds the bank after a restart with a clock that lags."""
    with bank_in(tmp_path / "bank") as world:
        world.clock[0] = PREPARE_BY + 1
        assert world.bank.about().time == PREPARE_BY + 1
    with bank_in(tmp_path / "bank") as world:
        assert world.bank.about().time == PREPARE_BY + 1
        assert reason(world) == "too_late"


def test_mandates_are_the_banks_own_register(world: BankWorld) -> None:
    """B13: a revoked key is refused, a granted one is held, and a hold made before stands."""
    world.accounts.deposit("more", DepositRequest("buyer", USD, MinorUnits(Uint256(PRICE))))
    assert world.hold(deal(nonce=1)).state is BankEvent.HELD
    world.accounts.revoke("buyer", address_of(BUYER))
    assert reason(world, nonce=2) == "no_mandate"
    world.accounts.grant("buyer", address_of(FRIEND))
    assert world.hold(deal(cash_leg(FRIEND), nonce=3)).state is BankEvent.HELD
    assert world.balance("buyer") == (0, 2 * PRICE)


def test_the_same_request_gets_the_same_answer(world: BankWorld) -> None:
    """B4: asked ten times, held once, with one receipt, also when signatures come in another order."""
    terms = deal()
    first = world.hold(terms)
    request = replace(request_of(terms), signatures=request_of(terms).signatures[::-1])
    for _ in range(9):
        assert world.bank.hold(world.bank.authenticate(id_of(terms), CASH, request)) == first
    assert len(world.receipts()) == 1
    assert world.balance("buyer") == (0, PRICE)


def test_two_legs_of_one_settlement_are_two_holds(world: BankWorld) -> None:
    """Equal legs are held one by one, each with its own receipt; the second finds less money."""
    terms = deal(cash_leg(amount=60_000_00), cash_leg(amount=30_000_00), cash_leg(amount=10_000_00))
    states = [world.hold(terms, LegIndex(Uint32(leg))).state for leg in (1, 2, 3)]
    assert states == [BankEvent.HELD, BankEvent.HELD, BankEvent.REFUSED]
    assert world.balance("buyer") == (PRICE - 90_000_00, 90_000_00)
    assert [receipt.leg for receipt in world.receipts()] == [1, 2, 3]


def test_the_receipt_of_a_hold_names_the_signed_terms(world: BankWorld) -> None:
    """B11: beneficiary, amount, asset, settlement, terms, and the bank's own time and name."""
    terms = deal()
    (receipt,) = (read_receipt(jws) for jws in world.hold(terms).receipts)
    leg = terms.account_legs[0].terms
    assert (receipt.settlement, receipt.leg, receipt.event) == (id_of(terms), CASH, BankEvent.HELD)
    assert (receipt.terms, receipt.asset, receipt.amount) == (hash_account_terms(leg), USD, PRICE)
    assert (receipt.payer, receipt.payee, receipt.reason) == ("buyer", "seller", "")
    assert (receipt.ledger, receipt.time, receipt.number) == (BANK, NOW, 1)


def test_one_signer_of_both_legs_signs_once(world: BankWorld) -> None:
    """A key that is required twice gives one signature; an on-chain party may be the account's signer."""
    world.accounts.grant("buyer", address_of(SELLER))
    terms = deal(cash_leg(SELLER))
    assert len(signatures_of(terms)) == 1
    assert world.hold(terms).state is BankEvent.HELD


def test_other_banks_legs_stay_hidden_and_give_the_same_id(world: BankWorld) -> None:
    """The bank holds its own leg knowing of another bank's only a hash."""
    terms = deal(cash_leg(), cash_leg(FRIEND, ledger=OTHER_BANK))
    assert isinstance(request_of(terms).instruction.account_legs[1].terms, bytes)
    assert world.hold(terms).state is BankEvent.HELD


def test_unknown_holds_are_told_so(world: BankWorld) -> None:
    """A leg that was never recorded is UNKNOWN_HOLD, and asking records nothing."""
    with pytest.raises(Problem) as caught:
        world.bank.look(id_of(deal()), CASH)
    assert caught.value.code is Code.UNKNOWN_HOLD
    assert world.receipts() == ()


def test_outcomes_are_found_by_id_after_a_restart(tmp_path: Path) -> None:
    """B5: what was answered before the bank stopped is answered the same afterwards."""
    terms = deal()
    with bank_in(tmp_path / "bank") as world:
        held = world.hold(terms)
    with bank_in(tmp_path / "bank") as world:
        assert world.bank.look(id_of(terms), CASH) == held == world.hold(terms)
        assert world.bring(terms, Outcome.COMMIT).state is BankEvent.CAPTURED
    with bank_in(tmp_path / "bank") as world:
        assert world.bank.look(id_of(terms), CASH).state is BankEvent.CAPTURED
        assert world.balance("seller") == (PRICE, 0)
