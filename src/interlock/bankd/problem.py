"""What the bank answers when it does not do as asked: codes in the order in which things are checked.

A `Problem` is an RFC 9457 problem document; it records nothing and moves nothing, unless it says that the bank itself
failed: then ask by id. A `Refusal` is the opposite: the request was authentic, the business check failed, and that is
booked, signed and stands for ever.
"""

from collections.abc import Mapping
from enum import Enum, IntEnum
from typing import Any


class Code(Enum):
    """Every problem's stable code and its HTTP status, in order of precedence."""

    # the door
    NOT_FOUND = ("not_found", 404)
    METHOD_NOT_ALLOWED = ("method_not_allowed", 405)
    UNAUTHORISED = ("unauthorised", 401)
    TOO_LARGE = ("too_large", 413)
    TOO_SLOW = ("too_slow", 408)
    MALFORMED = ("malformed", 400)
    OUT_OF_BOUNDS = ("out_of_bounds", 422)

    # a hold's authenticity
    ID_MISMATCH = ("id_mismatch", 422)
    NO_SUCH_LEG = ("no_such_leg", 422)
    NOT_AN_ACCOUNT_LEG = ("not_an_account_leg", 422)
    TERMS_HIDDEN = ("terms_hidden", 422)
    OTHER_LEDGER = ("other_ledger", 422)
    PIVOT_HERE = ("pivot_here", 422)
    SIGNATURE_INVALID = ("signature_invalid", 403)
    SIGNER_NOT_REQUIRED = ("signer_not_required", 422)
    SIGNATURE_MISSING = ("signature_missing", 403)

    # a certificate
    CERTIFICATE_INVALID = ("certificate_invalid", 403)
    CONFLICTING_CERTIFICATE = ("conflicting_certificate", 409)
    NEVER_HELD = ("never_held", 409)

    # books
    UNKNOWN_HOLD = ("unknown_hold", 404)
    UNKNOWN_ACCOUNT = ("unknown_account", 404)
    UNKNOWN_ASSET = ("unknown_asset", 422)
    EXISTS_WITH_DIFFERENT_TERMS = ("exists_with_different_terms", 409)
    TOTAL_TOO_LARGE = ("total_too_large", 422)

    # the bank itself
    UNAVAILABLE = ("unavailable", 503)
    INTERNAL_ERROR = ("internal_error", 500)

    @property
    def word(self) -> str:
        """Give the code that clients match on."""
        return self.value[0]

    @property
    def status(self) -> int:
        """Give the HTTP status."""
        return self.value[1]


class Problem(Exception):
    """Answer with a problem document."""

    def __init__(self, code: Code, detail: str, facts: Mapping[str, Any] | None = None) -> None:
        """Take the code; a sentence that says what happened, to which id, and what to do; and further members."""
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.facts = dict(facts or {})


class Refusal(IntEnum):
    """Why a hold was refused for ever, in the order of the checks; a retry is a new settlement."""

    TOO_LATE = 1
    NO_MANDATE = 2
    """Also where there is no such account: before a mandate was shown, nothing is told about accounts."""
    UNKNOWN_ASSET = 3
    AMOUNT_OUT_OF_RANGE = 4
    PAYER_CANNOT_HOLD_ASSET = 5
    PAYEE_UNKNOWN = 6
    PAYEE_CANNOT_HOLD_ASSET = 7
    SAME_ACCOUNT = 8
    INSUFFICIENT_FUNDS = 9

    @property
    def reason(self) -> str:
        """Give what the receipt says: the code and a sentence, without the customer's figures."""
        return f"{self.name.lower()}: {_SENTENCES[self]}"


_SENTENCES = {
    Refusal.TOO_LATE: "the bank's clock was past the instruction's prepareBy",
    Refusal.NO_MANDATE: "the signer had no mandate on file over a payer account of this name",
    Refusal.UNKNOWN_ASSET: "the bank keeps no accounts in this asset",
    Refusal.AMOUNT_OUT_OF_RANGE: "the amount was zero or larger than the bank can book",
    Refusal.PAYER_CANNOT_HOLD_ASSET: "the payer account is not open for this asset",
    Refusal.PAYEE_UNKNOWN: "the bank has no such payee account",
    Refusal.PAYEE_CANNOT_HOLD_ASSET: "the payee account is not open for this asset",
    Refusal.SAME_ACCOUNT: "payer and payee were the same account",
    Refusal.INSUFFICIENT_FUNDS: "the payer's available balance was below the amount",
}
