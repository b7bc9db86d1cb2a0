"""A block as the chain keeps it: a header, its transactions and their receipts, each in its consensus encoding."""

from dataclasses import dataclass
from typing import Any

import rlp
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth.vm.forks.prague.receipts import PragueReceiptBuilder
from eth.vm.forks.prague.transactions import PragueTransactionBuilder


@dataclass(frozen=True, slots=True)
class Block:
    """One block, canonical or not."""

    header: Any
    """A Prague header of py-evm."""

    transactions: tuple[Any, ...]
    """Signed transactions in their order."""

    receipts: tuple[Any, ...]
    """One receipt per transaction, in the same order."""

    @property
    def hash(self) -> bytes:
        """Give the keccak hash of the encoded header, 32 bytes."""
        return bytes(self.header.hash)

    @property
    def number(self) -> int:
        """Give the height, zero for genesis."""
        return int(self.header.block_number)

    @property
    def timestamp(self) -> int:
        """Give the time in whole unix seconds."""
        return int(self.header.timestamp)

    @property
    def log_count(self) -> int:
        """Count the logs of all receipts."""
        return sum(len(receipt.logs) for receipt in self.receipts)

    @property
    def size(self) -> int:
        """Give the length in bytes of the block's own encoding (header, transactions, no uncles, no withdrawals)."""
        bodies = [t.encode() if t.type_id is not None else rlp.decode(t.encode()) for t in self.transactions]
        return len(rlp.encode([rlp.decode(rlp.encode(self.header)), bodies, [], []]))

    def encode(self) -> tuple[bytes, bytes, bytes]:
        """Give header, transactions and receipts as three byte strings."""
        return (
            rlp.encode(self.header),
            rlp.encode([transaction.encode() for transaction in self.transactions]),
            rlp.encode([receipt.encode() for receipt in self.receipts]),
        )

    @classmethod
    def decode(cls, header: bytes, transactions: bytes, receipts: bytes) -> "Block":
        """Read what `encode` gave."""
        return cls(
            rlp.decode(header, sedes=PragueBlockHeader),
            tuple(PragueTransactionBuilder.decode(item) for item in rlp.decode(transactions)),
            tuple(PragueReceiptBuilder.decode(item) for item in rlp.decode(receipts)),
        )
