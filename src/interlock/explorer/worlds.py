"""The worlds that ship, each with the number of states that it must have.

A count is part of the claim. A world that suddenly has fewer states is no longer looked at whole; one that has more
does something that nobody wrote down. Either is a failure until somebody understands it and commits the new count.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from interlock.explorer.world import World

_TEXTBOOK = "interlock.explorer.textbook:TwoPhaseCommit"


@dataclass(frozen=True, slots=True)
class WorldEntry:
    """One world of the registry."""

    name: str
    factory: str
    """`module:callable` that makes it; imported only when it is explored."""
    arguments: tuple[int | str, ...]
    """What the factory is called with."""
    expected: int
    """Its distinct states."""
    in_slice: bool
    """Whether every change is checked against it, and not only a night's run."""
    summary: str
    """What it is, in one short sentence."""

    def build(self) -> World[Any]:
        """Make the world."""
        module, _, factory = self.factory.partition(":")
        return cast("World[Any]", getattr(import_module(module), factory)(*self.arguments))


class UnknownWorld(ValueError):
    """A world that is not in the registry was asked for."""


def _two_phase_commit(managers: int, expected: int) -> WorldEntry:
    return WorldEntry(
        name=f"two-phase-commit-{managers}",
        factory=_TEXTBOOK,
        arguments=(managers,),
        expected=expected,
        in_slice=True,
        summary=f"Textbook two-phase commit, {managers} managers: judges the search.",
    )


def _face(name: str, expected: int, summary: str, *, in_slice: bool = False) -> WorldEntry:
    return WorldEntry(name, "interlock.explorer.face_worlds:plot", (name,), expected, in_slice, summary)


WORLDS: Sequence[WorldEntry] = (
    _two_phase_commit(2, 56),
    _two_phase_commit(3, 288),
    _two_phase_commit(4, 1_568),
    _two_phase_commit(5, 8_832),
    _two_phase_commit(6, 50_816),
    _face("rotation", 2_525_524, "A committee hands over in mid-settlement; ledgers learn of it late."),
    _face("rotation-pivot-bank-last", 2_232_474, "The same while a bank is to pay last."),
    _face("rotation-pivot-one-chain", 317_708, "The same while one chain is to swap both legs.", in_slice=True),
    _face("rotation-stolen-keys", 317_708, "The same, with the keys of the outgoing committee stolen.", in_slice=True),
    _face("two-logs", 411_759, "A log with two faces, and members that follow both.", in_slice=True),
    _face("two-logs-pivot-bank-last", 1_997_988, "The same while a bank is to pay last."),
    _face("two-logs-pivot-one-chain", 252_128, "The same while one chain is to swap both legs.", in_slice=True),
)
"""Every world, as `interlock explore --list` shows them."""


def choose(names: Iterable[str], *, in_slice: bool) -> list[WorldEntry]:
    """Give the worlds of these names, all where there is no name; only those of the slice where that is asked for.

    UnknownWorld where a name is not known, with the nearest that is.
    """
    by_name = {each.name: each for each in WORLDS}
    wanted = dict.fromkeys(names) or by_name
    for name in wanted:
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(by_name)}"
            raise UnknownWorld(f"there is no world {name}; {hint}")
    return [by_name[name] for name in wanted if by_name[name].in_slice or not in_slice]
