"""Note which rows of the decision rule a log takes, so that a lifecycle's tags are earned and not claimed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from interlock.core import rules
from interlock.core.admission import Context
from interlock.core.settlement import Settlement


@contextmanager
def rows_taken() -> Iterator[set[str]]:
    """Give the set of the tags of the rows that are taken inside."""
    taken: set[str] = set()

    def noting(row: rules.Rule) -> rules.Rule:
        def change(settlement: Settlement, context: Context) -> Settlement:
            taken.add(row.tag)
            return row.change(settlement, context)

        return replace(row, change=change)

    untouched = dict(rules._ROWS)  # noqa: SLF001 - looked through on purpose, and put back
    rules._ROWS.update({state: tuple(noting(row) for row in rows) for state, rows in untouched.items()})  # noqa: SLF001
    try:
        yield taken
    finally:
        rules._ROWS.update(untouched)  # noqa: SLF001
