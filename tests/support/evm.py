"""A scripted chain behind JSON-RPC over HTTP, with one scripted vault, for the tests of the EVM adapter.

It lies when told to: `faults` bends whole answers, and tests change blocks, holds and prices in place.
"""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import rlp
from aiohttp import web
from aiohttp.test_utils import TestServer
from eth_abi.abi import decode, encode

from interlock.core.committee import MemberIndex
from interlock.core.decision import Certificate, Decision, MemberSignature, Outcome
from interlock.core.instruction import LegIndex, OnchainLeg, Terms, legs_of, required_signers
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32, Uint32, hex_of
from interlock.evidence.chain_event import Delivered, Held, Returned, Tombstoned
from interlock.evidence.lane_word import commitment_of
from interlock.ledgers.evm.abi import HoldStatus, committee_hash
from interlock.ledgers.evm.artifact import load_artifact
from interlock.ledgers.evm.rpc import Json
from interlock.ledgers.evm.sender import Timing
from interlock.ledgers.protocol import Watch
from support import world

GWEI = 10**9
SECONDS_PER_BLOCK = 12
FAR_OFF = world.START + 10**9
"""Unix seconds later than every block of the tests, whose time is their own."""
_NAMES = {each.selector: each for each in load_artifact("Vault").functions.values()}
PUSH_REFUSED = next(each for each in load_artifact("Vault").errors.values() if each.name == "PushRefused")
TOO_LATE = next(each for each in load_artifact("Vault").errors.values() if each.name == "TooLate")


class Refusal(Exception):
    """An error object as the answer to one call."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message} | ({} if data is None else {"data": data})


@dataclass
class Block:
    """One block with the vault's whole state after it."""

    number: int
    hash: Bytes32
    time: int
    logs: list[dict[str, Any]]
    holds: dict[tuple[bytes, int], tuple[bytes, int, int]]
    """By payer and lane: commitment, generation, status."""
    exits: tuple[bool, bool, bool, bytes]

    @property
    def json(self) -> dict[str, Any]:
        """Give the block as an endpoint does."""
        return {
            "number": hex(self.number),
            "hash": hex_of(self.hash),
            "timestamp": hex(self.time),
            "baseFeePerGas": hex(GWEI),
            "transactions": [],
        }


@dataclass
class FakeChain:
    """Blocks, of which those up to `final` are final."""

    blocks: list[Block] = field(default_factory=list)
    final: int = 0
    chain_id: int = world.CHAIN_ID
    code: str = "0x6001"
    views: dict[str, bytes] = field(default_factory=dict)
    """What the vault answers to views without arguments."""
    fork: int = 0
    """Raised to make other hashes for the same blocks."""
    raw: list[bytes] = field(default_factory=list)
    """Every transaction that was sent, in order."""
    mined: int = 0
    """Transactions of the gas key in blocks."""
    pool: dict[int, bytes] = field(default_factory=dict)
    """By nonce."""
    receipts: dict[str, int] = field(default_factory=dict)
    """Status by transaction hash."""
    on_send: Callable[[bytes], None] | None = None
    estimate: object = "0x186a0"
    """What `eth_estimateGas` answers, or the Refusal it raises."""
    calls: list[str] = field(default_factory=list)
    """Methods asked for."""
    requests: int = 0
    faults: list[Callable[[list[Any]], Any]] = field(default_factory=list)
    """Each bends the answer to one request; a response of its own kind is sent as it is."""

    def __post_init__(self) -> None:
        self.views = {
            "networkId": world.NETWORK,
            "epoch": (1).to_bytes(32, "big"),
            "committee": committee_hash(world.COMMITTEE),
        } | self.views
        self.mine(time=world.START)

    def mine(self, *logs: dict[str, Any], time: int | None = None, exits: Json = None) -> Block:
        """Add a block with these logs; the vault's state goes on from the block before."""
        number = len(self.blocks)
        before = self.blocks[-1] if self.blocks else None
        block = Block(
            number,
            keccak256(b"block %d of fork %d" % (number, self.fork)),
            time if time is not None else (before.time + SECONDS_PER_BLOCK if before else 0),
            list(logs),
            dict(before.holds) if before else {},
            exits or (before.exits if before else (True, True, True, b"")),
        )
        for index, log in enumerate(logs):
            log |= {
                "blockNumber": hex(number),
                "blockHash": hex_of(block.hash),
                "transactionHash": hex_of(keccak256(b"transaction %d" % number)),
                "logIndex": hex(index),
                "removed": False,
            }
        self.blocks.append(block)
        return block

    def finalize(self, *logs: dict[str, Any], **changes: Json) -> Block:
        """Add a block and make it final."""
        block = self.mine(*logs, **changes)
        self.final = block.number
        return block

    def put(self, watch: Watch, status: HoldStatus, block: Block | None = None) -> None:
        """Set what stands in the leg's lane, in the newest block or the one given."""
        leg = onchain(watch)
        word = (commitment_of(watch.settlement, watch.leg, leg), leg.generation, int(status))
        (block or self.blocks[-1]).holds[leg.payer, leg.lane] = word

    def hold(self, watch: Watch, *, time: int | None = None) -> Block:
        """Hold a leg in a new final block."""
        block = self.finalize(log_of(Held, watch), time=time)
        self.put(watch, HoldStatus.HELD)
        return block

    def end(self, watch: Watch, kind: type) -> Block:
        """Deliver, return or tombstone a leg in a new final block."""
        block = self.finalize(log_of(kind, watch))
        ends = {Delivered: HoldStatus.DELIVERED, Returned: HoldStatus.RETURNED, Tombstoned: HoldStatus.TOMBSTONED}
        self.put(watch, ends[kind])
        return block

    def answer(self, method: str, params: list[Any]) -> Json:
        """Answer one call."""
        self.calls.append(method)
        return getattr(self, f"_{method}")(*params)

    def _eth_chainId(self) -> str:  # noqa: N802 - the method's own name
        return hex(self.chain_id)

    def _eth_getCode(self, _address: str, _block: str) -> str:  # noqa: N802 - the method's own name
        return self.code

    def _eth_getBlockByNumber(self, which: str, _full: object) -> Json:  # noqa: N802 - the method's own name
        block = self._find(which)
        return None if block is None else block.json

    def _eth_getLogs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: N802 - the method's own name
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        topics = wanted["topics"]
        return [
            log
            for block in self.blocks[first : last + 1]
            for log in block.logs
            if all(log["topics"][place] in some for place, some in enumerate(topics))
        ]

    def _eth_call(self, call: dict[str, str], where: Json) -> str:
        block = self._find(where)
        if block is None:
            raise Refusal(-32000, "header not found")
        data = bytes.fromhex(call["data"][2:])
        function = _NAMES[data[:4]]
        if function.name in self.views:
            return hex_of(self.views[function.name])
        values = decode(function.inputs, data[4:])
        if function.name == "holdOf":
            word = block.holds.get((bytes.fromhex(values[0][2:]), values[1]), (bytes(26), 0, 0))
            return hex_of(encode(function.outputs, word))
        return hex_of(encode(function.outputs, block.exits))

    def _eth_getTransactionCount(self, _address: str, which: str) -> str:  # noqa: N802 - the method's own name
        count = self.mined
        while which == "pending" and count in self.pool:
            count += 1
        return hex(count)

    def _eth_maxPriorityFeePerGas(self) -> str:  # noqa: N802 - the method's own name
        raise Refusal(-32601, "method not found")

    def _eth_getTransactionReceipt(self, wanted: str) -> Json:  # noqa: N802 - the method's own name
        return {"status": hex(self.receipts[wanted])} if wanted in self.receipts else None

    def _eth_estimateGas(self, _call: object) -> Json:  # noqa: N802 - the method's own name
        if isinstance(self.estimate, Refusal):
            raise self.estimate
        return self.estimate

    def _eth_sendRawTransaction(self, raw: str) -> str:  # noqa: N802 - the method's own name
        data = bytes.fromhex(raw[2:])
        if self.on_send is not None:
            self.on_send(data)
        self.raw.append(data)
        self.pool[sent(data).nonce] = data
        return hex_of(keccak256(data))

    def _find(self, which: Json) -> Block | None:
        if isinstance(which, dict):
            return next((block for block in self.blocks if hex_of(block.hash) == which["blockHash"]), None)
        if which in {"latest", "finalized"}:
            return self.blocks[-1] if which == "latest" else self.blocks[self.final]
        number = int(which, 16)
        return self.blocks[number] if number < len(self.blocks) else None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one HTTP request."""
        self.requests += 1
        answers: list[Any] = []
        for call in await request.json():
            body: dict[str, Any] = {"jsonrpc": "2.0", "id": call["id"]}
            try:
                body["result"] = self.answer(call["method"], call["params"])
            except Refusal as refusal:
                body["error"] = refusal.body
            answers.append(body)
        document = self.faults.pop(0)(answers) if self.faults else answers
        if callable(document):
            response: web.StreamResponse = await document(request)
            return response
        if isinstance(document, web.StreamResponse):
            return document
        return web.Response(text=document if isinstance(document, str) else json.dumps(document))


@dataclass(frozen=True)
class Sent:
    """A transaction as the chain reads it."""

    nonce: int
    priority_fee: int
    max_fee: int
    function: str
    values: tuple[Any, ...]


def sent(raw: bytes) -> Sent:
    """Read a raw EIP-1559 transaction that calls the vault."""
    fields = rlp.decode(raw[1:])
    function = _NAMES[fields[7][:4]]
    nonce, priority_fee, max_fee = (int.from_bytes(fields[place], "big") for place in (1, 2, 3))
    return Sent(nonce, priority_fee, max_fee, function.name, decode(function.inputs, fields[7][4:]))


@asynccontextmanager
async def serving(chain: FakeChain) -> AsyncIterator[str]:
    """Serve a chain; give its URL."""
    app = web.Application()
    app.router.add_post("/{secret}", chain.serve)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("/secret-path"))
    finally:
        await server.close()


class Clock:
    """Virtual time: sleeping moves it, and nothing waits."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self.unix = FAR_OFF
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] | None = None

    @property
    def timing(self) -> Timing:
        """Give it as the adapter takes it."""
        return Timing(lambda: self.time, self.sleep, lambda: self.unix)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.time += seconds
        if self.on_sleep is not None:
            self.on_sleep()


def watch(terms: Terms | None = None, leg: int = 0, *, signed: bool = True) -> Watch:
    """Watch a leg of an instruction, by default Alice's with Bob's dollars in return."""
    terms = terms or world.instruction()
    id_ = world.id_of(terms)
    keys = {key.address: key for key in (world.ALICE, world.BOB, world.CAROL)}
    signatures = tuple(keys[each].consent(id_) for each in required_signers(terms)) if signed else ()
    return Watch(id_, terms, LegIndex(Uint32(leg)), signatures)


def decided(known: Watch, outcome: Outcome, members: Sequence[int] = world.QUORUM) -> Watch:
    """Give the same watch with the certificate of a decision."""
    signed = [world.signed_decision(member, known.settlement, outcome) for member in members]
    row = tuple(
        MemberSignature(MemberIndex(Uint32(member)), each.signature)
        for member, each in zip(members, signed, strict=True)
    )
    decision: Decision = signed[0].decision
    return replace(known, certificate=Certificate(decision, row))


def onchain(known: Watch) -> OnchainLeg:
    """Give the watched leg."""
    leg = legs_of(known.terms)[known.leg]
    assert isinstance(leg, OnchainLeg)
    return leg


def log_of(kind: type, known: Watch, **changes: Json) -> dict[str, Any]:
    """Give an event of the vault about a leg; `changes` bend members of its terms, or the leg's index."""
    index = changes.pop("leg", known.leg)
    leg = replace(onchain(known), **changes)
    if kind is Held:
        parties = [leg.payer, leg.payee]
        data = encode(["uint32", "address", "uint256", "uint256"], [index, leg.token, leg.amount, leg.nonce])
    elif kind is Tombstoned:
        parties = [leg.payer]
        data = encode(["uint32", "uint256"], [index, leg.nonce])
    else:
        parties = [leg.payee if kind is Delivered else leg.payer]
        data = encode(["uint32", "address", "uint256"], [index, leg.token, leg.amount])
    topics = [kind.TOPIC, known.settlement, *(bytes(12) + party for party in parties)]  # type: ignore[attr-defined]  # every event has one
    return {"address": hex_of(leg.vault), "topics": [hex_of(topic) for topic in topics], "data": hex_of(data)}
