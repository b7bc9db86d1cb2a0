"""Effects: what the core asks of the node, as data.

What a settlement still needs is derived from its present state alone, so a node that was killed finds all its duties
again by looking. Performing one twice is harmless: ledgers answer by id, and a decision is signed once.

Source: specification 4.
"""

from dataclasses import dataclass

from interlock.core.decision import Outcome
from interlock.core.instruction import LegIndex, OnchainLeg, SettlementId, ledger_of, legs_of
from interlock.core.leg import CLOSED_BY_ABORT, WITHOUT_HOLD, LegState
from interlock.core.settlement import Settlement, State
from interlock.encoding.values import Uint32


@dataclass(frozen=True, slots=True)
class PrepareLeg:
    """Ask the leg's ledger for its hold."""

    settlement: SettlementId
    leg: LegIndex


@dataclass(frozen=True, slots=True)
class SignDecision:
    """Record the decision durably, sign it, bring the signature to the log."""

    settlement: SettlementId
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class DeliverCertificate:
    """Bring the certificate to the leg's ledger: deliver, return or tombstone."""

    settlement: SettlementId
    leg: LegIndex


Effect = PrepareLeg | SignDecision | DeliverCertificate


def outstanding(settlement: Settlement) -> tuple[Effect, ...]:
    """Give what the settlement needs now, in the order of its legs."""
    match settlement.state:
        case State.PREPARING:
            return tuple(PrepareLeg(settlement.id, leg) for leg in _legs_in(settlement, frozenset({LegState.PENDING})))
        case State.COMMITTED | State.ABORTED if settlement.certificate is None:
            decision = settlement.decision
            return () if decision is None else (SignDecision(settlement.id, decision.outcome),)
        case State.COMMITTED:
            return tuple(
                DeliverCertificate(settlement.id, leg) for leg in _legs_in(settlement, frozenset({LegState.ENTITLED}))
            )
        case State.ABORTED:
            return tuple(DeliverCertificate(settlement.id, leg) for leg in _unclosed(settlement))
        case _:
            return ()


def _unclosed(settlement: Settlement) -> list[LegIndex]:
    """Give the aborted legs that are brought their certificate.

    Of a settlement that never matched, not those on chain of which no hold is known: whoever fills the log with refused
    instructions must not make the nodes pay for tombstones in its stead. They are watched until `prepareBy`. Nor those
    whose ledger nobody was told.
    """
    terms = legs_of(settlement.terms)
    return [
        leg
        for leg in _legs_in(settlement, frozenset(LegState) - CLOSED_BY_ABORT)
        if ledger_of(terms[leg]) is not None
        and (
            settlement.matched_at
            or settlement.legs[leg].state not in WITHOUT_HOLD
            or not isinstance(terms[leg], OnchainLeg)
        )
    ]


def _legs_in(settlement: Settlement, states: frozenset[LegState]) -> list[LegIndex]:
    return [LegIndex(Uint32(index)) for index, leg in enumerate(settlement.legs) if leg.state in states]
