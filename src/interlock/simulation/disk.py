"""A simulated machine's disk: what a node keeps, and what of it survives.

The sign-once record is the production one, SQL and all, on a file in memory: what a call has returned was synced, so it
survives everything. The store is either the production one in memory or its twin (`kept_store`); it is written without
waiting for the disk, so a power cut loses some of its newest blocks, whereas a process that is merely killed loses
nothing. Power may fail in the middle of a call too, before or after it took effect.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from interlock.core.committee import Epoch
from interlock.core.entry import Anchor
from interlock.core.instruction import SettlementId
from interlock.core.rotation import Rotation
from interlock.core.signing import OrderTerms, Refusal
from interlock.encoding.values import Bytes32
from interlock.keys.sign_once import AskedDecision, RecordFailed, Shows, SignOnceRecord
from interlock.simulation.dice import Dice
from interlock.simulation.kept_store import Kept, KeptStore, SqlStore
from interlock.simulation.process import PowerCut

MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
"""Files in memory, where the system has them; what is written there must not outlive the run anyway."""
BLOCKS_AT_RISK_MAX = 24
"""Newest blocks of a store that are not synced at most, as between two checkpoints of a write-ahead log."""


def memory_folder() -> "tempfile.TemporaryDirectory[str]":
    """Make a folder for the disks of one run, in memory where the system can."""
    return tempfile.TemporaryDirectory(prefix="interlock-simulation-", dir=MEMORY_FOLDER if _is_there() else None)


class Disk:
    """One machine's disk. What is mounted on it belongs to one process."""

    def __init__(self, folder: Path, network_id: Bytes32, dice: Dice, *, is_sql: bool) -> None:
        """Make a disk with an empty record; `folder` is its own."""
        folder.mkdir()
        self._record_file = folder / "sign-once.db"
        self._network_id = network_id
        self._dice = dice
        self._is_sql = is_sql
        self._kept = Kept()
        self._synced = 0
        self._record: SignOnceRecord = SignOnceRecord.create(self._record_file)
        self._store: SqlStore | None = None
        self.is_failing = False
        """Every write fails, until it is mended."""
        self.touched = 0
        """Calls that wrote or might have."""
        self.cut_at = -1
        """The call at which power fails; negative where none is planned."""
        self.on_cut: Callable[[], None] = lambda: None
        """Cuts the power of the machine."""

    def mount(self) -> "tuple[DiskRecord, SqlStore | KeptStore]":
        """Give record and store as they are found now, for a process that starts."""
        self._record.close()
        record = DiskRecord(self._record_file, self)
        self._record = record
        if not self._is_sql:
            return record, KeptStore(self._kept, self)
        self._store = SqlStore(self._network_id, self._kept, self)
        return record, self._store

    def lose_power(self) -> int:
        """Lose what was not synced; give the number of blocks that are gone."""
        at_risk = min(len(self._kept.records) - self._synced, BLOCKS_AT_RISK_MAX)
        lost = self._dice.below(at_risk + 1)
        self._kept.cut(len(self._kept.records) - lost)
        self._synced = len(self._kept.records)
        return lost

    def restore_backup(self, height: int) -> None:
        """Put back an old copy of the store, with the blocks up to a height; the record has no copies."""
        self._kept.cut(height)
        self._synced = len(self._kept.records)

    def clone(self, folder: Path) -> "Disk":
        """Give another disk with the same content, as only a cheat makes one: two nodes with one key."""
        other = Disk(folder, self._network_id, self._dice.split("clone"), is_sql=self._is_sql)
        other.unmount()
        for file in self._record_file.parent.iterdir():
            shutil.copyfile(file, folder / file.name)
        other._kept = self._kept.copy()
        other._synced = self._synced
        return other

    def unmount(self) -> None:
        """Let the files go; what is on them stays."""
        self._record.close()
        if self._store is not None:
            self._store.close()
            self._store = None

    def touch(self) -> None:
        """Count a moment at which power may fail in the middle of a call: before and after its effect. PowerCut."""
        self.touched += 1
        if self.touched == self.cut_at:
            self.cut_at = -1
            self.on_cut()
            raise PowerCut


class DiskRecord(SignOnceRecord):
    """The production record, on a disk that may fail."""

    def __init__(self, path: Path, disk: Disk) -> None:
        super().__init__(path)
        self._disk = disk

    def permit_decisions(self, asked: Sequence[AskedDecision], epoch: Epoch, anchor: Anchor) -> Refusal | None:
        """Record durably; see `SignOnceRecord`. RecordFailed, PowerCut."""
        self._begin()
        refusal = super().permit_decisions(asked, epoch, anchor)
        self._disk.touch()
        return refusal

    def permit_order(self, settlement: SettlementId, order: OrderTerms, epoch: Epoch, anchor: Anchor) -> Refusal | None:
        """Record durably; see `SignOnceRecord`. RecordFailed, PowerCut."""
        self._begin()
        refusal = super().permit_order(settlement, order, epoch, anchor)
        self._disk.touch()
        return refusal

    def permit_rotation(self, rotation: Rotation, digest: Bytes32, anchor: Anchor, shows: Shows) -> Refusal | None:
        """Record durably; see `SignOnceRecord`. RecordFailed, PowerCut."""
        self._begin()
        refusal = super().permit_rotation(rotation, digest, anchor, shows)
        self._disk.touch()
        return refusal

    def _begin(self) -> None:
        self._disk.touch()
        if self._disk.is_failing:
            raise RecordFailed("the disk failed; nothing may be signed until it is mended")


def _is_there() -> bool:
    return MEMORY_FOLDER.is_dir()
