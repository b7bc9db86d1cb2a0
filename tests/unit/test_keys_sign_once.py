"""The sign-once record outlives any crash and never permits two outcomes of one settlement."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32
from interlock.keys.sign_once import (
    Conflict,
    Permitted,
    RecordContradictsLog,
    Recorded,
    RecordExists,
    RecordFailed,
    RecordForeign,
    RecordHeld,
    RecordMissing,
    SignOnceRecord,
)

COMMIT, ABORT = 1, 2
PATIENCE_S = 30.0
"""A broken record fails a test instead of hanging it; nothing waits for this to pass."""
FIRST, SECOND = keccak256(b"first settlement"), keccak256(b"second settlement")

PERMIT_AND_DIE = """
import os, signal, sys
from pathlib import Path
from interlock.keys.sign_once import SignOnceRecord
record = SignOnceRecord(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    record.permit(number.to_bytes(32, "big"), 1, 1, number + 1, number.to_bytes(32, "big"))
os.kill(os.getpid(), signal.SIGKILL)
"""

PERMIT_AND_SAY = """
import sys
from pathlib import Path
from interlock.keys.sign_once import SignOnceRecord
record = SignOnceRecord(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 1_000_000):
    record.permit(number.to_bytes(32, "big"), 1, 1, number + 1, number.to_bytes(32, "big"))
    print(number, flush=True)
"""


def child(script: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def block(height: int) -> Bytes32:
    return keccak256(b"block %d" % height)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "sign-once.sqlite3"
    SignOnceRecord.create(path).close()
    return path


def test_the_other_outcome_is_refused_for_ever(path: Path) -> None:
    """Neither a later epoch, a later block nor a restart lets the other outcome through; what stands is told."""
    with SignOnceRecord(path) as record:
        record.permit(FIRST, ABORT, 1, 7, block(7))
        answer = record.permit(FIRST, COMMIT, 2, 9, block(9))
        assert answer == Conflict(Recorded(FIRST, ABORT, 1, 7, block(7)), COMMIT)
        assert "outcome 2 was permitted at block 7" in str(answer)
    with SignOnceRecord(path) as record:
        assert isinstance(record.permit(FIRST, COMMIT, 3, 11, block(11)), Conflict)
        assert record.highest() == (7, block(7))


def test_the_same_outcome_is_permitted_again(path: Path) -> None:
    """In a later epoch and under a later block the same content may be signed; the first row stands."""
    with SignOnceRecord(path) as record:
        first = record.permit(FIRST, COMMIT, 1, 7, block(7))
        assert first == Permitted(Recorded(FIRST, COMMIT, 1, 7, block(7)))
        assert record.permit(FIRST, COMMIT, 1, 7, block(7)) == first
        assert record.permit(FIRST, COMMIT, 4, 30, block(30)) == first
        assert record.recorded(FIRST) == Recorded(FIRST, COMMIT, 1, 7, block(7))


def test_settlements_do_not_bind_each_other(path: Path) -> None:
    """Two settlements may end differently under one block."""
    with SignOnceRecord(path) as record:
        assert isinstance(record.permit(FIRST, COMMIT, 1, 7, block(7)), Permitted)
        assert isinstance(record.permit(SECOND, ABORT, 1, 7, block(7)), Permitted)


def test_highest_is_the_newest_position_and_never_falls(path: Path) -> None:
    """It rises with any permission at a higher block, also a repeated one, and a lower block leaves it."""
    with SignOnceRecord(path) as record:
        assert record.highest() is None
        record.permit(FIRST, COMMIT, 1, 7, block(7))
        record.permit(SECOND, COMMIT, 1, 3, block(3))
        assert record.highest() == (7, block(7))
        record.permit(SECOND, COMMIT, 1, 20, block(20))
        assert record.highest() == (20, block(20))
    with SignOnceRecord(path) as record:
        assert record.highest() == (20, block(20))


def test_another_block_at_the_highest_height_is_refused(path: Path) -> None:
    """A log that has another block where this key signed is not the log it signed for; nothing is recorded."""
    with SignOnceRecord(path) as record:
        record.permit(FIRST, COMMIT, 1, 7, block(7))
        with pytest.raises(RecordContradictsLog, match="block 7"):
            record.permit(SECOND, COMMIT, 1, 7, block(8))
        assert record.recorded(SECOND) is None


def test_a_missing_record_is_never_made_silently(tmp_path: Path) -> None:
    """A lost record means a new key; opening says so and leaves no file."""
    with pytest.raises(RecordMissing, match="rotate"):
        SignOnceRecord(tmp_path / "lost.sqlite3")
    assert not list(tmp_path.iterdir())


def test_a_record_is_never_begun_anew(path: Path) -> None:
    """Creating over a record fails, leaves what it holds, and leaves no draft."""
    with SignOnceRecord(path) as record:
        record.permit(FIRST, COMMIT, 1, 7, block(7))
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
        record.permit(FIRST, COMMIT, 1, 7, block(7))
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
                record.permit(Bytes32(number.to_bytes(32, "big")), COMMIT, 1, number, block(number))
                permitted += 1
        with pytest.raises(RecordFailed):
            record.permit(Bytes32(bytes(32)), COMMIT, 1, 0, block(0))
    with SignOnceRecord(path) as record:
        assert record.recorded(Bytes32((permitted - 1).to_bytes(32, "big"))) is not None
        assert record.recorded(Bytes32(permitted.to_bytes(32, "big"))) is None
        assert isinstance(record.permit(Bytes32(permitted.to_bytes(32, "big")), ABORT, 1, 2_000, block(1)), Permitted)


def test_what_was_permitted_survives_sigkill_at_once(path: Path) -> None:
    """A process killed in the instant after `permit` returned leaves every row behind."""
    with child(PERMIT_AND_DIE, str(path), "5") as dead:
        dead.communicate()
    assert dead.returncode == -signal.SIGKILL
    with SignOnceRecord(path) as record:
        assert record.highest() == (5, Bytes32((4).to_bytes(32, "big")))
        for number in range(5):
            settlement = Bytes32(number.to_bytes(32, "big"))
            assert isinstance(record.permit(settlement, ABORT, 1, 9, block(9)), Conflict)


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
                assert record.recorded(Bytes32(number.to_bytes(32, "big"))) is not None
            highest = record.highest()
            assert highest is not None
            assert highest[0] >= said + 1


def test_a_restored_older_copy_shows_by_its_highest(path: Path, tmp_path: Path) -> None:
    """A copy restored from before lacks later rows, and its highest position lies below what the log holds."""
    copied = tmp_path / "copy"
    with SignOnceRecord(path) as record:
        record.permit(FIRST, COMMIT, 1, 5, block(5))
    shutil.copy(path, copied)
    with SignOnceRecord(path) as record:
        record.permit(SECOND, COMMIT, 1, 9, block(9))
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
    """A `permit` whose caller was cancelled still runs in its thread: it ends before the file is closed."""
    record, turn = SignOnceRecord(path), WatchedLock()
    record._turn = turn  # type: ignore[assignment]  # all that is asked of a lock
    is_writing, may_write = threading.Event(), threading.Event()
    write = record._write
    answers: list[Permitted | Conflict] = []

    def write_late(row: Recorded | None, highest: tuple[int, Bytes32] | None) -> None:
        is_writing.set()
        assert may_write.wait(PATIENCE_S)
        write(row, highest)

    def close() -> None:
        record.close()
        turn.is_asked.set()  # also where it did not ask

    monkeypatch.setattr(record, "_write", write_late)
    permitting = threading.Thread(target=lambda: answers.append(record.permit(FIRST, COMMIT, 1, 7, block(7))))
    permitting.start()
    assert is_writing.wait(PATIENCE_S)
    turn.is_asked.clear()
    closing = threading.Thread(target=close)
    closing.start()
    assert turn.is_asked.wait(PATIENCE_S)
    may_write.set()
    permitting.join(PATIENCE_S)
    closing.join(PATIENCE_S)
    assert answers == [Permitted(Recorded(FIRST, COMMIT, 1, 7, block(7)))]
    with SignOnceRecord(path) as again:
        assert again.recorded(FIRST) is not None


def test_threads_that_ask_for_both_outcomes_get_one(path: Path) -> None:
    """Whichever thread comes first, one outcome is permitted and the other refused, for every settlement."""
    answers: dict[int, list[Permitted | Conflict]] = {COMMIT: [], ABORT: []}
    with SignOnceRecord(path) as record:

        def ask(outcome: int) -> None:
            for number in range(50):
                settlement = Bytes32(number.to_bytes(32, "big"))
                answers[outcome].append(record.permit(settlement, outcome, 1, number, block(number)))

        threads = [threading.Thread(target=ask, args=(outcome,)) for outcome in (COMMIT, ABORT)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for commit, abort in zip(answers[COMMIT], answers[ABORT], strict=True):
        assert {type(commit), type(abort)} == {Permitted, Conflict}


@pytest.mark.parametrize(("settlement", "block_hash"), [(b"short", block(1)), (FIRST, b"")])
def test_hashes_of_another_length_are_refused(path: Path, settlement: Bytes32, block_hash: Bytes32) -> None:
    """A malformed id is a caller's error and is not recorded."""
    with SignOnceRecord(path) as record:
        with pytest.raises(ValueError, match="32 bytes"):
            record.permit(settlement, COMMIT, 1, 1, block_hash)
        assert record.highest() is None


def test_the_record_is_durable_and_private(path: Path) -> None:
    """It is written through to the disk before `permit` returns, and only its owner may read it."""
    with SignOnceRecord(path) as record:
        assert record._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert record._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert path.stat().st_mode & 0o777 == 0o600
