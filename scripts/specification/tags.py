"""Tags: where the specification defines each, and who names it, in the code, in tests and in vectors.

A tag is defined where a page sets it in bold. Some tags are spelled by the code in its own way: a row of the decision
rule by its text, a reason or a fact by its member; those spellings count as the tag.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from specification.pages import INDEX, SPEC
from specification.sources import table

ROOT = SPEC.parent
LISTED_MAX = 4
"""Places of one kind that the index lists for a tag: enough to begin reading."""

FAMILIES: dict[str, str] = {
    "PROMISE": "what is promised",
    "PARTY": "who takes part",
    "LOG": "the ordered log",
    "FORM": "bytes and hashes",
    "TERMS": "what parties sign",
    "ADMISSION": "how instructions are admitted",
    "ADMIT": "why one is not",
    "ENTRY": "entries of the log",
    "REJECT": "why an entry, or an item of it, changed nothing",
    "TIME": "the block's time",
    "FACT": "facts",
    "WHEN": "when a fact counts",
    "LEG": "legs",
    "RULE": "the decision rule",
    "EFFECT": "what is asked of nodes",
    "END": "what happens after the end",
    "SIGN": "what a key signs once",
    "RECORD": "how it remembers",
    "CERT": "certificates",
    "BATCH": "decisions signed as one",
    "EPOCH": "committees that follow each other",
    "EVIDENCE": "proof of lies",
    "CLASS": "classes of ledgers",
    "V": "what a vault promises",
    "B": "what a bank that holds promises",
    "D": "what a ledger that pays last promises",
    "PIVOT": "the pivot",
    "I": "invariants",
    "CASE": "nasty cases",
    "ASSUME": "what is assumed: no test shows it",
}
ASSUMED = "ASSUME"
_NUMBERED = r"I[1-8]|B(?:1[0-5]|[1-9])|D[1-6]|V(?:10|[1-9])"
_NAMED = "|".join(name for name in FAMILIES if len(name) > 1)
TAG = rf"(?<![\w-])(?:(?:{_NAMED})-[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*|{_NUMBERED})(?![\w-])"
_DEFINED = re.compile(rf"\*\*({TAG})\*\*")
_RANGE = re.compile(rf"({TAG}) to ({TAG})")

_OWN_WAYS = (
    (re.compile(r'"([a-z]+(?:-[a-z]+)*)"'), ("RULE",)),
    (re.compile(r"\bReason\.([A-Z_]+)\b|^    ([A-Z_]+) = \d{3}$", re.MULTILINE), ("ADMIT", "REJECT")),
    (re.compile(r"^    Fact\.([A-Z]+): (?:frozenset|_UN)", re.MULTILINE), ("WHEN",)),
    (re.compile(r'KIND: ClassVar\[str\] = "([a-z-]+)"'), ("ENTRY",)),
)
"""How the code spells tags of some families."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag, and who names it."""

    name: str
    page: str
    """Where it is defined."""
    code: tuple[str, ...]
    tests: tuple[str, ...]
    vectors: tuple[str, ...]

    @property
    def family(self) -> str:
        """Give the name of its family."""
        return family_of(self.name)


def family_of(name: str) -> str:
    """Give the family of a tag."""
    return name.partition("-")[0] if "-" in name else name[0]


def defined() -> dict[str, str]:
    """Give every tag with its page, in the order in which they are defined; ValueError where one is defined twice."""
    found: dict[str, str] = {}
    for path in sorted(SPEC.glob("[0-9]*.md")):
        for name in _DEFINED.findall(path.read_text()):
            if name in found:
                raise ValueError(f"{name} is defined in {found[name]} and again in {path.name}")
            found[name] = path.name
    return found


def everything() -> list[Tag]:
    """Give every tag, and all who name it."""
    return [
        Tag(name, page, tuple(_naming(name, "src")), tests_of(name), vectors_of(name))
        for name, page in defined().items()
    ]


def tests_of(name: str) -> tuple[str, ...]:
    """Give the files of tests that name a tag."""
    return tuple(_naming(name, "tests"))


def vectors_of(name: str) -> tuple[str, ...]:
    """Give the vectors that show a tag."""
    return tuple(path for path, shown in tags_of_vectors().items() if name in shown)


def names(name: str, text: str) -> bool:
    """Tell whether a text names a tag, alone, within a range (`B1 to B15`), or as the code spells it."""
    return name in _named_in(text)


def used_in(text: str) -> set[str]:
    """Give the tags that a text spells out, defined or not."""
    return set(re.findall(TAG, text))


def index() -> str:
    """Give the page that lists them."""
    by_family: dict[str, list[Tag]] = {}
    for tag in everything():
        by_family.setdefault(tag.family, []).append(tag)
    parts = [
        "# Tags",
        "Every rule of the specification by its tag: where it is written, and where to begin reading code, tests and",
        "[vectors](../vectors/README.md) that name it. `make spec` writes this page.",
    ]
    for family, about in FAMILIES.items():
        rows = [_row(each) for each in by_family.get(family, [])]
        head = f"{family}-…" if len(family) > 1 else f"{family}1 …"
        parts += ["", f"## {head}: {about}", "", table(("tag", "page", "code", "tests", "vectors"), rows)]
    return "\n".join(parts) + "\n"


def _row(tag: Tag) -> tuple[str, ...]:
    page = f"[{tag.page.removesuffix('.md')}]({tag.page})"
    code, tests = _listed(tag.code, "src/interlock/"), _listed(tag.tests, "tests/")
    return f"`{tag.name}`", page, code, tests, _listed(tag.vectors, "vectors/")


def _listed(places: tuple[str, ...], folder: str) -> str:
    """Give the first few places, by their names within a folder."""
    return ", ".join(f"`{each.removeprefix(folder)}`" for each in places[:LISTED_MAX])


def _naming(name: str, folder: str) -> Iterator[str]:
    """Give the files of a folder that name a tag, those of the core and of the unit tests first."""
    first = f"{folder}/interlock/core/" if folder == "src" else "tests/unit/"
    for path in sorted(_texts(folder), key=lambda each: (not each.startswith(first), each)):
        if names(name, _texts(folder)[path]):
            yield path


@cache
def _texts(folder: str) -> dict[str, str]:
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted((ROOT / folder).rglob("*.py"))}


@cache
def tags_of_vectors() -> dict[str, frozenset[str]]:
    """Give what each file of the vectors says that it shows."""
    files = sorted((ROOT / "vectors").rglob("*.json"))
    return {path.relative_to(ROOT).as_posix(): frozenset(json.loads(path.read_text())["tags"]) for path in files}


@cache
def _named_in(text: str) -> frozenset[str]:
    """Give everything that a text may mean by a tag."""
    found = used_in(text)
    for first, last in _RANGE.findall(text):
        (stem, begin), (other, end) = (_split(each) for each in (first, last))
        if stem == other:
            found |= {f"{stem}{number}" for number in range(begin, end + 1)}
    for way, families in _OWN_WAYS:
        spelled = {each for groups in way.finditer(text) for each in groups.groups() if each}
        found |= {f"{family}-{each}" for family in families for each in spelled}
    return frozenset(found)


def _split(name: str) -> tuple[str, int]:
    """Give a numbered tag as its stem and its number, 0 where it has none."""
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or 0)


def index_path() -> Path:
    """Give where the index stands."""
    return SPEC / INDEX
