"""What the sources say of themselves: the sentence under each name of a module, a class or a record."""

import ast
import inspect
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


@cache
def docs_of(owner: ModuleType | type) -> dict[str, str]:
    """Give the docstring under each assignment of a module or class, by the name assigned, in the order written."""
    tree = ast.parse(inspect.getsource(owner))
    body = tree.body if isinstance(owner, ModuleType) else _class_of(tree).body
    found = {}
    for here, after in zip(body, [*body[1:], None], strict=True):
        name = _assigned(here)
        if name is not None:
            found[name] = _text(after)
    return found


@cache
def expressions_of(module: ModuleType) -> dict[str, str]:
    """Give the expression that each constant of a module is written as."""
    tree = ast.parse(inspect.getsource(module))
    return {
        node.targets[0].id: ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def first_line(owner: type) -> str:
    """Give the first sentence of a class's docstring."""
    return (inspect.getdoc(owner) or "").partition("\n")[0]


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Give a Markdown table."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") or " " for cell in line) + " |" for line in lines)


def code(*names: str) -> str:
    """Give names as code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def _class_of(tree: ast.Module) -> ast.ClassDef:
    return next(node for node in tree.body if isinstance(node, ast.ClassDef))


def _assigned(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return None


def _text(node: ast.stmt | None) -> str:
    """Give a docstring in one line."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return re.sub(r"\s+", " ", node.value.value).strip()
    return ""
