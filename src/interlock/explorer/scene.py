"""A scene: the deals of a world, and the troubles that may come over them.

Every world of one log is a scene played on the same stage (`stage`), with the same actions (`parties`, `members`,
`ledgers`) and under the same invariants (`promises`).
"""

from dataclasses import dataclass
from enum import Flag, auto

from interlock.core.instruction import Instruction
from interlock.core.registry import Registry
from interlock.encoding.values import Address
from interlock.explorer.cast import LATE_S, OPEN_S, registry

REGISTRY = registry()
"""What stands in the registry unless a scene says otherwise."""


class Trouble(Flag):
    """What may happen besides delay, which is everywhere: whatever is under way arrives late, twice or never."""

    NONE = 0
    CRASH = auto()
    """A member forgets what it has seen of holds, and the log has not counted. Its sign-once record stays."""
    FORGETFUL = auto()
    """So it is with everything that it sees."""
    LIAR = auto()
    """The Byzantine member completes whatever quorum it likes, and signs both outcomes."""
    EAGER_LIAR = auto()
    """The Byzantine member speaks whenever it wants."""
    CANCEL = auto()
    """Parties withdraw, at any moment."""
    REFUSAL = auto()
    """Banks are asked for holds when it is too late, and refuse them and others, and orders, for ever."""
    FREEZE = auto()
    """Nobody can be paid out of a vault for a time. Sooner or later it ends, or whoever is entitled redirects."""
    THEFT = auto()
    """A hold is stolen."""
    HALT = auto()
    """A bank's hold is halted by law. Sooner or later that is lifted."""
    RELEASE = auto()
    """Payer and payee of a leg end its hold together."""
    REORG = auto()
    """Blocks of the chain are replaced below finality."""
    SILENCE = auto()
    """The pivot neither executes nor says anything for a time."""
    REDACTION = auto()
    """The log is brought the redacted terms first, and maybe never the clear ones."""
    DELISTING = auto()
    """The first bank is struck off the registry, whatever it holds."""
    OWN_CALL = auto()
    """A payer asks for its own hold, and nobody signs for it; what members see of it is brought to the log instead."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is played."""

    deals: tuple[Instruction, ...]
    troubles: Trouble = Trouble.NONE
    hit: tuple[int, ...] = ()
    """The legs whose holds may be stolen, halted or ended by consent; empty for all."""
    phases: tuple[int, ...] = (OPEN_S, LATE_S)
    """The moments of log time at which something becomes due, after the beginning."""
    is_signed: bool = True
    """All parties have signed before it begins; else each signs when it wants, or never."""
    is_coarse: bool = False
    """Votes and signatures come a quorum at a time (`counts`)."""
    wallets: tuple[Address, ...] = ()
    """Parties that are contracts: they make no signatures, and consent by their own calls."""
    registry: Registry = REGISTRY
    log_bits: int = 13
    """Bits for the number of the log's state."""
    book_bits: int = 7
    """Bits for the number of a ledger's books."""
