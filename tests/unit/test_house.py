"""The house keeps its own rules: it stands alone, its doors are described, its documents and versions agree."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version

import pytest
from house import DOCS, ROOT, SOURCE, text_files

import interlock

# Named by their parts, so that this file does not hold what it looks for.
OUTSIDE = re.compile(r"(?<![\w.:/])/(?:work|root|home|Users|tmp/eng)/|\.\./shared")
REGISTRY_HOSTS = re.compile("|".join(re.escape(".".join(parts)) for parts in (("pypi", "org"), ("npmjs", "org"))))
PRIVATE = re.compile(r"\b(?:issue|ticket) #?[0-9]+\b|\bhelper session\b", re.IGNORECASE)

LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("pattern", [OUTSIDE, REGISTRY_HOSTS, PRIVATE], ids=["outside", "registry", "private"])
def test_no_file_leans_on_a_place_outside_of_the_repository(pattern: re.Pattern[str]) -> None:
    """No file names a private path, a package registry's host, or a discussion that a reader cannot see."""
    found = [f"{path}: {hit[0]}" for path, text in text_files() if (hit := pattern.search(text))]
    assert found == []


def test_every_link_between_documents_leads_somewhere() -> None:
    """A relative link in a Markdown file names a file or folder that exists."""
    dead = [
        f"{path}: {target}"
        for path, text in text_files()
        if path.endswith(".md")
        for target in LINK.findall(text)
        if not ((ROOT / path).parent / target).exists()
    ]
    assert dead == []


def test_every_decision_record_is_in_the_index_and_has_its_four_parts() -> None:
    """An ADR is found from the index, by its number, and says context, decision, status and consequences."""
    index = (DOCS / "adr" / "README.md").read_text()
    records = sorted(path for path in (DOCS / "adr").glob("*.md") if path.name != "README.md")
    assert [path.name[:4] for path in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for path in records:
        assert f"({path.name})" in index, f"{path.name} is not listed"
        headings = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Status", "Consequences"], path.name


def test_every_document_is_on_the_map() -> None:
    """Each page under docs, decision records aside, is linked from docs/README.md."""
    linked = set(LINK.findall((DOCS / "README.md").read_text()))
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {"README.md"}
    assert {page for page in pages if not page.startswith("adr/")} <= linked
    assert "adr/README.md" in linked


def test_every_door_of_the_makefile_has_help_and_an_example() -> None:
    """`make help` shows each door with what it does and a command to copy."""
    makefile = (ROOT / "Makefile").read_text()
    doors = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    described = re.findall(r"^([a-z-]+):.*## \S.* \| make", makefile, re.MULTILINE)
    assert doors
    assert doors == described


def test_the_licence_is_apache_2() -> None:
    """LICENSE is the whole Apache License 2.0, and the package says so."""
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text[:200]
    assert "Version 2.0, January 2004" in text[:200]
    assert "END OF TERMS AND CONDITIONS" in text
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"


def test_versions_agree() -> None:
    """Package, metadata and changelog name one version."""
    assert interlock.__version__ == version("interlock")
    newest = re.search(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == interlock.__version__


def test_importing_the_package_imports_nothing_else() -> None:
    """`import interlock` costs nothing: no third-party module, and none of the rooms."""
    code = "import sys; before = set(sys.modules); import interlock; print(*sorted(set(sys.modules) - before))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["interlock"]


def test_every_module_says_what_it_is() -> None:
    """Each module begins with a docstring."""
    silent = [
        path.relative_to(SOURCE).as_posix()
        for path in sorted(SOURCE.rglob("*.py"))
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_source_file_is_longer_than_a_reader_bears() -> None:
    """A module of the package is a noun of at most 400 lines."""
    long = {
        path.relative_to(SOURCE).as_posix(): lines
        for path in SOURCE.rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert long == {}
