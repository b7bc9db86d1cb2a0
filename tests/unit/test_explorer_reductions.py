"""What is left out of a world's states makes no difference: with it and without it, the same can happen.

Compared are the states of the log and the books of all ledgers, together, that can be reached at all.
"""

from collections.abc import Hashable
from dataclasses import replace

import pytest

from interlock.explorer.cast import ALICE, BOB, LATE_S, account_leg, instruction
from interlock.explorer.play import Play
from interlock.explorer.scene import Scene, Trouble
from interlock.explorer.scenes import BANK_LAST

ONE_LEG = instruction(account_leg(BOB, ALICE))


def reached(scene: Scene) -> set[Hashable]:
    """Give every state of the log, with the books of the ledgers and the certificates that are out, of a world."""
    world = Play("small", replace(scene, phases=(LATE_S,)))
    stage = world.stage
    todo = list(world.initial())
    seen = set(todo)
    while todo:
        fair, others = world.successors(todo.pop())
        new = {each for each in (*fair, *others) if each not in seen}
        seen |= new
        todo += new
    proofs = [field for deal in stage.deals for fields in deal.proofs.values() for field in fields]
    orders = [field for deal in stage.deals for field in deal.orders.values()]
    return {
        (
            stage.kernel[stage.log.of(state)],
            tuple(side.chain(field.of(state)) for side, field in zip(stage.sides, stage.books, strict=True)),
            tuple(stage.certificate_exists(field.of(state)) for field in (*proofs, *orders)),
        )
        for state in seen
    }


@pytest.mark.parametrize(
    "scene",
    [
        Scene((ONE_LEG,), Trouble.HALT | Trouble.CANCEL, is_signed=False),
        Scene((ONE_LEG,), Trouble.THEFT | Trouble.RELEASE | Trouble.REFUSAL),
        Scene((BANK_LAST,), Trouble.REFUSAL | Trouble.CANCEL),
    ],
    ids=["halts", "thefts", "pivot"],
)
def test_a_quorum_at_a_time_reaches_what_single_members_reach(scene: Scene) -> None:
    """Nothing reads a count that is no quorum, so what is between makes no difference."""
    assert reached(replace(scene, is_coarse=True)) == reached(scene)


@pytest.mark.parametrize("terms", [ONE_LEG, BANK_LAST], ids=["one leg", "pivot"])
def test_votes_under_way_make_no_difference_where_facts_last(terms: object) -> None:
    """Members may see long before the log counts, and forget: what lasts is seen again."""
    scene = Scene((terms,), Trouble.REFUSAL, is_coarse=True)  # type: ignore[arg-type]
    assert reached(replace(scene, troubles=Trouble.REFUSAL | Trouble.FORGETFUL)) == reached(scene)


@pytest.mark.parametrize("trouble", [Trouble.NONE, Trouble.HALT, Trouble.THEFT], ids=["plain", "halts", "thefts"])
def test_a_lazy_liar_does_what_an_eager_one_does(trouble: Trouble) -> None:
    """Whoever speaks early changes nothing before the quorum is full."""
    lazy = Scene((ONE_LEG,), trouble | Trouble.LIAR)
    assert reached(replace(lazy, troubles=trouble | Trouble.EAGER_LIAR)) == reached(lazy)
