"""The auditor as an instrument: the whole vocabulary, bounded memory, and what it says of itself."""

from typing import get_args

import auditor_stories as lawful
import pytest
from auditor_script import ASSET, CASH, CHAIN, World, changed, judge, settle
from auditor_stories import ID

from interlock.auditor import auditor as room
from interlock.auditor import nodes
from interlock.auditor.auditor import AfterTheEndError, Auditor
from interlock.auditor.event import ABORT, COMMIT, Event, Finished, StateHash
from interlock.auditor.ledger_event import BalanceChanged, Captured, Opened, OrderExecuted
from interlock.auditor.violation import FACTS_MAX, Tag

SETTLEMENTS = 300
WAVE = 10
"""Settlements that are open at once."""


def test_every_event_of_the_vocabulary_has_a_judge() -> None:
    """No word is told that nobody listens to, and no judge waits for a word that cannot come."""
    assert set(room._JUDGES) == set(get_args(Event))


def test_what_is_not_in_the_vocabulary_is_refused() -> None:
    """A stranger's word is the teller's mistake, not a violation."""
    with pytest.raises(KeyError):
        Auditor().feed("hello")  # type: ignore[arg-type]


def test_nothing_is_told_after_the_end() -> None:
    """A teller that goes on after Finished is told so."""
    auditor = judge([Finished(9)])
    with pytest.raises(AfterTheEndError, match=r"Opened was told after Finished\(at=9\)"):
        auditor.feed(Opened(CHAIN, "alice", "BOND", 1))


@pytest.mark.parametrize("outcome", [COMMIT, ABORT])
def test_what_has_ended_is_forgotten_but_for_its_outcome(outcome: str) -> None:
    """However many settlements a run has, only those open are kept, and their ends are still known."""
    world = World()
    auditor = Auditor()
    for wave in range(SETTLEMENTS // WAVE):
        ids = [(wave * WAVE + each).to_bytes(32, "big") for each in range(WAVE)]
        for id_ in ids:
            world.instruct(id_, ASSET, CASH, prepare_by=world.now + 5)
            world.hold(id_, 0)
            if outcome == COMMIT:
                world.hold(id_, 1)
        for id_ in ids:
            settle(world, id_, outcome, [0, 1] if outcome == COMMIT else [0])
        world.tick(6)
        for event in world.events:
            auditor.feed(event)
        world.events.clear()
        assert auditor.open_total == 0
    assert auditor.ended_total == SETTLEMENTS
    assert auditor.verdict() == []
    auditor.feed(Captured(CHAIN, bytes(32), 0, "BOND", 5, "bob"))
    assert dict(auditor.verdict()[-1].facts)["outcome"] == outcome


def test_terms_that_come_to_nothing_are_forgotten() -> None:
    """What nobody held by prepare_by does not stay in memory, decided or not; deadlines go too."""
    world = World()
    for each in range(SETTLEMENTS):
        world.instruct(each.to_bytes(32, "big"), ASSET, CASH, prepare_by=world.now + 5)
    world.tick(6)
    auditor = judge(world.events)
    assert (auditor.open_total, auditor.ended_total) == (0, SETTLEMENTS)
    assert auditor._run.deadlines == []


def test_a_slow_ledger_keeps_cases_open() -> None:
    """As long as one ledger's clock is not past prepare_by, a hold may begin there."""
    world = World()
    world.instruct(ID, ASSET, CASH, prepare_by=world.now + 5)
    world.now += 6
    world.transfer(CHAIN, "BOND", 1, "alice", "bob")
    assert judge(world.events).open_total == 1


def test_hashes_are_kept_for_a_bounded_number_of_heights(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest height goes first; those kept are still compared."""
    monkeypatch.setattr(nodes, "HEIGHTS_MAX", 3)
    events: list[Event] = [StateHash("n0", height, b"a") for height in range(5)]
    assert judge([*events, StateHash("n1", 0, b"b")]).verdict() == []
    assert [each.tag for each in judge([*events, StateHash("n1", 4, b"b")]).verdict()] == [Tag.I8]


def test_a_step_gone_wrong_everywhere_is_told_in_bounds() -> None:
    """A step with many wrong balances is one accusation, with the first of them."""
    world = World()
    world.say(*(BalanceChanged(CHAIN, f"a{each}", "BOND", 1) for each in range(1_000)))
    world.tick()
    (violation,) = judge(world.events).verdict()
    assert len(violation.facts) == FACTS_MAX
    assert violation.facts[:2] == (("ledger", CHAIN), ("BOND out of nothing", 1_000))


def test_one_wrong_balance_is_told_once() -> None:
    """After an accusation the auditor goes on from what was booked."""
    world = World()
    world.say(BalanceChanged(CHAIN, "alice", "BOND", 1))
    world.tick()
    world.balances[CHAIN, "alice", "BOND"] += 1
    lawful.committed(world)
    assert len(judge(world.finish()).verdict()) == 1


def test_a_violation_says_what_happened_in_one_line() -> None:
    """Tag, id, sentence, the values compared, and the place in the stream."""
    world = World()
    lawful.bank_pays_last(world)
    (violation,) = judge(changed(OrderExecuted, last_valid=9_000)(world.finish())).verdict()
    place = violation.number
    assert str(violation) == (
        f"D2 0x{ID.hex()}: What was executed was not ordered (executed last_valid: 9000, certified: 1050) "
        f"at event {place}"
    )


def test_totals_tell_how_much_was_judged() -> None:
    """A run's report can say what it rests on."""
    world = World()
    lawful.committed(world)
    auditor = judge(world.events)
    assert (auditor.events_total, auditor.open_total, auditor.ended_total) == (len(world.events), 0, 1)
