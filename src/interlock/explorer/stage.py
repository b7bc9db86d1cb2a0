"""The stage on which a scene is played: which parts a world's state has, and where each stands in it.

    the log       the number of a replica state (`kernel`)
    the ledgers   for each, the number of its books (`books`)
    the parties   for each signature, whether it was made: from then on anybody can bring it anywhere, at any time
    the members   for each fact that can be seen, how many have seen it and how many the log has counted; the same for
                  the signatures under each outcome and each order (`counts`)

Messages have no queue. Whatever was once made public stays deliverable for ever, which is delay, duplication,
reordering and loss in one; and a result is unknown as long as the ledger has acted and nobody has seen it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import (
    Instruction,
    SettlementId,
    ledger_of,
    legs_of,
    required_signers,
    signer_of,
)
from interlock.core.limits import EVERY_LEG
from interlock.encoding.values import ZERO_BYTES32, Address
from interlock.explorer.books import Side
from interlock.explorer.cast import EARLY_S, NAMES, id_of
from interlock.explorer.counts import Counts
from interlock.explorer.fields import Field, Layout
from interlock.explorer.kernel import Kernel
from interlock.explorer.scene import Scene, Trouble
from interlock.ledgers.memory.rules import Kind


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg of a deal, and the ledger that it is on."""

    index: int
    payer: Address
    """Whose signature it needs."""
    ledger: int
    """The ledger's place on the stage."""
    is_pivot: bool


@dataclass(slots=True)
class Deal:
    """One settlement of the scene, and where its parts stand in the state."""

    place: int
    terms: Instruction
    id: SettlementId
    legs: tuple[Leg, ...]
    signed: dict[Address, Field] = field(default_factory=dict)
    """By party; empty where all have signed from the beginning."""
    facts: dict[tuple[int, Fact], Field] = field(default_factory=dict)
    """By leg and fact: who has seen it, and whom the log has counted."""
    outcomes: dict[Outcome, Field] = field(default_factory=dict)
    """Who has signed each outcome, alone."""
    proofs: dict[Outcome, tuple[Field, ...]] = field(default_factory=dict)
    """All that can prove each outcome: signatures under it, alone or in a batch."""
    orders: dict[int, Field] = field(default_factory=dict)
    """By last-valid time: who has signed the order that says so."""

    @property
    def pivot_legs(self) -> tuple[int, ...]:
        """Give the indexes of the pivot's legs."""
        return tuple(each.index for each in self.legs if each.is_pivot)

    @property
    def signers(self) -> tuple[Address, ...]:
        """Give who must sign."""
        return required_signers(self.terms)


class Stage:
    """The layout of a scene's states, and what stands behind the numbers in them."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.kernel = Kernel(scene.registry)
        self.quorum = self.kernel.quorum
        is_eager = Trouble.EAGER_LIAR in scene.troubles
        self.counts = Counts(self.quorum, is_eager=is_eager, is_coarse=scene.is_coarse)
        """Of signatures, and of facts that may pass."""
        self.lasting = Counts(self.quorum, is_fleeting=False, is_eager=is_eager, is_coarse=scene.is_coarse)
        """Of facts that once true stay true."""
        self.has_liar = bool(scene.troubles & (Trouble.LIAR | Trouble.EAGER_LIAR))
        self.layout = Layout()
        self.log = self.layout.number("the log", scene.log_bits, self._show_log)
        names = sorted({name for deal in scene.deals for leg in legs_of(deal) if (name := ledger_of(leg)) is not None})
        self.sides = [self._side(name) for name in names]
        self.books = [self.layout.number(self.words(side), scene.book_bits, side.show) for side in self.sides]
        self.silent = {each: self.layout.flag(f"{self.words(self.sides[each])} is silent") for each in self._silent()}
        """Of a pivot that may be silent, by its place: whether it is."""
        self.deals = [self._deal(place, terms, names) for place, terms in enumerate(scene.deals)]
        self.batches = self._batches()
        """By the outcomes of all deals: who has signed the batch that says so."""
        for deal in self.deals:
            for outcome, alone in deal.outcomes.items():
                batched = (field for outcomes, field in self.batches.items() if outcomes[deal.place] is outcome)
                deal.proofs[outcome] = (alone, *batched)

    @property
    def member(self) -> str:
        """Name whoever takes one step of a count, for people."""
        return "a quorum" if self.scene.is_coarse else "a member"

    def certificate_exists(self, count: int) -> bool:
        """Tell whether a quorum's signatures are out in the world, whether or not the log has them."""
        return self.counts[count].made + (1 if self.has_liar else 0) >= self.quorum

    def troubles_of(self, leg: Leg) -> Trouble:
        """Give the troubles that can come over a leg."""
        troubles = self.scene.troubles
        if self.scene.hit and leg.index not in self.scene.hit:
            troubles &= ~(Trouble.THEFT | Trouble.RELEASE | Trouble.HALT)
        is_vault = self.sides[leg.ledger].kind.is_vault
        return troubles & ~(Trouble.HALT | Trouble.REFUSAL if is_vault else Trouble.FREEZE)

    def counts_of(self, deal: Deal, leg: int, fact: Fact) -> Counts:
        """Give how votes for a fact are counted here."""
        troubles = self.scene.troubles & Trouble.FORGETFUL if leg == EVERY_LEG else self.troubles_of(deal.legs[leg])
        return self.counts if _is_fleeting(troubles, fact) else self.lasting

    @staticmethod
    def words(side: Side) -> str:
        """Name a ledger for people."""
        return "the vault" if side.kind.is_vault else side.name

    def _show_log(self, number: int) -> str:
        words = [f"time {self.kernel.time(number)}"]
        for deal in self.deals:
            known = self.kernel.known(number, deal.id)
            if known is None:
                words.append("knows no settlement")
                continue
            words.append(f"{known.state.name}" + (f" ({known.cause.name})" if known.decision is not None else ""))
            settlement = self.kernel.settlement(number, deal.id)
            if settlement is not None:
                words += [f"leg {index} {leg.state.name}" for index, leg in enumerate(settlement.legs)]
                words += ["order certified"] if settlement.order_certificate is not None else []
                words += ["certified"] if settlement.certificate is not None else []
        return ", ".join(words)

    def _side(self, name: str) -> Side:
        entry = self.scene.registry.ledger(name)
        if entry is None:
            raise ValueError(f"the scene's registry has no ledger {name}")
        kind = Kind(entry.ledger_class, entry.is_pivot)
        has_reorgs = kind.is_vault and Trouble.REORG in self.scene.troubles
        return Side(name, kind, len(self.scene.deals), has_reorgs=has_reorgs)

    def _silent(self) -> list[int]:
        pivots = {deal.pivot for deal in self.scene.deals}
        is_silent = Trouble.SILENCE in self.scene.troubles
        return [place for place, side in enumerate(self.sides) if is_silent and side.name in pivots]

    def _deal(self, place: int, terms: Instruction, names: list[str]) -> Deal:
        legs = tuple(
            Leg(index, signer_of(leg), names.index(ledger_of(leg) or ""), ledger_of(leg) == terms.pivot)
            for index, leg in enumerate(legs_of(terms))
        )
        deal = Deal(place, terms, id_of(terms), legs)
        prefix = "" if len(self.scene.deals) == 1 else f"deal {place}: "
        if not self.scene.is_signed:
            deal.signed = {
                each: self.layout.flag(f"{prefix}{NAMES[each]} has signed")
                for each in deal.signers
                if each not in self.scene.wallets
            }
        for leg, fact in self._facts_of(deal):
            which = "the whole" if leg == EVERY_LEG else f"leg {leg}"
            deal.facts[leg, fact] = self._count(f"{prefix}{fact.name} of {which}", self.counts_of(deal, leg, fact))
        for outcome in Outcome:
            deal.outcomes[outcome] = self._count(f"{prefix}signatures under {outcome.name}", self.counts)
        if terms.pivot:
            for time in (EARLY_S, *self.scene.phases):
                if terms.settle_from <= time <= terms.prepare_by:
                    last_valid = time + terms.pivot_window
                    name = f"{prefix}signatures under the order until {last_valid}"
                    deal.orders[last_valid] = self._count(name, self.counts)
        return deal

    def _batches(self) -> dict[tuple[Outcome, ...], Field]:
        if not self.scene.registry.batch_min:
            return {}
        every = product(Outcome, repeat=len(self.deals))
        words = {each: " and ".join(outcome.name for outcome in each) for each in every}
        return {each: self._count(f"signatures under the batch {name}", self.counts) for each, name in words.items()}

    def _count(self, name: str, counts: Counts) -> Field:
        return self.layout.number(name, counts.bits, counts.show)

    def _facts_of(self, deal: Deal) -> Iterator[tuple[int, Fact]]:
        """Give the facts that can come true in this scene."""
        for leg in deal.legs:
            if leg.is_pivot:
                continue
            troubles = self.troubles_of(leg)
            if leg.payer in self.scene.wallets and self.sides[leg.ledger].kind.is_vault:
                yield leg.index, Fact.SIGNED
            yield leg.index, Fact.HELD
            yield leg.index, Fact.DELIVERED
            yield leg.index, Fact.RETURNED
            if troubles & (Trouble.FREEZE | Trouble.REFUSAL):
                yield leg.index, Fact.REFUSED
            if troubles & (Trouble.THEFT | Trouble.HALT):
                yield leg.index, Fact.LOST
            if Trouble.RELEASE in troubles:
                yield leg.index, Fact.CONSENT
        if deal.terms.pivot:
            yield EVERY_LEG, Fact.EXECUTED
            yield EVERY_LEG, Fact.NEVER
        if deal.terms.conditions != ZERO_BYTES32:
            yield EVERY_LEG, Fact.MET
            yield EVERY_LEG, Fact.UNMET


def _is_fleeting(troubles: Trouble, fact: Fact) -> bool:
    """Tell whether it matters who has seen a fact before the log counts it, under the troubles that can hit its leg.

    It may be true at one moment and not at a later one, or members may forget it, or what members have seen can be
    brought to the log in place of a signature.
    """
    if Trouble.FORGETFUL in troubles:
        return True
    match fact:
        case Fact.HELD:
            passing = Trouble.THEFT | Trouble.HALT | Trouble.RELEASE | Trouble.FREEZE
            return bool(troubles & (passing | Trouble.CRASH | Trouble.OWN_CALL))
        case Fact.REFUSED:
            return bool(troubles & (Trouble.FREEZE | Trouble.CRASH))
        case Fact.SIGNED:
            return Trouble.OWN_CALL in troubles
        case _:
            return False
