"""Memory ledgers for tests: three kinds with funded accounts, and what a council signs for them."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from interlock.auditor import event as auditor_event
from interlock.auditor import ledger_event as auditor_ledger_event
from interlock.core.committee import Epoch, MemberIndex
from interlock.core.decision import (
    AnyCertificate,
    Certificate,
    Decision,
    MemberSignature,
    Outcome,
    assemble_batch,
    batch_of,
    batch_root_digest,
    decision_digest,
    decision_hash,
)
from interlock.core.instruction import Instruction, LegIndex, SettlementId, Terms, required_signers
from interlock.core.order import Order, OrderCertificate, order_digest, order_hash
from interlock.core.rotation import Rotation, RotationCertificate, committee_hash, rotation_digest
from interlock.encoding.merkle import proof_of, root_of
from interlock.encoding.values import ZERO_BYTES32, Address, Bytes32, Height, Uint32, Uint64, UnixSeconds, hex_of
from interlock.ledgers.memory.answer import Answer
from interlock.ledgers.memory.book import Book
from interlock.ledgers.memory.event import LedgerEvent
from interlock.ledgers.memory.office import Inclusion
from interlock.ledgers.memory.page import Status
from interlock.ledgers.memory.rules import DIRECT_BANK, HELD_BANK, VAULT, Kind
from interlock.ledgers.protocol import Watch
from support.log import KEYS
from support.protocol import FIRST, Council, netted
from support.world import (
    ALICE,
    BANK,
    BOB,
    CAROL,
    GENESIS,
    NETWORK,
    OTHER_TOKEN,
    PAYMENT_ONLY,
    START,
    TOKEN,
    USD,
    VAULT_NAME,
    account_leg,
    id_of,
    instruction,
    onchain_leg,
)

RICH = 1_000_000
"""What every account has in every asset as a test begins."""
TEXT = {key: hex_of(key.address) for key in (ALICE, BOB, CAROL)}
"""How a chain's ledger names a party."""
LAST_VALID = START + 700

COMMIT, ABORT = Outcome.COMMIT, Outcome.ABORT
TERMS = instruction()
"""Leg 0: 100 of the token from Alice to Bob, in the vault. Leg 1: 5000 cents from Bob to Alice, at the bank."""
ID = id_of(TERMS)
ON_CHAIN, AT_BANK = 0, 1
HOLDERS = [(VAULT, ON_CHAIN), (HELD_BANK, AT_BANK)]
"""The kinds that hold, each with its leg."""
PAID = netted(onchain_leg(), account_leg(ledger=PAYMENT_ONLY), pivot=PAYMENT_ONLY)
"""The bank pays last."""
_BACK = onchain_leg(1, payer=BOB.address, payee=ALICE.address, token=OTHER_TOKEN)
SWAP = netted(onchain_leg(), _BACK, pivot=VAULT_NAME)
"""Two legs of one vault, in one step."""
PIVOTS: list[tuple[Kind, Instruction, int]] = [(VAULT, SWAP, 0), (DIRECT_BANK, PAID, 1)]
"""The kinds that can be the pivot, each with terms and the first of its legs."""


def book_of(kind: Kind, *, name: str = "", confirmations: int = 0, funds: int = RICH) -> tuple[Book, list[LedgerEvent]]:
    """Give a ledger of a kind, with accounts of Alice, Bob and Carol, and the list of all that it tells."""
    told: list[LedgerEvent] = []
    usual = {VAULT: VAULT_NAME, HELD_BANK: BANK, DIRECT_BANK: PAYMENT_ONLY}
    book = Book(name or usual[kind], kind, GENESIS, now=START, confirmations=confirmations, tell=told.append)
    for account, key in (("alice", ALICE), ("bob", BOB), ("carol", CAROL)):
        if kind is VAULT:
            for token in (TOKEN, OTHER_TOKEN):
                book.open(hex_of(key.address), hex_of(token), funds)
        else:
            book.open(account, USD, funds, (key.address,))
    return book, told


def watch(
    terms: Terms,
    leg: int,
    *,
    signers: Iterable[Address] | None = None,
    certificate: AnyCertificate | None = None,
    order: OrderCertificate | None = None,
    rotations: Iterable[RotationCertificate] = (),
    is_matched: bool = True,
) -> Watch:
    """Give what an adapter is told of a leg; signed by all, unless signers are named."""
    id_ = id_of(terms)
    wanted = required_signers(terms) if signers is None else signers
    return Watch(
        settlement=id_,
        terms=terms,
        leg=LegIndex(Uint32(leg)),
        signatures=tuple(KEYS[each].consent(id_) for each in wanted),
        certificate=certificate,
        order=order,
        rotations=tuple(rotations),
        is_matched=is_matched,
    )


def held(kind: Kind, leg: int, terms: Instruction = TERMS) -> tuple[Book, list[LedgerEvent]]:
    """Give a ledger that holds a leg, and the list of all that it tells from here on."""
    book, told = book_of(kind)
    assert book.prepare(watch(terms, leg)).answer is Answer.HELD
    book.advance(book.time)
    told.clear()
    return book, told


def settle(book: Book, leg: int, outcome: Outcome, terms: Instruction = TERMS) -> Answer:
    """Bring a good certificate."""
    return book.settle(watch(terms, leg, certificate=certificate(id_of(terms), outcome))).answer


def status(book: Book, leg: int, terms: Instruction = TERMS) -> Status:
    """Give where a leg is."""
    return book.page(id_of(terms)).leg(leg).status


def decision_of(id_: SettlementId, outcome: Outcome, council: Council = FIRST) -> Decision:
    """Give a decision of a council's epoch."""
    return Decision(id_, outcome, Epoch(Uint64(council.epoch)))


def certificate(
    id_: SettlementId, outcome: Outcome, council: Council = FIRST, members: Iterable[int] | None = None
) -> Certificate:
    """Give the certificate of a decision, signed by these members, or else by just a quorum."""
    decision = decision_of(id_, outcome, council)
    return Certificate(decision, _signed(council, decision_digest(NETWORK, decision), members))


def batched(ids: Iterable[SettlementId], outcome: Outcome, council: Council = FIRST) -> dict[SettlementId, Any]:
    """Give the certificates of several decisions, signed as one."""
    decisions = [decision_of(each, outcome, council) for each in ids]
    batch = batch_of(decisions, Epoch(Uint64(council.epoch)), Height(Uint64(1)))
    signatures = _signed(council, batch_root_digest(NETWORK, batch), None)
    return {each.decision.settlement: each for each in assemble_batch(batch, decisions, signatures)}


def order_of(terms: Instruction, council: Council = FIRST, *, last_valid: int = LAST_VALID, ledger: str = "") -> Order:
    """Give the order to an instruction's pivot, unless another ledger is named."""
    return Order(id_of(terms), ledger or terms.pivot, UnixSeconds(Uint64(last_valid)), Epoch(Uint64(council.epoch)))


def order_certificate(
    terms: Instruction,
    council: Council = FIRST,
    *,
    last_valid: int = LAST_VALID,
    ledger: str = "",
    members: Iterable[int] | None = None,
) -> OrderCertificate:
    """Give the certificate of the order to an instruction's pivot, unless another ledger is named."""
    order = order_of(terms, council, last_valid=last_valid, ledger=ledger)
    return OrderCertificate(order, _signed(council, order_digest(NETWORK, order), members))


def rotation(
    council: Council, successor: Council, root: Bytes32 = ZERO_BYTES32, members: Iterable[int] | None = None
) -> RotationCertificate:
    """Give the certificate by which a council hands over to another."""
    next_members = successor.committee.members
    named = committee_hash(successor.committee.epoch, next_members)
    rotated = Rotation(council.committee.epoch, named, Height(Uint64(9)), root)
    return RotationCertificate(rotated, next_members, _signed(council, rotation_digest(NETWORK, rotated), members))


class Record:
    """A log of decisions and orders: its root, and the place of each in it."""

    def __init__(self, *statements: Decision | Order) -> None:
        self._statements = statements
        self._leaves = [decision_hash(each) if isinstance(each, Decision) else order_hash(each) for each in statements]
        self.root = root_of(self._leaves)

    def inclusion(self, statement: Decision | Order, root_epoch: int) -> Inclusion:
        """Show that a statement is in the log, under the root that began this epoch."""
        siblings = proof_of(self._leaves, self._statements.index(statement))
        return Inclusion(statement, siblings, Epoch(Uint64(root_epoch)))


def for_auditor(event: LedgerEvent) -> Any | None:  # noqa: ANN401 - one of the auditor's many events
    """Give the auditor's word for an event, field by field; None where it has none."""
    name = type(event).__name__
    kind = getattr(auditor_ledger_event, name, None) or getattr(auditor_event, name, None)
    if kind is None:
        return None
    return kind(**{field.name: getattr(event, field.name) for field in fields(event)})


def _signed(council: Council, digest: Bytes32, members: Iterable[int] | None) -> tuple[MemberSignature, ...]:
    by = council.quorum if members is None else members
    return tuple(MemberSignature(MemberIndex(Uint32(each)), council.keys[each].sign(digest)) for each in by)
