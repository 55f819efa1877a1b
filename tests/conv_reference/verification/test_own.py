from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conv_reference.verification import own
from conv_reference.verification.target.siblings import Siblings

GEOMETRY = "n1 c1 h2 w2 o1 k1x2 s1 p0 d1 g1"


@pytest.fixture(params=["theirs is imported", "theirs is found first"])
def theirs(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """A user's module of the derivation's name, in a process that has not met the derivation."""
    (tmp_path / "analytic.py").write_text("MINE = True\n")
    for name in [name for name in sys.modules if name.partition(".")[0] == "analytic"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(own, "_set_aside", {})
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    # Another test may have had the modules of the working directory found first, which is ours.
    others = [finder for finder in sys.meta_path if not isinstance(finder, Siblings)]
    monkeypatch.setattr(sys, "meta_path", others)
    if request.param == "theirs is imported":
        importlib.import_module("analytic")
    yield
    sys.modules.pop("analytic")


def derived_here() -> str:
    """What the derivation prints of a geometry."""
    with own.derivation():
        analytic = importlib.import_module("analytic")
        return str(analytic.derive(analytic.parse_geometry(GEOMETRY)).output)


@pytest.mark.usefixtures("theirs")
def test_a_module_of_the_users_is_not_taken_for_the_derivation_nor_replaced_by_it() -> None:
    first = derived_here()
    assert "K_{0,0}*X_{0,0} + K_{0,1}*X_{0,1}" in first
    assert importlib.import_module("analytic").MINE
    assert derived_here() == first  # what was set aside is found again
    assert importlib.import_module("analytic").MINE
    assert own.Own not in sys.meta_path


def test_where_nothing_has_its_name_the_derivation_is_imported_as_ever() -> None:
    with own.derivation():
        inside = importlib.import_module("analytic")
    assert importlib.import_module("analytic") is inside


def test_the_finder_finds_these_packages_and_no_other() -> None:
    assert own.Own.find_spec("json") is None
    assert own.Own.find_spec("analytic") is not None
