"""What a key may sign: a table over what it signed before, what the log shows it, and what it is asked."""

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from golden.log import Json
from golden.world import BANK, NETWORK, WIRE, hash_of
from interlock.core.committee import Epoch
from interlock.core.decision import Outcome
from interlock.core.entry import Anchor
from interlock.core.instruction import SettlementId
from interlock.core.rotation import Rotation, rotation_digest
from interlock.core.signing import (
    NOTHING,
    OrderTerms,
    Shown,
    Signed,
    decision_conflict,
    handed_over,
    order_conflict,
)
from interlock.encoding.canonical import to_json
from interlock.encoding.values import Height, Uint64, UnixSeconds, hex_of
from interlock.keys.sign_once import AskedDecision, SignOnceRecord

ID = SettlementId(hash_of("settlement 0"))
ORDER, LATER, ELSEWHERE = (
    OrderTerms(ledger, UnixSeconds(Uint64(last))) for ledger, last in ((WIRE, 120), (WIRE, 121), (BANK, 120))
)

SIGNED = (
    NOTHING,
    *(Signed(outcome, order) for outcome, order in product((None, *Outcome), (None, ORDER)) if outcome or order),
)
SHOWN = tuple(Shown(order, never) for order, never in product((None, ORDER, LATER), (False, True)))


Said = tuple[str, int, int]
"""A settlement whose COMMIT was signed, in which epoch, at which height of the log."""

ROTATIONS: tuple[tuple[str, tuple[Said, ...], tuple[str, ...], tuple[tuple[int, int], ...], tuple[int, int]], ...] = (
    ("nothing was signed", (), (), (), (1, 7)),
    ("all of it is in the log", (("one", 1, 5), ("two", 1, 7)), (), (), (1, 7)),
    ("one is not in the log", (("one", 1, 5), ("two", 1, 6)), ("two",), (), (1, 7)),
    ("one was signed above the root's height", (("one", 1, 8),), (), (), (1, 7)),
    ("the same rotation again", (("one", 1, 5),), (), ((1, 7),), (1, 7)),
    ("another rotation of the epoch", (), (), ((1, 7),), (1, 8)),
    ("the next epoch's", (), (), ((1, 7),), (2, 9)),
    ("of an epoch before one that was handed over", (), (), ((2, 9),), (1, 9)),
    ("what an earlier root contains is not asked for again", (("one", 1, 5),), ("one",), ((1, 7),), (2, 9)),
    ("what was signed since is", (("one", 2, 8),), ("one",), ((1, 7),), (2, 9)),
)
"""Why, what was signed, what the log does not show, rotations signed before (from which epoch, up to which height), and
the one that is asked for. What is signed in an epoch is signed after the rotation into it."""


def sign_once() -> Json:
    """Give the whole table."""
    return {
        "tells": "Every record, every log and every question: whether the key may sign.",
        "tags": [f"SIGN-{number}" for number in range(1, 7)],
        "settlement": hex_of(ID),
        "decisions": list(_decisions()),
        "orders": list(_orders()),
        "epochs": [
            {"asked": asked, "handedOver": over, "permitted": permitted}
            for asked, over in product((1, 2, 3), (None, 1, 2))
            for permitted in (handed_over(_epoch(asked), None if over is None else _epoch(over)) is None,)
        ],
        "rotations": [_rotation(*case) for case in ROTATIONS],
    }


def _rotation(
    why: str, said: Iterable[Said], hidden: Iterable[str], before: Iterable[tuple[int, int]], asked: tuple[int, int]
) -> Json:
    said, absent, before = list(said), {settlement(each) for each in hidden}, list(before)
    with TemporaryDirectory() as folder, SignOnceRecord.create(Path(folder, "record")) as record:
        for epoch in sorted({each[1] for each in said} | {each[0] for each in (*before, asked)}):
            for name, _, height in (each for each in said if each[1] == epoch):
                wanted = [AskedDecision(settlement(name), Outcome.COMMIT, Shown())]
                record.permit_decisions(wanted, _epoch(epoch), _anchor(height))
            for each in (each for each in before if each[0] == epoch):
                record.permit_rotation(rotation(*each), rotation_digest(NETWORK, rotation(*each)), _anchor(9), _all)
        digest = rotation_digest(NETWORK, rotation(*asked))
        refusal = record.permit_rotation(rotation(*asked), digest, _anchor(9), lambda id_, _: id_ not in absent)
    return {
        "why": why,
        "signed": [
            {"settlement": hex_of(settlement(name)), "outcome": "COMMIT", "epoch": epoch, "height": height}
            for name, epoch, height in said
        ],
        "hidden": [hex_of(each) for each in sorted(absent)],
        "before": [to_json(rotation(*each)) for each in before],
        "asked": to_json(rotation(*asked)),
        "permitted": refusal is None,
    }


def rotation(from_epoch: int, height: int) -> Rotation:
    """Give a rotation."""
    return Rotation(_epoch(from_epoch), hash_of("successors"), Height(Uint64(height)), hash_of(f"root at {height}"))


def settlement(name: str) -> SettlementId:
    """Give an id."""
    return SettlementId(hash_of(f"settlement {name}"))


def _all(_id: SettlementId, _signed: Signed) -> bool:
    return True


def _anchor(height: int) -> Anchor:
    return Anchor(Height(Uint64(height)), hash_of(f"block {height}"))


def _decisions() -> Iterable[Json]:
    for signed, shown, asked in product(SIGNED, SHOWN, Outcome):
        conflict = decision_conflict(ID, signed, asked, shown)
        yield {
            "signed": _signed(signed),
            "shown": {"order": _order(shown.order), "never": shown.never_stands},
            "asked": asked.name,
            "permitted": conflict is None,
        }


def _orders() -> Iterable[Json]:
    for signed, asked in product(SIGNED, (ORDER, LATER, ELSEWHERE)):
        conflict = order_conflict(ID, signed, asked)
        yield {"signed": _signed(signed), "asked": _order(asked), "permitted": conflict is None}


def _signed(signed: Signed) -> Json:
    return {"outcome": None if signed.outcome is None else signed.outcome.name, "order": _order(signed.order)}


def _order(order: OrderTerms | None) -> Json:
    return None if order is None else {"ledger": order.ledger, "lastValid": order.last_valid}


def _epoch(number: int) -> Epoch:
    return Epoch(Uint64(number))
