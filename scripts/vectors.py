#!/usr/bin/env python3
"""Write the golden vectors (`vectors/`), or say which of them the code would write otherwise.

scripts/vectors.py            write every file
scripts/vectors.py --check    write nothing; exit 1 and name the files that differ
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "src")]

from golden.files import folder_of  # noqa: E402 - only now can it be found


def main(arguments: list[str]) -> int:
    """Write or compare."""
    wanted, there = folder_of(), ROOT / "vectors"
    kept = {path.relative_to(there).as_posix(): path.read_text() for path in there.rglob("*.json")}
    differing = sorted(name for name in wanted.keys() | kept.keys() if wanted.get(name) != kept.get(name))
    if "--check" in arguments:
        sys.stdout.write("".join(f"vectors/{name} is not what the code gives: make vectors\n" for name in differing))
        return 1 if differing else 0
    for name in differing:
        path = there / name
        if name not in wanted:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[name])
    size = sum(len(text) for text in wanted.values())
    sys.stdout.write(f"{len(wanted)} files, {size:,} bytes, {len(differing)} changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
