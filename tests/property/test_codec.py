"""Every value of every wire type has one canonical form, which reads back as the same value."""

import json
import types
import typing
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Any, NewType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.core.committee import Genesis
from interlock.core.decision import BatchCertificate, Certificate
from interlock.core.entry import (
    Attest,
    Cancel,
    Certify,
    Configure,
    Entry,
    Evidence,
    Instruct,
    Rotate,
    Sign,
    SignRotation,
)
from interlock.core.instruction import Instruction, RedactedInstruction
from interlock.core.order import OrderCertificate
from interlock.core.registry import Registry
from interlock.core.rejection import Rejection
from interlock.core.rotation import RotationCertificate
from interlock.core.settlement import Settlement
from interlock.core.snapshot import Snapshot
from interlock.encoding.canonical import Malformed, decode, decode_canonical, encode, loads
from interlock.encoding.values import Address, Blob, Bytes32, Signature, Uint32, Uint64, Uint256
from interlock.entries.check import decode_entry

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    bool: st.booleans(),
    Bytes32: st.binary(min_size=32, max_size=32),
    Address: st.binary(min_size=20, max_size=20),
    Signature: st.binary(min_size=65, max_size=65),
    Blob: st.binary(max_size=20),
    Uint256: st.integers(0, 2**256 - 1),
    Uint64: st.integers(0, 2**64 - 1),
    Uint32: st.integers(0, 2**32 - 1),
}


def values_of(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - whatever stands in an annotation
    """Give all values of a wire type, from its annotations alone."""
    if kind in SCALARS:
        return SCALARS[kind]
    if isinstance(kind, NewType):
        return values_of(kind.__supertype__)
    if kind is type(None):
        return st.none()
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        return st.sampled_from(list(kind))
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(typing.cast("Any", kind), **{each.name: values_of(hints[each.name]) for each in fields(kind)})
    if typing.get_origin(kind) is tuple:
        return st.lists(values_of(typing.get_args(kind)[0]), max_size=2).map(tuple)
    assert typing.get_origin(kind) in {typing.Union, types.UnionType}
    return st.one_of(*(values_of(each) for each in typing.get_args(kind)))


KINDS: list[type] = [
    Instruct,
    Sign,
    Cancel,
    Attest,
    Certify,
    Configure,
    Rotate,
    SignRotation,
    Evidence,
    Instruction,
    RedactedInstruction,
    Genesis,
    Registry,
    Certificate,
    BatchCertificate,
    OrderCertificate,
    RotationCertificate,
    Rejection,
    Settlement,
    Snapshot,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=20)
@given(draw=st.data())
def test_every_value_reads_back_as_itself(kind: type, draw: st.DataObject) -> None:
    """Encoding and decoding are each other's reverse, and equal values have equal bytes."""
    value = draw.draw(values_of(kind))
    data = encode(value)
    assert decode_canonical(kind, data) == value
    assert encode(decode_canonical(kind, data)) == data
    assert data.isascii()
    assert decode(kind, json.dumps(json.loads(data), indent=1)) == value


@given(values_of(Entry), values_of(Entry))
def test_different_entries_have_different_bytes(one: object, other: object) -> None:
    """The form is injective: what is hashed or signed stands for one entry only."""
    assert (encode(one) == encode(other)) == (one == other)
    assert decode_entry(encode(one)) == one


@given(st.binary(max_size=300) | st.text(st.sampled_from('[]{}":,\\u0d8tfn-1.e '), max_size=60).map(str.encode))
def test_no_bytes_ever_raise_anything_but_malformed(data: bytes) -> None:
    """Random bytes, and random JSON-like text, end as a value or as Malformed."""
    with suppress(Malformed):
        loads(data)
    assert decode_entry(data) is not None


@given(values_of(Entry), st.data())
def test_a_flipped_bit_is_another_entry_or_none(entry: object, data: st.DataObject) -> None:
    """No two byte strings mean the same entry, however close they are."""
    source = bytearray(encode(entry))
    index = data.draw(st.integers(0, len(source) - 1))
    source[index] ^= 1 << data.draw(st.integers(0, 7))
    assert decode_entry(bytes(source)) != entry
