"""Check what a receipt is made of, one thing after the other: each signature, each hash, each order.

What is found at fault here was tampered with or is incomplete, whatever the evidence says. Each check may lean on those
before it.

Source: specification 3 (TERMS-ID), 4 (FACT-WHOLE), 5 (CERT-1, EPOCH-7) and 6 (PIVOT-2).
"""

from collections.abc import Callable, Iterator

from interlock.core.attestation import CONDITION_FACTS, ORDER_FACTS, WHOLE_FACTS, Attestation, Fact
from interlock.core.committee import Genesis, first_committee
from interlock.core.decision import BatchCertificate
from interlock.core.instruction import OnchainLeg, legs_of, settlement_id
from interlock.core.limits import EVERY_LEG
from interlock.core.rotation import rotation_digest
from interlock.encoding.values import ZERO_BYTES32, Bytes32, hex_of
from interlock.evidence.approval import check_cancels, check_configurations, check_signatures
from interlock.evidence.certificate import certificate_fault, order_certificate_fault
from interlock.evidence.committees import Committees, committees_of, standing_fault
from interlock.evidence.conclusion import END
from interlock.evidence.document import evidence_hash
from interlock.evidence.ground import Found, Ground, count
from interlock.evidence.receipt import Receipt
from interlock.evidence.report import Check
from interlock.evidence.vote import member_of

_ALWAYS = frozenset({Fact.SIGNED, Fact.HELD, Fact.REFUSED, Fact.LOST, Fact.CONSENT}) | WHOLE_FACTS
"""Facts that the log counts whatever the decision."""


def identity_checks(receipt: Receipt, network_id: Bytes32) -> Iterator[Check]:
    """Check of which network and of which terms the receipt is."""
    yield _made("network", _network(receipt, network_id))
    yield _made("terms", _terms(receipt, network_id))


def rotations_check(receipt: Receipt, genesis: Genesis, trusted: Bytes32 | None) -> tuple[Committees | None, Check]:
    """Walk from the first committee along the rotations; give every committee, or None where one does not follow.

    `trusted` is the digest of a rotation that must be among them, where the verifier knows one.
    """
    found = committees_of(genesis.network_id, first_committee(genesis), receipt.rotations)
    if isinstance(found, str):
        return None, _made("rotations", (found, ""))
    digests = [rotation_digest(genesis.network_id, each.rotation) for each in receipt.rotations]
    to = f"{count(len(digests), 'rotation')} to epoch {found.newest.epoch}"
    if trusted is not None and trusted not in digests:
        fault = f"The rotation that you trust, {hex_of(trusted)}, is not among the {to}; ask for a newer receipt."
        return None, _made("rotations", (fault, ""))
    if not digests:
        return found, _made("rotations", (None, "No rotation came along: the genesis committee is the newest known."))
    among = "" if trusted is None else "; the one that you trust is among them"
    sentence = f"{to}, each signed by a quorum of the committee that handed over{among}."
    return found, _made("rotations", (None, sentence))


def form_checks(receipt: Receipt, ground: Ground) -> Iterator[Check]:
    """Check whatever else the receipt is made of."""
    steps: tuple[tuple[str, Callable[[Receipt, Ground], Found]], ...] = (
        ("signatures", check_signatures),
        ("cancels", check_cancels),
        ("configurations", check_configurations),
        ("certificate", _certificate),
        ("order", _order),
        ("attestations", _attestations),
        ("documents", _documents),
    )
    for name, step in steps:
        yield _made(name, step(receipt, ground))


def _made(name: str, found: Found) -> Check:
    fault, sentence = found
    return Check(name, fault is None, sentence if fault is None else fault)


def _network(receipt: Receipt, network_id: Bytes32) -> Found:
    if receipt.network != network_id:
        return (
            f"The receipt is of network {hex_of(receipt.network)}; the genesis document given is of "
            f"{hex_of(network_id)}. Give the genesis of the receipt's own network."
        ), ""
    return None, "The receipt is of the genesis document's network."


def _terms(receipt: Receipt, network_id: Bytes32) -> Found:
    found = settlement_id(network_id, receipt.terms)
    if found != receipt.settlement:
        return f"The terms hash to {hex_of(found)}, the receipt says {hex_of(receipt.settlement)}.", ""
    legs = legs_of(receipt.terms)
    hidden = "" if receipt.redacted is None else ", in their redacted form"
    return None, f"The settlement's id is the digest of the terms given{hidden}: {count(len(legs), 'leg')}."


def _certificate(receipt: Receipt, ground: Ground) -> Found:
    certificate, decision = receipt.certificate, receipt.certificate.decision
    committee = ground.committees.of(decision.epoch)
    if committee is None:
        return f"The certificate is of epoch {decision.epoch}; {ground.reach}.", ""
    fault = certificate_fault(ground.network_id, committee, certificate, settlement=receipt.settlement)
    fault = fault or standing_fault(ground.committees, decision, receipt.inclusion)
    if fault is not None:
        return f"The certificate does not hold: {fault}.", ""
    batch = f", in one batch of block {certificate.batch.height}," if isinstance(certificate, BatchCertificate) else ""
    closed = "" if receipt.inclusion is None else " The epoch is closed; a later rotation binds the decision."
    return None, (
        f"The certificate says {decision.outcome.name} and bears{batch} {len(certificate.signatures)} of "
        f"{len(committee.members)} signatures of epoch {committee.epoch}; {committee.quorum} are needed.{closed}"
    )


def _order(receipt: Receipt, ground: Ground) -> Found:
    """Check the order, where there is one: certified, standing, and given within the time that the terms leave."""
    terms, proof = receipt.terms, receipt.order
    if proof is None:
        return None, "No certified order came along." if terms.pivot else "The terms name no pivot."
    if not terms.pivot:
        return "An order came along, and the terms name no pivot.", ""
    order = proof.certificate.order
    committee = ground.committees.of(order.epoch)
    if committee is None:
        return f"The order is of epoch {order.epoch}; {ground.reach}.", ""
    fault = order_certificate_fault(
        ground.network_id, committee, proof.certificate, settlement=receipt.settlement, ledger=terms.pivot
    )
    fault = fault or standing_fault(ground.committees, order, proof.inclusion)
    if fault is not None:
        return f"The order's certificate does not hold: {fault}.", ""
    earliest, latest = terms.settle_from + terms.pivot_window, terms.prepare_by + terms.pivot_window
    if not earliest <= order.last_valid <= latest:
        return f"The order is valid until {order.last_valid}; the terms allow {earliest} to {latest}.", ""
    return None, (
        f"{count(len(proof.certificate.signatures), 'member')} of epoch {order.epoch} let {terms.pivot!r} execute "
        f"until {order.last_valid}."
    )


def _attestations(receipt: Receipt, ground: Ground) -> Found:
    before: tuple[int, ...] = ()
    for index, signed in enumerate(receipt.attestations):
        said, which = signed.attestation, f"Attestation {index}"
        if said.settlement != receipt.settlement:
            return f"{which} is of settlement {hex_of(said.settlement)}.", ""
        committee = ground.committees.of(said.epoch)
        if committee is None:
            return f"{which} is of epoch {said.epoch}; {ground.reach}.", ""
        if fault := _uncountable(receipt, said):
            return f"{which} says {fault}.", ""
        member = member_of(ground.network_id, committee, signed)
        if member is None:
            return f"{which} is not signed by a member of the committee of epoch {said.epoch}.", ""
        key = (said.leg, said.fact, said.epoch, member)
        if key <= before:
            return f"{which} is out of order: they stand by leg, fact, epoch and member, each once.", ""
        before = key
    return None, f"{count(len(receipt.attestations), 'attestation')}, each signed by a member, about this settlement."


def _uncountable(receipt: Receipt, said: Attestation) -> str | None:
    """Say what no log counts: a fact of no leg, of a pivot or a condition that is not there, an end of the other kind.

    What is said of the pivot's legs, where nothing is held, may have been counted while they were hidden.
    """
    legs, outcome = legs_of(receipt.terms), receipt.certificate.decision.outcome
    if said.fact not in _ALWAYS and said.fact is not END[outcome]:
        return f"{said.fact.name}, which cannot be counted where the decision is {outcome.name}"
    if said.fact in WHOLE_FACTS:
        if said.leg != EVERY_LEG:
            return f"{said.fact.name} of leg {said.leg}, which can be said of the whole alone"
        if said.fact in ORDER_FACTS and not receipt.terms.pivot:
            return f"{said.fact.name} of an order, and the terms name no pivot"
        if said.fact in CONDITION_FACTS and receipt.terms.conditions == ZERO_BYTES32:
            return f"{said.fact.name} of a condition, and the terms name none"
        return None
    if said.leg >= len(legs):
        return f"{said.fact.name} of leg {said.leg}; the terms have {count(len(legs), 'leg')}, counted from 0"
    if said.fact is Fact.SIGNED and not isinstance(legs[said.leg], OnchainLeg):
        return f"SIGNED of leg {said.leg}, which is on no chain"
    return None


def _documents(receipt: Receipt, _: Ground) -> Found:
    named = {signed.attestation.evidence for signed in receipt.attestations}
    hashes = [evidence_hash(document) for document in receipt.documents]
    for index, found in enumerate(hashes):
        if found not in named:
            return f"Document {index} ({receipt.documents[index].KIND}) is named by no attestation.", ""
    if hashes != sorted(set(hashes)):
        return "The documents do not stand by rising hash, each once.", ""
    return None, f"{count(len(hashes), 'document')}, each named by an attestation."
