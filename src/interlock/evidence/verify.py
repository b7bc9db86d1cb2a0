"""Verify a receipt offline, from its bytes and from the genesis document that the verifier already trusts.

Checks run in one order and stop at the first that fails, because the later ones lean on the earlier: form, genesis,
network, terms, signatures, cancels, configurations, certificate, attestations, documents; then what the decision rests
on and how far each leg has come (`conclusion`).

Source: specification 1 (*provable for ever, by anyone, offline*), 4 and 5.
"""

from collections.abc import Callable, Iterator

from interlock.core.attestation import Fact
from interlock.core.committee import Committee, Genesis, first_committee, genesis_fault
from interlock.core.decision import Outcome
from interlock.core.instruction import PartySignature, cancel_digest, legs_of, required_signers, settlement_id
from interlock.core.registry import SignedConfiguration, configuration_digest, registry_fault
from interlock.core.settlement import State
from interlock.encoding.canonical import Malformed, decode
from interlock.encoding.secp256k1 import recover
from interlock.encoding.values import Bytes32, hex_of
from interlock.evidence.certificate import certificate_fault
from interlock.evidence.conclusion import END, Case, conclusion_checks, leg_reports, state_of
from interlock.evidence.document import evidence_hash
from interlock.evidence.receipt import Receipt, decode_receipt
from interlock.evidence.remark import lies, limits, remarks
from interlock.evidence.report import Check, Report
from interlock.evidence.vote import Frame, member_of, weigh

GENESIS = "genesis"
"""The check of what the caller trusts; every other check is of the receipt."""

_COUNTABLE = frozenset({Fact.HELD, Fact.REFUSED, Fact.LOST, Fact.CONSENT})
"""Facts that the log counts whatever the decision."""
_SUMMARIES = {
    State.SETTLED: "Settled: COMMIT was decided, and every leg is delivered.",
    State.COMMITTED: "Committed: every leg's amount is its payee's; not every transfer is shown finished yet.",
    State.UNWOUND: "Unwound: ABORT was decided, and every leg is closed without delivery.",
    State.ABORTED: "Aborted: nothing is delivered; not every leg is shown closed yet.",
}
"""The verdict on a valid receipt, by the state that it shows."""


def verify_receipt(receipt_bytes: bytes, genesis_bytes: bytes) -> Report:
    """Check everything in a receipt, from a genesis document alone; never raises on hostile bytes.

    The report's `reason` is the sentence of the first check that failed.
    """
    genesis, check = _read_genesis(genesis_bytes)
    if genesis is None:
        return _rejected([check], None, None)
    checks = [check]
    receipt, check = _read_receipt(receipt_bytes)
    checks.append(check)
    if receipt is None:
        return _rejected(checks, genesis.network_id, None)
    if not _go_through(_of_form(receipt, genesis), checks):
        return _rejected(checks, genesis.network_id, receipt.settlement)
    case = _case(receipt, genesis)
    if not _go_through(conclusion_checks(case), checks):
        return _rejected(checks, genesis.network_id, receipt.settlement)
    return _accepted(case, checks)


def _go_through(steps: Iterator[Check], checks: list[Check]) -> bool:
    """Make one check after the other, up to the first that fails; tell whether none did."""
    for check in steps:
        checks.append(check)
        if not check.ok:
            return False
    return True


def _accepted(case: Case, checks: list[Check]) -> Report:
    legs = leg_reports(case)
    state = state_of(case, legs)
    return Report(
        valid=True,
        reason=None,
        summary=_SUMMARIES[state],
        network=case.receipt.network,
        settlement=case.receipt.settlement,
        outcome=case.outcome,
        state=state,
        checks=tuple(checks),
        legs=legs,
        lies=lies(case),
        remarks=remarks(case, legs),
        limits=limits(case),
    )


def _rejected(checks: list[Check], network: Bytes32 | None, settlement: Bytes32 | None) -> Report:
    return Report(
        valid=False,
        reason=checks[-1].sentence,
        summary="This receipt proves nothing.",
        network=network,
        settlement=settlement,
        outcome=None,
        state=None,
        checks=tuple(checks),
        legs=(),
        lies=(),
        remarks=(),
        limits=(),
    )


def _read_genesis(data: bytes) -> tuple[Genesis | None, Check]:
    try:
        genesis = decode(Genesis, data)
    except Malformed as error:
        return None, Check(GENESIS, ok=False, sentence=f"The genesis document cannot be read: {error}.")
    fault = genesis_fault(genesis)
    if fault is not None:
        return None, Check(GENESIS, ok=False, sentence=f"The genesis document is no network's: {fault}.")
    committee = first_committee(genesis)
    return genesis, Check(
        GENESIS,
        ok=True,
        sentence=f"The genesis document names {genesis.name!r} with {len(genesis.members)} members, of whom "
        f"{committee.quorum} are a quorum and {committee.faulty_max} may be faulty.",
    )


def _read_receipt(data: bytes) -> tuple[Receipt | None, Check]:
    try:
        receipt = decode_receipt(data)
    except Malformed as error:
        return None, Check("form", ok=False, sentence=f"The receipt cannot be read: {error}.")
    return receipt, Check("form", ok=True, sentence=f"The receipt is canonical {Receipt.KIND}, without unknown fields.")


def _of_form(receipt: Receipt, genesis: Genesis) -> Iterator[Check]:
    """Check what the receipt is made of, one thing after the other; each may lean on those before it."""
    committee = first_committee(genesis)
    steps: tuple[tuple[str, Callable[[Receipt, Committee, Bytes32], tuple[str | None, str]]], ...] = (
        ("network", _network),
        ("terms", _terms),
        ("signatures", _signatures),
        ("cancels", _cancels),
        ("configurations", _configurations),
        ("certificate", _certificate),
        ("attestations", _attestations),
        ("documents", _documents),
    )
    for name, step in steps:
        fault, sentence = step(receipt, committee, genesis.network_id)
        yield Check(name, fault is None, sentence if fault is None else fault)


def _network(receipt: Receipt, _: Committee, network_id: Bytes32) -> tuple[str | None, str]:
    if receipt.network != network_id:
        return (
            f"The receipt is of network {hex_of(receipt.network)}; the genesis document given is of "
            f"{hex_of(network_id)}. Give the genesis of the receipt's own network."
        ), ""
    return None, "The receipt is of the genesis document's network."


def _terms(receipt: Receipt, _: Committee, network_id: Bytes32) -> tuple[str | None, str]:
    found = settlement_id(network_id, receipt.terms)
    if found != receipt.settlement:
        return f"The terms hash to {hex_of(found)}, the receipt says {hex_of(receipt.settlement)}.", ""
    legs = legs_of(receipt.terms)
    hidden = "" if receipt.redacted is None else ", in their redacted form"
    return None, f"The settlement's id is the digest of the terms given{hidden}: {_count(len(legs), 'leg')}."


def _signatures(receipt: Receipt, _: Committee, __: Bytes32) -> tuple[str | None, str]:
    required = required_signers(receipt.terms)
    fault = _party_fault("signature", receipt.signatures, receipt.settlement, required)
    if fault is not None:
        return fault, ""
    have = len(receipt.signatures)
    if receipt.certificate.decision.outcome is Outcome.COMMIT and have != len(required):
        return f"COMMIT needs the signatures of all {len(required)} required signers; {have} are there.", ""
    if not have and not receipt.cancels:
        return "Nobody whose consent the settlement needs has signed its terms or a cancel.", ""
    return None, f"{have} of {_count(len(required), 'required signer')} signed the terms; every signature is valid."


def _cancels(receipt: Receipt, _: Committee, network_id: Bytes32) -> tuple[str | None, str]:
    required = required_signers(receipt.terms)
    signed = cancel_digest(network_id, receipt.settlement)
    fault = _party_fault("cancel", receipt.cancels, signed, required)
    if fault is not None:
        return fault, ""
    have = len(receipt.cancels)
    if receipt.certificate.decision.outcome is Outcome.COMMIT and have == len(required):
        return "Every required signer cancelled, and yet the certificate says COMMIT.", ""
    if not have:
        return None, "Nobody cancelled."
    return None, f"{have} of {_count(len(required), 'required signer')} cancelled; every cancel is validly signed."


def _party_fault(
    what: str, signatures: tuple[PartySignature, ...], signed: Bytes32, required: tuple[bytes, ...]
) -> str | None:
    """Say why these are not valid signatures of required signers, by rising address and each once; or None."""
    signers = [each.signer for each in signatures]
    if signers != sorted(set(signers)):
        return f"The {what}s do not stand by rising signer, each once."
    for each in signatures:
        if each.signer not in required:
            return f"The {what} of {hex_of(each.signer)} is not one that the settlement needs."
        found = recover(signed, each.signature)
        if found != each.signer:
            return f"The {what} given for {hex_of(each.signer)} recovers to {_name(found)}."
    return None


def _configurations(receipt: Receipt, committee: Committee, network_id: Bytes32) -> tuple[str | None, str]:
    before: int | None = None
    for signed in receipt.configurations:
        sequence = signed.configuration.sequence
        if before is not None and sequence != before + 1:
            return f"Configuration {sequence} stands after {before}; {before + 1} comes next.", ""
        if fault := _configuration_fault(signed, committee, network_id):
            return fault, ""
        before = sequence
    if not receipt.configurations:
        return None, "No registry came with the receipt, so no ledger counts as registered."
    first = receipt.configurations[0].configuration
    which = (
        f"Configuration {first.sequence} bears"
        if before == first.sequence
        else (f"Each of configurations {first.sequence} to {before} bears")
    )
    return None, (
        f"{which} the signatures of a quorum of epoch {committee.epoch}, at least {committee.quorum} of "
        f"{_count(len(committee.members), 'member')}. Configuration {first.sequence} registers "
        f"{_count(len(first.registry.ledgers), 'ledger')}."
    )


def _configuration_fault(signed: SignedConfiguration, committee: Committee, network_id: Bytes32) -> str | None:
    """Say why this is no configuration that a quorum signed, or None where it is one."""
    configuration, which = signed.configuration, f"configuration {signed.configuration.sequence}"
    if configuration.epoch != committee.epoch:
        return f"The epoch of {which} is {configuration.epoch}; the genesis committee's is {committee.epoch}."
    if configuration.sequence == 0:
        return "Configurations are numbered from 1; this one is 0."
    signers = [each.signer for each in signed.signatures]
    if signers != sorted(set(signers)):
        return f"The signatures of {which} do not stand by rising signer, each once."
    digest = configuration_digest(network_id, configuration)
    for each in signed.signatures:
        found = recover(digest, each.signature)
        if found != each.signer:
            return f"The signature of {which} given for {hex_of(each.signer)} recovers to {_name(found)}."
    members = len(set(signers) & set(committee.members))
    if members < committee.quorum:
        return f"The signatures of {which} are those of {members} members; {committee.quorum} are needed."
    if fault := registry_fault(configuration.registry):
        return f"The registry of {which} is at fault: {fault}."
    return None


def _certificate(receipt: Receipt, committee: Committee, network_id: Bytes32) -> tuple[str | None, str]:
    certificate = receipt.certificate
    fault = certificate_fault(network_id, committee, certificate, settlement=receipt.settlement)
    if fault is not None:
        return f"The certificate does not hold: {fault}.", ""
    return None, (
        f"The certificate says {certificate.decision.outcome.name} and bears {len(certificate.signatures)} of "
        f"{len(committee.members)} signatures of epoch {committee.epoch}; {committee.quorum} are needed."
    )


def _attestations(receipt: Receipt, committee: Committee, network_id: Bytes32) -> tuple[str | None, str]:
    legs = len(legs_of(receipt.terms))
    countable = _COUNTABLE | {END[receipt.certificate.decision.outcome]}
    before: tuple[int, ...] = ()
    for index, signed in enumerate(receipt.attestations):
        said, which = signed.attestation, f"Attestation {index}"
        if said.settlement != receipt.settlement:
            return f"{which} is of settlement {hex_of(said.settlement)}.", ""
        if said.epoch != committee.epoch:
            return f"{which} is of epoch {said.epoch}; the committee known here is of epoch {committee.epoch}.", ""
        if said.leg >= legs:
            return f"{which} is of leg {said.leg}; the terms have {_count(legs, 'leg')}, counted from 0.", ""
        if said.fact not in countable:
            decided = receipt.certificate.decision.outcome.name
            return f"{which} says {said.fact.name}, which cannot be counted where the decision is {decided}.", ""
        member = member_of(network_id, committee, signed)
        if member is None:
            return f"{which} is not signed by a member of the committee.", ""
        key = (said.leg, said.fact, member)
        if key <= before:
            return f"{which} is out of order: they stand by leg, fact and member, each once.", ""
        before = key
    return None, f"{_count(len(receipt.attestations), 'attestation')}, each signed by a member, about this settlement."


def _documents(receipt: Receipt, _: Committee, __: Bytes32) -> tuple[str | None, str]:
    named = {signed.attestation.evidence for signed in receipt.attestations}
    hashes = [evidence_hash(document) for document in receipt.documents]
    for index, found in enumerate(hashes):
        if found not in named:
            return f"Document {index} ({receipt.documents[index].KIND}) is named by no attestation.", ""
    if hashes != sorted(set(hashes)):
        return "The documents do not stand by rising hash, each once.", ""
    return None, f"{_count(len(hashes), 'document')}, each named by an attestation."


def _case(receipt: Receipt, genesis: Genesis) -> Case:
    """Weigh the evidence of a receipt whose form has been checked."""
    committee = first_committee(genesis)
    registries = tuple(each.configuration.registry for each in receipt.configurations)
    frame = Frame(genesis.network_id, committee, receipt.terms, registries)
    members = ((member_of(genesis.network_id, committee, each), each.attestation) for each in receipt.attestations)
    votes = weigh(frame, ((who, said) for who, said in members if who is not None), receipt.documents)
    return Case(receipt, frame, votes)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _name(address: bytes | None) -> str:
    return "nobody" if address is None else hex_of(address)
