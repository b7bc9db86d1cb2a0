"""What a verification found, in words and as data.

A report says what was checked, in order, up to the first check that failed; what the receipt shows of each leg; which
attestations are lies; and what the receipt does **not** prove.
"""

from dataclasses import dataclass
from typing import ClassVar

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.leg import LegState
from interlock.core.settlement import State
from interlock.encoding.values import Bytes32, Uint32


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked."""

    name: str
    """One word, stable."""
    ok: bool
    sentence: str
    """What holds, or why it does not."""


@dataclass(frozen=True, slots=True)
class LegReport:
    """What the receipt shows of one leg."""

    leg: Uint32
    ledger: str
    """Empty where the receipt hides it."""
    asset: str
    """Empty where the receipt hides it."""
    amount: str
    """Minor units in decimal; empty where the receipt hides it."""
    payer: str
    payee: str
    state: LegState
    """As far as facts stand: DELIVERED, RETURNED, TOMBSTONED and CONSENT are ends."""


@dataclass(frozen=True, slots=True)
class Lie:
    """An attestation whose own document says otherwise."""

    member: Uint32
    leg: Uint32
    fact: Fact
    sentence: str


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to the question whether a receipt proves its settlement."""

    KIND: ClassVar[str] = "interlock/report/1"

    valid: bool
    reason: str | None
    """Why not: the sentence of the first check that failed."""
    summary: str
    """The verdict in a sentence."""
    network: Bytes32 | None
    """Null where the genesis document could not be read."""
    settlement: Bytes32 | None
    """Null where the receipt could not be read."""
    outcome: Outcome | None
    """What the certificate says; null where the receipt is not valid."""
    state: State | None
    """COMMITTED or ABORTED, and SETTLED or UNWOUND once every leg's end is shown; null where it is not valid."""
    checks: tuple[Check, ...]
    """In order; those after the first that failed were not made."""
    legs: tuple[LegReport, ...]
    """Empty where the receipt is not valid."""
    lies: tuple[Lie, ...]
    """Attestations that their own documents refute; they do no harm while the facts stand without them."""
    remarks: tuple[str, ...]
    """What else is worth knowing: whose word something rests on, what is not complete."""
    limits: tuple[str, ...]
    """What this receipt does not prove."""
