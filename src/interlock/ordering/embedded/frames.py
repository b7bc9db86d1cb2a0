"""Frames: how a stream of bytes is cut into messages.

    frame    uint32 length of what follows, big-endian ‖ uint8 kind ‖ payload

A length of zero or beyond the reader's bound is malformed; the bound is what one connection can make its peer keep.
"""

import asyncio
import struct
from typing import NamedTuple

CHUNK_BYTES = 262_144
"""How much is read from a socket at a time; also the stream buffer's bound."""

_LENGTH = struct.Struct(">I")
_HEAD = struct.Struct(">IB")


class MalformedFrame(Exception):
    """The other side sent what is no frame of this protocol; the connection is of no more use."""


class Frame(NamedTuple):
    """One frame as it came."""

    kind: int
    payload: bytes


def encode_frame(kind: int, payload: bytes) -> bytes:
    """Give a whole frame."""
    return _HEAD.pack(len(payload) + 1, kind) + payload


class FrameReader:
    """Cut what comes from a socket into frames, as many at a time as have come."""

    def __init__(self, reader: asyncio.StreamReader, frame_bytes_max: int) -> None:
        self._reader = reader
        self._frame_bytes_max = frame_bytes_max
        self._unread = bytearray()

    async def read(self) -> list[Frame]:
        """Wait for at least one whole frame; give all that have come, none at the end of the connection.

        Raises MalformedFrame (too long, empty, or cut off by the end), after the frames before it, and OSError.
        """
        while not (frames := self._cut()):
            chunk = await self._reader.read(CHUNK_BYTES)
            if not chunk:
                if self._unread:
                    raise MalformedFrame(f"the connection ended {len(self._unread)} bytes into a frame")
                return []
            self._unread += chunk
        return frames

    def _cut(self) -> list[Frame]:
        """Take the whole frames from what was read; MalformedFrame when the first one is none."""
        frames: list[Frame] = []
        at = 0
        while at + _LENGTH.size <= len(self._unread):
            (length,) = _LENGTH.unpack_from(self._unread, at)
            if not 0 < length <= self._frame_bytes_max:
                if frames:
                    break
                raise MalformedFrame(f"a frame of {length} bytes, where 1 to {self._frame_bytes_max} are allowed")
            end = at + _LENGTH.size + length
            if end > len(self._unread):
                break
            kind_at = at + _LENGTH.size
            frames.append(Frame(self._unread[kind_at], bytes(self._unread[kind_at + 1 : end])))
            at = end
        del self._unread[:at]
        return frames


class Outbox:
    """Gather the frames written in one turn of the event loop into one write."""

    def __init__(self, transport: asyncio.WriteTransport, bytes_max: int) -> None:
        self._transport = transport
        self._bytes_max = bytes_max
        self._frames: list[bytes] = []

    def put(self, frame: bytes) -> None:
        """Send a frame soon. A peer who reads so little that more than the bound waits for him is cut off."""
        if not self._frames:
            asyncio.get_running_loop().call_soon(self.flush)
        self._frames.append(frame)

    def flush(self) -> None:
        """Write what was gathered; nothing on a connection that is closing."""
        frames, self._frames = self._frames, []
        if not frames or self._transport.is_closing():
            return
        self._transport.write(b"".join(frames))
        if self._transport.get_write_buffer_size() > self._bytes_max:
            self._transport.abort()
