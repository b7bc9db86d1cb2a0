"""The messages between the sequencer and its clients: what the frames of a connection (`frames`) carry.

Kind, sender and payload; integers are big-endian:

    SUBMIT   1  client   uint32 request ‖ entry
    HEAD     2  client   uint32 request
    FOLLOW   3  client   uint64 after                      the connection's last request: from here on it is a stream
    ANSWER   4  server   uint32 request ‖ uint8 verdict ‖ sentence (UTF-8)             request 0 answers FOLLOW
    POSITION 5  server   uint32 request ‖ uint64 height ‖ uint64 time ‖ hash (32)      answers HEAD
    BLOCK    6  server   uint64 height ‖ uint64 time ‖ previous (32) ‖ entries

    entries  of each its uint32 length ‖ its bytes: the same bytes as in the sequencer's file, never encoded again

Requests are numbered by the client and answered in any order. A block's hash does not travel: readers compute it.
Whoever sends anything else loses his connection, and nobody else's.
"""

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NamedTuple

from interlock.encoding.values import Bytes32
from interlock.ordering.embedded.frames import MalformedFrame, encode_frame
from interlock.ordering.protocol import (
    EntryRefused,
    EntryTooLarge,
    Head,
    LogBlock,
    LogBusy,
    LogForked,
    LogUnavailable,
    OrderingError,
)

REQUEST_BYTES_MAX = 1_048_576
"""A frame from a client. Entries are bounded lower by the log; this bounds what a connection may make us keep."""
REPLY_BYTES_MAX = 8_388_608
"""A frame from a server: a block at its bound, with a length before each entry."""
SENTENCE_BYTES_MAX = 2_000
"""What of a refusal's sentence travels."""

_LENGTH = struct.Struct(">I")
_REQUEST = struct.Struct(">I")
_ANSWER = struct.Struct(">IB")
_POSITION = struct.Struct(">IQQ32s")
_BLOCK = struct.Struct(">QQ32s")
_FOLLOW = struct.Struct(">Q")

_VERDICTS: tuple[type[OrderingError] | None, ...] = (
    None,
    LogUnavailable,
    LogBusy,
    EntryTooLarge,
    EntryRefused,
    LogForked,
)
_VERDICT_OF = {kind: number for number, kind in enumerate(_VERDICTS)}


class Kind(IntEnum):
    """What a frame carries."""

    SUBMIT = 1
    HEAD = 2
    FOLLOW = 3
    ANSWER = 4
    POSITION = 5
    BLOCK = 6


class StoredBlock(NamedTuple):
    """A block as it stands in the file and travels: entries still as one run of bytes."""

    height: int
    time: int
    previous: bytes
    entries: bytes


def encode_submit(request: int, entry: bytes) -> bytes:
    """Give the frame that submits an entry; EntryTooLarge when no frame can hold it."""
    if len(entry) > REQUEST_BYTES_MAX - _REQUEST.size - 1:
        raise EntryTooLarge(f"the entry has {len(entry)} bytes; a frame takes {REQUEST_BYTES_MAX}")
    return encode_frame(Kind.SUBMIT, _REQUEST.pack(request) + entry)


def decode_submit(payload: bytes) -> tuple[int, bytes]:
    """Give the request's number and the entry."""
    return _number(payload), payload[_REQUEST.size :]


def encode_head(request: int) -> bytes:
    """Give the frame that asks for the newest position."""
    return encode_frame(Kind.HEAD, _REQUEST.pack(request))


def decode_head(payload: bytes) -> int:
    """Give the request's number."""
    (request,) = _exactly(_REQUEST, payload)
    return int(request)


def encode_follow(after: int) -> bytes:
    """Give the frame that makes the connection a stream of blocks."""
    return encode_frame(Kind.FOLLOW, _FOLLOW.pack(after))


def decode_follow(payload: bytes) -> int:
    """Give the height after which blocks are wanted."""
    (after,) = _exactly(_FOLLOW, payload)
    return int(after)


def encode_answer(request: int, error: OrderingError | None) -> bytes:
    """Give the frame that says *taken* (None), or what went wrong."""
    verdict = _VERDICT_OF[type(error) if error is not None else None]
    sentence = str(error).encode()[:SENTENCE_BYTES_MAX] if error is not None else b""
    return encode_frame(Kind.ANSWER, _ANSWER.pack(request, verdict) + sentence)


def decode_answer(payload: bytes) -> tuple[int, OrderingError | None]:
    """Give the request's number and its answer as a typed error, None for *taken*."""
    if len(payload) < _ANSWER.size:
        raise MalformedFrame(f"an answer of {len(payload)} bytes")
    request, verdict = _ANSWER.unpack_from(payload)
    if verdict >= len(_VERDICTS):
        raise MalformedFrame(f"an answer with the unknown verdict {verdict}")
    kind = _VERDICTS[verdict]
    sentence = payload[_ANSWER.size : _ANSWER.size + SENTENCE_BYTES_MAX].decode("utf-8", "replace")
    return request, kind(sentence) if kind is not None else None


def encode_position(request: int, head: Head) -> bytes:
    """Give the frame that answers HEAD."""
    return encode_frame(Kind.POSITION, _POSITION.pack(request, head.height, head.time, head.hash))


def decode_position(payload: bytes) -> tuple[int, Head]:
    """Give the request's number and the log's newest position."""
    request, height, time, digest = _exactly(_POSITION, payload)
    return request, Head(height, Bytes32(digest), time)


def encode_block(block: StoredBlock) -> bytes:
    """Give the frame of a block."""
    return encode_frame(Kind.BLOCK, _BLOCK.pack(block.height, block.time, block.previous) + block.entries)


def decode_block(payload: bytes) -> LogBlock:
    """Give a block; its hash is computed here."""
    if len(payload) < _BLOCK.size:
        raise MalformedFrame(f"a block of {len(payload)} bytes")
    height, time, previous = _BLOCK.unpack_from(payload)
    return LogBlock(height, time, Bytes32(previous), decode_entries(payload[_BLOCK.size :]))


def encode_entries(entries: Iterable[bytes]) -> bytes:
    """Give entries as one run of bytes."""
    return b"".join(_LENGTH.pack(len(entry)) + entry for entry in entries)


def decode_entries(run: bytes) -> tuple[bytes, ...]:
    """Give the entries of a run; MalformedFrame when it ends in the middle of one."""
    entries = []
    at = 0
    while at < len(run):
        end = at + _LENGTH.size
        if end <= len(run):
            end += _LENGTH.unpack_from(run, at)[0]
        if end > len(run):
            raise MalformedFrame(f"a run of entries that ends early, at byte {at} of {len(run)}")
        entries.append(run[at + _LENGTH.size : end])
        at = end
    return tuple(entries)


def _number(payload: bytes) -> int:
    if len(payload) < _REQUEST.size:
        raise MalformedFrame(f"a request of {len(payload)} bytes has no number")
    return int(_REQUEST.unpack_from(payload)[0])


def _exactly(layout: struct.Struct, payload: bytes) -> tuple[Any, ...]:
    if len(payload) != layout.size:
        raise MalformedFrame(f"a payload of {len(payload)} bytes where {layout.size} are wanted")
    return layout.unpack(payload)
