"""Which facts a page shows to whoever looks, in the order in which they happened; pure.

Asked of the final page and the final time alone. A fact once shown is shown for ever, save two that say what is: HELD
is told only of a hold that stands or was ended by a certificate, for the log may see it before the loss that the same
look shows; and a vault's REFUSED only as long as the exit is barred.

Source: specification 4 ("Facts") and 7 (D4).
"""

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.ledgers.memory.page import Halt, Leg, Page, Status
from interlock.ledgers.memory.rules import Kind

_SHOWN = {
    Status.REFUSED: (Fact.REFUSED,),
    Status.HELD: (Fact.HELD,),
    Status.ENTITLED: (Fact.HELD,),
    Status.DELIVERED: (Fact.HELD, Fact.DELIVERED),
    Status.RETURNED: (Fact.HELD, Fact.RETURNED),
    Status.TOMBSTONED: (Fact.RETURNED,),
    Status.CONSENT: (Fact.CONSENT,),
}


def leg_facts(leg: Leg, *, is_late: bool, can_leave: bool = True) -> tuple[Fact, ...]:
    """Give the facts of a leg outside the pivot.

    `is_late`: the ledger's final time is past `prepareBy`, so a leg without a hold will have none (RETURNED).
    `can_leave`: the amount could now be paid out both ways; where a vault's could not, it is refused while undecided.
    """
    if leg.status is Status.EMPTY:
        if is_late:
            return (Fact.RETURNED,)
        return () if can_leave else (Fact.REFUSED,)
    if leg.status is Status.REFUSED and is_late:
        return (Fact.REFUSED, Fact.RETURNED)
    if leg.status is Status.LOST:
        return (Fact.LOST, Fact.RETURNED) if leg.outcome is Outcome.ABORT else (Fact.LOST,)
    if leg.status is Status.HELD and leg.is_halted:
        return (Fact.LOST,)
    if leg.status is Status.HELD and leg.outcome is None and not can_leave:
        return (Fact.REFUSED,)
    shown = _SHOWN.get(leg.status, ())
    return (*shown[:1], Fact.LOST, *shown[1:]) if leg.halt is Halt.LIFTED else shown


def order_facts(kind: Kind, page: Page, *, last_valid: int | None, final_time: int) -> tuple[Fact, ...]:
    """Give what a pivot says of its order, about the settlement as a whole: EXECUTED, NEVER, or nothing yet.

    A bank says what it has recorded. A chain says NEVER by a final block past `last_valid` without the execution;
    `last_valid` is None to whoever knows of no order.
    """
    if page.order is not None:
        return (Fact.EXECUTED,) if page.order.word is Status.EXECUTED else (Fact.NEVER,)
    if kind.is_vault and last_valid is not None and final_time > last_valid:
        return (Fact.NEVER,)
    return ()


def is_signed_by_call(leg: Leg) -> bool:
    """Tell whether the payer's own call consented to the terms (SIGNED)."""
    return leg.is_own_call
