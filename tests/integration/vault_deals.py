"""Deals, their parties and committee, and what these sign, for the vault's tests; eth-account makes every digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

CHAIN_ID = 131277322940537
"""What eth-tester calls its chain."""
GENESIS_TIME = 1_800_000_000
PREPARE_BY = GENESIS_TIME + 3_600
NETWORK = keccak(b"a network")
OTHER_NETWORK = keccak(b"another network")
COMMIT, ABORT = 1, 2
EMPTY, HELD, ENTITLED_PAYEE, ENTITLED_PAYER, DELIVERED, RETURNED, TOMBSTONED = range(7)
ZERO = "0x" + "00" * 20
SECP256K1_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ALICE, BOB, CAROL, STRANGER, ISSUER = (Account.from_key(key.to_bytes(32)) for key in range(1, 6))
"""Alice has tokens and wants dollars of Bob; they are funded on the chain."""
NODES = tuple(Account.from_key(key.to_bytes(32)) for key in range(101, 105))
"""Four nodes in committee order, f = 1, quorum 3."""

TYPES: dict[str, list[dict[str, str]]] = {
    name: [dict(zip(("type", "name"), member.split(" "), strict=True)) for member in members.split(",")]
    for name, members in {
        "EIP712Domain": "string name,string version,bytes32 salt",
        "OnchainLeg": "uint256 chainId,address vault,address token,uint256 amount,address payer,address payee,"
        "uint256 nonce",
        "AccountTerms": "string ledger,string asset,uint256 amount,string payer,string payee,bytes32 blind",
        "AccountLeg": "address signer,AccountTerms terms",
        "Instruction": "string memo,OnchainLeg[] onchainLegs,AccountLeg[] accountLegs,string pivot,bytes32 conditions,"
        "uint64 settleFrom,uint64 prepareBy,uint64 pivotWindow,bytes32 nonce",
        "Decision": "bytes32 settlement,uint8 outcome,uint64 epoch",
    }.items()
}


@dataclass(frozen=True)
class Leg:
    """An on-chain leg as the parties mean it."""

    vault: str
    token: str
    amount: int = 1_000
    payer: str = ALICE.address
    payee: str = BOB.address
    lane: int = 0
    generation: int = 1
    chain_id: int = CHAIN_ID

    @property
    def terms(self) -> tuple[Any, ...]:
        """Give the struct's values in order."""
        nonce = self.lane << 40 | self.generation
        return (self.chain_id, self.vault, self.token, self.amount, self.payer, self.payee, nonce)


@dataclass(frozen=True)
class AccountLeg:
    """A leg in a bank's books."""

    signer: str = BOB.address
    amount: int = 25_000
    blind: bytes = keccak(b"blind")

    @property
    def terms(self) -> dict[str, Any]:
        """Give the terms that a vault only sees the hash of."""
        return {
            "ledger": "bank:first-national",
            "asset": "USD/2",
            "amount": self.amount,
            "payer": "bob-usd",
            "payee": "alice-usd",
            "blind": self.blind,
        }


@dataclass(frozen=True)
class Deal:
    """An instruction: its full form for signing, its redacted form for the vault."""

    legs: tuple[Leg, ...]
    account_legs: tuple[AccountLeg, ...] = (AccountLeg(),)
    memo: str = "an order"
    pivot: str = ""
    prepare_by: int = PREPARE_BY
    nonce: bytes = keccak(b"nonce")
    network: bytes = NETWORK

    @property
    def message(self) -> SignableMessage:
        """Give what a wallet shows and signs."""
        names = [member["name"] for member in TYPES["OnchainLeg"]]
        instruction = {
            "memo": self.memo,
            "onchainLegs": [dict(zip(names, leg.terms, strict=True)) for leg in self.legs],
            "accountLegs": [{"signer": leg.signer, "terms": leg.terms} for leg in self.account_legs],
            "pivot": self.pivot,
            "conditions": bytes(32),
            "settleFrom": 0,
            "prepareBy": self.prepare_by,
            "pivotWindow": 0,
            "nonce": self.nonce,
        }
        return typed_data("Instruction", instruction, self.network)

    @property
    def id(self) -> bytes:
        """Give the settlement's id."""
        return digest_of(self.message)

    @property
    def redacted(self) -> tuple[Any, ...]:
        """Give the form that the vault takes."""
        legs = [leg.terms for leg in self.legs]
        accounts = [(leg.signer, struct_hash("AccountTerms", leg.terms)) for leg in self.account_legs]
        memo = keccak(text=self.memo)
        return (memo, legs, accounts, self.pivot, bytes(32), 0, self.prepare_by, 0, self.nonce)

    def signed_by(self, *parties: LocalAccount | None) -> list[bytes]:
        """Give one entry per leg; None for an empty one."""
        return [b"" if party is None else party.sign_message(self.message).signature for party in parties]

    def calls(self, *indices: int) -> list[tuple[int, tuple[Any, ...]]]:
        """Give the legs as `settle` takes them."""
        return [(index, self.legs[index].terms) for index in indices or range(len(self.legs))]


def typed_data(primary: str, message: dict[str, Any], network: bytes) -> SignableMessage:
    """Give typed data under the project's domain, as eth-account takes it."""
    domain = {"name": "interlock", "version": "1", "salt": network}
    needed = {"Decision": ["Decision"]}.get(primary, ["OnchainLeg", "AccountTerms", "AccountLeg", "Instruction"])
    types = {name: TYPES[name] for name in ("EIP712Domain", *needed)}
    return encode_typed_data(
        full_message={"types": types, "primaryType": primary, "domain": domain, "message": message}
    )


def digest_of(message: SignableMessage) -> bytes:
    """Give the EIP-712 digest."""
    return keccak(b"\x19" + message.version + message.header + message.body)


def struct_hash(name: str, message: dict[str, Any]) -> bytes:
    """Give hashStruct of a struct on its own: the body of typed data with that primary type."""
    types = {"EIP712Domain": TYPES["EIP712Domain"], name: TYPES[name]}
    domain = {"name": "interlock", "version": "1", "salt": NETWORK}
    full = {"types": types, "primaryType": name, "domain": domain, "message": message}
    return bytes(encode_typed_data(full_message=full).body)


def certificate(
    settlement: bytes,
    outcome: int,
    *,
    signers: Sequence[int] = (0, 1, 2),
    epoch: int = 1,
    network: bytes = NETWORK,
    keys: Sequence[LocalAccount] = NODES,
) -> tuple[int, int, list[str], bytes]:
    """Give a certificate by these members; honest unless told otherwise."""
    decision = {"settlement": settlement, "outcome": outcome, "epoch": epoch}
    message = typed_data("Decision", decision, network)
    signatures = b"".join(keys[place].sign_message(message).signature for place in signers)
    absent = [node.address for place, node in enumerate(NODES) if place not in signers]
    return (epoch, sum(1 << place for place in signers), absent, signatures)


def with_high_s(signature: bytes) -> bytes:
    """Give the other signature that recovers to the same key."""
    s = SECP256K1_N - int.from_bytes(signature[32:64])
    return signature[:32] + s.to_bytes(32) + bytes([55 - signature[64]])


def with_dirty_bits(call_data: bytes, address: str) -> bytes:
    """Set a bit above every word of an address: no ABI encoder writes it so, and yet a contract may read it."""
    word = bytes(12) + bytes.fromhex(address[2:])
    return call_data.replace(word, b"\x01" + word[1:])
