"""One seed gives many streams, each its own, and the same ones for ever."""

from interlock.simulation.dice import TAIL_MAX, Dice


def test_a_stream_is_the_same_for_ever() -> None:
    """The first numbers of a stream are fixed: seeds that failed once fail again in later versions."""
    dice = Dice(7).split("network", 3)
    assert [dice.below(1_000) for _ in range(6)] == [998, 485, 395, 363, 600, 531]


def test_purposes_do_not_share_a_stream() -> None:
    """A draw more for one purpose changes nothing for another."""
    quiet, busy = Dice(1), Dice(1)
    for _ in range(5):
        busy.split("disk").number()
        busy.number()
    assert quiet.split("network").number() == busy.split("network").number()
    assert Dice(1).split("network").number() != Dice(1).split("disk").number()
    assert Dice(1).split("a", "b").number() == Dice(1).split("a").split("b").number()


def test_other_seeds_give_other_numbers() -> None:
    """Seeds that lie close together have nothing in common."""
    assert len({Dice(seed).split("x").number() for seed in range(1_000)}) == 1_000


def test_every_draw_keeps_its_bounds() -> None:
    """Whole numbers reach both ends, waits have the mean that was asked for and an end."""
    dice = Dice(2)
    assert {dice.whole(3, 5) for _ in range(200)} == {3, 4, 5}
    assert all(1.0 <= dice.between(1.0, 2.0) < 2.0 for _ in range(200))
    waits = [dice.wait(2.0) for _ in range(20_000)]
    assert min(waits) >= 0.0
    assert max(waits) <= 2.0 * TAIL_MAX
    assert sorted(waits)[10_000] < 2.0 < sum(waits) / len(waits) * 2
    assert not any(dice.chance(0.0) for _ in range(100))
    assert all(dice.chance(1.0) for _ in range(100))


def test_shuffles_and_samples_lose_nothing() -> None:
    """Every order comes, and a sample holds each thing at most once."""
    dice = Dice(3)
    orders = set()
    for _ in range(200):
        items = [1, 2, 3]
        dice.shuffle(items)
        orders.add(tuple(items))
    assert len(orders) == 6
    assert sorted(dice.sample(range(9), 9)) == list(range(9))
    assert len(set(dice.sample(range(9), 4))) == 4
    assert set(dice.some(range(9), 1.0)) == set(range(9))
    assert len(dice.bytes(32)) == 32
