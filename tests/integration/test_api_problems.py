"""Whatever comes in at a node's door and is not as it must be gets a typed answer; nothing of it reaches the log."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from interlock.api import app as api
from interlock.core.entry import Cancel, Instruct, PartyEntry, Sign
from interlock.core.instruction import Instruction, SettlementId, Terms, redact, settlement_id
from interlock.core.limits import ENTRY_BYTES_MAX
from interlock.core.rejection import Reason
from interlock.core.settlement import State
from interlock.encoding.canonical import to_json
from interlock.encoding.values import MinorUnits, Uint64, Uint256, UnixSeconds, hex_of
from interlock.node import node as node_module
from interlock.node.performer import watch_of
from interlock.ordering.protocol import LogBusy
from support.face import Face, face_of
from support.log import LATE
from support.nodes import Nodes, hurry
from support.puppet_log import Treatment, treat
from support.world import (
    ALICE,
    BANK,
    BOB,
    CAROL,
    HORIZON_S,
    NETWORK,
    START,
    STRANGER,
    Key,
    account_leg,
    cancel,
    id_of,
    instruct,
    instruction,
    nonce,
    onchain_leg,
    sign,
    word,
)

OTHER_NETWORK = word(0xBAD)


@pytest.fixture
async def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    hurry(monkeypatch)
    async with Nodes(tmp_path) as made:
        made.sit_all()
        await made.same()
        yield made


@pytest.fixture
async def face(nodes: Nodes) -> AsyncIterator[Face]:
    async with face_of(nodes.seats[0].node) as served:
        yield served


@pytest.fixture
async def lone(tmp_path: Path) -> AsyncIterator[tuple[Nodes, Face]]:
    """One node of the four: enough to refuse."""
    async with Nodes(tmp_path) as made:
        seat = made.sit(0)
        await made.same()
        async with face_of(seat.node) as served:
            yield made, served


def body_of(entry: PartyEntry) -> dict[str, Any]:
    """Give an entry as the body of its request."""
    signatures = [to_json(each) for each in entry.signatures]
    match entry:
        case Instruct():
            return {
                "instruction": None if entry.instruction is None else to_json(entry.instruction),
                "redacted": None if entry.redacted is None else to_json(entry.redacted),
                "signatures": signatures,
            }
        case Sign():
            return {"signatures": signatures}
        case Cancel():
            return {"redacted": None if entry.redacted is None else to_json(entry.redacted), "signatures": signatures}


def path_of(entry: PartyEntry) -> str:
    """Give where an entry is posted."""
    match entry:
        case Instruct():
            return "/v1/instructions"
        case Sign():
            return f"/v1/settlements/{hex_of(entry.settlement)}/signatures"
        case Cancel():
            return f"/v1/settlements/{hex_of(entry.settlement)}/cancel"


def signed_elsewhere(terms: Terms, *keys: Key) -> Instruct:
    """Give an instruction whose signatures are another network's."""
    other = settlement_id(OTHER_NETWORK, terms)
    assert isinstance(terms, Instruction)
    return Instruct(terms, None, tuple(each.consent(other) for each in keys))


def forged(terms: Instruction) -> Instruct:
    """Give an instruction that a stranger signed in Bob's name."""
    by_alice, by_stranger = instruct(terms, ALICE, STRANGER).signatures
    return Instruct(terms, None, (by_alice, replace(by_stranger, signer=BOB.address)))


async def certified(nodes: Nodes, id_: SettlementId) -> None:
    """Wait until every node has the certificate."""
    await nodes.until(lambda: all(nodes.settlement(member, id_).certificate for member in nodes.seats))


def bring_the_certificate(nodes: Nodes, id_: SettlementId) -> None:
    """Do what anybody can: give the certificate to both ledgers."""
    settlement = nodes.settlement(0, id_)
    nodes.vault.deliver(watch_of(settlement, 0))
    nodes.bank.deliver(watch_of(settlement, 1))


UNKNOWN = account_leg(ledger="bank:nowhere")
DOORS: dict[str, tuple[PartyEntry, int, Reason]] = {
    "unsigned": (Instruct(instruction(), None, ()), 400, Reason.MALFORMED),
    "both forms of the terms": (
        Instruct(instruction(), redact(instruction()), instruct(instruction(), ALICE).signatures),
        400,
        Reason.MALFORMED,
    ),
    "neither form": (Instruct(None, None, instruct(instruction(), ALICE).signatures), 400, Reason.MALFORMED),
    "one signer twice": (instruct(instruction(), ALICE, ALICE), 400, Reason.MALFORMED),
    "a stranger's signature alone": (instruct(instruction(), STRANGER), 403, Reason.SIGNER_NOT_REQUIRED),
    "a signature in another's name": (forged(instruction()), 403, Reason.SIGNATURE_INVALID),
    "signed for another network": (signed_elsewhere(instruction(), ALICE, BOB), 403, Reason.SIGNATURE_INVALID),
    "terms of another id": (
        cancel(id_of(instruction()), ALICE, redacted=redact(instruction(salt=2))),
        400,
        Reason.MALFORMED,
    ),
    "an unknown ledger": (instruct(instruction(account_legs=(UNKNOWN,)), ALICE, BOB), 409, Reason.LEDGER_UNKNOWN),
    "an unknown asset": (
        instruct(instruction(account_legs=(account_leg(asset="EUR/2"),)), ALICE, BOB),
        409,
        Reason.ASSET_UNKNOWN,
    ),
    "a far prepareBy": (
        instruct(instruction(prepare_by=UnixSeconds(Uint64(START + 2 * HORIZON_S))), ALICE, BOB),
        409,
        Reason.PREPARE_BY_TOO_FAR,
    ),
    "a signature for nothing known": (sign(id_of(instruction()), ALICE), 404, Reason.SETTLEMENT_UNKNOWN),
    "a cancel of nothing known": (cancel(id_of(instruction()), ALICE), 404, Reason.SETTLEMENT_UNKNOWN),
    "a stranger's cancel": (
        cancel(id_of(instruction()), STRANGER, redacted=redact(instruction())),
        403,
        Reason.SIGNER_NOT_REQUIRED,
    ),
}  # fmt: skip


async def test_what_is_wrong_is_rejected_at_the_door_and_never_reaches_the_log(lone: tuple[Nodes, Face]) -> None:
    """Each fault has its own code, number and status; nothing is ordered, nothing recorded."""
    nodes, face = lone
    for what, (entry, status, reason) in DOORS.items():
        answer = await face.post(path_of(entry), body_of(entry))
        assert answer.problem == (status, reason.name), what
        assert answer.json["number"] == int(reason)
        assert answer.json["detail"].startswith(reason.sentence)
    assert nodes.log.brought == []
    assert nodes.seats[0].node.recent(5) == []


async def test_a_lane_that_is_live_is_rejected_and_taken_once_it_is_free(nodes: Nodes, face: Face) -> None:
    """A passing reason records nothing: the very same request is taken later, when the lane is free."""
    nodes.bank.ignores = True
    first = await nodes.bring()
    later = instruct(instruction(salt=2), ALICE, BOB)
    answer = await face.post("/v1/instructions", body_of(later))
    assert answer.problem == (409, "LANE_LIVE")
    assert hex_of(first) in answer.json["detail"]
    nodes.log.put(later)
    await nodes.same()
    nodes.bank.hold_ignored()
    await nodes.reach(first, State.SETTLED)
    answer = await face.post("/v1/instructions", body_of(later))
    assert answer.status == 200
    await nodes.reach(id_of(instruction(salt=2)), State.SETTLED)


async def test_sent_twice_is_answered_like_once(nodes: Nodes, face: Face) -> None:
    """A client may send anything again, also after the end: it gets the settlement as it is; the log gets it once."""
    nodes.bank.ignores = True
    body = body_of(instruct(instruction(), ALICE, BOB))
    answers = await asyncio.gather(*(face.post("/v1/instructions", body) for _ in range(3)))
    assert [each.status for each in answers] == [200, 200, 200]
    again = await face.post("/v1/instructions", body)
    assert (again.status, again.json["state"]) == (200, "PREPARING")
    added = await face.post(path_of(sign(id_of(instruction()), BOB)), body_of(sign(id_of(instruction()), BOB)))
    assert (added.status, added.json["state"]) == (200, "PREPARING")
    nodes.bank.hold_ignored()
    await nodes.reach(id_of(instruction()), State.SETTLED)
    for request in (instruct(instruction(), ALICE, BOB), sign(id_of(instruction()), BOB)):
        late = await face.post(path_of(request), body_of(request))
        assert (late.status, late.json["state"]) == (200, "SETTLED"), late.body


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (instruction(onchain_legs=(onchain_leg(amount=MinorUnits(Uint256(0))),)), Reason.AMOUNT_ZERO),
        (instruction(onchain_legs=(onchain_leg(payee=ALICE.address),)), Reason.PAYEE_INVALID),
        (instruction(account_legs=(account_leg(payee="bob"),)), Reason.PAYEE_INVALID),
        (instruction(settle_from=instruction().prepare_by + 1), Reason.PREPARE_BY_BEFORE_SETTLE_FROM),
        (instruction(pivot=BANK, pivot_window=Uint64(1)), Reason.PIVOT_UNSUPPORTED),
        (instruction(pivot="bank:nobody", pivot_window=Uint64(1)), Reason.PIVOT_WITHOUT_LEG),
        (instruction(pivot=BANK), Reason.PIVOT_WINDOW_ZERO),
        (instruction(pivot_window=Uint64(1)), Reason.PIVOT_WINDOW_UNWANTED),
    ],
    ids=lambda value: value.name if isinstance(value, Reason) else "",
)
async def test_what_can_never_be_admitted_is_recorded_aborted_and_certified(
    nodes: Nodes, face: Face, terms: Instruction, reason: Reason
) -> None:
    """An unalterable reason with a required signature behind it gets an ABORT that every ledger honours."""
    answer = await face.post("/v1/instructions", body_of(instruct(terms, ALICE)))
    assert answer.status == 200
    assert (answer.json["state"], answer.json["cause"], answer.json["reason"]) == (
        "ABORTED",
        "NOT_ADMITTED",
        reason.name,
    )
    assert answer.json["why"] == reason.sentence
    await certified(nodes, id_of(terms))
    receipt = await face.get(f"/v1/settlements/{hex_of(id_of(terms))}/receipt")
    assert receipt.status == 200
    assert nodes.vault.calls == []
    bring_the_certificate(nodes, id_of(terms))
    await nodes.reach(id_of(terms), State.UNWOUND)


async def test_an_expired_instruction_is_recorded_aborted(nodes: Nodes, face: Face) -> None:
    """Too late is unalterable too."""
    nodes.clock.time = LATE
    nodes.log.advance()
    await nodes.same()
    answer = await face.post("/v1/instructions", body_of(instruct(instruction(), ALICE, BOB)))
    assert (answer.json["state"], answer.json["reason"]) == ("ABORTED", "PREPARE_BY_PASSED")


# --- cancel ---


async def test_one_signer_cancels_before_the_match(nodes: Nodes, face: Face) -> None:
    """Before everybody has signed any one signer may withdraw."""
    terms = instruction()
    await face.post("/v1/instructions", body_of(instruct(terms, ALICE)))
    answer = await face.post(path_of(cancel(id_of(terms), BOB)), body_of(cancel(id_of(terms), BOB)))
    assert (answer.json["state"], answer.json["cause"]) == ("ABORTED", "CANCELLED")
    await certified(nodes, id_of(terms))


async def test_after_the_match_all_must_cancel_and_after_the_decision_nobody_can(nodes: Nodes, face: Face) -> None:
    """One cancel is kept and changes nothing; once decided, every cancel is refused."""
    nodes.bank.ignores = True
    id_ = await nodes.bring()
    answer = await face.post(path_of(cancel(id_, BOB)), body_of(cancel(id_, BOB)))
    assert (answer.json["state"], answer.json["cancelledBy"]) == ("PREPARING", [hex_of(BOB.address)])
    nodes.bank.hold_ignored()
    await nodes.reach(id_, State.SETTLED)
    answer = await face.post(path_of(cancel(id_, ALICE)), body_of(cancel(id_, ALICE)))
    assert answer.problem == (409, "ALREADY_DECIDED")


async def test_a_cancel_before_its_instruction_is_kept_with_the_redacted_terms(nodes: Nodes, face: Face) -> None:
    """An instruction that comes after its cancel stays aborted."""
    terms = instruction()
    entry = cancel(id_of(terms), BOB, redacted=redact(terms))
    answer = await face.post(path_of(entry), body_of(entry))
    assert (answer.json["state"], answer.json["legs"][1]["ledger"]) == ("ABORTED", None)
    answer = await face.post("/v1/instructions", body_of(instruct(terms, ALICE, BOB)))
    assert (answer.status, answer.json["state"]) == (200, "ABORTED")
    await certified(nodes, id_of(terms))
    bring_the_certificate(nodes, id_of(terms))
    await nodes.reach(id_of(terms), State.UNWOUND)


# --- the log is away, slow, full, or halts the node ---


async def test_a_log_that_is_away_is_a_problem_worth_another_try(nodes: Nodes, face: Face) -> None:
    """503 with its own code; once the log is back the same request is taken."""
    nodes.log.stop()
    body = body_of(instruct(instruction(), ALICE, BOB))
    assert (await face.post("/v1/instructions", body)).problem == (503, "LOG_UNAVAILABLE")
    nodes.log.start()
    assert (await face.post("/v1/instructions", body)).status == 200


async def test_a_full_log_is_a_problem_worth_another_try(
    nodes: Nodes, face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Busy is unavailable for a moment."""

    async def busy(_: bytes) -> None:
        raise LogBusy("the log is busy")

    monkeypatch.setattr(nodes.log, "submit", busy)
    answer = await face.post("/v1/instructions", body_of(instruct(instruction(), ALICE, BOB)))
    assert answer.problem == (503, "LOG_UNAVAILABLE")


async def test_an_entry_that_is_taken_and_not_yet_applied_is_to_be_looked_for(
    nodes: Nodes, face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    """504 says: look again by its id; it is there later, and nothing was lost."""
    monkeypatch.setattr(node_module, "APPLIED_WITHIN_S", 0.01)
    nodes.log.treat = treat(Treatment.KEEP_BACK, Instruct)
    answer = await face.post("/v1/instructions", body_of(instruct(instruction(), ALICE, BOB)))
    assert answer.problem == (504, "NOT_YET_APPLIED")
    assert hex_of(id_of(instruction())) in answer.json["detail"]
    nodes.log.give()
    await nodes.reach(id_of(instruction()), State.SETTLED)


async def test_an_entry_that_the_logs_own_door_refuses_is_malformed(nodes: Nodes, face: Face) -> None:
    """A log with rules of its own answers in its own words."""
    nodes.log.treat = treat(Treatment.REFUSE, Instruct)
    answer = await face.post("/v1/instructions", body_of(instruct(instruction(), ALICE, BOB)))
    assert answer.problem == (400, "MALFORMED")
    assert "the log does not like it" in answer.json["detail"]


async def test_a_halted_node_takes_nothing_and_goes_on_answering(nodes: Nodes, face: Face) -> None:
    """503 with the reason for commands; questions are answered."""
    id_ = await nodes.bring()
    await nodes.reach(id_, State.SETTLED)
    nodes.seats[0].node._halt_because(RuntimeError("a fork"))
    await nodes.until(nodes.seats[0].running.done)
    answer = await face.post("/v1/instructions", body_of(instruct(instruction(salt=2), ALICE, BOB)))
    assert answer.problem == (503, "NODE_HALTED")
    assert "a fork" in answer.json["detail"]
    assert "a fork" in (await face.get("/v1/status")).json["halted"]
    assert (await face.get(f"/v1/settlements/{hex_of(id_)}")).json["state"] == "SETTLED"


async def test_what_another_node_knows_already_is_not_refused_as_unknown(nodes: Nodes, face: Face) -> None:
    """A signature brought to a node that lags behind the log waits for it to catch up."""
    terms = instruction()
    nodes.log.is_moving = False
    nodes.log.put(instruct(terms, ALICE))
    nodes.log.is_moving = True
    answer = await face.post(path_of(sign(id_of(terms), BOB)), body_of(sign(id_of(terms), BOB)))
    assert answer.status == 200


# --- bodies, paths and methods ---


BODIES = (
    b"",
    b"{}",
    b"null",
    b"[]",
    b"{",
    b'{"instruction":null}',
    b"\xff\xfe",
    b"[" * 5_000,
    b'"' * 5_000,
    b'{"instruction":null,"redacted":null,"signatures":[]}',
    b'{"instruction":null,"redacted":null,"signatures":[],"signatures":[]}',
    b'{"instruction":null,"redacted":null,"signatures":[],"more":1}',
    b'{"instruction":1e400,"redacted":null,"signatures":[]}',
    b'{"instruction":"\\ud800","redacted":null,"signatures":[]}',
)


async def test_a_body_that_is_no_request_is_malformed(lone: tuple[Nodes, Face]) -> None:
    """No bytes make the node fail: each is a 400 with the path of the first offence."""
    nodes, face = lone
    one = f"/v1/settlements/{hex_of(word(1))}"
    for body in BODIES:
        for path in ("/v1/instructions", f"{one}/signatures", f"{one}/cancel"):
            assert (await face.post(path, body)).problem == (400, "MALFORMED"), (path, body[:60])
    assert nodes.log.brought == []


async def test_a_body_that_is_too_large_is_refused_while_it_comes(lone: tuple[Nodes, Face]) -> None:
    """Beyond the size of an entry nothing more is read: with a length, or in chunks without end."""
    _, face = lone
    answer = await face.post("/v1/instructions", b" " * (ENTRY_BYTES_MAX + 1))
    assert answer.problem == (413, "TOO_LARGE")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 32_768

    answer = await face.ask("POST", "/v1/instructions", chunks())
    assert answer.problem == (413, "TOO_LARGE")


async def test_a_body_that_does_not_come_is_given_up(lone: tuple[Nodes, Face], monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that says how much will come and sends nothing is answered 408 after a while."""
    _, face = lone
    monkeypatch.setattr(api, "BODY_WITHIN_S", 0.05)
    answer = await face.raw(
        b"POST /v1/instructions HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{"
    )
    assert b" 408 " in answer.split(b"\r\n", 1)[0]
    assert b'"code":"TOO_SLOW"' in answer


IDS = (
    "0x" + "AB" * 32,
    "0X" + "ab" * 32,
    "ab" * 32,
    "0x" + "ab" * 31,
    "0x" + "ab" * 33,
    "0x" + "ab" * 31 + "ag",
    "%20",
    "0x" + "a" * 5_000,
    "0x%00" + "ab" * 31,
)


async def test_an_id_that_is_none_is_malformed_and_not_unknown(lone: tuple[Nodes, Face]) -> None:
    """Ids have one form: 0x and 64 lower-case digits."""
    _, face = lone
    for id_ in IDS:
        for rest in ("", "/history", "/certificate", "/receipt"):
            answer = await face.get(f"/v1/settlements/{id_}{rest}")
            assert answer.problem == (400, "MALFORMED"), id_[:80]
            assert len(answer.body) < 8_000
        answer = await face.post(f"/v1/settlements/{id_}/signatures", body_of(sign(SettlementId(word(1)), ALICE)))
        assert answer.problem == (400, "MALFORMED"), id_[:80]


async def test_an_unknown_id_is_not_found(lone: tuple[Nodes, Face]) -> None:
    """404 with the rejection's own number, for every question about it."""
    _, face = lone
    for rest in ("", "/history", "/certificate", "/receipt"):
        answer = await face.get(f"/v1/settlements/{hex_of(word(1))}{rest}")
        assert answer.problem == (404, "SETTLEMENT_UNKNOWN")
        assert answer.json["settlement"] == hex_of(word(1))


async def test_a_path_that_is_not_served_is_not_found(lone: tuple[Nodes, Face]) -> None:
    """404 with a problem document, not the framework's own text."""
    _, face = lone
    for path in ("/", "/v1", "/v2/status", "/v1/settlements/x/y/z", "/v1/settlement", "/../etc/passwd"):
        assert (await face.get(path)).problem == (404, "NOT_FOUND"), path


async def test_a_wrong_method_is_told_which_are_right(lone: tuple[Nodes, Face]) -> None:
    """405 with the methods that are allowed (RFC 9110, 15.5.6)."""
    _, face = lone
    for method, path, allowed in (
        ("GET", "/v1/instructions", {"POST"}),
        ("POST", "/v1/status", {"GET", "HEAD"}),
        ("DELETE", f"/v1/settlements/{hex_of(word(1))}", {"GET", "HEAD"}),
        ("PUT", f"/v1/settlements/{hex_of(word(1))}/cancel", {"POST"}),
    ):
        answer = await face.ask(method, path)
        assert answer.problem == (405, "METHOD_NOT_ALLOWED")
        assert set(answer.headers["allow"].replace(" ", "").split(",")) == allowed


async def test_a_number_in_the_query_that_is_none_is_malformed(lone: tuple[Nodes, Face]) -> None:
    """Only plain decimal numbers, of a sane length."""
    _, face = lone
    for value in ("x", "-1", "1e3", "99999999999999999999", "%D9%A3", "", "%20"):
        assert (await face.get(f"/v1/settlements?limit={value}")).problem == (400, "MALFORMED"), value


async def test_many_refusals_come_over_one_connection_and_leave_no_traceback(
    lone: tuple[Nodes, Face], caplog: pytest.LogCaptureFixture
) -> None:
    """A refusal is an ordinary answer: the connection stays, and nothing is logged as a failure."""
    _, face = lone
    caplog.clear()
    request = f"GET /v1/settlements/{hex_of(word(1))} HTTP/1.1\r\nHost: node\r\n"
    answer = await face.raw((request + "\r\n").encode() * 3 + (request + "Connection: close\r\n\r\n").encode())
    assert answer.count(b"HTTP/1.1 404") == 4
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


async def test_a_huge_limit_is_cut_and_zero_gives_nothing(nodes: Nodes, face: Face) -> None:
    """An answer has at most so many settlements, whatever is asked for."""
    legs = [(onchain_leg(nonce=nonce(n), payer=key.address),) for n, key in enumerate((ALICE, CAROL), 1)]
    for number, some in enumerate(legs):
        await nodes.bring(instruction(salt=number, onchain_legs=some))
    assert len((await face.get("/v1/settlements?limit=999999999")).json) == 2
    assert len((await face.get("/v1/settlements?limit=1")).json) == 1
    assert (await face.get("/v1/settlements?limit=0")).json == []


async def test_a_defect_behind_the_door_is_a_problem_too(
    nodes: Nodes, face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unforeseen error is a 500 without its inside, and the node goes on."""

    def fail(_: object) -> None:
        raise KeyError("secret inside")

    with monkeypatch.context() as patched:
        patched.setattr(nodes.seats[0].node, "settlement", fail)
        answer = await face.get(f"/v1/settlements/{hex_of(word(1))}")
    assert answer.problem == (500, "INTERNAL_ERROR")
    assert b"secret" not in answer.body
    assert (await face.get("/v1/status")).json["network"] == hex_of(NETWORK)
