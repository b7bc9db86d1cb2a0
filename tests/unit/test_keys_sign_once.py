"""The sign-once record outlives any crash and never permits two outcomes of one settlement, nor two orders."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from interlock.core.committee import FIRST_EPOCH, Epoch
from interlock.core.decision import Outcome
from interlock.core.entry import Anchor
from interlock.core.instruction import SettlementId
from interlock.core.rotation import Rotation
from interlock.core.signing import Conflict, HandedOver, OrderTerms, Refusal, Shown, Signed
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32, Height, Uint64, UnixSeconds
from interlock.keys.sign_once import (
    AskedDecision,
    RecordContradictsLog,
    RecordExists,
    RecordFailed,
    RecordForeign,
    RecordHeld,
    RecordMissing,
    SignOnceRecord,
)

COMMIT, ABORT = Outcome.COMMIT, Outcome.ABORT
PATIENCE_S = 30.0
"""A broken record fails a test instead of hanging it; nothing waits for this to pass."""
FIRST, SECOND = SettlementId(keccak256(b"first settlement")), SettlementId(keccak256(b"second settlement"))
ORDER = OrderTerms("bank:wire", UnixSeconds(Uint64(2**64 - 1)))
LATER = OrderTerms("bank:wire", UnixSeconds(Uint64(7)))
NEVER_STANDS = Shown(ORDER, never_stands=True)
OTHERS_LOG = Shown(LATER, never_stands=True)
SECOND_EPOCH, THIRD_EPOCH = Epoch(Uint64(2)), Epoch(Uint64(3))

PERMIT_AND_DIE = """
import os, signal, sys
from pathlib import Path
from interlock.core.committee import FIRST_EPOCH
from interlock.core.decision import Outcome
from interlock.core.entry import Anchor
from interlock.core.signing import Shown
from interlock.keys.sign_once import AskedDecision, SignOnceRecord
record = SignOnceRecord(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    settlement = number.to_bytes(32, "big")
    asked = [AskedDecision(settlement, Outcome.COMMIT, Shown())]
    assert record.permit_decisions(asked, FIRST_EPOCH, Anchor(number + 1, settlement)) is None
os.kill(os.getpid(), signal.SIGKILL)
"""

PERMIT_AND_SAY = """
import sys
from pathlib import Path
from interlock.core.committee import FIRST_EPOCH
from interlock.core.decision import Outcome
from interlock.core.entry import Anchor
from interlock.core.signing import Shown
from interlock.keys.sign_once import AskedDecision, SignOnceRecord
record = SignOnceRecord(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 1_000_000):
    settlement = number.to_bytes(32, "big")
    asked = [AskedDecision(settlement, Outcome.COMMIT, Shown())]
    assert record.permit_decisions(asked, FIRST_EPOCH, Anchor(number + 1, settlement)) is None
    print(number, flush=True)
"""


def child(script: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def block(height: int) -> Bytes32:
    return keccak256(b"block %d" % height)


def at(height: int, hash_: Bytes32 | None = None) -> Anchor:
    """Give a place in the log."""
    return Anchor(Height(Uint64(height)), block(height) if hash_ is None else hash_)


def id_of(number: int) -> SettlementId:
    return SettlementId(Bytes32(number.to_bytes(32, "big")))


def permit(
    record: SignOnceRecord,
    settlement: SettlementId,
    outcome: Outcome,
    height: int,
    *,
    epoch: Epoch = FIRST_EPOCH,
    shown: Shown = Shown(),  # noqa: B008 - a frozen value
) -> Refusal | None:
    """Ask for one decision alone."""
    return record.permit_decisions([AskedDecision(settlement, outcome, shown)], epoch, at(height))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "sign-once.sqlite3"
    SignOnceRecord.create(path).close()
    return path


def test_the_other_outcome_is_refused_for_ever(path: Path) -> None:
    """Neither a later epoch, a later block nor a restart lets the other outcome through; what stands is told."""
    with SignOnceRecord(path) as record:
        assert permit(record, FIRST, ABORT, 7) is None
        answer = permit(record, FIRST, COMMIT, 9, epoch=SECOND_EPOCH)
        assert isinstance(answer, Conflict)
        assert answer.subject == FIRST
        assert "COMMIT was asked for, but ABORT was signed before" in str(answer)
    with SignOnceRecord(path) as record:
        assert isinstance(permit(record, FIRST, COMMIT, 11, epoch=THIRD_EPOCH), Conflict)
        assert record.recorded(FIRST) == Signed(ABORT)
        assert record.highest() == (7, block(7))


def test_the_same_outcome_is_permitted_again(path: Path) -> None:
    """In a later epoch and under a later block the same content may be signed; what is recorded stays."""
    with SignOnceRecord(path) as record:
        assert permit(record, FIRST, COMMIT, 7) is None
        assert permit(record, FIRST, COMMIT, 7) is None
        assert permit(record, FIRST, COMMIT, 30, epoch=Epoch(Uint64(4))) is None
        assert record.recorded(FIRST) == Signed(COMMIT)


def test_settlements_do_not_bind_each_other(path: Path) -> None:
    """Two settlements may end differently under one block."""
    with SignOnceRecord(path) as record:
        assert permit(record, FIRST, COMMIT, 7) is None
        assert permit(record, SECOND, ABORT, 7) is None


def test_the_decisions_of_a_batch_are_permitted_together_or_not_at_all(path: Path) -> None:
    """One that must not be signed keeps all of its batch from being recorded; without it the others are."""
    third = id_of(3)
    good = [AskedDecision(SECOND, COMMIT, Shown()), AskedDecision(third, ABORT, Shown())]
    with SignOnceRecord(path) as record:
        permit(record, FIRST, ABORT, 7)
        for place in range(3):
            batch = [*good[:place], AskedDecision(FIRST, COMMIT, Shown()), *good[place:]]
            answer = record.permit_decisions(batch, FIRST_EPOCH, at(9))
            assert isinstance(answer, Conflict)
            assert answer.subject == FIRST
        assert (record.recorded(SECOND), record.recorded(third), record.highest()) == (None, None, (7, block(7)))
        assert record.permit_decisions([*good, AskedDecision(FIRST, ABORT, Shown())], FIRST_EPOCH, at(9)) is None
        assert (record.recorded(SECOND), record.recorded(third)) == (Signed(COMMIT), Signed(ABORT))


def test_another_order_is_refused_for_ever(path: Path) -> None:
    """One ledger and one last time for each settlement, in whatever epoch; the same order may be signed again."""
    with SignOnceRecord(path) as record:
        assert record.permit_order(FIRST, ORDER, FIRST_EPOCH, at(7)) is None
        assert isinstance(record.permit_order(FIRST, LATER, FIRST_EPOCH, at(7)), Conflict)
    with SignOnceRecord(path) as record:
        assert record.recorded(FIRST) == Signed(order=ORDER)
        other_ledger = OrderTerms("bank:first", ORDER.last_valid)
        assert isinstance(record.permit_order(FIRST, other_ledger, SECOND_EPOCH, at(9)), Conflict)
        assert record.permit_order(FIRST, ORDER, SECOND_EPOCH, at(9)) is None
        assert record.permit_order(SECOND, LATER, FIRST_EPOCH, at(9)) is None


def test_after_an_order_abort_needs_never_in_the_log(path: Path) -> None:
    """The same order, and NEVER standing: less than that is a forked log; COMMIT needs neither."""
    with SignOnceRecord(path) as record:
        record.permit_order(FIRST, ORDER, FIRST_EPOCH, at(7))
        record.permit_order(SECOND, ORDER, FIRST_EPOCH, at(7))
        for shown in (Shown(), Shown(ORDER), OTHERS_LOG):
            assert isinstance(permit(record, FIRST, ABORT, 9, shown=shown), Conflict)
        assert record.recorded(FIRST) == Signed(order=ORDER)
        assert permit(record, FIRST, ABORT, 9, shown=NEVER_STANDS) is None
        assert record.recorded(FIRST) == Signed(ABORT, ORDER)
        assert permit(record, SECOND, COMMIT, 9) is None
        assert record.recorded(SECOND) == Signed(COMMIT, ORDER)


def test_after_abort_no_order_is_permitted(path: Path) -> None:
    """Whoever has signed that nothing moves lets no pivot move it; after COMMIT the order may be signed again."""
    with SignOnceRecord(path) as record:
        permit(record, FIRST, ABORT, 7)
        assert isinstance(record.permit_order(FIRST, ORDER, FIRST_EPOCH, at(7)), Conflict)
        assert record.recorded(FIRST) == Signed(ABORT)
        permit(record, SECOND, COMMIT, 7)
        assert record.permit_order(SECOND, ORDER, FIRST_EPOCH, at(7)) is None


def rotation(height: int, epoch: Epoch = FIRST_EPOCH) -> Rotation:
    return Rotation(epoch, keccak256(b"successors"), Height(Uint64(height)), keccak256(b"root"))


DIGEST, OTHER_DIGEST = keccak256(b"rotation"), keccak256(b"other rotation")


def test_an_epoch_is_handed_over_once_and_nothing_follows_in_it(path: Path) -> None:
    """The same rotation is permitted again, another one never; after it no decision and no order of that epoch."""
    with SignOnceRecord(path) as record:
        assert record.rotation(FIRST_EPOCH) is None
        assert record.permit_rotation(rotation(7), DIGEST, at(8), lambda *_: True) is None
    with SignOnceRecord(path) as record:
        assert record.rotation(FIRST_EPOCH) == DIGEST
        assert record.permit_rotation(rotation(7), DIGEST, at(9), lambda *_: True) is None
        assert isinstance(record.permit_rotation(rotation(8), OTHER_DIGEST, at(9), lambda *_: True), Conflict)
        over = HandedOver(FIRST_EPOCH, FIRST_EPOCH)
        assert permit(record, FIRST, COMMIT, 9) == over
        assert record.permit_order(FIRST, ORDER, FIRST_EPOCH, at(9)) == over
        assert "nothing more is signed in epoch 1" in str(over)
        assert record.recorded(FIRST) is None
        assert permit(record, FIRST, COMMIT, 9, epoch=SECOND_EPOCH) is None
        assert record.permit_order(SECOND, ORDER, SECOND_EPOCH, at(9)) is None


def test_an_epoch_is_not_handed_over_before_one_that_was(path: Path) -> None:
    """Rotations are signed by rising epoch."""
    with SignOnceRecord(path) as record:
        record.permit_rotation(rotation(7, SECOND_EPOCH), DIGEST, at(8), lambda *_: True)
        answer = record.permit_rotation(rotation(9), OTHER_DIGEST, at(9), lambda *_: True)
        assert answer == HandedOver(FIRST_EPOCH, SECOND_EPOCH)


def test_a_rotation_must_bind_all_that_was_signed(path: Path) -> None:
    """What the log does not show, or what was signed above the root's height, keeps the key from handing over."""
    with SignOnceRecord(path) as record:
        permit(record, FIRST, COMMIT, 5)
        record.permit_order(SECOND, ORDER, FIRST_EPOCH, at(6))
        asked: dict[SettlementId, Signed] = {}

        def shows_all(settlement: SettlementId, signed: Signed) -> bool:
            asked[settlement] = signed
            return True

        for missing in (FIRST, SECOND):
            answer = record.permit_rotation(rotation(7), DIGEST, at(8), lambda each, _, gone=missing: each != gone)
            assert isinstance(answer, Conflict)
            assert missing.hex() in str(answer)
        assert isinstance(record.permit_rotation(rotation(5), DIGEST, at(8), shows_all), Conflict)
        assert record.rotation(FIRST_EPOCH) is None
        assert record.permit_rotation(rotation(6), DIGEST, at(8), shows_all) is None
        assert asked == {FIRST: Signed(COMMIT), SECOND: Signed(order=ORDER)}


def test_what_an_earlier_rotation_binds_is_not_asked_for_again(path: Path) -> None:
    """Of the next epoch's rotation only what was signed since is asked, so that handing over stays short."""
    asked: list[SettlementId] = []

    def shows(settlement: SettlementId, _: Signed) -> bool:
        asked.append(settlement)
        return True

    with SignOnceRecord(path) as record:
        permit(record, FIRST, COMMIT, 5)
        record.permit_rotation(rotation(7), DIGEST, at(8), shows)
        permit(record, SECOND, COMMIT, 9, epoch=SECOND_EPOCH)
        asked.clear()
        assert record.permit_rotation(rotation(9, SECOND_EPOCH), OTHER_DIGEST, at(10), shows) is None
        assert asked == [SECOND]
        assert (record.rotation(FIRST_EPOCH), record.rotation(SECOND_EPOCH)) == (DIGEST, OTHER_DIGEST)


def test_highest_is_the_newest_position_and_never_falls(path: Path) -> None:
    """It rises with any permission at a higher block, also a repeated one, and a lower block leaves it."""
    with SignOnceRecord(path) as record:
        assert record.highest() is None
        permit(record, FIRST, COMMIT, 7)
        permit(record, SECOND, COMMIT, 3)
        assert record.highest() == (7, block(7))
        permit(record, SECOND, COMMIT, 20)
        assert record.highest() == (20, block(20))
        record.permit_order(id_of(3), ORDER, FIRST_EPOCH, at(21))
        assert record.highest() == (21, block(21))
        record.permit_rotation(rotation(21), DIGEST, at(22), lambda *_: True)
        assert record.highest() == (22, block(22))
    with SignOnceRecord(path) as record:
        assert record.highest() == (22, block(22))


def test_another_block_at_the_highest_height_is_refused(path: Path) -> None:
    """A log that has another block where this key signed is not the log it signed for; nothing is recorded."""
    elsewhere = at(7, block(8))
    with SignOnceRecord(path) as record:
        permit(record, FIRST, COMMIT, 7)
        with pytest.raises(RecordContradictsLog, match="block 7"):
            record.permit_decisions([AskedDecision(SECOND, COMMIT, Shown())], FIRST_EPOCH, elsewhere)
        with pytest.raises(RecordContradictsLog, match="block 7"):
            record.permit_order(SECOND, ORDER, FIRST_EPOCH, elsewhere)
        with pytest.raises(RecordContradictsLog, match="block 7"):
            record.permit_rotation(rotation(7), DIGEST, elsewhere, lambda *_: True)
        assert record.recorded(SECOND) is None
        assert record.rotation(FIRST_EPOCH) is None


def test_a_missing_record_is_never_made_silently(tmp_path: Path) -> None:
    """A lost record means a new key; opening says so and leaves no file."""
    with pytest.raises(RecordMissing, match="rotate"):
        SignOnceRecord(tmp_path / "lost.sqlite3")
    assert not list(tmp_path.iterdir())


def test_a_record_is_never_begun_anew(path: Path) -> None:
    """Creating over a record fails, leaves what it holds, and leaves no draft."""
    with SignOnceRecord(path) as record:
        permit(record, FIRST, COMMIT, 7)
    with pytest.raises(RecordExists):
        SignOnceRecord.create(path)
    with SignOnceRecord(path) as record:
        assert record.recorded(FIRST) is not None
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_second_opener_is_refused(path: Path) -> None:
    """While one holds the record another cannot open it, neither in this process nor in another."""
    with SignOnceRecord(path) as record:
        with pytest.raises(RecordHeld, match="one process only"):
            SignOnceRecord(path)
        with child(PERMIT_AND_DIE, str(path), "1") as other:
            assert "RecordHeld" in other.communicate()[1]
        permit(record, FIRST, COMMIT, 7)
    SignOnceRecord(path).close()


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to look like a page of one" * 100])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty file and a file of something else are no record."""
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(RecordForeign):
        SignOnceRecord(path)


def test_another_applications_database_is_refused(tmp_path: Path) -> None:
    """A SQLite file of another use is left alone."""
    path = tmp_path / "other"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(RecordForeign):
        SignOnceRecord(path)
    assert path.read_bytes() == before


def test_a_full_disk_permits_nothing_and_says_so(path: Path) -> None:
    """A row that could not be written is no permission, and nothing is permitted until the record is opened anew."""
    with SignOnceRecord(path) as record:
        (pages,) = record._connection.execute("PRAGMA page_count").fetchone()
        record._connection.execute(f"PRAGMA max_page_count = {pages}")
        permitted = 0
        with pytest.raises(RecordFailed, match="nothing may be signed"):  # noqa: PT012 - how many fit is SQLite's own
            for number in range(1_000):
                assert permit(record, id_of(number), COMMIT, number) is None
                permitted += 1
        with pytest.raises(RecordFailed):
            permit(record, id_of(0), COMMIT, 0)
    with SignOnceRecord(path) as record:
        assert record.recorded(id_of(permitted - 1)) == Signed(COMMIT)
        assert record.recorded(id_of(permitted)) is None
        assert permit(record, id_of(permitted), ABORT, 2_000) is None


def test_what_was_permitted_survives_sigkill_at_once(path: Path) -> None:
    """A process killed in the instant after its permission leaves every row behind."""
    with child(PERMIT_AND_DIE, str(path), "5") as dead:
        dead.communicate()
    assert dead.returncode == -signal.SIGKILL
    with SignOnceRecord(path) as record:
        assert record.highest() == (5, Bytes32((4).to_bytes(32, "big")))
        for number in range(5):
            assert isinstance(permit(record, id_of(number), ABORT, 9), Conflict)


def test_what_was_permitted_survives_sigkill_at_any_moment(path: Path) -> None:
    """Killed in the middle of its work again and again, the record holds whatever a child said was permitted."""
    said = -1
    for lines in (1, 2, 5, 11, 17):
        with child(PERMIT_AND_SAY, str(path), str(said + 1)) as busy:
            assert busy.stdout is not None
            for _ in range(lines):
                said = int(busy.stdout.readline())
            busy.kill()
            said = max([said, *(int(line) for line in busy.stdout if line.endswith("\n"))])
        with SignOnceRecord(path) as record:
            for number in range(said + 1):
                assert record.recorded(id_of(number)) == Signed(COMMIT)
            highest = record.highest()
            assert highest is not None
            assert highest[0] >= said + 1


def test_a_restored_older_copy_shows_by_its_highest(path: Path, tmp_path: Path) -> None:
    """A copy restored from before lacks later rows, and its highest position lies below what the log holds."""
    copied = tmp_path / "copy"
    with SignOnceRecord(path) as record:
        permit(record, FIRST, COMMIT, 5)
    shutil.copy(path, copied)
    with SignOnceRecord(path) as record:
        permit(record, SECOND, COMMIT, 9)
        newest = record.highest()
    shutil.copy(copied, path)
    with SignOnceRecord(path) as record:
        highest = record.highest()
    assert newest is not None
    assert highest == (5, block(5))
    assert highest[0] < newest[0]


class WatchedLock:
    """A lock that tells when somebody asks for it."""

    def __init__(self) -> None:
        self.is_asked = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.is_asked.set()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_closing_waits_for_the_permission_under_way(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A permission whose caller was cancelled still runs in its thread: it ends before the file is closed."""
    record, turn = SignOnceRecord(path), WatchedLock()
    record._turn = turn  # type: ignore[assignment]  # all that is asked of a lock
    is_writing, may_write = threading.Event(), threading.Event()
    write = record._write
    answers: list[Refusal | None] = []

    def write_late(*what: Any, **more: Any) -> None:  # noqa: ANN401 - whatever is written
        is_writing.set()
        assert may_write.wait(PATIENCE_S)
        write(*what, **more)

    def close() -> None:
        record.close()
        turn.is_asked.set()  # also where it did not ask

    monkeypatch.setattr(record, "_write", write_late)
    permitting = threading.Thread(target=lambda: answers.append(permit(record, FIRST, COMMIT, 7)))
    permitting.start()
    assert is_writing.wait(PATIENCE_S)
    turn.is_asked.clear()
    closing = threading.Thread(target=close)
    closing.start()
    assert turn.is_asked.wait(PATIENCE_S)
    may_write.set()
    permitting.join(PATIENCE_S)
    closing.join(PATIENCE_S)
    assert answers == [None]
    with SignOnceRecord(path) as again:
        assert again.recorded(FIRST) == Signed(COMMIT)


def test_threads_that_ask_for_both_outcomes_get_one(path: Path) -> None:
    """Whichever thread comes first, one outcome is permitted and the other refused, for every settlement."""
    answers: dict[Outcome, list[Refusal | None]] = {COMMIT: [], ABORT: []}
    with SignOnceRecord(path) as record:

        def ask(outcome: Outcome) -> None:
            for number in range(50):
                answers[outcome].append(permit(record, id_of(number), outcome, number))

        threads = [threading.Thread(target=ask, args=(outcome,)) for outcome in (COMMIT, ABORT)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for commit, abort in zip(answers[COMMIT], answers[ABORT], strict=True):
        assert {type(commit), type(abort)} == {type(None), Conflict}


@pytest.mark.parametrize(("settlement", "block_hash"), [(b"short", block(1)), (FIRST, b"")])
def test_hashes_of_another_length_are_refused(path: Path, settlement: SettlementId, block_hash: Bytes32) -> None:
    """A malformed id is a caller's error and is not recorded."""
    anchor = at(1, block_hash)
    with SignOnceRecord(path) as record:
        with pytest.raises(ValueError, match="32 bytes"):
            record.permit_decisions([AskedDecision(settlement, COMMIT, Shown())], FIRST_EPOCH, anchor)
        with pytest.raises(ValueError, match="32 bytes"):
            record.permit_order(settlement, ORDER, FIRST_EPOCH, anchor)
        with pytest.raises(ValueError, match="32 bytes"):
            record.permit_rotation(rotation(1), settlement, anchor, lambda *_: True)
        assert record.highest() is None


def test_the_record_is_durable_and_private(path: Path) -> None:
    """It is written through to the disk before a permission is given, and only its owner may read it."""
    with SignOnceRecord(path) as record:
        assert record._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert record._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert path.stat().st_mode & 0o777 == 0o600
