"""The voter: turns what a node saw, and what the log decided, into signed entries of the log.

Votes are gathered for a moment and brought as one batch per kind, tied to the newest block that the node applied. A
vote counts as done when the replica shows it, not when the log took it: a log that drops, delays or forks loses
nothing but time, because a vote that does not appear is made again.

A decision is signed only after the sign-once record has it on disk (specification 5).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from interlock.core.attestation import Attestation, Fact, SignedAttestation, attestation_digest
from interlock.core.committee import MemberIndex
from interlock.core.decision import Decision, Outcome, SignedDecision, decision_digest
from interlock.core.entry import Attest, Entry, SignDecisions
from interlock.core.instruction import LegIndex, SettlementId
from interlock.core.limits import BATCH_ITEMS_MAX, EVIDENCE_BYTES_MAX
from interlock.core.replica import Replica
from interlock.core.settlement import State
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import ZERO_BYTES32, Blob, hex_of
from interlock.entries.check import batch_digest
from interlock.keys.sign_once import Conflict, SignOnceRecord
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


Key = tuple[SettlementId, LegIndex, Fact] | SettlementId


class Voter:
    """One member's votes on their way into the log."""

    def __init__(
        self,
        *,
        replica: Replica,
        member: MemberIndex,
        signer: Signer,
        record: SignOnceRecord,
        log_: OrderedLog,
        now: Callable[[], float],
    ) -> None:
        self._replica = replica
        self._member = member
        self._signer = signer
        self._record = record
        self._log = log_
        self._now = now
        self._votes: list[_Vote] = []
        self._decisions: list[SignedDecision] = []
        self._waiting: set[Key] = set()
        """Votes that the log has not taken yet: while it cannot be reached, none of them is made a second time."""
        self._taken: dict[Key, float] = {}
        """When the log took each vote that the replica does not show; at most a few per open settlement."""
        self._wake = asyncio.Event()

    def observe(self, observation: Observation) -> None:
        """Vote for a fact that is final on a ledger, unless it was voted for or cannot be true in the log yet."""
        key = (observation.settlement, observation.leg, observation.fact)
        if not self._is_wanted(observation) or self._is_under_way(key):
            return
        content = encode(observation.document)
        document = Blob(content) if len(content) <= EVIDENCE_BYTES_MAX else None
        attestation = Attestation(
            settlement=observation.settlement,
            leg=observation.leg,
            fact=observation.fact,
            position=observation.document.position,
            evidence=ZERO_BYTES32 if document is None else keccak256(content),
            epoch=self._replica.committee.epoch,
        )
        self._waiting.add(key)
        self._votes.append(_Vote(attestation, document))
        self._wake.set()

    async def sign(self, settlement: SettlementId, outcome: Outcome) -> None:
        """Record the decision durably, then sign it. SignOnceViolated, SignOnceError: nothing was signed."""
        known = self._replica.settlements.get(settlement)
        if known is None or any(each.member == self._member for each in known.decision_signatures):
            return
        if self._is_under_way(settlement):
            return
        self._waiting.add(settlement)
        anchor = self._replica.anchor
        epoch = self._replica.committee.epoch
        try:
            answer = await asyncio.to_thread(
                self._record.permit, settlement, int(outcome), epoch, anchor.height, anchor.block
            )
        except BaseException:
            self._waiting.discard(settlement)
            raise
        if isinstance(answer, Conflict):
            raise SignOnceViolated(str(answer))
        decision = Decision(settlement, outcome, epoch)
        self._decisions.append(
            SignedDecision(decision, self._signer.sign(decision_digest(self._replica.network_id, decision)))
        )
        self._wake.set()

    def forget(self, settlement: SettlementId) -> None:
        """Drop what is kept about a settlement that ended."""
        self._taken = {key: taken for key, taken in self._taken.items() if settlement != _settlement_of(key)}

    def repeat(self) -> None:
        """Make every vote that the replica does not show again: the log refused the batch that carried it."""
        self._taken.clear()

    async def run(self) -> None:
        """Bring votes to the log, batch by batch, for ever."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_S)
            self._wake.clear()
            while self._decisions or self._votes:
                if self._decisions:
                    decisions = self._decision_batch()
                    await self._bring(decisions, [each.decision.settlement for each in decisions.decisions])
                if self._votes:
                    votes = self._attestation_batch()
                    said = [each.attestation for each in votes.attestations]
                    await self._bring(votes, [(each.settlement, each.leg, each.fact) for each in said])

    def _is_wanted(self, observation: Observation) -> bool:
        known = self._replica.settlements.get(observation.settlement)
        if known is None or observation.leg >= len(known.legs):
            return False
        if known.legs[observation.leg].tally(observation.fact).members >> self._member & 1:
            return False
        match observation.fact:
            case Fact.DELIVERED:
                return known.state is State.COMMITTED
            case Fact.RETURNED:
                return known.state is State.ABORTED
            case _:
                return True

    def _is_under_way(self, key: Key) -> bool:
        taken = self._taken.get(key)
        return key in self._waiting or (taken is not None and self._now() - taken < REPEAT_S)

    def _decision_batch(self) -> SignDecisions:
        items, self._decisions = tuple(self._decisions[:BATCH_ITEMS_MAX]), self._decisions[BATCH_ITEMS_MAX:]
        anchor = self._replica.anchor
        over = batch_digest(self._replica.network_id, self._replica.committee, anchor, items)
        return SignDecisions(self._member, anchor, items, self._signer.sign(over))

    def _attestation_batch(self) -> Attest:
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
        return Attest(self._member, anchor, items, documents, self._signer.sign(over))

    async def _bring(self, entry: Entry, keys: Sequence[Key]) -> None:
        """Bring a batch to the log, however long the log is away; from then on its votes wait to be shown."""
        content = encode(entry)
        while True:
            # Before the log answers, because the answer to the batch may be seen first in a block (`repeat`).
            self._taken.update(dict.fromkeys(keys, self._now()))
            if await self._is_done_with(content):
                break
            await asyncio.sleep(RETRY_S)
        self._waiting.difference_update(keys)
        for key in keys:
            if _settlement_of(key) not in self._replica.settlements:
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


def _settlement_of(key: Key) -> SettlementId:
    return key[0] if isinstance(key, tuple) else key
