"""Whole networks keep their promise under every fault, the same way every time, and broken ones are found out."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from interlock.core import rules
from interlock.core.committee import Committee
from interlock.core.leg import LegState
from interlock.core.settlement import Settlement, State
from interlock.core.signing import Refusal
from interlock.keys import sign_once
from interlock.keys.sign_once import SignOnceRecord
from interlock.node.follower import Follower
from interlock.node.voter import Voter
from interlock.simulation.campaign import Changes, Totals, run_seeds, shrink
from interlock.simulation.plan import Fault, Plan, plan_of
from interlock.simulation.run import Result, run

SMALL = 8
"""Settlements of a run that is to be quick."""
USUAL = [each for each in Fault if each not in {Fault.COLLUSION, Fault.LOG_FORKS}]


def plan(seed: int, *faults: Fault, settlements: int = SMALL) -> Plan:
    """Give a small plan with exactly these faults."""
    return replace(plan_of(seed), settlements=settlements, members=4, faults=frozenset(faults))


def test_without_faults_everything_ends() -> None:
    """On a good day each deal is decided, most are committed, and nothing is amiss."""
    result = run(plan(1))
    assert result.violations == ()
    assert result.decided == SMALL
    assert result.committed > SMALL // 2
    assert result.crashes == 0


@pytest.mark.parametrize("fault", USUAL)
def test_each_fault_alone_is_survived(fault: Fault) -> None:
    """One kind of trouble at a time."""
    result = run(plan(2, fault))
    assert result.violations == ()
    assert result.decided >= SMALL // 2


@pytest.mark.parametrize("seed", range(1, 5))
def test_all_faults_at_once_are_survived(seed: int) -> None:
    """Everything that an honest log and f Byzantine members can bring, together."""
    result = run(plan(seed, *USUAL))
    assert result.violations == ()
    assert result.decided > 0


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_log_with_two_faces_decides_nothing_twice(seed: int) -> None:
    """With f Byzantine members before both faces there are never two certificates."""
    result = run(plan(seed, Fault.LOG_FORKS, Fault.CRASHES, Fault.ORDER))
    assert result.violations == ()


def test_what_f_plus_one_break_together_is_proven_against_them() -> None:
    """Where more than f members and the log lie together, promises are broken, and never without proof."""
    results = [run(plan(seed, Fault.COLLUSION, settlements=12)) for seed in range(1, 5)]
    assert all(each.violations == () for each in results)
    assert sum(each.detected for each in results) > 0


def traces(*arguments: str, hash_seed: str) -> list[tuple[int, str, int]]:
    """Give seed, trace and steps of some runs, made in a process of their own."""
    program = (
        "import json, sys\n"
        "from dataclasses import replace\n"
        "from interlock.simulation.plan import plan_of\n"
        "from interlock.simulation.run import run\n"
        "for seed in (8, 9):\n"
        "    plan = replace(plan_of(seed), settlements=12)\n"
        "    result = run(plan, has_memo='plain' not in sys.argv)\n"
        "    print(json.dumps([seed, result.trace, result.steps]))\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_the_same_seed_is_the_same_run_byte_for_byte() -> None:
    """Two processes whose hashes are salted differently, and one that remembers nothing, give the same traces."""
    wanted = traces(hash_seed="1")
    assert traces(hash_seed="4000000000") == wanted
    assert traces("plain", hash_seed="2") == wanted
    assert wanted[0][1] != wanted[1][1]


# --- planted defects: what nobody would notice by looking ---


def found(plans: list[Plan]) -> list[Result]:
    """Give the runs that find something."""
    return [result for result in map(run, plans) if result.violations]


def rule_by(monkeypatch: pytest.MonkeyPatch, table: list[rules.Rule]) -> None:
    """Let another table decide."""
    rows = {state: tuple(row for row in table if state in row.states) for state in State}
    monkeypatch.setattr(rules, "_ROWS", rows)


def test_a_quorum_that_is_too_small_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where f votes are enough, one liar brings legs to be delivered that were never held."""
    monkeypatch.setattr(Committee, "quorum", property(lambda committee: committee.faulty_max))
    assert found([plan(seed, Fault.LIARS) for seed in range(1, 4)])


def test_a_commit_that_comes_too_early_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one held leg is enough, an invariant breaks on every node."""

    def is_ready(settlement: Settlement, _: object) -> bool:
        return any(leg.state is LegState.HELD for leg in settlement.legs)

    rule_by(monkeypatch, [replace(each, condition=is_ready) if each.tag == "commit" else each for each in rules.RULES])
    (result,) = found([plan(1)])
    assert any(each.startswith("halt:") for each in result.violations)


def test_a_deadline_that_does_not_abort_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where time aborts nothing, what was signed by one side stays open for ever."""
    rule_by(monkeypatch, [each for each in rules.RULES if each.tag != "abort-late"])
    results = found([plan(1, settlements=16)])
    assert any(each.startswith("liveness:") for result in results for each in result.violations)


def test_votes_that_are_never_repeated_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a node believes a log that says *taken*, a censor stops a settlement for good."""
    monkeypatch.setattr(Voter, "_is_under_way", lambda voter, key: key in voter._waiting or key in voter._taken)
    assert found([plan(seed, Fault.LOG_CENSORS, settlements=20) for seed in range(1, 5)])


def test_a_node_that_forgets_what_it_signed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any memory of its signatures an honest member signs twice for a log with two faces."""

    async def look(follower: Follower) -> None:
        await follower._log.head()

    monkeypatch.setattr(Follower, "_require_same", lambda *_: None)
    monkeypatch.setattr(Follower, "_require_recorded", lambda *_: None)
    monkeypatch.setattr(Follower, "_require_long_enough", look)
    monkeypatch.setattr(SignOnceRecord, "_require_same_log", lambda *_: None)
    plans = [plan(seed, Fault.LOG_FORKS, Fault.CRASHES, settlements=16) for seed in range(1, 7)]
    assert not found(plans)  # the record's rule alone is enough

    def permit(*_: object) -> Refusal | None:
        return None

    for rule in ("decision_conflict", "order_conflict"):
        monkeypatch.setattr(sign_once, rule, permit)
    assert any(each.startswith("sign-once:") for result in found(plans) for each in result.violations)


# --- campaigns ---


def test_a_campaign_adds_up_its_runs() -> None:
    """Seeds come in their order, and their figures are summed."""
    totals = Totals()
    for result in run_seeds(range(1, 4), Changes(settlements=3, removed=tuple(Fault))):
        totals.add(result)
    assert (totals.seeds, totals.settlements, totals.decided, totals.violations) == (3, 9, 9, 0)
    assert totals.seconds > 0


def test_a_plan_says_the_line_that_makes_it_again() -> None:
    """The line holds what differs from what the seed alone would give."""
    usual = replace(plan_of(5), settlements=30, faults=frozenset({Fault.LOSS, Fault.CRASHES}))
    changed = replace(usual.without(Fault.LOSS).having(Fault.COLLUSION), settlements=2)
    assert usual.command(usual) == "interlock simulate --seeds 5..5"
    assert changed.command(usual) == ("interlock simulate --seeds 5..5 --settlements 2 --with collusion --without loss")


def test_a_failure_is_shrunk_to_what_it_needs() -> None:
    """Faults and settlements that the failure does not need are left out; another failure is not taken for it."""
    tried: list[Plan] = []

    def pretend(plan: Plan) -> Result:
        tried.append(plan)
        is_needed = Fault.CRASHES in plan.faults and plan.settlements >= 5
        kinds = ("two decisions: of one",) if is_needed else ("liveness: of one",)
        return replace(failed, plan=plan, violations=kinds)

    failed = replace(run(plan(1, settlements=1)), plan=plan(1, *Fault, settlements=48))
    smallest = shrink(replace(failed, violations=("two decisions: of one",)), run_=pretend)
    assert smallest.plan.faults == {Fault.CRASHES}
    assert smallest.plan.settlements == 6
    assert len(tried) <= 64
