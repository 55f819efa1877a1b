"""A file is imported by its name in its package, and shadows nothing by that."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.loading import load, load_anew
from conv_reference.verification.target.packaged import packaged
from conv_reference.verification.target.piecewise import PACKAGE, Statement, executed

_CONV = "from torch.nn.functional import conv2d\n"


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is imported, and where, is forgotten."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    before = {*sys.modules}
    yield
    for name in {*sys.modules} - before:
        del sys.modules[name]


def _written(folder: Path, **files: str) -> Path:
    """A package of layers inside of another, in a folder; each file by its stem."""
    layers = folder / "net_of_mine" / "layers"
    layers.mkdir(parents=True)
    (layers.parent / "__init__.py").write_text("seven = 7\n")
    for stem, text in {"__init__": "", "base": _CONV, **files}.items():
        (layers / f"{stem}.py").write_text(text)
    return layers


def test_what_it_imports_relatively_is_found_from_wherever_it_is_named(tmp_path: Path) -> None:
    text = "from .. import seven\nfrom .base import conv2d\nown = __name__, __package__\n"
    file = _written(tmp_path, mine=text) / "mine.py"
    before = [*sys.path]
    assert load(f"{file}:seven") == 7
    assert load(f"{file}:own") == ("net_of_mine.layers.mine", "net_of_mine.layers")
    assert load(f"{file}:conv2d") is load("torch.nn.functional:conv2d")
    assert sys.path == before


def test_a_module_beside_the_package_and_one_beside_the_file_are_found_last(tmp_path: Path) -> None:
    layers = _written(tmp_path, helper="three = 3\n", torch="raise SystemExit('not meant')\n")
    (tmp_path / "the_projects_own.py").write_text("two = 2\n")
    text = "import torch\nfrom the_projects_own import two\nfrom helper import three\n"
    (layers / "mine.py").write_text(text)
    assert load(f"{layers}/mine.py:two") + load(f"{layers}/mine.py:three") == 5


def test_a_script_finds_no_arguments_in_its_package_either(tmp_path: Path) -> None:
    text = "import sys\ngiven = [*sys.argv]\n"
    file = _written(tmp_path, __init__=text, mine="from . import given\n") / "mine.py"
    assert load(f"{file}:given") == [str(file)]


def test_it_is_executed_once_though_its_package_imports_it(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("")
    text = f"with open({str(tmp_path / 'count')!r}, 'a') as f: f.write('x')\none = 1\n"
    file = _written(tmp_path, __init__="from .mine import one\n", mine=text) / "mine.py"
    assert load(f"{file}:one") == 1
    module, left = executed(file, lambda _: None)
    assert (module.one, left) == (1, ())
    assert (tmp_path / "count").read_text() == "x"


def test_it_is_executed_anew_by_the_same_name(tmp_path: Path) -> None:
    text = "from .. import seven\nheld = []\n"
    file = _written(tmp_path, mine=text) / "mine.py"
    held = load(f"{file}:held")
    again = load_anew(f"{file}:held")
    assert again == held
    assert again is not held


def test_what_it_defines_is_found_piece_by_piece(tmp_path: Path) -> None:
    text = "from .base import conv2d\nimport no_such_package\nown = __name__\n"
    file = _written(tmp_path, mine=text) / "mine.py"
    begun: list[Statement] = []
    module, (left,) = executed(file, begun.append)
    assert (module.own, left.line) == ("net_of_mine.layers.mine", 2)
    assert [one.line for one in begun] == [PACKAGE, 1, 2, 3]


def test_without_its_package_it_is_executed_alone(tmp_path: Path) -> None:
    file = _written(tmp_path, __init__="1 / 0\n", mine="own = __name__\nfrom .base import conv2d\n")
    module, (left,) = executed(file / "mine.py", lambda _: None, without={PACKAGE})
    assert module.own == "_target_mine"
    assert left.said.endswith("; its package is left out")


def test_where_its_package_raises_it_is_imported_alone(tmp_path: Path) -> None:
    layers = _written(tmp_path, __init__="import no_such_package\n", mine="own = __name__\n")
    assert load(f"{layers}/mine.py:own") == "_target_mine"
    (layers / "relative.py").write_text("from .base import conv2d\n")
    with pytest.raises(
        TargetError,
        match=r"; its package net_of_mine.layers raises ModuleNotFoundError: No module named "
        r"'no_such_package'$",
    ):
        load(f"{layers}/relative.py:conv2d")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("html", "its package has the name of Python's own html"),
        ("numpy", "another package is found by the name of its own, numpy"),
        ("conv_reference", "another package is found by the name of its own, conv_reference"),
        ("a-b", "its package's name, a-b, is none that can be imported"),
    ],
)
def test_a_package_shadows_none_of_its_name(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    file = tmp_path / name / "mine.py"
    file.write_text("own = __name__\n")
    assert packaged(file).alone == why
    assert load(f"{file}:own") == "_target_mine"
    file.write_text("from . import own\n")
    with pytest.raises(TargetError, match=f"; {why}$"):
        load(f"{file}:own")


def test_a_package_itself_is_its_own_module(tmp_path: Path) -> None:
    file = _written(tmp_path, __init__="from .base import conv2d\n") / "__init__.py"
    assert load(f"{file}:conv2d") is load("torch.nn.functional:conv2d")
    assert load(f"{file}:__name__") == "net_of_mine.layers"
