"""One gas key's transactions get mined: one per purpose, nonces from the chain, prices that rise when one is stuck."""

import itertools
from collections.abc import AsyncIterator, Callable

import pytest

from interlock.encoding.keccak import keccak256
from interlock.encoding.values import hex_of
from interlock.ledgers.evm.abi import encode_call
from interlock.ledgers.evm.rpc import Rpc, RpcRefused
from interlock.ledgers.evm.sender import FLIGHTS_MAX, FeePolicy, GasMissing, Sender
from interlock.ledgers.evm.transaction import GasKey
from interlock.ledgers.protocol import LedgerNonsense, LedgerUnavailable
from support import world
from support.evm import GWEI, Clock, FakeChain, Refusal, sent, serving

DATA = encode_call("epoch")
GAS_KEY = world.key(900)
FEES = FeePolicy(max_fee_max=20 * GWEI, stuck_s=60.0, replacements_max=3)


@pytest.fixture
async def chain() -> FakeChain:
    return FakeChain()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def rpc(chain: FakeChain) -> AsyncIterator[Rpc]:
    async with serving(chain) as url:
        client = Rpc(url, "eip155:1:0x00")
        yield client
        await client.close()


@pytest.fixture
def sender(rpc: Rpc, clock: Clock) -> Sender:
    return make(rpc, clock)


def make(rpc: Rpc, clock: Clock) -> Sender:
    """Give the key's user in a fresh life."""
    return Sender(rpc, GasKey(GAS_KEY), world.CHAIN_ID, FEES, clock.timing)


def mine_pool(chain: FakeChain, *, status: int = 1) -> None:
    """Put every waiting transaction that can be into a block."""
    while chain.mined in chain.pool:
        chain.receipts[hex_of(keccak256(chain.pool.pop(chain.mined)))] = status
        chain.mined += 1


def nonces(chain: FakeChain) -> list[int]:
    """Give the nonces of everything sent."""
    return [sent(raw).nonce for raw in chain.raw]


async def test_a_purpose_has_one_transaction_under_way(chain: FakeChain, sender: Sender) -> None:
    """Sending again while it waits sends nothing; other purposes take the next nonces."""
    assert await sender.send("one", world.VAULT, DATA) == keccak256(chain.raw[0])
    assert await sender.send("one", world.VAULT, DATA) is None
    assert await sender.send("two", world.VAULT, DATA) is not None
    assert nonces(chain) == [0, 1]
    mine_pool(chain)
    assert await sender.send("one", world.VAULT, DATA) is None
    assert await sender.send("one", world.VAULT, DATA) is not None
    assert nonces(chain) == [0, 1, 2]


async def test_the_price_is_bounded_and_gas_has_a_margin(chain: FakeChain, sender: Sender) -> None:
    """Twice the base fee and a tip, never above the bound; above the bound nothing is sent."""
    await sender.send("one", world.VAULT, DATA)
    assert (sent(chain.raw[0]).max_fee, sent(chain.raw[0]).priority_fee) == (3 * GWEI, GWEI)
    expensive = chain.blocks[-1].json | {"baseFeePerGas": hex(21 * GWEI)}
    chain.faults.append(lambda answers: [*answers[:2], answers[2] | {"result": expensive}, *answers[3:]])
    with pytest.raises(LedgerUnavailable, match="pays 20000000000 at most"):
        await sender.send("two", world.VAULT, DATA)
    assert len(chain.raw) == 1


async def test_what_would_revert_is_not_sent(chain: FakeChain, sender: Sender) -> None:
    """The simulation's revert is the answer, and costs nothing."""
    chain.estimate = Refusal(3, "execution reverted", "0x01020304")
    with pytest.raises(RpcRefused) as caught:
        await sender.send("one", world.VAULT, DATA)
    assert (caught.value.is_revert, caught.value.data, chain.raw) == (True, b"\1\2\3\4", [])


async def test_gas_is_learned_for_a_shape_and_tried_before_it_is_estimated(chain: FakeChain, sender: Sender) -> None:
    """The second call of a shape is executed once with the gas of the first; where that fails it is estimated."""
    await sender.send("one", world.VAULT, DATA, shape="epoch")
    await sender.send("two", world.VAULT, DATA, shape="epoch")
    assert chain.calls.count("eth_estimateGas") == 1
    refusal = {"code": 3, "message": "execution reverted"}
    bend = lambda answers: [{"jsonrpc": "2.0", "id": answers[0]["id"], "error": refusal}]  # noqa: E731 - one of a row
    chain.faults += [lambda answers: answers, bend]
    await sender.send("three", world.VAULT, DATA, shape="epoch")
    assert chain.calls.count("eth_estimateGas") == 2
    assert nonces(chain) == [0, 1, 2]


async def test_a_reverted_transaction_is_sent_anew(chain: FakeChain, sender: Sender) -> None:
    """Mined without success, and still needed: again, from the simulation on."""
    await sender.send("one", world.VAULT, DATA)
    mine_pool(chain, status=0)
    assert await sender.send("one", world.VAULT, DATA) is not None
    assert nonces(chain) == [0, 1]


async def test_a_stuck_transaction_is_replaced_at_a_rising_price(
    chain: FakeChain, sender: Sender, clock: Clock
) -> None:
    """After a while the same nonce is offered at five quarters of the price, a bounded number of times."""
    await sender.send("one", world.VAULT, DATA)
    for _ in range(5):
        clock.time += 61
        assert await sender.send("one", world.VAULT, DATA) is None
    assert nonces(chain) == [0] * 4
    fees = [sent(raw).max_fee for raw in chain.raw]
    assert all(after >= before * 5 // 4 for before, after in itertools.pairwise(fees))
    assert all(sent(raw).priority_fee <= sent(raw).max_fee <= FEES.max_fee_max for raw in chain.raw)
    mine_pool(chain)
    assert await sender.send("one", world.VAULT, DATA) is None
    assert sender._flights == {}


async def test_a_stuck_transaction_of_another_purpose_is_tended_too(
    chain: FakeChain, sender: Sender, clock: Clock
) -> None:
    """It would hold up every later nonce, even where nobody asks for it any more."""
    await sender.send("one", world.VAULT, DATA)
    clock.time += 61
    await sender.send("two", world.VAULT, DATA)
    assert nonces(chain) == [0, 0, 1]


async def test_a_transaction_that_the_pool_lost_is_broadcast_again(chain: FakeChain, sender: Sender) -> None:
    """Dropped by a pool or a reorganisation, the very same bytes are sent again."""
    await sender.send("one", world.VAULT, DATA)
    chain.pool.clear()
    assert await sender.send("one", world.VAULT, DATA) is None
    assert chain.raw[0] == chain.raw[1]


async def test_a_reorganisation_that_drops_a_mined_transaction_is_survived(chain: FakeChain, sender: Sender) -> None:
    """Found mined once, gone later: the nonce comes from the chain, so the next one fits."""
    await sender.send("one", world.VAULT, DATA)
    mine_pool(chain)
    assert await sender.send("one", world.VAULT, DATA) is None
    chain.mined = 0
    chain.receipts.clear()
    assert await sender.send("one", world.VAULT, DATA) is not None
    assert nonces(chain) == [0, 0]


async def test_a_time_out_counts_as_sent(chain: FakeChain, sender: Sender) -> None:
    """Whether it arrived is unknown, so it is under way: the next call sends the same bytes again."""
    chain.faults += [lambda answers: answers, lambda answers: answers, lambda _: "cut"]
    with pytest.raises(LedgerUnavailable):
        await sender.send("one", world.VAULT, DATA)
    assert await sender.send("one", world.VAULT, DATA) is None
    assert set(nonces(chain)) == {0}
    assert len(set(chain.raw)) == 1


async def test_what_an_earlier_life_sent_is_given_time_then_replaced(chain: FakeChain, rpc: Rpc, clock: Clock) -> None:
    """A restart keeps no record: what waits in the pool may be the same purpose, so it goes first."""
    await make(rpc, clock).send("one", world.VAULT, DATA)
    again = make(rpc, clock)
    for wait in (0, 30):
        clock.time += wait
        with pytest.raises(LedgerUnavailable, match="earlier life"):
            await again.send("one", world.VAULT, DATA)
    assert len(chain.raw) == 1
    clock.time += 31
    chain.on_send = refuse("replacement transaction underpriced", 2)
    assert await again.send("one", world.VAULT, DATA) is not None
    assert nonces(chain) == [0, 0]
    assert sent(chain.raw[1]).max_fee > sent(chain.raw[0]).max_fee
    mine_pool(chain)
    assert await again.send("two", world.VAULT, DATA) is not None


def refuse(message: str, times: int = 1_000) -> Callable[[bytes], None]:
    """Refuse the next few transactions."""
    left = [Refusal(-32000, message)] * times

    def on_send(_raw: bytes) -> None:
        if left:
            raise left.pop()

    return on_send


@pytest.mark.parametrize("message", ["already known", "ALREADY_EXISTS: already known", "known transaction: 0x01"])
async def test_a_pool_that_knows_the_transaction_has_it(chain: FakeChain, sender: Sender, message: str) -> None:
    """Sent twice is sent."""
    chain.on_send = refuse(message, 1)
    assert await sender.send("one", world.VAULT, DATA) is not None
    assert list(sender._flights) == [0]


@pytest.mark.parametrize(
    ("message", "kind", "said"),
    [
        ("insufficient funds for gas * price + value", GasMissing, "fund it"),
        ("nonce too low: next nonce 5, tx nonce 0", LedgerUnavailable, "look again"),
        ("txpool is full", RpcRefused, "txpool is full"),
        ("transaction underpriced", RpcRefused, "underpriced"),
    ],
)
async def test_a_transaction_that_is_not_taken_is_not_under_way(
    chain: FakeChain, sender: Sender, message: str, kind: type[Exception], said: str
) -> None:
    """A refusal is typed, names no key, and the next try begins anew."""
    chain.on_send = refuse(message)
    with pytest.raises(kind, match=said) as caught:
        await sender.send("one", world.VAULT, DATA)
    assert GAS_KEY.secret.hex() not in str(caught.value)
    chain.on_send = None
    assert await sender.send("one", world.VAULT, DATA) is not None


async def test_transactions_under_way_are_bounded(chain: FakeChain, sender: Sender) -> None:
    """A chain that stopped does not fill the pool."""
    for number in range(FLIGHTS_MAX):
        await sender.send(str(number), world.VAULT, DATA)
    with pytest.raises(LedgerUnavailable, match="wait to be mined"):
        await sender.send("one more", world.VAULT, DATA)
    mine_pool(chain)
    assert await sender.send("one more", world.VAULT, DATA) is not None


async def test_nonsense_about_the_account_is_told(chain: FakeChain, sender: Sender) -> None:
    """A count or an estimate that is no number stops the sending."""
    chain.faults.append(lambda answers: [answers[0] | {"result": "many"}, *answers[1:]])
    with pytest.raises(LedgerNonsense):
        await sender.send("one", world.VAULT, DATA)
    chain.estimate = "much"
    with pytest.raises(LedgerNonsense):
        await sender.send("one", world.VAULT, DATA)
    assert chain.raw == []
