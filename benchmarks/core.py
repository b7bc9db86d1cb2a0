"""How fast the core applies attestations, and that it stays so: with few and many open settlements, and a long history.

    .venv/bin/python benchmarks/core.py [--quick]

Signatures are checked elsewhere (`entries`), so they are not made here: what is timed is the replica alone, on one
core. A settlement has two legs and four nodes watch it: fifteen attestations bring it from its holds to its end. Three
signatures make its certificate, which is not timed. Blocks carry one batch of 256 attestations from each node. Each
round works on settlements drawn evenly from all that are open.

The baseline in the same run counts the same votes in a dictionary of sets, and does nothing else: what no state machine
in this language can beat. Times are the best of three rounds: the machine may be shared, and noise only adds.
"""

import argparse
import hashlib
import struct
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

from interlock.core.attestation import Attestation, Fact, SignedAttestation
from interlock.core.committee import FIRST_EPOCH, Genesis, MemberIndex
from interlock.core.decision import Decision, Outcome, SignedDecision
from interlock.core.ended import EndedSettlement
from interlock.core.entry import Attest, Block, Certify, Configure, Entry, Instruct
from interlock.core.instruction import (
    AccountLeg,
    AccountTerms,
    Instruction,
    LegIndex,
    OnchainLeg,
    PartySignature,
    SettlementId,
    settlement_id,
    vault_name,
)
from interlock.core.registry import Configuration, LedgerClass, LedgerEntry, Registry, SignedConfiguration
from interlock.core.replica import Replica
from interlock.core.settlement import Cause, State
from interlock.encoding.values import (
    ZERO_BYTES32,
    Address,
    Bytes32,
    Height,
    MinorUnits,
    Signature,
    Uint32,
    Uint64,
    Uint256,
    UnixSeconds,
    hex_of,
)

NODES = 4
BATCH = 256
ROUNDS = 3
SIGNATURE = Signature(bytes(64) + b"\x1b")
VAULT, TOKEN = Address(b"\x0a" * 20), Address(b"\x0b" * 20)
ALICE, BOB = Address(b"\x01" * 20), Address(b"\x02" * 20)
CHAIN = 31_337
MEMBERS = tuple(Address(bytes([100 + each]) * 20) for each in range(NODES))
GENESIS = Genesis("benchmark", MEMBERS, "embedded", ZERO_BYTES32)
START = UnixSeconds(Uint64(1_800_000_000))
HORIZON = 86_400


def registry() -> Registry:
    """Give a vault and a bank, with room for every settlement of the run."""
    bank = LedgerEntry("bank:b", LedgerClass.HELD, ("USD/2",), Bytes32(b"\x09" * 32), Uint32(0), False, False)
    vault = LedgerEntry(
        vault_name(CHAIN, VAULT), LedgerClass.VAULT, (hex_of(TOKEN),), ZERO_BYTES32, Uint32(0), False, False
    )
    return Registry((bank, vault), Uint64(HORIZON), Uint32(2**32 - 1), Uint64(0), False, Uint32(0))


def instruction(number: int) -> Instruction:
    """Give the terms of one settlement."""
    onchain = OnchainLeg(Uint256(CHAIN), VAULT, TOKEN, MinorUnits(Uint256(100)), ALICE, BOB, Uint256(number << 40 | 1))
    terms = AccountTerms("bank:b", "USD/2", MinorUnits(Uint256(5)), "bob", "alice", ZERO_BYTES32)
    salt = Bytes32(hashlib.sha256(struct.pack(">Q", number)).digest())
    prepare_by = UnixSeconds(Uint64(START + HORIZON))
    return Instruction("", (onchain,), (AccountLeg(BOB, terms),), "", ZERO_BYTES32, START, prepare_by, Uint64(0), salt)


class Bench:
    """A replica and the blocks that it is given."""

    def __init__(self) -> None:
        self.replica = Replica(GENESIS)
        configuration = Configuration(FIRST_EPOCH, Uint64(1), registry())
        signatures = tuple(PartySignature(each, SIGNATURE) for each in MEMBERS)
        self.apply(Configure(SignedConfiguration(configuration, signatures)))
        self.open: list[SettlementId] = []
        self._number = 0

    def apply(self, *entries: Entry) -> None:
        """Apply the next block."""
        height = Height(Uint64(self.replica.height + 1))
        hash_ = Bytes32(hashlib.sha256(struct.pack(">Q", height)).digest())
        applied = self.replica.apply_block(Block(height, START, hash_, entries))
        if applied.rejections:
            raise SystemExit(f"the core refused: {applied.rejections[0]}")

    def fill(self, count: int) -> None:
        """Let so many settlements be open and matched."""
        signatures = (PartySignature(ALICE, SIGNATURE), PartySignature(BOB, SIGNATURE))
        while len(self.open) < count:
            entries = []
            for _ in range(min(1_000, count - len(self.open))):
                terms = instruction(self._number)
                self._number += 1
                entries.append(Instruct(terms, None, signatures))
                self.open.append(settlement_id(self.replica.network_id, terms))
            self.apply(*entries)

    def finish(self, count: int) -> None:
        """Let the index hold so many settlements that ended, as if they had been settled here."""
        for number in range(count):
            id_ = SettlementId(Bytes32(hashlib.sha256(b"ended" + struct.pack(">Q", number)).digest()))
            ended = EndedSettlement(
                Decision(id_, Outcome.COMMIT, FIRST_EPOCH), START, State.SETTLED, Cause.ALL_HELD, None, None, False
            )
            self.replica.archive = self.replica.archive.append(self.replica.ended.put(id_, ended))

    def votes(self, ids: list[SettlementId], leg: int, fact: Fact) -> list[list[Attest]]:
        """Give blocks of batches in which every node attests a fact of these settlements."""
        anchor = self.replica.anchor
        blocks = []
        for start in range(0, len(ids), BATCH):
            items = tuple(
                SignedAttestation(
                    Attestation(id_, LegIndex(Uint32(leg)), fact, ZERO_BYTES32, ZERO_BYTES32, FIRST_EPOCH), SIGNATURE
                )
                for id_ in ids[start : start + BATCH]
            )
            blocks.append([Attest(MemberIndex(Uint32(each)), anchor, items, (), SIGNATURE) for each in range(NODES)])
        return blocks

    def certify(self, ids: list[SettlementId]) -> None:
        """Let a quorum and one more sign COMMIT."""
        for start in range(0, len(ids), BATCH):
            items = tuple(
                SignedDecision(Decision(id_, Outcome.COMMIT, FIRST_EPOCH), SIGNATURE)
                for id_ in ids[start : start + BATCH]
            )
            self.apply(
                *(
                    Certify(MemberIndex(Uint32(each)), self.replica.anchor, items, (), (), SIGNATURE)
                    for each in range(3)
                )
            )

    def round(self, size: int, *, hashed: bool) -> float:
        """Bring so many settlements to their end; give the attestations applied in a second."""
        step = max(1, len(self.open) // size)
        ids = self.open[::step][:size]
        spent, count = 0.0, 0
        for leg, fact in ((0, Fact.HELD), (1, Fact.HELD), (0, Fact.DELIVERED), (1, Fact.DELIVERED)):
            # The quorum for the last fact ends the settlement; a later vote would find it archived.
            voters = NODES - 1 if (leg, fact) == (1, Fact.DELIVERED) else NODES
            for batches in self.votes(ids, leg, fact):
                block = batches[:voters]
                began = time.perf_counter()
                self.apply(*block)
                if hashed:
                    self.replica.state_hash()
                spent += time.perf_counter() - began
                count += sum(len(each.attestations) for each in block)
            if (leg, fact) == (1, Fact.HELD):
                self.certify(ids)
        chosen = set(ids)
        self.open = [each for each in self.open if each not in chosen]
        return count / spent


def baseline(size: int) -> float:
    """Count the same votes in a dictionary of sets; give the votes counted in a second."""
    ids = [hashlib.sha256(struct.pack(">Q", each)).digest() for each in range(size)]
    votes: dict[tuple[bytes, int, int], set[int]] = {}
    began = time.perf_counter()
    for leg, fact in ((0, 2), (1, 2), (0, 8), (1, 8)):
        for member in range(NODES):
            for id_ in ids:
                votes.setdefault((id_, leg, fact), set()).add(member)
    return 16 * size / (time.perf_counter() - began)


def best(measure: Callable[[], float]) -> float:
    """Give the best of some rounds."""
    return max(measure() for _ in range(ROUNDS))


def once(bench: Bench, opened: int, size: int, *, hashed: bool) -> float:
    """Make one round, with so many settlements open."""
    bench.fill(opened)
    bench.replica.state_hash()
    return bench.round(size, hashed=hashed)


def rows(sizes: list[tuple[int, int]], size: int) -> Iterator[tuple[int, int, float, float]]:
    """Give open and ended settlements, and the rates without and with the state hash."""
    for opened, ended in sizes:
        bench = Bench()
        bench.finish(ended)
        rates = [best(partial(once, bench, opened, min(size, opened), hashed=hashed)) for hashed in (False, True)]
        yield opened, ended, rates[0], rates[1]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="smaller sizes, for a look")
    quick = parser.parse_args().quick
    sizes = [(10, 0), (1_000, 0), (10_000, 0)] if quick else [(10, 0), (1_000, 0), (100_000, 0), (1_000, 1_000_000)]
    size = 512 if quick else 4_096
    ground = best(lambda: baseline(4_096))
    print(f"baseline, votes in a dictionary of sets   {ground:>10,.0f} a second")
    print(f"{'open':>10} {'ended':>10} {'applied/s':>12} {'of baseline':>12} {'with hash/s':>12}")
    for opened, ended, plain, hashed in rows(sizes, size):
        print(f"{opened:>10,} {ended:>10,} {plain:>12,.0f} {plain / ground:>12.3f} {hashed:>12,.0f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
