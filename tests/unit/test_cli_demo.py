"""How `interlock demo` judges and how it ends."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from interlock.cli.exit_code import ExitCode
from interlock.cli.main import run
from interlock.devnet.demo import run as demo_run
from interlock.devnet.demo.deal import DealEnd, DealStuck, LedgersDisagree
from interlock.devnet.demo.outcome import Balances, LegEnd, is_contradiction, is_disagreement
from interlock.devnet.demo.run import Result
from interlock.devnet.demo.timeline import dollars, tokens

BALANCES = Balances(5, 0, 0, 0, 0, 20, 0)
VALID = SimpleNamespace(valid=True, reason=None, summary="Settled.", lies=())


def legs(*states: str) -> tuple[LegEnd, ...]:
    return tuple(LegEnd(f"ledger:{index}", state) for index, state in enumerate(states))


GOOD = DealEnd(
    outcome="settled",
    legs=legs("delivered", "delivered"),
    before=BALANCES,
    after=replace(BALANCES, seller_tokens=4, buyer_tokens=1),
    seconds=1.0,
    receipt=Path("receipt.json"),
    report=VALID,  # type: ignore[arg-type]  # what the demo reads of a report
    agreed=True,
)


@pytest.mark.parametrize(
    ("states", "while_open", "at_end"),
    [
        (("delivered", "delivered"), False, False),
        (("returned", "tombstoned"), False, False),
        (("delivered", "returned"), True, True),
        (("tombstoned", "delivered"), True, True),
        (("delivered", "entitled"), False, True),
        (("delivered", "held"), False, True),
        (("refused", "returned"), False, False),
    ],
)
def test_legs_contradict_or_disagree(states: Sequence[str], while_open: bool, at_end: bool) -> None:  # noqa: FBT001 - a table's column
    """One delivered and one given back contradict at once; one delivered and one under way only at the end."""
    assert is_contradiction(legs(*states)) is while_open
    assert is_disagreement(legs(*states)) is at_end


def plays(*ends: DealEnd) -> "Callable[..., Any]":
    async def play(*_: object) -> list[Result]:
        return [Result("settles", "settled", end, Path("genesis.json")) for end in ends]

    return play


def fails(error: Exception) -> "Callable[..., Any]":
    async def play(*_: object) -> list[Result]:
        raise error

    return play


@pytest.mark.parametrize(
    ("play", "code"),
    [
        (plays(GOOD), ExitCode.DONE),
        (plays(replace(GOOD, legs=legs("delivered", "returned"))), ExitCode.BROKEN),
        (plays(replace(GOOD, after=replace(BALANCES, seller_tokens=4))), ExitCode.BROKEN),
        (plays(replace(GOOD, agreed=False)), ExitCode.BROKEN),
        (plays(replace(GOOD, outcome="unwound", legs=legs("returned", "returned"))), ExitCode.REJECTED),
        (plays(replace(GOOD, report=SimpleNamespace(valid=False, reason="x", summary="", lies=()))), ExitCode.REJECTED),  # type: ignore[arg-type]  # as above
        (fails(LedgersDisagree("one leg is delivered, the other returned")), ExitCode.BROKEN),
        (fails(DealStuck("it did not end")), ExitCode.UNAVAILABLE),
    ],
)
def test_each_end_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, play: "Callable[..., Any]", code: ExitCode
) -> None:
    """Ledgers in disagreement, or value made or lost, end with 4 whatever else is true."""
    monkeypatch.setattr(demo_run, "play", play)
    with pytest.raises(SystemExit) as ended:
        run(["demo", "--keep", str(tmp_path / "kept")])
    assert ended.value.code == code


@pytest.mark.parametrize(
    ("units", "text"), [(10**18, "1 UST"), (1_234 * 10**18 + 5 * 10**17, "1,234.5 UST"), (1, f"0.{'0' * 17}1 UST")]
)
def test_tokens_are_shown_to_their_last_unit(units: int, text: str) -> None:
    """No amount goes through a float on its way to a person."""
    assert tokens(units) == text
    assert dollars(123_456_789_01) == "$123,456,789.01"
