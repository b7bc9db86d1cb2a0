"""The performer: does what the core asks, until the log shows that it is done.

It keeps no list of things to do. After every block it compares what each touched settlement needs (`core.effects`)
with what is under way, starts what is missing and stops what is no longer wanted; after a crash it does the same for
all settlements. So nothing is forgotten and nothing is done that the log has overtaken. How much one ledger is asked at
a time is its adapter's to bound, since only the adapter knows when it asks and when it merely waits.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from enum import Enum

from interlock.core.effects import (
    DeliverCertificate,
    Effect,
    ExecuteOrder,
    PrepareLeg,
    SignBatch,
    SignDecision,
    SignOrder,
    SignRotation,
    outstanding,
)
from interlock.core.instruction import LegIndex, SettlementId, ledger_of, legs_of
from interlock.core.replica import Replica
from interlock.core.rotation import RotationCertificate
from interlock.core.rules import is_pivot_leg
from interlock.core.settlement import Settlement, State
from interlock.encoding.values import Uint32, hex_of
from interlock.ledgers.protocol import Ledger, LedgerError, Watch
from interlock.node.voter import Voter

log = logging.getLogger(__name__)

AGAIN_S = 5.0
"""First pause before a ledger that took a request is asked once more, should its result still not show."""
AGAIN_MOST_S = 60.0
"""Longest pause before a ledger that took a request is asked once more."""
RETRY_FIRST_S = 0.2
"""First pause after a ledger was not reached; doubled each time."""
RETRY_MOST_S = 5.0
"""Longest pause after a ledger was not reached."""
REFUSED_FIRST_S = 5.0
"""First pause after a ledger refused: its state may change until `prepareBy`; doubled each time."""
REFUSED_MOST_S = 600.0
"""Longest pause after a ledger refused."""
DOUBLINGS_MAX = 16
"""Beyond it every pause has long reached its most."""


_Request = PrepareLeg | ExecuteOrder | DeliverCertificate
"""What a ledger is asked; every other effect is a signature."""


def watch_of(settlement: Settlement, leg: int, rotations: tuple[RotationCertificate, ...] = ()) -> Watch:
    """Give an adapter's view of one leg."""
    return Watch(
        settlement=settlement.id,
        terms=settlement.terms,
        leg=LegIndex(Uint32(leg)),
        signatures=settlement.signatures,
        certificate=settlement.certificate,
        order=settlement.order_certificate if is_pivot_leg(settlement, leg) else None,
        rotations=rotations,
        is_matched=settlement.state is not State.ALLEGED,
    )


class Performer:
    """One node's work on the ledgers."""

    def __init__(
        self,
        *,
        replica: Replica,
        ledgers: Mapping[str, Ledger],
        voter: Voter,
        stop: Callable[[BaseException], None],
    ) -> None:
        self._replica = replica
        self._ledgers = ledgers
        self._voter = voter
        self._stop = stop
        self._tasks: dict[SettlementId | None, dict[Effect, asyncio.Task[None]]] = {}
        """By settlement; under None what the committee itself needs."""
        self.troubles: dict[tuple[SettlementId, int], str] = {}
        """Why the newest attempt on a leg did not work, in words for people."""

    def refresh(self, touched: Iterable[SettlementId]) -> None:
        """Bring what is under way in line with what these settlements, and the committee, need now."""
        replica = self._replica
        for id_ in touched:
            known = replica.settlements.get(id_)
            self._want(id_, () if known is None else outstanding(known, is_handing_over=replica.is_handing_over))
        hands_over = replica.pending is not None and not replica.is_compromised
        self._want(None, (SignRotation(replica.committee.epoch),) if hands_over else ())

    def _want(self, id_: SettlementId | None, wanted: tuple[Effect, ...]) -> None:
        """Start what is wanted and not under way, stop what is not wanted any more."""
        running = self._tasks.setdefault(id_, {})
        for effect in [each for each in running if each not in wanted]:
            running.pop(effect).cancel()
            if isinstance(effect, _Request):
                self.troubles.pop((effect.settlement, effect.leg), None)
        for effect in wanted:
            if effect not in running:
                running[effect] = asyncio.create_task(self._guard(effect), name=f"{effect}")
        if not running:
            del self._tasks[id_]

    def stop(self) -> "list[asyncio.Task[None]]":
        """Cancel everything under way; give what is to be awaited."""
        tasks = [task for running in self._tasks.values() for task in running.values()]
        for task in tasks:
            task.cancel()
        self._tasks.clear()
        return tasks

    async def _guard(self, effect: Effect) -> None:
        """Let no defect die in silence: whatever is not foreseen stops the node."""
        try:
            await self._perform(effect)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - handed on to the node, which stops
            self._stop(error)

    async def _perform(self, effect: Effect) -> None:
        match effect:
            case SignDecision() | SignBatch() | SignOrder() | SignRotation():
                while True:
                    await self._voter.sign(effect)
                    await asyncio.sleep(AGAIN_S)
            case PrepareLeg() | ExecuteOrder() | DeliverCertificate():
                retries, refusals, asked = 0, 0, 0
                while True:
                    match await self._attempt(effect):
                        case _Attempt.ASKED:
                            await asyncio.sleep(min(AGAIN_S * 2**asked, AGAIN_MOST_S))
                            # A payer may fund until the last moment: a hold is asked for at an even pace.
                            asked = min(asked + 1, DOUBLINGS_MAX) if isinstance(effect, DeliverCertificate) else 0
                        case _Attempt.UNREACHED:
                            await asyncio.sleep(min(RETRY_FIRST_S * 2**retries, RETRY_MOST_S))
                            retries = min(retries + 1, DOUBLINGS_MAX)
                        case _Attempt.REFUSED:
                            await asyncio.sleep(min(REFUSED_FIRST_S * 2**refusals, REFUSED_MOST_S))
                            refusals = min(refusals + 1, DOUBLINGS_MAX)

    async def _attempt(self, effect: _Request) -> "_Attempt":
        """Ask the ledger once."""
        known = self._replica.settlements.get(effect.settlement)
        name = None if known is None else ledger_of(legs_of(known.terms)[effect.leg])
        ledger = self._ledgers.get(name or "")
        key = (effect.settlement, int(effect.leg))
        if known is None or ledger is None:
            self.troubles[key] = f"This node has no connection to the ledger {name!r}."
            return _Attempt.REFUSED
        try:
            await _ask(ledger, effect, watch_of(known, effect.leg, tuple(self._replica.rotations)))
        except LedgerError as error:
            self.troubles[key] = str(error)
            log.warning("%s of %s leg %d: %s", type(effect).__name__, hex_of(key[0]), key[1], error)
            return _Attempt.UNREACHED if error.retryable else _Attempt.REFUSED
        except Exception as error:  # a ledger's answer must never stop a node, whatever our adapter missed
            log.exception("asking %s failed: a defect of its adapter", ledger.name)
            self.troubles[key] = f"{ledger.name}: the adapter failed with {type(error).__name__}; see the log"
            return _Attempt.REFUSED
        self.troubles.pop(key, None)
        return _Attempt.ASKED


async def _ask(ledger: Ledger, effect: _Request, watch: Watch) -> None:
    match effect:
        case PrepareLeg():
            await ledger.prepare(watch)
        case ExecuteOrder():
            await ledger.execute(watch)
        case DeliverCertificate():
            await ledger.deliver(watch)


class _Attempt(Enum):
    """How one request to a ledger went."""

    ASKED = "asked"
    UNREACHED = "unreached"
    REFUSED = "refused"
