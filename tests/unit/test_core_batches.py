"""The decisions of one block are signed as one, and each of them has a proof of its own."""

from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import Epoch
from interlock.core.decision import BatchCertificate, Certificate, Outcome, assemble_batch, batch_of, decision_hash
from interlock.core.instruction import SettlementId
from interlock.core.rejection import Reason
from interlock.core.settlement import State
from interlock.encoding.merkle import root_of, verify_proof
from interlock.encoding.values import Height, Uint64
from interlock.evidence.certificate import certificate_fault
from support.protocol import FIRST, FOUR, Network, digest_of
from support.world import BOB, COMMITTEE, NETWORK, cancel, instruct, instruction, registry


def decided(count: int, *, batch_min: int = 2, more: int = 0) -> tuple[Network, list[SettlementId]]:
    """Give a log whose newest block decides so many settlements, by rising id, and has some more open."""
    net = Network(wanted=registry(batch_min=batch_min, open_max=1_000))
    ids = [net.instruct(instruction(0, 1, salt=salt + 1)) for salt in range(count + more)]
    net.block(*(cancel(each, BOB) for each in ids[:count]))
    return net, sorted(ids[:count])


@pytest.mark.parametrize("batch_min", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [1, 2, 3, 6, 7])
def test_so_many_or_more_are_one_batch(count: int, batch_min: int) -> None:
    """From the registry's number on; fewer are signed each on its own."""
    net, ids = decided(count, batch_min=batch_min)
    batches = list(net.replica.ballots.batches.values())
    if count < batch_min:
        assert batches == []
        assert all(net[each].batch is None for each in ids)
        return
    (ballot,) = batches
    leaves = [decision_hash(each) for each in ballot.decisions]
    assert [each.settlement for each in ballot.decisions] == ids
    assert (ballot.batch.root, ballot.batch.epoch, ballot.batch.height) == (root_of(leaves), 1, net.replica.height)
    assert all(net[each].batch == ballot.batch.root for each in ids)


def test_every_outcome_of_the_block_is_in_its_batch() -> None:
    """COMMIT and ABORT, by votes, cancels and time, and those that were decided at birth; not those of other blocks."""
    net = Network(wanted=registry(batch_min=2))
    before, *ids = (net.instruct(instruction(0, 1, salt=salt)) for salt in (9, 1, 2))
    net.block(cancel(before, BOB))
    votes = [FIRST.attest(each, net.anchor, FIRST.attestation(each, ids[0], 0, Fact.HELD)) for each in FIRST.quorum]
    net.block(*votes, cancel(ids[1], BOB), instruct(instruction(0, 1, salt=8, pivot_window=1), BOB))
    (ballot,) = net.replica.ballots.batches.values()
    outcomes = {each.settlement: each.outcome for each in ballot.decisions}
    assert len(outcomes) == 3
    assert (outcomes[ids[0]], outcomes[ids[1]]) == (Outcome.COMMIT, Outcome.ABORT)
    assert before not in outcomes


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_a_quorum_proves_each_decision(count: int) -> None:
    """Every certificate holds before whoever knows the committee alone, and for its own settlement and outcome only."""
    net, ids = decided(count, batch_min=1)
    assert net.certify_batches([3, 0]).reasons == []
    assert [net.signers(each) for each in ids] == [[0, 3]] * count
    assert net.certify_batches([1]).reasons == []
    for id_ in ids:
        certificate = net[id_].certificate
        assert isinstance(certificate, BatchCertificate)
        assert net.proves(certificate, id_, Outcome.ABORT)
        assert not net.proves(certificate, id_, Outcome.COMMIT)
        assert [each.member for each in certificate.signatures] == [0, 1, 3]
        assert (net[id_].batch, net.signers(id_)) == (None, [0, 1, 3])
        for other in set(ids) - {id_}:
            assert not net.proves(certificate, other, Outcome.ABORT)
    assert net.replica.ballots.batches == {}


def certified(count: int = 3) -> tuple[BatchCertificate, SettlementId]:
    net, ids = decided(count)
    net.certify_batches()
    certificate = net[ids[0]].certificate
    assert isinstance(certificate, BatchCertificate)
    return certificate, ids[0]


FORGED: dict[str, tuple[dict[str, object], str]] = {
    "of another root": ({"batch": "root"}, "the decision is not in the batch"),
    "of another block": ({"batch": "height"}, "signature of member 0"),
    "of another epoch": ({"batch": "epoch"}, "the batch is of epoch 2, its decision of epoch 1"),
    "without its proof": ({"proof": ()}, "the decision is not in the batch"),
    "with another proof": ({"proof": (digest_of(1), digest_of(2))}, "the decision is not in the batch"),
    "with two signatures": ({"signatures": 2}, "2 signatures; exactly 3 are wanted"),
}


@pytest.mark.parametrize(("changes", "sentence"), FORGED.values(), ids=FORGED.keys())
def test_a_forged_certificate_is_found(changes: dict[str, object], sentence: str) -> None:
    """Root, block, epoch, proof and signatures are all bound."""
    certificate, id_ = certified()
    batch = {
        "root": replace(certificate.batch, root=digest_of(1)),
        "height": replace(certificate.batch, height=Height(Uint64(1))),
        "epoch": replace(certificate.batch, epoch=Epoch(Uint64(2))),
    }
    if "batch" in changes:
        changes = {"batch": batch[str(changes["batch"])]}
    if "signatures" in changes:
        changes = {"signatures": certificate.signatures[:2]}
    wrong = replace(certificate, **changes)  # type: ignore[arg-type]  # fields by name
    fault = certificate_fault(NETWORK, COMMITTEE, wrong, settlement=id_)
    assert fault is not None
    assert sentence in fault


def test_a_block_with_more_than_fit_makes_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """No batch has more leaves than the bound; each is signed apart, and what one lacks does not hold up another."""
    monkeypatch.setattr("interlock.core.closing.BATCH_LEAVES_MAX", 3)
    net, ids = decided(8)
    ballots = sorted(net.replica.ballots.batches.values(), key=lambda each: each.decisions[0].settlement)
    assert [[each.settlement for each in ballot.decisions] for ballot in ballots] == [ids[:3], ids[3:6], ids[6:]]
    assert net.block(FIRST.certify(0, net.anchor, *(FIRST.batch(0, each.batch) for each in ballots))).reasons == []
    for member in (1, 2):
        net.block(FIRST.certify(member, net.anchor, FIRST.batch(member, ballots[1].batch)))
    assert [net[each].certificate is not None for each in ids] == [False] * 3 + [True] * 3 + [False] * 2
    assert len(net.replica.ballots.batches) == 2


def test_a_single_decision_of_a_batch_is_certified_alone_all_the_same() -> None:
    """A member that signs no batches holds nobody up; the first certificate stays, and the batch serves the rest."""
    net, ids = decided(3)
    net.certify_batches([0])
    assert net.certify(ids[0], Outcome.ABORT, [1, 2]).reasons == []
    assert net.signers(ids[0]) == [0, 1, 2]
    assert net[ids[0]].certificate is None
    net.certify(ids[0], Outcome.ABORT, [3])
    alone = net[ids[0]].certificate
    assert isinstance(alone, Certificate)
    assert net.proves(alone, ids[0], Outcome.ABORT)
    assert net[ids[0]].batch is None
    net.certify_batches([1, 2])
    assert net[ids[0]].certificate == alone
    assert all(isinstance(net[each].certificate, BatchCertificate) for each in ids[1:])


def test_signatures_alone_and_in_the_batch_do_not_add_up() -> None:
    """Two under the batch and one under the decision certify nothing: they are signatures of different things."""
    net, ids = decided(2)
    net.certify_batches([0, 1])
    net.certify(ids[0], Outcome.ABORT, [2])
    assert net[ids[0]].certificate is None
    net.certify_batches([3])
    assert net.proves(net[ids[0]].certificate, ids[0], Outcome.ABORT)
    assert all(each.settlement != ids[0] for each in net.replica.ballots.all_signings())


def test_what_is_certified_within_its_block_joins_no_batch() -> None:
    """Members that sign before they have seen the decision are no reason to sign it once more."""
    net = Network(wanted=registry(batch_min=1))
    id_ = net.instruct(instruction(0, 1))
    other = net.instruct(instruction(0, 1, salt=2))
    early = [FIRST.certify(each, net.anchor, FIRST.decision(each, id_, Outcome.ABORT)) for each in FIRST.quorum]
    assert net.block(cancel(id_, BOB), *early).reasons == []
    assert (net[id_].batch, net.replica.ballots.batches) == (None, {})
    assert net.proves(net[id_].certificate, id_, Outcome.ABORT)
    net.block(cancel(other, BOB))
    assert net[other].batch is not None


def test_what_ended_within_its_block_joins_no_batch() -> None:
    """Decided, certified and returned in one block, it is archived before batches are formed."""
    net = Network(wanted=registry(batch_min=1))
    id_ = net.instruct(instruction(0, 1))
    early = [FIRST.certify(each, net.anchor, FIRST.decision(each, id_, Outcome.ABORT)) for each in FIRST.quorum]
    back = [FIRST.attest(each, net.anchor, FIRST.attestation(each, id_, 0, Fact.RETURNED)) for each in FIRST.quorum]
    assert net.block(cancel(id_, BOB), *early, *back).reasons == []
    assert net.ended(id_).state is State.UNWOUND
    assert net.replica.ballots.batches == {}


def test_a_rotation_drops_a_batch_and_its_signatures() -> None:
    """Below the number the new committee signs each alone; the old batch is nobody's any more."""
    net, ids = decided(2)
    net.certify_batches([0, 1])
    net.certify(ids[0], Outcome.ABORT)
    net.block(net.council.configure(registry(batch_min=3), 2))
    net.rotate(*FOUR)
    assert (net.replica.ballots.batches, [net[each].batch for each in ids]) == ({}, [None, None])
    assert net.certify(ids[1], Outcome.ABORT).reasons == []
    assert net.proves(net[ids[1]].certificate, ids[1], Outcome.ABORT)


def test_a_change_of_the_number_concerns_the_blocks_to_come() -> None:
    """What is in a batch stays in it; what is decided in the configuration's own block follows the new registry."""
    net, ids = decided(2, more=2)
    late = sorted(net.replica.settlements.keys() - set(ids))
    net.block(net.council.configure(registry(batch_min=0), 2), *(cancel(each, BOB) for each in late))
    assert [net[each].batch is None for each in (*ids, *late)] == [False, False, True, True]
    net.certify_batches()
    assert net.proves(net[ids[0]].certificate, ids[0], Outcome.ABORT)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9])
def test_certificates_of_a_batch_stand_by_rising_settlement(count: int) -> None:
    """In whatever order the decisions are given, each proof leads to the one root."""
    net, _ = decided(count, batch_min=1)
    (ballot,) = net.replica.ballots.batches.values()
    mixed = ballot.decisions[1::2] + ballot.decisions[::2]
    assert batch_of(mixed, ballot.batch.epoch, ballot.batch.height) == ballot.batch
    certificates = assemble_batch(ballot.batch, mixed, ())
    assert tuple(each.decision for each in certificates) == ballot.decisions
    assert all(verify_proof(decision_hash(each.decision), each.proof, ballot.batch.root) for each in certificates)


def test_a_batch_signed_by_nobody_else_counts_once_for_each_member() -> None:
    """A member that repeats itself adds nothing, and a stranger's place is refused."""
    net, _ = decided(2)
    net.certify_batches([2])
    assert net.certify_batches([2]).reasons == [Reason.NOTHING_NEW]
    (ballot,) = net.replica.ballots.batches.values()
    assert [each.member for each in ballot.signatures] == [2]
