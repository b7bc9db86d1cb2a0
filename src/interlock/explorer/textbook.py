"""Two-phase commit as every textbook has it: the world by which the search itself is judged.

Resource managers prepare, or abort on their own; the transaction manager commits when all have told it that they are
prepared, or aborts at any time before. Messages are never lost and stay readable for ever, so that a message is one
bit. The numbers of reachable states are known: 56, 288, 1568, 8832 and 50816 with 2 to 6 resource managers. A search
that counts otherwise is wrong.

Source: the module TwoPhase of the TLA+ examples; Gray and Lamport, "Consensus on Transaction Commit" (2006). Actions
have the names that they have there.
"""

from collections.abc import Iterator, Sequence

from interlock.explorer.fields import Layout
from interlock.explorer.table import Action, Lookup, TableWorld, mask_of
from interlock.explorer.world import Label

WORKING, PREPARED, COMMITTED, ABORTED = range(4)
"""What a resource manager can be."""

INIT, TM_COMMITTED, TM_ABORTED = range(3)
"""What the transaction manager can be."""

MANAGER = "the transaction manager"


class TwoPhaseCommit(TableWorld):
    """Two-phase commit with some number of resource managers."""

    def __init__(self, managers: int) -> None:
        layout = Layout()
        self.tm_state = layout.choice("transaction manager", ("init", "committed", "aborted"))
        self.commit_sent = layout.flag("Commit sent")
        self.abort_sent = layout.flag("Abort sent")
        self.rms = range(managers)
        self.rm_states = [
            layout.choice(f"resource manager {rm + 1}", ("working", "prepared", "committed", "aborted"))
            for rm in self.rms
        ]
        self.prepared_sent = [layout.flag(f"Prepared sent by resource manager {rm + 1}") for rm in self.rms]
        self.tm_prepared = [layout.flag(f"Prepared of resource manager {rm + 1} known") for rm in self.rms]
        super().__init__(f"two-phase-commit-{managers}", layout, list(self.actions()))
        self._rm_mask = mask_of(self.rm_states)
        self._violations = Lookup(self._violation)
        self._ends = Lookup(self._is_end)

    def initial(self) -> Sequence[int]:
        """Give the one state in which everybody works and nothing was sent."""
        return [0]

    def violation(self, state: int) -> str | None:
        """Check TCConsistent: no resource manager has committed while another has aborted."""
        return self._violations[state & self._rm_mask]

    def is_end(self, state: int) -> bool:
        """Tell whether every resource manager has committed or aborted."""
        return self._ends[state & self._rm_mask]

    def actions(self) -> Iterator[Action]:
        """Give the table: what the managers can do, each resource manager for itself."""
        yield self.tm_commit()
        yield self.tm_abort()
        for rm in self.rms:
            yield self.tm_receive_prepared(rm)
            yield self.rm_prepare(rm)
            yield self.rm_choose_to_abort(rm)
            yield self.rm_receive_commit(rm)
            yield self.rm_receive_abort(rm)

    def tm_receive_prepared(self, rm: int) -> Action:
        """TMRcvPrepared: the manager learns that one is prepared."""
        label = Label("TMRcvPrepared", MANAGER, f"learns that resource manager {rm + 1} is prepared", {"rm": rm + 1})

        def change(tm_state: int, sent: int, _known: int) -> tuple[int, int, int] | None:
            return (tm_state, sent, 1) if tm_state == INIT and sent else None

        return Action(label, (self.tm_state, self.prepared_sent[rm], self.tm_prepared[rm]), change)

    def tm_commit(self) -> Action:
        """TMCommit: all are known to be prepared, and the manager commits."""

        def change(tm_state: int, _sent: int, *known: int) -> tuple[int, ...] | None:
            return (TM_COMMITTED, 1, *known) if tm_state == INIT and all(known) else None

        return Action(
            Label("TMCommit", MANAGER, "commits"), (self.tm_state, self.commit_sent, *self.tm_prepared), change
        )

    def tm_abort(self) -> Action:
        """TMAbort: the manager gives up, which it does sooner or later where it cannot commit."""

        def change(tm_state: int, _sent: int) -> tuple[int, int] | None:
            return (TM_ABORTED, 1) if tm_state == INIT else None

        return Action(Label("TMAbort", MANAGER, "aborts"), (self.tm_state, self.abort_sent), change)

    def rm_prepare(self, rm: int) -> Action:
        """RMPrepare: one prepares, and says so. Its own choice."""

        def change(rm_state: int, _sent: int) -> tuple[int, int] | None:
            return (PREPARED, 1) if rm_state == WORKING else None

        fields = (self.rm_states[rm], self.prepared_sent[rm])
        return Action(_rm_label("RMPrepare", rm, "prepares, and says so"), fields, change, is_fair=False)

    def rm_choose_to_abort(self, rm: int) -> Action:
        """RMChooseToAbort: one that has not prepared aborts, and tells nobody. Its own choice."""

        def change(rm_state: int) -> tuple[int] | None:
            return (ABORTED,) if rm_state == WORKING else None

        label = _rm_label("RMChooseToAbort", rm, "aborts on its own")
        return Action(label, (self.rm_states[rm],), change, is_fair=False)

    def rm_receive_commit(self, rm: int) -> Action:
        """RMRcvCommitMsg: one is told to commit, and does, whatever it was."""

        def change(_rm_state: int, sent: int) -> tuple[int, int] | None:
            return (COMMITTED, sent) if sent else None

        label = _rm_label("RMRcvCommitMsg", rm, "is told to commit, and does")
        return Action(label, (self.rm_states[rm], self.commit_sent), change)

    def rm_receive_abort(self, rm: int) -> Action:
        """RMRcvAbortMsg: one is told to abort, and does, whatever it was."""

        def change(_rm_state: int, sent: int) -> tuple[int, int] | None:
            return (ABORTED, sent) if sent else None

        label = _rm_label("RMRcvAbortMsg", rm, "is told to abort, and does")
        return Action(label, (self.rm_states[rm], self.abort_sent), change)

    def _violation(self, bits: int) -> str | None:
        states = [field.of(bits) for field in self.rm_states]
        if COMMITTED not in states or ABORTED not in states:
            return None
        committed, aborted = states.index(COMMITTED) + 1, states.index(ABORTED) + 1
        return f"TCConsistent: resource manager {committed} has committed, resource manager {aborted} has aborted"

    def _is_end(self, bits: int) -> bool:
        return all(field.of(bits) in {COMMITTED, ABORTED} for field in self.rm_states)


def _rm_label(name: str, rm: int, does: str) -> Label:
    return Label(name, f"resource manager {rm + 1}", does, {"rm": rm + 1})
