"""Receipts of real settlements: driven through the log, attested with real bank receipts and real vault events."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from interlock.bankd.receipts import ReceiptKey
from interlock.core.attestation import Attestation, Fact, SignedAttestation, attestation_digest
from interlock.core.committee import Epoch, MemberIndex
from interlock.core.decision import Decision, Outcome, decision_hash
from interlock.core.entry import Attest, Configure, Entry
from interlock.core.instruction import (
    AccountTerms,
    Instruction,
    LegIndex,
    OnchainLeg,
    SettlementId,
    Terms,
    hash_account_terms,
)
from interlock.core.order import Order, OrderCertificate, order_hash
from interlock.core.registry import LedgerClass, Registry, SignedConfiguration
from interlock.core.settlement import Settlement
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.merkle import proof_of
from interlock.encoding.values import ZERO_BYTES32, Blob, Bytes32, Uint32, Uint64, Uint256, UnixSeconds
from interlock.entries.check import batch_digest
from interlock.evidence.bank_receipt import BankEvent, BankReceipt
from interlock.evidence.chain_event import Delivered, Held, Returned, Tombstoned
from interlock.evidence.committees import Inclusion
from interlock.evidence.document import (
    BankReceiptDocument,
    ChainAbsenceDocument,
    ChainEventDocument,
    ChainRefusalDocument,
    Document,
    evidence_hash,
)
from interlock.evidence.lane_word import LaneWord
from interlock.evidence.receipt import OrderProof, Proofs, Receipt, make_receipt
from support.log import Log, Ordered
from support.protocol import FIRST, Council, Network
from support.world import (
    BANK,
    CHAIN_ID,
    GENESIS,
    NETWORK,
    PREPARE_BY,
    QUORUM,
    START,
    USD,
    VAULT,
    Key,
    configure,
    id_of,
    instruction,
    ledger,
    registry,
    word,
)

GENESIS_BYTES = encode(GENESIS)
BANK_KEY = ReceiptKey.from_jwk(
    b'{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",'
    b'"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
)
"""The bank's key; the example of RFC 8037."""
OTHER_KEY = ReceiptKey.generate()
"""Another key of the bank's, where a registry has it; else one that no registry knows."""
EVERYONE = (0, 1, 2, 3)
ASSET, MONEY = 0, 1
"""The legs of the usual instruction: on chain, and at the bank."""


def registry_of_bank(key: ReceiptKey = BANK_KEY) -> Registry:
    """Give the usual registry with the bank's own key, or with another one."""
    return registry(replace(ledger(BANK, LedgerClass.HELD, USD), receipt_key=key.public_key))


USUAL = registry_of_bank()


def bank_receipt(id_: SettlementId, signed: AccountTerms, event: BankEvent, **changes: object) -> BankReceipt:
    """Give what the bank says about the money leg."""
    receipt = BankReceipt(
        network=NETWORK,
        ledger=BANK,
        number=Uint64(int(event)),
        previous=word(0),
        time=UnixSeconds(Uint64(START + int(event))),
        event=event,
        settlement=id_,
        leg=LegIndex(Uint32(MONEY)),
        terms=hash_account_terms(signed),
        asset=signed.asset,
        amount=signed.amount,
        payer=signed.payer,
        payee=signed.payee,
        reason="insufficient-funds" if event is BankEvent.REFUSED else "",
    )
    return replace(receipt, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def bank_document(receipt: BankReceipt, key: ReceiptKey = BANK_KEY) -> BankReceiptDocument:
    """Give a bank's receipt, signed, as evidence."""
    return BankReceiptDocument(receipt.ledger, key.sign(receipt))


def vault_event(
    id_: SettlementId, leg: OnchainLeg, kind: type[Held | Delivered | Returned | Tombstoned], *, index: int = ASSET
) -> ChainEventDocument:
    """Give an event of the vault that equals the signed leg."""
    if kind is Held:
        indexed, words = [leg.payer, leg.payee], [index, leg.token, leg.amount, leg.nonce]
    elif kind is Tombstoned:
        indexed, words = [leg.payer], [index, leg.nonce]
    else:
        indexed = [leg.payee if kind is Delivered else leg.payer]
        words = [index, leg.token, leg.amount]
    return ChainEventDocument(
        chain_id=leg.chain_id,
        vault=leg.vault,
        block_number=Uint64(40),
        block_hash=word(0xB10C),
        transaction_hash=word(0x7A),
        log_index=Uint32(3),
        topics=(kind.TOPIC, id_, *(_padded(each) for each in indexed)),
        data=Blob(b"".join(_padded(each) for each in words)),
    )


def refusal(step: str = "deliver") -> ChainRefusalDocument:
    """Give a failed exit check of the vault."""
    return ChainRefusalDocument(Uint256(CHAIN_ID), VAULT, Uint64(39), word(0xB10B), step, Blob(b"\x01\x02"))


def lane_refusal(generation: int = 1, *, status: int = 4, commitment: bytes = b"\7" * 26) -> ChainRefusalDocument:
    """Give a payer's lane that another leg has used."""
    return replace(refusal("lane"), reason=LaneWord(commitment, generation, status).packed)


def absence(time: int = PREPARE_BY + 5) -> ChainAbsenceDocument:
    """Give a block of the chain in which no hold stood."""
    return ChainAbsenceDocument(Uint256(CHAIN_ID), VAULT, Uint64(99), word(0xB1FF), Uint64(time))


def _padded(value: bytes | int) -> Bytes32:
    return Bytes32(value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\x00"))


def statement(
    member: int,
    id_: SettlementId,
    leg: int,
    fact: Fact,
    document: Document | None = None,
    *,
    position: Bytes32 | None = None,
    key: Key | None = None,
    council: Council = FIRST,
) -> SignedAttestation:
    """Give a member's signed statement that names a document."""
    where = document.position if document is not None else ZERO_BYTES32
    said = Attestation(
        settlement=id_,
        leg=LegIndex(Uint32(leg)),
        fact=fact,
        position=where if position is None else position,
        evidence=ZERO_BYTES32 if document is None else evidence_hash(document),
        epoch=council.committee.epoch,
    )
    return SignedAttestation(said, (key or council.keys[member]).sign(attestation_digest(NETWORK, said)))


def in_order(entry: Configure) -> SignedConfiguration:
    """Give a configuration with its signatures as a receipt has them."""
    return replace(entry.signed, signatures=tuple(sorted(entry.signed.signatures, key=lambda each: each.signer)))


class Recorder(Network):
    """A log that remembers what a node would keep."""

    def __init__(self, wanted: Registry | None, *first: Entry) -> None:
        """Begin with a registry, if any, and with these entries, which must be taken."""
        self.votes: list[tuple[MemberIndex, SignedAttestation]] = []
        self.leaves: list[Bytes32] = []
        """Of the log of decisions."""
        self.sizes = {0: 0}
        """How many there were at the end of each block."""
        self.orders: dict[SettlementId, OrderCertificate] = {}
        self.gone: dict[SettlementId, Settlement] = {}
        """Settlements that ended."""
        self.councils = {1: FIRST}
        self._successors: tuple[Key, ...] = ()
        Log.__init__(self, registry=wanted)  # a network has always a registry, this log may have none
        if first:
            assert self.block(*first).reasons == []

    def block(self, *entries: Entry | bytes, time: int | None = None) -> Ordered:
        """Order these entries, and keep what came of them."""
        ordered = super().block(*entries, time=time)
        self.votes += ordered.applied.votes
        self.leaves += ordered.applied.leaves
        self.sizes[self.replica.height] = len(self.leaves)
        self.gone.update({each.id: each for each in ordered.applied.ended})
        for _, after in ordered.applied.changes:
            if after.order_certificate is not None:
                self.orders[after.id] = after.order_certificate
        return ordered

    def included(self, statement: Decision | Order) -> Inclusion | None:
        """Give the place of what an epoch certified under the root of the newest rotation; None in the newest epoch."""
        if statement.epoch == self.replica.committee.epoch:
            return None
        size = self.sizes[self.replica.rotations[-1].rotation.height]
        for epoch in self.councils:
            taken = replace(statement, epoch=Epoch(Uint64(epoch)))
            leaf = decision_hash(taken) if isinstance(taken, Decision) else order_hash(taken)
            if leaf in self.leaves[:size]:
                return Inclusion(taken.epoch, proof_of(self.leaves[:size], self.leaves.index(leaf)))
        raise AssertionError("what an epoch certified is in the log of decisions")


class Story:
    """One settlement on its way through the log, with everything that its receipt will need."""

    def __init__(
        self,
        terms: Terms | None = None,
        *,
        registry: Registry | None = USUAL,
        signers: tuple[Key, ...] = (),
        log: Recorder | None = None,
    ) -> None:
        self.log = Recorder(registry) if log is None else log
        self.terms = terms if terms is not None else instruction()
        self.id = id_of(self.terms)
        self.votes = self.log.votes
        self.documents: list[Document] = []
        if isinstance(self.terms, Instruction) and self.id not in self.log.replica.settlements:
            self.log.instruct(self.terms, *signers)

    @property
    def settlement(self) -> Settlement:
        """Give the settlement as it is now."""
        return self.log.gone.get(self.id) or self.log[self.id]

    @property
    def asset(self) -> OnchainLeg:
        """Give the first leg on chain."""
        return self.terms.onchain_legs[0]

    @property
    def money(self) -> AccountTerms:
        """Give the terms of the first account leg."""
        terms = self.terms.account_legs[0].terms
        assert isinstance(terms, AccountTerms)
        return terms

    def said_by_bank(self, event: BankEvent, *, key: ReceiptKey = BANK_KEY, **changes: object) -> BankReceiptDocument:
        """Give the bank's signed word about the money leg."""
        return bank_document(bank_receipt(self.id, self.money, event, **changes), key)

    def said_number(self, event: BankEvent) -> Uint64:
        """Give the number of the bank's receipt of an event."""
        return bank_receipt(self.id, self.money, event).number

    def said_by_vault(self, kind: type[Held | Delivered | Returned | Tombstoned]) -> ChainEventDocument:
        """Give the vault's event about the asset leg."""
        return vault_event(self.id, self.asset, kind)

    def attest(self, leg: int, fact: Fact, document: Document | None, members: Iterable[int] | None = None) -> None:
        """Let members, or else everyone in office, say the same, with the same evidence."""
        everyone = range(len(self.log.council.keys))
        self.attest_each(leg, fact, dict.fromkeys(everyone if members is None else members, document))

    def attest_each(self, leg: int, fact: Fact, documents: Mapping[int, Document | None]) -> None:
        """Let members say one fact, each with evidence of its own."""
        council = self.log.council
        said = [statement(who, self.id, leg, fact, what, council=council) for who, what in documents.items()]
        self.bring(*said, members=tuple(documents), documents=tuple(documents.values()))

    def bring(
        self, *signed: SignedAttestation, members: tuple[int, ...], documents: tuple[Document | None, ...] = ()
    ) -> None:
        """Order statements, each in a batch of its own; the log must count them all."""
        given = [each for each in documents if each is not None]
        contents = {keccak256(encode(each)): encode(each) for each in given}
        named = [contents.get(each.attestation.evidence) for each in signed]
        self.take(
            self.log.block(
                *(
                    self._batch(member, each, () if document is None else (Blob(document),))
                    for member, each, document in zip(members, signed, named, strict=True)
                )
            )
        )
        self.documents += given

    def _batch(self, member: int, signed: SignedAttestation, documents: tuple[Blob, ...]) -> Attest:
        council, anchor = self.log.council, self.log.anchor
        over = batch_digest(NETWORK, council.committee, anchor, (signed,), documents)
        return Attest(MemberIndex(Uint32(member)), anchor, (signed,), documents, council.keys[member].sign(over))

    def decide_with(self, leg: int, fact: Fact, document: Document, *others: Entry) -> None:
        """Let everyone say one fact in the block in which other entries are ordered."""
        council = self.log.council
        signed = [statement(who, self.id, leg, fact, document, council=council) for who in range(len(council.keys))]
        content = (Blob(encode(document)),)
        entries = (self._batch(who, each, content) for who, each in enumerate(signed))
        self.take(self.log.block(*entries, *others))
        self.documents.append(document)

    def take(self, ordered: Ordered) -> None:
        """See that all that a block brought counted."""
        assert ordered.reasons == []

    def certify(self, outcome: Outcome, members: tuple[int, ...] | None = None) -> None:
        """Let members, or else a quorum, sign the decision."""
        self.take(self.log.certify(self.id, outcome, members))

    def proofs(self) -> Proofs:
        """Give what proves the certificates to somebody who knows genesis alone."""
        certificate, ordered = self.settlement.certificate, self.log.orders.get(self.id)
        return Proofs(
            rotations=tuple(self.log.replica.rotations),
            order=None if ordered is None else OrderProof(ordered, self.log.included(ordered.order)),
            inclusion=None if certificate is None else self.log.included(certificate.decision),
        )

    def receipt(self) -> Receipt:
        """Give the receipt, as a node would."""
        configurations = self.log.replica.configurations_of(self.settlement)
        return make_receipt(NETWORK, self.settlement, configurations, self.votes, self.documents, self.proofs())


def hold_both(story: Story) -> None:
    """Hold both legs, as everyone sees."""
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD))


def settled() -> Story:
    """Give a settlement whose two legs were held and delivered."""
    story = Story()
    hold_both(story)
    story.certify(Outcome.COMMIT)
    story.attest(ASSET, Fact.DELIVERED, story.said_by_vault(Delivered), QUORUM)
    story.attest(MONEY, Fact.DELIVERED, story.said_by_bank(BankEvent.CAPTURED), QUORUM)
    return story


def rekeyed() -> Story:
    """Give a settled settlement whose bank replaced its key: it held under the old, captured under a new one."""
    story = Story(registry=registry_of_bank(OTHER_KEY))
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD, key=OTHER_KEY))
    story.take(story.log.block(configure(registry_of_bank(), 2)))
    story.certify(Outcome.COMMIT)
    story.attest(ASSET, Fact.DELIVERED, story.said_by_vault(Delivered), QUORUM)
    story.attest(MONEY, Fact.DELIVERED, story.said_by_bank(BankEvent.CAPTURED), QUORUM)
    return story


def unwound() -> Story:
    """Give a settlement whose asset was held while the bank refused the money; both legs are closed."""
    story = Story()
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.attest(MONEY, Fact.REFUSED, story.said_by_bank(BankEvent.REFUSED))
    story.certify(Outcome.ABORT)
    story.attest(ASSET, Fact.RETURNED, story.said_by_vault(Returned), QUORUM)
    story.attest(MONEY, Fact.RETURNED, story.said_by_bank(BankEvent.TOMBSTONED), QUORUM)
    return story
