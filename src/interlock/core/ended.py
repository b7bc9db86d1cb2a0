"""What stays in memory of settlements that ended: an index of outcomes, a few bytes each.

Ids stay indexed for ever, so that a decision is never taken twice and a late signature gets its answer. Everything else
is in the node's archive.

Source: specification 4 (END-ARCHIVE, END-REOPEN).
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from interlock.core.committee import Epoch
from interlock.core.decision import Decision, Outcome
from interlock.core.instruction import SettlementId
from interlock.core.leg import CLOSED_BY_ABORT, DONE_BY_COMMIT
from interlock.core.rejection import Reason
from interlock.core.rules import is_pivot_leg
from interlock.core.settlement import Cause, Settlement, State
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32, Uint64, UnixSeconds

_PACKED = struct.Struct(">BBBHBBQQQ")
"""State, outcome, cause, reason or 0; whether a leg was unseen, whether an order was out and its last-valid time; epoch
and time of the decision."""


@dataclass(frozen=True, slots=True)
class EndedSettlement:
    """What stays in memory of a settlement that ended."""

    decision: Decision
    decided_at: UnixSeconds
    state: State
    cause: Cause
    reason: Reason | None
    last_valid: UnixSeconds | None
    """Until when its order was valid, where one was out."""
    had_unseen_leg: bool
    """A leg's ledger was never told or not registered; a hold that nobody could see may stand there."""


def ended_of(settlement: Settlement, decision: Decision) -> EndedSettlement:
    """Give what is kept of a settlement that ended with this decision."""
    seen = CLOSED_BY_ABORT | DONE_BY_COMMIT
    return EndedSettlement(
        decision=decision,
        decided_at=settlement.decided_at,
        state=settlement.state,
        cause=settlement.cause,
        reason=settlement.reason,
        last_valid=None if settlement.order is None else settlement.order.last_valid,
        had_unseen_leg=any(
            leg.state not in seen and not is_pivot_leg(settlement, index) for index, leg in enumerate(settlement.legs)
        ),
    )


def pack(ended: EndedSettlement) -> bytes:
    """Give the record of an ended settlement as fixed bytes."""
    return _PACKED.pack(
        ended.state,
        ended.decision.outcome,
        ended.cause,
        ended.reason or 0,
        ended.had_unseen_leg,
        ended.last_valid is not None,
        ended.last_valid or 0,
        ended.decision.epoch,
        ended.decided_at,
    )


def unpack(id_: SettlementId, packed: bytes) -> EndedSettlement:
    """Read the record of an ended settlement."""
    state, outcome, cause, reason, had_unseen_leg, had_order, last_valid, epoch, decided_at = _PACKED.unpack(packed)
    return EndedSettlement(
        decision=Decision(id_, Outcome(outcome), Epoch(Uint64(epoch))),
        decided_at=UnixSeconds(Uint64(decided_at)),
        state=State(state),
        cause=Cause(cause),
        reason=Reason(reason) if reason else None,
        last_valid=UnixSeconds(Uint64(last_valid)) if had_order else None,
        had_unseen_leg=bool(had_unseen_leg),
    )


class EndedIndex:
    """The ended settlements by id, packed: about 200 bytes of memory each."""

    def __init__(self) -> None:
        self._packed: dict[SettlementId, bytes] = {}

    def __len__(self) -> int:
        return len(self._packed)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._packed

    def __iter__(self) -> Iterator[SettlementId]:
        return iter(self._packed)

    @classmethod
    def of(cls, packed: Iterable[tuple[SettlementId, bytes]]) -> Self:
        """Make the index from its packed records."""
        index = cls()
        index._packed.update(packed)
        return index

    def packed(self, id_: SettlementId) -> bytes | None:
        """Give the packed record of an ended settlement, for a node to keep, or None."""
        return self._packed.get(id_)

    def get(self, id_: SettlementId) -> EndedSettlement | None:
        """Give the record of an ended settlement, or None."""
        packed = self._packed.get(id_)
        return None if packed is None else unpack(id_, packed)

    def put(self, id_: SettlementId, ended: EndedSettlement) -> Bytes32:
        """Index an ended settlement; give the hash by which the state commits to it."""
        self._packed[id_] = packed = pack(ended)
        return keccak256(id_ + packed)

    def drop(self, id_: SettlementId) -> None:
        """Forget a settlement that is open again."""
        del self._packed[id_]
