"""What is asked of the bank, in wire form, and the check that it was really the parties who asked.

Everything here needs no books: who fails it is a stranger to the settlement, and nothing is recorded, so that nobody
can spoil another's settlement by asking badly in its name.

Source: specification 6, B11, B13, B15.
"""

from dataclasses import dataclass

from interlock.bankd.problem import Code, Problem
from interlock.core.decision import Certificate
from interlock.core.instruction import (
    AccountTerms,
    LegIndex,
    OnchainLeg,
    PartySignature,
    RedactedAccountLeg,
    RedactedInstruction,
    SettlementId,
    legs_of,
    required_signers,
    settlement_id,
)
from interlock.core.limits import LEGS_MAX, NAME_BYTES_MAX
from interlock.encoding.secp256k1 import recover
from interlock.encoding.values import Address, Bytes32, UnixSeconds, hex_of


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """The body of `PUT /v1/holds/{settlement}/{leg}`."""

    instruction: RedactedInstruction
    """With this bank's own terms in clear."""
    signatures: tuple[PartySignature, ...]
    """One of each required signer, over the settlement id."""


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """The body of `PUT /v1/holds/{settlement}/{leg}/certificate`."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """A hold that all required signers have asked for."""

    settlement: SettlementId
    leg: LegIndex
    signer: Address
    """The key that signed for the payer."""
    terms: AccountTerms
    prepare_by: UnixSeconds


def authentic_order(
    network_id: Bytes32, ledger: str, settlement: SettlementId, leg: LegIndex, request: HoldRequest
) -> HoldOrder:
    """Give the order behind a request.

    Raises Problem, checked in this order: OUT_OF_BOUNDS, ID_MISMATCH, NO_SUCH_LEG, NOT_AN_ACCOUNT_LEG, TERMS_HIDDEN,
    OTHER_LEDGER, PIVOT_HERE, SIGNATURE_INVALID, SIGNER_NOT_REQUIRED, SIGNATURE_MISSING.
    """
    _check_bounds(request)
    found = settlement_id(network_id, request.instruction)
    if found != settlement:
        raise Problem(
            Code.ID_MISMATCH,
            f"The instruction hashes to {hex_of(found)} on this network, not to {hex_of(settlement)}; "
            "send the terms that were signed, to the path of their own id.",
        )
    account_leg, terms = _own_leg(ledger, settlement, leg, request.instruction)
    if request.instruction.pivot == ledger:
        raise Problem(
            Code.PIVOT_HERE,
            f"Settlement {hex_of(settlement)} names this bank as its pivot: a pivot executes, it holds nothing.",
        )
    _check_signatures(settlement, request)
    return HoldOrder(settlement, leg, account_leg.signer, terms, request.instruction.prepare_by)


def _check_bounds(request: HoldRequest) -> None:
    instruction = request.instruction
    legs = len(legs_of(instruction))
    if not 0 < legs <= LEGS_MAX:
        raise Problem(Code.OUT_OF_BOUNDS, f"The instruction has {legs} legs; 1 to {LEGS_MAX} are allowed.")
    if len(request.signatures) > LEGS_MAX:
        raise Problem(
            Code.OUT_OF_BOUNDS, f"There are {len(request.signatures)} signatures; at most {LEGS_MAX} are allowed."
        )
    texts = [instruction.pivot]
    for leg in instruction.account_legs:
        if isinstance(leg.terms, AccountTerms):
            texts += [leg.terms.ledger, leg.terms.asset, leg.terms.payer, leg.terms.payee]
    if any(len(text.encode()) > NAME_BYTES_MAX for text in texts):
        raise Problem(Code.OUT_OF_BOUNDS, f"A name has more than {NAME_BYTES_MAX} bytes in UTF-8.")


def _own_leg(
    ledger: str, settlement: SettlementId, leg: LegIndex, instruction: RedactedInstruction
) -> tuple[RedactedAccountLeg, AccountTerms]:
    which = f"Leg {leg} of settlement {hex_of(settlement)}"
    legs = legs_of(instruction)
    if leg >= len(legs):
        raise Problem(
            Code.NO_SUCH_LEG, f"{which} does not exist; the instruction has {len(legs)} legs, counted from 0."
        )
    found = legs[leg]
    if isinstance(found, OnchainLeg):
        raise Problem(Code.NOT_AN_ACCOUNT_LEG, f"{which} is on {found.ledger}, not in the books of {ledger}.")
    if not isinstance(found.terms, AccountTerms):
        raise Problem(Code.TERMS_HIDDEN, f"{which} is given as a hash; send its terms in clear.")
    if found.terms.ledger != ledger:
        raise Problem(Code.OTHER_LEDGER, f"{which} is on {found.terms.ledger}; this is {ledger}.")
    return RedactedAccountLeg(found.signer, found.terms), found.terms


def _check_signatures(settlement: SettlementId, request: HoldRequest) -> None:
    required = required_signers(request.instruction)
    for each in request.signatures:
        if recover(settlement, each.signature) != each.signer:
            raise Problem(
                Code.SIGNATURE_INVALID,
                f"The signature over settlement {hex_of(settlement)} is not that of {hex_of(each.signer)}.",
            )
        if each.signer not in required:
            raise Problem(
                Code.SIGNER_NOT_REQUIRED,
                f"{hex_of(each.signer)} signs for no leg of settlement {hex_of(settlement)}; leave its signature out.",
            )
    signers = {each.signer for each in request.signatures}
    missing = [hex_of(signer) for signer in required if signer not in signers]
    if missing:
        raise Problem(
            Code.SIGNATURE_MISSING,
            f"Settlement {hex_of(settlement)} needs the signature of {', '.join(missing)}; "
            f"{len(required) - len(missing)} of {len(required)} were given.",
            {"missing": missing},
        )
