"""The demo's asset side: whoever issues the treasury token, and the accounts that use it, as senders of transactions.

Everything goes through the chain's JSON-RPC like anybody's transaction would.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import decode, encode

from interlock.core.committee import Genesis
from interlock.devnet.chain.client import JsonRpc
from interlock.encoding.values import Address, Bytes32, hex_of
from interlock.keys.signer import Signer
from interlock.ledgers.evm.artifact import load_artifact
from interlock.ledgers.evm.transaction import GasKey, Transaction

GAS_MAX = 6_000_000
"""Gas of one of the demo's own transactions; the vault's creation takes about half."""
PRIORITY_FEE = 10**9
MAX_FEE = 100 * 10**9
POLL_S = 0.05
"""Pause between two questions for a transaction's receipt."""
MINED_WITHIN_S = 60.0
"""How long a transaction may wait for its block on a busy machine."""


class DemoTransactionFailed(Exception):
    """One of the demo's own transactions reverted or was not mined; the message says which."""


class Account:
    """One key that sends transactions, in order."""

    def __init__(self, rpc: JsonRpc, chain_id: int, signer: Signer) -> None:
        self._rpc = rpc
        self._chain_id = chain_id
        self._key = GasKey(signer)
        self._nonce: int | None = None
        self._turn = asyncio.Lock()

    @property
    def address(self) -> Address:
        """The account's address."""
        return self._key.address

    async def call(self, contract: str, to: Address, function: str, *args: object) -> Bytes32:
        """Send a call of a contract's function; give the transaction's hash."""
        signature = load_artifact(contract).functions[function]
        return await self.send(to, signature.selector + encode(signature.inputs, args))

    async def deploy(self, contract: str, *args: object) -> Bytes32:
        """Send a contract's creation; give the transaction's hash."""
        artifact = load_artifact(contract)
        return await self.send(Address(b""), artifact.bytecode + encode(artifact.constructor, args))

    async def mined(self, hashes: Sequence[Bytes32]) -> list[dict[str, str]]:
        """Wait until all are in blocks; give their receipts. DemoTransactionFailed where one reverted or is missing."""
        receipts = []
        async with asyncio.timeout(MINED_WITHIN_S):
            for each in hashes:
                receipt = await self._receipt(each)
                if receipt["status"] != "0x1":
                    raise DemoTransactionFailed(f"transaction {hex_of(each)} of {hex_of(self.address)} reverted")
                receipts.append(receipt)
        return receipts

    async def _receipt(self, transaction: Bytes32) -> dict[str, str]:
        while True:
            receipt: dict[str, str] | None = await self._rpc.call("eth_getTransactionReceipt", hex_of(transaction))
            if receipt is not None:
                return receipt
            await asyncio.sleep(POLL_S)

    async def send(self, to: Address, data: bytes) -> Bytes32:
        """Send a transaction; give its hash."""
        async with self._turn:
            if self._nonce is None:
                count = await self._rpc.call("eth_getTransactionCount", hex_of(self.address), "pending")
                self._nonce = int(count, 16)
            transaction = Transaction(self._chain_id, self._nonce, PRIORITY_FEE, MAX_FEE, GAS_MAX, to, data)
            signed = self._key.sign(transaction)
            await self._rpc.call("eth_sendRawTransaction", hex_of(signed.raw))
            self._nonce += 1
            return signed.hash


@dataclass(frozen=True, slots=True)
class TreasuryMarket:
    """The contracts of the demo's asset side."""

    registry: Address
    """Who may hold the token."""
    token: Address
    vault: Address
    vault_block: int
    """The block of the vault's creation."""


async def deploy_market(issuer: Account, genesis: Genesis) -> TreasuryMarket:
    """Create registry, token and vault; the vault is set up from the genesis document."""
    members = [hex_of(each) for each in genesis.members]
    registry_hash = await issuer.deploy("KycRegistry", hex_of(issuer.address))
    vault_hash = await issuer.deploy("Vault", genesis.network_id, members)
    registry, vault = await issuer.mined([registry_hash, vault_hash])
    token_hash = await issuer.deploy("TreasuryToken", hex_of(issuer.address), registry["contractAddress"])
    (token,) = await issuer.mined([token_hash])
    return TreasuryMarket(
        registry=_address(registry),
        token=_address(token),
        vault=_address(vault),
        vault_block=int(vault["blockNumber"], 16),
    )


async def token_balance(rpc: JsonRpc, token: Address, holder: Address) -> int:
    """Give a holder's balance in the token's smallest unit, at the newest block."""
    signature = load_artifact("TreasuryToken").functions["balanceOf"]
    call = {"to": hex_of(token), "data": hex_of(signature.selector + encode(signature.inputs, [hex_of(holder)]))}
    answer = await rpc.call("eth_call", call, "latest")
    (balance,) = decode(["uint256"], bytes.fromhex(answer[2:]))
    return int(balance)


def _address(receipt: dict[str, str]) -> Address:
    return Address(bytes.fromhex(receipt["contractAddress"][2:]))
