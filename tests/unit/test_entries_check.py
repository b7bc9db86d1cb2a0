"""An entry is applied only if its counts are within bounds and every signature in it holds."""

from dataclasses import replace

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import FIRST_EPOCH, Committee, Epoch, MemberIndex
from interlock.core.decision import Certificate, Decision, DecisionBatch, Outcome, assemble
from interlock.core.entry import (
    Anchor,
    Attest,
    Cancel,
    Certify,
    Configure,
    Entry,
    Evidence,
    Instruct,
    Rotate,
    Sign,
    SignRotation,
)
from interlock.core.fraud import (
    AttestationFraud,
    CertificateFraud,
    DecisionFraud,
    OrderFraud,
    RotationFraud,
    SignedRotation,
)
from interlock.core.instruction import PartySignature, redact
from interlock.core.limits import BATCH_ITEMS_MAX, EVIDENCE_BYTES_MAX, LEGS_MAX
from interlock.core.order import Order
from interlock.core.rejection import Reason
from interlock.core.rotation import Rotation
from interlock.encoding.canonical import encode
from interlock.encoding.secp256k1 import ORDER as CURVE_ORDER
from interlock.encoding.values import ZERO_ADDRESS, Height, Signature, Uint32, Uint64, UnixSeconds
from interlock.entries.check import entry_fault
from interlock.entries.door import Door
from support.world import (
    ALICE,
    BOB,
    COMMITTEE,
    NETWORK,
    NODES,
    PAYMENT_ONLY,
    REGISTRY,
    START,
    STRANGER,
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

TERMS = instruction()
ID = id_of(TERMS)
HERE = Anchor(Height(Uint64(5)), word(5))
HELD = attestation(0, ID, 0, Fact.HELD)
DOCUMENT = b'{"seen":true}'
SEEN = attestation(0, ID, 0, Fact.HELD, evidence=evidence_of(DOCUMENT))
COMMIT = signed_decision(1, ID, Outcome.COMMIT)
MANY = tuple(key(number) for number in range(1, LEGS_MAX + 2))


BATCHED = signed_batch(1, DecisionBatch(word(8), FIRST_EPOCH, Height(Uint64(4))))
PAY = Order(ID, PAYMENT_ONLY, UnixSeconds(Uint64(START)), FIRST_EPOCH)
PAY_LATER = replace(PAY, last_valid=UnixSeconds(Uint64(START + 1)))
ORDERED = signed_order(1, PAY)
SUCCESSORS = tuple(key(number).address for number in range(201, 205))
ROTATION = Rotation(FIRST_EPOCH, word(1), Height(Uint64(4)), word(2))
OTHER_ROTATION = replace(ROTATION, decisions_root=word(3))
RETURNED = attestation(3, ID, 0, Fact.RETURNED)
FOURTH = MemberIndex(Uint32(3))


def handed_over(member: int, rotation: Rotation) -> SignedRotation:
    """Give a rotation with a member's signature, as evidence has it."""
    return SignedRotation(rotation, sign_rotation(member, rotation).signature)


def certificate(outcome: Outcome, members: tuple[int, ...] = (0, 1, 2)) -> Certificate:
    """Give a certificate of the usual settlement."""
    signed = {MemberIndex(Uint32(each)): signed_decision(each, ID, outcome).signature for each in members}
    made = assemble(COMMITTEE, Decision(ID, outcome, FIRST_EPOCH), signed)
    assert made is not None
    return made


BOTH_OUTCOMES = Evidence(
    DecisionFraud(signed_decision(3, ID, Outcome.COMMIT), signed_decision(3, ID, Outcome.ABORT)), FOURTH
)
TWO_CERTIFICATES = Evidence(
    CertificateFraud(certificate(Outcome.COMMIT), certificate(Outcome.ABORT, members=(1, 2, 3))), None
)


def fault(entry: Entry) -> tuple[Reason, str] | None:
    found = entry_fault(entry, NETWORK, COMMITTEE)
    return None if found is None else (found.reason, found.detail)


GOOD: dict[str, Entry] = {
    "instruct": instruct(TERMS, ALICE, BOB),
    "instruct, redacted": instruct(redact(TERMS), ALICE),
    "instruct, by a stranger": instruct(TERMS, STRANGER),
    "sign": sign(ID, BOB),
    "sign, as many as legs": sign(ID, *MANY[:LEGS_MAX]),
    "cancel": cancel(ID, ALICE),
    "cancel, with its terms": cancel(ID, ALICE, redacted=redact(TERMS)),
    "cancel, with as many legs as can be": cancel(
        id_of(instruction(1, 15)), ALICE, redacted=redact(instruction(1, 15))
    ),
    "attest": attest(0, HERE, HELD),
    "attest, with its document": attest(0, HERE, SEEN, documents=[DOCUMENT]),
    "attest, the largest document": attest(
        0,
        HERE,
        attestation(0, ID, 0, Fact.HELD, evidence=evidence_of(b"x" * EVIDENCE_BYTES_MAX)),
        documents=[b"x" * EVIDENCE_BYTES_MAX],
    ),
    "attest, without the document it names": attest(0, HERE, SEEN),
    "attest, of another epoch": attest(0, HERE, attestation(0, ID, 0, Fact.HELD, epoch=9)),
    "attest, the fullest batch": attest(0, HERE, *(HELD,) * BATCH_ITEMS_MAX),
    "certify": sign_decisions(1, HERE, COMMIT),
    "certify, the fullest batch": sign_decisions(1, HERE, *(COMMIT,) * BATCH_ITEMS_MAX),
    "certify, of each kind": certify(1, HERE, COMMIT, BATCHED, ORDERED),
    "certify, an order alone": certify(1, HERE, ORDERED),
    "certify, the fullest batch of each kind": certify(1, HERE, *(COMMIT,) * 254, BATCHED, ORDERED),
    "configure": configure(REGISTRY, 1),
    "configure, by a quorum and a stranger": configure(REGISTRY, 1, *NODES[:3], STRANGER),
    "rotate": rotate(SUCCESSORS),
    "rotate, by a quorum and a stranger": rotate(SUCCESSORS, *NODES[:3], STRANGER),
    "sign-rotation": sign_rotation(2, ROTATION),
    "evidence, attestations": Evidence(AttestationFraud(attestation(3, ID, 0, Fact.DELIVERED), RETURNED), FOURTH),
    "evidence, of two epochs": Evidence(
        AttestationFraud(attestation(3, ID, 0, Fact.DELIVERED, epoch=9), RETURNED), FOURTH
    ),
    "evidence, decisions": BOTH_OUTCOMES,
    "evidence, orders": Evidence(OrderFraud(signed_order(3, PAY), signed_order(3, PAY_LATER)), FOURTH),
    "evidence, rotations": Evidence(RotationFraud(handed_over(3, ROTATION), handed_over(3, OTHER_ROTATION)), FOURTH),
    "evidence, certificates": TWO_CERTIFICATES,
}


@pytest.mark.parametrize("entry", GOOD.values(), ids=GOOD.keys())
def test_a_good_entry_passes(entry: Entry) -> None:
    """What is signed by those it names, within the bounds, is the core's to judge."""
    assert fault(entry) is None


MALFORMED: dict[str, tuple[Entry, str]] = {
    "neither terms": (Instruct(None, None, sign(ID, ALICE).signatures), "either the instruction or its redacted"),
    "both terms": (
        Instruct(TERMS, redact(TERMS), sign(ID, ALICE).signatures),
        "either the instruction or its redacted",
    ),
    "instruct, unsigned": (instruct(TERMS), "0 signatures; 1 to 16"),
    "sign, unsigned": (sign(ID), "0 signatures; 1 to 16"),
    "cancel, unsigned": (cancel(ID), "0 signatures; 1 to 16"),
    "configure, unsigned": (Configure(replace(configure(REGISTRY, 1).signed, signatures=())), "0 signatures; 1 to 4"),
    "one signature too many": (sign(ID, *MANY), "17 signatures; 1 to 16"),
    "configure, one too many": (configure(REGISTRY, 1, *NODES, ALICE), "5 signatures; 1 to 4"),
    "a signer twice": (sign(ID, ALICE, BOB, ALICE), "A signer stands twice"),
    "a member twice": (configure(REGISTRY, 1, NODES[0], NODES[0], NODES[1]), "A signer stands twice"),
    "another settlement's terms": (cancel(ID, ALICE, redacted=redact(instruction(salt=2))), "another settlement's"),
    "terms of too many legs": (
        cancel(id_of(instruction(1, 16)), ALICE, redacted=redact(instruction(1, 16))),
        "More than 16 legs",
    ),
    "no attestation": (attest(0, HERE), "1 to 256 attestations"),
    "one attestation too many": (attest(0, HERE, *(HELD,) * (BATCH_ITEMS_MAX + 1)), "1 to 256 attestations"),
    "one document too many": (attest(0, HERE, SEEN, documents=[DOCUMENT] * (BATCH_ITEMS_MAX + 1)), "1 to 256"),
    "a document too large": (
        attest(0, HERE, SEEN, documents=[b"x" * (EVIDENCE_BYTES_MAX + 1)]),
        "at most 8192 bytes",
    ),
    "a document that nobody names": (attest(0, HERE, HELD, documents=[DOCUMENT]), "named by no attestation"),
    "a document too many": (attest(0, HERE, SEEN, documents=[DOCUMENT, b"{}"]), "named by no attestation"),
    "rotate, unsigned": (Rotate(replace(rotate(SUCCESSORS).signed, signatures=())), "0 signatures; 1 to 4"),
    "rotate, one too many": (rotate(SUCCESSORS, *NODES, ALICE), "5 signatures; 1 to 4"),
    "no signature of any kind": (certify(0, HERE), "1 to 256 signatures"),
    "one signature too many of all kinds": (
        certify(1, HERE, *(COMMIT,) * (BATCH_ITEMS_MAX - 1), BATCHED, ORDERED),
        "1 to 256 signatures",
    ),
    "no decision": (sign_decisions(0, HERE), "1 to 256 signatures"),
    "one decision too many": (sign_decisions(1, HERE, *(COMMIT,) * (BATCH_ITEMS_MAX + 1)), "1 to 256 signatures"),
}


@pytest.mark.parametrize(("entry", "message"), MALFORMED.values(), ids=MALFORMED.keys())
def test_an_entry_out_of_bounds_is_malformed(entry: Entry, message: str) -> None:
    """Counts and forms that do not go together are refused before any signature is looked at."""
    found = fault(entry)
    assert found is not None
    assert found[0] is Reason.MALFORMED
    assert message in found[1]


def swapped(entry: Instruct | Sign | Cancel) -> Entry:
    """Give Alice's place Bob's signature and the reverse."""
    alice, bob = entry.signatures
    return replace(
        entry,
        signatures=(replace(alice, signature=bob.signature), replace(bob, signature=alice.signature)),
    )


def high(signature: Signature) -> Signature:
    """Give the other signature of the same key over the same digest, with high s."""
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return Signature(signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]]))


ALICES = sign(ID, ALICE).signatures[0]
FORGED: dict[str, Entry] = {
    "instruct, swapped": swapped(instruct(TERMS, ALICE, BOB)),
    "instruct, over other terms": replace(instruct(TERMS, ALICE), instruction=instruction(salt=2)),
    "instruct, redacted, over other terms": replace(
        instruct(redact(TERMS), ALICE), redacted=redact(instruction(salt=2))
    ),
    "sign, swapped": swapped(sign(ID, ALICE, BOB)),
    "sign, over another settlement": replace(sign(ID, ALICE), settlement=id_of(instruction(salt=2))),
    "sign, the second is bad": Sign(ID, (ALICES, PartySignature(BOB.address, ALICES.signature))),
    "sign, high s": Sign(ID, (replace(ALICES, signature=high(ALICES.signature)),)),
    "sign, for the zero address": Sign(ID, (PartySignature(ZERO_ADDRESS, Signature(bytes(65))),)),
    "sign, zeros": Sign(ID, (replace(ALICES, signature=Signature(bytes(65))),)),
    "sign, ones": Sign(ID, (replace(ALICES, signature=Signature(b"\xff" * 65)),)),
    "sign, with a cancel's signature": Sign(ID, cancel(ID, ALICE).signatures),
    "cancel, with a consent's signature": Cancel(ID, None, sign(ID, ALICE).signatures),
    "cancel, of another settlement": replace(cancel(ID, ALICE), settlement=id_of(instruction(salt=2))),
    "configure, over another sequence": Configure(
        replace(configure(REGISTRY, 1).signed, configuration=configure(REGISTRY, 2).signed.configuration)
    ),
    "attest, of another member": replace(attest(0, HERE, HELD), member=Uint32(1)),  # type: ignore[arg-type]  # an index
    "attest, another anchor": replace(attest(0, HERE, HELD), anchor=Anchor(HERE.height, word(6))),
    "attest, another height": replace(attest(0, HERE, HELD), anchor=Anchor(Height(Uint64(6)), HERE.block)),
    "attest, an item more": replace(attest(0, HERE, HELD), attestations=(HELD, HELD)),
    "attest, a document left out": replace(attest(0, HERE, SEEN, documents=[DOCUMENT]), documents=()),
    "attest, another's item": attest(0, HERE, HELD, attestation(1, ID, 0, Fact.HELD)),
    "attest, a changed item": attest(0, HERE, replace(HELD, attestation=replace(HELD.attestation, fact=Fact.LOST))),
    "attest, a bad item signature": attest(0, HERE, replace(HELD, signature=high(HELD.signature))),
    "certify, of another member": replace(sign_decisions(1, HERE, COMMIT), member=Uint32(0)),  # type: ignore[arg-type]  # an index
    "certify, another's item": sign_decisions(0, HERE, COMMIT),
    "certify, the other outcome": sign_decisions(
        1, HERE, replace(COMMIT, decision=replace(COMMIT.decision, outcome=Outcome.ABORT))
    ),
    "certify, another's batch": certify(1, HERE, signed_batch(0, BATCHED.batch)),
    "certify, another batch": certify(1, HERE, replace(BATCHED, batch=replace(BATCHED.batch, root=word(9)))),
    "certify, another's order": certify(1, HERE, signed_order(0, PAY)),
    "certify, another order": certify(1, HERE, replace(ORDERED, order=PAY_LATER)),
    "certify, an order less": replace(certify(1, HERE, COMMIT, ORDERED), orders=()),
    "rotate, to others": Rotate(
        replace(rotate(SUCCESSORS).signed, succession=rotate(SUCCESSORS[::-1]).signed.succession)
    ),
    "sign-rotation, of another member": sign_rotation(2, ROTATION, key=NODES[1]),
    "sign-rotation, of another rotation": replace(sign_rotation(2, ROTATION), rotation=OTHER_ROTATION),
    "evidence, of two members": Evidence(AttestationFraud(attestation(2, ID, 0, Fact.DELIVERED), RETURNED), FOURTH),
    "evidence, against another member": Evidence(
        DecisionFraud(signed_decision(2, ID, Outcome.COMMIT), signed_decision(2, ID, Outcome.ABORT)), FOURTH
    ),
    "evidence, of a changed order": Evidence(
        OrderFraud(signed_order(3, PAY), replace(signed_order(3, PAY), order=PAY_LATER)), FOURTH
    ),
    "certify, an item less": replace(sign_decisions(1, HERE, COMMIT, COMMIT), decisions=(COMMIT,)),
}


@pytest.mark.parametrize("entry", FORGED.values(), ids=FORGED.keys())
def test_a_signature_that_does_not_hold_is_refused(entry: Entry) -> None:
    """One signature that does not recover to the key it is given for refuses the whole entry."""
    found = fault(entry)
    assert found is not None
    assert found[0] is Reason.SIGNATURE_INVALID
    assert "low s" in found[1]


NO_FRAUD: dict[str, Evidence] = {
    "one statement twice": Evidence(AttestationFraud(RETURNED, RETURNED), FOURTH),
    "of two legs": Evidence(AttestationFraud(attestation(3, ID, 1, Fact.DELIVERED), RETURNED), FOURTH),
    "one after the other": Evidence(AttestationFraud(attestation(3, ID, 0, Fact.HELD), RETURNED), FOURTH),
    "one outcome in two epochs": Evidence(
        DecisionFraud(signed_decision(3, ID, Outcome.COMMIT), signed_decision(3, ID, Outcome.COMMIT, epoch=2)), FOURTH
    ),
    "one order in two epochs": Evidence(
        OrderFraud(signed_order(3, PAY), signed_order(3, replace(PAY, epoch=Epoch(Uint64(2))))), FOURTH
    ),
    "one rotation": Evidence(RotationFraud(handed_over(3, ROTATION), handed_over(3, ROTATION)), FOURTH),
    "rotations of two epochs": Evidence(
        RotationFraud(handed_over(3, ROTATION), handed_over(3, replace(OTHER_ROTATION, from_epoch=Epoch(Uint64(2))))),
        FOURTH,
    ),
    "nobody's statements": replace(BOTH_OUTCOMES, member=None),
    "one member's certificates": replace(TWO_CERTIFICATES, member=FOURTH),
    "a certificate twice": Evidence(CertificateFraud(certificate(Outcome.COMMIT), certificate(Outcome.COMMIT)), None),
    "a certificate of two": Evidence(
        CertificateFraud(
            certificate(Outcome.COMMIT),
            replace(certificate(Outcome.ABORT), signatures=certificate(Outcome.ABORT).signatures[:2]),
        ),
        None,
    ),
}


@pytest.mark.parametrize("entry", NO_FRAUD.values(), ids=NO_FRAUD.keys())
def test_what_proves_no_lie_stays_outside(entry: Evidence) -> None:
    """Two statements that can both be true, or whose accused is not named as their kind wants, convict nobody."""
    found = fault(entry)
    assert found is not None
    assert found[0] is Reason.EVIDENCE_INVALID


@pytest.mark.parametrize(
    "entry",
    [GOOD["attest"], GOOD["certify"], GOOD["sign-rotation"], GOOD["evidence, orders"]],
    ids=["attest", "certify", "sign-rotation", "evidence"],
)
@pytest.mark.parametrize("member", [4, 5, 2**32 - 1])
def test_a_member_out_of_range_is_refused(entry: Attest | Certify | SignRotation | Evidence, member: int) -> None:
    """There is no fifth of four members."""
    assert fault(replace(entry, member=Uint32(member))) == (Reason.NOT_A_MEMBER, f"Member {member} of 4.")  # type: ignore[arg-type]  # an index


@pytest.mark.parametrize(
    "name", [name for name in GOOD if name != "sign" and not name.startswith(("sign,", "cancel, with"))]
)
def test_nothing_signed_for_this_network_holds_on_another(name: str) -> None:
    """Every signature is bound to its network's genesis; a `sign` entry by the id, which is that network's."""
    found = entry_fault(GOOD[name], word(1), COMMITTEE)
    assert found is not None
    is_of_certificates = name == "evidence, certificates"
    assert found.reason is (Reason.EVIDENCE_INVALID if is_of_certificates else Reason.SIGNATURE_INVALID)


def test_terms_of_this_network_are_another_settlement_elsewhere() -> None:
    """On another network the terms that come along do not belong to the id."""
    found = entry_fault(GOOD["cancel, with its terms"], word(1), COMMITTEE)
    assert found is not None
    assert found.reason is Reason.MALFORMED


@pytest.mark.parametrize("entry", [GOOD["attest"], GOOD["certify"]], ids=["attest", "certify"])
def test_a_batch_of_one_epoch_holds_in_no_other(entry: Entry) -> None:
    """The same members in another epoch have not signed this batch."""
    found = entry_fault(entry, NETWORK, Committee(Epoch(Uint64(2)), COMMITTEE.members))
    assert found is not None
    assert found.reason is Reason.SIGNATURE_INVALID


def test_more_legs_than_any_ledger_holds_for_stay_outside() -> None:
    """Nothing is recorded of an instruction for which neither vault nor bank would hold."""
    long = instruction(1, LEGS_MAX)
    assert fault(instruct(long, ALICE)) == (Reason.TOO_MANY_LEGS, "17 legs; 16 are allowed.")
    assert fault(instruct(redact(long), ALICE)) == (Reason.TOO_MANY_LEGS, "17 legs; 16 are allowed.")
    assert fault(instruct(instruction(1, LEGS_MAX - 1), ALICE)) is None


def test_a_configuration_or_a_succession_without_a_quorum_stays_outside() -> None:
    """Strangers cannot fill the log with registries, nor with successors."""
    for signers in ((STRANGER,), NODES[:2], (*NODES[:2], STRANGER)):
        for entry in (configure(REGISTRY, 1, *signers), rotate(SUCCESSORS, *signers)):
            found = fault(entry)
            assert found is not None
            assert found[0] is Reason.QUORUM_MISSING


def test_a_batch_signed_by_one_member_is_not_anothers() -> None:
    """The order of members is the committee's."""
    turned = Committee(COMMITTEE.epoch, COMMITTEE.members[::-1])
    found = entry_fault(GOOD["attest"], NETWORK, turned)
    assert found is not None
    assert found.reason is Reason.SIGNATURE_INVALID


def test_the_rejection_says_whose_signature_was_wanted() -> None:
    """The sentence names both addresses, or nobody."""
    found = entry_fault(FORGED["sign, the second is bad"], NETWORK, COMMITTEE)
    assert found is not None
    assert found.settlement == ID
    assert BOB.address.hex() in found.detail
    nobody = entry_fault(FORGED["sign, zeros"], NETWORK, COMMITTEE)
    assert nobody is not None
    assert nobody.detail.startswith("It recovers to nobody")


@pytest.mark.parametrize("entry", GOOD.values(), ids=GOOD.keys())
def test_the_door_lets_a_good_entry_in(entry: Entry) -> None:
    """What may be ordered is met with silence."""
    assert Door(NETWORK, COMMITTEE)(encode(entry)) is None


@pytest.mark.parametrize("entry", FORGED.values(), ids=FORGED.keys())
def test_the_door_says_why_not(entry: Entry) -> None:
    """A forged entry, or bytes that are none, are refused with a sentence that begins with the reason's name."""
    check = Door(NETWORK, COMMITTEE)
    assert str(check(encode(entry))).startswith("SIGNATURE_INVALID: ")
    assert str(check(encode(entry)[:-1])).startswith("MALFORMED: ")
