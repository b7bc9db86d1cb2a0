"""A change that must never be stops the replica with its tag and the facts."""

from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import Epoch
from interlock.core.decision import Decision, Outcome
from interlock.core.instruction import SettlementId
from interlock.core.invariants import BrokenInvariant, check_change, invariant
from interlock.core.leg import Leg, LegState
from interlock.core.settlement import Settlement, State
from interlock.encoding.values import Uint32, Uint64
from support.log import Stage, at
from support.world import word


def settlement(stage: Stage) -> Settlement:
    log, id_ = at(stage)
    return log[id_]


def with_legs(known: Settlement, *states: LegState) -> Settlement:
    return replace(known, legs=tuple(Leg(state, leg.stood) for state, leg in zip(states, known.legs, strict=True)))


@pytest.mark.parametrize("taken", [LegState.RETURNED, LegState.TOMBSTONED, LegState.NEVER])
@pytest.mark.parametrize("given", [LegState.DELIVERED, LegState.ENTITLED, LegState.EXECUTED])
def test_never_one_leg_given_and_another_taken_back(given: LegState, taken: LegState) -> None:
    """I1, whichever leg is which."""
    known = settlement(Stage.COMMITTED_CERTIFIED)
    for states in ((given, taken), (taken, given)):
        with pytest.raises(BrokenInvariant, match="I1") as broken:
            check_change(known, with_legs(known, *states))
        assert broken.value.tag == "I1"
        assert known.id.hex() in str(broken.value)


def test_no_commit_with_a_leg_that_was_never_held() -> None:
    """I2: entitled means that a quorum saw the hold, not that somebody wrote ENTITLED."""
    committed, before = settlement(Stage.COMMITTED), settlement(Stage.ONE_HELD)
    check_change(before, committed)
    check_change(None, committed)
    never_held = replace(committed, legs=(committed.legs[0], Leg(LegState.ENTITLED, Uint32(0))))
    for earlier in (before, None):
        with pytest.raises(BrokenInvariant, match="I2"):
            check_change(earlier, never_held)
        with pytest.raises(BrokenInvariant, match="I2"):
            check_change(earlier, with_legs(committed, LegState.ENTITLED, LegState.HELD))
    assert committed.legs[1].stands(Fact.HELD)


def test_no_commit_with_a_pivot_that_did_not_execute() -> None:
    """I2: the pivot's leg counts where EXECUTED stands and moved it, the others where they were held."""
    committed, before = settlement(Stage.EXECUTED), settlement(Stage.ORDERED)
    check_change(before, committed)
    unsaid = replace(committed, stood=Uint32(0))
    unmoved = with_legs(committed, LegState.ENTITLED, LegState.ENTITLED)
    never_held = replace(committed, legs=(Leg(LegState.ENTITLED, Uint32(0)), committed.legs[1]))
    for wrong in (unsaid, unmoved, never_held):
        with pytest.raises(BrokenInvariant, match="I2"):
            check_change(before, wrong)
    assert committed.stands(Fact.EXECUTED)


def test_what_payer_and_payee_have_ended_may_stay_so_after_a_commit() -> None:
    """I1 and I2 except consent: only the two whose hold it was are concerned, and they agreed."""
    committed, before = settlement(Stage.EXECUTED), settlement(Stage.ORDERED)
    check_change(before, with_legs(committed, LegState.CONSENT, LegState.EXECUTED))


def decided(known: Settlement, outcome: Outcome | None, state: State) -> Settlement:
    decision = None if outcome is None else Decision(known.id, outcome, known.decision.epoch if known.decision else 1)  # type: ignore[arg-type]  # epoch 1
    return replace(known, decision=decision, state=state)


CHANGED = {
    "COMMIT became ABORT": (Stage.COMMITTED, Outcome.ABORT, State.ABORTED),
    "ABORT became COMMIT": (Stage.ABORTED, Outcome.COMMIT, State.COMMITTED),
    "COMMIT was taken back": (Stage.COMMITTED, None, State.PREPARING),
    "decided without a decision": (Stage.PREPARING, None, State.COMMITTED),
    "ended without a decision": (Stage.PREPARING, None, State.UNWOUND),
    "a decision while preparing": (Stage.PREPARING, Outcome.ABORT, State.PREPARING),
    "ABORTED after COMMIT": (Stage.COMMITTED, Outcome.COMMIT, State.ABORTED),
    "UNWOUND after COMMIT": (Stage.COMMITTED, Outcome.COMMIT, State.UNWOUND),
    "COMMITTED after ABORT": (Stage.ABORTED, Outcome.ABORT, State.COMMITTED),
    "SETTLED after ABORT": (Stage.ABORTED, Outcome.ABORT, State.SETTLED),
}


@pytest.mark.parametrize(("stage", "outcome", "state"), CHANGED.values(), ids=CHANGED.keys())
def test_a_decision_never_changes_and_its_state_follows_it(stage: Stage, outcome: Outcome | None, state: State) -> None:
    """I3."""
    known = settlement(stage)
    with pytest.raises(BrokenInvariant, match="I3"):
        check_change(known, decided(known, outcome, state))


def test_a_later_epoch_signs_the_same_outcome_of_the_same_settlement() -> None:
    """I3: the next committee signs the same outcome again, never the other one, and never another id's."""
    known = settlement(Stage.COMMITTED)
    assert known.decision is not None
    again = replace(known.decision, epoch=Epoch(Uint64(2)))
    check_change(known, replace(known, decision=again))
    with pytest.raises(BrokenInvariant, match="I3"):
        check_change(known, replace(known, decision=replace(again, outcome=Outcome.ABORT)))
    for earlier in (known, None):
        with pytest.raises(BrokenInvariant, match="I3"):
            check_change(earlier, replace(known, decision=replace(again, settlement=SettlementId(word(1)))))


def test_an_invariant_that_holds_is_silent() -> None:
    """And one that does not names its tag and facts."""
    invariant("X", "never shown", holds=True)
    with pytest.raises(BrokenInvariant, match=r"X-1: two is not three"):
        invariant("X-1", "two is not three", holds=False)
