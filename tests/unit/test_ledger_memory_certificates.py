"""What a memory ledger obeys: certificates of either form, of the committee in office, the first outcome alone."""

from dataclasses import replace

import pytest

from interlock.core.decision import Outcome
from interlock.encoding.values import hex_of
from interlock.ledgers.memory.answer import Answer
from interlock.ledgers.memory.event import (
    Captured,
    CertificateAccepted,
    Contradicted,
    Released,
    RotationAccepted,
    Tombstoned,
)
from interlock.ledgers.memory.page import Status
from interlock.ledgers.memory.rules import HELD_BANK, VAULT, Kind
from support.memory import (
    ABORT,
    COMMIT,
    HOLDERS,
    ID,
    RICH,
    TERMS,
    TEXT,
    Record,
    batched,
    book_of,
    certificate,
    decision_of,
    held,
    rotation,
    settle,
    status,
    watch,
)
from support.protocol import FIRST, FOUR, SEVEN
from support.world import (
    ALICE,
    BANK,
    BOB,
    START,
    TOKEN,
    USD,
    id_of,
    instruction,
)


@pytest.mark.parametrize(("kind", "leg"), HOLDERS)
@pytest.mark.parametrize("outcome", Outcome)
def test_a_certificate_moves_exactly_what_is_held_to_whom_it_belongs(kind: Kind, leg: int, outcome: Outcome) -> None:
    """Delivered to the payee, returned to the payer; told with the certificate that was accepted."""
    book, told = held(kind, leg)
    assert settle(book, leg, outcome) is (Answer.DELIVERED if outcome is COMMIT else Answer.RETURNED)
    book.advance(START + 1)
    accepted = told.index(CertificateAccepted(book.name, ID, outcome.name, 1))
    ended = told[accepted + 1]
    assert isinstance(ended, Captured if outcome is COMMIT else Released)
    names = {VAULT: (TEXT[ALICE], TEXT[BOB]), HELD_BANK: ("bob", "alice")}[kind]
    assert ended.to == names[1 if outcome is COMMIT else 0]
    asset = USD if kind is HELD_BANK else hex_of(TOKEN)
    amount = 5_000 if kind is HELD_BANK else 100
    moved = amount if outcome is COMMIT else 0
    assert [book.balance(each, asset) for each in names] == [RICH - moved, RICH + moved]
    book.audit()
    told.clear()
    assert settle(book, leg, outcome).names_status
    assert told == []


@pytest.mark.parametrize(("kind", "leg"), HOLDERS)
def test_either_form_of_certificate_is_good_and_anything_else_proves_nothing(kind: Kind, leg: int) -> None:
    """Signed alone or in a batch; too few, too many, another's or for another settlement: unproven, nothing moves."""
    book, _ = held(kind, leg)
    other = id_of(instruction(salt=2))
    good = certificate(ID, COMMIT)
    for bad in (
        certificate(ID, COMMIT, members=(0, 1)),
        certificate(ID, COMMIT, members=(0, 1, 2, 3)),
        certificate(other, COMMIT),
        replace(good, decision=decision_of(ID, ABORT)),
        batched([other, id_of(instruction(salt=3))], COMMIT)[other],
        replace(certificate(other, COMMIT), decision=decision_of(ID, COMMIT)),
    ):
        reply = book.settle(watch(TERMS, leg, certificate=bad))
        assert reply.answer is Answer.UNPROVEN
        assert reply.why
    assert status(book, leg) is Status.HELD
    in_batch = batched([ID, other], COMMIT)[ID]
    assert book.settle(watch(TERMS, leg, certificate=in_batch)).answer is Answer.DELIVERED


@pytest.mark.parametrize(("kind", "leg"), HOLDERS)
def test_the_first_outcome_stays_and_the_contradiction_is_kept(kind: Kind, leg: int) -> None:
    """Two valid certificates: the second is evidence, told once, and moves nothing."""
    book, told = held(kind, leg)
    settle(book, leg, COMMIT)
    assert settle(book, leg, ABORT) is Answer.CONTRADICTED
    assert settle(book, leg, ABORT) is Answer.CONTRADICTED
    assert settle(book, leg, COMMIT) is Answer.DELIVERED
    book.advance(START + 1)
    assert told.count(Contradicted(book.name, ID, leg)) == 1
    assert list(book.contradictions.values()) == [certificate(ID, ABORT)]


@pytest.mark.parametrize(("kind", "leg"), HOLDERS)
def test_the_newest_committee_is_obeyed_whatever_the_epoch_of_the_hold(kind: Kind, leg: int) -> None:
    """Rotations come in the same call, in their order; an epoch that is over needs its place under the newest root."""
    book, told = held(kind, leg)
    second = FIRST.followed_by(*FOUR)
    third = second.followed_by(*SEVEN)
    record = Record(decision_of(ID, COMMIT), decision_of(id_of(instruction(salt=2)), ABORT))
    to_second, to_third = rotation(FIRST, second), rotation(second, third, record.root)
    by_second, by_third = certificate(ID, COMMIT, second), certificate(ID, COMMIT, third)
    assert book.settle(watch(TERMS, leg, certificate=by_third)).answer is Answer.BRING_ROTATIONS
    late = watch(TERMS, leg, certificate=by_third, rotations=[to_third])
    assert book.settle(late).answer is Answer.BRING_ROTATIONS
    later = watch(TERMS, leg, certificate=by_second, rotations=[to_second, to_third])
    assert book.settle(later).answer is Answer.BRING_NEWER_PROOF
    assert book.office.known.epoch == 3
    included = record.inclusion(decision_of(ID, COMMIT), 3)
    for inclusion, answer in [
        (record.inclusion(decision_of(ID, COMMIT), 2), Answer.BRING_NEWER_PROOF),
        (record.inclusion(decision_of(ID, COMMIT), 4), Answer.BRING_ROTATIONS),
        (replace(included, statement=decision_of(ID, ABORT)), Answer.UNPROVEN),
        (replace(included, siblings=()), Answer.UNPROVEN),
        (record.inclusion(decision_of(id_of(instruction(salt=2)), ABORT), 3), Answer.UNPROVEN),
        (included, Answer.DELIVERED),
    ]:
        assert book.settle(watch(TERMS, leg), inclusion=inclusion).answer is answer
    assert book.settle(watch(TERMS, leg, certificate=by_third)).answer is Answer.DELIVERED
    book.advance(START + 1)
    assert [each.epoch for each in told if isinstance(each, RotationAccepted)] == [3]


def test_only_the_outgoing_quorum_rotates() -> None:
    """A minority's, a stranger's or a twisted rotation teaches nothing; a known one is passed over."""
    book, _ = book_of(VAULT)
    second = FIRST.followed_by(*FOUR)
    good = rotation(FIRST, second)
    for bad in (
        rotation(FIRST, second, members=(0, 1)),
        replace(good, members=tuple(reversed(good.members))),
        replace(rotation(second, second.followed_by(*SEVEN)), rotation=good.rotation),
    ):
        assert book.rotate([bad]).known.epoch == 1
    assert book.rotate([good, good]).known.epoch == 2
    assert book.rotate([good]).known.epoch == 2


def test_a_bank_that_obeyed_abort_holds_nothing_more_of_that_settlement() -> None:
    """Its other legs are closed as they are asked for, each told once."""
    terms = instruction(0, 2)
    book, told = held(HELD_BANK, 0, terms)
    assert settle(book, 0, ABORT, terms) is Answer.RETURNED
    for _ in range(2):
        assert book.prepare(watch(terms, 1)).answer is Answer.TOMBSTONED
    assert told.count(Tombstoned(BANK, id_of(terms), 1)) == 1
