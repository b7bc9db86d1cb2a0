"""Tokens that lie, take fees, reenter or explode are refused when they are to be held, and harm nobody afterwards."""

from dataclasses import replace

import pytest
from vault_deals import (
    ABORT,
    ALICE,
    BOB,
    CAROL,
    COMMIT,
    DELIVERED,
    EMPTY,
    ENTITLED_PAYEE,
    HELD,
    STRANGER,
    Deal,
    Leg,
    certificate,
)
from vault_world import Contract, Reverted, World, fund, new_world

NONE, FEE, FALSE, LIE, BONUS, BURN_GAS, BOMB, CALL, TRY, NONSENSE, HUNGRY, EXIT_FEE, REFUND, BLIND = range(14)


@pytest.fixture
def world() -> World:
    """Begin a fresh chain."""
    return new_world()


@pytest.fixture
def token(world: World) -> Contract:
    """Give a token that behaves until it is told to play."""
    token = world.deploy("HostileToken")
    fund(world, token, ALICE, CAROL)
    return token


@pytest.fixture
def deal(world: World, token: Contract) -> Deal:
    """Alice's hostile tokens against dollars."""
    return Deal((Leg(world.vault.address, token.address),))


def play(world: World, token: Contract, prank: int, target: str = STRANGER.address, payload: bytes = b"") -> None:
    """From now on the token does this in every transfer."""
    world.transact(token, "play", prank, target, payload)


def refusal(world: World, deal: Deal) -> Reverted:
    """Hold, and give the reason in the vault's refusal."""
    with pytest.raises(Reverted) as caught:
        world.hold(deal)
    assert caught.value.name == "PullRefused"
    return world.decode_error(caught.value.values[3])


@pytest.mark.parametrize(("prank", "arrives"), [(FEE, 999), (LIE, 0), (BONUS, 1_001)])
def test_a_token_that_moves_another_amount_is_refused(
    world: World, token: Contract, deal: Deal, prank: int, arrives: int
) -> None:
    """The vault's balance must rise by exactly the amount: no fee, no rebase in the call, no lie."""
    fund(world, token, CAROL)
    other = replace(deal, legs=(replace(deal.legs[0], payer=CAROL.address, amount=5),))
    world.hold(other, CAROL, BOB)
    play(world, token, prank)
    reason = refusal(world, deal)
    assert (reason.name, reason.values) == ("TokenMoved", (token.address.lower(), 1_000, 5, 5 + arrives))
    assert world.status(deal.legs[0]) == EMPTY
    assert world.balance(world.vault.address, token) == 5


@pytest.mark.parametrize("prank", [FALSE, NONSENSE])
def test_a_token_that_does_not_answer_true_is_refused(world: World, token: Contract, deal: Deal, prank: int) -> None:
    """False is no, and so is 2; the amount goes back with the call."""
    play(world, token, prank)
    assert refusal(world, deal).name == "TokenReturnedFalse"
    assert world.balance(world.vault.address, token) == 0


def test_an_address_without_code_is_no_token(world: World, deal: Deal) -> None:
    """A call to nothing succeeds on this machine, and must not count."""
    assert refusal(world, replace(deal, legs=(replace(deal.legs[0], token=CAROL.address),))).name == "TokenMissing"


def test_a_contract_that_tells_no_balance_is_no_token(world: World, deal: Deal) -> None:
    """Not even the vault itself can be the token."""
    legs = (replace(deal.legs[0], token=world.vault.address),)
    assert refusal(world, replace(deal, legs=legs)).name == "TokenMissing"


def test_a_long_reason_is_cut(world: World, token: Contract, deal: Deal) -> None:
    """A hundred kilobytes of reason cost their sender; the vault keeps 256 bytes."""
    play(world, token, BOMB)
    with pytest.raises(Reverted) as caught:
        world.hold(deal)
    assert len(caught.value.values[3]) == 256


def test_success_a_token_that_answers_nothing_settles(world: World) -> None:
    """Old tokens return no value at all; the balance tells."""
    token = world.deploy("SilentToken")
    world.transact(token, "mint", ALICE.address, 1_000)
    for generation, outcome, owner in ((1, ABORT, ALICE), (2, COMMIT, BOB)):
        deal = Deal((Leg(world.vault.address, token.address, generation=generation),))
        world.hold(deal)
        world.settle(deal, outcome)
        assert world.balance(owner.address, token) == 1_000


@pytest.mark.parametrize("command", ["prepare", "settle", "withdraw", "tombstone", "exitCheck"])
@pytest.mark.parametrize("when", ["pull", "push"])
def test_no_command_can_be_called_back_from_inside_a_token(
    world: World, token: Contract, deal: Deal, command: str, when: str
) -> None:
    """While the vault calls a token, all its commands are closed; the call that the token disturbed goes on."""
    inner = replace(deal, memo="inner", legs=(replace(deal.legs[0], payer=CAROL.address),))
    aborted = certificate(inner.id, ABORT)
    values = {
        "prepare": (inner.redacted, 0, inner.signed_by(CAROL, BOB)),
        "settle": (inner.id, ABORT, aborted, inner.calls()),
        "withdraw": (inner.id, 0, inner.legs[0].terms),
        "tombstone": (inner.redacted, 0, inner.signed_by(CAROL)[0], aborted),
        "exitCheck": (inner.id, 0, inner.legs[0].terms),
    }[command]
    if when == "push":
        world.hold(deal)
    if command in {"settle", "withdraw"}:
        world.hold(inner, CAROL, BOB)
    play(world, token, TRY, world.vault.address, world.vault.call_data(command, *values))
    status = world.status(inner.legs[0])
    if when == "pull":
        world.hold(deal)
    else:
        world.settle(deal, COMMIT)
    assert world.view(token, "entered") == 0
    assert world.decode_error(world.view(token, "answer")).name == "ReentrancyGuardReentrantCall"
    assert world.status(inner.legs[0]) == status
    assert world.status(deal.legs[0]) == (HELD if when == "pull" else DELIVERED)


def test_one_arrival_is_not_counted_for_two_holds(world: World, token: Contract, deal: Deal) -> None:
    """A pull inside a pull would let both measure one amount; the inner one is refused, and here the outer with it."""
    again = replace(deal, memo="again", legs=(replace(deal.legs[0], lane=1),))
    prepare = world.vault.call_data("prepare", again.redacted, 0, again.signed_by(ALICE, BOB))
    play(world, token, CALL, world.vault.address, prepare)
    assert refusal(world, deal).name == "ReentrancyGuardReentrantCall"
    assert [world.status(one.legs[0]) for one in (deal, again)] == [EMPTY, EMPTY]
    assert world.balance(world.vault.address, token) == 0


def test_a_token_gone_bad_after_the_hold_harms_only_its_own_leg(world: World, token: Contract) -> None:
    """Whatever it does or answers: the other leg is delivered, the bad one entitled."""
    pranks = (FALSE, LIE, BOMB, BURN_GAS, NONSENSE, EXIT_FEE, REFUND, BLIND)
    for generation, prank in enumerate(pranks, start=1):
        legs = (
            Leg(world.vault.address, token.address, generation=generation, lane=2 * generation),
            Leg(world.vault.address, world.plain.address, generation=generation, lane=1),
        )
        deal = Deal(legs)
        play(world, token, NONE)
        for index in range(2):
            world.hold(deal, ALICE, None, BOB, leg=index)
        play(world, token, prank)
        receipt = world.settle(deal, COMMIT)
        assert receipt.names.count("Stuck") == receipt.names.count("Delivered") == 1
        assert [world.status(leg) for leg in legs] == [ENTITLED_PAYEE, DELIVERED]
        stuck = next(event for event in receipt.events if event.name == "Stuck")
        assert len(stuck.values["reason"]) <= 256


@pytest.mark.parametrize("outcome", [COMMIT, ABORT])
@pytest.mark.parametrize(("prank", "left"), [(EXIT_FEE, 1_999), (REFUND, 2_001), (LIE, 3_000)])
def test_a_token_that_takes_another_amount_on_exit_takes_nothing(
    world: World, token: Contract, prank: int, left: int, outcome: int
) -> None:
    """Its leg waits, others' holds of the same token stay whole, and an honest leg of the batch is paid."""
    legs = (Leg(world.vault.address, token.address), Leg(world.vault.address, world.plain.address, lane=1))
    deal = Deal(legs)
    for index in range(2):
        world.hold(deal, ALICE, None, BOB, leg=index)
    victim = Deal((replace(legs[0], payer=CAROL.address, amount=2_000),))
    world.hold(victim, CAROL, BOB)
    play(world, token, prank)

    receipt = world.settle(deal, outcome)
    paid, owner = ("Delivered", BOB) if outcome == COMMIT else ("Returned", ALICE)
    assert receipt.names == ["Entitled", "Entitled", "Stuck", "Transfer", paid]
    reason = world.decode_error(receipt.events[2].values["reason"])
    assert (reason.name, reason.values) == ("TokenMoved", (token.address.lower(), 1_000, 3_000, left))
    with pytest.raises(Reverted) as caught:
        world.transact(world.vault, "withdraw", deal.id, 0, legs[0].terms)
    assert caught.value.name == "PushRefused"
    assert world.decode_error(caught.value.values[3]).values == reason.values
    assert world.balance(world.vault.address, token) == 3_000

    play(world, token, NONE)
    before = world.balance(owner.address, token)
    world.transact(world.vault, "withdraw", deal.id, 0, legs[0].terms)
    assert world.balance(owner.address, token) == before + 1_000
    assert world.settle(victim, ABORT).names == ["Entitled", "Transfer", "Returned"]
    assert world.balance(world.vault.address, token) == 0
    assert world.balance(CAROL.address, token) == 1_000_000


def test_success_what_a_receiver_is_charged_is_the_tokens_business(world: World, token: Contract, deal: Deal) -> None:
    """The vault gave exactly the amount; a fee that the payee pays out of it stops no exit."""
    world.hold(deal)
    play(world, token, FEE)
    assert world.settle(deal, COMMIT).names.count("Delivered") == 1
    assert world.balance(BOB.address, token) == 999
    assert world.balance(world.vault.address, token) == 0
