"""What the bank shows and takes besides holds, in wire form."""

from dataclasses import dataclass

from interlock.bankd.receipts import PublicJwk
from interlock.core.instruction import LegIndex, SettlementId
from interlock.encoding.values import Address, Bytes32, MinorUnits, Uint64, UnixSeconds
from interlock.evidence.bank_receipt import BankEvent


@dataclass(frozen=True, slots=True)
class HoldState:
    """One leg in the bank's book; the same answer for ever, but for what happens to the leg later."""

    settlement: SettlementId
    leg: LegIndex
    state: BankEvent
    """The last event."""


@dataclass(frozen=True, slots=True)
class HoldView:
    """One leg with its receipts, for those who know its terms or may read."""

    settlement: SettlementId
    leg: LegIndex
    state: BankEvent
    receipts: tuple[str, ...]
    """Compact JWS, one per event, oldest first."""


@dataclass(frozen=True, slots=True)
class About:
    """What anybody may know of the bank."""

    ledger: str
    class_: str
    """`held`: the operator promises that only a certificate ends a hold."""
    network: Bytes32
    receipt_key: PublicJwk
    time: UnixSeconds
    """The bank's own clock; it never goes back, and no hold begins when it is past `prepareBy`."""
    assets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """The body of `PUT /v1/accounts/{account}`."""

    assets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DepositRequest:
    """The body of `PUT /v1/deposits/{id}`."""

    account: str
    asset: str
    amount: MinorUnits


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's two balances in one asset."""

    asset: str
    available: MinorUnits
    held: MinorUnits


@dataclass(frozen=True, slots=True)
class AccountState:
    """One account."""

    account: str
    balances: tuple[Balance, ...]
    """By asset."""
    signers: tuple[Address, ...]
    """Keys with a mandate over it, by address."""


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """Receipts in the order of their numbers."""

    after: Uint64
    receipts: tuple[str, ...]
    """Compact JWS; the first has number `after` + 1. Fewer than asked for: there are no more yet."""
