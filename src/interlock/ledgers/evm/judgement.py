"""Judge one leg from what was read at a final block; pure.

What stands in the lane says what is true now, and the events say when it became so: a fact needs both. The vault's word
carries a commitment to settlement, leg and terms, which is compared with the one that the signed terms give.

| in the lane                | facts                                                                            |
| -------------------------- | -------------------------------------------------------------------------------- |
| this leg, held             | HELD; undecided only where it could be let out both ways, else REFUSED           |
| this leg, entitled         | HELD                                                                             |
| this leg, finished         | HELD where its event is known, then DELIVERED or RETURNED                        |
| another leg, of this       | what the events say: the vault lets a lane go only when its leg is finished;     |
| generation or a later one  | without any REFUSED: generations only rise, so no hold can come                  |
| nothing of this leg        | REFUSED where it could be held but not let out; RETURNED where it is aborted and |
|                            | no hold can come. A lane that is only busy, with a lower generation, is no vote  |

So permissions are watched until the decision: a hold that was voted and could not be let out any more is refused too,
and ABORT returns it, or leaves it to the payer where nothing moves.

Source: specification 4 (facts), 6 (`exitCheck`), 9 (issuer powers) and 11 ("loses permission").
"""

from dataclasses import dataclass, field

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import OnchainLeg, required_signers
from interlock.encoding.values import Blob, Uint64
from interlock.evidence.chain_event import Delivered, Held, Returned, Tombstoned, VaultEvent
from interlock.evidence.document import (
    LANE_STEP,
    ChainAbsenceDocument,
    ChainEventDocument,
    ChainRefusalDocument,
    Document,
)
from interlock.evidence.lane_word import LaneWord, commitment_of
from interlock.ledgers.evm.abi import ExitCheck, Hold, HoldStatus, describe
from interlock.ledgers.evm.wire import Header
from interlock.ledgers.protocol import LedgerNonsense, Observation, Watch

EXITS_WAIT_MAX = 16
"""Blocks between two checks of one leg's exits: each rehearses two transfers or four, and a refusal can wait."""
REASON_BYTES_MAX = 256
"""Of a token's own revert data in a refusal; the vault keeps no more either."""

Events = dict[type[VaultEvent], ChainEventDocument]
"""The events of one leg in final blocks, at most one of a kind."""

_STANDING = frozenset({HoldStatus.HELD, HoldStatus.ENTITLED_PAYEE, HoldStatus.ENTITLED_PAYER})
_ENDS: dict[HoldStatus, type[VaultEvent]] = {
    HoldStatus.DELIVERED: Delivered,
    HoldStatus.RETURNED: Returned,
    HoldStatus.TOMBSTONED: Tombstoned,
}


@dataclass(slots=True)
class Leg:
    """One watched leg, and what is known of it so far."""

    watch: Watch
    terms: OnchainLeg
    events: Events = field(default_factory=dict)
    facts: tuple[Observation, ...] = ()
    """Confirmed at a final block, in the order in which they happened."""
    note: str | None = None
    """Why nothing goes on, for people."""
    is_due: bool = True
    """Whether it must be read at the next look: it is new, something happened, or a search goes on."""
    examined_at: int = -1
    """Number of the final block at which it was read last."""
    exits_due_at: int = 0
    """Number of the final block from which `exitCheck` is asked again."""
    exits_wait: int = 1
    """Blocks to the check after the next one; doubled with every check."""
    cursor: int | None = None
    """The highest block not yet searched backwards for its events; None where no search goes on."""
    is_searched: bool = False
    """Whether the chain was searched for its events down to the vault's first block."""

    @property
    def commitment(self) -> bytes:
        """Give what the lane's word must say."""
        return commitment_of(self.watch.settlement, self.watch.leg, self.terms)

    @property
    def is_matched(self) -> bool:
        """Tell whether every required party has signed; before that nobody asks for the hold."""
        return set(required_signers(self.watch.terms)) <= {each.signer for each in self.watch.signatures}

    @property
    def is_finished(self) -> bool:
        """Tell whether nothing more can come."""
        return any(each.fact in {Fact.DELIVERED, Fact.RETURNED} for each in self.facts)

    def observation(self, fact: Fact, document: Document) -> Observation:
        """Give a fact of this leg."""
        return Observation(self.watch.settlement, self.watch.leg, fact, document)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of one leg at one final block."""

    block: Header
    hold: Hold
    exits: ExitCheck | None
    """None where it was not asked: its answer would not count, or it was asked a few blocks ago."""


def is_refusable(leg: Leg, block: Header) -> bool:
    """Tell whether a refusal of a hold to come would count: matched, undecided, in time, not held."""
    return (
        leg.is_matched
        and leg.watch.certificate is None
        and block.time <= leg.watch.terms.prepare_by
        and Held not in leg.events
    )


def is_exposed(leg: Leg) -> bool:
    """Tell whether a hold stands, as far as is known, whose decision is not: its exits are watched."""
    return leg.watch.certificate is None and leg.events.keys() == {Held}


def is_exit_check_due(leg: Leg, block: Header) -> bool:
    """Tell whether the exits are to be checked at this block."""
    return block.number >= leg.exits_due_at and (is_exposed(leg) or is_refusable(leg, block))


def learn(leg: Leg, kind: type[VaultEvent], document: ChainEventDocument) -> None:
    """Add an event of this leg; its hold makes the exits count at once, however long they were put off."""
    leg.events[kind] = document
    leg.is_due = True
    if kind is Held:
        leg.exits_due_at, leg.exits_wait = 0, 1


def missing_event(leg: Leg, hold: Hold) -> type[VaultEvent] | None:
    """Give the event that must exist by the lane's word and is not known yet.

    Where the lane went on to a later use, any end will do: `Delivered` stands for it.
    """
    if _is_ours(leg, hold):
        wanted = Held if hold.status in _STANDING else _ENDS[hold.status]
        return None if wanted in leg.events else wanted
    if _is_spent(leg, hold) and not leg.events.keys() & set(_ENDS.values()) and not leg.is_searched:
        return Delivered
    return None


def judge(leg: Leg, reading: Reading, ledger: str) -> None:
    """Set the leg's facts and note from a reading for which no event is missing, and put off the next exit check.

    LedgerNonsense where state and events contradict each other; the facts stay as they were, unless the hold is gone.
    """
    ends = leg.events.keys() & set(_ENDS.values())
    if len(ends) > 1:
        raise _nonsense(leg, ledger, f"it ended twice: {' and '.join(sorted(end.__name__ for end in ends))}")
    if _is_ours(leg, reading.hold):
        _judge_hold(leg, reading, ledger)
    elif ends and _is_spent(leg, reading.hold):
        leg.facts, leg.note = (*_held_before(leg), *_end(leg)), None
    elif leg.events:
        leg.facts = ()
        raise _nonsense(leg, ledger, "its events are in final blocks, but its lane does not have it")
    else:
        _judge_absence(leg, reading)
    if reading.exits is not None:
        leg.exits_due_at = reading.block.number + leg.exits_wait
        leg.exits_wait = min(2 * leg.exits_wait, EXITS_WAIT_MAX)


def _judge_hold(leg: Leg, reading: Reading, ledger: str) -> None:
    hold = reading.hold
    fitting: set[type[VaultEvent]] = {Held}
    if hold.status is HoldStatus.TOMBSTONED:
        fitting = {Tombstoned}
    elif hold.status not in _STANDING:
        fitting.add(_ENDS[hold.status])
    if leg.events.keys() - fitting:
        raise _nonsense(leg, ledger, f"its lane says {hold.status.name}, its events say otherwise")
    if hold.status is HoldStatus.HELD and leg.watch.certificate is None:
        _judge_exposed(leg, reading)
        return
    held = leg.events.get(Held)
    facts = () if held is None else (leg.observation(Fact.HELD, held),)
    leg.facts = (*facts, *_end(leg))
    leg.note = None
    if hold.status in {HoldStatus.ENTITLED_PAYEE, HoldStatus.ENTITLED_PAYER}:
        leg.note = "decided, but the token refuses to move the amount out of the vault; it is tried again"


def _judge_exposed(leg: Leg, reading: Reading) -> None:
    """Judge an undecided leg with a hold: good for a COMMIT only while both exits succeed."""
    exits = reading.exits
    if exits is None:
        if not leg.facts:
            leg.note = "held; whether it could be let out again is checked next"
    elif exits.is_delivered and exits.is_returned:
        leg.facts, leg.note = (leg.observation(Fact.HELD, leg.events[Held]),), None
    else:
        leg.facts = (*_held_before(leg), _refused(leg, _exit_refusal(leg, reading.block, exits)))
        leg.note = f"held, but {_refusal_note(exits)}"


def _judge_absence(leg: Leg, reading: Reading) -> None:
    """Judge a leg that has no hold at this block."""
    certificate = leg.watch.certificate
    if certificate is None:
        _judge_refusal(leg, reading)
    elif certificate.decision.outcome is not Outcome.ABORT:
        leg.facts, leg.note = (), "committed, but the vault has no hold of it: something is badly wrong"
    elif reading.block.time <= leg.watch.terms.prepare_by:
        way = "closed by a tombstone, or"
        if _is_spent(leg, reading.hold):
            way = f"{_spent_note(leg, reading.hold)}; closed"
        leg.facts, leg.note = (), f"aborted without a hold; {way} once the chain's own time is past prepareBy"
    else:
        leg.facts, leg.note = (leg.observation(Fact.RETURNED, _absence(leg, reading.block)),), None


def _judge_refusal(leg: Leg, reading: Reading) -> None:
    """Judge an undecided leg without a hold.

    Refused where its lane can never take it, or where the payer could give, and nobody could get.
    """
    if _is_spent(leg, reading.hold) and is_refusable(leg, reading.block):
        leg.facts = (_refused(leg, _lane_refusal(leg, reading)),)
        leg.note = f"refused: {_spent_note(leg, reading.hold)}"
        return
    exits = reading.exits
    if exits is None and is_refusable(leg, reading.block) and leg.note is not None:
        return
    if exits is None or not exits.is_pulled or (exits.is_delivered and exits.is_returned):
        leg.facts, leg.note = (), _waiting(leg, reading.hold)
        if exits is not None and not exits.is_pulled:
            leg.note = f"the vault cannot take the amount from the payer yet: {describe(exits.reason)}"
        return
    leg.facts, leg.note = (_refused(leg, _exit_refusal(leg, reading.block, exits)),), _refusal_note(exits)


def _refused(leg: Leg, document: ChainRefusalDocument) -> Observation:
    """Give REFUSED; its first sight stays the evidence, so that a repeated look makes no second statement."""
    before = next((each for each in leg.facts if each.fact is Fact.REFUSED), None)
    return before or leg.observation(Fact.REFUSED, document)


def _refusal_note(exits: ExitCheck) -> str:
    whom = "payer" if exits.is_delivered else "payee"
    return f"refused: the token would not move the amount on to the {whom}: {describe(exits.reason)}"


def _exit_refusal(leg: Leg, block: Header, exits: ExitCheck) -> ChainRefusalDocument:
    step = "return" if exits.is_delivered else "deliver"
    return _refusal(leg, block, step, Blob(exits.reason[:REASON_BYTES_MAX]))


def _lane_refusal(leg: Leg, reading: Reading) -> ChainRefusalDocument:
    hold = reading.hold
    return _refusal(leg, reading.block, LANE_STEP, LaneWord(hold.commitment, hold.generation, int(hold.status)).packed)


def _refusal(leg: Leg, block: Header, step: str, reason: Blob) -> ChainRefusalDocument:
    return ChainRefusalDocument(
        chain_id=leg.terms.chain_id,
        vault=leg.terms.vault,
        block_number=Uint64(block.number),
        block_hash=block.hash,
        step=step,
        reason=reason,
    )


def _absence(leg: Leg, block: Header) -> ChainAbsenceDocument:
    return ChainAbsenceDocument(
        chain_id=leg.terms.chain_id,
        vault=leg.terms.vault,
        block_number=Uint64(block.number),
        block_hash=block.hash,
        block_time=Uint64(block.time),
    )


def _waiting(leg: Leg, hold: Hold) -> str:
    if _is_spent(leg, hold):
        return _spent_note(leg, hold)
    if hold.status in _STANDING:
        return f"the payer's lane {leg.terms.lane} is still taken by another leg"
    return "not held yet"


def _spent_note(leg: Leg, hold: Hold) -> str:
    return (
        f"the payer's lane {leg.terms.lane} was used by another leg up to generation {hold.generation}, "
        f"so generation {leg.terms.generation} can never be held"
    )


def _end(leg: Leg) -> tuple[Observation, ...]:
    for kind, document in leg.events.items():
        if kind in _ENDS.values():
            return (leg.observation(Fact.DELIVERED if kind is Delivered else Fact.RETURNED, document),)
    return ()


def _held_before(leg: Leg) -> tuple[Observation, ...]:
    return tuple(each for each in leg.facts if each.fact is Fact.HELD)


def _is_ours(leg: Leg, hold: Hold) -> bool:
    return hold.status is not HoldStatus.EMPTY and hold.commitment == leg.commitment


def _is_spent(leg: Leg, hold: Hold) -> bool:
    """Tell whether the lane was used by another leg of this generation or a later one."""
    return not _is_ours(leg, hold) and hold.has_used(leg.terms.generation)


def _nonsense(leg: Leg, ledger: str, sentence: str) -> LedgerNonsense:
    return LedgerNonsense(sentence, ledger, leg.watch.settlement, leg.watch.leg)
