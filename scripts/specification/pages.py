"""The pages of the specification: prose by hand, and between marks what the code says."""

import re
from collections.abc import Callable
from pathlib import Path

from specification import diagrams, duties, refusals, tables

SPEC = Path(__file__).resolve().parents[2] / "spec"
INDEX = "tags.md"

BLOCKS: dict[str, Callable[[], str]] = {
    "constants": tables.constants,
    "network-records": tables.network_records,
    "terms-records": tables.terms_records,
    "structs": tables.structs,
    "states": tables.states,
    "settlement-diagram": diagrams.settlement,
    "leg-states": tables.leg_states,
    "leg-diagram": diagrams.leg,
    "transitions": tables.transitions,
    "entitled": tables.entitled,
    "facts": tables.facts,
    "when": tables.when,
    "rules": tables.rules,
    "causes": tables.causes,
    "duties": duties.duties,
    "entries": tables.entries,
    "refusals": refusals.refusals,
    "unalterable": tables.unalterable,
    "passing": tables.passing,
    "form-reasons": tables.refusals_of_form,
    "state-reasons": tables.refusals_of_state,
    "outcomes": tables.outcomes,
    "classes": tables.classes,
}
"""What can stand between marks."""

_BLOCK = re.compile(r"<!-- generated: ([a-z-]+) -->\n.*?<!-- end of \1 -->", re.DOTALL)


def written() -> dict[str, str]:
    """Give the text of each page with its blocks as the code gives them; KeyError for a block that there is not."""
    return {path.name: filled(path.read_text()) for path in sorted(SPEC.glob("*.md")) if path.name != INDEX}


def filled(text: str) -> str:
    """Give a text with each block as the code gives it."""
    return _BLOCK.sub(lambda found: _block(found[1]), text)


def blocks_in(text: str) -> list[str]:
    """Give the names of the blocks of a text, in order."""
    return _BLOCK.findall(text)


def _block(name: str) -> str:
    return f"<!-- generated: {name} -->\n\n{BLOCKS[name]()}\n\n<!-- end of {name} -->"
