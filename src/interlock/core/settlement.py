r"""The lifecycle of one settlement: a pure function from a settlement and an event to the next settlement.

    ALLEGED -> MATCHED -> PREPARING -> COMMITTED -> SETTLED
         \         \           \-----> ABORTED  -> UNWOUND

Each handler records what its event brings, then walks the decision rule (`RULES`) until no row applies. Rows stand in
order of precedence: within one step ABORT is tested first, and the first decision is absorbing. Nothing here reads a
clock: time is the log's, and comes as an event before the entries of its block.

Source: specification 4, "Decision rule".
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum

from interlock.core.admission import Context, passing_fault, unalterable_fault
from interlock.core.attestation import Attestation, Fact
from interlock.core.committee import Committee, Epoch, MemberIndex
from interlock.core.decision import Certificate, Decision, MemberSignature, Outcome, SignedDecision, assemble
from interlock.core.instruction import (
    Instruction,
    PartySignature,
    SettlementId,
    Terms,
    ledger_of,
    legs_of,
    required_signers,
)
from interlock.core.leg import CLOSED_BY_ABORT, NEW_LEG, WITHOUT_HOLD, Leg, LegState, count, entitle
from interlock.core.rejection import Reason, Rejection
from interlock.encoding.values import Uint64, UnixSeconds


class State(IntEnum):
    """Where a settlement is."""

    ALLEGED = 1
    """Some required signers have signed."""
    MATCHED = 2
    """All have, and the terms are known in clear."""
    PREPARING = 3
    """Every ledger is asked for its hold."""
    COMMITTED = 4
    """Decided: every leg delivers."""
    ABORTED = 5
    """Decided: every leg returns."""
    SETTLED = 6
    """Certified, and every leg is delivered."""
    UNWOUND = 7
    """Certified, and every leg is closed without delivery."""


class Cause(IntEnum):
    """Why a settlement was decided as it was."""

    NONE = 0
    """It is not decided."""
    NOT_ADMITTED = 1
    """The instruction could never be admitted; `reason` says why."""
    PREPARE_BY_PASSED = 2
    """Log time passed `prepareBy`."""
    LEG_REFUSED = 3
    """A ledger refused a hold."""
    LEG_LOST = 4
    """A hold ended without a certificate."""
    LEG_CONSENT = 5
    """Payer and payee ended a hold."""
    CANCELLED = 6
    """A signer withdrew before the match, or all of them after it."""
    ALL_HELD = 7
    """Every leg was held with the signed terms."""


DECIDED = frozenset({State.COMMITTED, State.ABORTED, State.SETTLED, State.UNWOUND})
ENDED = frozenset({State.SETTLED, State.UNWOUND})
UNDECIDED = frozenset({State.ALLEGED, State.MATCHED, State.PREPARING})


@dataclass(frozen=True, slots=True)
class Settlement:
    """Everything that the log knows of one settlement."""

    id: SettlementId
    terms: Terms
    signatures: tuple[PartySignature, ...]
    """By rising signer, each required signer at most once."""
    cancels: tuple[PartySignature, ...]
    """By rising signer; over the cancel digest."""
    state: State
    legs: tuple[Leg, ...]
    decision: Decision | None
    decided_at: UnixSeconds
    """Log time of the decision; 0 before."""
    cause: Cause
    reason: Reason | None
    """Why it could not be admitted, where that is the cause."""
    decision_signatures: tuple[MemberSignature, ...]
    """By rising member."""
    certificate: Certificate | None
    """The first that the log made possible."""
    registry_sequence: Uint64
    """The configuration under which it was first seen."""


Outcomes = Settlement | Rejection


def instruct(
    known: Settlement | None, id_: SettlementId, terms: Terms, signatures: Iterable[PartySignature], context: Context
) -> Outcomes:
    """Bring terms and signatures.

    Rejections in checking order: SIGNER_NOT_REQUIRED (nobody whose consent is needed has signed; for a known id only
    where no terms are new either: the id proves terms, whoever brings them); for a new id a passing reason, or an
    unalterable one, which records the id as ABORTED; at the match a passing reason; for a known id NOTHING_NEW.
    """
    if known is not None:
        return _add(known, terms, signatures, context)
    # check
    needed = required_signers(terms)
    signed = _merge((), signatures, needed)
    if not signed:
        return Rejection(Reason.SIGNER_NOT_REQUIRED, id_, "Nobody whose consent it needs has signed it.")
    fault = unalterable_fault(terms, context)
    if fault is None and (passing := passing_fault(terms, context)) is not None:
        return Rejection(passing[0], id_, passing[1])
    # change
    settlement = _alleged(id_, terms, signed, context)
    if fault is not None:
        return _decide(settlement, Outcome.ABORT, Cause.NOT_ADMITTED, context, reason=fault[0])
    return advance(settlement, context)


def sign(known: Settlement, signatures: Iterable[PartySignature], context: Context) -> Outcomes:
    """Add signatures. Rejections in checking order: SIGNER_NOT_REQUIRED, NOTHING_NEW; at the match a passing reason."""
    return _add(known, known.terms, signatures, context)


def cancel(
    known: Settlement | None,
    id_: SettlementId,
    terms: Terms | None,
    signatures: Iterable[PartySignature],
    context: Context,
) -> Outcomes:
    """Withdraw consent.

    Rejections in checking order: SETTLEMENT_UNKNOWN (and no terms came along), SIGNER_NOT_REQUIRED, NOTHING_NEW,
    ALREADY_DECIDED.
    """
    # check
    if known is None:
        if terms is None:
            return Rejection(Reason.SETTLEMENT_UNKNOWN, id_, "Bring the redacted terms with the cancel.")
        known = _alleged(id_, terms, (), context)
    cancels = _merge(known.cancels, signatures, required_signers(known.terms))
    if not cancels:
        return Rejection(Reason.SIGNER_NOT_REQUIRED, id_, "Only those who sign it can cancel it.")
    if cancels == known.cancels:
        return Rejection(Reason.NOTHING_NEW, id_)
    if known.state in DECIDED:
        return Rejection(Reason.ALREADY_DECIDED, id_, f"It is {known.state.name}; the certificate decides.")
    # change
    return advance(replace(known, cancels=cancels), context)


def attest(known: Settlement, attestation: Attestation, member: MemberIndex, context: Context) -> Outcomes:
    """Count a member's statement of a fact.

    Rejections in checking order: WRONG_EPOCH, LEG_UNKNOWN, FACT_OUT_OF_ORDER, NOTHING_NEW.
    """
    # check
    fault = epoch_fault(known.id, attestation.epoch, context.committee)
    if fault is not None:
        return fault
    if attestation.leg >= len(known.legs):
        return Rejection(Reason.LEG_UNKNOWN, known.id, f"Leg {attestation.leg} of {len(known.legs)}.")
    if not _may_be_attested(attestation.fact, known):
        return Rejection(
            Reason.FACT_OUT_OF_ORDER,
            known.id,
            f"{attestation.fact.name} of leg {attestation.leg} in {known.state.name}.",
        )
    counted = count(known.legs[attestation.leg], attestation.fact, member, context.committee)
    if counted is None:
        return Rejection(Reason.NOTHING_NEW, known.id)
    # change
    legs = (*known.legs[: attestation.leg], counted, *known.legs[attestation.leg + 1 :])
    return advance(replace(known, legs=legs), context)


def sign_decision(known: Settlement, signed: SignedDecision, member: MemberIndex, context: Context) -> Outcomes:
    """Take a member's signature of the decision; at a quorum the certificate stands.

    Rejections in checking order: WRONG_EPOCH, NOT_DECIDED, OTHER_OUTCOME, NOTHING_NEW.
    """
    # check
    fault = epoch_fault(known.id, signed.decision.epoch, context.committee)
    if fault is not None:
        return fault
    if known.decision is None:
        return Rejection(Reason.NOT_DECIDED, known.id)
    if signed.decision != known.decision:
        return Rejection(Reason.OTHER_OUTCOME, known.id, f"The log decided {known.decision.outcome.name}.")
    by_member = {each.member: each.signature for each in known.decision_signatures}
    if member in by_member:
        return Rejection(Reason.NOTHING_NEW, known.id)
    # change
    by_member[member] = signed.signature
    collected = tuple(MemberSignature(each, by_member[each]) for each in sorted(by_member))
    certificate = known.certificate or assemble(context.committee, known.decision, by_member)
    return advance(replace(known, decision_signatures=collected, certificate=certificate), context)


def epoch_fault(id_: SettlementId, epoch: Epoch, committee: Committee) -> Rejection | None:
    """Refuse a statement of another epoch (WRONG_EPOCH): statements count within one."""
    if epoch == committee.epoch:
        return None
    return Rejection(Reason.WRONG_EPOCH, id_, f"Epoch {epoch}; the log is in {committee.epoch}.")


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
    return lambda settlement, context: _decide(settlement, Outcome.ABORT, cause, context)


def _commit(settlement: Settlement, context: Context) -> Settlement:
    return _decide(settlement, Outcome.COMMIT, Cause.ALL_HELD, context)


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


def _is_matched(settlement: Settlement, _: Context) -> bool:
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
    Rule("match", _BEFORE_MATCH, _is_matched, _to(State.MATCHED)),
    Rule("prepare", frozenset({State.MATCHED}), lambda _, __: True, _to(State.PREPARING)),
    Rule("commit", frozenset({State.PREPARING}), _is_ready, _commit),
    Rule("settled", frozenset({State.COMMITTED}), _is_delivered, _to(State.SETTLED)),
    Rule("unwound", frozenset({State.ABORTED}), _is_unwound, _to(State.UNWOUND)),
)
"""The decision rule, in order of precedence."""


def _applies(row: Rule, settlement: Settlement, context: Context) -> bool:
    return settlement.state in row.states and row.condition(settlement, context)


def _alleged(id_: SettlementId, terms: Terms, signatures: tuple[PartySignature, ...], context: Context) -> Settlement:
    return Settlement(
        id=id_,
        terms=terms,
        signatures=signatures,
        cancels=(),
        state=State.ALLEGED,
        legs=tuple(NEW_LEG for _ in legs_of(terms)),
        decision=None,
        decided_at=UnixSeconds(Uint64(0)),
        cause=Cause.NONE,
        reason=None,
        decision_signatures=(),
        certificate=None,
        registry_sequence=context.registry_sequence,
    )


def _add(known: Settlement, terms: Terms, signatures: Iterable[PartySignature], context: Context) -> Outcomes:
    """Add what is new to a known settlement; admission is asked again where that would match it."""
    # check
    clearer = terms if isinstance(terms, Instruction) else known.terms
    brought = _merge((), signatures, required_signers(known.terms))
    signed = _merge(known.signatures, brought, required_signers(known.terms))
    if signed == known.signatures and clearer == known.terms:
        if not brought:
            return Rejection(Reason.SIGNER_NOT_REQUIRED, known.id, "It needs nothing of those who signed this.")
        return Rejection(Reason.NOTHING_NEW, known.id)
    # change
    richer = replace(known, terms=clearer, signatures=signed)
    if known.state is not State.ALLEGED:
        return richer
    fault = unalterable_fault(clearer, context)
    if fault is not None:
        return _decide(richer, Outcome.ABORT, Cause.NOT_ADMITTED, context, reason=fault[0])
    if _is_matched(richer, context) and (passing := passing_fault(clearer, context)) is not None:
        return Rejection(passing[0], known.id, passing[1])
    return advance(richer, context)


def _merge(
    have: tuple[PartySignature, ...], more: Iterable[PartySignature], needed: tuple[bytes, ...]
) -> tuple[PartySignature, ...]:
    """Add signatures of needed signers that are not there yet; the first of each signer stays."""
    by_signer = {each.signer: each for each in more if each.signer in needed}
    by_signer.update({each.signer: each for each in have})
    return tuple(by_signer[signer] for signer in sorted(by_signer))


def _decide(
    settlement: Settlement, outcome: Outcome, cause: Cause, context: Context, *, reason: Reason | None = None
) -> Settlement:
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


def _may_be_attested(fact: Fact, settlement: Settlement) -> bool:
    """Tell whether a fact can be true now. A vote on holds may come late; an end needs its decision first."""
    match fact:
        case Fact.HELD | Fact.REFUSED | Fact.LOST | Fact.CONSENT:
            return settlement.state not in ENDED
        case Fact.DELIVERED:
            return settlement.state is State.COMMITTED
        case Fact.RETURNED:
            return settlement.state is State.ABORTED
        case _:
            return False


def _is_closed(settlement: Settlement, index: int, context: Context) -> bool:
    """Tell whether an aborted leg needs nothing more: ended, or on a ledger that nobody can watch."""
    leg = settlement.legs[index]
    if leg.state in CLOSED_BY_ABORT:
        return True
    name = ledger_of(legs_of(settlement.terms)[index])
    if name is None:
        return leg.state in WITHOUT_HOLD and context.time > settlement.terms.prepare_by
    return context.registry.ledger(name) is None
