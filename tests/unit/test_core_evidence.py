"""Proof of a lie: two statements of one key convict it, two certificates stop everything."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import Epoch, MemberIndex
from interlock.core.decision import Certificate, Outcome, assemble
from interlock.core.effects import outstanding
from interlock.core.entry import Evidence
from interlock.core.fraud import (
    AttestationFraud,
    CertificateFraud,
    DecisionFraud,
    Fraud,
    MemberFraud,
    OrderFraud,
    RotationFraud,
    SignedRotation,
    contradicts,
    culprit,
    is_final,
)
from interlock.core.instruction import SettlementId
from interlock.core.limits import EVERY_LEG
from interlock.core.order import Order
from interlock.core.rejection import Reason
from interlock.core.rotation import Rotation
from interlock.core.settlement import State
from interlock.encoding.values import Height, Signature, Uint32, Uint64, UnixSeconds
from support.protocol import FIRST, FOUR, Council, Network, digest_of, undoored
from support.world import (
    ALICE,
    BOB,
    COMMITTEE,
    NETWORK,
    NODES,
    START,
    cancel,
    id_of,
    instruct,
    instruction,
    sign,
)

ID, OTHER_ID = SettlementId(digest_of(1)), SettlementId(digest_of(2))
LIAR = 3
HIGHER = Council(2, NODES)
"""The same members, had they been elected again: what they sign there is theirs too."""

Made = Callable[[int, int], Fraud]
"""Makes a pair from the members that sign the first and the second statement."""


def attested(
    first: Fact,
    second: Fact,
    *,
    legs: tuple[int, int] = (0, 0),
    ids: tuple[bytes, bytes] = (ID, ID),
    by: Council = FIRST,
) -> Made:
    return lambda one, other: AttestationFraud(
        FIRST.attestation(one, SettlementId(ids[0]), legs[0], first),  # type: ignore[arg-type]  # 32 bytes
        by.attestation(other, SettlementId(ids[1]), legs[1], second),  # type: ignore[arg-type]  # 32 bytes
    )


def decided(first: Outcome, second: Outcome, *, other_id: SettlementId = ID, by: Council = FIRST) -> Made:
    return lambda one, other: DecisionFraud(FIRST.decision(one, ID, first), by.decision(other, other_id, second))


def order(ledger: str = "bank:wire", last_valid: int = START, epoch: int = 1, id_: SettlementId = ID) -> Order:
    return Order(id_, ledger, UnixSeconds(Uint64(last_valid)), Epoch(Uint64(epoch)))


def ordered(second: Order) -> Made:
    return lambda one, other: OrderFraud(FIRST.order(one, order()), FIRST.order(other, second))


ROTATION = Rotation(Epoch(Uint64(1)), digest_of(3), Height(Uint64(4)), digest_of(5))


def rotated(**changes: object) -> Made:
    second = replace(ROTATION, **changes)  # type: ignore[arg-type]  # fields by name

    def signed(member: int, rotation: Rotation) -> SignedRotation:
        return SignedRotation(rotation, FIRST.hand_over(member, rotation).signature)

    return lambda one, other: RotationFraud(signed(one, ROTATION), signed(other, second))


WHOLE = (EVERY_LEG, EVERY_LEG)
FRAUDS: dict[str, Made] = {
    "EXECUTED and NEVER": attested(Fact.EXECUTED, Fact.NEVER, legs=WHOLE),
    "NEVER and EXECUTED": attested(Fact.NEVER, Fact.EXECUTED, legs=WHOLE),
    "DELIVERED and RETURNED": attested(Fact.DELIVERED, Fact.RETURNED),
    "RETURNED and DELIVERED": attested(Fact.RETURNED, Fact.DELIVERED),
    "DELIVERED and RETURNED in two epochs": attested(Fact.DELIVERED, Fact.RETURNED, by=HIGHER),
    "COMMIT and ABORT": decided(Outcome.COMMIT, Outcome.ABORT),
    "ABORT and COMMIT": decided(Outcome.ABORT, Outcome.COMMIT),
    "COMMIT and ABORT in two epochs": decided(Outcome.COMMIT, Outcome.ABORT, by=HIGHER),
    "two orders to two ledgers": ordered(order("bank:first")),
    "two orders until two times": ordered(order(last_valid=START + 1)),
    "two orders in two epochs": ordered(order(last_valid=START + 1, epoch=2)),
    "two rotations to two committees": rotated(committee=digest_of(6)),
    "two rotations at two heights": rotated(height=Height(Uint64(5))),
    "two rotations with two roots": rotated(decisions_root=digest_of(7)),
}
"""Pairs that no honest member makes."""

NO_FRAUDS: dict[str, Made] = {
    "HELD and REFUSED": attested(Fact.HELD, Fact.REFUSED),
    "HELD and LOST": attested(Fact.HELD, Fact.LOST),
    "MET and UNMET": attested(Fact.MET, Fact.UNMET, legs=WHOLE),
    "EXECUTED twice": attested(Fact.EXECUTED, Fact.EXECUTED, legs=WHOLE),
    "DELIVERED and RETURNED of two legs": attested(Fact.DELIVERED, Fact.RETURNED, legs=(0, 1)),
    "DELIVERED and RETURNED of two settlements": attested(Fact.DELIVERED, Fact.RETURNED, ids=(ID, OTHER_ID)),
    "COMMIT twice": decided(Outcome.COMMIT, Outcome.COMMIT),
    "COMMIT twice, in two epochs": decided(Outcome.COMMIT, Outcome.COMMIT, by=HIGHER),
    "COMMIT and ABORT of two settlements": decided(Outcome.COMMIT, Outcome.ABORT, other_id=OTHER_ID),
    "one order twice": ordered(order()),
    "one order in two epochs": ordered(order(epoch=2)),
    "orders of two settlements": ordered(order("bank:first", id_=OTHER_ID)),
    "one rotation twice": rotated(),
    "rotations of two epochs": rotated(from_epoch=Epoch(Uint64(2)), committee=digest_of(6)),
}
"""Pairs that honest members make."""


def evidence(fraud: Fraud, member: int | None = LIAR) -> Evidence:
    return Evidence(fraud, None if member is None else MemberIndex(Uint32(member)))


@pytest.mark.parametrize("made", FRAUDS.values(), ids=FRAUDS.keys())
def test_two_statements_that_cannot_both_be_true_convict_their_signer(made: Made) -> None:
    """Whichever comes first, in whatever epoch: once, for good, and the settlements are left alone."""
    net = Network()
    id_ = net.instruct(instruction(0, 1))
    before = net[id_]
    assert net.block(evidence(made(LIAR, LIAR))).reasons == []
    assert net.replica.convicted == {NODES[LIAR].address}
    assert not net.replica.is_compromised
    assert net.block(evidence(made(LIAR, LIAR))).reasons == [Reason.NOTHING_NEW]
    assert net[id_] == before
    assert net.block(evidence(made(0, 0), 0)).reasons == []
    assert net.replica.snapshot().convicted == tuple(sorted({NODES[LIAR].address, NODES[0].address}))


@pytest.mark.parametrize("made", NO_FRAUDS.values(), ids=NO_FRAUDS.keys())
def test_two_statements_that_can_both_be_true_convict_nobody(made: Made) -> None:
    """What was seen one after the other, said twice or said of different things is no lie, at the door or behind it."""
    net = Network()
    proof = evidence(made(LIAR, LIAR))
    assert net.block(proof).reasons == [Reason.EVIDENCE_INVALID]
    assert undoored(net.replica, proof) == [Reason.EVIDENCE_INVALID]
    assert net.replica.convicted == frozenset()


@pytest.mark.parametrize("made", FRAUDS.values(), ids=FRAUDS.keys())
def test_nobody_is_convicted_by_what_another_signed(made: Made) -> None:
    """Statements of two members, or of another than the one that is named, prove nothing against it."""
    net = Network()
    for fraud in (made(LIAR, 0), made(0, LIAR), made(0, 0)):
        assert net.block(evidence(fraud)).reasons == [Reason.SIGNATURE_INVALID]
    assert net.block(replace(evidence(made(LIAR, LIAR)), member=None)).reasons == [Reason.EVIDENCE_INVALID]
    assert net.replica.convicted == frozenset()


@pytest.mark.parametrize("made", FRAUDS.values(), ids=FRAUDS.keys())
def test_a_place_that_the_committee_does_not_have_is_refused(made: Made) -> None:
    """There is no fifth member, for the door nor for the core; nor does the core convict nobody."""
    net = Network()
    fifth = replace(evidence(made(LIAR, LIAR)), member=MemberIndex(Uint32(4)))
    assert net.block(fifth).reasons == [Reason.NOT_A_MEMBER]
    assert undoored(net.replica, fifth, replace(fifth, member=None)) == [Reason.NOT_A_MEMBER, Reason.EVIDENCE_INVALID]


def test_a_signature_that_is_nobodys_proves_nothing() -> None:
    """Where a signature recovers to no key there is no culprit."""
    for made in FRAUDS.values():
        fraud = made(LIAR, LIAR)
        assert not isinstance(fraud, CertificateFraud)
        assert culprit(NETWORK, fraud) == NODES[LIAR].address
        assert culprit(digest_of(9), fraud) != NODES[LIAR].address
        broken: MemberFraud = replace(fraud, first=replace(fraud.first, signature=Signature(bytes(65))))  # type: ignore[type-var,assignment,arg-type]
        assert culprit(NETWORK, broken) is None


def test_which_facts_rule_each_other_out() -> None:
    """Two pairs, both ways, and no other of all the facts."""
    pairs = {(Fact.EXECUTED, Fact.NEVER), (Fact.DELIVERED, Fact.RETURNED)}
    for first, second in product(Fact, Fact):
        wanted = (first, second) in pairs or (second, first) in pairs
        assert contradicts(attested(first, second)(LIAR, LIAR)) is wanted
    assert {each for each in Fact if is_final(each)} == {fact for pair in pairs for fact in pair}


def test_a_convicted_member_still_counts_until_its_epoch_ends() -> None:
    """What a quorum attests stands, the liar's vote included; it is excluded from the next committee."""
    net = Network()
    id_ = net.instruct(instruction(0, 1))
    net.block(evidence(FRAUDS["COMMIT and ABORT"](LIAR, LIAR)))
    net.vote(id_, Fact.HELD, [0], [0, 1, LIAR])
    assert net[id_].state is State.COMMITTED
    assert net.block(FIRST.name(COMMITTEE.members)).reasons == [Reason.SUCCESSION_INVALID]
    net.rotate(*FOUR)
    assert net.replica.convicted == {NODES[LIAR].address}
    assert net.block(net.council.name((*(each.address for each in FOUR[:3]), NODES[LIAR].address))).reasons == [
        Reason.SUCCESSION_INVALID
    ]


def certificate(
    outcome: Outcome, *, id_: SettlementId = ID, council: Council = FIRST, members: tuple[int, ...] = (0, 1, 2)
) -> Certificate:
    signed = {MemberIndex(Uint32(each)): council.decision(each, id_, outcome) for each in members}
    made = assemble(
        council.committee,
        council.decision(0, id_, outcome).decision,
        {who: each.signature for who, each in signed.items()},
    )
    assert made is not None
    return made


CONFLICT = CertificateFraud(certificate(Outcome.COMMIT), certificate(Outcome.ABORT, members=(1, 2, 3)))


def compromised() -> Network:
    """Give a log with one settlement that is committed and one that is alleged, whose committee is found out."""
    net = Network()
    id_ = net.instruct(instruction(0, 1))
    net.vote(id_, Fact.HELD, [0])
    net.instruct(instruction(salt=2), ALICE)
    assert net.block(evidence(CONFLICT, None)).reasons == []
    return net


def test_two_certificates_that_contradict_each_other_stop_everything() -> None:
    """Nothing more is admitted, of new settlements or old ones, and no node signs."""
    net = compromised()
    assert net.replica.is_compromised
    assert net.replica.is_handing_over
    assert net.replica.convicted == frozenset()
    known = id_of(instruction(salt=2))
    for entry in (
        instruct(instruction(0, 1, salt=3), BOB),
        instruct(instruction(salt=2), BOB),
        sign(known, BOB),
        cancel(known, ALICE),
    ):
        rejected = net.block(entry).rejections
        assert [each.reason for each in rejected] == [Reason.COMPROMISED]
        id_, foreseen = net.replica.preview(entry)
        assert foreseen == rejected[0]
        assert foreseen is not None
        assert foreseen.settlement == id_
    assert [each.state for each in net.replica.settlements.values()] == [State.COMMITTED, State.ALLEGED]
    for each in net.replica.settlements.values():
        assert outstanding(each, is_handing_over=net.replica.is_handing_over) == ()


def test_what_ended_is_not_opened_again_in_a_compromised_log() -> None:
    """Not even terms that come for a hidden leg are admitted."""
    net = Network()
    id_ = net.instruct(instruction(0, 1))
    net.block(cancel(id_, BOB))
    net.certify(id_, Outcome.ABORT)
    net.vote(id_, Fact.RETURNED, [0])
    net.block(evidence(CONFLICT, None))
    assert net.block(instruct(instruction(0, 1), BOB)).reasons == [Reason.COMPROMISED]


def test_what_is_certified_is_delivered_all_the_same() -> None:
    """Ledgers keep their first outcome and go on; the log goes on counting what became of it."""
    net = Network()
    id_ = net.instruct(instruction(0, 1))
    net.vote(id_, Fact.HELD, [0])
    net.certify(id_, Outcome.COMMIT)
    net.block(evidence(CONFLICT, None))
    assert len(outstanding(net[id_], is_handing_over=net.replica.is_handing_over)) == 1
    net.vote(id_, Fact.DELIVERED, [0])
    assert net.ended(id_).state is State.SETTLED


def test_a_compromised_log_stays_so() -> None:
    """A second proof is no news, and a rotation does not heal it."""
    net = compromised()
    assert net.block(evidence(CONFLICT, None)).reasons == [Reason.NOTHING_NEW]
    net.rotate(*FOUR)
    assert net.replica.is_compromised
    assert net.replica.is_handing_over


HIGHER_CONFLICT = CertificateFraud(
    certificate(Outcome.COMMIT, council=HIGHER), certificate(Outcome.ABORT, council=HIGHER)
)
NO_CONFLICTS: dict[str, tuple[CertificateFraud, Reason]] = {
    "of one outcome": (
        CertificateFraud(certificate(Outcome.COMMIT), certificate(Outcome.COMMIT, members=(1, 2, 3))),
        Reason.EVIDENCE_INVALID,
    ),
    "of two settlements": (
        CertificateFraud(certificate(Outcome.COMMIT), certificate(Outcome.ABORT, id_=OTHER_ID)),
        Reason.EVIDENCE_INVALID,
    ),
    "both of another epoch": (HIGHER_CONFLICT, Reason.WRONG_EPOCH),
    "the first of another epoch": (replace(HIGHER_CONFLICT, second=CONFLICT.second), Reason.WRONG_EPOCH),
    "the second of another epoch": (replace(HIGHER_CONFLICT, first=CONFLICT.first), Reason.WRONG_EPOCH),
}


@pytest.mark.parametrize(("fraud", "reason"), NO_CONFLICTS.values(), ids=NO_CONFLICTS.keys())
def test_only_certificates_of_this_epoch_that_contradict_each_other_do(fraud: CertificateFraud, reason: Reason) -> None:
    """Old keys may have been stolen since; what agrees is no proof of anything."""
    net = Network()
    proof = evidence(fraud, None)
    assert net.block(proof).reasons == [Reason.EVIDENCE_INVALID]
    assert undoored(net.replica, proof) == [reason]
    assert not net.replica.is_compromised


def test_a_certificate_without_its_quorum_proves_nothing() -> None:
    """Signatures that are too few, of one member twice or of others are found at the door."""
    few = replace(CONFLICT.second, signatures=CONFLICT.second.signatures[:2])
    doubled = replace(CONFLICT.second, signatures=(*few.signatures, few.signatures[1]))
    others = certificate(Outcome.ABORT, council=Council(1, FOUR))
    net = Network()
    for wrong in (few, doubled, others):
        for fraud in (replace(CONFLICT, second=wrong), CertificateFraud(wrong, CONFLICT.first)):
            assert net.block(evidence(fraud, None)).reasons == [Reason.EVIDENCE_INVALID]
    assert net.block(evidence(CONFLICT, LIAR)).reasons == [Reason.EVIDENCE_INVALID]
    assert undoored(net.replica, evidence(CONFLICT, LIAR)) == [Reason.EVIDENCE_INVALID]
    assert not net.replica.is_compromised
