"""The virtual loop runs asyncio programs as asyncio does, without a clock, and never hangs."""

import asyncio
import random
import socket
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from interlock.simulation import loop as loop_module
from interlock.simulation.loop import Deadlock, Livelock, VirtualLoop
from interlock.simulation.process import PowerCut, Process

YEAR_S = 31_536_000


@contextmanager
def virtual(**options: object) -> Iterator[VirtualLoop]:
    """Give a loop, and close it."""
    loop = VirtualLoop(**options)
    try:
        yield loop
    finally:
        loop.close()


def run(main: Callable[[], Awaitable[object]], **options: object) -> object:
    """Run a program on virtual time."""
    with virtual(**options) as loop:
        return loop.run_until_complete(main())


async def producer_and_consumer() -> list[object]:
    queue: asyncio.Queue[int] = asyncio.Queue(2)
    found: list[object] = []

    async def produce() -> None:
        for number in range(6):
            await queue.put(number)
            found.append(("put", number))

    async def consume() -> None:
        for _ in range(6):
            found.append(("got", await queue.get()))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        group.create_task(consume())
    return found


async def timers_and_timeouts() -> list[object]:
    found: list[object] = []
    loop = asyncio.get_running_loop()
    for delay in (0.03, 0.01, 0.02):
        loop.call_later(delay, found.append, delay)
    try:
        async with asyncio.timeout(0.05):
            await asyncio.Event().wait()
    except TimeoutError:
        found.append("late")
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.sleep(9), 0.001)
    done, pending = await asyncio.wait(
        [asyncio.ensure_future(asyncio.sleep(0.001, "first")), asyncio.ensure_future(asyncio.sleep(5))],
        return_when=asyncio.FIRST_COMPLETED,
    )
    found += [each.result() for each in done]
    for each in pending:
        each.cancel()
    return found


async def failures_and_cancellations() -> list[object]:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def clean_up(found: list[object]) -> None:
        try:
            await asyncio.sleep(9)
        finally:
            found.append("cleaned")

    found: list[object] = [str(each) for each in await asyncio.gather(fail(), fail(), return_exceptions=True)]
    task = asyncio.create_task(clean_up(found))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    lock, shielded = asyncio.Lock(), asyncio.ensure_future(asyncio.sleep(0, "kept"))
    async with lock:
        found += [task.cancelled(), lock.locked(), await asyncio.shield(shielded)]
    return found


@pytest.mark.parametrize("program", [producer_and_consumer, timers_and_timeouts, failures_and_cancellations])
def test_programs_do_what_they_do_on_the_stock_loop(program: Callable[[], Awaitable[list[object]]]) -> None:
    """Queues, groups, timeouts, cancellation and errors give the same results in the same order."""
    stock = asyncio.new_event_loop()
    try:
        wanted = stock.run_until_complete(program())
    finally:
        stock.close()
    assert run(program) == wanted


@pytest.mark.parametrize("program", [timers_and_timeouts, failures_and_cancellations])
def test_programs_that_await_what_they_need_do_the_same_in_any_order(
    program: Callable[[], Awaitable[list[object]]],
) -> None:
    """A shuffled loop is a loop still."""
    assert run(program, shuffle=random.Random(3).shuffle) == run(program)


def test_a_year_passes_at_once() -> None:
    """Time is what the program waits for, and begins at 0."""

    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await asyncio.sleep(YEAR_S)
        return begun, loop.time()

    assert run(main) == (0.0, YEAR_S)


def test_equal_times_fire_in_the_order_in_which_they_were_set() -> None:
    """Timers of one moment are first come, first served, also among many."""

    async def main() -> list[int]:
        found: list[int] = []
        for number in range(100):
            asyncio.get_running_loop().call_at(1.0, found.append, number)
        await asyncio.sleep(2)
        return found

    assert run(main) == list(range(100))


def test_dice_choose_the_order_and_the_same_dice_the_same() -> None:
    """A shuffled loop runs what is ready in another order, the same one for the same seed."""

    async def main() -> tuple[int, ...]:
        found: list[int] = []
        for number in range(20):
            asyncio.get_running_loop().call_soon(found.append, number)
        await asyncio.sleep(1)
        return tuple(found)

    orders = [run(main, shuffle=random.Random(seed).shuffle) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert all(sorted(each) == list(range(20)) for each in orders)


def test_what_can_never_happen_is_a_deadlock() -> None:
    """A program that waits for nobody ends with an error that says when."""

    async def main() -> None:
        await asyncio.sleep(3)
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match=r"at 3\.0 s"):
        run(main)


def test_a_timer_that_was_cancelled_does_not_hide_a_deadlock() -> None:
    """Only what will still run counts as scheduled."""

    async def main() -> None:
        asyncio.get_running_loop().call_later(5, print).cancel()
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match=r"at 0\.0 s"):
        run(main)


def test_endless_work_in_one_instant_is_a_livelock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that spins without letting time pass is ended."""
    monkeypatch.setattr(loop_module, "STEPS_PER_INSTANT_MAX", 1_000)

    async def main() -> None:
        while True:  # noqa: ASYNC110 - spinning is what is tested
            await asyncio.sleep(0)

    with pytest.raises(Livelock):
        run(main)


def test_an_executor_runs_here_and_takes_virtual_time() -> None:
    """A call to a thread is made in the loop's own thread, takes effect after its delay, and answers after another."""
    effects: list[tuple[float, int]] = []

    async def main() -> tuple[str, float]:
        loop = asyncio.get_running_loop()

        def work(text: str) -> str:
            effects.append((loop.time(), threading.get_ident()))
            return text

        return await asyncio.to_thread(work, "done"), loop.time()

    assert run(main, executor_delays=lambda: (1.0, 2.0)) == ("done", 3.0)
    assert effects == [(1.0, threading.get_ident())]


def test_an_executors_error_is_the_answer() -> None:
    """What a call raises is raised where it is awaited."""

    async def main() -> None:
        await asyncio.to_thread(int, "no number")

    with pytest.raises(ValueError, match="no number"):
        run(main)


def test_an_executors_call_takes_effect_though_nobody_waits() -> None:
    """A thread that works cannot be called back: what was cancelled is done all the same."""
    effects: list[str] = []

    async def main() -> None:
        task = asyncio.create_task(asyncio.to_thread(effects.append, "done"))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.sleep(2)

    run(main, executor_delays=lambda: (1.0, 1.0))
    assert effects == ["done"]


def test_nothing_real_slips_in() -> None:
    """Sockets are refused, and so is another thread."""

    async def connect() -> None:
        with socket.socket() as one:
            await asyncio.get_running_loop().sock_connect(one, ("127.0.0.1", 9))

    async def call_from_a_thread() -> None:
        errors: list[Exception] = []
        loop = asyncio.get_running_loop()

        def call() -> None:
            try:
                loop.call_soon_threadsafe(print)
            except RuntimeError as error:
                errors.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        raise errors[0]

    with pytest.raises(NotImplementedError):
        run(connect)
    with pytest.raises(RuntimeError, match="thread"):
        run(call_from_a_thread)


def test_what_a_callback_raises_ends_the_run() -> None:
    """An error that no task carries is not lost."""

    async def main() -> None:
        asyncio.get_running_loop().call_soon(int, "no number")
        await asyncio.sleep(1)

    with pytest.raises(ValueError, match="no number"):
        run(main)


def test_an_error_that_nobody_awaits_is_noted() -> None:
    """A task that failed unseen stands among the complaints."""

    async def fail() -> None:
        raise ValueError("unseen")

    async def main() -> None:
        asyncio.get_running_loop().create_task(fail())
        await asyncio.sleep(1)

    with virtual() as loop:
        loop.run_until_complete(main())
        assert len(loop.complaints) == 1
        assert "unseen" in loop.complaints[0]


def test_many_cancelled_timers_leave_the_heap() -> None:
    """Timers that were set and cancelled do not pile up."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(10_000):
            loop.call_later(1_000, print).cancel()

    with virtual() as loop:
        loop.run_until_complete(main())
        assert len(loop._timers) < 1_000


def test_a_lost_generator_is_closed() -> None:
    """A generator that somebody stopped reading runs its cleanup."""
    found: list[str] = []

    async def numbers() -> AsyncGenerator[int, None]:
        try:
            for number in range(9):
                yield number
        finally:
            found.append("closed")

    async def main() -> None:
        async for number in numbers():
            if number == 2:
                break
        await asyncio.sleep(1)

    run(main)
    assert found == ["closed"]


def test_nothing_of_a_dead_process_runs() -> None:
    """A power cut runs no `finally`, no `except`, no callback, neither in its tasks nor after what they await."""
    found: list[str] = []

    async def child() -> None:
        try:
            await asyncio.sleep(2)
            found.append("child went on")
        finally:
            found.append("child cleaned up")

    async def parent(other: "asyncio.Future[None]") -> None:
        asyncio.get_running_loop().call_later(3, found.append, "timer fired")
        task = asyncio.create_task(child())
        try:
            await other
            found.append("parent went on")
            await task
        except BaseException:
            found.append("parent heard")
            raise
        finally:
            found.append("parent cleaned up")

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        process, other = Process("one"), loop.create_future()
        loop.create_task(parent(other), context=process.context())  # noqa: RUF006 - its process keeps it
        await asyncio.sleep(1)
        loop.kill(process)
        other.set_result(None)
        await asyncio.sleep(9)
        return list(found)

    assert run(main) == []


def test_a_process_dies_at_any_step() -> None:
    """An end that was planned comes between two steps of that process, and leaves others alone."""

    async def count(found: list[int], steps: int) -> None:
        for number in range(steps):
            found.append(number)
            await asyncio.sleep(0)

    async def main(after: int) -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        mine: list[int] = []
        others: list[int] = []
        process = Process("one")
        task = loop.create_task(count(mine, 10), context=process.context())
        other = loop.create_task(count(others, 10), context=Process("two").context())
        loop.plan_end(process, after, lambda: loop.kill(process))
        await other
        assert task.done() == (after > 10)
        return len(mine), len(others)

    for after in range(13):
        with virtual() as loop:
            assert loop.run_until_complete(main(after)) == (min(after, 10), 10)


def test_a_power_cut_in_the_middle_of_a_call_ends_it_there() -> None:
    """A call that finds its machine dead goes no further, and nobody of the process hears of it."""
    found: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        process = Process("one")

        def write() -> None:
            found.append("before")
            loop.kill(process)
            raise PowerCut

        async def work() -> None:
            try:
                await asyncio.to_thread(write)
            finally:
                found.append("after")

        loop.create_task(work(), context=process.context())  # noqa: RUF006 - its process keeps it
        await asyncio.sleep(9)

    with virtual() as loop:
        loop.run_until_complete(main())
        assert found == ["before"]
        assert loop.complaints == []


def test_a_closed_loop_runs_nothing() -> None:
    """Closing is final, and harmless twice."""
    loop = VirtualLoop()
    loop.close()
    loop.close()
    coroutine = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="closed"):
        loop.run_until_complete(coroutine)
    coroutine.close()
