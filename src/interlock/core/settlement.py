r"""One settlement: everything that the log knows of it, and the states it can be in.

    ALLEGED -> MATCHED -> PREPARING -> COMMITTED -> SETTLED
         \         \           \-----> ABORTED  -> UNWOUND

`lifecycle` says what each event brings, `rules` what follows from it.

Source: specification 4.
"""

from dataclasses import dataclass
from enum import IntEnum

from interlock.core.decision import Certificate, Decision, MemberSignature
from interlock.core.instruction import PartySignature, SettlementId, Terms, ledger_of, legs_of
from interlock.core.leg import Leg
from interlock.core.rejection import Reason
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
    matched_at: UnixSeconds
    """Log time of the match; 0 where it never matched."""
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
    """The configuration under which it was matched; before the match, first seen."""


@dataclass(frozen=True, slots=True)
class EndedSettlement:
    """What stays in memory of a settlement that ended."""

    decision: Decision
    decided_at: UnixSeconds
    state: State
    cause: Cause
    reason: Reason | None
    had_hidden_leg: bool
    """A leg's ledger was never told; a hold that nobody could see may stand there."""


def ended_of(settlement: Settlement, decision: Decision) -> EndedSettlement:
    """Give what is kept of a settlement that ended with this decision."""
    return EndedSettlement(
        decision=decision,
        decided_at=settlement.decided_at,
        state=settlement.state,
        cause=settlement.cause,
        reason=settlement.reason,
        had_hidden_leg=any(ledger_of(leg) is None for leg in legs_of(settlement.terms)),
    )
