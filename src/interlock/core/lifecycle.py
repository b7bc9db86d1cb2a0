"""The lifecycle of one settlement: a pure function from a settlement and an event to the next settlement.

Each handler checks its event, records what it brings, then lets the decision rule (`rules`) say what follows. A handler
gives the next settlement, or a rejection and nothing is changed.

Source: specification 3 (ADMISSION-1 to ADMISSION-3, TERMS-CONSENT, TERMS-ATTESTED) and 4 (FACT-PIVOT, END-REOPEN; WHEN-
and its name tag each fact), 5 (EPOCH-5).
"""

from collections.abc import Iterable, Sequence

from interlock.core.admission import Context, passing_fault, unalterable_fault
from interlock.core.attestation import CONDITION_FACTS, ORDER_FACTS, WHOLE_FACTS, Attestation, Fact, MemberAttestation
from interlock.core.committee import Committee, Epoch
from interlock.core.decision import AnyCertificate, Decision, Outcome
from interlock.core.ended import EndedSettlement
from interlock.core.evolve import evolve
from interlock.core.instruction import (
    Instruction,
    OnchainLeg,
    PartySignature,
    SettlementId,
    Terms,
    ledger_of,
    legs_of,
    required_signers,
    signer_of,
)
from interlock.core.leg import NEW_LEG, LegState, end_pivot
from interlock.core.leg import establish as stand
from interlock.core.limits import EVERY_LEG
from interlock.core.order import Order, OrderCertificate
from interlock.core.rejection import Reason, Rejection
from interlock.core.rules import advance, decide, is_matched, is_pivot_leg
from interlock.core.settlement import DECIDED, ENDED, Cause, Settlement, State
from interlock.encoding.values import ZERO_BYTES32, Bytes32, Uint32, Uint64, UnixSeconds

Outcomes = Settlement | Rejection
"""What a handler gives."""


def instruct(
    known: Settlement | None,
    id_: SettlementId,
    terms: Terms,
    signatures: Iterable[PartySignature],
    attested: Sequence[MemberAttestation],
    context: Context,
) -> Outcomes:
    """Bring terms and signatures, or a quorum's attestations of a hold that nobody signed for.

    Rejections in checking order: SIGNER_NOT_REQUIRED (nobody whose consent is needed has signed, and no hold is
    attested; for a known id only where no terms are new either: the id proves terms, whoever brings them); for a new id
    a passing reason, or an unalterable one, which records the id as ABORTED; at the match a passing reason; for a known
    id NOTHING_NEW.
    """
    if known is not None:
        return _add(known, terms, signatures, context)
    # check
    needed = required_signers(terms)
    signed = _merge((), signatures, needed)
    hold = _attested_hold(id_, terms, attested, context.committee)
    if not signed and hold is None:
        return Rejection(Reason.SIGNER_NOT_REQUIRED, id_, "Nobody whose consent it needs has signed it.")
    fault = unalterable_fault(terms, context)
    if fault is None and (passing := passing_fault(terms, context)) is not None:
        return Rejection(passing[0], id_, passing[1])
    # change
    settlement = _alleged(id_, terms, signed, context)
    if hold is not None:
        settlement = _with_fact(settlement, *hold)
    if fault is not None:
        return decide(settlement, Outcome.ABORT, Cause.NOT_ADMITTED, context, reason=fault[0])
    return advance(settlement, context)


def reopen(
    ended: EndedSettlement,
    id_: SettlementId,
    terms: Instruction,
    signatures: Iterable[PartySignature],
    attested: Sequence[MemberAttestation],
    context: Context,
) -> Outcomes:
    """Bring the clear terms of a settlement that was aborted and archived while a leg's ledger could not be seen.

    A hold may stand on that ledger, and only now can anybody look: the settlement is open again, decided as before, and
    its certificate is signed once more. The order that was out comes along, with its NEVER, so that whoever signed it
    may sign the ABORT again. Rejections: SIGNER_NOT_REQUIRED, ALREADY_DECIDED (nothing was out of sight).
    """
    signed = _merge((), signatures, required_signers(terms))
    hold = _attested_hold(id_, terms, attested, context.committee)
    if not signed and hold is None:
        return Rejection(Reason.SIGNER_NOT_REQUIRED, id_, "Nobody whose consent it needs has signed it.")
    if not ended.had_unseen_leg:
        return Rejection(Reason.ALREADY_DECIDED, id_, f"It is {ended.state.name} and archived.")
    opened = _alleged(id_, terms, signed, context)
    if hold is not None:
        opened = _with_fact(opened, *hold)
    if ended.last_valid is not None:
        order = Order(id_, terms.pivot, ended.last_valid, ended.decision.epoch)
        never = tuple(
            end_pivot(leg, LegState.NEVER) if is_pivot_leg(opened, index) else leg
            for index, leg in enumerate(opened.legs)
        )
        opened = evolve(opened, order=order, legs=never, stood=Uint32(1 << Fact.NEVER))
    return evolve(
        opened,
        state=State.ABORTED,
        decision=evolve(ended.decision, epoch=context.committee.epoch),
        decided_at=ended.decided_at,
        cause=ended.cause,
        reason=ended.reason,
    )


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
    ALREADY_DECIDED, ORDER_OUT.
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
    if known.state is State.PIVOTING:
        return Rejection(Reason.ORDER_OUT, id_, f"{known.terms.pivot!r} has the order; what it says decides.")
    # change
    return advance(evolve(known, cancels=cancels), context)


def attestation_fault(known: Settlement, attestation: Attestation, committee: Committee) -> Rejection | None:
    """Say why a statement of a fact cannot be counted now, or None.

    Rejections in checking order: WRONG_EPOCH, LEG_UNKNOWN, FACT_OUT_OF_ORDER.
    """
    if attestation.epoch != committee.epoch:
        return epoch_fault(known.id, attestation.epoch, committee)
    leg, fact = attestation.leg, attestation.fact
    if leg >= len(known.legs) and (leg != EVERY_LEG or fact not in WHOLE_FACTS):
        return Rejection(Reason.LEG_UNKNOWN, known.id, f"Leg {leg} of {len(known.legs)}.")
    if not _may_be_attested(known, leg, fact):
        return Rejection(Reason.FACT_OUT_OF_ORDER, known.id, f"{fact.name} of {_which(leg)} in {known.state.name}.")
    return None


def establish(known: Settlement, leg: int, fact: Fact, context: Context) -> Settlement:
    """Let a fact stand that a quorum has attested, unless it stands already.

    A contract wallet's consent (SIGNED) counts as a signature. Where it is the last one missing and a passing reason
    stands against the match, the consent is kept, and the settlement matches when its terms are brought once more.
    """
    # check
    if leg == EVERY_LEG:
        if known.stands(fact) or _is_answered(known, fact):
            return known
        return advance(evolve(known, stood=Uint32(known.stood | 1 << fact)), context)
    before = known.legs[leg]
    if before.stands(fact):
        return known
    # change
    after = _with_fact(known, leg, fact)
    return _gain(after, context, has_new_terms=False) if fact is Fact.SIGNED else advance(after, context)


def decision_signature_fault(known: Settlement, decision: Decision, committee: Committee) -> Rejection | None:
    """Say why a member's signature of a decision is not wanted, or None.

    Rejections in checking order: WRONG_EPOCH, NOT_DECIDED, OTHER_OUTCOME, NOTHING_NEW (it has its certificate).
    """
    fault = epoch_fault(known.id, decision.epoch, committee)
    if fault is not None:
        return fault
    if known.decision is None:
        return Rejection(Reason.NOT_DECIDED, known.id)
    if decision != known.decision:
        return Rejection(Reason.OTHER_OUTCOME, known.id, f"The log decided {known.decision.outcome.name}.")
    return Rejection(Reason.NOTHING_NEW, known.id) if known.certificate is not None else None


def order_signature_fault(known: Settlement, order: Order, committee: Committee) -> Rejection | None:
    """Say why a member's signature of an order is not wanted, or None.

    Rejections in checking order: WRONG_EPOCH, NOT_ORDERED, OTHER_ORDER, NOTHING_NEW (certified, or decided since).
    """
    fault = epoch_fault(known.id, order.epoch, committee)
    if fault is not None:
        return fault
    if known.order is None:
        return Rejection(Reason.NOT_ORDERED, known.id)
    if order != known.order:
        return Rejection(
            Reason.OTHER_ORDER, known.id, f"Valid until {order.last_valid}; the log says {known.order.last_valid}."
        )
    is_over = known.order_certificate is not None or known.state is not State.PIVOTING
    return Rejection(Reason.NOTHING_NEW, known.id) if is_over else None


def certify(known: Settlement, certificate: AnyCertificate, context: Context) -> Settlement:
    """Let the certificate of the decision stand."""
    return advance(evolve(known, certificate=certificate, batch=None), context)


def join_batch(known: Settlement, root: Bytes32) -> Settlement:
    """Let the decision be signed in a batch."""
    return evolve(known, batch=root)


def certify_order(known: Settlement, certificate: OrderCertificate) -> Settlement:
    """Let the certificate of the order stand."""
    return evolve(known, order_certificate=certificate)


def hand_over(known: Settlement, epoch: Epoch) -> Settlement:
    """Let a new epoch take on an open settlement: what it decided or ordered is to be signed again, same content."""
    decision = None if known.decision is None else evolve(known.decision, epoch=epoch)
    order = known.order
    if order is not None and known.state is State.PIVOTING:
        order = evolve(order, epoch=epoch)
    is_pivoting = known.state is State.PIVOTING
    return evolve(
        known,
        decision=decision,
        order=order,
        order_certificate=None if is_pivoting else known.order_certificate,
        certificate=None,
        batch=None,
    )


def epoch_fault(id_: SettlementId, epoch: Epoch, committee: Committee) -> Rejection | None:
    """Refuse a statement of another epoch (WRONG_EPOCH): statements count within one."""
    if epoch == committee.epoch:
        return None
    return Rejection(Reason.WRONG_EPOCH, id_, f"Epoch {epoch}; the log is in {committee.epoch}.")


def _alleged(id_: SettlementId, terms: Terms, signatures: tuple[PartySignature, ...], context: Context) -> Settlement:
    return Settlement(
        id=id_,
        terms=terms,
        signatures=signatures,
        consents=(),
        cancels=(),
        state=State.ALLEGED,
        legs=tuple(NEW_LEG for _ in legs_of(terms)),
        stood=Uint32(0),
        matched_at=UnixSeconds(Uint64(0)),
        order=None,
        order_certificate=None,
        decision=None,
        decided_at=UnixSeconds(Uint64(0)),
        cause=Cause.NONE,
        reason=None,
        batch=None,
        certificate=None,
        registry_sequence=context.registry_sequence,
    )


def _add(known: Settlement, terms: Terms, signatures: Iterable[PartySignature], context: Context) -> Outcomes:
    """Add what is new to a known settlement; admission is asked again where terms become clear or it would match."""
    # check
    clearer = terms if isinstance(terms, Instruction) else known.terms
    brought = _merge((), signatures, required_signers(known.terms))
    signed = _merge(known.signatures, brought, required_signers(known.terms))
    if signed == known.signatures and clearer == known.terms and not (brought and _waits_to_match(known, context)):
        if not brought:
            return Rejection(Reason.SIGNER_NOT_REQUIRED, known.id, "It needs nothing of those who signed this.")
        return Rejection(Reason.NOTHING_NEW, known.id)
    # change
    richer = evolve(known, terms=clearer, signatures=signed)
    if known.state is not State.ALLEGED:
        return richer
    if is_matched(richer, context) and unalterable_fault(clearer, context) is None:
        passing = passing_fault(clearer, context)
        if passing is not None:
            return Rejection(passing[0], known.id, passing[1])
    return _gain(richer, context, has_new_terms=clearer != known.terms)


def _gain(richer: Settlement, context: Context, *, has_new_terms: bool) -> Settlement:
    """Advance a settlement that has gained terms or consent; where it can never be admitted, it is aborted."""
    is_asked = richer.state is State.ALLEGED and (has_new_terms or is_matched(richer, context))
    fault = unalterable_fault(richer.terms, context) if is_asked else None
    if fault is not None:
        return decide(richer, Outcome.ABORT, Cause.NOT_ADMITTED, context, reason=fault[0])
    return advance(richer, context)


def _with_fact(known: Settlement, leg: int, fact: Fact) -> Settlement:
    """Let a fact stand about one leg; SIGNED is its signer's consent."""
    after = evolve(known, legs=(*known.legs[:leg], stand(known.legs[leg], fact), *known.legs[leg + 1 :]))
    if fact is not Fact.SIGNED:
        return after
    return evolve(after, consents=tuple(sorted({*known.consents, signer_of(legs_of(known.terms)[leg])})))


def _attested_hold(
    id_: SettlementId, terms: Terms, attested: Sequence[MemberAttestation], committee: Committee
) -> tuple[int, Fact] | None:
    """Give the leg and the fact that a quorum attests, where all of them say the same of this settlement; else None."""
    said = {(each.signed.attestation.leg, each.signed.attestation.fact) for each in attested}
    members = {each.member for each in attested if each.member < len(committee.members)}
    if len(said) != 1 or len(members) < committee.quorum:
        return None
    ((leg, fact),) = said
    is_ours = all(
        (each.signed.attestation.settlement, each.signed.attestation.epoch) == (id_, committee.epoch)
        for each in attested
    )
    if not is_ours or leg >= len(legs_of(terms)):
        return None
    terms_of_leg = legs_of(terms)[leg]
    if terms.pivot and ledger_of(terms_of_leg) == terms.pivot:
        return None
    can_be = fact is Fact.HELD or (fact is Fact.SIGNED and isinstance(terms_of_leg, OnchainLeg))
    return (leg, fact) if can_be else None


def _merge(
    have: tuple[PartySignature, ...], more: Iterable[PartySignature], needed: tuple[bytes, ...]
) -> tuple[PartySignature, ...]:
    """Add signatures of needed signers that are not there yet; the first of each signer stays."""
    by_signer = {each.signer: each for each in more if each.signer in needed}
    by_signer.update({each.signer: each for each in have})
    return tuple(by_signer[signer] for signer in sorted(by_signer))


def _waits_to_match(known: Settlement, context: Context) -> bool:
    """Tell whether only a passing reason has kept a settlement from its match."""
    return known.state is State.ALLEGED and is_matched(known, context)


_UNORDERED = frozenset({State.ALLEGED, State.MATCHED, State.PREPARING})
_UNENDED = frozenset(State) - ENDED

WHEN: dict[Fact, frozenset[State]] = {
    Fact.SIGNED: frozenset({State.ALLEGED}),
    Fact.HELD: _UNENDED,
    Fact.REFUSED: _UNENDED,
    Fact.LOST: _UNENDED,
    Fact.CONSENT: _UNENDED,
    Fact.EXECUTED: frozenset({State.PIVOTING}),
    Fact.NEVER: frozenset({State.PIVOTING}),
    Fact.DELIVERED: frozenset({State.COMMITTED}),
    Fact.RETURNED: frozenset({State.ABORTED}),
    Fact.MET: _UNORDERED,
    Fact.UNMET: _UNORDERED,
}
"""The states in which a fact can be true: a vote on holds may come late, an end needs its decision first."""


def _may_be_attested(known: Settlement, leg: int, fact: Fact) -> bool:
    """Tell whether a fact can be true now, and of this leg: the pivot's are never held, and the whole is no leg."""
    if known.state not in WHEN[fact]:
        return False
    if leg == EVERY_LEG:
        return fact in ORDER_FACTS or (fact in CONDITION_FACTS and known.terms.conditions != ZERO_BYTES32)
    if fact in WHOLE_FACTS or (known.terms.pivot and is_pivot_leg(known, leg)):
        return False
    return fact is not Fact.SIGNED or isinstance(legs_of(known.terms)[leg], OnchainLeg)


def _is_answered(known: Settlement, fact: Fact) -> bool:
    """Tell whether a fact about the whole comes after its opposite stood: the first is absorbing."""
    pair = ORDER_FACTS if fact in ORDER_FACTS else CONDITION_FACTS
    return any(known.stands(each) for each in pair)


def _which(leg: int) -> str:
    return "the whole" if leg == EVERY_LEG else f"leg {leg}"
