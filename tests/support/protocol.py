"""Committees that follow each other, and a log on which every statement is made by the one in office.

`support.world` knows one committee for ever; here a `Council` is any committee with its secret keys, and a `Network` is
a log whose votes and signatures are those of the council in office, so that the same test reads alike in any epoch.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from interlock.core.attestation import Attestation, Fact, SignedAttestation, attestation_digest
from interlock.core.committee import Committee, Epoch, MemberIndex
from interlock.core.decision import (
    AnyCertificate,
    Decision,
    DecisionBatch,
    Outcome,
    SignedBatch,
    SignedDecision,
    batch_root_digest,
    decision_digest,
)
from interlock.core.ended import EndedIndex
from interlock.core.entry import Anchor, Attest, Block, Certify, Configure, Entry, Rotate, SignRotation
from interlock.core.instruction import (
    AccountLeg,
    Instruction,
    LegIndex,
    LegTerms,
    OnchainLeg,
    PartySignature,
    SettlementId,
    ledger_of,
    legs_of,
)
from interlock.core.order import Order, SignedOrder, order_digest
from interlock.core.registry import Configuration, LedgerClass, Registry, SignedConfiguration, configuration_digest
from interlock.core.rejection import Reason
from interlock.core.replica import Replica
from interlock.core.rotation import Rotation, SignedSuccession, Succession, rotation_digest, succession_digest
from interlock.core.snapshot import Snapshot
from interlock.encoding.canonical import decode, encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import ZERO_BYTES32, Address, Bytes32, Height, Uint32, Uint64, Uint256, hex_of
from interlock.entries.check import batch_digest
from interlock.evidence.certificate import certificate_fault
from support.log import Log, Ordered
from support.world import (
    BANK,
    GENESIS,
    NETWORK,
    NODES,
    OTHER_BANK,
    OTHER_TOKEN,
    TOKEN,
    USD,
    VAULT_NAME,
    Key,
    account_leg,
    address,
    instruction,
    key,
    ledger,
    onchain_leg,
    registry,
    vault_name,
)

OTHER_CHAIN_ID, OTHER_VAULT = 31_338, address(0xB1)
OTHER_VAULT_NAME = vault_name(OTHER_CHAIN_ID, OTHER_VAULT)
"""A second vault, on another chain."""


@dataclass(frozen=True, slots=True)
class Council:
    """A committee and its members' secret keys, in order."""

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

    def followed_by(self, *keys: Key) -> "Council":
        """Give the council of the next epoch."""
        return Council(self.epoch + 1, keys)

    def attestation(
        self, member: int, id_: SettlementId, leg: int, fact: Fact, *, evidence: Bytes32 = ZERO_BYTES32
    ) -> SignedAttestation:
        """Give a member's signed statement of a fact."""
        statement = Attestation(id_, LegIndex(Uint32(leg)), fact, ZERO_BYTES32, evidence, Epoch(Uint64(self.epoch)))
        return SignedAttestation(statement, self.keys[member].sign(attestation_digest(NETWORK, statement)))

    def attest(self, member: int, anchor: Anchor, *attestations: SignedAttestation) -> Attest:
        """Give a member's batch of statements."""
        digest = batch_digest(NETWORK, self.committee, anchor, attestations)
        return Attest(_index(member), anchor, attestations, (), self.keys[member].sign(digest))

    def decision(self, member: int, id_: SettlementId, outcome: Outcome) -> SignedDecision:
        """Give a member's signature of a decision."""
        decision = Decision(id_, outcome, Epoch(Uint64(self.epoch)))
        return SignedDecision(decision, self.keys[member].sign(decision_digest(NETWORK, decision)))

    def batch(self, member: int, batch: DecisionBatch) -> SignedBatch:
        """Give a member's signature of a batch of decisions."""
        return SignedBatch(batch, self.keys[member].sign(batch_root_digest(NETWORK, batch)))

    def order(self, member: int, order: Order) -> SignedOrder:
        """Give a member's signature of an order."""
        return SignedOrder(order, self.keys[member].sign(order_digest(NETWORK, order)))

    def certify(self, member: int, anchor: Anchor, *statements: SignedDecision | SignedBatch | SignedOrder) -> Certify:
        """Give a member's batch of signatures."""
        decisions = tuple(each for each in statements if isinstance(each, SignedDecision))
        batches = tuple(each for each in statements if isinstance(each, SignedBatch))
        orders = tuple(each for each in statements if isinstance(each, SignedOrder))
        digest = batch_digest(NETWORK, self.committee, anchor, (*decisions, *batches, *orders))
        return Certify(_index(member), anchor, decisions, batches, orders, self.keys[member].sign(digest))

    def name(self, successors: Iterable[Address], members: Iterable[int] | None = None) -> Rotate:
        """Give the entry by which members, or else a quorum, name who shall follow."""
        succession = Succession(Epoch(Uint64(self.epoch)), tuple(successors))
        return Rotate(SignedSuccession(succession, self._approve(succession_digest(NETWORK, succession), members)))

    def hand_over(self, member: int, rotation: Rotation) -> SignRotation:
        """Give a member's signature of a rotation."""
        return SignRotation(_index(member), rotation, self.keys[member].sign(rotation_digest(NETWORK, rotation)))

    def configure(self, wanted: Registry, sequence: int, members: Iterable[int] | None = None) -> Configure:
        """Give the entry by which members, or else a quorum, put a registry in force."""
        configuration = Configuration(Epoch(Uint64(self.epoch)), Uint64(sequence), wanted)
        return Configure(
            SignedConfiguration(configuration, self._approve(configuration_digest(NETWORK, configuration), members))
        )

    def _approve(self, digest: Bytes32, members: Iterable[int] | None) -> tuple[PartySignature, ...]:
        return tuple(self.keys[each].consent(digest) for each in (self.quorum if members is None else members))


FIRST = Council(1, NODES)
"""The genesis committee: four members, quorum three."""
FOUR = tuple(key(number) for number in range(201, 205))
"""Keys of four who may follow."""
SEVEN = (*FOUR[:2], *(key(number) for number in range(301, 306)))
"""Keys of seven who may follow those, two of them in office already."""


class Network(Log):
    """A log on which every statement is made by the council in office."""

    def __init__(self, *, wanted: Registry | None = None, replicas: int = 1) -> None:
        super().__init__(replicas=replicas, registry=registry() if wanted is None else wanted)
        self.councils = {1: FIRST}
        self._successors: tuple[Key, ...] = ()

    @property
    def council(self) -> Council:
        """Give the council in office."""
        return self.councils[self.replica.committee.epoch]

    def vote(
        self, id_: SettlementId, fact: Fact, legs: Iterable[int] = (0, 1), members: Iterable[int] | None = None
    ) -> Ordered:
        """Order one block in which each member, or else a quorum, attests the fact of each leg."""
        council, anchor, wanted = self.council, self.anchor, tuple(legs)
        by = council.quorum if members is None else members
        return self.block(
            *(
                council.attest(each, anchor, *(council.attestation(each, id_, leg, fact) for leg in wanted))
                for each in by
            )
        )

    def certify(self, id_: SettlementId, outcome: Outcome, members: Iterable[int] | None = None) -> Ordered:
        """Order one block in which each member, or else a quorum, signs the decision."""
        council, by = self.council, self.council.quorum if members is None else members
        return self.block(*(council.certify(each, self.anchor, council.decision(each, id_, outcome)) for each in by))

    def certify_order(self, id_: SettlementId, members: Iterable[int] | None = None) -> Ordered:
        """Order one block in which each member, or else a quorum, signs the order, which must be out."""
        order, council = self[id_].order, self.council
        assert order is not None
        by = council.quorum if members is None else members
        return self.block(*(council.certify(each, self.anchor, council.order(each, order)) for each in by))

    def certify_batches(self, members: Iterable[int] | None = None) -> Ordered:
        """Order one block in which each member, or else a quorum, signs every batch that waits."""
        council, by = self.council, self.council.quorum if members is None else members
        waiting = [each.batch for _, each in sorted(self.replica.ballots.batches.items())]
        return self.block(
            *(council.certify(each, self.anchor, *(council.batch(each, batch) for batch in waiting)) for each in by)
        )

    def name(self, *keys: Key) -> Ordered:
        """Order one block in which a quorum names these keys' owners as successors; it must be taken."""
        ordered = self.block(self.council.name(each.address for each in keys))
        assert ordered.reasons == []
        self._successors = keys
        return ordered

    def sign_rotation(self, members: Iterable[int] | None = None) -> Ordered:
        """Order one block in which each member, or else a quorum, signs the pending rotation."""
        council, pending = self.council, self.replica.pending
        assert pending is not None
        by = council.quorum if members is None else members
        ordered = self.block(*(council.hand_over(each, pending.rotation) for each in by))
        if self.replica.committee.epoch > council.epoch:
            self.councils[council.epoch + 1] = council.followed_by(*self._successors)
        return ordered

    def rotate(self, *keys: Key) -> Ordered:
        """Order two blocks, after which these keys' owners are in office."""
        self.name(*keys)
        ordered = self.sign_rotation()
        assert ordered.reasons == []
        assert self.council.committee == self.replica.committee
        return ordered

    def proves(self, certificate: AnyCertificate | None, id_: SettlementId, outcome: Outcome) -> bool:
        """Tell whether a certificate proves an outcome to whoever knows nothing but the committee in office."""
        committee = self.council.committee
        return certificate is not None and (
            certificate_fault(NETWORK, committee, certificate, settlement=id_, outcome=outcome) is None
        )


def copy_of(ended: EndedIndex) -> EndedIndex:
    """Give an index with the same records."""
    made = EndedIndex()
    for id_ in ended:
        record = ended.get(id_)
        assert record is not None
        made.put(id_, record)
    return made


def restored(replica: Replica) -> Replica:
    """Give a replica that goes on from another's snapshot, which has been bytes between."""
    snapshot = decode(Snapshot, encode(replica.snapshot()))
    return Replica.restore(GENESIS, snapshot, copy_of(replica.ended))


def undoored(replica: Replica, *entries: Entry) -> list[Reason]:
    """Apply a block whose entries came by no door, and give the core's own reasons against them."""
    height = Height(Uint64(replica.height + 1))
    applied = replica.apply_block(Block(height, replica.time, digest_of(height), entries))
    return [each.reason for _, each in applied.rejections]


def leg_on(name: str, index: int, payer: Key, payee: Key) -> LegTerms:
    """Give the leg of this place, from one party to another, on any ledger of the netted world."""
    if name == VAULT_NAME:
        return onchain_leg(index, payer=payer.address, payee=payee.address)
    if name == OTHER_VAULT_NAME:
        return onchain_leg(
            index, chain_id=Uint256(OTHER_CHAIN_ID), vault=OTHER_VAULT, payer=payer.address, payee=payee.address
        )
    names = {"payer": f"account of {hex_of(payer.address)}", "payee": f"account of {hex_of(payee.address)}"}
    return account_leg(index, payer.address, ledger=name, **names)


def netted(*legs: LegTerms, pivot: str = "", window_s: int = 60, salt: int = 1, **changes: object) -> Instruction:
    """Give an instruction of these legs, whichever ledgers they are on, in the order in which legs are numbered."""
    terms = instruction(
        onchain_legs=tuple(each for each in legs if isinstance(each, OnchainLeg)),
        account_legs=tuple(each for each in legs if isinstance(each, AccountLeg)),
        pivot=pivot,
        pivot_window=Uint64(window_s if pivot else 0),
        salt=salt,
    )
    return replace(terms, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def pivots_of(terms: Instruction) -> list[int]:
    """Give the indexes of the pivot's legs."""
    return [index for index, leg in enumerate(legs_of(terms)) if terms.pivot and ledger_of(leg) == terms.pivot]


def held_by_others(terms: Instruction) -> list[int]:
    """Give the indexes of the legs that are held: all but the pivot's."""
    return sorted(set(range(len(legs_of(terms)))) - set(pivots_of(terms)))


NETTED_REGISTRY = registry(
    ledger(VAULT_NAME, LedgerClass.VAULT, hex_of(TOKEN), hex_of(OTHER_TOKEN), is_pivot=True),
    ledger(OTHER_VAULT_NAME, LedgerClass.VAULT, hex_of(TOKEN), is_pivot=True),
    ledger(BANK, LedgerClass.HELD, USD, is_pivot=True),
    ledger(OTHER_BANK, LedgerClass.HELD, USD),
)
"""Two vaults and a bank that can be the pivot, a bank that cannot, and a payment system that can be nothing else."""


def digest_of(number: int) -> Bytes32:
    """Give 32 bytes that look like nothing."""
    return keccak256(number.to_bytes(8, "big"))


def _index(member: int) -> MemberIndex:
    return MemberIndex(Uint32(member))
