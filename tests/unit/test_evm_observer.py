"""The observer says what is final and equal to the signed terms, nothing else, whatever the endpoint answers."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web
from eth_abi.abi import encode

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import vault_name
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import hex_of
from interlock.evidence.chain_event import Delivered, Held, Returned, Tombstoned
from interlock.evidence.document import ChainAbsenceDocument, ChainRefusalDocument
from interlock.ledgers.evm import observer as observer_module
from interlock.ledgers.evm.abi import HoldStatus, committee_hash
from interlock.ledgers.evm.events import EventReader
from interlock.ledgers.evm.finality import Finality, FinalityViolated
from interlock.ledgers.evm.observer import Observer
from interlock.ledgers.evm.rpc import Json, Rpc
from interlock.ledgers.evm.vault import Vault, WrongVault
from interlock.ledgers.protocol import LedgerNonsense, LedgerUnavailable, Sighting
from support import world
from support.evm import FakeChain, decided, log_of, onchain, serving, watch

NAME = vault_name(world.CHAIN_ID, world.VAULT)
REFUSED_PAYEE = (True, False, True, b"not allowed")


@pytest.fixture
async def chain() -> FakeChain:
    return FakeChain()


@pytest.fixture
async def rpc(chain: FakeChain) -> AsyncIterator[Rpc]:
    async with serving(chain) as url:
        client = Rpc(url, NAME)
        yield client
        await client.close()


def make(rpc: Rpc, *, range_blocks: int = 1_000, start_block: int = 0) -> Observer:
    """Give a node's fresh eyes."""
    vault = Vault(world.CHAIN_ID, world.VAULT, world.NETWORK, world.COMMITTEE)
    events = EventReader(rpc, world.CHAIN_ID, world.VAULT, range_blocks)
    return Observer(rpc, vault, Finality(rpc, 0), events, start_block)


@pytest.fixture
def observer(rpc: Rpc) -> Observer:
    return make(rpc)


def facts(sighting: Sighting) -> list[Fact]:
    """Give the facts, where there was no trouble."""
    assert sighting.troubles == ()
    return [each.fact for each in sighting.observations]


def trouble(sighting: Sighting, kind: type) -> str:
    """Give the one trouble's sentence."""
    (error,) = sighting.troubles
    assert type(error) is kind
    return str(error)


async def test_a_hold_is_a_fact_once_it_is_final(chain: FakeChain, observer: Observer) -> None:
    """Nothing is said while the block can still go; then HELD with the event's own block, at every look."""
    known = watch()
    assert facts(await observer.look([known])) == []
    block = chain.mine(log_of(Held, known))
    chain.put(known, HoldStatus.HELD)
    assert facts(await observer.look([known])) == []
    chain.final = block.number
    for _ in range(3):
        (seen,) = (await observer.look([known])).observations
        assert (seen.settlement, seen.leg, seen.fact) == (known.settlement, known.leg, Fact.HELD)
        assert seen.document.position == block.hash
    assert observer.note(known.settlement, known.leg) is None


@pytest.mark.parametrize(
    ("kind", "outcome", "fact"),
    [(Delivered, Outcome.COMMIT, Fact.DELIVERED), (Returned, Outcome.ABORT, Fact.RETURNED)],
)
async def test_a_hold_that_ended_is_seen_in_its_order(
    chain: FakeChain, observer: Observer, kind: type, outcome: Outcome, fact: Fact
) -> None:
    """HELD comes before the end, and both stay."""
    known = watch()
    chain.hold(known)
    assert facts(await observer.look([known])) == [Fact.HELD]
    chain.end(known, kind)
    known = decided(known, outcome)
    assert facts(await observer.look([known])) == [Fact.HELD, fact]
    assert facts(await observer.look([known])) == [Fact.HELD, fact]


@pytest.mark.parametrize(("kind", "seen"), [(Delivered, [Fact.HELD, Fact.DELIVERED]), (Tombstoned, [Fact.RETURNED])])
async def test_a_restart_finds_everything_again(chain: FakeChain, rpc: Rpc, kind: type, seen: list[Fact]) -> None:
    """A new life judges from the lane and searches backwards for the events, in bounded ranges."""
    known = watch()
    if kind is Delivered:
        chain.hold(known)
    chain.end(known, kind)
    for _ in range(25):
        chain.finalize()
    observer = make(rpc, range_blocks=2)
    found = await observer.look([decided(known, Outcome.ABORT)])
    assert found.troubles == ()
    if not found.observations:
        found = await observer.look([decided(known, Outcome.ABORT)])
    assert set(facts(found)) <= set(seen)
    assert seen[-1] in facts(found)


async def test_a_long_search_goes_on_at_the_next_look(
    chain: FakeChain, rpc: Rpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look searches a bounded number of ranges; the hold is a fact when its event was found."""
    monkeypatch.setattr(observer_module, "SEARCH_RANGES_MAX", 2)
    known = watch()
    chain.hold(known)
    for _ in range(12):
        chain.finalize()
    observer = make(rpc, range_blocks=3)
    looks = [facts(await observer.look([known])) for _ in range(3)]
    assert looks == [[], [], [Fact.HELD]]


async def test_the_search_ends_at_the_vaults_first_block(chain: FakeChain, rpc: Rpc) -> None:
    """A lane that claims a hold of which no block has the event is nonsense, and is asked again."""
    known = watch()
    for _ in range(5):
        chain.finalize()
    chain.put(known, HoldStatus.HELD)
    observer = make(rpc, start_block=3)
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


async def test_a_refusal_needs_a_payer_who_could_pay(chain: FakeChain, observer: Observer) -> None:
    """Where the amount cannot be pulled yet nothing is voted, and people are told why."""
    known = watch()
    chain.finalize(exits=(False, False, False, b""))
    assert facts(await observer.look([known])) == []
    assert "cannot take the amount from the payer yet" in str(observer.note(known.settlement, known.leg))
    chain.finalize(exits=(True, True, True, b""))
    assert facts(await observer.look([known])) == []
    assert observer.note(known.settlement, known.leg) == "not held yet"


@pytest.mark.parametrize(
    ("exits", "step"),
    [(REFUSED_PAYEE, "deliver"), ((True, True, False, b""), "return"), ((True, False, False, b"x"), "deliver")],
)
async def test_a_leg_that_could_not_be_let_out_is_refused(
    chain: FakeChain, observer: Observer, exits: tuple[bool, bool, bool, bytes], step: str
) -> None:
    """The refusal names step and reason, keeps its first evidence, and ends where the token comes round."""
    known = watch()
    block = chain.finalize(exits=exits)
    for _ in range(2):
        (seen,) = (await observer.look([known])).observations
        assert seen.fact is Fact.REFUSED
        assert seen.document == ChainRefusalDocument(
            onchain(known).chain_id,
            world.VAULT,
            block.number,
            block.hash,
            step,
            exits[3],  # type: ignore[arg-type]  # plain figures
        )
        chain.finalize()
    assert "refused" in str(observer.note(known.settlement, known.leg))
    chain.finalize(exits=(True, True, True, b""))
    assert facts(await observer.look([known])) == []


@pytest.mark.parametrize("case", ["unsigned", "decided", "late", "not final", "held"])
async def test_a_refusal_that_would_not_count_is_not_voted(chain: FakeChain, observer: Observer, case: str) -> None:
    """No refusal of a leg that nobody asks to hold, of a later block than the final one, or of one that is held."""
    known = watch(signed=case != "unsigned")
    if case == "decided":
        known = decided(known, Outcome.COMMIT)
    if case == "held":
        chain.hold(known)
    if case == "not final":
        chain.mine(exits=REFUSED_PAYEE)
    else:
        chain.finalize(exits=REFUSED_PAYEE, time=world.PREPARE_BY + 1 if case == "late" else None)
    assert Fact.REFUSED not in facts(await observer.look([known]))


async def test_absence_needs_an_abort_and_the_chains_own_time(chain: FakeChain, observer: Observer) -> None:
    """RETURNED without an event: ABORT, no hold, and a final block past prepareBy; the first one stays the evidence."""
    known = watch()
    aborted = decided(known, Outcome.ABORT)
    chain.finalize(time=world.PREPARE_BY)
    assert facts(await observer.look([aborted])) == []
    assert "past prepareBy" in str(observer.note(known.settlement, known.leg))
    block = chain.finalize(time=world.PREPARE_BY + 1)
    assert facts(await observer.look([known])) == []
    assert facts(await observer.look([decided(known, Outcome.COMMIT)])) == []
    assert "badly wrong" in str(observer.note(known.settlement, known.leg))
    for _ in range(2):
        (seen,) = (await observer.look([aborted])).observations
        assert seen.fact is Fact.RETURNED
        assert isinstance(seen.document, ChainAbsenceDocument)
        assert (seen.document.block_hash, seen.document.block_time) == (block.hash, world.PREPARE_BY + 1)
        chain.finalize()


async def test_a_hold_after_the_abort_is_no_absence(chain: FakeChain, observer: Observer) -> None:
    """A hold that slipped in keeps the leg open until the certificate has returned it."""
    known = decided(watch(), Outcome.ABORT)
    chain.hold(known, time=world.PREPARE_BY)
    chain.finalize(time=world.PREPARE_BY + 100)
    assert facts(await observer.look([known])) == [Fact.HELD]
    chain.end(known, Returned)
    assert facts(await observer.look([known])) == [Fact.HELD, Fact.RETURNED]


async def test_an_entitled_leg_is_held_and_waits(chain: FakeChain, observer: Observer) -> None:
    """A token that refuses to move is shown to people; the hold stands."""
    known = decided(watch(), Outcome.COMMIT)
    chain.hold(known)
    chain.put(known, HoldStatus.ENTITLED_PAYEE)
    assert facts(await observer.look([known])) == [Fact.HELD]
    assert "refuses to move" in str(observer.note(known.settlement, known.leg))


async def test_a_lane_that_went_on_keeps_what_its_events_say(chain: FakeChain, rpc: Rpc) -> None:
    """The payer may use the lane again once the leg is finished: its end is found by its event, at a restart too."""
    known = watch()
    chain.hold(known)
    observer = make(rpc)
    assert facts(await observer.look([known])) == [Fact.HELD]
    leg = onchain(known)
    chain.finalize(log_of(Delivered, known))
    chain.blocks[-1].holds[leg.payer, leg.lane] = (b"\7" * 26, leg.generation + 1, int(HoldStatus.HELD))
    assert facts(await observer.look([known])) == [Fact.HELD, Fact.DELIVERED]
    assert facts(await make(rpc).look([known])) == [Fact.DELIVERED]


async def test_a_lane_used_by_another_leg_is_told(chain: FakeChain, observer: Observer) -> None:
    """A generation spent, or a lane still taken, is no fact; people are told."""
    known = watch()
    leg = onchain(known)
    chain.finalize()
    chain.blocks[-1].holds[leg.payer, leg.lane] = (b"\7" * 26, leg.generation, int(HoldStatus.DELIVERED))
    assert facts(await observer.look([known])) == []
    assert "was used by another leg" in str(observer.note(known.settlement, known.leg))
    chain.finalize()
    chain.blocks[-1].holds[leg.payer, leg.lane] = (b"\7" * 26, leg.generation, int(HoldStatus.HELD))
    assert facts(await observer.look([known])) == []
    assert "still taken" in str(observer.note(known.settlement, known.leg))


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
    known, other = watch(), watch(world.instruction(salt=2))
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
    ],
    ids=["chain", "code", "network", "epoch", "committee", "no vault"],
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
    assert said in trouble(sighting, WrongVault)
    chain.chain_id, chain.code, chain.views = honest
    assert facts(await observer.look([known])) == [Fact.HELD]


async def test_an_idle_look_costs_one_request_and_a_busy_one_few(chain: FakeChain, observer: Observer) -> None:
    """Requests do not grow with the legs: sixty are watched, and all become held in one block."""
    watches = [watch(world.instruction(salt=salt)) for salt in range(1, 61)]
    await observer.look(watches)
    before = chain.requests
    await observer.look(watches)
    assert chain.requests - before == 1
    chain.finalize(*(log_of(Held, each) for each in watches))
    before = chain.requests
    await observer.look(watches)
    assert chain.requests - before <= 5


async def test_many_legs_are_read_in_turn(
    chain: FakeChain, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look reads a bounded number of lanes; every leg has its turn."""
    monkeypatch.setattr(observer_module, "EXAMINE_MAX", 2)
    legs = tuple(world.onchain_leg(index) for index in range(5))
    terms = world.instruction(5, 1, onchain_legs=legs)
    watches = [watch(terms, index) for index in range(5)]
    chain.finalize(exits=REFUSED_PAYEE)
    seen = [len(facts(await observer.look(watches))) for _ in range(4)]
    assert seen == [2, 4, 5, 5]
    assert facts(await observer.look(watches[:1])) == [Fact.REFUSED]
    assert observer.note(watches[4].settlement, watches[4].leg) is None


async def test_after_a_long_absence_lanes_are_read_instead_of_blocks(
    chain: FakeChain, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that slept too long does not read every block; the lane leads it to the event."""
    monkeypatch.setattr(observer_module, "SCAN_BLOCKS_MAX", 3)
    known = watch()
    assert facts(await observer.look([known])) == []
    chain.hold(known)
    for _ in range(5):
        chain.finalize()
    assert facts(await observer.look([known])) == [Fact.HELD]


async def test_an_endpoint_that_wants_smaller_ranges_gets_them(chain: FakeChain, rpc: Rpc) -> None:
    """A refused range is halved until it is taken."""
    known = watch()
    observer = make(rpc, range_blocks=8)
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


async def test_another_settlements_event_is_passed_over(chain: FakeChain, observer: Observer) -> None:
    """Others use the vault too."""
    known, other = watch(), watch(world.instruction(salt=2))
    await observer.look([known])
    chain.hold(other)
    sighting = await observer.look([known])
    assert facts(sighting) == []
