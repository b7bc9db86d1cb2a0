"""A registry is put in force by a quorum, one sequence after the other, and only if it is sound."""

from dataclasses import replace

import pytest

from interlock.core.limits import PIVOT_WINDOW_MAX_S, REGISTRY_LEDGERS_MAX
from interlock.core.registry import (
    ASSETS_MAX,
    EMPTY_REGISTRY,
    LedgerClass,
    LedgerEntry,
    Registry,
    registry_fault,
)
from interlock.core.rejection import Reason
from interlock.encoding.values import ZERO_BYTES32, Uint64
from support.log import Log
from support.world import ALICE, BANK, NODES, REGISTRY, USD, VAULT_NAME, configure, ledger, registry


def of(*ledgers: LedgerEntry) -> Registry:
    return replace(REGISTRY, ledgers=ledgers)


def many(count: int) -> Registry:
    return of(*(ledger(f"bank:{number:04}", LedgerClass.HELD) for number in range(count)))


BANK_LINE = ledger(BANK, LedgerClass.HELD, USD)
VAULT_LINE = ledger(VAULT_NAME, LedgerClass.VAULT)
FAULTS = {
    "names do not rise": (of(ledger("b", LedgerClass.HELD), ledger("a", LedgerClass.HELD)), "by rising name"),
    "a name twice": (of(BANK_LINE, BANK_LINE), "each once"),
    "one ledger too many": (many(REGISTRY_LEDGERS_MAX + 1), "257 ledgers; 256 are allowed"),
    "no name": (of(replace(BANK_LINE, name="")), "1 to 128 bytes"),
    "a long name": (of(replace(BANK_LINE, name="é" * 65)), "1 to 128 bytes"),
    "one asset too many": (of(replace(BANK_LINE, assets=tuple(map(str, range(ASSETS_MAX + 1))))), "at most 256 assets"),
    "an asset twice": (of(replace(BANK_LINE, assets=(USD, USD))), "each once"),
    "a bank named as a vault": (of(ledger(VAULT_NAME, LedgerClass.HELD)), "is named eip155:"),
    "a payment system named as a vault": (
        of(ledger(VAULT_NAME, LedgerClass.DIRECT)),
        "is named eip155:",
    ),
    "a vault with half an address": (of(ledger("eip155:1:0x00", LedgerClass.VAULT)), "is named eip155:"),
    "a bank without a key": (of(replace(BANK_LINE, receipt_key=ZERO_BYTES32)), "signs receipts under its key"),
    "a vault with a key": (of(replace(VAULT_LINE, receipt_key=BANK_LINE.receipt_key)), "for a vault zero stands"),
    "an asset without a name": (of(replace(BANK_LINE, assets=("",))), "an asset's name has 1 to 128 bytes"),
    "a payment system that is no pivot": (
        of(ledger("bank:wire", LedgerClass.DIRECT, is_pivot=False)),
        "can only be the pivot",
    ),
    "a window of more than a week": (
        replace(REGISTRY, pivot_window_max_s=Uint64(PIVOT_WINDOW_MAX_S + 1)),
        "604801 s; 604800 s are the most",
    ),
    "a vault named as a bank": (of(ledger(BANK, LedgerClass.VAULT)), "is named eip155:"),
}


@pytest.mark.parametrize(("faulty", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_faulty_registry_never_comes_into_force(faulty: Registry, message: str) -> None:
    """A registry that contradicts itself is refused, whoever signed it, and the one in force stays."""
    log = Log()
    rejection = log.block(configure(faulty, 2)).rejections[0]
    assert rejection.reason is Reason.REGISTRY_INVALID
    assert message in rejection.detail
    assert log.replica.registry == REGISTRY


@pytest.mark.parametrize(
    "sound",
    [
        EMPTY_REGISTRY,
        REGISTRY,
        many(REGISTRY_LEDGERS_MAX),
        of(replace(BANK_LINE, assets=tuple(map(str, range(256))))),
        replace(REGISTRY, pivot_window_max_s=Uint64(PIVOT_WINDOW_MAX_S)),
        of(replace(BANK_LINE, is_pivot=True), replace(VAULT_LINE, is_pivot=True)),
    ],
    ids=["empty", "usual", "most ledgers", "most assets", "the longest window", "pivots of other classes"],
)
def test_a_sound_registry_comes_into_force(sound: Registry) -> None:
    """At the bounds a registry is sound, and its ledgers are found by name."""
    log = Log()
    assert registry_fault(sound) is None
    assert log.block(configure(sound, 2)).reasons == []
    assert log.replica.registry == sound
    assert all(sound.ledger(each.name) == each for each in sound.ledgers)
    assert sound.ledger("bank:nobody") is None


REFUSED = {
    "the epoch before": (configure(REGISTRY, 2, epoch=0), Reason.WRONG_EPOCH),
    "the next epoch": (configure(REGISTRY, 2, epoch=2), Reason.WRONG_EPOCH),
    "the sequence in force": (configure(REGISTRY, 1), Reason.SEQUENCE_NOT_RISING),
    "sequence zero": (configure(REGISTRY, 0), Reason.SEQUENCE_NOT_RISING),
    "a sequence left out": (configure(REGISTRY, 3), Reason.SEQUENCE_NOT_RISING),
    "too few members": (configure(REGISTRY, 2, *NODES[:2]), Reason.QUORUM_MISSING),
    "a quorum only with a stranger": (configure(REGISTRY, 2, *NODES[:2], ALICE), Reason.QUORUM_MISSING),
    "strangers alone": (configure(REGISTRY, 2, ALICE), Reason.QUORUM_MISSING),
    # the lower number first where several apply
    "wrong epoch and sequence": (configure(FAULTS["no name"][0], 9, epoch=2), Reason.WRONG_EPOCH),
    "wrong sequence, faulty": (configure(FAULTS["no name"][0], 9), Reason.SEQUENCE_NOT_RISING),
    "too few for a faulty one": (configure(FAULTS["no name"][0], 2, ALICE), Reason.QUORUM_MISSING),
}


@pytest.mark.parametrize(("entry", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_configuration_out_of_turn_is_refused(entry: object, reason: Reason) -> None:
    """Epoch, sequence and quorum are checked in this order, and the registry in force stays."""
    log = Log()
    before = log.replica.configurations.copy()
    assert log.block(entry).reasons == [reason]  # type: ignore[arg-type]  # each is a Configure
    assert log.replica.configurations == before


def test_any_quorum_will_do_in_any_order_and_with_strangers() -> None:
    """Members may sign in any order; a stranger's good signature neither helps nor hurts."""
    log = Log()
    assert log.block(configure(REGISTRY, 2, NODES[3], ALICE, NODES[1], NODES[0])).reasons == []
    assert log.block(configure(REGISTRY, 3, *NODES)).reasons == []


def test_the_first_configuration_has_sequence_one() -> None:
    """A new log has no registry, and takes only the first."""
    log = Log(registry=None)
    assert log.replica.registry == EMPTY_REGISTRY
    assert log.block(configure(REGISTRY, 2)).reasons == [Reason.SEQUENCE_NOT_RISING]
    assert log.block(configure(REGISTRY, 1), configure(registry(open_max=1), 2)).reasons == []
    assert log.replica.registry.open_per_signer_max == 1
