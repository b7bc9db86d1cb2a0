"""What a verifier says of a receipt, for tests."""

from interlock.encoding.canonical import encode
from interlock.encoding.values import Bytes32
from interlock.evidence.receipt import Receipt
from interlock.evidence.report import Report
from interlock.evidence.verify import verify_receipt
from support.evidence import GENESIS_BYTES


def report_of(receipt: Receipt, *, rotation: Bytes32 | None = None) -> Report:
    """Verify a receipt from its bytes."""
    return verify_receipt(encode(receipt), GENESIS_BYTES, rotation=rotation)


def verdict_of(receipt: Receipt) -> Report:
    """Give the report on a receipt that must be valid."""
    report = report_of(receipt)
    assert report.valid, report.reason
    return report


def failure_of(receipt: Receipt, *, rotation: Bytes32 | None = None) -> tuple[str, str]:
    """Give the name of the check that failed, and its sentence."""
    report = report_of(receipt, rotation=rotation)
    assert not report.valid
    assert report.reason == report.checks[-1].sentence
    assert (report.legs, report.outcome, report.epoch, report.committee, report.rotation) == (
        (),
        None,
        None,
        None,
        None,
    )
    return report.checks[-1].name, report.checks[-1].sentence


def sentence_of(report: Report, name: str) -> str:
    """Give what a check found."""
    return next(check.sentence for check in report.checks if check.name == name)
