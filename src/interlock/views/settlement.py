"""One settlement as a face shows it: state, why, what comes next and by when, who can act; one row per leg."""

from collections.abc import Iterable, Mapping

from interlock.core.attestation import Fact
from interlock.core.ballots import Tally
from interlock.core.committee import Committee, MemberIndex
from interlock.core.effects import outstanding
from interlock.core.instruction import (
    AccountTerms,
    Instruction,
    LegTerms,
    OnchainLeg,
    ledger_of,
    legs_of,
    required_signers,
    signer_of,
)
from interlock.core.leg import Leg, LegState
from interlock.core.order import Order
from interlock.core.rules import is_pivot_leg
from interlock.core.settlement import Cause, Settlement, State
from interlock.encoding.values import ZERO_BYTES32, hex_of

View = dict[str, object]
"""JSON values."""


class _Votes:
    """Who attested what, by leg and fact."""

    def __init__(self, tallies: Iterable[Tally]) -> None:
        self._members = {(int(each.leg), each.fact): each.members for each in tallies}

    def of(self, leg: int, fact: Fact) -> int:
        """Give the members that attested a fact, as bits."""
        return self._members.get((leg, fact), 0)


_WHY = {
    Cause.NONE: "It is not decided.",
    Cause.NOT_ADMITTED: "The instruction can never be admitted.",
    Cause.PREPARE_BY_PASSED: "The time to prepare passed before every leg was held.",
    Cause.LEG_REFUSED: "A ledger refused its hold.",
    Cause.LEG_LOST: "A hold ended without a certificate.",
    Cause.LEG_CONSENT: "Payer and payee ended a hold together.",
    Cause.CANCELLED: "It was cancelled by those who may.",
    Cause.ALL_HELD: "Every leg was held with the signed terms.",
    Cause.CONDITION_UNMET: "The condition that the terms name did not hold.",
    Cause.PIVOT_EXECUTED: "Every other leg was held, and the pivot executed its order.",
    Cause.PIVOT_NEVER: "The pivot can never execute its order.",
}


def settlement_view(
    settlement: Settlement,
    committee: Committee,
    *,
    troubles: Mapping[int, str],
    tallies: Iterable[Tally],
    signers: Iterable[MemberIndex],
) -> View:
    """Give a settlement as JSON values.

    `troubles`: why the newest attempt on a leg did not work, by leg; `tallies`: who attested what; `signers`: who has
    signed its order or decision.
    """
    votes = _Votes(tallies)
    why = _WHY[settlement.cause] if settlement.reason is None else settlement.reason.sentence
    next_step, actors = _next(settlement, committee, votes)
    terms = settlement.terms
    unsigned = settlement.unsigned
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
        "signers": [{"signer": hex_of(each), "signed": each not in unsigned} for each in required_signers(terms)],
        "cancelledBy": [hex_of(each.signer) for each in settlement.cancels],
        "order": None if settlement.order is None else _order_row(settlement, settlement.order),
        "condition": _condition(settlement),
        "decisionSignedBy": list(signers),
        "quorum": committee.quorum,
        "certified": settlement.certificate is not None,
        "legs": [
            _leg_row(index, leg_terms, settlement.legs[index], troubles.get(index), votes)
            for index, leg_terms in enumerate(legs_of(terms))
        ],
    }


def _leg_row(index: int, terms: LegTerms, leg: Leg, trouble: str | None, votes: _Votes) -> View:
    return {
        "leg": index,
        "ledger": ledger_of(terms),
        "state": leg.state.name,
        "signer": hex_of(signer_of(terms)),
        **_amounts(terms),
        "votes": {fact.name: _members(votes.of(index, fact)) for fact in Fact if votes.of(index, fact)},
        "stands": [fact.name for fact in Fact if leg.stands(fact)],
        "trouble": trouble,
        "stuck": "The hold was lost after the order was out; the amount is owed." if leg.is_stuck else None,
    }


def _order_row(settlement: Settlement, order: Order) -> View:
    certified = settlement.order_certificate is not None
    return {"ledger": order.ledger, "lastValid": order.last_valid, "certified": certified}


def _condition(settlement: Settlement) -> str | None:
    if settlement.terms.conditions == ZERO_BYTES32:
        return None
    return "MET" if settlement.stands(Fact.MET) else "UNMET" if settlement.stands(Fact.UNMET) else "OPEN"


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


def _next(settlement: Settlement, committee: Committee, votes: _Votes) -> tuple[str, list[str]]:
    """Say what happens next and who can act."""
    match settlement.state:
        case State.ALLEGED:
            return _next_to_match(settlement)
        case State.MATCHED | State.PREPARING:
            return _next_to_hold(settlement, committee, votes)
        case State.PIVOTING:
            return _next_to_execute(settlement)
        case State.COMMITTED | State.ABORTED:
            return _next_to_end(settlement)
        case _:
            return "Nothing; it has ended.", []


def _next_to_match(settlement: Settlement) -> tuple[str, list[str]]:
    missing = [hex_of(each) for each in settlement.unsigned]
    prepare_by = settlement.terms.prepare_by
    if missing:
        return (
            f"The missing parties sign, or it is aborted when log time passes {prepare_by}.",
            [*missing, "any signer may cancel"],
        )
    if isinstance(settlement.terms, Instruction):
        # a contract wallet's consent came last, and found a lane busy or a limit reached: a passing reason
        return (
            f"It matches when a signer brings it at a better moment, or is aborted when log time passes {prepare_by}.",
            ["any signer", "any signer may cancel"],
        )
    return (
        f"Somebody brings the terms in clear, or it is aborted when log time passes {prepare_by}.",
        ["anyone who has the instruction in clear", "any signer may cancel"],
    )


def _next_to_hold(settlement: Settlement, committee: Committee, votes: _Votes) -> tuple[str, list[str]]:
    terms = settlement.terms
    if not _is_held(settlement):
        waiting = [_progress(settlement, index, committee, votes) for index in range(len(settlement.legs))]
        return (
            f"Every ledger is asked for its hold ({', '.join(waiting)}); decided by log time {terms.prepare_by}.",
            ["the nodes", "all signers together may cancel"],
        )
    if _condition(settlement) == "OPEN":
        return (
            f"Every leg is held; a quorum of nodes agrees on the condition by log time {terms.prepare_by}.",
            ["the nodes", "all signers together may cancel"],
        )
    done = f"ordered from {terms.pivot!r}" if terms.pivot else "committed"
    return (
        f"Every leg is held; it is {done} when log time reaches {terms.settle_from}.",
        ["all signers together may cancel"],
    )


def _next_to_execute(settlement: Settlement) -> tuple[str, list[str]]:
    order, pivot = settlement.order, settlement.terms.pivot
    if order is None or settlement.order_certificate is None:
        return "A quorum of nodes signs the order to the pivot.", ["the nodes"]
    return (
        f"{pivot!r} executes the order by {order.last_valid} of its own time, or never; its word decides.",
        [pivot, "the nodes", "anyone with the order"],
    )


def _next_to_end(settlement: Settlement) -> tuple[str, list[str]]:
    if settlement.certificate is None:
        return "A quorum of nodes signs the decision.", ["the nodes"]
    if settlement.state is State.COMMITTED:
        return "The certificate delivers every leg.", ["the nodes", "anyone with the certificate"]
    if not outstanding(settlement):
        return (
            f"No hold is known; the ledgers are watched until their own time passes {settlement.terms.prepare_by}.",
            ["anyone with the certificate"],
        )
    return "The certificate returns or closes every leg.", ["the nodes", "anyone with the certificate"]


def _is_held(settlement: Settlement) -> bool:
    """Tell whether every leg is held that ever will be."""
    return all(
        leg.state is LegState.HELD or is_pivot_leg(settlement, index) for index, leg in enumerate(settlement.legs)
    )


def _progress(settlement: Settlement, index: int, committee: Committee, votes: _Votes) -> str:
    """Say how far a leg is on its way to its hold, so that a quorum that is missing can be seen."""
    leg = settlement.legs[index]
    if is_pivot_leg(settlement, index):
        return f"leg {index} is the pivot's and comes last"
    if leg.state is not LegState.PENDING:
        return f"leg {index} is {leg.state.name}"
    attested = votes.of(index, Fact.HELD).bit_count()
    return f"leg {index} is PENDING, {attested} of {committee.quorum} needed nodes attest HELD"
