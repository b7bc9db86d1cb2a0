"""The newest final block only advances; one that is replaced ends every vote for its chain, for ever."""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from interlock.encoding.canonical import Malformed
from interlock.encoding.keccak import keccak256
from interlock.ledgers.evm import finality as finality_module
from interlock.ledgers.evm.finality import (
    AHEAD_MAX_S,
    BEHIND_LOOKS_MAX,
    REMEMBER_EVERY_BLOCKS,
    FinalBehind,
    Finality,
    FinalityViolated,
    FinalMemory,
)
from interlock.ledgers.evm.rpc import Json, Rpc
from interlock.ledgers.protocol import LedgerNonsense, LedgerUnavailable
from support.evm import FAR_OFF, FakeChain, serving


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


def eyes(rpc: Rpc, confirmations: int = 0, memory: FinalMemory | None = None, unix: float = FAR_OFF) -> Finality:
    """Give a node's fresh eyes, whose clock stands at `unix`."""
    return Finality(rpc, confirmations, memory, lambda: unix)


def refused(answer: Json) -> Json:
    """Give an error in an answer's place."""
    return {"jsonrpc": "2.0", "id": answer["id"], "error": {"code": -32005, "message": "slow"}}


def claims(place: int, **changes: int) -> Callable[[list[Json]], Json]:
    """Bend the block in one place of an answer."""
    bent = {name: hex(value) for name, value in changes.items()}
    return lambda answers: [
        each | {"result": each["result"] | bent} if at == place else each for at, each in enumerate(answers)
    ]


async def final_number(finality: Finality) -> int:
    """Advance and give the newest final block's number."""
    final = await finality.advance()
    assert final is not None
    return final.number


@pytest.mark.parametrize(("confirmations", "number"), [(0, 5), (1, 8), (9, 0)])
async def test_finality_is_the_tag_or_a_depth(rpc: Rpc, confirmations: int, number: int) -> None:
    """With 0 the chain's own tag counts, else so many blocks below the head."""
    assert await final_number(eyes(rpc, confirmations)) == number


async def test_a_chain_shorter_than_its_finality_has_no_final_block(chain: FakeChain, rpc: Rpc) -> None:
    """No final block is no error, and no block either."""
    assert await eyes(rpc, 10).advance() is None
    chain.faults.append(lambda answers: [answers[0] | {"result": None}, *answers[1:]])
    assert await eyes(rpc).advance() is None


@pytest.mark.parametrize("confirmations", [0, 4])
async def test_an_endpoint_that_lags_behind_is_ignored(chain: FakeChain, rpc: Rpc, confirmations: int) -> None:
    """A lower final block than before changes nothing, even on another fork, and later ones count again."""
    finality = eyes(rpc, confirmations)
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
    finality = eyes(rpc, confirmations, memory)
    assert await final_number(finality) == 5
    was = chain.blocks[5].hash
    replace_from(chain, 5)
    chain.mine()
    chain.final = 6
    with pytest.raises(FinalityViolated, match=was.hex()) as caught:
        await finality.advance()
    assert not caught.value.retryable
    requests = chain.requests
    for again in (finality, eyes(rpc, confirmations, memory)):
        with pytest.raises(FinalityViolated, match="remove"):
            await again.advance()
    assert chain.requests == requests


async def test_reorganisations_above_the_final_block_are_nothing(chain: FakeChain, rpc: Rpc) -> None:
    """What was never final may be replaced at will."""
    finality = eyes(rpc)
    assert await final_number(finality) == 5
    replace_from(chain, 6)
    chain.final = 7
    assert await final_number(finality) == 7


async def test_a_replacement_while_the_node_was_down_is_noticed(chain: FakeChain, rpc: Rpc, tmp_path: Path) -> None:
    """The first look of a new life compares with the block that the last one remembered."""
    memory = FinalMemory(tmp_path / "final.json")
    await eyes(rpc, 0, memory).advance()
    replace_from(chain, 5)
    with pytest.raises(FinalityViolated):
        await eyes(rpc, 0, memory).advance()


async def test_an_endpoint_behind_the_remembered_block_gives_none(chain: FakeChain, rpc: Rpc, tmp_path: Path) -> None:
    """After a restart nothing older than what was seen before is final."""
    memory = FinalMemory(tmp_path / "final.json")
    await eyes(rpc, 0, memory).advance()
    chain.final = 4
    assert await eyes(rpc, 0, memory).advance() is None


async def test_the_memory_is_written_seldom_and_read_strictly(chain: FakeChain, rpc: Rpc, tmp_path: Path) -> None:
    """A restart compares a block at most so many blocks old; a damaged file stops the start."""
    path = tmp_path / "final.json"
    memory = FinalMemory(path)
    finality = eyes(rpc, 0, memory)
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
        eyes(rpc, 0, memory)


def other_block(answers: list[Json]) -> Json:
    """Give, where the known block was asked for, one of another number."""
    return [*answers[:2], answers[2] | {"result": answers[2]["result"] | {"number": "0x4"}}]


@pytest.mark.parametrize(
    "bend",
    [
        other_block,
        lambda answers: [*answers[:2], answers[2] | {"result": None}],
        lambda answers: [answers[0] | {"result": answers[0]["result"] | {"timestamp": "0x1"}}, *answers[1:]],
        lambda answers: [answers[0] | {"result": answers[0]["result"] | {"hash": "0x00"}}, *answers[1:]],
        lambda answers: [answers[0] | {"result": 5}, *answers[1:]],
    ],
    ids=["another number", "block lost", "time goes back", "no hash", "no block"],
)
async def test_contradictions_are_nonsense_but_no_violation(chain: FakeChain, rpc: Rpc, bend: Json) -> None:
    """An answer that cannot be true counts for nothing; the next one does."""
    finality = eyes(rpc)
    await finality.advance()
    chain.final = 6
    chain.faults.append(bend)
    with pytest.raises(LedgerNonsense) as caught:
        await finality.advance()
    assert not isinstance(caught.value, FinalityViolated)
    assert await final_number(finality) == 6


async def test_one_final_block_has_one_hash_within_an_answer(chain: FakeChain, rpc: Rpc) -> None:
    """The tag and the number cannot give two hashes for one block."""
    finality = eyes(rpc)
    await finality.advance()
    chain.faults.append(
        lambda answers: [answers[0] | {"result": answers[0]["result"] | {"hash": "0x" + "07" * 32}}, *answers[1:]]
    )
    with pytest.raises(LedgerNonsense, match="contradict"):
        await finality.advance()


async def test_an_endpoint_that_refuses_is_no_answer(chain: FakeChain, rpc: Rpc) -> None:
    """A depth below the head is asked by number; another block in its place is nonsense, an error an error."""
    chain.faults += [lambda answers: answers, lambda answers: [answers[0] | {"result": chain.blocks[1].json}]]
    with pytest.raises(LedgerNonsense, match="asked for block"):
        await eyes(rpc, 4).advance()
    chain.faults.append(lambda answers: [answers[0] | {"result": None}, refused(answers[1]), *answers[2:]])
    with pytest.raises(LedgerUnavailable):
        await eyes(rpc).advance()


@pytest.mark.parametrize("confirmations", [0, 4])
async def test_a_final_block_ahead_of_the_clock_is_nonsense(
    chain: FakeChain, rpc: Rpc, tmp_path: Path, confirmations: int
) -> None:
    """Time that has not come counts for nothing and is not kept; up to the bound the clock may be wrong."""
    memory = FinalMemory(tmp_path / "final.json")
    time = chain.blocks[5].time
    with pytest.raises(LedgerNonsense, match=f"block 5 is {AHEAD_MAX_S + 1} s ahead of this node's clock"):
        await eyes(rpc, confirmations, memory, time - AHEAD_MAX_S - 1).advance()
    assert memory.load() is None
    assert await final_number(eyes(rpc, confirmations, memory, time - AHEAD_MAX_S)) == 5


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize(
    ("lies", "said"),
    [
        ([claims(0, number=2**62, timestamp=2**62)], "after the last|ahead of"),
        ([claims(0, number=10)], "the chain is at block 9"),
        ([lambda answers: [answers[0], answers[1] | {"result": None}, *answers[2:]]], "no newest block"),
        (
            [lambda answers: claims(0, number=2**62)(claims(1, number=2**62)(answers)), claims(0, number=2**62)],
            "blocks but 12 s after the last",
        ),
        ([lambda answers: claims(0, number=500)(claims(1, number=500)(answers))], "two answers about final block 500"),
    ],
    ids=["far", "above the newest", "no newest", "faster than blocks are made", "said once"],
)
async def test_one_lie_about_the_final_block_blinds_nobody(
    chain: FakeChain,
    rpc: Rpc,
    tmp_path: Path,
    lies: list[Callable[[list[Json]], Json]],
    said: str,
    *,
    is_restarted: bool,
) -> None:
    """A final block that cannot be is refused and not kept; the next honest answer counts."""
    memory = FinalMemory(tmp_path / "final.json")
    finality = eyes(rpc, 0, memory)
    assert await final_number(finality) == 5
    kept = memory.load()
    if is_restarted:
        finality = eyes(rpc, 0, memory)
    chain.final = 6
    chain.faults += lies
    with pytest.raises(LedgerNonsense, match=said) as caught:
        await finality.advance()
    assert not isinstance(caught.value, FinalityViolated)
    assert memory.load() == kept
    chain.faults.clear()
    assert await final_number(finality) == 6
    assert await final_number(eyes(rpc, 0, memory)) == 6


async def test_the_first_final_block_of_a_life_is_asked_twice(chain: FakeChain, rpc: Rpc, tmp_path: Path) -> None:
    """A node that knows nothing yet believes no single answer either."""
    memory = FinalMemory(tmp_path / "final.json")
    for lie in (
        lambda answers: claims(0, number=2**62)(claims(1, number=2**62)(answers)),
        lambda answers: [answers[0] | {"result": chain.blocks[5].json | {"hash": "0x" + "07" * 32}}, *answers[1:]],
    ):
        chain.faults.append(lie)
        with pytest.raises(LedgerNonsense, match="contradict"):
            await eyes(rpc, 0, memory).advance()
        assert memory.load() is None
    assert await final_number(eyes(rpc, 0, memory)) == 5


@pytest.mark.parametrize("confirmations", [0, 4])
async def test_a_chain_may_leap_as_far_as_time_explains(
    chain: FakeChain, rpc: Rpc, monkeypatch: pytest.MonkeyPatch, confirmations: int
) -> None:
    """So many blocks need no time, and each second so many more; one above is refused until its time has come."""
    monkeypatch.setattr(finality_module, "LEAP_BLOCKS_MAX", 3)
    monkeypatch.setattr(finality_module, "BLOCKS_PER_SECOND_MAX", 2)
    finality = eyes(rpc, confirmations)
    assert await final_number(finality) == 5
    time = chain.blocks[5].time
    chain.blocks[6:] = []
    for _ in range(12):
        chain.mine(time=time + 1)
    chain.final, whole = 11, chain.blocks
    chain.blocks = whole[: 12 + confirmations]
    with pytest.raises(LedgerNonsense, match="final block 11 is 6 blocks but 1 s after the last"):
        await finality.advance()
    chain.final, chain.blocks = 10, whole[: 11 + confirmations]
    assert await final_number(finality) == 10
    chain.final, chain.blocks = 13, whole[: 14 + confirmations]
    assert await final_number(finality) == 13


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("has_none", [False, True])
async def test_a_chain_that_stays_behind_is_told(
    chain: FakeChain, rpc: Rpc, tmp_path: Path, *, is_restarted: bool, has_none: bool
) -> None:
    """Some looks may find a machine that lags; then the trouble names both blocks, the file, and when to remove it."""
    path = tmp_path / "final.json"
    finality = eyes(rpc, 0, FinalMemory(path))
    assert await final_number(finality) == 5
    if is_restarted:
        finality = eyes(rpc, 0, FinalMemory(path))
    chain.final = 4
    for rounds in range(2):
        if has_none:
            chain.faults += [lambda answers: [answers[0] | {"result": None}, *answers[1:]]] * (BEHIND_LOOKS_MAX + 2)
        for _ in range(BEHIND_LOOKS_MAX):
            assert await finality.advance() == (None if is_restarted and not rounds else finality.newest)
        for _ in range(2):
            found = "no block is final" if has_none else "block 4 is final"
            where = re.escape(str(path))
            with pytest.raises(FinalBehind, match=f"{found}, but block {5 + rounds} .*lags, wait .*remove {where}"):
                await finality.advance()
        chain.final = 6
        assert await final_number(finality) == 6
        chain.final = 4


async def test_a_chain_that_stays_behind_is_told_without_a_file_too(chain: FakeChain, rpc: Rpc) -> None:
    """A node that keeps nothing has nothing to remove."""
    finality = eyes(rpc)
    await finality.advance()
    chain.final = 4
    for _ in range(BEHIND_LOOKS_MAX):
        await finality.advance()
    with pytest.raises(FinalBehind, match="start this node again"):
        await finality.advance()
