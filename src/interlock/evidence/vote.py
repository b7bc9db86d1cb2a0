"""What an attestation is worth, and what it is weighed against.

An attestation proves that its member said something, its document whether that was so. What leaves no trace (an exit
check that failed, a lane that was used up, a hold that is absent, a condition) rests on the member's word, and is
weighed as that and no more. `compare` weighs what is said of a leg, `whole` what is said of a settlement as a whole.

Source: specification 4 (its facts).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from interlock.core.attestation import CONDITION_FACTS, Attestation, Fact, SignedAttestation, attestation_digest
from interlock.core.committee import Committee
from interlock.core.instruction import Terms, is_vault_name, ledger_of, legs_of, vault_name
from interlock.core.order import Order
from interlock.core.registry import EMPTY_REGISTRY, LedgerClass, Registry
from interlock.encoding.canonical import Malformed
from interlock.encoding.secp256k1 import recover
from interlock.encoding.values import Bytes32, hex_of
from interlock.evidence.bank_receipt import BankEvent, BankReceipt, NotSigned, verify_jws
from interlock.evidence.committees import Committees
from interlock.evidence.document import BankReceiptDocument, Document

PROVES: dict[BankEvent, Fact] = {
    BankEvent.HELD: Fact.HELD,
    BankEvent.REFUSED: Fact.REFUSED,
    BankEvent.CAPTURED: Fact.DELIVERED,
    BankEvent.RELEASED: Fact.RETURNED,
    BankEvent.TOMBSTONED: Fact.RETURNED,
    BankEvent.EXECUTED: Fact.EXECUTED,
    BankEvent.NEVER: Fact.NEVER,
}
"""Which fact each event of a bank's book proves."""

WITHOUT_EVIDENCE = frozenset({Fact.LOST, Fact.CONSENT}) | CONDITION_FACTS
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
    committees: Committees
    terms: Terms
    registries: tuple[Registry, ...]
    """By rising sequence of their configurations, from the one that admitted the match."""
    order: Order | None
    """The pivot's order, where the receipt proves one."""

    @property
    def registry(self) -> Registry:
        """Give the registry that admitted the match; empty where none came."""
        return self.registries[0] if self.registries else EMPTY_REGISTRY

    def receipt_keys(self, ledger: str) -> tuple[Bytes32, ...]:
        """Give each key that one of the registries has for a bank, in the order in which they came."""
        entries = [entry for registry in self.registries if (entry := registry.ledger(ledger)) is not None]
        keys = (entry.receipt_key for entry in entries if entry.ledger_class is not LedgerClass.VAULT)
        return tuple(dict.fromkeys(keys))


def pivot_legs(terms: Terms) -> frozenset[int]:
    """Give the legs that are known to be the pivot's: those that say so, or else the one that is hidden.

    A matched settlement's pivot has a leg, so where no other can be it, it is the hidden one; of several nobody can
    tell (`may_be_pivots`).
    """
    if not terms.pivot:
        return frozenset()
    ledgers = [ledger_of(leg) for leg in legs_of(terms)]
    own = frozenset(index for index, name in enumerate(ledgers) if name == terms.pivot)
    hidden = _hidden(terms)
    return own or (hidden if len(hidden) == 1 else own)


def may_be_pivots(terms: Terms) -> frozenset[int]:
    """Give the hidden legs of which nobody can tell whether they are the pivot's."""
    return (_hidden(terms) if terms.pivot else frozenset()) - pivot_legs(terms)


def _hidden(terms: Terms) -> frozenset[int]:
    """Give the legs that are hidden where the pivot can be one of them: a vault's legs are always in clear."""
    if is_vault_name(terms.pivot):
        return frozenset()
    return frozenset(index for index, leg in enumerate(legs_of(terms)) if ledger_of(leg) is None)


def member_of(network_id: Bytes32, committee: Committee, signed: SignedAttestation) -> int | None:
    """Give the place of the member that signed, or None where nobody of the committee did."""
    signer = recover(attestation_digest(network_id, signed.attestation), signed.signature)
    return None if signer is None else committee.index_of(signer)


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
