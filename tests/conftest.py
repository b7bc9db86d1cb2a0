"""What every test shares: servers that may be absent, and a run that may not skip.

A test that needs a server which Python alone cannot give asks for its fixture; where the server is absent the test is
*not tried*, and the end of the run says so. With `--no-skips` every skipped test, whatever its reason, is a failure.
"""

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

NOT_TRIED = "not tried: "
_ANVIL = "INTERLOCK_ANVIL"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail where a test is skipped, whatever the reason")


@pytest.fixture(scope="session")
def anvil_program() -> Path:
    """Give the anvil named by INTERLOCK_ANVIL, else the one on the PATH; else the test is not tried."""
    named = os.environ.get(_ANVIL)
    if named is not None:
        assert os.access(named, os.X_OK), f"{_ANVIL} names {named}, which cannot be run"
        return Path(named)
    found = shutil.which("anvil")
    if found is None:
        pytest.skip(f"{NOT_TRIED}needs anvil, which is not here; `make test-all` installs it and runs this")
    return Path(found)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one, where none may be skipped."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped during {call.when}, and --no-skips forbids it: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a file that skips itself as a whole into a failure, where none may be skipped."""
    report = yield
    if report.skipped and collector.config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} skips itself, and --no-skips forbids it: {_reason(report)}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was not tried, once for each reason, with the number of tests."""
    counts: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = _reason(report)
        counts[reason] = counts.get(reason, 0) + 1
    if counts:
        terminalreporter.section("not tried")
    for reason, count in sorted(counts.items()):
        terminalreporter.write_line(f"{count} {'test' if count == 1 else 'tests'}: {reason.removeprefix(NOT_TRIED)}")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Give why a test was skipped, without pytest's own word before it."""
    detail = report.longrepr
    text = detail[2] if isinstance(detail, tuple) else str(detail)
    return text.removeprefix("Skipped: ")
