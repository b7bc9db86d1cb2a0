"""Run one node: `python -m interlock.node --home DIR`.

Prints one JSON line with its URL when it can serve; logs to standard error. SIGTERM and SIGINT end it cleanly.
Exit codes: 0 done, 2 the home cannot be used, 3 the address or the disk is unavailable, 4 it had halted.
"""

import argparse
import asyncio
import logging
import sqlite3
import sys
from pathlib import Path

from interlock.api.app import create_app
from interlock.keys.sign_once import SignOnceError
from interlock.keys.signer import KeyFileError
from interlock.node.config import ConfigInvalid, load_config
from interlock.node.store import StoreForeign
from interlock.node.wiring import Connect, connect_ledger, open_node
from interlock.service.http import serving
from interlock.service.process import UNTIL_STDIN_ENDS, log_to_stderr, say_ready, stop_event

EXIT_USAGE = 2
EXIT_UNAVAILABLE = 3
EXIT_HALTED = 4

logger = logging.getLogger("interlock.node")


def main(connect: Connect = connect_ledger) -> int:
    """Read the home, run and serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m interlock.node", description="Run one node of a committee.")
    parser.add_argument("--home", type=Path, required=True, help="folder of node.json, keys and databases")
    parser.add_argument(UNTIL_STDIN_ENDS, action="store_true", help="stop when standard input ends")
    options = parser.parse_args()
    log_to_stderr()
    try:
        return asyncio.run(run(options.home, connect, until_stdin_ends=options.until_stdin_ends))
    except (ConfigInvalid, KeyFileError, SignOnceError, StoreForeign) as error:
        logger.error("%s", error)  # noqa: TRY400 - the sentence says it all; a traceback would bury it
        return EXIT_USAGE
    except (OSError, sqlite3.Error) as error:
        logger.error("stopping: %s", error)  # noqa: TRY400 - as above
        return EXIT_UNAVAILABLE


async def run(home: Path, connect: Connect, *, until_stdin_ends: bool) -> int:
    """Run the node of a home until told to stop; a node that halts goes on answering questions. Gives the exit code."""
    stop = stop_event(until_stdin_ends=until_stdin_ends)
    config, genesis = load_config(home)
    async with open_node(home, config, genesis, connect) as node:
        app = create_app(node, (home / config.genesis).read_bytes())
        async with serving(app, config.host, config.port) as url:
            running = asyncio.create_task(node.run())
            say_ready({"url": url, "member": node.member})
            logger.info("member %d of network 0x%s serves on %s", node.member, genesis.network_id.hex(), url)
            await stop.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return EXIT_HALTED if node.halted else 0


if __name__ == "__main__":
    sys.exit(main())
