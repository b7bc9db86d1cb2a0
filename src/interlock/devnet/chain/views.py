"""Blocks, transactions, receipts and logs as JSON, with the fields and forms of the Ethereum execution API."""

from typing import Any

from eth._utils.address import generate_contract_address
from eth_typing import Address

from interlock.devnet.chain.block import Block

Json = dict[str, Any]


def hex_quantity(value: int) -> str:
    """Write a number as a 0x quantity."""
    return hex(value)


def hex_octets(value: bytes) -> str:
    """Write bytes as 0x hex."""
    return "0x" + bytes(value).hex()


def hex_word(value: int) -> str:
    """Write a number as 32 bytes of 0x hex."""
    return f"0x{value:064x}"


def header_view(block: Block) -> Json:
    """Give the fields of a header, and the block's size."""
    header = block.header
    return {
        "number": hex(header.block_number),
        "hash": hex_octets(block.hash),
        "parentHash": hex_octets(header.parent_hash),
        "nonce": hex_octets(header.nonce),
        "sha3Uncles": hex_octets(header.uncles_hash),
        "logsBloom": _bloom(header.bloom),
        "transactionsRoot": hex_octets(header.transaction_root),
        "stateRoot": hex_octets(header.state_root),
        "receiptsRoot": hex_octets(header.receipt_root),
        "miner": hex_octets(header.coinbase),
        "difficulty": hex(header.difficulty),
        "extraData": hex_octets(header.extra_data),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "mixHash": hex_octets(header.mix_hash),
        "baseFeePerGas": hex(header.base_fee_per_gas),
        "withdrawalsRoot": hex_octets(header.withdrawals_root),
        "blobGasUsed": hex(header.blob_gas_used),
        "excessBlobGas": hex(header.excess_blob_gas),
        "parentBeaconBlockRoot": hex_octets(header.parent_beacon_block_root),
        "requestsHash": hex_octets(header.requests_hash),
        "size": hex(block.size),
    }


def block_view(block: Block, *, full: bool) -> Json:
    """Give a block with its transactions, whole or as hashes."""
    transactions = [
        transaction_view(transaction, block, position) if full else hex_octets(transaction.hash)
        for position, transaction in enumerate(block.transactions)
    ]
    return header_view(block) | {"transactions": transactions, "uncles": [], "withdrawals": []}


def transaction_view(transaction: Any, block: Block | None, position: int | None) -> Json:  # noqa: ANN401 - py-evm's
    """Give a transaction; without a block it is one that waits."""
    kind = transaction.type_id or 0
    view: Json = {
        "type": hex(kind),
        "hash": hex_octets(transaction.hash),
        "from": hex_octets(transaction.sender),
        "to": hex_octets(transaction.to) if transaction.to else None,
        "nonce": hex(transaction.nonce),
        "gas": hex(transaction.gas),
        "value": hex(transaction.value),
        "input": hex_octets(transaction.data),
        "r": hex(transaction.r),
        "s": hex(transaction.s),
        "v": hex(transaction.y_parity if kind else transaction.v),
        "chainId": hex(transaction.chain_id),
        "blockHash": None if block is None else hex_octets(block.hash),
        "blockNumber": None if block is None else hex(block.number),
        "transactionIndex": None if position is None else hex(position),
    }
    cap = transaction.max_fee_per_gas
    if kind:
        view["yParity"] = hex(transaction.y_parity)
        view["accessList"] = [
            {"address": hex_octets(account), "storageKeys": [hex_word(slot) for slot in slots]}
            for account, slots in transaction.access_list
        ]
    if kind == 2:  # noqa: PLR2004 - EIP-1559's type
        view["maxFeePerGas"] = hex(cap)
        view["maxPriorityFeePerGas"] = hex(transaction.max_priority_fee_per_gas)
    # Mined, it is the price that was paid; waiting, the most it offers: so go-ethereum answers.
    view["gasPrice"] = hex(cap if block is None else effective_gas_price(transaction, block))
    return view


def receipt_view(block: Block, position: int) -> Json:
    """Give the receipt of the transaction at a position of a block."""
    transaction, receipt = block.transactions[position], block.receipts[position]
    created = None if transaction.to else contract_address(bytes(transaction.sender), transaction.nonce)
    return {
        "type": hex(transaction.type_id or 0),
        "status": "0x1" if receipt.state_root == b"\x01" else "0x0",
        "transactionHash": hex_octets(transaction.hash),
        "transactionIndex": hex(position),
        "blockHash": hex_octets(block.hash),
        "blockNumber": hex(block.number),
        "from": hex_octets(transaction.sender),
        "to": hex_octets(transaction.to) if transaction.to else None,
        "contractAddress": None if created is None else hex_octets(created),
        "cumulativeGasUsed": hex(receipt.gas_used),
        "gasUsed": hex(gas_used(block, position)),
        "effectiveGasPrice": hex(effective_gas_price(transaction, block)),
        "logsBloom": _bloom(receipt.bloom),
        "logs": log_views(block, position),
    }


def log_views(block: Block, position: int) -> list[Json]:
    """Give the logs of the transaction at a position of a block; `logIndex` counts within the block."""
    before = sum(len(receipt.logs) for receipt in block.receipts[:position])
    common = {
        "blockHash": hex_octets(block.hash),
        "blockNumber": hex(block.number),
        "blockTimestamp": hex(block.timestamp),
        "transactionHash": hex_octets(block.transactions[position].hash),
        "transactionIndex": hex(position),
        "removed": False,
    }
    return [
        common
        | {
            "address": hex_octets(log.address),
            "topics": [hex_word(topic) for topic in log.topics],
            "data": hex_octets(log.data),
            "logIndex": hex(before + index),
        }
        for index, log in enumerate(block.receipts[position].logs)
    ]


def gas_used(block: Block, position: int) -> int:
    """Give the gas that one transaction of a block used; its receipt counts from the block's beginning."""
    before = block.receipts[position - 1].gas_used if position else 0
    return int(block.receipts[position].gas_used - before)


def effective_gas_price(transaction: Any, block: Block) -> int:  # noqa: ANN401 - a signed transaction of py-evm
    """Give the wei per gas that a transaction paid in a block (EIP-1559)."""
    base_fee = block.header.base_fee_per_gas
    return int(min(transaction.max_fee_per_gas, base_fee + transaction.max_priority_fee_per_gas))


def contract_address(sender: bytes, nonce: int) -> bytes:
    """Give the address that a creation by `sender` with `nonce` makes: keccak of RLP, the last 20 bytes."""
    return bytes(generate_contract_address(Address(sender), nonce))


def _bloom(value: int) -> str:
    return f"0x{value:0512x}"
