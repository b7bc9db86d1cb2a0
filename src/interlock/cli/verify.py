"""The command `interlock verify`: tell whether a receipt proves its settlement."""

import re
from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.exit_code import ExitCode, Failure
from interlock.cli.report_view import json_of, print_report
from interlock.encoding.values import Bytes32
from interlock.evidence.receipt import RECEIPT_BYTES_MAX
from interlock.evidence.verify import GENESIS, verify_receipt

app = typer.Typer(add_completion=False, rich_markup_mode=None)

GENESIS_BYTES_MAX = 65_536
"""A genesis document; one with 31 members has 2 KiB."""
_DIGEST = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)


@app.command()
def verify(
    receipt: Annotated[Path, typer.Argument(metavar="RECEIPT", help="The receipt's file (.json).")],
    network: Annotated[
        Path,
        typer.Option(
            "--network", metavar="GENESIS", help="The genesis document (.json) of the network that you trust."
        ),
    ],
    *,
    rotation: Annotated[
        str,
        typer.Option(
            "--rotation", metavar="DIGEST", help="The newest rotation that you know of: the receipt must lead there."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check a receipt offline, from the genesis document.

    Nothing is asked of any node, bank or chain. Ends with 0 where the receipt is valid, with 1 where it is not. With
    --rotation a receipt that hides what came after its epoch is refused.

    Example: interlock verify receipt.json --network genesis.json
    """
    trusted = _digest(rotation)
    receipt_bytes = _read(receipt, RECEIPT_BYTES_MAX, "a receipt, as a node or `interlock demo --keep DIR` gives it")
    genesis_bytes = _read(network, GENESIS_BYTES_MAX, "the genesis document of the network that you trust")
    report = verify_receipt(receipt_bytes, genesis_bytes, rotation=trusted)
    if not report.valid and report.checks[-1].name == GENESIS:
        raise Failure(ExitCode.USAGE, f"{network}: {report.reason} Give the genesis.json of the receipt's network.")
    if as_json:
        typer.echo(json_of(report))
    else:
        print_report(report)
    if not report.valid:
        raise typer.Exit(ExitCode.REJECTED)


def _digest(text: str) -> Bytes32 | None:
    """Read a digest that the user gave; None where none was given."""
    if not text:
        return None
    if not _DIGEST.fullmatch(text):
        raise Failure(
            ExitCode.USAGE, f"{text} is no digest of a rotation; `interlock verify` prints them: 0x and 64 digits"
        )
    return Bytes32(bytes.fromhex(text[2:]))


def _read(path: Path, bytes_max: int, wanted: str) -> bytes:
    """Read a file that the user named; Failure where there is none, or one far too large."""
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except FileNotFoundError:
        raise Failure(ExitCode.USAGE, f"there is no file {path}; give {wanted}") from None
    except OSError as error:
        raise Failure(ExitCode.USAGE, f"{path} cannot be read: {error.strerror}; give {wanted}") from None
    if len(data) > bytes_max:
        raise Failure(ExitCode.USAGE, f"{path} has more than {bytes_max} bytes; give {wanted}")
    return data
