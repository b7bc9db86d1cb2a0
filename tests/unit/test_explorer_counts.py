"""Counts of members and moves of legs: the two small tables on which every world stands."""

import pytest

from interlock.core.invariants import BrokenInvariant
from interlock.explorer.books import MOVES, Act, Side
from interlock.explorer.cast import BYZANTINE
from interlock.explorer.counts import Count, Counts
from interlock.ledgers.memory.page import Page, Status
from interlock.ledgers.memory.rules import HELD_BANK, VAULT


def test_a_quorum_is_full_whoever_makes_it() -> None:
    """The last number stands for every quorum, the liar's word in it or not."""
    counts = Counts(3, is_eager=True)
    assert counts.number(Count(3, 3)) == counts.full
    assert counts.number(Count(2, 2, 1)) == counts.full
    assert counts.number(Count(3, 2)) != counts.full
    assert counts[counts.full] == Count(3, 3)
    assert counts[0] == Count()
    assert len({counts[each] for each in range(counts.full)}) == counts.full < 1 << counts.bits


def test_members_see_and_forget_one_by_one() -> None:
    """What was counted cannot be forgotten, and nobody sees twice."""
    counts = Counts(3)
    seen = counts.make(counts.make(0) or 0) or 0
    assert counts[seen] == Count(2, 0)
    assert counts[counts.forget(seen) or 0] == Count(1, 0)
    assert counts.forget(counts.number(Count(1, 1))) is None
    assert counts.forget(0) is None
    assert counts.make(counts.number(Count(3, 1))) is None
    assert counts.make(counts.full) is None


def test_a_coarse_count_goes_at_once() -> None:
    """Nobody, made, counted: nothing between."""
    counts = Counts(3, is_coarse=True)
    assert counts.full == 2
    made = counts.make(0)
    assert made is not None
    assert counts[made] == Count(3, 0)


@pytest.mark.parametrize("is_fleeting", [True, False])
def test_counting_anew_keeps_what_was_made(is_fleeting: bool) -> None:  # noqa: FBT001 - a case
    """Where the log forgets its counts, what members have made is still there, and what lasts can be made again."""
    counts = Counts(3, is_fleeting=is_fleeting)
    before = counts.number(Count(2, 2))
    assert counts[counts.again(before)] == (Count(2, 0) if is_fleeting else Count(0, 0))
    assert counts.again(counts.full) == counts.full


def test_the_counted_are_the_first_ones() -> None:
    """Members are interchangeable, so the first ones stand for any."""
    assert Count(3, 2).members == (0, 1)
    assert Count(3, 1, 1).members == (0, BYZANTINE)


@pytest.mark.parametrize("act", list(Act))
def test_no_request_moves_what_has_moved(act: Act) -> None:
    """Only a hold, an entitlement or nothing at all can be moved (I4)."""
    assert {before for before, _ in MOVES[act]} <= {Status.EMPTY, Status.REFUSED, Status.HELD, Status.ENTITLED}


def test_a_move_of_another_request_is_found() -> None:
    """A rule that pays a hold out by a request to hold breaks I6; one that moves a delivered leg breaks I4."""
    side = Side("bank", HELD_BANK, 1)
    held = side.request(0, Act.HOLD, 0, lambda page, _: page.moved(0, Status.HELD))
    assert held is not None
    with pytest.raises(BrokenInvariant, match="I6: bank: leg 0 went from HELD to DELIVERED by a request to hold"):
        side.request(held, Act.HOLD, 0, lambda page, _: page.moved(0, Status.DELIVERED))
    delivered = side.request(held, Act.COMMIT, 0, lambda page, _: page.moved(0, Status.DELIVERED))
    assert delivered is not None
    with pytest.raises(BrokenInvariant, match="I4"):
        side.request(delivered, Act.ABORT, 0, lambda page, _: page.moved(0, Status.RETURNED))


def test_a_request_that_changes_nothing_is_no_step() -> None:
    """The same books have the same number, and no step leads from them to themselves."""
    side = Side("bank", HELD_BANK, 2)
    assert side.request(0, Act.HOLD, 1, lambda page, _: page) is None
    late = side.tick(0)
    assert late is not None
    assert side.tick(late) is None
    assert side.bar(0, is_barred=False) is None
    assert side.newest(late).pages == (Page(), Page())


def test_a_chain_shows_final_books_apart() -> None:
    """What is not final can be replaced, what is final cannot, and only so many blocks are open at a time."""
    side = Side("vault", VAULT, 1, has_reorgs=True)
    one = side.request(0, Act.HOLD, 0, lambda page, _: page.moved(0, Status.HELD))
    assert one is not None
    two = side.tick(one)
    assert two is not None
    assert side.final(two) == side.final(0)
    assert side.newest(two).is_late
    assert side.bar(two, is_barred=True) is None
    assert side.reorganise(two, 1) == one
    assert side.reorganise(two, 2) == 0
    assert side.reorganise(two, 3) is None
    final = side.finalise(one)
    assert final is not None
    assert side.reorganise(final, 1) is None
    assert side.finalise(final) is None
    assert side.show(two) == "nothing, then not final: leg 0 HELD, then not final: leg 0 HELD, past its deadlines"
