"""The committed build of a contract: its interface as the compiler wrote it, and type strings made from it.

The file `artifacts/<name>.json` has at least `abi` (Solidity's JSON ABI) and `bytecode` (0x hexadecimal). It is read
once, when it is first needed.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from interlock.encoding.keccak import keccak256


@dataclass(frozen=True, slots=True)
class Signature:
    """A function, event or error of a contract."""

    name: str
    selector: bytes
    """The first four bytes of keccak256 of `name(types)`."""
    inputs: tuple[str, ...]
    """Canonical type strings; a struct is its members in parentheses."""
    outputs: tuple[str, ...]
    """The same of a function's results; empty otherwise."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract."""

    name: str
    abi: list[dict[str, Any]]
    functions: dict[str, Signature]
    """By name; the project overloads none."""
    errors: dict[bytes, Signature]
    """By selector."""
    bytecode: bytes
    """Init code, to which the encoded constructor arguments are appended."""
    constructor: tuple[str, ...]
    """Types of the constructor's arguments."""


@cache
def load_artifact(name: str) -> Artifact:
    """Read a committed artifact; FileNotFoundError where this build has none of this name."""
    document = json.loads((files(__package__) / "artifacts" / f"{name}.json").read_text())
    abi: list[dict[str, Any]] = document["abi"]
    code = document["bytecode"]
    constructor = next((_types(item["inputs"]) for item in abi if item["type"] == "constructor"), ())
    return Artifact(
        name=name,
        abi=abi,
        functions={item["name"]: _signature(item) for item in abi if item["type"] == "function"},
        errors={(made := _signature(item)).selector: made for item in abi if item["type"] == "error"},
        bytecode=bytes.fromhex((code["object"] if isinstance(code, dict) else code).removeprefix("0x")),
        constructor=constructor,
    )


def _signature(item: dict[str, Any]) -> Signature:
    inputs = _types(item["inputs"])
    selector = keccak256(f"{item['name']}({','.join(inputs)})".encode())[:4]
    return Signature(item["name"], selector, inputs, _types(item.get("outputs", [])))


def _types(parameters: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(_type(parameter) for parameter in parameters)


def _type(parameter: dict[str, Any]) -> str:
    kind: str = parameter["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_types(parameter['components']))}){kind.removeprefix('tuple')}"
