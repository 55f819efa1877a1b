from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.written import names_of, require_written

BOUND = """\
import os.path
from torch.nn.functional import conv2d as theirs
a = b = 1
c, (d, *e) = f = g
h: int = 3
if a:
    def i(X, K, L=(j := 2)): local = 1
else:
    class M: attribute = 1
try:
    for n in ():
        with o as p: q += 1
except ValueError as r:
    pass
match a:
    case {"s": s, **t} | [s, *t] | t as s: pass
async def u(): global v
"""


def test_every_form_of_binding_is_a_name() -> None:
    names = names_of(BOUND.encode())
    assert names is not None
    assert {*names} == {"os", "theirs", *"abcdefhijMnpqrstuv"}


@pytest.mark.parametrize(
    "source",
    [
        "from torch.nn.functional import *",
        "globals()['conv'] = 1",
        "vars().update(conv=1)",
        "exec('conv = 1')",
        "import sys\nsys.modules[__name__] = 1",
        "import sys\ngetattr(sys, 'modules')[__name__].conv = 1",
        "from sys import modules",
        "def __getattr__(name): return 1",
        "f.__globals__['conv'] = 1",
    ],
)
def test_a_module_that_may_have_other_names_is_left_to_the_import(
    source: str, tmp_path: Path
) -> None:
    assert names_of(source.encode()) is None
    (tmp_path / "mine.py").write_text(source)
    require_written(f"{tmp_path}/mine.py:conv")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine.py:convolv", "mine.py has no 'convolv'; did you mean convolve or convolver?"),
        ("mine.py:missing", "mine.py has no 'missing'; it defines convolve, convolver"),
        ("mine.py:backward.apply", "mine.py has no 'backward'; it defines convolve, convolver"),
        ("mine:missing@conv2d", "mine has no 'missing'; it defines"),
        ("package.mine:weight", "package.mine has no 'weight'; it defines convolve, convolver"),
        (
            "broken.py:conv",
            "cannot import 'broken.py': SyntaxError: expected ':' (broken.py, line 1)",
        ),
    ],
)
def test_a_name_that_nothing_makes_is_refused(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = "def convolve(X, weight): ...\nclass convolver:\n    def backward(ctx): ...\n"
    (tmp_path / "package").mkdir()
    for file in ("mine.py", "package/mine.py"):
        Path(file).write_text(source)
    Path("broken.py").write_text("def conv(X, weight)")
    with pytest.raises(TargetError, match=re.escape(message)):
        require_written(name)


def test_what_is_there_or_cannot_be_seen_is_left_to_the_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "package").mkdir()
    for file in ("mine.py", "package/__init__.py", "random.py"):
        Path(file).write_text("def conv(X, K): ...")
    for name in (
        "mine.py:conv.apply",
        "mine:conv",
        "mine.py:__doc__",
        "package:submodule",
        "random:shuffle",  # Python's own, whatever lies here
        "torch.nn.functional:conv2d",
        "nowhere:conv",
    ):
        require_written(name)
    assert "mine" not in sys.modules
