"""What pyproject.toml asks for, and the two files that say which versions are tested."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
# Higher in constraints-lowest.txt than in pyproject.toml; there stands why.
HIGHER = {"torch": Version("2.13.0"), "sympy": Version("1.13.3")}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def asked() -> list[str]:
    """What an installation asks for, with every extra but the frameworks that are judged."""
    table = project()["project"]
    judged = {path.stem for path in (ROOT / "conv_reference" / "adapters" / "pins").glob("*.txt")}
    extras = (e for name, e in table["optional-dependencies"].items() if name not in judged)
    return [*table["dependencies"], *(text for extra in extras for text in extra)]


def lowest(requirements: Iterable[str]) -> dict[str, Version]:
    """The version from which on each one is accepted."""
    found: dict[str, Version] = {}
    for requirement in map(Requirement, requirements):
        (bound,) = requirement.specifier
        assert bound.operator == ">=", f"{requirement}: no upper bound, it stands beside torch"
        version = Version(bound.version)
        found[requirement.name] = max(version, found.get(requirement.name, version))
    return found


def pinned(name: str) -> dict[str, Version]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    matches = [
        re.fullmatch(r"([a-z0-9-]+)==(\S+)(?: #.*)?", line) for line in lines if line[:1] != "#"
    ]
    assert all(matches), f"{name}: not name==version"
    return {match[1]: Version(match[2]) for match in matches if match}


def test_the_lowest_versions_tested_are_those_that_are_asked_for() -> None:
    assert pinned("constraints-lowest.txt") == lowest(asked()) | HIGHER


def test_what_is_higher_there_is_higher_for_a_reason() -> None:
    declared = lowest(asked())

    assert all(declared[name] < version for name, version in HIGHER.items())


def test_the_versions_of_every_day_are_pinned_and_accepted() -> None:
    usual = pinned("constraints.txt")
    development = [text for text in project()["dependency-groups"]["dev"] if ">=" in text]

    declared = lowest([*asked(), *development])
    assert {name for name, version in declared.items() if usual[name] < version} == set()
