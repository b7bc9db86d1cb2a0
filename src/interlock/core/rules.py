"""The decision rule: a table of rows in order of precedence, walked until none applies.

Within one step ABORT is tested first, and the first decision is absorbing. Nothing here reads a clock: time is the
log's, and comes before the entries of its block.

Source: specification 4, "Decision rule".
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from interlock.core.admission import Context
from interlock.core.attestation import Fact
from interlock.core.decision import Decision, Outcome
from interlock.core.instruction import Instruction, ledger_of, legs_of, required_signers
from interlock.core.leg import CLOSED_BY_ABORT, WITHOUT_HOLD, LegState, entitle
from interlock.core.rejection import Reason
from interlock.core.settlement import UNDECIDED, Cause, Settlement, State


def advance(settlement: Settlement, context: Context) -> Settlement:
    """Walk the decision rule until no row applies. Also what the passing of log time does."""
    while (row := next((each for each in RULES if _applies(each, settlement, context)), None)) is not None:
        settlement = row.change(settlement, context)
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


def _commit(settlement: Settlement, context: Context) -> Settlement:
    return decide(settlement, Outcome.COMMIT, Cause.ALL_HELD, context)


def _match(settlement: Settlement, context: Context) -> Settlement:
    # The registry that admits the match is the one under which its evidence will be read.
    return replace(
        settlement,
        state=State.MATCHED,
        matched_at=context.time,
        registry_sequence=context.registry_sequence,
    )


def _to(state: State) -> Callable[[Settlement, Context], Settlement]:
    return lambda settlement, _: replace(settlement, state=state)


def _any_stands(fact: Fact) -> Callable[[Settlement, Context], bool]:
    return lambda settlement, _: any(leg.stands(fact) for leg in settlement.legs)


def _is_late(settlement: Settlement, context: Context) -> bool:
    return context.time > settlement.terms.prepare_by


def _is_cancelled_by_one(settlement: Settlement, _: Context) -> bool:
    return bool(settlement.cancels)


def _is_cancelled_by_all(settlement: Settlement, _: Context) -> bool:
    return len(settlement.cancels) == len(required_signers(settlement.terms))


def is_matched(settlement: Settlement, _: Context) -> bool:
    """Tell whether all required signers have signed terms that are known in clear."""
    complete = len(settlement.signatures) == len(required_signers(settlement.terms))
    return complete and isinstance(settlement.terms, Instruction)


def _is_ready(settlement: Settlement, context: Context) -> bool:
    all_held = all(leg.state is LegState.HELD for leg in settlement.legs)
    return all_held and context.time >= settlement.terms.settle_from


def _is_delivered(settlement: Settlement, _: Context) -> bool:
    is_certified = settlement.certificate is not None
    return is_certified and all(leg.state is LegState.DELIVERED for leg in settlement.legs)


def _is_unwound(settlement: Settlement, context: Context) -> bool:
    is_certified = settlement.certificate is not None
    return is_certified and all(_is_closed(settlement, index, context) for index in range(len(settlement.legs)))


_BEFORE_MATCH = frozenset({State.ALLEGED})
_AFTER_MATCH = frozenset({State.MATCHED, State.PREPARING})

RULES: tuple[Rule, ...] = (
    Rule("abort-late", UNDECIDED, _is_late, _abort(Cause.PREPARE_BY_PASSED)),
    Rule("abort-refused", UNDECIDED, _any_stands(Fact.REFUSED), _abort(Cause.LEG_REFUSED)),
    Rule("abort-lost", UNDECIDED, _any_stands(Fact.LOST), _abort(Cause.LEG_LOST)),
    Rule("abort-consent", UNDECIDED, _any_stands(Fact.CONSENT), _abort(Cause.LEG_CONSENT)),
    Rule("abort-cancel-alleged", _BEFORE_MATCH, _is_cancelled_by_one, _abort(Cause.CANCELLED)),
    Rule("abort-cancel-matched", _AFTER_MATCH, _is_cancelled_by_all, _abort(Cause.CANCELLED)),
    Rule("match", _BEFORE_MATCH, is_matched, _match),
    Rule("prepare", frozenset({State.MATCHED}), lambda _, __: True, _to(State.PREPARING)),
    Rule("commit", frozenset({State.PREPARING}), _is_ready, _commit),
    Rule("settled", frozenset({State.COMMITTED}), _is_delivered, _to(State.SETTLED)),
    Rule("unwound", frozenset({State.ABORTED}), _is_unwound, _to(State.UNWOUND)),
)
"""The decision rule, in order of precedence."""


def _applies(row: Rule, settlement: Settlement, context: Context) -> bool:
    return settlement.state in row.states and row.condition(settlement, context)


def decide(
    settlement: Settlement, outcome: Outcome, cause: Cause, context: Context, *, reason: Reason | None = None
) -> Settlement:
    """Decide a settlement; COMMIT entitles every payee at once."""
    is_commit = outcome is Outcome.COMMIT
    return replace(
        settlement,
        state=State.COMMITTED if is_commit else State.ABORTED,
        legs=tuple(entitle(leg) for leg in settlement.legs) if is_commit else settlement.legs,
        decision=Decision(settlement.id, outcome, context.committee.epoch),
        decided_at=context.time,
        cause=cause,
        reason=reason,
    )


def _is_closed(settlement: Settlement, index: int, context: Context) -> bool:
    """Tell whether an aborted leg needs nothing more: ended, or on a ledger that nobody can watch."""
    leg = settlement.legs[index]
    if leg.state in CLOSED_BY_ABORT:
        return True
    name = ledger_of(legs_of(settlement.terms)[index])
    if name is None:
        return leg.state in WITHOUT_HOLD and context.time > settlement.terms.prepare_by
    return context.registry.ledger(name) is None
