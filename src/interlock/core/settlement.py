r"""One settlement: everything that the log knows of it, and the states it can be in.

    ALLEGED -> MATCHED -> PREPARING -> [PIVOTING] -> COMMITTED -> SETTLED
         \         \           \             \-----> ABORTED  -> UNWOUND

`lifecycle` says what each event brings, `rules` what follows from it. Votes that have not come to a quorum are not
here: they count within one epoch, and are kept beside (`ballots`).

Source: specification 4 (its states; RULE-FIRST).
"""

from dataclasses import dataclass
from enum import IntEnum

from interlock.core import attestation
from interlock.core.attestation import Fact
from interlock.core.decision import AnyCertificate, Decision
from interlock.core.instruction import PartySignature, SettlementId, Terms, required_signers
from interlock.core.leg import Leg
from interlock.core.order import Order, OrderCertificate
from interlock.core.rejection import Reason
from interlock.encoding.values import Address, Bytes32, Uint32, Uint64, UnixSeconds


class State(IntEnum):
    """Where a settlement is."""

    ALLEGED = 1
    """Some required signers have signed."""
    MATCHED = 2
    """All have, and the terms are known in clear."""
    PREPARING = 3
    """Every ledger outside the pivot is asked for its hold."""
    PIVOTING = 4
    """All of them hold; the pivot has the order, and its word decides."""
    COMMITTED = 5
    """Decided: every leg delivers."""
    ABORTED = 6
    """Decided: every leg returns."""
    SETTLED = 7
    """Certified, and every leg is delivered."""
    UNWOUND = 8
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
    CONDITION_UNMET = 8
    """The condition that the terms name did not hold."""
    PIVOT_EXECUTED = 9
    """The pivot executed its order."""
    PIVOT_NEVER = 10
    """The pivot can never execute its order."""


DECIDED = frozenset({State.COMMITTED, State.ABORTED, State.SETTLED, State.UNWOUND})
ENDED = frozenset({State.SETTLED, State.UNWOUND})
UNDECIDED = frozenset({State.ALLEGED, State.MATCHED, State.PREPARING, State.PIVOTING})
BOUND = frozenset({State.MATCHED, State.PREPARING, State.PIVOTING})
"""Matched and undecided: what counts against the limit of a key that signed."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """Everything that the log knows of one settlement."""

    id: SettlementId
    terms: Terms
    signatures: tuple[PartySignature, ...]
    """By rising signer, each required signer at most once."""
    consents: tuple[Address, ...]
    """By rising address: required signers whose own call on chain is their consent (SIGNED stands)."""
    cancels: tuple[PartySignature, ...]
    """By rising signer; over the cancel digest."""
    state: State
    legs: tuple[Leg, ...]
    stood: Uint32
    """Facts that stand about the settlement as a whole; bit i for the fact with number i."""
    matched_at: UnixSeconds
    """Log time of the match; 0 where it never matched."""
    order: Order | None
    """The pivot's one order; its epoch is the one that signs it now."""
    order_certificate: OrderCertificate | None
    """The order's proof, while it is needed."""
    decision: Decision | None
    """Its epoch is the one that signs it now."""
    decided_at: UnixSeconds
    """Log time of the decision; 0 before."""
    cause: Cause
    reason: Reason | None
    """Why it could not be admitted, where that is the cause."""
    batch: Bytes32 | None
    """Root of the batch in which its decision is to be signed; None where alone, or where it has its certificate."""
    certificate: AnyCertificate | None
    """The first of its epoch that the log made possible."""
    registry_sequence: Uint64
    """The configuration under which it was matched; before the match, first seen."""

    def stands(self, fact: Fact) -> bool:
        """Tell whether a fact about the settlement as a whole stands."""
        return attestation.stands(self.stood, fact)

    @property
    def unsigned(self) -> tuple[Address, ...]:
        """Give the required signers that have neither signed nor consented by their own call."""
        have = {each.signer for each in self.signatures} | set(self.consents)
        return tuple(each for each in required_signers(self.terms) if each not in have)
