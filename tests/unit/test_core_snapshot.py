"""A replica that goes on from a snapshot is the one that applied everything: same bytes, same hash, same future."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import Epoch
from interlock.core.decision import Outcome
from interlock.core.effects import outstanding
from interlock.core.ended import EndedIndex
from interlock.core.instruction import SettlementId, redact
from interlock.core.invariants import BrokenInvariant
from interlock.core.limits import EVERY_LEG
from interlock.core.replica import Replica
from interlock.core.settlement import State
from interlock.encoding.canonical import encode
from interlock.encoding.merkle import EMPTY_FRONTIER, Frontier
from interlock.encoding.values import Uint64
from support.log import LATE, Log, Stage, at
from support.protocol import FIRST, FOUR, NETTED_REGISTRY, SEVEN, Network, digest_of, restored
from support.world import (
    ALICE,
    BANK,
    BOB,
    GENESIS,
    PREPARE_BY,
    START,
    cancel,
    id_of,
    instruct,
    instruction,
    pivot_instruction,
    registry,
    word,
)


def a_rotation_named() -> Network:
    """Give a log where one is decided and another ordered, and two have signed a rotation."""
    net = votes_on_their_way()
    net.name(*SEVEN)
    net.sign_rotation([3, 1])
    return net


def a_rotation_done() -> Network:
    """Give a log where the next committee is in office and has begun to vote."""
    net = a_rotation_named()
    net.sign_rotation([0])
    net.vote(id_of(instruction(0, 1, salt=3)), Fact.HELD, [0], [6])
    return net


def votes_on_their_way() -> Network:
    """Give a log with votes and signatures that have come to no quorum, under a decision and an order."""
    net = Network(wanted=registry(batch_min=3))
    aborted = net.instruct(instruction(salt=1))
    ordered = net.instruct(pivot_instruction(salt=2, onchain_legs=()))
    open_ = net.instruct(instruction(0, 1, salt=3))
    net.vote(open_, Fact.HELD, [0], [1, 3])
    net.block(cancel(aborted, ALICE, BOB))
    net.certify(aborted, Outcome.ABORT, [2])
    net.certify_order(ordered, [2, 0])
    return net


def a_batch_signed_by_two() -> Network:
    """Give a log where two have signed a batch, of which one decision is certified alone."""
    net = Network(wanted=registry(batch_min=2))
    ids = [net.instruct(instruction(0, 1, salt=salt)) for salt in (1, 2, 3)]
    net.block(*(cancel(each, BOB) for each in ids))
    net.certify_batches([0, 3])
    net.certify(ids[0], Outcome.ABORT)
    return net


def batches_certified() -> Network:
    """Give a log where decisions have their proof in a batch."""
    net = a_batch_signed_by_two()
    net.certify_batches([1])
    return net


def a_liar_convicted() -> Network:
    """Give a log that knows liars, and that two certificates contradict each other."""
    net = votes_on_their_way()
    net.replica.convicted = frozenset({FIRST.keys[3].address, FIRST.keys[1].address})
    net.replica.is_compromised = True
    return net


def configured_twice() -> Network:
    """Give a log where a second registry is in force."""
    net = votes_on_their_way()
    net.block(net.council.configure(NETTED_REGISTRY, 2))
    return net


def redacted_with_a_condition_and_a_consent() -> Network:
    """Give a log with terms that are partly hidden, a fact about the whole, and a consent on chain."""
    net = Network()
    terms = instruction(1, 1, conditions=word(5))
    net.block(instruct(redact(terms, ledger=BANK), BOB))
    net.vote(id_of(terms), Fact.MET, [EVERY_LEG])
    net.vote(id_of(terms), Fact.SIGNED, [0])
    return net


MOMENTS: dict[str, Callable[[], Log]] = {
    **{stage.value: lambda stage=stage: at(stage)[0] for stage in Stage},  # type: ignore[misc]  # bound as it stands
    "before the first block": lambda: Log(registry=None),
    "votes on their way": votes_on_their_way,
    "a rotation named": a_rotation_named,
    "a rotation done": a_rotation_done,
    "a batch signed by two": a_batch_signed_by_two,
    "batches certified": batches_certified,
    "a liar convicted": a_liar_convicted,
    "configured twice": configured_twice,
    "redacted": redacted_with_a_condition_and_a_consent,
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_a_restored_replica_is_the_same(moment: Callable[[], Log]) -> None:
    """Same snapshot bytes, same hash, same duties and answers, whenever it was taken."""
    replica = moment().replica
    other = restored(replica)
    assert encode(other.snapshot()) == encode(replica.snapshot())
    assert other.state_hash() == replica.state_hash()
    assert (other.anchor, other.committee, other.registry) == (replica.anchor, replica.committee, replica.registry)
    assert other.now == replica.context()
    for id_, known in replica.settlements.items():
        assert outstanding(other.settlements[id_]) == outstanding(known)
        assert other.signers_of(other.settlements[id_]) == replica.signers_of(known)


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_the_same_further_blocks_lead_to_the_same(moment: Callable[[], Log]) -> None:
    """Whatever comes next, time alone or entries, both apply it alike."""
    log = moment()
    other = restored(log.replica)
    log.replicas = (log.replica, other)
    every = list(log.replica.settlements)
    if isinstance(log, Network):
        for id_ in every:
            for fact in (Fact.HELD, Fact.EXECUTED):
                log.vote(id_, fact, [0] if fact is Fact.HELD else [EVERY_LEG])
        if log.replica.pending is not None:
            log.sign_rotation([0])
        log.certify_batches()
        for id_ in log.replica.settlements:
            log.certify(id_, Outcome.ABORT)
    log.block(instruct(instruction(2, salt=77), ALICE, BOB), time=START + 1)
    log.block(time=PREPARE_BY)
    log.block(time=LATE)
    assert other.state_hash() == log.replica.state_hash()
    assert encode(other.snapshot()) == encode(log.replica.snapshot())
    assert all(known.state is not State.PREPARING for known in other.settlements.values())


def test_the_hash_that_follows_is_the_hash_begun_anew() -> None:
    """Asked after every block or once at the end, of the replica that changed or of a fresh one, it is one hash."""
    asked, unasked = Network(), Network()
    for net in (asked, unasked):
        first = net.instruct(instruction(0, 1, salt=1))
        second = net.instruct(instruction(0, 1, salt=2))
        for step in (
            lambda net=net, first=first: net.vote(first, Fact.HELD, [0]),
            lambda net=net, first=first: net.certify(first, Outcome.COMMIT),
            lambda net=net, second=second: net.block(cancel(second, BOB)),
            lambda net=net, first=first: net.vote(first, Fact.DELIVERED, [0]),
            lambda net=net: net.rotate(*FOUR),
            lambda net=net, second=second: net.certify(second, Outcome.ABORT),
            lambda net=net, second=second: net.vote(second, Fact.RETURNED, [0]),
        ):
            step()
            if net is asked:
                assert net.replica.state_hash() == restored(net.replica).state_hash()
    assert asked.replica.settlements == {}
    assert asked.replica.state_hash() == unasked.replica.state_hash() == restored(unasked.replica).state_hash()


def test_the_hash_tells_every_block_from_the_one_before() -> None:
    """Height, time and block hash are in it: idle blocks differ too."""
    log, _ = at(Stage.PREPARING)
    hashes = {log.replica.state_hash()}
    for _ in range(3):
        log.block()
        hashes.add(log.replica.state_hash())
    assert len(hashes) == 4


def waiting_for_a_lane() -> tuple[Network, SettlementId, SettlementId]:
    """Give a log where two want one lane: the first has it, the second has every consent and waits."""
    net = Network()
    first, second = instruction(salt=1), instruction(salt=2)
    for each in (first, second):
        net.instruct(each, BOB)
    for each in (first, second):
        net.vote(id_of(each), Fact.SIGNED, [0])
    assert [net[id_of(each)].state for each in (first, second)] == [State.PREPARING, State.ALLEGED]
    net.block(time=START + 1)
    return net, id_of(first), id_of(second)


def test_a_restored_replica_looks_at_nothing_that_the_others_do_not_look_at() -> None:
    """A lane that came free lets nobody match before somebody asks, on a replica with a long past or with none."""
    net, first, second = waiting_for_a_lane()
    net.block(cancel(first, ALICE, BOB))
    net.certify(first, Outcome.ABORT)
    net.vote(first, Fact.RETURNED, [0, 1])
    assert net.replica.context().live_lanes == {}
    other = restored(net.replica)
    net.replicas = (net.replica, other)
    net.block(time=START + 2)
    assert (net[second].state, other.settlements[second].state) == (State.ALLEGED, State.ALLEGED)
    assert other.state_hash() == net.replica.state_hash()
    net.block(instruct(instruction(salt=2), BOB))
    assert (net[second].state, other.settlements[second].state) == (State.PREPARING, State.PREPARING)
    assert other.state_hash() == net.replica.state_hash()


@pytest.mark.parametrize("salts", [(1, 2), (2, 1)])
def test_a_configuration_goes_through_the_open_settlements_in_one_order(salts: tuple[int, int]) -> None:
    """Two that wait for a ledger want one lane; whichever was there first, the same one has it after a restart."""
    net = Network()
    ids = [net.instruct(instruction(salt=salt), BOB) for salt in salts]
    net.block(net.council.configure(registry(open_max=0), 2))
    for id_ in ids:
        net.vote(id_, Fact.SIGNED, [0])
        assert net[id_].state is State.ALLEGED
    other = restored(net.replica)
    net.replicas = (net.replica, other)
    net.block(net.council.configure(registry(), 3))
    assert [net[each].state for each in sorted(ids)] == [State.PREPARING, State.ALLEGED]
    assert other.state_hash() == net.replica.state_hash()


def test_what_a_configuration_ends_enters_the_log_of_the_ended_in_one_order() -> None:
    """Struck off with their ledger, two settlements end by rising id on every replica."""
    net = Network()
    ids = [net.instruct(instruction(0, 1, salt=salt)) for salt in range(1, 9)]
    net.block(*(cancel(each, BOB) for each in ids))
    for id_ in ids:
        net.certify(id_, Outcome.ABORT)
    other = restored(net.replica)
    net.replicas = (net.replica, other)
    ordered = net.block(net.council.configure(registry(default=False), 2))
    assert [each.id for each in ordered.applied.ended] == sorted(ids)
    assert other.archive == net.replica.archive
    assert other.state_hash() == net.replica.state_hash()


BROKEN = {
    "another network": {"network": word(3)},
    "a peak too many": {"decisions": Frontier(Uint64(1), (digest_of(1), digest_of(2)))},
    "a peak too few": {"decisions": Frontier(Uint64(3), (digest_of(1),))},
    "the ended without their peaks": {"ended": Frontier(Uint64(1), ())},
    "no block hash at all": {"anchors": ()},
    "an epoch to which no rotation led": {"epoch": Epoch(Uint64(2))},
}


@pytest.mark.parametrize("changes", BROKEN.values(), ids=BROKEN.keys())
def test_a_snapshot_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    """Of another network, or with a log that nothing could have appended."""
    log, _ = at(Stage.PREPARING)
    snapshot = replace(log.replica.snapshot(), **changes)  # type: ignore[arg-type]  # fields by name
    with pytest.raises(BrokenInvariant, match="I8"):
        Replica.restore(GENESIS, snapshot, EndedIndex())


def test_a_replica_with_a_past_resumes_from_no_snapshot() -> None:
    """A snapshot is a beginning; blocks that were applied before it would be forgotten in silence."""
    log, _ = at(Stage.PREPARING)
    with pytest.raises(BrokenInvariant, match="I8"):
        log.replica.resume(log.replica.snapshot(), EndedIndex())


def test_a_new_replicas_snapshot_is_a_beginning_too() -> None:
    """Before the first block there is the network, its committee, and nothing else."""
    snapshot = Replica(GENESIS).snapshot()
    assert (snapshot.epoch, snapshot.members, snapshot.anchors) == (1, GENESIS.members, (GENESIS.network_id,))
    assert (snapshot.decisions, snapshot.ended) == (EMPTY_FRONTIER, EMPTY_FRONTIER)
    assert (snapshot.configurations, snapshot.settlements, snapshot.pending) == ((), (), None)
