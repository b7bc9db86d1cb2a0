"""A deterministic event loop on virtual time.

It runs asyncio programs without clock, sockets and threads. Time stands still while anything is ready to run, then
jumps to the next timer; a program that sleeps for a year is done at once. What is ready runs in the order in which it
became ready, and equal timers fire in the order in which they were set; or, where dice are given, in the order that
they choose, so that whatever interleaving a program can meet, some seed shows it. A call to an executor runs in the
loop's own thread after a virtual delay.

It refuses to hang: nothing scheduled and the main future not done is a `Deadlock`, endless work in one instant a
`Livelock`. Sockets, signals, subprocesses and pipes are not implemented (NotImplementedError), so that nothing real can
slip in. Only the public interface of `asyncio.AbstractEventLoop` is built upon.

What belongs to a process that died (`process`) is passed over in silence, and kept until `close`: were it freed at
once, its `finally` blocks would run, which no power cut allows.
"""

import asyncio
import heapq
import sys
import threading
import weakref
from asyncio import events
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from typing import Any, TypeVar, TypeVarTuple, cast

from interlock.simulation.call import Call
from interlock.simulation.process import PROCESS, PowerCut, Process

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

STEPS_PER_INSTANT_MAX = 1_000_000
"""Callbacks without any passing of time, beyond which a program is taken to spin for ever."""
CANCELLED_MAX = 512
"""Cancelled timers that may lie in the heap before it is cleared of them, where they are the most of it."""

ExecutorDelays = Callable[[], tuple[float, float]]
"""Gives how long an executor's call waits until it takes effect, and then until its answer is known, in seconds."""
Shuffle = Callable[[list[Call]], None]
"""Puts what is ready into another order, in place."""


class Deadlock(RuntimeError):
    """Nothing can ever happen again, and the main future is not done."""


class Livelock(RuntimeError):
    """The program does more and more in one instant, and time never passes."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """An event loop whose time is a number."""

    def __init__(self, *, executor_delays: ExecutorDelays = lambda: (0.0, 0.0), shuffle: Shuffle | None = None) -> None:
        self.steps = 0
        """Callbacks run so far."""
        self.complaints: list[str] = []
        """What nobody handled, such as the error of a task that nobody awaits."""
        self._now = 0.0
        self._ready: deque[Call] = deque()
        self._timers: list[tuple[float, int, Call]] = []
        self._timers_set = 0
        self._cancelled = 0
        self._on_cancelled = self._count_cancelled  # bound once, not with every callback
        self._steps_at_instant = 0
        self._executor_delays = executor_delays
        self._shuffle = shuffle
        self._is_stopping = False
        self._is_closed = False
        self._thread: int | None = None
        self._failure: BaseException | None = None
        self._is_watching = False
        self._remains: list[object] = []
        self._generators: weakref.WeakValueDictionary[int, AsyncGenerator[Any, Any]] = weakref.WeakValueDictionary()
        self._generators_seen = 0

    # --- time and callbacks ---

    def time(self) -> float:
        """Give the virtual time in seconds; 0 at the beginning."""
        return self._now

    def call_soon(self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> Call:
        """Run a callback in this instant, after what is ready already."""
        call = Call(callback, args, copy_context() if context is None else context, self._now, self._on_cancelled)
        self._ready.append(call)
        return call

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Call:
        """Run a callback at a time, or in this instant where that has passed."""
        call = Call(callback, args, copy_context() if context is None else context, when, self._on_cancelled)
        self._timers_set += 1
        heapq.heappush(self._timers, (when, self._timers_set, call))
        return call

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Call:
        """Run a callback after some seconds."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Call:
        """Run a callback soon. RuntimeError from another thread: no seed could make its moment come again."""
        if self._thread is not None and threading.get_ident() != self._thread:
            raise RuntimeError("a thread calls into the simulation; use run_in_executor, which runs in its own thread")
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: object, func: Callable[[*Ts], T], *args: *Ts) -> "asyncio.Future[T]":
        """Call a function in the loop's own thread after a virtual delay, whatever the executor.

        As with real threads, the call takes effect also where nobody waits for its answer any more.
        """
        del executor
        until_effect, until_answer = self._executor_delays()
        answer: asyncio.Future[T] = self.create_future()

        def take_effect() -> None:
            try:
                result = func(*args)
            except (SystemExit, KeyboardInterrupt, PowerCut):
                raise
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
                self.call_later(until_answer, _unless_done, answer, answer.set_exception, error)
            else:
                self.call_later(until_answer, _unless_done, answer, answer.set_result, result)

        self.call_later(until_effect, take_effect)
        return answer

    # --- futures, tasks, errors ---

    def create_future(self) -> "asyncio.Future[Any]":
        """Make a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> "asyncio.Task[T]":
        """Start a task; its first step is ready now."""
        given = cast("Coroutine[Any, Any, T]", coro)
        return asyncio.Task(given, loop=self, name=None if name is None else str(name), context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Note what nobody handles."""
        error = context.get("exception")
        if not isinstance(error, PowerCut):
            self.complaints.append(f"{context.get('message', '')}: {error!r}")

    def get_debug(self) -> bool:
        """Give False: debugging looks at the real clock."""
        return False

    # --- processes ---

    def kill(self, process: Process) -> None:
        """Let nothing of a process run any more, from this moment on."""
        process.is_dead = True
        self._is_watching = True
        self._remains.extend(asyncio.all_tasks(self))

    def plan_end(self, process: Process, steps: int, at_end: Callable[[], None]) -> None:
        """Call `at_end` in place of the callback that a process would run after `steps` more."""
        process.plan_end(steps, at_end)
        self._is_watching = True

    # --- running ---

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """Run until a future is done; give its result. Deadlock, Livelock, or what a callback raised."""
        main = asyncio.ensure_future(cast("Awaitable[T]", future), loop=self)
        main.add_done_callback(self._stop_after)
        with self._running():
            while not self._is_stopping:
                self._turn()
                if self._failure is not None:
                    failure, self._failure = self._failure, None
                    raise failure
        return main.result()

    def run_forever(self) -> None:
        """Run until `stop`."""
        with self._running():
            while not self._is_stopping:
                self._turn()

    def stop(self) -> None:
        """Stop after what is ready now."""
        self._is_stopping = True

    def is_running(self) -> bool:
        """Tell whether it runs."""
        return self._thread is not None

    def is_closed(self) -> bool:
        """Tell whether it was closed."""
        return self._is_closed

    async def shutdown_asyncgens(self) -> None:
        """Close the generators that nobody finished, in the order in which they began."""
        for _, each in sorted(self._generators.items()):
            await each.aclose()

    async def shutdown_default_executor(self) -> None:
        """Do nothing: there are no threads."""

    def close(self) -> None:
        """Forget everything, without a word: what is left of dead processes, and all that was never done."""
        if self._thread is not None:
            raise RuntimeError("a loop that runs cannot be closed")
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - as asyncio.gather does
            with suppress(BaseException):  # its cleanup meets a world that is no more
                cast("Coroutine[Any, Any, Any]", task.get_coro()).close()
        self._is_closed = True
        self._ready.clear()
        self._timers.clear()
        self._remains.clear()

    # --- inside ---

    @contextmanager
    def _running(self) -> Iterator[None]:
        if self._is_closed:
            raise RuntimeError("the loop is closed")
        if self._thread is not None:
            raise RuntimeError("the loop runs already")
        hooks = sys.get_asyncgen_hooks()
        self._thread = threading.get_ident()
        self._is_stopping = False
        sys.set_asyncgen_hooks(firstiter=self._on_generator, finalizer=self._on_lost_generator)
        events._set_running_loop(self)  # noqa: SLF001 - asyncio names it for those who write loops
        try:
            yield
        finally:
            events._set_running_loop(None)  # noqa: SLF001 - the same
            sys.set_asyncgen_hooks(*hooks)
            self._thread = None

    def _turn(self) -> None:
        """Run what is ready; where nothing is, let time pass to the next timer."""
        ready = self._ready
        if not ready:
            self._pass_time()
        if self._shuffle is not None and len(ready) > 1:
            batch = list(ready)
            self._shuffle(batch)
            ready.clear()
            ready.extend(batch)
        count = len(ready)
        self.steps += count
        self._steps_at_instant += count
        if self._steps_at_instant > STEPS_PER_INSTANT_MAX:
            raise Livelock(f"{self._steps_at_instant} callbacks at {self._now} s, the next: {ready[0]!r}")
        for _ in range(count):
            call = ready.popleft()
            if call.is_cancelled or (self._is_watching and self._is_barred(call)):
                continue
            try:
                call.context.run(call.callback, *call.args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except PowerCut:
                self._remains.append(call)
            except BaseException as error:  # noqa: BLE001 - raised again by whoever runs the loop
                self._failure = self._failure or error

    def _is_barred(self, call: Call) -> bool:
        """Tell whether a callback's process is dead, or dies right now."""
        process = call.context.get(PROCESS)
        if process is None or process.may_step():
            return False
        self._remains.append(call)
        return True

    def _pass_time(self) -> None:
        timers = self._timers
        while timers and timers[0][2].is_cancelled:
            heapq.heappop(timers)
        if not timers:
            raise Deadlock(f"nothing is scheduled any more at {self._now} s, and what is waited for is not done")
        self._steps_at_instant = 0
        self._now = now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= now:
            self._ready.append(heapq.heappop(timers)[2])

    def _count_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > CANCELLED_MAX and self._cancelled * 2 > len(self._timers):
            self._timers = [each for each in self._timers if not each[2].is_cancelled]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def _stop_after(self, _: object) -> None:
        self._is_stopping = True

    def _on_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._generators_seen += 1
        self._generators[self._generators_seen] = generator

    def _on_lost_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        if not self._is_closed:
            self.call_soon(self.create_task, generator.aclose())


def _unless_done(answer: "asyncio.Future[Any]", set_it: Callable[[Any], None], value: object) -> None:
    if not answer.done():
        set_it(value)
