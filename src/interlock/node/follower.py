"""The follower: takes the log block by block, checks it, applies it, keeps it.

Blocks come chained from the ordering client. The follower decodes and verifies every entry once more (whoever ordered
them is not believed), holds the log against the sign-once record, refuses blocks far ahead of its clock, and hands
what changed to the rest of the node.

Source: specification 5, "Sign once".
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from interlock.core.applied import Applied
from interlock.core.decision import Decision
from interlock.core.entry import Attest, Block, Certify, Entry, SignRotation
from interlock.core.rejection import Reason, Rejection
from interlock.core.replica import Replica
from interlock.core.rotation import rotation_digest
from interlock.core.signing import OrderTerms
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.merkle import Frontier
from interlock.encoding.values import Address, Bytes32, Height, Uint64, UnixSeconds, hex_of
from interlock.entries.check import decode_entry, entry_fault
from interlock.keys.sign_once import SignOnceRecord
from interlock.node.prover import certified_orders, grown
from interlock.node.store import BlockRecord, Store
from interlock.ordering.protocol import LogBlock, LogForked, LogUnavailable, OrderedLog
from interlock.views.history import history_of

log = logging.getLogger(__name__)

AHEAD_MAX_S = 30
"""How far a block's time may lie ahead of this node's clock: beyond it the log could force deadlines."""
RETRY_S = 0.25
"""Pause after the log was not reached."""
SNAPSHOT_BLOCKS = 1_024
"""Blocks between two snapshots: so many are applied again at a start, in a second or two."""
AHEAD_RETRY_S = 1.0
"""Pause before a block that lies ahead is asked for again."""


class RecordLost(Exception):
    """The log holds a signature of this key that its sign-once record does not: the key must sign no more."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one entry of an applied block."""

    digest: Bytes32
    """keccak256 of the entry's bytes."""
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What one block changed."""

    applied: Applied
    entries: tuple[Entry, ...]
    """All that were well formed and truly signed, whether they counted or not."""
    members: tuple[Address, ...]
    """The committee that reigned over the block."""
    fates: tuple[Fate, ...]
    is_own_batch_of_other_log: bool
    """A batch of this node was refused, because it was made on another history or too long ago."""


class Follower:
    """One node's reading of the log."""

    def __init__(
        self,
        *,
        replica: Replica,
        address: Address,
        log_: OrderedLog,
        store: Store,
        record: SignOnceRecord,
        now: Callable[[], float],
        on_change: Callable[[Change], None],
    ) -> None:
        self._replica = replica
        self._address = address
        self._log = log_
        self._store = store
        self._record = record
        self._now = now
        self._on_change = on_change
        self._signed_under = record.highest()
        self.trouble = ""
        """Why the log cannot be followed at the moment, in words for people; empty when it can."""

    def replay(self) -> None:
        """Go on from the newest snapshot, and apply what was kept since. LogForked, RecordLost, BrokenInvariant."""
        kept = self._store.snapshot()
        if kept is not None:
            self._replica.resume(*kept)
            self._require_same(self._replica.height, self._replica.block_hash)
        for block in self._store.blocks(after=self._replica.height):
            self._apply(block)

    async def run(self) -> None:
        """Follow the log for ever. LogForked, RecordLost, BrokenInvariant end it: the node must stop."""
        self._snapshotting = asyncio.create_task(_nothing())
        try:
            while True:
                try:
                    await self._require_long_enough()
                    await self._follow()
                except LogUnavailable as error:
                    self.trouble = str(error)
                    await asyncio.sleep(RETRY_S)
        finally:
            self._snapshotting.cancel()
            await asyncio.gather(self._snapshotting, return_exceptions=True)

    async def _follow(self) -> None:
        """Take blocks until the connection is lost or a block lies ahead."""
        async with aclosing(self._log.blocks(self._replica.height, known=self._replica.block_hash)) as blocks:
            async for block in blocks:
                if block.time > self._now() + AHEAD_MAX_S:
                    self.trouble = f"Block {block.height} has time {block.time}, this node's clock {self._now():.0f}."
                    log.error("the log runs ahead: %s", self.trouble)
                    await asyncio.sleep(AHEAD_RETRY_S)
                    return
                record, change = self._apply(block)
                self._store.save(record)
                if block.height % SNAPSHOT_BLOCKS == 0 and self._snapshotting.done():
                    self._snapshotting = asyncio.create_task(self._keep_snapshot())
                self.trouble = ""
                self._on_change(change)

    async def _keep_snapshot(self) -> None:
        """Keep the working state as it is now; it is written down beside the work that goes on, since it is a value."""
        snapshot = self._replica.snapshot()
        content = await asyncio.to_thread(encode, snapshot)
        try:
            self._store.save_snapshot(snapshot.height, content)
        except sqlite3.Error:
            log.exception("the snapshot at block %d was not kept; the next start takes longer", snapshot.height)

    async def _require_long_enough(self) -> None:
        head = await self._log.head()
        if self._signed_under is not None and head.height < self._signed_under[0]:
            raise LogForked(
                f"the log ends at block {head.height}, but this node signed under block {self._signed_under[0]}: "
                "a backup was restored; bring the log that was lost, or begin a new network"
            )
        self._require_same(head.height, head.hash)

    def _apply(self, raw: LogBlock) -> tuple[BlockRecord, Change]:
        self._require_same(raw.height, raw.hash)
        read = [self._read(data) for data in raw.entries]
        places = [place for place, entry in enumerate(read) if not isinstance(entry, Rejection)]
        entries = tuple(entry for entry in read if not isinstance(entry, Rejection))
        for entry in entries:
            self._require_recorded(entry)
        block = Block(Height(Uint64(raw.height)), UnixSeconds(Uint64(raw.time)), raw.hash, entries)
        members, decided = self._replica.committee.members, self._replica.decisions
        applied = self._replica.apply_block(block)
        refused = {place: [entry] for place, entry in enumerate(read) if isinstance(entry, Rejection)}
        for index, rejection in applied.rejections:
            refused.setdefault(places[index], []).append(rejection)
        fates = tuple(Fate(keccak256(data), tuple(refused.get(place, ()))) for place, data in enumerate(raw.entries))
        change = Change(applied, entries, members, fates, self._is_own_batch_of_other_log(entries, applied))
        return self._record_of(raw, entries, applied, decided), change

    def _read(self, data: bytes) -> Entry | Rejection:
        entry = decode_entry(data)
        if isinstance(entry, Rejection):
            return entry
        return entry_fault(entry, self._replica.network_id, self._replica.committee) or entry

    def _record_of(self, raw: LogBlock, entries: tuple[Entry, ...], applied: Applied, decided: Frontier) -> BlockRecord:
        """Give what is kept of a block; `decided` is the log of decisions as it was before."""
        counted = {signed.attestation.evidence for _, signed in applied.votes}
        documents = [
            document
            for entry in entries
            if isinstance(entry, Attest)
            for document in entry.documents
            if keccak256(document) in counted
        ]
        return BlockRecord(
            block=raw,
            votes=applied.votes,
            documents=documents,
            history=history_of(raw.height, raw.time, applied.steps),
            ended=applied.ended,
            index=[
                (id_, self._replica.ended.packed(id_))
                for id_ in sorted(applied.reopened | {each.id for each in applied.ended})
            ],
            orders=certified_orders(applied),
            tree=grown(decided, applied.leaves),
            leaves=self._replica.decisions.size,
        )

    def _is_own_batch_of_other_log(self, entries: tuple[Entry, ...], applied: Applied) -> bool:
        """Look at this node's own batches only: others must not be able to make it repeat itself."""
        refused = [entries[index] for index, rejection in applied.rejections if rejection.reason is Reason.OTHER_LOG]
        return any(isinstance(each, Attest | Certify) and self._is_own(each.member) for each in refused)

    def _is_own(self, member: int) -> bool:
        """Tell whether a member of the committee in office is this node."""
        members = self._replica.committee.members
        return member < len(members) and members[member] == self._address

    def _require_same(self, height: int, found: Bytes32) -> None:
        """Stop a node that is shown another block where its key has signed."""
        if self._signed_under is not None and height == self._signed_under[0] and found != self._signed_under[1]:
            raise LogForked(
                f"block {height} is {hex_of(found)}, but this node signed under {hex_of(self._signed_under[1])}: "
                "this is another log; compare it with the other nodes'"
            )

    def _require_recorded(self, entry: Entry) -> None:
        """Stop a node whose record was lost or restored: its key may have signed what it no longer knows."""
        if not isinstance(entry, Certify | SignRotation) or not self._is_own(entry.member):
            return
        if isinstance(entry, SignRotation):
            digest = rotation_digest(self._replica.network_id, entry.rotation)
            if self._record.rotation(entry.rotation.from_epoch) != digest:
                raise _record_lost(f"the rotation of epoch {entry.rotation.from_epoch}")
            return
        for decision in self._decisions_in(entry):
            recorded = self._record.recorded(decision.settlement)
            if recorded is None or recorded.outcome is not decision.outcome:
                raise _record_lost(f"{decision.outcome.name} for {hex_of(decision.settlement)}")
        for each in entry.orders:
            order = each.order
            recorded = self._record.recorded(order.settlement)
            if recorded is None or recorded.order != OrderTerms(order.ledger, order.last_valid):
                raise _record_lost(f"an order to {order.ledger!r} for {hex_of(order.settlement)}")

    def _decisions_in(self, entry: Certify) -> list[Decision]:
        """Give every decision that an entry signs, alone or in a batch; a batch that nobody waits for signs none."""
        ballots = [self._replica.ballots.batches.get(each.batch.root) for each in entry.batches]
        batched = [decision for ballot in ballots if ballot is not None for decision in ballot.decisions]
        return [*(each.decision for each in entry.decisions), *batched]


async def _nothing() -> None:
    """Be the snapshot that is done when none was begun."""


def _record_lost(what: str) -> RecordLost:
    return RecordLost(
        f"the log holds this key's signature of {what}, its sign-once record does not; the key must sign no more: "
        "replace it by a rotation"
    )
