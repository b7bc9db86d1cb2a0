"""`evolve` does what `dataclasses.replace` does, for every record that the core changes."""

from dataclasses import FrozenInstanceError, dataclass, fields, replace

import pytest

from interlock.core.evolve import evolve
from support.log import Stage, at
from support.world import instruction, registry


@dataclass(frozen=True, slots=True)
class Record:
    """A record with a default and a field that refers to another record."""

    name: str
    number: int = 3
    other: "Record | None" = None


@dataclass(frozen=True, slots=True)
class Empty:
    """A record without fields."""


RECORD = Record("one", other=Record("two"))

CHANGES: tuple[dict[str, object], ...] = (
    {},
    {"name": "three"},
    {"number": 4, "other": None},
    {"name": "three", "number": 4, "other": RECORD},
)


@pytest.mark.parametrize("changes", CHANGES)
def test_it_is_replace(changes: dict[str, object]) -> None:
    """The same fields change, the others are the very same objects, and the record that was copied stays as it was."""
    changed = evolve(RECORD, **changes)
    assert changed == replace(RECORD, **changes)  # type: ignore[arg-type]  # fields by name
    assert type(changed) is Record
    assert changed is not RECORD
    assert all(
        getattr(changed, each.name) is getattr(RECORD, each.name) for each in fields(RECORD) if each.name not in changes
    )
    assert (RECORD.name, RECORD.number, RECORD.other) == ("one", 3, Record("two"))


def test_a_field_that_is_not_there_is_refused() -> None:
    """The first of them is named, with its record, and nothing is made."""
    with pytest.raises(TypeError, match="Record has no field 'colour'"):
        evolve(RECORD, name="three", size=1, colour=2)
    with pytest.raises(TypeError, match="Empty has no field 'name'"):
        evolve(Empty(), name="one")


def test_a_copy_is_frozen_equal_and_of_one_hash() -> None:
    """What is copied is a record like any other."""
    copied = evolve(RECORD)
    assert copied == RECORD
    assert hash(copied) == hash(RECORD)
    with pytest.raises(FrozenInstanceError):
        copied.name = "three"  # type: ignore[misc]  # that is the point
    assert evolve(Empty()) == Empty()


def test_it_copies_the_records_of_the_core() -> None:
    """A settlement at any stage, its terms and a registry, without and with a change."""
    for stage in (Stage.ALLEGED, Stage.COMMITTED_CERTIFIED, Stage.ORDERED):
        log, id_ = at(stage)
        assert evolve(log[id_]) == log[id_]
        assert evolve(log[id_], legs=()) == replace(log[id_], legs=())
    assert evolve(instruction(), memo="x") == instruction(memo="x")
    assert evolve(registry(), batch_min=4) == registry(batch_min=4)
