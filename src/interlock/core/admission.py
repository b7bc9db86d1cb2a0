"""Admission: which instructions the network takes, and what it does with those that it does not.

*Unalterable* reasons (form, amounts, parties, times) can never go away: the id is recorded as ABORTED and certified,
so that a hold which some ledger already has can be returned. *Passing* reasons (an unknown ledger, a busy lane, a
deadline that is still too far away) may go away: the entry is rejected and nothing is recorded, so that nobody can
spoil another's good instruction by submitting it at a bad moment. Once `prepareBy` has passed, every reason is final.

Source: specification 3 (ADMISSION-1 to ADMISSION-4, TERMS-LANE; ADMIT- and its name tag each reason).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from interlock.core.committee import Committee
from interlock.core.instruction import (
    AccountLeg,
    AccountTerms,
    Instruction,
    LegTerms,
    OnchainLeg,
    RedactedAccountLeg,
    SettlementId,
    Terms,
    ledger_of,
    legs_of,
    required_signers,
)
from interlock.core.limits import ACCOUNT_AMOUNT_MAX, LEGS_MAX, MEMO_BYTES_MAX, NAME_BYTES_MAX
from interlock.core.registry import LedgerClass, Registry
from interlock.core.rejection import Reason
from interlock.encoding.values import ZERO_ADDRESS, ZERO_BYTES32, Address, Bytes32, Uint64, UnixSeconds, hex_of

Fault = tuple[Reason, str]
"""A reason, and the values that were compared."""

Lane = tuple[str, Address, int]
"""A payer's slot in a vault: ledger, payer, lane number."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the log knows besides the settlement itself; rules read nothing else."""

    network_id: Bytes32
    committee: Committee
    time: UnixSeconds
    """Log time: that of the block being applied."""
    registry: Registry
    registry_sequence: Uint64
    """Of the configuration in force; 0 while there is none, when every ledger is unknown, which passes."""
    open_by_signer: Mapping[Address, int]
    """Matched and undecided settlements that each key has signed."""
    live_lanes: Mapping[Lane, SettlementId]
    """Lanes in use by matched settlements that have not ended."""


def unalterable_fault(terms: Terms, context: Context) -> Fault | None:
    """Give the reason with the lowest number for which these terms can never be admitted, or None."""
    legs = legs_of(terms)
    if not legs:
        return Reason.NO_LEGS, ""
    if len(legs) > LEGS_MAX:
        return Reason.TOO_MANY_LEGS, f"{len(legs)} legs, {LEGS_MAX} are allowed."
    if isinstance(terms, Instruction) and len(terms.memo.encode()) > MEMO_BYTES_MAX:
        return Reason.TEXT_TOO_LONG, f"The memo has more than {MEMO_BYTES_MAX} bytes."
    fault = _first(_onchain_fault(leg) if isinstance(leg, OnchainLeg) else _account_fault(leg) for leg in legs)
    if fault is not None:
        return fault
    lanes = lanes_of(terms)
    if len(set(lanes)) != len(lanes):
        return Reason.LANE_TWICE, "Give each on-chain leg of one payer a lane of its own."
    if (fault := _time_fault(terms, context)) is not None:
        return fault
    if terms.pivot_window and not terms.pivot:
        return Reason.PIVOT_WINDOW_UNWANTED, f"pivotWindow {terms.pivot_window}; 0 is wanted without a pivot."
    return _class_fault(terms, context.registry) or _pivot_fault(terms, context)


def passing_fault(terms: Terms, context: Context) -> Fault | None:
    """Give the reason with the lowest number for which these terms cannot be admitted now, or None."""
    fault = _first(_ledger_fault(leg, context.registry) for leg in legs_of(terms))
    if fault is not None:
        return fault
    for signer in required_signers(terms):
        live = context.open_by_signer.get(signer, 0)
        if live >= context.registry.open_per_signer_max:
            return Reason.TOO_MANY_OPEN, f"{hex_of(signer)} has {live}; let some end first."
    for lane in lanes_of(terms):
        holder = context.live_lanes.get(lane)
        if holder is not None:
            return Reason.LANE_LIVE, f"Lane {lane[2]} of {hex_of(lane[1])} serves {hex_of(holder)}; take another lane."
    if terms.conditions != ZERO_BYTES32 and not context.registry.has_conditions:
        return Reason.CONDITIONS_UNSUPPORTED, "Leave `conditions` zero."
    latest = context.time + context.registry.prepare_horizon_s
    if terms.prepare_by > latest:
        return Reason.PREPARE_BY_TOO_FAR, f"prepareBy {terms.prepare_by}, the farthest allowed now is {latest}."
    return None


def lanes_of(terms: Terms) -> tuple[Lane, ...]:
    """Give the lanes that the on-chain legs occupy while they are live."""
    return tuple((leg.ledger, leg.payer, leg.lane) for leg in terms.onchain_legs)


def _first(by_leg: Iterable[Fault | None]) -> Fault | None:
    """Give the fault with the lowest number, and of several such that of the first leg, which it names."""
    found = [(fault[0], f"Leg {index}: {fault[1]}") for index, fault in enumerate(by_leg) if fault is not None]
    return min(found, key=lambda fault: fault[0], default=None)


def _onchain_fault(leg: OnchainLeg) -> Fault | None:
    if leg.amount == 0:
        return Reason.AMOUNT_ZERO, "the amount is 0."
    if leg.payer in {ZERO_ADDRESS, leg.vault, leg.token}:
        return Reason.PAYER_INVALID, f"payer {hex_of(leg.payer)}."
    if leg.payee in {ZERO_ADDRESS, leg.vault, leg.token, leg.payer}:
        return Reason.PAYEE_INVALID, f"payee {hex_of(leg.payee)}."
    if leg.generation == 0:
        return Reason.GENERATION_ZERO, "generations count from 1."
    return None


def _account_fault(leg: AccountLeg | RedactedAccountLeg) -> Fault | None:
    terms = leg.terms
    if not isinstance(terms, AccountTerms):
        return _signer_fault(leg)
    for text in (terms.ledger, terms.asset, terms.payer, terms.payee):
        if not 0 < len(text.encode()) <= NAME_BYTES_MAX:
            return Reason.TEXT_TOO_LONG, f"names have 1 to {NAME_BYTES_MAX} bytes."
    if terms.amount == 0:
        return Reason.AMOUNT_ZERO, "the amount is 0."
    if terms.amount > ACCOUNT_AMOUNT_MAX:
        return Reason.AMOUNT_TOO_LARGE, f"{terms.amount} is more than {ACCOUNT_AMOUNT_MAX}."
    if (fault := _signer_fault(leg)) is not None:
        return fault
    if terms.payer == terms.payee:
        return Reason.PAYEE_INVALID, f"{terms.payee!r} pays itself."
    return None


def _signer_fault(leg: AccountLeg | RedactedAccountLeg) -> Fault | None:
    return (Reason.PAYER_INVALID, "the signer is the zero address.") if leg.signer == ZERO_ADDRESS else None


def _time_fault(terms: Terms, context: Context) -> Fault | None:
    if context.time > terms.prepare_by:
        return Reason.PREPARE_BY_PASSED, f"prepareBy {terms.prepare_by}, log time {context.time}."
    if terms.prepare_by < terms.settle_from:
        return (
            Reason.PREPARE_BY_BEFORE_SETTLE_FROM,
            f"prepareBy {terms.prepare_by}, settleFrom {terms.settle_from}.",
        )
    return None


def _pivot_fault(terms: Terms, context: Context) -> Fault | None:
    """Check that the pivot is a leg's ledger and can be one; what a hidden leg's is shows at the match."""
    if not terms.pivot:
        return None
    names = {ledger_of(leg) for leg in legs_of(terms)}
    if terms.pivot not in names and None not in names:
        return Reason.PIVOT_WITHOUT_LEG, f"Pivot {terms.pivot[:NAME_BYTES_MAX]!r}; it must name a leg's ledger."
    if terms.pivot_window == 0:
        return Reason.PIVOT_WINDOW_ZERO, "pivotWindow 0; the pivot needs time to execute."
    if context.registry_sequence and terms.pivot_window > context.registry.pivot_window_max_s:
        return (
            Reason.PIVOT_WINDOW_TOO_LONG,
            f"pivotWindow {terms.pivot_window}, {context.registry.pivot_window_max_s} is allowed.",
        )
    entry = context.registry.ledger(terms.pivot)
    if entry is not None and not entry.is_pivot:
        return Reason.PIVOT_UNSUPPORTED, f"Pivot {terms.pivot!r}; it executes nothing in one step."
    return None


def _ledger_fault(leg: LegTerms, registry: Registry) -> Fault | None:
    name = ledger_of(leg)
    if name is None:
        return None
    entry = registry.ledger(name)
    if entry is None:
        return Reason.LEDGER_UNKNOWN, f"{name!r}."
    if entry.is_suspended:
        return Reason.LEDGER_SUSPENDED, f"{name!r}."
    asset = _asset_of(leg)
    return None if asset in entry.assets else (Reason.ASSET_UNKNOWN, f"{asset!r} on {name!r}.")


def _class_fault(terms: Terms, registry: Registry) -> Fault | None:
    for index, leg in enumerate(legs_of(terms)):
        name = ledger_of(leg)
        entry = None if name is None else registry.ledger(name)
        if name == terms.pivot and entry is not None and entry.ledger_class is LedgerClass.DIRECT:
            continue
        wanted = LedgerClass.VAULT if isinstance(leg, OnchainLeg) else LedgerClass.HELD
        if entry is not None and entry.ledger_class is not wanted:
            return Reason.LEDGER_CANNOT_HOLD, f"Leg {index}: {name!r} is of class {entry.ledger_class.name}."
    return None


def _asset_of(leg: LegTerms) -> str:
    if isinstance(leg, OnchainLeg):
        return hex_of(leg.token)
    return leg.terms.asset if isinstance(leg.terms, AccountTerms) else ""
