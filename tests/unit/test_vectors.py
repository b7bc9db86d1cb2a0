"""The golden vectors are what the code gives, small, and told."""

import re

import pytest
from golden_files import BYTES_MAX, VECTORS, golden, names
from house import ROOT

EVERY_FILE = sorted(path.relative_to(VECTORS).as_posix() for path in VECTORS.rglob("*.json"))


def test_the_committed_files_are_those_that_the_code_gives() -> None:
    """Every file, byte for byte; where the protocol was changed on purpose, `make vectors` writes them anew."""
    from golden.files import folder_of  # noqa: PLC0415 - its folder is on the path only now

    wanted = folder_of()
    assert sorted(wanted) == EVERY_FILE
    assert [name for name in EVERY_FILE if (VECTORS / name).read_text() != wanted[name]] == []


def test_they_stay_small() -> None:
    """A reader loads them all, and so does every clone."""
    assert sum((VECTORS / name).stat().st_size for name in EVERY_FILE) < BYTES_MAX


@pytest.mark.parametrize("name", EVERY_FILE)
def test_each_says_what_it_shows(name: str) -> None:
    """A sentence, and the tags of the specification that it shows."""
    document = golden(name)
    assert document["tells"].endswith(".")
    assert document["tags"] == sorted(set(document["tags"]))


def test_each_is_described() -> None:
    """The folder's own page names every file, and the folders of files."""
    page = (VECTORS / "README.md").read_text()
    for name in names():
        assert f"`{name}`" in page
    for folder in {name.partition("/")[0] for name in EVERY_FILE if "/" in name}:
        assert f"`{folder}/`" in page


def test_there_are_lifecycles_enough() -> None:
    """Each end and each cause has its own."""
    assert len(names("lifecycles")) >= 25


def test_nothing_in_them_is_of_this_machine() -> None:
    """Neither a path nor a clock."""
    found = [name for name in EVERY_FILE if re.search(re.escape(str(ROOT)), (VECTORS / name).read_text())]
    assert found == []
