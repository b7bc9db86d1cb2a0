"""A node as a process: it starts on its home, says that it is ready, and ends with a code that says why."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from sequencer_world import HOST

from interlock.core.committee import FIRST_EPOCH, MemberIndex
from interlock.core.decision import Outcome
from interlock.core.entry import Anchor
from interlock.core.instruction import SettlementId
from interlock.core.signing import Shown
from interlock.devnet.process import ManagedProcess
from interlock.encoding.canonical import encode
from interlock.encoding.values import Height, Uint32, Uint64, hex_of
from interlock.keys.sign_once import AskedDecision, SignOnceRecord
from interlock.node import __main__ as program
from interlock.node.config import CONFIG_FILE, DECISION_KEY_FILE, RECORD_FILE, NodeConfig
from interlock.service.process import UNTIL_STDIN_ENDS
from support.world import GENESIS, NETWORK, NODES, word


def free_port() -> int:
    """Give a port that nobody serves."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def home_of(folder: Path, *, key: int = 0, port: int = 0, log_port: int | None = None) -> Path:
    """Make the home of member 0, without ledgers."""
    home = folder / "home"
    (home / "keys").mkdir(parents=True)
    (home / "genesis.json").write_bytes(encode(GENESIS))
    (home / DECISION_KEY_FILE).write_text(NODES[key].secret.hex())
    (home / DECISION_KEY_FILE).chmod(0o600)
    SignOnceRecord.create(home / RECORD_FILE).close()
    config = NodeConfig(
        genesis="genesis.json",
        member=MemberIndex(Uint32(0)),
        host=HOST,
        port=Uint32(port),
        log_host=HOST,
        log_port=Uint32(log_port or free_port()),
        look_interval_ms=Uint32(100),
        ledgers=(),
    )
    (home / CONFIG_FILE).write_bytes(encode(config))
    return home


def node(home: Path, *more: str) -> ManagedProcess:
    """Give the handle of a node's process."""
    argv = [sys.executable, "-m", "interlock.node", "--home", str(home), *more]
    return ManagedProcess(argv, home.parent / "node.log", "node")


async def status_of(process: ManagedProcess) -> dict[str, object]:
    """Ask a node how it is."""
    async with aiohttp.ClientSession() as session, session.get(f"{process.ready['url']}/v1/status") as response:
        status: dict[str, object] = json.loads(await response.read())
        return status


async def until_status(process: ManagedProcess, name: str, words: str) -> None:
    """Ask until the answer has these words."""
    async with asyncio.timeout(20):
        while True:
            if words in str((await status_of(process))[name]):
                return
            await asyncio.sleep(0.02)  # another process: there is nothing to be told by


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[ManagedProcess]:
    """Run the network's log."""
    (tmp_path / "genesis.json").write_bytes(encode(GENESIS))
    argv = [sys.executable, "-m", "interlock.node.sequencer", "--genesis", str(tmp_path / "genesis.json")]
    process = ManagedProcess([*argv, "--home", str(tmp_path / "log"), "--port", "0"], tmp_path / "log.log", "log")
    async with process:
        yield process


async def test_a_node_serves_without_its_log_and_ends_at_a_signal(tmp_path: Path) -> None:
    """Without the log it says what is wrong, keeps trying, and ends with code 0 and no word of a failure."""
    process = node(home_of(tmp_path), UNTIL_STDIN_ENDS)
    async with process:
        await until_status(process, "alarms", "was not reached")
        assert (await status_of(process))["network"] == hex_of(NETWORK)
    assert await process.wait() == 0
    said = process.log_path.read_text()
    assert "Fatal Python error" not in said
    assert "Traceback" not in said


async def test_a_node_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    """The end of standard input ends it, where that is asked for."""
    process = node(home_of(tmp_path), UNTIL_STDIN_ENDS)
    await process.start()
    assert process._popen is not None
    assert process._popen.stdin is not None
    process._popen.stdin.close()
    async with asyncio.timeout(20):
        assert await process.wait() == 0
    await process.kill()
    assert "Fatal Python error" not in process.log_path.read_text()


async def test_a_node_whose_log_is_shorter_than_its_record_halts_keeps_answering_and_ends_with_4(
    tmp_path: Path, log: ManagedProcess
) -> None:
    """A halted process does not end by itself: it answers, and its exit code tells that it had halted."""
    home = home_of(tmp_path, log_port=int(log.ready["port"]))
    with SignOnceRecord(home / RECORD_FILE) as record:
        asked = [AskedDecision(SettlementId(word(1)), Outcome.COMMIT, Shown())]
        record.permit_decisions(asked, FIRST_EPOCH, Anchor(Height(Uint64(10_000)), word(2)))
    process = node(home, UNTIL_STDIN_ENDS)
    async with process:
        await until_status(process, "halted", "a backup was restored")
    assert await process.wait() == 4


def ended_with(home: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a node that cannot run, in this process; give its exit code."""
    monkeypatch.setattr(sys, "argv", ["node", "--home", str(home)])
    return program.main()


def test_a_home_that_cannot_be_used_ends_with_2_and_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No home, another member's key, an open key, no record: each says what to change."""
    assert ended_with(tmp_path / "nowhere", monkeypatch) == 2
    assert "make a home first" in caplog.text
    assert ended_with(home_of(tmp_path / "a", key=1), monkeypatch) == 2
    assert "give the member its own key" in caplog.text
    home = home_of(tmp_path / "b")
    (home / DECISION_KEY_FILE).chmod(0o644)
    assert ended_with(home, monkeypatch) == 2
    assert "looser than 0600" in caplog.text
    (home / DECISION_KEY_FILE).chmod(0o600)
    (home / RECORD_FILE).unlink()
    assert ended_with(home, monkeypatch) == 2
    assert "rotate it" in caplog.text
    assert not any(each.exc_info for each in caplog.records)


def test_an_address_that_is_taken_ends_with_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is unavailable now may be available later: another code than a wrong home."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        assert ended_with(home_of(tmp_path, port=int(taken.getsockname()[1])), monkeypatch) == 3
