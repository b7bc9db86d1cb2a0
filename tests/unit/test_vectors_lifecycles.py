"""Every golden lifecycle, replayed from its file, gives what its file says after every block."""

from typing import Any

import pytest
from golden_files import golden, names, raw

from interlock.core.committee import Genesis
from interlock.core.ended import EndedIndex
from interlock.core.entry import Block
from interlock.core.replica import Replica
from interlock.core.snapshot import Snapshot
from interlock.encoding.block import block_hash
from interlock.encoding.canonical import decode, dumps, encode, from_json

LIFECYCLES = names("lifecycles")


def play(replica: Replica, block: Any) -> tuple[list[Any], Any]:  # noqa: ANN401 - as the file has it
    """Apply one block of a file; give what was rejected, and what the replica shows."""
    from golden.log import checked, shown, told  # noqa: PLC0415 - its folder is on the path only now

    given = [dumps(entry) for entry in block["entries"]]
    hash_ = block_hash(block["height"], block["time"], replica.block_hash, given)
    assert hash_ == raw(block["hash"])
    accepted, places, refused = checked(replica, given)
    applied = replica.apply_block(Block(block["height"], block["time"], hash_, accepted))
    refused += [(places[index], rejection) for index, rejection in applied.rejections]
    rejected = [told(place, rejection) for place, rejection in sorted(refused, key=lambda each: each[0])]
    return rejected, shown(replica, applied)


@pytest.mark.parametrize("name", LIFECYCLES)
def test_a_replay_gives_the_same_states(name: str) -> None:
    """Time, states, legs, decisions, rejections and the state hash are those of the file, block by block (I8)."""
    story = golden(name)
    replica = Replica(from_json(Genesis, story["genesis"]))
    assert replica.network_id == raw(story["network"])
    for block in story["blocks"]:
        rejected, after = play(replica, block)
        assert rejected == block["rejected"]
        assert after == block["after"]


@pytest.mark.parametrize("name", LIFECYCLES)
def test_a_replica_that_was_restored_anywhere_goes_on_alike(name: str) -> None:
    """A snapshot that has been bytes between, taken after any block, leads to the same states (I8)."""
    story = golden(name)
    genesis = from_json(Genesis, story["genesis"])
    replica = Replica(genesis)
    for place, block in enumerate(story["blocks"]):
        play(replica, block)
        ended = EndedIndex.of((id_, replica.ended.packed(id_) or b"") for id_ in replica.ended)
        other = Replica.restore(genesis, decode(Snapshot, encode(replica.snapshot())), ended)
        assert other.state_hash() == raw(block["after"]["state"])
        for later in story["blocks"][place + 1 : place + 3]:
            assert play(other, later)[1] == later["after"]


@pytest.mark.parametrize("name", LIFECYCLES)
def test_no_settlement_is_delivered_in_part(name: str) -> None:
    """I1 and I3: after no block is one leg given and another taken, and no decision changes its outcome."""
    given, taken = {"DELIVERED", "ENTITLED", "EXECUTED"}, {"RETURNED", "TOMBSTONED", "NEVER"}
    outcomes: dict[str, str] = {}
    for block in golden(name)["blocks"]:
        for each in (*block["after"]["settlements"], *block["after"]["ended"]):
            assert not (given & set(each["legs"]) and taken & set(each["legs"]))
            if each["decision"] is not None:
                outcome = each["decision"]["outcome"]
                assert outcomes.setdefault(each["id"], outcome) == outcome
