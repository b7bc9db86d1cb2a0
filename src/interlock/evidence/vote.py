"""Weigh attestations: whose each is, and whether the document that it names bears it out.

An attestation proves that its member said something, its document whether that was so. A bank's signed receipt and a
vault's event are compared with the signed terms, member by member. What leaves no trace (an exit check that failed, a
lane that was used up, a hold that is absent) rests on the member's word, and is weighed as that and no more.

Source: specification 4, "Facts".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import assert_never

from interlock.core.attestation import Attestation, Fact, SignedAttestation, attestation_digest
from interlock.core.committee import Committee
from interlock.core.instruction import (
    AccountTerms,
    LegTerms,
    OnchainLeg,
    Terms,
    hash_account_terms,
    ledger_of,
    legs_of,
    vault_name,
)
from interlock.core.registry import EMPTY_REGISTRY, LedgerClass, Registry
from interlock.encoding.canonical import Malformed
from interlock.encoding.secp256k1 import recover
from interlock.encoding.values import ZERO_BYTES32, Bytes32, hex_of
from interlock.evidence.bank_receipt import BankEvent, BankReceipt, NotSigned, verify_jws
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

PROVES: dict[BankEvent, Fact] = {
    BankEvent.HELD: Fact.HELD,
    BankEvent.REFUSED: Fact.REFUSED,
    BankEvent.CAPTURED: Fact.DELIVERED,
    BankEvent.RELEASED: Fact.RETURNED,
    BankEvent.TOMBSTONED: Fact.RETURNED,
}
"""Which fact each event of a bank's book proves."""

REFUSABLE_STEPS = frozenset({"deliver", "return"})
"""The steps that a vault's exit check tries."""

WITHOUT_EVIDENCE = frozenset({Fact.LOST, Fact.CONSENT})
"""Facts for which no form of evidence is defined."""


class Weight(IntEnum):
    """What an attestation is worth, given its document."""

    REFUTED = 1
    """Its own document says otherwise: a lie."""
    BARE = 2
    """The document that it names is not here, or nothing here can tell whether it is real."""
    WORD = 3
    """Its document fits, but shows nothing that another could check."""
    PROVEN = 4
    """Its document bears it out."""

    @property
    def is_support(self) -> bool:
        """Tell whether it counts towards the f + 1 that a fact must be supported by."""
        return self >= Weight.WORD


@dataclass(frozen=True, slots=True)
class Vote:
    """One attestation, weighed."""

    member: int
    attestation: Attestation
    document: Document | None
    weight: Weight
    sentence: str
    """Why it is refuted, bare or only a word; empty where it is proven."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What attestations are weighed against."""

    network_id: Bytes32
    committee: Committee
    terms: Terms
    registries: tuple[Registry, ...]
    """By rising sequence of their configurations, from the one that admitted the match."""

    @property
    def registry(self) -> Registry:
        """Give the registry that admitted the match; empty where none came."""
        return self.registries[0] if self.registries else EMPTY_REGISTRY

    def receipt_keys(self, ledger: str) -> tuple[Bytes32, ...]:
        """Give each key that one of the registries has for a bank, in the order in which they came."""
        entries = [entry for registry in self.registries if (entry := registry.ledger(ledger)) is not None]
        keys = (entry.receipt_key for entry in entries if entry.ledger_class is not LedgerClass.VAULT)
        return tuple(dict.fromkeys(keys))


def member_of(network_id: Bytes32, committee: Committee, signed: SignedAttestation) -> int | None:
    """Give the place of the member that signed, or None where nobody of the committee did."""
    signer = recover(attestation_digest(network_id, signed.attestation), signed.signature)
    return None if signer is None else committee.index_of(signer)


def weigh(
    frame: Frame, attestations: Iterable[tuple[int, Attestation]], documents: Iterable[Document]
) -> tuple[Vote, ...]:
    """Weigh every attestation against the document that it names; each leg index must be one of the terms."""
    by_hash = {evidence_hash(document): document for document in documents}
    legs = legs_of(frame.terms)
    return tuple(
        Vote(member, said, document, *_weight(frame, said, legs[said.leg], document))
        for member, said in attestations
        for document in (by_hash.get(said.evidence),)
    )


def bank_receipt_of(frame: Frame, document: BankReceiptDocument) -> BankReceipt:
    """Give a bank's receipt, checked under the keys that the registries have for it; Malformed where it is not so.

    In checking order: the ledger is a registered bank (else NotSigned), the receipt has its form, the signature is by
    one of the bank's keys (else NotSigned), the network is this one, the ledger is the one that the document names.
    """
    receipt = _signed_receipt(document, frame.receipt_keys(document.ledger))
    if receipt.network != frame.network_id:
        raise Malformed(f"the bank's receipt is of network {hex_of(receipt.network)}, not of this one")
    if receipt.ledger != document.ledger:
        raise Malformed(f"the bank's receipt is of ledger {receipt.ledger!r}, the document says {document.ledger!r}")
    return receipt


def _signed_receipt(document: BankReceiptDocument, keys: Iterable[Bytes32]) -> BankReceipt:
    for key in keys:
        try:
            return verify_jws(document.jws, key)
        except NotSigned:
            continue
    raise NotSigned(f"its receipt is signed under no key that is registered for a bank {document.ledger!r}")


def named_ledger(document: Document) -> str:
    """Give the name of the ledger that a document is about."""
    if isinstance(document, BankReceiptDocument):
        return document.ledger
    return vault_name(document.chain_id, document.vault)


def _weight(frame: Frame, said: Attestation, leg: LegTerms, document: Document | None) -> tuple[Weight, str]:
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


def by_fact(votes: Sequence[Vote], leg: int, fact: Fact) -> tuple[Vote, ...]:
    """Give the votes for one fact of one leg."""
    return tuple(vote for vote in votes if vote.attestation.leg == leg and vote.attestation.fact is fact)
