"""Waiting transactions are bounded, ordered, and none of them can stop the chain."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from devnet_chain_tools import BALANCES, CHAIN_ID, ETHER, OTHER, RICH, signed

from interlock.devnet.chain import pool as pool_module
from interlock.devnet.chain.block import Block
from interlock.devnet.chain.chain import Chain
from interlock.devnet.chain.evm import UnexecutableError
from interlock.devnet.chain.genesis import write_genesis
from interlock.devnet.chain.pool import Pool
from interlock.devnet.chain.rpc import RpcError
from interlock.devnet.chain.store import Store


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """Open a chain in this process, whose stopwatch goes on by one second at each look."""
    write_genesis(tmp_path, BALANCES)
    seconds = itertools.count()
    opened = Chain(tmp_path, CHAIN_ID, 2, clock=lambda: 1_800_000_000, stopwatch=lambda: next(seconds))
    yield opened
    opened.close()


def submit(chain: Chain, raw: str) -> bytes:
    """Send a transaction."""
    return chain.submit(bytes.fromhex(raw[2:]))


def fake(sender: int, nonce: int, fee: int = 10) -> SimpleNamespace:
    """Give what the pool looks at."""
    return SimpleNamespace(
        sender=bytes([sender]),
        nonce=nonce,
        hash=f"{sender}/{nonce}/{fee}".encode(),
        max_fee_per_gas=fee,
        max_priority_fee_per_gas=fee,
    )


def test_the_pool_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sender fills neither the pool nor the future, and the pool as a whole has an end."""
    monkeypatch.setattr(pool_module, "SENDER_MAX", 2)
    monkeypatch.setattr(pool_module, "POOL_MAX", 3)
    pool = Pool()
    with pytest.raises(RpcError, match="nonce too high"):
        pool.add(fake(1, pool_module.NONCE_AHEAD_MAX), 0)
    pool.add(fake(1, 0), 0)
    pool.add(fake(1, 1), 0)
    with pytest.raises(RpcError, match="txpool is full"):
        pool.add(fake(1, 2), 0)
    pool.add(fake(2, 0), 0)
    with pytest.raises(RpcError, match="txpool is full"):
        pool.add(fake(3, 0), 0)
    pool.add(fake(1, 1, fee=20), 0)
    assert len(pool) == 3


def test_the_pool_gives_first_come_first_served_without_gaps() -> None:
    """Across senders the earliest comes first, of each the lowest nonce; what cannot pay the base fee waits."""
    pool = Pool()
    for item in (fake(1, 1), fake(2, 5), fake(1, 0), fake(3, 0, fee=4), fake(1, 3), fake(3, 1)):
        pool.add(item, 0)
    nonces = {b"\x01": 0, b"\x02": 5, b"\x03": 0}
    ready = [(item.sender[0], item.nonce) for item in pool.ready(nonces.__getitem__, 5)]
    assert ready == [(2, 5), (1, 0), (1, 1)]
    assert pool.pending_nonce(b"\x01", 0) == 2
    pool.drop_spent(b"\x01", 2)
    assert [(item.sender[0], item.nonce) for item in pool.ready(lambda _: 3, 5)] == [(1, 3)]


def test_what_became_invalid_leaves_the_pool_and_the_next_nonce_waits(chain: Chain) -> None:
    """A transaction whose money an earlier one spent is dropped; those behind it are not."""
    first = submit(chain, signed(0, value=900 * ETHER))
    spent = submit(chain, signed(1, value=900 * ETHER))
    behind = submit(chain, signed(2))
    others = submit(chain, signed(0, sender=OTHER))
    for _ in range(3):
        chain.mine()
    assert [chain.store.place(item) is not None for item in (first, spent, behind, others)] == [
        True,
        False,
        False,
        True,
    ]
    assert chain.pool.find(spent) is None
    assert chain.pool.find(behind) is not None
    submit(chain, signed(1))
    chain.mine(2)
    assert chain.store.place(behind) is not None


def test_a_block_takes_no_longer_than_its_time(chain: Chain) -> None:
    """Where execution is slow the block ends early, with at least one transaction, and the rest waits for the next."""
    for nonce in range(3):
        submit(chain, signed(nonce))
    counts = [len(chain.mine().transactions) for _ in range(4)]
    assert counts == [1, 1, 1, 0]


def test_a_transaction_that_breaks_the_evm_is_left_out(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain goes on without it."""
    bad, good = submit(chain, signed(0)), submit(chain, signed(0, sender=OTHER))
    build = chain.evm.build

    def build_or_break(parent: Block, timestamp: int, candidates: Iterator[object], **rest: object) -> Block:
        listed = list(candidates)
        for item in listed:
            if item.hash == bad:
                raise UnexecutableError(item)
        return build(parent, timestamp, listed, **rest)

    monkeypatch.setattr(chain.evm, "build", build_or_break)
    block = chain.mine()
    assert [bytes(item.hash) for item in block.transactions] == [good]
    assert chain.pool.find(bad) is None


def test_a_commit_that_fails_changes_nothing(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk refuses, head, pool and state are those of before, and the next block can be made."""
    sent, before = submit(chain, signed(0)), chain.head

    def refuse(_store: Store, _meta: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", refuse)
        with pytest.raises(OSError, match="no space"):
            chain.mine()
    assert chain.head is before
    assert chain.store.head_number() == 0
    assert chain.evm.state(chain.head).get_nonce(bytes.fromhex(RICH.address[2:])) == 0
    chain.mine()
    assert chain.store.place(sent) is not None
