"""One settlement as a face shows it: state, why, what comes next and by when, who can act; one row per leg."""

from collections.abc import Mapping

from interlock.core.attestation import Fact
from interlock.core.committee import Committee
from interlock.core.effects import outstanding
from interlock.core.instruction import (
    AccountTerms,
    LegTerms,
    OnchainLeg,
    ledger_of,
    legs_of,
    required_signers,
    signer_of,
)
from interlock.core.leg import Leg, LegState
from interlock.core.settlement import Cause, Settlement, State
from interlock.encoding.values import hex_of

View = dict[str, object]
"""JSON values."""

_WHY = {
    Cause.NONE: "It is not decided.",
    Cause.NOT_ADMITTED: "The instruction can never be admitted.",
    Cause.PREPARE_BY_PASSED: "The time to prepare passed before every leg was held.",
    Cause.LEG_REFUSED: "A ledger refused its hold.",
    Cause.LEG_LOST: "A hold ended without a certificate.",
    Cause.LEG_CONSENT: "Payer and payee ended a hold together.",
    Cause.CANCELLED: "It was cancelled by those who may.",
    Cause.ALL_HELD: "Every leg was held with the signed terms.",
}


def settlement_view(settlement: Settlement, committee: Committee, troubles: Mapping[int, str]) -> View:
    """Give a settlement as JSON values. `troubles`: why the newest attempt on a leg did not work, by leg."""
    why = _WHY[settlement.cause] if settlement.reason is None else settlement.reason.sentence
    next_step, actors = _next(settlement, committee)
    terms = settlement.terms
    signed = {each.signer for each in settlement.signatures}
    return {
        "settlement": hex_of(settlement.id),
        "state": settlement.state.name,
        "why": why,
        "cause": settlement.cause.name,
        "reason": None if settlement.reason is None else settlement.reason.name,
        "next": next_step,
        "canAct": actors,
        "settleFrom": terms.settle_from,
        "prepareBy": terms.prepare_by,
        "decidedAt": settlement.decided_at or None,
        "outcome": None if settlement.decision is None else settlement.decision.outcome.name,
        "signers": [{"signer": hex_of(each), "signed": each in signed} for each in required_signers(terms)],
        "cancelledBy": [hex_of(each.signer) for each in settlement.cancels],
        "decisionSignedBy": [each.member for each in settlement.decision_signatures],
        "quorum": committee.quorum,
        "certified": settlement.certificate is not None,
        "legs": [
            _leg_row(index, leg_terms, settlement.legs[index], troubles.get(index))
            for index, leg_terms in enumerate(legs_of(terms))
        ],
    }


def _leg_row(index: int, terms: LegTerms, leg: Leg, trouble: str | None) -> View:
    return {
        "leg": index,
        "ledger": ledger_of(terms),
        "state": leg.state.name,
        "signer": hex_of(signer_of(terms)),
        **_amounts(terms),
        "votes": {each.fact.name: _members(each.members) for each in leg.tallies},
        "stands": [fact.name for fact in Fact if leg.stands(fact)],
        "trouble": trouble,
    }


def _amounts(terms: LegTerms) -> View:
    if isinstance(terms, OnchainLeg):
        payer, payee = hex_of(terms.payer), hex_of(terms.payee)
        return {"asset": hex_of(terms.token), "amount": str(terms.amount), "payer": payer, "payee": payee}
    if isinstance(terms.terms, AccountTerms):
        clear = terms.terms
        return {"asset": clear.asset, "amount": str(clear.amount), "payer": clear.payer, "payee": clear.payee}
    return {"asset": None, "amount": None, "payer": None, "payee": None}


def _members(bits: int) -> list[int]:
    return [member for member in range(bits.bit_length()) if bits >> member & 1]


def _next(settlement: Settlement, committee: Committee) -> tuple[str, list[str]]:
    """Say what happens next and who can act."""
    terms = settlement.terms
    signed = {each.signer for each in settlement.signatures}
    missing = [hex_of(each) for each in required_signers(terms) if each not in signed]
    match settlement.state:
        case State.ALLEGED if not missing:
            return (
                f"Somebody brings the terms in clear, or it is aborted when log time passes {terms.prepare_by}.",
                ["anyone who has the instruction in clear", "any signer may cancel"],
            )
        case State.ALLEGED:
            return (
                f"The missing parties sign, or it is aborted when log time passes {terms.prepare_by}.",
                [*missing, "any signer may cancel"],
            )
        case State.MATCHED | State.PREPARING if all(leg.state is LegState.HELD for leg in settlement.legs):
            return (
                f"Every leg is held; it is committed when log time reaches {terms.settle_from}.",
                ["all signers together may cancel"],
            )
        case State.MATCHED | State.PREPARING:
            waiting = [_progress(index, leg, committee) for index, leg in enumerate(settlement.legs)]
            return (
                f"Every ledger is asked for its hold ({', '.join(waiting)}); decided by log time {terms.prepare_by}.",
                ["the nodes", "all signers together may cancel"],
            )
        case State.COMMITTED | State.ABORTED if settlement.certificate is None:
            return "A quorum of nodes signs the decision.", ["the nodes"]
        case State.COMMITTED:
            return "The certificate delivers every leg.", ["the nodes", "anyone with the certificate"]
        case State.ABORTED if not outstanding(settlement):
            return (
                f"No hold is known; the ledgers are watched until their own time passes {terms.prepare_by}.",
                ["anyone with the certificate"],
            )
        case State.ABORTED:
            return "The certificate returns or closes every leg.", ["the nodes", "anyone with the certificate"]
        case _:
            return "Nothing; it has ended.", []


def _progress(index: int, leg: Leg, committee: Committee) -> str:
    """Say how far a leg is on its way to its hold, so that a quorum that is missing can be seen."""
    if leg.state is not LegState.PENDING:
        return f"leg {index} is {leg.state.name}"
    attested = leg.tally(Fact.HELD).members.bit_count()
    return f"leg {index} is PENDING, {attested} of {committee.quorum} needed nodes attest HELD"
