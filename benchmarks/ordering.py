"""Measure the embedded log: entries per second through its socket, against SQLite alone on the same disk.

    python benchmarks/ordering.py [--entries 20000] [--entry-bytes 400] [--clients 4]

The baseline inserts the same entries, one row each, in transactions of the size that the log itself chose for its
blocks, with the same durability (write-ahead log, synchronous=FULL), in one thread and without any socket. Both run on
the same disk, one after the other; the ratio says what sockets, hashing, chaining and answers cost. The wait of one
entry among entries submitted one after the other is measured apart (it is about the block interval), as is reading.
One line of JSON on standard output, the talk on standard error.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack, aclosing, closing
from pathlib import Path

from interlock.devnet.process import ManagedProcess
from interlock.ordering.embedded.client import EmbeddedLog

LONE_ENTRIES = 40
"""Entries submitted one after the other, for the wait of one."""
IN_FLIGHT = 2_000
"""Entries that each client keeps waiting for an answer."""
NETWORK_ID = "0x" + "11" * 32


def main() -> None:
    """Run once and print."""
    parser = argparse.ArgumentParser(description="Measure the embedded log.")
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--entry-bytes", type=int, default=400)
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    entries = [os.urandom(options.entry_bytes) for _ in range(options.entries)]
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(measure_log(Path(folder), entries, options.clients))
        per_batch = max(1, round(len(entries) / result["blocks"]))
        result["baseline_entries_per_s"] = measure_sqlite(Path(folder) / "baseline", entries, per_batch)
    result["ratio"] = round(result["entries_per_s"] / result["baseline_entries_per_s"], 3)
    print(json.dumps(result))
    print(
        f"{result['entries_per_s']:,.0f} entries/s through the socket, {result['entries_per_block']:,.0f} in a block; "
        f"SQLite alone {result['baseline_entries_per_s']:,.0f}/s at that batch: ratio {result['ratio']:.3f}; "
        f"read back {result['read_entries_per_s']:,.0f}/s; a lone entry waits {result['lone_wait_ms']:.1f} ms",
        file=sys.stderr,
    )


async def measure_log(folder: Path, entries: list[bytes], clients: int) -> dict[str, float]:
    """Submit all entries through the sequencer process, read them back, then submit some one by one."""
    argv = [sys.executable, "-m", "interlock.ordering.embedded", "--home", str(folder), "--network-id", NETWORK_ID]
    async with AsyncExitStack() as stack:
        process = await stack.enter_async_context(ManagedProcess(argv, folder / "log.txt", "sequencer"))
        logs = [
            await stack.enter_async_context(EmbeddedLog(process.ready["host"], process.ready["port"]))
            for _ in range(clients)
        ]
        began = time.perf_counter()
        await asyncio.gather(*(submit_all(log, entries[number::clients]) for number, log in enumerate(logs)))
        submitted_s = time.perf_counter() - began
        began = time.perf_counter()
        blocks = await read_all(logs[0], len(entries))
        read_s = time.perf_counter() - began
        waits = [await lone(logs[0], number) for number in range(LONE_ENTRIES)]
    return {
        "entries": len(entries),
        "entries_per_s": round(len(entries) / submitted_s, 1),
        "blocks": blocks,
        "entries_per_block": round(len(entries) / blocks, 1),
        "read_entries_per_s": round(len(entries) / read_s, 1),
        "lone_wait_ms": round(statistics.median(waits) * 1_000, 2),
    }


async def submit_all(log: EmbeddedLog, entries: list[bytes]) -> None:
    """Submit entries with a bounded number in flight."""
    for at in range(0, len(entries), IN_FLIGHT):
        await asyncio.gather(*(log.submit(entry) for entry in entries[at : at + IN_FLIGHT]))


async def read_all(log: EmbeddedLog, count: int) -> int:
    """Read until all entries were seen; give how many blocks carried them."""
    seen = carrying = 0
    async with aclosing(log.blocks(0)) as blocks:
        async for block in blocks:
            seen += len(block.entries)
            carrying += bool(block.entries)
            if seen >= count:
                break
    return carrying


async def lone(log: EmbeddedLog, number: int) -> float:
    """Give the seconds that one entry waits when nothing else is submitted."""
    began = time.perf_counter()
    await log.submit(b"lone %d" % number)
    return time.perf_counter() - began


def measure_sqlite(path: Path, entries: list[bytes], per_batch: int) -> float:
    """Give entries per second of SQLite alone, one transaction for each batch."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, entry BLOB NOT NULL)")
        began = time.perf_counter()
        for at in range(0, len(entries), per_batch):
            rows = [(entry,) for entry in entries[at : at + per_batch]]
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO entries (entry) VALUES (?)", rows)
            connection.execute("COMMIT")
        took_s = time.perf_counter() - began
    return round(len(entries) / took_s, 1)


if __name__ == "__main__":
    main()
