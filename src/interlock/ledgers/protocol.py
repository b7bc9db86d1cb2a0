"""What a node asks of a ledger, whatever it is: ask for holds, bring certificates, say what is final.

A ledger is outside the system and is believed only as far as its evidence goes. So the three calls are kept apart:
the answers to `prepare` and `deliver` mean nothing but *asked* and *brought*, and only `observe` gives facts, each with
the document that proves it. What is unknown is not failed: no observation is no vote.

Operating errors:

    LedgerError              what went wrong, on which ledger, for which leg; `retryable` says whether to ask again
    ├── LedgerUnavailable    retryable: not reached, silent, overloaded; whether the request arrived is unknown, and
    │   │                    making it again is harmless
    │   └── LedgerNonsense   retryable, with an alarm: it answered something malformed, unsigned or self-contradicting;
    │                        the answer counts for nothing
    └── LedgerRefused        terminal for this request as it stands: the ledger understood it and will not do it
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from interlock.core.attestation import Fact
from interlock.core.decision import AnyCertificate, Certificate
from interlock.core.instruction import LegIndex, PartySignature, SettlementId, Terms
from interlock.core.order import OrderCertificate
from interlock.core.rotation import RotationCertificate
from interlock.encoding.values import hex_of
from interlock.evidence.document import Document


@dataclass(frozen=True, slots=True)
class Watch:
    """One leg of one settlement, and all that an adapter may need to act on it or to look for it."""

    settlement: SettlementId
    terms: Terms
    """The signed terms; an adapter shows its ledger no more of them than that ledger is due."""
    leg: LegIndex
    """The leg, on this adapter's ledger."""
    signatures: tuple[PartySignature, ...] = ()
    """The parties' signatures known so far, over the settlement id."""
    certificate: AnyCertificate | None = None
    """The decision's proof, once there is one."""
    order: OrderCertificate | None = None
    """The order's proof, once there is one, where the leg is the pivot's."""
    rotations: tuple[RotationCertificate, ...] = ()
    """Every rotation since genesis, for a ledger that knows an older committee."""
    is_matched: bool = True
    """All parties have signed; before that only a contract wallet's own consent (SIGNED) is looked for."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A fact that is final on the ledger, and its evidence; the attestation's position and evidence derive from it."""

    settlement: SettlementId
    leg: LegIndex
    """The leg, or `EVERY_LEG` for what a pivot says of its order."""
    fact: Fact
    document: Document | None
    """None where the fact is told by nothing that could be kept and checked."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one look at a ledger gave: facts for some legs, trouble for others, for the rest nothing yet."""

    observations: tuple[Observation, ...] = ()
    """By leg in the order asked; for one leg in the order in which they happened."""
    troubles: tuple["LedgerError", ...] = ()
    """Why some legs, or the whole ledger, could not be seen. No leg's trouble hides another leg's facts."""


class Ledger(Protocol):
    """One external ledger, as one node reaches it with its own connection."""

    name: str
    """The ledger's registered name."""
    tells_consent: bool
    """It can tell SIGNED, a contract wallet's consent by its own call, before a settlement is matched."""

    async def prepare(self, watch: Watch) -> None:
        """Ask the ledger for the leg's hold, with the signatures of all required signers; idempotent.

        Returns once the ledger was asked: a refusal that the ledger records is a fact to `observe`, not an error.
        Raises LedgerUnavailable, LedgerNonsense, LedgerRefused.
        """
        ...

    async def deliver(self, watch: Watch) -> None:
        """Bring the certificate: the hold is captured or released, or, without one, a tombstone set; idempotent.

        Raises ValueError where the watch has no certificate, LedgerUnavailable, LedgerNonsense, LedgerRefused.
        """
        ...

    async def execute(self, watch: Watch) -> None:
        """Bring the order to the pivot, with the instruction; it executes all of its legs in one step, or says NEVER.

        Idempotent. Raises ValueError where the watch has no order, LedgerUnavailable, LedgerNonsense, LedgerRefused
        (also by every ledger that cannot be a pivot).
        """
        ...

    async def observe(self, watches: Sequence[Watch]) -> Sighting:
        """Say what is final now, each fact with evidence and equal to the signed terms.

        Facts are repeated at every look, for ever. Raises no LedgerError: all of them are in the sighting.
        """
        ...

    def waiting(self, settlement: SettlementId, leg: LegIndex) -> str | None:
        """Say in words for people why nothing goes on with a watched leg; None where it does, or is finished."""
        ...

    async def close(self) -> None:
        """Give back connections; harmless twice."""
        ...


class LedgerError(Exception):
    """Tell what a ledger did not do, and for which leg."""

    retryable: ClassVar[bool] = False
    code: ClassVar[str] = "ledger"

    def __init__(
        self, sentence: str, ledger: str, settlement: SettlementId | None = None, leg: LegIndex | None = None
    ) -> None:
        about = "" if settlement is None else f" for settlement {hex_of(settlement)}"
        about += "" if leg is None else f" leg {leg}"
        super().__init__(f"{ledger}{about}: {sentence}")
        self.sentence = sentence
        self.ledger = ledger
        self.settlement = settlement
        self.leg = leg


class LedgerUnavailable(LedgerError):
    """The ledger was not reached or did not answer in time; ask again later."""

    retryable = True
    code = "ledger_unavailable"


class LedgerNonsense(LedgerUnavailable):
    """The answer is malformed, unsigned or contradicts itself or the signed terms; raise an alarm, ask again later."""

    code = "ledger_nonsense"


class LedgerRefused(LedgerError):
    """The ledger will not do this, however often it is asked the same; the sentence is its own."""

    code = "ledger_refused"


def certificate_alone(watch: Watch, ledger: str) -> Certificate:
    """Give the certificate of a watch for a ledger that takes decisions signed on their own only.

    ValueError where the watch has none, LedgerRefused where it is signed in a batch.
    """
    if watch.certificate is None:
        raise ValueError(f"leg {watch.leg} is watched without a certificate: nothing to deliver")
    if not isinstance(watch.certificate, Certificate):
        raise LedgerRefused("it takes no decision signed in a batch", ledger, watch.settlement, watch.leg)
    return watch.certificate


def cannot_execute(watch: Watch, ledger: str) -> LedgerRefused:
    """Give the refusal of a ledger that cannot be a pivot."""
    return LedgerRefused("it executes nothing in one step and cannot be the pivot", ledger, watch.settlement, watch.leg)
