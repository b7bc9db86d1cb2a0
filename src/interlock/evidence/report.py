"""What a verification found, in words and as data.

A report says what was checked, in order, up to the first check that failed; what the receipt shows of each leg; which
attestations are lies; and what the receipt does **not** prove.
"""

from dataclasses import dataclass
from typing import ClassVar

from interlock.core.attestation import Fact
from interlock.core.committee import Epoch
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
    is_pivot: bool
    """It is the pivot's: moved in the pivot's one step, never held."""
    state: LegState
    """As far as facts stand: DELIVERED, EXECUTED, RETURNED, TOMBSTONED, NEVER and CONSENT are ends."""


@dataclass(frozen=True, slots=True)
class Lie:
    """An attestation that its own document, or the signed terms, refute."""

    member: Uint32
    epoch: Epoch
    """The committee of which it is a member."""
    leg: Uint32
    """The leg, or 2^32 - 1 for what is said of the order."""
    fact: Fact
    sentence: str


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to the question whether a receipt proves its settlement."""

    KIND: ClassVar[str] = "interlock/report/2"

    valid: bool
    reason: str | None
    """Why not: the sentence of the first check that failed."""
    summary: str
    """The verdict in a sentence."""
    network: Bytes32 | None
    """Null where the genesis document could not be read."""
    settlement: Bytes32 | None
    """Null where the receipt could not be read."""
    epoch: Epoch | None
    """The newest epoch that the receipt shows; null where it is not valid, as are the next two."""
    committee: Bytes32 | None
    """Of that epoch: keccak256 of abi.encode(epoch, members), as a vault shows it."""
    rotation: Bytes32 | None
    """The digest of the rotation that began it; null for the first epoch."""
    outcome: Outcome | None
    """What the certificate says; null where the receipt is not valid."""
    state: State | None
    """COMMITTED or ABORTED, and SETTLED or UNWOUND once every leg's end is shown; null where it is not valid."""
    checks: tuple[Check, ...]
    """In order; those after the first that failed were not made."""
    legs: tuple[LegReport, ...]
    """Empty where the receipt is not valid."""
    lies: tuple[Lie, ...]
    """Attestations that are refuted; they do no harm while the facts stand without them."""
    remarks: tuple[str, ...]
    """What else is worth knowing: whose word something rests on, what is not complete."""
    limits: tuple[str, ...]
    """What this receipt does not prove."""
