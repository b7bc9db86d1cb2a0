"""The bank as a real process: what it answered survives SIGKILL, and what it did not answer is found by its id."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from bankd_world import (
    BANK,
    GENESIS,
    PRICE,
    USD,
    BankClient,
    cash_leg,
    certificate_of,
    client_at,
    deal,
    genesis_of,
    id_of,
)

from interlock.bankd.__main__ import open_store
from interlock.bankd.config import Home, create_home
from interlock.core.decision import Outcome
from interlock.core.instruction import Instruction
from interlock.devnet.process import ManagedProcess, ProcessFailedError
from interlock.encoding.canonical import encode
from interlock.encoding.values import Uint64, UnixSeconds
from interlock.evidence.bank_receipt import read_receipt, verify_chain

FAR_FUTURE = UnixSeconds(Uint64(4_000_000_000))
"""The process has the real clock; these deals are not too late."""


def real_deal(nonce: int = 1, amount: int = PRICE) -> Instruction:
    """Give a deal that the real clock does not refuse."""
    return deal(cash_leg(amount=amount), nonce=nonce, prepare_by=FAR_FUTURE)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create_home(tmp_path / "bank", ledger=BANK, genesis=GENESIS, assets=(USD,))


def process_of(home: Home, *more: str) -> ManagedProcess:
    """Give the handle of a bank's process."""
    argv = [sys.executable, "-m", "interlock.bankd", "--home", str(home.path), *more]
    return ManagedProcess(argv, home.path / "bankd.log", "bankd")


@asynccontextmanager
async def life(process: ManagedProcess, home: Home) -> AsyncIterator[BankClient]:
    """Start the process, give a client of it, and end it with SIGKILL."""
    ready = await process.start()
    try:
        async with client_at(ready["url"], home.tokens) as client:
            yield client
    finally:
        await process.kill()


def audited(home: Home) -> list[str]:
    """Give all receipts of a stopped bank, after checking its books and its chain."""
    store = open_store(home)
    try:
        assert store.audit() is None
        receipts = list(store.receipts(0, 10_000))
    finally:
        store.close()
    verify_chain(receipts, home.key.public_key)
    return receipts


async def test_every_answer_survives_sigkill(home: Home) -> None:
    """Killed after each step of a settlement and started again, the bank knows every step and repeats none."""
    terms, process = real_deal(), process_of(home)
    async with life(process, home) as client:
        await client.open_books()
    async with life(process, home) as client:
        await client.open_books()
        held = await client.put_hold(terms)
        assert held.document["state"] == "HELD"
    async with life(process, home) as client:
        assert (await client.look(terms)).document == held.document
        assert (await client.put_hold(terms)).document == held.document
        assert await client.balance("buyer") == (0, PRICE)
        await client.put_certificate(certificate_of(id_of(terms), Outcome.COMMIT))
    async with life(process, home) as client:
        assert (await client.look(terms)).document["state"] == "CAPTURED"
        again = await client.put_certificate(certificate_of(id_of(terms), Outcome.COMMIT))
        assert again.document["state"] == "CAPTURED"
        assert (await client.balance("buyer"), await client.balance("seller")) == ((0, 0), (PRICE, 0))
    assert [read_receipt(jws).event.name for jws in audited(home)] == ["HELD", "CAPTURED"]


async def test_killed_in_the_middle_of_many_requests_nothing_is_lost_or_doubled(home: Home) -> None:
    """After SIGKILL amid many requests every answer given is in the books; with all repeated, each has moved once."""
    process = process_of(home)
    deals = [real_deal(nonce, amount=100) for nonce in range(1, 31)]
    answered: list[tuple[Instruction, str, str]] = []
    enough = asyncio.Event()

    def note(terms: Instruction, state: str, receipt: str) -> None:
        answered.append((terms, state, receipt))
        if len(answered) % 20 == 0:
            enough.set()

    async def settle(client: BankClient, terms: Instruction, outcome: Outcome) -> None:
        held = await client.put_hold(terms)
        note(terms, "HELD", held.document["receipts"][0])
        ended = await client.put_certificate(certificate_of(id_of(terms), outcome))
        note(terms, ended.document["state"], "")

    outcomes = [Outcome.COMMIT if index % 2 else Outcome.ABORT for index in range(len(deals))]
    for round_ in range(3):
        async with life(process, home) as client:
            if round_ == 0:
                await client.open_books(100 * len(deals))
            enough.clear()
            tasks = [asyncio.create_task(settle(client, *each)) for each in zip(deals, outcomes, strict=True)]
            await enough.wait()
            await process.kill()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                assert result is None or isinstance(result, aiohttp.ClientError | OSError), result
    async with life(process, home) as client:
        for terms, state, receipt in answered:
            found = (await client.look(terms)).document
            assert state in {read_receipt(jws).event.name for jws in found["receipts"]}
            assert not receipt or receipt == found["receipts"][0]
        await asyncio.gather(*(settle(client, *each) for each in zip(deals, outcomes, strict=True)))
        committed = 100 * outcomes.count(Outcome.COMMIT)
        assert await client.balance("seller") == (committed, 0)
        assert await client.balance("buyer") == (100 * len(deals) - committed, 0)
    assert len(audited(home)) == 2 * len(deals)


async def test_sigterm_ends_the_bank_cleanly(home: Home) -> None:
    """SIGTERM gives exit code 0, and the books are in order."""
    process = process_of(home)
    ready = await process.start()
    async with client_at(ready["url"], home.tokens) as client:
        await client.open_books()
        await client.put_hold(real_deal())
    assert await process.terminate() == 0
    assert len(audited(home)) == 1


async def test_the_bank_ends_with_its_parent_where_it_is_told_to(home: Home) -> None:
    """With --until-stdin-ends it stops when the pipe that its parent holds is closed."""
    process = process_of(home, "--until-stdin-ends")
    await process.start()
    assert process._popen is not None
    assert process._popen.stdin is not None
    process._popen.stdin.close()
    assert await process.wait() == 0
    await process.kill()


async def test_the_log_and_the_ready_line_hold_no_secret(home: Home) -> None:
    """Neither tokens nor the receipt key are ever printed, also not when a request is wrong or a token mistyped."""
    process = process_of(home)
    ready = await process.start()
    async with client_at(ready["url"], home.tokens) as client:
        await client.open_books()
        await client.put_hold(real_deal())
        await client.ask("GET", "/v1/receipts", token=home.tokens.read)
        await client.ask("PUT", "/v1/accounts/x", raw=b"{", token=home.tokens.operator)
    await process.terminate()
    printed = json.dumps(dict(ready)) + (home.path / "bankd.log").read_text()
    for secret in (home.tokens.operator, home.tokens.read, home.key.jwk["d"]):
        assert secret not in printed


async def refused_start(home: Home) -> str:
    """Start a bank that must refuse its home; give what it said."""
    process = process_of(home)
    with pytest.raises(ProcessFailedError) as caught:
        await process.start()
    assert caught.value.exit_code == 2
    assert "Traceback" not in (home.path / "bankd.log").read_text()
    return str(caught.value)


async def test_a_genesis_of_another_network_is_refused(home: Home) -> None:
    """The books belong to one network: with another genesis document the bank says so and does not start."""
    open_store(home).close()
    (home.path / "genesis.json").write_bytes(encode(genesis_of("another")))
    said = await refused_start(home)
    assert GENESIS.network_id.hex() in said
    assert genesis_of("another").network_id.hex() in said


async def test_a_home_that_cannot_be_used_is_refused_in_a_sentence(home: Home) -> None:
    """A key that others can read, a missing file, an unknown field, a wrong receipt key: exit 2 and the file's name."""
    key = home.path / "receipt-key.json"
    key.chmod(0o644)
    assert "chmod 600" in await refused_start(home)
    key.chmod(0o600)
    config = home.path / "bank.json"
    good = config.read_bytes()
    config.write_bytes(json.dumps(json.loads(good) | {"nodes": []}).encode())
    assert "bank.json" in await refused_start(home)
    config.write_bytes(good)
    token = home.path / "operator.token"
    token.unlink()
    assert "operator.token" in await refused_start(home)


async def test_the_kept_clock_refuses_a_late_hold(home: Home) -> None:
    """B7 with the real clock: a deal whose prepareBy is long past is refused, and stays so after a restart."""
    late = deal(prepare_by=UnixSeconds(Uint64(1_000_000_000)))
    process = process_of(home)
    for _ in range(2):
        async with life(process, home) as client:
            await client.open_books()
            answer = await client.put_hold(late)
            assert answer.document["state"] == "REFUSED"
            assert read_receipt(answer.document["receipts"][0]).reason.startswith("too_late")
    assert len(audited(home)) == 1
