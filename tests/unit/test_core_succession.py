"""Who may follow a committee, and how its one rotation comes to office: named by a quorum, signed by a quorum."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode as abi_encode

from interlock.core.attestation import Fact
from interlock.core.committee import Committee, Epoch
from interlock.core.decision import Decision, MemberSignature, Outcome, decision_hash
from interlock.core.entry import Rotate
from interlock.core.order import order_hash
from interlock.core.rejection import Reason
from interlock.core.rotation import Pending, Rotation, RotationCertificate, Succession, committee_hash, succession_fault
from interlock.core.settlement import State
from interlock.core.signing import OrderTerms, Signed
from interlock.encoding.keccak import keccak256
from interlock.encoding.merkle import proof_of, root_of
from interlock.encoding.values import ZERO_ADDRESS, ZERO_BYTES32, Address, Bytes32, Height, Uint64, UnixSeconds, hex_of
from interlock.evidence.certificate import committee_after, is_included, rotation_fault
from support.protocol import FIRST, FOUR, SEVEN, Council, Network, digest_of, undoored
from support.world import (
    ALICE,
    BOB,
    COMMITTEE,
    NETWORK,
    NODES,
    PAYMENT_ONLY,
    STRANGER,
    Key,
    address,
    cancel,
    id_of,
    instruct,
    instruction,
    key,
    onchain_leg,
    pivot_instruction,
)


def members(count: int) -> tuple[Address, ...]:
    return tuple(address(number + 1) for number in range(count))


SUCCESSORS: dict[str, tuple[tuple[Address, ...], str | None]] = {
    "one": (members(1), None),
    "four": (members(4), None),
    "seven": (members(7), None),
    "thirty-one, the most": (members(31), None),
    "the same again": (COMMITTEE.members, None),
    "the same in another order": (COMMITTEE.members[::-1], None),
    "nobody": ((), "0 members"),
    "two": (members(2), "2 members"),
    "three": (members(3), "3 members"),
    "five": (members(5), "5 members"),
    "thirty-four": (members(34), "34 members"),
    "one of them twice": ((*members(3), address(1)), "a member stands twice in the committee"),
    "the zero address": ((*members(3), ZERO_ADDRESS), "the zero address cannot be a member"),
}


@pytest.mark.parametrize(("successors", "fault"), SUCCESSORS.values(), ids=SUCCESSORS.keys())
def test_only_a_committee_can_follow(successors: tuple[Address, ...], fault: str | None) -> None:
    """So many as 3f + 1, up to 31, distinct, none zero; anything else leaves no rotation pending."""
    net = Network()
    rejections = net.block(FIRST.name(successors)).rejections
    if fault is None:
        assert rejections == ()
        pending = net.replica.pending
        assert pending is not None
        assert (pending.members, pending.signatures) == (successors, ())
    else:
        assert [each.reason for each in rejections] == [Reason.SUCCESSION_INVALID]
        assert fault in rejections[0].detail
        assert net.replica.pending is None


def test_a_convicted_key_cannot_take_office() -> None:
    """Whoever was proven to have contradicted itself is named in vain, alone or among others."""
    net = Network()
    net.replica.convicted = frozenset({NODES[3].address, STRANGER.address})
    for wrong in (COMMITTEE.members, (*members(3), STRANGER.address)):
        assert net.block(FIRST.name(wrong)).reasons == [Reason.SUCCESSION_INVALID]
    named = Succession(Epoch(Uint64(1)), (*COMMITTEE.members[:3], address(9)))
    assert succession_fault(named, net.replica.convicted) is None
    assert net.block(FIRST.name(named.members)).reasons == []


NAMED_IN_VAIN: dict[str, tuple[Rotate, Reason]] = {
    "by two": (FIRST.name(members(4), (0, 1)), Reason.QUORUM_MISSING),
    "by two and a stranger": (Council(1, (*NODES[:2], STRANGER)).name(members(4), (0, 1, 2)), Reason.QUORUM_MISSING),
    "by another committee": (Council(1, FOUR).name(members(4)), Reason.QUORUM_MISSING),
    "for the epoch before": (Council(0, NODES).name(members(4)), Reason.WRONG_EPOCH),
    "for the epoch after": (Council(2, NODES).name(members(4)), Reason.WRONG_EPOCH),
    "for another epoch, five of them": (Council(2, NODES).name(members(5)), Reason.WRONG_EPOCH),
    "by two, five of them": (FIRST.name(members(5), (0, 1)), Reason.QUORUM_MISSING),
}


@pytest.mark.parametrize(("entry", "reason"), NAMED_IN_VAIN.values(), ids=NAMED_IN_VAIN.keys())
def test_successors_are_named_by_a_quorum_of_the_epoch_in_office(entry: Rotate, reason: Reason) -> None:
    """Fewer, others, or those of another epoch name nobody: at the door, and in the core as well."""
    net = Network()
    assert net.block(entry).reasons == [reason]
    assert undoored(net.replica, entry) == [reason]
    assert net.replica.pending is None


def test_an_epoch_has_one_rotation() -> None:
    """The second is refused, be it the same, another or an impossible one; but a quorum it needs all the same."""
    net = Network()
    net.name(*FOUR)
    pending = net.replica.pending
    for more in (FIRST.name(each.address for each in FOUR), FIRST.name(members(4)), FIRST.name(members(5))):
        assert net.block(more).reasons == [Reason.ROTATION_PENDING]
    assert undoored(net.replica, FIRST.name(members(4), (0,))) == [Reason.QUORUM_MISSING]
    assert net.replica.pending == pending


def test_a_rotation_of_an_empty_log_has_the_zero_root() -> None:
    """Where nothing was decided there is nothing to bind."""
    net = Network()
    net.name(*FOUR)
    assert net.replica.pending == Pending(
        Rotation(
            from_epoch=Epoch(Uint64(1)),
            committee=committee_hash(Epoch(Uint64(2)), tuple(each.address for each in FOUR)),
            height=Height(Uint64(1)),
            decisions_root=ZERO_BYTES32,
        ),
        tuple(each.address for each in FOUR),
        signatures=(),
        ordered_since=(),
        decided_since=(),
    )


def test_the_root_reaches_to_the_block_before() -> None:
    """Every decision and order up to there is in it, in their order; those of its own block and later are not."""
    net = Network()
    first = net.instruct(instruction(0, 1, salt=1))
    ordered = net.instruct(pivot_instruction(salt=2, onchain_legs=()))
    order = net[ordered].order
    assert order is not None
    net.block(cancel(first, BOB))
    second = net.instruct(instruction(0, 1, salt=3))
    height = net.replica.height
    leaves = [order_hash(order), decision_hash(Decision(first, Outcome.ABORT, Epoch(Uint64(1))))]
    own = net.block(cancel(second, BOB), FIRST.name(each.address for each in FOUR))
    pending = net.replica.pending
    assert pending is not None
    assert (pending.rotation.height, pending.rotation.decisions_root) == (height, root_of(leaves))
    late = decision_hash(Decision(second, Outcome.ABORT, Epoch(Uint64(1))))
    assert own.applied.leaves == [late]
    assert net.replica.decisions.root == root_of([*leaves, late])
    assert is_included(order, proof_of(leaves, 0), pending.rotation.decisions_root)
    decision = net[first].decision
    assert decision is not None
    assert is_included(decision, proof_of(leaves, 1), pending.rotation.decisions_root)
    assert not is_included(replace(decision, outcome=Outcome.COMMIT), proof_of(leaves, 1), root_of(leaves))


def pending_of(net: Network) -> Rotation:
    pending = net.replica.pending
    assert pending is not None
    return pending.rotation


SIGNED_IN_VAIN: dict[str, tuple[dict[str, object], Reason]] = {
    "of another root": ({"decisions_root": digest_of(1)}, Reason.OTHER_ROTATION),
    "up to another block": ({"height": Height(Uint64(0))}, Reason.OTHER_ROTATION),
    "to another committee": ({"committee": digest_of(2)}, Reason.OTHER_ROTATION),
    "from the epoch after": ({"from_epoch": Epoch(Uint64(2))}, Reason.WRONG_EPOCH),
    "from no epoch": ({"from_epoch": Epoch(Uint64(0)), "decisions_root": digest_of(1)}, Reason.WRONG_EPOCH),
}


@pytest.mark.parametrize(("changes", "reason"), SIGNED_IN_VAIN.values(), ids=SIGNED_IN_VAIN.keys())
def test_a_signature_of_another_rotation_counts_for_nothing(changes: dict[str, object], reason: Reason) -> None:
    """Only the log's own rotation, to the letter."""
    net = Network()
    net.name(*FOUR)
    other = replace(pending_of(net), **changes)  # type: ignore[arg-type]  # fields by name
    assert net.block(FIRST.hand_over(0, other)).reasons == [reason]
    pending = net.replica.pending
    assert pending is not None
    assert pending.signatures == ()


def test_a_rotation_that_nobody_named_is_not_signed() -> None:
    """Without successors there is none to sign."""
    net = Network()
    rotation = Rotation(Epoch(Uint64(1)), digest_of(1), net.replica.height, ZERO_BYTES32)
    assert net.block(FIRST.hand_over(0, rotation)).reasons == [Reason.OTHER_ROTATION]


def test_only_members_sign_each_once() -> None:
    """No fifth member, nobody for another, and nobody twice; they stand by rising member."""
    net = Network()
    net.name(*FOUR)
    rotation = pending_of(net)
    by_other = replace(FIRST.hand_over(0, rotation), member=FIRST.hand_over(1, rotation).member)
    fifth = Council(1, (*NODES, STRANGER)).hand_over(4, rotation)
    assert net.block(by_other, fifth).reasons == [Reason.SIGNATURE_INVALID, Reason.NOT_A_MEMBER]
    assert undoored(net.replica, fifth) == [Reason.NOT_A_MEMBER]
    assert net.sign_rotation([3, 1]).reasons == []
    assert net.sign_rotation([3]).reasons == [Reason.NOTHING_NEW]
    pending = net.replica.pending
    assert pending is not None
    assert [each.member for each in pending.signatures] == [1, 3]
    assert net.replica.committee == COMMITTEE


def test_the_certificate_has_exactly_a_quorum() -> None:
    """Of four that sign in one block the lowest three stand in it, and it hands the office over to whoever checks."""
    net = Network()
    net.name(*FOUR)
    rotation = pending_of(net)
    ordered = net.sign_rotation([3, 2, 1, 0])
    signatures = tuple(
        MemberSignature(FIRST.hand_over(each, rotation).member, FIRST.hand_over(each, rotation).signature)
        for each in (0, 1, 2)
    )
    certificate = RotationCertificate(rotation, tuple(each.address for each in FOUR), signatures)
    assert ordered.applied.rotated == certificate
    assert net.replica.rotations == [certificate]
    assert rotation_fault(NETWORK, COMMITTEE, certificate) is None
    assert net.replica.pending is None


def test_named_and_signed_in_one_block() -> None:
    """The log may order all of it at once; the office changes at the end of that block."""
    net = Network()
    rotation = Rotation(
        Epoch(Uint64(1)),
        committee_hash(Epoch(Uint64(2)), tuple(each.address for each in FOUR)),
        net.replica.height,
        ZERO_BYTES32,
    )
    entries = (FIRST.name(each.address for each in FOUR), *(FIRST.hand_over(each, rotation) for each in range(3)))
    assert net.block(*entries).reasons == []
    assert net.replica.committee == Council(2, FOUR).committee


LADDER: tuple[tuple[Key, ...], ...] = (FOUR, SEVEN, (key(401),), NODES)
"""Committees of 4, 7, 1 and 4 that follow each other; the last one was the first."""


def climbed() -> Network:
    """Give a log on which they have followed each other."""
    net = Network()
    for number, keys in enumerate(LADDER):
        net.block(instruct(instruction(0, 1, salt=number + 1), BOB))
        net.block(cancel(id_of(instruction(0, 1, salt=number + 1)), BOB))
        net.rotate(*keys)
    return net


def test_the_committee_is_known_from_genesis_and_the_rotations() -> None:
    """From the first committee, or any later one that is trusted, the rest follows; every rotation has its own root."""
    net = climbed()
    rotations = net.replica.rotations
    assert [each.rotation.from_epoch for each in rotations] == [1, 2, 3, 4]
    assert len({each.rotation.decisions_root for each in rotations}) == 4
    for epoch in range(1, 6):
        trusted = net.councils[epoch].committee
        assert committee_after(NETWORK, trusted, rotations) == net.replica.committee
        upto = committee_after(NETWORK, COMMITTEE, rotations[: epoch - 1])
        assert upto == trusted
    assert net.replica.committee == Committee(Epoch(Uint64(5)), COMMITTEE.members)


def forged(certificate: RotationCertificate, **changes: object) -> RotationCertificate:
    return replace(certificate, rotation=replace(certificate.rotation, **changes))  # type: ignore[arg-type]  # by name


def test_a_rotation_that_does_not_follow_is_found() -> None:
    """One left out, other members, another root, too few, doubled or foreign signatures: each has its sentence."""
    first, second, *_ = climbed().replica.rotations
    wrong = {
        "epoch 2": [second],
        "members that came along": [replace(first, members=second.members)],
        "3 members": [replace(first, members=first.members[:3])],
        "signature of member 0": [forged(first, decisions_root=digest_of(3))],
        "2 signatures": [replace(first, signatures=first.signatures[:2])],
        "not distinct members": [replace(first, signatures=(*first.signatures[:2], first.signatures[0]))],
        "signature of member 1": [
            replace(
                first,
                signatures=(
                    first.signatures[0],
                    replace(first.signatures[1], signature=first.signatures[0].signature),
                    first.signatures[2],
                ),
            )
        ],
    }
    assert committee_after(NETWORK, COMMITTEE, [first, second]) == Council(3, SEVEN).committee
    for sentence, rotations in wrong.items():
        fault = committee_after(NETWORK, COMMITTEE, rotations)
        assert isinstance(fault, str)
        assert sentence in fault


@pytest.mark.parametrize("count", [1, 4, 7, 31])
@pytest.mark.parametrize("epoch", [1, 2, 2**64 - 1])
def test_a_committees_hash_is_what_solidity_computes(epoch: int, count: int) -> None:
    """keccak256(abi.encode(epoch, members)), by an encoder of other hands."""
    by_oracle = abi_encode(["uint64", "address[]"], [epoch, [hex_of(each) for each in members(count)]])
    assert committee_hash(Epoch(Uint64(epoch)), members(count)) == keccak256(by_oracle)


def test_a_committees_hash_binds_epoch_members_and_order() -> None:
    """Any change of any of them makes another hash."""
    hashes: set[Bytes32] = {
        committee_hash(Epoch(Uint64(epoch)), who)
        for epoch in (1, 2)
        for who in (members(4), members(4)[::-1], members(1), members(7))
    }
    assert len(hashes) == 8


def test_while_it_is_pending_everything_else_goes_on() -> None:
    """Instructions, votes and configurations are taken; only signatures wait, and that is the nodes' part."""
    net = Network()
    id_ = net.instruct(instruction(0, 1))
    net.name(*FOUR)
    assert net.replica.is_handing_over
    assert net.vote(id_, Fact.HELD, [0]).reasons == []
    assert net.block(FIRST.configure(net.replica.registry, 2)).reasons == []
    net.sign_rotation()
    assert not net.replica.is_handing_over
    assert net.replica.registry_sequence == 2


def test_the_root_holds_what_came_before_it_and_nothing_that_came_after() -> None:
    """A decision that this log took after the root was fixed is not in it, though it says what a member once signed."""
    net = Network()
    early = net.instruct(pivot_instruction(salt=1))
    net.vote(early, Fact.HELD, [0])
    late = net.instruct(instruction(salt=2, onchain_legs=(onchain_leg(5),)))
    net.name(*FOUR)
    net.block(cancel(late, ALICE, BOB))
    order = net[early].order
    assert order is not None
    ordered = Signed(order=OrderTerms(order.ledger, order.last_valid))
    other = Signed(order=OrderTerms(order.ledger, UnixSeconds(Uint64(order.last_valid + 1))))
    replica = net.replica
    assert (net[late].state, replica.pending is not None) == (State.ABORTED, True)
    assert replica.root_shows(early, ordered)
    assert not replica.root_shows(early, other)
    assert not replica.root_shows(early, Signed(Outcome.ABORT, ordered.order))
    assert not replica.root_shows(late, Signed(Outcome.ABORT))
    assert not replica.root_shows(id_of(instruction(salt=3)), ordered)
    net.sign_rotation()
    assert not replica.root_shows(early, ordered)


def test_what_ended_is_in_the_root_with_the_order_that_it_had() -> None:
    """A settlement that ended without an order does not stand for one that was signed on another log."""
    net = Network()
    id_ = net.instruct(pivot_instruction())
    net.block(cancel(id_, ALICE, BOB))
    net.certify(id_, Outcome.ABORT)
    net.vote(id_, Fact.RETURNED, [0])
    assert net.ended(id_).state is State.UNWOUND
    net.name(*FOUR)
    assert net.replica.root_shows(id_, Signed(Outcome.ABORT))
    assert not net.replica.root_shows(id_, Signed(Outcome.COMMIT))
    assert not net.replica.root_shows(id_, Signed(order=OrderTerms(PAYMENT_ONLY, UnixSeconds(Uint64(1)))))
