"""FORM-STATE: an implementation made from the page alone gives the state hash of every golden lifecycle."""

import struct
from collections.abc import Iterable
from typing import Any

import pytest
import sha3
from golden_files import golden, names, raw
from test_vectors_lifecycles import play

from interlock.core.attestation import Fact
from interlock.core.committee import Genesis
from interlock.core.decision import Outcome
from interlock.core.ended import EndedIndex
from interlock.core.leg import LegState
from interlock.core.rejection import Reason
from interlock.core.replica import Replica
from interlock.core.settlement import Cause, State
from interlock.encoding.canonical import dumps, from_json, to_json

ZERO = bytes(32)


def keccak(data: bytes) -> bytes:
    return sha3.keccak_256(data).digest()


def hashed(document: Any) -> bytes:  # noqa: ANN401 - JSON
    """Give the hash of a document's canonical bytes, zero where there is none."""
    return ZERO if document is None else keccak(dumps(document))


def signatures(list_: Iterable[Any]) -> bytes:
    """Give members' signatures: a count, then each."""
    found = list(list_)
    return bytes((len(found),)) + b"".join(bytes((each["member"],)) + raw(each["signature"]) for each in found)


def record(known: Any, snapshot: Any) -> bytes:  # noqa: ANN401 - JSON
    """Give the record of an open settlement."""
    terms = known["terms"]
    is_clear = "memo" in terms
    form = b"\1" if is_clear else b"\0" + bytes(isinstance(leg["terms"], dict) for leg in terms["accountLegs"])
    reason = 0 if known["reason"] is None else Reason[known["reason"]]
    parts = [raw(known["id"]), form]
    parts.append(
        bytes(
            (
                State[known["state"]],
                Cause[known["cause"]],
                *(len(known[each]) for each in ("signatures", "consents", "cancels")),
            )
        )
    )
    parts.append(
        struct.pack(
            ">HIQQQQ",
            reason,
            known["stood"],
            known["matchedAt"],
            known["decidedAt"],
            known["registrySequence"],
            len(known["legs"]),
        )
    )
    parts += [struct.pack(">BI", LegState[leg["state"]], leg["stood"]) for leg in known["legs"]]
    parts += [raw(each["signer"]) + raw(each["signature"]) for each in known["signatures"]]
    parts += [raw(each) for each in known["consents"]]
    parts += [raw(each["signer"]) + raw(each["signature"]) for each in known["cancels"]]
    decision, order = known["decision"], known["order"]
    parts.append(
        b"\0" if decision is None else bytes((1, Outcome[decision["outcome"]])) + decision["epoch"].to_bytes(8, "big")
    )
    if order is None:
        parts.append(b"\0")
    else:
        name = order["ledger"].encode()
        parts.append(
            b"\1" + len(name).to_bytes(2, "big") + name + struct.pack(">QQ", order["lastValid"], order["epoch"])
        )
    parts.append(b"\0" if known["orderCertificate"] is None else signatures(known["orderCertificate"]["signatures"]))
    parts.append(b"\0" if known["batch"] is None else b"\1" + raw(known["batch"]))
    parts.append(certificate(known["certificate"]))
    votes = [each for each in snapshot["tallies"] if each["settlement"] == known["id"]]
    under_way = [each for one in snapshot["signings"] if one["settlement"] == known["id"] for each in one["signatures"]]
    parts.append(bytes((len(votes), len(under_way))))
    keyed = sorted((each["leg"] * 256 + Fact[each["fact"]], each["members"]) for each in votes)
    parts += [struct.pack(">QI", key, members) for key, members in keyed]
    parts.append(signatures(under_way)[1:])
    return b"".join(parts)


def certificate(given: Any) -> bytes:  # noqa: ANN401 - JSON
    """Give a certificate of either form."""
    if given is None:
        return b"\0"
    if "batch" not in given:
        return b"\1" + signatures(given["signatures"])
    batch, proof = given["batch"], given["proof"]
    head = b"\2" + raw(batch["root"]) + struct.pack(">QQ", batch["epoch"], batch["height"])
    return head + bytes((len(proof),)) + b"".join(raw(each) for each in proof) + signatures(given["signatures"])


def root_of(records: dict[bytes, bytes], digits: str = "") -> bytes:
    """Give the root of the tree of a fixed shape, from the top."""
    if not records:
        return ZERO
    if len(digits) == 4:
        return keccak(b"".join(id_ + keccak(records[id_]) for id_ in sorted(records)))
    children = [
        root_of({id_: each for id_, each in records.items() if id_.hex().startswith(digits + digit)}, digits + digit)
        for digit in "0123456789abcdef"
    ]
    return keccak(b"".join(children))


def log_of(frontier: Any) -> bytes:  # noqa: ANN401 - JSON
    """Give a log's size and root, folded from its peaks."""
    peaks = [raw(each) for each in frontier["peaks"]]
    node = peaks.pop() if peaks else ZERO
    while peaks:
        peak = peaks.pop()
        node = keccak(min(peak, node) + max(peak, node))
    return frontier["size"].to_bytes(8, "big") + node


def state_hash(snapshot: Any) -> bytes:  # noqa: ANN401 - JSON
    """Give the hash of a state from its snapshot."""
    number = (
        snapshot["epoch"].to_bytes(32, "big") + (64).to_bytes(32, "big") + len(snapshot["members"]).to_bytes(32, "big")
    )
    committee = keccak(number + b"".join(raw(each).rjust(32, b"\0") for each in snapshot["members"]))
    batches = b"".join(
        raw(each["batch"]["root"])
        + struct.pack(">QQ", each["batch"]["epoch"], each["batch"]["height"])
        + signatures(each["signatures"])
        for each in snapshot["batches"]
    )
    parts = [
        b"interlock/state/2",
        raw(snapshot["network"]),
        struct.pack(">QQ", snapshot["height"], snapshot["time"]),
        raw(snapshot["anchors"][-1]),
        committee,
        hashed(snapshot["configurations"][-1] if snapshot["configurations"] else None),
        len(snapshot["configurations"]).to_bytes(8, "big"),
        hashed(snapshot["rotations"][-1] if snapshot["rotations"] else None),
        hashed(snapshot["pending"]),
        keccak(b"".join(raw(each) for each in snapshot["convicted"])),
        bytes((snapshot["isCompromised"],)),
        log_of(snapshot["decisions"]),
        log_of(snapshot["ended"]),
        keccak(batches),
        root_of({raw(each["id"]): record(each, snapshot) for each in snapshot["settlements"]}),
    ]
    return keccak(b"".join(parts))


@pytest.mark.parametrize("name", names("lifecycles"))
def test_the_page_gives_the_state_hash(name: str) -> None:
    """After every block of every lifecycle, from the snapshot as JSON."""
    story = golden(name)
    replica = Replica(from_json(Genesis, story["genesis"]))
    for block in story["blocks"]:
        play(replica, block)
        assert state_hash(to_json(replica.snapshot())) == raw(block["after"]["state"])


@pytest.mark.parametrize("name", names("lifecycles"))
def test_the_page_gives_the_leaves_of_what_ended(name: str) -> None:
    """The log of what ended has a leaf for each, as packed."""
    story = golden(name)
    replica = Replica(from_json(Genesis, story["genesis"]))
    leaves: list[bytes] = []
    for block in story["blocks"]:
        play(replica, block)
        for each in block["after"]["ended"]:
            ended = replica.ended.get(raw(each["id"]))
            assert ended is not None
            packed = struct.pack(
                ">BBBHBBQQQ",
                State[each["state"]],
                Outcome[each["decision"]["outcome"]],
                Cause[each["cause"]],
                0 if each["reason"] is None else Reason[each["reason"]],
                ended.had_unseen_leg,
                ended.last_valid is not None,
                ended.last_valid or 0,
                each["decision"]["epoch"],
                ended.decided_at,
            )
            leaves.append(keccak(raw(each["id"]) + packed))
        assert block["after"]["archive"]["size"] == len(leaves)
    assert block["after"]["archive"]["root"] == "0x" + folded(leaves).hex()
    assert isinstance(replica.ended, EndedIndex)


def folded(leaves: list[bytes]) -> bytes:
    """Give the root over leaves, level by level."""
    level = leaves
    while len(level) > 1:
        paired = [keccak(min(pair) + max(pair)) for pair in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[2 * len(paired) :]
    return level[0] if level else ZERO
