"""A view answers four questions in every state: what is it, why, what comes next and by when, who can act."""

import json
from typing import Any

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import SettlementId, redact
from interlock.core.limits import EVERY_LEG
from interlock.core.replica import Replica
from interlock.core.settlement import Settlement, State
from interlock.encoding.values import Uint64, UnixSeconds, hex_of
from interlock.views.settlement import settlement_view
from interlock.views.status import status_view
from support.log import LATE, Log, Stage, at
from support.world import (
    ALICE,
    BANK,
    BOB,
    COMMITTEE,
    GENESIS,
    NETWORK,
    PAYMENT_ONLY,
    PIVOT_WINDOW_S,
    PREPARE_BY,
    START,
    VAULT_NAME,
    account_leg,
    cancel,
    id_of,
    instruct,
    instruction,
    onchain_leg,
    pivot_instruction,
    word,
)

NODES_ACT = "the nodes"
ANYONE = "anyone with the certificate"
TOGETHER = "all signers together may cancel"


def view_of(log: Log, id_: SettlementId, troubles: dict[int, str] | None = None) -> dict[str, Any]:
    """Give a settlement's view, also where it has left the replica's memory; it must be plain JSON."""
    settlement = known(log, id_)
    view = settlement_view(
        settlement,
        COMMITTEE,
        troubles=troubles or {},
        tallies=log.replica.ballots.tallies(id_),
        signers=log.replica.signers_of(settlement),
    )
    return json.loads(json.dumps(view))  # type: ignore[no-any-return]


def known(log: Log, id_: SettlementId) -> Settlement:
    """Give a settlement, from the log's last changes where it has left the replica's memory."""
    if id_ in log.replica.settlements:
        return log[id_]
    replica = Replica(GENESIS)
    changes = [change for block, _ in log.blocks for change in replica.apply_block(block).changes]
    last = next(change for change in reversed(changes) if change.after.id == id_)
    assert last.before is not None
    return last.after


@pytest.mark.parametrize(
    ("stage", "why", "next_says", "who"),
    [
        (Stage.ALLEGED, "not decided", f"aborted when log time passes {PREPARE_BY}", hex_of(BOB.address)),
        (Stage.PREPARING, "not decided", f"needed nodes attest HELD); decided by log time {PREPARE_BY}", TOGETHER),
        (Stage.ONE_HELD, "not decided", "leg 0 is HELD, leg 1 is PENDING", NODES_ACT),
        (Stage.COMMITTED, "Every leg was held", "A quorum of nodes signs", NODES_ACT),
        (Stage.COMMITTED_CERTIFIED, "Every leg was held", "delivers every leg", ANYONE),
        (Stage.ONE_DELIVERED, "Every leg was held", "delivers every leg", ANYONE),
        (Stage.SETTLED, "Every leg was held", "Nothing; it has ended.", None),
        (Stage.ABORTED, "cancelled", "A quorum of nodes signs", NODES_ACT),
        (Stage.ABORTED_HELD, "cancelled", "returns or closes every leg", ANYONE),
        (Stage.ABORTED_CERTIFIED, "cancelled", "returns or closes every leg", NODES_ACT),
        (Stage.UNWOUND, "cancelled", "Nothing; it has ended.", None),
        (Stage.PIVOTING, "not decided", "A quorum of nodes signs the order", NODES_ACT),
        (Stage.ORDERED, "not decided", f"by {START + PIVOT_WINDOW_S} of its own time, or never", PAYMENT_ONLY),
        (Stage.EXECUTED, "the pivot executed its order", "A quorum of nodes signs the decision", NODES_ACT),
        (Stage.NEVER, "can never execute its order", "A quorum of nodes signs the decision", NODES_ACT),
    ],
    ids=lambda value: value.name if isinstance(value, Stage) else "",
)  # fmt: skip
def test_every_state_answers_what_why_what_next_and_who(
    stage: Stage, why: str, next_says: str, who: str | None
) -> None:
    """At every stage of its life a settlement says where it is, why, what happens next, and who can act."""
    log, id_ = at(stage)
    settlement, view = known(log, id_), view_of(log, id_)
    assert view["state"] == settlement.state.name
    assert why in view["why"]
    assert next_says in view["next"]
    assert who in view["canAct"] if who is not None else view["canAct"] == []
    assert view["outcome"] == (None if settlement.decision is None else settlement.decision.outcome.name)
    assert view["certified"] == (settlement.certificate is not None)
    assert (view["decidedAt"] is None) == (settlement.decision is None)
    assert view["quorum"] == 3


def test_a_leg_has_a_row_with_terms_votes_and_trouble() -> None:
    """One row per leg, on-chain legs first, with the votes by fact and why the newest attempt did not work."""
    log, id_ = at(Stage.PREPARING)
    log.vote(id_, Fact.HELD, [0], [0, 3])
    log.vote(id_, Fact.REFUSED, [1], [2])
    first, second = view_of(log, id_, {1: "not reached"})["legs"]
    asset, money = instruction().onchain_legs[0], instruction().account_legs[0].terms
    assert (first["leg"], first["ledger"], first["asset"], first["amount"]) == (
        0, VAULT_NAME, hex_of(asset.token), str(asset.amount),
    )  # fmt: skip
    assert (first["payer"], first["payee"], first["signer"]) == tuple(
        hex_of(each) for each in (asset.payer, asset.payee, asset.payer)
    )
    assert (first["votes"], first["stands"], first["trouble"]) == ({"HELD": [0, 3]}, [], None)
    assert (second["leg"], second["ledger"], second["asset"], second["amount"]) == (1, BANK, "USD/2", str(money.amount))
    assert (second["payer"], second["payee"], second["signer"]) == ("bob", "alice", hex_of(BOB.address))
    assert (second["votes"], second["trouble"]) == ({"REFUSED": [2]}, "not reached")


def test_what_stands_and_who_signed_is_shown() -> None:
    """Facts that stand, and members that signed the decision, are named."""
    view = view_of(*at(Stage.COMMITTED_CERTIFIED))
    assert view["legs"][0]["stands"] == ["HELD"]
    assert view["decisionSignedBy"] == [0, 1, 2]
    assert view["signers"] == [{"signer": hex_of(each.address), "signed": True} for each in (ALICE, BOB)]


def test_amounts_are_text_and_a_hidden_leg_shows_only_its_signer() -> None:
    """An amount may be larger than a JSON reader's numbers; what is hidden is null, not invented."""
    log = Log()
    terms = redact(instruction())
    assert log.block(cancel(id_of(terms), BOB, redacted=terms)).reasons == []
    view = view_of(log, id_of(terms))
    hidden = view["legs"][1]
    assert isinstance(view["legs"][0]["amount"], str)
    assert {hidden[name] for name in ("ledger", "asset", "amount", "payer", "payee")} == {None}
    assert hidden["signer"] == hex_of(BOB.address)
    assert view["cancelledBy"] == [hex_of(BOB.address)]


def test_a_settlement_whose_terms_are_missing_says_so() -> None:
    """When all have signed and only the redacted form is known, nobody's signature is missing but the terms."""
    log, terms = Log(), instruction()
    assert log.block(instruct(redact(terms), ALICE, BOB)).reasons == []
    view = view_of(log, id_of(terms))
    assert (view["state"], all(each["signed"] for each in view["signers"])) == ("ALLEGED", True)
    assert "brings the terms in clear" in view["next"]
    assert "anyone who has the instruction in clear" in view["canAct"]


def test_a_settlement_that_waits_for_its_time_says_when() -> None:
    """All held before settleFrom: nobody is asked for anything, and the time is named."""
    log = Log()
    id_ = log.instruct(instruction(settle_from=UnixSeconds(Uint64(START + 300))))
    log.vote(id_, Fact.HELD)
    view = view_of(log, id_)
    assert (view["state"], view["settleFrom"]) == ("PREPARING", START + 300)
    assert f"committed when log time reaches {START + 300}" in view["next"]


def test_what_is_signed_by_some_names_them() -> None:
    """Before the certificate those that have signed the decision, or the order, are named."""
    log, id_ = at(Stage.COMMITTED)
    log.certify(id_, Outcome.COMMIT, [3, 1])
    assert view_of(log, id_)["decisionSignedBy"] == [1, 3]
    log, id_ = at(Stage.PIVOTING)
    log.certify_order(id_, [2])
    assert view_of(log, id_)["decisionSignedBy"] == [2]


def test_a_pivots_order_is_shown() -> None:
    """To whom, until when, and whether it is certified; without a pivot there is none."""
    order = {"ledger": PAYMENT_ONLY, "lastValid": START + PIVOT_WINDOW_S}
    assert view_of(*at(Stage.PIVOTING))["order"] == {**order, "certified": False}
    assert view_of(*at(Stage.ORDERED))["order"] == {**order, "certified": True}
    assert view_of(*at(Stage.COMMITTED))["order"] is None


def test_a_settlement_that_waits_for_its_pivots_turn_says_so() -> None:
    """Of the pivot's leg no hold is asked for, and before settleFrom nothing is ordered."""
    log = Log()
    id_ = log.instruct(pivot_instruction(settle_from=UnixSeconds(Uint64(START + 300))))
    assert "leg 1 is the pivot's and comes last" in view_of(log, id_)["next"]
    log.vote(id_, Fact.HELD, [0])
    assert f"ordered from {PAYMENT_ONLY!r} when log time reaches {START + 300}" in view_of(log, id_)["next"]


def test_a_condition_is_shown_until_and_after_it_is_agreed() -> None:
    """While it is open and all is held the nodes can act; without a condition there is none to show."""
    log, id_ = at(Stage.ONE_HELD, terms=instruction(conditions=word(1)))
    log.vote(id_, Fact.HELD, [1])
    view = view_of(log, id_)
    assert (view["condition"], NODES_ACT in view["canAct"]) == ("OPEN", True)
    assert f"agrees on the condition by log time {PREPARE_BY}" in view["next"]
    for fact in (Fact.MET, Fact.UNMET):
        log, id_ = at(Stage.ONE_HELD, terms=instruction(conditions=word(1)))
        log.vote(id_, fact, [EVERY_LEG])
        assert view_of(log, id_)["condition"] == fact.name
    assert view_of(*at(Stage.ONE_HELD))["condition"] is None


def test_a_leg_that_is_owed_and_lost_is_shown_as_stuck() -> None:
    """Only there: the payee is entitled to what its ledger let go."""
    log, id_ = at(Stage.ORDERED)
    log.vote(id_, Fact.LOST, [0])
    assert [each["stuck"] for each in view_of(log, id_)["legs"]] == [None, None]
    log.vote(id_, Fact.EXECUTED, [EVERY_LEG])
    first, second = view_of(log, id_)["legs"]
    assert "the amount is owed" in first["stuck"]
    assert second["stuck"] is None


def test_a_consent_that_came_at_a_bad_moment_says_who_can_match_it() -> None:
    """A contract wallet's consent came last while a lane was busy: its terms are known, and a signer can act."""
    log = Log()
    second = log.instruct(instruction(salt=2), BOB)
    log.instruct(instruction())
    log.vote(second, Fact.SIGNED, [0])
    view = view_of(log, second)
    assert (view["state"], all(each["signed"] for each in view["signers"])) == ("ALLEGED", True)
    assert "at a better moment" in view["next"]
    assert "any signer" in view["canAct"]


def test_what_was_never_admitted_says_its_reason() -> None:
    """The sentence of the reason, not of the cause alone."""
    log, terms = Log(), instruction(pivot=BANK, pivot_window=Uint64(1))
    assert log.block(instruct(terms, ALICE)).reasons == []
    view = view_of(log, id_of(terms))
    assert (view["state"], view["cause"], view["reason"]) == ("ABORTED", "NOT_ADMITTED", "PIVOT_UNSUPPORTED")
    assert "cannot execute in one step" in view["why"]


def test_what_never_matched_and_holds_nothing_makes_nobody_act() -> None:
    """No node is said to bring a certificate that none will bring, since on chain that would cost it."""
    legs = (onchain_leg(), onchain_leg(1, payer=BOB.address, payee=ALICE.address))
    log, terms = Log(), instruction(onchain_legs=legs, account_legs=())
    assert log.block(instruct(terms, ALICE)).reasons == []
    log.block(time=LATE)
    log.certify(id_of(terms), log[id_of(terms)].decision.outcome)  # type: ignore[union-attr]  # it was decided by time
    view = view_of(log, id_of(terms))
    assert (view["state"], view["certified"]) == ("ABORTED", True)
    assert str(PREPARE_BY) in view["next"]
    assert view["canAct"] == [ANYONE]


def test_the_view_of_every_leg_count_is_json() -> None:
    """Sixteen legs, hidden or not, come out as JSON values."""
    legs = tuple(account_leg(index) for index in range(8))
    terms = instruction(onchain=8, account_legs=legs)
    log = Log()
    id_ = log.instruct(terms)
    assert [row["leg"] for row in view_of(log, id_)["legs"]] == list(range(16))


class Sitting:
    """As much of a node as the status reads."""

    def __init__(self, replica: Replica, *, halted: str = "", alarms: tuple[str, ...] = ()) -> None:
        self.member = COMMITTEE.index_of(GENESIS.members[2]) or 0
        self.replica = replica
        self.halted = halted
        self.alarms = list(alarms)


def test_the_status_names_the_network_the_place_in_the_log_and_what_is_wrong() -> None:
    """Operators compare nodes by height and block hash, and see a halt and alarms in words."""
    log, _ = at(Stage.SETTLED)
    status = status_view(Sitting(log.replica, halted="LogForked: block 7", alarms=("bank: not reached",)))  # type: ignore[arg-type]  # the same shape
    assert json.loads(json.dumps(status)) == status
    assert (status["network"], status["member"], status["epoch"]) == (hex_of(NETWORK), 2, 1)
    assert (status["height"], status["block"]) == (log.replica.height, hex_of(log.replica.block_hash))
    assert (status["open"], status["ended"], status["configuration"]) == (0, 1, 1)
    assert (status["halted"], status["alarms"]) == ("LogForked: block 7", ["bank: not reached"])
    assert status_view(Sitting(log.replica))["halted"] is None  # type: ignore[arg-type]  # the same shape


def test_state_names_are_the_cores_own() -> None:
    """One word for one thing: the view invents no state."""
    shown = {view_of(*at(stage))["state"] for stage in Stage}
    assert shown <= {state.name for state in State}
