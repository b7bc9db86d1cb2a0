"""The timeline: who did what, when, on which ledger, as it is seen on the log, the bank and the chain.

The sources are asked a few times a second, the ledgers first and the log after them, and what is new is told in the
order in which one thing leads to another: consent, holds, what the log makes of them, then what ends a hold. A source
that is down is asked again; nothing is told twice.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import aiohttp

from interlock.client.http import ClientError
from interlock.core.attestation import Fact
from interlock.core.instruction import SettlementId
from interlock.devnet.chain.rpc import RpcError
from interlock.devnet.network import DevNetwork
from interlock.encoding.canonical import Malformed
from interlock.encoding.values import hex_of
from interlock.evidence.bank_receipt import BankEvent
from interlock.evidence.chain_event import Delivered, Held, Returned, Tombstoned, VaultEvent, read_event

LISTEN_S = 0.1
"""Pause between two questions to one source."""
TOKEN_UNIT = 10**18
CENT = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline."""

    at_s: float
    """Seconds since the scenario's network stood."""
    where: str
    """`log`, `bank`, `chain`, or a person's or process's name."""
    text: str


class Cause(IntEnum):
    """Where something stands in the order of causes, among what was heard at once."""

    CONSENT = 1
    HOLD = 2
    LOG = 3
    END = 4
    ENDED = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """Something new at one source."""

    where: str
    text: str
    cause: Cause


def dollars(cents: int) -> str:
    """Give cents as people read them."""
    return f"${cents // CENT:,}.{cents % CENT:02}"


def tokens(units: int) -> str:
    """Give units of the token as people read them."""
    whole, rest = divmod(units, TOKEN_UNIT)
    fraction = f".{rest:018}".rstrip("0") if rest else ""
    return f"{whole:,}{fraction} UST"


class Timeline:
    """Everything that was seen of one scenario, told line by line."""

    def __init__(self, network: DevNetwork, told: Callable[[Line], None]) -> None:
        self._network = network
        self._told = told
        self._began = time.monotonic()
        self._names: dict[SettlementId, str] = {}
        self._seen: dict[SettlementId, int] = {}
        self._receipt_number = 0
        self._chain_seen: set[tuple[str, str]] = set()
        self._people = {
            hex_of(network.roles.seller.address): "seller",
            hex_of(network.roles.buyer.address): "buyer",
        }
        self._legs: Mapping[int, str] = {0: "the token leg", 1: "the dollar leg"}
        self._turn = asyncio.Lock()
        self.liar: int | None = None
        """A member whose every attestation is told, where one lies on purpose."""
        self._held: dict[SettlementId, dict[str, asyncio.Event]] = {}

    def say(self, where: str, text: str) -> None:
        """Tell a line now."""
        self._told(Line(time.monotonic() - self._began, where, text))

    def follow(self, settlement: SettlementId, name: str = "") -> None:
        """Tell what happens to a settlement from now on; `name` stands before its lines where there are several."""
        self._names[settlement] = f"{name}: " if name else ""
        self._seen[settlement] = -1
        self._held[settlement] = {"chain": asyncio.Event(), "bank": asyncio.Event()}

    async def both_held(self, settlement: SettlementId) -> None:
        """Wait until holds of a settlement were seen on both ledgers."""
        for seen in self._held[settlement].values():
            await seen.wait()

    async def run(self) -> None:
        """Listen to all sources until cancelled."""
        while True:
            await self.catch_up()
            await asyncio.sleep(LISTEN_S)

    async def catch_up(self) -> None:
        """Listen once, and tell what is new by cause."""
        async with self._turn:
            # The log is asked last: whatever led to what the ledgers show stands in it by then.
            ledgers = [*await _heard(self._listen_chain), *await _heard(self._listen_bank)]
            log = await _heard(self._listen_log)
            for seen in sorted([*ledgers, *log], key=lambda each: each.cause):
                self.say(seen.where, seen.text)

    async def _listen_log(self) -> list[Seen]:
        seen: list[Seen] = []
        for id_, name in list(self._names.items()):
            after = self._seen[id_]
            client = self._network.clients[0]
            events = await client.history(id_, after=after if after >= 0 else None)
            for event in events:
                if int(event["number"]) <= self._seen[id_]:
                    continue
                self._seen[id_] = int(event["number"])
                text = self._log_text(event)
                if text:
                    seen.append(Seen("log", name + text, _cause(event)))
        return seen

    def _log_text(self, event: Mapping[str, Any]) -> str:
        leg = self._legs.get(int(event.get("leg", -1)), "")
        match event["what"]:
            case "signed":
                return f"{self._people.get(str(event['signer']), '?')}'s signature counts"
            case "matched":
                return "matched: all have signed; both ledgers are asked for their holds"
            case "attested" if event["member"] == self.liar:
                return f"node {event['member']} attests {event['fact']} of {leg}"
            case "stands":
                return f"{event['fact']} of {leg} stands: a quorum of nodes attests it"
            case "decided":
                reason = f", {event['reason']}" if "reason" in event else ""
                return f"decided {event['outcome']} ({event['cause']}{reason})"
            case "certified":
                return f"certified by nodes {', '.join(map(str, event['members']))}"
            case "ended":
                return f"ended {event['state']}"
            case _:
                return ""

    async def _listen_bank(self) -> list[Seen]:
        seen: list[Seen] = []
        for receipt in await self._network.operator.receipts(self._receipt_number):
            self._receipt_number = receipt.number
            name = self._names.get(receipt.settlement, "")
            if receipt.event is BankEvent.HELD and receipt.settlement in self._held:
                self._held[receipt.settlement]["bank"].set()
            why = f" ({receipt.reason})" if receipt.reason else ""
            text = f"{name}{_bank_text(receipt.event, receipt.amount, receipt.payer, receipt.payee)}{why}"
            is_hold = receipt.event in {BankEvent.HELD, BankEvent.REFUSED}
            seen.append(Seen("bank", text, Cause.HOLD if is_hold else Cause.END))
        return seen

    async def _listen_chain(self) -> list[Seen]:
        seen: list[Seen] = []
        query = {
            "address": hex_of(self._network.market.vault),
            "fromBlock": hex(self._network.market.vault_block),
            "toBlock": "latest",
        }
        for log in await self._network.chain.rpc.call("eth_getLogs", query):
            place = (log["blockHash"], log["logIndex"])
            if place in self._chain_seen:
                continue
            self._chain_seen.add(place)
            try:
                event = read_event(
                    [bytes.fromhex(topic[2:]) for topic in log["topics"]], bytes.fromhex(log["data"][2:])
                )
            except Malformed:
                continue  # an event that proves nothing by itself: Entitled
            name = self._names.get(event.settlement, "")
            if isinstance(event, Held) and event.settlement in self._held:
                self._held[event.settlement]["chain"].set()
            text = f"{name}{self._chain_text(event)} in block {int(log['blockNumber'], 16)}"
            seen.append(Seen("chain", text, Cause.HOLD if isinstance(event, Held) else Cause.END))
        return seen

    def _chain_text(self, event: VaultEvent) -> str:
        match event:
            case Held():
                return f"the vault holds {tokens(event.amount)} of the {self._people.get(hex_of(event.payer), '?')}"
            case Delivered():
                return f"the vault delivers {tokens(event.amount)} to the {self._people.get(hex_of(event.payee), '?')}"
            case Returned():
                return f"the vault returns {tokens(event.amount)} to the {self._people.get(hex_of(event.payer), '?')}"
            case Tombstoned():
                return "the vault closes the leg: it was never held and can never be"


def _cause(event: Mapping[str, Any]) -> Cause:
    if event["what"] in {"signed", "matched"}:
        return Cause.CONSENT
    if event["what"] == "ended" or event.get("fact") in {Fact.DELIVERED.name, Fact.RETURNED.name}:
        return Cause.ENDED  # the ledger's own line comes before what nodes say of it
    return Cause.LOG


def _bank_text(event: BankEvent, amount: int, payer: str, payee: str) -> str:
    match event:
        case BankEvent.HELD:
            return f"holds {dollars(amount)} of the {payer}'s account for the {payee}"
        case BankEvent.REFUSED:
            return f"refuses to hold {dollars(amount)} of the {payer}'s account"
        case BankEvent.CAPTURED:
            return f"pays {dollars(amount)} from the {payer}'s account to the {payee}'s"
        case BankEvent.RELEASED:
            return f"gives {dollars(amount)} back to the {payer}"
        case BankEvent.TOMBSTONED:
            return "closes the leg: it was never held and can never be"
        case BankEvent.EXECUTED:
            return "executes the certified order"
        case BankEvent.NEVER:
            return "will never execute the certified order"


async def _heard(listen: Callable[[], Awaitable[list[Seen]]]) -> list[Seen]:
    """Ask one source; nothing where it is down for the moment: it is asked again."""
    try:
        return await listen()
    except (ClientError, aiohttp.ClientError, RpcError, OSError):
        return []
