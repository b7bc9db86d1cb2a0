"""What goes wrong in a run: which kinds of faults, and how big the run is.

Each seed takes about half of the faults, each by a lot of its own, because a run with all of them at once hides what
two of them can do alone. A plan is data, so that a failing run can be made again with fewer faults, and shrunk.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from interlock.simulation.dice import Dice


class Fault(StrEnum):
    """A kind of fault; its value is what a command line calls it."""

    ORDER = "order"
    """What is ready runs in any order."""
    DELAYS = "delays"
    """Messages take long, and overtake each other."""
    LOSS = "loss"
    """Messages, or their answers, are lost."""
    DOUBLES = "doubles"
    """Messages arrive twice."""
    BREAKS = "breaks"
    """Connections break."""
    PARTITIONS = "partitions"
    """The network is cut into parts."""
    SLOW_HOSTS = "slow-hosts"
    """A node, the log or a ledger answers late."""
    CRASHES = "crashes"
    """Nodes are killed between any two steps, or lose power there."""
    DISK_CUTS = "disk-cuts"
    """Nodes lose power in the middle of a call to the disk."""
    DISK_FULL = "disk-full"
    """A node's disk takes nothing more; the node halts and is started again when there is room."""
    LOG_RESTARTS = "log-restarts"
    """The log dies and comes back."""
    LOG_CENSORS = "log-censors"
    """The log takes entries and forgets them, for a while."""
    CLOCKS = "clocks"
    """Clocks of nodes and log are wrong."""
    LOG_FORKS = "log-forks"
    """The log shows nodes two faces, and f Byzantine members sit before both. Nothing need end then; nothing may be
    decided twice."""
    LEDGER_OUTAGES = "ledger-outages"
    """A ledger is not reached."""
    REORGS = "reorgs"
    """The chain replaces blocks that are not final."""
    FREEZES = "freezes"
    """Accounts are frozen, by a bank or an issuer, and thawed again."""
    HALTS = "halts"
    """Holds are halted by law, and let go again."""
    THEFT = "theft"
    """Holds are taken against the rules. Few seeds have it: what was stolen after a COMMIT is never delivered."""
    ROTATIONS = "rotations"
    """Committees hand over to others while everything goes on."""
    LIARS = "liars"
    """f members are Byzantine."""
    COLLUSION = "collusion"
    """f + 1 members are Byzantine, and the log with them: what they break must be proven against them. Never by lot."""
    SQL = "sql"
    """Nodes keep their blocks in the production database instead of its twin."""


SETTLEMENTS = (40, 120)
"""Settlements of a run, at least and at most: many at once, so that they meet each other."""
_SHARES = {Fault.SQL: 1 / 16, Fault.THEFT: 1 / 8, Fault.ROTATIONS: 1 / 4, Fault.LOG_FORKS: 1 / 16, Fault.COLLUSION: 0.0}
"""Share of seeds that take a fault, where it is not half of them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One run, before it runs."""

    seed: int
    settlements: int
    members: int
    """n = 3f + 1."""
    faults: frozenset[Fault]

    @property
    def faulty_max(self) -> int:
        """Give f."""
        return (self.members - 1) // 3

    @property
    def is_log_honest(self) -> bool:
        """Tell whether the log shows everybody the same."""
        return not self.faults & {Fault.LOG_FORKS, Fault.COLLUSION}

    def having(self, *faults: Fault) -> "Plan":
        """Give the same run with more faults."""
        return replace(self, faults=self.faults | set(faults))

    def without(self, *faults: Fault) -> "Plan":
        """Give the same run without some faults."""
        return replace(self, faults=self.faults - set(faults))

    def command(self, usual: "Plan") -> str:
        """Give the line that makes this run again; `usual` is what its seed alone would give."""
        parts = [f"interlock simulate --seeds {self.seed}..{self.seed}"]
        if self.settlements != usual.settlements:
            parts.append(f"--settlements {self.settlements}")
        parts += [f"--with {each}" for each in sorted(self.faults - usual.faults)]
        parts += [f"--without {each}" for each in sorted(usual.faults - self.faults)]
        return " ".join(parts)


def plan_of(seed: int) -> Plan:
    """Give what a seed says."""
    dice = Dice(seed).split("plan")
    return Plan(
        seed=seed,
        settlements=dice.whole(*SETTLEMENTS),
        members=7 if dice.chance(1 / 16) else 4,
        faults=frozenset(each for each in Fault if dice.split(each).chance(_SHARES.get(each, 0.5))),
    )
