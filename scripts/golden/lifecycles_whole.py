# ruff: noqa: D103 - what a story tells stands in its decorator
"""Golden lifecycles, continued: pivots, contract wallets, batches, epochs, and what is proven of liars."""

from dataclasses import replace

from golden.lifecycles import story
from golden.log import Recorder
from golden.world import (
    ALICE,
    BOB,
    COUNCIL,
    FIRST,
    LATE,
    LEDGERS,
    NETWORK,
    PIVOT_WINDOW_S,
    SECOND,
    SEVEN,
    START,
    VAULT_NAME,
    WALLET,
    WIRE,
    cancel,
    hash_of,
    id_of,
    index,
    instruct,
    instruction,
    onchain_leg,
    pivot_instruction,
    seconds,
    sign,
)
from interlock.core.attestation import Fact, MemberAttestation
from interlock.core.committee import Epoch
from interlock.core.decision import Decision, DecisionBatch, Outcome
from interlock.core.entry import Evidence
from interlock.core.fraud import (
    AttestationFraud,
    CertificateFraud,
    DecisionFraud,
    OrderFraud,
    RotationFraud,
    SignedRotation,
)
from interlock.core.instruction import SettlementId
from interlock.core.limits import EVERY_LEG
from interlock.core.order import Order
from interlock.core.rotation import Rotation, rotation_digest
from interlock.encoding.values import Bytes32, Height, Uint32, Uint64

COMMIT, ABORT = Outcome.COMMIT, Outcome.ABORT


@story(
    "The bank pays last: tokens held, order certified, payment executed, tokens delivered.",
    "PIVOT-2",
    "PIVOT-3",
)
def pivot_executed(log: Recorder) -> None:
    id_ = log.configured().bring(pivot_instruction())
    log.vote(id_, Fact.HELD, [0])
    log.certify_order(id_)
    log.say(id_, Fact.EXECUTED)
    log.certify(id_, COMMIT)
    log.vote(id_, Fact.DELIVERED, [0])


@story("The pivot says NEVER: ABORT, and the tokens come back.", "PIVOT-3")
def pivot_never(log: Recorder) -> None:
    id_ = log.configured().bring(pivot_instruction())
    log.vote(id_, Fact.HELD, [0])
    log.certify_order(id_)
    log.say(id_, Fact.NEVER)
    log.certify(id_, ABORT)
    log.vote(id_, Fact.RETURNED, [0])


@story(
    "Once the order is out only the pivot decides: not time, cancels or a lost hold; what was lost is owed.",
    "PIVOT-3",
    "CASE-CANCEL-AFTER-ORDER",
    "LEG-STUCK",
)
def pivot_stuck(log: Recorder) -> None:
    id_ = log.configured().bring(pivot_instruction())
    log.vote(id_, Fact.HELD, [0])
    log.block(cancel(id_, ALICE, BOB))
    log.vote(id_, Fact.LOST, [0])
    log.block(at=LATE + PIVOT_WINDOW_S)
    log.vote(id_, Fact.HELD, [1])
    log.certify_order(id_)
    log.say(id_, Fact.EXECUTED)
    log.certify(id_, COMMIT)


@story(
    "Before its order is out a settlement with a pivot aborts like any other, and its pivot needs nothing.", "PIVOT-2"
)
def pivot_never_asked(log: Recorder) -> None:
    id_ = log.configured().bring(pivot_instruction())
    log.block(cancel(id_, ALICE, BOB))
    log.certify(id_, ABORT)
    log.vote(id_, Fact.RETURNED, [0])


@story("The chain executes last: the bank holds, the vault moves the tokens in one step.", "PIVOT-1")
def pivot_is_the_vault(log: Recorder) -> None:
    terms = instruction("chain last", pivot=VAULT_NAME, pivot_window=Uint64(60))
    id_ = log.configured().bring(terms)
    log.vote(id_, Fact.HELD, [1])
    log.certify_order(id_)
    log.say(id_, Fact.EXECUTED)
    log.certify(id_, COMMIT)
    log.vote(id_, Fact.DELIVERED, [1])


@story("All legs are the pivot's: nothing is held, one transaction swaps them.", "PIVOT-1")
def pivot_alone(log: Recorder) -> None:
    legs = (onchain_leg(), onchain_leg(BOB.address, ALICE.address))
    terms = instruction("swap", onchain_legs=legs, account_legs=(), pivot=VAULT_NAME, pivot_window=Uint64(60))
    id_ = log.configured().bring(terms)
    log.certify_order(id_)
    log.say(id_, Fact.EXECUTED)
    log.certify(id_, COMMIT)


@story(
    "A contract wallet signs nothing: its own call is its consent, attested as SIGNED, and matches.", "TERMS-CONSENT"
)
def consent_by_wallet(log: Recorder) -> None:
    terms = instruction("wallet", onchain_legs=(onchain_leg(WALLET),))
    id_ = id_of(terms)
    log.configured().block(instruct(terms, BOB))
    log.vote(id_, Fact.SIGNED, [1])
    log.vote(id_, Fact.SIGNED, [0])
    log.vote(id_, Fact.HELD)
    log.certify(id_, COMMIT)


@story(
    "A hold stands for which nobody signed: a quorum's attestations bring it to the log, and it comes back.",
    "TERMS-ATTESTED",
    "CASE-UNSEEN-HOLD",
)
def attested_hold(log: Recorder) -> None:
    legs = (onchain_leg(WALLET), onchain_leg(BOB.address, WALLET))
    terms = instruction("nobody signed", onchain_legs=legs, account_legs=())
    id_ = id_of(terms)
    log.configured()
    few, quorum = (
        tuple(MemberAttestation(index(each), COUNCIL.attestation(each, id_, 0, Fact.HELD)) for each in range(count))
        for count in (2, 3)
    )
    log.block(instruct(terms, attested=few), instruct(terms, attested=quorum))
    log.block(at=LATE)
    log.certify(id_, ABORT)
    log.vote(id_, Fact.RETURNED)


@story(
    "One block decides three settlements: they are signed as one, each with its proof; a fourth is signed alone.",
    "BATCH-1",
    "BATCH-2",
    "BATCH-3",
)
def batch(log: Recorder) -> None:
    log.configured(batch_min=Uint32(2), open_per_signer_max=Uint32(8))
    names = ("one", "two", "three", "four")
    ids = [log.bring(instruction(name, onchain_legs=(onchain_leg(lane=lane),))) for lane, name in enumerate(names, 1)]
    for id_ in ids[:2]:
        log.vote(id_, Fact.HELD, [0])
    log.block(
        *(entry for id_ in ids[:2] for entry in log.votes(id_, Fact.HELD, [1])),
        cancel(ids[2], ALICE, BOB),
    )
    log.block(cancel(ids[3], ALICE, BOB))
    log.certify_batches()
    log.certify(ids[3], ABORT)


@story(
    "A committee hands over in mid-settlement: what stood stands, votes that fell short begin again.",
    "EPOCH-1",
    "EPOCH-2",
    "EPOCH-4",
)
def rotation_in_mid_settlement(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    log.vote(id_, Fact.HELD, [0])
    log.vote(id_, Fact.HELD, [1], [0, 1])
    log.name(SECOND)
    log.hand_over([0, 1])
    log.block(*log.votes(id_, Fact.REFUSED, [1], [0]), COUNCIL.hand_over(2, _pending(log)))
    log.block(COUNCIL.attest(2, log.replica.anchor, COUNCIL.attestation(2, id_, 1, Fact.HELD)))
    log.vote(id_, Fact.HELD, [1])
    log.certify(id_, COMMIT)


@story(
    "Decisions wait while a rotation is pending; the next committee signs them, and every open one again.",
    "EPOCH-3",
    "EPOCH-5",
)
def rotation_after_the_decision(log: Recorder) -> None:
    log.configured()
    first = log.bring(instruction("first"))
    second = log.bring(instruction("second", onchain_legs=(onchain_leg(lane=2),)))
    log.vote(first, Fact.HELD)
    log.certify(first, COMMIT)
    log.name(SEVEN)
    log.block(cancel(second, ALICE, BOB))
    log.hand_over()
    log.certify(first, COMMIT)
    log.certify(second, ABORT)
    log.vote(first, Fact.DELIVERED)


@story(
    "A committee hands over while an order is out: the next one signs the same order, with the same last time.",
    "EPOCH-5",
    "CASE-ROTATED-ORDER",
)
def rotation_while_pivoting(log: Recorder) -> None:
    id_ = log.configured().bring(pivot_instruction())
    log.vote(id_, Fact.HELD, [0])
    log.certify_order(id_)
    log.name(SECOND)
    log.hand_over()
    log.certify_order(id_)
    log.say(id_, Fact.EXECUTED)
    log.certify(id_, COMMIT)
    log.vote(id_, Fact.DELIVERED, [0])


@story(
    "Who can follow, and who signs: no successors without a quorum, no second rotation, none but the pending one.",
    "EPOCH-2",
)
def rotation_refused(log: Recorder) -> None:
    log.configured()
    log.block(COUNCIL.name(SECOND, [0, 1]), COUNCIL.name(FIRST[:3]), COUNCIL.name((*FIRST[:3], FIRST[0])))
    log.block(COUNCIL.hand_over(0, _rotation(1)))
    log.name(SECOND)
    log.block(
        COUNCIL.name(SEVEN),
        COUNCIL.hand_over(0, _rotation(1)),
        COUNCIL.hand_over(0, _rotation(2)),
        COUNCIL.hand_over(1, _pending(log)),
        COUNCIL.hand_over(1, _pending(log)),
    )


@story(
    "A member contradicts itself in four ways; each convicts it, and it cannot take office again.",
    "EVIDENCE-1",
    "EVIDENCE-2",
    "CASE-TWO-WAYS",
)
def evidence(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    delivered, returned = (COUNCIL.attestation(0, id_, 0, fact) for fact in (Fact.DELIVERED, Fact.RETURNED))
    commit, abort = (COUNCIL.decision(1, Decision(id_, outcome, _epoch(log))) for outcome in (COMMIT, ABORT))
    orders = [COUNCIL.order(2, Order(id_, WIRE, seconds(last), _epoch(log))) for last in (1, 2)]
    rotations = [SignedRotation(each, FIRST[3].sign(_digest(each))) for each in (_rotation(1), _rotation(1, 2))]
    log.block(
        Evidence(AttestationFraud(delivered, returned), index(0)),
        Evidence(AttestationFraud(delivered, returned), index(0)),
        Evidence(AttestationFraud(delivered, delivered), index(0)),
        Evidence(DecisionFraud(commit, abort), index(0)),
        Evidence(DecisionFraud(commit, abort), index(4)),
    )
    log.block(
        Evidence(DecisionFraud(commit, abort), index(1)),
        Evidence(OrderFraud(orders[0], orders[1]), index(2)),
        Evidence(RotationFraud(rotations[0], rotations[1]), index(3)),
    )
    log.block(COUNCIL.name(SECOND))


@story(
    "Two certificates contradict each other: more than f members lie, and nothing more is admitted or signed.",
    "EVIDENCE-3",
)
def compromised(log: Recorder) -> None:
    id_ = log.configured().bring(instruction())
    log.vote(id_, Fact.HELD)
    one, other = (COUNCIL.certificate(Decision(id_, outcome, _epoch(log))) for outcome in (COMMIT, ABORT))
    log.block(Evidence(CertificateFraud(one, replace(other, signatures=other.signatures[:2])), None))
    log.block(Evidence(CertificateFraud(one, other), None), Evidence(CertificateFraud(one, other), None))
    log.block(instruct(instruction("next"), ALICE, BOB), cancel(id_, ALICE), sign(id_, BOB))


@story(
    "Statements that cannot count: of another epoch, another log, no leg, no such settlement, twice, or out of order.",
    "LOG-3",
    "FACT-STANDS",
    "FACT-PIVOT",
)
def statements_refused(log: Recorder) -> None:
    id_ = log.configured().bring(pivot_instruction())
    unknown, anchor = id_of(instruction("unknown")), log.replica.anchor
    log.block(
        COUNCIL.attest(
            0,
            anchor,
            COUNCIL.attestation(0, id_, 0, Fact.HELD),
            COUNCIL.attestation(0, id_, 0, Fact.HELD),
            COUNCIL.attestation(0, id_, 1, Fact.HELD),
            COUNCIL.attestation(0, id_, 2, Fact.HELD),
            COUNCIL.attestation(0, id_, EVERY_LEG, Fact.EXECUTED),
            COUNCIL.attestation(0, id_, EVERY_LEG, Fact.HELD),
            COUNCIL.attestation(0, id_, 0, Fact.DELIVERED),
            COUNCIL.attestation(0, id_, EVERY_LEG, Fact.MET),
            COUNCIL.attestation(0, unknown, 0, Fact.HELD),
            replace(COUNCIL, epoch=2).attestation(0, id_, 0, Fact.HELD),
        ),
        COUNCIL.attest(1, replace(anchor, block=hash_of("fork")), COUNCIL.attestation(1, id_, 0, Fact.HELD)),
        COUNCIL.attest(1, replace(anchor, height=Height(Uint64(9))), COUNCIL.attestation(1, id_, 0, Fact.HELD)),
    )
    decision = Decision(id_, COMMIT, _epoch(log))
    order = Order(id_, WIRE, seconds(START), _epoch(log))
    log.block(
        COUNCIL.certify(
            0,
            log.replica.anchor,
            COUNCIL.decision(0, decision),
            COUNCIL.order(0, order),
            COUNCIL.decision(0, Decision(unknown, COMMIT, _epoch(log))),
            COUNCIL.decision(0, replace(decision, epoch=Epoch(Uint64(2)))),
        )
    )
    log.vote(id_, Fact.HELD, [0])
    log.block(COUNCIL.certify(0, log.replica.anchor, COUNCIL.order(0, order), COUNCIL.decision(0, decision)))
    log.certify_order(id_)
    log.say(id_, Fact.NEVER)
    log.block(
        COUNCIL.certify(
            0,
            log.replica.anchor,
            COUNCIL.decision(0, decision),
            COUNCIL.order(0, _order(log, id_)),
            COUNCIL.batch(0, _batch(log)),
        )
    )


@story(
    "A registry comes into force as a whole: in its epoch, in sequence, by a quorum, without contradiction.",
    "PARTY-REGISTRY",
)
def configurations(log: Recorder) -> None:
    log.configured()
    registry = log.replica.registry
    doubled = replace(registry, ledgers=(LEDGERS[0], LEDGERS[0]))
    log.block(
        COUNCIL.configure(registry, 1),
        COUNCIL.configure(registry, 3),
        COUNCIL.configure(registry, 2, [0, 1]),
        COUNCIL.configure(doubled, 2),
        replace(COUNCIL, epoch=2).configure(registry, 2),
        COUNCIL.configure(registry, 2),
    )


def _epoch(log: Recorder) -> Epoch:
    return log.replica.committee.epoch


def _pending(log: Recorder) -> Rotation:
    pending = log.replica.pending
    if pending is None:
        raise ValueError("no rotation is pending")
    return pending.rotation


def _rotation(from_epoch: int, height: int = 1) -> Rotation:
    """Give a rotation that no log shows."""
    return Rotation(Epoch(Uint64(from_epoch)), hash_of("committee"), Height(Uint64(height)), hash_of("root"))


def _digest(rotation: Rotation) -> Bytes32:
    return rotation_digest(NETWORK, rotation)


def _order(log: Recorder, id_: SettlementId) -> Order:
    order = log[id_].order
    if order is None:
        raise ValueError("no order is out")
    return order


def _batch(log: Recorder) -> DecisionBatch:
    """Give a batch that no log formed."""
    return DecisionBatch(hash_of("root"), _epoch(log), log.replica.height)
