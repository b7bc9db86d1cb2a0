"""Whatever happened, a replica that goes on from a snapshot has the same future as one that has seen everything."""

from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.core.attestation import Fact
from interlock.core.effects import outstanding
from interlock.core.replica import Replica
from interlock.encoding.canonical import encode
from interlock.encoding.merkle import root_of
from support.history import History, Step, rivalries, steps
from support.log import LATE
from support.protocol import NETTED_REGISTRY, netted, restored
from support.world import (
    ALICE,
    BOB,
    CAROL,
    GENESIS,
    PREPARE_BY,
    START,
    VAULT_NAME,
    account_leg,
    address,
    instruction,
    onchain_leg,
    pivot_instruction,
    registry,
    word,
)

DEALS = (
    instruction(salt=1),
    instruction(salt=2),  # wants the lane of the first
    pivot_instruction(salt=3, onchain_legs=(onchain_leg(1),)),
    netted(
        onchain_leg(2), onchain_leg(3, payer=BOB.address, payee=CAROL.address), account_leg(), pivot=VAULT_NAME, salt=4
    ),
    netted(onchain_leg(4), onchain_leg(5, payer=BOB.address, payee=ALICE.address), pivot=VAULT_NAME, salt=5),
    instruction(salt=6, onchain_legs=(onchain_leg(6, payer=address(0xC0DE)),), settle_from=START + 100),
    instruction(salt=11, onchain_legs=(onchain_leg(6, payer=address(0xC0DE)),)),  # wants the lane of that
    instruction(salt=7, onchain_legs=(onchain_leg(0),), conditions=word(3)),
    instruction(0, 2, salt=8, prepare_by=START + 200),
    instruction(salt=9, onchain_legs=(onchain_leg(7, amount=0),)),  # can never be admitted
    instruction(salt=10, onchain_legs=(), account_legs=(account_leg(ledger="bank:new"),)),  # nowhere, for now
)
REGISTRIES = (
    NETTED_REGISTRY,
    registry(*NETTED_REGISTRY.ledgers, batch_min=1),
    registry(*NETTED_REGISTRY.ledgers, batch_min=2),
    registry(*NETTED_REGISTRY.ledgers, open_max=1, has_conditions=False),
    registry(default=False),
)


RIVALS = tuple(
    instruction(salt=salt, onchain_legs=(onchain_leg(0, payer=address(0xC0DE)),), prepare_by=PREPARE_BY - salt)
    for salt in range(4)
)
"""All want one lane of one wallet."""


@settings(max_examples=2 * settings().max_examples)
@given(consented=st.integers(0, 4), before=rivalries, after=rivalries)
def test_rivals_for_a_lane_find_the_same_winner_after_a_restart(
    consented: int, before: list[Step], after: list[Step]
) -> None:
    """Whoever matches, and whenever, is the same on a replica with a long past and on one that was restored."""
    history = History(RIVALS, (registry(), registry(open_max=1), registry(open_max=0), registry(default=False)))
    net = history.net
    for salt in range(4):
        history.bring(salt, (BOB,), is_redacted=False)
    for salt in range(consented):
        history.vote(salt, Fact.SIGNED, 0, (0, 1, 2))
    for step in before:
        step(history)
    net.replicas = (net.replica, restored(net.replica))
    net.block()
    for step in after:
        step(history)
    net.block(time=net.replica.time + 1)
    assert net.replicas[1].state_hash() == net.replica.state_hash()
    assert net.replicas[1].context() == net.replica.context()


@given(before=steps, after=steps)
def test_a_restored_replica_has_the_same_future(before: list[Step], after: list[Step]) -> None:
    """Same snapshot bytes and hash at any moment, and after the same further blocks, to the deadline and on."""
    history = History(DEALS, REGISTRIES)
    net = history.net
    for step in before:
        step(history)
    other = restored(net.replica)
    assert encode(other.snapshot()) == encode(net.replica.snapshot())
    assert other.state_hash() == net.replica.state_hash()
    net.replicas = (net.replica, other)
    for step in after:
        step(history)
        assert other.state_hash() == net.replica.state_hash()
    net.block(time=max(net.replica.time, PREPARE_BY))
    net.block(time=max(net.replica.time, LATE))
    assert encode(other.snapshot()) == encode(net.replica.snapshot())
    assert {each: other.ended.get(each) for each in other.ended} == {
        each: net.replica.ended.get(each) for each in net.replica.ended
    }
    for id_, known in net.replica.settlements.items():
        assert outstanding(other.settlements[id_]) == outstanding(known)


@given(steps)
def test_the_hash_that_follows_is_that_of_the_state(history_of: list[Step]) -> None:
    """Asked after every step, the incremental hash is the one that a fresh replica computes; and a replay's."""
    history = History(DEALS, REGISTRIES)
    replica = history.net.replica
    for step in history_of:
        step(history)
        assert replica.state_hash() == restored(replica).state_hash()
    replayed = Replica(GENESIS)
    for block, _ in history.net.blocks:
        replayed.apply_block(block)
    assert replayed.state_hash() == replica.state_hash()
    assert encode(replayed.snapshot()) == encode(replica.snapshot())


@given(steps=steps, seed=st.integers(0, 9))
def test_what_only_is_derived_is_derived_alike(steps: list[Step], seed: int) -> None:
    """Limits, lanes and the log of decisions follow from the state, and from what each block says it appended."""
    history = History(DEALS, REGISTRIES)
    net, leaves = history.net, []
    replica = Replica(GENESIS)
    for step in (*steps[seed:], *steps[:seed]):
        step(history)
    for block, _ in net.blocks:
        leaves += replica.apply_block(block).leaves
    assert net.replica.decisions.size == len(leaves)
    assert not leaves or net.replica.decisions.root == root_of(leaves)
    assert len(set(leaves)) == len(leaves)
    assert restored(net.replica).context() == net.replica.context()
