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
_SCENES = "interlock.explorer.scenes:play"


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


def _scene(name: str, expected: int, summary: str, *, in_slice: bool = False) -> WorldEntry:
    return WorldEntry(name, _SCENES, (name,), expected, in_slice, summary)


WORLDS: Sequence[WorldEntry] = (
    _two_phase_commit(2, 56),
    _two_phase_commit(3, 288),
    _two_phase_commit(4, 1_568),
    _two_phase_commit(5, 8_832),
    _two_phase_commit(6, 50_816),
    _scene(
        "dvp",
        115_834,
        "An asset in a vault against money at a bank; parties sign when they want, or never.",
        in_slice=True,
    ),
    _scene("dvp-byzantine", 152_585, "The same, with a member that completes whatever quorum it likes.", in_slice=True),
    _scene("dvp-byzantine-cancels", 1_676_728, "The same, with cancels at any moment and a bank that refuses."),
    _scene("dvp-cancels", 523_538, "Parties withdraw before the match, after it, before the log knows, and too late."),
    _scene("dvp-refusals", 150_116, "Banks refuse for ever; a frozen vault refuses, and holds later."),
    _scene(
        "dvp-permission-lost",
        81_260,
        "Nobody can be paid out of the vault before the hold, the decision, or after it.",
        in_slice=True,
    ),
    _scene("dvp-lost", 116_916, "Holds are stolen at any moment."),
    _scene("dvp-lost-byzantine", 1_802_403, "A hold is stolen, and a member completes whatever quorum it likes."),
    _scene("dvp-halted", 1_637_917, "A court halts the bank's hold before the decision or after it, and lifts that."),
    _scene("dvp-stuck", 601_620, "Halts at the bank and a vault that cannot pay, lifted or redirected later."),
    _scene("dvp-consent", 54_772, "Payer and payee end holds together at any moment.", in_slice=True),
    _scene(
        "dvp-consent-byzantine",
        897_769,
        "The same with one hold, and a member that completes whatever quorum it likes.",
    ),
    _scene("dvp-reorg", 176_414, "The chain replaces blocks below finality, holds, deliveries and all.", in_slice=True),
    _scene("dvp-reorg-byzantine", 295_643, "The same, with a member that completes whatever quorum it likes."),
    _scene("dvp-crash", 395_729, "Members forget what they saw of holds and the log has not counted."),
    _scene(
        "dvp-unseen", 64_604, "The log is brought redacted terms, or a cancel with them; the clear ones late or never."
    ),
    _scene("dvp-delisted", 17_708, "The bank is struck off the registry, whatever it holds.", in_slice=True),
    _scene("dvp-contract-wallet", 1_238_750, "One payer is a contract: its own call is its consent."),
    _scene("dvp-own-call", 689_641, "Payers hold before anybody has signed; members' word brings it to the log."),
    _scene("dvp-own-call-unseen", 52_746, "The same, and the log is brought redacted terms.", in_slice=True),
    _scene("dvp-two-wallets", 278_392, "Both payers are contracts, in a vault that cannot pay for a while."),
    _scene("dvp-conditions", 1_032_383, "A condition on which honest members may differ."),
    _scene("dvp-conditions-byzantine", 1_711_559, "The same, with a member that completes whatever quorum it likes."),
    _scene("dvp-all-troubles", 1_834_084, "Theft, halt and consent of one hold, while the other cannot be paid out."),
    _scene("ring-of-three", 275_238, "Three parties on three ledgers, each paying the next."),
    _scene("netted-four-legs", 849_304, "Two legs on each of two ledgers."),
    _scene(
        "batches", 176_460, "Two settlements, decided in one block or apart, signed as one or alone.", in_slice=True
    ),
    _scene("batches-refused", 19_250, "The same, with refusals, so that a batch has both outcomes."),
    _scene("batches-halted", 232_540, "The same, while a court halts holds and lifts that."),
    _scene("one-lane", 112_270, "Two settlements of one payer on one lane, under a limit of one.", in_slice=True),
    _scene("one-lane-cancels", 51_161, "The same, with cancels at any moment."),
    _scene(
        "pivot-bank-last",
        74_656,
        "The asset is held, the bank pays last; cancels and refusals at any moment.",
        in_slice=True,
    ),
    _scene("pivot-bank-last-byzantine", 286_616, "The same, with a member that speaks whenever it wants."),
    _scene("pivot-bank-last-troubles", 138_664, "The bank pays last, while the hold is stolen, frozen or released."),
    _scene("pivot-bank-last-wallet", 26_692, "The bank pays last, and the asset is a contract's.", in_slice=True),
    _scene("pivot-bank-silent", 754_668, "The bank pays last, and falls silent for a while."),
    _scene("pivot-chain-last", 111_564, "The money is held, the chain executes last, and reorganises.", in_slice=True),
    _scene("pivot-chain-last-byzantine", 849_344, "The chain executes last, and a member speaks whenever it wants."),
    _scene(
        "pivot-chain-last-troubles", 148_492, "The chain executes last, while the hold is stolen, halted or released."
    ),
    _scene(
        "pivot-one-chain",
        12_473,
        "A swap on one chain in one step, with reorganisations and an eager liar.",
        in_slice=True,
    ),
    _scene("pivot-three-legs", 55_140, "Two holds on two ledgers, and a bank that pays the third leg last."),
    _scene("pivot-conditions", 12_616, "A bank that pays last, on a condition.", in_slice=True),
    _scene("pivot-delisted", 15_946, "The chain executes last, and the bank is struck off.", in_slice=True),
    _face("rotation", 2_525_524, "A committee hands over in mid-settlement; ledgers learn of it late."),
    _face("rotation-pivot-bank-last", 2_232_474, "The same while a bank is to pay last."),
    _face("rotation-pivot-one-chain", 317_708, "The same while one chain is to swap both legs."),
    _face("rotation-stolen-keys", 180_650, "The same, with the keys of the outgoing committee stolen.", in_slice=True),
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
