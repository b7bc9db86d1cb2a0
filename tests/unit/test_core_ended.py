"""What stays of a settlement that ended: a few bytes that tell its outcome, and whether somebody may look once more."""

from itertools import product

import pytest

from interlock.core.attestation import Fact
from interlock.core.committee import Epoch
from interlock.core.decision import Decision, Outcome
from interlock.core.ended import EndedIndex, EndedSettlement, pack, unpack
from interlock.core.instruction import Instruction, SettlementId, redact
from interlock.core.leg import LegState
from interlock.core.limits import EVERY_LEG
from interlock.core.rejection import Reason
from interlock.core.settlement import Cause, State
from interlock.core.signing import OrderTerms, Shown, Signed, decision_conflict
from interlock.encoding.keccak import keccak256
from interlock.encoding.merkle import root_of
from interlock.encoding.values import Uint64, UnixSeconds
from support.log import LATE, Ordered, Stage, at
from support.protocol import FOUR, Network
from support.world import (
    ALICE,
    BANK,
    BOB,
    PAYMENT_ONLY,
    STRANGER,
    account_leg,
    cancel,
    id_of,
    instruct,
    instruction,
    onchain_leg,
    pivot_instruction,
    registry,
    sign,
    word,
)

ID = SettlementId(word(1))


def record(**changes: object) -> EndedSettlement:
    fields: dict[str, object] = {
        "decision": Decision(ID, Outcome.ABORT, Epoch(Uint64(3))),
        "decided_at": UnixSeconds(Uint64(1_800_000_000)),
        "state": State.UNWOUND,
        "cause": Cause.CANCELLED,
        "reason": None,
        "last_valid": None,
        "had_unseen_leg": False,
    }
    return EndedSettlement(**{**fields, **changes})  # type: ignore[arg-type]  # fields by name


RECORDS = {
    "usual": record(),
    "the greatest numbers": record(
        decision=Decision(ID, Outcome.COMMIT, Epoch(Uint64(2**64 - 1))), decided_at=UnixSeconds(Uint64(2**64 - 1))
    ),
    "all zero": record(decision=Decision(ID, Outcome.COMMIT, Epoch(Uint64(0))), decided_at=UnixSeconds(Uint64(0))),
    "with a leg unseen": record(had_unseen_leg=True),
    "with an order": record(cause=Cause.PIVOT_NEVER, last_valid=UnixSeconds(Uint64(1_800_000_120))),
    "with an order until the beginning of time": record(last_valid=UnixSeconds(Uint64(0))),
    **{f"cause {each.name}": record(cause=each) for each in Cause},
    **{f"reason {each.name}": record(cause=Cause.NOT_ADMITTED, reason=each) for each in Reason if each.is_unalterable},
    **{f"state {each.name}": record(state=each) for each in State},
}


@pytest.mark.parametrize("ended", RECORDS.values(), ids=RECORDS.keys())
def test_a_record_is_packed_and_read_again(ended: EndedSettlement) -> None:
    """Every field comes back, from bytes of one length."""
    assert unpack(ID, pack(ended)) == ended
    assert len(pack(ended)) == len(pack(record()))


def test_two_records_have_the_same_bytes_only_if_they_are_equal() -> None:
    """The state commits to these bytes."""
    assert len({pack(each) for each in RECORDS.values()}) == len(set(RECORDS.values()))


def test_the_index_gives_back_what_was_put() -> None:
    """By id, also after a restart from its bytes; what was dropped is gone, and a stranger's id is not there."""
    index, other = EndedIndex(), SettlementId(word(2))
    leaf = index.put(ID, record())
    index.put(other, record(decision=Decision(other, Outcome.COMMIT, Epoch(Uint64(1))), had_unseen_leg=True))
    assert leaf == keccak256(ID + pack(record()))
    assert (len(index), list(index), ID in index, word(9) in index) == (2, [ID, other], True, False)
    again = EndedIndex.of((each, index.packed(each) or b"") for each in index)
    assert [again.get(each) for each in again] == [index.get(each) for each in index]
    index.drop(other)
    assert (index.get(ID), index.get(other), index.packed(other)) == (record(), None, None)
    assert len(again) == 2


@pytest.mark.parametrize("stage", [Stage.SETTLED, Stage.UNWOUND])
def test_the_log_of_the_ended_commits_to_the_record(stage: Stage) -> None:
    """A leaf is the hash of id and bytes, in the order of the ends."""
    log, id_ = at(stage)
    ended = log.ended(id_)
    assert (ended.state.name, ended.decision.settlement) == (stage.name, id_)
    assert (log.replica.archive.size, log.replica.archive.root) == (1, keccak256(id_ + pack(ended)))


def unwound(net: Network, terms: Instruction, *, readable: str = "", closed: tuple[int, ...] = (0,)) -> SettlementId:
    """End a settlement that the log knows redacted, cancelled by Bob, with its other legs closed."""
    id_ = id_of(terms)
    assert net.block(cancel(id_, BOB, redacted=redact(terms, ledger=readable))).reasons == []
    net.certify(id_, Outcome.ABORT)
    if closed:
        net.vote(id_, Fact.RETURNED, closed)
    net.block(time=LATE)
    assert net.ended(id_).state is State.UNWOUND
    return id_


HIDDEN = {
    "its bank was never told": (instruction(), "", (0,), True),
    "one of two banks was never told": (
        instruction(account_legs=(account_leg(), account_leg(1, ledger="bank:other"))),
        BANK,
        (0, 1),
        True,
    ),
    "every ledger was told": (instruction(), BANK, (0, 1), False),
    "the pivot's leg alone is open": (pivot_instruction(), PAYMENT_ONLY, (0,), False),
    "the pivot's leg is hidden": (pivot_instruction(), "", (0,), True),
}


@pytest.mark.parametrize(("terms", "readable", "closed", "is_unseen"), HIDDEN.values(), ids=HIDDEN.keys())
def test_it_is_remembered_whether_a_leg_was_out_of_sight(
    terms: Instruction,
    readable: str,
    closed: tuple[int, ...],
    is_unseen: bool,  # noqa: FBT001 - a table's column
) -> None:
    """A leg that nobody could watch may have a hold; the pivot's, once it is known as such, has none."""
    net = Network()
    id_ = unwound(net, terms, readable=readable, closed=closed)
    assert net.ended(id_).had_unseen_leg is is_unseen
    reopened = net.block(instruct(terms, ALICE))
    assert reopened.reasons == ([] if is_unseen else [Reason.ALREADY_DECIDED])
    assert (id_ in net.replica.settlements) is is_unseen


def test_a_leg_on_a_ledger_that_was_struck_off_is_out_of_sight() -> None:
    """Its hold may stand there for all that anybody knows; with the ledger back, anybody may ask again."""
    net = Network()
    id_ = net.instruct(instruction())
    net.block(cancel(id_, ALICE, BOB))
    net.certify(id_, Outcome.ABORT)
    net.vote(id_, Fact.RETURNED, [0])
    usual = net.replica.registry
    kept = tuple(each for each in usual.ledgers if each.name != BANK)
    net.block(net.council.configure(registry(*kept, default=False), 2))
    assert net.ended(id_).had_unseen_leg
    net.block(net.council.configure(usual, 3))
    net.block(instruct(instruction(), ALICE))
    assert [leg.state for leg in net[id_].legs] == [LegState.PENDING, LegState.PENDING]


def test_an_order_that_was_out_comes_back_with_its_never() -> None:
    """Whoever signed it may sign the same ABORT again; neither order nor decision is a leaf once more."""
    net, terms = Network(), pivot_instruction()
    id_ = net.instruct(terms)
    net.vote(id_, Fact.HELD, [0])
    net.certify_order(id_)
    net.vote(id_, Fact.NEVER, [EVERY_LEG])
    net.certify(id_, Outcome.ABORT)
    order, usual = net[id_].order, net.replica.registry
    assert order is not None
    kept = tuple(each for each in usual.ledgers if each.name == PAYMENT_ONLY)
    net.block(net.council.configure(registry(*kept, default=False), 2))
    assert (net.ended(id_).last_valid, net.ended(id_).had_unseen_leg) == (order.last_valid, True)
    decisions = net.replica.decisions
    net.block(net.council.configure(usual, 3))
    assert net.block(instruct(terms, ALICE)).applied.leaves == []
    assert net.replica.decisions == decisions
    known = net[id_]
    assert (known.state, known.cause, known.order) == (State.ABORTED, Cause.PIVOT_NEVER, order)
    assert (known.stands(Fact.NEVER), [leg.state for leg in known.legs]) == (True, [LegState.PENDING, LegState.NEVER])
    shown = Shown(OrderTerms(order.ledger, order.last_valid), known.stands(Fact.NEVER))
    assert decision_conflict(id_, Signed(Outcome.ABORT, shown.order), Outcome.ABORT, shown) is None
    net.vote(id_, Fact.HELD, [0])
    net.certify(id_, Outcome.ABORT)
    net.vote(id_, Fact.RETURNED, [0])
    assert net.ended(id_).last_valid == order.last_valid


def late_hold(net: Network, id_: SettlementId) -> Ordered:
    return net.vote(id_, Fact.HELD, [1])


@pytest.mark.parametrize("rotations", [0, 1])
def test_a_late_hold_is_given_back_and_changes_no_decision(rotations: int) -> None:
    """With the terms it is found: same outcome, cause and time, certified anew and in this epoch, and returned."""
    net = Network()
    id_ = unwound(net, instruction())
    first, decisions = net.ended(id_), net.replica.decisions
    for _ in range(rotations):
        net.rotate(*FOUR)
    ordered = net.block(instruct(instruction(), ALICE))
    assert (ordered.applied.leaves, ordered.applied.reopened) == ([], {id_})
    assert id_ not in net.replica.ended
    late_hold(net, id_)
    assert [leg.state for leg in net[id_].legs] == [LegState.PENDING, LegState.HELD]
    again = net[id_].decision
    assert again is not None
    assert (again.outcome, again.epoch) == (first.decision.outcome, 1 + rotations)
    assert (net[id_].state, net[id_].cause, net[id_].decided_at) == (State.ABORTED, first.cause, first.decided_at)
    assert net.certify(id_, Outcome.COMMIT).reasons == [Reason.OTHER_OUTCOME] * 3
    net.certify(id_, Outcome.ABORT)
    assert net.proves(net[id_].certificate, id_, Outcome.ABORT)
    net.vote(id_, Fact.RETURNED)
    assert net.ended(id_).decision.outcome is first.decision.outcome
    assert not net.ended(id_).had_unseen_leg
    assert net.replica.decisions == decisions
    assert net.replica.archive.size == 2


def test_a_reason_that_could_not_be_altered_comes_back_with_it() -> None:
    """Why it was never admitted stays with the settlement that is open again."""
    net, terms = Network(), instruction(onchain_legs=(onchain_leg(amount=0),))
    net.block(instruct(redact(terms), BOB))
    net.certify(id_of(terms), Outcome.ABORT)
    net.vote(id_of(terms), Fact.RETURNED, [0])
    net.block(time=LATE)
    assert net.ended(id_of(terms)).reason is Reason.AMOUNT_ZERO
    net.block(instruct(terms, BOB))
    assert (net[id_of(terms)].cause, net[id_of(terms)].reason) == (Cause.NOT_ADMITTED, Reason.AMOUNT_ZERO)


NOT_REOPENED = {
    "by a stranger": (instruct(instruction(), STRANGER), Reason.SIGNER_NOT_REQUIRED),
    "with redacted terms": (instruct(redact(instruction()), ALICE), Reason.ALREADY_DECIDED),
    "by a signature": (sign(id_of(instruction()), ALICE), Reason.ALREADY_DECIDED),
    "by a cancel": (cancel(id_of(instruction()), ALICE), Reason.ALREADY_DECIDED),
    "by a cancel with terms": (
        cancel(id_of(instruction()), ALICE, redacted=redact(instruction())),
        Reason.ALREADY_DECIDED,
    ),
}


@pytest.mark.parametrize(("entry", "reason"), NOT_REOPENED.values(), ids=NOT_REOPENED.keys())
def test_only_clear_terms_of_a_party_open_it_again(entry: object, reason: Reason) -> None:
    """Whatever else comes gets its answer from the index."""
    net = Network()
    id_ = unwound(net, instruction())
    assert net.block(entry).reasons == [reason]  # type: ignore[arg-type]  # each is an entry
    assert id_ in net.replica.ended


def test_votes_do_not_open_it_again() -> None:
    """A hold attested of what ended is answered from the index, whichever leg it is."""
    net = Network()
    id_ = unwound(net, instruction())
    for leg, fact in product((0, 1), (Fact.HELD, Fact.RETURNED)):
        assert net.vote(id_, fact, [leg]).reasons == [Reason.ALREADY_DECIDED] * 3


def test_what_was_opened_again_may_end_and_open_again() -> None:
    """Where its ledger is still unknown it ends as it did before, each time with its leaf in the log of the ended."""
    net = Network()
    terms = instruction(account_legs=(account_leg(ledger="bank:nobody"),))
    id_ = unwound(net, terms)
    for times in (2, 3):
        assert net.block(instruct(terms, ALICE)).reasons == []
        net.certify(id_, Outcome.ABORT)
        net.vote(id_, Fact.RETURNED, [0])
        assert net.ended(id_).had_unseen_leg
        assert net.replica.archive.size == times
    leaf = keccak256(id_ + pack(net.ended(id_)))
    assert net.replica.archive.root == root_of([leaf] * 3)


def test_the_configurations_from_the_match_on_are_told() -> None:
    """Evidence is read under the one that admitted the match, or the first sight, and those that came since."""
    net = Network()
    alleged = net.instruct(instruction(salt=1), ALICE)
    matched = net.instruct(instruction(0, 1, salt=2))
    net.block(net.council.configure(registry(open_max=9), 2))
    net.block(sign(alleged, BOB))
    net.block(net.council.configure(registry(), 3))
    told = {
        id_: [each.configuration.sequence for each in net.replica.configurations_of(net[id_])]
        for id_ in (alleged, matched)
    }
    assert told == {alleged: [2, 3], matched: [1, 2, 3]}
