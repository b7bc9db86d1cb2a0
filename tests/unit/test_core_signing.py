"""What a key may sign, given what it has signed: every case of the rule, whatever log it is shown."""

from itertools import product

import pytest

from interlock.core.committee import Epoch
from interlock.core.decision import Outcome
from interlock.core.instruction import SettlementId
from interlock.core.signing import (
    NOTHING,
    HandedOver,
    OrderTerms,
    Shown,
    Signed,
    decision_conflict,
    handed_over,
    order_conflict,
)
from interlock.encoding.values import Uint64, UnixSeconds
from support.world import word

ID = SettlementId(word(1))
ORDER = OrderTerms("bank:wire", UnixSeconds(Uint64(9)))
OTHER_TIME = OrderTerms("bank:wire", UnixSeconds(Uint64(10)))
OTHER_LEDGER = OrderTerms("bank:first", UnixSeconds(Uint64(9)))
ORDERS = (None, ORDER, OTHER_TIME, OTHER_LEDGER)
OUTCOMES = (None, *Outcome)


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize(("before", "ordered", "shows", "never"), [*product(OUTCOMES, ORDERS, ORDERS, (False, True))])
def test_a_decision(
    before: Outcome | None,
    ordered: OrderTerms | None,
    shows: OrderTerms | None,
    never: bool,  # noqa: FBT001 - a table's column
    outcome: Outcome,
) -> None:
    """Never the other outcome; after an order ABORT only where that same order and NEVER are in the log."""
    may = before in {None, outcome} and (outcome is Outcome.COMMIT or ordered is None or (shows == ordered and never))
    found = decision_conflict(ID, Signed(before, ordered), outcome, Shown(shows, never_stands=never))
    assert (found is None) is may
    assert found is None or (found.subject == ID and ID.hex() in str(found))


@pytest.mark.parametrize("order", ORDERS[1:])
@pytest.mark.parametrize(("before", "ordered"), [*product(OUTCOMES, ORDERS)])
def test_an_order(before: Outcome | None, ordered: OrderTerms | None, order: OrderTerms) -> None:
    """Never after ABORT, and never another than the first."""
    found = order_conflict(ID, Signed(before, ordered), order)
    assert (found is None) is (before is not Outcome.ABORT and ordered in {None, order})
    assert found is None or "never signed" in str(found)


def test_where_nothing_was_signed_all_may_be() -> None:
    """Either outcome, or any order."""
    assert all(decision_conflict(ID, NOTHING, each, Shown()) is None for each in Outcome)
    assert order_conflict(ID, NOTHING, ORDER) is None


@pytest.mark.parametrize(
    ("epoch", "rotated_from", "is_over"), [(1, None, False), (1, 1, True), (1, 2, True), (3, 2, False)]
)
def test_an_epoch_that_was_handed_over_is_over(epoch: int, rotated_from: int | None, is_over: bool) -> None:  # noqa: FBT001 - a table's column
    """And so are all before it; the next ones are not."""
    last = None if rotated_from is None else Epoch(Uint64(rotated_from))
    found = handed_over(Epoch(Uint64(epoch)), last)
    assert found == (HandedOver(Epoch(Uint64(epoch)), last) if is_over and last is not None else None)
