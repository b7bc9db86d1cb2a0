"""A bank's key may be replaced while a settlement is under way: its receipts count, and nobody is called a liar."""

from dataclasses import replace

import pytest

from interlock.core.decision import Outcome
from interlock.core.registry import LedgerClass, Registry
from interlock.core.settlement import State
from interlock.encoding.canonical import encode
from interlock.evidence.receipt import Receipt
from interlock.evidence.report import Report
from interlock.evidence.verify import verify_receipt
from support.evidence import (
    GENESIS_BYTES,
    OTHER_KEY,
    Story,
    hold_both,
    in_order,
    registry_of_bank,
    rekeyed,
    settled,
)
from support.world import BANK, USD, configure, ledger, registry


def report_of(receipt: Receipt) -> Report:
    return verify_receipt(encode(receipt), GENESIS_BYTES)


def under(*registries: Registry) -> Receipt:
    """Give a settled receipt with these registries in place of its own."""
    configurations = (in_order(configure(each, number)) for number, each in enumerate(registries, 1))
    return replace(settled().receipt(), configurations=tuple(configurations))


DIRECT = registry(replace(ledger(BANK, LedgerClass.DIRECT, USD), receipt_key=OTHER_KEY.public_key))
"""A registry in which the bank holds nothing, and has another key."""


def test_a_banks_key_that_is_replaced_under_way_spoils_nothing() -> None:
    """The hold is signed under the old key, the capture under the new: both count, nobody lied."""
    story = rekeyed()
    report = report_of(story.receipt())
    assert report.valid, report.reason
    assert report.state is State.SETTLED
    assert report.lies == ()
    assert report.remarks == ()
    assert any(check.sentence.startswith("Each of configurations 1 to 2 bears") for check in report.checks)
    assert any("count under each key" in each for each in report.limits)


def test_a_banks_key_that_is_replaced_before_the_hold_spoils_nothing() -> None:
    """All that the bank signs is under the key that came after the match; its attesters are honest."""
    story = Story(registry=registry_of_bank(OTHER_KEY))
    story.take(story.log.block(configure(registry_of_bank(), 2)))
    hold_both(story)
    story.certify(Outcome.COMMIT)
    report = report_of(story.receipt())
    assert report.valid, report.reason
    assert (report.lies, len(story.receipt().configurations)) == ((), 2)


@pytest.mark.parametrize(("kept", "check"), [(0, "completion"), (1, "outcome")])
def test_a_receipt_without_the_configuration_of_a_key_is_refused(kept: int, check: str) -> None:
    """What was signed under a key that is left out supports nothing any more, and is no lie."""
    receipt = rekeyed().receipt()
    report = report_of(replace(receipt, configurations=receipt.configurations[kept : kept + 1]))
    assert not report.valid
    assert report.checks[-1].name == check
    assert "signed under no key that is registered" in str(report.reason)


def test_the_class_of_a_ledger_is_that_of_the_match() -> None:
    """A bank that a later registry has in another class, or not at all, takes nothing from what was committed."""
    usual = registry_of_bank()
    struck_off = replace(usual, ledgers=tuple(each for each in usual.ledgers if each.name != BANK))
    for later in (DIRECT, struck_off):
        report = report_of(under(usual, later))
        assert report.valid, report.reason
    report = report_of(under(DIRECT, usual))
    assert not report.valid
    assert "LEDGER_CANNOT_HOLD" in str(report.reason)
