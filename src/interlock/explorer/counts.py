"""How many members have come how far with one thing to say: a vote for one fact, or a signature under one decision.

Honest members are interchangeable: the core counts bits, and every ledger counts signatures. So it is enough to know
how many have *made* it (a vote is under way, although the ledger may have moved on; a signature is out in the world)
and how many of those the log has *counted*. The members that are counted are always the first ones.

Of a fact that once true stays true, votes that were made and not counted are not told apart from votes that were not
made (`is_fleeting` is false): whoever can count the one can make and count the other, now and ever after.

A *coarse* count goes from nobody to a quorum at once, made and then counted: whatever is between makes no difference
either, as long as nobody forgets and no epoch ends.

The Byzantine member is idle or *lazy*: it speaks in the moment in which its word completes a quorum. Whatever it could
bring about by speaking earlier, it can then bring about by speaking right after the last honest member, since nothing
reads a count that is no quorum. An *eager* one, in worlds that are small enough, speaks whenever it wants; that world
has all those states too.
"""

from typing import NamedTuple

from interlock.explorer.cast import BYZANTINE, HONEST


class Count(NamedTuple):
    """How far one thing has come."""

    made: int = 0
    """Honest members that have seen the fact, or made the signature."""
    counted: int = 0
    """Honest members whose word the log has counted."""
    liar: int = 0
    """1 where the Byzantine member's word was counted before the quorum."""

    @property
    def members(self) -> tuple[int, ...]:
        """Give who is counted."""
        return (*range(self.counted), *((BYZANTINE,) if self.liar else ()))


class Counts:
    """All counts that there can be, by number; 0 is the beginning, and the last one means that the quorum is full."""

    def __init__(
        self, quorum: int, *, is_fleeting: bool = True, is_eager: bool = False, is_coarse: bool = False
    ) -> None:
        self.quorum = quorum
        self.is_fleeting = is_fleeting
        self.step = HONEST if is_coarse else 1
        """Members that see, sign or are counted in one step of the world."""
        self._values = [
            Count(made, counted, liar)
            for liar in range(2 if is_eager else 1)
            for made in range(0, HONEST + 1, self.step)
            for counted in (range(0, made + 1, self.step) if is_fleeting else (made,))
            if counted + liar < quorum
        ]
        self._numbers = {count: number for number, count in enumerate(self._values)}
        self.full = len(self._values)
        """The number that means: a quorum was counted."""
        self.bits = self.full.bit_length()

    def __getitem__(self, number: int) -> Count:
        """Give a count; of a full one, what it takes to be brought once more."""
        return Count(HONEST, HONEST) if number == self.full else self._values[number]

    def number(self, count: Count) -> int:
        """Give a count's number."""
        return self.full if count.counted + count.liar >= self.quorum else self._numbers[count]

    def make(self, number: int) -> int | None:
        """Let the next honest member see or sign, or give None."""
        count = self[number]
        return None if count.made == HONEST else self.number(count._replace(made=count.made + self.step))

    def forget(self, number: int) -> int | None:
        """Let one honest member forget what it has seen and nobody has counted, or give None."""
        count = self[number]
        return None if count.made == count.counted else self.number(count._replace(made=count.made - self.step))

    def again(self, number: int) -> int:
        """Give what is left when the log begins to count anew; what it once had in full can be brought in full."""
        count = self[number]
        if number == self.full:
            return number
        return self.number(Count(count.made, 0)) if self.is_fleeting else 0

    def show(self, number: int) -> str:
        """Give a count in words."""
        if number == self.full:
            return "quorum"
        made, counted, liar = self._values[number]
        words = f"{made} made, {counted} counted" if self.is_fleeting else f"{counted} counted"
        return words + (", and the liar" if liar else "")
