"""Compare what is said of one leg with the document that is named for it, and the document with the signed terms.

A bank's signed receipt and a vault's event are compared member by member. Nothing but the order is ever said of the
pivot's own legs: nothing is held there.

Source: specification 4 (FACT-FINAL, FACT-PIVOT).
"""

from collections.abc import Iterable
from typing import assert_never

from interlock.core.attestation import Attestation, Fact
from interlock.core.instruction import (
    AccountTerms,
    LegTerms,
    OnchainLeg,
    hash_account_terms,
    ledger_of,
    legs_of,
)
from interlock.core.limits import EVERY_LEG
from interlock.encoding.canonical import Malformed
from interlock.encoding.values import ZERO_BYTES32, Bytes32, hex_of
from interlock.evidence.bank_receipt import BankEvent, BankReceipt, NotSigned
from interlock.evidence.chain_event import event_fault
from interlock.evidence.document import (
    LANE_STEP,
    BankReceiptDocument,
    ChainAbsenceDocument,
    ChainEventDocument,
    ChainRefusalDocument,
    Document,
    evidence_hash,
)
from interlock.evidence.lane_word import lane_fault, read_lane_word
from interlock.evidence.vote import (
    PROVES,
    WITHOUT_EVIDENCE,
    Frame,
    Vote,
    Weight,
    bank_receipt_of,
    named_ledger,
    pivot_legs,
)
from interlock.evidence.whole import compare_whole

REFUSABLE_STEPS = frozenset({"deliver", "return"})
"""The steps that a vault's exit check tries."""


def weigh(
    frame: Frame, attestations: Iterable[tuple[int, Attestation]], documents: Iterable[Document]
) -> tuple[Vote, ...]:
    """Weigh every attestation against the document that it names; each leg must be one of the terms, or the whole."""
    by_hash = {evidence_hash(document): document for document in documents}
    return tuple(
        Vote(member, said, document, *_weight(frame, said, document))
        for member, said in attestations
        for document in (by_hash.get(said.evidence),)
    )


def _weight(frame: Frame, said: Attestation, document: Document | None) -> tuple[Weight, str]:
    if said.leg in pivot_legs(frame.terms):
        return Weight.REFUTED, f"the leg is the pivot's, of which {said.fact.name} is never said"
    if document is None:
        if said.fact in WITHOUT_EVIDENCE and said.evidence == ZERO_BYTES32:
            return Weight.WORD, f"no document can show {said.fact.name}"
        what = "no document" if said.evidence == ZERO_BYTES32 else "a document that is not in the receipt"
        return Weight.BARE, f"it names {what}"
    if said.position != document.position:
        return (
            Weight.REFUTED,
            f"it names position {hex_of(said.position)}, its document is of {hex_of(document.position)}",
        )
    if said.leg == EVERY_LEG:
        return compare_whole(frame, said, document)
    leg = legs_of(frame.terms)[said.leg]
    ledger = ledger_of(leg)
    if ledger is not None and named_ledger(document) != ledger:
        return Weight.REFUTED, f"its document is of ledger {named_ledger(document)!r}, the leg is on {ledger!r}"
    if said.fact in WITHOUT_EVIDENCE:
        return Weight.WORD, f"no document can show {said.fact.name}"
    return _compare(frame, said, leg, document)


def _compare(frame: Frame, said: Attestation, leg: LegTerms, document: Document) -> tuple[Weight, str]:
    match document:
        case BankReceiptDocument():
            return _compare_bank(frame, said, leg, document)
        case ChainEventDocument():
            if not isinstance(leg, OnchainLeg):
                return Weight.REFUTED, "its document is an event of a chain, the leg is in a bank's books"
            fault = event_fault(document, said.settlement, said.leg, leg, said.fact)
            return (Weight.PROVEN, "") if fault is None else (Weight.REFUTED, fault)
        case ChainRefusalDocument():
            return _compare_refusal(said, leg, document)
        case ChainAbsenceDocument():
            if not isinstance(leg, OnchainLeg) or said.fact is not Fact.RETURNED:
                return Weight.REFUTED, f"its document is the absence of a hold, which does not show {said.fact.name}"
            if document.block_time <= frame.terms.prepare_by:
                return (
                    Weight.REFUTED,
                    f"its block's time is {document.block_time}, not past prepareBy {frame.terms.prepare_by}",
                )
            return Weight.WORD, f"no hold stood in block {document.block_number}, which only that chain can show"
        case _ as never:
            assert_never(never)


def _compare_refusal(said: Attestation, leg: LegTerms, document: ChainRefusalDocument) -> tuple[Weight, str]:
    if not isinstance(leg, OnchainLeg) or said.fact is not Fact.REFUSED:
        what = "a lane that was used up" if document.step == LANE_STEP else "a failed exit check"
        return Weight.REFUTED, f"its document is {what}, which does not show {said.fact.name}"
    if document.step == LANE_STEP:
        try:
            word = read_lane_word(document.reason)
        except Malformed as error:
            return Weight.REFUTED, str(error)
        if fault := lane_fault(word, said.settlement, said.leg, leg):
            return Weight.REFUTED, fault
        return Weight.WORD, (
            f"the payer's lane {leg.lane} was used by another leg up to generation {word.generation} in block "
            f"{document.block_number}, which only that chain can show"
        )
    if document.step not in REFUSABLE_STEPS:
        return Weight.REFUTED, f"{document.step[:40]!r} is no step of an exit check"
    return Weight.WORD, f"the exit check failed at {document.step!r}, which leaves no trace on the chain"


def _compare_bank(frame: Frame, said: Attestation, leg: LegTerms, document: BankReceiptDocument) -> tuple[Weight, str]:
    if isinstance(leg, OnchainLeg):
        return Weight.REFUTED, "its document is a bank's receipt, the leg is on a chain"
    try:
        receipt = bank_receipt_of(frame, document)
    except NotSigned as error:
        # The member may have seen a key that was registered before or after the configurations that came along.
        return Weight.BARE, f"{error}, so nothing can tell whether it is real"
    except Malformed as error:
        return Weight.REFUTED, str(error)
    if fault := _bank_fault(said, leg.terms, receipt):
        return Weight.REFUTED, fault
    if not isinstance(leg.terms, AccountTerms):
        return Weight.WORD, f"the leg's terms are hidden, so nothing here shows that {document.ledger!r} is its ledger"
    return Weight.PROVEN, ""


def _bank_fault(said: Attestation, terms: AccountTerms | Bytes32, receipt: BankReceipt) -> str | None:
    """Say why a bank's authentic receipt does not prove what was attested, or None where it does.

    Checked in this order: settlement, leg, kind of event, hash of the terms, asset, amount, payer, payee. A tombstone
    for terms that the bank was never given has none of the last five.
    """
    if receipt.settlement != said.settlement:
        return f"the bank's receipt is of settlement {hex_of(receipt.settlement)}"
    if receipt.leg != said.leg:
        return f"the bank's receipt is of leg {receipt.leg}"
    if PROVES[receipt.event] is not said.fact:
        return f"the bank's receipt says {receipt.event.name}, which does not prove {said.fact.name}"
    if receipt.event is BankEvent.TOMBSTONED and receipt.terms == ZERO_BYTES32:
        return None
    signed = hash_account_terms(terms) if isinstance(terms, AccountTerms) else terms
    if receipt.terms != signed:
        return f"the bank's receipt is for terms {hex_of(receipt.terms)}, {hex_of(signed)} were signed"
    if isinstance(terms, AccountTerms):
        for name in ("asset", "amount", "payer", "payee"):
            found, wanted = getattr(receipt, name), getattr(terms, name)
            if found != wanted:
                return f"the bank's receipt has {name} {found!r}, {wanted!r} was signed"
    return None
