"""The receipt: everything that proves one settlement to somebody who trusts nobody but the network's genesis.

It holds the terms, the parties' signatures, every rotation of the committee, the registries from the one that admitted
the match on, the pivot's order, every attestation that the log counted (lies included), the documents that these name,
and the certificate. Every value in it is signed, or hashed into something that is signed; there is no field that a
stranger could change unseen. Times, causes and explanations are therefore absent: `verify` derives what can be derived
and says what cannot.

Source: specification 1 (PROMISE-ONE), 4 and 5.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from interlock.core.attestation import SignedAttestation
from interlock.core.committee import MemberIndex
from interlock.core.decision import AnyCertificate
from interlock.core.instruction import Instruction, PartySignature, RedactedInstruction, SettlementId, Terms
from interlock.core.order import OrderCertificate
from interlock.core.registry import SignedConfiguration
from interlock.core.rotation import RotationCertificate
from interlock.core.settlement import Settlement
from interlock.encoding.canonical import Malformed, decode_canonical
from interlock.encoding.values import Bytes32, hex_of
from interlock.evidence.committees import Inclusion
from interlock.evidence.document import Document, evidence_hash, read_document

RECEIPT_BYTES_MAX = 16 * 1024 * 1024
"""One receipt; 16 legs, six facts, 31 members and a document of 1.5 KiB for each come to 7 MiB; a rotation to 4 KiB."""


@dataclass(frozen=True, slots=True)
class OrderProof:
    """The pivot's order, as a quorum of one epoch certified it."""

    certificate: OrderCertificate
    inclusion: Inclusion | None
    """The order in the log of decisions, where its epoch is closed; else null."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The evidence of one decided settlement."""

    KIND: ClassVar[str] = "interlock/receipt/2"

    network: Bytes32
    """keccak256 of the genesis document."""
    settlement: SettlementId
    """The digest of the terms."""
    instruction: Instruction | None
    """The terms in clear, or null where only the redacted form is given."""
    redacted: RedactedInstruction | None
    """The redacted form, or null; exactly one of the two is given."""
    signatures: tuple[PartySignature, ...]
    """Over the settlement id; by rising signer."""
    cancels: tuple[PartySignature, ...]
    """Over the cancel digest; by rising signer."""
    rotations: tuple[RotationCertificate, ...]
    """Every one from genesis on, to the newest epoch that whoever made the receipt knew."""
    configurations: tuple[SignedConfiguration, ...]
    """By consecutive sequence, from the one that admitted the match; the signatures of each by rising signer.

    Several, because a bank may sign its hold under one key and, once another is registered, the end under that.
    """
    order: OrderProof | None
    """The pivot's order; null where there is no pivot, or no order was certified."""
    attestations: tuple[SignedAttestation, ...]
    """All that were counted; by leg, fact, epoch and member. What concerns the whole stands last."""
    documents: tuple[Document, ...]
    """What the attestations name; by rising hash. Where nothing could be kept an attestation names none."""
    certificate: AnyCertificate
    inclusion: Inclusion | None
    """The decision in the log of decisions, where the certificate's epoch is closed; else null."""

    @property
    def terms(self) -> Terms:
        """Give whichever form of the terms there is; Malformed where there is not exactly one."""
        match self.instruction, self.redacted:
            case (Instruction() as terms, None):
                return terms
            case (None, RedactedInstruction() as terms):
                return terms
            case _:
                raise Malformed("$: either `instruction` or `redacted` is wanted, and the other one null")


@dataclass(frozen=True, slots=True)
class Proofs:
    """What proves a receipt's certificates, besides themselves, to somebody who knows genesis alone."""

    rotations: tuple[RotationCertificate, ...] = ()
    """Every one from genesis on."""
    order: OrderProof | None = None
    inclusion: Inclusion | None = None
    """Of the decision, where the certificate's epoch is closed."""


NO_PROOFS = Proofs()
"""All that the first committee's certificates need, where there was no order."""


def make_receipt(
    network_id: Bytes32,
    settlement: Settlement,
    configurations: Iterable[SignedConfiguration],
    attestations: Iterable[tuple[MemberIndex, SignedAttestation]],
    documents: Iterable[Document],
    proofs: Proofs = NO_PROOFS,
) -> Receipt:
    """Put together the receipt of a settlement that has its certificate.

    `configurations` come as `Replica.configurations_of` gives them. `attestations` are the counted ones with their
    members, as `Applied.votes` gives them; those of other settlements are left out, and so are documents that no
    attestation of this one names. ValueError where the settlement has no certificate yet.
    """
    certificate = settlement.certificate
    if certificate is None:
        raise ValueError(f"settlement {hex_of(settlement.id)} has no certificate yet, so there is nothing to prove")
    own = {
        (said.leg, said.fact, said.epoch, member): signed
        for member, signed in attestations
        if (said := signed.attestation).settlement == settlement.id
    }
    named = {signed.attestation.evidence for signed in own.values()}
    found = {evidence_hash(document): document for document in documents}
    terms = settlement.terms
    return Receipt(
        network=network_id,
        settlement=settlement.id,
        instruction=terms if isinstance(terms, Instruction) else None,
        redacted=terms if isinstance(terms, RedactedInstruction) else None,
        signatures=settlement.signatures,
        cancels=settlement.cancels,
        rotations=proofs.rotations,
        configurations=tuple(_in_order(each) for each in configurations),
        order=proofs.order,
        attestations=tuple(own[key] for key in sorted(own)),
        documents=tuple(found[each] for each in sorted(found) if each in named),
        certificate=certificate,
        inclusion=proofs.inclusion,
    )


def _in_order(signed: SignedConfiguration) -> SignedConfiguration:
    """Put the signatures of a configuration by rising signer: the log takes them in any order, a receipt in one."""
    return replace(signed, signatures=tuple(sorted(signed.signatures, key=lambda each: each.signer)))


def readable(contents: Iterable[bytes]) -> tuple[Document, ...]:
    """Give those of the log's document contents that are documents.

    The log takes any bytes as evidence, since the core does not read them; a member that brought something else brought
    no evidence, and must not keep anybody from making a receipt.
    """
    found = []
    for content in contents:
        try:
            found.append(read_document(content))
        except Malformed:
            continue
    return tuple(found)


def decode_receipt(data: bytes) -> Receipt:
    """Read the bytes of a receipt's file.

    Malformed, in this order: too large, not JSON, not of a receipt's form (a missing or unknown field, a value out of
    its type), not canonical, terms missing or given twice.
    """
    if len(data) > RECEIPT_BYTES_MAX:
        raise Malformed(f"{len(data)} bytes; a receipt has at most {RECEIPT_BYTES_MAX}")
    receipt = decode_canonical(Receipt, data)
    _ = receipt.terms  # raises where they are not there exactly once
    return receipt
