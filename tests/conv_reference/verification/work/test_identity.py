from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path

import pytest

from conv_reference.verification import load_target, verify
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.work import child
from conv_reference.verification.work import identity as of_identity
from conv_reference.verification.work.children import Children
from conv_reference.verification.work.identity import (
    FOLDER,
    VERSION,
    child_path,
    difference,
    identity,
)
from conv_reference.verification.work.processes import Forking

CONV2D = "torch.nn.functional:conv2d"


@pytest.fixture
def source() -> Iterator[Forking]:
    """Of processes that import no more than each test needs."""
    with closing(Forking(full_run=False)) as made:
        yield made


def test_one_version_is_one() -> None:
    assert difference(identity()) == ""


@pytest.mark.parametrize(
    "parent",
    [
        json.dumps({"version": VERSION, "folder": "/elsewhere"}).encode(),
        json.dumps({"version": "0.0.0", "folder": FOLDER}).encode(),
        b"of a time before there was any",
        b"[]",
    ],
)
def test_two_versions_are_told_in_one_line(parent: bytes) -> None:
    said = difference(parent)
    assert said.startswith("two versions of conv-reference: ")
    assert FOLDER in said
    assert "\n" not in said


def test_a_checkout_that_was_never_installed_is_one_with_its_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def not_found(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", not_found)
    module = runpy.run_path(str(of_identity.__file__))
    assert module["VERSION"] == "unknown"
    assert module["difference"](identity()) == ""


def test_a_child_of_another_version_refuses(
    source: Forking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "identity", lambda: b'{"version": "0.0.0", "folder": "/old"}')
    with (
        closing(Children(CONV2D, 1, source=source)) as children,
        pytest.raises(TargetError, match=r"^two versions of conv-reference: 0\.0\.0 in '/old' "),
    ):
        children.describe()


def test_the_working_directory_comes_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for first in ("", str(tmp_path)):
        monkeypatch.setattr(sys, "path", [first, "/one", "/two"])
        assert child_path() == ("/one", "/two", str(tmp_path))
    monkeypatch.setattr(sys, "path", ["/one", "/two"])
    assert child_path() == ("/one", "/two")


def test_what_lies_in_the_working_directory_replaces_nothing(
    source: Forking, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("random", "socket", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not the one that is meant')\n")
    (tmp_path / "conv_reference").mkdir()
    (tmp_path / "conv_reference" / "__init__.py").write_text("raise SystemExit('nor this')\n")
    (tmp_path / "mine.py").write_text("from torch.nn.functional import conv2d\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    with closing(Children("mine:conv2d", 1, source=source)) as children:
        assert children.describe().name == "mine:conv2d"


@pytest.mark.slow
def test_a_module_of_the_users_called_analytic_is_none_of_ours(
    source: Forking, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "analytic.py").write_text("raise SystemExit('not the one that is meant')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    case = "certificate float32 n1 c1 h2 w2 o1 k1x1"
    with closing(Children(CONV2D, 1, source=source)) as children:
        report = verify(load_target(CONV2D), case=case, isolate=children)
    assert report, str(report)
