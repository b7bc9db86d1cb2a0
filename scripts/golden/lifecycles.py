# ruff: noqa: D103 - what a story tells stands in its decorator
"""The golden lifecycles: whole logs, each told in a sentence, with what every replica shows after each block."""

from collections.abc import Callable

from golden.log import Recorder
from golden.world import (
    ALICE,
    BOB,
    CAROL,
    LATE,
    LEDGERS,
    OTHER_BANK,
    PREPARE_BY,
    START,
    STRANGER,
    account_leg,
    cancel,
    hash_of,
    id_of,
    instruct,
    instruction,
    onchain_leg,
    seconds,
    sign,
)
from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import Instruction, redact
from interlock.encoding.values import Uint64

COMMIT, ABORT = Outcome.COMMIT, Outcome.ABORT
Story = Callable[[Recorder], None]

STORIES: dict[str, tuple[str, tuple[str, ...], Story]] = {}
"""By name: what it shows in a sentence, the tags that it shows besides rules and rejections, and how it goes."""


def story(sentence: str, *tags: str) -> Callable[[Story], Story]:
    """Put a lifecycle on the list."""

    def keep(tell: Story) -> Story:
        STORIES[tell.__name__.replace("_", "-")] = sentence, tags, tell
        return tell

    return keep


@story("Both legs are held, COMMIT is decided and certified, both are delivered.", "PROMISE-BOTH", "EFFECT-PARALLEL")
def settles(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    log.vote(id_, Fact.HELD)
    log.certify(id_, COMMIT)
    log.vote(id_, Fact.DELIVERED, [0])
    log.vote(id_, Fact.DELIVERED, [1])


@story(
    "One signature alleges, the second matches; signatures of strangers and known ones change nothing.", "TERMS-SIGNERS"
)
def signed_one_by_one(log: Recorder) -> None:
    terms = instruction()
    log.configured()
    log.block(instruct(terms, STRANGER), instruct(terms, ALICE))
    log.block(instruct(terms, ALICE), sign(id_of(terms), STRANGER), sign(id_of(instruction("other")), BOB))
    log.block(sign(id_of(terms), BOB))


@story("Terms come redacted and are matched only once they are brought in clear, under the same id.", "TERMS-REDACTED")
def redacted_first(log: Recorder) -> None:
    terms = instruction()
    log.configured().block(instruct(redact(terms), ALICE, BOB))
    log.vote(id_of(terms), Fact.HELD)
    log.block(instruct(terms, ALICE))
    log.certify(id_of(terms), COMMIT)


@story("One leg is held, the other never: time alone aborts, and the hold is returned.", "TIME-1", "TIME-2")
def late(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    log.vote(id_, Fact.HELD, [0])
    log.block(at=PREPARE_BY)
    log.block(at=LATE)
    log.certify(id_, ABORT)
    log.vote(id_, Fact.RETURNED, [0])
    log.vote(id_, Fact.RETURNED, [1])


@story(
    "The last HELD and the deadline share a block: its time comes first, and it is ABORT.", "TIME-1", "CASE-DEADLINE"
)
def deadline_and_last_hold(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    log.vote(id_, Fact.HELD, [0])
    log.vote(id_, Fact.HELD, [1], [0, 1])
    log.block(*log.votes(id_, Fact.HELD, [1], [2]), at=LATE)
    log.certify(id_, ABORT)


@story(
    "A hold slips in after ABORT: it is known, returned with the certificate, and revives nothing.", "CASE-LATE-HOLD"
)
def late_hold(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    log.block(at=LATE)
    log.certify(id_, ABORT)
    log.vote(id_, Fact.HELD)
    log.vote(id_, Fact.RETURNED)


@story("Everything is held before settleFrom: the settlement waits, then commits by time alone.")
def waits_for_settle_from(log: Recorder) -> None:
    id_ = log.configured().bring(instruction(settle_from=seconds(START + 100)))
    log.vote(id_, Fact.HELD)
    log.block(at=START + 99)
    log.block(at=START + 100)


@story("The bank refuses its leg: ABORT, the other hold is returned, the refused leg gets a tombstone.")
def refused(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    log.vote(id_, Fact.HELD, [0])
    log.vote(id_, Fact.REFUSED, [1])
    log.certify(id_, ABORT)
    log.vote(id_, Fact.RETURNED)


@story("A hold is lost before the decision: ABORT; the other leg is returned.", "CASE-HALT")
def lost(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    log.vote(id_, Fact.HELD, [0])
    log.vote(id_, Fact.LOST, [0])
    log.certify(id_, ABORT)
    log.vote(id_, Fact.RETURNED, [1])
    log.vote(id_, Fact.RETURNED, [0])


@story("A hold is lost after COMMIT: nothing unwinds, the leg is owed and stuck until it is delivered.", "LEG-STUCK")
def lost_after_commit(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    log.vote(id_, Fact.HELD)
    log.vote(id_, Fact.LOST, [1])
    log.certify(id_, COMMIT)
    log.vote(id_, Fact.DELIVERED, [0])
    log.vote(id_, Fact.DELIVERED, [1])


@story("Payer and payee release a hold before the decision: ABORT, and that leg needs nothing more.")
def consent_before_decision(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    log.vote(id_, Fact.HELD, [0])
    log.vote(id_, Fact.CONSENT, [0])
    log.certify(id_, ABORT)
    log.vote(id_, Fact.RETURNED, [1])


@story("Payer and payee release a hold after COMMIT: the leg is done as they left it, the other is delivered.")
def consent_after_commit(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    log.vote(id_, Fact.HELD)
    log.certify(id_, COMMIT)
    log.vote(id_, Fact.CONSENT, [0])
    log.vote(id_, Fact.DELIVERED, [1])


@story("Before the match one signer's cancel is enough.")
def cancelled_before_match(log: Recorder) -> None:
    terms = instruction()
    log.configured().block(instruct(terms, ALICE))
    log.block(cancel(id_of(terms), STRANGER), cancel(id_of(terms), BOB))
    log.certify(id_of(terms), ABORT)
    log.block(cancel(id_of(terms), ALICE))


@story(
    "A cancel comes before its instruction: it is kept, and the instruction cannot come to life.", "CASE-EARLY-CANCEL"
)
def cancelled_before_it_was_known(log: Recorder) -> None:
    terms = instruction()
    log.configured().block(cancel(id_of(terms), BOB), cancel(id_of(terms), BOB, redacted=redact(terms)))
    log.block(instruct(terms, ALICE, BOB))
    log.certify(id_of(terms), ABORT)


@story("After the match one cancel waits for the others; all of them abort.")
def cancelled_after_match(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    log.block(cancel(id_, ALICE))
    log.block(cancel(id_, ALICE), cancel(id_, BOB))
    log.certify(id_, ABORT)
    log.vote(id_, Fact.RETURNED)


@story("Cancels come after COMMIT: the certificate decides.", "RULE-ABSORBS")
def cancelled_too_late(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    log.vote(id_, Fact.HELD)
    log.block(cancel(id_, ALICE, BOB), at=LATE)


@story(
    "An instruction that can never be admitted is recorded as ABORTED; the hold that its bank has comes back.",
    "ADMISSION-2",
    "CASE-UNSEEN-HOLD",
)
def unalterable(log: Recorder) -> None:
    terms = instruction(pivot_window=Uint64(1))
    id_ = id_of(terms)
    log.configured().block(instruct(terms, STRANGER))
    log.block(instruct(terms, BOB))
    log.vote(id_, Fact.HELD, [1])
    log.certify(id_, ABORT)
    log.vote(id_, Fact.RETURNED)


@story(
    "A passing reason records nothing; what was good is admitted once the reason is gone.",
    "ADMISSION-3",
    "CASE-BAD-MOMENT",
)
def passing(log: Recorder) -> None:
    terms = instruction()
    log.configured(ledgers=LEDGERS[1:]).block(instruct(terms, ALICE, BOB))
    log.configure()
    log.block(instruct(terms, ALICE, BOB))


@story(
    "A lane and a place in a signer's limit are taken at the match and free again later.", "ADMISSION-4", "TERMS-LANE"
)
def lanes_and_limits(log: Recorder) -> None:
    first = log.configured().bring(instruction())
    same_lane = instruction("same lane", onchain_legs=(onchain_leg(use=2),))
    log.block(instruct(same_lane, ALICE, BOB), instruct(instruction("half"), BOB))
    second = log.bring(instruction("second", onchain_legs=(onchain_leg(lane=2),)))
    third = instruction("third", onchain_legs=(onchain_leg(lane=3),))
    log.block(instruct(third, ALICE, BOB))
    log.block(cancel(second, ALICE, BOB), instruct(third, ALICE, BOB))
    log.vote(first, Fact.HELD)
    log.certify(first, COMMIT)
    log.vote(first, Fact.DELIVERED)
    log.block(instruct(same_lane, ALICE, BOB))


@story(
    "Redacted terms end while their bank leg is hidden; in clear they open it again, and the hold is found.",
    "END-REOPEN",
)
def hidden_leg_reopens(log: Recorder) -> None:
    terms = instruction()
    id_ = id_of(terms)
    log.configured().block(instruct(redact(terms), ALICE))
    log.block(at=LATE)
    log.certify(id_, ABORT)
    log.vote(id_, Fact.RETURNED, [0])
    log.block(instruct(redact(terms), BOB), instruct(terms, STRANGER), instruct(terms, BOB))
    log.certify(id_, ABORT)
    log.vote(id_, Fact.HELD, [1])
    log.vote(id_, Fact.RETURNED)
    log.block(instruct(terms, BOB))


@story(
    "A ledger is struck off while an aborted leg waits, so the settlement ends; registered again, it reopens.",
    "LEG-CLOSED",
    "END-REOPEN",
)
def struck_off_and_back(log: Recorder) -> None:
    terms = instruction()
    id_ = log.configured().bring(terms)
    log.vote(id_, Fact.HELD, [1])
    log.block(at=LATE)
    log.certify(id_, ABORT)
    log.vote(id_, Fact.RETURNED, [0])
    log.configure(ledgers=LEDGERS[1:])
    log.configure()
    log.block(instruct(terms, BOB))
    log.certify(id_, ABORT)
    log.vote(id_, Fact.HELD, [1])
    log.vote(id_, Fact.RETURNED, [1])
    log.vote(id_, Fact.RETURNED, [0])


@story("Three parties in a ring: tokens, and dollars at two banks; nobody's leg moves alone.", "PROMISE-BOTH")
def ring_of_three(log: Recorder) -> None:
    id_ = log.configured().bring(ring())
    log.vote(id_, Fact.HELD, [0, 2])
    log.vote(id_, Fact.HELD, [1])
    log.certify(id_, COMMIT)
    log.vote(id_, Fact.DELIVERED, [2])
    log.vote(id_, Fact.DELIVERED, [0, 1])


@story("The ring's last bank refuses: all three keep what they had.", "PROMISE-BOTH")
def ring_of_three_aborts(log: Recorder) -> None:
    id_ = log.configured().bring(ring())
    log.vote(id_, Fact.HELD, [0, 1])
    log.vote(id_, Fact.REFUSED, [2])
    log.certify(id_, ABORT)
    log.vote(id_, Fact.RETURNED, [0, 1, 2])


def ring() -> Instruction:
    """Give a ring: Alice's tokens to Bob, Bob's dollars to Carol, Carol's dollars to Alice."""
    legs = (account_leg(BOB, "bob", "carol"), account_leg(CAROL, "carol", "alice", at=OTHER_BANK))
    return instruction("ring", account_legs=legs)


@story(
    "The condition is met before the last hold; the first answer that stands is absorbing.",
    "FACT-ABSORBS",
    "FACT-WHOLE",
)
def condition_met(log: Recorder) -> None:
    id_ = log.configured().bring(instruction(conditions=hash_of("condition")))
    log.vote(id_, Fact.HELD)
    log.say(id_, Fact.MET)


@story("The condition is not met: ABORT, whatever is held.", "FACT-WHOLE")
def condition_unmet(log: Recorder) -> None:
    id_ = log.configured().bring(instruction(conditions=hash_of("condition")))
    log.vote(id_, Fact.HELD)
    log.say(id_, Fact.UNMET)
    log.say(id_, Fact.MET)


@story("Nobody answers whether the condition is met: by prepareBy that is a no.")
def condition_unanswered(log: Recorder) -> None:
    id_ = log.configured().bring(instruction(conditions=hash_of("condition")))
    log.vote(id_, Fact.HELD)
    log.block(at=LATE)
