"""The state hash tells any two states apart: whatever differs in a snapshot differs in it, or cannot differ."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import IntEnum

import pytest

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.ended import EndedIndex
from interlock.core.fingerprint import record_bytes
from interlock.core.instruction import redact
from interlock.core.invariants import BrokenInvariant
from interlock.core.limits import EVERY_LEG
from interlock.core.order import OrderCertificate
from interlock.core.replica import Replica
from interlock.core.settlement import Settlement
from interlock.core.snapshot import Snapshot
from interlock.encoding.values import ZERO_BYTES32, Bytes32
from support.log import Stage, at
from support.protocol import FOUR, NETTED_REGISTRY, SEVEN, Network, digest_of
from support.world import (
    ALICE,
    BOB,
    GENESIS,
    address,
    cancel,
    id_of,
    instruct,
    instruction,
    onchain_leg,
    pivot_instruction,
    registry,
)


def everything() -> Snapshot:
    """Give a snapshot with something in every field: all states, proofs of every form, votes, a pending rotation."""
    net = Network(wanted=registry(batch_min=2))
    net.block(net.council.configure(registry(batch_min=2, open_max=30), 2))
    net.rotate(*SEVEN)
    net.rotate(*FOUR)
    ended = net.instruct(instruction(0, 1, salt=1))
    net.block(cancel(ended, BOB))
    net.certify(ended, Outcome.ABORT)
    net.vote(ended, Fact.RETURNED, [0])
    batched = [net.instruct(instruction(0, 1, salt=salt)) for salt in (2, 3)]
    net.block(*(cancel(each, BOB) for each in batched))
    net.certify_batches()
    waiting = [net.instruct(instruction(0, 1, salt=salt)) for salt in (4, 5)]
    net.block(*(cancel(each, BOB) for each in waiting))
    net.certify_batches([3])
    alone = net.instruct(instruction(0, 1, salt=6, pivot_window=1), BOB)
    net.certify(alone, Outcome.ABORT)
    ordered = net.instruct(pivot_instruction(salt=7))
    net.block(cancel(ordered, ALICE))
    net.vote(ordered, Fact.HELD, [0])
    net.certify_order(ordered)
    pivoting = net.instruct(pivot_instruction(salt=8, onchain_legs=()))
    net.certify_order(pivoting, [1])
    wallet = instruction(salt=9, onchain_legs=(onchain_leg(payer=address(5)),), conditions=digest_of(1))
    net.block(instruct(redact(wallet), BOB))
    net.vote(id_of(wallet), Fact.SIGNED, [0])
    net.vote(id_of(wallet), Fact.MET, [EVERY_LEG])
    net.vote(id_of(wallet), Fact.HELD, [1], [2])
    net.name(*FOUR)
    net.sign_rotation([2])
    net.replica.convicted = frozenset({address(7)})
    return net.replica.snapshot()


WHOLE = everything()

FREE = {
    "anchors[older]": "each block's own hash binds the one before it",
    "configurations[older]": "rules read the newest alone, and receipts check signatures",
    "rotations[older]": "rules read none, and ledgers check signatures",
    "settlements[].terms": "bound by the id, of which they are the preimage; their form is told apart below",
    "settlements[].decision.settlement": "the settlement's own id (I3)",
    "settlements[].order.settlement": "the settlement's own id",
    "settlements[].order_certificate.order": "the settlement's own order",
    "settlements[].certificate.decision": "the settlement's own decision",
    "batches[].decisions": "bound by the batch's root, of which they are the leaves",
}
"""What the hash does not read, and why it cannot differ by itself between two replicas of one log."""


def mutants(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Give a value's neighbours: each differs in one place, which the path names."""
    match value:
        case bool():
            yield path, not value
        case IntEnum():
            yield from ((path, each) for each in type(value) if each is not value)
        case int():
            yield path, type(value)(value ^ 1)
        case str():
            yield path, value + "x"
        case bytes():
            yield path, type(value)(bytes([value[0] ^ 1]) + value[1:])
            yield path, type(value)(value[:-1] + bytes([value[-1] ^ 1]))
        case tuple():
            yield from _of_tuple(value, path)
        case None:
            return
        case _:
            assert is_dataclass(value)
            for field in fields(value):
                inner = getattr(value, field.name)
                for where, mutant in mutants(inner, f"{path}.{field.name}".lstrip(".")):
                    yield where, replace(value, **{field.name: mutant})  # type: ignore[type-var]  # a dataclass


def _of_tuple(value: tuple[object, ...], path: str) -> Iterator[tuple[str, object]]:
    is_record = bool(value) and is_dataclass(value[0])
    for index, each in enumerate(value):
        place = f"{path}[]" if path in {"settlements", "batches"} else f"{path}[{index}]"
        if path in {"anchors", "configurations", "rotations"}:
            place = f"{path}[{'newest' if index == len(value) - 1 else 'older'}]"
        yield (f"{place} left out" if is_record else place), value[:index] + value[index + 1 :]
        for where, mutant in mutants(each, place):
            yield where, (*value[:index], mutant, *value[index + 1 :])


MUTANTS = tuple(mutants(WHOLE))


def is_free(path: str) -> bool:
    return any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in FREE)


def hash_of(snapshot: Snapshot) -> Bytes32:
    return Replica.restore(GENESIS, snapshot, EndedIndex()).state_hash()


def test_every_field_is_filled() -> None:
    """Nothing of a snapshot is empty here, so that every field has a neighbour, and every form of proof is there."""
    optional = {"reason", "decision", "order", "order_certificate", "batch", "certificate"}
    filled = {each.name for each in fields(Snapshot) if getattr(WHOLE, each.name)} | {"is_compromised"}
    assert filled == {each.name for each in fields(Snapshot)}
    for name in optional | {"consents", "cancels", "signatures", "stood"}:
        assert any(getattr(each, name) for each in WHOLE.settlements), name
    forms = {type(each.certificate).__name__ for each in WHOLE.settlements}
    assert forms == {"NoneType", "Certificate", "BatchCertificate"}


def test_whatever_differs_in_a_snapshot_differs_in_the_hash() -> None:
    """One bit of one field, an item more or less, another state or fact: another hash, or no snapshot at all."""
    wanted, seen, refused = hash_of(WHOLE), {}, 0
    for path, mutant in MUTANTS:
        if is_free(path):
            continue
        assert isinstance(mutant, Snapshot)
        try:
            found = hash_of(mutant)
        except BrokenInvariant:
            refused += 1
            continue
        assert found != wanted, path
        seen[found] = path
    assert refused > 0
    assert len(seen) > 400


def test_what_the_hash_does_not_read_is_what_is_listed() -> None:
    """The list has no more than it needs, and each of its places is there."""
    wanted = hash_of(WHOLE)
    for free in FREE:
        of_it = [
            (path, mutant) for path, mutant in MUTANTS if path == free or path.startswith((f"{free}.", f"{free}["))
        ]
        assert of_it, free
        assert any(isinstance(mutant, Snapshot) and hash_of(mutant) == wanted for _, mutant in of_it), free


def test_the_form_of_the_terms_is_told_apart() -> None:
    """Clear, hidden, and hidden but for one bank's leg are three states of one id."""
    log, id_ = at(Stage.ALLEGED)
    known = log[id_]
    terms = (known.terms, redact(known.terms), redact(known.terms, ledger="bank:first"))
    assert len({record_bytes(replace(known, terms=each), {}, {}) for each in terms}) == 3


PARTS: dict[str, dict[str, object]] = {
    "no decision": {"decision": None},
    "no order": {"order": None},
    "no certificate of its order": {"order_certificate": None},
    "no certificate": {"certificate": None},
    "in a batch": {"batch": digest_of(3)},
    "in the batch of zeros": {"batch": ZERO_BYTES32},
    "no legs": {"legs": ()},
}


@pytest.mark.parametrize("changes", PARTS.values(), ids=PARTS.keys())
def test_an_optional_part_is_told_from_its_absence(changes: dict[str, object]) -> None:
    """Of a settlement that has everything, each part can be missing by itself."""
    log, id_ = at(Stage.EXECUTED)
    log.certify(id_, Outcome.COMMIT)
    whole = log[id_]
    assert None not in {whole.decision, whole.order, whole.order_certificate, whole.certificate}
    assert record_bytes(whole, {}, {}) != record_bytes(replace(whole, **changes), {}, {})  # type: ignore[arg-type]


def test_a_certificate_is_not_taken_for_an_orders() -> None:
    """The same signatures in one place or the other, or under votes, are different records."""
    log, id_ = at(Stage.ORDERED)
    known: Settlement = log[id_]
    certificate = known.order_certificate
    assert isinstance(certificate, OrderCertificate)
    signing = {each.member: each.signature for each in certificate.signatures}
    records = {
        record_bytes(known, {}, {}),
        record_bytes(replace(known, order_certificate=None), {}, {}),
        record_bytes(replace(known, order_certificate=None), {}, signing),
        record_bytes(known, {}, signing),
        record_bytes(known, {1 << 8 | Fact.HELD: 7}, {}),
        record_bytes(known, {1 << 8 | Fact.HELD: 6}, {}),
        record_bytes(known, {2 << 8 | Fact.HELD: 7}, {}),
    }
    assert len(records) == 7


def test_the_order_in_which_votes_and_signatures_came_is_no_part_of_the_state() -> None:
    """Two replicas that counted the same have the same bytes."""
    log, id_ = at(Stage.ORDERED)
    certificate = log[id_].order_certificate
    assert certificate is not None
    signing = {each.member: each.signature for each in certificate.signatures}
    votes = {258: 1, 514: 2, 259: 4}
    backwards = dict(reversed(votes.items())), dict(reversed(signing.items()))
    assert record_bytes(log[id_], votes, signing) == record_bytes(log[id_], *backwards)


def test_a_registry_is_part_of_the_state() -> None:
    """Another registry in force is another state."""
    hashes = set()
    for wanted in (registry(), NETTED_REGISTRY, registry(open_max=1)):
        net = Network(wanted=wanted)
        hashes.add(net.replica.state_hash())
    assert len(hashes) == 3
