"""Receipts: settlements that are proven from the genesis document alone, and each of them changed in one place."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from golden.log import Json, Recorder
from golden.world import (
    BANK,
    GENESIS,
    NETWORK,
    SECOND,
    START,
    WIRE,
    hash_of,
    id_of,
    instruction,
    pivot_instruction,
    receipt_key,
    seconds,
)
from interlock.core.applied import Applied
from interlock.core.attestation import Attestation, Fact, SignedAttestation
from interlock.core.committee import FIRST_EPOCH, MemberIndex
from interlock.core.decision import Decision, Outcome, decision_hash
from interlock.core.entry import Entry
from interlock.core.instruction import AccountTerms, Instruction, LegIndex, OnchainLeg, SettlementId, hash_account_terms
from interlock.core.limits import EVERY_LEG
from interlock.core.order import OrderCertificate
from interlock.core.settlement import Settlement
from interlock.encoding.canonical import dumps, encode, to_json
from interlock.encoding.merkle import proof_of
from interlock.encoding.values import ZERO_BYTES32, Blob, Bytes32, MinorUnits, Uint32, Uint64, Uint256, hex_of
from interlock.evidence.bank_receipt import BankEvent, BankReceipt
from interlock.evidence.chain_event import Delivered, Held, Returned
from interlock.evidence.committees import Inclusion
from interlock.evidence.document import BankReceiptDocument, ChainEventDocument, Document, evidence_hash
from interlock.evidence.receipt import OrderProof, Proofs, Receipt, make_receipt
from interlock.evidence.verify import verify_receipt

ASSET, MONEY = 0, 1
COMMIT, ABORT = Outcome.COMMIT, Outcome.ABORT
Path = tuple[str | int, ...]


class Kept(Recorder):
    """A log of one settlement that keeps what a receipt needs."""

    def __init__(self, terms: Instruction) -> None:
        super().__init__()
        self.terms = terms
        self.id: SettlementId = id_of(terms)
        self.counted: list[tuple[MemberIndex, SignedAttestation]] = []
        self.leaves: list[Bytes32] = []
        self.documents: list[Document] = []
        self.order: OrderCertificate | None = None
        self.last: Settlement | None = None
        self.configured().bring(terms)

    def block(self, *entries: Entry | bytes, at: int | None = None) -> Applied:
        """Apply a block, and keep what counted."""
        applied = super().block(*entries, at=at)
        self.counted += [(vote.member, vote.signed) for vote in applied.votes]
        self.leaves += applied.leaves
        for _, after in applied.changes:
            self.last = after
            self.order = after.order_certificate or self.order
        return applied

    def see(self, leg: int, fact: Fact, document: Document) -> None:
        """Let a quorum attest a fact, each with the same document."""
        council, anchor, content = self.council, self.replica.anchor, encode(document)
        said = Attestation(
            settlement=self.id,
            leg=LegIndex(Uint32(leg)),
            fact=fact,
            position=document.position,
            evidence=evidence_hash(document),
            epoch=self.replica.committee.epoch,
        )
        batches = (
            council.attest(each, anchor, council.said(each, said), documents=[content]) for each in council.quorum
        )
        self.block(*batches)
        self.documents.append(document)

    def receipt(self) -> Receipt:
        """Give the receipt."""
        if self.last is None or self.last.certificate is None:
            raise ValueError("nothing is certified")
        certificate = self.last.certificate
        order = None if self.order is None else OrderProof(self.order, None)
        proofs = Proofs(tuple(self.replica.rotations), order, self._included(certificate.decision))
        configurations = self.replica.configurations_of(self.last)
        return make_receipt(NETWORK, self.last, configurations, self.counted, self.documents, proofs)

    def _included(self, decision: Decision) -> Inclusion | None:
        if decision.epoch == self.replica.committee.epoch:
            return None
        place = self.leaves.index(decision_hash(replace(decision, epoch=FIRST_EPOCH)))
        return Inclusion(FIRST_EPOCH, proof_of(self.leaves, place))

    def by_bank(self, event: BankEvent, at: str = BANK) -> BankReceiptDocument:
        """Give the word of the bank about the money leg, or about the order."""
        terms = self.terms.account_legs[0].terms
        of_order = event in {BankEvent.EXECUTED, BankEvent.NEVER}
        signed = AccountTerms("", "", MinorUnits(Uint256(0)), "", "", ZERO_BYTES32) if of_order else terms
        receipt = BankReceipt(
            network=NETWORK,
            ledger=at,
            number=Uint64(int(event)),
            previous=ZERO_BYTES32,
            time=seconds(START + int(event)),
            event=event,
            settlement=self.id,
            leg=LegIndex(Uint32(EVERY_LEG if of_order else MONEY)),
            terms=ZERO_BYTES32 if of_order else hash_account_terms(terms),
            asset=signed.asset,
            amount=signed.amount,
            payer=signed.payer,
            payee=signed.payee,
            reason="insufficient-funds" if event is BankEvent.REFUSED else "",
        )
        return BankReceiptDocument(at, receipt_key(at).sign(receipt))

    def by_vault(self, kind: type[Held | Delivered | Returned]) -> ChainEventDocument:
        """Give an event of the vault about the asset leg."""
        leg: OnchainLeg = self.terms.onchain_legs[0]
        indexed: tuple[bytes, ...] = (leg.payee if kind is Delivered else leg.payer,)
        words: tuple[bytes | int, ...] = (ASSET, leg.token, leg.amount)
        if kind is Held:
            indexed, words = (leg.payer, leg.payee), (*words, leg.nonce)
        return ChainEventDocument(
            chain_id=leg.chain_id,
            vault=leg.vault,
            block_number=Uint64(40 + len(self.documents)),
            block_hash=hash_of(f"block {len(self.documents)} of the chain"),
            transaction_hash=hash_of(f"transaction {len(self.documents)}"),
            log_index=Uint32(3),
            topics=(kind.TOPIC, self.id, *(_word(each) for each in indexed)),
            data=Blob(b"".join(_word(each) for each in words)),
        )


def _word(value: bytes | int) -> Bytes32:
    return Bytes32(value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0"))


def settled() -> Kept:
    """Hold both legs, commit, deliver both."""
    log = Kept(instruction())
    log.see(ASSET, Fact.HELD, log.by_vault(Held))
    log.see(MONEY, Fact.HELD, log.by_bank(BankEvent.HELD))
    log.certify(log.id, COMMIT)
    log.see(ASSET, Fact.DELIVERED, log.by_vault(Delivered))
    log.see(MONEY, Fact.DELIVERED, log.by_bank(BankEvent.CAPTURED))
    return log


def unwound() -> Kept:
    """Hold one leg, have the other refused, abort, return."""
    log = Kept(instruction())
    log.see(ASSET, Fact.HELD, log.by_vault(Held))
    log.see(MONEY, Fact.REFUSED, log.by_bank(BankEvent.REFUSED))
    log.certify(log.id, ABORT)
    log.see(ASSET, Fact.RETURNED, log.by_vault(Returned))
    log.see(MONEY, Fact.RETURNED, log.by_bank(BankEvent.TOMBSTONED))
    return log


def paid_last() -> Kept:
    """Hold the tokens, pay under the order, deliver."""
    log = Kept(pivot_instruction())
    log.see(ASSET, Fact.HELD, log.by_vault(Held))
    log.certify_order(log.id)
    log.see(EVERY_LEG, Fact.EXECUTED, log.by_bank(BankEvent.EXECUTED, WIRE))
    log.certify(log.id, COMMIT)
    log.see(ASSET, Fact.DELIVERED, log.by_vault(Delivered))
    return log


def of_a_closed_epoch() -> Kept:
    """Settle, and hand the epoch over afterwards: the certificate counts by its inclusion alone."""
    log = settled()
    log.name(SECOND)
    log.hand_over()
    return log


@dataclass(frozen=True, slots=True)
class Changed:
    """One change of a receipt."""

    name: str
    at: Path
    put: Json


def _changes(receipt: Json) -> Iterable[Changed]:
    """Give what is changed in every receipt."""
    other = hex_of(hash_of("another network"))
    yield Changed("another network", ("network",), other)
    yield Changed("another settlement", ("settlement",), other)
    yield Changed("another amount", ("instruction", "onchainLegs", 0, "amount"), "1")
    yield Changed("a party's signature is missing", ("signatures",), receipt["signatures"][1:])
    yield Changed(
        "a party's signature is the other's", ("signatures", 0, "signature"), receipt["signatures"][1]["signature"]
    )
    yield Changed("the other outcome", ("certificate", "decision", "outcome"), _opposite(receipt))
    yield Changed("a certificate of two", ("certificate", "signatures"), receipt["certificate"]["signatures"][:2])
    yield Changed("another sequence of the registry", ("configurations", 0, "configuration", "sequence"), 2)
    yield Changed("another fact", ("attestations", 0, "attestation", "fact"), "LOST")
    yield Changed("no attestation, and so no use of documents", ("attestations",), [])
    yield Changed("a document that nothing names", ("attestations",), receipt["attestations"][3:])
    yield Changed("no document", ("documents",), [])
    yield Changed("an unknown member", ("note",), "paid in full")
    if receipt["inclusion"] is not None:
        yield Changed("no inclusion", ("inclusion",), None)
        yield Changed("no rotation", ("rotations",), [])
        yield Changed("another leaf", ("inclusion", "epoch"), 2)
    if receipt["order"] is not None:
        yield Changed("no order", ("order",), None)
        yield Changed("another last time", ("order", "certificate", "order", "lastValid"), 1)


def _opposite(receipt: Json) -> str:
    return "ABORT" if receipt["certificate"]["decision"]["outcome"] == "COMMIT" else "COMMIT"


def changed(document: Json, at: Path, put: Json) -> Json:
    """Give a JSON value with another value in one place, which is a new member where there was none."""
    if not at:
        return put
    first, rest = at[0], at[1:]
    if isinstance(document, list):
        return [changed(each, rest, put) if place == first else each for place, each in enumerate(document)]
    return document | {first: changed(document.get(first), rest, put)}


STORIES: dict[str, tuple[str, tuple[str, ...], Callable[[], Kept]]] = {
    "settled": ("Both legs were held and delivered.", ("PROMISE-FREE", "I2"), settled),
    "unwound": ("One leg was held, the other refused; nothing moved.", ("PROMISE-FREE", "I1"), unwound),
    "paid-last": ("The bank paid under the order, and the tokens followed.", ("PIVOT-4", "D4"), paid_last),
    "closed-epoch": (
        "The epoch that signed it is over: its inclusion proves it.",
        ("EPOCH-6", "EPOCH-7"),
        of_a_closed_epoch,
    ),
}


def receipts() -> dict[str, Callable[[], Json]]:
    """Give what writes each file of receipts."""
    return {f"receipts/{name}.json": partial(_told, name) for name in STORIES}


def _told(name: str) -> Json:
    sentence, tags, tell = STORIES[name]
    receipt = tell().receipt()
    document = to_json(receipt)
    genesis = encode(GENESIS)
    report = verify_receipt(encode(receipt), genesis)
    return {
        "tells": f"{sentence} The receipt, and what is found where one thing in it is changed.",
        "tags": list(tags),
        "genesis": to_json(GENESIS),
        "receipt": document,
        "outcome": None if report.outcome is None else report.outcome.name,
        "state": None if report.state is None else report.state.name,
        "checks": [check.name for check in report.checks],
        "changed": [_verdict(document, each, genesis) for each in _changes(document)],
    }


def _verdict(document: Json, change: Changed, genesis: bytes) -> Json:
    report = verify_receipt(dumps(changed(document, change.at, change.put)), genesis)
    return {
        "name": change.name,
        "at": list(change.at),
        "put": change.put,
        "fails": None if report.valid else report.checks[-1].name,
        "reason": report.reason,
    }
