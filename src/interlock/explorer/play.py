"""A world in which a scene is played: every state that parties, members, ledgers and troubles can bring about."""

from collections.abc import Sequence

from interlock.explorer.batches import batch_actions
from interlock.explorer.ledgers import ledger_actions
from interlock.explorer.members import member_actions
from interlock.explorer.parties import party_actions
from interlock.explorer.promises import Promises
from interlock.explorer.scene import Scene
from interlock.explorer.stage import Stage
from interlock.explorer.table import Lookup, TableWorld


class Play(TableWorld):
    """A scene as a world."""

    def __init__(self, name: str, scene: Scene) -> None:
        self.stage = stage = Stage(scene)
        actions = [*party_actions(stage), *member_actions(stage), *batch_actions(stage), *ledger_actions(stage)]
        super().__init__(name, stage.layout, actions)
        self.promises = Promises(stage)
        self._mask, self._terms_mask = self.promises.mask, self.promises.terms_mask
        self._end_mask = self.promises.end_mask
        self._violations = Lookup(self.promises.violation)
        self._breaches = Lookup(self.promises.breach)
        self._ends = Lookup(self.promises.is_end)

    def initial(self) -> Sequence[int]:
        """Give the one state in which nothing has happened."""
        return [0]

    def violation(self, state: int) -> str | None:
        """Give the first promise that is broken."""
        return self._violations[state & self._mask] or self._breaches[state & self._terms_mask]

    def is_end(self, state: int) -> bool:
        """Tell whether every deal has come to its end."""
        return self._ends[state & self._end_mask]
