"""Run the embedded chain: `python -m interlock.devnet.chain --home DIR`.

Prints one JSON line on standard output when it serves, `{"url": …, "chainId": …, "pid": …}`; logs go to standard
error. SIGTERM and SIGINT end it with exit code 0. Exit codes: 1 it cannot run or had to stop, 2 usage.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import uvicorn

from interlock.devnet.chain.chain import Chain
from interlock.devnet.chain.genesis import GenesisError
from interlock.devnet.chain.miner import Miner
from interlock.devnet.chain.server import Service, make_app
from interlock.devnet.chain.store import StoreError

GRACE_S = 2
"""How long open requests may take to end after SIGTERM."""

_log = logging.getLogger("interlock.devnet.chain")


class _Server(uvicorn.Server):
    """Leave the signals to us: uvicorn would raise them again at the end, past our own closing."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to end; give the exit code."""
    options = _options(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("eth").setLevel(logging.WARNING)
    try:
        listener = _listen(options.host, options.port)
        chain = Chain(
            options.home,
            options.chain_id,
            options.finality_lag_blocks,
            clock=time.time,
            stopwatch=time.monotonic,
        )
    except (OSError, StoreError, GenesisError) as error:
        _log.error("the chain cannot start: %s", error)
        return 1
    return asyncio.run(_serve(chain, listener, options))


async def _serve(chain: Chain, listener: socket.socket, options: argparse.Namespace) -> int:
    service = Service(chain, Miner(options.block_interval_s))
    config = uvicorn.Config(
        make_app(service),
        lifespan="off",
        ws="none",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if options.exit_with_parent:
        threading.Thread(target=_await_end_of_stdin, args=(loop, stop), daemon=True).start()
    url = f"http://{options.host}:{listener.getsockname()[1]}"
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    mining = asyncio.create_task(service.mine_for_ever())
    # The socket listens already: whoever connects now is answered as soon as the server runs.
    print(json.dumps({"url": url, "chainId": chain.chain_id, "pid": os.getpid()}), flush=True)  # noqa: T201 - the contract
    await asyncio.wait({serving, mining}, return_when=asyncio.FIRST_COMPLETED)
    failed = mining.done()
    if failed:
        _log.error("no more blocks can be made", exc_info=mining.exception())
    stop()
    mining.cancel()
    await asyncio.gather(serving, mining, return_exceptions=True)
    service.close()
    return int(failed)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay off only where the protocol is named; without it each answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # So that a chain that was killed can come back at the same port at once.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _await_end_of_stdin(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """End with a parent that holds our standard input and dies without a word."""
    while os.read(0, 4096):
        pass
    with contextlib.suppress(RuntimeError):  # the loop has ended before
        loop.call_soon_threadsafe(stop)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m interlock.devnet.chain", description="Run the embedded chain.")
    parser.add_argument("--home", type=Path, required=True, help="directory of genesis.json and the chain's file")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    parser.add_argument("--port", type=int, default=0, help="port, 0 for any free one (default)")
    parser.add_argument("--chain-id", type=int, default=31337, help="EIP-155 chain id (default: 31337)")
    parser.add_argument(
        "--block-interval-s", type=float, default=0.25, help="seconds between blocks, 0 for devnet_mine only"
    )
    parser.add_argument("--finality-lag-blocks", type=int, default=2, help="how far finality follows behind the head")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when standard input ends")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
