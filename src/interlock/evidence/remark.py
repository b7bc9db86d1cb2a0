"""What a verifier should know besides *valid*: who lied, whose word something rests on, what is shown only in part.

Source: specification 5 (EVIDENCE-1) and 9.
"""

from collections.abc import Iterator

from interlock.core.attestation import CONDITION_FACTS, ORDER_FACTS, Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import required_signers
from interlock.core.leg import CLOSED_BY_ABORT, DONE_BY_COMMIT, LegState
from interlock.core.limits import EVERY_LEG
from interlock.encoding.values import Address, Uint32, hex_of
from interlock.evidence.bank_receipt import BankReceipt
from interlock.evidence.case import Case
from interlock.evidence.report import LegReport, Lie
from interlock.evidence.vote import Vote, Weight, may_be_pivots


def lies(case: Case) -> tuple[Lie, ...]:
    """Give the attestations that are refuted, by leg, fact, epoch and member."""
    return tuple(
        Lie(
            member=Uint32(vote.member),
            epoch=vote.attestation.epoch,
            leg=Uint32(vote.attestation.leg),
            fact=vote.attestation.fact,
            sentence=f"{case.member(vote)} said {vote.attestation.fact.name} of {_object(case, vote)}, "
            f"but {vote.sentence}.",
        )
        for vote in case.votes
        if vote.weight is Weight.REFUTED
    )


def remarks(case: Case, legs: tuple[LegReport, ...]) -> tuple[str, ...]:
    """Give what is remarkable, in the order: strangers, facts that do not stand or rest on words, banks, legs."""
    return (
        *_about_signers(case),
        *_about_facts(case),
        *_about_turncoats(case),
        *_about_banks(case),
        *_about_legs(case, legs),
    )


def _about_signers(case: Case) -> Iterator[str]:
    for configuration in case.receipt.configurations:
        sequence = configuration.configuration.sequence
        members = case.committee(configuration.configuration.epoch).members
        for stranger in sorted({each.signer for each in configuration.signatures} - set(members)):
            yield f"{hex_of(stranger)} signed configuration {sequence} too; it is no member and was not counted."
    cancels = len(case.receipt.cancels)
    if cancels and case.outcome is Outcome.COMMIT:
        required = len(required_signers(case.frame.terms))
        yield f"{cancels} of {required} required signers cancelled, which is not enough once all have signed."


def _about_facts(case: Case) -> Iterator[str]:
    for leg in case.subjects:
        for fact in Fact:
            votes, subject = case.votes_for(leg, fact), case.subject(leg, fact)
            if votes and not case.stands(leg, fact):
                needed = " or ".join(map(str, sorted({case.committee(v.attestation.epoch).quorum for v in votes})))
                of_one = " of one epoch" if len(case.by_fact[leg, fact]) > 1 else ""
                said = f"{subject}: {fact.name} was said by {case.who(votes)}"
                yield f"{said}; {needed}{of_one} are needed, so it counts for nothing."
            words = [vote for vote in votes if vote.weight is Weight.WORD]
            if words:
                yield f"{subject}: {fact.name} rests on the word of {case.who(words)}: {words[0].sentence}."
            bare = [vote for vote in votes if vote.weight is Weight.BARE]
            if bare:
                yield f"{subject}: {fact.name} was said without evidence by {case.who(bare)}: {bare[0].sentence}."


def _about_turncoats(case: Case) -> Iterator[str]:
    """Name whoever said both of two things of which one at most can ever be true; and a condition with two results."""
    said: dict[Address, dict[Fact, Vote]] = {}
    for fact in sorted(ORDER_FACTS):
        for vote in case.votes_for(EVERY_LEG, fact):
            key = case.committee(vote.attestation.epoch).members[vote.member]
            said.setdefault(key, {})[fact] = vote
    for key, facts in sorted(said.items()):
        if len(facts) == len(ORDER_FACTS):
            who = case.who(tuple(facts.values())[:1])
            yield f"The key {hex_of(key)} ({who}) said both EXECUTED and NEVER of the order, which convicts it."
    if all(case.stands(EVERY_LEG, fact) for fact in CONDITION_FACTS):
        yield "The condition: quorums said both MET and UNMET; the first counted, and the receipt does not show which."


def _about_banks(case: Case) -> Iterator[str]:
    seen: dict[tuple[str, int], BankReceipt] = {}
    for receipt in case.bank_receipts():
        other = seen.setdefault((receipt.ledger, receipt.number), receipt)
        if other != receipt:
            yield (
                f"{receipt.ledger!r} signed two different receipts numbered {receipt.number}: "
                "together they prove that it contradicts itself."
            )


def _about_legs(case: Case, legs: tuple[LegReport, ...]) -> Iterator[str]:
    unclear = may_be_pivots(case.frame.terms)
    for leg in legs:
        if case.outcome is Outcome.COMMIT and leg.state not in DONE_BY_COMMIT:
            if leg.leg in unclear and not case.stands(leg.leg, Fact.HELD):
                yield f"Leg {leg.leg} is hidden and not shown held; the log commits such a leg only as the pivot's."
            else:
                yield (
                    f"Leg {leg.leg} is not shown delivered yet; its payee is entitled to it, and anyone can finish it "
                    "with the certificate."
                )
            if case.stands(leg.leg, Fact.LOST):
                yield f"Leg {leg.leg}: a quorum says that its hold was lost; whoever holds it owes the payee."
        if case.outcome is Outcome.COMMIT and leg.state is LegState.CONSENT:
            yield f"Leg {leg.leg} was ended by its payer and payee together; where the amount went is between them."
        if case.outcome is Outcome.ABORT and not leg.is_pivot and leg.state not in CLOSED_BY_ABORT:
            yield (
                f"Leg {leg.leg} is not shown closed yet; whatever its ledger holds goes back to its payer, and anyone "
                "can finish it with the certificate."
            )
        if not leg.ledger:
            yield f"Leg {leg.leg}: its terms are hidden; whoever knows them can compare their hash."


def _object(case: Case, vote: Vote) -> str:
    """Give what a vote is about, inside a sentence."""
    subject = case.subject(vote.attestation.leg, vote.attestation.fact)
    return subject[0].lower() + subject[1:]
