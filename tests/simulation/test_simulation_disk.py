"""What a simulated disk keeps: its twins answer as the production store does, and a power cut takes what it may."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from interlock.core.applied import Change
from interlock.core.attestation import Fact
from interlock.core.committee import FIRST_EPOCH
from interlock.core.decision import Outcome
from interlock.core.entry import Anchor
from interlock.core.instruction import SettlementId
from interlock.core.order import OrderCertificate
from interlock.core.signing import Conflict, Refusal, Shown
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.merkle import EMPTY_FRONTIER, Place
from interlock.encoding.values import Bytes32, Height, Uint64
from interlock.keys.sign_once import AskedDecision, RecordFailed, SignOnceRecord
from interlock.node.prover import grown
from interlock.node.store import BlockRecord, NodeStore, Store
from interlock.ordering.protocol import LogBlock
from interlock.simulation.dice import Dice
from interlock.simulation.disk import BLOCKS_AT_RISK_MAX, Disk
from interlock.simulation.kept_store import Kept, KeptStore, SqlStore
from interlock.simulation.process import PowerCut
from interlock.views.history import history_of
from support.evidence import Story, settled, unwound
from support.memory import order_certificate
from support.protocol import netted
from support.world import NETWORK, PAYMENT_ONLY, START, account_leg, onchain_leg, word

KEPT = (KeptStore, SqlStore)


class Sound:
    """A disk that never fails."""

    is_failing = False

    def touch(self) -> None:
        """Go on."""


def permit(record: SignOnceRecord, id_: Bytes32, outcome: Outcome, height: int, block: Bytes32) -> Refusal | None:
    """Ask to sign one decision."""
    asked = AskedDecision(SettlementId(id_), outcome, Shown())
    return record.permit_decisions([asked], FIRST_EPOCH, Anchor(Height(Uint64(height)), block))


def records() -> list[BlockRecord]:
    """Give the records of some blocks: settlements that ended, with votes, evidence, history, orders and the tree."""
    found: list[BlockRecord] = []
    previous, frontier = NETWORK, EMPTY_FRONTIER
    for height, story in enumerate((settled(), unwound(), settled()), 1):
        block = LogBlock(height, START + height, previous, (b"entry %d" % height, b"another"))
        previous = block.hash
        ended = story.settlement
        leaves = [word(height), word(height + 50)]
        tree = grown(frontier, leaves)
        for leaf in leaves:
            frontier = frontier.append(leaf)
        found.append(
            BlockRecord(
                block=block,
                votes=story.votes,
                documents=[b"document %d" % height, b"document of all"],
                history=history_of(height, block.time, [Change(None, ended)]),
                ended=[ended],
                index=[(ended.id, b"packed %d" % height if height != 3 else None)],
                orders=[order(height)],
                tree=tree,
                leaves=frontier.size,
            )
        )
    return found


def order(last_valid: int) -> OrderCertificate:
    """Give some order's certificate."""
    terms = netted(onchain_leg(2), account_leg(ledger=PAYMENT_ONLY), pivot=PAYMENT_ONLY)
    return order_certificate(terms, last_valid=last_valid)


def kept(*saved: BlockRecord) -> Store:
    return KeptStore(kept_of(saved), Sound())


def sql(*saved: BlockRecord) -> Store:
    return SqlStore(NETWORK, kept_of(saved), Sound())


def kept_of(saved: Iterable[BlockRecord]) -> Kept:
    """Give a disk's content."""
    kept = Kept()
    kept.records.extend(saved)
    return kept


@pytest.fixture(params=[kept, sql])
def twin(request: pytest.FixtureRequest) -> Iterator[Callable[..., Store]]:
    made: list[Store] = []

    def make(*saved: BlockRecord) -> Store:
        made.append(request.param(*saved))
        return made[-1]

    yield make
    for each in made:
        each.close()  # type: ignore[attr-defined]


def answers(store: Store) -> list[object]:
    """Ask a store everything that a node asks it."""
    stories: list[Story] = [settled(), unwound()]
    ids = [each.id for each in stories] + [word(99)]
    documents = [keccak256(each) for each in (b"document 1", b"document 2", b"document of all", b"none")]
    return [
        list(store.blocks()),
        [store.votes(each) for each in ids],
        [store.document(each) for each in documents],
        [store.history(each) for each in ids],
        [store.history(ids[0], after=1)],
        [store.ended(each) for each in ids],
        [store.ended_ids(limit) for limit in (0, 1, 2, 9)],
        [list(store.blocks(after)) for after in (1, 3, 9)],
        [store.order(each) for each in (order(1).order.settlement, *ids)],
        [store.leaves(height) for height in range(5)],
        [store.leaf(word(number)) for number in (1, 52, 99)],
        [node_at(store, Place(level, number)) for level in range(4) for number in range(7)],
        store.snapshot(),
    ]


def node_at(store: Store, place: Place) -> Bytes32 | None:
    """Give a node of the tree, or None where it is not complete."""
    try:
        return store.node_at(place)
    except KeyError:
        return None


def test_a_twin_answers_what_the_production_store_answers(twin: Callable[..., Store], tmp_path: Path) -> None:
    """Before the first block, after each, and when opened again on what was kept, all answers are the same."""
    real, other = NodeStore(tmp_path / "node.db", NETWORK), twin()
    assert answers(other) == answers(real)
    saved: list[BlockRecord] = []
    for record in records():
        real.save(record)
        other.save(record)
        saved.append(record)
        assert answers(other) == answers(real)
        assert answers(twin(*saved)) == answers(real)
    snapshot = encode(settled().log.replica.snapshot())
    for store in (real, other):
        store.save_snapshot(2, snapshot)
    assert answers(other)[:-1] == answers(real)[:-1]
    (content, index), (wanted, wanted_index) = other.snapshot() or (), real.snapshot() or ()
    assert content == wanted
    assert list(index) == list(wanted_index)
    assert [index.packed(each) for each in index] == [wanted_index.packed(each) for each in wanted_index]
    assert any(each.attestation.fact is Fact.HELD for _, each in real.votes(settled().id))
    real.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "disk", NETWORK, Dice(1), is_sql=False)
    yield disk
    disk.unmount()


def test_what_was_permitted_survives_everything(disk: Disk) -> None:
    """The record holds after a power cut, and refuses the other outcome then."""
    record, _ = disk.mount()
    assert permit(record, word(1), Outcome.COMMIT, 5, word(5)) is None
    disk.unmount()
    disk.lose_power()
    again, _ = disk.mount()
    assert isinstance(permit(again, word(1), Outcome.ABORT, 6, word(6)), Conflict)
    assert again.highest() == (5, word(5))


def test_a_power_cut_loses_the_newest_blocks_only(tmp_path: Path) -> None:
    """What is left is a beginning of what was kept, now and then all of it; a process that is killed loses nothing."""
    losses = set()
    for seed in range(60):
        disk = Disk(tmp_path / f"{seed}", NETWORK, Dice(seed), is_sql=False)
        _, store = disk.mount()
        for record in records():
            store.save(record)
        disk.unmount()
        assert len(list(disk.mount()[1].blocks())) == 3
        losses.add(disk.lose_power())
        left = list(disk.mount()[1].blocks())
        assert left == [each.block for each in records()][: len(left)]
        disk.unmount()
    assert losses == {0, 1, 2, 3}
    assert BLOCKS_AT_RISK_MAX > 3


def test_power_fails_before_or_after_a_call_takes_effect(tmp_path: Path) -> None:
    """Cut at its first moment a permit leaves nothing, at its second its row; either way nobody gets an answer."""
    for moment, stands in ((1, None), (2, Outcome.COMMIT)):
        disk = Disk(tmp_path / f"{moment}", NETWORK, Dice(1), is_sql=False)
        cuts: list[int] = []
        disk.on_cut = lambda cuts=cuts, moment=moment: cuts.append(moment)
        record, _ = disk.mount()
        disk.cut_at = moment
        with pytest.raises(PowerCut):
            permit(record, word(1), Outcome.COMMIT, 5, word(5))
        disk.unmount()
        found = disk.mount()[0].recorded(SettlementId(word(1)))
        assert (None if found is None else found.outcome) == stands
        assert cuts == [moment]
        disk.unmount()


def test_a_full_disk_takes_nothing(disk: Disk) -> None:
    """Neither record nor store writes; mended, both go on."""
    record, store = disk.mount()
    disk.is_failing = True
    with pytest.raises(RecordFailed):
        permit(record, word(1), Outcome.COMMIT, 5, word(5))
    with pytest.raises(sqlite3.OperationalError):
        store.save(records()[0])
    disk.is_failing = False
    assert record.recorded(SettlementId(word(1))) is None
    store.save(records()[0])
    assert len(list(store.blocks())) == 1


def test_a_cloned_disk_has_the_same_memory_and_goes_its_own_way(disk: Disk, tmp_path: Path) -> None:
    """A cheat's second record knows what was signed before, and nothing of what the first signs after."""
    record, _ = disk.mount()
    permit(record, word(1), Outcome.COMMIT, 5, word(5))
    twin = disk.clone(tmp_path / "twin")
    other, _ = twin.mount()
    assert isinstance(permit(other, word(1), Outcome.ABORT, 6, word(6)), Conflict)
    assert permit(record, word(2), Outcome.COMMIT, 7, word(7)) is None
    assert permit(other, word(2), Outcome.ABORT, 7, word(8)) is None
    twin.unmount()
