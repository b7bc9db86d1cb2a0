"""The lifecycle of one settlement: a pure function from a settlement and an event to the next settlement.

Each handler checks its event, records what it brings, then lets the decision rule (`rules`) say what follows. A handler
gives the next settlement, or a rejection and nothing is changed.

Source: specification 3 and 4.
"""

from collections.abc import Iterable
from dataclasses import replace

from interlock.core.admission import Context, passing_fault, unalterable_fault
from interlock.core.attestation import Attestation, Fact
from interlock.core.committee import Committee, Epoch, MemberIndex
from interlock.core.decision import MemberSignature, Outcome, SignedDecision, assemble
from interlock.core.instruction import Instruction, PartySignature, SettlementId, Terms, legs_of, required_signers
from interlock.core.leg import NEW_LEG, count
from interlock.core.rejection import Reason, Rejection
from interlock.core.rules import advance, decide, is_matched
from interlock.core.settlement import DECIDED, ENDED, Cause, EndedSettlement, Settlement, State
from interlock.encoding.values import Uint64, UnixSeconds

Outcomes = Settlement | Rejection
"""What a handler gives."""


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
        return decide(settlement, Outcome.ABORT, Cause.NOT_ADMITTED, context, reason=fault[0])
    return advance(settlement, context)


def reopen(
    ended: EndedSettlement,
    id_: SettlementId,
    terms: Instruction,
    signatures: Iterable[PartySignature],
    context: Context,
) -> Outcomes:
    """Bring the clear terms of a settlement that was aborted and archived while a leg's ledger was hidden.

    A hold may stand on that ledger, and only now can anybody look: the settlement is open again, decided as before, and
    its certificate is signed once more. Rejections: SIGNER_NOT_REQUIRED, ALREADY_DECIDED (nothing was hidden).
    """
    signed = _merge((), signatures, required_signers(terms))
    if not signed:
        return Rejection(Reason.SIGNER_NOT_REQUIRED, id_, "Nobody whose consent it needs has signed it.")
    if not ended.had_hidden_leg:
        return Rejection(Reason.ALREADY_DECIDED, id_, f"It is {ended.state.name} and archived.")
    return replace(
        _alleged(id_, terms, signed, context),
        state=State.ABORTED,
        decision=ended.decision,
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


def _alleged(id_: SettlementId, terms: Terms, signatures: tuple[PartySignature, ...], context: Context) -> Settlement:
    return Settlement(
        id=id_,
        terms=terms,
        signatures=signatures,
        cancels=(),
        state=State.ALLEGED,
        legs=tuple(NEW_LEG for _ in legs_of(terms)),
        matched_at=UnixSeconds(Uint64(0)),
        decision=None,
        decided_at=UnixSeconds(Uint64(0)),
        cause=Cause.NONE,
        reason=None,
        decision_signatures=(),
        certificate=None,
        registry_sequence=context.registry_sequence,
    )


def _add(known: Settlement, terms: Terms, signatures: Iterable[PartySignature], context: Context) -> Outcomes:
    """Add what is new to a known settlement; admission is asked again where terms become clear or it would match."""
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
    fault = unalterable_fault(clearer, context) if clearer != known.terms or is_matched(richer, context) else None
    if fault is not None:
        return decide(richer, Outcome.ABORT, Cause.NOT_ADMITTED, context, reason=fault[0])
    if is_matched(richer, context) and (passing := passing_fault(clearer, context)) is not None:
        return Rejection(passing[0], known.id, passing[1])
    return advance(richer, context)


def _merge(
    have: tuple[PartySignature, ...], more: Iterable[PartySignature], needed: tuple[bytes, ...]
) -> tuple[PartySignature, ...]:
    """Add signatures of needed signers that are not there yet; the first of each signer stays."""
    by_signer = {each.signer: each for each in more if each.signer in needed}
    by_signer.update({each.signer: each for each in have})
    return tuple(by_signer[signer] for signer in sorted(by_signer))


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
