"""Verify a receipt offline, from its bytes and from the genesis document that the verifier already trusts.

Checks run in one order and stop at the first that fails, because the later ones lean on the earlier: form, genesis,
network, terms, rotations, and whatever else it is made of (`form`); then whose consent there is, what the decision
rests on and how far each leg has come (`conclusion`).

Source: specification 1 (PROMISE-ONE), 4 to 6.
"""

from collections.abc import Iterator

from interlock.core.committee import Genesis, first_committee, genesis_fault
from interlock.core.leg import LegState
from interlock.core.rotation import committee_hash, rotation_digest
from interlock.core.settlement import State
from interlock.encoding.canonical import Malformed, decode
from interlock.encoding.values import Bytes32
from interlock.evidence.case import Case, case_of
from interlock.evidence.committees import Committees
from interlock.evidence.compare import weigh
from interlock.evidence.conclusion import conclusion_checks
from interlock.evidence.form import form_checks, identity_checks, rotations_check
from interlock.evidence.ground import Ground
from interlock.evidence.leg_state import leg_reports, state_of
from interlock.evidence.limit import limits
from interlock.evidence.receipt import Receipt, decode_receipt
from interlock.evidence.remark import lies, remarks
from interlock.evidence.report import Check, LegReport, Report
from interlock.evidence.vote import Frame, member_of

GENESIS = "genesis"
"""The check of what the caller trusts; every other check is of the receipt."""

_SUMMARIES = {
    State.SETTLED: "Settled: COMMIT was decided, and every leg is delivered.",
    State.COMMITTED: "Committed: every leg's amount is its payee's; not every transfer is shown finished yet.",
    State.UNWOUND: "Unwound: ABORT was decided, and every leg is closed without delivery.",
    State.ABORTED: "Aborted: nothing is delivered; not every leg is shown closed yet.",
}
"""The verdict on a valid receipt, by the state that it shows."""
_SETTLED_WITH_CONSENT = "Settled: COMMIT was decided, and every leg is delivered, or ended by its two parties together."


def verify_receipt(receipt_bytes: bytes, genesis_bytes: bytes, *, rotation: Bytes32 | None = None) -> Report:
    """Check everything in a receipt, from a genesis document alone; never raises on hostile bytes.

    `rotation` is the digest of the newest rotation that the verifier knows of, where it knows one: a receipt that does
    not lead there is refused. So nobody can pass off what a closed epoch certified as the newest epoch's.

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
    refused = (genesis.network_id, receipt.settlement)
    if not _go_through(identity_checks(receipt, genesis.network_id), checks):
        return _rejected(checks, *refused)
    committees, check = rotations_check(receipt, genesis, rotation)
    checks.append(check)
    if committees is None or not _go_through(form_checks(receipt, Ground(genesis.network_id, committees)), checks):
        return _rejected(checks, *refused)
    case = _case(receipt, genesis, committees)
    if not _go_through(conclusion_checks(case), checks):
        return _rejected(checks, *refused)
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
    newest, rotations = case.frame.committees.newest, case.receipt.rotations
    return Report(
        valid=True,
        reason=None,
        summary=_summary(state, legs),
        network=case.receipt.network,
        settlement=case.receipt.settlement,
        epoch=newest.epoch,
        committee=committee_hash(newest.epoch, newest.members),
        rotation=rotation_digest(case.frame.network_id, rotations[-1].rotation) if rotations else None,
        outcome=case.outcome,
        state=state,
        checks=tuple(checks),
        legs=legs,
        lies=lies(case),
        remarks=remarks(case, legs),
        limits=limits(case),
    )


def _summary(state: State, legs: tuple[LegReport, ...]) -> str:
    is_by_consent = state is State.SETTLED and any(leg.state is LegState.CONSENT for leg in legs)
    return _SETTLED_WITH_CONSENT if is_by_consent else _SUMMARIES[state]


def _rejected(checks: list[Check], network: Bytes32 | None, settlement: Bytes32 | None) -> Report:
    return Report(
        valid=False,
        reason=checks[-1].sentence,
        summary="This receipt proves nothing.",
        network=network,
        settlement=settlement,
        epoch=None,
        committee=None,
        rotation=None,
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


def _case(receipt: Receipt, genesis: Genesis, committees: Committees) -> Case:
    """Weigh the evidence of a receipt whose form has been checked."""
    registries = tuple(each.configuration.registry for each in receipt.configurations)
    order = None if receipt.order is None else receipt.order.certificate.order
    frame = Frame(genesis.network_id, committees, receipt.terms, registries, order)
    said = [
        (member, signed.attestation)
        for signed in receipt.attestations
        if (committee := committees.of(signed.attestation.epoch)) is not None
        and (member := member_of(genesis.network_id, committee, signed)) is not None
    ]
    return case_of(receipt, frame, weigh(frame, said, receipt.documents))
