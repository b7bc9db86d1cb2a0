"""What a decision key may put its name to, given what it has signed before: a pure rule, whatever log it is shown.

    SIGN-1  one outcome for each settlement, for ever
    SIGN-2  one order for each settlement, for ever
    SIGN-3  after an order, ABORT only where that same order is in the log and NEVER stands there
    SIGN-4  after ABORT, no order
    SIGN-5  one rotation for each epoch, only if its root contains all that the key ever signed
    SIGN-6  nothing of an epoch once its rotation is signed

Within an epoch two quorums share an honest member, so these rules alone keep a settlement from being decided twice,
even where the log itself lies. `keys.sign_once` keeps the record on disk and asks this rule before every signature.

Source: specification 5 (SIGN-1 to SIGN-6, RECORD-1 to RECORD-3).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from interlock.core.committee import Epoch
from interlock.core.decision import Outcome
from interlock.core.instruction import SettlementId
from interlock.encoding.values import Bytes32, UnixSeconds, hex_of


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What an order says, whoever signs it."""

    ledger: str
    last_valid: UnixSeconds


@dataclass(frozen=True, slots=True)
class Signed:
    """What a key has signed about one settlement."""

    outcome: Outcome | None = None
    order: OrderTerms | None = None


NOTHING = Signed()
"""The record of a settlement about which nothing was signed."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the log shows of a settlement whose decision is to be signed."""

    order: OrderTerms | None = None
    never_stands: bool = False
    """The pivot's NEVER stands in the log."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that must never be signed, and why."""

    subject: Bytes32
    """The settlement, or the rotation."""
    sentence: str

    def __str__(self) -> str:
        """Say it in a sentence."""
        return f"{hex_of(self.subject)}: {self.sentence}; it is never signed, look for a forked log"


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Something that is not signed any more in this epoch; the next committee signs it."""

    epoch: Epoch
    rotated_from: Epoch

    def __str__(self) -> str:
        """Say it in a sentence."""
        return f"nothing more is signed in epoch {self.epoch}: this key has handed epoch {self.rotated_from} over"


Refusal = Conflict | HandedOver
"""Why a signature is not made: it never may be, or it is the next committee's."""


def decision_conflict(id_: SettlementId, signed: Signed, outcome: Outcome, shown: Shown) -> Conflict | None:
    """Say why an outcome may not be signed, or None where it may: SIGN-1 and SIGN-3."""
    if signed.outcome is not None and signed.outcome is not outcome:
        return Conflict(id_, f"{outcome.name} was asked for, but {signed.outcome.name} was signed before")
    if signed.order is not None and outcome is Outcome.ABORT:
        if shown.order != signed.order:
            return Conflict(id_, "ABORT was asked for after an order was signed that the log does not show")
        if not shown.never_stands:
            return Conflict(id_, "ABORT was asked for after the order, but NEVER does not stand in the log")
    return None


def order_conflict(id_: SettlementId, signed: Signed, order: OrderTerms) -> Conflict | None:
    """Say why an order may not be signed, or None where it may: SIGN-2 and SIGN-4."""
    if signed.outcome is Outcome.ABORT:
        return Conflict(id_, "an order was asked for, but ABORT was signed before")
    if signed.order is not None and signed.order != order:
        return Conflict(
            id_,
            f"an order to {order.ledger!r} until {order.last_valid} was asked for, but one to {signed.order.ledger!r} "
            f"until {signed.order.last_valid} was signed before",
        )
    return None


def rotation_conflict(
    rotation: Bytes32,
    height: int,
    signed_before: Bytes32 | None,
    signed_since: Iterable[tuple[SettlementId, Signed, int]],
    shows: Callable[[SettlementId, Signed], bool],
) -> Conflict | None:
    """Say why a rotation may not be signed, or None where it may: SIGN-5.

    `rotation` is its digest and `height` the block up to which its root reaches; `signed_before` the digest that this
    key has signed for the same epoch; `signed_since` what it signed since it last handed over, each with the height of
    its log at that time. What was signed at or below the height is in the root if the log shows it.
    """
    if signed_before is not None:
        if signed_before == rotation:
            return None
        return Conflict(rotation, f"the rotation {hex_of(signed_before)} of the same epoch was signed before")
    for settlement, signed, signed_at in signed_since:
        if signed_at > height or not shows(settlement, signed):
            return Conflict(rotation, f"its root lacks what was signed of {hex_of(settlement)}")
    return None


def handed_over(epoch: Epoch, rotated_from: Epoch | None) -> HandedOver | None:
    """Say that an epoch is over for this key, or None: SIGN-6. `rotated_from`: the newest epoch that it handed over."""
    return None if rotated_from is None or epoch > rotated_from else HandedOver(epoch, rotated_from)
