"""A run says what it did not try, and a run that may not skip fails where it does."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
ABSENT = """
def test_on_anvil(anvil_program):
    pass


def test_on_python_alone():
    pass
"""


def run(folder: Path, *options: str, code: str = ABSENT) -> subprocess.CompletedProcess[str]:
    """Run pytest on one file beside this project's conftest, where no anvil can be found."""
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_it.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *options, "."]
    return subprocess.run(command, cwd=folder, env={"PATH": ""}, capture_output=True, text=True, check=False)


def test_an_absent_server_is_named_as_not_tried(tmp_path: Path) -> None:
    """Without anvil the run passes, and its end names how many tests were not tried and how to run them."""
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 test: needs anvil, which is not here; `make test-all` installs it and runs this" in done.stdout


@pytest.mark.parametrize(
    "code",
    [
        ABSENT,
        "import pytest\n\n\n@pytest.mark.skip(reason='later')\ndef test_it():\n    pass\n",
        "import pytest\n\n\ndef test_it():\n    pytest.skip('half way')\n",
        "import pytest\n\npytest.importorskip('no_such_module_anywhere', reason='absent')\n",
    ],
    ids=["server", "mark", "call", "module"],
)
def test_no_skips_makes_every_skip_a_failure(tmp_path: Path, code: str) -> None:
    """Whatever the way in which a test is skipped, the run fails and says why."""
    done = run(tmp_path, "--no-skips", code=code)
    assert done.returncode != 0
    assert "--no-skips forbids it" in done.stdout


def test_no_skips_lets_a_run_without_skips_pass(tmp_path: Path) -> None:
    """A run in which nothing was skipped is no failure."""
    assert run(tmp_path, "--no-skips", code="def test_it():\n    pass\n").returncode == 0
