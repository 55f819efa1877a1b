from __future__ import annotations

import os
from pathlib import Path

import pytest
from torch_as_framework import Right

from conv_reference.verification import as_target
from conv_reference.verification.frameworks import thinning
from conv_reference.verification.frameworks.thinning import MOST_FRESH, thin


def filled(folder: Path, count: int = 40) -> Path:
    for number in range(count):
        (folder / f"{number}").touch()
    return folder


def test_a_tenth_goes_once_for_all_children_of_a_run(tmp_path: Path) -> None:
    filled(tmp_path)
    assert (thin(tmp_path), thin(tmp_path)) == (4, 0)
    os.utime(tmp_path / ".thinned", (0, 0))
    assert thin(tmp_path) == 4
    assert len([*tmp_path.iterdir()]) == 40 - 8 + 1


def test_of_many_a_hundred_go(tmp_path: Path) -> None:
    filled(tmp_path, count=11 * MOST_FRESH)
    assert thin(tmp_path) == MOST_FRESH


def test_of_too_many_the_eldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinning, "MOST_KEPT", 30)
    monkeypatch.setattr(thinning, "SHARE", 0.0)
    filled(tmp_path)
    for number in range(40):
        os.utime(tmp_path / f"{number}", (number, number))
    assert thin(tmp_path) == 10
    assert {path.name for path in tmp_path.iterdir()} == {".thinned", *map(str, range(10, 40))}


def test_folders_below_are_thinned_too(tmp_path: Path) -> None:
    (tmp_path / "programs").mkdir()
    filled(tmp_path / "programs")
    assert thin(tmp_path) == 4


def test_where_there_is_no_cache_nothing_is_made(tmp_path: Path) -> None:
    assert thin(tmp_path / "none") == 0
    assert not [*tmp_path.iterdir()]


class Compiled(Right):
    name, version = "compiled", "1"
    compiles_per = "shape"


def test_opening_an_adapter_that_compiles_thins_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONV_REFERENCE_CACHE", str(tmp_path))
    folder = tmp_path / "compiled-1"
    folder.mkdir()
    as_target(Compiled())
    assert (folder / ".thinned").exists()
