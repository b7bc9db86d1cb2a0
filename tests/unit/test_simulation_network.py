"""The simulated network delays, loses and doubles messages, and is cut into parts."""

from collections.abc import Callable

from interlock.simulation.network import Network, Weather
from interlock.simulation.process import Process
from interlock.simulation.world import World


def deliver(weather: Weather, count: int, prepare: Callable[[Network], None] = lambda _: None) -> list[int]:
    """Send numbered messages from one host to another; give what arrives, in order."""
    world = World(1)
    world.network.weather = weather
    found: list[int] = []

    async def main() -> None:
        prepare(world.network)
        for number in range(count):
            world.network.send("a", "b", found.append, number)
        await world.later(100)

    world.loop.run_until_complete(main())
    world.loop.close()
    return found


def test_messages_arrive_and_overtake_each_other() -> None:
    """On a good network everything arrives once, in any order."""
    found = deliver(Weather(), 100)
    assert sorted(found) == list(range(100))
    assert found != sorted(found)


def test_some_are_lost_and_some_arrive_twice() -> None:
    """As many as the weather says."""
    assert 300 < len(deliver(Weather(lost=0.5), 1_000)) < 700
    doubled = deliver(Weather(doubled=0.5), 1_000)
    assert 1_300 < len(doubled) < 1_700
    assert set(doubled) == set(range(1_000))


def test_nothing_crosses_a_cut() -> None:
    """Two parts do not hear each other, nor does anybody hear who is alone; joined again they do."""
    assert deliver(Weather(), 9, lambda network: network.part({"a"})) == []
    assert deliver(Weather(), 9, lambda network: network.part({"a", "b"})) != []
    assert deliver(Weather(), 9, lambda network: network.isolate("b")) == []

    def part_and_heal(network: Network) -> None:
        network.part({"a"})
        network.isolate("b")
        network.heal()
        network.rejoin("b")

    assert len(deliver(Weather(), 9, part_and_heal)) == 9


def test_what_was_on_its_way_is_lost_when_the_network_is_cut() -> None:
    """A cut stops what was sent before it."""
    assert deliver(Weather(delay_s=5.0), 9, lambda network: network.at(0.0, network.isolate, "b") and None) == []


def test_a_slow_host_answers_late() -> None:
    """All that goes to or from it takes so many times longer."""
    world = World(1)
    quick = [world.network.delay("a", "b") for _ in range(100)]
    world.network.slow("b", 1_000)
    slow = [world.network.delay("a", "b") for _ in range(100)]
    assert sum(slow) > 100 * sum(quick)
    world.loop.close()


def test_a_message_outlives_its_sender() -> None:
    """What a process sent before it died arrives."""
    world = World(1)
    found: list[int] = []

    async def main() -> None:
        process = Process("a")
        process.context().run(world.network.send, "a", "b", found.append, 1)
        world.loop.kill(process)
        await world.later(100)

    world.loop.run_until_complete(main())
    world.loop.close()
    assert found == [1]
