"""Get transactions of one gas key mined: nonces, fees, replacement, and nothing sent twice for one purpose.

Every transaction has a *purpose*, given by the caller. While one of this purpose is under way, sending again only
tends it: it is broadcast again, and replaced at a higher price once it is stuck. Nonces are the chain's own count, so
a restart needs no record; transactions of an earlier life that still wait are given time, then replaced.

    GasMissing (LedgerUnavailable)       the gas key's account cannot pay
    RpcRefused                           the call would revert (nothing was sent), or the endpoint will not take it
    LedgerUnavailable, LedgerNonsense    as `rpc`; a transaction whose sending timed out is under way
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from interlock.encoding.canonical import Malformed
from interlock.encoding.values import Address, Bytes32, hex_of
from interlock.ledgers.evm.rpc import Answer, Call, Rpc, RpcRefused
from interlock.ledgers.evm.transaction import GasKey, Transaction
from interlock.ledgers.evm.wire import quantity, read_header, read_quantity, read_receipt
from interlock.ledgers.protocol import LedgerError, LedgerNonsense, LedgerUnavailable

_LOG = logging.getLogger(__name__)

FLIGHTS_MAX = 32
"""Transactions under way; common pools hold 16 to 64 of one account."""
GAS_MAX = 16_777_216
"""Gas of one transaction (EIP-7825)."""
GAS_EXTRA = 30_000
"""Added to five quarters of the estimate: state may have moved since."""
SHAPES_MAX = 256
"""Shapes whose gas is remembered: a few calls for each token."""
FEE_STEP_PERCENT = 125
"""What a replacement pays of the price before; pools want 110."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The clocks, given from outside so that tests and simulations own them."""

    now: Callable[[], float] = time.monotonic
    """Seconds that never go back."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    unix: Callable[[], float] = time.time
    """Unix seconds, as this machine believes; only ever held against what a chain says."""


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """What a node pays at most, and how patient it is."""

    max_fee_max: int = 500 * 10**9
    """Wei per gas that is never exceeded."""
    priority_fee_min: int = 10**9
    """Wei per gas for the block's maker where the endpoint advises less, or nothing."""
    stuck_s: float = 60.0
    """Seconds after which a transaction that is not mined is replaced; a few block times."""
    replacements_max: int = 6
    """Times that one transaction is replaced; 1.25^6 is nearly four times the first price."""


class GasMissing(LedgerUnavailable):
    """The gas key's account cannot pay for the transaction; fund it."""

    code = "ledger_gas_missing"


@dataclass(slots=True)
class _Flight:
    """A transaction under way."""

    purpose: str
    transaction: Transaction
    raw: bytes
    hashes: list[Bytes32]
    """Of every version that was sent."""
    sent_at: float
    replacements: int = 0


@dataclass(frozen=True, slots=True)
class _Account:
    """What the chain says of the gas key's account, and of prices."""

    mined: int
    """Transactions in blocks."""
    pending: int
    """The same and those that wait in the endpoint's pool."""
    base_fee: int
    priority_fee: int


@dataclass(frozen=True, slots=True)
class _Simulated:
    """A call that would succeed now with this much gas."""

    to: Address
    data: bytes
    gas: int


@dataclass(slots=True)
class Sender:
    """The only user of one gas key on one chain."""

    rpc: Rpc
    key: GasKey
    chain_id: int
    fees: FeePolicy = field(default_factory=FeePolicy)
    timing: Timing = field(default_factory=Timing)
    _flights: dict[int, _Flight] = field(default_factory=dict, init=False)
    """By nonce."""
    _learned: dict[str, int] = field(default_factory=dict, init=False)
    """Gas by shape."""
    _stranger: tuple[int, float] | None = field(default=None, init=False)
    """The lowest nonce of an earlier life that waits, and since when we know."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def send(self, purpose: str, to: Address, data: bytes, *, shape: str = "") -> Bytes32 | None:
        """Send one transaction, simulated first, or tend the one under way; give the hash of a new one.

        Calls of one `shape` need about the same gas. What was estimated for one of them is tried with the next, which
        costs the endpoint one execution where an estimate costs a dozen.
        """
        async with self._turn:
            flight = next((each for each in self._flights.values() if each.purpose == purpose), None)
            account, receipts = await self._look(flight)
            if flight is not None and (mined := _outcome(receipts)) is not None:
                del self._flights[flight.transaction.nonce]
                _LOG.info("%s: %s %s", self.rpc.ledger, hex_of(flight.hashes[-1]), "mined" if mined else "reverted")
                if mined:
                    return None
            await self._tend(account)
            if any(each.purpose == purpose for each in self._flights.values()):
                return None
            return await self._send_new(purpose, await self._simulated(to, data, shape), account)

    async def _look(self, flight: _Flight | None) -> tuple[_Account, list[bool | None]]:
        mine = hex_of(self.key.address)
        hashes = [] if flight is None else flight.hashes
        latest, pending, head, tip, *receipts = await self.rpc.batch(
            [
                Call("eth_getTransactionCount", (mine, "latest")),
                Call("eth_getTransactionCount", (mine, "pending")),
                Call("eth_getBlockByNumber", ("latest", False)),
                Call("eth_maxPriorityFeePerGas"),
                *(Call("eth_getTransactionReceipt", (hex_of(each),)) for each in hashes),
            ]
        )
        try:
            header = read_header(_given(head))
            advised = 0 if isinstance(tip, RpcRefused) else read_quantity(_given(tip), "priority fee", 128)
            account = _Account(
                mined=read_quantity(_given(latest), "nonce", 63),
                pending=read_quantity(_given(pending), "nonce", 63),
                base_fee=0 if header is None else header.base_fee,
                priority_fee=max(advised, self.fees.priority_fee_min),
            )
            return account, [read_receipt(_given(each)) for each in receipts]
        except Malformed as error:
            raise LedgerNonsense(str(error), self.rpc.ledger) from None

    async def _tend(self, account: _Account) -> None:
        """Forget what is mined, replace what is stuck, broadcast again what the pool lost."""
        for nonce in sorted(self._flights):
            flight = self._flights[nonce]
            if nonce < account.mined:
                del self._flights[nonce]
                continue
            is_stuck = self.timing.now() - flight.sent_at >= self.fees.stuck_s
            if (is_stuck and self._raise_price(flight)) or nonce >= account.pending:
                await self._submit(flight)

    async def _send_new(self, purpose: str, call: _Simulated, account: _Account) -> Bytes32:
        if len(self._flights) >= FLIGHTS_MAX:
            raise LedgerUnavailable(f"{FLIGHTS_MAX} transactions of this node wait to be mined", self.rpc.ledger)
        nonce = self._next_nonce(account)
        max_fee = min(2 * account.base_fee + account.priority_fee, self.fees.max_fee_max)
        if account.base_fee > max_fee:
            bound = f"gas costs {account.base_fee} wei, this node pays {self.fees.max_fee_max} at most"
            raise LedgerUnavailable(bound, self.rpc.ledger)
        transaction = Transaction(
            chain_id=self.chain_id,
            nonce=nonce,
            priority_fee=min(account.priority_fee, max_fee),
            max_fee=max_fee,
            gas=call.gas,
            to=call.to,
            data=call.data,
        )
        signed = self.key.sign(transaction)
        flight = _Flight(purpose, transaction, signed.raw, [signed.hash], self.timing.now())
        self._flights[nonce] = flight
        await self._submit(flight)
        _LOG.info("%s: sent %s with nonce %d for %s", self.rpc.ledger, hex_of(flight.hashes[-1]), nonce, purpose)
        return flight.hashes[-1]

    def _next_nonce(self, account: _Account) -> int:
        """Give the first free nonce; that of a stuck transaction of an earlier life is free after a while."""
        strangers = [nonce for nonce in range(account.mined, account.pending) if nonce not in self._flights]
        if not strangers:
            self._stranger = None
            nonce = account.pending
            while nonce in self._flights:
                nonce += 1
            return nonce
        if self._stranger is None or self._stranger[0] != strangers[0]:
            self._stranger = (strangers[0], self.timing.now())
        if self.timing.now() - self._stranger[1] < self.fees.stuck_s:
            raise LedgerUnavailable(
                f"{len(strangers)} transactions that this node sent in an earlier life wait to be mined",
                self.rpc.ledger,
            )
        return strangers[0]

    async def _simulated(self, to: Address, data: bytes, shape: str) -> _Simulated:
        """Give the call with gas that is enough for it at the newest block. RpcRefused where it would revert."""
        call = {"from": hex_of(self.key.address), "to": hex_of(to), "data": hex_of(data)}
        learned = self._learned.get(shape)
        if learned is not None:
            trial = await self.rpc.batch([Call("eth_call", (call | {"gas": quantity(learned)}, "latest"))])
            if not isinstance(trial[0], LedgerError):
                return _Simulated(to, data, learned)
        answer = await self.rpc.call(Call("eth_estimateGas", (call,)))
        try:
            estimate = read_quantity(answer, "gas", 63)
        except Malformed as error:
            raise LedgerNonsense(str(error), self.rpc.ledger) from None
        gas = min(estimate * 5 // 4 + GAS_EXTRA, GAS_MAX)
        if shape and len(self._learned) < SHAPES_MAX:
            self._learned[shape] = gas
        return _Simulated(to, data, gas)

    async def _submit(self, flight: _Flight) -> None:
        """Broadcast, at a rising price while the pool says underpriced."""
        while True:
            try:
                await self.rpc.call(Call("eth_sendRawTransaction", (hex_of(flight.raw),)))
            except RpcRefused as error:
                said = error.message.lower()
                if "already" in said or said.startswith("known"):
                    return
                if "underpriced" in said and self._raise_price(flight):
                    continue
                # It is not in the pool, so it is not under way.
                self._flights.pop(flight.transaction.nonce, None)
                if "insufficient funds" in said:
                    account = hex_of(self.key.address)
                    raise GasMissing(f"the gas account {account} cannot pay: fund it", self.rpc.ledger) from None
                if "nonce" in said:
                    raise LedgerUnavailable("a nonce was taken meanwhile; look again", self.rpc.ledger) from None
                raise
            return

    def _raise_price(self, flight: _Flight) -> bool:
        """Sign the flight's next version; False at the bounds of price or patience."""
        old = flight.transaction
        max_fee = old.max_fee * FEE_STEP_PERCENT // 100 + 1
        if flight.replacements >= self.fees.replacements_max or max_fee > self.fees.max_fee_max:
            return False
        flight.transaction = old.with_fees(old.priority_fee * FEE_STEP_PERCENT // 100 + 1, max_fee)
        signed = self.key.sign(flight.transaction)
        flight.raw = signed.raw
        flight.hashes.append(signed.hash)
        flight.sent_at = self.timing.now()
        flight.replacements += 1
        _LOG.info("%s: %s replaces %s", self.rpc.ledger, hex_of(signed.hash), hex_of(flight.hashes[-2]))
        return True


def _given(answer: Answer) -> Answer:
    if isinstance(answer, LedgerError):
        raise answer
    return answer


def _outcome(receipts: list[bool | None]) -> bool | None:
    """Tell whether any version was mined, and succeeded."""
    return next((each for each in receipts if each is not None), None)
