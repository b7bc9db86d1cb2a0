"""One value has one sequence of bytes, and hostile bytes are refused with the path of the first offence."""

import json
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, NewType

import pytest

from interlock.encoding.canonical import (
    Malformed,
    decode,
    decode_canonical,
    dumps,
    encode,
    from_json,
    to_json,
)
from interlock.encoding.values import Address, Blob, Bytes32, MinorUnits, Signature, Uint32, Uint64, Uint256


class Colour(IntEnum):
    """An enum."""

    RED = 1
    BLUE = 2


@dataclass(frozen=True, slots=True)
class Inner:
    """A record without kind."""

    name: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Cat:
    """A member of a union."""

    KIND: ClassVar[str] = "cat"

    lives: Uint32


@dataclass(frozen=True, slots=True)
class Dog:
    """Another member."""

    KIND: ClassVar[str] = "dog"

    tricks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Every:
    """A field of every form that the codec has."""

    KIND: ClassVar[str] = "every/1"

    text: str
    flag: bool
    word: Bytes32
    some_address: Address
    signature: Signature
    blob: Blob
    amount_minor: MinorUnits
    big: Uint64
    small: Uint32
    colour: Colour
    inner: Inner
    many: tuple[Uint64, ...]
    pet: Cat | Dog
    maybe: Inner | None
    maybe_colour: Colour | None
    clear_or_hash: Inner | Bytes32
    from_: str


VALUE = Every(
    text='é🏦\u0000"\\',
    flag=True,
    word=Bytes32(b"\xab" * 32),
    some_address=Address(b"\xcd" * 20),
    signature=Signature(b"\xef" * 65),
    blob=Blob(b"\x01"),
    amount_minor=MinorUnits(Uint256(2**256 - 1)),
    big=Uint64(2**64 - 1),
    small=Uint32(2**32 - 1),
    colour=Colour.BLUE,
    inner=Inner("", is_on=False),
    many=(Uint64(0), Uint64(1)),
    pet=Dog(("sit",)),
    maybe=None,
    maybe_colour=Colour.RED,
    clear_or_hash=Bytes32(bytes(32)),
    from_="there",
)
DOCUMENT: dict[str, Any] = {
    "amountMinor": str(2**256 - 1),
    "big": 2**64 - 1,
    "blob": "0x01",
    "clearOrHash": "0x" + "00" * 32,
    "colour": "BLUE",
    "flag": True,
    "from": "there",
    "inner": {"isOn": False, "name": ""},
    "kind": "every/1",
    "many": [0, 1],
    "maybe": None,
    "maybeColour": "RED",
    "pet": {"kind": "dog", "tricks": ["sit"]},
    "signature": "0x" + "ef" * 65,
    "small": 2**32 - 1,
    "someAddress": "0x" + "cd" * 20,
    "text": 'é🏦\u0000"\\',
    "word": "0x" + "ab" * 32,
}


def test_every_form_has_its_canonical_bytes() -> None:
    """Keys are sorted and in camelCase, nothing is spaced, and everything is ASCII."""
    wanted = json.dumps(DOCUMENT, sort_keys=True, separators=(",", ":")).encode()
    assert encode(VALUE) == wanted == dumps(to_json(VALUE))
    assert wanted.isascii()
    assert decode_canonical(Every, wanted) == VALUE


def test_order_and_spacing_are_free_only_where_the_form_need_not_be_canonical() -> None:
    """A person may write a document as he likes; an entry of the log has one form."""
    written = json.dumps(dict(reversed(DOCUMENT.items())), indent=2, ensure_ascii=False).encode()
    assert decode(Every, written) == decode(Every, written.decode()) == VALUE
    with pytest.raises(Malformed, match="canonical"):
        decode_canonical(Every, written)


NOT_CANONICAL = {
    "a space after a colon": lambda text: text.replace(b'"big":', b'"big": '),
    "a line break at the end": lambda text: text + b"\n",
    "a space before": lambda text: b" " + text,
    "keys out of order": lambda text: b'{"word":"0x' + b"ab" * 32 + b'",' + text[1 : text.rindex(b',"word"')] + b"}",
    "raw UTF-8": lambda text: text.replace(b"\\u00e9", "é".encode()),
    "capitals in an escape": lambda text: text.replace(b"\\u00e9", b"\\u00E9"),
    "an escape too many": lambda text: text.replace(b'"there"', b'"\\u0074here"'),
    "minus zero": lambda text: text.replace(b"[0,1]", b"[-0,1]"),
}


@pytest.mark.parametrize("change", NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_other_bytes_for_the_same_value_are_refused(change: Any) -> None:  # noqa: ANN401 - a table of lambdas
    """What means the same but is written otherwise is not canonical."""
    changed = change(encode(VALUE))
    assert changed != encode(VALUE)
    assert decode(Every, changed) == VALUE
    with pytest.raises(Malformed, match="canonical"):
        decode_canonical(Every, changed)


REMOVE = object()
REFUSED: dict[str, tuple[tuple[str, ...], object, str]] = {
    "a missing key": (("big",), REMOVE, r"\$: 'big' is missing"),
    "a missing key inside": (("inner", "name"), REMOVE, r"\$\.inner: 'name' is missing"),
    "a missing kind": (("kind",), REMOVE, r"\$: 'kind' is missing"),
    "an unknown key": (("extra",), 1, r"\$: 'extra' is not a known field"),
    "an unknown key inside": (("inner", "extra"), None, r"\$\.inner: 'extra' is not a known field"),
    "a kind where there is none": (("inner", "kind"), "inner", r"\$\.inner: 'kind' is not a known field"),
    "a key in snake_case": (("amount_minor",), "1", "'amount_minor' is not a known field"),
    "another kind": (("kind",), "every/2", r"\$\.kind: 'every/1' is wanted, not \"every/2\""),
    "a kind that is a list": (("kind",), [], r"\$\.kind: 'every/1' is wanted"),
    "a list for an object": (("inner",), [], r"\$\.inner: an object is wanted"),
    "null for an object": (("inner",), None, r"\$\.inner: an object is wanted"),
    "a number for a text": (("text",), 1, r"\$\.text: a string is wanted"),
    "null for a text": (("text",), None, r"\$\.text: a string is wanted"),
    "half of a surrogate pair": (("text",), "a\ud83d", r"\$\.text: .*surrogate"),
    "the other half": (("text",), "\udc00", r"\$\.text: .*surrogate"),
    "a number for a truth": (("flag",), 1, r"\$\.flag: true or false is wanted, not 1"),
    "a text for a truth": (("flag",), "true", r"\$\.flag: true or false"),
    "a truth for a number": (("big",), True, r"\$\.big: a whole number is wanted, not true"),
    "a text for a number": (("big",), "1", r"\$\.big: a whole number is wanted"),
    "a negative number": (("big",), -1, r"\$\.big: -1 is not between"),
    "a number too large for 64 bits": (("big",), 2**64, r"\$\.big: .* 2\^64"),
    "a number too large for 32 bits": (("small",), 2**32, r"\$\.small: .* 2\^32"),
    "a number for a decimal": (("amountMinor",), 1, r"\$\.amountMinor: a decimal number in a string"),
    "an empty decimal": (("amountMinor",), "", "a decimal number in a string"),
    "a leading zero": (("amountMinor",), "01", "a decimal number in a string"),
    "a sign": (("amountMinor",), "+1", "a decimal number in a string"),
    "a negative decimal": (("amountMinor",), "-1", "a decimal number in a string"),
    "a decimal with a space": (("amountMinor",), "1 ", "a decimal number in a string"),
    "a decimal with a line break": (("amountMinor",), "1\n", "a decimal number in a string"),
    "a decimal with an underscore": (("amountMinor",), "1_0", "a decimal number in a string"),
    "digits of another script": (("amountMinor",), "\u0661", "a decimal number in a string"),
    "a fraction in a string": (("amountMinor",), "1.0", "a decimal number in a string"),
    "hexadecimal in a decimal": (("amountMinor",), "0x1", "a decimal number in a string"),
    "a decimal of 2^256": (("amountMinor",), str(2**256), r"\$\.amountMinor: .* 2\^256"),
    "a decimal of 79 digits": (("amountMinor",), "1" * 79, "a decimal number in a string"),
    "capitals in hexadecimal": (("word",), "0x" + "AB" * 32, r"\$\.word: 0x and lower-case"),
    "a capital X": (("word",), "0X" + "ab" * 32, "lower-case"),
    "no 0x": (("word",), "ab" * 32, "lower-case"),
    "an odd count of digits": (("blob",), "0x1", r"\$\.blob: 0x and lower-case"),
    "a letter that is no digit": (("blob",), "0x0g", "lower-case"),
    "a line break after digits": (("blob",), "0x01\n", "lower-case"),
    "a number for bytes": (("blob",), 1, "lower-case"),
    "a byte too few": (("word",), "0x" + "ab" * 31, r"\$\.word: 32 bytes are wanted, not 31"),
    "a byte too many": (("someAddress",), "0x" + "cd" * 21, r"\$\.someAddress: 20 bytes are wanted, not 21"),
    "a signature of 64 bytes": (("signature",), "0x" + "ef" * 64, "65 bytes are wanted, not 64"),
    "an enum's number": (("colour",), 2, r"\$\.colour: 2 is none of RED, BLUE"),
    "an enum's name in small letters": (("colour",), "blue", "is none of RED, BLUE"),
    "an enum's attribute": (("colour",), "__class__", "is none of RED, BLUE"),
    "null for an enum": (("colour",), None, "null is none of RED, BLUE"),
    "another optional enum": (("maybeColour",), "GREEN", "is none of RED, BLUE"),
    "an object for a list": (("many",), {}, r"\$\.many: a list is wanted"),
    "a text for a list": (("many",), "01", r"\$\.many: a list is wanted"),
    "one bad item": (("many",), [0, "1"], r"\$\.many\[1\]: a whole number"),
    "an unknown member of a union": (("pet",), {"kind": "cow"}, r"\$\.pet\.kind: \"cow\" is none of \['cat', 'dog'\]"),
    "a union without kind": (("pet",), {"lives": 9}, r"\$\.pet\.kind: null is none of"),
    "a union whose kind is a list": (("pet",), {"kind": []}, r"\$\.pet\.kind: \[\] is none of"),
    "a union whose kind is an object": (("pet",), {"kind": {}}, r"\$\.pet\.kind: \{\} is none of"),
    "a union whose kind is a truth": (("pet",), {"kind": True}, r"\$\.pet\.kind: true is none of"),
    "one member's kind, another's fields": (("pet",), {"kind": "cat", "tricks": []}, r"\$\.pet: 'lives' is missing"),
    "null for a union without null": (("pet",), None, r"\$\.pet: null fits no member"),
    "a text for a union of objects": (("pet",), "cat", r"\$\.pet: \"cat\" fits no member"),
    "a list for an optional object": (("maybe",), [], r"\$\.maybe: \[\] fits no member"),
    "neither clear nor hash": (("clearOrHash",), 1, r"\$\.clearOrHash: 0x and lower-case"),
    "null for clear or hash": (("clearOrHash",), None, r"\$\.clearOrHash: 0x and lower-case"),
}


@pytest.mark.parametrize(("path", "value", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_document_that_does_not_fit_is_refused(path: tuple[str, ...], value: object, message: str) -> None:
    """One changed value is refused, and the message names its path."""
    document = json.loads(json.dumps(DOCUMENT))
    place = document
    for name in path[:-1]:
        place = place[name]
    if value is REMOVE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    with pytest.raises(Malformed, match=message):
        decode(Every, json.dumps(document))


@pytest.mark.parametrize("document", [[], "text", 1, None, True])
def test_what_is_no_object_is_no_value(document: object) -> None:
    """At the top, too, the form decides."""
    with pytest.raises(Malformed, match=r"\$: an object is wanted"):
        decode(Every, json.dumps(document))


@pytest.mark.parametrize(
    ("pet", "maybe", "clear_or_hash"),
    [(Cat(Uint32(9)), Inner("x", is_on=True), Inner("y", is_on=False)), (Dog(()), None, Bytes32(b"\1" * 32))],
)
def test_each_member_of_a_union_comes_back(pet: Cat | Dog, maybe: Inner | None, clear_or_hash: Inner | Bytes32) -> None:
    """Members of a union are told apart by kind, by null, or by being no object."""
    value = Every(
        **{name: getattr(VALUE, name) for name in Every.__slots__ if name not in {"pet", "maybe", "clear_or_hash"}},
        pet=pet,
        maybe=maybe,
        clear_or_hash=clear_or_hash,
    )
    assert decode_canonical(Every, encode(value)) == value
    assert from_json(Every, to_json(value)) == value


def test_a_long_offence_is_shortened() -> None:
    """A message fits a terminal, whatever was sent."""
    with pytest.raises(Malformed) as refused:
        decode(Every, json.dumps({**DOCUMENT, "big": "x" * 10_000}))
    assert len(str(refused.value)) < 200
    with pytest.raises(Malformed) as refused:
        decode(Every, json.dumps({**DOCUMENT, "x" * 10_000: 1}))
    assert len(str(refused.value)) < 200


@dataclass(frozen=True, slots=True)
class HasFloat:
    """Money is never a fraction."""

    value: float


@dataclass(frozen=True, slots=True)
class HasPair:
    """A tuple of fixed length."""

    value: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Twin:
    """Its fields are called as Inner's."""

    name: Uint32
    is_on: bool


@dataclass(frozen=True, slots=True)
class HasTwins:
    """Nothing tells its members apart."""

    value: Inner | Twin


@dataclass(frozen=True, slots=True)
class HasSomeKinds:
    """One member has a kind, another has none."""

    value: Cat | Inner


@dataclass(frozen=True, slots=True)
class Other:
    """It has other fields than Inner."""

    name: str


@dataclass(frozen=True, slots=True)
class HasUnlike:
    """Its members have no kind and are told apart by their fields."""

    value: Inner | Other | None


@dataclass(frozen=True, slots=True)
class HasTwoScalars:
    """Nor these."""

    value: Bytes32 | Address


Nested = NewType("Nested", MinorUnits)


@dataclass(frozen=True, slots=True)
class HasAlias:
    """A field of a type that is defined by another."""

    value: Nested


@pytest.mark.parametrize("kind", [HasFloat, HasPair, HasTwins, HasSomeKinds, HasTwoScalars])
def test_a_type_without_one_form_is_refused_at_once(kind: type) -> None:
    """A float, a pair or a union that cannot be told apart is the programmer's mistake, found at first use."""
    with pytest.raises(TypeError):
        decode(kind, b'{"value":1}')


def test_an_alias_of_an_alias_has_the_innermost_form() -> None:
    """A NewType of a NewType is written as what it is made of."""
    assert encode(HasAlias(Nested(MinorUnits(Uint256(5))))) == b'{"value":"5"}'


@pytest.mark.parametrize("value", [HasUnlike(Inner("x", is_on=True)), HasUnlike(Other("x")), HasUnlike(None)])
def test_members_without_a_kind_are_told_apart_by_their_fields(value: HasUnlike) -> None:
    """Where no member has a kind, exactly its fields find the one that is meant."""
    assert decode_canonical(HasUnlike, encode(value)) == value


@pytest.mark.parametrize("inner", [{}, {"isOn": True}, {"name": "x", "extra": 1}, {"kind": "other", "name": "x"}])
def test_fields_of_no_member_are_refused(inner: dict[str, object]) -> None:
    """A document whose fields are nobody's is none of them."""
    with pytest.raises(Malformed, match=r"\$\.value: its fields are those of no member"):
        decode(HasUnlike, json.dumps({"value": inner}))
