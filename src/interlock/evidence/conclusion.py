"""What a receipt's evidence amounts to: whose consent there is, what the decision rests on, how far it was carried out.

The certificate alone proves the decision. The attestations must not be at odds with it. COMMIT needs the consent of
every required signer, every leg outside the pivot HELD, the pivot's order EXECUTED, and the condition MET, where the
terms name them. For ABORT the cause is derived where the receipt shows one; once an order was certified only NEVER is.

Source: specification 3 (TERMS-CONSENT, TERMS-ATTESTED), 4 (its decision rule), 6 (PIVOT-3) and 7 (I1, I2).
"""

from collections.abc import Iterator

from interlock.core.admission import Context, unalterable_fault
from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import LegIndex, OnchainLeg, ledger_of, legs_of, required_signers
from interlock.core.limits import EVERY_LEG
from interlock.core.registry import LedgerClass
from interlock.encoding.values import ZERO_BYTES32, Address, Uint32, Uint64, hex_of
from interlock.evidence.bank_receipt import ORDER_EVENTS, BankEvent
from interlock.evidence.case import Case, support_min
from interlock.evidence.report import Check
from interlock.evidence.vote import may_be_pivots

_CAUSES = (Fact.REFUSED, Fact.LOST, Fact.CONSENT)
"""Facts of a leg for which a settlement is aborted, in the order of the decision rule."""
_AGAINST = {
    Outcome.COMMIT: frozenset({BankEvent.RELEASED, BankEvent.TOMBSTONED, BankEvent.NEVER}),
    Outcome.ABORT: frozenset({BankEvent.CAPTURED, BankEvent.EXECUTED}),
}
"""What no bank may have done after each decision."""
_WORD_AGAINST = {Outcome.COMMIT: Fact.NEVER, Outcome.ABORT: Fact.EXECUTED}
"""What a pivot cannot have said before each decision."""
END = {Outcome.COMMIT: Fact.DELIVERED, Outcome.ABORT: Fact.RETURNED}
"""The end that certificates bring about."""
_WHOLE = LegIndex(Uint32(EVERY_LEG))


def conclusion_checks(case: Case) -> Iterator[Check]:
    """Check what the decision rests on, how far it was carried out, and that no ledger went the other way."""
    yield _checked("consents", _consent_fault(case), _consents(case))
    if case.outcome is Outcome.COMMIT:
        yield _checked("outcome", _commit_fault(case), _commit_rests(case))
    else:
        yield _checked("outcome", _abort_fault(case), " ".join(["ABORT was decided.", *abort_causes(case)]))
    end = END[case.outcome]
    ended = [leg for leg in case.held_legs if case.stands(leg, end)]
    fault = next((found for leg in ended if (found := case.fact_fault(leg, end))), None)
    yield _checked("completion", fault, _reached(case, len(ended)))
    other = END[Outcome.ABORT if case.outcome is Outcome.COMMIT else Outcome.COMMIT]
    agreed = f"No member said and no bank signed that a leg was {other.name}."
    if case.frame.terms.pivot:
        agreed += f" Neither a quorum nor a bank says {_WORD_AGAINST[case.outcome].name} of the order."
    yield _checked("agreement", _agreement_fault(case), agreed)


def abort_causes(case: Case) -> list[str]:
    """Say, in the order of the decision rule, what the receipt shows for an ABORT."""
    if case.stands(_WHOLE, Fact.NEVER):
        # Once an order is out nothing else counts, and before it is out nobody's NEVER does.
        return [_attested(case, _WHOLE, Fact.NEVER)]
    causes = []
    inadmissible = unalterable_fault(case.frame.terms, _timeless_context(case))
    if inadmissible is not None:
        causes.append(f"The terms could never be admitted ({inadmissible[0].name}): {inadmissible[0].sentence}")
    causes += [_attested(case, leg, fact) for leg, fact in _standing_causes(case)]
    cancels, required = len(case.receipt.cancels), len(required_signers(case.frame.terms))
    if cancels == required and cancels:
        causes.append(f"All {required} required signers cancelled.")
    elif cancels:
        by = f"{cancels} of {required} required signers cancelled, which is enough"
        all_consented = all(_has_called(case, signer) for signer in _silent(case))
        when = (
            "only before all have signed: the receipt does not show when" if all_consented else "before all have signed"
        )
        causes.append(f"{by} {when}.")
    if not causes:
        causes.append(
            "Its cause, the deadline or the log's admission, leaves no trace in a receipt: "
            "it rests on the certificate alone."
        )
    return causes


def _reached(case: Case, ended: int) -> str:
    """Say how many legs have come to their end."""
    if not case.held_legs:
        return "Every leg is the pivot's, whose word is the end of them all."
    end = END[case.outcome].name
    if not ended:
        return f"No leg was attested {end} by a quorum yet."
    outside = " outside the pivot" if case.frame.terms.pivot else ""
    return f"{ended} of {len(case.held_legs)} legs{outside} were attested {end}, as firmly."


def _standing_causes(case: Case) -> list[tuple[LegIndex, Fact]]:
    """Give the facts that stand and abort what is not ordered yet, in the order of the decision rule."""
    asked = [(LegIndex(Uint32(leg)), fact) for fact in _CAUSES for leg in case.held_legs]
    return [(leg, fact) for leg, fact in (*asked, (_WHOLE, Fact.UNMET)) if case.stands(leg, fact)]


def _consent_fault(case: Case) -> str | None:
    """Say whose consent is lacking, or None.

    COMMIT needs each required signer's: a signature, or SIGNED by a quorum for an on-chain leg that it pays. That no
    vault holds without its payer's consent is why SIGNED needs no documents of its own: those of HELD show it. An ABORT
    needs somebody behind it, so that nobody can have one made for any id: a signature, a cancel, or an attested hold.
    """
    if case.outcome is Outcome.ABORT:
        is_held = any(case.stands(leg, fact) for fact in (Fact.SIGNED, Fact.HELD) for leg in case.legs)
        if case.receipt.signatures or case.receipt.cancels or is_held:
            return None
        return "Nobody whose consent the settlement needs has signed its terms or a cancel, nor is a hold attested."
    for signer in _silent(case):
        if not _has_called(case, signer):
            paid = _legs_paid_by(case, signer)
            why = f" {case.fact_fault(paid[0], Fact.SIGNED)}" if paid else ""
            return f"COMMIT needs the consent of {hex_of(signer)}, whose signature is not there.{why}"
    return None


def _consents(case: Case) -> str:
    required, silent = len(required_signers(case.frame.terms)), len(_silent(case))
    if case.outcome is not Outcome.COMMIT:
        return f"{required - silent} of {required} required signers signed; an ABORT needs no more."
    by_call = f", {silent} of them by a call of their own on chain" if silent else ""
    return f"All {required} required signers consented{by_call}."


def _silent(case: Case) -> list[Address]:
    """Give the required signers whose signature is not there."""
    have = {each.signer for each in case.receipt.signatures}
    return [each for each in required_signers(case.frame.terms) if each not in have]


def _has_called(case: Case, payer: Address) -> bool:
    """Tell whether a quorum saw a payer's own call on chain."""
    return any(case.stands(leg, Fact.SIGNED) for leg in _legs_paid_by(case, payer))


def _legs_paid_by(case: Case, payer: Address) -> list[int]:
    legs = legs_of(case.frame.terms)
    return [index for index, leg in enumerate(legs) if isinstance(leg, OnchainLeg) and leg.payer == payer]


def _commit_rests(case: Case) -> str:
    terms = case.frame.terms
    *others, last = [
        *(["every leg HELD"] if not terms.pivot else []),
        *(["every leg outside the pivot HELD"] if terms.pivot and case.held_legs else []),
        *(["the pivot's order EXECUTED"] if terms.pivot else []),
        *(["the condition MET"] if terms.conditions != ZERO_BYTES32 else []),
    ]
    rests = f"COMMIT rests on {', '.join(others)}{' and ' if others else ''}{last}"
    known = case.frame.committees.known
    if len(known) == 1:
        quorum, support = known[0].quorum, support_min(known[0])
        by = f"by at least {quorum} members, at least {support} of them with a document that bears it out"
    else:
        by = "by a quorum of one epoch, at least f + 1 of them with a document that bears it out"
    also = ", but for the condition, which is their word" if terms.conditions != ZERO_BYTES32 else ""
    return f"{rests}: each {by}{also}."


def _commit_fault(case: Case) -> str | None:
    terms = case.frame.terms
    inadmissible = unalterable_fault(terms, _timeless_context(case))
    if inadmissible is not None:
        return f"No log can commit these terms ({inadmissible[0].name}): {inadmissible[1]}"
    for leg in case.held_legs:
        if fault := _hold_fault(case, leg):
            return fault
    if terms.pivot and (fault := _execution_fault(case)):
        return fault
    if terms.conditions != ZERO_BYTES32:
        if not case.frame.registry.has_conditions:
            return "The terms name a condition, and the registry says that the nodes evaluate none."
        return case.fact_fault(_WHOLE, Fact.MET)
    return None


def _hold_fault(case: Case, leg: int) -> str | None:
    """Say why a leg outside the pivot was not held, or None; a hidden one that was not may be the pivot's."""
    terms = legs_of(case.frame.terms)[leg]
    name = ledger_of(terms)
    if name is None and leg in may_be_pivots(case.frame.terms) and not case.votes_for(leg, Fact.HELD):
        return None
    entry = None if name is None else case.frame.registry.ledger(name)
    wanted = LedgerClass.VAULT if isinstance(terms, OnchainLeg) else LedgerClass.HELD
    if name is not None and (entry is None or entry.ledger_class is not wanted):
        return f"Leg {leg} is on {name!r}, which the registry does not have as a ledger of class {wanted.name}."
    return case.fact_fault(leg, Fact.HELD)


def _execution_fault(case: Case) -> str | None:
    """Say why the pivot did not execute, or None: it can be one, its order is certified, its execution is attested."""
    pivot = case.frame.terms.pivot
    entry = case.frame.registry.ledger(pivot)
    if entry is None or not entry.is_pivot:
        return f"The pivot is {pivot!r}, which the registry does not have as a ledger that can be one."
    if case.receipt.order is None:
        return "The terms name a pivot, and no certificate of its order is there."
    return case.fact_fault(_WHOLE, Fact.EXECUTED)


def _abort_fault(case: Case) -> str | None:
    if case.receipt.order is not None or case.stands(_WHOLE, Fact.NEVER):
        fault = case.fact_fault(_WHOLE, Fact.NEVER)
        return None if fault is None else f"{fault} Once its order is out, nothing else can abort a settlement."
    return next((fault for leg, fact in _standing_causes(case) if (fault := case.fact_fault(leg, fact))), None)


def _agreement_fault(case: Case) -> str | None:
    word = _WORD_AGAINST[case.outcome]
    if case.stands(_WHOLE, word):
        return f"A quorum says {word.name} of the order, against the certificate's {case.outcome.name}."
    for receipt in case.bank_receipts():
        if receipt.event in _AGAINST[case.outcome]:
            of_leg = f"that it {receipt.event.name} leg {receipt.leg}"
            signed = f"{receipt.event.name} of its order" if receipt.event in ORDER_EVENTS else of_leg
            return (
                f"{receipt.ledger!r} signed {signed} (its receipt {receipt.number}), against the certificate's "
                f"{case.outcome.name}: the ledgers are in disagreement."
            )
    return None


def _timeless_context(case: Case) -> Context:
    """Give a context in which no reason of time applies: a receipt does not show at which moment it was admitted."""
    frame, configurations = case.frame, case.receipt.configurations
    sequence = configurations[0].configuration.sequence if configurations else Uint64(0)
    return Context(
        network_id=frame.network_id,
        committee=frame.committees.newest,
        time=frame.terms.prepare_by,
        registry=frame.registry,
        registry_sequence=sequence,
        open_by_signer={},
        live_lanes={},
    )


def _attested(case: Case, leg: LegIndex, fact: Fact) -> str:
    """Say that a fact stands, by how many, and in whose words."""
    votes = case.quorum_for(leg, fact)
    by = case.of_members(len(votes), votes[0].attestation.epoch)
    return f"{case.subject(leg, fact)} was attested {fact.name} by {by}{_own_reason(case, leg, fact)}."


def _own_reason(case: Case, leg: int, fact: Fact) -> str:
    """Give the bank's own words for what it will not do, where there are some."""
    event = {Fact.REFUSED: BankEvent.REFUSED, Fact.NEVER: BankEvent.NEVER}.get(fact)
    reasons = {each.reason for each in case.bank_receipts() if each.leg == leg and each.event is event and each.reason}
    return f" (the bank's reason: {', '.join(sorted(reasons))})" if reasons else ""


def _checked(name: str, fault: str | None, sentence: str) -> Check:
    return Check(name, fault is None, sentence if fault is None else fault)
