"""What certificates, orders, rotations, records and instructions are worth is what the files say."""

from pathlib import Path
from typing import Any

import pytest
from golden_files import golden, raw

from interlock.core.admission import Context, passing_fault, unalterable_fault
from interlock.core.attestation import Fact
from interlock.core.committee import Committee, committee_fault
from interlock.core.decision import AnyCertificate, Decision, Outcome
from interlock.core.entry import Anchor
from interlock.core.instruction import Instruction, RedactedInstruction, SettlementId
from interlock.core.order import Order, OrderCertificate, order_digest
from interlock.core.registry import Registry
from interlock.core.rejection import Rejection
from interlock.core.rotation import Rotation, RotationCertificate, committee_hash, rotation_digest
from interlock.core.signing import NOTHING, OrderTerms, Shown, Signed, decision_conflict, handed_over, order_conflict
from interlock.encoding.canonical import from_json
from interlock.encoding.keccak import keccak256
from interlock.entries.check import decode_entry, entry_fault
from interlock.evidence.certificate import (
    certificate_fault,
    committee_after,
    is_included,
    order_certificate_fault,
    rotation_fault,
)
from interlock.keys.sign_once import AskedDecision, SignOnceRecord

CERTIFICATES, ORDERS, ROTATIONS = (golden(f"{name}.json") for name in ("certificates", "orders", "rotations"))


def committee(told: Any) -> Committee:  # noqa: ANN401 - as the file has it
    """Give a committee, of which all that is told must be so."""
    made = Committee(told["epoch"], tuple(raw(each) for each in told["members"]))
    assert (made.faulty_max, made.quorum) == (told["faultyMax"], told["quorum"])
    assert committee_hash(made.epoch, made.members) == raw(told["hash"])
    return made


@pytest.mark.parametrize("case", CERTIFICATES["cases"], ids=lambda case: case["name"])
def test_certificates(case: Any) -> None:  # noqa: ANN401 - as the file has it
    """CERT-1 to CERT-3, BATCH-3: a valid certificate has no fault, any other the one that comes first."""
    fault = certificate_fault(
        raw(CERTIFICATES["network"]),
        committee(CERTIFICATES["committee"]),
        from_json(AnyCertificate, case["certificate"]),  # type: ignore[arg-type]  # a union is no type to mypy
        settlement=SettlementId(raw(case["settlement"])),
        outcome=None if case["outcome"] is None else Outcome[case["outcome"]],
    )
    assert fault == case["fault"]


@pytest.mark.parametrize("case", ORDERS["cases"], ids=lambda case: case["name"])
def test_orders(case: Any) -> None:  # noqa: ANN401 - as the file has it
    """PIVOT-4 and D2: the pivot takes its own order of this settlement, by a quorum of the newest epoch it knows."""
    certificate = from_json(OrderCertificate, case["certificate"])
    settlement = SettlementId(raw(ORDERS["settlement"]))
    fault = order_certificate_fault(
        raw(ORDERS["network"]),
        committee(case["committee"]),
        certificate,
        settlement=settlement,
        ledger=ORDERS["ledger"],
    )
    assert fault == case["fault"]
    if fault is None:
        assert order_digest(raw(ORDERS["network"]), certificate.order) == raw(ORDERS["digest"])


def test_committees() -> None:
    """FORM-COMMITTEE and PARTY-COMMITTEE: n = 3f + 1 distinct members, and the hash by which they are known."""
    for each in ROTATIONS["committees"]:
        committee(each)
    for each in ROTATIONS["lists"]:
        assert committee_fault(tuple(raw(member) for member in each["members"])) == each["fault"]


@pytest.mark.parametrize("case", ROTATIONS["rotations"], ids=lambda case: case["name"])
def test_rotations(case: Any) -> None:  # noqa: ANN401 - as the file has it
    """EPOCH-2: a quorum of the outgoing committee hands over to exactly those members."""
    network, certificate = raw(ROTATIONS["network"]), from_json(RotationCertificate, case["certificate"])
    assert rotation_digest(network, certificate.rotation) == raw(case["digest"])
    assert rotation_fault(network, committee(case["committee"]), certificate) == case["fault"]


@pytest.mark.parametrize("case", ROTATIONS["chains"], ids=lambda case: case["name"])
def test_chains_of_rotations(case: Any) -> None:  # noqa: ANN401 - as the file has it
    """EPOCH-7: who is in office after them; those of earlier epochs are passed over, a gap is a fault."""
    rotations = [from_json(RotationCertificate, each) for each in case["rotations"]]
    found = committee_after(raw(ROTATIONS["network"]), committee(ROTATIONS["committees"][0]), rotations)
    assert found == (case["inOffice"] if isinstance(case["inOffice"], str) else committee(case["inOffice"]))


def test_inclusion() -> None:
    """EPOCH-7: what a root of decisions contains is proven, of its own epoch; what it does not contain is not."""
    document = ROTATIONS["inclusion"]
    assert document["grown"] == document["decisionsRoot"]
    for case in document["cases"]:
        kind = Order if "ledger" in case["statement"] else Decision
        statement = from_json(kind, case["statement"])
        proof = [raw(each) for each in case["proof"]]
        assert is_included(statement, proof, raw(document["decisionsRoot"])) is case["included"]


def order(told: Any) -> OrderTerms | None:  # noqa: ANN401 - as the file has it
    """Give an order's terms."""
    return None if told is None else OrderTerms(told["ledger"], told["lastValid"])


def signed(told: Any) -> Signed:  # noqa: ANN401 - as the file has it
    """Give a record."""
    return Signed(None if told["outcome"] is None else Outcome[told["outcome"]], order(told["order"]))


def test_the_sign_once_table() -> None:
    """SIGN-1 to SIGN-4 and SIGN-6: whether a key may sign, whatever it signed, is shown and is asked."""
    document = golden("sign-once.json")
    id_ = SettlementId(raw(document["settlement"]))
    for case in document["decisions"]:
        shown = Shown(order(case["shown"]["order"]), case["shown"]["never"])
        conflict = decision_conflict(id_, signed(case["signed"]), Outcome[case["asked"]], shown)
        assert (conflict is None) is case["permitted"]
    for case in document["orders"]:
        asked = order(case["asked"])
        assert asked is not None
        assert (order_conflict(id_, signed(case["signed"]), asked) is None) is case["permitted"]
    for case in document["epochs"]:
        assert (handed_over(case["asked"], case["handedOver"]) is None) is case["permitted"]
    assert {True, False} == {each["permitted"] for each in document["decisions"]}
    assert signed({"outcome": None, "order": None}) == NOTHING


@pytest.mark.parametrize("case", golden("sign-once.json")["rotations"], ids=lambda case: case["why"])
def test_a_rotation_is_signed_once_and_over_all_that_was_signed(case: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """SIGN-5 and SIGN-6, asked of a record on disk: epoch by epoch, first what was signed in it, then its rotation."""
    network = raw(ROTATIONS["network"])
    hidden = {raw(each) for each in case["hidden"]}
    before = [from_json(Rotation, each) for each in case["before"]]
    asked = from_json(Rotation, case["asked"])
    with SignOnceRecord.create(tmp_path / "record") as record:

        def permit(rotation: Rotation, missing: set[bytes]) -> bool:
            digest, at = rotation_digest(network, rotation), Anchor(9, keccak256(b"9"))
            return record.permit_rotation(rotation, digest, at, lambda id_, _: id_ not in missing) is None

        for epoch in (1, 2):
            for each in (each for each in case["signed"] if each["epoch"] == epoch):
                decision = AskedDecision(SettlementId(raw(each["settlement"])), Outcome[each["outcome"]], Shown())
                at = Anchor(each["height"], keccak256(b"%d" % each["height"]))
                assert record.permit_decisions([decision], epoch, at) is None
            assert all(permit(each, set()) for each in before if each.from_epoch == epoch)
        assert permit(asked, hidden) is case["permitted"]


@pytest.mark.parametrize("case", golden("admission.json")["cases"], ids=lambda case: case["name"])
def test_admission(case: Any) -> None:  # noqa: ANN401 - as the file has it
    """ADMISSION-1: the reason with the lowest number of each kind, or none."""
    document = golden("admission.json")
    terms = from_json(Instruction if "memo" in case["terms"] else RedactedInstruction, case["terms"])
    registry = from_json(Registry, case["registry"] or document["registry"])
    lanes = {(each["ledger"], raw(each["payer"]), int(each["lane"])): raw(each["by"]) for each in case["liveLanes"]}
    context = Context(
        network_id=raw(document["network"]),
        committee=committee(CERTIFICATES["committee"]),
        time=case["time"],
        registry=registry,
        registry_sequence=case["registrySequence"],
        open_by_signer={raw(signer): count for signer, count in case["openBySigner"].items()},
        live_lanes=lanes,
    )
    for found, wanted in (
        (unalterable_fault(terms, context), case["unalterable"]),
        (passing_fault(terms, context), case["passing"]),
    ):
        assert (None if found is None else found[0].name) == wanted


@pytest.mark.parametrize("case", golden("doors.json")["cases"], ids=lambda case: case["name"])
def test_doors(case: Any) -> None:  # noqa: ANN401 - as the file has it
    """No door lets it in, each for the same reason."""
    document = golden("doors.json")
    entry = decode_entry(case["bytes"].encode() * case["times"])
    office = committee(CERTIFICATES["committee"])
    assert [raw(each) for each in document["committee"]] == list(office.members)
    fault = entry if isinstance(entry, Rejection) else entry_fault(entry, raw(document["network"]), office)
    assert fault is not None
    assert fault.reason.name == case["reason"]


def test_every_fact_that_is_signed_has_its_case() -> None:
    """The numbers of the facts are signed, so every one has a digest among the vectors."""
    cases = [each["message"] for each in golden("typed-data.json")["cases"] if each["primaryType"] == "Attestation"]
    assert {each["fact"] for each in cases} == {int(fact) for fact in Fact}
