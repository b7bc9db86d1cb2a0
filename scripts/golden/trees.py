"""Merkle trees: roots, proofs, the log that grows, and batches of decisions."""

from collections.abc import Iterable

from golden.log import Json
from golden.world import COUNCIL, NETWORK, hash_of
from interlock.core.committee import FIRST_EPOCH
from interlock.core.decision import Decision, Outcome, batch_of, batch_root_digest, decision_hash
from interlock.core.instruction import SettlementId
from interlock.encoding.canonical import to_json
from interlock.encoding.merkle import EMPTY_FRONTIER, places_of_proof, proof_of, root_of
from interlock.encoding.values import Bytes32, Height, Uint64, hex_of

SIZES = (*range(1, 10), 256)
PROVEN_OF_MANY = (0, 1, 127, 128, 254, 255)
"""Leaves of the largest tree whose proofs are written down."""


def leaf(number: int) -> Bytes32:
    """Give a leaf."""
    return hash_of(f"leaf {number}")


def merkle() -> Json:
    """Give trees of many sizes, proofs that hold and proofs that do not, and the log that grows."""
    trees = []
    for size in SIZES:
        leaves = [leaf(number) for number in range(size)]
        trees.append(
            {
                "size": size,
                "root": hex_of(root_of(leaves)),
                "proofs": {str(number): _hexes(proof_of(leaves, number)) for number in _proven(size)},
            }
        )
    return {
        "tells": "The tree: sorted pairs, an odd last node goes up unchanged. Leaf i is the hash named `leaf i`.",
        "tags": ["FORM-TREE"],
        "leaves": [hex_of(leaf(number)) for number in range(9)],
        "trees": trees,
        "invalid": _invalid(),
        "log": _log(),
    }


def batches() -> Json:
    """Give batches of many sizes: their roots, digests, and the proof of each decision."""
    cases = []
    for size in SIZES:
        decisions = [decided(number) for number in range(size)]
        batch = batch_of(decisions, FIRST_EPOCH, Height(Uint64(9)))
        ordered = sorted(decisions, key=lambda each: each.settlement)
        leaves = [decision_hash(each) for each in ordered]
        cases.append(
            {
                "size": size,
                "batch": to_json(batch),
                "digest": hex_of(batch_root_digest(NETWORK, batch)),
                "proven": [
                    {
                        "decision": to_json(ordered[number]),
                        "leaf": hex_of(leaves[number]),
                        "proof": _hexes(proof_of(leaves, number)),
                    }
                    for number in _proven(size)
                ],
            }
        )
    return {
        "tells": "Decision i is of the hash named `settlement i`, COMMIT where i is even; leaves stand by rising id.",
        "tags": ["BATCH-1", "BATCH-2"],
        "network": hex_of(NETWORK),
        "committee": [hex_of(each) for each in COUNCIL.committee.members],
        "cases": cases,
    }


def decided(number: int, *, epoch: int = 1) -> Decision:
    """Give a decision."""
    outcome = Outcome.ABORT if number % 2 else Outcome.COMMIT
    return Decision(SettlementId(hash_of(f"settlement {number}")), outcome, type(FIRST_EPOCH)(Uint64(epoch)))


def _proven(size: int) -> Iterable[int]:
    return range(size) if size < SIZES[-1] else PROVEN_OF_MANY


def _invalid() -> list[Json]:
    leaves = [leaf(number) for number in range(5)]
    root, proof = root_of(leaves), proof_of(leaves, 1)
    given: dict[str, tuple[Bytes32, tuple[Bytes32, ...], Bytes32]] = {
        "another leaf": (leaf(9), proof, root),
        "another root": (leaves[1], proof, leaf(9)),
        "a sibling short": (leaves[1], proof[:-1], root),
        "a sibling too many": (leaves[1], (*proof, leaf(9)), root),
        "siblings in another order": (leaves[1], proof[::-1], root),
        "a sibling of 31 bytes": (leaves[1], (Bytes32(proof[0][:31]), *proof[1:]), root),
        "more than 64 siblings": (leaves[1], proof + (leaf(0),) * 62, root),
    }
    return [
        {"why": why, "leaf": hex_of(each), "proof": _hexes(siblings), "root": hex_of(of)}
        for why, (each, siblings, of) in given.items()
    ]


def _log() -> Json:
    """Give the log that grows: what is kept after each leaf, and where the proofs' nodes stand."""
    steps, log = [], EMPTY_FRONTIER
    for number in range(9):
        written = log.completed_by(leaf(number))
        log = log.append(leaf(number))
        steps.append(
            {
                "size": log.size,
                "root": hex_of(log.root),
                "peaks": _hexes(log.peaks),
                "completed": [
                    {"level": place.level, "number": place.number, "node": hex_of(node)} for place, node in written
                ],
                "proofs": [
                    [[list(place) for place in group] for group in places_of_proof(at, log.size)]
                    for at in range(log.size)
                ],
            }
        )
    return {"emptyRoot": hex_of(EMPTY_FRONTIER.root), "steps": steps}


def _hexes(values: Iterable[bytes]) -> list[str]:
    return [hex_of(each) for each in values]
