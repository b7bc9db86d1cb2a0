"""Many runs, one after another or several at a time, and what to do with one that fails: shrink it."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context

from interlock.simulation.plan import Fault, Plan, plan_of
from interlock.simulation.run import Result, run

SHRINK_RUNS_MAX = 64
"""Runs spent on making one failure smaller: about a minute."""
SETTLEMENTS_MIN = 1


@dataclass(frozen=True, slots=True)
class Changes:
    """What a command line changes in every plan of a campaign."""

    settlements: int | None = None
    added: tuple[Fault, ...] = ()
    removed: tuple[Fault, ...] = ()

    def plan(self, seed: int) -> Plan:
        """Give a seed's plan with these changes."""
        plan = plan_of(seed).having(*self.added).without(*self.removed)
        return plan if self.settlements is None else replace(plan, settlements=self.settlements)


@dataclass(slots=True)
class Totals:
    """The sum of a campaign."""

    seeds: int = 0
    settlements: int = 0
    decided: int = 0
    violations: int = 0
    seconds: float = 0.0
    """Processor time of all runs together."""
    failed: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count a run."""
        self.seeds += 1
        self.settlements += result.settlements
        self.decided += result.decided
        self.violations += len(result.violations)
        self.seconds += result.cpu_s
        if result.violations:
            self.failed.append(result)


def run_seeds(seeds: Iterable[int], changes: Changes, *, jobs: int = 1) -> Iterator[Result]:
    """Run seeds in their order, several processes at a time where more than one job is wanted."""
    plans = [changes.plan(seed) for seed in seeds]
    with _mapper(jobs) as mapped:
        yield from mapped(run, plans)


def shrink(failed: Result, *, run_: Callable[[Plan], Result] | None = None) -> Result:
    """Give a smaller run that fails in the same way: with fewer faults and fewer settlements."""
    run_again = run_ or run
    kinds = _kinds(failed)
    smallest = failed
    left = SHRINK_RUNS_MAX

    def still_fails(plan: Plan) -> bool:
        nonlocal smallest, left
        if left == 0:
            return False
        left -= 1
        result = run_again(plan)
        if _kinds(result) & kinds:
            smallest = result
            return True
        return False

    is_smaller = True
    while is_smaller and left > 0:
        is_smaller = False
        for fault in sorted(smallest.plan.faults):
            is_smaller |= still_fails(smallest.plan.without(fault))
        while smallest.plan.settlements > SETTLEMENTS_MIN:
            if not still_fails(replace(smallest.plan, settlements=smallest.plan.settlements // 2)):
                break
            is_smaller = True
    return smallest


def _kinds(result: Result) -> set[str]:
    """Give the kinds of a run's violations."""
    return {each.partition(":")[0] for each in result.violations}


@contextmanager
def _mapper(jobs: int) -> Iterator[Callable[[Callable[[Plan], Result], list[Plan]], Iterator[Result]]]:
    if jobs <= 1:
        yield map
        return
    # Spawned, not forked: nothing of this process is in the runs.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield pool.map
