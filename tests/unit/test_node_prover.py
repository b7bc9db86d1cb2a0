"""What a node keeps of the log of decisions proves every decision and order, under the root of every later rotation."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import Epoch
from interlock.core.decision import Decision, Outcome
from interlock.core.entry import Entry
from interlock.core.instruction import SettlementId
from interlock.core.limits import EVERY_LEG
from interlock.core.order import Order
from interlock.encoding.merkle import Frontier, Place
from interlock.encoding.values import Uint64
from interlock.evidence.certificate import is_included
from interlock.evidence.committees import Inclusion
from interlock.node.prover import certified_orders, grown, inclusion_of, proofs_of
from interlock.node.store import BlockRecord, NodeStore
from interlock.ordering.protocol import LogBlock
from support.evidence import Recorder
from support.log import Ordered
from support.protocol import FOUR, SEVEN
from support.world import ALICE, BOB, NETWORK, REGISTRY, cancel, id_of, instruct, instruction, pivot_instruction, word


class Kept(Recorder):
    """A log of which a node's store keeps what it needs."""

    def __init__(self, store: NodeStore) -> None:
        self.store = store
        super().__init__(REGISTRY)

    def block(self, *entries: Entry | bytes, time: int | None = None) -> Ordered:
        """Order these entries and keep them."""
        before: Frontier = self.replica.decisions
        ordered = super().block(*entries, time=time)
        applied, replica = ordered.applied, self.replica
        self.store.save(
            BlockRecord(
                block=LogBlock(replica.height, replica.time, word(0), ()),
                votes=applied.votes,
                documents=(),
                history=(),
                ended=applied.ended,
                index=(),
                orders=certified_orders(applied),
                tree=grown(before, applied.leaves),
                leaves=replica.decisions.size,
            )
        )
        return ordered

    def inclusion(self, statement: Decision | Order) -> Inclusion | None:
        """Give what the node's store proves of a statement."""
        return inclusion_of(self.store, statement, self.replica.rotations)

    def cancelled(self, salt: int) -> SettlementId:
        """Bring a settlement that is aborted in the next block."""
        terms = instruction(salt=salt)
        self.block(instruct(terms, ALICE))
        self.block(cancel(id_of(terms), ALICE))
        return id_of(terms)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """Give a log whose blocks are kept."""
    store = NodeStore(tmp_path / "node.db", NETWORK)
    yield Kept(store)
    store.close()


def test_every_decision_is_proven_under_every_later_root(kept: Kept) -> None:
    """Decisions of three epochs, in logs of one to many leaves: the store's proofs are those over all the leaves."""
    decided: list[Decision] = []
    for epoch, successors in ((1, FOUR), (2, SEVEN), (3, FOUR)):
        for salt in range(epoch * 3 - 2):
            id_ = kept.cancelled(epoch * 100 + salt)
            decided.append(Decision(id_, Outcome.ABORT, Epoch(Uint64(epoch))))
        kept.rotate(*successors)
        root = kept.replica.rotations[-1].rotation.decisions_root
        for each in decided:
            found = kept.inclusion(each)
            assert found == kept.included(each)
            assert found is not None
            assert is_included(each, found.proof, root)


def test_what_the_newest_epoch_certified_needs_no_proof(kept: Kept) -> None:
    """Neither before any rotation, nor for what the committee in office signs."""
    id_ = kept.cancelled(1)
    assert kept.inclusion(Decision(id_, Outcome.ABORT, Epoch(Uint64(1)))) is None
    kept.rotate(*FOUR)
    assert kept.inclusion(Decision(id_, Outcome.ABORT, Epoch(Uint64(2)))) is None
    assert kept.inclusion(Decision(id_, Outcome.ABORT, Epoch(Uint64(1)))) is not None


def test_what_was_never_decided_so_is_not_proven(kept: Kept) -> None:
    """Neither another outcome, nor another settlement, nor what was decided after the root was fixed."""
    id_ = kept.cancelled(1)
    kept.name(*FOUR)
    late = kept.cancelled(2)
    kept.sign_rotation()
    first = Epoch(Uint64(1))
    assert kept.inclusion(Decision(id_, Outcome.COMMIT, first)) is None
    assert kept.inclusion(Decision(SettlementId(word(3)), Outcome.ABORT, first)) is None
    assert kept.inclusion(Decision(late, Outcome.ABORT, first)) is None
    kept.rotate(*SEVEN)
    assert kept.inclusion(Decision(late, Outcome.ABORT, first)) == kept.included(Decision(late, Outcome.ABORT, first))


def test_what_a_later_epoch_signed_again_is_proven_as_it_was_decided(kept: Kept) -> None:
    """Decided in the first epoch, certified in the second, proven in the third: the leaf is of the first."""
    id_ = kept.cancelled(1)
    kept.rotate(*FOUR)
    assert kept.certify(id_, Outcome.ABORT).reasons == []
    kept.rotate(*SEVEN)
    found = kept.inclusion(Decision(id_, Outcome.ABORT, Epoch(Uint64(2))))
    assert found is not None
    assert found.epoch == 1


def test_an_order_keeps_its_newest_certificate(kept: Kept) -> None:
    """The log forgets an order's certificate at a rotation; the node has it still, and its place among the leaves."""
    id_ = kept.instruct(pivot_instruction())
    kept.vote(id_, Fact.HELD, [0])
    kept.certify_order(id_)
    certificate = kept[id_].order_certificate
    assert certificate is not None
    assert proofs_of(kept.store, kept[id_], kept.replica.rotations).order is not None
    kept.rotate(*FOUR)
    assert kept[id_].order_certificate is None
    kept.vote(id_, Fact.EXECUTED, [EVERY_LEG])
    kept.certify(id_, Outcome.COMMIT)
    proofs = proofs_of(kept.store, kept[id_], kept.replica.rotations)
    assert proofs.order is not None
    assert (proofs.order.certificate, proofs.order.inclusion) == (certificate, kept.included(certificate.order))
    assert (proofs.inclusion, len(proofs.rotations)) == (None, 1)
    assert kept.store.order(id_of(instruction())) is None


def test_a_node_that_is_not_complete_is_not_given(kept: Kept) -> None:
    """The store has complete nodes alone."""
    kept.cancelled(1)
    with pytest.raises(KeyError):
        kept.store.node_at(Place(1, 0))
    kept.cancelled(2)
    assert kept.store.node_at(Place(1, 0)) == kept.replica.decisions.root
    assert (kept.store.leaves(0), kept.store.leaves(kept.replica.height)) == (0, 2)


def test_a_settlement_without_certificates_has_the_rotations_alone(kept: Kept) -> None:
    """What is not decided yet has nothing to include."""
    id_ = kept.instruct(instruction(salt=3))
    assert proofs_of(kept.store, kept[id_], kept.replica.rotations).inclusion is None
    assert kept.block(cancel(id_, ALICE, BOB)).reasons == []
