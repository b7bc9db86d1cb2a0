"""Certificates at the bank, in this process: only a quorum's word ends a hold, and the first one binds."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bankd_world import (
    CASH,
    NODES,
    NOW,
    PREPARE_BY,
    PRICE,
    STRANGER,
    BankWorld,
    bank_in,
    cash_leg,
    certificate_of,
    deal,
    genesis_of,
    id_of,
    request_of,
)

from interlock.bankd.problem import Code, Problem
from interlock.core.committee import Epoch, MemberIndex
from interlock.core.decision import Certificate, MemberSignature, Outcome, decision_digest
from interlock.core.instruction import Instruction, LegIndex
from interlock.encoding.secp256k1 import sign_digest
from interlock.encoding.values import ZERO_BYTES32, Uint32, Uint64
from interlock.evidence.bank_receipt import BankEvent, read_receipt

LEG_2 = LegIndex(Uint32(2))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BankWorld]:
    with bank_in(tmp_path / "bank") as world:
        yield world


def problem(world: BankWorld, terms: Instruction, certificate: Certificate, leg: LegIndex = CASH) -> Code:
    """Bring a certificate that must be answered with a problem, which must book nothing."""
    before = world.bank.receipts(0, 500)
    with pytest.raises(Problem) as caught:
        world.bank.bring(id_of(terms), leg, certificate)
    assert world.bank.receipts(0, 500) == before
    assert id_of(terms).hex() in caught.value.detail
    return caught.value.code


def test_a_certificate_that_proves_nothing_moves_nothing(world: BankWorld) -> None:
    """Another settlement, network, epoch, too few, too many, doubled, disordered or strange signers: all refused."""
    terms = deal()
    world.hold(terms)
    good = certificate_of(id_of(terms), Outcome.COMMIT)
    stranger = MemberSignature(
        MemberIndex(Uint32(2)), sign_digest(STRANGER, decision_digest(genesis_of().network_id, good.decision))
    )
    bad = [
        certificate_of(id_of(deal(nonce=2)), Outcome.COMMIT),
        certificate_of(id_of(terms), Outcome.COMMIT, genesis=genesis_of("other")),
        certificate_of(id_of(terms), Outcome.COMMIT, epoch=Epoch(Uint64(2))),
        certificate_of(id_of(terms), Outcome.COMMIT, epoch=Epoch(Uint64(0))),
        certificate_of(id_of(terms), Outcome.COMMIT, signers=()),
        certificate_of(id_of(terms), Outcome.COMMIT, signers=(0, 1)),
        certificate_of(id_of(terms), Outcome.COMMIT, signers=(0, 1, 2, 3)),
        certificate_of(id_of(terms), Outcome.COMMIT, signers=(0, 1, 1)),
        certificate_of(id_of(terms), Outcome.COMMIT, signers=(2, 1, 0)),
        replace(good, signatures=(*good.signatures[:2], stranger)),
        replace(good, signatures=(*good.signatures[:2], replace(good.signatures[2], member=MemberIndex(Uint32(3))))),
        replace(good, signatures=(*good.signatures[:2], replace(good.signatures[2], member=MemberIndex(Uint32(4))))),
        replace(good, decision=replace(good.decision, outcome=Outcome.ABORT)),
    ]
    for certificate in bad:
        assert problem(world, terms, certificate) is Code.CERTIFICATE_INVALID
    assert world.balance("buyer") == (0, PRICE)
    assert world.bring(terms, Outcome.COMMIT).state is BankEvent.CAPTURED


def test_every_quorum_of_the_committee_is_obeyed(tmp_path: Path) -> None:
    """Any three of the four nodes make the proof, whoever they are."""
    for missing in range(len(NODES)):
        signers = [index for index in range(len(NODES)) if index != missing]
        with bank_in(tmp_path / str(missing)) as world:
            terms = deal()
            world.hold(terms)
            certificate = certificate_of(id_of(terms), Outcome.COMMIT, signers=signers)
            assert world.bank.bring(id_of(terms), CASH, certificate).state is BankEvent.CAPTURED


def test_commit_captures_the_whole_hold(world: BankWorld) -> None:
    """COMMIT credits the payee with the full amount; the receipts are HELD and CAPTURED, with the same terms."""
    terms = deal()
    world.hold(terms)
    assert world.bring(terms, Outcome.COMMIT).state is BankEvent.CAPTURED
    assert (world.balance("buyer"), world.balance("seller")) == ((0, 0), (PRICE, 0))
    held, captured = (read_receipt(jws) for jws in world.bank.look(id_of(terms), CASH).receipts)
    assert (held.event, captured.event) == (BankEvent.HELD, BankEvent.CAPTURED)
    assert held.terms == captured.terms


def test_abort_gives_the_hold_back(world: BankWorld) -> None:
    """ABORT makes the amount available to the payer again, who may pay with it elsewhere."""
    world.hold(deal())
    assert world.bring(deal(), Outcome.ABORT).state is BankEvent.RELEASED
    assert (world.balance("buyer"), world.balance("seller")) == ((PRICE, 0), (0, 0))
    assert world.hold(deal(nonce=2)).state is BankEvent.HELD


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_same_certificate_again_changes_nothing(world: BankWorld, outcome: Outcome) -> None:
    """Brought ten times, by any quorum, it is obeyed once."""
    terms = deal()
    world.hold(terms)
    first = world.bring(terms, outcome)
    for signers in ((0, 1, 2), (1, 2, 3), (0, 2, 3)):
        certificate = certificate_of(id_of(terms), outcome, signers=signers)
        assert world.bank.bring(id_of(terms), CASH, certificate) == first
    assert len(world.receipts()) == 2


def test_a_late_certificate_is_obeyed(world: BankWorld) -> None:
    """B1: a hold has no expiry; long after prepareBy only the certificate ends it."""
    world.hold(deal())
    world.clock[0] = PREPARE_BY + 10_000_000
    assert world.balance("buyer") == (0, PRICE)
    assert world.bring(deal(), Outcome.COMMIT).state is BankEvent.CAPTURED


def test_capture_does_not_look_at_business_checks_again(world: BankWorld) -> None:
    """B3: a mandate revoked after the hold does not stop its capture."""
    world.hold(deal())
    world.accounts.revoke("buyer", deal().account_legs[0].signer)
    assert world.bring(deal(), Outcome.COMMIT).state is BankEvent.CAPTURED


def test_abort_before_the_hold_leaves_a_tombstone(world: BankWorld) -> None:
    """B7: after ABORT no hold can begin; the tombstone's receipt tells no terms, as the bank never had them."""
    terms = deal()
    assert world.bring(terms, Outcome.ABORT).state is BankEvent.TOMBSTONED
    view = world.hold(terms)
    assert view.state is BankEvent.TOMBSTONED
    (receipt,) = (read_receipt(jws) for jws in view.receipts)
    assert (receipt.event, receipt.terms, receipt.amount, receipt.payer) == (BankEvent.TOMBSTONED, ZERO_BYTES32, 0, "")
    assert world.balance("buyer") == (PRICE, 0)
    assert world.bring(terms, Outcome.ABORT).state is BankEvent.TOMBSTONED
    assert len(world.receipts()) == 1


def test_a_tombstone_does_not_answer_strangers(world: BankWorld) -> None:
    """An unsigned request for a tombstoned leg is still a problem: authenticity comes first."""
    terms = deal()
    world.bring(terms, Outcome.ABORT)
    changed = replace(terms, memo="other")
    with pytest.raises(Problem) as caught:
        world.bank.authenticate(id_of(terms), CASH, request_of(changed))
    assert caught.value.code is Code.ID_MISMATCH


def test_abort_closes_a_refused_leg(world: BankWorld) -> None:
    """A refused leg gets its tombstone too, keeping the refusal's receipt; COMMIT for it moves nothing."""
    dear = deal(cash_leg(amount=PRICE + 1))
    world.hold(dear)
    commit = certificate_of(id_of(dear), Outcome.COMMIT)
    assert problem(world, dear, commit) is Code.NEVER_HELD
    assert world.bring(dear, Outcome.ABORT).state is BankEvent.TOMBSTONED
    refused, tombstoned = (read_receipt(jws) for jws in world.hold(dear).receipts)
    assert (refused.event, tombstoned.event) == (BankEvent.REFUSED, BankEvent.TOMBSTONED)
    assert refused.terms == tombstoned.terms != ZERO_BYTES32


def test_commit_without_a_hold_moves_nothing(world: BankWorld) -> None:
    """COMMIT for a leg that was never held is NEVER_HELD, and the hold may still be made and captured."""
    terms = deal()
    assert problem(world, terms, certificate_of(id_of(terms), Outcome.COMMIT)) is Code.NEVER_HELD
    assert world.hold(terms).state is BankEvent.HELD
    assert world.bring(terms, Outcome.COMMIT).state is BankEvent.CAPTURED


@pytest.mark.parametrize("first", list(Outcome))
def test_a_conflicting_certificate_is_kept_as_proof_and_not_obeyed(world: BankWorld, first: Outcome) -> None:
    """B6: the first outcome stays, the second answers so, and both certificates are kept, also after the tombstone."""
    second = Outcome.ABORT if first is Outcome.COMMIT else Outcome.COMMIT
    terms = deal()
    world.hold(terms)
    done = world.bring(terms, first)
    balances = (world.balance("buyer"), world.balance("seller"))
    for _ in range(2):
        assert problem(world, terms, certificate_of(id_of(terms), second)) is Code.CONFLICTING_CERTIFICATE
    assert (world.balance("buyer"), world.balance("seller")) == balances
    assert world.bring(terms, first) == done
    ((obeyed, contradiction),) = world.bank.contradictions()
    assert (obeyed.decision.outcome, contradiction.decision.outcome) == (first, second)


def test_commit_after_a_tombstone_conflicts(world: BankWorld) -> None:
    """A tombstone is an outcome: a COMMIT for it is a conflict, not a missing hold."""
    world.bring(deal(), Outcome.ABORT)
    assert problem(world, deal(), certificate_of(id_of(deal()), Outcome.COMMIT)) is Code.CONFLICTING_CERTIFICATE


@pytest.mark.parametrize("first", list(Outcome))
def test_the_first_certificate_binds_every_leg_of_its_settlement(world: BankWorld, first: Outcome) -> None:
    """I1: with one leg captured the other cannot be released, nor the other way round."""
    second = Outcome.ABORT if first is Outcome.COMMIT else Outcome.COMMIT
    terms = deal(cash_leg(amount=100), cash_leg(amount=200))
    world.hold(terms)
    world.hold(terms, LEG_2)
    done = world.bring(terms, first).state
    assert problem(world, terms, certificate_of(id_of(terms), second), LEG_2) is Code.CONFLICTING_CERTIFICATE
    assert world.bring(terms, first, LEG_2).state is done


def test_after_abort_of_one_leg_no_other_leg_of_the_settlement_is_held(world: BankWorld) -> None:
    """A settlement known to be aborted holds nothing more: the second leg gets its tombstone when it is asked for."""
    terms = deal(cash_leg(amount=100), cash_leg(amount=200))
    world.hold(terms)
    world.bring(terms, Outcome.ABORT)
    assert world.hold(terms, LEG_2).state is BankEvent.TOMBSTONED
    assert world.bring(terms, Outcome.ABORT, LEG_2).state is BankEvent.TOMBSTONED
    assert world.balance("buyer") == (PRICE, 0)


def test_receipts_chain_over_all_settlements_and_restarts(tmp_path: Path) -> None:
    """B8: receipts of every kind form one chain without gaps, with times that never go back."""
    with bank_in(tmp_path / "bank") as world:
        world.hold(deal(cash_leg(amount=1), nonce=1))
        world.clock[0] = NOW + 10
        world.hold(deal(cash_leg(amount=PRICE + 1), nonce=2))
        world.bring(deal(cash_leg(amount=1), nonce=1), Outcome.COMMIT)
    with bank_in(tmp_path / "bank") as world:
        world.hold(deal(cash_leg(amount=2), nonce=3))
        world.bring(deal(cash_leg(amount=2), nonce=3), Outcome.ABORT)
        world.bring(deal(nonce=4), Outcome.ABORT)
        events = [(receipt.number, receipt.event.name) for receipt in world.receipts()]
        assert events == [
            (1, "HELD"),
            (2, "REFUSED"),
            (3, "CAPTURED"),
            (4, "HELD"),
            (5, "RELEASED"),
            (6, "TOMBSTONED"),
        ]
        assert world.receipts()[3].time == NOW + 10
        assert world.bank.receipts(4, 1).receipts == world.bank.receipts(0, 500).receipts[4:5]


def test_a_failed_write_books_nothing(world: BankWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where signing or writing fails half-way, the whole booking never happened, and works the next time."""

    def fail(*_: object) -> str:
        raise OSError("no entropy")

    with monkeypatch.context() as patch:
        patch.setattr(world.home.key, "sign", fail)
        with pytest.raises(OSError, match="entropy"):
            world.hold(deal())
    assert world.balance("buyer") == (PRICE, 0)
    assert world.receipts() == ()
    assert world.hold(deal()).state is BankEvent.HELD


def test_a_bank_hold_survives_two_outcomes_of_its_neighbours(world: BankWorld) -> None:
    """What happens to one settlement leaves every other as it was."""
    one, two, three = (deal(cash_leg(amount=100), nonce=nonce) for nonce in (1, 2, 3))
    for terms in (one, two, three):
        world.hold(terms)
    world.bring(one, Outcome.COMMIT)
    world.bring(three, Outcome.ABORT)
    assert world.bank.look(id_of(two), CASH).state is BankEvent.HELD
    assert world.balance("buyer") == (PRICE - 200, 100)
