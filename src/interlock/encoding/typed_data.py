"""EIP-712 struct hashes and digests with type hashes computed once.

A `StructType` is made from its own definition; nested structs are given as already hashed members. The domain is
`{name: "interlock", version: "1", salt: network_id}` and names neither chain nor contract: one signature is a party's
mandate on every ledger of one network (specification 3).

Source: EIP-712, "Definition of hashStruct" and "Definition of domainSeparator".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Bytes32

MemberKind = Literal["word", "number", "address", "string"]
"""How one member is encoded: `word` = 32 bytes as they are (bytes32, or the hash of a nested struct or array)."""

DOMAIN_NAME = "interlock"
DOMAIN_VERSION = "1"


@dataclass(frozen=True, slots=True)
class StructType:
    """A typed-data struct: its own definition, those it refers to, and the way each member is encoded."""

    definition: str
    """The struct alone: `Name(type member,...)`."""
    referenced: frozenset[str]
    """The definitions of every struct that it refers to, directly or through another."""
    members: tuple[MemberKind, ...]
    """One kind per member, in order."""
    type_hash: Bytes32
    """keccak256 of `encoded`."""

    @property
    def encoded(self) -> str:
        """Give EIP-712's `encodeType`: the definition, then the referenced ones sorted by name."""
        return self.definition + "".join(sorted(self.referenced))

    def hash_struct(self, *values: bytes | int | str) -> Bytes32:
        """Give hashStruct of the values, one per member, in order; ValueError when the count differs."""
        if len(values) != len(self.members):
            raise ValueError(f"{self.definition}: {len(self.members)} members, {len(values)} values")
        words = [_word(kind, value) for kind, value in zip(self.members, values, strict=True)]
        return keccak256(self.type_hash + b"".join(words))


def struct_type(definition: str, *referenced: StructType) -> StructType:
    """Make a struct type from `Name(type member,...)` and the structs that it refers to directly.

    A member whose type is a struct or an array takes its hash: 32 bytes.
    """
    others = frozenset(other.definition for other in referenced).union(*(other.referenced for other in referenced))
    fields = definition[definition.index("(") + 1 : -1].split(",")
    encoded = definition + "".join(sorted(others))
    return StructType(definition, others, tuple(_kind(field) for field in fields), keccak256(encoded.encode()))


def hash_array(element_hashes: Sequence[bytes]) -> Bytes32:
    """Give the hash of an array of structs from the hashes of its elements."""
    return keccak256(b"".join(element_hashes))


def hash_string(text: str) -> Bytes32:
    """Give the hash that stands for a string member."""
    return keccak256(text.encode())


def domain_separator(network_id: Bytes32) -> Bytes32:
    """Give the domain separator of the network whose genesis hashes to `network_id`."""
    return _DOMAIN.hash_struct(DOMAIN_NAME, DOMAIN_VERSION, network_id)


def digest(separator: Bytes32, struct_hash: Bytes32) -> Bytes32:
    """Give what is signed: keccak256(0x1901 ‖ domain separator ‖ hashStruct)."""
    return keccak256(b"\x19\x01" + separator + struct_hash)


def _kind(field: str) -> MemberKind:
    type_name = field.split(" ", maxsplit=1)[0]
    if type_name == "string":
        return "string"
    if type_name == "address":
        return "address"
    if type_name.startswith("uint") and not type_name.endswith("]"):
        return "number"
    return "word"


def _word(kind: MemberKind, value: bytes | int | str) -> bytes:
    match kind, value:
        case "number", int():
            return value.to_bytes(32, "big")
        case "address", bytes() if len(value) == 20:  # noqa: PLR2004 - an address has 20 bytes
            return bytes(12) + value
        case "word", bytes() if len(value) == 32:  # noqa: PLR2004 - a word has 32 bytes
            return value
        case "string", str():
            return keccak256(value.encode())
        case (("number" | "address" | "word" | "string"), _):
            raise ValueError(f"a member of kind {kind} cannot be {value!r}")
        case _ as never:
            assert_never(never)


_DOMAIN = struct_type("EIP712Domain(string name,string version,bytes32 salt)")
