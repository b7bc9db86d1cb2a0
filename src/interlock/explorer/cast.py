"""The cast of the production worlds: parties, members, ledgers, and the entries that they bring.

The core takes entries whose signatures were checked before (`entries.check` is tested by itself), so nobody looks into
the signatures here: each tells who made it, and nothing more. All else is real.
"""

from collections.abc import Iterable
from dataclasses import replace

from interlock.core.attestation import Attestation, Fact, MemberAttestation, SignedAttestation
from interlock.core.committee import FIRST_EPOCH, Epoch, Genesis, MemberIndex
from interlock.core.decision import Decision, DecisionBatch, SignedBatch, SignedDecision
from interlock.core.entry import Anchor, Attest, Cancel, Certify, Configure, Instruct
from interlock.core.instruction import (
    AccountLeg,
    AccountTerms,
    Instruction,
    LegIndex,
    OnchainLeg,
    PartySignature,
    SettlementId,
    Terms,
    redact,
    required_signers,
    settlement_id,
    vault_name,
)
from interlock.core.limits import GENERATION_BITS
from interlock.core.order import Order, SignedOrder
from interlock.core.registry import Configuration, LedgerClass, LedgerEntry, Registry, SignedConfiguration
from interlock.encoding.values import (
    ZERO_BYTES32,
    Address,
    Bytes32,
    MinorUnits,
    Signature,
    Uint32,
    Uint64,
    Uint256,
    UnixSeconds,
    hex_of,
)

EARLY_S, OPEN_S, LATE_S = 1_000, 2_000, 4_000
"""The phases of log time: before `settleFrom`, between it and `prepareBy`, past `prepareBy`."""
PREPARE_BY_S = 3_000
PIVOT_WINDOW_S = 500
"""An order that is out before `prepareBy` is void before `LATE_S`."""


def word(number: int) -> Bytes32:
    """Give a number as 32 bytes."""
    return Bytes32(number.to_bytes(32, "big"))


def address(number: int) -> Address:
    """Give the address with this number."""
    return Address(number.to_bytes(20, "big"))


def signature(number: int) -> Signature:
    """Give the signature of whoever has this number; it covers everything, since nobody looks."""
    return Signature(number.to_bytes(65, "big"))


ALICE, BOB, CAROL, DAVE = (address(number) for number in range(1, 5))
"""Parties."""
NAMES = {ALICE: "Alice", BOB: "Bob", CAROL: "Carol", DAVE: "Dave"}
"""What stories call them."""

MEMBERS = tuple(address(number) for number in range(101, 105))
"""The first committee: n = 4, f = 1, and the last one may be Byzantine."""
HONEST = 3
"""Members that keep the protocol. A fourth one that keeps it can do nothing that a Byzantine one cannot."""
QUORUM = 3
BYZANTINE = MemberIndex(Uint32(3))

GENESIS = Genesis("explorer", MEMBERS, "embedded", word(7))
NETWORK = GENESIS.network_id

CHAIN_ID = 1
VAULT, TOKEN, OTHER_TOKEN = address(0xA1), address(0xA2), address(0xA3)
VAULT_NAME = vault_name(CHAIN_ID, VAULT)
BANK, OTHER_BANK, WIRE_BANK = "bank:first", "bank:second", "bank:wire"
"""Two banks that hold, and one that pays in one step, without holds."""
USD = "USD/2"


def registry(*, open_max: int = 8, batch_min: int = 0) -> Registry:
    """Give the registry of the vault and the three banks, of which the vault and the last bank may be the pivot."""
    lines = (
        (BANK, LedgerClass.HELD, (USD,)),
        (OTHER_BANK, LedgerClass.HELD, (USD,)),
        (WIRE_BANK, LedgerClass.DIRECT, (USD,)),
        (VAULT_NAME, LedgerClass.VAULT, (hex_of(TOKEN), hex_of(OTHER_TOKEN))),
    )
    ledgers = (
        LedgerEntry(
            name=name,
            ledger_class=kind,
            assets=assets,
            receipt_key=ZERO_BYTES32 if kind is LedgerClass.VAULT else word(9),
            confirmations=Uint32(0),
            is_suspended=False,
            is_pivot=name in {VAULT_NAME, WIRE_BANK},
        )
        for name, kind, assets in sorted(lines)
    )
    return Registry(
        ledgers=tuple(ledgers),
        prepare_horizon_s=Uint64(10 * LATE_S),
        open_per_signer_max=Uint32(open_max),
        pivot_window_max_s=Uint64(PIVOT_WINDOW_S),
        has_conditions=True,
        batch_min=Uint32(batch_min),
    )


def configure(wanted: Registry, sequence: int = 1) -> Configure:
    """Give the entry that puts a registry in force, signed by a quorum of the first committee."""
    signatures = tuple(PartySignature(each, signature(1)) for each in MEMBERS[:QUORUM])
    return Configure(SignedConfiguration(Configuration(FIRST_EPOCH, Uint64(sequence), wanted), signatures))


def onchain_leg(
    payer: Address, payee: Address, *, lane: int = 1, generation: int = 1, token: Address = TOKEN
) -> OnchainLeg:
    """Give a leg through the vault."""
    return OnchainLeg(
        chain_id=Uint256(CHAIN_ID),
        vault=VAULT,
        token=token,
        amount=MinorUnits(Uint256(100)),
        payer=payer,
        payee=payee,
        nonce=Uint256(lane << GENERATION_BITS | generation),
    )


def account_leg(payer: Address, payee: Address, *, ledger: str = BANK) -> AccountLeg:
    """Give a leg in the books of a bank; whoever signs for an account gives it its name."""
    terms = AccountTerms(
        ledger=ledger,
        asset=USD,
        amount=MinorUnits(Uint256(5_000)),
        payer=NAMES[payer],
        payee=NAMES[payee],
        blind=word(11),
    )
    return AccountLeg(payer, terms)


def instruction(*legs: OnchainLeg | AccountLeg, salt: int = 1, **changes: object) -> Instruction:
    """Give an instruction of these legs, which can be decided at once and until `PREPARE_BY_S`."""
    terms = Instruction(
        memo="delivery against payment",
        onchain_legs=tuple(each for each in legs if isinstance(each, OnchainLeg)),
        account_legs=tuple(each for each in legs if isinstance(each, AccountLeg)),
        pivot="",
        conditions=ZERO_BYTES32,
        settle_from=UnixSeconds(Uint64(0)),
        prepare_by=UnixSeconds(Uint64(PREPARE_BY_S)),
        pivot_window=Uint64(0),
        nonce=word(salt),
    )
    return replace(terms, **changes)  # type: ignore[arg-type]  # a world names the fields it changes


def id_of(terms: Terms) -> SettlementId:
    """Give the id of terms on this network."""
    return settlement_id(NETWORK, terms)


def party_signatures(parties: Iterable[Address]) -> tuple[PartySignature, ...]:
    """Give the parties' signatures, over whatever they sign."""
    return tuple(PartySignature(each, signature(int.from_bytes(each, "big"))) for each in parties)


def instruct(terms: Terms, *parties: Address) -> Instruct:
    """Give the entry that brings terms, signed by these parties, or else by all that must."""
    signatures = party_signatures(parties or required_signers(terms))
    return Instruct(terms, None, signatures) if isinstance(terms, Instruction) else Instruct(None, terms, signatures)


def instruct_attested(terms: Terms, leg: int, fact: Fact, members: Iterable[int], epoch: Epoch) -> Instruct:
    """Give the entry that brings terms which nobody has signed, with what members attest of a hold."""
    said = Attestation(id_of(terms), LegIndex(Uint32(leg)), fact, ZERO_BYTES32, ZERO_BYTES32, epoch)
    attested = tuple(
        MemberAttestation(MemberIndex(Uint32(each)), SignedAttestation(said, signature(each))) for each in members
    )
    return (
        Instruct(terms, None, (), attested) if isinstance(terms, Instruction) else Instruct(None, terms, (), attested)
    )


def cancel(terms: Terms, *parties: Address) -> Cancel:
    """Give the entry by which these parties withdraw; the terms come along redacted."""
    return Cancel(id_of(terms), redact(terms), party_signatures(parties))


def attest(member: int, anchor: Anchor, *facts: tuple[SettlementId, int, Fact], epoch: Epoch = FIRST_EPOCH) -> Attest:
    """Give one member's batch of attestations; positions and evidence count for nothing in the core."""
    said = (
        Attestation(id_, LegIndex(Uint32(leg)), fact, ZERO_BYTES32, ZERO_BYTES32, epoch) for id_, leg, fact in facts
    )
    signed = tuple(SignedAttestation(each, signature(member)) for each in said)
    return Attest(MemberIndex(Uint32(member)), anchor, signed, (), signature(member))


def certify(member: int, anchor: Anchor, *statements: Decision | DecisionBatch | Order) -> Certify:
    """Give one member's batch of signatures under decisions, batches and orders."""
    own = signature(member)
    return Certify(
        member=MemberIndex(Uint32(member)),
        anchor=anchor,
        decisions=tuple(SignedDecision(each, own) for each in statements if isinstance(each, Decision)),
        batches=tuple(SignedBatch(each, own) for each in statements if isinstance(each, DecisionBatch)),
        orders=tuple(SignedOrder(each, own) for each in statements if isinstance(each, Order)),
        signature=own,
    )
