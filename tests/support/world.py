"""A small world for the tests of the core: keys, a network, instructions of any mix of legs, and the votes about them.

Alice pays on chain, Bob signs for the account that pays at the bank, Carol is a third party, and the stranger is nobody
whose consent is needed. Four nodes, f = 1, quorum 3. Everything is deterministic: keys are small numbers, time starts
at `START`. `support.log` applies what is made here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

from interlock.core.attestation import Attestation, Fact, SignedAttestation, attestation_digest
from interlock.core.committee import FIRST_EPOCH, Committee, Epoch, Genesis, MemberIndex, first_committee
from interlock.core.decision import (
    Decision,
    DecisionBatch,
    Outcome,
    SignedBatch,
    SignedDecision,
    batch_root_digest,
    decision_digest,
)
from interlock.core.entry import Anchor, Attest, Cancel, Certify, Configure, Instruct, Rotate, Sign, SignRotation
from interlock.core.instruction import (
    AccountLeg,
    AccountTerms,
    Instruction,
    LegIndex,
    OnchainLeg,
    PartySignature,
    RedactedInstruction,
    SettlementId,
    Terms,
    cancel_digest,
    settlement_id,
    vault_name,
)
from interlock.core.order import Order, SignedOrder, order_digest
from interlock.core.registry import (
    Configuration,
    LedgerClass,
    LedgerEntry,
    Registry,
    SignedConfiguration,
    configuration_digest,
)
from interlock.core.rotation import Rotation, SignedSuccession, Succession, rotation_digest, succession_digest
from interlock.encoding.keccak import keccak256
from interlock.encoding.secp256k1 import address_of, sign_digest
from interlock.encoding.values import (
    ZERO_BYTES32,
    Address,
    Blob,
    Bytes32,
    MinorUnits,
    Signature,
    Uint32,
    Uint64,
    Uint256,
    UnixSeconds,
    hex_of,
)
from interlock.entries.check import batch_digest


@dataclass(frozen=True, slots=True)
class Key:
    """A secret key and what it does."""

    secret: bytes

    @property
    def address(self) -> Address:
        """Give the key's address."""
        return _address(self.secret)

    def sign(self, digest: Bytes32) -> Signature:
        """Sign a digest."""
        return _signature(self.secret, digest)

    def consent(self, digest: Bytes32) -> PartySignature:
        """Sign a digest and say who did."""
        return PartySignature(self.address, self.sign(digest))


def key(number: int) -> Key:
    """Give the key whose secret is this number."""
    return Key(number.to_bytes(32, "big"))


def word(number: int) -> Bytes32:
    """Give a number as 32 bytes."""
    return Bytes32(number.to_bytes(32, "big"))


def address(number: int) -> Address:
    """Give an address that nobody has a key of."""
    return Address(number.to_bytes(20, "big"))


@cache
def _signature(secret: bytes, digest: Bytes32) -> Signature:
    return sign_digest(secret, digest)  # deterministic, so the same one is made once


@cache
def _address(secret: bytes) -> Address:
    return address_of(secret)


ALICE, BOB, CAROL, STRANGER = (key(number) for number in range(1, 5))
NODES = tuple(key(number) for number in range(101, 105))
QUORUM = (0, 1, 2)
"""Members enough for a quorum; the fourth is often the faulty one."""

GENESIS = Genesis("test", tuple(node.address for node in NODES), "embedded", word(7))
NETWORK = GENESIS.network_id
COMMITTEE = first_committee(GENESIS)

START = 1_800_000_000
"""Log time of the first block of a test."""
PREPARE_BY = START + 600
HORIZON_S = 3_600
OPEN_MAX = 8
PIVOT_WINDOW_S = 120

CHAIN_ID = 31_337
VAULT, TOKEN, OTHER_TOKEN = address(0xA1), address(0xA2), address(0xA3)
VAULT_NAME = vault_name(CHAIN_ID, VAULT)
BANK, OTHER_BANK, PAYMENT_ONLY = "bank:first", "bank:second", "bank:wire"
USD = "USD/2"


def ledger(
    name: str, kind: LedgerClass, *assets: str, is_suspended: bool = False, is_pivot: bool | None = None
) -> LedgerEntry:
    """Give a registry's line; the receipt key of a bank is nobody's; only what holds nothing is a pivot unasked."""
    receipt_key = ZERO_BYTES32 if kind is LedgerClass.VAULT else word(9)
    can_be_pivot = kind is LedgerClass.DIRECT if is_pivot is None else is_pivot
    return LedgerEntry(name, kind, assets, receipt_key, Uint32(0), is_suspended, can_be_pivot)


def registry(
    *ledgers: LedgerEntry,
    horizon_s: int = HORIZON_S,
    open_max: int = OPEN_MAX,
    batch_min: int = 0,
    has_conditions: bool = True,
    default: bool = True,
) -> Registry:
    """Give a registry of the usual ledgers, of which those given replace the ones of the same name."""
    usual = (
        ledger(BANK, LedgerClass.HELD, USD),
        ledger(OTHER_BANK, LedgerClass.HELD, USD),
        ledger(PAYMENT_ONLY, LedgerClass.DIRECT, USD),
        ledger(VAULT_NAME, LedgerClass.VAULT, hex_of(TOKEN), hex_of(OTHER_TOKEN)),
    )
    by_name = {each.name: each for each in (*(usual if default else ()), *ledgers)}
    return Registry(
        tuple(by_name[name] for name in sorted(by_name)),
        Uint64(horizon_s),
        Uint32(open_max),
        pivot_window_max_s=Uint64(PIVOT_WINDOW_S),
        has_conditions=has_conditions,
        batch_min=Uint32(batch_min),
    )


REGISTRY = registry()


def nonce(lane: int, generation: int = 1) -> Uint256:
    """Give an on-chain leg's nonce."""
    return Uint256(lane << 40 | generation)


def onchain_leg(index: int = 0, **changes: object) -> OnchainLeg:
    """Give a leg from Alice to Bob on a lane of its own."""
    leg = OnchainLeg(
        chain_id=Uint256(CHAIN_ID),
        vault=VAULT,
        token=TOKEN,
        amount=MinorUnits(Uint256(100 + index)),
        payer=ALICE.address,
        payee=BOB.address,
        nonce=nonce(index + 1),
    )
    return replace(leg, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def account_leg(index: int = 0, signer: Address = BOB.address, **changes: object) -> AccountLeg:
    """Give a leg of dollars from Bob's account to Alice's at the first bank."""
    terms = AccountTerms(
        ledger=BANK,
        asset=USD,
        amount=MinorUnits(Uint256(5_000 + index)),
        payer="bob",
        payee="alice",
        blind=word(11 + index),
    )
    return AccountLeg(signer, replace(terms, **changes))  # type: ignore[arg-type]  # a test names the fields it changes


def instruction(onchain: int = 1, accounts: int = 1, *, salt: int = 1, **changes: object) -> Instruction:
    """Give an instruction of so many legs; whoever changes its legs gives them whole."""
    terms = Instruction(
        memo="treasuries against dollars",
        onchain_legs=tuple(onchain_leg(index) for index in range(onchain)),
        account_legs=tuple(account_leg(index) for index in range(accounts)),
        pivot="",
        conditions=ZERO_BYTES32,
        settle_from=UnixSeconds(Uint64(0)),
        prepare_by=UnixSeconds(Uint64(PREPARE_BY)),
        pivot_window=Uint64(0),
        nonce=word(salt),
    )
    return replace(terms, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def pivot_instruction(onchain: int = 1, *, salt: int = 1, **changes: object) -> Instruction:
    """Give an instruction whose account leg is paid last, in one step, by the payment system: its pivot."""
    usual: dict[str, object] = {
        "account_legs": (account_leg(ledger=PAYMENT_ONLY),),
        "pivot": PAYMENT_ONLY,
        "pivot_window": Uint64(PIVOT_WINDOW_S),
    }
    return instruction(onchain, salt=salt, **{**usual, **changes})


def id_of(terms: Terms) -> SettlementId:
    """Give the id of terms on this network."""
    return settlement_id(NETWORK, terms)


def instruct(terms: Terms, *keys: Key) -> Instruct:
    """Give the entry that brings terms in clear or redacted, signed by these keys."""
    signatures = tuple(each.consent(id_of(terms)) for each in keys)
    if isinstance(terms, Instruction):
        return Instruct(terms, None, signatures)
    return Instruct(None, terms, signatures)


def sign(id_: SettlementId, *keys: Key) -> Sign:
    """Give the entry that adds these keys' signatures."""
    return Sign(id_, tuple(each.consent(id_) for each in keys))


def cancel(id_: SettlementId, *keys: Key, redacted: RedactedInstruction | None = None) -> Cancel:
    """Give the entry by which these keys withdraw."""
    return Cancel(id_, redacted, tuple(each.consent(cancel_digest(NETWORK, id_)) for each in keys))


def configure(registry: Registry, sequence: int, *keys: Key, epoch: int = FIRST_EPOCH) -> Configure:
    """Give the entry that puts a registry in force, signed by these keys, or else by a quorum."""
    configuration = Configuration(Epoch(Uint64(epoch)), Uint64(sequence), registry)
    digest = configuration_digest(NETWORK, configuration)
    return Configure(SignedConfiguration(configuration, tuple(each.consent(digest) for each in keys or NODES[:3])))


def attestation(
    member: int, id_: SettlementId, leg: int, fact: Fact, *, epoch: int = FIRST_EPOCH, evidence: Bytes32 = ZERO_BYTES32
) -> SignedAttestation:
    """Give a member's signed statement of a fact."""
    statement = Attestation(id_, LegIndex(Uint32(leg)), fact, ZERO_BYTES32, evidence, Epoch(Uint64(epoch)))
    return SignedAttestation(statement, NODES[member].sign(attestation_digest(NETWORK, statement)))


def attest(
    member: int,
    anchor: Anchor,
    *attestations: SignedAttestation,
    documents: Iterable[bytes] = (),
    committee: Committee = COMMITTEE,
) -> Attest:
    """Give a member's batch of statements."""
    blobs = tuple(Blob(each) for each in documents)
    digest = batch_digest(NETWORK, committee, anchor, attestations, blobs)
    return Attest(MemberIndex(Uint32(member)), anchor, attestations, blobs, NODES[member].sign(digest))


def signed_decision(member: int, id_: SettlementId, outcome: Outcome, *, epoch: int = FIRST_EPOCH) -> SignedDecision:
    """Give a member's signature of a decision."""
    decision = Decision(id_, outcome, Epoch(Uint64(epoch)))
    return SignedDecision(decision, NODES[member].sign(decision_digest(NETWORK, decision)))


def sign_decisions(
    member: int, anchor: Anchor, *decisions: SignedDecision, committee: Committee = COMMITTEE
) -> Certify:
    """Give a member's batch of decision signatures."""
    return certify(member, anchor, *decisions, committee=committee)


def certify(
    member: int,
    anchor: Anchor,
    *statements: SignedDecision | SignedBatch | SignedOrder,
    committee: Committee = COMMITTEE,
) -> Certify:
    """Give a member's batch of signatures under decisions, batches of decisions and orders, in this order."""
    decisions = tuple(each for each in statements if isinstance(each, SignedDecision))
    batches = tuple(each for each in statements if isinstance(each, SignedBatch))
    orders = tuple(each for each in statements if isinstance(each, SignedOrder))
    digest = batch_digest(NETWORK, committee, anchor, (*decisions, *batches, *orders))
    return Certify(MemberIndex(Uint32(member)), anchor, decisions, batches, orders, NODES[member].sign(digest))


def signed_batch(member: int, batch: DecisionBatch) -> SignedBatch:
    """Give a member's signature of a batch of decisions."""
    return SignedBatch(batch, NODES[member].sign(batch_root_digest(NETWORK, batch)))


def signed_order(member: int, order: Order) -> SignedOrder:
    """Give a member's signature of an order."""
    return SignedOrder(order, NODES[member].sign(order_digest(NETWORK, order)))


def rotate(members: Iterable[Address], *keys: Key, epoch: int = FIRST_EPOCH) -> Rotate:
    """Give the entry that names the next committee, signed by these keys, or else by a quorum."""
    succession = Succession(Epoch(Uint64(epoch)), tuple(members))
    digest = succession_digest(NETWORK, succession)
    return Rotate(SignedSuccession(succession, tuple(each.consent(digest) for each in keys or NODES[:3])))


def sign_rotation(member: int, rotation: Rotation, *, key: Key | None = None) -> SignRotation:
    """Give a member's signature of the pending rotation."""
    signature = (key or NODES[member]).sign(rotation_digest(NETWORK, rotation))
    return SignRotation(MemberIndex(Uint32(member)), rotation, signature)


def evidence_of(document: bytes) -> Bytes32:
    """Give the hash by which an attestation names a document."""
    return keccak256(document)
