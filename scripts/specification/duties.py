"""What a settlement asks of the nodes in each state: found by asking the code about samples."""

from collections.abc import Iterable

from golden.world import VAULT_NAME, account_leg, instruction

from interlock.core.effects import Effect, outstanding
from interlock.core.invariants import GIVEN, TAKEN
from interlock.core.leg import LegState
from interlock.core.settlement import Settlement, State
from interlock.encoding.values import Uint64
from specification.samples import sample
from specification.sources import code, table

PLAIN = instruction()
"""A leg on chain and one at a bank; nothing is executed in one step."""
PIVOT = instruction("pivot", pivot=VAULT_NAME, pivot_window=Uint64(1), account_legs=(account_leg(),))
"""The leg on chain is the pivot's."""

ROWS: tuple[tuple[str, State, dict[str, bool]], ...] = (
    ("ALLEGED", State.ALLEGED, {}),
    ("PREPARING", State.PREPARING, {}),
    ("PIVOTING, the order not certified", State.PIVOTING, {}),
    ("PIVOTING, the order certified", State.PIVOTING, {"is_certified": True}),
    ("COMMITTED, not certified", State.COMMITTED, {}),
    ("COMMITTED, in a batch", State.COMMITTED, {"is_batched": True}),
    ("COMMITTED, certified", State.COMMITTED, {"is_certified": True}),
    ("ABORTED, not certified", State.ABORTED, {}),
    ("ABORTED, in a batch", State.ABORTED, {"is_batched": True}),
    ("ABORTED, certified, matched before", State.ABORTED, {"is_certified": True}),
    ("ABORTED, certified, never matched", State.ABORTED, {"is_certified": True, "is_matched": False}),
    ("SETTLED", State.SETTLED, {"is_certified": True}),
    ("UNWOUND", State.UNWOUND, {"is_certified": True}),
)
_IMPOSSIBLE = {State.COMMITTED: TAKEN, State.ABORTED: GIVEN}
"""Legs in these states would break I1 there."""
ON_CHAIN, AT_BANK = 0, 1


def duties() -> str:
    """Give, for every state, the effects of the whole and those of each leg by its own state."""
    rows = []
    for title, state, how in ROWS:
        if state is State.PIVOTING:
            whole, chain, bank = _asked([sample(state, terms=PIVOT, **how)])
            cells = (code(*whole), code(*(f"{name} (the pivot's first leg)" for name in chain)), code(*bank))
        else:
            cells = _by_leg_state(state, how)
        rows.append((title, *(cell or "nothing" for cell in cells)))
    header = ("state", "of the whole", "of a leg on chain", "of a leg at a bank")
    return table(header, rows)


def _by_leg_state(state: State, how: dict[str, bool]) -> tuple[str, str, str]:
    chain: dict[str, list[str]] = {}
    bank: dict[str, list[str]] = {}
    whole: list[str] = []
    for leg in LegState:
        if leg in _IMPOSSIBLE.get(state, frozenset()):
            continue
        whole, of_chain, of_bank = _asked([sample(state, leg, leg, terms=PLAIN, **how)])
        for found, effects in ((chain, of_chain), (bank, of_bank)):
            for name in effects:
                found.setdefault(name, []).append(leg.name)
    return code(*whole), _told(chain), _told(bank)


def _asked(settlements: Iterable[Settlement]) -> tuple[list[str], list[str], list[str]]:
    """Give the names of the effects: of the whole, of the leg on chain, of the leg at the bank."""
    effects: list[Effect] = [each for known in settlements for each in outstanding(known)]
    by_leg = {leg: [type(each).__name__ for each in effects if getattr(each, "leg", None) == leg] for leg in (0, 1)}
    whole = [type(each).__name__ for each in effects if not hasattr(each, "leg")]
    return whole, by_leg[ON_CHAIN], by_leg[AT_BANK]


def _told(found: dict[str, list[str]]) -> str:
    return "; ".join(f"{code(name)} while {code(*states)}" for name, states in found.items())
