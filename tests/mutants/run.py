"""Hunt defects and print who caught which: `PYTHONPATH=tests python -m mutants.run [WORDS OF A NAME …]`."""

import sys
import tempfile
from pathlib import Path

from mutants.defects import DEFECTS
from mutants.hunt import hunt


def main(wanted: list[str]) -> int:
    """Hunt the defects whose names have one of these words, or all; 1 where one was not caught."""
    missed = 0
    for defect in DEFECTS:
        if wanted and not any(each in defect.name for each in wanted):
            continue
        with tempfile.TemporaryDirectory() as folder:
            catch = hunt(defect, Path(folder))
        missed += catch is None
        told = "NOT CAUGHT" if catch is None else f"{catch.tag} by {catch.hunter} in {catch.seconds:.0f} s"
        sys.stdout.write(f"{defect.name}: {told}\n")
        sys.stdout.flush()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
