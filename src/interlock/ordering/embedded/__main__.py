"""Run the sequencer process: `python -m interlock.ordering.embedded --home DIR --network-id 0x… --port 0`.

Prints one line of JSON on standard output when it serves ({"host", "port", "url"}); everything else goes to standard
error. SIGTERM or SIGINT ends it cleanly; SIGKILL loses nothing that it acknowledged. One process per folder.
Exit codes: 0 asked to stop, 2 usage (also a folder that is held or another network's), 3 the disk or the port failed.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from interlock.encoding.values import Bytes32
from interlock.ordering.embedded.sequencer import BLOCK_INTERVAL_S, IDLE_INTERVAL_S, Pace, Sequencer
from interlock.ordering.embedded.server import FOLLOWER_STALL_S, LogServer
from interlock.ordering.embedded.store import BlockStore, StoreError, StoreForeign, StoreHeld
from interlock.ordering.protocol import Check, LogLimits, admit_all
from interlock.service.process import UNTIL_STDIN_ENDS, log_to_stderr, say_ready, stop_event

FILE_NAME = "log.sqlite3"
EXIT_USAGE = 2
EXIT_UNAVAILABLE = 3
_HASH_BYTES = 32

logger = logging.getLogger("interlock.ordering.embedded")


def main(argv: list[str] | None = None, *, check: Check = admit_all, limits: LogLimits | None = None) -> int:
    """Run until stopped; give the exit code. The log's door and its bounds come from a program that knows entries."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        pace = Pace(options.block_interval_s, options.idle_interval_s)
    except ValueError as error:
        parser.error(str(error))
    log_to_stderr()
    try:
        options.home.mkdir(parents=True, exist_ok=True)
        with BlockStore(options.home / FILE_NAME, options.network_id) as store:
            sequencer = partial(Sequencer, store, _clock, check=check, limits=limits, pace=pace)
            asyncio.run(_serve(sequencer, options))
    except (StoreHeld, StoreForeign) as error:
        logger.error("%s", error)  # noqa: TRY400 - the sentence says it all; a traceback would bury it
        return EXIT_USAGE
    except (StoreError, OSError) as error:
        logger.error("stopping: %s", error)  # noqa: TRY400 - as above
        return EXIT_UNAVAILABLE
    return 0


async def _serve(make: Callable[[], Sequencer], options: argparse.Namespace) -> None:
    """Serve until a signal, or until the sequencer fails, whose error is raised."""
    stop = stop_event(until_stdin_ends=options.until_stdin_ends)
    sequencer = make()
    server = LogServer(sequencer, follower_stall_s=options.follower_stall_s)
    try:
        port = await server.start(options.host, options.port)
        running = asyncio.create_task(sequencer.run())
        say_ready({"host": options.host, "port": port, "url": f"tcp://{options.host}:{port}"})
        logger.info("serving on %s:%d from block %d", options.host, port, sequencer.head.height)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        running.cancel()
        # Waited for, not awaited: the caller's own cancellation must not be taken for the task's.
        await asyncio.wait({running})
        if not running.cancelled():
            running.result()
    finally:
        await server.stop()
        sequencer.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m interlock.ordering.embedded", description="Run the sequencer.")
    parser.add_argument("--home", type=Path, required=True, help="folder of the log's file; made where missing")
    parser.add_argument("--network-id", type=_network_id, required=True, help="0x and 64 hexadecimal digits")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; there is no authentication")
    parser.add_argument("--port", type=int, default=0, help="0: the system chooses")
    parser.add_argument("--block-interval-s", type=float, default=BLOCK_INTERVAL_S, help="least between blocks")
    parser.add_argument("--idle-interval-s", type=float, default=IDLE_INTERVAL_S, help="most between blocks")
    parser.add_argument("--follower-stall-s", type=float, default=FOLLOWER_STALL_S, help="unread this long: dropped")
    parser.add_argument(UNTIL_STDIN_ENDS, action="store_true", help="stop when standard input ends")
    return parser


def _network_id(text: str) -> Bytes32:
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        value = b""
    if len(value) != _HASH_BYTES:
        raise argparse.ArgumentTypeError(f"{text!r} is not 0x and 64 hexadecimal digits")
    return Bytes32(value)


def _clock() -> int:
    return int(time.time())


if __name__ == "__main__":
    sys.exit(main())
