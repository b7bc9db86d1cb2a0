"""One seed, many dice: every purpose draws from a stream of its own.

A stream's seed is the hash of the run's seed and of the stream's name. So a draw more in one place shifts nothing
anywhere else, and a run stays comparable while the simulator grows. Only `Random.random` is built upon, the one method
whose sequence Python promises to keep.
"""

import hashlib
import random
from collections.abc import Iterable, MutableSequence, Sequence
from typing import TypeVar

T = TypeVar("T")

TAIL_MAX = 50.0
"""The longest wait, in means: nothing takes for ever, so that whatever is waited for comes."""


class Dice:
    """A stream of chance."""

    __slots__ = ("_random", "name", "seed")

    def __init__(self, seed: int, name: str = "") -> None:
        self.seed = seed
        self.name = name
        digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
        self._random = random.Random(int.from_bytes(digest, "big")).random  # noqa: S311 - chance that comes again

    def split(self, *purpose: object) -> "Dice":
        """Give the stream of a purpose; the same purpose gives the same stream from its beginning."""
        return Dice(self.seed, "/".join((self.name, *map(str, purpose))))

    def number(self) -> float:
        """Give a number from 0 up to, not including, 1."""
        return self._random()

    def chance(self, probability: float) -> bool:
        """Tell whether something happens; draws nothing where it never does."""
        return probability > 0 and self._random() < probability

    def between(self, least: float, most: float) -> float:
        """Give a number from an interval, each alike."""
        return least + (most - least) * self._random()

    def below(self, bound: int) -> int:
        """Give a whole number from 0 to `bound` - 1, each alike; bounds are small."""
        return int(self._random() * bound)

    def whole(self, least: int, most: int) -> int:
        """Give a whole number from `least` to `most`, each alike."""
        return least + self.below(most - least + 1)

    def wait(self, mean: float) -> float:
        """Give a waiting time with a long tail: mostly below its mean, now and then many times that."""
        number = self._random()
        return mean * min(0.5 * number / (1.0 - number), TAIL_MAX)

    def choice(self, options: Sequence[T]) -> T:
        """Give one of some things, each alike."""
        return options[self.below(len(options))]

    def some(self, options: Iterable[T], probability: float = 0.5) -> list[T]:
        """Give those on whom the lot falls, each by itself, in their order."""
        return [each for each in options if self._random() < probability]

    def shuffle(self, items: MutableSequence[T]) -> None:
        """Put things into any order, in place."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]

    def sample(self, options: Iterable[T], count: int) -> list[T]:
        """Give so many of some things, in any order."""
        pool = list(options)
        self.shuffle(pool)
        return pool[:count]

    def bytes(self, count: int) -> bytes:
        """Give bytes, each alike."""
        return bytes(self.below(256) for _ in range(count))
