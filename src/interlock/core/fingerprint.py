"""The bytes by which the state hash knows one open settlement: its record and the votes about it, packed.

Two settlements in the log have equal bytes only if they are equal: every list carries its length, every optional part
its mark, and the id binds the terms, of which only the form (clear or redacted, leg by leg) is told beside it.

The form is the core's own, made for speed: it is hashed a few times in the life of every settlement, and read by
nobody.

Source: specification 2 (FORM-STATE).
"""

import struct
from collections.abc import Mapping, Sequence

from interlock.core.committee import MemberIndex
from interlock.core.decision import AnyCertificate, BatchCertificate, MemberSignature
from interlock.core.instruction import AccountTerms, Instruction, PartySignature, Terms
from interlock.core.order import Order
from interlock.core.settlement import Settlement
from interlock.encoding.values import Signature

_HEAD = struct.Struct(">BBBBBHIQQQQ")
"""State, cause, counts of signatures, consents and cancels, reason or 0, facts of the whole, the four numbers."""
_LEG = struct.Struct(">BI")
_VOTE = struct.Struct(">QI")
_TWO = struct.Struct(">QQ")


def record_bytes(settlement: Settlement, votes: Mapping[int, int], signing: Mapping[MemberIndex, Signature]) -> bytes:
    """Give the packed record of an open settlement, the votes about it and the signatures on their way."""
    decision = settlement.decision
    parts = [
        settlement.id,
        _form(settlement.terms),
        _HEAD.pack(
            settlement.state,
            settlement.cause,
            len(settlement.signatures),
            len(settlement.consents),
            len(settlement.cancels),
            settlement.reason or 0,
            settlement.stood,
            settlement.matched_at,
            settlement.decided_at,
            settlement.registry_sequence,
            len(settlement.legs),
        ),
        *(_LEG.pack(leg.state, leg.stood) for leg in settlement.legs),
        *_parties(settlement.signatures),
        *settlement.consents,
        *_parties(settlement.cancels),
        b"\0" if decision is None else bytes((1, decision.outcome)) + decision.epoch.to_bytes(8, "big"),
        *(_order(settlement.order) if settlement.order is not None else (b"\0",)),
        *_certified(None if settlement.order_certificate is None else settlement.order_certificate.signatures),
        b"\0" if settlement.batch is None else b"\1" + settlement.batch,
        *_certificate(settlement.certificate),
        bytes((len(votes), len(signing))),
        *(_VOTE.pack(key, votes[key]) for key in sorted(votes)),
        *(bytes((member,)) + signing[member] for member in sorted(signing)),
    ]
    return b"".join(parts)


def _form(terms: Terms) -> bytes:
    """Tell which parts of the terms are in clear."""
    if isinstance(terms, Instruction):
        return b"\1"
    return b"\0" + bytes(isinstance(leg.terms, AccountTerms) for leg in terms.account_legs)


def _parties(signatures: Sequence[PartySignature]) -> list[bytes]:
    return [part for each in signatures for part in (each.signer, each.signature)]


def _order(order: Order) -> tuple[bytes, bytes, bytes]:
    name = order.ledger.encode()
    return b"\1" + len(name).to_bytes(2, "big"), name, _TWO.pack(order.last_valid, order.epoch)


def _certified(signatures: Sequence[MemberSignature] | None) -> list[bytes]:
    if signatures is None:
        return [b"\0"]
    return [bytes((len(signatures),)), *(bytes((each.member,)) + each.signature for each in signatures)]


def _certificate(certificate: AnyCertificate | None) -> list[bytes]:
    if certificate is None:
        return [b"\0"]
    signatures = _certified(certificate.signatures)
    if not isinstance(certificate, BatchCertificate):
        return [b"\1", *signatures]
    batch = certificate.batch
    proof = (bytes((len(certificate.proof),)), *certificate.proof)
    return [b"\2", batch.root, _TWO.pack(batch.epoch, batch.height), *proof, *signatures]
