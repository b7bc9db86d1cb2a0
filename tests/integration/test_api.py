"""The node's face, through the project's own client: every route, from the first signature to the receipt."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

import pytest

from interlock.client.http import ProblemAnswer, Unreachable
from interlock.client.node import NodeClient, consent, withdrawal
from interlock.core.attestation import Fact
from interlock.core.committee import first_committee
from interlock.core.decision import Certificate, Outcome
from interlock.core.instruction import redact
from interlock.core.settlement import State
from interlock.encoding.canonical import decode_canonical
from interlock.encoding.values import hex_of
from interlock.evidence.certificate import certificate_fault
from interlock.evidence.verify import verify_receipt
from support.evidence import GENESIS_BYTES
from support.face import HOST, Face, face_of
from support.nodes import EVERYBODY, Nodes, hurry
from support.world import ALICE, BANK, BOB, GENESIS, NETWORK, id_of, instruction

TERMS = instruction()
ID = id_of(TERMS)


@pytest.fixture
async def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    hurry(monkeypatch)
    async with Nodes(tmp_path) as made:
        made.sit_all()
        await made.same()
        yield made


@pytest.fixture
async def face(nodes: Nodes) -> AsyncIterator[Face]:
    async with face_of(nodes.seats[1].node) as served:
        yield served


async def test_a_settlement_from_the_first_signature_to_the_receipt(nodes: Nodes, face: Face) -> None:
    """One party instructs, the other signs, and everybody gets the same certificate and a receipt that verifies."""
    nodes.bank.ignores = True
    async with NodeClient(face.url) as client:
        view = await client.instruct(TERMS, [consent(NETWORK, TERMS, ALICE)])
        assert (view["settlement"], view["state"]) == (hex_of(ID), "ALLEGED")
        view = await client.sign(ID, [consent(NETWORK, TERMS, BOB)])
        assert view["state"] == "PREPARING"
        await nodes.until(lambda: nodes.settlement(1, ID).legs[0].stands(Fact.HELD) and nodes.bank.ignored)
        view = await client.settlement(ID)
        assert view["legs"][1]["trouble"] == "it takes its time"
        for fetch in (client.certificate, client.receipt):
            with pytest.raises(ProblemAnswer, match="PREPARING; ask again") as refused:
                await fetch(ID)
            assert (refused.value.status, refused.value.code) == (409, "NOT_CERTIFIED")
        nodes.bank.hold_ignored()
        await nodes.reach(ID, State.SETTLED)
        certificate = decode_canonical(Certificate, await client.certificate(ID))
        fault = certificate_fault(NETWORK, first_committee(GENESIS), certificate, settlement=ID, outcome=Outcome.COMMIT)
        assert fault is None
        report = verify_receipt(await client.receipt(ID), GENESIS_BYTES)
        assert (report.valid, report.state) == (True, State.SETTLED), report.reason
        events = await client.history(ID)
        assert [event["number"] for event in events] == list(range(len(events)))
        assert (events[0]["what"], events[-1]["what"]) == ("alleged", "ended")
        assert await client.history(ID, after=events[3]["number"]) == events[4:]
        assert await client.history(ID, after=999_999) == []


async def test_certificates_are_served_while_the_ledgers_still_wait(nodes: Nodes, face: Face) -> None:
    """A decision's proof is there for anybody as soon as a quorum has signed, before any leg is delivered."""
    nodes.bank.ignores = True
    await nodes.bring(TERMS)
    await nodes.until(lambda: nodes.settlement(1, ID).legs[0].stands(Fact.HELD) and nodes.bank.ignored)
    for connection in (*nodes.connections(BANK), *nodes.connections(nodes.vault.name)):
        connection.open.clear()
    nodes.bank.hold_ignored()
    await nodes.until(lambda: nodes.settlement(1, ID).certificate)
    assert (await face.get(f"/v1/settlements/{hex_of(ID)}/certificate")).status == 200
    receipt = await face.get(f"/v1/settlements/{hex_of(ID)}/receipt")
    report = verify_receipt(receipt.body, GENESIS_BYTES)
    assert (report.valid, report.state) == (True, State.COMMITTED), report.reason
    assert (await face.get(f"/v1/settlements/{hex_of(ID)}")).json["state"] == "COMMITTED"


async def test_both_parties_cancel_through_the_client(nodes: Nodes, face: Face) -> None:
    """All signers together withdraw after the match; a cancel may bring the redacted terms along."""
    nodes.bank.ignores = True
    async with NodeClient(face.url) as client:
        await client.instruct(TERMS, [consent(NETWORK, TERMS, each) for each in (ALICE, BOB)])
        signatures = [withdrawal(NETWORK, ID, each) for each in (ALICE, BOB)]
        view = await client.cancel(ID, signatures, redacted=redact(TERMS))
        assert (view["state"], view["cause"]) == ("ABORTED", "CANCELLED")
        await nodes.reach(ID, State.UNWOUND)


async def test_every_node_tells_the_same(nodes: Nodes) -> None:
    """View, timeline and certificate of an ended settlement are the same bytes at every node, also after a restart."""
    await nodes.bring(TERMS)
    await nodes.reach(ID, State.SETTLED)
    await nodes.same()
    told = [await _told(nodes, member) for member in EVERYBODY]
    nodes.back(await nodes.crash_all())
    await nodes.same()
    told.append(await _told(nodes, 2))
    assert all(each == told[0] for each in told)


async def _told(nodes: Nodes, member: int) -> list[bytes]:
    """Give all that a node's face says of the settlement."""
    async with face_of(nodes.seats[member].node) as face:
        rests = ("", "/history", "/certificate", "/receipt")
        return [(await face.get(f"/v1/settlements/{hex_of(ID)}{rest}")).body for rest in rests]


async def test_the_status_and_the_genesis_are_served(nodes: Nodes, face: Face) -> None:
    """A node says who it is, where it is in the log, and what is wrong; the genesis document comes as it stands."""
    status = (await face.get("/v1/status")).json
    assert (status["member"], status["network"], status["alarms"]) == (1, hex_of(NETWORK), [])
    assert status["block"] == hex_of(nodes.seats[1].node.replica.block_hash)
    assert (await face.get("/v1/genesis")).body == GENESIS_BYTES
    assert (await face.ask("HEAD", "/v1/status")).body == b""
    nodes.log.stop()
    await nodes.until(lambda: nodes.seats[1].node.alarms)
    assert "log: the log is stopped" in (await face.get("/v1/status")).json["alarms"][0]


async def test_the_list_has_the_open_ones_before_the_ended(nodes: Nodes, face: Face) -> None:
    """A list is of settlements as they are, each in full."""
    await nodes.bring(TERMS)
    await nodes.reach(ID, State.SETTLED)
    nodes.bank.ignores = True
    second = await nodes.bring(instruction(salt=2))
    await nodes.reach(second, State.PREPARING)
    listed = (await face.get("/v1/settlements")).json
    assert [each["settlement"] for each in listed] == [hex_of(second), hex_of(ID)]
    assert listed[1] == (await face.get(f"/v1/settlements/{hex_of(ID)}")).json


# --- the client ---


class Babbler:
    """A server that answers everything with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, HOST, 0)
        self.url = f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(self.answer)
        await writer.drain()
        writer.close()


def http(status: str, body: bytes, kind: bytes = b"application/json") -> bytes:
    """Give an answer's bytes."""
    head = b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (status.encode(), kind, len(body))
    return head + body


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"what?",
        http("200 OK", b"not json"),
        http("200 OK", b"[" * 100_000),
        http("200 OK", b'"' * 1_000),
        http("500 Internal", b"<html>"),
        http("400 Bad", b"[1]"),
        http("400 Bad", b'{"code":1}'),
        http("400 Bad", b"[" * 100_000),
        http("200 OK", b"{}")[:-1],
    ],
    ids=lambda answer: answer[:16].decode() or "nothing",
)
async def test_a_client_that_is_answered_nonsense_says_unreachable(answer: bytes) -> None:
    """Nothing that cannot be read is an answer: whether the request arrived is unknown, ask again."""
    async with Babbler(answer) as server, NodeClient(server.url, answer_within_s=5) as client:
        with pytest.raises(Unreachable):
            await client.settlement(ID)


async def test_a_client_of_nobody_says_unreachable() -> None:
    """A closed port is the same kind of silence."""
    async with Babbler(b"") as server:
        url = server.url
    async with NodeClient(url) as client:
        with pytest.raises(Unreachable, match="GET " + url):
            await client.status()
        await client.close()
        await client.close()


async def test_a_client_gives_up_after_its_time() -> None:
    """Silence is no answer."""
    silent = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        silent.set()
        writer.close()

    server = await asyncio.start_server(wait, HOST, 0)
    async with NodeClient(f"http://{HOST}:{server.sockets[0].getsockname()[1]}", answer_within_s=0.05) as client:
        with pytest.raises(Unreachable, match="TimeoutError"):
            await client.status()
    async with asyncio.timeout(10):
        await silent.wait()
    server.close()
    await server.wait_closed()
