"""JSON that readers could disagree about never becomes a value."""

import json

import pytest

from interlock.encoding.canonical import DEPTH_MAX, Malformed, loads

NOT_JSON = {
    "nothing": b"",
    "half an object": b'{"a":',
    "two documents": b"{}{}",
    "single quotes": b"{'a':1}",
    "a comma too many": b"[1,]",
    "a comment": b"[1]//",
    "a leading zero": b"[01]",
    "a plus": b"[+1]",
    "hexadecimal": b"[0x1]",
    "a control character": b'["\x01"]',
    "bytes that are no text": b'["\xff"]',
    "an unknown word": b"[None]",
    "UTF-16": "[1]".encode("utf-16"),
    "UTF-32 without a mark": "[1]".encode("utf-32-le"),
    "a byte order mark": b"\xef\xbb\xbf[1]",
    "half of a surrogate pair in UTF-8": b'["\xed\xa0\x80"]',
    "an open string": b'["[[[[',
    "brackets that do not match": b"[}",
    "closing brackets before": b"]" * 100 + b"[" * 100,
}


@pytest.mark.parametrize("data", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_not_json_is_refused(data: bytes) -> None:
    """Bytes that are no JSON document end as Malformed."""
    with pytest.raises(Malformed, match="not JSON"):
        loads(data)


NOT_STRICT = {
    "a doubled key": (b'{"a":1,"a":1}', "stands twice"),
    "a doubled key inside": (b'{"a":[{"b":1,"b":2}]}', "stands twice"),
    "a doubled key by an escape": (b'{"a":1,"\\u0061":1}', "stands twice"),
    "a float": (b"[1.0]", "1.0 is not an integer"),
    "an exponent": (b"[1e2]", "1e2 is not an integer"),
    "NaN": (b"[NaN]", "NaN is not an integer"),
    "infinity": (b"[-Infinity]", "-Infinity is not an integer"),
    "too many digits": (b"[" + b"9" * 79 + b"]", "79 digits"),
    "digits enough to stall a conversion": (b"[" + b"9" * 100_000 + b"]", "100000 digits"),
    "one level too deep": (b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1), "more than 16 levels"),
    "one level too deep, in objects": (b'{"a":' * (DEPTH_MAX + 1) + b"1" + b"}" * (DEPTH_MAX + 1), "16 levels"),
    "far too deep": (b"[" * 200_000, "16 levels"),
    "far too deep, in objects": (b'{"a":' * 50_000, "16 levels"),
    "far too deep, after strings": (b'["\\"","\\\\",' + b"[" * 200_000, "16 levels"),
}


@pytest.mark.parametrize(("data", "message"), NOT_STRICT.values(), ids=NOT_STRICT.keys())
def test_json_that_readers_disagree_about_is_refused(data: bytes, message: str) -> None:
    """Doubled keys, fractions, giant numbers and endless nesting are refused before anything is built of them."""
    with pytest.raises(Malformed, match=message):
        loads(data)


def test_depth_is_refused_before_anything_recurses(monkeypatch: pytest.MonkeyPatch) -> None:
    """No parser sees a deep document: where a library raised the recursion limit, it would end the process."""
    monkeypatch.setattr("json.loads", lambda *_, **__: pytest.fail("the parser was given a deep document"))
    with pytest.raises(Malformed, match="16 levels"):
        loads(b"[" * 17)


def test_brackets_in_strings_nest_nothing() -> None:
    """Only brackets outside strings count, whatever quotes and backslashes stand before them."""
    text = "[{" * 100 + '"\\' + "]}" * 100
    assert loads(json.dumps({text: [text]})) == {text: [text]}


def test_the_deepest_document_allowed_is_read() -> None:
    """Sixteen levels are still read, and a number of 78 digits."""
    assert loads(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX) is not None
    assert loads(b"[" + b"9" * 78 + b"]") == [10**78 - 1]


HOSTILE = {
    "escaped quotes in a string without end": '"' + '\\"' * 500_000,
    "a lone backslash at the end of each string": '"\\' * 500_000,
    "quotes alone": '"' * 1_000_000,
    "backslashes alone": "\\" * 1_000_000,
    "opened objects": '{"' * 500_000,
    "opened lists": "[" * 1_000_000,
    "one long string without end": '{"a":"' + "x" * 1_000_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_megabyte_of_hostile_text_is_refused_in_one_pass(text: str) -> None:
    """The work grows with the length alone: what looks back from every quote would not come to an end here."""
    with pytest.raises(Malformed):
        loads(text)
