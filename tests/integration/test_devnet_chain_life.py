"""The embedded chain ticks, survives being killed, and obeys the controls that only a development network has."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from devnet_chain_tools import BALANCES, CHAIN_ID, REGISTER, head, number, signed, signed_creation, signed_store, word

from interlock.devnet.chain.process import EmbeddedChain
from interlock.devnet.chain.rpc import RpcError
from interlock.devnet.process import ProcessFailedError


def make(home: Path, **options: float) -> EmbeddedChain:
    """Make a chain that makes blocks only when told, unless `options` say otherwise."""
    return EmbeddedChain(home, balances=BALANCES, **({"chain_id": CHAIN_ID, "block_interval_s": 0} | options))


async def with_history(chain: EmbeddedChain) -> str:
    """Mine a register that holds 7, some blocks and a reorganisation; give its address."""
    sent = await chain.rpc.call("eth_sendRawTransaction", signed_creation(0, REGISTER))
    await chain.mine()
    contract = str((await chain.rpc.call("eth_getTransactionReceipt", sent))["contractAddress"])
    await chain.rpc.call("eth_sendRawTransaction", signed_store(1, contract, 7))
    await chain.mine(3)
    await chain.reorg(2)
    return contract


async def hashes(chain: EmbeddedChain) -> list[str]:
    """Give the hash of every canonical block."""
    top = number(await head(chain.rpc))
    return [(await chain.rpc.call("eth_getBlockByNumber", hex(n), False))["hash"] for n in range(top + 1)]


async def test_killed_and_started_again_it_is_the_same_chain(tmp_path: Path) -> None:
    """SIGKILL loses nothing that was accepted: same port, same hashes, same state at every height, same finality."""
    chain = make(tmp_path)
    url = await chain.start()
    try:
        contract = await with_history(chain)
        before = await hashes(chain), await head(chain.rpc, "finalized")
        assert await chain.kill() == -signal.SIGKILL
        assert await chain.start() == url
        assert (await hashes(chain), await head(chain.rpc, "finalized")) == before
        assert await chain.rpc.call("eth_call", {"to": contract}, "latest") == word(7)
        assert await chain.rpc.call("eth_call", {"to": contract}, "0x1") == word(0)
        assert len(await chain.rpc.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})) == 1
        await chain.rpc.call("eth_sendRawTransaction", signed_store(2, contract, 9))
        await chain.mine()
        assert await chain.rpc.call("eth_call", {"to": contract}, "latest") == word(9)
    finally:
        await chain.kill()


@pytest.mark.parametrize("cut", [1, 100, 5_000])
async def test_a_half_written_tail_is_dropped_and_the_rest_stands(tmp_path: Path, cut: int) -> None:
    """A last record that was cut off anywhere is not there; every block before it is, and the chain goes on."""
    chain = make(tmp_path)
    await chain.start()
    try:
        contract = await with_history(chain)
        before = await hashes(chain)
        await chain.kill()
        log = tmp_path / "chain.sqlite-wal"
        os.truncate(log, log.stat().st_size - cut)
        await chain.start()
        after = await hashes(chain)
        # The last record replaced the two blocks before it; without it the chain is the one of before.
        assert len(after) == len(before)
        assert after[:-2] == before[:-2]
        assert after[-1] != before[-1]
        assert await chain.rpc.call("eth_call", {"to": contract}, "latest") == word(7)
        await chain.mine()
        assert number(await head(chain.rpc)) == len(before)
    finally:
        await chain.kill()


async def test_garbage_behind_the_last_record_is_ignored(tmp_path: Path) -> None:
    """Bytes that are no record do no harm."""
    chain = make(tmp_path)
    await chain.start()
    try:
        await with_history(chain)
        before = await hashes(chain)
        await chain.kill()
        with (tmp_path / "chain.sqlite-wal").open("ab") as log:
            log.write(b"\x5a" * 5_000)
        await chain.start()
        assert await hashes(chain) == before
    finally:
        await chain.kill()


async def test_a_home_in_use_or_of_another_chain_is_refused(tmp_path: Path) -> None:
    """Two processes never build on one file, and a chain keeps its id."""
    async with make(tmp_path) as chain:
        with pytest.raises(ProcessFailedError, match="another process"):
            await make(tmp_path).start()
        assert number(await head(chain.rpc)) == 0
    with pytest.raises(ProcessFailedError, match="chain_id 31337, this process was asked for 5"):
        await make(tmp_path, chain_id=5).start()
    (tmp_path / "chain.sqlite").write_bytes(b"no database" * 1_000)
    with pytest.raises(ProcessFailedError, match="cannot be opened"):
        await make(tmp_path).start()


@pytest.mark.parametrize(
    "document",
    [
        "[]",
        "{",
        '{"balances": {"0x12": "1"}}',
        '{"balances": {}, "more": 1}',
        '{"timestamp": "now"}',
        '{"balances": {"0x0000000000000000000000000000000000000001": 5}}',
    ],
)
async def test_a_genesis_that_cannot_be_used_is_refused_and_leaves_nothing(tmp_path: Path, document: str) -> None:
    """The sentence names the file, and no block was made of it."""
    (tmp_path / "genesis.json").write_text(document)
    with pytest.raises(ProcessFailedError, match=r"genesis\.json"):
        await make(tmp_path).start()


async def test_a_genesis_is_read_once_it_is_mended(tmp_path: Path) -> None:
    """After a start that failed the same home begins with what its document says."""
    (tmp_path / "genesis.json").write_text("{")
    with pytest.raises(ProcessFailedError, match="is not JSON"):
        await make(tmp_path).start()
    (tmp_path / "genesis.json").write_text(json.dumps({"timestamp": 1_700_000_000, "balances": {}}))
    async with make(tmp_path) as chain:
        assert int((await head(chain.rpc))["timestamp"], 16) == 1_700_000_000


async def test_sigterm_ends_it_cleanly_and_so_does_the_end_of_its_parent(tmp_path: Path) -> None:
    """Exit code zero for SIGTERM; and when the pipe that its parent holds is closed, as by the parent's death."""
    chain = make(tmp_path)
    await chain.start()
    assert await chain.terminate() == 0
    await chain.start()
    popen = chain.process._popen
    assert popen is not None
    assert popen.stdin is not None
    popen.stdin.close()
    assert await chain.process.wait() == 0
    await chain.terminate()


async def test_blocks_tick_near_the_wall_clock_until_paused(tmp_path: Path) -> None:
    """Blocks come by themselves, carry the present, stop when paused, and go on when resumed."""
    async with make(tmp_path, block_interval_s=0.02) as chain:
        while number(block := await head(chain.rpc)) < 10:
            assert abs(int(block["timestamp"], 16) - time.time()) < 5
        await chain.pause_mining()
        paused = await head(chain.rpc)
        await chain.mine()
        assert number(await head(chain.rpc)) == number(paused) + 1
        await chain.resume_mining()
        while number(await head(chain.rpc)) < number(paused) + 5:
            pass


async def test_a_transaction_is_mined_without_being_told_to(tmp_path: Path) -> None:
    """A sent transaction has a receipt soon, and its block becomes final."""
    async with make(tmp_path, block_interval_s=0.02) as chain:
        sent = await chain.rpc.call("eth_sendRawTransaction", signed(0))
        while (receipt := await chain.rpc.call("eth_getTransactionReceipt", sent)) is None:
            pass
        while number(await head(chain.rpc, "finalized")) < int(receipt["blockNumber"], 16):
            pass
        assert await chain.rpc.call("eth_getTransactionReceipt", sent) == receipt


async def test_finality_never_goes_back(tmp_path: Path) -> None:
    """A greater lag holds finality where it is, a smaller one moves it on, also across a restart."""
    async with make(tmp_path, finality_lag_blocks=2) as chain:
        await chain.mine(6)
        await chain.set_finality_lag(10)
        assert number(await head(chain.rpc, "finalized")) == 4
        await chain.mine(2)
        assert number(await head(chain.rpc, "safe")) == 4
        await chain.set_finality_lag(0)
        assert number(await head(chain.rpc, "finalized")) == 8
        await chain.mine()
    async with make(tmp_path, finality_lag_blocks=5) as chain:
        assert number(await head(chain.rpc, "finalized")) == 9


async def test_finality_fails_only_by_force(tmp_path: Path) -> None:
    """A final block is replaced where that is asked for by name: the alarm a node must raise can be tried."""
    async with make(tmp_path) as chain:
        await chain.mine(5)
        final = await head(chain.rpc, "finalized")
        with pytest.raises(RpcError, match="block 3 is final"):
            await chain.reorg(3)
        with pytest.raises(RpcError, match="cannot replace 6 blocks"):
            await chain.reorg(6, force=True)
        await chain.reorg(3, force=True)
        replaced = await head(chain.rpc, "finalized")
        assert replaced["number"] == final["number"]
        assert replaced["hash"] != final["hash"]
        with pytest.raises(RpcError, match="not currently canonical"):
            await chain.rpc.call(
                "eth_getBalance", "0x" + "00" * 20, {"blockHash": final["hash"], "requireCanonical": True}
            )


async def test_time_may_be_set_ahead_but_never_back(tmp_path: Path) -> None:
    """A test may try a deadline without waiting for it; what follows is not earlier."""
    async with make(tmp_path) as chain:
        ahead = int(time.time()) + 3_600
        await chain.mine(1, timestamp=ahead)
        assert int((await head(chain.rpc))["timestamp"], 16) == ahead
        await chain.mine(1, timestamp=5)
        await chain.mine()
        assert int((await head(chain.rpc))["timestamp"], 16) == ahead
