"""States as one integer: named fields of bits, side by side.

A packed state costs 32 bytes and a dictionary's quickest look-up. A component that is more than a small number, such
as a whole settlement, is numbered by an `Interner`, and its number is the field's value.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Field:
    """Some neighbouring bits of a state, which hold a number."""

    name: str
    """As stories show it: `resource manager 1`."""
    shift: int
    bits: int
    show: Callable[[int], str]
    """Give a value in words."""

    @property
    def mask(self) -> int:
        """The field's bits in a state."""
        return ((1 << self.bits) - 1) << self.shift

    def of(self, state: int) -> int:
        """Give the field's value in a state."""
        return state >> self.shift & ((1 << self.bits) - 1)

    def put(self, state: int, value: int) -> int:
        """Give the state with another value here; ValueError where it needs more bits."""
        if value >> self.bits:
            raise ValueError(f"{self.name}: {value} does not fit into {self.bits} bits; make the field wider")
        return state & ~self.mask | value << self.shift


class Layout:
    """Which fields a world's states have, from the lowest bits up."""

    def __init__(self) -> None:
        self._fields: list[Field] = []
        self._bits = 0

    def number(self, name: str, bits: int, show: Callable[[int], str] = str) -> Field:
        """Add a field of so many bits."""
        field = Field(name, self._bits, bits, show)
        self._fields.append(field)
        self._bits += bits
        return field

    def choice(self, name: str, values: Sequence[str]) -> Field:
        """Add a field that holds one of some words, by its place among them."""
        return self.number(name, (len(values) - 1).bit_length(), values.__getitem__)

    def flag(self, name: str) -> Field:
        """Add a field that is 0 (no) or 1 (yes)."""
        return self.choice(name, ("no", "yes"))

    def describe(self, state: int) -> dict[str, str]:
        """Give every field in words."""
        return {field.name: field.show(field.of(state)) for field in self._fields}


def pack(values: Mapping[Field, int]) -> int:
    """Give the state with these values, all other fields 0."""
    state = 0
    for field, value in values.items():
        state = field.put(state, value)
    return state


class Interner(Generic[T]):
    """Number values in the order in which they come, the same value always by the same number."""

    def __init__(self) -> None:
        self._numbers: dict[T, int] = {}
        self._values: list[T] = []

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, number: int) -> T:
        return self._values[number]

    def number(self, value: T) -> int:
        """Give the value's number; its next one where it is new."""
        number = self._numbers.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number
