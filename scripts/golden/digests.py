"""Digests of everything that is signed, as EIP-712 documents; ids of settlements in all of their forms."""

from collections.abc import Iterable
from dataclasses import replace

from golden.log import Json
from golden.world import (
    ALICE,
    BANK,
    COUNCIL,
    GENESIS,
    NETWORK,
    OTHER_BANK,
    REGISTRY,
    SECOND,
    WALLET,
    WIRE,
    account_leg,
    hash_of,
    id_of,
    instruction,
    onchain_leg,
    pivot_instruction,
)
from interlock.core.instruction import (
    Instruction,
    OnchainLeg,
    cancel_digest,
    hash_account_leg,
    hash_account_terms,
    hash_onchain_leg,
    ledger_of,
    legs_of,
    redact,
    required_signers,
)
from interlock.core.rotation import committee_hash, next_epoch
from interlock.encoding import schema
from interlock.encoding.canonical import encode, to_json
from interlock.encoding.keccak import keccak256
from interlock.encoding.typed_data import StructType, digest, domain_separator
from interlock.encoding.values import ZERO_BYTES32, Bytes32, MinorUnits, Uint64, Uint256, hex_of

SETTLEMENT = hex_of(id_of(instruction()))

LARGEST = Uint256(2**256 - 1)

TERMS: dict[str, Instruction] = {
    "tokens against dollars": instruction(),
    "only on chain": instruction(onchain_legs=(onchain_leg(), onchain_leg(WALLET, ALICE.address)), account_legs=()),
    "only in accounts": instruction(onchain_legs=(), account_legs=(account_leg(), account_leg(ALICE, at=OTHER_BANK))),
    "two equal legs": instruction(account_legs=(account_leg(), account_leg())),
    "with a pivot": pivot_instruction(),
    "with a condition": instruction(conditions=hash_of("condition")),
    "no memo": instruction(memo=""),
    "a memo in many scripts": instruction(memo='Überweisung 決済 \U0001f91d "quoted" \\ \n'),
    "no leg": instruction(onchain_legs=(), account_legs=()),
    "every number at its largest": instruction(
        onchain_legs=(replace(onchain_leg(), amount=MinorUnits(LARGEST), chain_id=LARGEST, nonce=LARGEST),),
        settle_from=Uint64(2**64 - 1),
        prepare_by=Uint64(2**64 - 1),
        pivot_window=Uint64(2**64 - 1),
    ),
}


def typed_data() -> Json:
    """Give the domain, every struct, and a case or more of each."""
    separator = domain_separator(NETWORK)
    return {
        "tells": "EIP-712 digests of everything that is signed.",
        "tags": ["FORM-TYPED"],
        "domain": {"name": "interlock", "version": "1", "salt": hex_of(NETWORK)},
        "domainSeparator": hex_of(separator),
        "structs": {
            name: {"encodeType": struct.encoded, "typeHash": hex_of(struct.type_hash)}
            for name, struct in structs().items()
        },
        "cases": [
            {
                "primaryType": name,
                "message": message,
                "hashStruct": hex_of(hashed),
                "digest": hex_of(digest(separator, hashed)),
            }
            for name, message, hashed in _cases()
        ],
    }


def structs() -> dict[str, StructType]:
    """Give the structs of the schema by their name."""
    found = (value for name, value in vars(schema).items() if isinstance(value, StructType) and "REDACTED" not in name)
    return {each.definition.partition("(")[0]: each for each in found}


def settlement_ids() -> Json:
    """Give instructions with their ids, redacted forms, signers and the digest of their cancel."""
    return {
        "tells": "The id of a settlement is the digest of its terms, in clear or in any redacted form.",
        "tags": ["TERMS-ID", "TERMS-REDACTED", "TERMS-LEGS", "TERMS-SIGNERS"],
        "network": hex_of(NETWORK),
        "genesis": to_json(GENESIS),
        "cases": [_settlement(name, terms) for name, terms in TERMS.items()],
    }


def _settlement(name: str, terms: Instruction) -> Json:
    readers = ["", *dict.fromkeys(leg.terms.ledger for leg in terms.account_legs)]
    return {
        "name": name,
        "instruction": to_json(terms),
        "redacted": [{"for": reader, "form": to_json(redact(terms, ledger=reader))} for reader in readers],
        "settlement": hex_of(id_of(terms)),
        "cancelDigest": hex_of(cancel_digest(NETWORK, id_of(terms))),
        "requiredSigners": [hex_of(each) for each in required_signers(terms)],
        "legs": [
            {
                "ledger": ledger_of(leg),
                "hash": hex_of(hash_onchain_leg(leg) if isinstance(leg, OnchainLeg) else hash_account_leg(leg)),
                "lane": str(leg.lane) if isinstance(leg, OnchainLeg) else None,
                "generation": leg.generation if isinstance(leg, OnchainLeg) else None,
            }
            for leg in legs_of(terms)
        ],
    }


def _cases() -> Iterable[tuple[str, Json, Bytes32]]:
    """Give name, message and hash of each case."""
    for terms in TERMS.values():
        yield "Instruction", message_of(terms), _hash_of(terms)
    onchain, account = onchain_leg(), account_leg()
    yield "OnchainLeg", to_json(onchain), hash_onchain_leg(onchain)
    yield "AccountTerms", to_json(account.terms), hash_account_terms(account.terms)
    yield "AccountLeg", to_json(account), hash_account_leg(account)
    zero, word = hex_of(ZERO_BYTES32), hex_of(hash_of("word"))
    largest = 2**64 - 1
    rows: list[tuple[str, StructType, list[tuple[object, ...]]]] = [
        ("Cancel", schema.CANCEL, [(SETTLEMENT,)]),
        (
            "Attestation",
            schema.ATTESTATION,
            [
                *((SETTLEMENT, 0, fact, word, word, 1) for fact in range(1, 6)),
                *((SETTLEMENT, 2**32 - 1, fact, word, zero, 1) for fact in (6, 7, 10, 11)),
                (SETTLEMENT, 15, 8, word, zero, largest),
                (SETTLEMENT, 1, 9, zero, zero, 2),
            ],
        ),
        ("Decision", schema.DECISION, [(SETTLEMENT, 1, 1), (SETTLEMENT, 2, 1), (SETTLEMENT, 2, largest)]),
        ("DecisionBatch", schema.DECISION_BATCH, [(word, 1, 9), (word, largest, largest)]),
        ("Order", schema.ORDER, [(SETTLEMENT, WIRE, 1_900_000_120, 1), (SETTLEMENT, BANK, largest, 2)]),
        ("Succession", schema.SUCCESSION, [(1, hex_of(_second()))]),
        ("Rotation", schema.ROTATION, [(1, hex_of(_second()), 12, word), (1, hex_of(_second()), 0, zero)]),
        ("Configuration", schema.CONFIGURATION, [(1, 1, hex_of(keccak256(encode(REGISTRY))))]),
        ("Batch", schema.BATCH, [(1, 7, word, hex_of(hash_of("content")))]),
    ]
    for name, struct, cases in rows:
        names = [member.rpartition(" ")[2] for member in struct.definition.partition("(")[2][:-1].split(",")]
        for values in cases:
            yield name, dict(zip(names, values, strict=True)), struct.hash_struct(*(_value(each) for each in values))


def message_of(terms: Instruction) -> Json:
    """Give terms as an EIP-712 message: the members have the same names in JSON."""
    return to_json(terms)


def _hash_of(terms: Instruction) -> Bytes32:
    form = redact(terms)
    return schema.INSTRUCTION_REDACTED.hash_struct(
        form.memo_hash,
        keccak256(b"".join(hash_onchain_leg(leg) for leg in form.onchain_legs)),
        keccak256(b"".join(hash_account_leg(leg) for leg in form.account_legs)),
        form.pivot,
        form.conditions,
        form.settle_from,
        form.prepare_by,
        form.pivot_window,
        form.nonce,
    )


def _value(value: object) -> bytes | int | str:
    if isinstance(value, str) and value.startswith("0x"):
        return bytes.fromhex(value[2:])
    return value  # type: ignore[return-value]  # a number or a string


def _second() -> bytes:
    return committee_hash(next_epoch(COUNCIL.committee.epoch), tuple(each.address for each in SECOND))
