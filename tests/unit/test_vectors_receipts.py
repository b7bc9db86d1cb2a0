"""A golden receipt proves its settlement from the genesis document alone, and none that was changed does so unseen."""

from typing import Any

import pytest
from golden_files import golden, names, raw

from interlock.core.committee import Genesis
from interlock.encoding.canonical import dumps, encode, from_json
from interlock.encoding.keccak import keccak256
from interlock.evidence.receipt import Receipt
from interlock.evidence.verify import verify_receipt

RECEIPTS = names("receipts")
CHANGES = [(name, change["name"]) for name in RECEIPTS for change in golden(name)["changed"]]


def put(document: Any, at: list[str | int], value: Any) -> Any:  # noqa: ANN401 - JSON
    """Give a document with another value in one place."""
    if not at:
        return value
    if isinstance(document, list):
        return [put(each, at[1:], value) if place == at[0] else each for place, each in enumerate(document)]
    return document | {at[0]: put(document.get(at[0]), at[1:], value)}


@pytest.mark.parametrize("name", RECEIPTS)
def test_it_proves_its_settlement(name: str) -> None:
    """PROMISE-FREE: every check holds, in the order that is told, and what is found is what the file says."""
    document = golden(name)
    genesis = dumps(document["genesis"])
    assert encode(from_json(Receipt, document["receipt"])) == dumps(document["receipt"])
    assert (
        keccak256(genesis) == raw(document["receipt"]["network"]) == from_json(Genesis, document["genesis"]).network_id
    )
    report = verify_receipt(dumps(document["receipt"]), genesis)
    assert report.valid
    assert (report.outcome.name, report.state.name) == (document["outcome"], document["state"])
    assert [check.name for check in report.checks] == document["checks"]


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_what_is_changed_is_seen(name: str, change: str) -> None:
    """The first check that fails is the one that is told; what no check depends on leaves the receipt valid."""
    document = golden(name)
    told = next(each for each in document["changed"] if each["name"] == change)
    report = verify_receipt(dumps(put(document["receipt"], told["at"], told["put"])), dumps(document["genesis"]))
    assert (None if report.valid else report.checks[-1].name) == told["fails"]
    assert report.reason == told["reason"]
