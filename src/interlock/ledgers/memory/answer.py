"""What a ledger answers to a request: where the leg is now, or why nothing was done.

Source: specification 6 and 7.
"""

from enum import IntEnum
from typing import NamedTuple


class Answer(IntEnum):
    """The answer to one request. Up to `LOST` it names the leg's status (`page.Status`), the same one for ever."""

    REFUSED = 1
    """It will not hold this. A bank recorded it; a vault looks again."""
    HELD = 2
    ENTITLED = 3
    """Decided, and not paid yet: bring the certificate again."""
    DELIVERED = 4
    RETURNED = 5
    TOMBSTONED = 6
    EXECUTED = 7
    NEVER = 8
    CONSENT = 9
    LOST = 10

    BRING_ROTATIONS = 20
    """The proof is of a newer epoch than the ledger knows."""
    BRING_NEWER_PROOF = 21
    """The proof is of an epoch that is over: bring the new committee's, or inclusion under the newest root."""
    HALTED = 22
    """A legal halt stands; the outcome is kept."""
    SHORT = 23
    """The payer has not the amount, or its lane is taken; nothing was recorded."""
    UNPAYABLE = 24
    """The receiver cannot be paid now; nothing was done."""

    CANNOT_HOLD = 30
    """This kind of ledger holds nothing."""
    CANNOT_EXECUTE = 31
    """This ledger is no pivot."""
    PIVOT_HERE = 32
    """The instruction's pivot is this ledger: it executes, it holds nothing (B15)."""
    OTHER_TERMS = 33
    """The id is known with another body (B4, D1)."""
    TOO_LATE = 34
    """`prepareBy` is past, by the ledger's own clock (B7)."""
    UNSIGNED = 35
    """A signature or consent that is needed did not come along."""
    NOT_HELD = 36
    """There is no hold to capture, release, redirect or halt."""
    NOT_ENTITLED = 37
    """Whoever asks is not whom the amount belongs to."""
    CONTRADICTED = 38
    """The proof is valid and contradicts what was obeyed before, which stays: more than f members signed both."""
    UNPROVEN = 39
    """The certificate, order or rotation proves nothing here."""
    WRONG_ID = 40
    """The terms do not hash to the id that they were sent under."""
    WRONG_LEDGER = 41
    """The leg, or the order, is not this ledger's."""
    TERMS_HIDDEN = 42
    """A leg is given as a hash, so the ledger cannot tell which legs are its own; a pivot moves all of them or none."""

    @property
    def names_status(self) -> bool:
        """Tell whether it says where the leg is, and not why nothing was done."""
        return self <= Answer.LOST


class Reply(NamedTuple):
    """An answer and what there is to say about it."""

    answer: Answer
    why: str = ""
    """A sentence's end, for people; empty where the answer says it all."""

    def __str__(self) -> str:
        """Say it in words."""
        words = self.answer.name.lower().replace("_", " ")
        return f"{words}: {self.why}" if self.why else words
