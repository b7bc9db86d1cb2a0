"""The simulated log keeps the promises of every ordered log, and breaks those that it is told to break."""

import inspect
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest

from conformance import test_ordering as suite
from interlock.ordering.protocol import Head, LogForked, LogUnavailable, OrderedLog
from interlock.simulation.faces import Faces
from interlock.simulation.log_connection import ANSWER_WITHIN_S, LogConnection
from interlock.simulation.log_service import LogService
from interlock.simulation.network import Weather
from interlock.simulation.world import World


class SimulatedBench:
    """The simulated log, as the suite of all logs wants it."""

    def __init__(self, seed: int = 1) -> None:
        self.world = World(seed)
        scope: dict[str, Callable[[bytes], str | None]] = {}
        exec(suite.DOOR, scope)  # noqa: S102 - the door of the suite
        self.log = LogService(self.world, suite.NETWORK, check=scope["door"])
        self.faces = Faces(self.log)
        self._clients = 0

    def reach(self) -> LogConnection:
        """Give one more client, on a host of its own."""
        self._clients += 1
        host = f"client{self._clients}"
        return LogConnection(host, self.world.network, lambda: self.faces.of(host))

    def move(self) -> None:
        """Its own clock moves it."""

    async def stop(self) -> None:
        """Kill it."""
        self.log.stop()

    async def start(self) -> None:
        """Start it."""
        self.log.start()

    def run(self, ask: Callable[[], Awaitable[None]]) -> None:
        """Start the log and ask it, on virtual time."""

        async def main() -> None:
            self.log.start()
            await ask()

        self.world.loop.run_until_complete(main())
        self.world.loop.close()


def questions() -> list[object]:
    """Give each question of the suite, with each set of its arguments."""
    found: list[object] = []
    for name, question in vars(suite).items():
        if name.startswith("test_"):
            marks = getattr(question, "pytestmark", [])
            cases = marks[0].args[1] if marks else [()]
            found += [pytest.param(question, case, id=f"{name}-{number}") for number, case in enumerate(cases)]
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("question", "arguments"), questions())
def test_it_is_an_ordered_log(
    question: Callable[..., Awaitable[None]], arguments: tuple[object, ...], seed: int
) -> None:
    """What the suite asks of every log holds of this one, whenever its messages come."""
    assert next(iter(inspect.signature(question).parameters)) == "bench"
    bench = SimulatedBench(seed)
    bench.run(lambda: question(bench, *arguments))


async def first_blocks(log: OrderedLog, count: int, after: int = 0) -> list[object]:
    """Read some blocks."""
    found: list[object] = []
    async with aclosing(log.blocks(after)) as blocks:
        async for block in blocks:
            found.append(block)
            if len(found) == count:
                break
    return found


def test_a_lost_answer_is_no_answer_though_the_entry_is_ordered() -> None:
    """Cut off after it has asked, a client hears that the log is unavailable; its entry may stand in a block."""
    bench = SimulatedBench()

    async def ask() -> None:
        log = bench.reach()
        bench.world.network.at(0.02, bench.world.network.isolate, "client1")
        begun = bench.world.loop.time()
        with pytest.raises(LogUnavailable):
            await log.submit(b"entry")
        assert bench.world.loop.time() == begun + ANSWER_WITHIN_S
        assert any(b"entry" in block.entries for block in bench.log.blocks)

    bench.run(ask)


def test_a_broken_stream_is_followed_again_from_where_it_was() -> None:
    """However often connections break, a reader who comes again gets every block, in order, once."""
    bench = SimulatedBench()
    bench.world.network.weather = Weather(broken=0.3)

    async def ask() -> None:
        log, seen, breaks = bench.reach(), [], 0
        while len(seen) < 50:
            try:
                async with aclosing(log.blocks(len(seen))) as blocks:
                    async for block in blocks:
                        seen.append(block)  # noqa: PERF401 - the stream breaks in the middle
            except LogUnavailable:
                breaks += 1
        assert breaks > 5
        assert seen == bench.log.blocks[: len(seen)]

    bench.run(ask)


def test_a_cut_reader_catches_up() -> None:
    """Blocks that met a cut network come later, all of them."""
    bench = SimulatedBench()

    async def ask() -> None:
        bench.world.network.at(2.5, bench.world.network.part, {"client1"})
        bench.world.network.at(9.5, bench.world.network.heal)
        assert await first_blocks(bench.reach(), 15) == bench.log.blocks[:15]

    bench.run(ask)


def test_a_killed_log_forgets_what_waited() -> None:
    """An entry whose block was not durable is gone, and its submitter was told to come again."""
    bench = SimulatedBench()

    async def ask() -> None:
        log = bench.reach()
        await log.submit(b"first")
        bench.world.network.at(0.03, bench.log.stop)
        with pytest.raises(LogUnavailable):
            await log.submit(b"second")
        bench.log.start()
        await log.submit(b"third")
        assert [entry for block in bench.log.blocks for entry in block.entries] == [b"first", b"third"]

    bench.run(ask)


def test_a_censor_says_yes_and_does_nothing() -> None:
    """What is withheld was acknowledged, and stands in no block."""
    bench = SimulatedBench()

    async def ask() -> None:
        log, other = bench.reach(), bench.reach()
        bench.log.censor = lambda host, _: host == "client1"
        await log.submit(b"withheld")
        await other.submit(b"ordered")
        assert [entry for block in bench.log.blocks for entry in block.entries] == [b"ordered"]

    bench.run(ask)


def test_two_faces_share_their_past_alone() -> None:
    """Hosts that are led apart see the same blocks up to the fork, then each its own; moved, they notice."""
    bench = SimulatedBench()

    async def ask() -> None:
        one, other = bench.reach(), bench.reach()
        await one.submit(b"before")
        shared = bench.log.head
        face = bench.faces.fork(["client2"])
        await one.submit(b"to one")
        await other.submit(b"to the other")
        assert bench.log.blocks[: shared.height] == face.blocks[: shared.height]
        assert bench.log.blocks[shared.height].previous == face.blocks[shared.height].previous == shared.hash
        assert [entry for block in face.blocks for entry in block.entries] == [b"before", b"to the other"]
        bench.faces.lead(["client1"], face)
        with pytest.raises(LogForked, match="another log"):
            await anext(one.blocks(shared.height + 1, known=bench.log.blocks[shared.height].hash))

    bench.run(ask)


def test_a_fork_may_go_back() -> None:
    """A face can begin below the head, and a log that is shorter than what was read is told so."""
    bench = SimulatedBench()

    async def ask() -> None:
        log = bench.reach()
        for number in range(4):
            await log.submit(b"entry %d" % number)
        bench.faces.fork(["client1"], 1)
        assert (await log.head()).height == 1
        with pytest.raises(LogForked, match="fewer"):
            await anext(log.blocks(4))

    bench.run(ask)


def test_its_clock_may_be_wrong_and_never_goes_back() -> None:
    """Blocks have the log's own time, which stands still where the clock was set back."""
    bench = SimulatedBench()

    async def ask() -> None:
        log = bench.reach()
        bench.log.skew_s = 100.0
        await log.submit(b"late")
        bench.log.skew_s = -100.0
        await log.submit(b"early")
        first, second = (block.time for block in bench.log.blocks if block.entries)
        assert first == second > bench.world.now() + 90

    bench.run(ask)


def test_the_head_before_any_block_is_the_network() -> None:
    """An empty log is at height 0."""
    assert SimulatedBench().log.head == Head(0, suite.NETWORK, 0)
