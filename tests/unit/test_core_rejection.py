"""Reasons have stable numbers, sentences and an order."""

import pytest

from interlock.core.instruction import SettlementId
from interlock.core.rejection import Reason, Rejection
from support.world import word

NUMBERS = {
    "MALFORMED": 100,
    "TOO_LARGE": 101,
    "SIGNATURE_INVALID": 110,
    "SIGNER_NOT_REQUIRED": 111,
    "NOT_A_MEMBER": 120,
    "WRONG_EPOCH": 121,
    "OTHER_LOG": 122,
    "NO_LEGS": 200,
    "TOO_MANY_LEGS": 201,
    "TEXT_TOO_LONG": 202,
    "AMOUNT_ZERO": 203,
    "AMOUNT_TOO_LARGE": 204,
    "PAYER_INVALID": 205,
    "PAYEE_INVALID": 206,
    "GENERATION_ZERO": 207,
    "LANE_TWICE": 208,
    "PREPARE_BY_PASSED": 211,
    "PREPARE_BY_BEFORE_SETTLE_FROM": 212,
    "PIVOT_WINDOW_UNWANTED": 214,
    "LEDGER_CANNOT_HOLD": 215,
    "PIVOT_WITHOUT_LEG": 216,
    "PIVOT_WINDOW_ZERO": 217,
    "PIVOT_WINDOW_TOO_LONG": 218,
    "PIVOT_UNSUPPORTED": 219,
    "LEDGER_UNKNOWN": 300,
    "LEDGER_SUSPENDED": 301,
    "ASSET_UNKNOWN": 302,
    "TOO_MANY_OPEN": 303,
    "LANE_LIVE": 304,
    "CONDITIONS_UNSUPPORTED": 305,
    "PREPARE_BY_TOO_FAR": 306,
    "SETTLEMENT_UNKNOWN": 400,
    "LEG_UNKNOWN": 401,
    "NOTHING_NEW": 402,
    "ALREADY_DECIDED": 403,
    "FACT_OUT_OF_ORDER": 404,
    "NOT_DECIDED": 405,
    "OTHER_OUTCOME": 406,
    "NOT_ORDERED": 407,
    "OTHER_ORDER": 408,
    "OTHER_BATCH": 409,
    "ORDER_OUT": 410,
    "SEQUENCE_NOT_RISING": 500,
    "QUORUM_MISSING": 501,
    "REGISTRY_INVALID": 502,
    "SUCCESSION_INVALID": 510,
    "ROTATION_PENDING": 511,
    "OTHER_ROTATION": 512,
    "EVIDENCE_INVALID": 520,
    "COMPROMISED": 521,
}
"""What clients, receipts and documents rely on; a reason may be added, none may change."""
GIVEN_UP = {209, 210, 213}
"""Numbers of reasons that were unalterable once and are another kind now; no reason may have them again."""


def test_no_number_ever_changes() -> None:
    """A client that matches on a number finds the same reason in every version."""
    assert {each.name: each.value for each in Reason} == NUMBERS
    assert not GIVEN_UP & set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_in_the_past_tense(reason: Reason) -> None:
    """Whoever is refused is told what happened, in one sentence."""
    assert reason.sentence.endswith(".")
    assert reason.sentence[0].isupper()
    assert " was " in reason.sentence or " were " in reason.sentence or reason.sentence.count(" ") > 2


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_of_one_kind(reason: Reason) -> None:
    """200 to 299 can never be admitted, 300 to 399 may be admitted later, the rest is about the entry itself."""
    assert reason.is_unalterable == (200 <= reason < 300)
    assert reason.is_passing == (300 <= reason < 400)


def test_a_rejection_is_one_line_that_names_reason_id_and_values() -> None:
    """The line says what happened, to which settlement, and what was compared."""
    plain = Rejection(Reason.TOO_LARGE)
    full = Rejection(Reason.LEG_UNKNOWN, SettlementId(word(1)), "Leg 3 of 2.")
    assert str(plain) == "TOO_LARGE: The entry was larger than the log takes."
    assert str(full) == f"LEG_UNKNOWN: The settlement had no leg of this index. (0x{word(1).hex()}) Leg 3 of 2."
