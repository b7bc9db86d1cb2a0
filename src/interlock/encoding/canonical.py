"""Canonical JSON of frozen dataclasses: one value, one sequence of bytes, both ways.

Hashes, signatures over documents, the log's entries and the state hash all rest on this form: keys sorted, camelCase,
no white space, ASCII; scalars as their value type says (`values`). Decoding is strict, because its input is hostile:
a missing, unknown or doubled key, a float, a number out of range, a byte string that is not lower-case hexadecimal
or a union without a matching kind is a `Malformed` with the path of the first offence.

A dataclass with a class variable `KIND` carries it as the key `kind`; in a union of dataclasses it tells them apart.
"""

import json
import re
import types
import typing
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from enum import IntEnum
from functools import cache
from typing import Any, NewType, TypeVar, cast

from interlock.encoding.values import Address, Blob, Bytes32, Signature, Uint32, Uint64, Uint256, hex_of

T = TypeVar("T")
_Json = Any
_Encode = Callable[[Any], _Json]
_Decode = Callable[[_Json, str], Any]

DEPTH_MAX = 16
"""Levels of nesting; the deepest document of the project has nine."""
_DIGITS_MAX = 78
"""Decimal digits of 2^256 - 1; a longer number is refused before it is converted."""
_HEX = re.compile(r"0x(?:[0-9a-f]{2})*\Z")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]*)\Z")
# A string, ended or not, is passed over in one go that is never taken back, so that hostile bytes cost linear time.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)

_OPENING = frozenset("[{")
_CLOSING = frozenset("]}")


class Malformed(ValueError):
    """The bytes are not the canonical or strict form of the wanted type; the message names the path."""


def encode(value: object) -> bytes:
    """Give the canonical bytes of a dataclass instance."""
    return dumps(to_json(value))


def to_json(value: object) -> _Json:
    """Give a dataclass instance as JSON values (for a document that embeds it)."""
    return _codec(cast("Hashable", type(value)))[0](value)


def dumps(document: _Json) -> bytes:
    """Give JSON values as canonical bytes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def decode(kind: type[T], data: bytes | str) -> T:
    """Read strict JSON, in any key order and spacing, as a value of the dataclass (or union alias) `kind`.

    Malformed when it is not JSON, nests too deeply, or does not fit the type.
    """
    return from_json(kind, loads(data))


def decode_canonical(kind: type[T], data: bytes) -> T:
    """Read canonical bytes; Malformed also where other bytes stand for the same value."""
    value = decode(kind, data)
    if encode(value) != data:
        raise Malformed("the document is not in canonical form: sort the keys and leave no white space")
    return value


def from_json(kind: type[T], document: _Json, path: str = "$") -> T:
    """Read JSON values as a value of the dataclass (or union alias) `kind`; Malformed with the path."""
    return cast("T", _codec(cast("Hashable", kind))[1](document, path))


def loads(data: bytes | str) -> _Json:
    """Read JSON, bytes in UTF-8: no doubled keys, no floats, no NaN, bounded depth; Malformed else."""
    try:
        text = data if isinstance(data, str) else data.decode()
        _check_depth(text)
        return json.loads(
            text, object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse, parse_int=_bounded_int
        )
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from None


def _unique(pairs: list[tuple[str, _Json]]) -> dict[str, _Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a key stands twice in one object")
    return found


def _refuse(text: str) -> _Json:
    raise Malformed(f"{text[:40]} is not an integer")


def _bounded_int(text: str) -> int:
    if len(text) > _DIGITS_MAX:
        raise Malformed(f"a number of {len(text)} digits is out of every range")
    return int(text)


def _check_depth(text: str) -> None:
    """Refuse deep nesting before anything recurses into it.

    The parser recurses in C as far as the interpreter's limit allows, and some libraries raise that limit beyond what
    the stack holds: 64 KiB of brackets would end the process.
    """
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        token = found[0]
        if token in _OPENING:
            depth += 1
            if depth > DEPTH_MAX:
                raise Malformed(f"the document nests more than {DEPTH_MAX} levels")
        elif token in _CLOSING:
            depth -= 1


@cache
def _codec(kind: Any) -> tuple[_Encode, _Decode]:
    """Give the encoder and decoder of a type, made once."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(kind, NewType):
        return _codec(kind.__supertype__)
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        return _enum_codec(kind)
    if is_dataclass(kind):
        return _dataclass_codec(cast("type", kind))
    origin = typing.get_origin(kind)
    if origin is tuple:
        return _tuple_codec(typing.get_args(kind))
    if origin in {typing.Union, types.UnionType}:
        return _union_codec(typing.get_args(kind))
    raise TypeError(f"{kind!r} has no canonical form")


def _dataclass_codec(kind: type) -> tuple[_Encode, _Decode]:
    hints = typing.get_type_hints(kind)
    members = [(f.name, _camel(f.name), *_codec(hints[f.name])) for f in fields(kind)]
    tag: str | None = getattr(kind, "KIND", None)
    wire_names = {wire for _, wire, _, _ in members} | ({"kind"} if tag is not None else set())

    def encode_it(value: Any) -> _Json:
        document = {wire: enc(getattr(value, name)) for name, wire, enc, _ in members}
        if tag is not None:
            document["kind"] = tag
        return document

    def decode_it(document: _Json, path: str) -> Any:
        if not isinstance(document, dict):
            raise Malformed(f"{path}: an object is wanted, not {_describe(document)}")
        if document.keys() != wire_names:
            _explain_keys(wire_names, document, path)
        if tag is not None and document["kind"] != tag:
            raise Malformed(f"{path}.kind: {tag!r} is wanted, not {_describe(document['kind'])}")
        return kind(**{name: dec(document[wire], f"{path}.{wire}") for name, wire, _, dec in members})

    return encode_it, decode_it


def _tuple_codec(args: tuple[Any, ...]) -> tuple[_Encode, _Decode]:
    if len(args) != 2 or args[1] is not Ellipsis:  # noqa: PLR2004 - tuple[X, ...] has two arguments
        raise TypeError(f"tuple{list(args)} has no canonical form; use tuple[X, ...] or a dataclass")
    enc, dec = _codec(args[0])

    def decode_it(document: _Json, path: str) -> Any:
        if not isinstance(document, list):
            raise Malformed(f"{path}: a list is wanted, not {_describe(document)}")
        return tuple(dec(item, f"{path}[{index}]") for index, item in enumerate(document))

    return lambda value: [enc(item) for item in value], decode_it


def _union_codec(args: tuple[Any, ...]) -> tuple[_Encode, _Decode]:
    """Tell the members apart: null by None, dataclasses by kind, or without kinds by their fields, else the scalar."""
    records = [cast("type", arg) for arg in args if is_dataclass(arg)]
    scalars = [_codec(arg) for arg in args if not is_dataclass(arg) and arg is not type(None)]
    optional = type(None) in args
    if len(scalars) > 1:
        raise TypeError(f"{args!r}: the scalars of this union cannot be told apart")
    choose = _chooser(records)

    def encode_it(value: Any) -> _Json:
        if value is None:
            return None
        return _codec(cast("Hashable", type(value)))[0](value) if is_dataclass(value) else scalars[0][0](value)

    def decode_it(document: _Json, path: str) -> Any:
        if document is None and optional:
            return None
        if isinstance(document, dict) and records:
            return choose(document, path)(document, path)
        if scalars:
            return scalars[0][1](document, path)
        raise Malformed(f"{path}: {_describe(document)} fits no member of the union")

    return encode_it, decode_it


def _chooser(records: list[type]) -> Callable[[dict[str, _Json], str], _Decode]:
    """Give what finds the decoder of an object among the dataclasses of a union."""
    decoders = [_codec(cast("Hashable", record))[1] for record in records]
    if len(records) < 2:  # noqa: PLR2004 - nothing to choose
        return lambda _document, _path: decoders[0]
    kinds = [getattr(record, "KIND", None) for record in records]
    names = [frozenset(_camel(member.name) for member in fields(record)) for record in records]
    by_kind = dict(zip(kinds, decoders, strict=True))
    by_names = dict(zip(names, decoders, strict=True))
    are_tagged = None not in by_kind
    if len(by_kind if are_tagged else by_names) != len(records) or (not are_tagged and any(kinds)):
        raise TypeError(f"{records!r}: the members of this union cannot be told apart")

    def choose(document: dict[str, _Json], path: str) -> _Decode:
        named = document.get("kind")
        decoder = by_kind.get(named) if isinstance(named, str) else None
        decoder = decoder if are_tagged else by_names.get(frozenset(document))
        if decoder is None and are_tagged:
            raise Malformed(f"{path}.kind: {_describe(named)} is none of {sorted(map(str, by_kind))}")
        if decoder is None:
            raise Malformed(f"{path}: its fields are those of no member of the union")
        return decoder

    return choose


def _enum_codec(kind: type[IntEnum]) -> tuple[_Encode, _Decode]:
    def decode_it(document: _Json, path: str) -> Any:
        if not isinstance(document, str) or document not in kind.__members__:
            raise Malformed(f"{path}: {_describe(document)} is none of {', '.join(kind.__members__)}")
        return kind[document]

    return lambda value: value.name, decode_it


def _bytes_codec(length: int | None) -> tuple[_Encode, _Decode]:
    def decode_it(document: _Json, path: str) -> bytes:
        if not isinstance(document, str) or _HEX.match(document) is None:
            raise Malformed(f"{path}: 0x and lower-case hexadecimal digits are wanted, not {_describe(document)}")
        value = bytes.fromhex(document[2:])
        if length is not None and len(value) != length:
            raise Malformed(f"{path}: {length} bytes are wanted, not {len(value)}")
        return value

    return hex_of, decode_it


def _decimal_codec(bits: int) -> tuple[_Encode, _Decode]:
    def decode_it(document: _Json, path: str) -> int:
        if not isinstance(document, str) or len(document) > _DIGITS_MAX or _DECIMAL.match(document) is None:
            raise Malformed(f"{path}: a decimal number in a string is wanted, not {_describe(document)}")
        return _in_range(int(document), bits, path)

    return str, decode_it


def _number_codec(bits: int) -> tuple[_Encode, _Decode]:
    def decode_it(document: _Json, path: str) -> int:
        if type(document) is not int:
            raise Malformed(f"{path}: a whole number is wanted, not {_describe(document)}")
        return _in_range(document, bits, path)

    return int, decode_it


def _in_range(value: int, bits: int, path: str) -> int:
    if not 0 <= value < 1 << bits:
        raise Malformed(f"{path}: {value} is not between 0 and 2^{bits} - 1")
    return value


def _text(document: _Json, path: str) -> str:
    if not isinstance(document, str):
        raise Malformed(f"{path}: a string is wanted, not {_describe(document)}")
    if any("\ud800" <= character <= "\udfff" for character in document):
        raise Malformed(f"{path}: the string holds half of a surrogate pair and has no UTF-8 form")
    return document


def _truth(document: _Json, path: str) -> bool:
    if not isinstance(document, bool):
        raise Malformed(f"{path}: true or false is wanted, not {_describe(document)}")
    return document


def _explain_keys(wanted: set[str], document: dict[str, _Json], path: str) -> None:
    if missing := sorted(wanted - document.keys()):
        raise Malformed(f"{path}: {missing[0]!r} is missing")
    raise Malformed(f"{path}: {min(document.keys() - wanted)[:80]!r} is not a known field")


def _describe(document: _Json) -> str:
    text = json.dumps(document)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - one line of a terminal


def _camel(name: str) -> str:
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(part.capitalize() for part in rest)


_SCALARS: dict[Any, tuple[_Encode, _Decode]] = {
    str: (str, _text),
    bool: (bool, _truth),
    Bytes32: _bytes_codec(32),
    Address: _bytes_codec(20),
    Signature: _bytes_codec(65),
    Blob: _bytes_codec(None),
    Uint256: _decimal_codec(256),
    Uint64: _number_codec(64),
    Uint32: _number_codec(32),
}
