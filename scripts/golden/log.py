"""A log that is written down: every block with its entries, and what a replica shows after it."""

from collections.abc import Iterable
from typing import Any

from golden.world import (
    COUNCIL,
    GENESIS,
    KEYS,
    NETWORK,
    REGISTRY,
    START,
    Council,
    id_of,
    instruct,
    seconds,
    uint64,
)
from interlock.core.applied import Applied
from interlock.core.attestation import Fact
from interlock.core.decision import Decision, Outcome
from interlock.core.effects import SignBatch, SignDecision, SignRotation, outstanding
from interlock.core.entry import Block, Entry
from interlock.core.instruction import Instruction, SettlementId, required_signers
from interlock.core.limits import EVERY_LEG
from interlock.core.rejection import Rejection
from interlock.core.replica import Replica
from interlock.core.settlement import Settlement
from interlock.encoding.block import block_hash
from interlock.encoding.canonical import encode, loads, to_json
from interlock.encoding.values import Height, hex_of
from interlock.entries.check import decode_entry, entry_fault

Json = Any
"""What JSON holds."""


class Recorder:
    """Apply blocks as every node does, and keep them with what they made of the state."""

    def __init__(self) -> None:
        self.replica = Replica(GENESIS)
        self.blocks: list[Json] = []
        self.councils = {1: COUNCIL}
        self._named: Council | None = None

    def __getitem__(self, id_: SettlementId) -> Settlement:
        return self.replica.settlements[id_]

    @property
    def council(self) -> Council:
        """Give the council in office."""
        return self.councils[self.replica.committee.epoch]

    def block(self, *entries: Entry | bytes, at: int | None = None) -> Applied:
        """Order these entries as the next block, at the time of the last one unless another is given."""
        replica, given = self.replica, tuple(each if isinstance(each, bytes) else encode(each) for each in entries)
        time = seconds(at if at is not None else max(replica.time, START))
        height = Height(uint64(replica.height + 1))
        hash_ = block_hash(height, time, replica.block_hash, given)
        accepted, places, refused = checked(replica, given)
        applied = replica.apply_block(Block(height, time, hash_, accepted))
        refused += [(places[place], rejection) for place, rejection in applied.rejections]
        if self._named is not None and applied.rotated is not None:
            self.councils[replica.committee.epoch] = self._named
        self.blocks.append(
            {
                "height": height,
                "time": time,
                "entries": [loads(each) for each in given],
                "hash": hex_of(hash_),
                "rejected": [told(place, rejection) for place, rejection in sorted(refused, key=lambda each: each[0])],
                "after": shown(replica, applied),
            }
        )
        return applied

    def configured(self, **changes: object) -> "Recorder":
        """Put the usual registry in force, with some of its members changed; give this log."""
        self.configure(**changes)
        return self

    def configure(self, **changes: object) -> None:
        """Put the usual registry in force, with some of its members changed."""
        registry = type(REGISTRY)(**{name: getattr(REGISTRY, name) for name in REGISTRY.__slots__} | changes)
        self.block(self.council.configure(registry, self.replica.registry_sequence + 1))

    def bring(self, terms: Instruction) -> SettlementId:
        """Order an instruction with the signatures of all who must sign."""
        self.block(instruct(terms, *(KEYS[each] for each in required_signers(terms))))
        return id_of(terms)

    def vote(
        self, id_: SettlementId, fact: Fact, legs: Iterable[int] = (0, 1), by: Iterable[int] | None = None
    ) -> None:
        """Order one block in which members, or else a quorum, attest a fact of each leg."""
        self.block(*self.votes(id_, fact, legs, by))

    def votes(self, id_: SettlementId, fact: Fact, legs: Iterable[int], by: Iterable[int] | None = None) -> list[Entry]:
        """Give the entries in which members, or else a quorum, attest a fact of each leg."""
        council, wanted, anchor = self.council, tuple(legs), self.replica.anchor
        members = council.quorum if by is None else by
        return [
            council.attest(each, anchor, *(council.attestation(each, id_, leg, fact) for leg in wanted))
            for each in members
        ]

    def say(self, id_: SettlementId, fact: Fact) -> None:
        """Order one block in which a quorum attests a fact about the whole."""
        self.vote(id_, fact, [EVERY_LEG])

    def certify(self, id_: SettlementId, outcome: Outcome, by: Iterable[int] | None = None) -> None:
        """Order one block in which members, or else a quorum, sign the decision."""
        council = self.council
        decision = Decision(id_, outcome, self.replica.committee.epoch)
        members = council.quorum if by is None else by
        self.block(*(council.certify(each, self.replica.anchor, council.decision(each, decision)) for each in members))

    def certify_order(self, id_: SettlementId) -> None:
        """Order one block in which a quorum signs the order that is out."""
        order, council = self[id_].order, self.council
        if order is None:
            raise ValueError(f"{hex_of(id_)} has no order")
        anchor = self.replica.anchor
        self.block(*(council.certify(each, anchor, council.order(each, order)) for each in council.quorum))

    def certify_batches(self) -> None:
        """Order one block in which a quorum signs every batch that waits."""
        council, anchor = self.council, self.replica.anchor
        waiting = [each.batch for _, each in sorted(self.replica.ballots.batches.items())]
        self.block(
            *(council.certify(each, anchor, *(council.batch(each, one) for one in waiting)) for each in council.quorum)
        )

    def name(self, successors: tuple[object, ...]) -> None:
        """Order one block in which a quorum names its successors."""
        self._named = Council(self.replica.committee.epoch + 1, successors)  # type: ignore[arg-type]
        self.block(self.council.name(self._named.keys))

    def hand_over(self, by: Iterable[int] | None = None) -> None:
        """Order one block in which members, or else a quorum, sign the pending rotation."""
        council, pending = self.council, self.replica.pending
        if pending is None:
            raise ValueError("no rotation is pending")
        members = council.quorum if by is None else by
        self.block(*(council.hand_over(each, pending.rotation) for each in members))


def checked(
    replica: Replica, given: Iterable[bytes]
) -> tuple[tuple[Entry, ...], list[int], list[tuple[int, Rejection]]]:
    """Give the entries that pass the door with their places, and what the door refuses."""
    accepted, places, refused = [], [], []
    for place, data in enumerate(given):
        entry = decode_entry(data)
        fault = entry if isinstance(entry, Rejection) else entry_fault(entry, NETWORK, replica.committee)
        if fault is not None:
            refused.append((place, fault))
        elif not isinstance(entry, Rejection):
            accepted.append(entry)
            places.append(place)
    return tuple(accepted), places, refused


def told(place: int, rejection: Rejection) -> Json:
    """Give a rejection as the vectors tell it: its detail is for people, and is left out."""
    about = None if rejection.settlement is None else hex_of(rejection.settlement)
    return {"entry": place, "reason": rejection.reason.name, "settlement": about}


def shown(replica: Replica, applied: Applied) -> Json:
    """Give what a replica shows after a block."""
    handing_over = replica.is_handing_over
    open_ = [_settlement(replica.settlements[each], replica, handing_over) for each in sorted(replica.settlements)]
    return {
        "epoch": replica.committee.epoch,
        "rotation": None if replica.pending is None else to_json(replica.pending.rotation),
        "convicted": [hex_of(each) for each in sorted(replica.convicted)],
        "compromised": replica.is_compromised,
        "settlements": open_,
        "ended": [_settlement(each, replica, handing_over) for each in applied.ended],
        "decisions": {"size": replica.decisions.size, "root": hex_of(replica.decisions.root)},
        "archive": {"size": replica.archive.size, "root": hex_of(replica.archive.root)},
        "state": hex_of(replica.state_hash()),
    }


def _settlement(known: Settlement, replica: Replica, handing_over: bool) -> Json:  # noqa: FBT001 - a plain fact
    decision, order = known.decision, known.order
    return {
        "id": hex_of(known.id),
        "state": known.state.name,
        "legs": [leg.state.name for leg in known.legs],
        "stands": {
            "whole": _facts(known.stood),
            "legs": [_facts(leg.stood) for leg in known.legs],
        },
        "cause": known.cause.name,
        "reason": None if known.reason is None else known.reason.name,
        "order": None if order is None else to_json(order) | {"certified": known.order_certificate is not None},
        "decision": None
        if decision is None
        else {"outcome": decision.outcome.name, "epoch": decision.epoch, "certified": known.certificate is not None},
        "batch": None if known.batch is None else hex_of(known.batch),
        "signed": [int(each) for each in replica.signers_of(known)],
        "wants": [_effect(each) for each in outstanding(known, is_handing_over=handing_over)],
    }


def _facts(stood: int) -> list[str]:
    return [fact.name for fact in Fact if stood >> fact & 1]


def _effect(effect: object) -> str:
    """Give an effect as its name and what tells it apart from the settlement's others."""
    match effect:
        case SignDecision():
            return f"SignDecision {effect.outcome.name}"
        case SignBatch():
            return f"SignBatch {hex_of(effect.root)}"
        case SignRotation():
            return "SignRotation"
    leg = getattr(effect, "leg", None)
    return type(effect).__name__ if leg is None else f"{type(effect).__name__} {leg}"
