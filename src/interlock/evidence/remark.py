"""What a verifier should know besides *valid*: who lied, whose word something rests on, what is not proven at all.

Source: specification 9, "What is still trusted, said plainly".
"""

from collections.abc import Iterator

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import OnchainLeg, legs_of, required_signers
from interlock.core.leg import CLOSED_BY_ABORT, LegState
from interlock.encoding.values import Uint32, hex_of
from interlock.evidence.bank_receipt import BankReceipt
from interlock.evidence.conclusion import Case
from interlock.evidence.report import LegReport, Lie
from interlock.evidence.vote import Vote, Weight


def lies(case: Case) -> tuple[Lie, ...]:
    """Give the attestations that their own documents refute, by leg, fact and member."""
    return tuple(
        Lie(
            Uint32(vote.member),
            Uint32(vote.attestation.leg),
            vote.attestation.fact,
            f"Member {vote.member} said {vote.attestation.fact.name} of leg {vote.attestation.leg}, "
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
        *_about_banks(case),
        *_about_legs(case, legs),
    )


def limits(case: Case) -> tuple[str, ...]:
    """Say what this receipt does not prove, however valid it is."""
    committee = case.frame.committee
    found = [
        (
            f"All of it holds while at most {committee.faulty_max} of the {len(committee.members)} members of epoch "
            f"{committee.epoch} are faulty; with more of them a certificate proves only who signed it."
        ),
        "When it was decided is not in the receipt, nor that the log's order led to this outcome: a quorum says so.",
    ]
    sequences = [each.configuration.sequence for each in case.receipt.configurations]
    if len(sequences) == 1:
        found.append(
            f"A quorum signed configuration {sequences[0]}; that it was the one in force is not in the receipt."
        )
    elif sequences:
        found.append(
            f"A quorum signed configurations {sequences[0]} to {sequences[-1]}; which of them was in force when is not "
            "in the receipt, so a bank's receipts count under each key that one of them registers for it."
        )
    terms = legs_of(case.frame.terms)
    if any(isinstance(leg, OnchainLeg) for leg in terms):
        found.append(
            f"That chain events stand in final blocks rests on the word of at least {case.support_min} members for "
            "each; the block hashes and transactions in the receipt can be looked up on the chain."
        )
    if any(not isinstance(leg, OnchainLeg) for leg in terms):
        found.append("A bank's receipts prove what it signed; that its books agree with them rests on the bank.")
    return tuple(found)


def _about_signers(case: Case) -> Iterator[str]:
    for configuration in case.receipt.configurations:
        sequence = configuration.configuration.sequence
        strangers = {each.signer for each in configuration.signatures} - set(case.frame.committee.members)
        for stranger in sorted(strangers):
            yield f"{hex_of(stranger)} signed configuration {sequence} too; it is no member and was not counted."
    cancels = len(case.receipt.cancels)
    if cancels and case.outcome is Outcome.COMMIT:
        required = len(required_signers(case.frame.terms))
        yield f"{cancels} of {required} required signers cancelled, which is not enough once all have signed."


def _about_facts(case: Case) -> Iterator[str]:
    for leg in case.legs:
        for fact in Fact:
            votes = case.votes_for(leg, fact)
            if votes and not case.stands(leg, fact):
                yield (
                    f"Leg {leg}: {fact.name} was said by {_who(votes)}; {case.frame.committee.quorum} are needed, "
                    "so it counts for nothing."
                )
            words = [vote for vote in votes if vote.weight is Weight.WORD]
            if words:
                yield f"Leg {leg}: {fact.name} rests on the word of {_who(words)}: {words[0].sentence}."
            bare = [vote for vote in votes if vote.weight is Weight.BARE]
            if bare:
                yield f"Leg {leg}: {fact.name} was said without evidence by {_who(bare)}: {bare[0].sentence}."


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
    for leg in legs:
        if case.outcome is Outcome.COMMIT and leg.state is not LegState.DELIVERED:
            yield (
                f"Leg {leg.leg} is not shown delivered yet; its payee is entitled to it, and anyone can finish it with "
                "the certificate."
            )
            if case.stands(leg.leg, Fact.LOST):
                yield f"Leg {leg.leg}: a quorum says that its hold was lost; whoever holds it owes the payee."
        if case.outcome is Outcome.ABORT and leg.state not in CLOSED_BY_ABORT:
            yield (
                f"Leg {leg.leg} is not shown closed yet; whatever its ledger holds goes back to its payer, and anyone "
                "can finish it with the certificate."
            )
        if not leg.ledger:
            yield f"Leg {leg.leg}: its terms are hidden; whoever knows them can compare their hash."


def _who(votes: list[Vote] | tuple[Vote, ...]) -> str:
    members = [str(vote.member) for vote in votes]
    if len(members) == 1:
        return f"member {members[0]}"
    return f"members {', '.join(members[:-1])} and {members[-1]}"
