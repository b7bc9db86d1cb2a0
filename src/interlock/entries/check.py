"""Check an entry: its form, its bounds, and every signature in it.

What passes here is an entry that the core may apply; what does not is a `Rejection`, the same on every node.

Source: specification 4 and 11.
"""

from collections.abc import Iterable, Sequence
from typing import assert_never

from interlock.core.attestation import attestation_digest
from interlock.core.committee import Committee
from interlock.core.decision import batch_root_digest, decision_digest
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
from interlock.core.fraud import CertificateFraud, contradicts, culprit
from interlock.core.instruction import PartySignature, SettlementId, cancel_digest, settlement_id
from interlock.core.limits import BATCH_ITEMS_MAX, ENTRY_BYTES_MAX, EVIDENCE_BYTES_MAX, LEGS_MAX
from interlock.core.order import order_digest
from interlock.core.registry import configuration_digest
from interlock.core.rejection import Reason, Rejection
from interlock.core.rotation import rotation_digest, succession_digest
from interlock.encoding import schema
from interlock.encoding.canonical import Malformed, decode_canonical, dumps, to_json
from interlock.encoding.keccak import keccak256
from interlock.encoding.secp256k1 import recover
from interlock.encoding.typed_data import digest, domain_separator
from interlock.encoding.values import Address, Blob, Bytes32, Signature, hex_of
from interlock.evidence.certificate import certificate_fault


def decode_entry(data: bytes) -> Entry | Rejection:
    """Read the bytes of an entry. Rejections in checking order: TOO_LARGE, MALFORMED."""
    if len(data) > ENTRY_BYTES_MAX:
        return Rejection(Reason.TOO_LARGE, detail=f"{len(data)} bytes; {ENTRY_BYTES_MAX} are allowed.")
    try:
        entry: Entry = decode_canonical(Entry, data)  # type: ignore[arg-type]  # a union is no type[T] to mypy
    except Malformed as error:
        return Rejection(Reason.MALFORMED, detail=f"{error}.")
    return entry


def entry_fault(entry: Entry, network_id: Bytes32, committee: Committee) -> Rejection | None:
    """Give the first reason for which an entry is not to be applied, or None.

    In checking order: MALFORMED (counts, forms that do not go together), TOO_MANY_LEGS, NOT_A_MEMBER,
    SIGNATURE_INVALID, QUORUM_MISSING.
    """
    match entry:
        case Instruct():
            return _instruct_fault(entry, network_id, committee)
        case Sign():
            return _party_fault(entry.settlement, entry.signatures, entry.settlement)
        case Cancel():
            return _cancel_fault(entry, network_id)
        case Attest():
            return _attest_fault(entry, network_id, committee)
        case Certify():
            return _certify_fault(entry, network_id, committee)
        case Configure():
            configured = configuration_digest(network_id, entry.signed.configuration)
            return _approval_fault(entry.signed.signatures, configured, committee)
        case Rotate():
            named = succession_digest(network_id, entry.signed.succession)
            return _approval_fault(entry.signed.signatures, named, committee)
        case SignRotation():
            return _sign_rotation_fault(entry, network_id, committee)
        case Evidence():
            return _evidence_fault(entry, network_id, committee)
        case _ as never:
            assert_never(never)


def batch_digest(
    network_id: Bytes32, committee: Committee, anchor: Anchor, items: Sequence[object], documents: Iterable[Blob] = ()
) -> Bytes32:
    """Give what a member signs over a batch: epoch, place in the log, and everything in the batch."""
    content = dumps([[to_json(item) for item in items], [hex_of(keccak256(each)) for each in documents]])
    struct = schema.BATCH.hash_struct(committee.epoch, anchor.height, anchor.block, keccak256(content))
    return digest(domain_separator(network_id), struct)


def _instruct_fault(entry: Instruct, network_id: Bytes32, committee: Committee) -> Rejection | None:
    if (entry.instruction is None) == (entry.redacted is None):
        return Rejection(Reason.MALFORMED, detail="Give either the instruction or its redacted form.")
    id_ = settlement_id(network_id, entry.terms)
    legs = len(entry.terms.onchain_legs) + len(entry.terms.account_legs)
    if legs > LEGS_MAX:
        # Neither vault nor bank holds for so many, so there is no hold that the log would have to end.
        return Rejection(Reason.TOO_MANY_LEGS, id_, f"{legs} legs; {LEGS_MAX} are allowed.")
    if entry.attested:
        return _attested_fault(entry, id_, network_id, committee)
    return _party_fault(id_, entry.signatures, id_)


def _attested_fault(entry: Instruct, id_: SettlementId, network_id: Bytes32, committee: Committee) -> Rejection | None:
    """Check the attestations that stand in place of a party's signature: each member's once, and truly signed."""
    members = [each.member for each in entry.attested]
    if entry.signatures or members != sorted(set(members)):
        return Rejection(Reason.MALFORMED, id_, "Give signatures, or attestations by rising member, not both.")
    if members[-1] >= len(committee.members):
        return Rejection(Reason.NOT_A_MEMBER, id_, f"Member {members[-1]} of {len(committee.members)}.")
    for each in entry.attested:
        found = recover(attestation_digest(network_id, each.signed.attestation), each.signed.signature)
        if found != committee.members[each.member]:
            return _wrong_signer(id_, committee.members[each.member], found)
    if len(members) < committee.quorum:
        return Rejection(Reason.QUORUM_MISSING, id_, f"{len(members)} of {committee.quorum} members attest a hold.")
    return None


def _approval_fault(
    signatures: tuple[PartySignature, ...], approved: Bytes32, committee: Committee
) -> Rejection | None:
    """Check that a quorum of the committee in office signed this."""
    fault = _party_fault(None, signatures, approved, most=len(committee.members))
    members = {each.signer for each in signatures} & set(committee.members)
    if fault is None and len(members) < committee.quorum:
        return Rejection(Reason.QUORUM_MISSING, detail=f"{len(members)} of {committee.quorum} members signed.")
    return fault


def _sign_rotation_fault(entry: SignRotation, network_id: Bytes32, committee: Committee) -> Rejection | None:
    if entry.member >= len(committee.members):
        return Rejection(Reason.NOT_A_MEMBER, detail=f"Member {entry.member} of {len(committee.members)}.")
    found = recover(rotation_digest(network_id, entry.rotation), entry.signature)
    member = committee.members[entry.member]
    return None if found == member else _wrong_signer(None, member, found)


def _evidence_fault(entry: Evidence, network_id: Bytes32, committee: Committee) -> Rejection | None:
    fraud = entry.fraud
    if not contradicts(fraud) or (entry.member is None) != isinstance(fraud, CertificateFraud):
        return Rejection(Reason.EVIDENCE_INVALID)
    if isinstance(fraud, CertificateFraud):
        for each in (fraud.first, fraud.second):
            fault = certificate_fault(network_id, committee, each, settlement=each.decision.settlement)
            if fault is not None:
                return Rejection(Reason.EVIDENCE_INVALID, each.decision.settlement, f"{fault}.")
        return None
    if entry.member is None or entry.member >= len(committee.members):
        return Rejection(Reason.NOT_A_MEMBER, detail=f"Member {entry.member} of {len(committee.members)}.")
    found, member = culprit(network_id, fraud), committee.members[entry.member]
    return None if found == member else _wrong_signer(None, member, found)


def _cancel_fault(entry: Cancel, network_id: Bytes32) -> Rejection | None:
    if entry.redacted is not None and settlement_id(network_id, entry.redacted) != entry.settlement:
        return Rejection(Reason.MALFORMED, entry.settlement, "The terms that came along are another settlement's.")
    if entry.redacted is not None and len(entry.redacted.onchain_legs) + len(entry.redacted.account_legs) > LEGS_MAX:
        return Rejection(Reason.MALFORMED, entry.settlement, f"More than {LEGS_MAX} legs cannot have been signed.")
    return _party_fault(entry.settlement, entry.signatures, cancel_digest(network_id, entry.settlement))


def _party_fault(
    id_: SettlementId | None, signatures: tuple[PartySignature, ...], signed: Bytes32, *, most: int = LEGS_MAX
) -> Rejection | None:
    if not 0 < len(signatures) <= most:
        return Rejection(Reason.MALFORMED, id_, f"{len(signatures)} signatures; 1 to {most} are wanted.")
    if len({each.signer for each in signatures}) != len(signatures):
        return Rejection(Reason.MALFORMED, id_, "A signer stands twice.")
    for each in signatures:
        found = recover(signed, each.signature)
        if found != each.signer:
            return _wrong_signer(id_, each.signer, found)
    return None


def _attest_fault(entry: Attest, network_id: Bytes32, committee: Committee) -> Rejection | None:
    if not 0 < len(entry.attestations) <= BATCH_ITEMS_MAX or len(entry.documents) > BATCH_ITEMS_MAX:
        return Rejection(Reason.MALFORMED, detail=f"A batch has 1 to {BATCH_ITEMS_MAX} attestations.")
    if any(len(each) > EVIDENCE_BYTES_MAX for each in entry.documents):
        return Rejection(Reason.MALFORMED, detail=f"A document has at most {EVIDENCE_BYTES_MAX} bytes.")
    if not {keccak256(each) for each in entry.documents} <= {each.attestation.evidence for each in entry.attestations}:
        return Rejection(Reason.MALFORMED, detail="A document is named by no attestation of its batch.")
    over = batch_digest(network_id, committee, entry.anchor, entry.attestations, entry.documents)
    items: list[tuple[SettlementId | None, Bytes32, Signature]] = [
        (each.attestation.settlement, attestation_digest(network_id, each.attestation), each.signature)
        for each in entry.attestations
    ]
    return _member_fault(entry, committee, over, items)


def _certify_fault(entry: Certify, network_id: Bytes32, committee: Committee) -> Rejection | None:
    if not 0 < len(entry.statements) <= BATCH_ITEMS_MAX:
        return Rejection(Reason.MALFORMED, detail=f"A batch has 1 to {BATCH_ITEMS_MAX} signatures.")
    over = batch_digest(network_id, committee, entry.anchor, entry.statements)
    items: list[tuple[SettlementId | None, Bytes32, Signature]] = [
        *(
            (each.decision.settlement, decision_digest(network_id, each.decision), each.signature)
            for each in entry.decisions
        ),
        *((None, batch_root_digest(network_id, each.batch), each.signature) for each in entry.batches),
        *((each.order.settlement, order_digest(network_id, each.order), each.signature) for each in entry.orders),
    ]
    return _member_fault(entry, committee, over, items)


def _member_fault(
    entry: Attest | Certify,
    committee: Committee,
    over: Bytes32,
    items: Sequence[tuple[SettlementId | None, Bytes32, Signature]],
) -> Rejection | None:
    """Check that one member signed the batch and every item in it."""
    if entry.member >= len(committee.members):
        return Rejection(Reason.NOT_A_MEMBER, detail=f"Member {entry.member} of {len(committee.members)}.")
    member = committee.members[entry.member]
    found = recover(over, entry.signature)
    if found != member:
        return _wrong_signer(None, member, found)
    for id_, signed, signature in items:
        found = recover(signed, signature)
        if found != member:
            return _wrong_signer(id_, member, found)
    return None


def _wrong_signer(id_: SettlementId | None, wanted: Address, found: Address | None) -> Rejection:
    actual = "nobody" if found is None else hex_of(found)
    return Rejection(
        Reason.SIGNATURE_INVALID,
        id_,
        f"It recovers to {actual}, not to {hex_of(wanted)}; sign this network's digest, with low s.",
    )
