"""One ledger's books in a world: the pages of its settlements, its own clock, and whether it can pay now.

What a request does is said by `ledgers.memory.rules` and nowhere else; here every step is only held against what the
specification allows to a request of its kind (I4 to I6), so that a rule which moved a leg twice, or for another reason,
would be found.

A chain may keep blocks that are not final: requests work on the newest books, members look at the final ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from interlock.core.invariants import invariant
from interlock.explorer.cast import EARLY_S, LATE_S
from interlock.explorer.fields import Interner
from interlock.ledgers.memory.page import EMPTY_PAGE, Page, Status
from interlock.ledgers.memory.rules import Kind

UNFINAL_MAX = 2
"""Blocks that may be made and not final: one to be replaced, and one below it that stays."""


@dataclass(frozen=True, slots=True)
class Books:
    """A ledger at one moment."""

    pages: tuple[Page, ...]
    """Of each settlement of the world."""
    is_late: bool = False
    """Its own clock is past `prepareBy` and past every order's last-valid time."""
    is_barred: bool = False
    """Receivers cannot be paid now: a permission was withdrawn, a token is frozen."""

    @property
    def now(self) -> int:
        """Give its own time."""
        return LATE_S if self.is_late else EARLY_S


class Act(StrEnum):
    """What kind of request made a step."""

    HOLD = "hold"
    COMMIT = "commit"
    ABORT = "abort"
    ORDER = "order"
    RELEASE = "release"
    REDIRECT = "redirect"
    LOSE = "lose"
    HALT = "halt"


MOVES: dict[Act, frozenset[tuple[Status, Status]]] = {
    Act.HOLD: frozenset(
        {(Status.EMPTY, Status.HELD), (Status.EMPTY, Status.REFUSED), (Status.EMPTY, Status.TOMBSTONED)}
    ),
    Act.COMMIT: frozenset(
        {
            (Status.HELD, Status.DELIVERED),
            (Status.HELD, Status.ENTITLED),
            (Status.ENTITLED, Status.DELIVERED),
        }
    ),
    Act.ABORT: frozenset(
        {
            (Status.HELD, Status.RETURNED),
            (Status.HELD, Status.ENTITLED),
            (Status.ENTITLED, Status.RETURNED),
            (Status.EMPTY, Status.TOMBSTONED),
            (Status.REFUSED, Status.TOMBSTONED),
        }
    ),
    Act.ORDER: frozenset({(Status.EMPTY, Status.EXECUTED), (Status.EMPTY, Status.NEVER)}),
    Act.RELEASE: frozenset({(Status.HELD, Status.CONSENT)}),
    Act.REDIRECT: frozenset({(Status.ENTITLED, Status.DELIVERED), (Status.ENTITLED, Status.RETURNED)}),
    Act.LOSE: frozenset({(Status.HELD, Status.LOST), (Status.ENTITLED, Status.LOST)}),
    Act.HALT: frozenset(),
}
"""Which moves of a leg a request of each kind may make. No leg ever leaves a status in which it has moved."""


class Side:
    """One ledger of a world: its books by number, and the requests that lead from one to the next."""

    def __init__(self, name: str, kind: Kind, settlements: int, *, has_reorgs: bool = False) -> None:
        self.name = name
        self.kind = kind
        self.has_reorgs = has_reorgs
        self._chains = Interner[tuple[Books, ...]]()
        self._chains.number((Books((EMPTY_PAGE,) * settlements),))

    def final(self, number: int) -> Books:
        """Give the final books."""
        return self._chains[number][0]

    def newest(self, number: int) -> Books:
        """Give the books with all that was done, final or not."""
        return self._chains[number][-1]

    def chain(self, number: int) -> tuple[Books, ...]:
        """Give the final books, and those of each block that is not final."""
        return self._chains[number]

    def request(self, number: int, act: Act, settlement: int, change: Callable[[Page, Books], Page]) -> int | None:
        """Let a request change a settlement's page; None where it changes nothing, or no block can take it."""
        books = self.newest(number)
        before = books.pages[settlement]
        after = change(before, books)
        if after == before:
            return None
        _check_moves(self.name, act, before, after)
        pages = (*books.pages[:settlement], after, *books.pages[settlement + 1 :])
        return self._put(number, Books(pages, books.is_late, books.is_barred))

    def tick(self, number: int) -> int | None:
        """Let the ledger's own clock pass the deadlines."""
        books = self.newest(number)
        return None if books.is_late else self._put(number, Books(books.pages, True, books.is_barred))

    def bar(self, number: int, *, is_barred: bool) -> int | None:
        """Let receivers be payable or not."""
        books = self.newest(number)
        if books.is_barred == is_barred:
            return None
        return self._put(number, Books(books.pages, books.is_late, is_barred))

    def finalise(self, number: int) -> int | None:
        """Let the oldest block become final."""
        chain = self._chains[number]
        return None if len(chain) == 1 else self._chains.number(chain[1:])

    def reorganise(self, number: int, depth: int) -> int | None:
        """Replace so many blocks that are not final by nothing."""
        chain = self._chains[number]
        return None if depth >= len(chain) else self._chains.number(chain[: len(chain) - depth])

    def show(self, number: int) -> str:
        """Give the books in words."""
        return ", then not final: ".join(map(_words, self._chains[number]))

    def _put(self, number: int, books: Books) -> int | None:
        if not self.has_reorgs:
            return self._chains.number((books,))
        chain = self._chains[number]
        return None if len(chain) > UNFINAL_MAX else self._chains.number((*chain, books))


def _check_moves(name: str, act: Act, before: Page, after: Page) -> None:
    indexes = {index for index, _ in (*before.legs, *after.legs)}
    for index in sorted(indexes):
        old, new = before.leg(index), after.leg(index)
        move = (old.status, new.status)
        is_allowed = old.status is new.status or move in MOVES[act]
        tag = "I6" if old.status is Status.HELD else "I4"
        facts = f"{name}: leg {index} went from {old.status.name} to {new.status.name} by a request to {act}"
        invariant(tag, facts, holds=is_allowed)
        is_kept = old.outcome is None or new.outcome is old.outcome
        invariant("I3", f"{name}: leg {index} was told {old.outcome} and then {new.outcome}", holds=is_kept)


def _words(books: Books) -> str:
    words = [_page_words(page) for page in books.pages]
    if books.is_late:
        words.append("past its deadlines")
    if books.is_barred:
        words.append("cannot pay")
    return ", ".join(words)


def _page_words(page: Page) -> str:
    legs: Sequence[str] = [
        f"leg {index} {leg.status.name}" + (f" ({leg.halt.name} halt)" if leg.halt else "") for index, leg in page.legs
    ]
    return " and ".join(legs) or "nothing"
