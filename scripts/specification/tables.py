"""Tables of what the core counts, names and refuses."""

from collections.abc import Iterable
from dataclasses import fields
from enum import IntEnum
from types import ModuleType
from typing import get_args, get_origin, get_type_hints

from interlock.core import committee, instruction, limits, registry
from interlock.core.attestation import CONDITION_FACTS, ORDER_FACTS, Fact
from interlock.core.decision import Outcome
from interlock.core.entry import Entry
from interlock.core.leg import TRANSITIONS, LegState, entitle
from interlock.core.lifecycle import WHEN
from interlock.core.registry import LedgerClass
from interlock.core.rejection import Reason
from interlock.core.rules import RULES
from interlock.core.settlement import Cause, State
from interlock.encoding import canonical, merkle, schema
from interlock.encoding.typed_data import StructType
from interlock.encoding.values import hex_of
from specification.samples import CONTEXT, leg_in, sample
from specification.sources import code, docs_of, expressions_of, first_line, table

READABLE_MAX = 2**40
"""Larger numbers are written as the code writes them."""

CONSTANTS: tuple[tuple[ModuleType, tuple[str, ...]], ...] = (
    (limits, tuple(docs_of(limits))),
    (registry, ("ASSETS_MAX",)),
    (merkle, ("PROOF_LENGTH_MAX",)),
    (canonical, ("DEPTH_MAX",)),
)
"""Modules, and which of their constants are the protocol's."""

RECORDS: dict[str, tuple[type, ...]] = {
    "network": (committee.Genesis, registry.Configuration, registry.Registry, registry.LedgerEntry),
    "terms": (instruction.OnchainLeg, instruction.AccountLeg, instruction.AccountTerms, instruction.Instruction),
}


def constants() -> str:
    """Give the protocol's constants."""
    rows = [(code(name), _number(module, name), docs_of(module)[name]) for module, names in CONSTANTS for name in names]
    return table(("constant", "value", "what it bounds, and why"), rows)


def members(kind: type[IntEnum], *, numbers: bool = True) -> str:
    """Give the members of an enumeration with their sentences."""
    docs = docs_of(kind)
    rows = [(str(int(each)), code(each.name), docs[each.name]) for each in kind]
    if numbers:
        return table(("number", "name", "meaning"), rows)
    return table(("name", "meaning"), [row[1:] for row in rows])


def states() -> str:
    """Give the states of a settlement."""
    return members(State)


def leg_states() -> str:
    """Give the states of a leg."""
    return members(LegState)


def facts() -> str:
    """Give the facts, and what each is about."""
    docs = docs_of(Fact)
    rows = [(str(int(each)), code(each.name), _about(each), docs[each.name]) for each in Fact]
    return table(("number", "fact", "about", "what a member saw, or agreed"), rows)


def when() -> str:
    """Give the states in which each fact can be attested."""
    rows = [(f"**WHEN-{fact.name}**", code(*(each.name for each in sorted(WHEN[fact])))) for fact in Fact]
    return table(("tag", "counts while the settlement is"), rows)


def transitions() -> str:
    """Give what a standing fact makes of a leg."""
    rows = [(code(before.name), code(fact.name), code(after.name)) for (before, fact), after in TRANSITIONS.items()]
    return table(("from", "standing fact", "to"), rows)


def entitled() -> str:
    """Give what COMMIT makes of a leg that is held or was."""
    rows = [(code(each.name), code(entitle(leg_in(each)).state.name)) for each in LegState]
    return table(("from", "by COMMIT"), [row for row in rows if row[0] != row[1]])


def rules() -> str:
    """Give the rows of the decision rule with what each leads to."""
    rows = []
    for row in RULES:
        after = {row.change(sample(state), CONTEXT) for state in row.states}
        causes = {each.cause for each in after} - {Cause.NONE}
        rows.append((
            f"**RULE-{row.tag}**",
            code(*(each.name for each in sorted(row.states))),
            code(*sorted({each.state.name for each in after})),
            code(*sorted(each.name for each in causes)),
        ))  # fmt: skip
    return table(("tag", "in", "to", "cause"), rows)


def causes() -> str:
    """Give the causes of a decision."""
    return members(Cause)


def classes() -> str:
    """Give the classes of ledgers."""
    return members(LedgerClass)


def outcomes() -> str:
    """Give the two outcomes."""
    return members(Outcome)


def unalterable() -> str:
    """Give the reasons that can never go away."""
    return _reasons("ADMIT", (each for each in Reason if each.is_unalterable))


def passing() -> str:
    """Give the reasons that may go away."""
    return _reasons("ADMIT", (each for each in Reason if each.is_passing))


def refusals_of_form() -> str:
    """Give the reasons of every door."""
    return _reasons("REJECT", (each for each in Reason if each < Reason.NO_LEGS))


def refusals_of_state() -> str:
    """Give the reasons that compare an entry with the state."""
    return _reasons("REJECT", (each for each in Reason if each >= Reason.SETTLEMENT_UNKNOWN))


def structs() -> str:
    """Give what is signed, byte for byte as it is hashed."""
    found = (value for name, value in vars(schema).items() if isinstance(value, StructType) and "REDACTED" not in name)
    rows = [(code(each.definition), code(hex_of(each.type_hash))) for each in found]
    return table(("struct", "type hash, over the struct and those it refers to, sorted by name"), rows)


def entries() -> str:
    """Give the kinds of entries with their members."""
    rows = []
    for kind in get_args(Entry):
        wire = (_wire(each.name) for each in fields(kind))
        rows.append((f"**ENTRY-{kind.KIND}**", code(kind.KIND), code(*wire), first_line(kind)))
    return table(("tag", "kind", "members", "what it does"), rows)


def records(group: str) -> str:
    """Give the members of documents, with their forms and meanings."""
    rows = [
        (code(f"{kind.__name__}.{_wire(each.name)}"), _form(get_type_hints(kind)[each.name]), docs_of(kind)[each.name])
        for kind in RECORDS[group]
        for each in fields(kind)
    ]
    return table(("member", "form", "meaning"), rows)


def network_records() -> str:
    """Give the documents that make a network."""
    return records("network")


def terms_records() -> str:
    """Give what parties sign, member by member."""
    return records("terms")


def _reasons(family: str, reasons: Iterable[Reason]) -> str:
    rows = [(f"**{family}-{each.name}**", str(int(each)), each.sentence) for each in reasons]
    return table(("tag", "number", "sentence"), rows)


def _number(module: ModuleType, name: str) -> str:
    value = getattr(module, name)
    return f"{value:,}" if value < READABLE_MAX and name != "EVERY_LEG" else code(expressions_of(module)[name])


def _about(fact: Fact) -> str:
    if fact in ORDER_FACTS:
        return "the order"
    return "the condition" if fact in CONDITION_FACTS else "one leg"


def _wire(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _form(hint: object) -> str:
    """Give the wire form of a type in words."""
    if get_origin(hint) is tuple:
        return f"list of {_form(get_args(hint)[0])}"
    if isinstance(hint, type):
        return {"str": "text", "bool": "truth", "int": "number"}.get(hint.__name__, code(hint.__name__))
    inner = getattr(hint, "__supertype__", None)
    if inner is None:
        return " or ".join(_form(each) for each in get_args(hint))
    name = getattr(hint, "__name__", "")
    return code(name) if inner in {bytes, int} else f"{code(name)} ({_form(inner)})"
