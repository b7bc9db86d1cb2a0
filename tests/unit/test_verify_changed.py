"""Nothing in a receipt is unbound: whatever value is changed, the receipt is refused, with a reason."""

import json
import socket
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import redact
from interlock.core.leg import CLOSED_BY_ABORT, DONE_BY_COMMIT
from interlock.encoding.canonical import dumps, encode
from interlock.encoding.secp256k1 import recover
from interlock.evidence import approval, certificate, vote
from interlock.evidence.bank_receipt import BankEvent
from interlock.evidence.chain_event import Held, Tombstoned
from interlock.evidence.report import Report
from interlock.evidence.verify import verify_receipt
from support.evidence import ASSET, GENESIS_BYTES, MONEY, Story, absence, refusal, rekeyed, settled, unwound
from support.log import LATE
from support.stories import NEW_STORIES
from support.world import ALICE, BOB, QUORUM, cancel, instruction

Path = tuple[str | int, ...]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every socket fail: a receipt is verified offline."""

    def refuse(*_: object, **__: object) -> socket.socket:
        raise AssertionError("a verification opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)


@pytest.fixture(autouse=True)
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a signer that was recovered once be remembered: thousands of changed receipts share most signatures."""
    for module in (approval, certificate, vote):
        monkeypatch.setattr(module, "recover", _remembered)


_remembered = cache(recover)


def refused_on_chain() -> Story:
    """Give a settlement that a failed exit check ended, with the money held and returned."""
    story = Story()
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD), QUORUM)
    story.attest(ASSET, Fact.REFUSED, refusal(), QUORUM)
    story.certify(Outcome.ABORT)
    story.attest(ASSET, Fact.RETURNED, story.said_by_vault(Tombstoned), QUORUM)
    story.attest(MONEY, Fact.RETURNED, story.said_by_bank(BankEvent.RELEASED), QUORUM)
    return story


def cancelled() -> Story:
    """Give a settlement that both signers cancelled."""
    story = Story()
    story.take(story.log.block(cancel(story.id, ALICE, BOB)))
    story.certify(Outcome.ABORT)
    return story


def cancelled_unseen() -> Story:
    """Give a settlement of which the log knows the redacted terms alone."""
    story = Story(redact(instruction(onchain=2)))
    story.take(story.log.block(cancel(story.id, ALICE, redacted=redact(instruction(onchain=2)))))
    story.certify(Outcome.ABORT)
    return story


def too_late() -> Story:
    """Give a settlement that the deadline ended, with one leg closed by the absence of a hold, and one lie."""
    story = Story()
    story.attest(MONEY, Fact.HELD, story.said_by_vault(Held), (3,))
    story.take(story.log.block(time=LATE))
    story.certify(Outcome.ABORT)
    story.attest(ASSET, Fact.RETURNED, absence())
    return story


STORIES = {
    each.__name__: each for each in (settled, rekeyed, unwound, refused_on_chain, cancelled, cancelled_unseen, too_late)
} | NEW_STORIES


@cache
def receipt_bytes(name: str) -> bytes:
    return encode(STORIES[name]().receipt())


def document_of(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(receipt_bytes(name))


def leaves(document: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401 - JSON
    """Give every value that is no object and no list, with its path."""
    if isinstance(document, dict | list):
        for key, child in document.items() if isinstance(document, dict) else enumerate(document):
            yield from leaves(child, (*path, key))
    else:
        yield path, document


def containers(document: Any, kind: type, path: Path = ()) -> Iterator[Path]:  # noqa: ANN401 - JSON
    """Give the path of every object, or of every list."""
    if isinstance(document, kind):
        yield path
    if isinstance(document, dict | list):
        for key, child in document.items() if isinstance(document, dict) else enumerate(document):
            yield from containers(child, kind, (*path, key))


def at(document: Any, path: Path) -> Any:  # noqa: ANN401 - JSON
    for key in path:
        document = document[key]
    return document


def put(document: Any, path: Path, value: Any) -> bytes:  # noqa: ANN401 - JSON
    """Give the canonical bytes of a document in which one value is another."""
    changed = deepcopy(document)
    at(changed, path[:-1])[path[-1]] = value
    return dumps(changed)


ENUMS = (
    ("COMMIT", "ABORT"),
    tuple(Fact.__members__),
    ("VAULT", "HELD", "DIRECT"),
)


def other_values(value: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON
    """Give values of the same type, near by and far off, and one of another type."""
    match value:
        case bool():
            yield not value
        case int():
            yield from (value + 1, 0 if value else 7)
        case str() if value.startswith("0x") and len(value) > len("0x"):
            yield from (value[:2] + _turned(value[2]) + value[3:], value[:-1] + _turned(value[-1]), value[:-2])
            yield "0x" + "00" * (len(value) // 2 - 1) if value.strip("0x") else "0x" + "11" * (len(value) // 2 - 1)
        case str() if value.isdecimal():
            yield from (str(int(value) + 1), "0" + value)
        case str():
            yield from (other for names in ENUMS if value in names for other in names if other != value)
            yield from (value + "x", value[:-1] if value else " ")
            if value.upper() != value:
                yield value.upper()
        case None:
            yield from ({}, "")
    if value is not None:
        yield None


def _turned(digit: str) -> str:
    return "1" if digit == "0" else "0"


@pytest.mark.parametrize("name", STORIES)
def test_the_receipt_is_valid_as_it_is(name: str) -> None:
    """What the other tests break is whole before."""
    report = verify_receipt(receipt_bytes(name), GENESIS_BYTES)
    assert report.valid, report.reason


@pytest.mark.parametrize("name", STORIES)
def test_every_changed_value_is_noticed(name: str) -> None:
    """One leaf after the other is changed, in several ways; each time the receipt is refused with a reason."""
    document = document_of(name)
    found = [
        f"{path}: {value!r} -> {other!r}"
        for path, value in leaves(document)
        for other in other_values(value)
        if verify_receipt(put(document, path, other), GENESIS_BYTES).reason is None
    ]
    assert found == []


@pytest.mark.parametrize("name", STORIES)
def test_an_unknown_field_is_refused_at_every_level(name: str) -> None:
    """A field that nobody knows is not skipped, wherever it stands; nor may a known one be missing."""
    document = document_of(name)
    for path in containers(document, dict):
        whole = at(document, path)
        for changed in ({**whole, "zz": 1}, {key: whole[key] for key in list(whole)[1:]}):
            data = put(document, path, changed) if path else dumps(changed)
            report = verify_receipt(data, GENESIS_BYTES)
            assert [check.name for check in report.checks if not check.ok] == ["form"], path


@pytest.mark.parametrize("name", STORIES)
def test_elements_swapped_or_doubled_are_refused(name: str) -> None:
    """Every list has one order, and nothing in it counts twice."""
    document = document_of(name)
    for path in containers(document, list):
        elements = at(document, path)
        for index, element in enumerate(elements):
            doubled = [*elements[:index], element, *elements[index:]]
            assert not verify_receipt(put(document, path, doubled), GENESIS_BYTES).valid, (path, index)
            swapped = [*elements[:index], *reversed(elements[index : index + 2]), *elements[index + 2 :]]
            if swapped != elements:
                assert not verify_receipt(put(document, path, swapped), GENESIS_BYTES).valid, (path, index)


_ENDS = CLOSED_BY_ABORT | DONE_BY_COMMIT
_OPTIONAL: dict[str, set[Path]] = {
    "unwound": {("signatures",)},
    "refused_on_chain": {("signatures",)},
    "cancelled": {("signatures",), ("cancels",), ("configurations",)},
    "cancelled_unseen": {("configurations",)},
    "too_late": {("signatures",), ("configurations",)},
    "never": {("signatures",)},
    "never_on_chain": {("signatures",)},
    "unmet": {("signatures",), ("configurations",)},
    "everything": {("configurations",)},
}
"""Lists of which an element may be missing besides attestations and documents: an ABORT needs little else."""


def says_less(whole: Report, report: Report) -> bool:
    """Tell whether a report is of the same decision, with no leg at an end where it was not, and nothing new proven."""
    return (
        (report.settlement, report.outcome) == (whole.settlement, whole.outcome)
        and (report.epoch or 0) <= (whole.epoch or 0)
        and all(one.state == now.state or now.state not in _ENDS
                for one, now in zip(whole.legs, report.legs, strict=True))
    )  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_what_is_left_out_never_proves_more(name: str) -> None:
    """Without one element a receipt is refused, or says less: no leg that was not at its end gets there."""
    document = document_of(name)
    whole = verify_receipt(receipt_bytes(name), GENESIS_BYTES)
    for path in containers(document, list):
        elements = at(document, path)
        for index in range(len(elements)):
            report = verify_receipt(put(document, path, elements[:index] + elements[index + 1 :]), GENESIS_BYTES)
            optional = {("attestations",), ("documents",)} | _OPTIONAL.get(name, set())
            assert path in optional or not report.valid, (path, index)
            assert not report.valid or says_less(whole, report), (path, index)


@pytest.mark.parametrize("name", STORIES)
def test_what_is_made_null_never_proves_more(name: str) -> None:
    """An object, such as the order or an inclusion, that is taken away leaves nothing, or a receipt that says less."""
    document = document_of(name)
    whole = verify_receipt(receipt_bytes(name), GENESIS_BYTES)
    accepted = set()
    for path in containers(document, dict):
        report = verify_receipt(put(document, path, None) if path else b"null", GENESIS_BYTES)
        assert not report.valid or says_less(whole, report), path
        accepted |= {path} if report.valid else set()
    assert accepted == ({("order",)} if name in {"never", "never_on_chain"} else set())


BYTES_STEP = 127
"""Every so many bytes one is changed; prime, so that no field is passed over every time."""


@pytest.mark.parametrize("name", STORIES)
def test_every_changed_byte_is_noticed(name: str) -> None:
    """A byte is another, is missing or stands twice: each time the receipt is refused."""
    whole = receipt_bytes(name)
    for index in range(len(name) % BYTES_STEP, len(whole), BYTES_STEP):
        before, byte, after = whole[:index], whole[index : index + 1], whole[index + 1 :]
        for changed in (bytes([byte[0] ^ 1]), bytes([byte[0] ^ 0x20]), b"", byte * 2):
            assert not verify_receipt(before + changed + after, GENESIS_BYTES).valid, (index, byte, changed)


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (lambda data: data + b"\n", "not in canonical form"),
        (lambda data: data.replace(b",", b", ", 1), "not in canonical form"),
        (lambda data: data[:-1] + b',"kind":"interlock/receipt/2"}', "stands twice"),
        (lambda data: data[: len(data) // 2], "not JSON"),
        (lambda _: b"", "not JSON"),
        (lambda _: b"[" * 100_000, "nests"),
        (lambda _: b"\xff\xfe", "not JSON"),
        (lambda _: b"[]", "an object is wanted"),
        (lambda data: data + b" " * (16 * 1024 * 1024), "at most"),
    ],
)
def test_other_bytes_for_the_same_value_are_refused(spoilt: Any, words: str) -> None:  # noqa: ANN401 - a function
    """A receipt has one sequence of bytes; hostile bytes give a report, never an error."""
    report = verify_receipt(spoilt(receipt_bytes("settled")), GENESIS_BYTES)
    assert not report.valid
    assert words in str(report.reason)
