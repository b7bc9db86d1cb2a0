"""Effects: what the core asks of the node, as data.

What a settlement still needs is derived from its present state alone, so a node that was killed finds all its duties
again by looking. Performing one twice is harmless: ledgers answer by id, and a decision is signed once. While a
rotation is pending, the outgoing committee signs that and nothing else.

Source: specification 4 (EFFECT-LEVEL, EFFECT-PARALLEL, EFFECT-THRIFT, EFFECT-SILENT).
"""

from dataclasses import dataclass

from interlock.core.committee import Epoch
from interlock.core.decision import Outcome
from interlock.core.instruction import LegIndex, OnchainLeg, SettlementId, ledger_of, legs_of
from interlock.core.leg import CLOSED_BY_ABORT, WITHOUT_HOLD, LegState
from interlock.core.rules import is_pivot_leg
from interlock.core.settlement import Settlement, State
from interlock.encoding.values import Bytes32, Uint32


@dataclass(frozen=True, slots=True)
class PrepareLeg:
    """Ask the leg's ledger for its hold."""

    settlement: SettlementId
    leg: LegIndex


@dataclass(frozen=True, slots=True)
class SignOrder:
    """Record the order durably, sign it, bring the signature to the log."""

    settlement: SettlementId


@dataclass(frozen=True, slots=True)
class ExecuteOrder:
    """Bring the order, with the instruction, to the pivot; the leg is the pivot's first."""

    settlement: SettlementId
    leg: LegIndex


@dataclass(frozen=True, slots=True)
class SignDecision:
    """Record the decision durably, sign it, bring the signature to the log."""

    settlement: SettlementId
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class SignBatch:
    """Record every decision of a batch durably, sign them as one, bring the signature to the log."""

    root: Bytes32


@dataclass(frozen=True, slots=True)
class DeliverCertificate:
    """Bring the certificate to the leg's ledger: deliver, return or tombstone."""

    settlement: SettlementId
    leg: LegIndex


@dataclass(frozen=True, slots=True)
class SignRotation:
    """Record the pending rotation durably, sign it, bring the signature to the log; sign nothing more in this epoch."""

    from_epoch: Epoch


Effect = PrepareLeg | SignOrder | ExecuteOrder | SignDecision | SignBatch | DeliverCertificate | SignRotation


def outstanding(settlement: Settlement, *, is_handing_over: bool = False) -> tuple[Effect, ...]:
    """Give what the settlement needs now, in the order of its legs.

    `is_handing_over`: a rotation is pending, so decisions and orders wait for the next epoch's signatures.
    """
    match settlement.state:
        case State.PREPARING:
            pending = _legs_in(settlement, frozenset({LegState.PENDING}))
            return tuple(PrepareLeg(settlement.id, leg) for leg in pending if not is_pivot_leg(settlement, leg))
        case State.PIVOTING if settlement.order_certificate is None:
            return () if is_handing_over else (SignOrder(settlement.id),)
        case State.PIVOTING:
            of_pivot = [leg for leg in range(len(settlement.legs)) if is_pivot_leg(settlement, leg)]
            return tuple(ExecuteOrder(settlement.id, LegIndex(Uint32(leg))) for leg in of_pivot[:1])
        case State.COMMITTED | State.ABORTED if settlement.certificate is None:
            return () if is_handing_over else _signature_of(settlement)
        case State.COMMITTED:
            return tuple(
                DeliverCertificate(settlement.id, leg) for leg in _legs_in(settlement, frozenset({LegState.ENTITLED}))
            )
        case State.ABORTED:
            return tuple(DeliverCertificate(settlement.id, leg) for leg in _unclosed(settlement))
        case _:
            return ()


def _signature_of(settlement: Settlement) -> tuple[Effect, ...]:
    if settlement.batch is not None:
        return (SignBatch(settlement.batch),)
    decision = settlement.decision
    return () if decision is None else (SignDecision(settlement.id, decision.outcome),)


def _unclosed(settlement: Settlement) -> list[LegIndex]:
    """Give the aborted legs that are brought their certificate.

    Of a settlement that never matched, not those on chain of which no hold is known: whoever fills the log with refused
    instructions must not make the nodes pay for tombstones in its stead. They are watched until `prepareBy`. Nor those
    whose ledger nobody was told, nor the pivot's: nothing is held there, and no order will come.
    """
    terms = legs_of(settlement.terms)
    return [
        leg
        for leg in _legs_in(settlement, frozenset(LegState) - CLOSED_BY_ABORT)
        if ledger_of(terms[leg]) is not None
        and not is_pivot_leg(settlement, leg)
        and (
            settlement.matched_at
            or settlement.legs[leg].state not in WITHOUT_HOLD
            or not isinstance(terms[leg], OnchainLeg)
        )
    ]


def _legs_in(settlement: Settlement, states: frozenset[LegState]) -> list[LegIndex]:
    return [LegIndex(Uint32(index)) for index, leg in enumerate(settlement.legs) if leg.state in states]
