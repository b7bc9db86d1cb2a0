"""Verify a certificate from the committee alone; `core.decision.assemble` makes one.

Source: specification 5. The vault does the same in Solidity, the bank calls `certificate_fault`.
"""

from interlock.core.committee import Committee
from interlock.core.decision import Certificate, Outcome, decision_digest
from interlock.core.instruction import SettlementId
from interlock.encoding.secp256k1 import recover
from interlock.encoding.values import Bytes32, hex_of


def certificate_fault(
    network_id: Bytes32,
    committee: Committee,
    certificate: Certificate,
    *,
    settlement: SettlementId,
    outcome: Outcome | None = None,
) -> str | None:
    """Say why a certificate does not prove this decision, or None where it does.

    Checked in this order: settlement, outcome (where one is wanted), epoch, number and order of signers, each
    signature under this network's domain.
    """
    decision = certificate.decision
    if decision.settlement != settlement:
        return f"the certificate is for {hex_of(decision.settlement)}, not for {hex_of(settlement)}"
    if outcome is not None and decision.outcome is not outcome:
        return f"the certificate says {decision.outcome.name}, {outcome.name} is wanted"
    if decision.epoch != committee.epoch:
        return f"the certificate is of epoch {decision.epoch}, the committee known here is of epoch {committee.epoch}"
    members = [each.member for each in certificate.signatures]
    if len(members) != committee.quorum:
        return f"{len(members)} signatures; exactly {committee.quorum} are wanted"
    if members != sorted(set(members)) or members[-1] >= len(committee.members):
        return f"signers {members} are not distinct members by rising index"
    digest = decision_digest(network_id, decision)
    for each in certificate.signatures:
        signer = recover(digest, each.signature)
        if signer != committee.members[each.member]:
            found = "nobody" if signer is None else hex_of(signer)
            return (
                f"signature of member {each.member} recovers to {found}, not {hex_of(committee.members[each.member])}"
            )
    return None
