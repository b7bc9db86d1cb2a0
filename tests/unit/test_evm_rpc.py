"""The JSON-RPC client takes nothing for an answer that is not one, and says which kind of trouble it met."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from interlock.encoding.canonical import Malformed
from interlock.ledgers.evm import rpc as rpc_module
from interlock.ledgers.evm.rpc import AnswerTooLarge, Call, Json, Rpc, RpcRefused
from interlock.ledgers.evm.wire import read_bytes, read_header, read_logs, read_quantity
from interlock.ledgers.protocol import LedgerNonsense, LedgerUnavailable
from support.evm import FakeChain, Refusal, serving

CHAIN = Call("eth_chainId")


@pytest.fixture
async def chain() -> FakeChain:
    return FakeChain()


@pytest.fixture
async def rpc(chain: FakeChain) -> AsyncIterator[Rpc]:
    async with serving(chain) as url:
        client = Rpc(url, "eip155:1:0x00")
        yield client
        await client.close()


async def cut_off(request: web.Request) -> web.StreamResponse:
    """Promise a hundred bytes, send ten, hang up."""
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"0123456789")
    assert request.transport is not None
    request.transport.close()
    return response


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection without a word."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: web.Response(status=429),
        lambda _: web.Response(status=500),
        lambda _: web.Response(status=403, text="no"),
        lambda _: cut_off,
        lambda _: hang_up,
        lambda answers: [{"jsonrpc": "2.0", "id": answers[0]["id"], "error": {"code": -32005, "message": "slow down"}}],
        lambda answers: [{"jsonrpc": "2.0", "id": answers[0]["id"], "error": {"code": -32603, "message": "oops"}}],
        lambda _: {"jsonrpc": "2.0", "id": None, "error": {"code": 429, "message": "slow down"}},
    ],
    ids=["429", "500", "403", "cut off", "hung up", "limit", "internal", "batch limit"],
)
async def test_an_endpoint_that_cannot_answer_is_unavailable(
    chain: FakeChain, rpc: Rpc, answer: Callable[[list[Json]], Json]
) -> None:
    """HTTP trouble, a cut answer and a rate limit are retryable, not nonsense; the next call works."""
    chain.faults.append(answer)
    with pytest.raises(LedgerUnavailable) as caught:
        await rpc.call(CHAIN)
    assert not isinstance(caught.value, LedgerNonsense)
    assert await rpc.call(CHAIN) == hex(31337)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: "not json",
        lambda _: '{"a": NaN}',
        lambda _: '[{"id": 0, "id": 0}]',
        lambda _: "[" * 100 + "]" * 100,
        lambda answers: [*answers, *answers],
        lambda _: [],
        lambda answers: answers[0],
        lambda answers: [answers[0] | {"id": answers[0]["id"] + 1000}],
        lambda answers: [answers[0] | {"id": str(answers[0]["id"])}],
        lambda answers: [answers[0] | {"jsonrpc": "1.0"}],
        lambda answers: [answers[0] | {"error": {"code": 1, "message": "both"}}],
        lambda answers: [{"jsonrpc": "2.0", "id": answers[0]["id"]}],
        lambda answers: [{"jsonrpc": "2.0", "id": answers[0]["id"], "error": "a word"}],
        lambda _: ["a word"],
        lambda _: {"jsonrpc": "2.0", "id": None, "error": {"message": "no code"}},
    ],
    ids=[
        *("text", "not a number", "doubled key", "deep", "doubled answer", "no answer", "no list", "foreign id"),
        *("text id", "version", "result and error", "neither", "error is text", "answer is text", "error without code"),
    ],
)
async def test_an_answer_that_is_none_is_nonsense(
    chain: FakeChain, rpc: Rpc, answer: Callable[[list[Json]], Json]
) -> None:
    """Whatever has not the form of the one answer to this call counts for nothing."""
    chain.faults.append(answer)
    with pytest.raises(LedgerNonsense):
        await rpc.call(CHAIN)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(chain: FakeChain, rpc: Rpc, status: int) -> None:
    """An endpoint leads the node nowhere: nothing else is asked, and there is no answer."""
    chain.faults.append(lambda _: web.Response(status=status, headers={"Location": "/inside"}))
    with pytest.raises(LedgerUnavailable, match=f"HTTP status {status}"):
        await rpc.call(CHAIN)
    assert chain.requests == 1


async def test_an_endless_answer_is_cut(chain: FakeChain, rpc: Rpc, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than the bound is ever held of an answer."""
    monkeypatch.setattr(rpc_module, "ANSWER_BYTES_MAX", 1_000)
    chain.faults.append(lambda _: "x" * 100_000)
    with pytest.raises(AnswerTooLarge, match="more than 1000 bytes"):
        await rpc.call(CHAIN)


async def test_silence_is_unavailable(chain: FakeChain) -> None:
    """An endpoint that takes the request and says nothing is given up."""
    forever = asyncio.Event()

    async def say_nothing(_: web.Request) -> web.StreamResponse:
        await forever.wait()
        return web.Response()

    chain.faults.append(lambda _: say_nothing)
    async with serving(chain) as url:
        impatient = Rpc(url, "eip155:1:0x00", timeout_s=0.05)
        with pytest.raises(LedgerUnavailable, match=r"no answer within 0\.05 s"):
            await impatient.call(CHAIN)
        forever.set()
        await impatient.close()


async def test_a_closed_port_is_unavailable_and_the_url_stays_secret() -> None:
    """Messages never repeat the URL, which may hold a key."""
    client = Rpc("http://127.0.0.1:9/secret-path", "eip155:1:0x00")
    with pytest.raises(LedgerUnavailable) as caught:
        await client.call(CHAIN)
    assert "secret-path" not in str(caught.value)
    assert caught.value.retryable
    await client.close()


async def test_a_revert_carries_what_the_contract_said(chain: FakeChain, rpc: Rpc) -> None:
    """A revert is told from a refusal of the endpoint, and keeps its bytes."""
    chain.estimate = Refusal(3, "execution reverted", "0xdeadbeef")
    with pytest.raises(RpcRefused) as caught:
        await rpc.call(Call("eth_estimateGas", ({},)))
    assert (caught.value.is_revert, caught.value.data, caught.value.number) == (True, b"\xde\xad\xbe\xef", 3)
    chain.estimate = Refusal(-32000, "insufficient funds", {"not": "bytes"})
    with pytest.raises(RpcRefused) as caught:
        await rpc.call(Call("eth_estimateGas", ({},)))
    assert (caught.value.is_revert, caught.value.data) == (False, b"")


async def test_answers_find_their_calls_in_any_order(chain: FakeChain, rpc: Rpc) -> None:
    """A batch may be answered in another order; a refused call hides no other one's result."""
    chain.faults.append(lambda answers: list(reversed(answers)))
    first, second, third = await rpc.batch(
        [CHAIN, Call("eth_maxPriorityFeePerGas"), Call("eth_getCode", ("0x", "latest"))]
    )
    assert (first, third) == (hex(31337), chain.code)
    assert isinstance(second, RpcRefused)


async def test_a_large_batch_is_split(chain: FakeChain, rpc: Rpc) -> None:
    """No request has more calls than endpoints take."""
    assert await rpc.batch([CHAIN] * 250) == [hex(31337)] * 250
    assert chain.requests == 3


@pytest.mark.parametrize("value", [None, 1, "1", "0x", "0x01", "0xG", "0xA", "0x1" + "0" * 64, "0x-1", "0x1\n"])
def test_a_quantity_has_one_form(value: object) -> None:
    """A number is 0x and lower-case digits without leading zeros, below its bound."""
    assert read_quantity("0x1f", "it") == 31
    with pytest.raises(Malformed):
        read_quantity(value, "it")


@pytest.mark.parametrize("value", [None, "0x0", "00", "0xzz", "0x00\n", 5])
def test_data_are_whole_bytes(value: object) -> None:
    """Bytes are 0x and pairs of digits."""
    with pytest.raises(Malformed):
        read_bytes(value, "it")


def test_blocks_and_logs_are_read_strictly(chain: FakeChain) -> None:
    """A block or log that lacks a member, or was removed, is refused."""
    block = chain.blocks[0].json
    assert read_header(block) is not None
    assert read_header(None) is None
    for member in ("number", "hash", "timestamp"):
        with pytest.raises(Malformed):
            read_header({key: value for key, value in block.items() if key != member})
    for wrong in ("a list", {}, [5], [{}], [{"topics": ["0x"] * 5}], [{"removed": True}]):
        with pytest.raises(Malformed):
            read_logs(wrong)
    assert json.dumps(block)
