"""Run the bank: `python -m interlock.bankd --home DIR`.

Prints one JSON line with its URL when it can serve; logs to standard error. SIGTERM and SIGINT end it cleanly.
Exit codes: 0 done, 2 the home cannot be used, 3 the address or the disk is unavailable.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path

from interlock.bankd.accounts import Accounts
from interlock.bankd.app import create_app
from interlock.bankd.bank import Bank
from interlock.bankd.config import ConfigError, Home, read_home
from interlock.bankd.schema import StoreForeign
from interlock.bankd.server import serving
from interlock.bankd.store import Store

EXIT_USAGE = 2
EXIT_UNAVAILABLE = 3

logger = logging.getLogger("interlock.bankd")


def main() -> int:
    """Read the home, open the books and serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m interlock.bankd", description="Run a bank's ledger with holds.")
    parser.add_argument("--home", type=Path, required=True, help="folder of bank.json, keys and books")
    parser.add_argument("--until-stdin-ends", action="store_true", help="stop when standard input ends")
    options = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        home = read_home(options.home)
        with contextlib.closing(open_store(home)) as store:
            asyncio.run(_serve(home, store, until_stdin_ends=options.until_stdin_ends))
    except (ConfigError, StoreForeign) as error:
        logger.error("%s", error)  # noqa: TRY400 - the sentence says it all; a traceback would bury it
        return EXIT_USAGE
    except (OSError, sqlite3.Error) as error:
        logger.error("stopping: %s", error)  # noqa: TRY400 - as above
        return EXIT_UNAVAILABLE
    return 0


def open_store(home: Home) -> Store:
    """Open the books of a home; StoreForeign, sqlite3.Error."""
    return Store(
        home.database,
        network=home.genesis.network_id,
        ledger=home.config.ledger,
        receipt_key=home.key.public_key,
    )


async def _serve(home: Home, store: Store, *, until_stdin_ends: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if until_stdin_ends:
        # A thread: a pipe's end can be waited for, but standard input may be anything. It dies with the process.
        threading.Thread(target=_await_stdin_end, args=(loop, stop), daemon=True).start()
    config = home.config
    bank = Bank(
        store,
        ledger=config.ledger,
        genesis=home.genesis,
        assets=config.assets,
        key=home.key,
        clock=lambda: int(time.time()),
    )
    app = create_app(bank, Accounts(store, ledger=config.ledger, assets=config.assets), home.tokens)
    async with serving(app, config.host, config.port) as url:
        print(json.dumps({"url": url}), flush=True)  # noqa: T201 - the ready line is the contract with whoever started us
        logger.info("%s serves on %s for network 0x%s", config.ledger, url, home.genesis.network_id.hex())
        await stop.wait()
    logger.info("%s stopped", config.ledger)


def _await_stdin_end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while sys.stdin.buffer.read(1):
        pass
    with contextlib.suppress(RuntimeError):  # the loop has ended already
        loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    sys.exit(main())
