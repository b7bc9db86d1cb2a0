"""What a vault needs is sent once, by the node whose turn it is, and only where it would succeed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from aiohttp import web
from eth_abi.abi import encode

from interlock.core.committee import MemberIndex
from interlock.core.decision import Outcome
from interlock.core.instruction import vault_name
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Uint32, Uint64, hex_of
from interlock.ledgers.evm import submission
from interlock.ledgers.evm.abi import HoldStatus
from interlock.ledgers.evm.ledger import EvmLedger, EvmSettings
from interlock.ledgers.evm.rpc import RpcRefused
from interlock.ledgers.evm.submission import Stuck
from interlock.ledgers.evm.transaction import GasKey
from interlock.ledgers.evm.vault import WrongVault
from interlock.ledgers.protocol import Ledger, LedgerNonsense, LedgerRefused, LedgerUnavailable, Watch
from support import world
from support.evm import (
    PUSH_REFUSED,
    TOO_LATE,
    Clock,
    FakeChain,
    Refusal,
    decided,
    onchain,
    sent,
    serving,
    watch,
)

STAGGER_S = 5.0
MakeLedger = Callable[[int], EvmLedger]


@pytest.fixture
async def chain() -> FakeChain:
    return FakeChain()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ledger_of(chain: FakeChain, clock: Clock) -> AsyncIterator[MakeLedger]:
    made: list[EvmLedger] = []
    async with serving(chain) as url:

        def make(member: int) -> EvmLedger:
            settings = EvmSettings(url, world.CHAIN_ID, world.VAULT, confirmations=0, stagger_s=STAGGER_S)
            ledger = EvmLedger(
                settings,
                network_id=world.NETWORK,
                committee=world.COMMITTEE,
                member=MemberIndex(Uint32(member)),
                gas_key=GasKey(world.key(900 + member)),
                timing=clock.timing,
            )
            made.append(ledger)
            return ledger

        yield make
        for ledger in made:
            await ledger.close()
            await ledger.close()


def first_for(known: Watch) -> int:
    """Give the member that goes first for a leg."""
    place = int.from_bytes(keccak256(known.settlement + int(known.leg).to_bytes(4, "big")), "big")
    return -place % len(world.NODES)


def later_for(known: Watch, rank: int) -> int:
    """Give the member that goes so many turns later."""
    return (first_for(known) + rank) % len(world.NODES)


@pytest.fixture
def known() -> Watch:
    return watch()


@pytest.fixture
def ledger(ledger_of: MakeLedger, known: Watch) -> EvmLedger:
    """Give the ledger of the node that goes first."""
    return ledger_of(first_for(known))


def functions(chain: FakeChain) -> list[str]:
    """Give the vault's functions that were called by transactions."""
    return [sent(raw).function for raw in chain.raw]


def test_it_is_a_ledger(ledger: Ledger) -> None:
    """The adapter has the protocol's form, and the vault's name."""
    assert ledger.name == vault_name(world.CHAIN_ID, world.VAULT)


async def test_prepare_brings_all_signatures_once(chain: FakeChain, ledger: EvmLedger, known: Watch) -> None:
    """One signature per leg goes along; a hold that stands, or is on its way, is not asked for again."""
    await ledger.prepare(known)
    await ledger.prepare(known)
    assert functions(chain) == ["prepare"]
    _, leg, signatures = sent(chain.raw[0]).values
    assert (leg, list(signatures)) == (0, [each.signature for each in known.signatures])
    chain.pool.clear()
    chain.hold(known)
    await ledger.prepare(known)
    assert len(chain.raw) == 1


async def test_one_signer_of_two_legs_signs_once(chain: FakeChain, ledger_of: MakeLedger) -> None:
    """The second leg of the same signer carries an empty entry."""
    both = watch(world.instruction(2), 1)
    await ledger_of(first_for(both)).prepare(both)
    signatures = list(sent(chain.raw[0]).values[2])
    assert [len(each) for each in signatures] == [65, 0, 65]


@pytest.mark.parametrize("exits", [(False, False, False, b""), (True, False, True, b"no"), (True, True, False, b"")])
async def test_a_hold_that_could_not_end_is_not_made(
    chain: FakeChain, ledger: EvmLedger, known: Watch, exits: tuple[bool, bool, bool, bytes]
) -> None:
    """No transaction where the amount could not be pulled, or would be locked in; it is sent once that changes."""
    chain.mine(exits=exits)
    await ledger.prepare(known)
    assert chain.raw == []
    chain.mine(exits=(True, True, True, b""))
    await ledger.prepare(known)
    assert functions(chain) == ["prepare"]


async def test_a_missing_signature_is_refused(chain: FakeChain, ledger: EvmLedger, known: Watch) -> None:
    """Without every required signature nothing is asked of the vault."""
    with pytest.raises(LedgerRefused, match="has not signed"):
        await ledger.prepare(replace(known, signatures=known.signatures[:1]))
    assert chain.raw == []


async def test_a_vault_that_would_revert_is_asked_nothing(chain: FakeChain, ledger: EvmLedger, known: Watch) -> None:
    """The reason is told in the vault's own words, for this leg."""
    late = TOO_LATE.selector + encode(TOO_LATE.inputs, [world.PREPARE_BY, world.PREPARE_BY + 1])
    chain.estimate = Refusal(3, "execution reverted", hex_of(late))
    with pytest.raises(LedgerRefused, match="prepare would revert: TooLate") as caught:
        await ledger.prepare(known)
    assert (caught.value.settlement, caught.value.leg, chain.raw) == (known.settlement, known.leg, [])
    chain.estimate = Refusal(-32000, "not today")
    with pytest.raises(RpcRefused, match="not today"):
        await ledger.prepare(known)


async def test_nodes_take_turns_and_the_later_ones_look_again(
    chain: FakeChain, ledger_of: MakeLedger, clock: Clock, known: Watch
) -> None:
    """The node of rank r waits r turns; what was held meanwhile costs it nothing."""
    clock.on_sleep = lambda: chain.put(known, HoldStatus.HELD)
    for rank in (1, 2, 3):
        await ledger_of(later_for(known, rank)).prepare(known)
        chain.blocks[-1].holds.clear()
    assert clock.slept == [STAGGER_S, 2 * STAGGER_S, 3 * STAGGER_S]
    assert chain.raw == []
    await ledger_of(first_for(known)).prepare(known)
    assert functions(chain) == ["prepare"]


async def test_a_node_whose_turn_passed_does_not_wait_again(
    chain: FakeChain, ledger_of: MakeLedger, clock: Clock, known: Watch
) -> None:
    """Where the first one failed the next sends; a new round of turns begins when all have had theirs."""
    late = ledger_of(later_for(known, 2))
    await late.prepare(known)
    assert (clock.slept, functions(chain)) == ([2 * STAGGER_S], ["prepare"])
    chain.pool.clear()
    await late.prepare(known)
    assert clock.slept == [2 * STAGGER_S]
    clock.time += 4 * STAGGER_S
    await late.prepare(known)
    assert clock.slept == [2 * STAGGER_S] * 2


async def test_so_many_legs_ask_the_chain_at_a_time(
    chain: FakeChain, ledger_of: MakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many legs are to be prepared, the endpoint gets a bounded number of requests at once."""
    monkeypatch.setattr(submission, "UNDER_WAY_MAX", 2)
    ledger = ledger_of(0)
    await ledger.check()
    running, most = 0, 0

    async def slow(answers: list[object]) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(50):
            await asyncio.sleep(0)
        running -= 1
        return web.json_response(answers)

    chain.mine(exits=(False, False, False, b""))
    chain.faults += [lambda answers: lambda _request: slow(answers)] * 8
    await asyncio.gather(*(ledger.prepare(watch(world.instruction(salt=salt))) for salt in range(1, 9)))
    assert (most, chain.faults) == (2, [])


async def test_a_second_call_while_one_waits_does_nothing(
    chain: FakeChain, ledger_of: MakeLedger, clock: Clock, known: Watch
) -> None:
    """A node that asks again before its turn has one transaction, not two."""
    late = ledger_of(later_for(known, 1))
    inner: list[None] = []

    async def ask_again(_seconds: float) -> None:
        inner.append(await late.prepare(known))

    late._submission.timing = replace(clock.timing, sleep=ask_again)
    await late.prepare(known)
    assert (inner, functions(chain)) == ([None], ["prepare"])


@pytest.mark.parametrize("outcome", Outcome)
async def test_all_held_legs_are_settled_in_one_call(chain: FakeChain, ledger_of: MakeLedger, outcome: Outcome) -> None:
    """Each leg of the settlement may be asked for; one transaction with one certificate serves them all."""
    terms = world.instruction(3)
    watches = [decided(watch(terms, leg), outcome) for leg in range(3)]
    for each in watches[:2]:
        chain.put(each, HoldStatus.HELD)
    ledger = ledger_of(first_for(watches[0]))
    for each in watches[:2]:
        await ledger.deliver(each)
    assert functions(chain) == ["settle"]
    settlement, said, proof, legs = sent(chain.raw[0]).values
    assert (settlement, said, proof[1]) == (watches[0].settlement, int(outcome), 0b0111)
    assert [leg for leg, _ in legs] == [0, 1]


@pytest.mark.parametrize("outcome", Outcome)
async def test_a_leg_that_is_not_held_asks_for_its_own_lane_only(
    chain: FakeChain, ledger: EvmLedger, outcome: Outcome
) -> None:
    """However many legs a settlement has: each of them is asked for, and all together must not cost their square."""
    terms = world.instruction(12)
    await ledger.check()
    before = chain.calls.count("eth_call")
    for leg in range(12):
        await ledger.deliver(decided(watch(terms, leg, signed=False), outcome))
    assert chain.calls.count("eth_call") - before == 12
    assert chain.raw == []


async def test_an_entitled_leg_is_withdrawn_or_stuck(chain: FakeChain, ledger: EvmLedger, known: Watch) -> None:
    """What the token refused is tried again; while it refuses, nothing is sent and people are told why."""
    known = decided(known, Outcome.COMMIT)
    chain.put(known, HoldStatus.ENTITLED_PAYEE)
    reason = [hex_of(world.TOKEN), hex_of(world.BOB.address), 100, b""]
    chain.estimate = Refusal(
        3, "execution reverted", hex_of(PUSH_REFUSED.selector + encode(PUSH_REFUSED.inputs, reason))
    )
    with pytest.raises(Stuck, match="withdraw would revert: PushRefused: no reason given") as caught:
        await ledger.deliver(known)
    assert (caught.value.retryable, chain.raw) == (True, [])
    chain.estimate = "0x5208"
    await ledger.deliver(known)
    assert functions(chain) == ["withdraw"]


@pytest.mark.parametrize("status", [HoldStatus.DELIVERED, HoldStatus.RETURNED, HoldStatus.TOMBSTONED])
async def test_a_finished_leg_needs_nothing(
    chain: FakeChain, ledger: EvmLedger, known: Watch, status: HoldStatus
) -> None:
    """Whoever finished it, nothing is sent again."""
    chain.put(known, status)
    await ledger.deliver(decided(known, Outcome.ABORT))
    await ledger.prepare(known)
    assert chain.raw == []


async def test_an_aborted_leg_without_a_hold_gets_a_tombstone(
    chain: FakeChain, ledger: EvmLedger, known: Watch
) -> None:
    """Where every party has signed, so that a stranger could still bring the hold, and while one could come."""
    aborted = decided(known, Outcome.ABORT)
    await ledger.deliver(replace(aborted, signatures=()))
    await ledger.deliver(decided(known, Outcome.COMMIT))
    chain.mine(time=world.PREPARE_BY + 1)
    await ledger.deliver(aborted)
    assert chain.raw == []
    chain.mine(time=world.PREPARE_BY)
    await ledger.deliver(aborted)
    assert functions(chain) == ["tombstone"]
    _, leg, signature, proof = sent(chain.raw[0]).values
    assert (leg, signature, proof[0]) == (0, known.signatures[0].signature, 1)


@pytest.mark.parametrize("signers", [[0], [1]], ids=["the payer's", "the others'"])
async def test_no_gas_is_spent_on_what_not_all_have_signed(
    chain: FakeChain, ledger: EvmLedger, known: Watch, signers: list[int]
) -> None:
    """Only the payer himself could still hold, and is given it back; whoever signs alone makes no node pay."""
    aborted = decided(known, Outcome.ABORT)
    alone = replace(aborted, signatures=tuple(aborted.signatures[place] for place in signers))
    await ledger.deliver(alone)
    assert chain.raw == []
    chain.hold(known)
    await ledger.deliver(alone)
    assert functions(chain) == ["settle"]


async def test_another_leg_in_the_lane_is_left_alone(chain: FakeChain, ledger: EvmLedger, known: Watch) -> None:
    """A hold with another commitment is not ours to settle or withdraw."""
    leg = onchain(known)
    chain.blocks[-1].holds[leg.payer, leg.lane] = (b"\7" * 26, leg.generation, int(HoldStatus.HELD))
    await ledger.deliver(decided(known, Outcome.COMMIT))
    assert chain.raw == []


@pytest.mark.parametrize("status", [HoldStatus.HELD, HoldStatus.DELIVERED])
async def test_a_lane_that_never_takes_the_leg_needs_no_tombstone(
    chain: FakeChain, ledger: EvmLedger, known: Watch, status: HoldStatus
) -> None:
    """Another leg used the signed generation: no hold can come, and the vault would revert."""
    leg = onchain(known)
    chain.blocks[-1].holds[leg.payer, leg.lane] = (b"\7" * 26, leg.generation, int(status))
    await ledger.deliver(decided(known, Outcome.ABORT))
    assert "eth_estimateGas" not in chain.calls


async def test_a_certificate_is_needed_and_of_this_epoch(chain: FakeChain, ledger: EvmLedger, known: Watch) -> None:
    """Without one it is the caller's mistake; of another epoch the vault would not take it."""
    with pytest.raises(ValueError, match="certificate"):
        await ledger.deliver(known)
    other = decided(known, Outcome.COMMIT)
    assert other.certificate is not None
    decision = replace(other.certificate.decision, epoch=Uint64(2))
    with pytest.raises(LedgerRefused, match="of epoch 2"):
        await ledger.deliver(replace(other, certificate=replace(other.certificate, decision=decision)))
    assert chain.raw == []


async def test_an_account_leg_is_a_mistake_of_the_caller(ledger: EvmLedger) -> None:
    """A bank's leg is not for a vault."""
    with pytest.raises(ValueError, match="books of a bank"):
        await ledger.prepare(watch(leg=1))


async def test_nothing_is_sent_to_another_networks_vault(chain: FakeChain, ledger: EvmLedger, known: Watch) -> None:
    """The vault is held against the genesis document before the first transaction."""
    chain.views["networkId"] = world.word(1)
    with pytest.raises(WrongVault):
        await ledger.prepare(known)
    with pytest.raises(WrongVault):
        await ledger.deliver(decided(known, Outcome.COMMIT))
    with pytest.raises(WrongVault):
        await ledger.check()
    assert chain.raw == []


async def test_trouble_while_looking_sends_nothing(chain: FakeChain, ledger: EvmLedger, known: Watch) -> None:
    """A chain that is late or talks nonsense is asked again later."""
    await ledger.check()
    chain.faults.append(lambda answers: [answers[0], answers[1] | {"result": "0x00"}])
    with pytest.raises(LedgerNonsense):
        await ledger.prepare(known)
    aborted = decided(known, Outcome.ABORT)
    chain.faults.append(lambda answers: [answers[0], answers[1] | {"result": None}])
    with pytest.raises(LedgerNonsense, match="no newest block"):
        await ledger.deliver(aborted)
    chain.faults.append(lambda answers: [answers[0], answers[1] | {"result": {}}])
    with pytest.raises(LedgerNonsense):
        await ledger.deliver(aborted)
    limit = {"code": -32005, "message": "slow down"}
    chain.faults.append(lambda answers: [answers[0], {"jsonrpc": "2.0", "id": answers[1]["id"], "error": limit}])
    with pytest.raises(LedgerUnavailable):
        await ledger.deliver(aborted)
    assert chain.raw == []


async def test_the_ledger_observes_and_tells_what_it_waits_for(
    chain: FakeChain, ledger: EvmLedger, known: Watch
) -> None:
    """Facts come from `observe` alone, words for people from `waiting`."""
    chain.finalize(exits=(False, False, False, b""))
    assert (await ledger.observe([known])).observations == ()
    assert "cannot take" in str(ledger.waiting(known.settlement, known.leg))
