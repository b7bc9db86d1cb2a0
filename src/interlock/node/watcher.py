"""The watcher: looks at every ledger, again and again, and hands what is final to the voter.

One loop per ledger, so that a slow ledger delays nobody. Looking is level-triggered: each look asks for all open legs,
and facts repeat until the log shows this node's vote. Unknown is not failed: no answer is no vote.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from interlock.core.instruction import SettlementId, ledger_of, legs_of, signer_of
from interlock.core.leg import CLOSED_BY_ABORT, DONE_BY_COMMIT, WITHOUT_HOLD
from interlock.core.replica import Replica
from interlock.core.rules import is_pivot_leg
from interlock.core.settlement import Settlement, State
from interlock.encoding.values import Bytes32, Uint32, hex_of
from interlock.ledgers.protocol import Ledger, Watch
from interlock.node.performer import watch_of
from interlock.node.voter import Voter

log = logging.getLogger(__name__)

LOOK_LEGS_MAX = 48
"""Legs of matched settlements, or with a known hold, asked for in one look; more are asked for in turns. With the
others no more than an adapter examines in one look, so that each leg's turn comes."""
LOOK_OTHERS_MAX = 16
"""Other legs asked for in one look, in turns: whoever fills the log with refused instructions delays only them."""

_WATCHED = frozenset({State.PREPARING, State.PIVOTING, State.COMMITTED, State.ABORTED})
_FINISHED = CLOSED_BY_ABORT | DONE_BY_COMMIT


@dataclass(frozen=True, slots=True)
class Claim:
    """What this node's own configuration says of a ledger, and the network's registry must say too."""

    receipt_key: Bytes32
    confirmations: Uint32


class Watcher:
    """One node's eyes on one ledger."""

    def __init__(
        self, *, replica: Replica, ledger: Ledger, voter: Voter, interval_s: float, claim: Claim | None = None
    ) -> None:
        self._replica = replica
        self._ledger = ledger
        self._voter = voter
        self._interval_s = interval_s
        self._claim = claim
        self._tells_consent = ledger.tells_consent
        self._turns = {True: 0, False: 0}
        """Where the next look begins, among the first class of legs and among the others."""
        self._found: dict[SettlementId, tuple[Settlement, list[tuple[int, bool]]]] = {}
        """What each open settlement has on this ledger, as it was when last looked at."""
        self._wake = asyncio.Event()
        self.troubles: tuple[str, ...] = ()
        """What went wrong in the newest look, in words for people; empty when all went well."""

    def nudge(self) -> None:
        """Look soon: something changed that may be seen on the ledger."""
        self._wake.set()

    async def run(self) -> None:
        """Look, vote, wait, for ever."""
        while True:
            await self.look()
            # Not `wait_for`: before Python 3.12 it loses a cancellation that comes together with a nudge.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._wake.wait()
            self._wake.clear()

    async def look(self) -> None:
        """Look once at the next legs whose turn it is; not at all by other rules than the network's."""
        if other_rules := self._other_rules():
            if self.troubles != (other_rules,):
                log.error("%s", other_rules)
            self.troubles = (other_rules,)
            return
        watches = self._watches()
        if not watches:
            self.troubles = ()
            return
        try:
            sighting = await self._ledger.observe(watches)
        except Exception as error:  # a ledger's answer must never stop a node, whatever our adapter missed
            trouble = (f"{self._ledger.name}: the adapter failed with {type(error).__name__}; see the log",)
            if trouble != self.troubles:
                log.exception("looking at %s failed: a defect of its adapter", self._ledger.name)
            self.troubles = trouble
            return
        for observation in sighting.observations:
            self._voter.observe(observation)
        troubles = tuple(str(each) for each in sighting.troubles)
        if troubles and troubles != self.troubles:
            log.warning("looking at %s: %s", self._ledger.name, "; ".join(troubles))
        self.troubles = troubles

    def _other_rules(self) -> str:
        """Say in which point this node would look by rules that are not the network's; empty where in none."""
        entry = self._replica.registry.ledger(self._ledger.name)
        if entry is None or self._claim is None:
            return ""
        registered = Claim(entry.receipt_key, entry.confirmations)
        if registered == self._claim:
            return ""
        return (
            f"{self._ledger.name}: this node's configuration says confirmations {self._claim.confirmations} and key "
            f"{hex_of(self._claim.receipt_key)}, the registry says {entry.confirmations} and "
            f"{hex_of(entry.receipt_key)}; it is not looked at until they agree: change node.json and start again"
        )

    def _watches(self) -> list[Watch]:
        """Give the legs whose turn it is. What a settlement has here is found out anew only where it changed."""
        settlements = self._replica.settlements
        classes: dict[bool, list[tuple[Settlement, int]]] = {True: [], False: []}
        if len(self._found) > len(settlements):
            self._found = {id_: found for id_, found in self._found.items() if id_ in settlements}
        for id_, settlement in settlements.items():
            found = self._found.get(id_)
            if found is None or found[0] is not settlement:
                found = self._found[id_] = (settlement, self._legs_of(settlement))
            for index, is_first in found[1]:
                classes[is_first].append((settlement, index))
        chosen = self._in_turns(classes[True], LOOK_LEGS_MAX, True)
        chosen += self._in_turns(classes[False], LOOK_OTHERS_MAX, False)
        return [watch_of(settlement, index) for settlement, index in chosen]

    def _legs_of(self, settlement: Settlement) -> list[tuple[int, bool]]:
        """Give a settlement's legs here that are to be looked at, each with whether it is of the first class."""
        is_watched = settlement.state in _WATCHED or (self._tells_consent and settlement.state is State.ALLEGED)
        if not is_watched:
            return []
        is_matched = bool(settlement.matched_at)
        return [
            (index, is_matched or settlement.legs[index].state not in WITHOUT_HOLD)
            for index in _legs_here(settlement, self._ledger.name)
        ]

    def _in_turns(
        self,
        legs: list[tuple[Settlement, int]],
        most: int,
        is_first: bool,  # noqa: FBT001 - names a class
    ) -> list[tuple[Settlement, int]]:
        if len(legs) <= most:
            return legs
        start = self._turns[is_first] % len(legs)
        self._turns[is_first] = start + most
        return (legs + legs)[start : start + most]


def _legs_here(settlement: Settlement, name: str) -> list[int]:
    """Give the legs on this ledger about which something may still be seen; of a pivot's the first, for its order."""
    here = [
        index
        for index, terms in enumerate(legs_of(settlement.terms))
        if ledger_of(terms) == name and settlement.legs[index].state not in _FINISHED
    ]
    if settlement.state is State.ALLEGED:
        unsigned = settlement.unsigned
        terms = legs_of(settlement.terms)
        return [each for each in here if signer_of(terms[each]) in unsigned and not is_pivot_leg(settlement, each)]
    if here and is_pivot_leg(settlement, here[0]):
        return here[:1] if settlement.state is State.PIVOTING else []
    return here
