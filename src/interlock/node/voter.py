"""The voter: turns what a node saw, and what the log decided, into signed entries of the log.

Votes are gathered for a moment and brought as one batch per kind, tied to the newest block that the node applied. A
vote counts as done when the replica shows it, not when the log took it: a log that drops, delays or forks loses
nothing but time, because a vote that does not appear is made again.

Decisions, orders and rotations are signed only after the sign-once record has them on disk (specification 5). Once a
node has signed the rotation of its epoch it says nothing more in it; what was under way is made again in the next.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from interlock.core.attestation import Attestation, Fact, SignedAttestation, attestation_digest
from interlock.core.ballots import BatchBallot
from interlock.core.committee import Epoch, MemberIndex
from interlock.core.decision import (
    SignedBatch,
    SignedDecision,
    batch_root_digest,
    decision_digest,
)
from interlock.core.effects import SignBatch, SignDecision, SignOrder, SignRotation
from interlock.core.entry import Attest, Certify, Entry, Evidence
from interlock.core.entry import SignRotation as SignRotationEntry
from interlock.core.instruction import LegIndex, SettlementId
from interlock.core.limits import BATCH_ITEMS_MAX, EVERY_LEG, EVIDENCE_BYTES_MAX
from interlock.core.order import SignedOrder, order_digest
from interlock.core.replica import Replica
from interlock.core.rotation import rotation_digest
from interlock.core.settlement import Settlement, State
from interlock.core.signing import Conflict, OrderTerms, Refusal, Shown
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import ZERO_BYTES32, Blob, hex_of
from interlock.entries.check import batch_digest
from interlock.keys.sign_once import AskedDecision, SignOnceRecord
from interlock.keys.signer import Signer
from interlock.ledgers.protocol import Observation
from interlock.ordering.protocol import EntryRefused, EntryTooLarge, LogUnavailable, OrderedLog

log = logging.getLogger(__name__)

GATHER_S = 0.01
"""How long a vote waits for others to share its batch: small beside a block interval."""
REPEAT_S = 5.0
"""After how long a vote that the log took but does not show is made again."""
RETRY_S = 0.25
"""Pause after the log was not reached."""
_BATCH_BYTES_MAX = 65_536
"""Evidence bytes in one entry; hexadecimal doubles them, the most attestations take as much again, and it fits."""


class SignOnceViolated(Exception):
    """The log decided the opposite of what this node's key has signed: it is another log. The node must stop."""


@dataclass(frozen=True, slots=True)
class _Vote:
    attestation: Attestation
    document: Blob | None


Signature = SignDecision | SignBatch | SignOrder | SignRotation
"""What the core asks a node to sign."""

Key = tuple[SettlementId, LegIndex, Fact] | Signature
"""A vote, or a signature, on its way into the log."""

Statement = SignedDecision | SignedBatch | SignedOrder


class Voter:
    """One member's votes on their way into the log."""

    def __init__(
        self,
        *,
        replica: Replica,
        signer: Signer,
        record: SignOnceRecord,
        log_: OrderedLog,
        now: Callable[[], float],
    ) -> None:
        self._replica = replica
        self._signer = signer
        self._record = record
        self._log = log_
        self._now = now
        self._votes: list[_Vote] = []
        self._statements: list[tuple[Signature, Statement]] = []
        self._others: list[tuple[Signature | None, Entry]] = []
        """Entries that are brought one by one: a rotation's signature, evidence against a member."""
        self._waiting: set[Key] = set()
        """Votes that the log has not taken yet: while it cannot be reached, none of them is made a second time."""
        self._taken: dict[Key, float] = {}
        """When the log took each vote that the replica does not show; at most a few per open settlement."""
        self._silent_in: Epoch | None = None
        """The epoch that this node has handed over: it says nothing more in it."""
        self._wake = asyncio.Event()

    @property
    def member(self) -> MemberIndex | None:
        """Give this node's place in the committee in office, or None where it has none."""
        return self._replica.committee.index_of(self._signer.address)

    def observe(self, observation: Observation) -> None:
        """Vote for a fact that is final on a ledger, unless it was voted for or cannot be true in the log yet."""
        key = (observation.settlement, observation.leg, observation.fact)
        if not self._is_wanted(observation) or self._is_under_way(key):
            return
        content = b"" if observation.document is None else encode(observation.document)
        document = Blob(content) if 0 < len(content) <= EVIDENCE_BYTES_MAX else None
        attestation = Attestation(
            settlement=observation.settlement,
            leg=observation.leg,
            fact=observation.fact,
            position=ZERO_BYTES32 if observation.document is None else observation.document.position,
            evidence=ZERO_BYTES32 if document is None else keccak256(content),
            epoch=self._replica.committee.epoch,
        )
        self._waiting.add(key)
        self._votes.append(_Vote(attestation, document))
        self._wake.set()

    async def sign(self, wanted: Signature) -> None:
        """Record durably what is to be signed, then sign it. SignOnceViolated, SignOnceError: nothing was signed."""
        if self.member is None or self._is_under_way(wanted) or self._is_signed(wanted):
            return
        self._waiting.add(wanted)
        epoch = self._replica.committee.epoch
        try:
            is_made = await self._make(wanted)
        except BaseException:
            self._waiting.discard(wanted)
            raise
        if not is_made or epoch != self._replica.committee.epoch:
            self._waiting.discard(wanted)
            return
        self._wake.set()

    async def _make(self, wanted: Signature) -> bool:
        """Record and sign; False where the log no longer asks for it."""
        match wanted:
            case SignDecision():
                return await self._make_decision(wanted)
            case SignBatch():
                return await self._make_batch(wanted)
            case SignOrder():
                return await self._make_order(wanted)
            case SignRotation():
                return await self._make_rotation(wanted)

    async def _make_decision(self, wanted: SignDecision) -> bool:
        known = self._replica.settlements.get(wanted.settlement)
        if known is None or known.decision is None:
            return False
        decision = known.decision
        asked = [AskedDecision(known.id, wanted.outcome, _shown(known))]
        if not await self._permitted(self._record.permit_decisions, asked, decision.epoch, self._replica.anchor):
            return False
        digest = decision_digest(self._replica.network_id, decision)
        self._statements.append((wanted, SignedDecision(decision, self._signer.sign(digest))))
        return True

    async def _make_batch(self, wanted: SignBatch) -> bool:
        ballot = self._replica.ballots.batches.get(wanted.root)
        if ballot is None:
            return False
        asked = self._asked_of(ballot)
        batch = ballot.batch
        if not await self._permitted(self._record.permit_decisions, asked, batch.epoch, self._replica.anchor):
            return False
        digest = batch_root_digest(self._replica.network_id, batch)
        self._statements.append((wanted, SignedBatch(batch, self._signer.sign(digest))))
        return True

    def _asked_of(self, ballot: BatchBallot) -> list[AskedDecision]:
        asked = []
        for each in ballot.decisions:
            known = self._replica.settlements.get(each.settlement)
            asked.append(AskedDecision(each.settlement, each.outcome, Shown() if known is None else _shown(known)))
        return asked

    async def _make_order(self, wanted: SignOrder) -> bool:
        known = self._replica.settlements.get(wanted.settlement)
        if known is None or known.order is None:
            return False
        order = known.order
        terms = OrderTerms(order.ledger, order.last_valid)
        if not await self._permitted(self._record.permit_order, known.id, terms, order.epoch, self._replica.anchor):
            return False
        digest = order_digest(self._replica.network_id, order)
        self._statements.append((wanted, SignedOrder(order, self._signer.sign(digest))))
        return True

    async def _make_rotation(self, wanted: SignRotation) -> bool:
        pending, member = self._replica.pending, self.member
        if pending is None or member is None:
            return False
        rotation = pending.rotation
        digest = rotation_digest(self._replica.network_id, rotation)
        self._silent_in = wanted.from_epoch
        if not await self._permitted(
            self._record.permit_rotation, rotation, digest, self._replica.anchor, self._replica.root_shows
        ):
            return False
        self._others.append((wanted, SignRotationEntry(member, rotation, self._signer.sign(digest))))
        return True

    async def _permitted(self, permit: Callable[..., Refusal | None], *asked: object) -> bool:
        """Ask the record; False where the epoch is handed over. SignOnceViolated where it must never be signed."""
        refusal = await asyncio.to_thread(permit, *asked)
        if isinstance(refusal, Conflict):
            raise SignOnceViolated(str(refusal))
        return refusal is None

    def accuse(self, evidence: Evidence) -> None:
        """Bring evidence against a member to the log; a member that is out of office brings none."""
        self._others.append((None, evidence))
        self._wake.set()

    def forget(self, settlement: SettlementId) -> None:
        """Drop what is kept about a settlement that ended."""
        self._taken = {key: taken for key, taken in self._taken.items() if settlement != _settlement_of(key)}

    def repeat(self) -> None:
        """Make every vote that the replica does not show again: the log refused the batch that carried it."""
        self._taken.clear()

    def begin_epoch(self) -> None:
        """Drop what was said in the epoch that is over; what still matters is said again in the new one."""
        self._votes.clear()
        self._statements.clear()
        self._others.clear()
        self._waiting.clear()
        self._taken.clear()

    async def run(self) -> None:
        """Bring votes to the log, batch by batch, for ever."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_S)
            self._wake.clear()
            while (member := self.member) is not None and (self._statements or self._votes or self._others):
                if self._statements:
                    keys, batch = self._statement_batch(member)
                    await self._bring(batch, keys)
                if self._votes and self.member == member:
                    votes = self._attestation_batch(member)
                    said = [each.attestation for each in votes.attestations]
                    await self._bring(votes, [(each.settlement, each.leg, each.fact) for each in said])
                if self._others:
                    wanted, entry = self._others.pop(0)
                    await self._bring(entry, [] if wanted is None else [wanted])

    def _is_wanted(self, observation: Observation) -> bool:
        known, member = self._replica.settlements.get(observation.settlement), self.member
        if known is None or member is None or self._silent_in == self._replica.committee.epoch:
            return False
        leg, fact = observation.leg, observation.fact
        if leg >= len(known.legs) and leg != EVERY_LEG:
            return False
        if self._replica.ballots.members(known.id, leg, fact) >> member & 1:
            return False
        match fact:
            case Fact.DELIVERED:
                return known.state is State.COMMITTED
            case Fact.RETURNED:
                return known.state is State.ABORTED
            case Fact.EXECUTED | Fact.NEVER:
                return known.state is State.PIVOTING
            case Fact.SIGNED:
                return known.state is State.ALLEGED
            case Fact.MET | Fact.UNMET:
                return known.order is None and known.decision is None
            case _:
                return known.state is not State.ALLEGED

    def _is_signed(self, wanted: Signature) -> bool:
        """Tell whether the log shows this node's signature already."""
        member, replica = self.member, self._replica
        match wanted:
            case SignDecision() | SignOrder():
                known = replica.settlements.get(wanted.settlement)
                return known is None or member in replica.ballots.signing.get(known.id, {})
            case SignBatch():
                ballot = replica.ballots.batches.get(wanted.root)
                return ballot is None or any(each.member == member for each in ballot.signatures)
            case SignRotation():
                pending = replica.pending
                return pending is None or any(each.member == member for each in pending.signatures)

    def _is_under_way(self, key: Key) -> bool:
        taken = self._taken.get(key)
        return key in self._waiting or (taken is not None and self._now() - taken < REPEAT_S)

    def _statement_batch(self, member: MemberIndex) -> tuple[list[Key], Certify]:
        taken, self._statements = self._statements[:BATCH_ITEMS_MAX], self._statements[BATCH_ITEMS_MAX:]
        statements = [statement for _, statement in taken]
        decisions = tuple(each for each in statements if isinstance(each, SignedDecision))
        batches = tuple(each for each in statements if isinstance(each, SignedBatch))
        orders = tuple(each for each in statements if isinstance(each, SignedOrder))
        anchor = self._replica.anchor
        content = (*decisions, *batches, *orders)
        over = batch_digest(self._replica.network_id, self._replica.committee, anchor, content)
        entry = Certify(member, anchor, decisions, batches, orders, self._signer.sign(over))
        return [wanted for wanted, _ in taken], entry

    def _attestation_batch(self, member: MemberIndex) -> Attest:
        taken: list[_Vote] = []
        size = 0
        for vote in self._votes[:BATCH_ITEMS_MAX]:
            size += len(vote.document or b"")
            if size > _BATCH_BYTES_MAX:
                break
            taken.append(vote)
        self._votes = self._votes[len(taken) :]
        network_id = self._replica.network_id
        items = tuple(
            SignedAttestation(each.attestation, self._signer.sign(attestation_digest(network_id, each.attestation)))
            for each in taken
        )
        documents = tuple(dict.fromkeys(each.document for each in taken if each.document is not None))
        anchor = self._replica.anchor
        over = batch_digest(network_id, self._replica.committee, anchor, items, documents)
        return Attest(member, anchor, items, documents, self._signer.sign(over))

    async def _bring(self, entry: Entry, keys: Sequence[Key]) -> None:
        """Bring a batch to the log, however long the log is away; from then on its votes wait to be shown."""
        content = encode(entry)
        epoch = self._replica.committee.epoch
        while epoch == self._replica.committee.epoch:
            # Before the log answers, because the answer to the batch may be seen first in a block (`repeat`).
            self._taken.update(dict.fromkeys(keys, self._now()))
            if await self._is_done_with(content):
                break
            await asyncio.sleep(RETRY_S)
        self._waiting.difference_update(keys)
        for key in keys:
            settlement = _settlement_of(key)
            if settlement is not None and settlement not in self._replica.settlements:
                self._taken.pop(key, None)

    async def _is_done_with(self, content: bytes) -> bool:
        """Submit once; tell whether the log answered for good, with yes or with no."""
        try:
            await self._log.submit(content)
        except LogUnavailable as error:
            log.warning("votes wait, the log was not reached: %s", error)
            return False
        except (EntryRefused, EntryTooLarge):
            # Our own door let it pass: a defect here, or a log with rules of its own. The votes come again.
            log.exception("the log refused this node's batch %s", hex_of(keccak256(content)))
        return True


def _settlement_of(key: Key) -> SettlementId | None:
    match key:
        case SignDecision() | SignOrder():
            return key.settlement
        case SignBatch() | SignRotation():
            return None
        case _:
            return key[0]


def _shown(known: Settlement) -> Shown:
    """Give what the log shows of a settlement's order."""
    order = known.order
    if order is None:
        return Shown()
    return Shown(OrderTerms(order.ledger, order.last_valid), known.stands(Fact.NEVER))
