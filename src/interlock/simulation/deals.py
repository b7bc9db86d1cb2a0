"""What parties want of each other: terms of every shape that the protocol knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from interlock.core.instruction import (
    AccountLeg,
    AccountTerms,
    Instruction,
    OnchainLeg,
    SettlementId,
    settlement_id,
)
from interlock.core.limits import GENERATION_BITS
from interlock.encoding.values import (
    ZERO_BYTES32,
    Address,
    Bytes32,
    MinorUnits,
    Uint64,
    Uint256,
    UnixSeconds,
)
from interlock.simulation.dice import Dice
from interlock.simulation.houses import BANK, CHAIN, CHAIN_ID, TOKENS, USD, VAULT_ADDRESS, WIRE, account_of

PREPARE_WITHIN_S = (20, 60)
"""From the first thought of a deal to its `prepareBy`, at least and at most."""
SETTLE_AFTER_MAX_S = 6
"""From there to `settleFrom`, at most."""
PIVOT_WINDOW_S = (8, 30)
AMOUNT_MAX = 1_000_000
CONDITION_SHARE = 0.15
"""Share of deals that depend on a condition."""


class Shape(Enum):
    """Which legs, and which of their ledgers is the pivot."""

    HOLDS = auto()
    """A token against money, both held."""
    BANK_PAYS_LAST = auto()
    """A token, held, against a plain payment."""
    CHAIN_EXECUTES_LAST = auto()
    """Money, held, against a token that moves in one transaction."""
    ONE_CHAIN = auto()
    """Two tokens, swapped in one transaction."""
    RING = auto()
    """Three parties, two tokens and money round the circle."""


SHAPES = (
    *[Shape.HOLDS] * 4,
    *[Shape.BANK_PAYS_LAST] * 2,
    *[Shape.CHAIN_EXECUTES_LAST] * 2,
    Shape.ONE_CHAIN,
    Shape.RING,
)
"""As often as they stand here."""


class Course(Enum):
    """What the parties of a deal do."""

    TOGETHER = auto()
    """One brings all signatures."""
    ONE_BY_ONE = auto()
    """Each brings its own."""
    ONE_SIDED = auto()
    """One signs, the others never do."""
    ONE_WITHDRAWS = auto()
    """One signs and withdraws."""
    ALL_WITHDRAW = auto()
    """All sign and all withdraw, at a bad moment."""
    HOLD_FIRST = auto()
    """A hold is made before the log hears of the deal, if it ever hears in time."""
    TREACHERY = auto()
    """All sign before every node, and withdraw before one: a log with two faces is told two stories."""


USUAL_COURSES = (
    *[Course.TOGETHER] * 13,
    *[Course.ONE_BY_ONE] * 3,
    Course.ONE_SIDED,
    Course.ONE_WITHDRAWS,
    *[Course.ALL_WITHDRAW] * 2,
    Course.HOLD_FIRST,
)
"""What parties do, as often as they stand here."""
TREACHEROUS_COURSES = (Course.TOGETHER, Course.TREACHERY, Course.TREACHERY)
"""What parties do who are in league with a lying log."""


@dataclass(frozen=True, slots=True)
class Deal:
    """One settlement that somebody wants."""

    number: int
    id: SettlementId
    terms: Instruction
    course: Course
    begins_s: float
    """Virtual time at which its parties begin."""


class Market:
    """Whoever thinks of deals."""

    def __init__(self, network_id: Bytes32, parties: Sequence[Address], courses: Sequence[Course]) -> None:
        """Let these parties deal, at least three."""
        self._network_id = network_id
        self._parties = parties
        self._courses = courses

    def deal(self, number: int, begins_s: float, now: int, dice: Dice) -> Deal:
        """Think of a deal; `now` is the unix time at which it begins."""
        terms = self._terms(number, now, dice)
        return Deal(number, settlement_id(self._network_id, terms), terms, dice.choice(self._courses), begins_s)

    def _terms(self, number: int, now: int, dice: Dice) -> Instruction:
        seller, buyer, third = dice.sample(range(len(self._parties)), 3)
        shape = dice.choice(SHAPES)
        prepare_by = now + dice.whole(*PREPARE_WITHIN_S)
        token, other_token = (
            self._onchain(number, place, payer, payee, dice)
            for place, payer, payee in ((0, seller, buyer), (1, third if shape is Shape.RING else buyer, seller))
        )
        money = self._account(buyer, third if shape is Shape.RING else seller, BANK, dice)
        tokens: tuple[OnchainLeg, ...]
        moneys: tuple[AccountLeg, ...]
        match shape:
            case Shape.HOLDS:
                tokens, moneys, pivot = (token,), (money,), ""
            case Shape.BANK_PAYS_LAST:
                tokens, moneys, pivot = (token,), (self._account(buyer, seller, WIRE, dice),), WIRE
            case Shape.CHAIN_EXECUTES_LAST:
                tokens, moneys, pivot = (token,), (money,), CHAIN
            case Shape.ONE_CHAIN:
                tokens, moneys, pivot = (token, other_token), (), CHAIN
            case Shape.RING:
                tokens, moneys, pivot = (token, other_token), (money,), ""
        has_condition = dice.chance(CONDITION_SHARE)
        return Instruction(
            memo=f"deal {number}",
            onchain_legs=tokens,
            account_legs=moneys,
            pivot=pivot,
            conditions=Bytes32(dice.bytes(32)) if has_condition else ZERO_BYTES32,
            settle_from=UnixSeconds(Uint64(now + dice.below(SETTLE_AFTER_MAX_S) if dice.chance(0.2) else 0)),
            prepare_by=UnixSeconds(Uint64(prepare_by)),
            pivot_window=Uint64(dice.whole(*PIVOT_WINDOW_S) if pivot else 0),
            nonce=Bytes32(number.to_bytes(32, "big")),
        )

    def _onchain(self, number: int, place: int, payer: int, payee: int, dice: Dice) -> OnchainLeg:
        return OnchainLeg(
            chain_id=Uint256(CHAIN_ID),
            vault=VAULT_ADDRESS,
            token=TOKENS[place],
            amount=MinorUnits(Uint256(1 + dice.below(AMOUNT_MAX))),
            payer=self._parties[payer],
            payee=self._parties[payee],
            nonce=Uint256((2 * number + place + 1) << GENERATION_BITS | 1),
        )

    def _account(self, payer: int, payee: int, ledger: str, dice: Dice) -> AccountLeg:
        terms = AccountTerms(
            ledger=ledger,
            asset=USD,
            amount=MinorUnits(Uint256(1 + dice.below(AMOUNT_MAX))),
            payer=account_of(payer),
            payee=account_of(payee),
            blind=Bytes32(dice.bytes(32)),
        )
        return AccountLeg(self._parties[payer], terms)
