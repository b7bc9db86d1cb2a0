"""The scenes that ship: deals of each kind, and the troubles that each kind has to survive.

In all of them results are unknown for a while, holds come late or for what the log never saw, and whatever is public is
brought late, twice, by strangers or never; the troubles are what comes on top.
"""

from collections.abc import Callable
from dataclasses import replace

from interlock.core.instruction import Instruction
from interlock.encoding.values import Uint64, UnixSeconds
from interlock.explorer.cast import (
    ALICE,
    BOB,
    CAROL,
    LATE_S,
    OPEN_S,
    OTHER_BANK,
    OTHER_TOKEN,
    PIVOT_WINDOW_S,
    VAULT_NAME,
    WIRE_BANK,
    account_leg,
    instruction,
    onchain_leg,
    registry,
    word,
)
from interlock.explorer.play import Play
from interlock.explorer.scene import Scene, Trouble

_LATE = (LATE_S,)
_WINDOW = Uint64(PIVOT_WINDOW_S)
_ASSET, _MONEY = onchain_leg(ALICE, BOB), account_leg(BOB, ALICE)

DVP = instruction(_ASSET, _MONEY)
"""An asset in the vault against money at a bank."""
DVP_FROM = instruction(_ASSET, _MONEY, settle_from=UnixSeconds(Uint64(OPEN_S)))
"""The same, not before a moment."""
DVP_IF = instruction(_ASSET, _MONEY, conditions=word(5))
"""The same, on a condition."""
RING = instruction(_ASSET, account_leg(BOB, CAROL), account_leg(CAROL, ALICE, ledger=OTHER_BANK))
"""Three parties, each paying the next, on three ledgers."""
NETTED = instruction(
    _ASSET,
    onchain_leg(BOB, ALICE, token=OTHER_TOKEN),
    account_leg(BOB, ALICE),
    account_leg(ALICE, BOB),
)
"""Two legs on each of two ledgers."""
TWO_ASSETS = instruction(_ASSET, onchain_leg(BOB, ALICE, token=OTHER_TOKEN))
"""An asset against another one in the same vault."""
BANK_LAST = instruction(_ASSET, account_leg(BOB, ALICE, ledger=WIRE_BANK), pivot=WIRE_BANK, pivot_window=_WINDOW)
"""The asset is held, and the bank pays in one step."""
BANK_LAST_FROM = instruction(
    _ASSET,
    account_leg(BOB, ALICE, ledger=WIRE_BANK),
    pivot=WIRE_BANK,
    pivot_window=_WINDOW,
    settle_from=UnixSeconds(Uint64(OPEN_S)),
)
"""The same, not before a moment."""
BANK_LAST_IF = replace(BANK_LAST, conditions=word(5))
"""The same, on a condition."""
CHAIN_LAST = instruction(_ASSET, _MONEY, pivot=VAULT_NAME, pivot_window=_WINDOW)
"""The money is held, and the chain moves the asset in one step."""
ONE_CHAIN = instruction(_ASSET, onchain_leg(BOB, ALICE, token=OTHER_TOKEN), pivot=VAULT_NAME, pivot_window=_WINDOW)
"""A swap on one chain, in one step; nothing is held."""
THREE_LEGS = instruction(
    _ASSET,
    account_leg(BOB, CAROL),
    account_leg(CAROL, ALICE, ledger=WIRE_BANK),
    pivot=WIRE_BANK,
    pivot_window=_WINDOW,
)
"""Two legs are held on two ledgers, and a bank pays the third last."""


def _payment(salt: int, payer: bytes) -> Instruction:
    return instruction(account_leg(payer, ALICE), salt=salt)  # type: ignore[arg-type]


def _lane(generation: int) -> Instruction:
    return instruction(onchain_leg(ALICE, BOB, generation=generation), salt=generation)


def _scene(*deals: Instruction, troubles: Trouble = Trouble.NONE, **more: object) -> Scene:
    """Give a scene in which nothing is due but `prepareBy`, unless it says otherwise."""
    return Scene(deals, troubles, **{"phases": _LATE, **more})  # type: ignore[arg-type]


_T = Trouble
_PIVOT_TROUBLES = _T.CANCEL | _T.REFUSAL | _T.THEFT | _T.HALT | _T.FREEZE | _T.RELEASE
"""All that may come over a hold or a party while the pivot has the order."""

SCENES: dict[str, Callable[[], Scene]] = {
    "dvp": lambda: Scene((DVP_FROM,), is_signed=False),
    "dvp-byzantine": lambda: _scene(DVP, troubles=_T.LIAR),
    "dvp-byzantine-cancels": lambda: _scene(DVP, troubles=_T.LIAR | _T.CANCEL | _T.REFUSAL, is_signed=False),
    "dvp-cancels": lambda: _scene(DVP, troubles=_T.CANCEL, is_signed=False),
    "dvp-refusals": lambda: _scene(DVP, troubles=_T.REFUSAL | _T.FREEZE, is_coarse=True),
    "dvp-permission-lost": lambda: _scene(DVP, troubles=_T.FREEZE, is_coarse=True),
    "dvp-lost": lambda: _scene(DVP, troubles=_T.THEFT, is_coarse=True),
    "dvp-lost-byzantine": lambda: _scene(DVP, troubles=_T.THEFT | _T.LIAR, hit=(0,)),
    "dvp-halted": lambda: _scene(DVP, troubles=_T.HALT),
    "dvp-stuck": lambda: _scene(DVP, troubles=_T.HALT | _T.FREEZE, is_coarse=True),
    "dvp-consent": lambda: _scene(DVP, troubles=_T.RELEASE, is_coarse=True),
    "dvp-consent-byzantine": lambda: _scene(DVP, troubles=_T.RELEASE | _T.LIAR, hit=(1,)),
    "dvp-reorg": lambda: _scene(DVP, troubles=_T.REORG),
    "dvp-reorg-byzantine": lambda: _scene(DVP, troubles=_T.REORG | _T.LIAR),
    "dvp-crash": lambda: _scene(DVP, troubles=_T.CRASH),
    "dvp-unseen": lambda: _scene(DVP, troubles=_T.REDACTION | _T.CANCEL, is_signed=False, is_coarse=True),
    "dvp-delisted": lambda: _scene(DVP, troubles=_T.DELISTING, is_coarse=True),
    "dvp-contract-wallet": lambda: _scene(DVP, troubles=_T.OWN_CALL, wallets=(ALICE,), is_signed=False),
    "dvp-own-call": lambda: _scene(DVP, troubles=_T.OWN_CALL, is_signed=False),
    "dvp-two-wallets": lambda: _scene(
        TWO_ASSETS, troubles=_T.OWN_CALL | _T.FREEZE, wallets=(ALICE, BOB), is_signed=False, is_coarse=True
    ),
    "dvp-own-call-unseen": lambda: _scene(DVP, troubles=_T.OWN_CALL | _T.REDACTION, is_signed=False, is_coarse=True),
    "dvp-conditions": lambda: _scene(DVP_IF),
    "dvp-conditions-byzantine": lambda: _scene(DVP_IF, troubles=_T.LIAR),
    "dvp-all-troubles": lambda: _scene(
        DVP, troubles=_T.THEFT | _T.HALT | _T.RELEASE | _T.FREEZE, hit=(1,), is_coarse=True
    ),
    "ring-of-three": lambda: _scene(RING, is_coarse=True),
    "netted-four-legs": lambda: _scene(NETTED, is_coarse=True, log_bits=14),
    "batches": lambda: _scene(_payment(1, BOB), _payment(2, CAROL), registry=registry(batch_min=2)),
    "batches-refused": lambda: _scene(
        _payment(1, BOB), _payment(2, CAROL), troubles=_T.REFUSAL, registry=registry(batch_min=2), is_coarse=True
    ),
    "batches-halted": lambda: _scene(
        _payment(1, BOB),
        _payment(2, CAROL),
        troubles=_T.HALT,
        registry=registry(batch_min=2),
        is_coarse=True,
        book_bits=9,
    ),
    "one-lane-cancels": lambda: _scene(
        _lane(1), _lane(2), troubles=_T.CANCEL, registry=registry(open_max=1), is_coarse=True, is_signed=False
    ),
    "one-lane": lambda: _scene(_lane(1), _lane(2), registry=registry(open_max=1)),
    "pivot-bank-last": lambda: Scene((BANK_LAST_FROM,), _T.REFUSAL | _T.CANCEL, is_signed=False),
    "pivot-bank-last-byzantine": lambda: _scene(BANK_LAST, troubles=_T.EAGER_LIAR | _T.CANCEL | _T.REFUSAL),
    "pivot-bank-last-troubles": lambda: _scene(BANK_LAST, troubles=_PIVOT_TROUBLES, is_coarse=True),
    "pivot-bank-last-wallet": lambda: _scene(BANK_LAST, troubles=_T.OWN_CALL, wallets=(ALICE,), is_signed=False),
    "pivot-bank-silent": lambda: _scene(BANK_LAST, troubles=_T.SILENCE | _T.LIAR | _T.CANCEL | _T.REFUSAL | _T.THEFT),
    "pivot-chain-last": lambda: _scene(CHAIN_LAST, troubles=_T.REFUSAL | _T.CANCEL | _T.REORG, is_signed=False),
    "pivot-chain-last-byzantine": lambda: _scene(CHAIN_LAST, troubles=_T.EAGER_LIAR | _T.CANCEL | _T.REFUSAL),
    "pivot-chain-last-troubles": lambda: _scene(CHAIN_LAST, troubles=_PIVOT_TROUBLES, is_coarse=True),
    "pivot-chain-last-wallet": lambda: _scene(
        CHAIN_LAST, troubles=_T.OWN_CALL | _T.CANCEL, wallets=(ALICE,), is_signed=False
    ),
    "pivot-one-chain": lambda: _scene(ONE_CHAIN, troubles=_T.EAGER_LIAR | _T.CANCEL | _T.REORG, is_signed=False),
    "pivot-conditions": lambda: _scene(BANK_LAST_IF, troubles=_T.CANCEL | _T.REFUSAL, is_signed=False, is_coarse=True),
    "pivot-delisted": lambda: _scene(CHAIN_LAST, troubles=_T.DELISTING | _T.CANCEL, is_signed=False, is_coarse=True),
    "pivot-three-legs": lambda: _scene(THREE_LEGS, troubles=_T.REFUSAL, is_coarse=True),
}
"""The scenes by the names of their worlds; each made only when it is played."""


def play(name: str) -> Play:
    """Make the world of a scene."""
    return Play(name, SCENES[name]())
