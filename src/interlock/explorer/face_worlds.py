"""The plots with two faces of a log, and with two committees: `plot(name)` makes the world of that name."""

from interlock.core.instruction import Instruction
from interlock.encoding.values import Uint64, UnixSeconds
from interlock.explorer.cast import (
    ALICE,
    BOB,
    LATE_S,
    OPEN_S,
    OTHER_TOKEN,
    PIVOT_WINDOW_S,
    VAULT_NAME,
    WIRE_BANK,
    account_leg,
    instruction,
    onchain_leg,
)
from interlock.explorer.faces import Faces, Plot

_TOKEN_LEG, _MONEY_LEG = onchain_leg(ALICE, BOB), account_leg(BOB, ALICE)
_DVP = instruction(_TOKEN_LEG, _MONEY_LEG)
_LATE = (LATE_S,)
"""Time enough for what does not care when the settlement may begin."""


def _pivot(*legs: object, pivot: str, settle_from: int) -> Instruction:
    """Give terms with a pivot; where they cannot be decided before `OPEN_S`, there is one order that can go out."""
    return instruction(
        *legs,  # type: ignore[arg-type]  # legs of either kind
        pivot=pivot,
        pivot_window=Uint64(PIVOT_WINDOW_S),
        settle_from=UnixSeconds(Uint64(settle_from)),
    )


def _bank_last(settle_from: int = 0) -> Instruction:
    return _pivot(_TOKEN_LEG, account_leg(BOB, ALICE, ledger=WIRE_BANK), pivot=WIRE_BANK, settle_from=settle_from)


def _chain_last(settle_from: int = 0) -> Instruction:
    return _pivot(_TOKEN_LEG, _MONEY_LEG, pivot=VAULT_NAME, settle_from=settle_from)


def _one_chain(settle_from: int = 0) -> Instruction:
    swap = onchain_leg(BOB, ALICE, lane=2, token=OTHER_TOKEN)
    return _pivot(_TOKEN_LEG, swap, pivot=VAULT_NAME, settle_from=settle_from)


def _rotates(terms: Instruction, **changes: object) -> Plot:
    plot = Plot(terms, faces=1, has_rotation=True, checks_liveness=True, phases=(OPEN_S, LATE_S), memory_bits=14)
    return _changed(plot, **changes)


def _changed(plot: Plot, **changes: object) -> Plot:
    values = {name: getattr(plot, name) for name in Plot.__slots__} | changes
    return Plot(**values)


PLOTS: dict[str, Plot] = {
    "rotation": _rotates(_DVP, phases=_LATE),
    "rotation-stolen-keys": _rotates(_one_chain(), phases=_LATE, has_stolen_keys=True),
    "rotation-pivot-bank-last": _rotates(_bank_last(OPEN_S)),
    "rotation-pivot-chain-last": _rotates(_chain_last(OPEN_S)),
    "rotation-pivot-one-chain": _rotates(_one_chain(OPEN_S)),
    "two-logs": Plot(_DVP, phases=_LATE),
    "two-logs-pivot-bank-last": Plot(_bank_last()),
    "two-logs-pivot-chain-last": Plot(_chain_last()),
    "two-logs-pivot-one-chain": Plot(_one_chain()),
    "two-logs-rotation": Plot(_one_chain(), has_rotation=True, phases=_LATE, memory_bits=15),
}
"""What each world of this family is made of."""


def plot(name: str) -> Faces:
    """Make a world."""
    return Faces(name, PLOTS[name])
