"""Samples: settlements in every state, for rules and effects to be asked about them."""

from golden.world import (
    COUNCIL,
    NETWORK,
    PIVOT_WINDOW_S,
    REGISTRY,
    START,
    WIRE,
    hash_of,
    id_of,
    pivot_instruction,
    seconds,
    uint64,
)

from interlock.core.admission import Context
from interlock.core.decision import Certificate, Decision, Outcome
from interlock.core.instruction import Instruction
from interlock.core.leg import NEW_LEG, Leg, LegState
from interlock.core.order import Order, OrderCertificate
from interlock.core.settlement import DECIDED, Cause, Settlement, State
from interlock.encoding.values import Uint32

TERMS = pivot_instruction()
"""A leg on chain and one at a bank that only pays, the pivot."""

CONTEXT = Context(
    network_id=NETWORK,
    committee=COUNCIL.committee,
    time=seconds(START),
    registry=REGISTRY,
    registry_sequence=uint64(1),
    open_by_signer={},
    live_lanes={},
)

_COMMITTED = frozenset({State.COMMITTED, State.SETTLED})


def leg_in(state: LegState) -> Leg:
    """Give a leg in a state."""
    return Leg(state, Uint32(0))


def sample(
    state: State,
    *legs: LegState,
    terms: Instruction = TERMS,
    is_certified: bool = False,
    is_batched: bool = False,
    is_matched: bool = True,
) -> Settlement:
    """Give a settlement in a state."""
    id_, epoch = id_of(terms), COUNCIL.committee.epoch
    order = Order(id_, WIRE, seconds(START + PIVOT_WINDOW_S), epoch)
    is_ordered = state is State.PIVOTING
    decision = Decision(id_, Outcome.COMMIT if state in _COMMITTED else Outcome.ABORT, epoch)
    return Settlement(
        id=id_,
        terms=terms,
        signatures=(),
        consents=(),
        cancels=(),
        state=state,
        legs=tuple(leg_in(each) for each in legs) or (NEW_LEG, NEW_LEG),
        stood=Uint32(0),
        matched_at=seconds(START if is_matched else 0),
        order=order if is_ordered else None,
        order_certificate=OrderCertificate(order, ()) if is_ordered and is_certified else None,
        decision=decision if state in DECIDED else None,
        decided_at=seconds(0),
        cause=Cause.NONE,
        reason=None,
        batch=hash_of("root") if is_batched else None,
        certificate=Certificate(decision, ()) if state in DECIDED and is_certified else None,
        registry_sequence=uint64(1),
    )
