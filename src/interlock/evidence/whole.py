"""Compare what is said of a settlement as a whole with its document: the pivot's word of its order, or a condition.

A bank that is the pivot signs EXECUTED or NEVER in the same chain of receipts as everything else. A vault tells an
execution by an event; that there was none, and can be none any more, shows in a final block past the order's time.

Source: specification 6 (D3, D4).
"""

from typing import assert_never

from interlock.core.attestation import Attestation, Fact
from interlock.core.limits import EVERY_LEG
from interlock.encoding.canonical import Malformed
from interlock.encoding.values import ZERO_BYTES32, hex_of
from interlock.evidence.bank_receipt import BankEvent, BankReceipt, NotSigned
from interlock.evidence.chain_event import read_execution
from interlock.evidence.document import (
    BankReceiptDocument,
    ChainAbsenceDocument,
    ChainEventDocument,
    ChainRefusalDocument,
    Document,
)
from interlock.evidence.vote import PROVES, WITHOUT_EVIDENCE, Frame, Weight, bank_receipt_of, named_ledger

_NO_TERMS = (ZERO_BYTES32, "", 0, "", "")
"""What a receipt of an order has for terms, asset, amount, payer and payee: the id binds them for every leg."""


def compare_whole(frame: Frame, said: Attestation, document: Document) -> tuple[Weight, str]:
    """Weigh a statement about the whole by the document that it names, whose position has been compared."""
    if said.fact in WITHOUT_EVIDENCE:
        return Weight.WORD, f"no document can show {said.fact.name}"
    pivot = frame.terms.pivot
    if named_ledger(document) != pivot:
        return Weight.REFUTED, f"its document is of ledger {named_ledger(document)!r}, the pivot is {pivot!r}"
    match document:
        case BankReceiptDocument():
            return _compare_bank(frame, said, document)
        case ChainEventDocument():
            fault = _execution_fault(frame, said, document)
            return (Weight.PROVEN, "") if fault is None else (Weight.REFUTED, fault)
        case ChainAbsenceDocument():
            return _compare_absence(frame, said, document)
        case ChainRefusalDocument():
            return Weight.REFUTED, f"its document is of a leg, which does not show {said.fact.name}"
        case _ as never:
            assert_never(never)


def _compare_bank(frame: Frame, said: Attestation, document: BankReceiptDocument) -> tuple[Weight, str]:
    try:
        receipt = bank_receipt_of(frame, document)
    except NotSigned as error:
        return Weight.BARE, f"{error}, so nothing can tell whether it is real"
    except Malformed as error:
        return Weight.REFUTED, str(error)
    fault = _bank_fault(frame, said, receipt)
    return (Weight.PROVEN, "") if fault is None else (Weight.REFUTED, fault)


def _bank_fault(frame: Frame, said: Attestation, receipt: BankReceipt) -> str | None:
    """Say why a bank's authentic receipt does not prove what was attested of its order, or None where it does.

    Checked in this order: settlement, the whole, kind of event, that no leg's terms are named, the order's time.
    """
    if receipt.settlement != said.settlement:
        return f"the bank's receipt is of settlement {hex_of(receipt.settlement)}"
    if receipt.leg != EVERY_LEG:
        return f"the bank's receipt is of leg {receipt.leg}, not of the order"
    if PROVES[receipt.event] is not said.fact:
        return f"the bank's receipt says {receipt.event.name}, which does not prove {said.fact.name}"
    if (receipt.terms, receipt.asset, receipt.amount, receipt.payer, receipt.payee) != _NO_TERMS:
        return "the bank's receipt is of the order, and names the terms of a leg"
    if receipt.event is BankEvent.EXECUTED and frame.order is not None and receipt.time > frame.order.last_valid:
        return f"the bank's receipt is of {receipt.time}, past the order's lastValid {frame.order.last_valid}"
    return None


def _execution_fault(frame: Frame, said: Attestation, document: ChainEventDocument) -> str | None:
    """Say why an event of the pivot's vault does not prove what was attested of its order, or None where it does."""
    if said.fact is not Fact.EXECUTED:
        return f"its document is an event, which does not prove {said.fact.name}"
    try:
        event = read_execution(document.topics, document.data)
    except Malformed as error:
        return f"the event cannot be read: {error}"
    if event.settlement != said.settlement:
        return f"the event is of settlement {hex_of(event.settlement)}, not of {hex_of(said.settlement)}"
    if frame.order is not None and event.last_valid != frame.order.last_valid:
        return f"the event's lastValid is {event.last_valid}, the order's is {frame.order.last_valid}"
    return None


def _compare_absence(frame: Frame, said: Attestation, document: ChainAbsenceDocument) -> tuple[Weight, str]:
    if said.fact is not Fact.NEVER:
        return Weight.REFUTED, f"its document is the absence of an execution, which does not show {said.fact.name}"
    if frame.order is not None and document.block_time <= frame.order.last_valid:
        return (
            Weight.REFUTED,
            f"its block's time is {document.block_time}, not past the order's lastValid {frame.order.last_valid}",
        )
    return Weight.WORD, f"no execution stood in block {document.block_number}, which only that chain can show"
