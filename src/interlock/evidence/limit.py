"""What a receipt does not prove, however valid it is.

Source: specification 5 (EPOCH-7) and 9.
"""

from collections.abc import Iterator

from interlock.core.instruction import OnchainLeg, legs_of
from interlock.encoding.values import ZERO_BYTES32, hex_of
from interlock.evidence.case import Case, support_min
from interlock.evidence.vote import pivot_legs


def limits(case: Case) -> tuple[str, ...]:
    """Say what this receipt does not prove."""
    return (
        *_of_committees(case),
        "When it was decided is not in the receipt, nor that the log's order led to this outcome: a quorum says so.",
        *_of_configurations(case),
        *_of_condition(case),
        *_of_ledgers(case),
    )


def _of_committees(case: Case) -> Iterator[str]:
    known = case.frame.committees.known
    newest = known[-1]
    if len(known) == 1:
        which, of_each = f"the {len(newest.members)} members of epoch {newest.epoch}", str(newest.faulty_max)
    else:
        which, of_each = f"the n = 3f + 1 members of each of epochs {known[0].epoch} to {newest.epoch}", "f"
    yield (
        f"All of it holds while at most {of_each} of {which} are faulty; with more of them a certificate proves only "
        "who signed it."
    )
    yield (
        f"That epoch {newest.epoch} is the newest is not in the receipt; once it is closed, what it certified proves "
        "nothing without a later rotation that includes it."
    )
    said_in = sorted({vote.attestation.epoch for vote in case.votes} - {newest.epoch})
    if said_in:
        epochs = ", ".join(map(str, said_in))
        yield (
            f"What was attested in closed epochs ({epochs}) is as good as those committees' keys were kept, or "
            "destroyed since; the decision itself does not rest on them."
        )


def _of_configurations(case: Case) -> Iterator[str]:
    sequences = [each.configuration.sequence for each in case.receipt.configurations]
    if len(sequences) == 1:
        yield f"A quorum signed configuration {sequences[0]}; that it was the one in force is not in the receipt."
    elif sequences:
        yield (
            f"A quorum signed configurations {sequences[0]} to {sequences[-1]}; which of them was in force when is not "
            "in the receipt, so a bank's receipts count under each key that one of them registers for it."
        )


def _of_condition(case: Case) -> Iterator[str]:
    if case.frame.terms.conditions != ZERO_BYTES32:
        yield (
            f"What the condition is, and how it was judged, is not in the receipt: the terms name it by its hash, "
            f"{hex_of(case.frame.terms.conditions)}."
        )


def _of_ledgers(case: Case) -> Iterator[str]:
    terms = legs_of(case.frame.terms)
    if any(isinstance(leg, OnchainLeg) for leg in terms):
        known = case.frame.committees.known
        support = str(support_min(known[0])) if len(known) == 1 else "f + 1"
        yield (
            f"That chain events stand in final blocks rests on the word of at least {support} members for each; the "
            "block hashes and transactions in the receipt can be looked up on the chain."
        )
    if any(not isinstance(leg, OnchainLeg) for leg in terms):
        yield "A bank's receipts prove what it signed; that its books agree with them rests on the bank."
    if any(not isinstance(terms[leg], OnchainLeg) for leg in pivot_legs(case.frame.terms)):
        yield "That the pivot paid what the order says, and by the order alone, rests on the pivot's word."
