"""Values of the Ethereum JSON-RPC: quantities, bytes, blocks, logs and receipts; strict, for endpoints that lie.

Everything raises `canonical.Malformed` with the name of what is wrong; `rpc` callers turn it into LedgerNonsense.

Source: EIP-1474, "Value encoding"; EIP-1898 (blocks named by hash).
"""

import re
from dataclasses import dataclass
from typing import Any

from interlock.encoding.canonical import Malformed
from interlock.encoding.values import Address, Bytes32, hex_of

_QUANTITY = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]*)\Z")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*\Z")
_WORD_BYTES = 32
_TOPICS_MAX = 4


@dataclass(frozen=True, slots=True)
class Header:
    """What is needed of a block."""

    number: int
    hash: Bytes32
    time: int
    """Unix seconds, as the block itself says."""
    base_fee: int
    """Wei per gas; zero on a chain without EIP-1559."""


@dataclass(frozen=True, slots=True)
class Log:
    """One event of a mined transaction."""

    address: Address
    topics: tuple[Bytes32, ...]
    data: bytes
    block_number: int
    block_hash: Bytes32
    transaction_hash: Bytes32
    index: int
    """Its place among all logs of the block."""


def quantity(value: int) -> str:
    """Write a number as the endpoint wants it."""
    return hex(value)


def at_hash(block: Bytes32) -> dict[str, Any]:
    """Name a block by its hash; the endpoint must refuse where it is not canonical any more."""
    return {"blockHash": hex_of(block), "requireCanonical": True}


def read_quantity(value: Any, name: str, bits: int = 256) -> int:  # noqa: ANN401 - whatever JSON holds
    """Read a `0x` number without leading zeros, below 2^bits."""
    if not isinstance(value, str) or len(value) > 66 or _QUANTITY.match(value) is None:  # noqa: PLR2004 - 0x, 64 digits
        raise Malformed(f"{name} is no quantity: {str(value)[:80]!r}")
    number = int(value, 16)
    if number >> bits:
        raise Malformed(f"{name} is not below 2^{bits}: {value}")
    return number


def read_bytes(value: Any, name: str, length: int | None = None) -> bytes:  # noqa: ANN401 - whatever JSON holds
    """Read `0x` bytes, of exactly `length` where given."""
    if not isinstance(value, str) or _DATA.match(value) is None:
        raise Malformed(f"{name} is no hexadecimal data: {str(value)[:80]!r}")
    data = bytes.fromhex(value[2:])
    if length is not None and len(data) != length:
        raise Malformed(f"{name} has {len(data)} bytes, {length} are wanted")
    return data


def read_word(value: Any, name: str) -> Bytes32:  # noqa: ANN401 - whatever JSON holds
    """Read 32 bytes."""
    return Bytes32(read_bytes(value, name, _WORD_BYTES))


def read_header(value: Any) -> Header | None:  # noqa: ANN401 - whatever JSON holds
    """Read a block, or None where the endpoint has none."""
    if value is None:
        return None
    fields = _object(value, "block")
    return Header(
        number=read_quantity(fields.get("number"), "number", 63),
        hash=read_word(fields.get("hash"), "hash"),
        time=read_quantity(fields.get("timestamp"), "timestamp", 63),
        base_fee=read_quantity(fields.get("baseFeePerGas", "0x0"), "baseFeePerGas", 128),
    )


def read_logs(value: Any) -> list[Log]:  # noqa: ANN401 - whatever JSON holds
    """Read the answer to `eth_getLogs`."""
    if not isinstance(value, list):
        raise Malformed("logs are no list")
    return [_log(_object(item, "log")) for item in value]


def read_receipt(value: Any) -> bool | None:  # noqa: ANN401 - whatever JSON holds
    """Tell whether a transaction succeeded, or None where it is not mined."""
    if value is None:
        return None
    return read_quantity(_object(value, "receipt").get("status"), "status", 1) == 1


def _log(fields: dict[str, Any]) -> Log:
    if fields.get("removed", False) is not False:
        raise Malformed("a log of a removed block")
    topics = fields.get("topics")
    if not isinstance(topics, list) or len(topics) > _TOPICS_MAX:
        raise Malformed("topics are no list of at most four")
    return Log(
        address=Address(read_bytes(fields.get("address"), "address", 20)),
        topics=tuple(read_word(topic, "topic") for topic in topics),
        data=read_bytes(fields.get("data"), "data"),
        block_number=read_quantity(fields.get("blockNumber"), "blockNumber", 63),
        block_hash=read_word(fields.get("blockHash"), "blockHash"),
        transaction_hash=read_word(fields.get("transactionHash"), "transactionHash"),
        index=read_quantity(fields.get("logIndex"), "logIndex", 32),
    )


def _object(value: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(value, dict):
        raise Malformed(f"the {name} is no object")
    return value
