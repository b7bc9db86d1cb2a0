"""The embedded chain and anvil, where it is found, answer alike what clients of a chain depend on."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from devnet_chain_tools import (
    BALANCES,
    CHAIN_ID,
    GWEI,
    OTHER,
    POOR,
    REGISTER,
    REVERTER,
    RICH,
    TOPIC,
    creation,
    head,
    node_root,
    number,
    signed,
    signed_creation,
    signed_store,
    word,
)

from interlock.devnet.chain.anvil import AnvilChain, find_anvil
from interlock.devnet.chain.process import ChainProcess, EmbeddedChain
from interlock.devnet.chain.rpc import REVERTED, RpcError

ANVIL = find_anvil(node_root())
KINDS = [
    "embedded",
    pytest.param(
        "anvil",
        marks=pytest.mark.skipif(
            ANVIL is None, reason="no anvil on the PATH or in node_modules (npm install @foundry-rs/anvil)"
        ),
    ),
]


@pytest.fixture(params=KINDS)
async def chain(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ChainProcess]:
    """Start a chain that makes blocks only when told, with two blocks of finality lag."""
    options = {"balances": BALANCES, "chain_id": CHAIN_ID, "block_interval_s": 0, "finality_lag_blocks": 2}
    if request.param == "anvil":
        assert ANVIL is not None
        made: ChainProcess = AnvilChain(ANVIL, tmp_path, **options)
    else:
        made = EmbeddedChain(tmp_path, **options)
    await made.start()
    try:
        yield made
    finally:
        await made.terminate()


async def deploy(chain: ChainProcess, nonce: int, runtime: str) -> str:
    """Mine a contract and give its address."""
    sent = await chain.rpc.call("eth_sendRawTransaction", signed_creation(nonce, runtime))
    await chain.mine()
    receipt = await chain.rpc.call("eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    assert await chain.rpc.call("eth_getCode", receipt["contractAddress"], "latest") == "0x" + runtime
    return str(receipt["contractAddress"])


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (signed(0, chainId=1), "invalid chain id for signer"),
        (signed(0, value=10**30), "nsufficient funds for gas"),
        (signed(0, sender=POOR), "nsufficient funds for gas"),
        (signed(0, gas=20_999), "intrinsic gas too low"),
        (signed(0, maxFeePerGas=1, maxPriorityFeePerGas=1), "max fee per gas less than block base fee"),
        ("0x02aa", "decode transaction"),
        ("0x", "ransaction"),
    ],
)
async def test_a_transaction_that_cannot_be_mined_is_refused_with_its_reason(
    chain: ChainProcess, raw: str, words: str
) -> None:
    """What is wrong with a transaction is said when it is sent, and nothing is kept of it."""
    with pytest.raises(RpcError, match=words):
        await chain.rpc.call("eth_sendRawTransaction", raw)
    assert await chain.rpc.call("eth_getTransactionCount", RICH.address, "pending") == "0x0"


async def test_a_spent_nonce_and_a_cheap_replacement_are_refused(chain: ChainProcess) -> None:
    """A nonce is used once; a waiting transaction gives way only to a better offer."""
    await chain.rpc.call("eth_sendRawTransaction", signed(0))
    await chain.mine()
    with pytest.raises(RpcError, match="nonce too low"):
        await chain.rpc.call("eth_sendRawTransaction", signed(0, value=2))
    first = await chain.rpc.call("eth_sendRawTransaction", signed(1))
    with pytest.raises(RpcError, match="already"):
        await chain.rpc.call("eth_sendRawTransaction", signed(1))
    with pytest.raises(RpcError, match="replacement transaction underpriced"):
        await chain.rpc.call("eth_sendRawTransaction", signed(1, value=2))
    dearer = signed(1, value=2, maxFeePerGas=6 * GWEI, maxPriorityFeePerGas=2_000)
    second = await chain.rpc.call("eth_sendRawTransaction", dearer)
    await chain.mine()
    assert await chain.rpc.call("eth_getTransactionReceipt", first) is None
    assert (await chain.rpc.call("eth_getTransactionReceipt", second))["status"] == "0x1"


async def test_a_revert_is_answered_with_code_3_and_its_data(chain: ChainProcess) -> None:
    """A simulated call and an estimate give the revert's bytes; a mined one a receipt with status zero."""
    contract = await deploy(chain, 0, REVERTER)
    for method in ("eth_call", "eth_estimateGas"):
        with pytest.raises(RpcError, match="execution reverted") as caught:
            await chain.rpc.call(method, {"from": RICH.address, "to": contract, "data": "0xdeadbeef"}, "latest")
        assert (caught.value.code, caught.value.data) == (REVERTED, "0xdeadbeef")
    sent = await chain.rpc.call("eth_sendRawTransaction", signed_store(1, contract, 7))
    await chain.mine()
    receipt = await chain.rpc.call("eth_getTransactionReceipt", sent)
    assert (receipt["status"], receipt["logs"]) == ("0x0", [])


async def test_a_future_nonce_waits_for_those_before_it(chain: ChainProcess) -> None:
    """Transactions are mined in the order of nonces, whatever order they came in."""
    later = await chain.rpc.call("eth_sendRawTransaction", signed(1))
    await chain.mine()
    assert await chain.rpc.call("eth_getTransactionReceipt", later) is None
    waiting = await chain.rpc.call("eth_getTransactionByHash", later)
    assert waiting["blockHash"] is None
    first = await chain.rpc.call("eth_sendRawTransaction", signed(0))
    assert await chain.rpc.call("eth_getTransactionCount", RICH.address, "pending") == "0x2"
    await chain.mine()
    places = [(await chain.rpc.call("eth_getTransactionReceipt", sent))["transactionIndex"] for sent in (first, later)]
    assert places == ["0x0", "0x1"]


async def test_legacy_and_dynamic_fee_transactions_move_value_and_pay_what_they_say(chain: ChainProcess) -> None:
    """Balances change by value and by gas times the effective price of the receipt."""
    before = int(await chain.rpc.call("eth_getBalance", RICH.address, "latest"), 16)
    sent = [
        await chain.rpc.call("eth_sendRawTransaction", signed(0, gasPrice=2 * GWEI, value=5)),
        await chain.rpc.call("eth_sendRawTransaction", signed(1, value=7)),
    ]
    await chain.mine()
    receipts = [await chain.rpc.call("eth_getTransactionReceipt", item) for item in sent]
    assert [receipt["type"] for receipt in receipts] == ["0x0", "0x2"]
    paid = sum(int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16) for receipt in receipts)
    after = int(await chain.rpc.call("eth_getBalance", RICH.address, "latest"), 16)
    assert before - after == 12 + paid
    assert int(await chain.rpc.call("eth_getBalance", OTHER.address, "latest"), 16) == 1_000 * 10**18 + 12
    block = await chain.rpc.call("eth_getBlockByNumber", "latest", True)
    assert [transaction["hash"] for transaction in block["transactions"]] == sent
    assert await chain.rpc.call("eth_getBlockReceipts", block["number"]) == receipts


async def test_logs_are_found_by_address_topic_and_range(chain: ChainProcess) -> None:
    """A filter gives exactly the logs that match it, with null and lists of alternatives in the topics."""
    contract = await deploy(chain, 0, REGISTER)
    for nonce, value in ((1, 7), (2, 8), (3, 9)):
        await chain.rpc.call("eth_sendRawTransaction", signed_store(nonce, contract, value))
        await chain.mine()

    async def values(**wanted: object) -> list[int]:
        found = await chain.rpc.call("eth_getLogs", {"fromBlock": "earliest", "toBlock": "latest", **wanted})
        return [int(log["data"], 16) for log in found]

    assert await values() == [7, 8, 9]
    assert await values(address=contract, topics=[TOPIC]) == [7, 8, 9]
    assert await values(address=[OTHER.address, contract], topics=[None, word(8)]) == [8]
    assert await values(topics=[[TOPIC, word(1)], [word(7), word(9)]]) == [7, 9]
    assert await values(address=OTHER.address) == []
    assert await values(topics=[word(8)]) == []
    assert await values(fromBlock="0x3", toBlock="0x3") == [8]
    block = await chain.rpc.call("eth_getBlockByNumber", "0x4", False)
    (log,) = await chain.rpc.call("eth_getLogs", {"blockHash": block["hash"]})
    assert (log["topics"], log["data"]) == ([TOPIC, word(9)], word(9))
    assert (log["transactionHash"], log["logIndex"], log["removed"]) == (block["transactions"][0], "0x0", False)
    with pytest.raises(RpcError):
        await values(blockHash=block["hash"])


async def test_old_blocks_can_be_called(chain: ChainProcess) -> None:
    """A call at a block sees the state after that block, by number, by tag and by hash."""
    contract = await deploy(chain, 0, REGISTER)
    for nonce, value in ((1, 7), (2, 8), (3, 9)):
        await chain.rpc.call("eth_sendRawTransaction", signed_store(nonce, contract, value))
        await chain.mine()

    async def seen(ref: object) -> int:
        return int(await chain.rpc.call("eth_call", {"to": contract}, ref), 16)

    assert [await seen(ref) for ref in ("0x1", "0x2", "0x3", "0x4", "latest", "pending")] == [0, 7, 8, 9, 9, 9]
    assert await seen("finalized") == 7
    block = await chain.rpc.call("eth_getBlockByNumber", "0x3", False)
    assert await seen({"blockHash": block["hash"]}) == 8
    assert await chain.rpc.call("eth_getStorageAt", contract, "0x0", "0x3") == word(8)
    with pytest.raises(RpcError):
        await seen("0x99")


async def test_finality_lags_behind_the_head(chain: ChainProcess) -> None:
    """The finalised block is genesis at first, then two blocks behind the head."""
    assert number(await head(chain.rpc, "finalized")) == 0
    await chain.mine(5)
    assert number(await head(chain.rpc)) == 5
    assert number(await head(chain.rpc, "finalized")) == 3
    assert number(await head(chain.rpc, "earliest")) == 0


async def test_a_reorganisation_drops_a_transaction_and_stops_at_finality(chain: ChainProcess) -> None:
    """A dropped transaction has no receipt any more, its effects are gone, and what is final stays."""
    contract = await deploy(chain, 0, REGISTER)
    await chain.mine(3)
    sent = await chain.rpc.call("eth_sendRawTransaction", signed_store(1, contract, 7))
    await chain.mine()
    old = await head(chain.rpc)
    assert (await chain.rpc.call("eth_getTransactionReceipt", sent))["blockHash"] == old["hash"]
    with pytest.raises(RpcError, match="is final"):
        await chain.reorg(3)
    assert await head(chain.rpc) == old
    await chain.reorg(2)
    new = await head(chain.rpc)
    assert new["number"] == old["number"]
    assert new["hash"] != old["hash"]
    assert await chain.rpc.call("eth_getTransactionReceipt", sent) is None
    assert await chain.rpc.call("eth_getStorageAt", contract, "0x0", "latest") == word(0)
    assert await chain.rpc.call("eth_getLogs", {"fromBlock": "earliest", "toBlock": "latest"}) == []
    await chain.rpc.call("eth_sendRawTransaction", signed_store(1, contract, 7))
    await chain.mine()
    assert (await chain.rpc.call("eth_getTransactionReceipt", sent))["status"] == "0x1"


async def test_a_reorganisation_may_bring_its_transactions_again(chain: ChainProcess) -> None:
    """What is not dropped is mined again, in another block."""
    await chain.mine()
    sent = await chain.rpc.call("eth_sendRawTransaction", signed(0))
    await chain.mine()
    before = await chain.rpc.call("eth_getTransactionReceipt", sent)
    await chain.reorg(1, drop_transactions=False)
    await chain.mine()
    after = await chain.rpc.call("eth_getTransactionReceipt", sent)
    assert after["status"] == "0x1"
    assert after["blockHash"] != before["blockHash"]


async def test_estimates_are_enough_and_not_much_too_high(chain: ChainProcess) -> None:
    """A transaction with the estimated gas succeeds, and the estimate is within three percent of what it used."""
    assert await chain.rpc.call("eth_estimateGas", {"from": RICH.address, "to": OTHER.address}) == "0x5208"
    create = {"from": RICH.address, "data": creation(REGISTER)}
    gas = int(await chain.rpc.call("eth_estimateGas", create), 16)
    sent = await chain.rpc.call("eth_sendRawTransaction", signed(0, to=None, value=0, gas=gas, data=creation(REGISTER)))
    await chain.mine()
    receipt = await chain.rpc.call("eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    assert gas <= int(receipt["gasUsed"], 16) * 1.03


async def test_fees_are_cheap_and_foretold(chain: ChainProcess) -> None:
    """The fee history foretells the next base fee, and what the chain suggests is enough to be mined."""
    await chain.mine(3)
    history = await chain.rpc.call("eth_feeHistory", "0x2", "latest", [50])
    await chain.mine()
    assert (await head(chain.rpc))["baseFeePerGas"] == history["baseFeePerGas"][-1]
    assert history["oldestBlock"] == "0x2"
    async with asyncio.timeout(10):
        while len(history["gasUsedRatio"]) != 2:  # anvil fills it in its own time
            history = await chain.rpc.call("eth_feeHistory", "0x2", "0x3", [50])
    price = int(await chain.rpc.call("eth_gasPrice"), 16)
    assert price <= 2 * GWEI
    await chain.rpc.call("eth_sendRawTransaction", signed(0, gasPrice=price))
    await chain.mine()
    assert await chain.rpc.call("eth_getTransactionCount", RICH.address, "latest") == "0x1"


async def test_time_is_the_wall_clocks(chain: ChainProcess) -> None:
    """However many blocks come within a second, their time neither goes back nor runs ahead."""
    began = int(time.time())
    await chain.mine(20)
    times = [int((await chain.rpc.call("eth_getBlockByNumber", hex(n), False))["timestamp"], 16) for n in range(1, 21)]
    assert times == sorted(times)
    assert began - 1 <= times[0]
    assert times[-1] <= int(time.time()) + 1
