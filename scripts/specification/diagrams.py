"""State machines, drawn by Mermaid from the tables that the code walks."""

from interlock.core.leg import TRANSITIONS, LegState, end_pivot, entitle
from interlock.core.rules import RULES
from specification.samples import CONTEXT, leg_in, sample

Edge = tuple[str, str, str]
"""From, to, by."""

OUTSIDE_THE_RULE: tuple[Edge, ...] = (
    ("[*]", "ALLEGED", "instruct, cancel"),
    ("[*]", "ABORTED", "unalterable at first sight"),
    ("ALLEGED", "ABORTED", "unalterable"),
    ("UNWOUND", "ABORTED", "terms of an unseen leg"),
)
"""Edges of a settlement that entries draw, not the decision rule."""


def settlement() -> str:
    """Give the states of a settlement with the rows that lead from one to the next."""
    rows = [
        (state.name, row.change(sample(state), CONTEXT).state.name, row.tag)
        for row in RULES
        for state in sorted(row.states)
    ]
    ends = [(name, "[*]", "") for name in ("SETTLED", "UNWOUND")]
    return _drawn([*OUTSIDE_THE_RULE, *rows, *ends])


def leg() -> str:
    """Give the states of a leg with the facts and decisions that lead from one to the next."""
    edges = [(before.name, after.name, fact.name) for (before, fact), after in TRANSITIONS.items()]
    entitling = [
        (state.name, after.name, "COMMIT") for state in LegState if (after := entitle(leg_in(state)).state) is not state
    ]
    words = [
        ("PENDING", end_pivot(leg_in(LegState.PENDING), word).state.name, f"the pivot's {word.name}")
        for word in (LegState.EXECUTED, LegState.NEVER)
    ]
    return _drawn([("[*]", "PENDING", ""), *edges, *entitling, *words])


def _drawn(edges: list[Edge]) -> str:
    """Draw edges, those between the same two states as one."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for before, after, by in edges:
        pairs.setdefault((before, after), []).extend([by] if by else [])
    lines = [
        f"    {before} --> {after}" + (f" : {', '.join(dict.fromkeys(by))}" if by else "")
        for (before, after), by in pairs.items()
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])
