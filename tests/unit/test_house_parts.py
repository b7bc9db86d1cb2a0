"""The parts that the house is built of: pinned, declared, and free to be given to anyone."""

import ast
import re
import sys
from importlib.metadata import PackageMetadata, distributions, packages_distributions
from itertools import chain

import pytest
from house import SOURCE, needed_by, normal, pins
from packaging.requirements import Requirement

INSTALLED = {normal(each.metadata["Name"]): each for each in distributions()}
PACKAGES = packages_distributions()
PRODUCT = needed_by("interlock") | needed_by("interlock", "devnet")

# Licences that an Apache-2.0 product may depend on, as the metadata of packages spell them, each with its reason.
PERMISSIVE = {
    "Apache-2.0": "the project's own",
    "MIT": "asks for its notice alone",
    "MIT-0": "asks for nothing",
    "BSD": "asks for its notice alone",
    "BSD-2-Clause": "the same",
    "BSD-3-Clause": "the same; forbids advertising with its names",
    "ISC": "asks for its notice alone",
    "PSF-2.0": "Python's own: notice, and a list of changes",
    "CNRI-Python": "Python's older one, on the parts of `regex` that came from the standard library",
    "CC0-1.0": "gives everything away",
    "Public Domain": "nobody owns it",
}

SPELLINGS = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "BSD License": "BSD",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
    "PSFL (Keccak: CC0 1.0 Universal)": "PSF-2.0 AND CC0-1.0",
    "BSD, Public Domain": "BSD AND Public Domain",
}

# The build's own environment: pinned, never installed beside the package.
BUILD_ONLY = {"editables", "hatchling", "trove-classifiers"}


def licence_terms(metadata: PackageMetadata) -> list[list[str]]:
    """Give what a package demands: all of the outer list, of each inner one any."""
    classified = [each.split(" :: ")[-1] for each in metadata.get_all("Classifier") or [] if each.startswith("Licen")]
    written = metadata.get_all("License-Expression") or metadata.get_all("License")
    stated = written[0] if written else " AND ".join(classified)
    text = SPELLINGS.get(stated, stated)
    return [[SPELLINGS.get(each, each) for each in part.split(" OR ")] for part in text.split(" AND ")]


@pytest.mark.parametrize("name", sorted(PRODUCT))
def test_every_part_of_the_product_is_permissively_licensed(name: str) -> None:
    """Whatever a user installs with the package may be passed on under Apache-2.0: no copyleft, no source-available."""
    for alternatives in licence_terms(INSTALLED[name].metadata):
        assert set(alternatives) & PERMISSIVE.keys(), f"{name} demands {alternatives}"


def test_everything_installed_is_pinned_and_everything_pinned_is_installed() -> None:
    """constraints.txt is exactly what the tests run with."""
    installed = {name: each.version for name, each in INSTALLED.items() if name != "interlock"}
    pinned = pins()
    assert pinned.keys() >= BUILD_ONLY
    assert installed == {name: pin for name, pin in pinned.items() if name not in BUILD_ONLY}


def test_every_import_is_declared() -> None:
    """The package imports only what it names as its dependency, and the development network what its extra names."""
    declared = _declared()
    undeclared = []
    for path in sorted(SOURCE.rglob("*.py")):
        allowed = declared[""] | (declared["devnet"] if "devnet" in path.parts else set())
        for module in _imported_packages(path.read_text()):
            owners = {normal(each) for each in PACKAGES.get(module, [])}
            if not owners & allowed:
                undeclared.append(f"{path.relative_to(SOURCE)}: {module}")
    assert undeclared == []


def test_every_declared_part_is_used() -> None:
    """A dependency that nothing imports any more is not carried along."""
    used = chain.from_iterable(_imported_packages(path.read_text()) for path in SOURCE.rglob("*.py"))
    owners = chain.from_iterable(PACKAGES.get(each, []) for each in set(used))
    declared = _declared()
    assert (declared[""] | declared["devnet"]) <= {normal(each) for each in owners}


def _declared() -> dict[str, set[str]]:
    """Give the direct dependencies: of the package, and of its extra."""
    found: dict[str, set[str]] = {"": set(), "devnet": set()}
    for line in INSTALLED["interlock"].requires or []:
        extra = re.search(r"extra == ['\"](\w+)", line)
        found[extra[1] if extra else ""].add(normal(Requirement(line).name))
    return found


def _imported_packages(text: str) -> set[str]:
    """Give the top-level third-party names that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"interlock"}
