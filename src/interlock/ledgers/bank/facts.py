"""From a bank's answer to facts: only what its signed receipts say, and only where they equal the signed terms.

Everything here is pure. A bank that answers with a wrong signature, another leg's receipt, other terms or events that
cannot follow each other has said nothing that counts: `Nonsense`, and no vote.
"""

from itertools import pairwise

from interlock.core.instruction import AccountTerms, hash_account_terms
from interlock.core.limits import EVIDENCE_BYTES_MAX
from interlock.encoding.canonical import Malformed, encode
from interlock.encoding.values import ZERO_BYTES32, Bytes32, hex_of
from interlock.evidence.bank_receipt import BankEvent, BankReceipt, verify_jws
from interlock.evidence.document import BankReceiptDocument
from interlock.evidence.vote import PROVES
from interlock.ledgers.bank.wire import HoldAnswer
from interlock.ledgers.protocol import Observation, Watch

_LIVES = frozenset(
    {
        (BankEvent.HELD,),
        (BankEvent.HELD, BankEvent.CAPTURED),
        (BankEvent.HELD, BankEvent.RELEASED),
        (BankEvent.REFUSED,),
        (BankEvent.REFUSED, BankEvent.TOMBSTONED),
        (BankEvent.TOMBSTONED,),
    }
)
"""Every sequence of events that one leg can have; a book that shows another contradicts itself."""


class Nonsense(ValueError):
    """The answer counts for nothing; the sentence says why."""


def facts_of(
    watch: Watch, terms: AccountTerms, answer: HoldAnswer, *, network_id: Bytes32, receipt_key: Bytes32
) -> tuple[Observation, ...]:
    """Give the facts that an answer proves, in the order in which they happened.

    Raises Nonsense, checked in this order: the leg answered for, each receipt's size, form and signature, its network,
    ledger, settlement and leg, its terms, then the receipts together and the state they lead to.
    """
    if (answer.settlement, answer.leg) != (watch.settlement, watch.leg):
        raise Nonsense(f"asked for leg {watch.leg}, it answered for {hex_of(answer.settlement)} leg {answer.leg}")
    receipts = []
    documents = []
    for jws in answer.receipts:
        document = BankReceiptDocument(ledger=terms.ledger, jws=jws)
        if len(encode(document)) > EVIDENCE_BYTES_MAX:
            raise Nonsense(f"a receipt of {len(jws)} characters is too large to be evidence")
        try:
            receipt = verify_jws(jws, receipt_key)
        except Malformed as error:
            raise Nonsense(f"a receipt cannot be believed: {error}") from None
        _check_receipt(watch, terms, receipt, network_id)
        receipts.append(receipt)
        documents.append(document)
    _check_life(receipts, answer.state)
    return tuple(
        Observation(watch.settlement, watch.leg, PROVES[receipt.event], document)
        for receipt, document in zip(receipts, documents, strict=True)
    )


def _check_receipt(watch: Watch, terms: AccountTerms, receipt: BankReceipt, network_id: Bytes32) -> None:
    where = f"receipt {receipt.number} ({receipt.event.name})"
    if receipt.network != network_id:
        raise Nonsense(f"{where} is for network {hex_of(receipt.network)}, not for {hex_of(network_id)}")
    if receipt.ledger != terms.ledger:
        raise Nonsense(f"{where} is of ledger {receipt.ledger!r}, not of {terms.ledger!r}")
    if (receipt.settlement, receipt.leg) != (watch.settlement, watch.leg):
        raise Nonsense(f"{where} is for {hex_of(receipt.settlement)} leg {receipt.leg}")
    if (receipt.event is BankEvent.REFUSED) != bool(receipt.reason):
        raise Nonsense(f"{where} must give a reason for a refusal and for nothing else, not {receipt.reason!r}")
    found = (receipt.terms, receipt.asset, receipt.amount, receipt.payer, receipt.payee)
    if receipt.event is BankEvent.TOMBSTONED and found == (ZERO_BYTES32, "", 0, "", ""):
        return
    signed = (hash_account_terms(terms), terms.asset, terms.amount, terms.payer, terms.payee)
    for name, has, wants in zip(("terms", "asset", "amount", "payer", "payee"), found, signed, strict=True):
        if has != wants:
            raise Nonsense(f"{where}: {name} {_shown(has)} is not the signed {_shown(wants)}")


def _check_life(receipts: list[BankReceipt], state: BankEvent) -> None:
    events = tuple(receipt.event for receipt in receipts)
    names = " then ".join(event.name for event in events) or "nothing"
    if events not in _LIVES:
        raise Nonsense(f"{names} can be no leg's life")
    for one, next_one in pairwise(receipts):
        if next_one.number <= one.number or next_one.time < one.time:
            raise Nonsense(f"receipt {next_one.number} cannot come after receipt {one.number}")
    if state is not events[-1]:
        raise Nonsense(f"it says {state.name}, its receipts say {names}")


def _shown(value: object) -> str:
    return hex_of(value) if isinstance(value, bytes) else repr(value)
