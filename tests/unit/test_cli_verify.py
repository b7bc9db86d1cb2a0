"""`interlock verify`: data on stdout, talk on stderr, 0 valid, 1 not valid, 2 a wrong call."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from interlock.cli import main
from interlock.cli.exit_code import ExitCode
from interlock.cli.report_view import amount_text, printable
from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import redact
from interlock.encoding.canonical import encode
from interlock.encoding.values import hex_of
from interlock.evidence.bank_receipt import BankEvent
from interlock.evidence.chain_event import Held
from support.evidence import ASSET, GENESIS_BYTES, MONEY, Story, settled, unwound
from support.stories import closed, executed, never, unordered
from support.world import NETWORK, account_leg, instruction


@dataclass(frozen=True, slots=True)
class Files:
    """A folder with a genesis document and receipts."""

    genesis: Path
    settled: Path
    unwound: Path
    spoilt: Path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Write the files that a user would have."""
    found = Files(*(tmp_path / f"{name}.json" for name in ("genesis", "settled", "unwound", "spoilt")))
    data = encode(settled().receipt())
    found.genesis.write_bytes(GENESIS_BYTES)
    found.settled.write_bytes(data)
    found.unwound.write_bytes(encode(unwound().receipt()))
    found.spoilt.write_bytes(data.replace(b'"memo":"treasuries', b'"memo":"Treasuries'))
    return found


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """Run `interlock verify` and give its exit code, stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        main.run(["verify", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


def test_a_valid_receipt_is_told_in_words(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict, every check, every leg in people's units, and what is not proven; nothing on stderr."""
    code, out, err = run(capsys, files.settled, "--network", files.genesis)
    assert (code, err) == (ExitCode.DONE, "")
    text = " ".join(out.split())
    assert text.startswith("VALID Settled: COMMIT was decided, and every leg is delivered.")
    for words in (hex_of(NETWORK), "certificate", "Leg 0: delivered", "amount 50.00 USD", "does not prove"):
        assert words in text


def test_an_invalid_receipt_is_told_with_its_reason(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """The check that failed is marked, and the code is that of a rejection."""
    code, out, err = run(capsys, files.spoilt, "--network", files.genesis)
    assert (code, err) == (ExitCode.REJECTED, "")
    text = " ".join(out.split())
    assert text.startswith("NOT VALID This receipt proves nothing. The terms hash to 0x")
    assert "FAILED terms" in text
    assert "What comes after this was not checked." in text


def test_json_is_the_report_and_nothing_else(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs read one JSON document with stable names, whatever the verdict."""
    code, out, err = run(capsys, files.unwound, "--network", files.genesis, "--json")
    assert (code, err) == (ExitCode.DONE, "")
    report = json.loads(out)
    assert list(report) == [
        "checks", "committee", "epoch", "kind", "legs", "lies", "limits", "network", "outcome", "reason", "remarks",
        "rotation", "settlement", "state", "summary", "valid",
    ]  # fmt: skip
    assert (report["valid"], report["outcome"], report["state"]) == (True, "ABORT", "UNWOUND")
    assert [leg["state"] for leg in report["legs"]] == ["RETURNED", "TOMBSTONED"]
    assert list(report["legs"][0]) == ["amount", "asset", "isPivot", "ledger", "leg", "payee", "payer", "state"]

    code, out, _ = run(capsys, files.spoilt, "--network", files.genesis, "--json")
    report = json.loads(out)
    assert (code, report["valid"], report["legs"]) == (ExitCode.REJECTED, False, [])
    assert report["reason"] == report["checks"][-1]["sentence"]


def test_a_receipt_that_leads_to_the_trusted_rotation_is_valid(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    """The epoch, its committee and its rotation are printed; given again, the rotation is looked for."""
    files.settled.write_bytes(encode(closed().receipt()))
    code, out, _ = run(capsys, files.settled, "--network", files.genesis, "--json")
    report = json.loads(out)
    assert (code, report["epoch"]) == (ExitCode.DONE, 3)
    code, out, _ = run(capsys, files.settled, "--network", files.genesis, "--rotation", report["rotation"])
    text = " ".join(out.split())
    assert code == ExitCode.DONE
    assert f"epoch 3 committee {report['committee']} rotation {report['rotation']}" in text
    assert "the one that you trust is among them" in text
    code, out, _ = run(capsys, files.unwound, "--network", files.genesis, "--rotation", report["rotation"])
    assert code == ExitCode.REJECTED
    assert "FAILED rotations" in " ".join(out.split())


@pytest.mark.parametrize("digest", ["0x", "0x12", "12" * 32, "0x" + "zz" * 32, "0x" + "12" * 33])
def test_what_is_no_digest_is_a_wrong_call(files: Files, capsys: pytest.CaptureFixture[str], digest: str) -> None:
    """A rotation is named by 0x and 64 digits."""
    code, out, err = run(capsys, files.settled, "--network", files.genesis, "--rotation", digest)
    assert (code, out) == (ExitCode.USAGE, "")
    assert "is no digest of a rotation" in err


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (executed, "Leg 1: executed by the pivot, in one step"),
        (never, "Leg 1: never executed by the pivot, and it never can be"),
        (unordered, "Leg 1: the pivot's, which was not ordered to execute"),
    ],
)
def test_the_pivots_leg_is_told_as_such(
    files: Files, capsys: pytest.CaptureFixture[str], story: Callable[[], Story], words: str
) -> None:
    """Nothing is held there: it was executed, never will be, or was never asked to."""
    files.settled.write_bytes(encode(story().receipt()))
    code, out, _ = run(capsys, files.settled, "--network", files.genesis)
    assert (code, words in " ".join(out.split())) == (ExitCode.DONE, True)


def test_hidden_terms_are_told_as_hidden(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """A redacted receipt's legs have no amount to show."""
    story = settled()
    files.settled.write_bytes(encode(replace(story.receipt(), instruction=None, redacted=redact(story.terms))))
    code, out, _ = run(capsys, files.settled, "--network", files.genesis)
    assert (code, "Its terms are hidden." in out) == (ExitCode.DONE, True)


def test_lies_are_shown_by_name(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Who lied about what is in both forms of the report."""
    story = Story()
    refused = story.said_by_bank(BankEvent.REFUSED)
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.attest(MONEY, Fact.HELD, refused, (3,))
    story.attest(MONEY, Fact.REFUSED, refused, (0, 1, 2))
    story.certify(Outcome.ABORT)
    files.settled.write_bytes(encode(story.receipt()))
    _, out, _ = run(capsys, files.settled, "--network", files.genesis)
    assert "Member 3 said HELD of leg 1, but the bank's receipt says REFUSED" in " ".join(out.split())
    _, out, _ = run(capsys, files.settled, "--network", files.genesis, "--json")
    (lie,) = json.loads(out)["lies"]
    assert (lie["member"], lie["leg"], lie["fact"]) == (3, 1, "HELD")


@pytest.mark.parametrize("missing", ["receipt", "network"])
def test_a_missing_file_is_a_wrong_call(missing: str, files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence names the file and what was wanted."""
    nowhere = files.genesis.with_name("nowhere.json")
    receipt, network = (nowhere, files.genesis) if missing == "receipt" else (files.settled, nowhere)
    code, out, err = run(capsys, receipt, "--network", network)
    assert (code, out) == (ExitCode.USAGE, "")
    assert f"there is no file {nowhere}; give " in err
    assert ("genesis document" in err) is (missing == "network")


def test_a_folder_is_a_wrong_call(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be read is no rejected receipt."""
    code, _, err = run(capsys, files.genesis.parent, "--network", files.genesis)
    assert code == ExitCode.USAGE
    assert "cannot be read" in err


def test_a_genesis_that_is_none_is_a_wrong_call(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Two files given the wrong way round say nothing about the receipt."""
    code, out, err = run(capsys, files.genesis, "--network", files.settled)
    assert (code, out) == (ExitCode.USAGE, "")
    assert f"{files.settled}: The genesis document cannot be read" in err
    assert "Give the genesis.json of the receipt's network." in err


def test_a_file_far_too_large_is_not_read_whole(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """A genesis document has two KiB, not a megabyte."""
    files.genesis.write_bytes(b" " * 1_000_000)
    code, _, err = run(capsys, files.settled, "--network", files.genesis)
    assert code == ExitCode.USAGE
    assert "has more than 65536 bytes" in err


def test_the_network_must_be_given(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is trusted by default."""
    code, out, err = run(capsys, files.settled)
    assert (code, out) == (ExitCode.USAGE, "")
    assert "Missing option '--network'" in err


def test_a_name_in_a_receipt_cannot_command_the_terminal(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences, right-to-left marks and Rich's own markup are shown, not obeyed."""
    evil = "bob\x1b]0;owned\x07[bold red]\u202e"
    story = Story(instruction(account_legs=(account_leg(payer=evil),)))
    story.attest(MONEY, Fact.REFUSED, story.said_by_bank(BankEvent.REFUSED, reason=evil))
    story.certify(Outcome.ABORT)
    files.settled.write_bytes(encode(story.receipt()))
    code, out, _ = run(capsys, files.settled, "--network", files.genesis)
    assert code == ExitCode.DONE
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[bold red]" in out


def test_verifying_needs_neither_network_nor_server_parts(files: Files) -> None:
    """In a process whose sockets all fail the receipt verifies, and no HTTP part was loaded; any terminal will do."""
    script = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise AssertionError('a socket was opened')\n"
        "socket.socket = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from interlock.cli.main import run\n"
        "try:\n    run(sys.argv[1:])\n"
        "finally:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    arguments = ["verify", str(files.settled), "--network", str(files.genesis)]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == ExitCode.DONE, done.stderr
    assert done.stdout.startswith("VALID")
    assert not set(done.stderr.split()) & {"aiohttp", "starlette", "uvicorn", "asyncio", "eth_abi", "sqlite3"}


@pytest.mark.parametrize(
    ("amount", "asset", "text"),
    [
        ("5000", "USD/2", "50.00 USD"),
        ("5", "USD/2", "0.05 USD"),
        ("123456789", "JPY/0", "123,456,789 JPY"),
        ("1", "ETH/18", "0.000000000000000001 ETH"),
        ("100", "0x00a2", "100 of 0x00a2"),
        ("7", "/2", "7 of /2"),
        ("7", "USD/", "7 of USD/"),
        ("7", "USD/999999999", "7 of USD/999999999"),
        ("7", "USD/²", "7 of USD/²"),
    ],
)
def test_amounts_are_written_as_people_write_them(amount: str, asset: str, text: str) -> None:
    """The scale in an asset's name places the point; a strange name changes nothing."""
    assert amount_text(amount, asset) == text


def test_printable_leaves_ordinary_text_alone() -> None:
    """Only what commands a terminal is escaped."""
    assert printable("Zürich, 東京: 5 €") == "Zürich, 東京: 5 €"
    assert printable("a\nb\x1b[2J") == "a\\nb\\x1b[2J"
