"""Measure the trees: microseconds for each changed key, leaf and proof, against Keccak-256 alone in the same run.

    python benchmarks/hashing.py [--sizes 10 1000 10000 100000] [--changed 256] [--leaves 4096] [--rounds 50]

The state tree is given new records for some of its keys, again and again, and asked for its root after each round. Two
baselines take turns with it. One hashes as many buckets and nodes as these changes touch, of the same lengths, and does
nothing else: the ratio says what finding and book-keeping cost. The other hashes all pairs afresh, sorted and joined
as they already are, once: the gain says what the tree is for (below 1, one flat hash would do; `--changed 1` shows a
quiet block). The Merkle tree, its log and its proofs are measured against as many pairs hashed. Medians of the rounds,
and the best round, which a busy machine disturbs least. One line of JSON on standard output, the talk on standard
error.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

from sha3 import keccak_256

from interlock.encoding.keccak import keccak256
from interlock.encoding.merkle import EMPTY_FRONTIER, Frontier, proof_from, proof_of, root_of, verify_proof
from interlock.encoding.state_tree import StateTree
from interlock.encoding.values import Bytes32

PAIR = bytes(64)
NODE = bytes(512)
DEPTH = 4
PROOFS = 256
"""Leaves of each tree that are proved and verified in a round."""
DIE = random.Random(1)  # noqa: S311 - the same keys in every run


def main() -> None:
    """Run once and print."""
    parser = argparse.ArgumentParser(description="Measure the trees.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 1_000, 10_000, 100_000])
    parser.add_argument("--changed", type=int, default=256)
    parser.add_argument("--leaves", type=int, default=4_096)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    state = [measure_state(size, options.changed, options.rounds) for size in options.sizes]
    merkle = measure_merkle(options.leaves, options.rounds)
    print(json.dumps({"state": state, "merkle": merkle}))
    for row in state:
        print(
            f"state tree of {row['keys']:>9,}: {row['us_per_key']:6.2f} us a changed key (best {row['best_us']:.2f}), "
            f"{row['changed']} between roots; {row['ratio']:.2f} x hashing alone ({row['baseline_us']:.2f} us); "
            f"all pairs afresh {row['afresh_us']:,.2f} us: gain {row['gain']:,.2f}",
            file=sys.stderr,
        )
    for name, row in merkle.items():
        print(
            f"{name:>12}: {row['us']:6.2f} us (best {row['best_us']:.2f}), "
            f"{row['ratio']:.2f} x hashing {row['hashes']:.0f} pairs",
            file=sys.stderr,
        )


def measure_state(size: int, changed: int, rounds: int) -> dict[str, float]:
    """Change keys of a tree of `size` and ask for the root, in turns with both baselines."""
    keys = words(size)
    tree = StateTree()
    for key in keys:
        tree.put(key, key)
    tree.root()
    changed = min(changed, size)
    everything = PAIR * size
    tree_us, baseline_us, afresh_us = [], [], []
    for _ in range(rounds):
        some, record = DIE.sample(keys, changed), words(1)[0]
        tree_us.append(timed(partial(change, tree, some, record)) / changed)
        baseline_us.append(timed(partial(hash_touched, size, *touched_by(some))) / changed)
        afresh_us.append(timed(partial(keccak256, everything)) / changed)
    middle = statistics.median(tree_us)
    return {
        "keys": size,
        "changed": changed,
        "us_per_key": round(middle, 2),
        "best_us": round(min(tree_us), 2),
        "baseline_us": round(statistics.median(baseline_us), 2),
        "ratio": round(middle / statistics.median(baseline_us), 2),
        "afresh_us": round(statistics.median(afresh_us), 2),
        "gain": round(statistics.median(afresh_us) / middle, 2),
    }


def measure_merkle(leaves: int, rounds: int) -> dict[str, dict[str, float]]:
    """Build a tree and its log, prove and verify, each in turns with as many pairs hashed."""
    all_leaves = words(leaves)
    nodes = {place: node for log, leaf in grown(all_leaves) for place, node in log.completed_by(leaf)}
    root = root_of(all_leaves)
    some = DIE.sample(range(leaves), min(PROOFS, leaves))
    proofs = [(all_leaves[index], proof_of(all_leaves, index)) for index in some]
    pairs = sum(len(proof) for _, proof in proofs)
    return {
        "root": versus(lambda: root_of(all_leaves), leaves, leaves - 1, rounds),
        "append": versus(lambda: list(grown(all_leaves)), leaves, leaves - 1, rounds),
        "extend": versus(lambda: EMPTY_FRONTIER.extend(all_leaves), leaves, leaves - 1, rounds),
        "stored proof": versus(
            lambda: [proof_from(nodes.__getitem__, index, leaves) for index in some], len(some), pairs, rounds
        ),
        "verify": versus(
            lambda: all(verify_proof(leaf, proof, root) for leaf, proof in proofs), len(some), pairs, rounds
        ),
    }


def versus(work: Callable[[], object], items: int, pairs: int, rounds: int) -> dict[str, float]:
    """Time work on so many items, in turns with the hashing of so many pairs; microseconds for an item."""
    work_us, baseline_us = [], []
    for _ in range(rounds):
        work_us.append(timed(work) / items)
        baseline_us.append(timed(partial(hash_pairs, pairs)) / items)
    middle, baseline = statistics.median(work_us), statistics.median(baseline_us)
    return {
        "us": round(middle, 2),
        "best_us": round(min(work_us), 2),
        "hashes": round(pairs / items, 2),
        "ratio": round(middle / baseline, 2),
    }


def grown(leaves: list[Bytes32]) -> Iterator[tuple[Frontier, Bytes32]]:
    """Append leaves one by one; give the log before each, and the leaf."""
    log = EMPTY_FRONTIER
    for leaf in leaves:
        yield log, leaf
        log = log.append(leaf)


def change(tree: StateTree, keys: list[Bytes32], record: Bytes32) -> None:
    """Do what a block does: new records for some keys, then the root."""
    for key in keys:
        tree.put(key, record)
    tree.root()


def touched_by(keys: list[Bytes32]) -> tuple[int, int]:
    """Give how many buckets and how many nodes the changes of these keys touch."""
    counts = [len({key.hex()[:digits] for key in keys}) for digits in range(DEPTH + 1)]
    return counts[DEPTH], sum(counts[:DEPTH])


def hash_touched(size: int, buckets: int, nodes: int) -> None:
    """Hash so many buckets of a tree of `size` keys, each of the mean length, and so many nodes."""
    bucket = PAIR * max(1, round(size / 16**DEPTH))
    for _ in range(buckets):
        keccak_256(bucket).digest()
    for _ in range(nodes):
        keccak_256(NODE).digest()


def hash_pairs(pairs: int) -> None:
    """Hash so many pairs of siblings."""
    for _ in range(pairs):
        keccak256(PAIR)


def timed(work: Callable[[], object]) -> float:
    """Give the microseconds that the work takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e6


def words(count: int) -> list[Bytes32]:
    """Give random words."""
    return [Bytes32(DIE.randbytes(32)) for _ in range(count)]


if __name__ == "__main__":
    main()
