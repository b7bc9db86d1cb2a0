"""The bank adapter against a bank that lies, stalls and stammers: no vote, a typed error, every read bounded."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestServer
from bankd_world import (
    BANK,
    CASH,
    NETWORK,
    NOW,
    PRICE,
    cash_leg,
    certificate_of,
    deal,
    genesis_of,
    id_of,
    signatures_of,
)

from interlock.bankd.receipts import ReceiptKey
from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import LegIndex, hash_account_terms
from interlock.encoding.values import ZERO_BYTES32, Bytes32, MinorUnits, Uint32, Uint64, Uint256, UnixSeconds, hex_of
from interlock.evidence.bank_receipt import BankEvent, BankReceipt
from interlock.ledgers.bank.adapter import BankLedger
from interlock.ledgers.bank.client import ANSWER_BYTES_MAX, PUTS_MAX
from interlock.ledgers.protocol import LedgerError, LedgerNonsense, LedgerRefused, LedgerUnavailable, Watch

KEY = ReceiptKey.generate()
TERMS = deal()
SETTLEMENT = id_of(TERMS)
WATCH = Watch(SETTLEMENT, TERMS, CASH, signatures_of(TERMS), certificate_of(SETTLEMENT, Outcome.COMMIT))
HELD = BankReceipt(
    network=NETWORK,
    ledger=BANK,
    number=Uint64(1),
    previous=ZERO_BYTES32,
    time=UnixSeconds(Uint64(NOW)),
    event=BankEvent.HELD,
    settlement=SETTLEMENT,
    leg=CASH,
    terms=hash_account_terms(TERMS.account_legs[0].terms),
    asset="USD/2",
    amount=MinorUnits(Uint256(PRICE)),
    payer="buyer",
    payee="seller",
    reason="",
)
CAPTURED = replace(HELD, number=Uint64(2), event=BankEvent.CAPTURED)
RELEASED = replace(HELD, number=Uint64(3), event=BankEvent.RELEASED)
REFUSED = replace(HELD, number=Uint64(4), event=BankEvent.REFUSED, reason="insufficient_funds: too little")
TOMBSTONED = replace(HELD, number=Uint64(5), event=BankEvent.TOMBSTONED)
BARE_TOMBSTONE = replace(TOMBSTONED, terms=ZERO_BYTES32, asset="", amount=MinorUnits(Uint256(0)), payer="", payee="")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Liar:
    """A bank that answers every request as the test says."""

    ledger: BankLedger
    handler: Handler
    requests = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer with the present lie."""
        self.requests += 1
        return await self.handler(request)

    def says(self, body: bytes | str | dict[str, Any], status: int = 200, kind: str = "application/json") -> None:
        """Answer all requests with this from now on."""
        data = json.dumps(body) if isinstance(body, dict) else body

        async def handler(_request: web.Request) -> web.StreamResponse:
            return web.Response(body=data, status=status, headers={"Content-Type": kind})

        self.handler = handler

    def shows(self, *receipts: BankReceipt, state: BankEvent | None = None, **changes: object) -> None:
        """Answer with signed receipts, and the last one's state where no other is given."""
        last = receipts[-1].event if receipts else BankEvent.HELD
        self.says(answer([KEY.sign(each) for each in receipts], state or last) | changes)

    async def trouble(self, watch: Watch = WATCH) -> LedgerError:
        """Look, and give the only trouble; there must be no fact."""
        sighting = await self.ledger.observe([watch])
        assert sighting.observations == ()
        (trouble,) = sighting.troubles
        assert (trouble.ledger, trouble.settlement, trouble.leg) == (BANK, watch.settlement, watch.leg)
        return trouble

    async def nonsense(self, match: str = "") -> None:
        """Look; the answer must be nonsense that the message describes."""
        trouble = await self.trouble()
        assert isinstance(trouble, LedgerNonsense), trouble
        assert match in str(trouble), trouble

    async def facts(self) -> list[Fact]:
        """Look without trouble."""
        sighting = await self.ledger.observe([WATCH])
        assert sighting.troubles == ()
        return [each.fact for each in sighting.observations]


def answer(receipts: list[str], state: BankEvent) -> dict[str, Any]:
    """Give the answer's form."""
    return {"settlement": hex_of(SETTLEMENT), "leg": 1, "state": state.name, "receipts": receipts}


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    liar = Liar()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", liar.handle)
    async with TestServer(app) as server:
        url = str(server.make_url("/"))
        liar.ledger = BankLedger(BANK, url, network_id=NETWORK, receipt_key=KEY.public_key, read_token="t" * 16)
        yield liar
        await liar.ledger.close()


async def test_true_answers_give_their_facts(liar: Liar) -> None:
    """Every lawful life of a leg, signed and equal to the terms, is believed."""
    for receipts, facts in (
        ([HELD], [Fact.HELD]),
        ([HELD, CAPTURED], [Fact.HELD, Fact.DELIVERED]),
        ([HELD, RELEASED], [Fact.HELD, Fact.RETURNED]),
        ([REFUSED], [Fact.REFUSED]),
        ([REFUSED, TOMBSTONED], [Fact.REFUSED, Fact.RETURNED]),
        ([TOMBSTONED], [Fact.RETURNED]),
        ([BARE_TOMBSTONE], [Fact.RETURNED]),
    ):
        liar.shows(*receipts)
        assert await liar.facts() == facts


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"network": genesis_of("other").network_id}, "network"),
        ({"ledger": "bank:other"}, "ledger"),
        ({"settlement": id_of(deal(nonce=2))}, "is for"),
        ({"leg": LegIndex(Uint32(2))}, "is for"),
        ({"terms": Bytes32(b"\x01" * 32)}, "terms"),
        ({"terms": ZERO_BYTES32}, "terms"),
        ({"asset": "EUR/2"}, "asset"),
        ({"asset": "USD/0"}, "asset"),
        ({"amount": PRICE - 1}, "amount"),
        ({"amount": 0}, "amount"),
        ({"payer": "seller"}, "payer"),
        ({"payee": "buyer"}, "payee"),
        ({"reason": "because"}, "reason"),
    ],
)
async def test_a_signed_receipt_that_differs_from_the_terms_is_no_vote(
    liar: Liar, changes: dict[str, Any], match: str
) -> None:
    """Any field that is not what the parties signed makes a good signature worthless."""
    liar.shows(replace(HELD, **changes))
    await liar.nonsense(match)


async def test_receipts_that_contradict_each_other_are_no_vote(liar: Liar) -> None:
    """Sequences that no leg can live, numbers or times that go back, or a state that the receipts do not lead to."""
    for receipts in (
        [],
        [CAPTURED],
        [RELEASED],
        [HELD, HELD],
        [HELD, REFUSED],
        [REFUSED, HELD],
        [HELD, CAPTURED, RELEASED],
        [CAPTURED, HELD],
        [TOMBSTONED, HELD],
        [BARE_TOMBSTONE, CAPTURED],
        [HELD, TOMBSTONED],
        [REFUSED, CAPTURED],
    ):
        liar.shows(*receipts)
        await liar.nonsense("life")
    liar.shows(replace(HELD, number=Uint64(9)), CAPTURED)
    await liar.nonsense("cannot come after")
    liar.shows(HELD, replace(CAPTURED, time=UnixSeconds(Uint64(NOW - 1))))
    await liar.nonsense("cannot come after")
    liar.shows(HELD, state=BankEvent.CAPTURED)
    await liar.nonsense("CAPTURED")
    liar.shows(replace(REFUSED, reason=""))
    await liar.nonsense("reason")


async def test_what_is_not_signed_by_the_bank_is_no_vote(liar: Liar) -> None:
    """Another key's signature, a cut one, none at all, or plain text in its place."""
    good = KEY.sign(HELD)
    head, payload, signature = good.split(".")
    for jws in (ReceiptKey.generate().sign(HELD), good[:-4], f"{head}.{payload}.", "HELD", "", f"{head}..{signature}"):
        liar.says(answer([jws], BankEvent.HELD))
        await liar.nonsense("believed")


async def test_an_answer_for_another_leg_is_no_vote(liar: Liar) -> None:
    """The answer must be for the leg asked for, whatever its receipts say; the same holds for prepare and deliver."""
    liar.shows(HELD, leg=2)
    await liar.nonsense("answered for")
    liar.shows(HELD, settlement=hex_of(id_of(deal(nonce=2))))
    await liar.nonsense("answered for")
    with pytest.raises(LedgerNonsense, match="another leg"):
        await liar.ledger.prepare(WATCH)
    liar.says({"settlement": hex_of(SETTLEMENT), "leg": 2, "state": "CAPTURED"})
    with pytest.raises(LedgerNonsense, match="another leg"):
        await liar.ledger.deliver(WATCH)


GARBAGE: list[tuple[bytes, str]] = [
    (b"", "application/json"),
    (b"{", "application/json"),
    (b'{"settlement":', "application/json"),
    (b"[]", "application/json"),
    (b"null", "application/json"),
    (b"\xff\xfe\x00", "application/json"),
    (b"[" * 50_000, "application/json"),
    (b"<html>hello</html>", "text/html"),
    (json.dumps(answer([], BankEvent.HELD) | {"extra": 1}).encode(), "application/json"),
    (json.dumps(answer([], BankEvent.HELD) | {"state": "MAYBE"}).encode(), "application/json"),
    (json.dumps(answer([], BankEvent.HELD) | {"receipts": [1]}).encode(), "application/json"),
    (json.dumps(answer([KEY.sign(HELD)], BankEvent.HELD)).encode(), "text/plain"),
    (json.dumps(answer([KEY.sign(HELD)], BankEvent.HELD)).encode()[:-1], "application/json"),
]


async def test_garbage_is_nonsense_from_every_call(liar: Liar) -> None:
    """Empty, truncated, mistyped or foreign bytes raise LedgerNonsense, never anything else."""
    for body, kind in GARBAGE:
        liar.says(body, kind=kind)
        await liar.nonsense()
        for call in (liar.ledger.prepare, liar.ledger.deliver):
            with pytest.raises(LedgerNonsense):
                await call(WATCH)


async def test_an_answer_without_end_is_cut_off(liar: Liar) -> None:
    """A body beyond the bound is not read on; neither is one receipt too large to be evidence believed."""
    finished = False

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal finished
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(1_000):
            await response.write(b" " * ANSWER_BYTES_MAX)
        finished = True
        return response

    liar.handler = endless
    await liar.nonsense("more than")
    assert not finished
    liar.shows(replace(REFUSED, reason="x" * 8_000))
    await liar.nonsense("too large")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 429])
async def test_a_bank_in_trouble_is_unavailable(liar: Liar, status: int) -> None:
    """Server faults and *later* are retryable, whatever their body says, and no vote."""
    for body, kind in (
        (b"<html>", "text/html"),
        (json.dumps(answer([KEY.sign(HELD)], BankEvent.HELD)), "application/json"),
    ):
        liar.says(body, status, kind)
        trouble = await liar.trouble()
        assert isinstance(trouble, LedgerUnavailable)
        assert not isinstance(trouble, LedgerNonsense)
        assert trouble.retryable
        with pytest.raises(LedgerUnavailable):
            await liar.ledger.prepare(WATCH)


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 403, 404])
async def test_an_answer_without_the_banks_own_form_is_nonsense(liar: Liar, status: int) -> None:
    """Other successes, redirections and client faults without a problem document: some other server is speaking."""
    body = b"" if status == 204 else json.dumps(answer([KEY.sign(HELD)], BankEvent.HELD)).encode()
    liar.says(body, status, "application/json")
    await liar.nonsense(str(status))
    assert liar.requests == 1


async def test_a_redirection_is_not_followed(liar: Liar) -> None:
    """A bank that sends the node elsewhere gets no second request, and no credential goes there."""
    asked: list[str] = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path != "/elsewhere":
            return web.Response(status=307, headers={"Location": "/elsewhere"})
        return web.json_response(answer([KEY.sign(HELD)], BankEvent.HELD))

    liar.handler = elsewhere
    await liar.nonsense("307")
    assert "/elsewhere" not in asked


async def test_a_404_counts_as_nothing_known_only_in_the_banks_own_words(liar: Liar) -> None:
    """`unknown_hold` is no fact; any other problem of the same status is a refusal, any other form nonsense."""
    problem = {"type": "about:blank", "status": 404, "code": "unknown_hold", "detail": "nothing"}
    liar.says(problem, 404, "application/problem+json")
    assert await liar.facts() == []
    liar.says(problem | {"code": "not_found"}, 404, "application/problem+json")
    assert isinstance(await liar.trouble(), LedgerRefused)
    liar.says(problem | {"status": 200}, 404, "application/problem+json")
    await liar.nonsense()
    liar.says(problem, 404)
    await liar.nonsense()
    liar.says(problem | {"code": 5}, 404, "application/problem+json")
    await liar.nonsense()


async def test_a_refusals_sentence_is_cut_to_a_bound(liar: Liar) -> None:
    """A bank cannot fill a node's log with its own sentence."""
    liar.says({"status": 422, "code": "c" * 9_000, "detail": "x" * 50_000}, 422, "application/problem+json")
    trouble = await liar.trouble()
    assert isinstance(trouble, LedgerRefused)
    assert len(str(trouble)) < 1_200


async def test_requests_that_wait_keep_no_look_from_the_bank(liar: Liar) -> None:
    """However many holds are asked for at once and not answered yet, a look has a connection of its own."""
    asked, is_answering = asyncio.Event(), asyncio.Event()
    held = answer([KEY.sign(HELD)], BankEvent.HELD)

    async def slow_to_hold(request: web.Request) -> web.StreamResponse:
        if request.method == "PUT":
            if liar.requests == PUTS_MAX:
                asked.set()
            await is_answering.wait()
        return web.json_response(held)

    liar.handler = slow_to_hold
    waiting = [asyncio.create_task(liar.ledger.prepare(WATCH)) for _ in range(100)]
    await asked.wait()
    assert await liar.facts() == [Fact.HELD]
    assert liar.requests == 1 + PUTS_MAX
    is_answering.set()
    await asyncio.gather(*waiting)
    assert liar.requests == 101


async def test_a_silent_bank_is_unavailable(liar: Liar) -> None:
    """No answer within the time: LedgerUnavailable, and the outcome is unknown, not failed."""
    release = asyncio.Event()

    async def silent(_request: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    liar.handler = silent
    liar.ledger._client._timeout = ClientTimeout(total=0.05)
    for call in (liar.ledger.prepare, liar.ledger.deliver):
        with pytest.raises(LedgerUnavailable, match="ask again by id"):
            await call(WATCH)
    assert isinstance(await liar.trouble(), LedgerUnavailable)
    release.set()


async def test_a_connection_cut_within_the_answer_is_unavailable(liar: Liar) -> None:
    """Fewer bytes than were announced are no answer."""

    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "500"})
        await response.prepare(request)
        await response.write(b'{"settlement":')
        assert request.transport is not None
        request.transport.abort()
        return response

    liar.handler = cut
    trouble = await liar.trouble()
    assert isinstance(trouble, LedgerUnavailable)
    assert not isinstance(trouble, LedgerNonsense)


async def test_the_token_is_shown_for_reading_only(liar: Liar) -> None:
    """Requests that speak for themselves carry no credential that a wrong address could collect."""
    seen: list[tuple[str, str | None]] = []

    async def note(request: web.Request) -> web.StreamResponse:
        seen.append((request.method, request.headers.get("Authorization")))
        return web.Response(status=503)

    liar.handler = note
    await liar.trouble()
    for call in (liar.ledger.prepare, liar.ledger.deliver):
        with pytest.raises(LedgerUnavailable):
            await call(WATCH)
    assert seen == [("GET", "Bearer " + "t" * 16), ("PUT", None), ("PUT", None)]


async def test_terms_of_another_deal_do_not_fit(liar: Liar) -> None:
    """A true receipt for one amount is no evidence for a watch of another."""
    liar.shows(HELD)
    trouble = await liar.trouble(replace(WATCH, terms=deal(cash_leg(amount=PRICE * 2))))
    assert isinstance(trouble, LedgerNonsense)
