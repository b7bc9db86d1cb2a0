"""An endpoint that lies, lags, contradicts itself or fails gives no vote, and takes no true one back."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web
from eth_abi.abi import encode

from interlock.core.attestation import Fact
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import hex_of
from interlock.evidence.chain_event import Delivered, Held, Returned
from interlock.ledgers.evm import rpc as rpc_module
from interlock.ledgers.evm.abi import HoldStatus, committee_hash
from interlock.ledgers.evm.finality import FinalityViolated
from interlock.ledgers.evm.observer import Observer
from interlock.ledgers.evm.rpc import AnswerTooLarge, Json, Rpc
from interlock.ledgers.evm.vault import WrongVault
from interlock.ledgers.protocol import LedgerNonsense, LedgerUnavailable
from support import world
from support.evm import FakeChain, log_of, onchain, serving, watch
from support.evm_eyes import NAME, eyes, facts, trouble


@pytest.fixture
async def chain() -> FakeChain:
    return FakeChain()


@pytest.fixture
async def rpc(chain: FakeChain) -> AsyncIterator[Rpc]:
    async with serving(chain) as url:
        client = Rpc(url, NAME)
        yield client
        await client.close()


@pytest.fixture
def observer(rpc: Rpc) -> Observer:
    return eyes(rpc)


async def test_the_search_ends_at_the_vaults_first_block(chain: FakeChain, rpc: Rpc) -> None:
    """A lane that claims a hold of which no block has the event is nonsense, and is asked again."""
    known = watch()
    for _ in range(5):
        chain.finalize()
    chain.put(known, HoldStatus.HELD)
    observer = eyes(rpc, start_block=3)
    assert "no block has its event Held" in trouble(await observer.look([known]), LedgerNonsense)
    chain.blocks[4].logs.append(log_of(Held, known) | located(chain, 4))
    assert facts(await observer.look([known])) == [Fact.HELD]


def located(chain: FakeChain, number: int) -> dict[str, str]:
    """Give a log its place in a block."""
    block_hash = hex_of(chain.blocks[number].hash)
    return {"blockNumber": hex(number), "blockHash": block_hash, "transactionHash": block_hash, "logIndex": "0x0"}


async def test_a_hold_of_other_terms_is_never_voted(chain: FakeChain, observer: Observer) -> None:
    """The event may look right: where the lane's commitment is another, no hold of ours stands."""
    known = watch()
    assert facts(await observer.look([known])) == []
    chain.hold(known)
    leg = onchain(known)
    chain.blocks[-1].holds[leg.payer, leg.lane] = (b"\7" * 26, leg.generation - 1, int(HoldStatus.HELD))
    assert "its lane does not have it" in trouble(await observer.look([known]), LedgerNonsense)
    chain.put(known, HoldStatus.HELD)
    assert facts(await observer.look([known])) == [Fact.HELD]


@pytest.mark.parametrize("change", [{"amount": 5}, {"payee": world.STRANGER.address}, {"token": world.OTHER_TOKEN}])
async def test_an_event_of_other_terms_is_nonsense(
    chain: FakeChain, observer: Observer, change: dict[str, Json]
) -> None:
    """An id binds its terms: an event of this leg with others is a lie, and no vote."""
    known = watch()
    await observer.look([known])
    chain.finalize(log_of(Held, known, **change))
    chain.put(known, HoldStatus.HELD)
    sighting = await observer.look([known])
    assert sighting.observations == ()
    assert "the event's" in trouble(sighting, LedgerNonsense)


async def test_state_and_events_that_contradict_are_nonsense(chain: FakeChain, observer: Observer) -> None:
    """A leg cannot have ended twice, nor end by an event while the lane still holds it."""
    known = watch()
    chain.hold(known)
    assert facts(await observer.look([known])) == [Fact.HELD]
    chain.finalize(log_of(Delivered, known))
    sighting = await observer.look([known])
    assert [each.fact for each in sighting.observations] == [Fact.HELD]
    assert "its events say otherwise" in trouble(sighting, LedgerNonsense)
    chain.finalize(log_of(Delivered, known), log_of(Returned, known))
    assert "ended twice" in trouble(await observer.look([known]), LedgerNonsense)


async def test_one_legs_trouble_hides_no_other_leg(chain: FakeChain, observer: Observer) -> None:
    """A contradiction about one leg leaves the facts of the others."""
    good, bad = watch(world.instruction(2), 0), watch(world.instruction(2), 1)
    chain.finalize(log_of(Held, good), log_of(Held, bad))
    chain.put(good, HoldStatus.HELD)
    sighting = await observer.look([bad, good])
    assert [each.leg for each in sighting.observations] == [good.leg]
    chain.finalize(log_of(Held, bad))
    sighting = await observer.look([bad, good])
    assert [each.leg for each in sighting.observations] == [good.leg]
    assert f"leg {bad.leg}" in trouble(sighting, LedgerNonsense)


async def test_an_event_of_a_block_that_is_not_the_chains_is_nonsense(chain: FakeChain, observer: Observer) -> None:
    """Logs of an abandoned fork are not believed, even where the endpoint gives them."""
    known = watch()
    await observer.look([known])
    chain.hold(known)
    honest = chain.blocks[-1].logs[0]["blockHash"]
    chain.blocks[-1].logs[0]["blockHash"] = "0x" + "07" * 32
    assert "not the chain's block" in trouble(await observer.look([known]), LedgerNonsense)
    chain.blocks[-1].logs[0]["blockHash"] = honest
    assert facts(await observer.look([known])) == [Fact.HELD]


@pytest.mark.parametrize(
    "bend",
    [
        {"address": "0x" + "07" * 20},
        {"blockNumber": "0x63"},
        {"topics": []},
        {"topics": ["0x" + "07" * 32]},
        {"data": "0x00"},
        {"removed": True},
        {"blockHash": None},
    ],
    ids=lambda bend: next(iter(bend)),
)
async def test_logs_that_were_not_asked_for_are_nonsense(
    chain: FakeChain, observer: Observer, bend: dict[str, Json]
) -> None:
    """A log of another contract, block or form counts for nothing, and is asked again."""
    known = watch()
    await observer.look([known])
    chain.hold(known)
    honest = chain.blocks[-1].logs[0]
    chain.faults += [lambda answers: answers, lambda answers: [answers[0] | {"result": [honest | bend]}]]
    trouble(await observer.look([known]), LedgerNonsense)
    assert facts(await observer.look([known])) == [Fact.HELD]


async def test_events_that_name_two_blocks_of_one_number_are_nonsense(chain: FakeChain, observer: Observer) -> None:
    """One of them must be of an abandoned fork."""
    watches = [watch(world.instruction(2), leg) for leg in (0, 1)]
    await observer.look(watches)
    chain.finalize(*(log_of(Held, each) for each in watches))
    chain.blocks[-1].logs[1]["blockHash"] = "0x" + "07" * 32
    assert "name two blocks" in trouble(await observer.look(watches), LedgerNonsense)


@pytest.mark.parametrize("place", [0, 1], ids=["logs", "the block"])
async def test_an_endpoint_too_busy_for_events_is_asked_again(chain: FakeChain, observer: Observer, place: int) -> None:
    """No event is lost: the blocks count as read only when they were."""
    known = watch()
    await observer.look([known])
    chain.hold(known)
    limit = {"code": -32005, "message": "slow down"}
    chain.faults += [lambda answers: answers] * (1 + place)
    chain.faults.append(lambda answers: [{"jsonrpc": "2.0", "id": each["id"], "error": limit} for each in answers])
    assert "slow down" in trouble(await observer.look([known]), LedgerUnavailable)
    chain.faults += [lambda answers: answers] * (1 + place)
    chain.faults.append(lambda answers: [each | {"result": {}} for each in answers])
    assert "cannot be read" in trouble(await observer.look([known]), LedgerNonsense)
    assert facts(await observer.look([known])) == [Fact.HELD]


async def test_doubled_logs_are_one_event(chain: FakeChain, observer: Observer) -> None:
    """An endpoint that repeats itself changes nothing."""
    known = watch()
    chain.hold(known)
    chain.blocks[-1].logs *= 3
    assert facts(await observer.look([known])) == [Fact.HELD]


async def test_trouble_keeps_the_facts_that_were_seen(chain: FakeChain, observer: Observer) -> None:
    """A chain that is down, throttled or cut off takes back nothing, and is looked at again."""
    known = watch()
    chain.hold(known)
    assert facts(await observer.look([known])) == [Fact.HELD]
    for answer in (web.Response(status=429), web.Response(status=503)):
        chain.faults.append(lambda _, answer=answer: answer)
        sighting = await observer.look([known])
        assert [each.fact for each in sighting.observations] == [Fact.HELD]
        assert trouble(sighting, LedgerUnavailable)


async def test_a_replaced_final_block_takes_every_vote_back(chain: FakeChain, observer: Observer) -> None:
    """After a finality failure nothing of this chain is said any more."""
    known = watch()
    chain.hold(known)
    assert facts(await observer.look([known])) == [Fact.HELD]
    chain.blocks[1].hash = keccak256(b"another")
    chain.finalize()
    for _ in range(2):
        sighting = await observer.look([known])
        assert sighting.observations == ()
        assert "nothing is voted" in trouble(sighting, FinalityViolated)


async def test_a_lagging_endpoint_takes_nothing_back(chain: FakeChain, observer: Observer) -> None:
    """An endpoint that does not have the final block yet cannot be asked about it; facts stay."""
    known, other = watch(), watch(world.instruction(onchain_legs=(world.onchain_leg(nonce=world.nonce(7)),)))
    chain.hold(known)
    assert facts(await observer.look([known])) == [Fact.HELD]
    blocks, chain.blocks, chain.final = chain.blocks, chain.blocks[:1], 0
    sighting = await observer.look([known, other])
    assert [each.fact for each in sighting.observations] == [Fact.HELD]
    assert "header not found" in trouble(sighting, LedgerUnavailable)
    chain.blocks, chain.final = blocks, 1
    assert facts(await observer.look([known, other])) == [Fact.HELD]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"chain_id": 5}, "serves chain 5"),
        ({"code": "0x"}, "no contract stands"),
        ({"networkId": world.word(1)}, "obeys network"),
        ({"epoch": world.word(2)}, "in epoch 2"),
        ({"committee": committee_hash(replace(world.COMMITTEE, members=world.COMMITTEE.members[::-1]))}, "committee"),
        ({"networkId": b""}, "no vault"),
        ({"chain_id": -1}, "chain id is no quantity"),
    ],
    ids=["chain", "code", "network", "epoch", "committee", "no vault", "nonsense"],
)
async def test_another_chain_or_vault_is_refused(
    chain: FakeChain, observer: Observer, wrong: dict[str, Json], said: str
) -> None:
    """Before anything is believed, chain and vault are held against the genesis document; a mended one works."""
    known = watch()
    chain.hold(known)
    honest = (chain.chain_id, chain.code, dict(chain.views))
    for name, value in wrong.items():
        if name in chain.views:
            chain.views[name] = value
        else:
            setattr(chain, name, value)
    sighting = await observer.look([known])
    assert sighting.observations == ()
    assert said in trouble(sighting, LedgerNonsense if said.endswith("quantity") else WrongVault)
    chain.chain_id, chain.code, chain.views = honest
    assert facts(await observer.look([known])) == [Fact.HELD]


async def test_an_endpoint_that_wants_smaller_ranges_gets_them(chain: FakeChain, rpc: Rpc) -> None:
    """A refused range is halved until it is taken."""
    known = watch()
    observer = eyes(rpc, range_blocks=8)
    await observer.look([known])
    chain.hold(known)
    refusal = {"code": -32602, "message": "block range too large"}
    chain.faults += [
        lambda answers: answers,
        lambda answers: [{"jsonrpc": "2.0", "id": each["id"], "error": refusal} for each in answers],
    ]
    assert "smaller ranges" in trouble(await observer.look([known]), LedgerUnavailable)
    assert observer._events.range_blocks == 4
    assert facts(await observer.look([known])) == [Fact.HELD]


async def test_events_too_many_for_an_answer_are_asked_for_in_smaller_ranges(
    chain: FakeChain, rpc: Rpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First fewer ranges go into a request, then the ranges are halved, down to one block; then all is seen."""
    watches = [watch(world.instruction(salt=salt)) for salt in range(1, 33)]
    observer = eyes(rpc, range_blocks=4)
    await observer.look([])
    for first in range(0, 32, 4):
        chain.finalize(*(log_of(Held, each) for each in watches[first : first + 4]))
    reader = observer._events
    monkeypatch.setattr(rpc_module, "ANSWER_BYTES_MAX", 200 + len(json.dumps(chain.blocks[1].logs)))
    for ranges, blocks in ((1, 4), (1, 2), (1, 1)):
        assert "smaller ranges" in trouble(await observer.look([]), LedgerUnavailable)
        assert (reader._ranges_at_once, reader.range_blocks) == (ranges, blocks)
    found = await reader.read(1, 8, {(each.settlement, each.leg) for each in watches})
    assert [event.settlement for event, _ in found] == [each.settlement for each in watches]
    assert facts(await observer.look([])) == []


async def test_one_block_with_too_many_events_is_nonsense(
    chain: FakeChain, rpc: Rpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be made smaller is told as it is, and later blocks do not hide it."""
    known = watch()
    observer = eyes(rpc)
    await observer.look([])
    chain.hold(known)
    monkeypatch.setattr(rpc_module, "ANSWER_BYTES_MAX", 800)
    assert "more than 800 bytes" in trouble(await observer.look([]), AnswerTooLarge)
    chain.finalize()
    for _ in ("smaller ranges", "fewer of them"):
        assert "smaller ranges" in trouble(await observer.look([]), LedgerUnavailable)
    assert "more than 800 bytes" in trouble(await observer.look([]), AnswerTooLarge)


async def test_a_view_that_answers_nonsense_is_told_for_its_leg(chain: FakeChain, observer: Observer) -> None:
    """A lane of an unknown status, or a view that reverts, is that leg's trouble."""
    known = watch()
    await observer.look([known])
    chain.finalize()
    leg = onchain(known)
    chain.blocks[-1].holds[leg.payer, leg.lane] = (bytes(26), 1, 9)
    assert "9 is no status" in trouble(await observer.look([known]), LedgerNonsense)
    revert = {"code": 3, "message": "execution reverted", "data": "0x" + encode(["uint256"], [1]).hex()}
    chain.faults += [
        lambda answers: answers,
        lambda answers: [{"jsonrpc": "2.0", "id": each["id"], "error": revert} for each in answers],
    ]
    assert "reverted" in trouble(await observer.look([known]), LedgerNonsense)


async def test_a_leg_of_another_ledger_is_a_mistake_of_the_caller(observer: Observer) -> None:
    """Watches are for this vault only."""
    with pytest.raises(ValueError, match="is not on"):
        await observer.look([watch(leg=1)])
    elsewhere = world.instruction(onchain_legs=(world.onchain_leg(chain_id=5),))
    with pytest.raises(ValueError, match="is not on"):
        await observer.look([watch(elsewhere)])
