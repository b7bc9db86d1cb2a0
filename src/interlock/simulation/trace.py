"""What happened in a run, as one hash, and the newest of it in words.

Two runs with the same hash did the same: every block, message lost, crash, signature and ledger's answer goes in, each
with its virtual time and the number of callbacks that ran before it.
"""

import hashlib
from collections import deque
from collections.abc import Callable

RECENT_MAX = 400
"""Newest events kept in words, for whoever looks at a failure."""


class Trace:
    """The record of one run."""

    def __init__(self, clock: Callable[[], float], steps: Callable[[], int]) -> None:
        self._clock = clock
        self._steps = steps
        self._hash = hashlib.blake2b(digest_size=16)
        self.count = 0
        """Events so far."""
        self.recent: deque[str] = deque(maxlen=RECENT_MAX)
        self.on_event: Callable[[str], None] | None = None
        """Told of every event, where somebody listens."""

    def note(self, who: str, what: str, detail: bytes = b"") -> None:
        """Put an event into the record."""
        line = f"{self._clock():.6f} {self._steps()} {who} {what} {detail[:8].hex()}"
        self._hash.update(line.encode())
        self._hash.update(detail)
        self.count += 1
        self.recent.append(line)
        if self.on_event is not None:
            self.on_event(line)

    def digest(self) -> str:
        """Give the hash of everything so far."""
        return self._hash.hexdigest()
