"""What parties and nodes sign is EIP-712, as eth-account computes it."""

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from interlock.core.attestation import Attestation, Fact, attestation_digest
from interlock.core.committee import Epoch
from interlock.core.decision import Decision, Outcome, decision_digest
from interlock.core.entry import Anchor
from interlock.core.instruction import (
    Instruction,
    LegIndex,
    OnchainLeg,
    SettlementId,
    cancel_digest,
    redact,
    settlement_id,
)
from interlock.core.registry import Configuration, configuration_digest
from interlock.encoding import schema
from interlock.encoding.canonical import encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.typed_data import StructType, digest, domain_separator, hash_array, hash_string, struct_type
from interlock.encoding.values import Blob, Bytes32, Height, Uint32, Uint64, UnixSeconds, hex_of
from interlock.entries.check import batch_digest
from support.world import (
    ALICE,
    BANK,
    BOB,
    CAROL,
    COMMITTEE,
    NETWORK,
    OTHER_BANK,
    REGISTRY,
    account_leg,
    attestation,
    instruction,
    nonce,
    onchain_leg,
    word,
)
from support.world import address as plain_address

DOMAIN = {"EIP712Domain": "string name,string version,bytes32 salt"}
INSTRUCTION = {
    "OnchainLeg": (
        "uint256 chainId,address vault,address token,uint256 amount,address payer,address payee,uint256 nonce"
    ),
    "AccountTerms": "string ledger,string asset,uint256 amount,string payer,string payee,bytes32 blind",
    "AccountLeg": "address signer,AccountTerms terms",
    "Instruction": (
        "string memo,OnchainLeg[] onchainLegs,AccountLeg[] accountLegs,string pivot,bytes32 conditions,"
        "uint64 settleFrom,uint64 prepareBy,uint64 pivotWindow,bytes32 nonce"
    ),
}


def oracle(types: dict[str, str], primary: str, message: dict[str, Any]) -> Any:  # noqa: ANN401 - eth-account's own type
    """Sign with eth-account, under the domain that the specification writes down."""
    members = {
        name: [dict(zip(("type", "name"), member.split(" "), strict=True)) for member in text.split(",")]
        for name, text in (types | DOMAIN).items()
    }
    document = {
        "types": members,
        "primaryType": primary,
        "domain": {"name": "interlock", "version": "1", "salt": NETWORK},
        "message": message,
    }
    return Account.sign_message(encode_typed_data(full_message=document), ALICE.secret)


def in_words(terms: Instruction) -> dict[str, Any]:
    """Give an instruction as a wallet is given it."""

    def onchain(leg: OnchainLeg) -> dict[str, Any]:
        return {
            "chainId": leg.chain_id,
            "vault": hex_of(leg.vault),
            "token": hex_of(leg.token),
            "amount": leg.amount,
            "payer": hex_of(leg.payer),
            "payee": hex_of(leg.payee),
            "nonce": leg.nonce,
        }

    return {
        "memo": terms.memo,
        "onchainLegs": [onchain(leg) for leg in terms.onchain_legs],
        "accountLegs": [
            {
                "signer": hex_of(leg.signer),
                "terms": {
                    "ledger": leg.terms.ledger,
                    "asset": leg.terms.asset,
                    "amount": leg.terms.amount,
                    "payer": leg.terms.payer,
                    "payee": leg.terms.payee,
                    "blind": leg.terms.blind,
                },
            }
            for leg in terms.account_legs
        ],
        "pivot": terms.pivot,
        "conditions": terms.conditions,
        "settleFrom": terms.settle_from,
        "prepareBy": terms.prepare_by,
        "pivotWindow": terms.pivot_window,
        "nonce": terms.nonce,
    }


INSTRUCTIONS = {
    "one leg of each": instruction(),
    "many legs": instruction(3, 4),
    "no on-chain leg": instruction(0, 2),
    "no account leg": instruction(2, 0),
    "no legs at all": instruction(0, 0),
    "empty texts": instruction(memo="", account_legs=(account_leg(ledger="", asset="", payer="", payee=""),)),
    "unicode": instruction(memo="Schuldverschreibung über 1 000 € 国債 🏦 \u0000 é", pivot="bänk"),
    "two equal legs": instruction(onchain_legs=(onchain_leg(), onchain_leg())),
    "largest numbers": instruction(
        onchain_legs=(onchain_leg(chain_id=2**256 - 1, amount=2**256 - 1, nonce=2**256 - 1),),
        settle_from=UnixSeconds(Uint64(2**64 - 1)),
        prepare_by=UnixSeconds(Uint64(2**64 - 1)),
        pivot_window=Uint64(2**64 - 1),
        conditions=word(2**256 - 1),
    ),
}


@pytest.mark.parametrize("terms", INSTRUCTIONS.values(), ids=INSTRUCTIONS.keys())
def test_an_instruction_has_the_digest_and_signature_that_a_wallet_makes(terms: Instruction) -> None:
    """The settlement id is EIP-712's digest, and our signature over it is the wallet's, byte for byte."""
    signed = oracle(INSTRUCTION, "Instruction", in_words(terms))
    assert settlement_id(NETWORK, terms) == bytes(signed.message_hash)
    assert ALICE.sign(settlement_id(NETWORK, terms)) == bytes(signed.signature)


@pytest.mark.parametrize("terms", INSTRUCTIONS.values(), ids=INSTRUCTIONS.keys())
@pytest.mark.parametrize("ledger", ["", BANK, OTHER_BANK])
def test_the_redacted_form_has_the_same_id(terms: Instruction, ledger: str) -> None:
    """Whoever is given hashes in place of terms computes the id that the parties signed."""
    assert settlement_id(NETWORK, redact(terms, ledger=ledger)) == settlement_id(NETWORK, terms)


CHANGES = {
    "memo": instruction(memo="other"),
    "chain": instruction(onchain_legs=(onchain_leg(chain_id=1),)),
    "vault": instruction(onchain_legs=(onchain_leg(vault=plain_address(1)),)),
    "token": instruction(onchain_legs=(onchain_leg(token=plain_address(1)),)),
    "token amount": instruction(onchain_legs=(onchain_leg(amount=101),)),
    "payer": instruction(onchain_legs=(onchain_leg(payer=CAROL.address),)),
    "payee": instruction(onchain_legs=(onchain_leg(payee=CAROL.address),)),
    "lane": instruction(onchain_legs=(onchain_leg(nonce=nonce(2)),)),
    "generation": instruction(onchain_legs=(onchain_leg(nonce=nonce(1, 2)),)),
    "signer": instruction(account_legs=(account_leg(signer=CAROL.address),)),
    "ledger": instruction(account_legs=(account_leg(ledger=OTHER_BANK),)),
    "asset": instruction(account_legs=(account_leg(asset="USD/3"),)),
    "account amount": instruction(account_legs=(account_leg(amount=5_001),)),
    "debited": instruction(account_legs=(account_leg(payer="rob"),)),
    "credited": instruction(account_legs=(account_leg(payee="alicia"),)),
    "moved between texts": instruction(account_legs=(account_leg(payer="boba", payee="lice"),)),
    "blind": instruction(account_legs=(account_leg(blind=word(99)),)),
    "order of legs": instruction(2, 1, onchain_legs=(onchain_leg(1), onchain_leg(0))),
    "a leg more": instruction(2, 1),
    "pivot": instruction(pivot=BANK),
    "conditions": instruction(conditions=word(1)),
    "settleFrom": instruction(settle_from=1),
    "prepareBy": instruction(prepare_by=1),
    "pivotWindow": instruction(pivot_window=1),
    "nonce": instruction(salt=2),
}


def test_the_id_binds_every_term() -> None:
    """No two of these instructions, each changed in one term, share an id; nor do two networks."""
    every = [instruction(), *CHANGES.values()]
    assert len({settlement_id(NETWORK, each) for each in every}) == len(every)
    assert settlement_id(word(1), instruction()) != settlement_id(NETWORK, instruction())


def test_a_cancel_has_the_digest_that_a_wallet_makes() -> None:
    """A party withdraws with typed data too, and its signature cannot be taken for consent."""
    id_ = settlement_id(NETWORK, instruction())
    signed = oracle({"Cancel": "bytes32 settlement"}, "Cancel", {"settlement": id_})
    assert cancel_digest(NETWORK, id_) == bytes(signed.message_hash) != id_


@pytest.mark.parametrize("fact", Fact)
def test_an_attestation_has_its_typed_digest(fact: Fact) -> None:
    """Each fact is signed by its number."""
    statement = Attestation(
        SettlementId(word(3)), LegIndex(Uint32(2**32 - 1)), fact, word(4), word(5), Epoch(Uint64(6))
    )
    text = "bytes32 settlement,uint32 leg,uint8 fact,bytes32 position,bytes32 evidence,uint64 epoch"
    message = {
        "settlement": word(3),
        "leg": 2**32 - 1,
        "fact": fact.value,
        "position": word(4),
        "evidence": word(5),
        "epoch": 6,
    }
    signed = oracle({"Attestation": text}, "Attestation", message)
    assert attestation_digest(NETWORK, statement) == bytes(signed.message_hash)


@pytest.mark.parametrize("outcome", Outcome)
def test_a_decision_has_its_typed_digest(outcome: Outcome) -> None:
    """Each outcome is signed by its number: COMMIT 1, ABORT 2."""
    decision = Decision(SettlementId(word(3)), outcome, Epoch(Uint64(2**64 - 1)))
    message = {"settlement": word(3), "outcome": {"COMMIT": 1, "ABORT": 2}[outcome.name], "epoch": 2**64 - 1}
    signed = oracle({"Decision": "bytes32 settlement,uint8 outcome,uint64 epoch"}, "Decision", message)
    assert decision_digest(NETWORK, decision) == bytes(signed.message_hash)


def test_a_configuration_has_its_typed_digest() -> None:
    """A member signs the epoch, the sequence and the hash of the canonical registry."""
    configuration = Configuration(Epoch(Uint64(1)), Uint64(9), REGISTRY)
    message = {"epoch": 1, "sequence": 9, "registry": keccak256(encode(REGISTRY))}
    text = "uint64 epoch,uint64 sequence,bytes32 registry"
    signed = oracle({"Configuration": text}, "Configuration", message)
    assert configuration_digest(NETWORK, configuration) == bytes(signed.message_hash)


def test_a_batch_binds_its_place_and_its_content() -> None:
    """Epoch, height, block, every item, their order and every document change what a member signs over a batch."""
    first, second = (attestation(0, SettlementId(word(3)), leg, Fact.HELD) for leg in (0, 1))
    here, higher, elsewhere = (
        Anchor(Height(Uint64(height)), word(block)) for height, block in ((1, 1), (2, 1), (1, 2))
    )
    next_epoch = type(COMMITTEE)(Epoch(Uint64(2)), COMMITTEE.members)
    digests = [
        batch_digest(NETWORK, COMMITTEE, here, (first, second)),
        batch_digest(NETWORK, next_epoch, here, (first, second)),
        batch_digest(word(1), COMMITTEE, here, (first, second)),
        batch_digest(NETWORK, COMMITTEE, higher, (first, second)),
        batch_digest(NETWORK, COMMITTEE, elsewhere, (first, second)),
        batch_digest(NETWORK, COMMITTEE, here, (second, first)),
        batch_digest(NETWORK, COMMITTEE, here, (first,)),
        batch_digest(NETWORK, COMMITTEE, here, (first, second), [Blob(b"")]),
        batch_digest(NETWORK, COMMITTEE, here, (first, second), [Blob(b"a")]),
    ]
    assert len(set(digests)) == len(digests)


def test_the_standards_own_example_has_its_published_hashes() -> None:
    """The Mail example of EIP-712: type hash, struct hash and digest."""
    person = struct_type("Person(string name,address wallet)")
    mail = struct_type("Mail(Person from,Person to,string contents)", person)
    domain = struct_type("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")

    def who(name: str, wallet: str) -> Bytes32:
        return person.hash_struct(name, bytes.fromhex(wallet))

    separator = domain.hash_struct("Ether Mail", "1", 1, bytes.fromhex("cc" * 20))
    assert separator.hex() == "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"
    cow = who("Cow", "cd2a3d9f938e13cd947ec05abc7fe734df8dd826")
    struct = mail.hash_struct(cow, who("Bob", "bb" * 20), "Hello, Bob!")
    assert mail.encoded == "Mail(Person from,Person to,string contents)Person(string name,address wallet)"
    assert mail.type_hash.hex() == "a0cedeb2dc280ba39b857546d74f5549c3a1d7bdc2dd96bf881f76108e23dac2"
    assert struct.hex() == "c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e"
    assert digest(separator, struct).hex() == "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"


def test_referenced_structs_stand_sorted_and_each_once() -> None:
    """A wallet recomputes the type from its sorted references, also those of references."""
    assert schema.INSTRUCTION.encoded == (
        f"Instruction({INSTRUCTION['Instruction']})AccountLeg({INSTRUCTION['AccountLeg']})"
        f"AccountTerms({INSTRUCTION['AccountTerms']})OnchainLeg({INSTRUCTION['OnchainLeg']})"
    )
    assert schema.INSTRUCTION_REDACTED.type_hash == schema.INSTRUCTION.type_hash


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint64 a", b"\x01"),
        ("uint64 a", "1"),
        ("address a", bytes(19)),
        ("address a", bytes(32)),
        ("address a", "0x" + "00" * 20),
        ("bytes32 a", bytes(31)),
        ("bytes32 a", 1),
        ("Person[] a", bytes(20)),
        ("uint256[] a", 1),
        ("string a", b"text"),
    ],
)
def test_a_member_of_the_wrong_kind_is_refused(kind: str, value: bytes | int | str) -> None:
    """A value that cannot be a member's is a ValueError, never a hash of something else."""
    with pytest.raises(ValueError, match="cannot be"):
        struct_type(f"Thing({kind})").hash_struct(value)


@pytest.mark.parametrize("number", [-1, 2**256])
def test_a_number_that_fits_no_word_is_refused(number: int) -> None:
    """A number outside 0 to 2^256 - 1 has no encoding."""
    with pytest.raises(OverflowError):
        struct_type("Thing(uint256 a)").hash_struct(number)


@pytest.mark.parametrize("values", [(), (1, 2)])
def test_a_wrong_count_of_members_is_refused(values: tuple[int, ...]) -> None:
    """A struct has exactly its members."""
    thing: StructType = struct_type("Thing(uint256 a)")
    with pytest.raises(ValueError, match=f"1 members, {len(values)} values"):
        thing.hash_struct(*values)


def test_empty_arrays_and_strings_hash_nothing() -> None:
    """An empty list and an empty text are both the hash of no bytes, as EIP-712 says."""
    assert hash_array([]) == hash_string("") == keccak256(b"")
    assert domain_separator(NETWORK) != domain_separator(word(1))
    assert BOB.address != ALICE.address
