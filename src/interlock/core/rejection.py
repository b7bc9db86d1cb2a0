"""Rejections: what is wrong with something that a client or a Byzantine peer sent, as a value with a stable number.

The numbers rise in the order in which things are checked, and the first that applies is the answer. Core, API, CLI,
receipts and documents use the same numbers and sentences.

Source: specification 3 (ADMIT- and the name of a reason of admission) and 4 (REJECT- and that of any other).
"""

from dataclasses import dataclass
from enum import IntEnum

from interlock.core.instruction import SettlementId
from interlock.encoding.values import hex_of


class Reason(IntEnum):
    """Why an entry, or one item of it, changed nothing.

    Names are what clients match on; numbers never change, and those given up (209, 210, 213) are not given again.
    """

    MALFORMED = 100
    TOO_LARGE = 101
    SIGNATURE_INVALID = 110
    SIGNER_NOT_REQUIRED = 111
    NOT_A_MEMBER = 120
    WRONG_EPOCH = 121
    OTHER_LOG = 122

    # unalterable: no later state of the log can make this instruction admissible
    NO_LEGS = 200
    TOO_MANY_LEGS = 201
    TEXT_TOO_LONG = 202
    AMOUNT_ZERO = 203
    AMOUNT_TOO_LARGE = 204
    PAYER_INVALID = 205
    PAYEE_INVALID = 206
    GENERATION_ZERO = 207
    LANE_TWICE = 208
    PREPARE_BY_PASSED = 211
    PREPARE_BY_BEFORE_SETTLE_FROM = 212
    PIVOT_WINDOW_UNWANTED = 214
    LEDGER_CANNOT_HOLD = 215
    PIVOT_WITHOUT_LEG = 216
    PIVOT_WINDOW_ZERO = 217
    PIVOT_WINDOW_TOO_LONG = 218
    PIVOT_UNSUPPORTED = 219

    # passing: may be gone at the next attempt
    LEDGER_UNKNOWN = 300
    LEDGER_SUSPENDED = 301
    ASSET_UNKNOWN = 302
    TOO_MANY_OPEN = 303
    LANE_LIVE = 304
    CONDITIONS_UNSUPPORTED = 305
    PREPARE_BY_TOO_FAR = 306

    SETTLEMENT_UNKNOWN = 400
    LEG_UNKNOWN = 401
    NOTHING_NEW = 402
    ALREADY_DECIDED = 403
    FACT_OUT_OF_ORDER = 404
    NOT_DECIDED = 405
    OTHER_OUTCOME = 406
    NOT_ORDERED = 407
    OTHER_ORDER = 408
    OTHER_BATCH = 409
    ORDER_OUT = 410

    SEQUENCE_NOT_RISING = 500
    QUORUM_MISSING = 501
    REGISTRY_INVALID = 502
    SUCCESSION_INVALID = 510
    ROTATION_PENDING = 511
    OTHER_ROTATION = 512
    EVIDENCE_INVALID = 520
    COMPROMISED = 521

    @property
    def is_unalterable(self) -> bool:
        """Tell whether the instruction can never be admitted, so that its id is recorded as ABORTED."""
        return Reason.NO_LEGS <= self < Reason.LEDGER_UNKNOWN

    @property
    def is_passing(self) -> bool:
        """Tell whether the same instruction may be admitted later, so that nothing is recorded."""
        return Reason.LEDGER_UNKNOWN <= self < Reason.SETTLEMENT_UNKNOWN

    @property
    def sentence(self) -> str:
        """Give the past-tense sentence of this reason."""
        return _SENTENCES[self]


@dataclass(frozen=True, slots=True)
class Rejection:
    """One thing that was refused."""

    reason: Reason
    settlement: SettlementId | None = None
    """The settlement concerned, where there is one."""
    detail: str = ""
    """The values compared, and what to do next."""

    def __str__(self) -> str:
        """Give the rejection as one line for people."""
        which = "" if self.settlement is None else f" ({hex_of(self.settlement)})"
        return f"{self.reason.name}: {self.reason.sentence}{which}" + (f" {self.detail}" if self.detail else "")


_SENTENCES = {
    Reason.MALFORMED: "The bytes did not have the form of any entry.",
    Reason.TOO_LARGE: "The entry was larger than the log takes.",
    Reason.SIGNATURE_INVALID: "A signature did not recover to the key that it was given for.",
    Reason.SIGNER_NOT_REQUIRED: "A signature was from a key whose consent this settlement does not need.",
    Reason.NOT_A_MEMBER: "The sender was not a member of the committee.",
    Reason.WRONG_EPOCH: "The statement was made for another epoch.",
    Reason.OTHER_LOG: "The batch was made on a log with another history.",
    Reason.NO_LEGS: "The instruction had no legs.",
    Reason.TOO_MANY_LEGS: "The instruction had more legs than one certificate settles.",
    Reason.TEXT_TOO_LONG: "A text in the instruction was empty or too long.",
    Reason.AMOUNT_ZERO: "A leg moved nothing.",
    Reason.AMOUNT_TOO_LARGE: "An amount was larger than its ledger can book.",
    Reason.PAYER_INVALID: "A payer was the zero address, the vault or the token.",
    Reason.PAYEE_INVALID: "A payee was nobody, the vault, the token or the payer.",
    Reason.GENERATION_ZERO: "The generation in a leg's nonce was zero.",
    Reason.LANE_TWICE: "Two legs of the instruction used one lane.",
    Reason.PIVOT_WITHOUT_LEG: "The pivot was the ledger of no leg.",
    Reason.PIVOT_WINDOW_ZERO: "The instruction had a pivot but no pivot window.",
    Reason.PIVOT_WINDOW_TOO_LONG: "The pivot window was longer than the network allows.",
    Reason.PIVOT_UNSUPPORTED: "The pivot was a ledger that cannot execute in one step.",
    Reason.CONDITIONS_UNSUPPORTED: "The instruction named conditions, which this network cannot evaluate.",
    Reason.PREPARE_BY_PASSED: "The time to prepare was over.",
    Reason.PREPARE_BY_BEFORE_SETTLE_FROM: "The time to prepare ended before the settlement could be decided.",
    Reason.PREPARE_BY_TOO_FAR: "The time to prepare was longer than the network allows.",
    Reason.PIVOT_WINDOW_UNWANTED: "The instruction had a pivot window but no pivot.",
    Reason.LEDGER_CANNOT_HOLD: "A leg was on a ledger that holds nothing and was not the pivot.",
    Reason.LEDGER_UNKNOWN: "A leg was on a ledger that the network has not registered.",
    Reason.LEDGER_SUSPENDED: "A leg was on a ledger that is suspended for new settlements.",
    Reason.ASSET_UNKNOWN: "An asset was not registered for its ledger.",
    Reason.TOO_MANY_OPEN: "A signer had too many open settlements.",
    Reason.LANE_LIVE: "A lane was still in use by another settlement of the same payer.",
    Reason.SETTLEMENT_UNKNOWN: "The log did not know this settlement.",
    Reason.LEG_UNKNOWN: "The settlement had no leg of this index.",
    Reason.NOTHING_NEW: "The log knew all of this already.",
    Reason.ALREADY_DECIDED: "The settlement was decided before.",
    Reason.FACT_OUT_OF_ORDER: "The fact could not be true in the settlement's present state.",
    Reason.NOT_DECIDED: "The settlement was not decided yet.",
    Reason.OTHER_OUTCOME: "The settlement was decided the other way.",
    Reason.NOT_ORDERED: "The settlement had no order for a pivot.",
    Reason.OTHER_ORDER: "The settlement's order said something else.",
    Reason.OTHER_BATCH: "The block's decisions were not that batch.",
    Reason.ORDER_OUT: "The pivot had its order; only what it says decides.",
    Reason.SEQUENCE_NOT_RISING: "The configuration's sequence did not follow the one in force.",
    Reason.QUORUM_MISSING: "Fewer members than a quorum had signed.",
    Reason.REGISTRY_INVALID: "The registry contradicted itself or exceeded a bound.",
    Reason.SUCCESSION_INVALID: "Those members could not be the next committee.",
    Reason.ROTATION_PENDING: "The epoch's one rotation was under way already.",
    Reason.OTHER_ROTATION: "The rotation that is pending was another one, or there was none.",
    Reason.EVIDENCE_INVALID: "The two statements did not contradict each other, or were not one member's.",
    Reason.COMPROMISED: "Two certificates contradicted each other: more than f members are faulty.",
}
