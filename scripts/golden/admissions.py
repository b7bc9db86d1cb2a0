"""Admission: instructions with each fault that they can have, alone and together, and the reason that is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from golden.log import Json
from golden.world import (
    ALICE,
    BANK,
    BOB,
    COUNCIL,
    LATE,
    LEDGERS,
    NETWORK,
    PIVOT_WINDOW_S,
    PREPARE_BY,
    REGISTRY,
    START,
    TOKEN,
    VAULT,
    VAULT_NAME,
    WIRE,
    account_leg,
    hash_of,
    id_of,
    instruction,
    onchain_leg,
    pivot_instruction,
    seconds,
)
from interlock.core.admission import Context, Lane, passing_fault, unalterable_fault
from interlock.core.instruction import AccountLeg, Instruction, OnchainLeg, SettlementId, Terms, redact
from interlock.core.limits import ACCOUNT_AMOUNT_MAX, LEGS_MAX, MEMO_BYTES_MAX, NAME_BYTES_MAX
from interlock.core.registry import EMPTY_REGISTRY, Registry
from interlock.encoding.canonical import to_json
from interlock.encoding.values import ZERO_ADDRESS, Address, MinorUnits, Uint64, Uint256, hex_of


@dataclass(frozen=True, slots=True)
class Known:
    """What the log knows when it is asked."""

    registry: Registry = REGISTRY
    time: int = START
    open_by_signer: Mapping[Address, int] = field(default_factory=dict)
    live_lanes: Mapping[Lane, SettlementId] = field(default_factory=dict)

    @property
    def context(self) -> Context:
        """Give it as the core wants it."""
        return Context(
            network_id=NETWORK,
            committee=COUNCIL.committee,
            time=seconds(self.time),
            registry=self.registry,
            registry_sequence=Uint64(self.registry is not EMPTY_REGISTRY),
            open_by_signer=self.open_by_signer,
            live_lanes=self.live_lanes,
        )


USUAL = Known()
HOLDER = id_of(instruction("holder of the lane"))
SUSPENDED = tuple(replace(each, is_suspended=each.name == BANK) for each in LEDGERS)
NO_PIVOTS = tuple(replace(each, is_pivot=False) for each in LEDGERS if each.name != WIRE)


def onchain(**changes: object) -> Instruction:
    """Give the usual terms with another leg on chain."""
    leg: OnchainLeg = replace(onchain_leg(), **changes)  # type: ignore[arg-type]  # whoever changes a field names it
    return instruction(onchain_legs=(leg,))


def account(**changes: object) -> Instruction:
    """Give the usual terms with another leg at the bank."""
    leg = account_leg()
    terms = replace(leg.terms, **changes)  # type: ignore[arg-type]  # whoever changes a field names it
    return instruction(account_legs=(AccountLeg(leg.signer, terms),))


CASES: dict[str, tuple[Terms, Known]] = {
    "the usual trade": (instruction(), USUAL),
    "the usual trade, redacted": (redact(instruction()), USUAL),
    "at prepareBy itself": (instruction(), Known(time=PREPARE_BY)),
    "a pivot": (pivot_instruction(), USUAL),
    "as many legs as there can be": (instruction(account_legs=(account_leg(),) * (LEGS_MAX - 1)), USUAL),
    "the longest memo": (instruction(memo="m" * MEMO_BYTES_MAX), USUAL),
    "the largest amount": (account(amount=ACCOUNT_AMOUNT_MAX), USUAL),
    "no leg": (instruction(onchain_legs=(), account_legs=()), USUAL),
    "a leg too many": (instruction(account_legs=(account_leg(),) * LEGS_MAX), USUAL),
    "a memo too long": (instruction(memo="é" * (MEMO_BYTES_MAX // 2 + 1)), USUAL),
    "a name too long": (account(payer="p" * (NAME_BYTES_MAX + 1)), USUAL),
    "an empty name": (account(asset=""), USUAL),
    "nothing moves on chain": (onchain(amount=0), USUAL),
    "nothing moves at the bank": (account(amount=0), USUAL),
    "an amount too large": (account(amount=ACCOUNT_AMOUNT_MAX + 1), USUAL),
    "nobody pays": (onchain(payer=ZERO_ADDRESS), USUAL),
    "the vault pays": (onchain(payer=VAULT), USUAL),
    "the token pays": (onchain(payer=TOKEN), USUAL),
    "nobody signs for the account": (instruction(account_legs=(AccountLeg(ZERO_ADDRESS, account_leg().terms),)), USUAL),
    "nobody is paid": (onchain(payee=ZERO_ADDRESS), USUAL),
    "the vault is paid": (onchain(payee=VAULT), USUAL),
    "the payer is paid": (onchain(payee=ALICE.address), USUAL),
    "an account pays itself": (account(payee="bob"), USUAL),
    "generation zero": (onchain(nonce=1 << 40), USUAL),
    "one lane twice": (instruction(onchain_legs=(onchain_leg(), onchain_leg(use=2))), USUAL),
    "past prepareBy": (instruction(), Known(time=LATE)),
    "settleFrom after prepareBy": (instruction(settle_from=seconds(PREPARE_BY + 1)), USUAL),
    "a window without a pivot": (instruction(pivot_window=Uint64(1)), USUAL),
    "a bank that only pays": (account(ledger=WIRE), USUAL),
    "an account at a vault": (account(ledger=VAULT_NAME), USUAL),
    "a pivot that is no leg's": (instruction(pivot=WIRE, pivot_window=Uint64(1)), USUAL),
    "a pivot that may be the hidden leg's": (redact(instruction(pivot=WIRE, pivot_window=Uint64(1))), USUAL),
    "a pivot without time": (pivot_instruction(pivot_window=Uint64(0)), USUAL),
    "a window too long": (pivot_instruction(pivot_window=Uint64(PIVOT_WINDOW_S + 1)), USUAL),
    "a bank that cannot be a pivot": (instruction(pivot=BANK, pivot_window=Uint64(1)), USUAL),
    "a vault that cannot be a pivot": (
        instruction(pivot=VAULT_NAME, pivot_window=Uint64(1)),
        Known(replace(REGISTRY, ledgers=NO_PIVOTS)),
    ),
    "no registry yet": (instruction(), Known(EMPTY_REGISTRY)),
    "an unknown bank": (account(ledger="bank:none"), USUAL),
    "an unknown vault": (onchain(chain_id=1), USUAL),
    "a suspended bank": (instruction(), Known(replace(REGISTRY, ledgers=SUSPENDED))),
    "an unknown token": (onchain(token=hash_of("other token")[:20]), USUAL),
    "an unknown currency": (account(asset="EUR/2"), USUAL),
    "too many open": (instruction(), Known(open_by_signer={BOB.address: 2})),
    "one less than too many": (instruction(), Known(open_by_signer={BOB.address: 1})),
    "a lane in use": (instruction(), Known(live_lanes={(VAULT_NAME, ALICE.address, 1): HOLDER})),
    "another's lane in use": (instruction(), Known(live_lanes={(VAULT_NAME, BOB.address, 1): HOLDER})),
    "a condition that nobody judges": (
        instruction(conditions=hash_of("condition")),
        Known(replace(REGISTRY, has_conditions=False)),
    ),
    "a prepareBy too far": (instruction(prepare_by=seconds(START + 86_401)), USUAL),
    "several faults: the lowest number of all legs": (
        instruction(
            onchain_legs=(replace(onchain_leg(), payee=VAULT),),
            account_legs=(replace(account_leg(), terms=replace(account_leg().terms, amount=MinorUnits(Uint256(0)))),),
        ),
        USUAL,
    ),
    "unalterable and passing": (account(ledger="bank:none", amount=0), USUAL),
}


def admission() -> Json:
    """Give every case with what the log knows, and both answers."""
    cases = [_case(name, terms, known.context) for name, (terms, known) in CASES.items()]
    given = {each[kind] for each in cases for kind in ("unalterable", "passing")} - {None}
    return {
        "tells": "What admission says of terms: the unalterable reason, if any, and the passing one.",
        "tags": ["ADMISSION-1", "ADMISSION-2", "ADMISSION-3", *sorted(f"ADMIT-{each}" for each in given)],
        "network": hex_of(NETWORK),
        "registry": to_json(REGISTRY),
        "cases": cases,
    }


def _case(name: str, terms: Terms, context: Context) -> Json:
    unalterable, passing = unalterable_fault(terms, context), passing_fault(terms, context)
    return {
        "name": name,
        "terms": to_json(terms),
        "time": context.time,
        "registry": None if context.registry == REGISTRY else to_json(context.registry),
        "registrySequence": context.registry_sequence,
        "openBySigner": {hex_of(signer): count for signer, count in context.open_by_signer.items()},
        "liveLanes": [
            {"ledger": ledger, "payer": hex_of(payer), "lane": str(lane), "by": hex_of(by)}
            for (ledger, payer, lane), by in context.live_lanes.items()
        ],
        "unalterable": None if unalterable is None else unalterable[0].name,
        "passing": None if passing is None else passing[0].name,
    }
