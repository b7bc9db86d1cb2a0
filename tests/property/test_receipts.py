"""Whatever the deal and whoever is in office, the receipt proves what the log decided, and shows where every leg is."""

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import Instruction, OnchainLeg, legs_of, redact, required_signers
from interlock.core.limits import EVERY_LEG
from interlock.core.rules import is_pivot_leg
from interlock.core.settlement import Cause, State
from interlock.encoding.values import Uint32, Uint64
from interlock.evidence.bank_receipt import BankEvent
from interlock.evidence.chain_event import Delivered, Held, Returned
from interlock.evidence.document import Document
from support.evidence import Story, absence, refusal, vault_event
from support.log import KEYS, LATE
from support.protocol import FOUR, SEVEN
from support.reports import report_of
from support.stories import CONDITION, WALLET, execution, registry_of_pivots, said_of_order
from support.world import (
    ALICE,
    BOB,
    NODES,
    PAYMENT_ONLY,
    PIVOT_WINDOW_S,
    VAULT_NAME,
    account_leg,
    cancel,
    instruction,
    nonce,
    onchain_leg,
)

SUCCESSORS = (FOUR, SEVEN, NODES)
VAULT_EVENTS = {Fact.SIGNED: Held, Fact.HELD: Held, Fact.DELIVERED: Delivered, Fact.RETURNED: Returned}
BANK_EVENTS = {
    Fact.HELD: BankEvent.HELD,
    Fact.REFUSED: BankEvent.REFUSED,
    Fact.DELIVERED: BankEvent.CAPTURED,
    Fact.RETURNED: BankEvent.RELEASED,
}
TOLD = {
    Cause.PREPARE_BY_PASSED: "rests on the certificate alone",
    Cause.LEG_REFUSED: "REFUSED",
    Cause.LEG_LOST: "LOST",
    Cause.CONDITION_UNMET: "UNMET",
    Cause.PIVOT_NEVER: "NEVER",
    Cause.ALL_HELD: "COMMIT rests on every leg HELD",
    Cause.PIVOT_EXECUTED: "COMMIT rests on",
}
"""What a receipt says of each cause."""
PIVOTS = ("", PAYMENT_ONLY, VAULT_NAME, "one chain")
ENDS = ("commit", "refused", "lost", "unmet", "late", "cancelled", "never")


@dataclass(frozen=True, slots=True)
class Course:
    """What happens to one settlement."""

    pivot: str
    end: str
    has_wallet: bool
    has_condition: bool
    is_batched: bool
    has_liar: bool
    rotations: frozenset[int]
    """Steps after which the committee hands over."""


courses = st.builds(
    Course,
    pivot=st.sampled_from(PIVOTS),
    end=st.sampled_from(ENDS),
    has_wallet=st.booleans(),
    has_condition=st.booleans(),
    is_batched=st.booleans(),
    has_liar=st.booleans(),
    rotations=st.frozensets(st.integers(0, 6), max_size=3),
)


class Run:
    """One course, step by step."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.step = 0
        terms = terms_of(course)
        usual = registry_of_pivots(batch_min=Uint32(course.is_batched))
        signers = tuple(KEYS[each] for each in required_signers(terms) if each in KEYS)
        self.story = Story(terms, registry=usual, signers=signers)

    def all(self) -> None:
        """Go through every step; those that no longer apply are passed over."""
        for step in (self.consent, self.judge, self.hold, self.order, self.spoil, self.answer, self.end):
            step()
            if self.step in self.course.rotations:
                self.story.log.rotate(*SUCCESSORS[self.story.log.replica.committee.epoch % len(SUCCESSORS)])
            self.step += 1
        self.certify()

    def say(self, leg: int, fact: Fact) -> None:
        """Let a quorum say a fact, and a liar the contrary."""
        document = document_of(self.story, leg, fact)
        council = self.story.log.council
        if self.course.has_liar and fact in {Fact.HELD, Fact.REFUSED, Fact.LOST}:
            contrary = Fact.REFUSED if fact is Fact.HELD else Fact.HELD
            self.story.attest(leg, contrary, document_of(self.story, leg, fact), (len(council.keys) - 1,))
        self.story.attest(leg, fact, document, council.quorum)

    def consent(self) -> None:
        """Let the wallet call."""
        if self.course.has_wallet:
            self.say(0, Fact.SIGNED)

    def judge(self) -> None:
        """Let the condition have its result."""
        if self.course.has_condition and self.is_open:
            self.say(EVERY_LEG, Fact.UNMET if self.course.end == "unmet" else Fact.MET)

    def hold(self) -> None:
        """Hold every leg outside the pivot, but for the last where the end is to be another."""
        legs = self.outside
        spoilt = legs[-1:] if self.course.end in {"refused", "late", "cancelled"} else []
        for leg in legs:
            if self.is_open and leg not in spoilt:
                self.say(leg, Fact.HELD)

    def order(self) -> None:
        """Certify the order, where there is one."""
        if self.state is State.PIVOTING:
            self.story.take(self.story.log.certify_order(self.story.id))

    def spoil(self) -> None:
        """Let happen what ends it without a pivot, or comes too late."""
        log, legs = self.story.log, self.outside
        match self.course.end:
            case "refused" if legs and self.is_open:
                self.say(legs[-1], Fact.REFUSED)
            case "lost" if legs and self.state is not State.COMMITTED:
                self.say(legs[0], Fact.LOST)
            case "late":
                self.story.take(log.block(time=LATE))
            case "cancelled" if self.is_open:
                keys = [KEYS[each] for each in required_signers(self.terms) if each in KEYS]
                self.story.take(log.block(cancel(self.story.id, *keys)))

    def answer(self) -> None:
        """Let the pivot say its word."""
        if self.state is State.PIVOTING:
            self.say(EVERY_LEG, Fact.NEVER if self.course.end == "never" else Fact.EXECUTED)
        if self.is_open:
            self.story.take(self.story.log.block(time=LATE))

    def end(self) -> None:
        """Certify, and bring the certificate to every leg that holds."""
        self.certify()
        fact = Fact.DELIVERED if self.outcome is Outcome.COMMIT else Fact.RETURNED
        for leg in self.outside:
            known = self.story.settlement
            if known.state in {State.COMMITTED, State.ABORTED} and known.legs[leg].stands(Fact.HELD):
                self.story.attest(leg, fact, document_of(self.story, leg, fact), self.story.log.council.quorum)

    def certify(self) -> None:
        """Let the committee in office sign, as often as one follows another."""
        known = self.story.settlement
        if known.certificate is None:
            log = self.story.log
            self.story.take(log.certify_batches() if known.batch else log.certify(self.story.id, self.outcome))

    @property
    def terms(self) -> Instruction:
        """Give the terms."""
        assert isinstance(self.story.terms, Instruction)
        return self.story.terms

    @property
    def state(self) -> State:
        """Give where the settlement is."""
        return self.story.settlement.state

    @property
    def is_open(self) -> bool:
        """Tell whether it is not decided, and no order is out."""
        return self.state in {State.ALLEGED, State.MATCHED, State.PREPARING}

    @property
    def outcome(self) -> Outcome:
        """Give what was decided."""
        decision = self.story.settlement.decision
        assert decision is not None
        return decision.outcome

    @property
    def outside(self) -> list[int]:
        """Give the legs that are held."""
        known = self.story.settlement
        return [leg for leg in range(len(known.legs)) if not is_pivot_leg(known, leg)]


def terms_of(course: Course) -> Instruction:
    """Give a deal of two legs."""
    first = onchain_leg(payer=WALLET if course.has_wallet else ALICE.address)
    second = onchain_leg(1, payer=BOB.address, payee=ALICE.address, nonce=nonce(9))
    money = account_leg(ledger=PAYMENT_ONLY) if course.pivot == PAYMENT_ONLY else account_leg()
    is_one_chain = course.pivot == "one chain"
    pivot = VAULT_NAME if is_one_chain else course.pivot
    # A wallet whose only leg is the pivot's cannot call for it before the order.
    if course.has_wallet and pivot == VAULT_NAME:
        first = onchain_leg()
    terms = instruction(
        onchain_legs=(first, second) if is_one_chain else (first,),
        account_legs=() if is_one_chain else (money,),
        pivot=pivot,
        pivot_window=Uint64(PIVOT_WINDOW_S if pivot else 0),
    )
    return replace(terms, conditions=CONDITION) if course.has_condition else terms


def document_of(story: Story, leg: int, fact: Fact) -> Document | None:
    """Give the genuine evidence of a fact; None where there is none."""
    if fact in {Fact.MET, Fact.UNMET, Fact.LOST}:
        return None
    order = story.settlement.order
    if leg == EVERY_LEG:
        assert order is not None
        if order.ledger == PAYMENT_ONLY:
            return said_of_order(story.id, BankEvent.EXECUTED if fact is Fact.EXECUTED else BankEvent.NEVER)
        if fact is Fact.NEVER:
            return absence(order.last_valid + 1)
        return execution(story.id, order.last_valid)
    terms = legs_of(story.terms)[leg]
    if isinstance(terms, OnchainLeg):
        return refusal() if fact is Fact.REFUSED else vault_event(story.id, terms, VAULT_EVENTS[fact], index=leg)
    return story.said_by_bank(BANK_EVENTS[fact], leg=Uint32(leg))


@settings(max_examples=2 * settings().max_examples)
@given(course=courses)
def test_a_receipt_shows_what_the_log_decided(course: Course) -> None:
    """Outcome, state, legs and cause of the receipt are the log's own, and only liars are called so."""
    if course.has_wallet and course.pivot in {VAULT_NAME, "one chain"}:
        course = replace(course, has_wallet=False)
    if course.end == "unmet":
        course = replace(course, has_condition=True)
    run = Run(course)
    run.all()
    known, receipt = run.story.settlement, run.story.receipt()
    report = report_of(receipt)
    assert report.valid, report.reason
    assert (report.outcome, report.state, report.epoch) == (run.outcome, known.state, run.story.log.council.epoch)
    assert [leg.state for leg in report.legs] == [leg.state for leg in known.legs]
    assert course.has_liar or not report.lies
    outcome = next(check.sentence for check in report.checks if check.name == "outcome")
    assert (TOLD[known.cause] if not known.cancels else "cancelled") in outcome
    hidden = report_of(replace(receipt, instruction=None, redacted=redact(run.story.terms)))
    assert hidden.valid, hidden.reason
    assert hidden.outcome is report.outcome
