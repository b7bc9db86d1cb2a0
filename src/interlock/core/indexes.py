"""Indexes over the open settlements: who has how many, which lanes are live, what is due when.

All of them can be had again from the settlements, and are not part of the state.
"""

import heapq

from interlock.core.admission import Lane, lanes_of
from interlock.core.instruction import SettlementId, required_signers
from interlock.core.settlement import BOUND, ENDED, UNDECIDED, Settlement
from interlock.encoding.values import Address


class Indexes:
    """What admission and the passing of time look up."""

    def __init__(self) -> None:
        self.open_by_signer: dict[Address, int] = {}
        """Matched and undecided settlements that each key has signed."""
        self.live_lanes: dict[Lane, SettlementId] = {}
        """Lanes in use by matched settlements that have not ended."""
        self._timers: list[tuple[int, SettlementId]] = []
        self._live: dict[SettlementId, tuple[Lane, ...]] = {}
        self._counted: set[SettlementId] = set()

    def begin(self, settlement: Settlement, now: int) -> None:
        """Note when a settlement is to be looked at again, after `now`: what is due by then was looked at already.

        A replica that goes on from a snapshot begins with all that is open, and must look when the others look.
        """
        times = [settlement.terms.prepare_by + 1]
        if settlement.state in UNDECIDED:
            times.append(settlement.terms.settle_from)
        for time in times:
            if time > now:
                heapq.heappush(self._timers, (time, settlement.id))

    def due(self, time: int) -> list[SettlementId]:
        """Take out what is due at this time, the earliest first."""
        due = []
        while self._timers and self._timers[0][0] <= time:
            due.append(heapq.heappop(self._timers)[1])
        return due

    def follow(self, settlement: Settlement) -> None:
        """Count a matched settlement against its signers until it is decided, and its lanes as live until it ends."""
        id_, state = settlement.id, settlement.state
        if state in BOUND and id_ not in self._live:
            self._live[id_] = lanes_of(settlement.terms)
            self.live_lanes.update(dict.fromkeys(self._live[id_], id_))
        if (state in BOUND) != (id_ in self._counted):
            self._count(settlement)
        if state in ENDED and id_ in self._live:
            for lane in self._live.pop(id_):
                del self.live_lanes[lane]

    def restore(self, settlement: Settlement, now: int) -> None:
        """Index a settlement of a snapshot of this time."""
        self.begin(settlement, now)
        if settlement.matched_at:
            self._live[settlement.id] = lanes_of(settlement.terms)
            self.live_lanes.update(dict.fromkeys(self._live[settlement.id], settlement.id))
        self.follow(settlement)

    def _count(self, settlement: Settlement) -> None:
        """Begin or cease to count a settlement against its signers."""
        begins = settlement.id not in self._counted
        (self._counted.add if begins else self._counted.remove)(settlement.id)
        for signer in required_signers(settlement.terms):
            count = self.open_by_signer.get(signer, 0) + (1 if begins else -1)
            if count:
                self.open_by_signer[signer] = count
            else:
                del self.open_by_signer[signer]
