"""Check who signed what a receipt rests on before anything was decided: parties, and the committee for its registry.

Source: specification 1 (PARTY-REGISTRY) and 3 (TERMS-SIGNERS).
"""

from interlock.core.decision import Outcome
from interlock.core.instruction import PartySignature, cancel_digest, required_signers
from interlock.core.registry import Configuration, SignedConfiguration, configuration_digest, registry_fault
from interlock.encoding.secp256k1 import recover
from interlock.encoding.values import Bytes32, hex_of
from interlock.evidence.ground import Found, Ground, count
from interlock.evidence.receipt import Receipt


def check_signatures(receipt: Receipt, _: Ground) -> Found:
    """Check the parties' signatures of the terms; whether they suffice is asked later, with the calls on chain."""
    required = required_signers(receipt.terms)
    fault = _party_fault("signature", receipt.signatures, receipt.settlement, required)
    if fault is not None:
        return fault, ""
    have = len(receipt.signatures)
    return None, f"{have} of {count(len(required), 'required signer')} signed the terms; every signature is valid."


def check_cancels(receipt: Receipt, ground: Ground) -> Found:
    """Check the parties' cancels."""
    required = required_signers(receipt.terms)
    signed = cancel_digest(ground.network_id, receipt.settlement)
    fault = _party_fault("cancel", receipt.cancels, signed, required)
    if fault is not None:
        return fault, ""
    have = len(receipt.cancels)
    if receipt.certificate.decision.outcome is Outcome.COMMIT and have == len(required):
        return "Every required signer cancelled, and yet the certificate says COMMIT.", ""
    if not have:
        return None, "Nobody cancelled."
    return None, f"{have} of {count(len(required), 'required signer')} cancelled; every cancel is validly signed."


def check_configurations(receipt: Receipt, ground: Ground) -> Found:
    """Check the registries: each signed by a quorum of its epoch, one after the other, in order themselves."""
    before: Configuration | None = None
    for signed in receipt.configurations:
        configuration = signed.configuration
        wanted = configuration.sequence if before is None else before.sequence + 1
        if configuration.sequence != wanted:
            return f"Configuration {configuration.sequence} stands after {wanted - 1}; {wanted} comes next.", ""
        if before is not None and configuration.epoch < before.epoch:
            return f"Configuration {configuration.sequence} is of an epoch before that of the one before it.", ""
        if fault := _configuration_fault(signed, ground):
            return fault, ""
        before = configuration
    if before is None:
        return None, "No registry came with the receipt, so no ledger counts as registered."
    first = receipt.configurations[0].configuration
    which = f"Configuration {first.sequence} bears"
    if before is not first:
        which = f"Each of configurations {first.sequence} to {before.sequence} bears"
    return None, (
        f"{which} the signatures of a quorum of its epoch. Configuration {first.sequence} registers "
        f"{count(len(first.registry.ledgers), 'ledger')}."
    )


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


def _configuration_fault(signed: SignedConfiguration, ground: Ground) -> str | None:
    """Say why this is no configuration that a quorum of its epoch signed, or None where it is one."""
    configuration, which = signed.configuration, f"configuration {signed.configuration.sequence}"
    committee = ground.committees.of(configuration.epoch)
    if committee is None:
        return f"The epoch of {which} is {configuration.epoch}; {ground.reach}."
    if configuration.sequence == 0:
        return "Configurations are numbered from 1; this one is 0."
    signers = [each.signer for each in signed.signatures]
    if signers != sorted(set(signers)):
        return f"The signatures of {which} do not stand by rising signer, each once."
    digest = configuration_digest(ground.network_id, configuration)
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


def _name(address: bytes | None) -> str:
    return "nobody" if address is None else hex_of(address)
