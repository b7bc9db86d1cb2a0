"""The observer says what is final and equal to the signed terms, nothing else, and finds it again after a restart."""

from collections.abc import AsyncIterator

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.evidence.chain_event import Delivered, Held, Returned, Tombstoned
from interlock.evidence.document import ChainAbsenceDocument, ChainRefusalDocument
from interlock.ledgers.evm import observer as observer_module
from interlock.ledgers.evm.abi import HoldStatus
from interlock.ledgers.evm.observer import Observer
from interlock.ledgers.evm.rpc import Rpc
from interlock.ledgers.protocol import LedgerNonsense
from support import world
from support.evm import FakeChain, decided, log_of, onchain, serving, watch
from support.evm_eyes import NAME, REFUSED_PAYEE, eyes, facts


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


@pytest.mark.parametrize(("kind", "fact"), [(Delivered, Fact.DELIVERED), (Tombstoned, Fact.RETURNED)])
async def test_a_restart_finds_the_end_again(chain: FakeChain, rpc: Rpc, kind: type, fact: Fact) -> None:
    """A new life judges from the lane and searches backwards for the event, in bounded ranges."""
    known = watch()
    if kind is Delivered:
        chain.hold(known)
    chain.end(known, kind)
    for _ in range(25):
        chain.finalize()
    observer = eyes(rpc, range_blocks=2)
    assert facts(await observer.look([decided(known, Outcome.ABORT)])) == [fact]


async def test_a_long_search_goes_on_at_the_next_look(
    chain: FakeChain, rpc: Rpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look searches a bounded number of ranges; the hold is a fact when its event was found."""
    monkeypatch.setattr(observer_module, "SEARCH_RANGES_MAX", 2)
    known = watch()
    chain.hold(known)
    for _ in range(12):
        chain.finalize()
    observer = eyes(rpc, range_blocks=3)
    looks = [facts(await observer.look([known])) for _ in range(3)]
    assert looks == [[], [], [Fact.HELD]]


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


@pytest.mark.parametrize("case", ["unsigned", "decided", "late", "not final"])
async def test_a_refusal_that_would_not_count_is_not_voted(chain: FakeChain, observer: Observer, case: str) -> None:
    """No refusal of a leg that nobody asks to hold, that can be held no more, or of a block that is not final."""
    known = watch(signed=case != "unsigned")
    if case == "decided":
        known = decided(known, Outcome.COMMIT)
    if case == "not final":
        chain.mine(exits=REFUSED_PAYEE)
    else:
        chain.finalize(exits=REFUSED_PAYEE, time=world.PREPARE_BY + 1 if case == "late" else None)
    assert Fact.REFUSED not in facts(await observer.look([known]))


@pytest.mark.parametrize(
    ("exits", "step"),
    [(REFUSED_PAYEE, "deliver"), ((True, True, False, b""), "return"), ((True, False, False, b"x"), "deliver")],
)
async def test_a_permission_lost_after_the_hold_is_refused_until_the_certificate(
    chain: FakeChain, observer: Observer, exits: tuple[bool, bool, bool, bytes], step: str
) -> None:
    """The hold stands and could not be let out: a vote to give up, with the block; after the certificate it is none."""
    known = watch()
    chain.hold(known)
    assert facts(await observer.look([known])) == [Fact.HELD]
    block = chain.finalize(exits=exits)
    assert facts(await observer.look([known])) == [Fact.HELD, Fact.REFUSED]
    chain.finalize()
    sighting = await observer.look([known])
    assert facts(sighting) == [Fact.HELD, Fact.REFUSED]
    document = sighting.observations[1].document
    assert isinstance(document, ChainRefusalDocument)
    assert (document.block_hash, document.step, document.reason) == (block.hash, step, exits[3])
    assert "refused" in str(observer.note(known.settlement, known.leg))
    for outcome in Outcome:
        assert facts(await observer.look([decided(known, outcome)])) == [Fact.HELD]
    assert observer.note(known.settlement, known.leg) is None


async def test_a_permission_that_comes_back_ends_the_refusal(chain: FakeChain, observer: Observer) -> None:
    """What the chain does not say any more is not voted any more."""
    known = watch()
    chain.hold(known)
    await observer.look([known])
    chain.finalize(exits=REFUSED_PAYEE)
    assert facts(await observer.look([known])) == [Fact.HELD, Fact.REFUSED]
    for _ in range(2):
        chain.finalize(exits=(True, True, True, b""))
    assert facts(await observer.look([known])) == [Fact.HELD]
    assert observer.note(known.settlement, known.leg) is None


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_hold_that_could_not_be_let_out_is_not_voted(chain: FakeChain, rpc: Rpc, *, is_restarted: bool) -> None:
    """HELD is said only where both exits succeed at that final block, at once when it is seen and after a restart."""
    known = watch()
    observer = eyes(rpc)
    if not is_restarted:
        for _ in range(40):
            chain.finalize()
            assert facts(await observer.look([known])) == []
    chain.hold(known)
    chain.blocks[-1].exits = REFUSED_PAYEE
    assert facts(await observer.look([known])) == [Fact.REFUSED]
    for _ in range(2):
        chain.finalize(exits=(True, True, True, b""))
        seen = facts(await observer.look([known]))
    assert seen == [Fact.HELD]


async def test_a_hold_seen_after_its_deadline_is_checked_too(chain: FakeChain, observer: Observer) -> None:
    """The chain's clock may be ahead of the log's: while nothing is decided, the exits count."""
    known = watch()
    chain.hold(known)
    chain.finalize(time=world.PREPARE_BY + 1, exits=REFUSED_PAYEE)
    assert facts(await observer.look([known])) == []
    assert "checked next" in str(observer.note(known.settlement, known.leg))
    chain.finalize()
    assert facts(await observer.look([known])) == [Fact.REFUSED]


async def test_a_hold_is_watched_less_and_less_often_until_the_decision(chain: FakeChain, observer: Observer) -> None:
    """A standing hold costs few rehearsals, and none once its certificate is known."""
    known = watch()
    chain.hold(known)
    await observer.look([known])
    checked = []
    for number in range(1, 64):
        chain.finalize()
        before = chain.calls.count("eth_call")
        assert facts(await observer.look([known])) == [Fact.HELD]
        if chain.calls.count("eth_call") > before:
            checked.append(number)
    assert checked == [1, 3, 7, 15, 31, 47, 63]
    known = decided(known, Outcome.COMMIT)
    start = chain.calls.count("eth_call")
    for _ in range(20):
        chain.finalize(exits=REFUSED_PAYEE)
        assert facts(await observer.look([known])) == [Fact.HELD]
    assert chain.calls.count("eth_call") - start == 20


async def test_a_check_that_failed_is_made_again_at_once(chain: FakeChain, observer: Observer) -> None:
    """An endpoint that fails once delays nothing: neither the hold's vote nor its refusal."""
    known = watch()
    await observer.look([known])
    chain.hold(known)
    limit = {"code": -32005, "message": "slow down"}
    chain.faults += [lambda answers: answers] * 3
    chain.faults.append(lambda answers: [answers[0], {"jsonrpc": "2.0", "id": answers[1]["id"], "error": limit}])
    assert (await observer.look([known])).observations == ()
    assert facts(await observer.look([known])) == [Fact.HELD]


async def test_a_hold_that_is_gone_without_a_trace_is_not_voted(chain: FakeChain, observer: Observer) -> None:
    """Where the lane has the hold no more and no event says why, HELD is said no more, and people are alarmed."""
    known = watch()
    chain.hold(known)
    assert facts(await observer.look([known])) == [Fact.HELD]
    chain.finalize()
    chain.blocks[-1].holds.clear()
    sighting = await observer.look([known])
    assert sighting.observations == ()
    assert [type(each) for each in sighting.troubles] == [LedgerNonsense]


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
    observer = eyes(rpc)
    assert facts(await observer.look([known])) == [Fact.HELD]
    leg = onchain(known)
    chain.finalize(log_of(Delivered, known))
    chain.blocks[-1].holds[leg.payer, leg.lane] = (b"\7" * 26, leg.generation + 1, int(HoldStatus.HELD))
    assert facts(await observer.look([known])) == [Fact.HELD, Fact.DELIVERED]
    assert facts(await eyes(rpc).look([known])) == [Fact.DELIVERED]


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
    """One look reads a bounded number of lanes; every leg has its turn, and a bounded number is remembered."""
    monkeypatch.setattr(observer_module, "EXAMINE_MAX", 2)
    monkeypatch.setattr(observer_module, "LEGS_MAX", 4)
    legs = tuple(world.onchain_leg(index) for index in range(5))
    terms = world.instruction(5, 1, onchain_legs=legs)
    watches = [watch(terms, index) for index in range(5)]
    chain.finalize(exits=REFUSED_PAYEE)
    seen = [len(facts(await observer.look(watches))) for _ in range(4)]
    assert seen == [2, 4, 5, 5]
    assert facts(await observer.look(watches[:1])) == [Fact.REFUSED]
    assert len(observer._legs) == 4
    assert observer.note(watches[1].settlement, watches[1].leg) is None
    assert observer.note(watches[4].settlement, watches[4].leg) is not None


async def test_exits_are_checked_less_and_less_often(chain: FakeChain, observer: Observer) -> None:
    """A leg that waits for its payer costs few rehearsals; what was seen stays until the next one."""
    known = watch()
    calls = []
    for _ in range(40):
        chain.finalize(exits=REFUSED_PAYEE)
        before = chain.calls.count("eth_call")
        assert facts(await observer.look([known])) == [Fact.REFUSED]
        calls.append(chain.calls.count("eth_call") - before)
    checked = [number for number, count in enumerate(calls[1:], 1) if count == 2]
    assert checked == [1, 3, 7, 15, 31]


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


async def test_another_settlements_event_is_passed_over(chain: FakeChain, observer: Observer) -> None:
    """Others use the vault too."""
    known, other = watch(), watch(world.instruction(onchain_legs=(world.onchain_leg(nonce=world.nonce(7)),)))
    await observer.look([known])
    chain.hold(other)
    sighting = await observer.look([known])
    assert facts(sighting) == []
