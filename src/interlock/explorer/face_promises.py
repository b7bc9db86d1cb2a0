"""What must be true in every state of a world with two faces or two committees (I1 to I5), and its end (I7)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from interlock.core.decision import Outcome
from interlock.core.settlement import ENDED
from interlock.core.signing import OrderTerms
from interlock.explorer.face_ledgers import is_included, orders_of
from interlock.explorer.memory import HONEST_MIN, certified
from interlock.explorer.promises import IN_HAND, is_given, is_taken
from interlock.explorer.table import mask_of
from interlock.ledgers.memory.page import Leg as LegRecord
from interlock.ledgers.memory.page import Status

if TYPE_CHECKING:
    from interlock.explorer.faces import FaceStage

_NEEDS = {
    Status.DELIVERED: Outcome.COMMIT,
    Status.RETURNED: Outcome.ABORT,
    Status.TOMBSTONED: Outcome.ABORT,
}


class FacePromises:
    """The invariants of one stage."""

    def __init__(self, stage: "FaceStage") -> None:
        self._stage = stage
        self.mask = mask_of([*stage.books, stage.minds])
        """The bits that `violation` looks at."""
        self.end_mask = mask_of([*stage.books, *stage.logs])
        """The bits that `is_end` looks at."""

    def violation(self, state: int) -> str | None:
        """Give the first promise that is broken."""
        return next(self._broken(state), None)

    def _broken(self, state: int) -> Iterator[str]:
        memories = self._stage.memories[self._stage.minds.of(state)]
        said = {each for _, each in certified(memories)}
        rotations = [each.rotation for each in memories if each.rotation is not None]
        handed_over = {each for each in rotations if rotations.count(each) >= HONEST_MIN}
        if len(handed_over) > 1:
            yield "I3: the first epoch is handed over in two ways"
        # What a certified rotation's root includes is as good as certified.
        roots = [self._stage.roots[each] for each in handed_over]
        said |= {
            each
            for each in (*Outcome, *orders_of(self._stage))
            for root in roots
            if is_included(self._stage, root, each)
        }
        outcomes = {each for each in said if isinstance(each, Outcome)}
        orders = {each for each in said if isinstance(each, OrderTerms)}
        if len(outcomes) > 1:
            yield "I3: COMMIT and ABORT are both certified"
        if len(orders) > 1:
            yield f"I3: orders until {sorted(each.last_valid for each in orders)} are certified"
        legs = self._legs(state)
        given = [index for index, leg in legs.items() if is_given(leg)]
        taken = [index for index, leg in legs.items() if is_taken(leg)]
        if given and taken:
            yield f"I1: the payees of legs {given} have what the payers of legs {taken} have kept"
        if Outcome.ABORT in outcomes and any(leg.status is Status.EXECUTED for leg in legs.values()):
            yield "I1: ABORT is certified while the pivot has executed"
        for index, leg in legs.items():
            needed = _NEEDS.get(leg.status)
            if needed is not None and needed not in outcomes:
                yield f"I5: leg {index} is {leg.status.name}, and {needed.name} is certified nowhere"
            if leg.status is Status.EXECUTED and not orders:
                yield f"I5: leg {index} is EXECUTED without a certified order"
            if Outcome.COMMIT in outcomes and leg.status in {Status.EMPTY, Status.REFUSED, Status.NEVER}:
                yield f"I2: COMMIT is certified while leg {index} is {leg.status.name}"

    def is_end(self, state: int) -> bool:
        """Tell whether every ledger and every face has come to its end."""
        stage = self._stage
        if any(leg.status in IN_HAND for leg in self._legs(state).values()):
            return False
        known = [stage.kernel.known(log.of(state), stage.id) for log in stage.logs]
        if all(each is None for each in known):
            return all(
                side.final(field.of(state)).is_late for side, field in zip(stage.sides, stage.books, strict=True)
            )
        return all(each is not None and each.state in ENDED for each in known)

    def _legs(self, state: int) -> dict[int, LegRecord]:
        stage = self._stage
        return {
            leg: stage.sides[ledger].newest(stage.books[ledger].of(state)).pages[0].leg(leg)
            for leg, ledger in enumerate(stage.places)
        }
