"""The genesis document of an embedded chain: who owns what at the beginning, and when that was.

```json
{"timestamp": 1767225600, "balances": {"0x7e5f4552091a69125d5dfcb7b8c2659029395bdf": "1000000000000000000000"}}
```

`balances` maps addresses to wei in decimal; `timestamp` is in unix seconds and may be left out: then it is the moment
of the first start. The file stands in the chain's home and is read on first start only.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.devnet.chain.params import address
from interlock.devnet.chain.rpc import RpcError

FILE_NAME = "genesis.json"


class GenesisError(Exception):
    """Tell that the genesis document cannot be used. Terminal: mend the file."""


@dataclass(frozen=True, slots=True)
class Genesis:
    """What the first block holds."""

    balances: dict[bytes, int]
    """Wei by address."""
    timestamp: int
    """Unix seconds."""

    @classmethod
    def load(cls, path: Path, now_s: int) -> "Genesis":
        """Read the document; an absent file is an empty one. Raises `GenesisError`."""
        try:
            document: Any = json.loads(path.read_bytes())
        except FileNotFoundError:
            document = {}
        except ValueError as error:
            raise GenesisError(f"{path} is not JSON: {error}") from error
        if not isinstance(document, dict) or set(document) - {"balances", "timestamp"}:
            raise GenesisError(f"{path} must be an object of balances and timestamp only")
        timestamp = document.get("timestamp", now_s)
        if not isinstance(timestamp, int) or isinstance(timestamp, bool) or timestamp < 0:
            raise GenesisError(f"{path}: timestamp {timestamp!r} is not a number of unix seconds")
        balances = document.get("balances", {})
        if not isinstance(balances, dict):
            raise GenesisError(f"{path}: balances must be an object")
        return cls({_account(path, key): _wei(path, key, value) for key, value in balances.items()}, timestamp)


def write_genesis(home: Path, balances: dict[str, int], timestamp: int | None = None) -> None:
    """Write the document into a chain's home, which is made: `balances` are wei by 0x address."""
    document: dict[str, Any] = {"balances": {account: str(wei) for account, wei in balances.items()}}
    if timestamp is not None:
        document["timestamp"] = timestamp
    home.mkdir(parents=True, exist_ok=True)
    (home / FILE_NAME).write_text(json.dumps(document, indent=2) + "\n")


def _account(path: Path, value: str) -> bytes:
    try:
        return address(value)
    except RpcError as error:
        raise GenesisError(f"{path}: {value!r} is not an address: {error}") from error


def _wei(path: Path, account: str, value: Any) -> int:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(value, str) or not value.isdecimal() or not value.isascii() or int(value) >> 256:
        raise GenesisError(f"{path}: the balance {value!r} of {account} is not a decimal string of wei")
    return int(value)
