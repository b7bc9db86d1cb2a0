"""What a key may sign, as a table over what it signed before, what the log shows it, and what it is asked."""

from itertools import product

import pytest

from interlock.core.committee import Epoch
from interlock.core.decision import Outcome
from interlock.core.instruction import SettlementId
from interlock.core.signing import (
    NOTHING,
    Conflict,
    HandedOver,
    OrderTerms,
    Shown,
    Signed,
    decision_conflict,
    handed_over,
    order_conflict,
    rotation_conflict,
)
from interlock.encoding.values import Bytes32, Uint64, UnixSeconds
from support.world import word

ID = SettlementId(word(5))
ORDER = OrderTerms("bank:wire", UnixSeconds(Uint64(100)))
LATER = OrderTerms("bank:wire", UnixSeconds(Uint64(101)))
ELSEWHERE = OrderTerms("bank:first", UnixSeconds(Uint64(100)))

OTHER_OUTCOME = "was signed before"
UNSHOWN = "an order was signed that the log does not show"
NOT_NEVER = "NEVER does not stand"

SIGNED = {
    "nothing": NOTHING,
    "COMMIT": Signed(Outcome.COMMIT),
    "ABORT": Signed(Outcome.ABORT),
    "an order": Signed(None, ORDER),
    "an order, then COMMIT": Signed(Outcome.COMMIT, ORDER),
    "an order, then ABORT": Signed(Outcome.ABORT, ORDER),
}
SHOWN = {
    "no order": Shown(),
    "no order, NEVER": Shown(None, never_stands=True),
    "the order": Shown(ORDER),
    "the order, NEVER": Shown(ORDER, never_stands=True),
    "a later order": Shown(LATER),
    "a later order, NEVER": Shown(LATER, never_stands=True),
    "an order elsewhere, NEVER": Shown(ELSEWHERE, never_stands=True),
}

DECISIONS: dict[tuple[str, Outcome], str | dict[str, str | None] | None] = {
    ("nothing", Outcome.COMMIT): None,
    ("nothing", Outcome.ABORT): None,
    ("COMMIT", Outcome.COMMIT): None,
    ("COMMIT", Outcome.ABORT): OTHER_OUTCOME,
    ("ABORT", Outcome.COMMIT): OTHER_OUTCOME,
    ("ABORT", Outcome.ABORT): None,
    ("an order", Outcome.COMMIT): None,
    ("an order", Outcome.ABORT): {"the order": NOT_NEVER, "the order, NEVER": None},
    ("an order, then COMMIT", Outcome.COMMIT): None,
    ("an order, then COMMIT", Outcome.ABORT): OTHER_OUTCOME,
    ("an order, then ABORT", Outcome.COMMIT): OTHER_OUTCOME,
    ("an order, then ABORT", Outcome.ABORT): {"the order": NOT_NEVER, "the order, NEVER": None},
}
"""What is wrong, whatever the log shows, or by what it shows; `UNSHOWN` where a log is not told of there."""


@pytest.mark.parametrize(("signed", "shown", "asked"), [*product(SIGNED, SHOWN, Outcome)])
def test_one_outcome_for_ever_and_after_an_order_only_what_the_pivot_said(
    signed: str, shown: str, asked: Outcome
) -> None:
    """No other outcome than before; after an order ABORT only where the log shows that order, and NEVER of it."""
    row = DECISIONS[signed, asked]
    wanted = row.get(shown, UNSHOWN) if isinstance(row, dict) else row
    conflict = decision_conflict(ID, SIGNED[signed], asked, SHOWN[shown])
    if wanted is None:
        assert conflict is None
        return
    assert conflict is not None
    assert conflict.subject == ID
    assert wanted in conflict.sentence
    assert asked.name in conflict.sentence


ORDERS: dict[tuple[str, OrderTerms], str | None] = {
    **{("nothing", each): None for each in (ORDER, LATER, ELSEWHERE)},
    **{("COMMIT", each): None for each in (ORDER, LATER, ELSEWHERE)},
    **{("ABORT", each): "ABORT was signed before" for each in (ORDER, LATER, ELSEWHERE)},
    ("an order", ORDER): None,
    ("an order", LATER): "until 101 was asked for, but one to 'bank:wire' until 100",
    ("an order", ELSEWHERE): "one to 'bank:wire' until 100 was signed before",
    ("an order, then COMMIT", ORDER): None,
    ("an order, then COMMIT", LATER): "one to 'bank:wire' until 100 was signed before",
    ("an order, then COMMIT", ELSEWHERE): "an order to 'bank:first' until 100 was asked for",
    **{("an order, then ABORT", each): "ABORT was signed before" for each in (ORDER, LATER, ELSEWHERE)},
}


@pytest.mark.parametrize(("signed", "asked"), ORDERS)
def test_one_order_for_ever_and_none_after_abort(signed: str, asked: OrderTerms) -> None:
    """The same order is signed as often as one likes, in any epoch; another never, and after ABORT none at all."""
    wanted, conflict = ORDERS[signed, asked], order_conflict(ID, SIGNED[signed], asked)
    if wanted is None:
        assert conflict is None
    else:
        assert conflict is not None
        assert (conflict.subject, wanted in conflict.sentence) == (ID, True)


def test_the_tables_are_whole() -> None:
    """Every record is asked for everything."""
    assert DECISIONS.keys() == set(product(SIGNED, Outcome))
    assert ORDERS.keys() == set(product(SIGNED, (ORDER, LATER, ELSEWHERE)))


ROTATION, OTHER_ROTATION = word(7), word(8)
HEIGHT = 10
FIRST_ID, SECOND_ID = SettlementId(word(1)), SettlementId(word(2))
COMMIT = Signed(Outcome.COMMIT)
Since = tuple[tuple[SettlementId, Signed, int], ...]

ROTATIONS: dict[str, tuple[Bytes32 | None, Since, frozenset[SettlementId], str | None]] = {
    "nothing signed": (None, (), frozenset(), None),
    "all signed is shown": (
        None,
        ((FIRST_ID, COMMIT, 9), (SECOND_ID, Signed(None, ORDER), HEIGHT)),
        frozenset({FIRST_ID, SECOND_ID}),
        None,
    ),
    "one is not shown": (
        None,
        ((FIRST_ID, COMMIT, 9), (SECOND_ID, COMMIT, 3)),
        frozenset({FIRST_ID}),
        f"its root lacks what was signed of 0x{SECOND_ID.hex()}",
    ),
    "one is not shown, nor reached": (
        None,
        ((FIRST_ID, COMMIT, 9), (SECOND_ID, COMMIT, 11)),
        frozenset({FIRST_ID}),
        f"its root lacks what was signed of 0x{SECOND_ID.hex()}",
    ),
    "one is shown beyond the root": (
        None,
        ((FIRST_ID, COMMIT, HEIGHT + 1),),
        frozenset({FIRST_ID}),
        f"its root lacks what was signed of 0x{FIRST_ID.hex()}",
    ),
    "the same again": (ROTATION, (), frozenset(), None),
    "the same again, whatever was signed": (ROTATION, ((FIRST_ID, COMMIT, 11),), frozenset(), None),
    "another": (OTHER_ROTATION, (), frozenset(), f"the rotation 0x{OTHER_ROTATION.hex()} of the same epoch was signed"),
    "another, with all that was signed": (
        OTHER_ROTATION,
        ((FIRST_ID, COMMIT, 9),),
        frozenset({FIRST_ID}),
        "of the same epoch was signed before",
    ),
}


@pytest.mark.parametrize(("before", "since", "shown", "wanted"), ROTATIONS.values(), ids=ROTATIONS.keys())
def test_one_rotation_of_an_epoch_with_all_that_was_signed_in_its_root(
    before: Bytes32 | None, since: Since, shown: frozenset[SettlementId], wanted: str | None
) -> None:
    """The same as often as one likes; another never, nor one whose root lacks anything that this key has signed."""
    asked = []

    def shows(id_: SettlementId, signed: Signed) -> bool:
        asked.append((id_, signed))
        return id_ in shown

    conflict = rotation_conflict(ROTATION, HEIGHT, before, since, shows)
    assert {*asked} <= {(id_, signed) for id_, signed, _ in since}
    if wanted is None:
        assert conflict is None
    else:
        assert conflict is not None
        assert conflict.subject == ROTATION
        assert wanted in conflict.sentence


HANDED = {
    (1, None): True,
    (2**64 - 1, None): True,
    (0, 1): False,
    (1, 1): False,
    (2, 1): True,
    (3, 1): True,
    (4, 5): False,
}
"""Whether something of an epoch is signed by a key that has handed another over."""


@pytest.mark.parametrize(("epoch", "rotated", "may"), [(*each, may) for each, may in HANDED.items()])
def test_nothing_of_an_epoch_that_was_handed_over(epoch: int, rotated: int | None, may: bool) -> None:  # noqa: FBT001
    """Neither of that epoch nor of one before it; of every later one."""
    refusal = handed_over(Epoch(Uint64(epoch)), None if rotated is None else Epoch(Uint64(rotated)))
    assert (refusal is None) is may
    if refusal is not None:
        assert refusal == HandedOver(Epoch(Uint64(epoch)), Epoch(Uint64(rotated or 0)))


def test_a_refusal_says_itself_in_a_sentence() -> None:
    """What never may be names its subject and where to look; what is another committee's names both epochs."""
    assert (
        str(Conflict(ID, "it must not be"))
        == f"0x{ID.hex()}: it must not be; it is never signed, look for a forked log"
    )
    assert (
        str(HandedOver(Epoch(Uint64(1)), Epoch(Uint64(2))))
        == "nothing more is signed in epoch 1: this key has handed epoch 2 over"
    )
