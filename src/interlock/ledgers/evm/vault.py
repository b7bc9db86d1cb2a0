"""The vault's views as calls of a batch, and their answers as values.

A view that reverts, a block that the endpoint does not have (it may lag behind another one) and an answer that is not
of its types are told apart: LedgerNonsense, LedgerUnavailable, LedgerNonsense.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from interlock.core.committee import Committee
from interlock.core.instruction import LegIndex, OnchainLeg, SettlementId, vault_name
from interlock.encoding.canonical import Malformed
from interlock.encoding.values import Address, Bytes32, hex_of
from interlock.ledgers.evm.abi import (
    ExitCheck,
    Hold,
    committee_hash,
    decode_exit_check,
    decode_hold,
    describe,
    encode_call,
    encode_leg_call,
)
from interlock.ledgers.evm.rpc import Answer, Call, Json, Rpc, RpcRefused
from interlock.ledgers.evm.wire import read_bytes, read_quantity
from interlock.ledgers.protocol import LedgerError, LedgerNonsense, LedgerRefused, LedgerUnavailable

T = TypeVar("T")

LATEST = "latest"
_WORD_BYTES = 32


class WrongVault(LedgerRefused):
    """The endpoint's chain or the contract at the vault's address is not the one of this network."""

    code = "ledger_wrong_vault"


@dataclass(frozen=True, slots=True)
class Vault:
    """One vault, and the network that it must obey."""

    chain_id: int
    address: Address
    network_id: Bytes32
    committee: Committee

    @property
    def ledger(self) -> str:
        """Give the ledger's name."""
        return vault_name(self.chain_id, self.address)

    def hold_of(self, terms: OnchainLeg, block: Json = LATEST) -> Call:
        """Ask what stands in the leg's lane."""
        return self.view(encode_call("holdOf", terms.payer, terms.lane), block)

    def exit_check(self, settlement: SettlementId, leg: LegIndex, terms: OnchainLeg, block: Json = LATEST) -> Call:
        """Ask whether the amount could be held, and let out both ways."""
        return self.view(encode_leg_call("exitCheck", settlement, leg, terms), block)

    def view(self, data: bytes, block: Json = LATEST) -> Call:
        """Ask something of the vault without a transaction."""
        return Call("eth_call", ({"to": hex_of(self.address), "data": hex_of(data)}, block))

    def read_hold(self, answer: Answer) -> Hold:
        """Read the answer to `hold_of`."""
        return self._read(answer, "holdOf", decode_hold)

    def read_exit_check(self, answer: Answer) -> ExitCheck:
        """Read the answer to `exit_check`."""
        return self._read(answer, "exitCheck", decode_exit_check)

    async def check(self, rpc: Rpc) -> None:
        """Make sure that the endpoint has the chain, and the chain the vault, of this network's genesis.

        WrongVault, in this order: chain id, no code at the address, network id, epoch, committee. LedgerUnavailable,
        LedgerNonsense.
        """
        views = [self.view(encode_call(name)) for name in ("networkId", "epoch", "committee")]
        chain, code, network, epoch, committee = await rpc.batch(
            [Call("eth_chainId"), Call("eth_getCode", (hex_of(self.address), LATEST)), *views]
        )
        try:
            chain_id = read_quantity(_given(chain), "chain id")
            code_bytes = read_bytes(_given(code), "code")
        except Malformed as error:
            raise LedgerNonsense(str(error), self.ledger) from None
        if chain_id != self.chain_id:
            raise self._wrong(f"the endpoint serves chain {chain_id}, not {self.chain_id}: correct its URL")
        if not code_bytes:
            raise self._wrong("no contract stands at the vault's address on this chain")
        if (found := self._word(network, "networkId")) != self.network_id:
            raise self._wrong(f"the vault obeys network {hex_of(found)}, not {hex_of(self.network_id)}")
        if (stands := int.from_bytes(self._word(epoch, "epoch"), "big")) != self.committee.epoch:
            raise self._wrong(f"the vault is in epoch {stands}, this node's committee of {self.committee.epoch}")
        if self._word(committee, "committee") != committee_hash(self.committee):
            raise self._wrong(f"the vault's committee of epoch {self.committee.epoch} is not the genesis document's")

    def _read(self, answer: Answer, name: str, decode: Callable[[bytes], T]) -> T:
        if isinstance(answer, RpcRefused) and answer.is_revert:
            raise LedgerNonsense(f"{name} reverted: {describe(answer.data)}", self.ledger)
        if isinstance(answer, RpcRefused):
            raise LedgerUnavailable(answer.sentence, self.ledger)
        try:
            return decode(read_bytes(_given(answer), name))
        except Malformed as error:
            raise LedgerNonsense(str(error), self.ledger) from None

    def _word(self, answer: Answer, name: str) -> bytes:
        """Read a view of one word; a contract that has no such view is no vault."""
        if not (isinstance(answer, RpcRefused) and answer.is_revert):
            word = self._read(answer, name, lambda data: data)
            if len(word) == _WORD_BYTES:
                return word
        raise self._wrong(f"the contract at the vault's address has no {name}: it is no vault")

    def _wrong(self, sentence: str) -> WrongVault:
        return WrongVault(sentence, self.ledger)


def _given(answer: Answer) -> Json:
    if isinstance(answer, LedgerError):
        raise answer
    return answer
