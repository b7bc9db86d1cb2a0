"""A lane that can never take the leg is a refusal, one that is only busy is not: generations only rise."""

from collections.abc import AsyncIterator

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.evidence.chain_event import Delivered
from interlock.evidence.document import ChainRefusalDocument
from interlock.evidence.lane_word import LaneWord, lane_fault, read_lane_word
from interlock.ledgers.evm import observer as observer_module
from interlock.ledgers.evm.abi import HoldStatus
from interlock.ledgers.evm.observer import Observer
from interlock.ledgers.evm.rpc import Rpc
from interlock.ledgers.protocol import Watch
from support import world
from support.evm import FakeChain, decided, log_of, onchain, serving, watch
from support.evm_eyes import NAME, REFUSED_PAYEE, eyes, facts

SIGNED = 5
LAST = 2**40 - 1
ANOTHER = b"\7" * 26
LIVE = (HoldStatus.HELD, HoldStatus.ENTITLED_PAYEE, HoldStatus.ENTITLED_PAYER)
FINISHED = (HoldStatus.DELIVERED, HoldStatus.RETURNED, HoldStatus.TOMBSTONED)


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


def known_leg(*, signed: bool = True) -> Watch:
    """Watch a leg that signed the fifth use of its lane."""
    terms = world.instruction(onchain_legs=(world.onchain_leg(nonce=world.nonce(9, SIGNED)),))
    return watch(terms, signed=signed)


def use(chain: FakeChain, known: Watch, generation: int, status: HoldStatus) -> None:
    """Let another leg stand in the lane, in the newest block."""
    leg = onchain(known)
    chain.blocks[-1].holds[leg.payer, leg.lane] = (ANOTHER, generation, int(status))


@pytest.mark.parametrize("status", [*LIVE, *FINISHED])
@pytest.mark.parametrize("generation", [SIGNED, SIGNED + 1, LAST])
async def test_a_generation_that_another_leg_used_is_refused(
    chain: FakeChain, observer: Observer, generation: int, status: HoldStatus
) -> None:
    """Live or finished, the lane takes this leg never: a refusal with the lane's own word, and words for people."""
    known = known_leg()
    block = chain.finalize()
    use(chain, known, generation, status)
    (seen,) = (await observer.look([known])).observations
    document = seen.document
    assert seen.fact is Fact.REFUSED
    assert isinstance(document, ChainRefusalDocument)
    assert (document.block_number, document.block_hash, document.step) == (block.number, block.hash, "lane")
    word = read_lane_word(document.reason)
    assert word == LaneWord(ANOTHER, generation, int(status))
    assert lane_fault(word, known.settlement, known.leg, onchain(known)) is None
    said = str(observer.note(known.settlement, known.leg))
    assert f"refused: the payer's lane 9 was used by another leg up to generation {generation}" in said
    assert f"generation {SIGNED} can never be held" in said


@pytest.mark.parametrize(
    ("generation", "status", "words"),
    [
        *((SIGNED - 1, status, "the payer's lane 9 is still taken by another leg") for status in LIVE),
        *((SIGNED - 1, status, "not held yet") for status in FINISHED),
        (0, HoldStatus.EMPTY, "not held yet"),
        (SIGNED, HoldStatus.EMPTY, "not held yet"),
    ],
)
async def test_a_lane_that_may_still_take_the_leg_is_no_refusal(
    chain: FakeChain, observer: Observer, generation: int, status: HoldStatus, words: str
) -> None:
    """A busy lane with a lower generation comes free, a finished or unused one is free: no vote."""
    known = known_leg()
    chain.finalize()
    use(chain, known, generation, status)
    assert facts(await observer.look([known])) == []
    assert observer.note(known.settlement, known.leg) == words


@pytest.mark.parametrize("case", ["unsigned", "committed", "aborted", "late", "not final"])
async def test_a_used_lane_that_would_not_count_is_not_voted(chain: FakeChain, observer: Observer, case: str) -> None:
    """As any refusal: only of a leg that is matched, undecided and in time, and at a final block."""
    known = known_leg(signed=case != "unsigned")
    if case in {"committed", "aborted"}:
        known = decided(known, Outcome.COMMIT if case == "committed" else Outcome.ABORT)
    if case == "not final":
        chain.mine()
    else:
        chain.finalize(time=world.PREPARE_BY + 1 if case == "late" else None)
    use(chain, known, SIGNED, HoldStatus.DELIVERED)
    assert facts(await observer.look([known])) == []
    if case == "aborted":
        assert "can never be held; closed once the chain's own time" in str(observer.note(known.settlement, known.leg))


async def test_the_first_sight_of_a_used_lane_stays_the_evidence(chain: FakeChain, observer: Observer) -> None:
    """However far the lane goes on, and whatever the token does, no second statement is made."""
    known = known_leg()
    block = chain.finalize()
    use(chain, known, SIGNED, HoldStatus.HELD)
    first = (await observer.look([known])).observations
    assert [each.document.position for each in first] == [block.hash]
    for generation in range(SIGNED, SIGNED + 20):
        chain.finalize(exits=REFUSED_PAYEE)
        use(chain, known, generation, HoldStatus.DELIVERED)
        assert (await observer.look([known])).observations == first


async def test_a_lane_becomes_used_while_it_is_watched(chain: FakeChain, observer: Observer) -> None:
    """A busy lane may still go past the signed generation, and then it is refused."""
    known = known_leg()
    chain.finalize()
    use(chain, known, SIGNED - 1, HoldStatus.HELD)
    assert facts(await observer.look([known])) == []
    chain.finalize()
    use(chain, known, SIGNED, HoldStatus.HELD)
    assert facts(await observer.look([known])) == [Fact.REFUSED]


@pytest.mark.parametrize("is_ours", [True, False])
async def test_the_legs_own_end_is_searched_for_before_a_refusal(
    chain: FakeChain, rpc: Rpc, monkeypatch: pytest.MonkeyPatch, *, is_ours: bool
) -> None:
    """The lane may have gone on after this very leg was finished: only a search down to the vault's start tells."""
    monkeypatch.setattr(observer_module, "SEARCH_RANGES_MAX", 2)
    known = known_leg()
    chain.finalize(*([log_of(Delivered, known)] if is_ours else []))
    for _ in range(12):
        chain.finalize()
    use(chain, known, SIGNED + 1, HoldStatus.HELD)
    observer = eyes(rpc, range_blocks=3)
    looks = [facts(await observer.look([known])) for _ in range(3)]
    assert looks == [[], [], [Fact.DELIVERED if is_ours else Fact.REFUSED]]
