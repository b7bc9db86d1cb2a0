"""The decision rule: a table of rows in order of precedence, walked until none applies.

Within one step ABORT is tested first, and the first decision is absorbing. Nothing here reads a clock: time is the
log's, and comes before the entries of its block. Once the order is out (PIVOTING), only the pivot's word counts:
neither time nor cancels, nor what becomes of the holds.

Source: specification 4 (RULE-FIRST, RULE-ABSORBS, LEG-CLOSED; RULE- and its own tag name each row) and 6 (PIVOT-3).
"""

from collections.abc import Callable
from dataclasses import dataclass

from interlock.core.admission import Context, passing_fault
from interlock.core.attestation import Fact
from interlock.core.decision import Decision, Outcome
from interlock.core.evolve import evolve
from interlock.core.instruction import Instruction, ledger_of, legs_of, required_signers
from interlock.core.leg import CLOSED_BY_ABORT, DONE_BY_COMMIT, WITHOUT_HOLD, LegState, end_pivot, entitle
from interlock.core.order import Order
from interlock.core.rejection import Reason
from interlock.core.settlement import Cause, Settlement, State
from interlock.encoding.values import ZERO_BYTES32, Uint64, UnixSeconds


def advance(settlement: Settlement, context: Context) -> Settlement:
    """Walk the decision rule until no row applies. Also what the passing of log time does."""
    while True:
        for row in _ROWS[settlement.state]:
            if row.condition(settlement, context):
                settlement = row.change(settlement, context)
                break
        else:
            return settlement


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the decision rule."""

    tag: str
    """Its name in the specification, the tests and the messages."""
    states: frozenset[State]
    """Where it can apply."""
    condition: Callable[[Settlement, Context], bool]
    change: Callable[[Settlement, Context], Settlement]


def _abort(cause: Cause) -> Callable[[Settlement, Context], Settlement]:
    return lambda settlement, context: decide(settlement, Outcome.ABORT, cause, context)


def _commit(cause: Cause) -> Callable[[Settlement, Context], Settlement]:
    return lambda settlement, context: decide(settlement, Outcome.COMMIT, cause, context)


def _match(settlement: Settlement, context: Context) -> Settlement:
    # The registry that admits the match is the one under which its evidence will be read.
    return evolve(
        settlement,
        state=State.MATCHED,
        matched_at=context.time,
        registry_sequence=context.registry_sequence,
    )


def _to(state: State) -> Callable[[Settlement, Context], Settlement]:
    return lambda settlement, _: evolve(settlement, state=state)


def _order(settlement: Settlement, context: Context) -> Settlement:
    last_valid = UnixSeconds(Uint64(context.time + settlement.terms.pivot_window))
    order = Order(settlement.id, settlement.terms.pivot, last_valid, context.committee.epoch)
    return evolve(settlement, state=State.PIVOTING, order=order)


def _any_stands(fact: Fact) -> Callable[[Settlement, Context], bool]:
    def applies(settlement: Settlement, _: Context) -> bool:
        for leg in settlement.legs:  # a loop, since this is asked at every step of every settlement  # noqa: SIM110
            if leg.stood >> fact & 1:
                return True
        return False

    return applies


def _stands(fact: Fact) -> Callable[[Settlement, Context], bool]:
    return lambda settlement, _: settlement.stands(fact)


def _is_late(settlement: Settlement, context: Context) -> bool:
    return context.time > settlement.terms.prepare_by


def _is_cancelled_by_one(settlement: Settlement, _: Context) -> bool:
    return bool(settlement.cancels)


def _is_cancelled_by_all(settlement: Settlement, _: Context) -> bool:
    cancels = settlement.cancels
    return bool(cancels) and len(cancels) == len(required_signers(settlement.terms))


def is_matched(settlement: Settlement, _: Context) -> bool:
    """Tell whether all required signers have signed terms that are known in clear."""
    return not settlement.unsigned and isinstance(settlement.terms, Instruction)


def _may_match(settlement: Settlement, context: Context) -> bool:
    """Tell whether a settlement matches now: no passing reason, such as a busy lane, stands against it."""
    return is_matched(settlement, context) and passing_fault(settlement.terms, context) is None


def _is_ready(settlement: Settlement, context: Context) -> bool:
    """Tell whether nothing is missing before the decision, or before the order where there is a pivot."""
    if context.time < settlement.terms.settle_from:
        return False
    if settlement.terms.conditions != ZERO_BYTES32 and not settlement.stands(Fact.MET):
        return False
    missing = [index for index, leg in enumerate(settlement.legs) if leg.state is not LegState.HELD]
    return not missing or (bool(settlement.terms.pivot) and all(is_pivot_leg(settlement, each) for each in missing))


def _is_ready_to_commit(settlement: Settlement, context: Context) -> bool:
    return not settlement.terms.pivot and _is_ready(settlement, context)


def _is_ready_to_order(settlement: Settlement, context: Context) -> bool:
    return bool(settlement.terms.pivot) and _is_ready(settlement, context)


def _is_delivered(settlement: Settlement, _: Context) -> bool:
    return settlement.certificate is not None and all(leg.state in DONE_BY_COMMIT for leg in settlement.legs)


def _is_unwound(settlement: Settlement, context: Context) -> bool:
    is_certified = settlement.certificate is not None
    return is_certified and all(_is_closed(settlement, index, context) for index in range(len(settlement.legs)))


_ALLEGED = frozenset({State.ALLEGED})
_MATCHED = frozenset({State.MATCHED, State.PREPARING})
_PREPARING = frozenset({State.PREPARING})
_PIVOTING = frozenset({State.PIVOTING})
_OPEN = _ALLEGED | _MATCHED
"""Undecided, and no order is out."""

RULES: tuple[Rule, ...] = (
    Rule("abort-late", _OPEN, _is_late, _abort(Cause.PREPARE_BY_PASSED)),
    Rule("abort-refused", _OPEN, _any_stands(Fact.REFUSED), _abort(Cause.LEG_REFUSED)),
    Rule("abort-lost", _OPEN, _any_stands(Fact.LOST), _abort(Cause.LEG_LOST)),
    Rule("abort-consent", _OPEN, _any_stands(Fact.CONSENT), _abort(Cause.LEG_CONSENT)),
    Rule("abort-unmet", _OPEN, _stands(Fact.UNMET), _abort(Cause.CONDITION_UNMET)),
    Rule("abort-cancel-alleged", _ALLEGED, _is_cancelled_by_one, _abort(Cause.CANCELLED)),
    Rule("abort-cancel-matched", _MATCHED, _is_cancelled_by_all, _abort(Cause.CANCELLED)),
    Rule("abort-never", _PIVOTING, _stands(Fact.NEVER), _abort(Cause.PIVOT_NEVER)),
    Rule("match", _ALLEGED, _may_match, _match),
    Rule("prepare", frozenset({State.MATCHED}), lambda _, __: True, _to(State.PREPARING)),
    Rule("order", _PREPARING, _is_ready_to_order, _order),
    Rule("commit", _PREPARING, _is_ready_to_commit, _commit(Cause.ALL_HELD)),
    Rule("commit-executed", _PIVOTING, _stands(Fact.EXECUTED), _commit(Cause.PIVOT_EXECUTED)),
    Rule("settled", frozenset({State.COMMITTED}), _is_delivered, _to(State.SETTLED)),
    Rule("unwound", frozenset({State.ABORTED}), _is_unwound, _to(State.UNWOUND)),
)
"""The decision rule, in order of precedence."""

_ROWS = {state: tuple(row for row in RULES if state in row.states) for state in State}
"""The rows that can apply in each state, in their order."""


def is_pivot_leg(settlement: Settlement, index: int) -> bool:
    """Tell whether a leg is the pivot's: moved in the pivot's one step, never held."""
    pivot = settlement.terms.pivot
    return bool(pivot) and ledger_of(legs_of(settlement.terms)[index]) == pivot


def decide(
    settlement: Settlement, outcome: Outcome, cause: Cause, context: Context, *, reason: Reason | None = None
) -> Settlement:
    """Decide a settlement; COMMIT entitles every payee at once, and the pivot's word moves its legs."""
    is_commit = outcome is Outcome.COMMIT
    legs = tuple(entitle(leg) for leg in settlement.legs) if is_commit else settlement.legs
    if settlement.order is not None:
        end = LegState.EXECUTED if is_commit else LegState.NEVER
        legs = tuple(end_pivot(leg, end) if is_pivot_leg(settlement, i) else leg for i, leg in enumerate(legs))
    return evolve(
        settlement,
        state=State.COMMITTED if is_commit else State.ABORTED,
        legs=legs,
        decision=Decision(settlement.id, outcome, context.committee.epoch),
        decided_at=context.time,
        cause=cause,
        reason=reason,
    )


def _is_closed(settlement: Settlement, index: int, context: Context) -> bool:
    """Tell whether an aborted leg needs nothing more: ended, the pivot's, or on a ledger that nobody can watch."""
    leg = settlement.legs[index]
    if leg.state in CLOSED_BY_ABORT or is_pivot_leg(settlement, index):
        return True
    name = ledger_of(legs_of(settlement.terms)[index])
    if name is None:
        return leg.state in WITHOUT_HOLD and context.time > settlement.terms.prepare_by
    return context.registry.ledger(name) is None
