"""The command `interlock demo`: the main job and its failures, on real processes, told as they happen."""

import asyncio
import contextlib
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.demo_view import DemoView, json_of
from interlock.cli.exit_code import ExitCode, Failure

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    *,
    scenario: Annotated[
        list[str] | None, typer.Option("--scenario", metavar="NAME", help="Only this one; may be repeated.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Keep homes, logs, ledgers and receipts there.")
    ] = None,
    chain: Annotated[
        str, typer.Option("--chain", metavar="KIND", help="embedded, or anvil where it is found.")
    ] = "embedded",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the results as JSON; the timeline goes to stderr.")
    ] = False,
) -> None:
    """Settle tokenised treasuries against dollars, and show what happens when something fails.

    Each scenario stands up a network of its own on this machine: an EVM chain, a bank, the ordered log and four nodes,
    every one a process; it ends them all. Ends with 4 where ledgers disagree at the end, which must never be.

    Example: interlock demo --scenario settles --keep ./demo
    """
    # Heavy, and only for this command.
    from interlock.devnet.demo.run import (  # noqa: PLC0415
        ChainMissing,
        DealStuck,
        LedgersDisagree,
        chain_maker,
        choose,
        play,
    )

    try:
        chosen, make_chain = choose(scenario or []), chain_maker(chain)
    except ValueError as error:
        raise Failure(ExitCode.USAGE, str(error)) from None
    except ChainMissing as error:
        raise Failure(ExitCode.UNAVAILABLE, str(error)) from None
    folder = _folder(keep)
    view = DemoView(to_stderr=as_json)
    # Whoever ends the demo from outside is heard as Ctrl-C is: every process is reaped, and no key is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        results = asyncio.run(play(chosen, folder, make_chain, view))
    except KeyboardInterrupt:
        typer.echo("interlock: stopped; nothing of the demo is left running", err=True)
        raise
    except LedgersDisagree as error:
        raise Failure(ExitCode.BROKEN, str(error)) from None
    except DealStuck as error:
        raise Failure(ExitCode.UNAVAILABLE, str(error)) from None
    finally:
        if keep is None:
            _leave_only_evidence(folder)
    if as_json:
        typer.echo(json_of(results))
    view.summary(results, folder, is_kept=keep is not None)
    if any(each.is_broken for each in results):
        raise Failure(ExitCode.BROKEN, "the ledgers disagree at the end, or value is missing; look into the rows above")
    if not all(each.is_as_expected for each in results):
        raise Failure(ExitCode.REJECTED, "a settlement did not end as its scenario says; look into the rows above")


def _folder(keep: Path | None) -> Path:
    """Give a folder for everything; Failure where the one that was named holds something already."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="interlock-demo-"))
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise Failure(ExitCode.USAGE, f"{keep} is not an empty folder; name a new one")
    keep.mkdir(parents=True, exist_ok=True)
    return keep.resolve()


def _leave_only_evidence(folder: Path) -> None:
    """Remove the networks' homes; receipts and genesis documents stay, so that they can be verified."""
    for home in folder.glob("*/network"):
        shutil.rmtree(home, ignore_errors=True)
    for empty in (*folder.iterdir(), folder):
        with contextlib.suppress(OSError):  # it holds a receipt
            empty.rmdir()
