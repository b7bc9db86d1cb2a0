"""A hold that nobody signed for: a quorum's attestations bring it to the log in place of a signature."""

import pytest

from interlock.core.attestation import Fact, MemberAttestation
from interlock.core.committee import MemberIndex
from interlock.core.entry import Instruct
from interlock.core.instruction import Instruction
from interlock.core.leg import LegState
from interlock.core.rejection import Reason
from interlock.core.settlement import Cause, State
from interlock.encoding.values import Uint32
from support.log import LATE, Log
from support.world import ALICE, BOB, QUORUM, attestation, id_of, instruct, instruction, sign


def brought(
    terms: Instruction, fact: Fact = Fact.SIGNED, leg: int = 0, members: tuple[int, ...] = QUORUM, epoch: int = 1
) -> Instruct:
    """Give an instruction without a signature, with these members' attestations."""
    attested = tuple(
        MemberAttestation(MemberIndex(Uint32(each)), attestation(each, id_of(terms), leg, fact, epoch=epoch))
        for each in members
    )
    return Instruct(terms, None, (), attested)


def test_a_wallets_own_call_brings_its_settlement_and_counts_as_its_signature() -> None:
    """SIGNED by a quorum stands in for the payer's signature; the other party's completes the match."""
    log, terms = Log(), instruction()
    assert log.block(brought(terms)).reasons == []
    known = log[id_of(terms)]
    assert (known.state, known.consents, known.unsigned) == (State.ALLEGED, (ALICE.address,), (BOB.address,))
    assert log.block(sign(known.id, BOB)).reasons == []
    assert log[known.id].state is State.PREPARING


def test_a_hold_made_on_an_account_holders_own_request_is_recorded_and_aborted_in_time() -> None:
    """HELD by a quorum brings the settlement without anybody's consent; nobody signs, so it is aborted."""
    log, terms = Log(), instruction()
    assert log.block(brought(terms, Fact.HELD, leg=1)).reasons == []
    known = log[id_of(terms)]
    assert (known.state, known.consents, known.legs[1].state) == (State.ALLEGED, (), LegState.HELD)
    log.block(time=LATE)
    aborted = log[known.id]
    assert (aborted.state, aborted.cause) == (State.ABORTED, Cause.PREPARE_BY_PASSED)


def test_what_can_never_be_admitted_is_recorded_as_aborted() -> None:
    """A hold for terms that no log can admit must be certified back all the same."""
    log, terms = Log(), instruction(settle_from=10, prepare_by=5)
    assert log.block(brought(terms)).reasons == []
    assert log[id_of(terms)].cause is Cause.NOT_ADMITTED


def test_the_votes_count_as_votes() -> None:
    """What came along is kept as every vote is: for receipts, and so that no member's counts twice."""
    log, terms = Log(), instruction()
    ordered = log.block(brought(terms))
    assert [vote.member for vote in ordered.applied.votes] == list(QUORUM)
    assert log.replica.ballots.members(id_of(terms), 0, Fact.SIGNED) == 0b111


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (brought(instruction(), members=(0, 1)), Reason.QUORUM_MISSING),
        (brought(instruction(), members=(0, 0, 1)), Reason.MALFORMED),
        (brought(instruction(), members=(1, 0, 2)), Reason.MALFORMED),
        (brought(instruction(), epoch=2), Reason.SIGNER_NOT_REQUIRED),
        (brought(instruction(), leg=1), Reason.SIGNER_NOT_REQUIRED),
        (brought(instruction(), leg=7), Reason.SIGNER_NOT_REQUIRED),
        (brought(instruction(), Fact.DELIVERED), Reason.SIGNER_NOT_REQUIRED),
        (brought(instruction(), Fact.REFUSED), Reason.SIGNER_NOT_REQUIRED),
    ],
    ids=["too few", "one twice", "out of order", "other epoch", "no wallet", "no leg", "an end", "a refusal"],
)
def test_what_a_quorum_does_not_say_of_a_hold_brings_nothing(entry: Instruct, reason: Reason) -> None:
    log = Log()
    assert log.block(entry).reasons == [reason]
    assert log.replica.settlements == {}


def test_attestations_of_other_terms_or_beside_a_signature_are_refused() -> None:
    log, terms = Log(), instruction()
    others = brought(instruction(salt=2)).attested
    assert log.block(Instruct(terms, None, (), others)).reasons == [Reason.SIGNER_NOT_REQUIRED]
    both = Instruct(terms, None, instruct(terms, ALICE).signatures, brought(terms).attested)
    assert log.block(both).reasons == [Reason.MALFORMED]
    mixed = (*brought(terms).attested[:2], *brought(terms, Fact.HELD, leg=1).attested[2:])
    assert log.block(Instruct(terms, None, (), mixed)).reasons == [Reason.SIGNER_NOT_REQUIRED]
    assert log.replica.settlements == {}


def test_a_stranger_cannot_claim_a_members_attestation() -> None:
    """Each attestation must be the member's own."""
    log, terms = Log(), instruction()
    first, second, third = brought(terms).attested
    stolen = MemberAttestation(third.member, first.signed)
    assert log.block(Instruct(terms, None, (), (first, second, stolen))).reasons == [Reason.SIGNATURE_INVALID]
    far = MemberAttestation(MemberIndex(Uint32(9)), third.signed)
    assert log.block(Instruct(terms, None, (), (first, second, far))).reasons == [Reason.NOT_A_MEMBER]
