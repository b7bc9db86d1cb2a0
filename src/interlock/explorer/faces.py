"""Worlds of a log that may have two faces, and of committees that follow each other.

A lying sequencer shows some members one log and some another. Here it may do worse: every member follows both at once,
and signs on either whatever its memory allows. What holds then holds for every way of dividing the members. Both faces
begin alike and are told apart by their newest block, so that the core itself refuses a batch of the other.

The parties have signed, so anybody can bring the terms to any face and ask for any hold; the Byzantine member of each
committee has said and signed everything. So a fact comes to stand on a face as soon as two honest members have seen it,
and a certificate is out as soon as two honest members have signed, whether or not a log has it. Votes that are too few
are not told apart: no rule can see them (`counts`), and signatures live in the members' memories (`memory`).

With a rotation, the second committee keeps two honest members of the first; its third is new, and its fourth is
Byzantine. Each ledger learns of it when somebody brings the rotation, sooner or later, and until then obeys the first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from interlock.core.attestation import Fact
from interlock.core.committee import FIRST_EPOCH
from interlock.core.decision import Outcome
from interlock.core.instruction import Instruction, ledger_of, legs_of
from interlock.core.registry import Registry
from interlock.encoding.values import Bytes32
from interlock.explorer.books import Side
from interlock.explorer.cast import EARLY_S, LATE_S, OPEN_S, id_of, registry, word
from interlock.explorer.face_ledgers import ledger_actions
from interlock.explorer.face_logs import log_actions
from interlock.explorer.face_members import member_actions
from interlock.explorer.face_promises import FacePromises
from interlock.explorer.fields import Interner, Layout
from interlock.explorer.kernel import FACE, Kernel
from interlock.explorer.memory import SECOND_EPOCH, Memories, Memory, sorted_memories
from interlock.explorer.table import Lookup, TableWorld
from interlock.ledgers.memory.proof import GENESIS_KNOWN, Known
from interlock.ledgers.memory.rules import Kind

REGISTRY = registry()
OTHER_FACE = word(3)
"""The hash of the newest block on the fork."""


@dataclass(frozen=True, slots=True)
class Plot:
    """What such a world is made of."""

    terms: Instruction
    faces: int = 2
    has_rotation: bool = False
    has_cancels: bool = False
    has_stolen_keys: bool = False
    """Once a ledger knows the second committee, the first one's keys are everybody's there."""
    checks_liveness: bool = False
    """A log with two faces can delay for ever; one log cannot."""
    phases: tuple[int, ...] = (OPEN_S, LATE_S)
    registry: Registry = REGISTRY
    log_bits: int = 12
    memory_bits: int = 12
    book_bits: int = 6


class FaceStage:
    """The layout of such a world's states, and what stands behind the numbers in them."""

    def __init__(self, plot: Plot) -> None:
        self.plot = plot
        self.id = id_of(plot.terms)
        self.kernel = Kernel(plot.registry)
        self.memories = Interner[Memories]()
        self.roots: dict[Bytes32, Bytes32] = {}
        """Of every rotation that somebody has signed, by its digest: the root that it carries."""
        self.known = Interner[Known]()
        self.known.number(GENESIS_KNOWN)
        names = sorted({ledger_of(leg) or "" for leg in legs_of(plot.terms)})
        self.sides = [self._side(name) for name in names]
        self.places = [names.index(ledger_of(leg) or "") for leg in legs_of(plot.terms)]
        """The ledger of each leg."""
        self.pivot = names.index(plot.terms.pivot) if plot.terms.pivot else None
        layout = self.layout = Layout()
        self.logs = [layout.number(f"face {each}", plot.log_bits, self._show_log) for each in range(plot.faces)]
        self.minds = layout.number("the members", plot.memory_bits, self._show_minds)
        self.books = [layout.number(side.name, plot.book_bits, side.show) for side in self.sides]
        self.epochs = [layout.number(f"{side.name} knows", 4, self._show_known) for side in self.sides]
        self.seen = {key: layout.flag(f"seen: {_fact_words(*key)}") for key in self._facts()}
        """By leg, fact and, for an order's, its last-valid time: two honest members have seen it."""
        self.orders = self._orders()
        """The last-valid times that an order can have."""

    def beginning(self) -> int:
        """Give the state in which nothing has happened."""
        faces = [self.kernel.fork(self.kernel.beginning, face) for face in (FACE, OTHER_FACE)]
        members = [Memory((FIRST_EPOCH,)) for _ in range(3)]
        if self.plot.has_rotation:
            members = [Memory((FIRST_EPOCH, SECOND_EPOCH))] * 2 + [Memory((FIRST_EPOCH,)), Memory((SECOND_EPOCH,))]
        state = self.minds.put(0, self.memories.number(sorted_memories(members)))
        for field, face in zip(self.logs, faces, strict=False):
            state = field.put(state, face)
        return state

    def is_pivot(self, leg: int) -> bool:
        """Tell whether a leg is the pivot's."""
        return self.places[leg] == self.pivot

    def _side(self, name: str) -> Side:
        entry = self.plot.registry.ledger(name)
        if entry is None:
            raise ValueError(f"the plot's registry has no ledger {name}")
        return Side(name, Kind(entry.ledger_class, entry.is_pivot), 1)

    def _orders(self) -> list[int]:
        terms = self.plot.terms
        times = (EARLY_S, *self.plot.phases) if terms.pivot else ()
        return [each + terms.pivot_window for each in times if terms.settle_from <= each <= terms.prepare_by]

    def _facts(self) -> Iterator[tuple[int, Fact, int]]:
        for leg in range(len(legs_of(self.plot.terms))):
            if not self.is_pivot(leg):
                yield from ((leg, fact, 0) for fact in (Fact.HELD, Fact.DELIVERED, Fact.RETURNED))
        for last_valid in self._orders():
            yield from ((0, fact, last_valid) for fact in (Fact.EXECUTED, Fact.NEVER))

    def _show_log(self, number: int) -> str:
        kernel = self.kernel
        known = kernel.known(number, self.id)
        words = [f"epoch {kernel.epoch(number)}, time {kernel.time(number)}"]
        words += ["a rotation is pending"] if kernel[number].snapshot.pending is not None else []
        if known is None:
            return ", ".join([*words, "knows no settlement"])
        settlement = kernel.settlement(number, self.id)
        legs = () if settlement is None else settlement.legs
        words += [known.state.name, *(f"leg {index} {leg.state.name}" for index, leg in enumerate(legs))]
        if settlement is not None and settlement.certificate is not None:
            words.append("certified")
        return ", ".join(words)

    def _show_minds(self, number: int) -> str:
        return "; ".join(_memory_words(each) for each in self.memories[number])

    def _show_known(self, number: int) -> str:
        return f"epoch {self.known[number].epoch}"


class Faces(TableWorld):
    """A plot as a world."""

    def __init__(self, name: str, plot: Plot) -> None:
        self.stage = stage = FaceStage(plot)
        self.checks_liveness = plot.checks_liveness
        super().__init__(name, stage.layout, [*log_actions(stage), *member_actions(stage), *ledger_actions(stage)])
        promises = FacePromises(stage)
        self._mask, self._violations = promises.mask, Lookup(promises.violation)
        self._end_mask, self._ends = promises.end_mask, Lookup(promises.is_end)

    def initial(self) -> Sequence[int]:
        """Give the one state in which nothing has happened."""
        return [self.stage.beginning()]

    def violation(self, state: int) -> str | None:
        """Give the first promise that is broken."""
        return self._violations[state & self._mask]

    def is_end(self, state: int) -> bool:
        """Tell whether the settlement has come to its end."""
        return self._ends[state & self._end_mask]


def _fact_words(leg: int, fact: Fact, last_valid: int) -> str:
    return f"{fact.name} of the order until {last_valid}" if last_valid else f"{fact.name} of leg {leg}"


def _memory_words(memory: Memory) -> str:
    offices = "+".join(str(each) for each in memory.offices)
    said = [f"{each.name}@{epoch}" if isinstance(each, Outcome) else f"order {each.last_valid}@{epoch}"
            for epoch, each in sorted(memory.signatures, key=repr)]  # fmt: skip
    rotated = ["handed over"] if memory.rotation is not None else []
    return f"[{offices}] " + (", ".join([*said, *rotated]) or "nothing")
