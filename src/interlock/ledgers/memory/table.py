"""A mapping that remembers what a step changed, so that the step can be undone, and shows the final steps apart."""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Changes = dict[K, tuple[V | None, V | None]]
"""Of one step: each key with its value before and after; None where there was none."""


class Table(Generic[K, V]):
    """Keys and values, as they are now and as the final steps left them. No value is None."""

    def __init__(self) -> None:
        self._now: dict[K, V] = {}
        self._final: dict[K, V] = {}
        self._changes: Changes[K, V] = {}

    def get(self, key: K) -> V | None:
        """Give the value as it is now."""
        return self._now.get(key)

    def final(self, key: K) -> V | None:
        """Give the value that the final steps left."""
        return self._final.get(key)

    def put(self, key: K, value: V) -> None:
        """Set a value, in the step under way."""
        before = self._changes[key][0] if key in self._changes else self._now.get(key)
        self._changes[key] = (before, value)
        self._now[key] = value

    def begin_with(self, key: K, value: V) -> None:
        """Set a value that was there before the first step."""
        self._now[key] = self._final[key] = value

    def items(self) -> Iterator[tuple[K, V]]:
        """Give everything as it is now, in the order in which it came."""
        return iter(self._now.items())

    def final_items(self) -> Iterator[tuple[K, V]]:
        """Give everything as the final steps left it."""
        return iter(self._final.items())

    def cut(self) -> Changes[K, V]:
        """End the step; give what it changed."""
        changes, self._changes = self._changes, {}
        return changes

    def undo(self, changes: Changes[K, V]) -> None:
        """Take back the newest step that was not taken back."""
        for key, (before, _) in changes.items():
            _set(self._now, key, before)

    def finalise(self, changes: Changes[K, V]) -> None:
        """Make the oldest step that is not final so."""
        for key, (_, after) in changes.items():
            _set(self._final, key, after)


def _set(values: dict[K, V], key: K, value: V | None) -> None:
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value
