"""What evaluates conditions in a run: each has one result, or none.

Every node comes to know it in its own time.
"""

from collections.abc import Sequence

from interlock.auditor.event import ConditionMet
from interlock.core.instruction import SettlementId
from interlock.node.conditions import Asked
from interlock.simulation.dice import Dice
from interlock.simulation.narrator import Narrator
from interlock.simulation.world import World

NEVER_SHARE = 0.1
"""Share of conditions that never have a result."""
UNMET_SHARE = 0.1
"""Share of conditions that turn out not to hold."""
RESULT_MEAN_S = 1.0
"""Mean time, after a node first asks, until it knows."""


class Oracle:
    """Conditions as one host sees them. What they come to is everybody's, when it is known is the host's own."""

    def __init__(self, world: World, host: str, narrator: Narrator) -> None:
        self._world = world
        self._dice = world.dice.split("oracle", host)
        self._truth = world.dice.split("conditions")
        self._narrator = narrator
        self._known_at: dict[SettlementId, float] = {}

    async def results(self, asked: Sequence[Asked]) -> dict[SettlementId, bool]:
        """Give what this host knows by now."""
        now = self._world.loop.time()
        found: dict[SettlementId, bool] = {}
        for each in asked:
            known_at = self._known_at.setdefault(each.settlement, now + self._dice.wait(RESULT_MEAN_S))
            lot = Dice(self._truth.seed, f"conditions/{each.conditions.hex()}").number()
            if known_at <= now and lot >= NEVER_SHARE:
                found[each.settlement] = lot >= NEVER_SHARE + UNMET_SHARE
                if found[each.settlement]:
                    self._narrator.feed(ConditionMet(each.settlement))
        return found
