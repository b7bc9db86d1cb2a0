"""A receipt whose form has been checked, with its evidence weighed: what stands in it, and how firmly.

A fact stands where a quorum of one epoch attested it, whatever was said in other epochs. It can be leaned on where,
besides, at least f + 1 of that epoch's statements have a document that fits: one of these is an honest member's.

Source: specification 4 (FACT-STANDS, FACT-WHOLE).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from interlock.core.attestation import ORDER_FACTS, Fact
from interlock.core.committee import FIRST_EPOCH, Committee, Epoch
from interlock.core.decision import Outcome
from interlock.core.instruction import ledger_of, legs_of
from interlock.core.limits import EVERY_LEG
from interlock.encoding.canonical import Malformed
from interlock.evidence.bank_receipt import ORDER_EVENTS, BankReceipt
from interlock.evidence.document import BankReceiptDocument
from interlock.evidence.receipt import Receipt
from interlock.evidence.vote import Frame, Vote, bank_receipt_of, pivot_legs

Votes = tuple[Vote, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A receipt whose form has been checked, with its evidence weighed."""

    receipt: Receipt
    frame: Frame
    votes: Votes
    by_fact: Mapping[tuple[int, Fact], Mapping[Epoch, Votes]]
    """The same by leg and fact, then by epoch, the earliest first."""

    @property
    def outcome(self) -> Outcome:
        """Give the certified outcome."""
        return self.receipt.certificate.decision.outcome

    @property
    def legs(self) -> range:
        """Give the indices of the legs."""
        return range(len(legs_of(self.frame.terms)))

    @property
    def pivot_legs(self) -> frozenset[int]:
        """Give the legs that are known to be the pivot's."""
        return pivot_legs(self.frame.terms)

    @property
    def held_legs(self) -> list[int]:
        """Give the legs that are not known to be the pivot's: a hold is made for each."""
        return [leg for leg in self.legs if leg not in self.pivot_legs]

    @property
    def subjects(self) -> list[int]:
        """Give all that facts are about: every leg, then the whole."""
        return [*self.legs, EVERY_LEG]

    def votes_for(self, leg: int, fact: Fact) -> Votes:
        """Give the votes for one fact of one leg, or of the whole, of every epoch."""
        return tuple(vote for votes in self.by_fact.get((leg, fact), {}).values() for vote in votes)

    def quorum_for(self, leg: int, fact: Fact) -> Votes:
        """Give the votes of the epoch whose quorum attested the fact, the best supported one; none where there is none.

        Of two epochs that are supported alike it is the earlier.
        """
        found = self.by_fact.get((leg, fact), {})
        firm = [votes for epoch, votes in found.items() if len(votes) >= self.committee(epoch).quorum]
        return max(firm, key=self._spare_support, default=())

    def stands(self, leg: int, fact: Fact) -> bool:
        """Tell whether a quorum of one epoch attested the fact."""
        return bool(self.quorum_for(leg, fact))

    def fact_fault(self, leg: int, fact: Fact) -> str | None:
        """Say why a fact cannot be leaned on, or None: a quorum attests it, and f + 1 of their documents fit."""
        votes = self.quorum_for(leg, fact)
        if not votes:
            most = max(self.by_fact.get((leg, fact), {}).values(), key=len, default=())
            epoch = most[0].attestation.epoch if most else self.receipt.certificate.decision.epoch
            said = f"{self.subject(leg, fact)} was attested {fact.name} by {self.of_members(len(most), epoch)}"
            return f"{said}; {self.committee(epoch).quorum} are needed."
        if self._spare_support(votes) >= 0:
            return None
        epoch, fitting = votes[0].attestation.epoch, sum(vote.weight.is_support for vote in votes)
        wrong = next(vote for vote in votes if not vote.weight.is_support)
        return (
            f"{self.subject(leg, fact)} was attested {fact.name} by {self.of_members(len(votes), epoch)}, but the "
            f"documents of only {fitting} bear it out; {support_min(self.committee(epoch))} are needed. "
            f"{self.member(wrong)}: {wrong.sentence}."
        )

    def committee(self, epoch: Epoch) -> Committee:
        """Give the committee of an epoch in which something was said: what is of an unknown one was refused before."""
        return self.frame.committees.known[epoch - FIRST_EPOCH]

    def subject(self, leg: int, fact: Fact) -> str:
        """Give what a fact is about, to begin a sentence."""
        if leg != EVERY_LEG:
            return f"Leg {leg}"
        return "The order" if fact in ORDER_FACTS else "The condition"

    def member(self, vote: Vote) -> str:
        """Give who voted, to begin a sentence."""
        return f"Member {vote.member}{self._of_epoch(vote.attestation.epoch)}"

    def of_members(self, number: int, epoch: Epoch) -> str:
        """Give a number of an epoch's members as words."""
        return f"{number} of {len(self.committee(epoch).members)} members{self._of_epoch(epoch)}"

    def who(self, votes: Sequence[Vote]) -> str:
        """Give who voted, epoch by epoch, inside a sentence."""
        by_epoch: dict[Epoch, list[int]] = defaultdict(list)
        for vote in votes:
            by_epoch[vote.attestation.epoch].append(vote.member)
        return ", ".join(f"{_members(found)}{self._of_epoch(epoch)}" for epoch, found in by_epoch.items())

    def bank_receipts(self) -> Iterator[BankReceipt]:
        """Give every receipt that a bank really signed about its part in this settlement, whoever named it for what.

        A registered bank that has no part in it is passed over, so that it cannot spoil others' receipts.
        """
        for document in self.receipt.documents:
            if isinstance(document, BankReceiptDocument):
                try:
                    receipt = bank_receipt_of(self.frame, document)
                except Malformed:
                    continue
                if receipt.settlement == self.receipt.settlement and self._is_concerned(receipt):
                    yield receipt

    def _is_concerned(self, receipt: BankReceipt) -> bool:
        """Tell whether a bank speaks of its own order, or of a leg that is, or may be, in its books."""
        if receipt.event in ORDER_EVENTS:
            return receipt.ledger == self.frame.terms.pivot
        legs = legs_of(self.frame.terms)
        return receipt.leg < len(legs) and ledger_of(legs[receipt.leg]) in {None, receipt.ledger}

    def _spare_support(self, votes: Votes) -> int:
        """Give how many more documents than f + 1 bear an epoch's votes out; negative where too few do."""
        return sum(vote.weight.is_support for vote in votes) - support_min(self.committee(votes[0].attestation.epoch))

    def _of_epoch(self, epoch: Epoch) -> str:
        """Name an epoch where the receipt knows more than one."""
        return f" of epoch {epoch}" if len(self.frame.committees.known) > 1 else ""


def case_of(receipt: Receipt, frame: Frame, votes: Votes) -> Case:
    """Give the case of a receipt from its weighed attestations, which stand by leg, fact and epoch."""
    grouped: dict[tuple[int, Fact], dict[Epoch, list[Vote]]] = defaultdict(lambda: defaultdict(list))
    for vote in votes:
        said = vote.attestation
        grouped[said.leg, said.fact][said.epoch].append(vote)
    by_fact = {key: {epoch: tuple(found) for epoch, found in by_epoch.items()} for key, by_epoch in grouped.items()}
    return Case(receipt, frame, votes, by_fact)


def support_min(committee: Committee) -> int:
    """Give f + 1: among so many members one is honest."""
    return committee.faulty_max + 1


def _members(members: Sequence[int]) -> str:
    if len(members) == 1:
        return f"member {members[0]}"
    *first, last = map(str, members)
    return f"members {', '.join(first)} and {last}"
