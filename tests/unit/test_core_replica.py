"""One log makes one state, byte for byte; what is refused changes nothing."""

from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.effects import outstanding
from interlock.core.entry import Anchor, Attest, Block, Certify, Entry
from interlock.core.instruction import SettlementId, redact
from interlock.core.invariants import BrokenInvariant
from interlock.core.rejection import Reason
from interlock.core.replica import Replica
from interlock.core.settlement import Cause, State
from interlock.core.snapshot import Snapshot
from interlock.encoding.canonical import decode_canonical, encode
from interlock.encoding.values import Height, Uint32, Uint64, UnixSeconds
from support.log import LATE, Log, Stage, at
from support.world import (
    ALICE,
    BANK,
    BOB,
    GENESIS,
    NETWORK,
    QUORUM,
    REGISTRY,
    START,
    STRANGER,
    attest,
    attestation,
    cancel,
    configure,
    id_of,
    instruct,
    instruction,
    sign,
    sign_decisions,
    signed_decision,
    word,
)


@pytest.mark.parametrize("stage", Stage)
def test_replicas_of_one_log_are_equal_byte_for_byte(stage: Stage) -> None:
    """Two replicas, and a third that replays the log, have the same state at every height, and the same duties."""
    log, _ = at(stage, replicas=2)
    one, other = log.replicas
    assert one.state_hash() == other.state_hash()
    third = Replica(GENESIS)
    hashes = set()
    for block, _data in log.blocks:
        third.apply_block(block)
        hashes.add(third.state_hash())
    assert third.state_hash() == one.state_hash()
    assert len(hashes) == len(log.blocks)
    assert [outstanding(each) for each in third.settlements.values()] == [
        outstanding(each) for each in one.settlements.values()
    ]


@pytest.mark.parametrize("stage", Stage)
def test_a_replica_goes_on_from_a_snapshot_to_the_same_bytes(stage: Stage) -> None:
    """At whatever height it was taken, and through its own encoding, nothing of the state is missing in it."""
    log, _ = at(stage)
    for taken in range(len(log.blocks)):
        first = Replica(GENESIS)
        for block, _data in log.blocks[:taken]:
            first.apply_block(block)
        snapshot = decode_canonical(Snapshot, encode(first.snapshot()))
        other = Replica.restore(GENESIS, snapshot, first.ended)
        assert other.state_hash() == first.state_hash()
        for block, _data in log.blocks[taken:]:
            other.apply_block(block)
        assert other.state_hash() == log.replica.state_hash()
        assert other.snapshot() == log.replica.snapshot()


def test_a_new_replica_stands_at_its_network() -> None:
    """Before the first block the past is the network itself."""
    replica = Replica(GENESIS)
    assert replica.anchor == Anchor(Height(Uint64(0)), NETWORK)
    assert replica.snapshot().settlements == ()


@pytest.mark.parametrize("height", [0, 1, 3, 4])
def test_a_height_out_of_turn_stops_the_replica(height: int) -> None:
    """Blocks are neither left out nor applied twice."""
    log = Log()
    with pytest.raises(BrokenInvariant, match="LOG-1"):
        log.replica.apply_block(Block(Height(Uint64(height)), UnixSeconds(Uint64(START)), word(1), ()))


def test_time_that_goes_back_stops_the_replica() -> None:
    """Log time may stand still, and never goes back."""
    log = Log()
    log.block(time=START)
    with pytest.raises(BrokenInvariant, match="LOG-2"):
        log.block(time=START - 1)


def test_two_orders_may_decide_differently_and_neither_changes() -> None:
    """HELD before REFUSED commits, REFUSED before HELD aborts, and what comes later is only evidence."""
    outcomes = []
    for facts in ((Fact.HELD, Fact.REFUSED), (Fact.REFUSED, Fact.HELD)):
        log, id_ = at(Stage.ONE_HELD)
        for fact in facts:
            log.vote(id_, fact, [1])
        decision = log[id_].decision
        assert decision is not None
        log.vote(id_, Fact.LOST, [1])
        log.block(cancel(id_, ALICE, BOB), time=LATE)
        assert log[id_].decision == decision
        outcomes.append(decision.outcome)
    assert outcomes == [Outcome.COMMIT, Outcome.ABORT]


def batches(id_: SettlementId, anchor: Anchor) -> list[Attest | Certify]:
    return [
        attest(0, anchor, attestation(0, id_, 1, Fact.HELD)),
        sign_decisions(0, anchor, signed_decision(0, id_, Outcome.COMMIT)),
    ]


@pytest.mark.parametrize("kind", [0, 1], ids=["attest", "certify"])
def test_a_batch_that_was_made_on_another_history_is_refused(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another hash at that height, a height to come and one too long ago are OTHER_LOG; any near ancestor will do."""
    monkeypatch.setattr("interlock.core.replica.ANCHORS_MAX", 4)
    log, id_ = at(Stage.PREPARING)
    while log.replica.height < 8:
        log.block()
    hashes = {block.height: block.hash for block, _ in log.blocks}
    bad = [
        Anchor(Height(Uint64(8)), word(1)),
        Anchor(Height(Uint64(7)), hashes[Height(Uint64(8))]),
        Anchor(Height(Uint64(9)), hashes[Height(Uint64(8))]),
        Anchor(Height(Uint64(2**64 - 1)), word(1)),
        Anchor(Height(Uint64(3)), hashes[Height(Uint64(3))]),
        Anchor(Height(Uint64(0)), NETWORK),
    ]
    for anchor in bad:
        before = log.kept()
        hashes[log.replica.height] = log.replica.block_hash
        assert log.block(batches(id_, anchor)[kind]).reasons == [Reason.OTHER_LOG]
        assert log.kept() == before
    just_too_old = log.blocks[-5][0]
    entry = batches(id_, Anchor(just_too_old.height, just_too_old.hash))[kind]
    assert log.block(entry).reasons == [Reason.OTHER_LOG]
    oldest = log.blocks[-4][0]
    entry = batches(id_, Anchor(oldest.height, oldest.hash))[kind]
    assert log.block(entry).reasons == ([] if kind == 0 else [Reason.NOT_DECIDED])


def test_a_batch_made_at_the_very_beginning_is_taken() -> None:
    """A node that has applied nothing yet anchors in the network itself."""
    log = Log(registry=None)
    vote = attest(0, log.anchor, attestation(0, id_of(instruction()), 0, Fact.HELD))
    assert log.block(vote).reasons == [Reason.SETTLEMENT_UNKNOWN]


@pytest.mark.parametrize("kind", [0, 1], ids=["attest", "certify"])
def test_the_core_knows_no_fifth_member(kind: int) -> None:
    """Even where a door let it pass, a member out of range is refused, before its anchor is looked at."""
    log, id_ = at(Stage.PREPARING)
    entry: Entry = replace(batches(id_, Anchor(Height(Uint64(9)), word(1)))[kind], member=Uint32(4))  # type: ignore[arg-type]  # a member index is a number
    block = Block(Height(Uint64(log.replica.height + 1)), log.replica.time, word(1), (entry,))
    applied = log.replica.apply_block(block)
    assert [each.reason for _, each in applied.rejections] == [Reason.NOT_A_MEMBER]


def test_a_block_tells_what_it_changed() -> None:
    """Votes that counted, settlements touched and those that ended, and rejections with the index of their entry."""
    log, id_ = at(Stage.COMMITTED_CERTIFIED)
    other = instruction(0, 1, salt=2)
    votes = [
        attest(each, log.anchor, attestation(each, id_, 0, Fact.DELIVERED), attestation(each, id_, 1, Fact.DELIVERED))
        for each in QUORUM
    ]
    ordered = log.block(votes[0], sign(id_of(other), ALICE), votes[1], instruct(other, BOB), b"{}", votes[2], votes[2])
    applied = ordered.applied
    assert [each.id for each in applied.ended] == [id_]
    assert applied.ended[0].state is State.SETTLED
    assert applied.touched == (id_of(other), id_)  # two votes change nothing, the third does
    assert [(member, each.attestation.leg) for member, each in applied.votes] == [
        (member, leg) for member in QUORUM for leg in (0, 1)
    ]
    assert [type(each).__name__ for each in applied.steps] == [
        *("Vote", "Vote", "Vote", "Vote", "Change", "Vote", "Change", "Vote", "Change")
    ]
    assert [each.reason for _, each in applied.rejections] == [
        Reason.SETTLEMENT_UNKNOWN,
        Reason.ALREADY_DECIDED,
        Reason.ALREADY_DECIDED,
    ]
    assert [each.reason for each in ordered.rejections][1] is Reason.MALFORMED
    assert (applied.changes[-1].before is None, applied.changes[-1].after.id) == (False, id_)


PREVIEWS = {
    "good": (Stage.ALLEGED, sign(id_of(instruction()), BOB), None),
    "nothing new": (Stage.ALLEGED, sign(id_of(instruction()), ALICE), Reason.NOTHING_NEW),
    "a stranger": (Stage.ALLEGED, instruct(instruction(salt=9), STRANGER), Reason.SIGNER_NOT_REQUIRED),
    "a new one": (Stage.ALLEGED, instruct(instruction(salt=9), ALICE), None),
    "unknown": (Stage.ALLEGED, sign(id_of(instruction(salt=9)), ALICE), Reason.SETTLEMENT_UNKNOWN),
    "a cancel": (Stage.ALLEGED, cancel(id_of(instruction()), ALICE), None),
    "too late": (Stage.COMMITTED, cancel(id_of(instruction()), ALICE), Reason.ALREADY_DECIDED),
    "ended": (Stage.SETTLED, instruct(instruction(), ALICE), Reason.ALREADY_DECIDED),
}


@pytest.mark.parametrize(("stage", "entry", "reason"), PREVIEWS.values(), ids=PREVIEWS.keys())
def test_a_preview_says_what_the_log_would_say_and_changes_nothing(
    stage: Stage, entry: Entry, reason: Reason | None
) -> None:
    """A submitter hears beforehand, with the id concerned; only the log decides."""
    log, _ = at(stage)
    before = log.replica.state_hash()
    id_, rejection = log.replica.preview(entry)  # type: ignore[arg-type]  # each is a party's entry
    assert (rejection and rejection.reason) is reason
    assert log.replica.state_hash() == before
    assert log.block(entry).reasons == ([] if reason is None else [reason])
    assert id_ in {id_of(instruction()), id_of(instruction(salt=9))}


WITHOUT_BANK = replace(REGISTRY, ledgers=tuple(each for each in REGISTRY.ledgers if each.name != BANK))


@pytest.mark.parametrize("stage", [Stage.ABORTED_CERTIFIED, Stage.ABORTED_HELD])
def test_a_ledger_that_is_struck_off_keeps_no_settlement_open(stage: Stage) -> None:
    """Nobody can watch it any more: once its other legs are closed an aborted settlement ends, and so its lanes."""
    log, id_ = at(stage)
    log.vote(id_, Fact.RETURNED, [0])
    assert log[id_].state is State.ABORTED
    ordered = log.block(configure(WITHOUT_BANK, 2))
    assert [each.state for each in ordered.applied.ended] == [State.UNWOUND]
    assert log.replica.context().live_lanes == {}


def test_a_held_leg_on_a_ledger_that_is_struck_off_is_closed_too() -> None:
    """Whoever has the certificate can still have it returned; the log has nothing more to wait for."""
    log, id_ = at(Stage.PREPARING)
    log.vote(id_, Fact.HELD, [1])
    log.block(cancel(id_, ALICE, BOB))
    log.certify(id_, Outcome.ABORT)
    log.vote(id_, Fact.RETURNED, [0])
    log.block(configure(WITHOUT_BANK, 2))
    assert log.ended(id_).state is State.UNWOUND


def test_striking_a_ledger_off_changes_nothing_that_is_undecided_or_committed() -> None:
    """Open settlements go on; a leg that is entitled stays entitled."""
    for stage in (Stage.ALLEGED, Stage.ONE_HELD, Stage.COMMITTED_CERTIFIED):
        log, id_ = at(stage)
        before = log[id_]
        assert log.block(configure(WITHOUT_BANK, 2)).applied.changes == []
        assert log[id_] == before


def test_a_refusal_on_an_unknown_ledger_ends_with_its_certificate() -> None:
    """An instruction that could never be admitted and names no known ledger needs only its certificate."""
    log = Log(registry=None)
    late = instruction(prepare_by=START)
    log.block(instruct(late, ALICE), time=LATE)
    log.certify(id_of(late), Outcome.ABORT)
    assert log.ended(id_of(late)).state is State.UNWOUND


def test_a_hidden_leg_without_a_hold_is_closed_by_time() -> None:
    """Of a leg whose ledger the log was never told, nobody waits for more once no hold can begin."""
    log = Log()
    id_ = id_of(instruction())
    log.block(cancel(id_, BOB, redacted=redact(instruction())))
    log.certify(id_, Outcome.ABORT)
    log.vote(id_, Fact.RETURNED, [0])
    assert log[id_].state is State.ABORTED
    log.block(time=LATE)
    assert log.ended(id_).state is State.UNWOUND


def test_a_hidden_leg_with_a_hold_waits_for_its_return() -> None:
    """A hold that a quorum saw is not closed by time."""
    log = Log()
    id_ = id_of(instruction())
    log.block(cancel(id_, BOB, redacted=redact(instruction())))
    log.vote(id_, Fact.HELD, [1])
    log.certify(id_, Outcome.ABORT)
    log.vote(id_, Fact.RETURNED, [0])
    log.block(time=LATE)
    assert log[id_].state is State.ABORTED
    log.vote(id_, Fact.RETURNED, [1])
    assert id_ in log.replica.ended


def test_terms_that_come_after_the_end_open_it_again() -> None:
    """A hold may stand on a ledger that nobody could watch: with the terms it is found, and given back."""
    log = Log()
    id_ = id_of(instruction())
    log.block(cancel(id_, BOB, redacted=redact(instruction())))
    log.certify(id_, Outcome.ABORT)
    log.vote(id_, Fact.RETURNED, [0])
    log.block(time=LATE)
    assert log.block(instruct(instruction(), STRANGER)).reasons == [Reason.SIGNER_NOT_REQUIRED]
    assert log.block(instruct(instruction(), ALICE)).reasons == []
    assert id_ not in log.replica.ended
    assert (log[id_].state, log[id_].cause) == (State.ABORTED, Cause.CANCELLED)
    log.vote(id_, Fact.HELD, [1])
    log.certify(id_, Outcome.ABORT)
    log.vote(id_, Fact.RETURNED, [0, 1])
    assert log.ended(id_).state is State.UNWOUND
    assert log.block(instruct(instruction(), ALICE)).reasons == [Reason.ALREADY_DECIDED]


def test_the_configuration_of_the_match_is_kept() -> None:
    """A receipt is read under the registry that admitted the match; before it, under that of the first sight."""
    log, id_ = at(Stage.ALLEGED)
    log.block(configure(REGISTRY, 2))
    assert log[id_].registry_sequence == 1
    log.block(sign(id_, BOB))
    assert log[id_].registry_sequence == 2
    assert log[log.instruct(instruction(0, 1, salt=2))].registry_sequence == 2


@pytest.mark.parametrize("stage", [Stage.SETTLED, Stage.UNWOUND])
def test_the_deadline_of_what_ended_passes_unnoticed(stage: Stage) -> None:
    """Time that runs out for an archived settlement touches nothing."""
    log, id_ = at(stage)
    ended = log.ended(id_)
    assert log.block(time=LATE).applied.changes == []
    assert {each: log.ended(each) for each in log.replica.ended} == {id_: ended}
