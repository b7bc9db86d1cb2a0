"""The table of defects is about the code that there is."""

from pathlib import Path

import pytest

from mutants.defects import DEFECTS, Defect
from mutants.hunt import PatchMisses, plant


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda each: each.name)
def test_a_defect_can_be_planted(defect: Defect, tmp_path: Path) -> None:
    """What it replaces stands in the source exactly once, and the copy is another program."""
    copy = plant(defect, tmp_path) / "interlock"
    assert defect.new in (copy / defect.file).read_text()


def test_a_patch_that_misses_is_told(tmp_path: Path) -> None:
    """A table that is out of date must not pass for a hunt."""
    stale = Defect("stale", "core/rules.py", "this stands nowhere", "", ("dvp",))
    with pytest.raises(PatchMisses, match="0 places"):
        plant(stale, tmp_path)
