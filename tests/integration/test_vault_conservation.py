"""Whatever anyone does in whatever order, the vault has exactly what it owes, and every leg moves at most once."""

from dataclasses import replace
from functools import cache

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from vault_deals import (
    ABORT,
    ALICE,
    BOB,
    CAROL,
    COMMIT,
    ENTITLED_PAYEE,
    ENTITLED_PAYER,
    HELD,
    AccountLeg,
    Deal,
    Leg,
    certificate,
)
from vault_world import Contract, Reverted, World, fund, new_world

FUNDS = 10_000
NONE, FALSE, LIE, EXIT_FEE, REFUND = 0, 2, 3, 11, 12


@cache
def begun() -> tuple[World, Contract, int]:
    """Give one chain for all examples, and the snapshot that each begins from."""
    world = new_world()
    token = world.deploy("HostileToken")
    fund(world, token, ALICE, CAROL, amount=FUNDS)
    return world, token, world.tester.take_snapshot()


class AnyOrder(RuleBasedStateMachine):
    """Eight deals over two payers, two lanes and two generations; parties, relayers and liars act in any order."""

    @initialize()
    def begin(self) -> None:
        """Go back to the funded chain."""
        self.world, self.token, snapshot = begun()
        self.world.tester.revert_to_snapshot(snapshot)
        leg = Leg(self.world.vault.address, self.token.address)
        self.deals = [
            Deal(
                (
                    replace(leg, lane=number % 2, generation=1 + number // 4, amount=100 + number),
                    replace(leg, payer=CAROL.address, lane=number % 2, generation=1 + number // 4, amount=300 + number),
                ),
                (AccountLeg(),),
                memo=f"deal {number}",
            )
            for number in range(8)
        ]
        self.amounts = {
            self.world.view(self.world.vault, "commitmentOf", deal.id, index, leg.terms): leg.amount
            for deal in self.deals
            for index, leg in enumerate(deal.legs)
        }
        self.moved: dict[tuple[int, int], str] = {}

    def attempt(self, name: str, *values: object) -> None:
        """Send a transaction that may fail, and note what moved."""
        try:
            receipt = self.world.transact(self.world.vault, name, *values)
        except Reverted:
            return
        for event in receipt.events:
            if event.name in {"Delivered", "Returned"}:
                number = next(i for i, deal in enumerate(self.deals) if deal.id == event.values["settlement"])
                key = (number, event.values["leg"])
                assert key not in self.moved, "a leg moved twice"
                self.moved[key] = event.name

    @rule(number=st.integers(0, 7), leg=st.integers(0, 1))
    def prepare(self, number: int, leg: int) -> None:
        """Anyone brings the signatures of a deal."""
        deal = self.deals[number]
        self.attempt("prepare", deal.redacted, leg, deal.signed_by(ALICE, CAROL, BOB))

    @rule(
        number=st.integers(0, 7), outcome=st.sampled_from([COMMIT, ABORT]), only=st.sampled_from([(0,), (1,), (0, 1)])
    )
    def settle(self, number: int, outcome: int, only: tuple[int, ...]) -> None:
        """Anyone brings a certificate, also one that contradicts an earlier one."""
        deal = self.deals[number]
        self.attempt("settle", deal.id, outcome, certificate(deal.id, outcome), deal.calls(*only))

    @rule(number=st.integers(0, 7), leg=st.integers(0, 1))
    def withdraw(self, number: int, leg: int) -> None:
        """Anyone tries to finish a leg."""
        deal = self.deals[number]
        self.attempt("withdraw", deal.id, leg, deal.legs[leg].terms)

    @rule(number=st.integers(0, 7))
    def tombstone(self, number: int) -> None:
        """Anyone closes Alice's leg with her signature and ABORT."""
        deal = self.deals[number]
        signature = deal.signed_by(ALICE)[0]
        self.attempt("tombstone", deal.redacted, 0, signature, certificate(deal.id, ABORT))

    @rule(number=st.integers(0, 7), leg=st.integers(0, 1))
    def exit_check(self, number: int, leg: int) -> None:
        """Anyone sends the exit check as a transaction."""
        deal = self.deals[number]
        self.attempt("exitCheck", deal.id, leg, deal.legs[leg].terms)

    @rule(prank=st.sampled_from([NONE, NONE, FALSE, LIE, EXIT_FEE, REFUND]))
    def moods(self, prank: int) -> None:
        """Let the token begin or stop refusing, or taking another amount than it is told."""
        self.world.transact(self.token, "play", prank, self.token.address, b"")

    @invariant()
    def the_vault_has_what_it_owes(self) -> None:
        """Check that the vault has the sum of its live legs, and that no unit was made or lost."""
        owed = 0
        for payer in (ALICE, CAROL):
            for lane in range(2):
                commitment, _, status = self.world.view(self.world.vault, "holdOf", payer.address, lane)
                if status in {HELD, ENTITLED_PAYEE, ENTITLED_PAYER}:
                    owed += self.amounts[commitment]
        assert self.world.balance(self.world.vault.address, self.token) == owed
        accounts = (ALICE.address, BOB.address, CAROL.address, self.world.vault.address)
        assert sum(self.world.balance(account, self.token) for account in accounts) == 2 * FUNDS


AnyOrder.TestCase.settings = settings(
    max_examples=8,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestAnyOrder = AnyOrder.TestCase
