"""While at most f members lie, what the log decides is true of the ledgers."""

from hypothesis import given
from hypothesis import strategies as st

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.settlement import Cause
from support.log import LATE, Log, Stage, at
from support.world import ALICE, BOB, attest, attestation, cancel

HONEST = (0, 1, 2)
LIAR = 3
TRUTH = {"held": Fact.HELD, "refused": Fact.REFUSED, "silent": None}
LIES = (Fact.HELD, Fact.REFUSED, Fact.LOST, Fact.CONSENT, Fact.DELIVERED, Fact.RETURNED)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, int, int]]]:
    """Give what is true of each leg, and the order in which members speak, parties withdraw and time passes."""
    truth = draw(st.lists(st.sampled_from(list(TRUTH)), min_size=2, max_size=2))
    honest = [("vote", member, leg) for member in HONEST for leg in (0, 1)]
    lies = [("lie", fact, leg) for fact in draw(st.lists(st.sampled_from(LIES), max_size=4)) for leg in (0, 1)]
    others = draw(st.lists(st.sampled_from([("cancel", 0, 0), ("cancel", 1, 0), ("late", 0, 0)]), max_size=2))
    return truth, draw(st.permutations([*honest, *lies, *others]))


@given(histories())
def test_one_liar_never_decides(history: tuple[list[str], list[tuple[str, int, int]]]) -> None:
    """COMMIT only where every leg is held in truth; ABORT only for a true refusal, a joint cancel or time."""
    truth, steps = history
    log, id_ = at(Stage.PREPARING)
    for kind, who, leg in steps:
        _step(log, kind, who, leg, truth)
    after = log[id_]
    if after.decision is None:
        assert "silent" in truth
        return
    if after.decision.outcome is Outcome.COMMIT:
        assert truth == ["held", "held"]
        return
    causes = {
        Cause.LEG_REFUSED: "refused" in truth,
        Cause.CANCELLED: {("cancel", 0, 0), ("cancel", 1, 0)} <= set(steps),
        Cause.PREPARE_BY_PASSED: ("late", 0, 0) in steps,
    }
    assert causes[after.cause]


def _step(log: Log, kind: str, who: int, leg: int, truth: list[str]) -> None:
    id_ = next(iter(log.replica.settlements))
    match kind:
        case "vote":
            fact = TRUTH[truth[leg]]
            if fact is not None:
                log.block(attest(who, log.anchor, attestation(who, id_, leg, fact)))
        case "lie":
            log.block(attest(LIAR, log.anchor, attestation(LIAR, id_, leg, Fact(who))))
        case "cancel":
            log.block(cancel(id_, (ALICE, BOB)[who]))
        case _:
            log.block(time=LATE)
