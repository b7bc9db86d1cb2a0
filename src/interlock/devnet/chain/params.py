"""Reading the parameters of a call: quantities, bytes, block references, calls and log filters.

Everything raises `RpcError` -32602 with the name of what is wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from interlock.devnet.chain.rpc import INVALID_PARAMS, RpcError

_HEX = re.compile("[0-9a-fA-F]+")

ADDRESS_LENGTH = 20
WORD_LENGTH = 32


class Tag(StrEnum):
    """A block named by its role."""

    EARLIEST = "earliest"
    FINALIZED = "finalized"
    SAFE = "safe"
    LATEST = "latest"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class ByHash:
    """A block named by its hash (EIP-1898)."""

    hash: bytes
    require_canonical: bool


BlockRef = Tag | int | ByHash
"""What may stand for a block: a tag, a height or a hash."""


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A message call that is only simulated."""

    sender: bytes
    to: bytes
    """Empty for a contract creation."""
    gas: int | None
    value: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which logs are asked for."""

    addresses: frozenset[bytes]
    """Empty for any."""
    topics: tuple[frozenset[bytes], ...]
    """One set of alternatives per position; empty for any."""
    first: BlockRef
    last: BlockRef
    block_hash: bytes | None

    def matches(self, address: bytes, topics: tuple[bytes, ...]) -> bool:
        """Tell whether a log with this address and these topics is asked for."""
        if self.addresses and address not in self.addresses:
            return False
        if len(self.topics) > len(topics):
            return False
        return all(not wanted or topic in wanted for wanted, topic in zip(self.topics, topics, strict=False))


def invalid(index: str, problem: str) -> RpcError:
    """Make the error for a parameter."""
    return RpcError(INVALID_PARAMS, f"invalid argument {index}: {problem}")


def quantity(value: Any, name: str, *, bits: int = 256) -> int:  # noqa: ANN401 - whatever JSON holds
    """Read a 0x quantity without leading zeros, below 2^bits."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise invalid(name, "hex string without 0x prefix")
    digits = value[2:]
    if not digits or (digits[0] == "0" and len(digits) > 1):
        raise invalid(name, "hex number with leading zero digits" if digits else 'hex string "0x"')
    if not _HEX.fullmatch(digits):
        raise invalid(name, "invalid hex string")
    number = int(digits, 16)
    if number >> bits:
        raise invalid(name, f"hex number > {bits} bits")
    return number


def octets(value: Any, name: str, *, length: int | None = None) -> bytes:  # noqa: ANN401 - whatever JSON holds
    """Read 0x bytes, of exactly `length` where given."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise invalid(name, "hex string without 0x prefix")
    if len(value) % 2:
        raise invalid(name, "hex string of odd length")
    if not _HEX.fullmatch(value, 2) and value != "0x":
        raise invalid(name, "invalid hex string")
    raw = bytes.fromhex(value[2:])
    if length is not None and len(raw) != length:
        raise invalid(name, f"hex string has length {2 * len(raw)}, want {2 * length}")
    return raw


def address(value: Any, name: str = "address") -> bytes:  # noqa: ANN401 - whatever JSON holds
    """Read a 20-byte address, in any case."""
    return octets(value, name, length=ADDRESS_LENGTH)


def word(value: Any, name: str = "hash") -> bytes:  # noqa: ANN401 - whatever JSON holds
    """Read a 32-byte hash or word."""
    return octets(value, name, length=WORD_LENGTH)


def flag(value: Any, name: str) -> bool:  # noqa: ANN401 - whatever JSON holds
    """Read a boolean; null is false."""
    if value is None:
        return False
    if not isinstance(value, bool):
        raise invalid(name, "not a boolean")
    return value


def count(value: Any, name: str, *, least: int, most: int) -> int:  # noqa: ANN401 - whatever JSON holds
    """Read a number, plain or as a quantity, between two bounds."""
    number = value if isinstance(value, int) and not isinstance(value, bool) else quantity(value, name)
    if not least <= number <= most:
        raise invalid(name, f"{number} is not between {least} and {most}")
    return number


def block_ref(value: Any, name: str = "block") -> BlockRef:  # noqa: ANN401 - whatever JSON holds
    """Read a tag, a height, or an EIP-1898 object; null is the latest block."""
    if value is None:
        return Tag.LATEST
    if isinstance(value, str) and value in set(Tag):
        return Tag(value)
    if not isinstance(value, dict):
        return quantity(value, name, bits=63)
    if "blockHash" in value and "blockNumber" not in value:
        return ByHash(word(value["blockHash"], name), flag(value.get("requireCanonical"), name))
    if "blockNumber" in value and "blockHash" not in value:
        return block_ref(value["blockNumber"], name)
    raise invalid(name, "give either blockHash or blockNumber")


def call_request(value: Any) -> CallRequest:  # noqa: ANN401 - whatever JSON holds
    """Read the transaction object of `eth_call` and `eth_estimateGas`; fees are ignored, for nothing is charged."""
    fields = mapping(value, "transaction")
    data, twin = fields.get("input"), fields.get("data")
    if data is not None and twin is not None and data != twin:
        raise invalid("transaction", 'both "data" and "input" are set and not equal')
    data = data if data is not None else twin
    to, gas, sender, amount = (fields.get(key) for key in ("to", "gas", "from", "value"))
    return CallRequest(
        sender=bytes(ADDRESS_LENGTH) if sender is None else address(sender, "from"),
        to=b"" if to is None else address(to, "to"),
        gas=None if gas is None else quantity(gas, "gas", bits=64),
        value=0 if amount is None else quantity(amount, "value"),
        data=b"" if data is None else octets(data, "input"),
    )


def log_filter(value: Any) -> LogFilter:  # noqa: ANN401 - whatever JSON holds
    """Read the filter object of `eth_getLogs`."""
    fields = mapping(value, "filter")
    block_hash = fields.get("blockHash")
    if block_hash is not None and (fields.get("fromBlock") is not None or fields.get("toBlock") is not None):
        raise invalid("filter", "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other")
    topics = fields.get("topics") or []
    if not isinstance(topics, list) or len(topics) > 4:  # noqa: PLR2004 - the EVM has LOG0 to LOG4
        raise invalid("topics", "want a list of at most four")
    return LogFilter(
        addresses=_alternatives(fields.get("address"), ADDRESS_LENGTH, "address"),
        topics=tuple(_alternatives(topic, WORD_LENGTH, "topics") for topic in topics),
        first=block_ref(fields.get("fromBlock"), "fromBlock"),
        last=block_ref(fields.get("toBlock"), "toBlock"),
        block_hash=None if block_hash is None else word(block_hash, "blockHash"),
    )


def mapping(value: Any, name: str) -> Mapping[str, Any]:  # noqa: ANN401 - whatever JSON holds
    """Read an object."""
    if not isinstance(value, dict):
        raise invalid(name, "not an object")
    return value


def _alternatives(value: Any, length: int, name: str) -> frozenset[bytes]:  # noqa: ANN401 - whatever JSON holds
    if value is None:
        return frozenset()
    if isinstance(value, list):
        if None in value:
            return frozenset()
        return frozenset(octets(item, name, length=length) for item in value)
    return frozenset({octets(value, name, length=length)})
