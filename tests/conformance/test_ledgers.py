"""What every ledger promises through its adapter, asked of each that there is.

A `Bench` brings one ledger under test: connections to it, terms with a leg on it, and a hand on its clock. It is asked
for what its class promises: to hold, or to be the pivot. The answer of a request means nothing here but *asked*; what
became of it is looked up by `observe`, as a node does.
"""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import Instruction, LegIndex, ledger_of, legs_of
from interlock.core.limits import EVERY_LEG
from interlock.core.registry import LedgerClass
from interlock.encoding.values import MinorUnits, Uint32, Uint256
from interlock.ledgers.memory.event import LedgerEvent
from interlock.ledgers.memory.ledger import MemoryLedger
from interlock.ledgers.memory.rules import DIRECT_BANK, HELD_BANK, VAULT, Kind
from interlock.ledgers.protocol import Ledger, LedgerError, LedgerRefused, Observation, Watch
from support.memory import book_of, certificate, order_certificate, rotation, watch
from support.protocol import FIRST, FOUR, netted
from support.world import ALICE, BOB, PREPARE_BY, account_leg, id_of, onchain_leg

LAST_VALID = PREPARE_BY + 100
ELSEWHERE = "bank:elsewhere"
"""The ledger of the other side of every settlement here; nobody asks it anything."""


class Bench(Protocol):
    """One ledger under test, whose accounts belong to Alice, Bob and Carol and are funded."""

    ledger_class: LedgerClass
    is_pivot: bool

    def reach(self) -> Ledger:
        """Give one more node's connection to the same ledger."""

    def terms(self, *, salt: int, is_pivot: bool = False, amount: int = 10) -> Instruction:
        """Give an instruction with at least one leg on it, and one elsewhere; it is the pivot where that is wanted."""

    async def settle_down(self) -> None:
        """Let all that was asked be done and final, without its time passing anything."""

    async def pass_time(self, until: int) -> None:
        """Let its own final time pass a moment, unix seconds."""

    async def end(self) -> None:
        """Leave nothing behind; it must have kept its own books."""


class MemoryBench:
    """A ledger in memory, of one of its kinds."""

    def __init__(self, kind: Kind) -> None:
        self.ledger_class, self.is_pivot = kind.ledger_class, kind.is_pivot
        self._kind = kind
        self._book, self._told = book_of(kind, confirmations=2)

    @property
    def told(self) -> list[LedgerEvent]:
        """Give all that the ledger told."""
        return self._told

    def reach(self) -> Ledger:
        """Give a node's door."""
        return MemoryLedger(self._book)

    def terms(self, *, salt: int, is_pivot: bool = False, amount: int = 10) -> Instruction:
        """Give Alice's asset here against Bob's money elsewhere, or the money here."""
        pivot = self._book.name if is_pivot else ""
        units = MinorUnits(Uint256(amount))
        if self._kind.is_vault:
            here, other = onchain_leg(salt, amount=units), account_leg(ledger=ELSEWHERE)
            return netted(here, other, pivot=pivot, salt=salt)
        here_too = account_leg(ledger=self._book.name, amount=units)
        return netted(account_leg(1, ALICE.address, ledger=ELSEWHERE), here_too, pivot=pivot, salt=salt)

    async def settle_down(self) -> None:
        """Close three blocks at the same time."""
        for _ in range(3):
            self._book.advance(self._book.time)

    async def pass_time(self, until: int) -> None:
        """Close blocks past it."""
        for _ in range(4):
            self._book.advance(until + 1)

    async def end(self) -> None:
        """Add its books up."""
        self._book.audit()


BENCHES: dict[str, Callable[[], Bench]] = {
    "memory vault": lambda: MemoryBench(VAULT),
    "memory held bank": lambda: MemoryBench(HELD_BANK),
    "memory direct bank": lambda: MemoryBench(DIRECT_BANK),
}
HOLDING = [name for name, make in BENCHES.items() if make().ledger_class is not LedgerClass.DIRECT]
PIVOTS = [name for name, make in BENCHES.items() if make().is_pivot]


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Give the bench that a test's parameter names."""
    made = BENCHES[request.param]()
    yield made
    await made.end()


holding = pytest.mark.parametrize("bench", HOLDING, indirect=True)
pivoting = pytest.mark.parametrize("bench", PIVOTS, indirect=True)
unpivoting = pytest.mark.parametrize("bench", sorted(set(BENCHES) - set(PIVOTS)), indirect=True)
every = pytest.mark.parametrize("bench", list(BENCHES), indirect=True)


def leg_here(bench: Bench, terms: Instruction) -> int:
    """Give the first leg on the ledger under test."""
    return [ledger_of(leg) for leg in legs_of(terms)].index(bench.reach().name)


async def seen(ledger: Ledger, *watches: Watch) -> list[Fact]:
    """Look once; give the facts alone, each about what it must be about."""
    sighting = await ledger.observe(watches)
    assert sighting.troubles == ()
    return [each.fact for each in sighting.observations]


async def hold(bench: Bench, ledger: Ledger, terms: Instruction) -> None:
    """Have the leg held."""
    await ledger.prepare(watch(terms, leg_here(bench, terms)))
    await bench.settle_down()
    assert await seen(ledger, watch(terms, leg_here(bench, terms))) == [Fact.HELD]


@holding
@pytest.mark.parametrize(("outcome", "end"), [(Outcome.COMMIT, Fact.DELIVERED), (Outcome.ABORT, Fact.RETURNED)])
async def test_a_hold_ends_as_its_certificate_says_whoever_brings_it(bench: Bench, outcome: Outcome, end: Fact) -> None:
    """Every node may ask and bring, once or often; all see the same, for ever, in the order in which it happened."""
    terms = bench.terms(salt=1)
    nodes = [bench.reach() for _ in range(4)]
    asked = watch(terms, leg_here(bench, terms))
    for node in nodes:
        await node.prepare(asked)
    await bench.settle_down()
    decided = watch(terms, leg_here(bench, terms), certificate=certificate(id_of(terms), outcome))
    for node in nodes:
        await node.deliver(decided)
    await bench.settle_down()
    for node in nodes:
        assert await seen(node, decided) == [Fact.HELD, end]
        await node.deliver(decided)
        await node.prepare(decided)
    await bench.settle_down()
    assert [await seen(node, decided) for node in nodes] == [[Fact.HELD, end]] * 4


@every
async def test_what_nobody_asked_for_is_not_seen(bench: Bench) -> None:
    """No observation is no vote: a ledger that knows nothing says nothing, while a hold may still come."""
    terms = bench.terms(salt=1)
    assert await seen(bench.reach(), watch(terms, leg_here(bench, terms))) == []


@holding
async def test_no_hold_begins_after_prepare_by(bench: Bench) -> None:
    """Past it, asking gives no hold, whatever it answers; that none can come any more is RETURNED."""
    terms, ledger = bench.terms(salt=1), bench.reach()
    await bench.pass_time(PREPARE_BY)
    asked = watch(terms, leg_here(bench, terms), certificate=certificate(id_of(terms), Outcome.ABORT))
    await ask(ledger.prepare, asked)
    await bench.settle_down()
    assert (await seen(ledger, asked))[-1:] == [Fact.RETURNED]
    assert Fact.HELD not in await seen(ledger, asked)


@holding
async def test_a_hold_stands_past_every_time(bench: Bench) -> None:
    """Nothing but a certificate ends it: no expiry (B1)."""
    terms, ledger = bench.terms(salt=1), bench.reach()
    await hold(bench, ledger, terms)
    await bench.pass_time(PREPARE_BY + 1_000_000)
    assert await seen(ledger, watch(terms, leg_here(bench, terms))) == [Fact.HELD]


@holding
async def test_abort_before_the_hold_closes_the_leg(bench: Bench) -> None:
    """The tombstone is RETURNED, and no request makes a hold after it."""
    terms, ledger = bench.terms(salt=1), bench.reach()
    asked = watch(terms, leg_here(bench, terms), certificate=certificate(id_of(terms), Outcome.ABORT))
    await ledger.deliver(asked)
    await bench.settle_down()
    await ask(ledger.prepare, asked)
    await bench.settle_down()
    assert await seen(ledger, asked) == [Fact.RETURNED]


@holding
async def test_commit_without_a_hold_is_refused_and_delivers_nothing(bench: Bench) -> None:
    """What is not held is not captured."""
    terms, ledger = bench.terms(salt=1), bench.reach()
    decided = watch(terms, leg_here(bench, terms), certificate=certificate(id_of(terms), Outcome.COMMIT))
    with pytest.raises(LedgerError):
        await ledger.deliver(decided)
    await bench.settle_down()
    assert Fact.DELIVERED not in await seen(ledger, decided)


@holding
@pytest.mark.parametrize("first", Outcome)
async def test_the_first_outcome_stays(bench: Bench, first: Outcome) -> None:
    """Two valid certificates: the second ends nothing, whatever it answers."""
    terms, ledger = bench.terms(salt=1), bench.reach()
    await hold(bench, ledger, terms)
    leg = leg_here(bench, terms)
    for outcome in (first, *Outcome, first):
        await ask(ledger.deliver, watch(terms, leg, certificate=certificate(id_of(terms), outcome)))
        await bench.settle_down()
    end = Fact.DELIVERED if first is Outcome.COMMIT else Fact.RETURNED
    assert await seen(ledger, watch(terms, leg)) == [Fact.HELD, end]


@holding
async def test_what_proves_nothing_ends_nothing(bench: Bench) -> None:
    """Too few signatures, another settlement's, no signatures of the committee: refused, and the hold stands."""
    terms, ledger = bench.terms(salt=1), bench.reach()
    await hold(bench, ledger, terms)
    leg, id_ = leg_here(bench, terms), id_of(terms)
    few = certificate(id_, Outcome.COMMIT, members=(0, 1))
    strangers = certificate(id_, Outcome.COMMIT, FIRST.followed_by(*FOUR))
    for bad in (few, certificate(id_of(bench.terms(salt=2)), Outcome.COMMIT), strangers):
        with pytest.raises(LedgerError):
            await ledger.deliver(watch(terms, leg, certificate=bad))
    await bench.settle_down()
    assert await seen(ledger, watch(terms, leg)) == [Fact.HELD]
    with pytest.raises(ValueError, match="nothing to"):
        await ledger.deliver(watch(terms, leg))


@holding
async def test_a_missing_signature_makes_no_hold(bench: Bench) -> None:
    """One side alone locks nobody's money, nor its own by a stranger's call."""
    terms, ledger = bench.terms(salt=1), bench.reach()
    for signers in ((), (ALICE.address,), (BOB.address,)):
        with pytest.raises(LedgerError):
            await ledger.prepare(watch(terms, leg_here(bench, terms), signers=signers))
    await bench.settle_down()
    assert await seen(ledger, watch(terms, leg_here(bench, terms))) == []


@holding
async def test_the_pivot_holds_nothing_for_itself(bench: Bench) -> None:
    """No hold for an instruction whose pivot is this ledger (B15)."""
    terms, ledger = bench.terms(salt=1, is_pivot=True), bench.reach()
    with pytest.raises(LedgerRefused):
        await ledger.prepare(watch(terms, leg_here(bench, terms)))
    await bench.settle_down()
    assert await seen(ledger, watch(terms, leg_here(bench, terms))) == []


@every
async def test_a_leg_of_another_ledger_is_no_business_of_this_one(bench: Bench) -> None:
    """Refused, and a trouble of that leg alone when looked at together with others."""
    terms, ledger = bench.terms(salt=1), bench.reach()
    elsewhere = 1 - leg_here(bench, terms)
    for request in (ledger.prepare, ledger.execute):
        with pytest.raises((LedgerRefused, ValueError)):
            await request(watch(terms, elsewhere))
    sighting = await ledger.observe([watch(terms, elsewhere), watch(terms, leg_here(bench, terms))])
    assert len(sighting.troubles) == 1
    assert sighting.troubles[0].leg == elsewhere


@holding
async def test_the_next_committee_is_obeyed_once_its_rotation_comes_along(bench: Bench) -> None:
    """A certificate of a newer epoch waits for the rotations, which anyone brings in the same call."""
    terms, ledger = bench.terms(salt=1), bench.reach()
    await hold(bench, ledger, terms)
    leg, successor = leg_here(bench, terms), FIRST.followed_by(*FOUR)
    by_successor = certificate(id_of(terms), Outcome.COMMIT, successor)
    with pytest.raises(LedgerError) as raised:
        await ledger.deliver(watch(terms, leg, certificate=by_successor))
    assert raised.value.retryable
    await ledger.deliver(watch(terms, leg, certificate=by_successor, rotations=[rotation(FIRST, successor)]))
    await bench.settle_down()
    assert await seen(ledger, watch(terms, leg)) == [Fact.HELD, Fact.DELIVERED]
    other = bench.terms(salt=2)
    await hold(bench, ledger, other)
    with pytest.raises(LedgerError):
        await ledger.deliver(watch(other, leg, certificate=certificate(id_of(other), Outcome.COMMIT)))
    await bench.settle_down()
    assert await seen(ledger, watch(other, leg)) == [Fact.HELD]


@pivoting
async def test_the_pivot_executes_its_order_once(bench: Bench) -> None:
    """EXECUTED, about the settlement as a whole, for ever: also past last_valid, also by another node."""
    terms = bench.terms(salt=1, is_pivot=True)
    leg = leg_here(bench, terms)
    ordered = watch(terms, leg, order=order_certificate(terms, last_valid=LAST_VALID))
    one, other = bench.reach(), bench.reach()
    assert await seen(one, ordered) == []
    await one.execute(ordered)
    await other.execute(ordered)
    await bench.settle_down()
    await bench.pass_time(LAST_VALID)
    await other.execute(ordered)
    await bench.settle_down()
    for ledger in (one, other):
        assert await observed(ledger, ordered) == [Observation(id_of(terms), _EVERY_LEG, Fact.EXECUTED, None)]


@pivoting
async def test_the_pivot_says_never_past_last_valid_and_not_before(bench: Bench) -> None:
    """By its own clock; after NEVER nothing executes (D3, D4)."""
    terms, ledger = bench.terms(salt=1, is_pivot=True), bench.reach()
    ordered = watch(terms, leg_here(bench, terms), order=order_certificate(terms, last_valid=LAST_VALID))
    await bench.pass_time(LAST_VALID - 2)
    assert await seen(ledger, ordered) == []
    await bench.pass_time(LAST_VALID)
    for _ in range(2):
        await ask(ledger.execute, ordered)
        await bench.settle_down()
        assert await observed(ledger, ordered) == [Observation(id_of(terms), _EVERY_LEG, Fact.NEVER, None)]


@pivoting
async def test_an_order_without_proof_or_signatures_moves_and_records_nothing(bench: Bench) -> None:
    """Nobody but a quorum orders, and nobody but the parties gives what is ordered (D2, D6)."""
    terms, ledger = bench.terms(salt=1, is_pivot=True), bench.reach()
    leg = leg_here(bench, terms)
    good = order_certificate(terms, last_valid=LAST_VALID)
    for bad in (
        watch(terms, leg, order=order_certificate(terms, last_valid=LAST_VALID, members=(0, 1))),
        watch(terms, leg, order=order_certificate(bench.terms(salt=2, is_pivot=True), last_valid=LAST_VALID)),
        watch(terms, leg, order=good, signers=(ALICE.address,)),
        watch(terms, leg, order=good, signers=(BOB.address,)),
    ):
        with pytest.raises(LedgerError):
            await ledger.execute(bad)
    with pytest.raises(ValueError, match="nothing to"):
        await ledger.execute(watch(terms, leg))
    await bench.settle_down()
    assert await seen(ledger, watch(terms, leg, order=good)) == []
    await ledger.execute(watch(terms, leg, order=good))
    await bench.settle_down()
    assert await seen(ledger, watch(terms, leg, order=good)) == [Fact.EXECUTED]


@unpivoting
async def test_a_ledger_that_is_no_pivot_executes_nothing(bench: Bench) -> None:
    """It says that it cannot, and moves nothing."""
    terms = bench.terms(salt=1, is_pivot=True)
    ordered = watch(terms, leg_here(bench, terms), order=order_certificate(terms, last_valid=LAST_VALID))
    with pytest.raises(LedgerRefused):
        await bench.reach().execute(ordered)


@holding
async def test_money_that_is_not_there_is_not_held(bench: Bench) -> None:
    """More than the payer has: refused or nothing yet, never HELD; another settlement goes on unharmed."""
    terms, ledger = bench.terms(salt=1, amount=10**12), bench.reach()
    await ask(ledger.prepare, watch(terms, leg_here(bench, terms)))
    await bench.settle_down()
    assert set(await seen(ledger, watch(terms, leg_here(bench, terms)))) <= {Fact.REFUSED}
    await hold(bench, ledger, bench.terms(salt=2))


@every
async def test_closing_twice_is_harmless(bench: Bench) -> None:
    """Connections are given back once."""
    ledger = bench.reach()
    await ledger.close()
    await ledger.close()


async def ask(request: Callable[[Watch], object], asked: Watch) -> None:
    """Ask what may well be refused."""
    try:
        await request(asked)  # type: ignore[misc]
    except LedgerError:
        return


async def observed(ledger: Ledger, asked: Watch) -> list[Observation]:
    """Look once; give what was seen without its document, which is each ledger's own."""
    found = (await ledger.observe([asked])).observations
    return [Observation(each.settlement, each.leg, each.fact, None) for each in found]


_EVERY_LEG = LegIndex(Uint32(EVERY_LEG))
