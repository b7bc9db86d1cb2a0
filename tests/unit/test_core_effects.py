"""What a settlement still needs is read off its present state alone."""

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.effects import DeliverCertificate, Effect, PrepareLeg, SignDecision, outstanding
from interlock.core.instruction import LegIndex, SettlementId, redact
from interlock.core.settlement import State
from interlock.encoding.values import Uint32
from support.log import LATE, Log, Stage, at
from support.world import BOB, cancel, id_of, instruction


def leg(index: int) -> LegIndex:
    return LegIndex(Uint32(index))


def told(effects: tuple[Effect, ...], id_: SettlementId) -> list[str]:
    """Give effects as words; every effect names its settlement."""
    words = []
    for effect in effects:
        assert effect.settlement == id_
        match effect:
            case PrepareLeg():
                words.append(f"prepare {effect.leg}")
            case SignDecision():
                words.append(f"sign {effect.outcome.name}")
            case DeliverCertificate():
                words.append(f"deliver {effect.leg}")
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
}


@pytest.mark.parametrize(("stage", "wanted"), WANTED.items(), ids=[stage.name for stage in WANTED])
def test_each_stage_has_its_duties(stage: Stage, wanted: list[str]) -> None:
    """Before the decision holds, then signatures, then the certificate for each leg that is open."""
    log, id_ = at(stage)
    assert told(outstanding(log[id_]), id_) == wanted


def test_what_never_matched_costs_the_nodes_nothing_but_its_certificate() -> None:
    """No tombstone on chain is paid for; a bank is told, and a hold that slips in is brought its certificate."""
    log = Log()
    id_ = log.instruct(instruction(prepare_by=2**63))
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
