"""A simulated process: a name for everything that runs on behalf of one machine, so that it can die at once.

Whatever a process starts (tasks, timers, callbacks of futures) inherits its context, as `contextvars` has it, and the
loop looks there before it lets anything run. So a power cut needs no help of the code that it hits: no `finally`, no
`except`, no cancellation runs, exactly as on a machine that has stopped.
"""

from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context


class PowerCut(BaseException):
    """Unwind the code of a process that died in the middle of a call; nobody may catch it and go on.

    It is no `Exception`, so that what answers every error does not answer this one. What runs while it unwinds can do
    no harm: disk and network of a dead process are gone.
    """


class Process:
    """One life of one machine, from its start to its end; a restart is another process."""

    __slots__ = ("_at_end", "is_dead", "name", "steps_left")

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        """Nothing of it runs any more."""
        self.steps_left = -1
        """Callbacks that it may still run before `_at_end` is called; negative while nothing is planned."""
        self._at_end: Callable[[], None] | None = None

    def plan_end(self, steps: int, at_end: Callable[[], None]) -> None:
        """Let `at_end` be called in place of this process's next callback but `steps`; the loop must be watching."""
        self.steps_left = steps
        self._at_end = at_end

    def may_step(self) -> bool:
        """Count a callback that is about to run; tell whether it may."""
        if self.is_dead:
            return False
        if self.steps_left < 0:
            return True
        if self.steps_left == 0:
            self.steps_left = -1
            at_end, self._at_end = self._at_end, None
            if at_end is not None:
                at_end()
            return not self.is_dead
        self.steps_left -= 1
        return True

    def context(self) -> Context:
        """Give a context whose every descendant belongs to this process."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return context


PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)
"""Who runs; None for the world around all processes, which never dies."""
