"""A contract wallet consents by its own call on chain: SIGNED, attested by a quorum, counts as its signature."""

import pytest

from interlock.core.attestation import Fact
from interlock.core.instruction import Instruction, SettlementId, redact
from interlock.core.rejection import Reason
from interlock.core.settlement import Cause, State
from support.log import LATE, Stage, at
from support.protocol import FOUR, NETTED_REGISTRY, Network, netted
from support.world import (
    ALICE,
    BANK,
    BOB,
    CAROL,
    PAYMENT_ONLY,
    START,
    VAULT_NAME,
    account_leg,
    address,
    cancel,
    id_of,
    instruct,
    instruction,
    onchain_leg,
    pivot_instruction,
    registry,
    sign,
)

WALLET = address(0xC0DE)
"""A contract: no key signs for it."""
BY_WALLET = instruction(onchain_legs=(onchain_leg(payer=WALLET),))
TWO_WALLETS = instruction(onchain_legs=(onchain_leg(payer=WALLET), onchain_leg(1, payer=address(0xC0DF))))


def alleged(terms: Instruction) -> tuple[Network, SettlementId]:
    """Give a log where Bob, who pays at the bank, has brought these terms."""
    net = Network()
    return net, net.instruct(terms, BOB)


def test_a_quorums_word_is_the_wallets_signature() -> None:
    """Two that saw the call are not enough; the third matches, in the same step."""
    net, id_ = alleged(BY_WALLET)
    net.vote(id_, Fact.SIGNED, [0], [0, 1])
    assert (net[id_].state, net[id_].unsigned, net[id_].consents) == (State.ALLEGED, (WALLET,), ())
    net.vote(id_, Fact.SIGNED, [0], [2])
    assert (net[id_].state, net[id_].unsigned, net[id_].consents) == (State.PREPARING, (), (WALLET,))
    assert [each.signer for each in net[id_].signatures] == [BOB.address]


def test_it_settles_like_any_other() -> None:
    """With the hold that its call has made and the other leg's, it is committed."""
    net, id_ = alleged(BY_WALLET)
    net.vote(id_, Fact.HELD, [0])
    net.vote(id_, Fact.SIGNED, [0])
    net.vote(id_, Fact.HELD, [1])
    assert net[id_].state is State.COMMITTED


def test_a_consent_that_came_first_waits_for_the_signatures() -> None:
    """The order of the two does not matter; each wallet consents for itself."""
    net, id_ = alleged(TWO_WALLETS)
    net.vote(id_, Fact.SIGNED, [1])
    assert net[id_].unsigned == (WALLET,)
    net.vote(id_, Fact.SIGNED, [0])
    assert (net[id_].state, net[id_].consents) == (State.PREPARING, (WALLET, address(0xC0DF)))

    net = Network()
    three = instruction(
        onchain_legs=(onchain_leg(payer=WALLET),), account_legs=(account_leg(), account_leg(1, CAROL.address))
    )
    id_ = net.instruct(three, BOB)
    net.vote(id_, Fact.SIGNED, [0])
    assert net[id_].state is State.ALLEGED
    net.block(sign(id_, CAROL))
    assert net[id_].state is State.PREPARING


def test_one_call_speaks_for_every_leg_of_the_wallet() -> None:
    """The consent is to the instruction, not to a leg; a second call adds nothing."""
    net, id_ = alleged(instruction(onchain_legs=(onchain_leg(payer=WALLET), onchain_leg(1, payer=WALLET))))
    net.vote(id_, Fact.SIGNED, [1])
    assert (net[id_].state, net[id_].consents) == (State.PREPARING, (WALLET,))
    assert net.vote(id_, Fact.SIGNED, [0]).reasons == [Reason.FACT_OUT_OF_ORDER] * 3


def test_a_key_may_consent_both_ways() -> None:
    """A call by an owner that has signed too changes nothing but that it is known."""
    net = Network()
    id_ = net.instruct(BY_WALLET, BOB)
    other = net.instruct(instruction(salt=2, onchain_legs=(onchain_leg(5),)), ALICE)
    net.vote(other, Fact.SIGNED, [0])
    assert (net[other].state, net[other].unsigned, net[other].consents) == (
        State.ALLEGED,
        (BOB.address,),
        (ALICE.address,),
    )
    net.block(sign(other, BOB))
    assert net[other].state is State.PREPARING
    assert net[id_].state is State.ALLEGED


NOT_CONSENTS: dict[str, tuple[Instruction, int]] = {
    "for an account": (instruction(), 1),
    "for a pivot at a bank": (pivot_instruction(), 1),
    "for a pivot on chain": (
        netted(onchain_leg(payer=WALLET), account_leg(), pivot=VAULT_NAME),
        0,
    ),
}


@pytest.mark.parametrize(("terms", "leg"), NOT_CONSENTS.values(), ids=NOT_CONSENTS.keys())
def test_only_a_held_leg_on_chain_has_a_call_to_consent_by(terms: Instruction, leg: int) -> None:
    """At a bank its owner's signature is needed; nobody prepares at the pivot, which checks every signature itself."""
    net = Network(wanted=NETTED_REGISTRY)
    id_ = net.instruct(terms, BOB)
    assert net[id_].state is State.ALLEGED
    assert net.vote(id_, Fact.SIGNED, [leg]).reasons == [Reason.FACT_OUT_OF_ORDER] * 3
    assert net[id_].consents == ()


@pytest.mark.parametrize("stage", [each for each in Stage if each is not Stage.ALLEGED])
def test_after_the_match_a_consent_is_no_news(stage: Stage) -> None:
    """Every required signature is there already, and what is decided needs none."""
    log, id_ = at(stage)
    before = log.kept()
    has_ended = id_ in log.replica.ended
    reason = Reason.ALREADY_DECIDED if has_ended else Reason.FACT_OUT_OF_ORDER
    assert log.vote(id_, Fact.SIGNED, [0]).reasons == [reason] * 3
    assert log.kept() == before


def test_a_consent_to_hidden_terms_matches_when_they_are_clear() -> None:
    """What the log cannot read is not matched, whoever has consented."""
    net = Network()
    net.block(instruct(redact(BY_WALLET), BOB))
    id_ = id_of(BY_WALLET)
    net.vote(id_, Fact.SIGNED, [0])
    assert (net[id_].state, net[id_].unsigned) == (State.ALLEGED, ())
    net.block(instruct(BY_WALLET, BOB))
    assert net[id_].state is State.PREPARING


def busy() -> tuple[Network, SettlementId]:
    """Give a log where a wallet's lane is live, and its consent to a second instruction stands."""
    net, first = alleged(BY_WALLET)
    second = net.instruct(instruction(salt=2, onchain_legs=(onchain_leg(payer=WALLET),)), BOB)
    net.vote(first, Fact.SIGNED, [0])
    ordered = net.vote(second, Fact.SIGNED, [0])
    assert ordered.reasons == []
    assert (net[first].state, net[second].state, net[second].unsigned) == (State.PREPARING, State.ALLEGED, ())
    return net, second


SECOND = instruction(salt=2, onchain_legs=(onchain_leg(payer=WALLET),))


def freed(net: Network) -> None:
    """End the settlement that has the lane."""
    first = id_of(BY_WALLET)
    net.vote(first, Fact.REFUSED, [1])
    decision = net[first].decision
    assert decision is not None
    net.certify(first, decision.outcome)
    net.vote(first, Fact.RETURNED)


def test_a_passing_reason_at_the_match_keeps_the_consent() -> None:
    """It may not match now; the call on chain is not asked for again, and the terms alone are brought once more."""
    net, second = busy()
    assert net.block(instruct(SECOND, BOB)).reasons == [Reason.LANE_LIVE]
    assert net.block(sign(second, BOB)).reasons == [Reason.LANE_LIVE]
    freed(net)
    assert net[second].state is State.ALLEGED
    assert net.block(sign(second, ALICE)).reasons == [Reason.SIGNER_NOT_REQUIRED]
    assert net.block(instruct(SECOND, BOB)).reasons == []
    assert (net[second].state, net[second].consents) == (State.PREPARING, (WALLET,))


def test_a_kept_consent_matches_at_the_next_event_of_its_settlement() -> None:
    """Whatever happens to the settlement lets the rule look again; nothing that happens to others does."""
    net, second = busy()
    net.vote(second, Fact.HELD, [1])
    assert net[second].state is State.ALLEGED
    freed(net)
    net.vote(second, Fact.HELD, [0])
    assert net[second].state is State.COMMITTED


def test_a_kept_consent_matches_when_a_configuration_lets_it() -> None:
    """A new registry is held against everything that is open."""
    net = Network()
    id_ = net.instruct(BY_WALLET, BOB)
    net.block(net.council.configure(registry(open_max=0), 2))
    net.vote(id_, Fact.SIGNED, [0])
    assert net[id_].state is State.ALLEGED
    assert net.block(sign(id_, BOB)).reasons == [Reason.TOO_MANY_OPEN]
    net.block(net.council.configure(registry(), 3))
    assert net[id_].state is State.PREPARING


def test_a_kept_consent_matches_when_its_time_to_settle_comes() -> None:
    """At settleFrom the log looks at it anyhow."""
    net = Network()
    later = instruction(onchain_legs=(onchain_leg(payer=WALLET),), settle_from=START + 50)
    id_ = net.instruct(later, BOB)
    net.block(net.council.configure(registry(open_max=0), 2))
    net.vote(id_, Fact.SIGNED, [0])
    net.block(net.council.configure(registry(), 3), time=START + 10)
    assert net[id_].state is State.PREPARING


def test_an_unalterable_reason_at_the_match_aborts() -> None:
    """Where the registry has changed so that it can never be admitted, the last consent records that."""
    net, id_ = alleged(pivot_instruction(onchain_legs=(onchain_leg(payer=WALLET),)))
    kept = tuple(each for each in NETTED_REGISTRY.ledgers if each.name != PAYMENT_ONLY)
    net.block(net.council.configure(registry(*kept, default=False), 2))
    net.vote(id_, Fact.SIGNED, [0])
    assert net[id_].state is State.ALLEGED  # an unknown ledger may come back

    net, id_ = alleged(netted(onchain_leg(payer=WALLET), account_leg(), pivot=BANK, salt=3))
    assert net[id_].reason is Reason.PIVOT_UNSUPPORTED

    net = Network(wanted=NETTED_REGISTRY)
    id_ = net.instruct(netted(onchain_leg(payer=WALLET), account_leg(), pivot=BANK), BOB)
    net.block(net.council.configure(registry(), 2))
    net.vote(id_, Fact.SIGNED, [0])
    assert (net[id_].cause, net[id_].reason) == (Cause.NOT_ADMITTED, Reason.PIVOT_UNSUPPORTED)


def test_consents_that_were_not_a_quorums_begin_again_with_the_epoch() -> None:
    """What stood stands in the next epoch; what did not is voted on anew."""
    net, id_ = alleged(TWO_WALLETS)
    net.vote(id_, Fact.SIGNED, [1])
    net.vote(id_, Fact.SIGNED, [0], [0, 1])
    net.rotate(*FOUR)
    net.vote(id_, Fact.SIGNED, [0], [2])
    assert (net[id_].state, net[id_].consents) == (State.ALLEGED, (address(0xC0DF),))
    net.vote(id_, Fact.SIGNED, [0], [0, 3])
    assert net[id_].state is State.PREPARING


def test_a_wallets_settlement_is_cancelled_before_its_match_and_aborts_by_time() -> None:
    """Any one signer may withdraw while it is alleged, and the deadline holds for consents too."""
    net, id_ = alleged(BY_WALLET)
    net.block(cancel(id_, BOB))
    assert net[id_].cause is Cause.CANCELLED
    net, id_ = alleged(TWO_WALLETS)
    net.vote(id_, Fact.SIGNED, [0])
    net.block(time=LATE)
    assert net[id_].cause is Cause.PREPARE_BY_PASSED
