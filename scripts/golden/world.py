"""The small network of the vectors: its keys, its registry, its instructions, and every statement that is signed.

Two parties trade a token for dollars, a third joins them in a ring, a contract wallet has no key. Seven nodes have one:
four of them are the first committee. A secret key is keccak256 of `interlock/vectors/` and the key's name.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from interlock.bankd.receipts import ReceiptKey
from interlock.core.attestation import Attestation, Fact, MemberAttestation, SignedAttestation, attestation_digest
from interlock.core.committee import Committee, Epoch, Genesis, MemberIndex
from interlock.core.decision import (
    Certificate,
    Decision,
    DecisionBatch,
    MemberSignature,
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
from interlock.encoding.canonical import dumps
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
    """A secret key, and whose it is."""

    name: str

    @property
    def secret(self) -> bytes:
        """Give the 32 bytes of the key."""
        return hash_of(self.name)

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


def hash_of(name: str) -> Bytes32:
    """Give 32 bytes that belong to a name."""
    return keccak256(f"interlock/vectors/{name}".encode())


def address_named(name: str) -> Address:
    """Give an address that nobody has a key of."""
    return Address(hash_of(name)[12:])


@cache
def _address(secret: bytes) -> Address:
    return address_of(secret)


@cache
def _signature(secret: bytes, digest: Bytes32) -> Signature:
    return sign_digest(secret, digest)


ALICE, BOB, CAROL, STRANGER = (Key(name) for name in ("alice", "bob", "carol", "stranger"))
NODES = tuple(Key(f"node-{number}") for number in range(7))
KEYS = {each.address: each for each in (ALICE, BOB, CAROL, STRANGER, *NODES)}
FIRST, SECOND, SEVEN = NODES[:4], NODES[1:5], NODES
"""Three committees: the first, one in which the first member is replaced, and one of seven."""
WALLET = address_named("contract wallet")
"""A party that is a contract: it signs nothing, and consents by its own call."""

GENESIS = Genesis("vectors", tuple(each.address for each in FIRST), "embedded", hash_of("salt"))
NETWORK = GENESIS.network_id

START = 1_900_000_000
"""Log time of the first block, unix seconds."""
PREPARE_BY = START + 600
LATE = PREPARE_BY + 1
PIVOT_WINDOW_S = 120

CHAIN_ID = 31_337
VAULT, TOKEN = address_named("vault"), address_named("token")
VAULT_NAME = vault_name(CHAIN_ID, VAULT)
BANK, OTHER_BANK, WIRE = "bank:first-national", "bank:second", "bank:wire"
USD = "USD/2"


def uint64(number: int) -> Uint64:
    """Give a number as the core wants it."""
    return Uint64(number)


def seconds(number: int) -> UnixSeconds:
    """Give a time as the core wants it."""
    return UnixSeconds(Uint64(number))


@cache
def receipt_key(name: str) -> ReceiptKey:
    """Give the Ed25519 key under which a bank signs its receipts."""
    seed = hash_of(f"receipt key of {name}")
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    secret, open_ = (urlsafe_b64encode(each).rstrip(b"=").decode() for each in (seed, public))
    return ReceiptKey.from_jwk(dumps({"kty": "OKP", "crv": "Ed25519", "d": secret, "x": open_}))


def ledger(name: str, kind: LedgerClass, asset: str, *, is_pivot: bool = False) -> LedgerEntry:
    """Give a registry's line."""
    public = ZERO_BYTES32 if kind is LedgerClass.VAULT else receipt_key(name).public_key
    return LedgerEntry(name, kind, (asset,), public, Uint32(0), is_suspended=False, is_pivot=is_pivot)


LEDGERS = (
    ledger(BANK, LedgerClass.HELD, USD),
    ledger(OTHER_BANK, LedgerClass.HELD, USD),
    ledger(WIRE, LedgerClass.DIRECT, USD, is_pivot=True),
    ledger(VAULT_NAME, LedgerClass.VAULT, hex_of(TOKEN), is_pivot=True),
)
REGISTRY = Registry(
    ledgers=LEDGERS,
    prepare_horizon_s=Uint64(86_400),
    open_per_signer_max=Uint32(2),
    pivot_window_max_s=Uint64(PIVOT_WINDOW_S),
    has_conditions=True,
    batch_min=Uint32(0),
)


def onchain_leg(
    payer: Address = ALICE.address, payee: Address = BOB.address, *, lane: int = 1, use: int = 1
) -> OnchainLeg:
    """Give a leg of tokens: by default Alice delivers to Bob."""
    return OnchainLeg(
        chain_id=Uint256(CHAIN_ID),
        vault=VAULT,
        token=TOKEN,
        amount=MinorUnits(Uint256(1_000 * 10**18)),
        payer=payer,
        payee=payee,
        nonce=Uint256(lane << 40 | use),
    )


def account_leg(
    signer: Key = BOB, payer: str = "bob", payee: str = "alice", *, at: str = BANK, amount: int = 105_230_00
) -> AccountLeg:
    """Give a leg of dollars: by default Bob pays Alice."""
    blind = hash_of(f"blind of {payer} to {payee} at {at}")
    return AccountLeg(signer.address, AccountTerms(at, USD, MinorUnits(Uint256(amount)), payer, payee, blind))


def instruction(name: str = "trade", **changes: object) -> Instruction:
    """Give the usual trade, tokens against dollars; its name salts it."""
    terms = Instruction(
        memo=f"{name}: 1,000 tokens against $105,230.00",
        onchain_legs=(onchain_leg(),),
        account_legs=(account_leg(),),
        pivot="",
        conditions=ZERO_BYTES32,
        settle_from=seconds(0),
        prepare_by=seconds(PREPARE_BY),
        pivot_window=Uint64(0),
        nonce=hash_of(f"nonce of {name}"),
    )
    return replace(terms, **changes)  # type: ignore[arg-type]  # whoever changes a field names it


def pivot_instruction(name: str = "pivot", **changes: object) -> Instruction:
    """Give a trade whose dollars are paid last, in one step."""
    usual: dict[str, object] = {
        "account_legs": (account_leg(at=WIRE),),
        "pivot": WIRE,
        "pivot_window": Uint64(PIVOT_WINDOW_S),
    }
    return instruction(name, **{**usual, **changes})


def id_of(terms: Terms) -> SettlementId:
    """Give the id of terms on this network."""
    return settlement_id(NETWORK, terms)


def instruct(terms: Terms, *keys: Key, attested: tuple[MemberAttestation, ...] = ()) -> Instruct:
    """Give the entry that brings terms in clear or redacted, signed by these keys."""
    signatures = tuple(each.consent(id_of(terms)) for each in keys)
    clear = terms if isinstance(terms, Instruction) else None
    redacted = terms if isinstance(terms, RedactedInstruction) else None
    return Instruct(clear, redacted, signatures, attested)


def sign(id_: SettlementId, *keys: Key) -> Sign:
    """Give the entry that adds these keys' signatures."""
    return Sign(id_, tuple(each.consent(id_) for each in keys))


def cancel(id_: SettlementId, *keys: Key, redacted: RedactedInstruction | None = None) -> Cancel:
    """Give the entry by which these keys withdraw."""
    return Cancel(id_, redacted, tuple(each.consent(cancel_digest(NETWORK, id_)) for each in keys))


@dataclass(frozen=True, slots=True)
class Council:
    """A committee with its keys: whatever its members sign."""

    epoch: int
    keys: tuple[Key, ...]

    @property
    def committee(self) -> Committee:
        """Give what everybody knows of it."""
        return Committee(Epoch(Uint64(self.epoch)), tuple(each.address for each in self.keys))

    @property
    def quorum(self) -> tuple[int, ...]:
        """Give its first members, just enough."""
        return tuple(range(self.committee.quorum))

    def said(self, member: int, statement: Attestation) -> SignedAttestation:
        """Give a member's signed attestation."""
        return SignedAttestation(statement, self.keys[member].sign(attestation_digest(NETWORK, statement)))

    def attestation(self, member: int, id_: SettlementId, leg: int, fact: Fact) -> SignedAttestation:
        """Give a member's signed statement of a fact, without evidence."""
        position = hash_of(f"position of {fact.name} of leg {leg}")
        epoch = Epoch(Uint64(self.epoch))
        return self.said(member, Attestation(id_, LegIndex(Uint32(leg)), fact, position, ZERO_BYTES32, epoch))

    def attest(self, member: int, anchor: Anchor, *said: SignedAttestation, documents: Iterable[bytes] = ()) -> Attest:
        """Give a member's batch of attestations."""
        blobs = tuple(Blob(each) for each in documents)
        digest = batch_digest(NETWORK, self.committee, anchor, said, blobs)
        return Attest(index(member), anchor, said, blobs, self.keys[member].sign(digest))

    def decision(self, member: int, decision: Decision) -> SignedDecision:
        """Give a member's signature of a decision."""
        return SignedDecision(decision, self.keys[member].sign(decision_digest(NETWORK, decision)))

    def batch(self, member: int, batch: DecisionBatch) -> SignedBatch:
        """Give a member's signature of a batch of decisions."""
        return SignedBatch(batch, self.keys[member].sign(batch_root_digest(NETWORK, batch)))

    def order(self, member: int, order: Order) -> SignedOrder:
        """Give a member's signature of an order."""
        return SignedOrder(order, self.keys[member].sign(order_digest(NETWORK, order)))

    def certify(self, member: int, anchor: Anchor, *said: SignedDecision | SignedBatch | SignedOrder) -> Certify:
        """Give a member's batch of signatures."""
        decisions = tuple(each for each in said if isinstance(each, SignedDecision))
        batches = tuple(each for each in said if isinstance(each, SignedBatch))
        orders = tuple(each for each in said if isinstance(each, SignedOrder))
        digest = batch_digest(NETWORK, self.committee, anchor, (*decisions, *batches, *orders))
        return Certify(index(member), anchor, decisions, batches, orders, self.keys[member].sign(digest))

    def name(self, successors: Iterable[Key], members: Iterable[int] | None = None) -> Rotate:
        """Give the entry by which members, or else a quorum, name who shall follow."""
        succession = Succession(Epoch(Uint64(self.epoch)), tuple(each.address for each in successors))
        return Rotate(SignedSuccession(succession, self._approve(succession_digest(NETWORK, succession), members)))

    def hand_over(self, member: int, rotation: Rotation) -> SignRotation:
        """Give a member's signature of a rotation."""
        return SignRotation(index(member), rotation, self.keys[member].sign(rotation_digest(NETWORK, rotation)))

    def configure(self, registry: Registry, sequence: int, members: Iterable[int] | None = None) -> Configure:
        """Give the entry by which members, or else a quorum, put a registry in force."""
        configuration = Configuration(Epoch(Uint64(self.epoch)), Uint64(sequence), registry)
        digest = configuration_digest(NETWORK, configuration)
        return Configure(SignedConfiguration(configuration, self._approve(digest, members)))

    def signatures(self, digest: Bytes32, members: Iterable[int] | None = None) -> tuple[MemberSignature, ...]:
        """Give the signatures of members, or else of a quorum, under one digest."""
        by = self.quorum if members is None else members
        return tuple(MemberSignature(index(each), self.keys[each].sign(digest)) for each in by)

    def certificate(self, decision: Decision, members: Iterable[int] | None = None) -> Certificate:
        """Give the certificate of a decision."""
        return Certificate(decision, self.signatures(decision_digest(NETWORK, decision), members))

    def _approve(self, digest: Bytes32, members: Iterable[int] | None) -> tuple[PartySignature, ...]:
        return tuple(self.keys[each].consent(digest) for each in (self.quorum if members is None else members))


COUNCIL = Council(1, FIRST)
"""The first committee."""


def index(member: int) -> MemberIndex:
    """Give a member's place as the core wants it."""
    return MemberIndex(Uint32(member))
