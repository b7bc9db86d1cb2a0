"""What comes to the log's door as bytes is an entry in canonical form, or is refused with its path."""

import json
from typing import Any

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import FIRST_EPOCH, MemberIndex
from interlock.core.decision import Certificate, DecisionBatch, MemberSignature, Outcome
from interlock.core.entry import Anchor, Entry, Evidence
from interlock.core.fraud import CertificateFraud, OrderFraud
from interlock.core.instruction import redact
from interlock.core.limits import ENTRY_BYTES_MAX
from interlock.core.order import Order
from interlock.core.rejection import Reason, Rejection
from interlock.core.rotation import Rotation
from interlock.encoding.canonical import encode
from interlock.encoding.values import Height, Uint32, Uint64, UnixSeconds
from interlock.entries.check import decode_entry
from support.world import (
    ALICE,
    BANK,
    BOB,
    PAYMENT_ONLY,
    REGISTRY,
    START,
    attest,
    attestation,
    cancel,
    certify,
    configure,
    evidence_of,
    id_of,
    instruct,
    instruction,
    key,
    rotate,
    sign,
    sign_decisions,
    sign_rotation,
    signed_batch,
    signed_decision,
    signed_order,
    word,
)

ID = id_of(instruction())
HERE = Anchor(Height(Uint64(5)), word(5))
BATCH = DecisionBatch(word(8), FIRST_EPOCH, Height(Uint64(4)))
PAY = Order(ID, PAYMENT_ONLY, UnixSeconds(Uint64(START)), FIRST_EPOCH)
SUCCESSORS = tuple(key(number).address for number in range(201, 205))
ROTATION = Rotation(FIRST_EPOCH, word(1), Height(Uint64(4)), word(2))
COMMIT = signed_decision(1, ID, Outcome.COMMIT)
CERTIFICATE = Certificate(COMMIT.decision, (MemberSignature(MemberIndex(Uint32(1)), COMMIT.signature),))
ENTRIES: dict[str, Entry] = {
    "instruct": instruct(instruction(2, 2, memo="é🏦"), ALICE, BOB),
    "instruct, redacted": instruct(redact(instruction(2, 2)), ALICE),
    "instruct, for a bank": instruct(redact(instruction(2, 2), ledger=BANK), ALICE),
    "sign": sign(ID, ALICE),
    "cancel": cancel(ID, ALICE),
    "cancel, with terms": cancel(ID, ALICE, redacted=redact(instruction())),
    "attest": attest(0, HERE, attestation(0, ID, 0, Fact.HELD, evidence=evidence_of(b"{}")), documents=[b"{}"]),
    "certify, a decision": sign_decisions(1, HERE, signed_decision(1, ID, Outcome.ABORT)),
    "certify": certify(1, HERE, signed_decision(1, ID, Outcome.ABORT), signed_batch(1, BATCH), signed_order(1, PAY)),
    "configure": configure(REGISTRY, 1),
    "rotate": rotate(SUCCESSORS),
    "sign-rotation": sign_rotation(2, ROTATION),
    "evidence": Evidence(OrderFraud(signed_order(3, PAY), signed_order(3, PAY)), MemberIndex(Uint32(3))),
    "evidence, against nobody": Evidence(CertificateFraud(CERTIFICATE, CERTIFICATE), None),
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_every_entry_comes_back(entry: Entry) -> None:
    """An entry is read as what was written, and names its kind."""
    data = encode(entry)
    assert decode_entry(data) == entry
    assert json.loads(data)["kind"] == entry.KIND


def refused(data: bytes) -> Rejection:
    entry = decode_entry(data)
    assert isinstance(entry, Rejection)
    return entry


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_another_form_of_the_same_entry_is_refused(entry: Entry) -> None:
    """The log has one form of each entry: no spacing, no other order, no other escapes."""
    document = json.loads(encode(entry))
    for other in (
        json.dumps(document, sort_keys=True),
        json.dumps(dict(reversed(document.items())), separators=(",", ":")),
        encode(entry).decode() + "\n",
    ):
        assert refused(other.encode()).reason is Reason.MALFORMED


GARBAGE = {
    "nothing": b"",
    "no JSON": b"\x00\xff",
    "a number": b"1",
    "null": b"null",
    "a list": b"[]",
    "no kind": b"{}",
    "an unknown kind": b'{"kind":"rotation"}',
    "a kind that was given up": b'{"kind":"sign-decisions"}',
    "a kind in capitals": b'{"kind":"SIGN"}',
    "a kind that is a list": b'{"kind":[]}',
    "a kind that is an object": b'{"kind":{}}',
    "a kind that is null": b'{"kind":null}',
    "a kind alone": b'{"kind":"sign"}',
    "another document of the network": b'{"kind":"interlock/genesis/1"}',
    "deep nesting": b"[" * ENTRY_BYTES_MAX,
    "an open object": b'{"kind":"sign",',
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_malformed(data: bytes) -> None:
    """Whatever anybody sends ends as a rejection with a reason in words."""
    rejection = refused(data)
    assert rejection.reason is Reason.MALFORMED
    assert rejection.detail


def test_an_entry_may_have_so_many_bytes_and_no_more() -> None:
    """Size is looked at before form: one byte too many is TOO_LARGE, garbage or not."""
    assert refused(b" " * (ENTRY_BYTES_MAX + 1)).reason is Reason.TOO_LARGE
    assert refused(b" " * ENTRY_BYTES_MAX).reason is Reason.MALFORMED
    empty = len(encode(instruct(instruction(memo=""), ALICE)))
    assert not isinstance(
        decode_entry(encode(instruct(instruction(memo="x" * (ENTRY_BYTES_MAX - empty)), ALICE))), Rejection
    )


def paths(document: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the path of every value in a document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(each for name, child in inner for each in paths(child, (*path, name)))]


WRONG: tuple[object, ...] = (True, -1, 1.5, "X", [], {"kind": []}, [{}], 2**64)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_a_wrong_value_anywhere_never_raises(entry: Entry) -> None:
    """Every value of every entry, replaced by one of another form, gives a rejection or another entry."""
    source = encode(entry)
    refusals = 0
    for path in paths(json.loads(source))[1:]:
        for wrong in WRONG:
            document = json.loads(source)
            place = document
            for name in path[:-1]:
                place = place[name]
            place[path[-1]] = wrong
            changed = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
            if changed == source:
                continue  # the value was this one already
            found = decode_entry(changed)
            assert found != entry
            refusals += isinstance(found, Rejection) and found.reason is Reason.MALFORMED
    assert refusals > 0


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_a_field_more_or_less_anywhere_is_malformed(entry: Entry) -> None:
    """Every object of every entry has exactly its fields."""
    source = encode(entry)
    for path in paths(json.loads(source)):
        document = json.loads(source)
        place = document
        for name in path:
            place = place[name]
        if not isinstance(place, dict):
            continue
        for name in (*place, "extra"):
            changed = json.loads(source)
            inner = changed
            for step in path:
                inner = inner[step]
            if name == "extra":
                inner["extra"] = None
            else:
                del inner[name]
            rejection = refused(json.dumps(changed, sort_keys=True, separators=(",", ":")).encode())
            assert rejection.reason is Reason.MALFORMED
            assert name in rejection.detail
