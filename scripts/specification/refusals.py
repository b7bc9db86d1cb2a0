"""The rejections of each entry in the order in which the code comes to them: read off the code itself.

The checks are followed from the door of the log and from the replica, call by call, in the order written, and every
reason is noted where it stands. Which branch is taken is decided where the kind of the entry, or what is known of the
settlement, decides it.
"""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType

from interlock.core import certification, governance, lifecycle, replica
from interlock.entries import check
from specification.sources import code, table

UNALTERABLE, PASSING = "*an unalterable reason: recorded as ABORTED*", "*a passing reason*"
MODULES = {"check": check, "lifecycle": lifecycle, "governance": governance, "certification": certification}
STUBS = {"unalterable_fault": UNALTERABLE, "passing_fault": PASSING}
"""Calls that are told in a word: their reasons have tables of their own."""

NEW = {
    "known is not None": False,
    "known is None": True,
    "ended is not None": False,
    "ended is None": True,
    "epoch is None": True,
    "cancels == known.cancels": False,
    "known.state in DECIDED": False,
    "known.state is State.PIVOTING": False,
}
"""Nothing is known of the settlement, so that it has no cancels and is not decided."""
KNOWN = {"known is not None": True, "known is None": False, "ended is not None": False, "epoch is None": True}
ENDED = {
    "known is not None": False,
    "known is None": True,
    "ended is not None": True,
    "ended is None": False,
    "epoch is None": True,
}


@dataclass(frozen=True, slots=True)
class Way:
    """What is taken for granted on one way through the code."""

    kind: str
    """The class of the entry."""
    facts: dict[str, bool] = field(default_factory=dict)
    """Conditions, as the code writes them, that hold or do not."""


PARTY = (("not known", NEW), ("known, open", KNOWN), ("archived", ENDED))
ROWS: tuple[tuple[str, str, str, dict[str, bool]], ...] = (
    *(("instruct", f"its settlement is {what}", "Replica._party_outcome", facts) for what, facts in PARTY),
    *(("sign", f"its settlement is {what}", "Replica._party_outcome", facts) for what, facts in PARTY),
    *(("cancel", f"its settlement is {what}", "Replica._party_outcome", facts) for what, facts in PARTY),
    ("attest", "the batch", "Replica._batch_fault", {}),
    ("attest", "each attestation", "Replica._attest", {}),
    ("certify", "the batch", "Replica._batch_fault", {}),
    ("certify", "each decision", "certification._decision", {}),
    ("certify", "each batch of decisions", "certification._batch", {}),
    ("certify", "each order", "certification._order", {}),
    ("configure", "", "governance.configure", {}),
    ("rotate", "", "governance.rotate", {}),
    ("sign-rotation", "", "governance.sign_rotation", {}),
    ("evidence", "", "governance.take_evidence", {}),
)  # fmt: skip


def refusals() -> str:
    """Give, for each entry, what it is refused for: at every door, then in the log."""
    rows = []
    seen = ""
    for kind, what, start, facts in ROWS:
        way = Way(_class_of(kind), facts)
        door = (
            "" if kind == seen else _told([*_followed("check.decode_entry", way), *_followed("check.entry_fault", way)])
        )
        rows.append((code(kind) if kind != seen else "", door, what, _told(_followed(start, way))))
        seen = kind
    return table(("entry", "at every door", "in the log", "refused for, in this order"), rows)


def every_reason() -> set[str]:
    """Give the names of all reasons that some entry can be refused for."""
    found = set()
    for kind, _, start, facts in ROWS:
        way = Way(_class_of(kind), facts)
        for name in ("check.decode_entry", "check.entry_fault", start):
            found |= set(_followed(name, way))
    return found - {UNALTERABLE, PASSING}


def _told(reasons: Iterator[str] | list[str]) -> str:
    return ", ".join(each if each.startswith("*") else code(each) for each in dict.fromkeys(reasons)) or "nothing"


def _class_of(kind: str) -> str:
    return "".join(part.capitalize() for part in kind.split("-"))


def _followed(start: str, way: Way) -> list[str]:
    owner, _, name = start.partition(".")
    return list(_through(_functions(owner)[name], owner, way, ()))


@cache
def _functions(owner: str) -> dict[str, ast.FunctionDef]:
    """Give the functions of a module, or the methods of the replica, by their name."""
    module: ModuleType = replica if owner == "Replica" else MODULES[owner]
    body = ast.parse(inspect.getsource(module)).body
    if owner == "Replica":
        body = next(node for node in body if isinstance(node, ast.ClassDef) and node.name == owner).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def _through(node: ast.AST, owner: str, way: Way, calls: tuple[str, ...]) -> Iterator[str]:
    """Give the reasons in a piece of code, in the order in which it comes to them."""
    match node:
        case ast.FunctionDef():
            yield from _each(node.body, owner, way, calls)
        case ast.If() | ast.IfExp():
            yield from _branch(node, owner, way, calls)
        case ast.Match():
            for case in node.cases:
                if ast.unparse(node.subject) != "entry" or _is_case_of(case.pattern, way.kind):
                    yield from _each(case.body, owner, way, calls)
        case ast.Attribute(value=ast.Name(id="Reason")):
            yield node.attr
        case ast.Call():
            yield from _call(node, owner, way, calls)
        case _:
            yield from _each(ast.iter_child_nodes(node), owner, way, calls)


def _each(nodes: Iterator[ast.AST] | list[ast.stmt], owner: str, way: Way, calls: tuple[str, ...]) -> Iterator[str]:
    for each in nodes:
        yield from _through(each, owner, way, calls)
        if isinstance(each, ast.If) and _value(each.test, way) is True and isinstance(each.body[-1], ast.Return):
            return


def _branch(node: ast.If | ast.IfExp, owner: str, way: Way, calls: tuple[str, ...]) -> Iterator[str]:
    value = _value(node.test, way)
    body, orelse = (node.body, node.orelse) if isinstance(node, ast.If) else ([node.body], [node.orelse])
    if value is None:
        yield from _through(node.test, owner, way, calls)
    if value is not False:
        yield from _each(list(body), owner, way, calls)  # type: ignore[arg-type]  # statements or one expression
    if value is not True:
        yield from _each(list(orelse), owner, way, calls)  # type: ignore[arg-type]  # the same


def _call(node: ast.Call, owner: str, way: Way, calls: tuple[str, ...]) -> Iterator[str]:
    for argument in (*node.args, *(each.value for each in node.keywords)):
        yield from _through(argument, owner, way, calls)
    where, name = _target(node.func, owner)
    if name in STUBS:
        yield STUBS[name]
    elif where in {*MODULES, "Replica"} and name in _functions(where) and f"{where}.{name}" not in calls:
        yield from _through(_functions(where)[name], where, way, (*calls, f"{where}.{name}"))


def _target(called: ast.expr, owner: str) -> tuple[str, str]:
    """Give the owner and the name of a function that is called."""
    if isinstance(called, ast.Name):
        return ("replica_module" if owner == "Replica" else owner), called.id
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        base = called.value.id
        return ("Replica" if base in {"self", "replica"} else base), called.attr
    return "", ""


def _value(test: ast.expr, way: Way) -> bool | None:
    """Tell whether a condition holds on this way; None where it does not say."""
    text = ast.unparse(test)
    if text in way.facts:
        return way.facts[text]
    match test:
        case ast.BoolOp(op=ast.And()):
            values = [_value(each, way) for each in test.values]
            return False if False in values else True if None not in values else None
        case ast.BoolOp(op=ast.Or()):
            values = [_value(each, way) for each in test.values]
            return True if True in values else False if None not in values else None
        case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id="entry"), ast.Name() as kind]):
            return kind.id == way.kind
        case _:
            return None


def _is_case_of(pattern: ast.pattern, kind: str) -> bool:
    names = [
        node.cls.id for node in ast.walk(pattern) if isinstance(node, ast.MatchClass) and isinstance(node.cls, ast.Name)
    ]
    return kind in names or (not names and isinstance(pattern, ast.MatchAs) and pattern.name is None)
