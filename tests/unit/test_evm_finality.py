"""The newest final block only advances; one that is replaced ends every vote for its chain, for ever."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from interlock.encoding.canonical import Malformed
from interlock.encoding.keccak import keccak256
from interlock.ledgers.evm.finality import REMEMBER_EVERY_BLOCKS, Finality, FinalityViolated, FinalMemory
from interlock.ledgers.evm.rpc import Json, Rpc
from interlock.ledgers.protocol import LedgerNonsense, LedgerUnavailable
from support.evm import FakeChain, serving


@pytest.fixture
def chain() -> FakeChain:
    """Ten blocks, of which six are final."""
    chain = FakeChain()
    for _ in range(9):
        chain.mine()
    chain.final = 5
    return chain


@pytest.fixture
async def rpc(chain: FakeChain) -> AsyncIterator[Rpc]:
    async with serving(chain) as url:
        client = Rpc(url, "eip155:1:0x00")
        yield client
        await client.close()


def replace_from(chain: FakeChain, number: int) -> None:
    """Give other hashes to the blocks from `number` up."""
    chain.fork += 1
    for block in chain.blocks[number:]:
        block.hash = keccak256(b"block %d of fork %d" % (block.number, chain.fork))


async def final_number(finality: Finality) -> int:
    """Advance and give the newest final block's number."""
    final = await finality.advance()
    assert final is not None
    return final.number


@pytest.mark.parametrize(("confirmations", "number"), [(0, 5), (1, 8), (9, 0)])
async def test_finality_is_the_tag_or_a_depth(rpc: Rpc, confirmations: int, number: int) -> None:
    """With 0 the chain's own tag counts, else so many blocks below the head."""
    assert await final_number(Finality(rpc, confirmations)) == number


async def test_a_chain_shorter_than_its_finality_has_no_final_block(chain: FakeChain, rpc: Rpc) -> None:
    """No final block is no error, and no block either."""
    assert await Finality(rpc, 10).advance() is None
    chain.faults.append(lambda answers: [answers[0] | {"result": None}])
    assert await Finality(rpc, 0).advance() is None


@pytest.mark.parametrize("confirmations", [0, 4])
async def test_an_endpoint_that_lags_behind_is_ignored(chain: FakeChain, rpc: Rpc, confirmations: int) -> None:
    """A lower final block than before changes nothing, even on another fork, and later ones count again."""
    finality = Finality(rpc, confirmations)
    assert await final_number(finality) == 5
    ahead, newest = chain.blocks, chain.blocks[5].hash
    chain.blocks, chain.final = ahead[:5], 4
    assert await final_number(finality) == 5
    chain.blocks, chain.final = ahead[:6], 3
    replace_from(chain, 5)
    assert await final_number(finality) == 5
    chain.blocks[5].hash = newest
    chain.blocks = ahead
    chain.mine()
    chain.final = 6
    assert await final_number(finality) == 6


@pytest.mark.parametrize("confirmations", [0, 4])
async def test_a_replaced_final_block_ends_all_votes(
    chain: FakeChain, rpc: Rpc, tmp_path: Path, confirmations: int
) -> None:
    """The alarm names both hashes, stays, survives a restart, and says what to do."""
    memory = FinalMemory(tmp_path / "final.json")
    finality = Finality(rpc, confirmations, memory)
    assert await final_number(finality) == 5
    was = chain.blocks[5].hash
    replace_from(chain, 5)
    chain.mine()
    chain.final = 6
    with pytest.raises(FinalityViolated, match=was.hex()) as caught:
        await finality.advance()
    assert not caught.value.retryable
    requests = chain.requests
    for again in (finality, Finality(rpc, confirmations, memory)):
        with pytest.raises(FinalityViolated, match="remove"):
            await again.advance()
    assert chain.requests == requests


async def test_reorganisations_above_the_final_block_are_nothing(chain: FakeChain, rpc: Rpc) -> None:
    """What was never final may be replaced at will."""
    finality = Finality(rpc, 0)
    assert await final_number(finality) == 5
    replace_from(chain, 6)
    chain.final = 7
    assert await final_number(finality) == 7


async def test_a_replacement_while_the_node_was_down_is_noticed(chain: FakeChain, rpc: Rpc, tmp_path: Path) -> None:
    """The first look of a new life compares with the block that the last one remembered."""
    memory = FinalMemory(tmp_path / "final.json")
    await Finality(rpc, 0, memory).advance()
    replace_from(chain, 5)
    with pytest.raises(FinalityViolated):
        await Finality(rpc, 0, memory).advance()


async def test_an_endpoint_behind_the_remembered_block_gives_none(chain: FakeChain, rpc: Rpc, tmp_path: Path) -> None:
    """After a restart nothing older than what was seen before is final."""
    memory = FinalMemory(tmp_path / "final.json")
    await Finality(rpc, 0, memory).advance()
    chain.final = 4
    assert await Finality(rpc, 0, memory).advance() is None


async def test_the_memory_is_written_seldom_and_read_strictly(chain: FakeChain, rpc: Rpc, tmp_path: Path) -> None:
    """A restart compares a block at most so many blocks old; a damaged file stops the start."""
    path = tmp_path / "final.json"
    memory = FinalMemory(path)
    finality = Finality(rpc, 0, memory)
    await finality.advance()
    for _ in range(REMEMBER_EVERY_BLOCKS):
        chain.mine()
    chain.final = 6
    await finality.advance()
    assert (mark := memory.load()) is not None
    assert mark.number == 5
    chain.final = 5 + REMEMBER_EVERY_BLOCKS
    await finality.advance()
    assert (mark := memory.load()) is not None
    assert mark.number == chain.final
    path.write_bytes(b"{}")
    with pytest.raises(Malformed):
        Finality(rpc, 0, memory)


def other_block(answers: list[Json]) -> Json:
    """Give, where the known block was asked for, one of another number."""
    return [answers[0], answers[1] | {"result": answers[1]["result"] | {"number": "0x4"}}]


@pytest.mark.parametrize(
    "bend",
    [
        other_block,
        lambda answers: [answers[0], answers[1] | {"result": None}],
        lambda answers: [answers[0] | {"result": answers[0]["result"] | {"timestamp": "0x1"}}, answers[1]],
        lambda answers: [answers[0] | {"result": answers[0]["result"] | {"hash": "0x00"}}, answers[1]],
        lambda answers: [answers[0] | {"result": 5}, answers[1]],
    ],
    ids=["another number", "block lost", "time goes back", "no hash", "no block"],
)
async def test_contradictions_are_nonsense_but_no_violation(chain: FakeChain, rpc: Rpc, bend: Json) -> None:
    """An answer that cannot be true counts for nothing; the next one does."""
    finality = Finality(rpc, 0)
    await finality.advance()
    chain.final = 6
    chain.faults.append(bend)
    with pytest.raises(LedgerNonsense) as caught:
        await finality.advance()
    assert not isinstance(caught.value, FinalityViolated)
    assert await final_number(finality) == 6


async def test_one_final_block_has_one_hash_within_an_answer(chain: FakeChain, rpc: Rpc) -> None:
    """The tag and the number cannot give two hashes for one block."""
    finality = Finality(rpc, 0)
    await finality.advance()
    chain.faults.append(
        lambda answers: [answers[0] | {"result": answers[0]["result"] | {"hash": "0x" + "07" * 32}}, answers[1]]
    )
    with pytest.raises(LedgerNonsense, match="contradict"):
        await finality.advance()


async def test_an_endpoint_that_refuses_is_no_answer(chain: FakeChain, rpc: Rpc) -> None:
    """A depth below the head is asked by number; another block in its place is nonsense, an error an error."""
    chain.faults += [lambda answers: answers, lambda answers: [answers[0] | {"result": chain.blocks[1].json}]]
    with pytest.raises(LedgerNonsense, match="asked for block"):
        await Finality(rpc, 4).advance()
    chain.faults.append(
        lambda answers: [{"jsonrpc": "2.0", "id": answers[0]["id"], "error": {"code": -32005, "message": "slow"}}]
    )
    with pytest.raises(LedgerUnavailable):
        await Finality(rpc, 0).advance()
