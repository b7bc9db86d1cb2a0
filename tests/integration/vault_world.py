"""A small chain with a vault, its tokens and the people who use them, for the vault's tests.

The chain is py-evm in this process. Digests and signatures come from eth-account (see vault_deals) and codecs from
eth-abi, so that nothing of the package under test judges the contract. Everything is deterministic: keys are small
numbers and the chain's clock starts at `GENESIS_TIME`.
"""

import ast
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_account.signers.local import LocalAccount
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from vault_deals import ALICE, BOB, GENESIS_TIME, ISSUER, NETWORK, NODES, STRANGER, ZERO, Deal, Leg, certificate

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "src/interlock/ledgers/evm/artifacts"
FOR_TESTS = ROOT / "tests/artifacts"

AbiValue = Any
"""What a contract takes or gives: its ABI says which type."""
GAS = 4_000_000
"""Of a transaction that does not say: enough for a few pushes, each of which must find half a million left."""


class Reverted(Exception):
    """A transaction or call failed with one of the contract's own errors."""

    def __init__(self, name: str, values: tuple[Any, ...]) -> None:
        super().__init__(f"{name}{values}")
        self.name = name
        self.values = values


@dataclass(frozen=True)
class Event:
    """One decoded log."""

    name: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Receipt:
    """What a transaction did."""

    gas_used: int
    events: tuple[Event, ...]

    @property
    def names(self) -> list[str]:
        """Give the names of the events in order."""
        return [event.name for event in self.events]


@dataclass(frozen=True)
class Contract:
    """A contract at its address."""

    address: str
    abi: list[dict[str, Any]]

    def call_data(self, name: str, *values: AbiValue) -> bytes:
        """Encode a call."""
        entry = next(one for one in self.abi if one["type"] == "function" and one["name"] == name)
        types = [type_of(item) for item in entry["inputs"]]
        return selector(entry) + encode(types, values)

    def result(self, name: str, answer: bytes) -> AbiValue:
        """Decode an answer: one value, or a tuple of several."""
        entry = next(one for one in self.abi if one["type"] == "function" and one["name"] == name)
        values = decode([type_of(item) for item in entry["outputs"]], answer)
        return values[0] if len(values) == 1 else values


@dataclass
class World:
    """The chain, and what stands on it."""

    tester: EthereumTester
    vault: Contract
    plain: Contract
    known: list[dict[str, Any]] = field(default_factory=list)
    """Errors and events of every contract, to decode what any of them says."""

    def deploy(self, name: str, *values: AbiValue, folder: Path = FOR_TESTS) -> Contract:
        """Put a contract on the chain."""
        contract, _ = deploy(self.tester, name, *values, folder=folder)
        self.known.extend(contract.abi)
        return contract

    def transact(
        self, contract: Contract, name: str, *values: AbiValue, sender: str = STRANGER.address, gas: int = GAS
    ) -> Receipt:
        """Send a transaction; raise Reverted with the contract's error if it fails."""
        return self.transact_raw(contract.address, contract.call_data(name, *values), sender=sender, gas=gas)

    def transact_raw(self, to: str, data: bytes, *, sender: str = STRANGER.address, gas: int = GAS) -> Receipt:
        """Send call data; raise Reverted with the error that the same call then gives."""
        transaction = {"from": sender, "to": to, "data": "0x" + data.hex(), "gas": gas}
        receipt = self.tester.get_transaction_receipt(self.tester.send_transaction(transaction))
        if receipt["status"] == 0:
            self._call(transaction)
            raise Reverted("OutOfGas", ())
        return Receipt(receipt["gas_used"], tuple(self._events(receipt["logs"])))

    def view(
        self, contract: Contract, name: str, *values: AbiValue, sender: str = STRANGER.address, gas: int = GAS
    ) -> AbiValue:
        """Call without a transaction."""
        data = contract.call_data(name, *values)
        answer = self._call({"from": sender, "to": contract.address, "data": "0x" + data.hex(), "gas": gas})
        return contract.result(name, answer)

    def balance(self, account: str, token: Contract | None = None) -> int:
        """Give a balance of a token."""
        return int(self.view(token or self.plain, "balanceOf", account))

    def status(self, leg: Leg) -> int:
        """Give the status of the leg's lane."""
        return int(self.view(self.vault, "holdOf", leg.payer, leg.lane)[2])

    def hold(self, deal: Deal, *parties: LocalAccount | None, leg: int = 0) -> Receipt:
        """Prepare a leg; signed by Alice and Bob unless told otherwise."""
        signatures = deal.signed_by(*(parties or (ALICE, BOB)))
        return self.transact(self.vault, "prepare", deal.redacted, leg, signatures)

    def settle(self, deal: Deal, outcome: int) -> Receipt:
        """Settle all legs of a deal with an honest certificate."""
        proof = certificate(deal.id, outcome)
        return self.transact(self.vault, "settle", deal.id, outcome, proof, deal.calls())

    def at(self, timestamp: int) -> None:
        """Move the chain's clock."""
        self.tester.time_travel(timestamp)

    def _call(self, transaction: dict[str, Any]) -> bytes:
        try:
            return bytes.fromhex(self.tester.call(transaction)[2:])
        except TransactionFailed as failure:
            raise self.decode_error(thrown_bytes(str(failure))) from None

    def decode_error(self, thrown: bytes) -> Reverted:
        """Give the error that some contract's bytes mean."""
        for entry in self.known:
            if entry["type"] == "error" and selector(entry) == thrown[:4]:
                return Reverted(entry["name"], decode([type_of(item) for item in entry["inputs"]], thrown[4:]))
        return Reverted("Unknown", (thrown,))

    def _events(self, logs: Sequence[dict[str, Any]]) -> Iterator[Event]:
        for log in logs:
            topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
            entry = next(one for one in self.known if one["type"] == "event" and keccak(signature(one)) == topics[0])
            indexed = [item for item in entry["inputs"] if item["indexed"]]
            plain = [item for item in entry["inputs"] if not item["indexed"]]
            values = {
                item["name"]: decode([item["type"]], topic)[0] for item, topic in zip(indexed, topics[1:], strict=True)
            }
            data = decode([type_of(item) for item in plain], bytes.fromhex(log["data"][2:]))
            values |= dict(zip((item["name"] for item in plain), data, strict=True))
            yield Event(entry["name"], values)


def thrown_bytes(text: str) -> bytes:
    """Give the revert data from what eth-tester makes of it: the repr of bytes, or words of its own."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return b""
    return value if isinstance(value, bytes) else b""


def type_of(item: dict[str, Any]) -> str:
    """Give the ABI type, tuples spelled out."""
    if not item["type"].startswith("tuple"):
        return str(item["type"])
    inner = ",".join(type_of(component) for component in item["components"])
    return f"({inner}){item['type'][5:]}"


def signature(entry: dict[str, Any]) -> bytes:
    """Give `name(types)`."""
    return f"{entry['name']}({','.join(type_of(item) for item in entry['inputs'])})".encode()


def selector(entry: dict[str, Any]) -> bytes:
    """Give the first four bytes of the signature's hash."""
    return keccak(signature(entry))[:4]


def artifact(name: str, folder: Path) -> dict[str, Any]:
    """Read what the compiler made."""
    document: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return document


def deploy(tester: EthereumTester, name: str, *values: AbiValue, folder: Path = FOR_TESTS) -> tuple[Contract, int]:
    """Put a contract on the chain; give it and the gas it took. Raise Reverted when its constructor refuses."""
    document = artifact(name, folder)
    inputs: list[dict[str, Any]] = next(
        (entry["inputs"] for entry in document["abi"] if entry["type"] == "constructor"), []
    )
    data = document["bytecode"] + encode([type_of(item) for item in inputs], values).hex()
    transaction = {"from": ISSUER.address, "data": data, "gas": 6_000_000}
    receipt = tester.get_transaction_receipt(tester.send_transaction(transaction))
    if receipt["status"] == 0:
        try:
            tester.call({**transaction, "to": ""})
        except TransactionFailed as failure:
            thrown = thrown_bytes(str(failure))
            empty = World(tester, Contract(ZERO, []), Contract(ZERO, []), document["abi"])
            raise empty.decode_error(thrown) from None
    return Contract(to_checksum_address(receipt["contract_address"]), document["abi"]), receipt["gas_used"]


def new_world() -> World:
    """Begin a chain with a vault and a plain token, of which Alice has 1,000,000 and lets the vault take all."""
    parameters = PyEVMBackend.generate_genesis_params({"timestamp": GENESIS_TIME})
    tester = EthereumTester(PyEVMBackend(genesis_parameters=parameters))
    vault, _ = deploy(tester, "Vault", NETWORK, [node.address for node in NODES], folder=SHIPPED)
    plain, _ = deploy(tester, "PlainToken")
    world = World(tester, vault, plain, [*vault.abi, *plain.abi])
    fund(world, plain, ALICE)
    return world


def fund(world: World, token: Contract, *parties: LocalAccount, amount: int = 1_000_000) -> None:
    """Mint to these parties, and let the vault take it."""
    for party in parties:
        world.transact(token, "mint", party.address, amount, sender=ISSUER.address)
        world.transact(token, "approve", world.vault.address, 2**256 - 1, sender=party.address)


@contextmanager
def reverts(name: str, *values: AbiValue) -> Iterator[None]:
    """Demand that the block fails with this error, and with these values if any are given."""
    with pytest.raises(Reverted) as caught:
        yield
    assert caught.value.name == name, caught.value
    if values:
        assert caught.value.values == tuple(value.lower() if isinstance(value, str) else value for value in values)
