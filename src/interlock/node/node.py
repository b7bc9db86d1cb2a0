"""The node: one member of the committee, put together from its parts.

It follows the log, looks at the ledgers, votes, signs and performs, all at once and each at its own pace; the replica
in the middle is the only state. What a user sees goes through `submit` and the read-only properties.

A node that finds its log forked, its record lost or an invariant broken *halts*: it signs and performs nothing more,
keeps answering questions, and says why. A halt is never lifted by itself.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from interlock.core.attestation import Fact
from interlock.core.ballots import Tally
from interlock.core.committee import Genesis, MemberIndex
from interlock.core.entry import Instruct, PartyEntry
from interlock.core.instruction import LegIndex, SettlementId, ledger_of, legs_of, settlement_id
from interlock.core.rejection import Reason, Rejection
from interlock.core.replica import Replica
from interlock.core.settlement import Settlement
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32, Uint32, hex_of
from interlock.entries.check import decode_entry, entry_fault
from interlock.evidence.receipt import Receipt, make_receipt, readable
from interlock.keys.sign_once import SignOnceRecord
from interlock.keys.signer import Signer
from interlock.ledgers.protocol import Ledger
from interlock.node.conditions import Conditions, Judge
from interlock.node.constable import Constable
from interlock.node.follower import Change, Fate, Follower
from interlock.node.performer import Performer
from interlock.node.prover import proofs_of
from interlock.node.store import Store
from interlock.node.voter import Voter
from interlock.node.watcher import Claim, Watcher
from interlock.ordering.protocol import EntryRefused, EntryTooLarge, OrderedLog
from interlock.views.desk import NodeHalted, NotYetApplied

log = logging.getLogger(__name__)

APPLIED_WITHIN_S = 10.0
"""How long a submitter is kept waiting for its entry to be applied, before it is told to look again later."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a node is made of; `wiring` makes the real ones, the simulator others."""

    genesis: Genesis
    member: MemberIndex | None
    """This node's place in the first committee, or None where it takes office later; its decision key is `signer`."""
    signer: Signer
    record: SignOnceRecord
    store: Store
    log: OrderedLog
    ledgers: Mapping[str, Ledger]
    """By registered name; those that this node can reach."""
    claims: Mapping[str, Claim] = field(default_factory=dict)
    """By registered name: what this node's configuration says of a ledger; held against the registry."""
    conditions: Conditions | None = None
    """What evaluates conditions, where this node can."""
    look_interval_s: float = 0.5
    """Pause between two looks at a ledger."""
    now: Callable[[], float] = time.time
    """Unix seconds; used to refuse blocks far ahead and to pace repeats, never to decide."""


class Node:
    """One running member of the committee."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.replica = Replica(parts.genesis)
        if self.replica.committee.index_of(parts.signer.address) != parts.member:
            raise ValueError(f"the decision key {hex_of(parts.signer.address)} is not member {parts.member}'s")
        self._was_handing_over = False
        self.halted = ""
        """Why the node halted, in words for people; empty while it runs."""
        self._stopped: asyncio.Future[None] | None = None
        self._waiting: dict[Bytes32, list[asyncio.Future[Fate]]] = {}
        self._catching_up: list[asyncio.Future[None]] = []
        self._voter = Voter(
            replica=self.replica,
            signer=parts.signer,
            record=parts.record,
            log_=parts.log,
            now=parts.now,
        )
        self._constable = Constable(self.replica)
        self._performer = Performer(
            replica=self.replica, ledgers=parts.ledgers, voter=self._voter, stop=self._halt_because
        )
        self._eyes: list[Watcher | Judge] = [
            Watcher(
                replica=self.replica,
                ledger=ledger,
                voter=self._voter,
                interval_s=parts.look_interval_s,
                claim=parts.claims.get(name),
            )
            for name, ledger in parts.ledgers.items()
        ]
        if parts.conditions is not None:
            self._eyes.append(
                Judge(
                    replica=self.replica,
                    conditions=parts.conditions,
                    voter=self._voter,
                    interval_s=parts.look_interval_s,
                )
            )
        self._follower = Follower(
            replica=self.replica,
            address=parts.signer.address,
            log_=parts.log,
            store=parts.store,
            record=parts.record,
            now=parts.now,
            on_change=self._on_change,
        )

    @property
    def member(self) -> MemberIndex | None:
        """Give this node's place in the committee in office, or None where it has none."""
        return self._voter.member

    async def run(self) -> None:
        """Run until cancelled or halted; a halt returns, with `halted` set."""
        self._stopped = asyncio.get_running_loop().create_future()
        tasks: list[asyncio.Future[None]] = []
        try:
            self._follower.replay()
            self._performer.refresh(self.replica.settlements)
            loops = [self._follower.run(), self._voter.run(), *(each.run() for each in self._eyes)]
            tasks = [asyncio.create_task(each) for each in loops]
            done, _ = await asyncio.wait([*tasks, self._stopped], return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever ends a loop halts the node, and is said
            self._halt(error)
        finally:
            # All is cancelled before anything is awaited, because whoever stops the node may not wait for it. Where
            # there were several reasons to halt, waiting for the others keeps them from turning up later.
            for each in (*tasks, self._stopped):
                each.cancel()
            await asyncio.gather(*tasks, *self._performer.stop(), self._stopped, return_exceptions=True)

    async def submit(self, entry: PartyEntry) -> tuple[SettlementId | None, Rejection | None]:
        """Bring a party's entry to the log and wait until this node has applied it.

        Gives the settlement (None where no terms were brought) and, where the entry changed nothing, why. Raises
        NodeHalted, NotYetApplied, and what the log raises (`ordering.protocol`): LogUnavailable and LogBusy are worth
        another try.
        """
        self._require_running()
        content = encode(entry)
        checked = decode_entry(content)
        fault = checked if isinstance(checked, Rejection) else None
        fault = fault or entry_fault(entry, self.replica.network_id, self.replica.committee)
        if fault is not None:
            return _id_of(entry, self.replica.network_id), fault
        id_, refused = self.replica.preview(entry)
        if refused is not None and refused.reason is not Reason.NOTHING_NEW:
            # Another node may have applied what this one has not yet: refuse by what the log says now.
            await self._catch_up()
            id_, refused = self.replica.preview(entry)
        if refused is not None:
            return id_, refused
        digest = keccak256(content)
        fate: asyncio.Future[Fate] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(digest, []).append(fate)
        try:
            await self._parts.log.submit(content)
            rejections = (await asyncio.wait_for(fate, APPLIED_WITHIN_S)).rejections
        except TimeoutError:
            raise NotYetApplied(
                f"The log took the entry for {hex_of(id_)}; this node has not applied it yet."
            ) from None
        except (EntryRefused, EntryTooLarge) as error:
            return id_, Rejection(Reason.MALFORMED, id_, str(error))
        finally:
            self._waiting[digest].remove(fate)
            if not self._waiting[digest]:
                del self._waiting[digest]
        return id_, rejections[0] if rejections else None

    async def _catch_up(self) -> None:
        """Wait until this node has applied what the log holds now; a bounded wait. LogUnavailable, NodeHalted."""
        head = await self._parts.log.head()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(APPLIED_WITHIN_S):
                while self.replica.height < head.height and not self.halted:
                    await self._applied_more()
        self._require_running()

    def _require_running(self) -> None:
        """Raise NodeHalted where the node has halted."""
        if self.halted:
            raise NodeHalted(f"This node halted: {self.halted}")

    async def _applied_more(self) -> None:
        """Wait until this node has applied another block, or has halted."""
        applied: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._catching_up.append(applied)
        await applied

    def settlement(self, id_: SettlementId) -> Settlement | None:
        """Give a settlement, open or ended, or None where the log does not know it."""
        return self.replica.settlements.get(id_) or self._parts.store.ended(id_)

    def recent(self, limit: int) -> list[Settlement]:
        """Give at most `limit` settlements, the newest first: the open ones, then ended ones."""
        opened = list(reversed(self.replica.settlements.values()))[:limit]
        ended = (self._parts.store.ended(id_) for id_ in self._parts.store.ended_ids(limit - len(opened)))
        return [*opened, *(each for each in ended if each is not None)]

    def history(self, id_: SettlementId, *, after: int = -1) -> list[dict[str, object]]:
        """Give a settlement's timeline after a number."""
        return self._parts.store.history(id_, after=after)

    def receipt(self, settlement: Settlement) -> Receipt | None:
        """Give the evidence pack of a certified settlement, or None while there is no certificate."""
        if settlement.certificate is None:
            return None
        votes = self._parts.store.votes(settlement.id)
        hashes = dict.fromkeys(signed.attestation.evidence for _, signed in votes)
        contents = (self._parts.store.document(each) for each in hashes)
        documents = readable(each for each in contents if each is not None)
        configurations = self.replica.configurations_of(settlement)
        proofs = proofs_of(self._parts.store, settlement, self.replica.rotations)
        return make_receipt(self.replica.network_id, settlement, configurations, votes, documents, proofs)

    def tallies(self, settlement: Settlement) -> list[Tally]:
        """Give who attested what about a settlement: in this epoch, or for an ended one in any."""
        if settlement.id in self.replica.settlements:
            return self.replica.ballots.tallies(settlement.id)
        found: dict[tuple[LegIndex, Fact], int] = {}
        for member, signed in self._parts.store.votes(settlement.id):
            key = (signed.attestation.leg, signed.attestation.fact)
            found[key] = found.get(key, 0) | 1 << member
        return [Tally(settlement.id, leg, fact, Uint32(members)) for (leg, fact), members in found.items()]

    def signers(self, settlement: Settlement) -> list[MemberIndex]:
        """Give who has signed a settlement's order or decision, by rising member."""
        return self.replica.signers_of(settlement)

    def troubles(self, settlement: Settlement) -> dict[int, str]:
        """Give why the newest attempts on a settlement's legs did not work, or what they wait for, by leg."""
        found: dict[int, str] = {}
        for index, terms in enumerate(legs_of(settlement.terms)):
            ledger = self._parts.ledgers.get(ledger_of(terms) or "")
            waiting = None if ledger is None else ledger.waiting(settlement.id, LegIndex(Uint32(index)))
            why = self._performer.troubles.get((settlement.id, index)) or waiting
            if why:
                found[index] = why
        return found

    @property
    def alarms(self) -> list[str]:
        """Give what is wrong with the log and the ledgers at the moment, in words for people."""
        log_trouble = [f"log: {self._follower.trouble} (this node goes on asking)"] if self._follower.trouble else []
        return [*log_trouble, *(trouble for eye in self._eyes for trouble in eye.troubles)]

    def _on_change(self, change: Change) -> None:
        """React to an applied block."""
        self._wake_catching_up()
        for fate in change.fates:
            for submitter in self._waiting.get(fate.digest, ()):
                if not submitter.done():
                    submitter.set_result(fate)
        for evidence in self._constable.hear(change.entries, change.members):
            log.error("member %s contradicted itself; the evidence goes to the log", evidence.member)
            self._voter.accuse(evidence)
        if change.is_own_batch_of_other_log:
            self._voter.repeat()
        for ended in change.applied.ended:
            self._voter.forget(ended.id)
            self._constable.forget(ended.id)
        touched = change.applied.touched
        if change.applied.rotated is not None:
            self._voter.begin_epoch()
        # What everybody signs changes with a rotation, and when one is pending.
        has_turned = change.applied.rotated is not None or self._was_handing_over != self.replica.is_handing_over
        self._was_handing_over = self.replica.is_handing_over
        self._performer.refresh((*touched, *self.replica.settlements) if has_turned else touched)
        if touched:
            for eye in self._eyes:
                eye.nudge()

    def _wake_catching_up(self) -> None:
        waiters, self._catching_up = self._catching_up, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _halt_because(self, error: BaseException) -> None:
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_exception(error)

    def _halt(self, error: Exception) -> None:
        self.halted = f"{type(error).__name__}: {error}"
        log.critical("halted: %s", self.halted, exc_info=error)
        self._wake_catching_up()
        for waiter in [each for waiters in self._waiting.values() for each in waiters]:
            if not waiter.done():
                waiter.set_exception(NodeHalted(f"This node halted: {self.halted}"))


def _id_of(entry: PartyEntry, network_id: Bytes32) -> SettlementId | None:
    """Give the settlement that an entry concerns, or None where it brings no terms."""
    if not isinstance(entry, Instruct):
        return entry.settlement
    brought = entry.instruction or entry.redacted
    return None if brought is None else settlement_id(network_id, brought)
