"""Worlds find what is wrong with the core: a defect is planted, and the search tells a shortest story of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from interlock.core import effects, lifecycle, rules
from interlock.core.admission import Context
from interlock.core.committee import Committee
from interlock.core.decision import Outcome
from interlock.core.leg import LegState
from interlock.core.rules import Rule
from interlock.core.settlement import Settlement, State
from interlock.explorer import face_logs, face_promises, members, memory
from interlock.explorer.books import Side
from interlock.explorer.cast import LATE_S, QUORUM
from interlock.explorer.face_worlds import plot
from interlock.explorer.play import Play
from interlock.explorer.scene import Scene, Trouble
from interlock.explorer.scenes import BANK_LAST, DVP, DVP_IF
from interlock.explorer.search import search
from interlock.explorer.stage import Stage
from interlock.explorer.story import Story, tell
from interlock.ledgers.memory import rules as ledger_rules
from interlock.ledgers.memory.page import Leg, Page, Status


def story_of(scene: Scene) -> Story | None:
    """Search a scene's world, and tell what is wrong with it."""
    world = Play("planted", replace(scene, phases=(LATE_S,)))
    found = search(world)
    assert found.gap is None or found.violations
    return tell(world, found.violations[0]) if found.violations else None


def without(tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strike a row off the decision rule."""
    rows = {state: tuple(row for row in each if row.tag != tag) for state, each in rules._ROWS.items()}
    assert rows != rules._ROWS
    monkeypatch.setattr(rules, "_ROWS", rows)


def names(story: Story | None) -> list[str]:
    """Give what is done in a story, step by step."""
    assert story is not None
    return [step.label.name for step in story.steps]


SMALL = Scene((DVP,), is_coarse=True)
SMALL_PIVOT = Scene((BANK_LAST,), is_coarse=True)


@pytest.mark.parametrize("scene", [SMALL, SMALL_PIVOT], ids=["dvp", "pivot"])
def test_nothing_is_wrong_without_a_defect(scene: Scene) -> None:
    """What follows is found because it was planted."""
    assert story_of(scene) is None


def test_votes_before_finality(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members who vote for what they see in the newest block commit to a hold that a reorganisation takes away."""
    scene = Scene((DVP,), Trouble.REORG, is_coarse=True)
    assert story_of(scene) is None
    monkeypatch.setattr(Side, "final", Side.newest)
    story = story_of(scene)
    assert story is not None
    assert story.tag == "I2"
    assert "Reorganise1" in names(story)
    assert len(story.steps) == 8


def test_a_quorum_of_the_faulty_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where f members are a quorum of the log, the liar alone makes it believe in a hold that is not there."""
    scene = Scene((DVP,), Trouble.LIAR)
    monkeypatch.setattr(Committee, "quorum", property(lambda self: self.faulty_max))
    # The ledgers still ask for 2 f + 1 signatures.
    monkeypatch.setattr(Stage, "certificate_exists", lambda self, count: self.counts[count].made + 1 >= QUORUM)
    story = story_of(scene)
    assert story is not None
    assert story.tag == "I2"
    assert any(step.label.arguments.get("member") == "byzantine" for step in story.steps)


def test_a_quorum_of_f_plus_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two quorums that share no honest member let a log with two faces decide twice; no single log can show it."""
    monkeypatch.setattr(Committee, "quorum", property(lambda self: self.faulty_max + 1))
    monkeypatch.setattr(face_logs, "QUORUM", 2)
    for module in (memory, face_promises):
        monkeypatch.setattr(module, "HONEST_MIN", 1)
    world = plot("two-logs")
    (violation,) = search(world).violations
    assert violation.tag == "I3"
    told = tell(world, violation).text()
    assert told.count("signs the decision") == 2


def test_a_forgotten_tombstone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that holds after it was told of ABORT moves a leg twice."""
    prepare = ledger_rules.prepare

    def forgetful(kind: object, page: Page, leg: int, *more: object, **named: object) -> object:
        if page.leg(leg).status is Status.TOMBSTONED:
            page = page.with_leg(leg, Leg())
        return prepare(kind, page, leg, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger_rules, "prepare", forgetful)
    story = story_of(SMALL)
    assert story is not None
    assert story.tag == "I4"
    assert "TOMBSTONED to HELD" in story.facts


def obey_late_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the log abort by cancels whatever is out."""
    late = next(row for row in rules.RULES if row.tag == "abort-cancel-matched")
    rows = {**rules._ROWS, State.PIVOTING: (late, *rules._ROWS[State.PIVOTING])}
    monkeypatch.setattr(rules, "_ROWS", rows)
    cancel = lifecycle.cancel

    def obedient(known: Settlement | None, *more: object) -> object:
        if known is not None and known.state is State.PIVOTING:
            known = replace(known, state=State.PREPARING)
            outcome = cancel(known, *more)  # type: ignore[arg-type]
            is_open = isinstance(outcome, Settlement) and outcome.state is State.PREPARING
            return replace(outcome, state=State.PIVOTING) if is_open else outcome  # type: ignore[type-var]
        return cancel(known, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(lifecycle, "cancel", obedient)


def test_a_cancel_obeyed_after_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sign-once record keeps members from signing that ABORT, and so nothing ends any more."""
    scene = Scene((BANK_LAST,), Trouble.CANCEL, is_coarse=True)
    assert story_of(scene) is None
    obey_late_cancels(monkeypatch)
    story = story_of(scene)
    assert story is not None
    assert story.tag == "I7"
    assert {"SignOrder", "Cancel"} <= set(names(story))


def test_a_cancel_obeyed_after_the_order_and_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members who sign whatever the log says certify ABORT while the pivot has paid."""
    obey_late_cancels(monkeypatch)
    monkeypatch.setattr(members, "decision_conflict", lambda *_: None)
    story = story_of(Scene((BANK_LAST,), Trouble.CANCEL, is_coarse=True))
    assert story is not None
    assert story.tag == "I1"
    assert {"Execute", "Cancel", "Sign"} <= set(names(story))


def test_a_pivots_never_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where NEVER does not abort, a settlement whose pivot will never execute has no end."""
    without("abort-never", monkeypatch)
    story = story_of(SMALL_PIVOT)
    assert story is not None
    assert story.tag == "I7"
    assert "Tick" in names(story)


@pytest.mark.parametrize(
    ("tag", "broken"), [("abort-late", "I7"), ("settled", "I7"), ("unwound", "I7"), ("commit", None)]
)
def test_rows_struck_off(tag: str, broken: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends a settlement is needed; one that is never committed ends all the same, by the deadline."""
    states = search(Play("whole", SMALL)).states
    without(tag, monkeypatch)
    story = story_of(SMALL)
    assert (None if story is None else story.tag) == broken
    assert search(Play("planted", SMALL)).states != states


def test_a_commit_before_all_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core's own invariant ends the search, with the story of the step that broke it."""

    def hasty(settlement: Settlement, _: Context) -> bool:
        return any(leg.state is LegState.HELD for leg in settlement.legs)

    rows = tuple(replace(row, condition=hasty) if row.tag == "commit" else row for row in rules._ROWS[State.PREPARING])
    monkeypatch.setattr(rules, "_ROWS", {**rules._ROWS, State.PREPARING: rows})
    story = story_of(SMALL)
    assert story is not None
    assert story.tag == "I2"
    assert "in the step" in story.facts


def test_a_condition_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A settlement that asks for a condition is never committed without it."""
    scene = Scene((DVP_IF,), is_coarse=True)
    assert story_of(scene) is None
    rows = tuple(_blind(row) if row.tag == "commit" else row for row in rules._ROWS[State.PREPARING])
    monkeypatch.setattr(rules, "_ROWS", {**rules._ROWS, State.PREPARING: rows})
    story = story_of(scene)
    assert story is not None
    assert story.tag == "TERMS"


def _blind(row: Rule) -> Rule:
    """Give a row that does not see conditions."""
    condition: Callable[[Settlement, Context], bool] = row.condition

    def applies(settlement: Settlement, context: Context) -> bool:
        return condition(replace(settlement, terms=replace(settlement.terms, conditions=bytes(32))), context)  # type: ignore[arg-type]

    return replace(row, condition=applies)


def test_an_abort_that_nobody_is_asked_to_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the core does not ask for is not done, and holds stay where they are."""
    outstanding = effects._signature_of

    def lazy(settlement: Settlement) -> object:
        decision = settlement.decision
        return () if decision is not None and decision.outcome is Outcome.ABORT else outstanding(settlement)

    monkeypatch.setattr(effects, "_signature_of", lazy)
    story = story_of(SMALL)
    assert story is not None
    assert story.tag == "I7"
