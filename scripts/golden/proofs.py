"""Certificates, orders, rotations and inclusions: valid ones, and each way to be invalid with its sentence."""

from collections.abc import Callable
from dataclasses import replace

from golden.log import Json
from golden.trees import decided
from golden.world import (
    COUNCIL,
    FIRST,
    NETWORK,
    SECOND,
    SEVEN,
    STRANGER,
    WIRE,
    Council,
    hash_of,
    id_of,
    index,
    instruction,
    pivot_instruction,
    seconds,
)
from interlock.core.committee import FIRST_EPOCH, Committee, Epoch, committee_fault
from interlock.core.decision import (
    AnyCertificate,
    BatchCertificate,
    Decision,
    MemberSignature,
    Outcome,
    assemble_batch,
    batch_of,
    batch_root_digest,
    decision_digest,
    decision_hash,
)
from interlock.core.instruction import SettlementId
from interlock.core.order import Order, OrderCertificate, order_digest, order_hash
from interlock.core.rotation import Rotation, RotationCertificate, committee_hash, next_epoch, rotation_digest
from interlock.encoding.canonical import to_json
from interlock.encoding.merkle import EMPTY_FRONTIER, proof_of, root_of
from interlock.encoding.secp256k1 import ORDER as GROUP_ORDER
from interlock.encoding.values import Bytes32, Height, Signature, Uint64, hex_of
from interlock.evidence.certificate import (
    certificate_fault,
    committee_after,
    is_included,
    order_certificate_fault,
    rotation_fault,
)

SETTLED = SettlementId(hash_of("settlement 0"))
DECISION = decided(0)
BATCHED = tuple(decided(number) for number in range(5))
BATCH = batch_of(BATCHED, FIRST_EPOCH, Height(Uint64(9)))


def certificates() -> Json:
    """Give certificates of both forms."""
    alone, batched = COUNCIL.certificate(DECISION), _batched()
    cases = [
        _certificate("a quorum signed it", alone),
        _certificate("another quorum signed it", COUNCIL.certificate(DECISION, [0, 2, 3])),
        _certificate("the outcome that is wanted", alone, outcome=Outcome.COMMIT),
        _certificate("a quorum signed its batch", batched),
        _certificate("of another settlement", alone, settlement=id_of(instruction())),
        _certificate("the other outcome", alone, outcome=Outcome.ABORT),
        _certificate("of a later epoch", Council(2, FIRST).certificate(replace(DECISION, epoch=Epoch(Uint64(2))))),
        _certificate("too few signatures", COUNCIL.certificate(DECISION, [0, 1])),
        _certificate("too many signatures", COUNCIL.certificate(DECISION, [0, 1, 2, 3])),
        _certificate("no signature", COUNCIL.certificate(DECISION, [])),
        _certificate("members out of order", COUNCIL.certificate(DECISION, [1, 0, 2])),
        _certificate("a member twice", COUNCIL.certificate(DECISION, [0, 0, 1])),
        _certificate("a member that there is not", _with(alone, 2, lambda each: replace(each, member=index(4)))),
        _certificate("a stranger's signature", _with(alone, 1, _by_stranger)),
        _certificate(
            "another member's signature",
            _with(alone, 1, lambda each: replace(each, member=index(1), signature=alone.signatures[0].signature)),
        ),
        _certificate("a signature with high s", _with(alone, 0, _with_high_s)),
        _certificate("a signature with v of 0", _with(alone, 0, lambda each: _ending(each, 0))),
        _certificate(
            "signatures of the other outcome",
            replace(alone, signatures=COUNCIL.certificate(replace(DECISION, outcome=Outcome.ABORT)).signatures),
        ),
        _certificate("signatures for another network", _of_other_network()),
        _certificate("signatures of the decision under a batch", replace(batched, signatures=alone.signatures)),
        _certificate("signatures of the batch under the decision", replace(alone, signatures=batched.signatures)),
        _certificate(
            "a batch of another epoch", replace(batched, batch=replace(batched.batch, epoch=Epoch(Uint64(2))))
        ),
        _certificate("not in the batch", replace(batched, decision=replace(batched.decision, outcome=Outcome.ABORT))),
        _certificate("a proof of 65 siblings", replace(batched, proof=batched.proof + (hash_of("sibling"),) * 65)),
        _certificate(
            "a batch of another height", replace(batched, batch=replace(batched.batch, height=Height(Uint64(8))))
        ),
    ]
    return {
        "tells": "What a ledger checks in a certificate, given the committee that it knows.",
        "tags": ["CERT-1", "CERT-2", "CERT-3", "BATCH-3"],
        "network": hex_of(NETWORK),
        "committee": _committee(COUNCIL.committee),
        "cases": cases,
    }


def orders() -> Json:
    """Give certificates of orders."""
    order = Order(id_of(pivot_instruction()), WIRE, seconds(1_900_000_120), FIRST_EPOCH)
    good = _order_certificate(order)
    given: dict[str, tuple[OrderCertificate, Committee]] = {
        "a quorum signed it": (good, COUNCIL.committee),
        "for another settlement": (_order_certificate(replace(order, settlement=SETTLED)), COUNCIL.committee),
        "for another ledger": (_order_certificate(replace(order, ledger="bank:second")), COUNCIL.committee),
        "of an epoch that is over": (good, Council(2, SECOND).committee),
        "another last time than was signed": (
            replace(good, order=replace(order, last_valid=seconds(1))),
            COUNCIL.committee,
        ),
        "too few signatures": (replace(good, signatures=good.signatures[:2]), COUNCIL.committee),
    }
    return {
        "tells": "What the pivot checks in an order's certificate: that it is this settlement's and its own.",
        "tags": ["PIVOT-4", "D2"],
        "network": hex_of(NETWORK),
        "settlement": hex_of(order.settlement),
        "ledger": order.ledger,
        "digest": hex_of(order_digest(NETWORK, order)),
        "cases": [
            {
                "name": name,
                "committee": _committee(committee),
                "certificate": to_json(certificate),
                "fault": order_certificate_fault(
                    NETWORK, committee, certificate, settlement=order.settlement, ledger=WIRE
                ),
            }
            for name, (certificate, committee) in given.items()
        ],
    }


def rotations() -> Json:
    """Give committees, their hashes, rotations one by one and in a chain, and proofs of inclusion."""
    first, second, third = COUNCIL, Council(2, SECOND), Council(3, SEVEN)
    one, two = _rotation(first, second), _rotation(second, third)
    members = tuple(each.address for each in SECOND)
    given: dict[str, tuple[RotationCertificate, Committee]] = {
        "a quorum of the outgoing committee signed it": (one, first.committee),
        "from another epoch": (two, first.committee),
        "three members": (replace(one, members=members[:3]), first.committee),
        "a member twice": (replace(one, members=(*members[:3], members[0])), first.committee),
        "the zero address": (replace(one, members=(*members[:3], type(members[0])(bytes(20)))), first.committee),
        "members in another order": (replace(one, members=members[::-1]), first.committee),
        "too few signatures": (replace(one, signatures=one.signatures[:2]), first.committee),
        "the incoming committee's signatures": (
            replace(one, signatures=second.signatures(rotation_digest(NETWORK, one.rotation))),
            first.committee,
        ),
        "another root than was signed": (
            replace(one, rotation=replace(one.rotation, decisions_root=hash_of("root"))),
            first.committee,
        ),
    }
    chains = {"none": (), "one": (one,), "both": (one, two), "without the first": (two,), "one twice": (one, one, two)}
    return {
        "tells": "Committees, and how one hands over to the next.",
        "tags": ["FORM-COMMITTEE", "EPOCH-2", "EPOCH-7", "PARTY-COMMITTEE"],
        "network": hex_of(NETWORK),
        "committees": [_committee(each.committee) for each in (first, second, third)],
        "lists": [
            {
                "name": name,
                "members": [hex_of(each.address) for each in keys],
                "fault": committee_fault(tuple(each.address for each in keys)),
            }
            for name, keys in {
                "none": (),
                "one": FIRST[:1],
                "two": FIRST[:2],
                "three": FIRST[:3],
                "four": FIRST,
                "seven": SEVEN,
                "twice": (*FIRST[:3], FIRST[0]),
            }.items()
        ],
        "rotations": [
            {
                "name": name,
                "committee": _committee(committee),
                "certificate": to_json(certificate),
                "digest": hex_of(rotation_digest(NETWORK, certificate.rotation)),
                "fault": rotation_fault(NETWORK, committee, certificate),
            }
            for name, (certificate, committee) in given.items()
        ],
        "chains": [
            {"name": name, "rotations": [to_json(each) for each in chain], "inOffice": _after(chain)}
            for name, chain in chains.items()
        ],
        "inclusion": _inclusion(),
    }


def _after(chain: tuple[RotationCertificate, ...]) -> Json:
    found = committee_after(NETWORK, COUNCIL.committee, chain)
    return found if isinstance(found, str) else _committee(found)


def _inclusion() -> Json:
    """Give the log of decisions and orders of an epoch that is over, and what its root proves."""
    order = Order(id_of(pivot_instruction()), WIRE, seconds(1_900_000_120), FIRST_EPOCH)
    log: tuple[Decision | Order, ...] = (decided(0), order, decided(1), decided(2), decided(3))
    leaves = [decision_hash(each) if isinstance(each, Decision) else order_hash(each) for each in log]
    root = root_of(leaves)
    absent = decided(9)
    shown = [*enumerate(log), (0, absent), (0, replace(decided(0), epoch=Epoch(Uint64(2))))]
    return {
        "decisionsRoot": hex_of(root),
        "grown": hex_of(EMPTY_FRONTIER.extend(leaves).root),
        "cases": [
            {
                "statement": to_json(each),
                "proof": [hex_of(sibling) for sibling in proof_of(leaves, at)],
                "included": is_included(each, proof_of(leaves, at), root),
            }
            for at, each in shown
        ],
    }


def _rotation(outgoing: Council, incoming: Council) -> RotationCertificate:
    members = incoming.committee.members
    rotation = Rotation(
        from_epoch=outgoing.committee.epoch,
        committee=committee_hash(next_epoch(outgoing.committee.epoch), members),
        height=Height(Uint64(12 * outgoing.epoch)),
        decisions_root=hash_of(f"decisions of epoch {outgoing.epoch}"),
    )
    return RotationCertificate(rotation, members, outgoing.signatures(rotation_digest(NETWORK, rotation)))


def _order_certificate(order: Order) -> OrderCertificate:
    return OrderCertificate(order, COUNCIL.signatures(order_digest(NETWORK, order)))


def _certificate(
    name: str, certificate: AnyCertificate, *, settlement: SettlementId = SETTLED, outcome: Outcome | None = None
) -> Json:
    fault = certificate_fault(NETWORK, COUNCIL.committee, certificate, settlement=settlement, outcome=outcome)
    return {
        "name": name,
        "settlement": hex_of(settlement),
        "outcome": None if outcome is None else outcome.name,
        "certificate": to_json(certificate),
        "fault": fault,
    }


def _batched() -> BatchCertificate:
    signatures = COUNCIL.signatures(batch_root_digest(NETWORK, BATCH))
    made = assemble_batch(BATCH, BATCHED, signatures)
    return next(each for each in made if each.decision == DECISION)


def _with(
    certificate: AnyCertificate, place: int, change: Callable[[MemberSignature], MemberSignature]
) -> AnyCertificate:
    signatures = list(certificate.signatures)
    signatures[place] = change(signatures[place])
    return replace(certificate, signatures=tuple(signatures))


def _by_stranger(each: MemberSignature) -> MemberSignature:
    return replace(each, signature=STRANGER.sign(decision_digest(NETWORK, DECISION)))


def _with_high_s(each: MemberSignature) -> MemberSignature:
    """Give the other signature of the same key under the same digest, which any stranger can make."""
    r, s, v = each.signature[:32], int.from_bytes(each.signature[32:64], "big"), each.signature[64]
    return replace(each, signature=Signature(r + (GROUP_ORDER - s).to_bytes(32, "big") + bytes((55 - v,))))


def _ending(each: MemberSignature, v: int) -> MemberSignature:
    return replace(each, signature=Signature(each.signature[:64] + bytes((v,))))


def _of_other_network() -> AnyCertificate:
    digest = decision_digest(Bytes32(hash_of("another network")), DECISION)
    return replace(COUNCIL.certificate(DECISION), signatures=COUNCIL.signatures(digest))


def _committee(committee: Committee) -> Json:
    return {
        "epoch": committee.epoch,
        "members": [hex_of(each) for each in committee.members],
        "faultyMax": committee.faulty_max,
        "quorum": committee.quorum,
        "hash": hex_of(committee_hash(committee.epoch, committee.members)),
    }
