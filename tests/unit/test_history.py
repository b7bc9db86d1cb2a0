"""A settlement's timeline is told from its steps: complete, in order, the same wherever it is told."""

from collections.abc import Iterable

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import SettlementId, redact
from interlock.core.replica import Replica
from interlock.encoding.values import Uint64, hex_of
from interlock.views.history import Event, history_of
from support.log import Log, Stage, at
from support.world import (
    ALICE,
    BOB,
    GENESIS,
    PAYMENT_ONLY,
    PIVOT_WINDOW_S,
    START,
    attest,
    attestation,
    cancel,
    id_of,
    instruct,
    instruction,
    sign,
)


def told(log: Log, id_: SettlementId) -> list[Event]:
    """Tell a settlement's whole timeline by replaying the log."""
    replica = Replica(GENESIS)
    lines = [
        line
        for block, _ in log.blocks
        for line in history_of(block.height, block.time, replica.apply_block(block).steps)
    ]
    return [line.event for line in lines if line.settlement == id_]


def whats(events: Iterable[Event]) -> list[str]:
    """Give what happened, without repetitions in a row."""
    names = [str(each["what"]) for each in events]
    return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]


@pytest.mark.parametrize(
    ("stage", "story"),
    [
        (Stage.ALLEGED, ["alleged", "signed"]),
        (Stage.PREPARING, ["alleged", "signed", "matched"]),
        (Stage.ONE_HELD, ["alleged", "signed", "matched", "attested", "stands", "leg"]),
        (Stage.ABORTED, ["alleged", "signed", "matched", "cancelled", "decided"]),
    ],
    ids=lambda value: value.name if isinstance(value, Stage) else "",
)
def test_the_beginnings_of_a_story(stage: Stage, story: list[str]) -> None:
    """Each step is told once, in its order."""
    assert whats(told(*at(stage))) == story


def test_a_settled_story_is_told_to_its_end() -> None:
    """From the first signature to the end: votes, facts, decision, signatures, certificate, deliveries."""
    events = told(*at(Stage.SETTLED))
    assert whats(events)[:3] == ["alleged", "signed", "matched"]
    decided = next(each for each in events if each["what"] == "decided")
    assert (decided["outcome"], decided["cause"]) == ("COMMIT", "ALL_HELD")
    assert [each["member"] for each in events if each["what"] == "decision-signed"] == [0, 1, 2]
    assert next(each for each in events if each["what"] == "certified")["members"] == [0, 1, 2]
    moves = [(each["leg"], each["state"]) for each in events if each["what"] == "leg"]
    assert moves[0] == (0, "HELD")
    assert moves[-2:] == [(0, "DELIVERED"), (1, "DELIVERED")]
    assert events[-1] == {"height": events[-1]["height"], "time": START, "what": "ended", "state": "SETTLED"}


def test_an_unwound_story_names_its_cause_and_ends() -> None:
    """Cancelled, decided, certified, closed."""
    events = told(*at(Stage.UNWOUND))
    assert whats(events)[-1] == "ended"
    assert events[-1]["state"] == "UNWOUND"
    assert [each["signer"] for each in events if each["what"] == "cancelled"] == sorted(
        hex_of(each.address) for each in (ALICE, BOB)
    )


def test_what_can_never_be_admitted_tells_its_reason_in_one_block() -> None:
    """Alleged, signed and decided at once, with the reason by name."""
    log, terms = Log(), instruction(pivot="bank:first", pivot_window=Uint64(1))
    log.block(instruct(terms, ALICE))
    events = told(log, id_of(terms))
    assert whats(events) == ["alleged", "signed", "decided"]
    assert events[-1]["reason"] == "PIVOT_UNSUPPORTED"


def test_a_match_that_commits_at_once_is_told_as_a_match_too() -> None:
    """Where every leg was seen held before the last signature came, match and decision fall into one step."""
    log, terms = Log(), instruction()
    id_ = log.instruct(terms, ALICE)
    log.vote(id_, Fact.HELD)
    log.block(sign(id_, BOB))
    events = told(log, id_)
    assert log[id_].decision is not None
    assert whats(events)[-4:] == ["signed", "matched", "leg", "decided"]


def test_a_wallets_consent_is_told() -> None:
    """Attested, standing, consented: its own call is in the story as a signature would be."""
    log = Log()
    id_ = log.instruct(instruction(), BOB)
    log.vote(id_, Fact.SIGNED, [0])
    events = told(log, id_)
    assert whats(events)[-4:] == ["attested", "consented", "matched", "stands"]
    assert [each["signer"] for each in events if each["what"] == "consented"] == [hex_of(ALICE.address)]


def test_a_cancel_without_its_instruction_has_a_story() -> None:
    """A cancel that comes first begins the timeline."""
    log, terms = Log(), redact(instruction())
    log.block(cancel(id_of(terms), BOB, redacted=terms))
    assert whats(told(log, id_of(terms))) == ["alleged", "cancelled", "decided"]


def test_a_lie_is_told_with_the_truth() -> None:
    """Votes that never stand are in the timeline with their member."""
    log, id_ = at(Stage.PREPARING)
    log.block(attest(3, log.anchor, attestation(3, id_, 1, Fact.REFUSED)))
    assert told(log, id_)[-1] == {
        "height": log.replica.height,
        "time": START,
        "what": "attested",
        "leg": 1,
        "fact": "REFUSED",
        "member": 3,
    }


def test_what_changes_nothing_is_not_told() -> None:
    """Repeated entries and signatures, and one that comes too late, leave no line; a late vote leaves one."""
    log, id_ = at(Stage.COMMITTED_CERTIFIED)
    before = told(log, id_)
    log.block(instruct(instruction(), ALICE, BOB))
    log.certify(id_, Outcome.COMMIT)
    assert told(log, id_) == before
    log.certify(id_, Outcome.COMMIT, [3])
    log.vote(id_, Fact.HELD)
    assert told(log, id_) == before
    log.vote(id_, Fact.HELD, [0], [3])
    assert [(each["what"], each["member"]) for each in told(log, id_)[len(before) :]] == [("attested", 3)]


@pytest.mark.parametrize(
    ("stage", "word", "outcome", "cause", "leg"),
    [
        (Stage.EXECUTED, "EXECUTED", "COMMIT", "PIVOT_EXECUTED", "EXECUTED"),
        (Stage.NEVER, "NEVER", "ABORT", "PIVOT_NEVER", "NEVER"),
    ],
)
def test_a_story_with_a_pivot_tells_its_order_and_its_word(
    stage: Stage, word: str, outcome: str, cause: str, leg: str
) -> None:
    """Ordered, signed, certified; then the pivot's word, which is about no one leg, and the decision by it."""
    events = told(*at(stage))
    ordered = next(each for each in events if each["what"] == "ordered")
    assert (ordered["ledger"], ordered["lastValid"]) == (PAYMENT_ONLY, START + PIVOT_WINDOW_S)
    assert [each["member"] for each in events if each["what"] == "order-signed"] == [0, 1, 2]
    after = events[[each["what"] for each in events].index("order-certified") + 1 :]
    assert whats(after) == ["attested", "stands", "leg", "decided"]
    assert [each["member"] for each in after if each["what"] == "attested"] == [0, 1, 2]
    assert {each["fact"] for each in after if each["what"] in {"attested", "stands"}} == {word}
    assert not any("leg" in each for each in after if each["what"] in {"attested", "stands"})
    assert (1, leg) in [(each["leg"], each["state"]) for each in after if each["what"] == "leg"]
    assert (events[-1]["what"], events[-1]["outcome"], events[-1]["cause"]) == ("decided", outcome, cause)


@pytest.mark.parametrize("stage", Stage, ids=lambda stage: stage.name)
def test_every_replay_tells_the_same(stage: Stage) -> None:
    """Two replays of one log, and two logs of the same blocks, have the same timeline."""
    log, id_ = at(stage)
    assert told(log, id_) == told(log, id_) == told(at(stage)[0], id_)
