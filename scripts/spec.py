#!/usr/bin/env python3
"""Write into the specification (`spec/`) what the code says: tables, diagrams, and the index of tags.

scripts/spec.py            rewrite what stands between the marks, and the index
scripts/spec.py --check    write nothing; exit 1 and name the pages whose tables or diagrams differ
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "src")]

from specification.pages import SPEC, written  # noqa: E402 - only now can it be found
from specification.tags import index, index_path  # noqa: E402 - the same


def main(arguments: list[str]) -> int:
    """Write or compare."""
    pages = written()
    differing = [name for name, text in pages.items() if (SPEC / name).read_text() != text]
    if "--check" in arguments:
        sys.stdout.write("".join(f"spec/{name} is not what the code says: make spec\n" for name in differing))
        return 1 if differing else 0
    for name in differing:
        (SPEC / name).write_text(pages[name])
    text = index()
    is_new = not index_path().exists() or index_path().read_text() != text
    index_path().write_text(text)
    sys.stdout.write(f"{len(pages)} pages, {len(differing) + is_new} changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
