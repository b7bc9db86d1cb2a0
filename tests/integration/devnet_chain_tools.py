"""Accounts, hand-assembled contracts and signed transactions for the tests of the chain."""

from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import to_checksum_address

from interlock.devnet.chain.client import JsonRpc

CHAIN_ID = 31337
GWEI = 10**9
ETHER = 10**18

RICH = Account.from_key("0x" + "01" * 32)
OTHER = Account.from_key("0x" + "02" * 32)
POOR = Account.from_key("0x" + "03" * 32)
BALANCES = {RICH.address: 1_000 * ETHER, OTHER.address: 1_000 * ETHER}

TOPIC = f"0x{0xAA:064x}"

# Called without data it returns slot 0; with a word it stores it there and logs it under TOPIC and itself.
REGISTER = "36600c575f545f5260205ff35b5f35805f55805f528060aa60205fa200"
# Reverts with what it was called with.
REVERTER = "365f5f37365ffd"


def creation(runtime: str) -> str:
    """Give the initcode that leaves this code."""
    return f"0x60{len(runtime) // 2:02x}8060095f395ff3{runtime}"


def word(value: int) -> str:
    """Give 32 bytes of 0x hex."""
    return f"0x{value:064x}"


def signed(nonce: int, *, sender: LocalAccount = RICH, **fields: object) -> str:
    """Give a signed transaction: a cheap transfer to OTHER unless `fields` say otherwise."""
    transaction: dict[str, Any] = {
        "chainId": CHAIN_ID,
        "nonce": nonce,
        "to": OTHER.address,
        "value": 1,
        "gas": 21_000,
        "data": "0x",
        "maxFeePerGas": 3 * GWEI,
        "maxPriorityFeePerGas": 1_000,
    }
    if "gasPrice" in fields:
        del transaction["maxFeePerGas"], transaction["maxPriorityFeePerGas"]
    transaction.update(fields)
    if transaction["to"] is not None:
        transaction["to"] = to_checksum_address(transaction["to"])
    return "0x" + bytes(sender.sign_transaction(transaction).raw_transaction).hex()


def signed_creation(nonce: int, runtime: str) -> str:
    """Give the signed creation of a contract."""
    return signed(nonce, to=None, value=0, gas=500_000, data=creation(runtime))


def signed_store(nonce: int, contract: str, value: int) -> str:
    """Give a signed call that stores a word in the register."""
    return signed(nonce, to=contract, value=0, gas=100_000, data=word(value))


async def head(rpc: JsonRpc, tag: str = "latest") -> dict[str, Any]:
    """Give a block by its tag."""
    block: dict[str, Any] = await rpc.call("eth_getBlockByNumber", tag, False)
    return block


def number(block: dict[str, Any]) -> int:
    """Give a block's height."""
    return int(block["number"], 16)


def node_root() -> Path:
    """Give the directory under whose node_modules an anvil may be: this repository."""
    return Path(__file__).parents[2]
