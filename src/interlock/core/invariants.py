"""Invariants: what must hold in every state, checked where it could first be broken.

A broken invariant is neither a client's fault nor an outage: it is a defect, or more than f faulty members. The
replica stops with the tag and the facts, and signs nothing more.

Source: specification 10.
"""

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.leg import LegState
from interlock.core.settlement import DECIDED, Settlement, State
from interlock.encoding.values import hex_of


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
    where = hex_of(after.id)
    states = {leg.state for leg in after.legs}
    given = states & {LegState.DELIVERED, LegState.ENTITLED}
    taken = states & {LegState.RETURNED, LegState.TOMBSTONED}
    invariant("I1", f"{where}: legs are {sorted(states)}", holds=not (given and taken))
    if before is not None and before.decision is not None:
        invariant("I3", f"{where}: {before.decision} became {after.decision}", holds=before.decision == after.decision)
    is_decided = after.state in DECIDED
    invariant(
        "I3", f"{where}: {after.state.name} with {after.decision}", holds=is_decided == (after.decision is not None)
    )
    if after.decision is None:
        return
    is_commit = after.decision.outcome is Outcome.COMMIT
    wanted = {State.COMMITTED, State.SETTLED} if is_commit else {State.ABORTED, State.UNWOUND}
    invariant("I3", f"{where}: {after.state.name} after {after.decision.outcome.name}", holds=after.state in wanted)
    if is_commit and (before is None or before.decision is None):
        was_held = all(leg.state is LegState.ENTITLED and leg.stands(Fact.HELD) for leg in after.legs)
        invariant("I2", f"{where}: committed with legs {sorted(states)}", holds=was_held)
