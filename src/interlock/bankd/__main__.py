"""Run the bank: `python -m interlock.bankd --home DIR`.

Prints one JSON line with its URL when it can serve; logs to standard error. SIGTERM and SIGINT end it cleanly.
Exit codes: 0 done, 2 the home cannot be used, 3 the address or the disk is unavailable.
"""

import argparse
import asyncio
import contextlib
import logging
import sqlite3
import sys
import time
from pathlib import Path

from interlock.bankd.accounts import Accounts
from interlock.bankd.app import create_app
from interlock.bankd.bank import Bank
from interlock.bankd.config import ConfigError, Home, read_home
from interlock.bankd.schema import StoreForeign
from interlock.bankd.store import Store
from interlock.service.http import serving
from interlock.service.process import UNTIL_STDIN_ENDS, log_to_stderr, say_ready, stop_event

EXIT_USAGE = 2
EXIT_UNAVAILABLE = 3

logger = logging.getLogger("interlock.bankd")


def main() -> int:
    """Read the home, open the books and serve until told to stop, or until a commit fails."""
    parser = argparse.ArgumentParser(prog="python -m interlock.bankd", description="Run a bank's ledger with holds.")
    parser.add_argument("--home", type=Path, required=True, help="folder of bank.json, keys and books")
    parser.add_argument(UNTIL_STDIN_ENDS, action="store_true", help="stop when standard input ends")
    options = parser.parse_args()
    log_to_stderr()
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
    stop = stop_event(until_stdin_ends=until_stdin_ends)
    config = home.config
    bank = Bank(
        store,
        ledger=config.ledger,
        genesis=home.genesis,
        assets=config.assets,
        key=home.key,
        clock=lambda: int(time.time()),
    )
    accounts = Accounts(store, ledger=config.ledger, assets=config.assets)
    app = create_app(bank, accounts, home.tokens, on_lost=stop.set)
    async with serving(app, config.host, config.port) as url:
        say_ready({"url": url})
        logger.info("%s serves on %s for network 0x%s", config.ledger, url, home.genesis.network_id.hex())
        await stop.wait()
    if store.lost is not None:
        raise store.lost
    logger.info("%s stopped", config.ledger)


if __name__ == "__main__":
    sys.exit(main())
