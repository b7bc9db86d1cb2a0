"""The door of the embedded chain takes what clients send, and says what is wrong with the rest."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import rlp
from devnet_chain_tools import BALANCES, CHAIN_ID, OTHER, REGISTER, RICH, TOPIC, signed, signed_creation, signed_store
from eth_hash.auto import keccak
from trie import HexaryTrie

from interlock.devnet.chain.client import JsonRpc
from interlock.devnet.chain.process import EmbeddedChain
from interlock.devnet.chain.rpc import RpcError

# The fields of a Prague header in their order (EIP-7685 came last).
HEADER_FIELDS = """
    parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom difficulty number gasLimit gasUsed
    timestamp extraData mixHash nonce baseFeePerGas withdrawalsRoot blobGasUsed excessBlobGas parentBeaconBlockRoot
    requestsHash
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """One chain for all: a contract, in block 1, that logged three times, in blocks 2 to 4."""
    chain = EmbeddedChain(tmp_path_factory.mktemp("chain"), balances=BALANCES, chain_id=CHAIN_ID, block_interval_s=0)

    async def prepare() -> dict[str, str]:
        url = await chain.start()
        sent = await chain.rpc.call("eth_sendRawTransaction", signed_creation(0, REGISTER))
        await chain.mine()
        contract = (await chain.rpc.call("eth_getTransactionReceipt", sent))["contractAddress"]
        for nonce in (1, 2, 3):
            await chain.rpc.call("eth_sendRawTransaction", signed_store(nonce, contract, nonce))
            await chain.mine()
        await chain.rpc.close()
        return {"url": url, "contract": contract}

    try:
        yield asyncio.run(prepare())
    finally:
        chain.process.kill_now()


@pytest.fixture
async def rpc(served: dict[str, str]) -> AsyncIterator[JsonRpc]:
    async with JsonRpc(served["url"]) as client:
        yield client


async def post(url: str, body: bytes) -> tuple[int, Any]:
    """Send any bytes; give status and decoded answer."""
    async with aiohttp.ClientSession() as session, session.post(url, data=io.BytesIO(body)) as response:
        return response.status, await response.json(content_type=None)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b'"eth_chainId"', -32600),
        (b"null", -32600),
        (b"[]", -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600),
        (b'{"jsonrpc":"2.0","id":[],"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_nothing"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[1]}', -32602),
        (b"[" + b",".join([b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}'] * 1_001) + b"]", -32600),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_malformed_request_is_answered_with_its_code(served: dict[str, str], body: bytes, code: int) -> None:
    """Whatever is posted gets a JSON-RPC error, never an HTTP failure or silence."""
    status, reply = await post(served["url"], body)
    assert status == 200
    assert reply["error"]["code"] == code


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBalance", []),
        ("eth_getBalance", ["0x12"]),
        ("eth_getBalance", [5]),
        ("eth_getBalance", [OTHER.address, "newest"]),
        ("eth_getBalance", [OTHER.address, 1]),
        ("eth_getBalance", [OTHER.address, "0x01"]),
        ("eth_getBalance", [OTHER.address, "0x+1"]),
        ("eth_getBalance", [OTHER.address, {"blockHash": "0x12"}]),
        ("eth_getBalance", [OTHER.address, {}]),
        ("eth_getTransactionReceipt", ["0x" + "zz" * 32]),
        ("eth_getTransactionReceipt", ["0x" + "0" * 63]),
        ("eth_getBlockByNumber", ["latest", "yes"]),
        ("eth_call", ["0x"]),
        ("eth_call", [{"data": "0x1"}]),
        ("eth_call", [{"data": "0x12", "input": "0x34"}]),
        ("eth_call", [{"value": "-0x1"}]),
        ("eth_call", [{"value": "0x1" + "0" * 64}]),
        ("eth_getLogs", [[]]),
        ("eth_getLogs", [{"topics": "0x"}]),
        ("eth_getLogs", [{"topics": [None] * 5}]),
        ("eth_getLogs", [{"address": ["0x"]}]),
        ("eth_getLogs", [{"fromBlock": "0x3", "toBlock": "0x1"}]),
        ("eth_feeHistory", ["0x0", "latest"]),
        ("eth_feeHistory", ["0x1", "latest", [60, 50]]),
        ("eth_getProof", [OTHER.address, "0x0", "latest"]),
        ("devnet_mine", [0]),
        ("devnet_mine", ["many"]),
        ("devnet_reorg", []),
        ("devnet_reorg", [0]),
        ("devnet_setFinalityLag", [-1]),
    ],
    ids=str,
)
async def test_a_wrong_parameter_is_named(rpc: JsonRpc, method: str, params: list[Any]) -> None:
    """Parameters of the wrong form or number are answered with -32602."""
    with pytest.raises(RpcError) as caught:
        await rpc.call(method, *params)
    assert caught.value.code == -32602


async def test_a_body_beyond_the_bound_is_refused(served: dict[str, str]) -> None:
    """Five mebibytes are the most that is read."""
    status, reply = await post(served["url"], b" " * (5 * 1024 * 1024 + 1))
    assert (status, reply["error"]["code"]) == (413, -32600)


async def test_a_batch_is_answered_item_by_item(rpc: JsonRpc) -> None:
    """Each call has its answer in the order of the batch, errors beside results; notifications have none."""
    call = {"jsonrpc": "2.0", "method": "eth_chainId"}
    replies = await rpc.post([call | {"id": "a"}, 1, call, call | {"id": 2, "method": "eth_nothing"}, call | {"id": 3}])
    assert [(reply["id"], reply.get("result"), reply.get("error", {}).get("code")) for reply in replies] == [
        ("a", hex(CHAIN_ID), None),
        (None, None, -32600),
        (2, None, -32601),
        (3, hex(CHAIN_ID), None),
    ]
    assert await rpc.post([call]) is None
    assert await rpc.post(call) is None


async def test_only_post_is_served(served: dict[str, str]) -> None:
    """Other verbs and paths are HTTP errors."""
    async with aiohttp.ClientSession() as session:
        async with session.get(served["url"]) as response:
            assert response.status == 405
        async with session.post(served["url"] + "/other") as response:
            assert response.status == 404


async def test_unknown_things_are_null(rpc: JsonRpc) -> None:
    """A block, transaction or receipt that does not exist is null; state at an unknown block is an error."""
    nothing = "0x" + "11" * 32
    assert await rpc.call("eth_getBlockByNumber", "0x999", False) is None
    assert await rpc.call("eth_getBlockByHash", nothing, False) is None
    assert await rpc.call("eth_getTransactionByHash", nothing) is None
    assert await rpc.call("eth_getTransactionReceipt", nothing) is None
    assert await rpc.call("eth_getBlockReceipts", "0x999") is None
    for ref in ("0x999", {"blockHash": nothing}):
        with pytest.raises(RpcError, match="header not found"):
            await rpc.call("eth_getBalance", OTHER.address, ref)


async def test_a_log_query_over_too_many_blocks_is_refused(served: dict[str, str], tmp_path: Path) -> None:
    """Ten thousand blocks may be asked for at once, beyond that -32005; what lies past the head is no block."""
    chain = EmbeddedChain(tmp_path, chain_id=CHAIN_ID, block_interval_s=0)
    async with chain:
        await chain.mine(10_000)
        with pytest.raises(RpcError, match="max block range") as caught:
            await chain.rpc.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})
        assert caught.value.code == -32005
        assert await chain.rpc.call("eth_getLogs", {"fromBlock": "0x1", "toBlock": "latest"}) == []
        assert await chain.rpc.call("eth_getLogs", {"fromBlock": "0x270f", "toBlock": "0xfffffff"}) == []
    async with JsonRpc(served["url"]) as rpc:
        assert len(await rpc.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": "0xfffffff", "topics": [TOPIC]})) == 3


@pytest.mark.parametrize("raw", [signed(0, gas=40_000_000), signed(0, maxPriorityFeePerGas=0), "0x03aa", "0x01c0"])
async def test_what_no_block_takes_is_refused(rpc: JsonRpc, raw: str) -> None:
    """Too much gas, no tip, an unknown type and nonsense are answered with -32000."""
    with pytest.raises(RpcError) as caught:
        await rpc.call("eth_sendRawTransaction", raw)
    assert caught.value.code == -32000


async def test_a_signature_that_is_not_valid_is_refused(rpc: JsonRpc) -> None:
    """A high s, a zero r and an unprotected legacy transaction have no sender."""
    fields = rlp.decode(bytes.fromhex(signed(4)[4:]))
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = (order - int.from_bytes(fields[11], "big")).to_bytes(32, "big")
    flipped = b"" if fields[9] else b"\x01"
    for parts in (
        [*fields[:9], flipped, fields[10], high],
        [*fields[:10], b"", fields[11]],
        [*fields[:9], b"\x05", *fields[10:]],
    ):
        with pytest.raises(RpcError, match="invalid sender"):
            await rpc.call("eth_sendRawTransaction", "0x02" + rlp.encode(parts).hex())
    unprotected = rlp.encode(
        [b"\x04", b"\x77\x35\x94\x00\x00", b"\x52\x08", bytes(20), b"", b"", b"\x1b", b"\x01", b"\x01"]
    )
    with pytest.raises(RpcError, match="replay-protected"):
        await rpc.call("eth_sendRawTransaction", "0x" + unprotected.hex())


async def test_a_header_hashes_to_the_hash_it_is_known_by(rpc: JsonRpc) -> None:
    """What is answered about a block is the whole truth: its fields, encoded, give its hash and link to its parent."""
    block = await rpc.call("eth_getBlockByNumber", "0x2", False)
    parent = await rpc.call("eth_getBlockByNumber", "0x1", False)
    numbers = {
        "difficulty",
        "number",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "baseFeePerGas",
        "blobGasUsed",
        "excessBlobGas",
    }

    def field(name: str) -> bytes:
        if name in numbers:
            value = int(block[name], 16)
            return value.to_bytes((value.bit_length() + 7) // 8, "big")
        return bytes.fromhex(block[name][2:])

    assert "0x" + keccak(rlp.encode([field(name) for name in HEADER_FIELDS.split()])).hex() == block["hash"]
    assert block["parentHash"] == parent["hash"]


async def test_a_proof_proves_account_and_slot_against_the_state_root(rpc: JsonRpc, served: dict[str, str]) -> None:
    """EIP-1186: the nodes lead from the block's state root to the account, and from its storage root to the slot."""
    block = await rpc.call("eth_getBlockByNumber", "0x3", False)
    proof = await rpc.call("eth_getProof", served["contract"], ["0x0", "0x5"], "0x3")

    def prove(root: str, key: bytes, nodes: list[str]) -> bytes:
        decoded = [rlp.decode(bytes.fromhex(node[2:])) for node in nodes]
        return HexaryTrie.get_from_proof(bytes.fromhex(root[2:]), keccak(key), decoded)

    account = rlp.decode(prove(block["stateRoot"], bytes.fromhex(served["contract"][2:]), proof["accountProof"]))
    assert "0x" + account[2].hex() == proof["storageHash"]
    full, empty = proof["storageProof"]
    assert (full["value"], empty["value"]) == ("0x2", "0x0")
    assert prove(proof["storageHash"], bytes(32), full["proof"]) == b"\x02"
    assert prove(proof["storageHash"], (5).to_bytes(32, "big"), empty["proof"]) == b""


async def test_a_filter_longer_than_a_logs_topics_does_not_match_it(rpc: JsonRpc) -> None:
    """As in go-ethereum: positions that may be anything must still be there. Anvil differs."""
    everything = {"fromBlock": "earliest", "toBlock": "latest"}
    assert len(await rpc.call("eth_getLogs", everything | {"topics": [None, None]})) == 3
    assert await rpc.call("eth_getLogs", everything | {"topics": [None, None, None]}) == []


async def test_calls_as_deep_as_gas_reaches_do_no_harm(rpc: JsonRpc) -> None:
    """A contract that calls itself until its gas is spent comes back, and so does the chain."""
    sent = await rpc.call("eth_sendRawTransaction", signed_creation(4, "5f5f5f5f5f305af100"))
    await rpc.call("devnet_mine")
    contract = (await rpc.call("eth_getTransactionReceipt", sent))["contractAddress"]
    assert await rpc.call("eth_call", {"to": contract}) == "0x"


async def test_clients_learn_which_chain_this_is(rpc: JsonRpc) -> None:
    """The chain names itself, its id, and that it is not syncing."""
    assert (await rpc.call("web3_clientVersion")).startswith("interlock-devnet/")
    assert await rpc.call("net_version") == str(CHAIN_ID)
    assert await rpc.call("eth_chainId") == hex(CHAIN_ID)
    assert await rpc.call("eth_syncing") is False
    assert int(await rpc.call("eth_getTransactionCount", RICH.address), 16) >= 4
