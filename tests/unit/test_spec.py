"""The specification says what the code says; every rule has a tag, and every tag is kept and tried somewhere."""

import re
import subprocess
import sys

import pytest
from house import ROOT, SOURCE

from interlock.core.attestation import Fact
from interlock.core.entry import Entry
from interlock.core.rejection import Reason
from interlock.core.rules import RULES

if str(ROOT / "scripts") not in sys.path:
    sys.path.insert(0, str(ROOT / "scripts"))

from specification import pages, refusals, tags

SPEC = ROOT / "spec"
NUMBERED = sorted(SPEC.glob("[0-9]*.md"))
DEFINED = tags.defined()
INDEX = (SPEC / "tags.md").read_text()
ROW = re.compile(r"^\| `([\w-]+)` \| \[[\w-]+\]\(([\w.-]+)\) \|(.*)\|(.*)\|(.*)\|$", re.MULTILINE)
ROWS = {name: (page, *(re.findall(r"`([^`]+)`", cell) for cell in cells)) for name, page, *cells in ROW.findall(INDEX)}


@pytest.mark.parametrize("name", [path.name for path in NUMBERED])
def test_its_tables_and_diagrams_are_those_of_the_code(name: str) -> None:
    """What stands between marks is what `make spec` would write; where it differs, read the change, then run it."""
    text = (SPEC / name).read_text()
    assert pages.filled(text) == text


@pytest.mark.parametrize("script", ["spec.py", "vectors.py"])
def test_a_door_that_only_looks_is_content(script: str) -> None:
    """With `--check` nothing is written, what differs is named, and here nothing does."""
    asked = [sys.executable, str(ROOT / "scripts" / script), "--check"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_table_stands_on_one_page() -> None:
    """None is forgotten, none stands twice, and no mark is left open."""
    placed = [block for path in NUMBERED for block in pages.blocks_in(path.read_text())]
    assert sorted(placed) == sorted(pages.BLOCKS)
    assert sum(path.read_text().count("<!--") for path in NUMBERED) == 2 * len(placed)


def test_every_page_is_on_the_first() -> None:
    """The first page links all others."""
    first = (SPEC / "README.md").read_text()
    assert [path.name for path in NUMBERED if f"({path.name})" not in first] == []
    assert "(tags.md)" in first


def test_every_rule_reason_fact_and_entry_has_its_tag() -> None:
    """What the core can decide, refuse, count or take is written down under its own name."""
    wanted = {f"RULE-{row.tag}" for row in RULES} | {f"WHEN-{fact.name}" for fact in Fact}
    wanted |= {f"ENTRY-{kind.KIND}" for kind in Entry.__args__}
    for reason in Reason:
        wanted.add(f"{'ADMIT' if reason.is_unalterable or reason.is_passing else 'REJECT'}-{reason.name}")
    assert wanted - DEFINED.keys() == set()
    named = {name for name in DEFINED if tags.family_of(name) in {"ADMIT", "WHEN", "ENTRY", "REJECT"}}
    assert named - wanted == set()


def test_the_conditions_of_the_decision_rule_stand_in_its_order() -> None:
    """The table that is written by hand has each row of the table that the code walks."""
    page = (SPEC / "4-settlement.md").read_text().partition("They apply when:")[2].partition("Why a settlement")[0]
    rows = [re.findall(r"`([a-z-]+)`", line.split("|")[1]) for line in page.splitlines() if line.startswith("| `")]
    assert [tag for row in rows for tag in row] == [row.tag for row in RULES]


def test_every_reason_is_some_entrys() -> None:
    """Followed through the code, the entries' checks come to every reason that is not admission's."""
    own = {each.name for each in Reason if not each.is_unalterable and not each.is_passing}
    assert own - refusals.every_reason() == set()


@pytest.mark.parametrize("folder", ["src", "tests", "spec", "contracts/src"])
def test_no_tag_is_named_that_is_not_defined(folder: str) -> None:
    """Whoever follows a tag from code, tests, contracts or the pages themselves finds its rule."""
    strange = {
        path.relative_to(ROOT).as_posix(): sorted(unknown)
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".sol"} and "README" not in path.name
        if (unknown := tags.used_in(path.read_text()) - DEFINED.keys())
    }
    assert strange == {}


def test_no_vector_names_a_tag_that_is_not_defined() -> None:
    """The same for the golden files."""
    assert {tag for found in tags.tags_of_vectors().values() for tag in found} - DEFINED.keys() == set()


@pytest.mark.parametrize("name", [name for name in DEFINED if tags.family_of(name) != tags.ASSUMED])
def test_every_tag_is_tried(name: str) -> None:
    """Each rule is named by a test, or by a vector that the tests play."""
    assert tags.tests_of(name) or tags.vectors_of(name), f"{name} is written down, and nothing tries it"


def test_the_index_has_every_tag() -> None:
    """Each with the page that defines it; `make spec` adds what is new."""
    assert {name: row[0] for name, row in ROWS.items()} == DEFINED


@pytest.mark.parametrize("name", DEFINED)
def test_the_index_is_true(name: str) -> None:
    """Every place that it lists is there and names the tag; that others do too is no fault."""
    _, code, tests, vectors = ROWS[name]
    for place in (*(f"src/interlock/{each}" for each in code), *(f"tests/{each}" for each in tests)):
        path = ROOT / place
        assert path.exists() and tags.names(name, path.read_text()), f"{place} does not name {name}: make spec"  # noqa: PT018 - one complaint
    for place in vectors:
        assert name in tags.tags_of_vectors()[f"vectors/{place}"], f"vectors/{place} does not name {name}: make spec"


def test_the_core_names_pages_that_there_are() -> None:
    """A docstring of the core that leads to a page of the specification leads somewhere."""
    last = len(NUMBERED)
    astray = [
        f"{path.name}: {found[0]}"
        for path in sorted((SOURCE / "core").glob("*.py"))
        for found in re.finditer(r"Source: specification ([^\n.;]+)", path.read_text())
        if any(not 1 <= int(number) <= last for number in re.findall(r"(?<![\w-])\d+(?![\w-])", found[1]))
    ]
    assert astray == []
