"""Invariants: what must hold in every state, checked where it could first be broken.

A broken invariant is neither a client's fault nor an outage: it is a defect, or more than f faulty members. The
replica stops with the tag and the facts, and signs nothing more.

Source: specification 7 (I1 to I3).
"""

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.leg import Leg, LegState
from interlock.core.rules import is_pivot_leg
from interlock.core.settlement import DECIDED, Settlement, State
from interlock.encoding.values import hex_of

GIVEN = frozenset({LegState.DELIVERED, LegState.ENTITLED, LegState.EXECUTED})
"""States of a leg whose payee has it, or is owed it."""
TAKEN = frozenset({LegState.RETURNED, LegState.TOMBSTONED, LegState.NEVER})
"""States of a leg that its payer keeps."""

_AFTER = {
    Outcome.COMMIT: frozenset({State.COMMITTED, State.SETTLED}),
    Outcome.ABORT: frozenset({State.ABORTED, State.UNWOUND}),
}


class BrokenInvariant(RuntimeError):
    """A state that must never be was about to be."""

    def __init__(self, tag: str, facts: str) -> None:
        super().__init__(f"{tag}: {facts}")
        self.tag = tag


def invariant(tag: str, facts: str, *, holds: bool) -> None:
    """Stop with the tag and the facts unless the condition holds; not `assert`, which -O removes."""
    if not holds:
        raise BrokenInvariant(tag, facts)


def check_change(before: Settlement | None, after: Settlement) -> None:
    """Check I1 to I3 over one change of a settlement."""
    fault = _fault(before, after)
    if fault is not None:
        raise BrokenInvariant(fault[0], f"{hex_of(after.id)}: {fault[1]}")


def _fault(before: Settlement | None, after: Settlement) -> tuple[str, str] | None:
    states = {leg.state for leg in after.legs}
    if not states.isdisjoint(GIVEN) and not states.isdisjoint(TAKEN):
        return "I1", f"legs are {sorted(states)}"
    decision = after.decision
    earlier = None if before is None else before.decision
    if earlier is not None and (decision is None or earlier.outcome is not decision.outcome):
        return "I3", f"{earlier} became {decision}"
    if (after.state in DECIDED) != (decision is not None):
        return "I3", f"{after.state.name} with {decision}"
    if decision is None:
        return None
    if decision.settlement != after.id:
        return "I3", f"{decision} is another settlement's"
    if after.state not in _AFTER[decision.outcome]:
        return "I3", f"{after.state.name} after {decision.outcome.name}"
    is_new_commit = decision.outcome is Outcome.COMMIT and earlier is None
    if is_new_commit and not all(_was_held(after, index, leg) for index, leg in enumerate(after.legs)):
        return "I2", f"committed with legs {sorted(states)}"
    return None


def _was_held(settlement: Settlement, index: int, leg: Leg) -> bool:
    """Tell whether a leg may deliver: its HELD stands, or it is the pivot's and EXECUTED stands."""
    if is_pivot_leg(settlement, index):
        return leg.state is LegState.EXECUTED and settlement.stands(Fact.EXECUTED)
    return leg.state in {LegState.ENTITLED, LegState.CONSENT} and leg.stands(Fact.HELD)
