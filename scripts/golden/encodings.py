"""Bytes: canonical JSON and what is not, hashes of blocks, signatures and their forms, entries that no door lets in."""

from dataclasses import replace

from golden.log import Json
from golden.world import (
    ALICE,
    BOB,
    COUNCIL,
    GENESIS,
    KEYS,
    NETWORK,
    REGISTRY,
    cancel,
    hash_of,
    id_of,
    index,
    instruct,
    instruction,
    sign,
)
from interlock.core.attestation import Fact, SignedAttestation
from interlock.core.committee import Genesis
from interlock.core.decision import Certificate, Decision, Outcome
from interlock.core.entry import Anchor, Attest, Entry, Evidence
from interlock.core.fraud import DecisionFraud
from interlock.core.instruction import Instruction, PartySignature, redact
from interlock.core.limits import BATCH_ITEMS_MAX, ENTRY_BYTES_MAX, EVIDENCE_BYTES_MAX, LEGS_MAX
from interlock.core.registry import Registry
from interlock.core.rejection import Reason, Rejection
from interlock.encoding.block import block_hash
from interlock.encoding.canonical import Malformed, decode_canonical, encode
from interlock.encoding.keccak import keccak256
from interlock.encoding.secp256k1 import ORDER as GROUP_ORDER
from interlock.encoding.secp256k1 import recover
from interlock.encoding.values import Bytes32, Height, Signature, Uint64, hex_of
from interlock.entries.check import decode_entry, entry_fault

ID = id_of(instruction())
HERE = Anchor(Height(Uint64(5)), hash_of("block 5"))


def keys() -> Json:
    """Give every key of the vectors."""
    return {
        "tells": "Secrets, keccak256 of `interlock/vectors/` and the name; they are good for nothing else.",
        "tags": [],
        "keys": [
            {"name": each.name, "secret": hex_of(each.secret), "address": hex_of(each.address)}
            for each in KEYS.values()
        ],
    }


def canonical() -> Json:
    """Give values with their canonical bytes, and texts that are refused."""
    good = {
        "genesis": GENESIS,
        "registry": REGISTRY,
        "instruction": instruction(),
        "certificate": COUNCIL.certificate(Decision(ID, Outcome.COMMIT, COUNCIL.committee.epoch)),
        "entry": sign(ID, ALICE),
    }
    entry = encode(sign(ID, ALICE)).decode()
    text = encode(GENESIS).decode()
    plain = encode(instruction()).decode()
    bad: list[tuple[str, type, str]] = [
        ("white space", Genesis, text.replace(",", ", ")),
        ("keys out of order", Genesis, '{"name":"vectors",' + text[1:].replace(',"name":"vectors"', "")),
        ("a key twice", Genesis, text.replace("{", '{"kind":"interlock/genesis/1",')),
        ("a missing key", Genesis, text.replace(',"name":"vectors"', "")),
        ("an unknown key", Genesis, text.replace("{", '{"a":1,')),
        ("another kind", Genesis, text.replace("genesis/1", "genesis/2")),
        ("capital digits", Genesis, text.replace(hex_of(GENESIS.salt), "0x" + GENESIS.salt.hex().upper())),
        ("a byte short", Genesis, text.replace(hex_of(GENESIS.salt), hex_of(GENESIS.salt[:31]))),
        ("no 0x", Genesis, text.replace(hex_of(GENESIS.salt), GENESIS.salt.hex())),
        ("half of a surrogate pair", Genesis, text.replace("vectors", "\\ud800")),
        ("a character that is not escaped", Genesis, text.replace("vectors", "vecteurs é")),
        ("an amount as a number", Instruction, plain.replace('"10523000"', "10523000")),
        ("an amount with a zero before", Instruction, plain.replace('"10523000"', '"010523000"')),
        ("an amount of 2^256", Instruction, plain.replace('"10523000"', f'"{2**256}"')),
        ("a negative amount", Instruction, plain.replace('"10523000"', '"-1"')),
        ("a time as text", Instruction, plain.replace('"settleFrom":0', '"settleFrom":"0"')),
        ("a time as a fraction", Instruction, plain.replace('"settleFrom":0', '"settleFrom":0.0')),
        ("a time of 2^64", Instruction, plain.replace('"settleFrom":0', f'"settleFrom":{2**64}')),
        ("true for a number", Instruction, plain.replace('"settleFrom":0', '"settleFrom":true')),
        ("an outcome that there is not", Certificate, encode(good["certificate"]).decode().replace("COMMIT", "MAYBE")),
        ("an outcome as a number", Certificate, encode(good["certificate"]).decode().replace('"COMMIT"', "1")),
        (
            "a number for a truth",
            Registry,
            encode(REGISTRY).decode().replace('"hasConditions":true', '"hasConditions":1'),
        ),
        ("17 levels deep", Genesis, "[" * 17 + "]" * 17),
        ("nothing", Genesis, ""),
        ("not JSON", Genesis, "genesis"),
        ("NaN", Instruction, plain.replace('"settleFrom":0', '"settleFrom":NaN')),
    ]
    return {
        "tells": "One value, one sequence of bytes: canonical texts with their hashes, and texts that are refused.",
        "tags": ["FORM-JSON"],
        "canonical": [
            {"name": name, "text": encode(value).decode(), "keccak256": hex_of(keccak256(encode(value)))}
            for name, value in good.items()
        ],
        "refused": [
            {"why": why, "as": kind.__name__, "text": given, "error": _error(kind, given)} for why, kind, given in bad
        ],
        "notAnEntry": [entry.replace('"sign"', '"sing"'), entry.replace("sign", "sign-decisions"), "null", "[]"],
    }


def blocks() -> Json:
    """Give hashes of blocks, each upon the one before."""
    given: list[tuple[int, list[bytes]]] = [
        (0, []),
        (1_900_000_000, [b""]),
        (1_900_000_000, [encode(sign(ID, ALICE))]),
        (1_900_000_001, [encode(sign(ID, ALICE)), encode(sign(ID, BOB))]),
        (2**64 - 1, [encode(sign(ID, BOB)), encode(sign(ID, ALICE))]),
    ]
    made, previous = [], NETWORK
    for height, (time, entries) in enumerate(given, 1):
        hash_ = block_hash(height, time, previous, entries)
        made.append(
            {
                "height": height,
                "time": time,
                "previous": hex_of(previous),
                "entries": [hex_of(each) for each in entries],
                "hash": hex_of(hash_),
            }
        )
        previous = hash_
    return {
        "tells": "Hashes of blocks; the first stands upon the network's id.",
        "tags": ["FORM-BLOCK"],
        "blocks": made,
    }


def signatures() -> Json:
    """Give signatures with who signed, and forms that nobody signed."""
    digest = hash_of("digest")
    good = ALICE.sign(digest)
    r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
    group, zero = GROUP_ORDER.to_bytes(32, "big"), bytes(32)
    forms = {
        "as it is signed": good,
        "the other v": good[:64] + bytes((55 - v,)),
        "high s": r + (GROUP_ORDER - s).to_bytes(32, "big") + bytes((55 - v,)),
        "v of 0": good[:64] + bytes((v - 27,)),
        "v of 29": good[:64] + b"\x1d",
        "r of zero": zero + good[32:],
        "s of zero": r + zero + bytes((v,)),
        "r of the group's order": group + good[32:],
        "s of the group's order": r + group + bytes((v,)),
        "r that is no point's": (5).to_bytes(32, "big") + good[32:],
        "64 bytes": good[:64],
        "66 bytes": good + b"\0",
        "nothing": b"",
    }
    return {
        "tells": "r, s, v in 65 bytes, low s, v 27 or 28, made as RFC 6979 says; and whom each form recovers to.",
        "tags": ["FORM-SIGNATURE"],
        "signed": [
            {"key": each.name, "digest": hex_of(each_digest), "signature": hex_of(each.sign(each_digest))}
            for each in (ALICE, BOB)
            for each_digest in (digest, Bytes32(zero), Bytes32(b"\xff" * 32))
        ],
        "recovered": [
            {"form": name, "digest": hex_of(digest), "signature": hex_of(given), "signer": _signer(digest, given)}
            for name, given in forms.items()
        ],
    }


def doors() -> Json:
    """Give entries that every door refuses, with the reason; those that are too large are told by their size."""
    cases: dict[str, Entry | bytes] = {
        "no JSON": b"{",
        "no such kind": encode(sign(ID, ALICE)).replace(b'"sign"', b'"wave"'),
        "not canonical": encode(sign(ID, ALICE)) + b"\n",
        "both forms of the terms": replace(instruct(instruction(), ALICE), redacted=redact(instruction())),
        "neither form of the terms": replace(instruct(instruction(), ALICE), instruction=None),
        "seventeen legs": instruct(_many(LEGS_MAX + 1), ALICE),
        "no signature": replace(sign(ID, ALICE), signatures=()),
        "a signer twice": sign(ID, ALICE, ALICE),
        "a signature for another's": replace(
            sign(ID, ALICE), signatures=(PartySignature(BOB.address, ALICE.sign(ID)),)
        ),
        "a signature of the id under a cancel": replace(cancel(ID, ALICE), signatures=(ALICE.consent(ID),)),
        "a cancel with another's terms": replace(cancel(ID, ALICE), redacted=redact(instruction("other"))),
        "a member that there is not": replace(_attest(), member=index(4)),
        "a batch that another member signed": replace(_attest(), member=index(1)),
        "an empty batch": COUNCIL.attest(0, HERE),
        "a document that nothing names": COUNCIL.attest(0, HERE, _held(), documents=[b"{}"]),
        "an anchor that was changed": replace(_attest(), anchor=replace(HERE, height=Height(Uint64(6)))),
        "an attestation of another member": COUNCIL.attest(0, HERE, COUNCIL.attestation(1, ID, 0, Fact.HELD)),
        "a decision of another member": COUNCIL.certify(
            0, HERE, COUNCIL.decision(1, Decision(ID, Outcome.COMMIT, COUNCIL.committee.epoch))
        ),
        "a configuration by two": COUNCIL.configure(REGISTRY, 1, [0, 1]),
        "successors named by two": COUNCIL.name(COUNCIL.keys, [0, 1]),
        "statements that agree": Evidence(
            DecisionFraud(*(COUNCIL.decision(0, Decision(ID, Outcome.COMMIT, COUNCIL.committee.epoch)),) * 2),
            COUNCIL.attest(0, HERE, _held()).member,
        ),
    }
    given = [_door(name, each) for name, each in cases.items()]
    given.append({"name": "too large", "bytes": " ", "times": ENTRY_BYTES_MAX + 1, "reason": Reason.TOO_LARGE.name})
    return {
        "tells": "Entries that no log orders, and no node applies; `times` says how often their bytes are repeated.",
        "tags": sorted({f"REJECT-{each['reason']}" for each in given if not Reason[each["reason"]].is_unalterable}),
        "network": hex_of(NETWORK),
        "committee": [hex_of(each) for each in COUNCIL.committee.members],
        "bounds": {
            "entryBytes": ENTRY_BYTES_MAX,
            "documentBytes": EVIDENCE_BYTES_MAX,
            "batchItems": BATCH_ITEMS_MAX,
            "legs": LEGS_MAX,
        },
        "cases": given,
    }


def _door(name: str, given: Entry | bytes) -> Json:
    data = given if isinstance(given, bytes) else encode(given)
    entry = decode_entry(data)
    fault = entry if isinstance(entry, Rejection) else entry_fault(entry, NETWORK, COUNCIL.committee)
    return {"name": name, "bytes": data.decode(), "times": 1, "reason": None if fault is None else fault.reason.name}


def _many(legs: int) -> Instruction:
    one = instruction()
    return replace(one, account_legs=one.account_legs * (legs - 1))


def _attest() -> Attest:
    return COUNCIL.attest(0, HERE, _held())


def _held() -> SignedAttestation:
    return COUNCIL.attestation(0, ID, 0, Fact.HELD)


def _signer(digest: Bytes32, signature: bytes) -> str | None:
    found = recover(digest, Signature(signature))
    return None if found is None else hex_of(found)


def _error(kind: type, text: str) -> str | None:
    try:
        decode_canonical(kind, text.encode())
    except Malformed as error:
        return str(error)
    return None
