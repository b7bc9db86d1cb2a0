"""Which facts a page shows, as tables."""

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.ledgers.memory.facts import is_signed_by_call, leg_facts, order_facts
from interlock.ledgers.memory.page import EMPTY_PAGE, Halt, Leg, OrderRecord, Page, Status
from interlock.ledgers.memory.rules import DIRECT_BANK, VAULT, Kind

LAST_VALID = 200


@pytest.mark.parametrize(
    ("leg", "in_time", "late"),
    [
        (Leg(), (), (Fact.RETURNED,)),
        (Leg(Status.REFUSED), (Fact.REFUSED,), (Fact.REFUSED, Fact.RETURNED)),
        (Leg(Status.HELD), (Fact.HELD,), None),
        (Leg(Status.HELD, halt=Halt.STANDING), (Fact.LOST,), None),
        (Leg(Status.HELD, halt=Halt.LIFTED), (Fact.HELD, Fact.LOST), None),
        (Leg(Status.ENTITLED, outcome=Outcome.COMMIT), (Fact.HELD,), None),
        (Leg(Status.DELIVERED, outcome=Outcome.COMMIT), (Fact.HELD, Fact.DELIVERED), None),
        (
            Leg(Status.DELIVERED, outcome=Outcome.COMMIT, halt=Halt.LIFTED),
            (Fact.HELD, Fact.LOST, Fact.DELIVERED),
            None,
        ),
        (Leg(Status.RETURNED, outcome=Outcome.ABORT), (Fact.HELD, Fact.RETURNED), None),
        (Leg(Status.TOMBSTONED, outcome=Outcome.ABORT), (Fact.RETURNED,), None),
        (Leg(Status.CONSENT), (Fact.CONSENT,), None),
        (Leg(Status.LOST), (Fact.LOST,), None),
        (Leg(Status.LOST, outcome=Outcome.COMMIT), (Fact.LOST,), None),
        (Leg(Status.LOST, outcome=Outcome.ABORT), (Fact.LOST, Fact.RETURNED), None),
        (Leg(Status.EXECUTED), (), None),
        (Leg(Status.NEVER), (), None),
    ],
)
def test_a_leg_shows_what_happened_to_it(leg: Leg, in_time: tuple[Fact, ...], late: tuple[Fact, ...] | None) -> None:
    """In the order in which it happened; without a hold, time alone makes it returned; a lost hold is not HELD."""
    assert leg_facts(leg, is_late=False) == in_time
    assert leg_facts(leg, is_late=True) == (in_time if late is None else late)


def test_a_vault_refuses_what_could_not_leave_it_while_it_is_undecided() -> None:
    """A barred exit is REFUSED before and after the hold, until prepareBy or the decision."""
    assert leg_facts(Leg(), is_late=False, can_leave=False) == (Fact.REFUSED,)
    assert leg_facts(Leg(), is_late=True, can_leave=False) == (Fact.RETURNED,)
    assert leg_facts(Leg(Status.HELD), is_late=False, can_leave=False) == (Fact.REFUSED,)
    decided = Leg(Status.ENTITLED, outcome=Outcome.COMMIT)
    assert leg_facts(decided, is_late=False, can_leave=False) == (Fact.HELD,)


@pytest.mark.parametrize(
    ("kind", "page", "last_valid", "final_time", "facts"),
    [
        (VAULT, Page(order=OrderRecord(LAST_VALID, Status.EXECUTED)), None, 0, (Fact.EXECUTED,)),
        (VAULT, Page(order=OrderRecord(LAST_VALID, Status.NEVER)), None, 0, (Fact.NEVER,)),
        (VAULT, Page(order=OrderRecord(LAST_VALID, Status.EXECUTED)), LAST_VALID, 999, (Fact.EXECUTED,)),
        (VAULT, EMPTY_PAGE, LAST_VALID, LAST_VALID, ()),
        (VAULT, EMPTY_PAGE, LAST_VALID, LAST_VALID + 1, (Fact.NEVER,)),
        (VAULT, EMPTY_PAGE, None, LAST_VALID + 1, ()),
        (DIRECT_BANK, EMPTY_PAGE, LAST_VALID, LAST_VALID + 1, ()),
        (DIRECT_BANK, Page(order=OrderRecord(LAST_VALID, Status.NEVER)), LAST_VALID, 0, (Fact.NEVER,)),
    ],
)
def test_a_pivot_shows_executed_or_never_and_silence_is_neither(
    kind: Kind, page: Page, last_valid: int | None, final_time: int, facts: tuple[Fact, ...]
) -> None:
    """A chain's final time says NEVER; a bank says it only by its own record."""
    assert order_facts(kind, page, last_valid=last_valid, final_time=final_time) == facts


def test_only_the_payers_own_call_is_its_signature() -> None:
    """SIGNED comes from the call that made the hold, not from a hold that others asked for."""
    assert is_signed_by_call(Leg(Status.RETURNED, outcome=Outcome.ABORT, is_own_call=True))
    assert not is_signed_by_call(Leg(Status.HELD))
