"""The bank's door over HTTP: hostile bodies, tokens, concurrency, and answers that machines can match on."""

import asyncio
import json
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from bankd_world import (
    BUYER,
    CASH,
    FRIEND,
    NETWORK,
    NOW,
    PRICE,
    USD,
    BankClient,
    BankWorld,
    bank_in,
    cash_leg,
    certificate_of,
    client_at,
    deal,
    hold_path,
    id_of,
    request_of,
    served,
)

from interlock.bankd import __main__ as process
from interlock.bankd import app as door
from interlock.bankd.app import BODY_BYTES_MAX, create_app
from interlock.bankd.problem import Code
from interlock.bankd.store import CommitUnknown
from interlock.core.decision import Outcome
from interlock.core.limits import ACCOUNT_AMOUNT_MAX, LEGS_MAX
from interlock.encoding.canonical import to_json
from interlock.encoding.secp256k1 import address_of
from interlock.encoding.values import hex_of
from interlock.evidence.bank_receipt import BankEvent, verify_chain
from interlock.service.http import serving


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[BankWorld]:
    with bank_in(tmp_path / "bank") as world:
        yield world


@pytest.fixture
async def client(world: BankWorld) -> AsyncIterator[BankClient]:
    async with served(world) as client:
        yield client


async def test_a_settlement_runs_over_http(client: BankClient) -> None:
    """Hold, look, capture, look: every answer has the leg, its state and its receipts."""
    terms = deal()
    held = await client.put_hold(terms)
    assert (held.status, held.content_type) == (200, "application/json")
    assert held.document["state"] == "HELD"
    assert (await client.look(terms)).document == held.document
    captured = await client.put_certificate(certificate_of(id_of(terms), Outcome.COMMIT))
    assert captured.document == {"settlement": hex_of(id_of(terms)), "leg": 1, "state": "CAPTURED"}
    assert (await client.look(terms)).document["receipts"][0] == held.document["receipts"][0]
    assert (await client.balance("buyer"), await client.balance("seller")) == ((0, 0), (PRICE, 0))


HOSTILE: list[bytes] = [
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"{",
    b"\xff\xfe",
    b"{}",
    b'{"instruction":{},"signatures":[]}',
    b'{"signatures":[],"signatures":[]}',
    b'{"instruction":1e400,"signatures":[]}',
    b"[" * 20_000,
    b'{"instruction":null,"signatures":null}',
    b'{"a":' + b"9" * 5_000 + b"}",
    b'{"instruction":"\\ud800","signatures":[]}',
]


async def test_malformed_bodies_are_problems_with_a_path(client: BankClient) -> None:
    """Whatever bytes come as a hold or a certificate, the answer is `malformed` and names what is wrong."""
    for body in HOSTILE:
        for suffix in ("", "/certificate"):
            answer = await client.ask("PUT", hold_path(id_of(deal())) + suffix, raw=body)
            assert (answer.status, answer.code) == (400, "malformed"), body[:60]
            assert answer.document["instance"].endswith(suffix)


async def test_unknown_and_mistyped_fields_are_refused(client: BankClient) -> None:
    """A field too many, a number as a string, an amount as a number: all malformed, naming the path."""
    terms = deal()
    for change, path in (
        ({"comment": "hello"}, "comment"),
        ({"instruction": {"prepareBy": "1"}}, "prepareBy"),
        ({"instruction": {"extra": 1}}, "extra"),
    ):
        body: Any = to_json(request_of(terms))
        for key, value in change.items():
            body[key] = body.get(key, {}) | value if isinstance(value, dict) else value
        answer = await client.ask("PUT", hold_path(id_of(terms)), body)
        assert answer.code == "malformed"
        assert path in answer.document["detail"]
    body = to_json(request_of(terms))
    body["instruction"]["accountLegs"][0]["terms"]["amount"] = PRICE
    assert (await client.ask("PUT", hold_path(id_of(terms)), body)).code == "malformed"


async def test_bodies_are_bounded(client: BankClient) -> None:
    """A body one byte above the bound is refused, with or without a declared length; the bank serves on."""
    path = hold_path(id_of(deal()))
    too_large = b" " * (BODY_BYTES_MAX + 1)
    assert (await client.ask("PUT", path, raw=too_large)).code == "too_large"

    async def chunks() -> AsyncIterator[bytes]:
        yield too_large[:BODY_BYTES_MAX]
        yield b" "

    async with client.session.put(client.url + path, data=chunks()) as response:
        assert response.status == 413
    assert (await client.put_hold(deal())).status == 200


async def test_a_body_that_never_ends_is_given_up(client: BankClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that declares a body and does not send it gets `too_slow`, and holds nobody else up."""
    monkeypatch.setattr(door, "BODY_WITHIN_S", 0.05)
    host, port = client.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    path = hold_path(id_of(deal()))
    writer.write(f"PUT {path} HTTP/1.1\r\nHost: bank\r\nContent-Length: 100\r\n\r\n{{".encode())
    head = await reader.readline()
    assert b" 408 " in head
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_hangs_up_records_nothing(client: BankClient, world: BankWorld) -> None:
    """A connection that ends within the body is no request; the next one is served."""
    host, port = client.url.removeprefix("http://").split(":")
    for _ in range(3):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"PUT {hold_path(id_of(deal()))} HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n\r\n{{".encode())
        await writer.drain()
        writer.transport.abort()
    assert (await client.look(deal())).code == "unknown_hold"
    assert world.receipts() == ()


PATHS = [
    ("/v1/holds/0x12/1", "malformed"),
    ("/v1/holds/{id}/x", "malformed"),
    ("/v1/holds/{id}/-1", "malformed"),
    ("/v1/holds/{id}/01", "malformed"),
    ("/v1/holds/{id}/99999999999999999999999", "malformed"),
    (f"/v1/holds/{{id}}/{LEGS_MAX}", "out_of_bounds"),
    ("/v1/holds/{ID}/1", "malformed"),
    ("/v1/holds/{id}", "not_found"),
    ("/v1/nothing", "not_found"),
    ("/", "not_found"),
]


async def test_paths_have_one_spelling(client: BankClient) -> None:
    """An id or leg in any other form, or a path that is not served, is a problem document too."""
    settlement = hex_of(id_of(deal()))
    for path, code in PATHS:
        full = path.format(id=settlement, ID="0x" + settlement[2:].upper())
        answer = await client.ask("GET", full, token=client.tokens.read)
        assert answer.code == code, path


async def test_methods_that_are_not_served_are_problems(client: BankClient) -> None:
    """DELETE of a hold does not exist: nobody cancels alone."""
    answer = await client.ask("DELETE", hold_path(id_of(deal())), token=client.tokens.operator)
    assert (answer.status, answer.code) == (405, "method_not_allowed")


async def test_tokens_open_their_own_doors_only(client: BankClient) -> None:
    """Reading needs a token, the operator's doors need the operator's; asking and bringing need none."""
    await client.put_hold(deal())
    reads = [hold_path(id_of(deal())), "/v1/accounts/buyer"]
    operates = [
        ("GET", "/v1/receipts", None),
        ("PUT", "/v1/accounts/new", {"assets": [USD]}),
        ("PUT", "/v1/deposits/new", {"account": "buyer", "asset": USD, "amount": "1"}),
        ("PUT", f"/v1/accounts/buyer/mandates/{hex_of(address_of(FRIEND))}", None),
        ("DELETE", f"/v1/accounts/buyer/mandates/{hex_of(address_of(BUYER))}", None),
    ]
    for bad in (None, "", "x", client.tokens.read[:-1], client.tokens.operator + "x", "é"):
        for path in reads:
            assert (await client.ask("GET", path, token=bad)).code == "unauthorised"
    for bad in (None, client.tokens.read):
        for method, path, body in operates:
            answer = await client.ask(method, path, body, token=bad)
            assert (answer.status, answer.code) == (401, "unauthorised")
    for path in reads:
        assert (await client.ask("GET", path, token=client.tokens.operator)).status == 200
    assert await client.balance("buyer") == (0, PRICE)


async def test_an_outsider_who_brings_a_certificate_learns_no_terms(client: BankClient) -> None:
    """The settlement's id and certificate are public on a chain: the answer to them is a state, no receipt."""
    terms = deal()
    await client.put_hold(terms)
    answer = await client.put_certificate(certificate_of(id_of(terms), Outcome.COMMIT))
    assert set(answer.document) == {"settlement", "leg", "state"}


async def test_about_tells_what_a_verifier_needs(client: BankClient, world: BankWorld) -> None:
    """Name, class, network, public key, own time, assets; nothing secret."""
    answer = await client.ask("GET", "/v1/about")
    assert answer.document == {
        "ledger": "bank:first-national",
        "class": "held",
        "network": hex_of(NETWORK),
        "receiptKey": {"kty": "OKP", "crv": "Ed25519", "x": world.home.key.public_jwk.x},
        "time": NOW,
        "assets": ["USD/2", "EUR/2"],
    }


async def test_problems_say_what_happened_to_which_id(client: BankClient) -> None:
    """A problem has type, title, status, code, instance, and a sentence with the id and the values compared."""
    terms, other = deal(), deal(nonce=2)
    answer = await client.ask("PUT", hold_path(id_of(terms)), request_of(other))
    assert answer.code == "id_mismatch"
    assert answer.document["type"] == "urn:interlock:bank:id_mismatch"
    assert hex_of(id_of(terms)) in answer.document["detail"]
    assert hex_of(id_of(other)) in answer.document["detail"]
    assert answer.document["instance"] == hold_path(id_of(terms))


async def test_the_same_hold_asked_for_at_once_is_held_once(client: BankClient, world: BankWorld) -> None:
    """Forty concurrent requests for one hold get one answer, one receipt, one amount."""
    answers = await asyncio.gather(*(client.put_hold(deal()) for _ in range(40)))
    assert all(answer.document == answers[0].document for answer in answers)
    assert len(world.receipts()) == 1
    assert await client.balance("buyer") == (0, PRICE)


async def test_the_last_money_is_held_once(client: BankClient, world: BankWorld) -> None:
    """Of forty settlements for the same money, asked for at once, exactly one is held; receipts still chain."""
    deals = [deal(nonce=nonce) for nonce in range(1, 41)]
    answers = await asyncio.gather(*(client.put_hold(terms) for terms in deals))
    assert sorted(answer.document["state"] for answer in answers) == ["HELD"] + ["REFUSED"] * 39
    assert await client.balance("buyer") == (0, PRICE)
    assert len(world.receipts()) == 40


async def test_conflicting_certificates_at_once_leave_one_outcome(client: BankClient, world: BankWorld) -> None:
    """COMMIT and ABORT racing each other: one is obeyed everywhere, the other always told so."""
    terms = deal()
    await client.put_hold(terms)
    certificates = [certificate_of(id_of(terms), outcome) for outcome in Outcome for _ in range(10)]
    answers = await asyncio.gather(*(client.put_certificate(each) for each in certificates))
    assert sorted({answer.status for answer in answers}) == [200, 409]
    assert len({answer.document["state"] for answer in answers if answer.status == 200}) == 1
    conflict = next(answer for answer in answers if answer.status == 409)
    assert conflict.code == "conflicting_certificate"
    assert {conflict.document["obeyed"], conflict.document["offered"]} == {"COMMIT", "ABORT"}
    assert len(world.receipts()) == 2


async def test_the_operators_requests_can_be_made_again(client: BankClient) -> None:
    """Accounts and deposits are idempotent by their own id; another body is `exists_with_different_terms`."""
    await client.open_books()
    assert await client.balance("buyer") == (PRICE, 0)
    other = await client.operate("PUT", "/v1/deposits/opening", {"account": "buyer", "asset": USD, "amount": "1"})
    assert (other.status, other.code) == (409, "exists_with_different_terms")
    assert str(PRICE) in other.document["detail"]
    account = await client.operate("PUT", "/v1/accounts/buyer", {"assets": [USD, "EUR/2"]})
    assert account.code == "exists_with_different_terms"
    deposits = [{"account": "buyer", "asset": USD, "amount": "5"} for _ in range(20)]
    await asyncio.gather(*(client.operate("PUT", "/v1/deposits/five", body) for body in deposits))
    assert await client.balance("buyer") == (PRICE + 5, 0)


MISTAKES: list[tuple[str, object, str]] = [
    ("/v1/deposits/d", {"account": "nobody", "asset": USD, "amount": "1"}, "unknown_account"),
    ("/v1/deposits/d", {"account": "buyer", "asset": "GBP/2", "amount": "1"}, "unknown_asset"),
    ("/v1/deposits/d", {"account": "buyer", "asset": "EUR/2", "amount": "1"}, "unknown_asset"),
    ("/v1/deposits/d", {"account": "buyer", "asset": USD, "amount": "0"}, "out_of_bounds"),
    ("/v1/deposits/d", {"account": "buyer", "asset": USD, "amount": "-1"}, "malformed"),
    ("/v1/deposits/d", {"account": "buyer", "asset": USD, "amount": "0.5"}, "malformed"),
    ("/v1/deposits/d", {"account": "buyer", "asset": USD, "amount": str(ACCOUNT_AMOUNT_MAX)}, "total_too_large"),
    ("/v1/deposits/d%20d", {"account": "buyer", "asset": USD, "amount": "1"}, "out_of_bounds"),
    ("/v1/accounts/..%2f", {"assets": [USD]}, "not_found"),
    ("/v1/accounts/-a", {"assets": [USD]}, "out_of_bounds"),
    ("/v1/accounts/" + "a" * 129, {"assets": [USD]}, "out_of_bounds"),
    ("/v1/accounts/a", {"assets": ["GBP/2"]}, "unknown_asset"),
    ("/v1/accounts/a", {"assets": [USD, USD]}, "out_of_bounds"),
    ("/v1/accounts/nobody/mandates/0x" + "11" * 20, None, "unknown_account"),
    ("/v1/accounts/buyer/mandates/0x11", None, "malformed"),
    ("/v1/accounts/buyer/mandates/0x" + "00" * 20, None, "out_of_bounds"),
]


async def test_the_operators_mistakes_are_problems(client: BankClient) -> None:
    """Each wrong request of the operator has its own code, and books nothing."""
    for path, body, code in MISTAKES:
        assert (await client.operate("PUT", path, body)).code == code, (path, body)
    assert await client.balance("buyer") == (PRICE, 0)


async def test_receipts_come_in_pages(client: BankClient, world: BankWorld) -> None:
    """The operator reads all receipts in order, page by page, and they verify as one chain."""
    for nonce in range(1, 8):
        await client.put_hold(deal(cash_leg(amount=nonce), nonce=nonce))
    found: list[str] = []
    while True:
        page = (await client.operate("GET", f"/v1/receipts?after={len(found)}&limit=3")).document
        found += page["receipts"]
        if len(page["receipts"]) < 3:
            break
    assert len(verify_chain(found, world.home.key.public_key)) == 7
    assert (await client.operate("GET", "/v1/receipts?after=x")).code == "malformed"


async def test_books_that_cannot_be_written_are_unavailable_not_refused(
    world: BankWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is 503 `unavailable`: unknown to the asker, nothing recorded, well again with the disk."""

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async with served(world) as client:
        with monkeypatch.context() as patch:
            patch.setattr(world.bank._store, "add_receipt", fail)
            answer = await client.put_hold(deal())
            assert (answer.status, answer.code) == (503, "unavailable")
        assert (await client.look(deal())).code == "unknown_hold"
        assert (await client.put_hold(deal())).document["state"] == "HELD"


class CommitThatFails:
    """The books' file on a disk that takes a commit, and whose answer is an error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever SQLite's connection has
        return getattr(self.connection, name)

    def execute(self, statement: str, *arguments: Any) -> Any:  # noqa: ANN401 - as SQLite's
        found = self.connection.execute(statement, *arguments)
        if statement == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return found


async def test_a_commit_that_failed_ends_the_bank_until_it_is_known(tmp_path: Path) -> None:
    """It may have happened: nothing more is told or booked, the process is to end, and a restart finds what was."""
    with bank_in(tmp_path / "bank") as world:
        store = world.bank._store
        async with served(world) as client:
            store._connection = CommitThatFails(store._connection)  # type: ignore[assignment]  # it is like one
            answer = await client.put_hold(deal())
            assert (answer.status, answer.code) == (503, "unavailable")
            assert "nothing moved" not in answer.document["detail"]
            assert world.is_lost.is_set()
            for again in (client.put_hold(deal()), client.look(deal()), client.ask("GET", "/v1/about")):
                assert (await again).code == "unavailable"
        with pytest.raises(CommitUnknown):
            world.bank.audit()
        store.lost, store._connection = None, sqlite3.connect(world.home.database)  # for the check at the end
    with bank_in(tmp_path / "bank") as world:
        assert world.bank.look(id_of(deal()), CASH).state is BankEvent.HELD


async def test_the_process_ends_when_a_commit_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its supervisor starts it again; the error says why."""
    with bank_in(tmp_path / "bank") as world:
        home = world.home
    ready: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(process, "say_ready", ready.set_result)
    with closing(process.open_store(home)) as store:
        running = asyncio.create_task(process._serve(home, store, until_stdin_ends=False))
        async with client_at((await ready)["url"], home.tokens) as client:
            store._connection = CommitThatFails(store._connection)  # type: ignore[assignment]  # it is like one
            assert (await client.ask("GET", "/v1/about")).code == "unavailable"
            with pytest.raises(CommitUnknown, match="disk I/O error"):
                await running


async def test_a_fault_of_the_program_is_a_problem_without_its_inside(
    world: BankWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unforeseen error is `internal_error`; it tells the client nothing, and the log everything but tokens."""

    def fail(*_: object) -> None:
        raise RuntimeError("a secret of the bank")

    monkeypatch.setattr(world.bank, "look", fail)
    async with served(world) as client:
        answer = await client.look(deal())
    assert (answer.status, answer.code) == (500, "internal_error")
    assert "secret" not in json.dumps(answer.document)
    assert client.tokens.read not in caplog.text
    assert "a secret of the bank" in caplog.text


async def test_the_log_holds_no_token_key_or_account(
    client: BankClient, world: BankWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """What the bank logs of a settlement names ids and events only."""
    caplog.set_level("DEBUG", logger="interlock")
    await client.put_hold(deal())
    await client.put_certificate(certificate_of(id_of(deal()), Outcome.COMMIT))
    assert hex_of(id_of(deal())) in caplog.text
    for secret in (client.tokens.read, client.tokens.operator, world.home.key.jwk["d"], "buyer"):
        assert secret not in caplog.text


async def test_an_address_in_use_is_an_os_error(world: BankWorld) -> None:
    """A port that another process has is told at once."""
    app = create_app(world.bank, world.accounts, world.home.tokens, on_lost=world.is_lost.set)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        async with serving(app, "127.0.0.1", taken.getsockname()[1]):
            pass


async def test_shutdown_lets_running_bookings_finish(world: BankWorld) -> None:
    """Requests that the bank has begun are answered before it ends."""
    async with served(world) as client, client_at(client.url, client.tokens) as other:
        await client.put_hold(deal(cash_leg(amount=1), nonce=1))
        answers = await asyncio.gather(*(other.put_hold(deal(cash_leg(amount=1), nonce=n)) for n in range(2, 10)))
    assert {answer.document["state"] for answer in answers} == {"HELD"}
    assert world.balance("buyer") == (PRICE - 9, 9)


def test_codes_and_statuses_are_stable() -> None:
    """Clients match on these words; each is the lower-case name of its code, once."""
    assert [code.word for code in Code] == [code.name.lower() for code in Code]
    assert len({code.word for code in Code}) == len(list(Code))
    assert all(400 <= code.status < 600 for code in Code)
