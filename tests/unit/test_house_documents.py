"""The reference pages say what the code says: no row is missing, none is invented, none is out of order."""

import json
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import get_args

from house import DOCS, SOURCE
from starlette.routing import Route

from interlock.api.app import Face
from interlock.bankd.app import Door
from interlock.bankd.problem import Code, Refusal
from interlock.cli.exit_code import ExitCode
from interlock.core.attestation import Fact
from interlock.core.leg import TRANSITIONS
from interlock.core.rejection import Reason
from interlock.core.rules import RULES
from interlock.encoding import schema
from interlock.encoding.canonical import encode
from interlock.evidence.bank_receipt import BankEvent
from interlock.evidence.document import Document
from interlock.evidence.receipt import Receipt
from interlock.evidence.verify import verify_receipt
from interlock.ledgers.evm.abi import HoldStatus
from support.evidence import GENESIS_BYTES, settled

REFERENCE = DOCS / "reference"
NOTHING = (None, None, None)
"""What a door's routes do not need."""


def rows(page: str) -> list[list[str]]:
    """Give the cells of every table row of a reference page, without code marks."""
    lines = (REFERENCE / page).read_text().splitlines()
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def in_order(found: list[list[str]], wanted: Iterable[list[str]]) -> list[list[str]]:
    """Give those of the found rows whose first cell begins a wanted row."""
    firsts = {row[0] for row in wanted}
    return [row for row in found if row[0] in firsts]


def test_every_rejection_is_told_with_its_number_and_sentence() -> None:
    """rejections.md has each reason of the core, in their order, word for word."""
    found = [row for row in rows("rejections.md") if row[0].isdigit()]
    assert found == [[str(int(reason)), reason.name, reason.sentence] for reason in Reason]


def test_every_exit_code_is_told() -> None:
    """exit-codes.md has each code with its name."""
    found = [row[:2] for row in rows("exit-codes.md") if row[0].isdigit()]
    assert found == [[str(int(code)), code.name] for code in ExitCode]


def test_the_decision_rule_is_told_in_its_order() -> None:
    """log-entries.md has the rows of the decision rule, in order of precedence, with their states."""
    wanted = [[rule.tag, ", ".join(state.name for state in sorted(rule.states))] for rule in RULES]
    assert [row[:2] for row in in_order(rows("log-entries.md"), wanted)] == wanted


def test_facts_and_transitions_of_a_leg_are_told() -> None:
    """log-entries.md has every fact with its number, and every transition of a leg."""
    table = rows("log-entries.md")
    assert [row[:2] for row in table if row[0].isdigit()] == [[str(int(fact)), fact.name] for fact in Fact]
    wanted = {(before.name, fact.name, after.name) for (before, fact), after in TRANSITIONS.items()}
    assert {tuple(row) for row in table if len(row) == 3 and row[0].isupper()} == wanted


def test_typed_data_is_told_as_it_is_hashed() -> None:
    """Every struct that is signed stands in the reference, byte for byte."""
    text = (REFERENCE / "instruction.md").read_text() + (REFERENCE / "log-entries.md").read_text()
    structs = [value for value in vars(schema).values() if isinstance(value, type(schema.INSTRUCTION))]
    assert len(structs) >= 8
    for struct in structs:
        assert struct.definition in text


def test_every_problem_of_the_bank_is_told_in_order_of_precedence() -> None:
    """bank-api.md has each problem with its status, each refusal, and each state of a hold."""
    table = rows("bank-api.md")
    wanted = [[code.word, str(code.status)] for code in Code]
    assert [row[:2] for row in in_order(table, wanted)] == wanted
    text = (REFERENCE / "bank-api.md").read_text()
    named = re.search(r"in the order of the checks: ([^.]+)\.", text)
    assert named is not None
    assert re.findall(r"`(\w+)`", named[1]) == [refusal.name.lower() for refusal in Refusal]
    assert {row[0] for row in table} >= {event.name for event in BankEvent}


def test_every_route_is_told() -> None:
    """Each HTTP face's page has the methods and routes that its code serves, and no other."""
    assert told_routes("bank-api.md") == served_routes(Door(*NOTHING).routes())
    assert told_routes("node-api.md") == served_routes(Face(None, b"").routes())


def test_the_receipt_is_told_with_every_check_of_a_verifier() -> None:
    """receipt.md has the members of a receipt, the kinds of evidence, and all checks in the order in which they run."""
    table = [row[0] for row in rows("receipt.md")]
    report = verify_receipt(encode(settled().receipt()), GENESIS_BYTES)
    checks = [check.name for check in report.checks]
    assert table[-len(checks) :] == checks
    members = [name.strip("` ") for cell in table for name in cell.split(",")]
    assert {field.name for field in fields(Receipt)} <= set(members)
    assert {kind.KIND for kind in get_args(Document)} <= set(table)


def test_everything_the_vault_offers_is_told() -> None:
    """vault.md names every function, event, error and status of the contract that this repository defines."""
    abi = json.loads((SOURCE / "ledgers" / "evm" / "artifacts" / "Vault.json").read_text())["abi"]
    named = set(re.findall(r"`(\w+)", (REFERENCE / "vault.md").read_text()))
    of_libraries = {"EIP712DomainChanged", "ReentrancyGuardReentrantCall", "StringsInsufficientHexLength"}
    assert {item["name"] for item in abi if "name" in item} - of_libraries <= named
    statuses = [row[:2] for row in rows("vault.md") if row[0].isdigit()]
    assert statuses == [[str(int(status)), status.name] for status in HoldStatus]


def told_routes(page: str) -> set[tuple[str, str]]:
    """Give the methods and paths of a page's table of routes, without queries."""
    return {
        (method, row[1].partition("?")[0])
        for row in rows(page)
        if len(row) > 1 and row[1].startswith("/v1/")
        for method in row[0].split(", ")
    }


def served_routes(routes: Iterable[Route]) -> set[tuple[str, str]]:
    """Give the methods and paths of an application, without the HEAD that comes with every GET."""
    return {(method, route.path) for route in routes for method in (route.methods or set()) - {"HEAD"}}
