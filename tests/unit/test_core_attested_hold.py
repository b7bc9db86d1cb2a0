"""A hold that nobody signed for: a quorum's attestations of it bring the terms in place of a signature."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from interlock.core.attestation import Fact, MemberAttestation
from interlock.core.committee import MemberIndex
from interlock.core.decision import Outcome
from interlock.core.entry import Instruct
from interlock.core.instruction import Instruction, RedactedInstruction, SettlementId, Terms, redact
from interlock.core.leg import LegState
from interlock.core.limits import EVERY_LEG
from interlock.core.rejection import Reason
from interlock.core.settlement import Cause, State
from interlock.encoding.values import Uint32
from support.log import LATE
from support.protocol import FIRST, FOUR, NETTED_REGISTRY, Council, Network, netted, restored, undoored
from support.world import (
    ALICE,
    BANK,
    BOB,
    PREPARE_BY,
    START,
    VAULT_NAME,
    account_leg,
    address,
    cancel,
    id_of,
    instruction,
    onchain_leg,
    pivot_instruction,
)

WALLET = address(0xC0DE)
BY_WALLET = instruction(onchain_legs=(onchain_leg(payer=WALLET),))
HOLD = (0, Fact.HELD)
Said = tuple[int, Fact]


def attested(
    terms: Terms,
    leg: int,
    fact: Fact,
    members: Iterable[int] = FIRST.quorum,
    *,
    council: Council = FIRST,
    id_: SettlementId | None = None,
) -> Instruct:
    """Give the entry by which anybody brings terms with members' attestations of one leg."""
    said = tuple(
        MemberAttestation(
            MemberIndex(Uint32(each)), council.attestation(each, id_of(terms) if id_ is None else id_, leg, fact)
        )
        for each in members
    )
    clear = isinstance(terms, Instruction)
    return Instruct(terms if clear else None, None if clear else terms, (), said)


@pytest.mark.parametrize("members", [(0, 1, 2), (1, 2, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize(
    ("leg", "fact", "state"), [(0, Fact.HELD, "HELD"), (0, Fact.SIGNED, "PENDING"), (1, Fact.HELD, "HELD")]
)
def test_a_quorums_word_of_a_hold_stands_in_for_a_signature(
    members: tuple[int, ...], leg: int, fact: Fact, state: str
) -> None:
    """The settlement is alleged, the fact stands, and its votes are counted as if they had come by themselves."""
    net = Network()
    ordered = net.block(attested(BY_WALLET, leg, fact, members))
    id_ = id_of(BY_WALLET)
    assert ordered.reasons == []
    known = net[id_]
    assert (known.state, known.signatures) == (State.ALLEGED, ())
    assert (known.legs[leg].state.name, known.legs[leg].stands(fact)) == (state, True)
    assert known.consents == ((WALLET,) if fact is Fact.SIGNED else ())
    assert [vote.member for vote in ordered.applied.votes] == list(members)
    assert net.members(id_, leg, fact) == sum(1 << each for each in members)
    assert net.vote(id_, fact, [leg], [0, 1, 2, 3]).reasons == [Reason.NOTHING_NEW] * len(members)
    assert net[id_] == known


def test_it_is_aborted_in_time_and_its_hold_given_back() -> None:
    """Nobody else ever signs: the deadline aborts, the certificate is brought where the hold is."""
    net = Network()
    net.block(attested(redact(BY_WALLET), *HOLD))
    id_ = id_of(BY_WALLET)
    net.block(time=LATE)
    assert net[id_].cause is Cause.PREPARE_BY_PASSED
    net.certify(id_, Outcome.ABORT)
    net.vote(id_, Fact.RETURNED, [0])
    assert net.ended(id_).state is State.UNWOUND


def test_it_settles_where_the_others_sign_after_all() -> None:
    """What was brought so is a settlement like any other."""
    net = Network()
    net.block(attested(BY_WALLET, 0, Fact.SIGNED))
    id_ = net.instruct(BY_WALLET, BOB)
    net.vote(id_, Fact.HELD)
    assert net[id_].state is State.COMMITTED


def test_a_consent_that_is_all_that_is_needed_matches_at_once() -> None:
    """A wallet that pays every leg needs nobody else."""
    net = Network()
    alone = netted(onchain_leg(payer=WALLET), onchain_leg(1, payer=WALLET))
    net.block(attested(alone, 1, Fact.SIGNED))
    assert net[id_of(alone)].state is State.PREPARING


def test_what_comes_too_late_or_can_never_be_is_recorded_as_aborted() -> None:
    """A hold stands behind it, so its ABORT is signed on demand, whatever is wrong with the terms."""
    net = Network()
    net.block(attested(BY_WALLET, *HOLD), time=LATE)
    late = net[id_of(BY_WALLET)]
    assert (late.state, late.reason, late.legs[0].state) == (State.ABORTED, Reason.PREPARE_BY_PASSED, LegState.HELD)
    net.certify(late.id, Outcome.ABORT)
    assert net.proves(net[late.id].certificate, late.id, Outcome.ABORT)
    bad = instruction(onchain_legs=(onchain_leg(payer=WALLET),), pivot_window=1, prepare_by=LATE, salt=2)
    net.block(attested(bad, *HOLD))
    assert net[id_of(bad)].reason is Reason.PIVOT_WINDOW_UNWANTED


def test_a_passing_reason_rejects_it_and_keeps_no_vote() -> None:
    """Nothing is kept of an id that is unknown, until prepareBy is past."""
    net = Network()
    elsewhere = instruction(onchain_legs=(onchain_leg(payer=WALLET, token=address(9)),))
    before = net.kept()
    ordered = net.block(attested(elsewhere, *HOLD), time=PREPARE_BY)
    assert (ordered.reasons, ordered.applied.steps) == ([Reason.ASSET_UNKNOWN], [])
    assert net.kept() == before
    assert net.block(attested(elsewhere, *HOLD), time=LATE).reasons == []
    assert net[id_of(elsewhere)].state is State.ABORTED


PIVOTED = netted(onchain_leg(payer=WALLET), account_leg(), pivot=VAULT_NAME)
IN_VAIN: dict[str, tuple[Instruct, Reason]] = {
    "two members": (attested(BY_WALLET, *HOLD, (0, 1)), Reason.QUORUM_MISSING),
    "no such leg": (attested(BY_WALLET, 2, Fact.HELD), Reason.SIGNER_NOT_REQUIRED),
    "the whole": (attested(BY_WALLET, EVERY_LEG, Fact.MET), Reason.SIGNER_NOT_REQUIRED),
    "an account's consent": (attested(BY_WALLET, 1, Fact.SIGNED), Reason.SIGNER_NOT_REQUIRED),
    "the pivot's leg": (attested(PIVOTED, *HOLD), Reason.SIGNER_NOT_REQUIRED),
    "a consent at the pivot": (attested(PIVOTED, 0, Fact.SIGNED), Reason.SIGNER_NOT_REQUIRED),
    "another epoch": (attested(BY_WALLET, *HOLD, council=Council(2, FIRST.keys)), Reason.SIGNER_NOT_REQUIRED),
    "another settlement": (attested(BY_WALLET, *HOLD, id_=id_of(instruction())), Reason.SIGNER_NOT_REQUIRED),
    "another committee": (attested(BY_WALLET, *HOLD, council=Council(1, FOUR)), Reason.SIGNATURE_INVALID),
    "a fifth member": (
        attested(BY_WALLET, *HOLD, (0, 1, 4), council=Council(1, (*FIRST.keys, ALICE))),
        Reason.NOT_A_MEMBER,
    ),
    "out of their order": (attested(BY_WALLET, *HOLD, (1, 0, 2)), Reason.MALFORMED),
    "one member thrice": (attested(BY_WALLET, *HOLD, (1, 1, 1)), Reason.MALFORMED),
    **{
        f"the fact {fact.name}": (attested(BY_WALLET, 0, fact), Reason.SIGNER_NOT_REQUIRED)
        for fact in Fact
        if fact not in {Fact.HELD, Fact.SIGNED}
    },
}
"""What the log says; the core alone says SIGNER_NOT_REQUIRED."""
UNSEEN_BY_THE_CORE = {"another committee", "out of their order"}
"""What the door alone can tell; behind it these would be a quorum."""


@pytest.mark.parametrize("name", IN_VAIN)
def test_anything_less_than_a_quorums_word_of_a_hold_brings_nothing(name: str) -> None:
    """Too few, of another leg, fact, settlement, epoch or committee: nothing is recorded, no vote is kept."""
    entry, reason = IN_VAIN[name]
    net = Network(wanted=NETTED_REGISTRY)
    before = net.kept()
    assert net.block(entry).reasons == [reason]
    assert net.kept() == before
    if name not in UNSEEN_BY_THE_CORE:
        assert undoored(net.replica, entry) == [Reason.SIGNER_NOT_REQUIRED]
        assert net.kept() == before


def test_members_that_say_different_things_are_no_quorum() -> None:
    """Two that say HELD and one that says SIGNED agree on nothing, nor do two and one of different legs."""
    net = Network()
    for odd in ((0, Fact.SIGNED), (1, Fact.HELD)):
        mixed = attested(BY_WALLET, *HOLD)
        last = attested(BY_WALLET, *odd, (2,)).attested
        assert net.block(replace(mixed, attested=(*mixed.attested[:2], *last))).reasons == [Reason.SIGNER_NOT_REQUIRED]


def test_a_signature_and_attestations_do_not_come_together() -> None:
    """Where somebody has signed, votes come by themselves."""
    entry = replace(attested(BY_WALLET, *HOLD), signatures=(BOB.consent(id_of(BY_WALLET)),))
    assert Network().block(entry).reasons == [Reason.MALFORMED]


def test_nobodys_word_is_none() -> None:
    """Neither a signature nor an attestation: the door says what is missing, and the core takes nothing."""
    entry = replace(attested(BY_WALLET, *HOLD), attested=())
    net = Network()
    assert net.block(entry).reasons == [Reason.MALFORMED]
    assert undoored(net.replica, entry) == [Reason.SIGNER_NOT_REQUIRED]


def test_of_a_known_settlement_attestations_bring_the_terms_alone() -> None:
    """Clear terms are taken from anybody; the votes are to come as votes."""
    net = Network()
    hidden: RedactedInstruction = redact(BY_WALLET)
    net.block(attested(hidden, *HOLD, (0, 1, 2)))
    ordered = net.block(attested(BY_WALLET, 1, Fact.HELD, (1, 2, 3)))
    assert (ordered.reasons, ordered.applied.votes) == ([], [])
    known = net[id_of(BY_WALLET)]
    assert (known.terms, known.legs[1].state) == (BY_WALLET, LegState.PENDING)
    assert net.members(known.id, 1, Fact.HELD) == 0
    assert net.block(attested(BY_WALLET, 1, Fact.HELD)).reasons == [Reason.SIGNER_NOT_REQUIRED]


def test_what_ended_in_sight_of_all_is_not_brought_again_so() -> None:
    """The index answers, and keeps no vote, whatever is attested of it."""
    net = Network()
    id_ = net.instruct(pivot_instruction(), ALICE)
    net.block(cancel(id_, ALICE))
    net.certify(id_, Outcome.ABORT)
    net.vote(id_, Fact.RETURNED, [0])
    assert id_ in net.replica.ended
    before = net.kept()
    for terms in (redact(pivot_instruction()), pivot_instruction()):
        assert net.block(attested(terms, *HOLD)).reasons == [Reason.ALREADY_DECIDED]
    assert net.block(attested(pivot_instruction(), 1, Fact.HELD)).reasons == [Reason.SIGNER_NOT_REQUIRED]
    assert net.kept() == before


@pytest.mark.parametrize(("leg", "fact", "state"), [(1, Fact.HELD, LegState.HELD), (0, Fact.SIGNED, LegState.PENDING)])
def test_a_hold_that_is_found_after_the_end_opens_it_again(leg: int, fact: Fact, state: LegState) -> None:
    """Its ledger was hidden when the settlement ended; with the terms and a quorum's word the hold is given back."""
    net, id_ = Network(), id_of(BY_WALLET)
    net.block(cancel(id_, BOB, redacted=redact(BY_WALLET)))
    net.certify(id_, Outcome.ABORT)
    net.vote(id_, Fact.RETURNED, [0])
    net.block(time=LATE)
    assert net.ended(id_).had_unseen_leg
    assert net.block(attested(BY_WALLET, leg, fact, (0, 1))).reasons == [Reason.QUORUM_MISSING]
    ordered = net.block(attested(BY_WALLET, leg, fact))
    assert (ordered.reasons, len(ordered.applied.votes)) == ([], 3)
    known = net[id_]
    assert (known.state, known.legs[leg].state, known.legs[leg].stands(fact)) == (State.ABORTED, state, True)
    assert net.members(id_, leg, fact) == 0b111
    net.certify(id_, Outcome.ABORT)
    net.vote(id_, Fact.RETURNED)
    assert not net.ended(id_).had_unseen_leg


def test_a_hidden_legs_hold_may_be_attested() -> None:
    """Whoever reads the leg may have its word counted, before the log can read it."""
    net = Network()
    net.block(attested(redact(BY_WALLET, ledger=BANK), 1, Fact.HELD))
    assert net[id_of(BY_WALLET)].legs[1].state is LegState.HELD


def test_replicas_and_snapshots_agree_on_it() -> None:
    """The votes that came along are part of the state, in every replica and after a restart."""
    net = Network(replicas=2)
    net.block(attested(BY_WALLET, 0, Fact.SIGNED, (0, 2, 3)), time=START)
    one, other = net.replicas
    assert one.state_hash() == other.state_hash() == restored(one).state_hash()
