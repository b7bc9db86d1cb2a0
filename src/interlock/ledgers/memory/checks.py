"""What stands in the way of a hold or an order, as the accounts are now; in the order in which it is checked.

A bank that finds something says no for good. A chain reverts, and only what can never be mended is a reason to give up.

Source: specification 6 (vault, B13) and 7 (D6).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from interlock.core.instruction import OnchainLeg, SettlementId
from interlock.encoding.values import Address
from interlock.ledgers.memory.accounts import Accounts
from interlock.ledgers.memory.page import Page, Status
from interlock.ledgers.memory.rules import Kind, Obstacle
from interlock.ledgers.memory.table import Table
from interlock.ledgers.memory.transfer import OwnLeg, Place, transfer_of

Finding = tuple[Obstacle, str]
"""What is in the way, and in words what it is."""

FREE: Finding = (Obstacle.NONE, "")
_OCCUPYING = frozenset({Status.HELD, Status.ENTITLED})


@dataclass(frozen=True, slots=True)
class LaneUse:
    """The newest leg in a payer's lane."""

    generation: int
    at: Place


@dataclass(slots=True)
class Lanes:
    """A vault's lanes: one leg at a time in each, with rising generation."""

    uses: Table[tuple[Address, int], LaneUse] = field(default_factory=Table)

    def take(self, leg: OnchainLeg, at: Place) -> None:
        """Let a hold occupy its lane."""
        self.uses.put((leg.payer, leg.lane), LaneUse(leg.generation, at))

    def is_spent(self, leg: OnchainLeg, at: Place) -> bool:
        """Tell whether another leg used the lane with this generation or a later one, so that this one never can."""
        use = self.uses.get((leg.payer, leg.lane))
        return use is not None and use.at != at and use.generation >= leg.generation

    def is_taken(self, leg: OnchainLeg, at: Place, pages: Table[SettlementId, Page]) -> bool:
        """Tell whether another leg's hold stands in the lane."""
        use = self.uses.get((leg.payer, leg.lane))
        if use is None or use.at == at:
            return False
        page = pages.get(use.at.settlement)
        return page is not None and page.leg(use.at.leg).status in _OCCUPYING


def party_finding(accounts: Accounts, kind: Kind, own: OwnLeg) -> Finding:
    """Say what is wrong with the accounts of a leg, whatever they have."""
    transfer = transfer_of(own.body)
    if accounts.issued.get(transfer.asset) is None:
        return Obstacle.LASTING, f"it knows no asset {transfer.asset}"
    if not kind.is_vault and own.signer not in accounts.mandates.get(transfer.payer, frozenset()):
        return Obstacle.LASTING, f"the key that signed has no mandate over {transfer.payer}"
    if not kind.is_vault and not accounts.is_open(transfer.payee):
        return Obstacle.LASTING, f"it has no account {transfer.payee}"
    if transfer.payee in accounts.frozen:
        return Obstacle.LASTING, f"{transfer.payee} is frozen"
    if transfer.payer in accounts.frozen:
        return Obstacle.PASSING, f"{transfer.payer} is frozen"
    return FREE


def hold_finding(
    accounts: Accounts, kind: Kind, lanes: Lanes, pages: Table[SettlementId, Page], own: OwnLeg, at: Place
) -> Finding:
    """Say what is in the way of a hold."""
    finding = party_finding(accounts, kind, own)
    if finding[0] is Obstacle.LASTING:
        return finding
    if isinstance(own.body, OnchainLeg) and lanes.is_spent(own.body, at):
        return Obstacle.LASTING, f"another leg used lane {own.body.lane} up to this generation"
    if finding is not FREE:
        return finding
    if isinstance(own.body, OnchainLeg) and lanes.is_taken(own.body, at, pages):
        return Obstacle.PASSING, f"another leg's hold stands in lane {own.body.lane}"
    return FREE if accounts.can_move([transfer_of(own.body)]) else _short(own)


def is_payable_both_ways(accounts: Accounts, lanes: Lanes, page: Page, own: OwnLeg, at: Place) -> bool:
    """Tell whether a vault could pay a leg's amount out, to the payee and, once it is held, to the payer.

    Also not where it can never be held, since another leg has used up its lane.
    """
    transfer = transfer_of(own.body)
    if transfer.payee in accounts.frozen:
        return False
    if page.leg(at.leg).status is Status.HELD:
        return transfer.payer not in accounts.frozen
    return not (isinstance(own.body, OnchainLeg) and lanes.is_spent(own.body, at))


def order_finding(accounts: Accounts, kind: Kind, legs: Iterable[OwnLeg]) -> Finding:
    """Say what is in the way of moving all of the pivot's legs at once."""
    own = tuple(legs)
    findings = [party_finding(accounts, kind, each) for each in own]
    worst = max(findings, key=lambda each: each[0], default=FREE)
    if worst[0] is not Obstacle.NONE or accounts.can_move(transfer_of(each.body) for each in own):
        return worst
    return _short(own[0])


def _short(own: OwnLeg) -> Finding:
    return Obstacle.PASSING, f"{transfer_of(own.body).payer} has not the amount"
