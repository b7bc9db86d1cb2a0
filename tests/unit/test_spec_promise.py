"""What is promised, to whom and by whom, and what a key remembers so that it holds."""

from itertools import combinations
from pathlib import Path
from shutil import copytree

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import Committee, Epoch, Genesis, first_committee
from interlock.core.decision import Decision, Outcome
from interlock.core.entry import Anchor
from interlock.core.instruction import SettlementId
from interlock.core.rejection import Reason
from interlock.core.rotation import committee_hash
from interlock.core.settlement import ENDED
from interlock.core.signing import Conflict, Shown, Signed
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.merkle import EMPTY_FRONTIER
from interlock.encoding.values import Height, Uint64
from interlock.entries.check import decode_entry, entry_fault
from interlock.entries.door import Door
from interlock.evidence.certificate import certificate_fault, committee_after
from interlock.keys.sign_once import AskedDecision, RecordContradictsLog, RecordExists, RecordMissing, SignOnceRecord
from support.log import LATE, Log, Stage, at
from support.protocol import FOUR, Network
from support.world import (
    BOB,
    COMMITTEE,
    GENESIS,
    NETWORK,
    NODES,
    instruction,
    key,
    sign,
    signed_decision,
    word,
)

ID, OTHER = SettlementId(word(1)), SettlementId(word(2))
COMMIT, ABORT = Outcome.COMMIT, Outcome.ABORT


def test_two_outcomes_are_never_both_certified_by_one_honest_member_more() -> None:
    """PROMISE-ONE and PARTY-QUORUM: any two quorums share a member that is not among any f; it signs one outcome."""
    for size in (1, 4, 7, 10):
        committee = Committee(Epoch(Uint64(1)), tuple(key(number).address for number in range(1, size + 1)))
        f, q = committee.faulty_max, committee.quorum
        assert (size, q) == (3 * f + 1, 2 * f + 1)
        if size <= 7:
            shared = [
                len({*one} & {*other}) for one in combinations(range(size), q) for other in combinations(range(size), q)
            ]
            assert min(shared) == f + 1


def test_the_certificate_is_enough_for_whoever_knows_the_genesis_document() -> None:
    """PROMISE-FREE and CASE-WITHHELD: any member's log gives it, and nothing but the genesis document checks it."""
    log, id_ = at(Stage.COMMITTED_CERTIFIED, replicas=4)
    certificates = {replica.settlements[id_].certificate for replica in log.replicas}
    (certificate,) = certificates
    assert certificate is not None
    genesis = Genesis(GENESIS.name, GENESIS.members, GENESIS.log, GENESIS.salt)
    office = first_committee(genesis)
    assert certificate_fault(genesis.network_id, office, certificate, settlement=id_, outcome=COMMIT) is None


@pytest.mark.parametrize("stage", [Stage.ALLEGED, Stage.PREPARING, Stage.ONE_HELD, Stage.COMMITTED, Stage.ABORTED_HELD])
def test_it_ends_from_everywhere(stage: Stage) -> None:
    """PROMISE-END: with time, a quorum's signatures and what the ledgers then do, every settlement comes to its end."""
    log, id_ = at(stage)
    log.block(time=LATE)
    decision = log[id_].decision
    assert decision is not None
    log.certify(id_, decision.outcome)
    log.vote(id_, Fact.DELIVERED if decision.outcome is COMMIT else Fact.RETURNED)
    assert log.ended(id_).state in ENDED


def test_a_network_is_its_genesis_document() -> None:
    """PARTY-NETWORK: the id is the hash of the canonical bytes; any change of them is another network."""
    assert keccak256(encode(GENESIS)) == NETWORK
    other = Genesis(GENESIS.name, GENESIS.members, GENESIS.log, word(8))
    assert other.network_id != NETWORK
    entry = sign(ID, BOB)
    assert entry_fault(entry, NETWORK, COMMITTEE) is None
    log = Log(genesis=other, registry=None)
    certificate = at(Stage.COMMITTED_CERTIFIED)[0].replica
    assert log.replica.block_hash == other.network_id != certificate.block_hash


def test_every_door_and_every_node_answer_alike() -> None:
    """LOG-4: what a door refuses a node refuses for the same reason, and what it lets in the node applies."""
    bad = encode(sign(ID, BOB)).replace(BOB.address.hex().encode(), key(9).address.hex().encode())
    door = Door(NETWORK, COMMITTEE)
    ordered = Log().block(bad)
    assert ordered.reasons == [Reason.SIGNATURE_INVALID]
    assert door(bad) == str(ordered.rejections[0])
    good = encode(sign(ID, BOB))
    assert door(good) is None
    assert not isinstance(decode_entry(good), tuple)
    assert Log().block(good).reasons == [Reason.SETTLEMENT_UNKNOWN]


def place(height: int, name: bytes = b"block") -> Anchor:
    """Give a place in a log."""
    return Anchor(Height(Uint64(height)), keccak256(b"%s %d" % (name, height)))


def permit(record: SignOnceRecord, outcome: Outcome, where: Anchor) -> object:
    """Ask for one decision."""
    return record.permit_decisions([AskedDecision(ID, outcome, Shown())], COMMITTEE.epoch, where)


def test_what_is_to_be_signed_is_on_the_disk_before_it_is_permitted(tmp_path: Path) -> None:
    """RECORD-1: a copy of the disk, made while the record is open, has the row; the same may be asked again."""
    disk, copy = tmp_path / "disk", tmp_path / "copy"
    disk.mkdir()
    with SignOnceRecord.create(disk / "record") as record:
        assert permit(record, COMMIT, place(5)) is None
        copytree(disk, copy)
        with SignOnceRecord(copy / "record") as found:
            assert found.recorded(ID) == Signed(COMMIT)
            assert permit(found, COMMIT, place(6)) is None
            assert isinstance(permit(found, ABORT, place(7)), Conflict)


def test_a_log_that_is_not_the_one_that_was_signed_for_is_told_by_its_position(tmp_path: Path) -> None:
    """RECORD-2 and CASE-RESTORED: another block at the newest height stops all; a shorter log shows by its height."""
    with SignOnceRecord.create(tmp_path / "record") as record:
        permit(record, COMMIT, place(5))
        with pytest.raises(RecordContradictsLog):
            permit(record, COMMIT, place(5, b"fork"))
        assert record.highest() == (5, place(5).block)


def test_a_record_is_never_begun_anew_in_silence(tmp_path: Path) -> None:
    """RECORD-3 and CASE-RESTORED: a lost one is not made by opening it, and one that stands is not made again."""
    with pytest.raises(RecordMissing):
        SignOnceRecord(tmp_path / "record")
    SignOnceRecord.create(tmp_path / "record").close()
    with pytest.raises(RecordExists):
        SignOnceRecord.create(tmp_path / "record")


def test_a_new_member_follows_only_what_its_own_log_shows() -> None:
    """EPOCH-8: the root that a rotation binds is that of a replay; one bit of another history is another root."""
    network = Network()
    id_ = network.instruct(instruction())
    network.vote(id_, Fact.HELD)
    network.rotate(*FOUR)
    (rotation,) = network.replica.rotations
    replayed = Network()
    for block, data in network.blocks[1:]:
        replayed.replay(block, data)
    assert replayed.replica.rotations[0].rotation.decisions_root == rotation.rotation.decisions_root
    assert rotation.rotation.decisions_root != EMPTY_FRONTIER.root
    office = committee_after(NETWORK, COMMITTEE, [rotation])
    assert isinstance(office, Committee)
    assert committee_hash(office.epoch, office.members) == rotation.rotation.committee


def test_a_minority_certifies_nothing() -> None:
    """PARTY-QUORUM: f members more than none are not enough for anything that counts."""
    log, id_ = at(Stage.COMMITTED)
    log.certify(id_, COMMIT, [0, 1])
    assert log[id_].certificate is None
    assert Decision(id_, COMMIT, COMMITTEE.epoch) == signed_decision(0, id_, COMMIT).decision
    assert len(NODES) == 4
