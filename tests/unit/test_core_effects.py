"""What a settlement still needs is read off its present state alone."""

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.effects import (
    DeliverCertificate,
    Effect,
    ExecuteOrder,
    PrepareLeg,
    SignBatch,
    SignDecision,
    SignOrder,
    SignRotation,
    outstanding,
)
from interlock.core.instruction import LegIndex, SettlementId, redact
from interlock.core.settlement import State
from interlock.encoding.values import Uint32
from support.log import LATE, Log, Stage, at
from support.world import BOB, PAYMENT_ONLY, account_leg, cancel, id_of, instruction, pivot_instruction, registry


def leg(index: int) -> LegIndex:
    return LegIndex(Uint32(index))


def told(effects: tuple[Effect, ...], id_: SettlementId) -> list[str]:
    """Give effects as words; every effect but a batch's signature names its settlement."""
    words = []
    for effect in effects:
        assert isinstance(effect, SignBatch | SignRotation) or effect.settlement == id_
        match effect:
            case PrepareLeg():
                words.append(f"prepare {effect.leg}")
            case SignOrder():
                words.append("sign order")
            case ExecuteOrder():
                words.append(f"execute {effect.leg}")
            case SignDecision():
                words.append(f"sign {effect.outcome.name}")
            case SignBatch():
                words.append("sign batch")
            case DeliverCertificate():
                words.append(f"deliver {effect.leg}")
            case SignRotation():
                words.append("sign rotation")
    return words


WANTED = {
    Stage.ALLEGED: [],
    Stage.PREPARING: ["prepare 0", "prepare 1"],
    Stage.ONE_HELD: ["prepare 1"],
    Stage.COMMITTED: ["sign COMMIT"],
    Stage.COMMITTED_CERTIFIED: ["deliver 0", "deliver 1"],
    Stage.ONE_DELIVERED: ["deliver 1"],
    Stage.ABORTED: ["sign ABORT"],
    Stage.ABORTED_HELD: ["deliver 0", "deliver 1"],
    Stage.ABORTED_CERTIFIED: ["deliver 0", "deliver 1"],
    Stage.PIVOTING: ["sign order"],
    Stage.ORDERED: ["execute 1"],
    Stage.EXECUTED: ["sign COMMIT"],
    Stage.NEVER: ["sign ABORT"],
}


@pytest.mark.parametrize(("stage", "wanted"), WANTED.items(), ids=[stage.name for stage in WANTED])
def test_each_stage_has_its_duties(stage: Stage, wanted: list[str]) -> None:
    """Before the decision holds, then signatures, then the certificate for each leg that is open."""
    log, id_ = at(stage)
    assert told(outstanding(log[id_]), id_) == wanted


@pytest.mark.parametrize(("stage", "wanted"), WANTED.items(), ids=[stage.name for stage in WANTED])
def test_while_a_rotation_is_pending_nothing_is_signed(stage: Stage, wanted: list[str]) -> None:
    """Orders and decisions wait for the next committee; what ledgers are asked goes on."""
    log, id_ = at(stage)
    effects = outstanding(log[id_], is_handing_over=True)
    assert told(effects, id_) == [each for each in wanted if not each.startswith("sign")]


def test_a_pivots_leg_is_neither_prepared_nor_brought_a_certificate() -> None:
    """Nothing is held there: it is asked once, to execute the order, whatever the number of its legs."""
    pivot = account_leg(ledger=PAYMENT_ONLY)
    log, terms = Log(), pivot_instruction(2, account_legs=(pivot, account_leg(), pivot))
    id_ = log.instruct(terms)
    assert told(outstanding(log[id_]), id_) == ["prepare 0", "prepare 1", "prepare 3"]
    log.vote(id_, Fact.HELD, [0, 1, 3])
    log.certify_order(id_)
    assert told(outstanding(log[id_]), id_) == ["execute 2"]


@pytest.mark.parametrize(("stage", "outcome"), [(Stage.EXECUTED, Outcome.COMMIT), (Stage.NEVER, Outcome.ABORT)])
def test_after_the_pivots_word_the_other_legs_are_served(stage: Stage, outcome: Outcome) -> None:
    """Its certificate goes to whoever holds; the pivot has said its word."""
    log, id_ = at(stage)
    log.certify(id_, outcome)
    assert told(outstanding(log[id_]), id_) == ["deliver 0"]


def test_the_decisions_of_a_block_are_signed_as_one_where_the_registry_says_so() -> None:
    """One signature for all of them, asked for by each; a block with fewer is signed one by one."""
    log = Log(registry=registry(batch_min=2))
    first, second, third = (log.instruct(instruction(0, 1, salt=salt)) for salt in (1, 2, 3))
    log.block(cancel(first, BOB), cancel(second, BOB))
    log.block(cancel(third, BOB))
    assert [told(outstanding(log[each]), each) for each in (first, second, third)] == [
        ["sign batch"],
        ["sign batch"],
        ["sign ABORT"],
    ]
    assert outstanding(log[first]) == outstanding(log[second])
    assert outstanding(log[first], is_handing_over=True) == ()


def test_what_never_matched_costs_the_nodes_nothing_but_its_certificate() -> None:
    """No tombstone on chain is paid for; a bank is told, and a hold that slips in is brought its certificate."""
    log = Log()
    id_ = log.instruct(instruction(pivot_window=1))
    assert told(outstanding(log[id_]), id_) == ["sign ABORT"]
    log.certify(id_, Outcome.ABORT)
    assert told(outstanding(log[id_]), id_) == ["deliver 1"]
    log.vote(id_, Fact.HELD, [0])
    assert told(outstanding(log[id_]), id_) == ["deliver 0", "deliver 1"]


def test_a_leg_whose_ledger_is_hidden_is_nobodys_duty() -> None:
    """Nobody can bring a certificate to a ledger that was never named."""
    log = Log()
    id_ = id_of(instruction())
    log.block(cancel(id_, BOB, redacted=redact(instruction())))
    log.certify(id_, Outcome.ABORT)
    assert outstanding(log[id_]) == ()


@pytest.mark.parametrize("stage", [Stage.SETTLED, Stage.UNWOUND])
def test_what_ended_needs_nothing(stage: Stage) -> None:
    """A settlement leaves memory without duties."""
    log, _ = at(stage)
    assert log.replica.settlements == {}
    log, id_ = at(Stage.ONE_DELIVERED if stage is Stage.SETTLED else Stage.ABORTED_CERTIFIED)
    ended = log.vote(id_, Fact.DELIVERED if stage is Stage.SETTLED else Fact.RETURNED).applied.ended[0]
    assert outstanding(ended) == ()


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ([Fact.HELD], ["deliver 0"]),
        ([Fact.REFUSED], ["deliver 0"]),
        ([Fact.HELD, Fact.LOST], ["deliver 0"]),
        ([Fact.HELD, Fact.CONSENT], []),
        ([Fact.HELD, Fact.RETURNED], []),
        ([Fact.RETURNED], []),
        ([Fact.CONSENT], []),
        ([Fact.REFUSED, Fact.CONSENT], []),
    ],
)
def test_an_aborted_leg_is_served_until_it_is_closed(facts: list[Fact], wanted: list[str]) -> None:
    """Held, late, refused or lost: the certificate is brought until the leg is returned, tombstoned or consented."""
    log, id_ = at(Stage.PREPARING, terms=instruction(1, 1))
    log.block(time=LATE)
    log.certify(id_, Outcome.ABORT)
    for fact in facts:
        log.vote(id_, fact, [0])
    assert told(outstanding(log[id_]), id_) == [*wanted, "deliver 1"]


def test_while_it_waits_for_settle_from_nothing_is_asked() -> None:
    """All held and too early: there is nothing to do but wait."""
    log = Log()
    id_ = log.instruct(instruction(settle_from=LATE - 1))
    log.vote(id_, Fact.HELD)
    assert log[id_].state is State.PREPARING
    assert outstanding(log[id_]) == ()


def test_many_legs_are_asked_in_their_order() -> None:
    """All legs are prepared in parallel, on-chain legs first."""
    log = Log()
    id_ = log.instruct(instruction(2, 3))
    log.vote(id_, Fact.HELD, [3])
    assert outstanding(log[id_]) == tuple(PrepareLeg(id_, leg(index)) for index in (0, 1, 2, 4))
